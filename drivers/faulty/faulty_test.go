package faulty_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
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
	"trivium/drivers/retry"
)

func TestDriver(t *testing.T) {
	drivertest.Run(t, func(*testing.T) drivers.Driver { return faulty.New(memory.New(), 1) }, drivertest.Options{})
}

// TestSwitchedOff passes the suite with rules that would spoil everything.
func TestSwitchedOff(t *testing.T) {
	drivertest.Run(t, func(*testing.T) drivers.Driver {
		d := faulty.New(memory.New(), 1, faulty.Rule{Fault: faulty.Fail(drivers.ErrBroken)}, faulty.Rule{Fault: faulty.FlipBit()},
			faulty.Rule{Fault: faulty.Stale()})
		d.Off()
		return d
	}, drivertest.Options{Big: 1 << 20})
}

const size = 5000

func body() []byte { return bytes.Repeat([]byte("trivium "), size/8) }

// fill stores d/0 to d/3 below the faults and returns the driver above them.
func fill(t *testing.T, seed uint64, rules ...faulty.Rule) (*faulty.Driver, *memory.Driver) {
	t.Helper()
	mem := memory.New()
	for i := range 4 {
		put(t, mem, fmt.Sprintf("d/%d", i), bytes.ReplaceAll(body(), []byte("t"), []byte{'0' + byte(i)}))
	}
	put(t, mem, "x", body())
	return faulty.New(mem, seed, rules...), mem
}

func put(t *testing.T, d drivers.Driver, name string, content []byte) {
	t.Helper()
	if err := d.Put(t.Context(), name, bytes.NewReader(content), int64(len(content)), drivers.PutOptions{}); err != nil {
		t.Fatalf("Put(%q) = %v", name, err)
	}
}

func read(ctx context.Context, d drivers.Driver, name string, offset, length int64) ([]byte, error) {
	rc, err := d.Open(ctx, name, offset, length)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(rc)
	return got, errors.Join(err, rc.Close())
}

func one(d *faulty.Driver, t *testing.T, kind faulty.Kind) {
	t.Helper()
	if n := d.Count(kind); n != 1 || len(d.Injected()) != 1 {
		t.Errorf("injected %+v, want one %v", d.Injected(), kind)
	}
}

func TestFail(t *testing.T) {
	for _, want := range drivers.Sentinels() {
		d, mem := fill(t, 1, faulty.Rule{Op: faulty.Put, Fault: faulty.Fail(want)})
		err := d.Put(t.Context(), "x", strings.NewReader("new"), 3, drivers.PutOptions{})
		var e *drivers.Error
		if !errors.Is(err, want) || !errors.As(err, &e) || e.Name != "x" || e.Op != "put" {
			t.Errorf("Put = %v, want %v as an *Error", err, want)
		}
		if got, err := read(t.Context(), mem, "x", 0, -1); !bytes.Equal(got, body()) || err != nil {
			t.Errorf("a Put that failed before its effect stored %d bytes, %v", len(got), err)
		}
		one(d, t, faulty.KindFail)
	}
}

func TestLostAnswer(t *testing.T) {
	d, mem := fill(t, 1, faulty.Rule{Fault: faulty.LostAnswer(drivers.ErrTransient)})
	err := d.Put(t.Context(), "x", strings.NewReader("new"), 3, drivers.PutOptions{})
	if got, _ := read(t.Context(), mem, "x", 0, -1); string(got) != "new" || !errors.Is(err, drivers.ErrTransient) {
		t.Errorf("Put = %v and %d bytes stored, want ErrTransient and the new content", err, len(got))
	}
	err = d.Delete(t.Context(), "x")
	if _, statErr := mem.Stat(t.Context(), "x"); !errors.Is(statErr, drivers.ErrNotExist) || !errors.Is(err, drivers.ErrTransient) {
		t.Errorf("Delete = %v and %v, want ErrTransient and the name gone", err, statErr)
	}
	if _, err := d.Stat(t.Context(), "d/0"); !errors.Is(err, drivers.ErrTransient) {
		t.Errorf("Stat = %v, want ErrTransient", err)
	}
	if _, err := d.Open(t.Context(), "d/0", 0, -1); !errors.Is(err, drivers.ErrTransient) {
		t.Errorf("Open = %v, want ErrTransient", err)
	}
	if _, err := d.Stat(t.Context(), "missing"); !errors.Is(err, drivers.ErrNotExist) || errors.Is(err, drivers.ErrTransient) {
		t.Errorf("Stat of a missing name = %v, want its own error", err)
	}
	var names []string
	var last error
	for info, err := range d.List(t.Context(), "d", drivers.ListOptions{}) {
		names, last = append(names, info.Name), err
	}
	if !slices.Equal(names, []string{"d/0", "d/1", ""}) || !errors.Is(last, drivers.ErrTransient) {
		t.Errorf("List = %q, %v, want half of the names and ErrTransient", names, last)
	}
	if n := d.Count(faulty.KindLostAnswer); n != 5 {
		t.Errorf("recorded %d lost answers, want 5: %+v", n, d.Injected())
	}
}

