package meter_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"trivium/drivers"
	"trivium/drivers/drivertest"
	"trivium/drivers/faulty"
	"trivium/drivers/memory"
	"trivium/drivers/meter"
)

func TestDriver(t *testing.T) {
	drivertest.Run(t, func(*testing.T) drivers.Driver { return meter.New(memory.New()) }, drivertest.Options{})
}

// TestSentinels: every sentinel has a counter of its own.
func TestSentinels(t *testing.T) {
	for _, s := range drivers.Sentinels() {
		m := meter.New(faulty.New(memory.New(), 1, faulty.Rule{Fault: faulty.Fail(s)}))
		_, _ = m.Stat(t.Context(), "x")
		want := map[string]int64{s.Error(): 1}
		if diff := cmp.Diff(want, m.Snapshot()[meter.Stat].Errors); diff != "" {
			t.Errorf("errors after %v (-want +got):\n%s", s, diff)
		}
	}
}

func TestSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		m := meter.New(faulty.New(memory.New(), 1, faulty.Rule{Op: faulty.Put, Fault: faulty.Slow(time.Second)}))
		if got := m.Snapshot(); len(got) != 0 {
			t.Errorf("Snapshot() before any call = %+v", got)
		}
		for _, size := range []int64{10, 20, 30} {
			body := strings.NewReader(strings.Repeat("x", int(size)))
			if err := m.Put(ctx, "x", body, size, drivers.PutOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		_ = m.Put(ctx, "x", strings.NewReader("short"), 100, drivers.PutOptions{})
		rc, err := m.Open(ctx, "x", 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Snapshot()[meter.Read].InFlight; got != 1 {
			t.Errorf("%d readers in flight, want 1", got)
		}
		if _, err := io.ReadFull(rc, make([]byte, 30)); err != nil {
			t.Fatal(err)
		}
		_, _ = rc.Close(), rc.Close()
		_, _ = m.Open(ctx, "missing", 0, -1)
		_ = m.Delete(ctx, "x")
		if b, ok := drivers.As[drivers.BatchDeleter](m); !ok || b.DeleteBatch(ctx, []string{"y"}) != nil {
			t.Error("DeleteBatch through a meter fails")
		}
		for range m.List(ctx, "", drivers.ListOptions{}) {
			t.Error("List of nothing yields")
		}
		got := m.Snapshot()
		if l := got[meter.Put].Latency; (l-time.Second).Abs() > time.Microsecond || m.Latency(meter.Put) != l {
			t.Errorf("the latency of Put is %v, want 1s", l)
		}
		for op, c := range got {
			c.Latency = 0
			got[op] = c
		}
		want := map[meter.Op]meter.Counts{
			meter.Put:    {Calls: 4, Bytes: 60, Errors: map[string]int64{drivers.ErrBody.Error(): 1}},
			meter.Open:   {Calls: 2, Errors: map[string]int64{drivers.ErrNotExist.Error(): 1}},
			meter.Read:   {Calls: 1, Bytes: 30},
			meter.Delete: {Calls: 2},
			meter.List:   {Calls: 1},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Snapshot() (-want +got):\n%s", diff)
		}
	})
}

func TestLatencyFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := faulty.New(memory.New(), 1, faulty.Rule{Fault: faulty.Slow(100 * time.Millisecond)})
		m := meter.New(f)
		_, _ = m.Stat(t.Context(), "x")
		if got := m.Latency(meter.Stat); got.Round(time.Microsecond) != 100*time.Millisecond {
			t.Errorf("after one call the latency is %v, want 100ms", got)
		}
		f.Script(faulty.Rule{Fault: faulty.Slow(time.Second)})
		_, _ = m.Stat(t.Context(), "x")
		if got := m.Latency(meter.Stat).Round(time.Microsecond); got != 190*time.Millisecond {
			t.Errorf("after one slower call the latency is %v, want 190ms", got)
		}
		for range 100 {
			_, _ = m.Stat(t.Context(), "x")
		}
		if got := m.Latency(meter.Stat); got < 990*time.Millisecond || got > time.Second {
			t.Errorf("after many slow calls the latency is %v, want about 1s", got)
		}
	})
}

func TestInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := meter.New(faulty.New(memory.New(), 1, faulty.Rule{Fault: faulty.Hang()}))
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if _, err := m.Stat(ctx, "x"); !errors.Is(err, context.Canceled) {
					t.Errorf("Stat = %v, want Canceled", err)
				}
			})
		}
		synctest.Wait()
		if got := m.Snapshot()[meter.Stat].InFlight; got != 5 {
			t.Errorf("%d calls in flight, want 5", got)
		}
		cancel()
		wg.Wait()
		if got := m.Snapshot()[meter.Stat]; got.InFlight != 0 || got.Errors[context.Canceled.Error()] != 5 {
			t.Errorf("afterwards %+v, want nothing in flight and 5 errors", got)
		}
	})
}
