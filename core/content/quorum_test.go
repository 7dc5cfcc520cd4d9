package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"trivium/drivers"
)

// slow makes a space take that long for each Put, or until the context ends.
func slow(d time.Duration) func(context.Context, string) error {
	return func(ctx context.Context, _ string) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func broken(err error) func(context.Context, string) error {
	return func(context.Context, string) error { return err }
}

// each sets onPut of the spaces that have a place in the base, by index.
func (l *lab) each(fn ...func(context.Context, string) error) {
	for i, f := range fn {
		l.spaces[i].onPut = f
	}
}

func TestQuorum(t *testing.T) {
	const ms = time.Millisecond
	ec46 := Policy{Redundancy: ErasureCoded, K: 4, N: 6, ChunkSize: 64 << 10}
	ec23 := Policy{Redundancy: ErasureCoded, K: 2, N: 3, ChunkSize: 64 << 10}
	rep3 := Policy{Redundancy: Copies, N: 3}
	dead := broken(drivers.ErrBroken)
	with := func(p Policy, strict, degraded bool) Policy {
		p.Strict, p.DegradedWrites = strict, degraded
		return p
	}
	type puts = []func(context.Context, string) error
	for _, c := range []struct {
		name    string
		policy  Policy
		spaces  int
		puts    puts
		want    error
		repairs int
		least   time.Duration
		most    time.Duration
	}{
		{"all fast", ec46, 6, nil, nil, 0, 0, 0},
		{"all alike", ec46, 6, puts{slow(80 * ms), slow(80 * ms), slow(80 * ms), slow(80 * ms), slow(80 * ms), slow(80 * ms)}, nil, 0, 80 * ms, 80 * ms},
		{"one late", ec46, 6, puts{slow(80 * ms), slow(80 * ms), slow(80 * ms), slow(80 * ms), slow(80 * ms), slow(time.Hour)}, nil, 1, 240 * ms, 240 * ms},
		{"one within its grace", ec46, 6, puts{slow(80 * ms), slow(80 * ms), slow(80 * ms), slow(80 * ms), slow(80 * ms), slow(200 * ms)}, nil, 0, 200 * ms, 200 * ms},
		{"slow ones get a second", ec46, 6, puts{slow(4 * time.Second), slow(4 * time.Second), slow(4 * time.Second), slow(4 * time.Second), slow(4 * time.Second), slow(time.Hour)}, nil, 1, 5 * time.Second, 5 * time.Second},
		{"two late", ec46, 6, puts{nil, nil, nil, nil, slow(10 * time.Second), slow(20 * time.Second)}, nil, 1, 10 * time.Second, 11 * time.Second},
		{"m = 1 waits for all", ec23, 3, puts{nil, nil, slow(30 * time.Second)}, nil, 0, 30 * time.Second, 30 * time.Second},
		{"strict waits for all", with(ec46, true, false), 6, puts{nil, nil, nil, nil, nil, slow(30 * time.Second)}, nil, 0, 30 * time.Second, 30 * time.Second},
		{"strict fails", with(ec46, true, false), 6, puts{dead}, ErrUnavailable, 0, 0, 0},
		{"replaced", ec46, 7, puts{dead}, nil, 0, 0, 0},
		{"replaced twice", ec46, 8, puts{dead, dead}, nil, 0, 0, 0},
		{"one dead of m = 2", ec46, 6, puts{dead}, nil, 1, 0, 0},
		{"two dead", ec46, 6, puts{dead, dead}, ErrUnavailable, 0, 0, 0},
		{"two dead, degraded", with(ec46, false, true), 6, puts{dead, dead}, nil, 2, 0, 0},
		{"three dead, degraded", with(ec46, false, true), 6, puts{dead, dead, dead}, ErrUnavailable, 0, 0, 0},
		{"m = 1, one dead", ec23, 3, puts{dead}, ErrUnavailable, 0, 0, 0},
		{"m = 1, one dead, degraded", with(ec23, false, true), 3, puts{dead}, nil, 1, 0, 0},
		{"m = 1, one dead, a spare", ec23, 4, puts{dead}, nil, 0, 0, 0},
		{"full", ec23, 3, puts{broken(drivers.ErrNoSpace)}, ErrNoSpace, 0, 0, 0},
		{"copies: two of three", rep3, 3, puts{nil, nil, slow(time.Hour)}, nil, 1, 100 * ms, 100 * ms},
		{"copies: one of three", rep3, 3, puts{dead, dead}, ErrUnavailable, 0, 0, 0},
		{"too few spaces", rep3, 2, nil, nil, 1, 0, 0},
		{"one space for two copies", with(Policy{Redundancy: Copies, N: 2}, false, true), 1, nil, nil, 1, 0, 0},
		{"none", Policy{}, 1, puts{dead}, ErrUnavailable, 0, 0, 0},
		{"none with a spare", Policy{}, 2, puts{dead}, nil, 0, 0, 0},
		{"no space at all", Policy{}, 0, nil, ErrUnavailable, 0, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, c.spaces)
				l.each(c.puts...)
				data := random(100_000)
				start := time.Now()
				w, err := l.Put(t.Context(), bytes.NewReader(data), PutRequest{Target: l.target(c.policy, 0), Size: int64(len(data)), Digests: MD5})
				took := time.Since(start)
				if !errors.Is(err, c.want) {
					t.Fatalf("Put = %v, want %v", err, c.want)
				}
				if took < c.least || took > c.most {
					t.Errorf("Put took %v, want %v to %v", took, c.least, c.most)
				}
				if err != nil {
					l.Wait()
					return
				}
				defer w.Close()
				if len(w.Repairs) != c.repairs {
					t.Errorf("repairs %v, want %d", w.Repairs, c.repairs)
				}
				domains := map[SpaceID]bool{}
				for p := range w.Blobs[0].Layout.Places() {
					if p.Space != 0 && domains[p.Space] {
						t.Errorf("two shards in space %d", p.Space)
					}
					domains[p.Space] = true
				}
				l.each(make(puts, c.spaces)...)
				l.remember(w)
				l.wantRead(w, data, 0, w.Size)
				l.Wait()
			})
		})
	}
}

func TestDomainsCountOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 4)
		for _, sp := range l.cfg.Spaces.All() {
			sp.Domain = "the same cloud"
			l.cfg.Spaces.Set(sp)
		}
		_, err := l.Put(t.Context(), bytes.NewReader(random(100)),
			PutRequest{Target: l.target(Policy{Redundancy: Copies, N: 2}, 0), Size: 100})
		if !errors.Is(err, ErrUnavailable) {
			t.Errorf("Put of two copies into one domain = %v, want ErrUnavailable", err)
		}
	})
}

func TestLatePutsAreLanded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 3)
		stubborn := func(context.Context, string) error { time.Sleep(4 * time.Second); return drivers.ErrBroken }
		l.each(nil, nil, stubborn)
		w, err := l.Put(t.Context(), bytes.NewReader(random(50_000)),
			PutRequest{Target: l.target(Policy{Redundancy: Copies, N: 3}, 0), Size: 50_000})
		if err != nil {
			t.Fatal(err)
		}
		if used := l.cfg.Budget.Stats().Used; used == 0 {
			t.Error("the late Put's bytes are back in the budget while it runs")
		}
		w.Abandon()
		w.Close()
		if l.collected() > 0 {
			t.Error("garbage before the last Put returned")
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if used := l.cfg.Budget.Stats().Used; used != 0 || l.collected() != 1 {
			t.Errorf("used %d, garbage %d; want 0 and 1", used, l.collected())
		}
	})
}

func TestPutIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 6)
		for _, sp := range l.spaces {
			sp.onPut = slow(time.Minute)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for _, p := range []Policy{{}, {Redundancy: ErasureCoded, K: 4, N: 6, ChunkSize: 64 << 10}} {
			_, err := l.Put(ctx, bytes.NewReader(random(1<<20)), PutRequest{Target: l.target(p, 0), Size: 1 << 20, Digests: SHA256})
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Put = %v, want DeadlineExceeded", err)
			}
		}
		l.Wait()
	})
}

func TestFailingSpaceMidway(t *testing.T) {
	for _, p := range []Policy{
		{ChunkSize: 64 << 10}, {Redundancy: ErasureCoded, K: 2, N: 4, ChunkSize: 64 << 10, Strict: true},
	} {
		for after := range 5 {
			t.Run(fmt.Sprintf("%v/%d", p.Redundancy, after), func(t *testing.T) {
				l := newLab(t, 5)
				for _, sp := range l.spaces[:2] {
					sp.onPut = func(_ context.Context, name string) error {
						if parts := strings.Split(name, "."); parts[1] >= fmt.Sprint(after) {
							return drivers.ErrBroken
						}
						return nil
					}
				}
				if p.Data() > 1 {
					l.spaces[1].onPut = nil
				}
				data := random(650_000)
				w := l.put(data, l.target(p, 0), false)
				lay := w.Blobs[0].Layout
				for place := range lay.Places() {
					if place.Segment >= after && (place.Space == 1 || place.Space == 2 && p.Data() == 1) {
						t.Errorf("shard %v is said to be in a space that failed", place)
					}
				}
				if len(w.Repairs) > 0 || !slices.IsSortedFunc(lay.Exceptions, func(a, b Exception) int {
					return a.compare(ShardRef{b.Segment, b.Index})
				}) {
					t.Errorf("repairs %v, exceptions %v", w.Repairs, lay.Exceptions)
				}
				l.wantRead(w, data, 0, w.Size)
			})
		}
	}
}