func TestShortAndBrokenReads(t *testing.T) {
	places := map[int]bool{}
	for seed := range uint64(20) {
		for _, r := range [][2]int64{{0, -1}, {100, 1000}, {size - 1, 5}} {
			want := body()[r[0]:min(size, r[0]+(r[1]+size+1)%(size+1))]
			d, _ := fill(t, seed, faulty.Rule{Op: faulty.Open, Fault: faulty.ShortRead()})
			got, err := read(t.Context(), d, "x", r[0], r[1])
			if err != nil || len(got) >= len(want) || !bytes.HasPrefix(want, got) {
				t.Errorf("a short read of %d bytes gave %d, %v, want fewer and a clean end", len(want), len(got), err)
			}
			one(d, t, faulty.KindShortRead)
			places[len(got)] = true
			d, _ = fill(t, seed, faulty.Rule{Op: faulty.Open, Fault: faulty.BrokenRead(drivers.ErrTransient)})
			got, err = read(t.Context(), d, "x", r[0], r[1])
			if !errors.Is(err, drivers.ErrTransient) || len(got) >= len(want) || !bytes.HasPrefix(want, got) {
				t.Errorf("a broken read of %d bytes gave %d, %v, want fewer and ErrTransient", len(want), len(got), err)
			}
			one(d, t, faulty.KindBrokenRead)
		}
	}
	if len(places) < 20 {
		t.Errorf("60 short reads ended at %d different places", len(places))
	}
}

func flipped(a, b []byte) int {
	n := 0
	for i := range a {
		n += bits.OnesCount8(a[i] ^ b[i])
	}
	return n
}

func TestFlipBit(t *testing.T) {
	for seed := range uint64(20) {
		d, _ := fill(t, seed, faulty.Rule{Op: faulty.Open, Nth: 1, Fault: faulty.FlipBit()})
		got, err := read(t.Context(), d, "x", 1000, 3000)
		if err != nil || len(got) != 3000 || flipped(got, body()[1000:]) != 1 {
			t.Errorf("seed %d: %d bytes, %v, want all but one bit right", seed, len(got), err)
		}
		one(d, t, faulty.KindFlipBit)
		if got, err := read(t.Context(), d, "x", 0, -1); err != nil || !bytes.Equal(got, body()) {
			t.Errorf("the second read is %d bytes, %v, want the content", len(got), err)
		}
		d, mem := fill(t, seed, faulty.Rule{Op: faulty.Put, Fault: faulty.FlipBit()})
		put(t, d, "y", body())
		got, err = read(t.Context(), mem, "y", 0, -1)
		if err != nil || len(got) != size || flipped(got, body()) != 1 {
			t.Errorf("seed %d: stored %d bytes, %v, want all but one bit right", seed, len(got), err)
		}
		one(d, t, faulty.KindFlipBit)
	}
}

// TestRecordedWhenItHappens: a fault behind the place where the reader stopped did not take place.
func TestRecordedWhenItHappens(t *testing.T) {
	d, _ := fill(t, 3, faulty.Rule{Op: faulty.Open, Fault: faulty.FlipBit()})
	rc, err := d.Open(t.Context(), "x", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	if n := len(d.Injected()); n != 0 {
		t.Errorf("%d faults recorded before the first byte was read", n)
	}
	if _, err := io.ReadAll(rc); err != nil || d.Count(faulty.KindFlipBit) != 1 {
		t.Errorf("after reading: %v, %+v, want one flipped bit", err, d.Injected())
	}
}

func TestOtherObject(t *testing.T) {
	d, mem := fill(t, 1, faulty.Rule{Op: faulty.Open, Fault: faulty.OtherObject()})
	for name, other := range map[string]string{"d/0": "d/1", "d/2": "d/3", "d/3": "d/0"} {
		want, _ := read(t.Context(), mem, other, 10, 100)
		if got, err := read(t.Context(), d, name, 10, 100); err != nil || !bytes.Equal(got, want) {
			t.Errorf("Open(%q) gave %.20q, %v, want the bytes of %s", name, got, err, other)
		}
	}
	if n := d.Count(faulty.KindOtherObject); n != 3 {
		t.Errorf("recorded %d, want 3", n)
	}
	if got, err := read(t.Context(), d, "x", 0, -1); err != nil || !bytes.Equal(got, body()) || len(d.Injected()) != 3 {
		t.Errorf("without a neighbour: %d bytes, %v, %d faults, want the content and no fault", len(got), err, len(d.Injected()))
	}
}

func TestStale(t *testing.T) {
	d, _ := fill(t, 1, faulty.Rule{Op: faulty.Open, Fault: faulty.Stale()})
	if got, err := read(t.Context(), d, "x", 0, -1); err != nil || !bytes.Equal(got, body()) || len(d.Injected()) != 0 {
		t.Errorf("never replaced: %d bytes, %v, %+v, want the content and no fault", len(got), err, d.Injected())
	}
	put(t, d, "x", []byte("second"))
	if got, err := read(t.Context(), d, "x", 8, 7); err != nil || string(got) != "trivium" {
		t.Errorf("replaced: %q, %v, want the first content", got, err)
	}
	one(d, t, faulty.KindStale)
	put(t, d, "x", []byte("third"))
	if got, err := read(t.Context(), d, "x", 0, -1); err != nil || string(got) != "second" {
		t.Errorf("replaced again: %q, %v, want the second content", got, err)
	}
}

func TestSlowAndHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := fill(t, 1, faulty.Rule{Op: faulty.Stat, Fault: faulty.Slow(time.Minute)},
			faulty.Rule{Op: faulty.Delete, Fault: faulty.Hang()},
			faulty.Rule{Op: faulty.Open, Name: "d/*", Fault: faulty.SlowRead(time.Second)},
			faulty.Rule{Op: faulty.Open, Fault: faulty.HangRead()})
		start := time.Now()
		if _, err := d.Stat(t.Context(), "x"); err != nil || time.Since(start) != time.Minute {
			t.Errorf("a slow Stat = %v after %v, want 1m", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		start = time.Now()
		rc, err := d.Open(ctx, "d/0", 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(rc, make([]byte, 100)); err != nil || time.Since(start) != time.Second {
			t.Errorf("a slow Read = %v after %v, want 1s", err, time.Since(start))
		}
		if err := d.Delete(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a hanging Delete = %v, want DeadlineExceeded", err)
		}
		if _, err := d.Stat(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a slow Stat with an ended ctx = %v, want DeadlineExceeded", err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		start = time.Now()
		got, err := read(ctx, d, "x", 0, -1)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Hour || len(got) >= size {
			t.Errorf("a hanging read = %d bytes, %v after %v, want DeadlineExceeded after 1h", len(got), err, time.Since(start))
		}
		for _, kind := range []faulty.Kind{faulty.KindSlow, faulty.KindHang, faulty.KindSlowRead, faulty.KindHangRead} {
			if d.Count(kind) == 0 {
				t.Errorf("no %v recorded", kind)
			}
		}
	})
}

func TestScript(t *testing.T) {
	d, _ := fill(t, 1,
		faulty.Rule{Op: faulty.Stat, Name: "d/*", Nth: 2, Fault: faulty.Fail(drivers.ErrNoSpace)},
		faulty.Rule{Op: faulty.Stat, Name: "?", Fault: faulty.Fail(drivers.ErrDenied)})
	var got []error
	for _, name := range []string{"d/0", "d/1", "d/1", "x", "d.0", "d/a/b"} {
		_, err := d.Stat(t.Context(), name)
		got = append(got, drivers.Sentinel(err))
	}
	want := []error{nil, drivers.ErrNoSpace, nil, drivers.ErrDenied, drivers.ErrNotExist, drivers.ErrNotExist}
	if !slices.Equal(got, want) {
		t.Errorf("the script gave %v, want %v", got, want)
	}
	d.Off()
	if _, err := d.Stat(t.Context(), "x"); err != nil {
		t.Errorf("Stat when switched off = %v", err)
	}
	d.On()
	if _, err := d.Stat(t.Context(), "x"); !errors.Is(err, drivers.ErrDenied) {
		t.Errorf("Stat when switched on again = %v, want ErrDenied", err)
	}
	d.Script()
	if _, err := d.Stat(t.Context(), "x"); err != nil {
		t.Errorf("Stat with an empty script = %v", err)
	}
	wantLog := []faulty.Injection{
		{Op: faulty.Stat, Name: "d/1", Kind: faulty.KindFail},
		{Op: faulty.Stat, Name: "x", Kind: faulty.KindFail},
		{Op: faulty.Stat, Name: "x", Kind: faulty.KindFail},
	}
	if diff := cmp.Diff(wantLog, d.Injected()); diff != "" {
		t.Errorf("Injected() (-want +got):\n%s", diff)
	}
}

// TestChanceIgnoresTheSchedule: the same seed meets the same calls with the same faults, in any order.
func TestChanceIgnoresTheSchedule(t *testing.T) {
	run := func(seed uint64, workers int) map[string]string {
		d := faulty.New(memory.New(), seed, faulty.Rule{Chance: 0.3, Fault: faulty.Fail(drivers.ErrTransient)})
		var mu sync.Mutex
		out := map[string]string{}
		var wg sync.WaitGroup
		names := make(chan string)
		for range workers {
			wg.Go(func() {
				for name := range names {
					for range 10 {
						_, err := d.Stat(t.Context(), name)
						mu.Lock()
						out[name] += fmt.Sprint(errors.Is(err, drivers.ErrTransient), " ")
						mu.Unlock()
					}
				}
			})
		}
		for i := range 50 {
			names <- fmt.Sprint(i)
		}
		close(names)
		wg.Wait()
		return out
	}
	first := run(42, 1)
	if diff := cmp.Diff(first, run(42, 8)); diff != "" {
		t.Errorf("8 workers met other faults than 1 (-one +eight):\n%s", diff)
	}
	if cmp.Equal(first, run(43, 1)) {
		t.Error("another seed gives the same faults")
	}
	n := 0
	for _, s := range first {
		n += strings.Count(s, "true")
	}
	if n < 100 || n > 200 {
		t.Errorf("%d of 500 calls failed with a chance of 0.3", n)
	}
}

// TestStack looks for optional calls through three decorators, which all see them.
func TestStack(t *testing.T) {
	f, mem := fill(t, 1,
		faulty.Rule{Op: faulty.Copy, Nth: 1, Fault: faulty.Fail(drivers.ErrTransient)},
		faulty.Rule{Op: faulty.Delete, Name: "d/1", Fault: faulty.Fail(drivers.ErrDenied)},
		faulty.Rule{Op: faulty.Delete, Name: "d/2", Fault: faulty.LostAnswer(drivers.ErrBroken)})
	m := meter.New(f)
	d := retry.New(m, retry.Options{Initial: time.Microsecond, MaxWait: time.Microsecond})
	c, ok := drivers.As[drivers.Copier](d)
	if !ok {
		t.Fatal("no Copier in the stack")
	}
	if err := c.Copy(t.Context(), "x", "copy"); err != nil {
		t.Errorf("Copy that fails once = %v", err)
	}
	if got, err := read(t.Context(), mem, "copy", 0, -1); err != nil || !bytes.Equal(got, body()) {
		t.Errorf("the copy is %d bytes, %v", len(got), err)
	}
	if n := m.Snapshot()[meter.Copy].Calls; n != 2 {
		t.Errorf("the meter saw %d calls of Copy, want 2", n)
	}
	b, ok := drivers.As[drivers.BatchDeleter](d)
	if !ok {
		t.Fatal("no BatchDeleter in the stack")
	}
	if err := b.DeleteBatch(t.Context(), []string{"d/0", "d/1", "d/2", "d/3"}); !errors.Is(err, drivers.ErrDenied) {
		t.Errorf("DeleteBatch = %v, want the first failure, ErrDenied", err)
	}
	var left []string
	for info := range mem.List(t.Context(), "d", drivers.ListOptions{}) {
		left = append(left, info.Name)
	}
	if !slices.Equal(left, []string{"d/1"}) {
		t.Errorf("DeleteBatch left %q, want d/1", left)
	}
	if _, ok := drivers.As[drivers.Mkdirer](d); ok {
		t.Error("the stack promises directories that memory has not")
	}
	if got, ok := drivers.As[*memory.Driver](d); !ok || got != mem {
		t.Errorf("As found %v, %v, want the driver itself", got, ok)
	}
}
