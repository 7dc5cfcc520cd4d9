package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"trivium/drivers"
	"trivium/drivers/memory"
)

// distant is a space whose Opens take a while by the clock of the test.
type distant struct {
	drivers.Driver
	factor atomic.Int64 // of the time; 0: it hangs until ctx ends, and then for lag
	lag    time.Duration
	opens  atomic.Int64
	inside atomic.Int64

	mu  sync.Mutex
	rng *rand.Rand
}

func (d *distant) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	d.opens.Add(1)
	d.inside.Add(1)
	defer d.inside.Add(-1)
	factor := d.factor.Load()
	if factor == 0 {
		<-ctx.Done()
		time.Sleep(d.lag)
		return nil, drivers.Fail("distant", "open", name, ctx.Err())
	}
	d.mu.Lock()
	took := time.Duration(float64(factor) * 20e6 * math.Exp(0.5*d.rng.NormFloat64()))
	d.mu.Unlock()
	select {
	case <-time.After(took):
		return d.Driver.Open(ctx, name, offset, length)
	case <-ctx.Done():
		return nil, drivers.Fail("distant", "open", name, ctx.Err())
	}
}

// distantLab is a lab of n spaces that take 20 ms each in the median, lognormal.
func distantLab(t *testing.T, n int, change ...func(*Config)) (*lab, []*distant) {
	l := newLab(t, n, change...)
	var all []*distant
	for i := range n {
		d := &distant{Driver: memory.New(), rng: rand.New(rand.NewPCG(uint64(i), 7)), lag: 4 * time.Second}
		d.factor.Store(1)
		l.spaces[i].Driver = d
		all = append(all, d)
	}
	return l, all
}

func opens(all []*distant) (n int64) {
	for _, d := range all {
		n += d.opens.Load()
	}
	return n
}

// timed reads w rounds times and returns how long each took.
func (l *lab) timed(w *Written, data []byte, rounds int) []time.Duration {
	var took []time.Duration
	for range rounds {
		start := time.Now()
		l.wantRead(w, data, 0, w.Size)
		took = append(took, time.Since(start))
	}
	return took
}

func percentile(took []time.Duration, p int) time.Duration {
	return slices.Sorted(slices.Values(took))[len(took)*p/100]
}

// coded is content that is just long enough to be coded.
func coded() (Policy, []byte) {
	p := Policy{Redundancy: ErasureCoded, K: 4, N: 6, ChunkSize: 64 << 10, Strict: true}
	return p, random(int(p.effective().small()) + 1)
}

// TestReadsAtTheSpeedOfTheFastest: with one space that becomes 20 times slower and one that hangs, reads are about as
// fast as before, and cost few calls more than they need.
func TestReadsAtTheSpeedOfTheFastest(t *testing.T) {
	for slow := range 3 {
		t.Run(fmt.Sprint("slow=", slow), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, data := coded()
				l, all := distantLab(t, 6)
				w := l.put(data, l.target(p, 0), true)
				l.timed(w, data, 500)
				healthy := l.timed(w, data, thinned(5000, 1500))
				of := func(shard int) *distant { return all[w.Blobs[0].Layout.Place(0, shard).Space-1] }
				bad := []*distant{of(2 * slow), of(2*slow + 1)}
				bad[0].factor.Store(20)
				bad[1].factor.Store(0)
				first := l.timed(w, data, 500)
				before := opens(all)
				after := l.timed(w, data, thinned(5000, 1500))
				calls := float64(opens(all)-before) / float64(len(after))
				t.Logf("healthy p50 %v p99 %v, at first p50 %v p99 %v max %v, then p50 %v p99 %v max %v with %.2f calls a read",
					percentile(healthy, 50), percentile(healthy, 99), percentile(first, 50), percentile(first, 99), slices.Max(first),
					percentile(after, 50), percentile(after, 99), slices.Max(after), calls)
				if got, most := percentile(after, 99), percentile(healthy, 99)*3/2; got > most {
					t.Errorf("p99 %v, want at most %v", got, most)
				}
				if calls > 4.5 {
					t.Errorf("%.2f calls a read, want at most 4.5", calls)
				}
				for _, d := range bad {
					d.factor.Store(1)
				}
				l.timed(w, data, 3000)
				was := []int64{bad[0].opens.Load(), bad[1].opens.Load()}
				l.timed(w, data, 100)
				for i, d := range bad {
					if got := d.opens.Load() - was[i]; slow < 2 && got < 50 {
						t.Errorf("shard %d is read %d times in 100 when its space is as fast as others again", 2*slow+i, got)
					}
				}
				l.Wait()
				if st := l.cfg.Budget.Stats(); st.Used != 0 {
					t.Errorf("%d bytes of the budget in use after all reads", st.Used)
				}
			})
		})
	}
}

// TestHangingSpaces: whatever one reads, up to n - k spaces that hang hold nothing up for longer than their first reads,
// and the memory of the reads that were given up comes back when the driver lets go, not before.
func TestHangingSpaces(t *testing.T) {
	for _, p := range faultPolicies()[1:] {
		for _, key := range []uint32{0, 5} {
			t.Run(fmt.Sprint(p.Redundancy, key), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p.Strict = true
					l, all := distantLab(t, p.Total())
					data := random(500_000)
					w := l.put(data, l.target(p, key), true)
					for first := range all {
						for i, d := range all {
							d.factor.Store(1)
							if i == first || i == (first+1)%len(all) {
								d.factor.Store(0)
							}
						}
						start := time.Now()
						l.wantRead(w, data, 0, w.Size)
						l.wantRead(w, data, 300_000, 300_001)
						if took := time.Since(start); took > 30*time.Second {
							t.Errorf("%v with spaces %d and the next hanging", took, first+1)
						}
						held := 0
						for _, d := range all {
							held += int(d.inside.Load())
						}
						if used := l.cfg.Budget.Stats().Used; held > 0 && used == 0 {
							t.Errorf("%d reads have not returned and no memory is in use", held)
						}
						l.Wait()
						if used := l.cfg.Budget.Stats().Used; used != 0 {
							t.Errorf("%d bytes in use when all reads have returned", used)
						}
					}
				})
			})
		}
	}
}

// TestClientLeaves: when the reader's context ends Open returns at once, whatever the spaces do, and they are told.
func TestClientLeaves(t *testing.T) {
	for _, p := range faultPolicies()[1:] {
		synctest.Test(t, func(t *testing.T) {
			l, all := distantLab(t, 8)
			data := random(500_000)
			w := l.put(data, l.target(p, 0), true)
			for _, d := range all {
				d.factor.Store(0)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			start := time.Now()
			_, err := l.Open(ctx, pieces(w, 0, w.Size), l.resolve)
			if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took > 20*time.Millisecond {
				t.Errorf("%v: Open = %v after %v, want the context's error when it ends", p.Redundancy, err, took)
			}
			l.Wait()
			for i, d := range all {
				if n := d.inside.Load(); n > 0 {
					t.Errorf("%v: %d reads of space %d go on", p.Redundancy, n, i+1)
				}
			}
		})
	}
}

// TestNothingAnswers: when too few spaces answer a read fails in the end.
func TestNothingAnswers(t *testing.T) {
	for _, p := range faultPolicies()[1:] {
		synctest.Test(t, func(t *testing.T) {
			l, all := distantLab(t, 8)
			data := random(500_000)
			w := l.put(data, l.target(p, 0), true)
			for _, d := range all {
				d.factor.Store(0)
			}
			if _, err := l.read(w, 0, w.Size); !errors.Is(err, ErrUnavailable) {
				t.Errorf("%v: read = %v, want ErrUnavailable", p.Redundancy, err)
			}
			if len(l.damage) > 0 {
				t.Errorf("%v: damage of %v where nobody knows", p.Redundancy, l.damage)
			}
		})
	}
}

// scribbler is a space that writes to the memory of a Read until it returns, some time after its context has ended.
type scribbler struct {
	drivers.Driver
	on atomic.Bool
}

type scribbling struct{ done <-chan struct{} }

func (d *scribbler) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	if d.on.Load() {
		return scribbling{ctx.Done()}, nil
	}
	return d.Driver.Open(ctx, name, offset, length)
}

func (r scribbling) Read(p []byte) (int, error) {
	<-r.done
	for range 40 {
		time.Sleep(100 * time.Millisecond)
		for i := range p {
			p[i] ^= 0x55
		}
	}
	return 0, context.Canceled
}

func (scribbling) Close() error { return nil }

// TestMemoryOfLateReads: many readers with little memory, of spaces two of which use theirs for seconds after they were
// given up: nobody gets wrong bytes, and nobody waits for ever.
func TestMemoryOfLateReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, data := coded()
		l, all := distantLab(t, 6, func(c *Config) { c.Budget = NewBudget(16 * BlockSize) })
		w := l.put(data, l.target(p, 0), true)
		l.timed(w, data, 50)
		for _, d := range all[2:4] {
			s := &scribbler{Driver: d.Driver}
			s.on.Store(true)
			d.Driver = s
		}
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				for range thinned(50, 20) {
					got, err := l.read(w, 0, w.Size)
					if err != nil && !errors.Is(err, ErrOverloaded) || err == nil && !bytes.Equal(got, data) {
						t.Errorf("read = %d bytes, %v", len(got), err)
					}
				}
			})
		}
		wg.Wait()
	})
}

// TestBadBlockOfFastSpace: a block that does not match its checksum is an erasure and reported once a read, and it is
// not the space that is blamed.
func TestBadBlockOfFastSpace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, data := coded()
		l, all := distantLab(t, 6)
		w := l.put(data, l.target(p, 0), true)
		l.timed(w, data, 100)
		b := w.Blobs[0]
		at := b.Layout.Place(0, 1)
		raw := l.shard(b, at)
		raw[len(raw)-100] ^= 1
		l.setShard(b, at, raw)
		all[b.Layout.Place(0, 2).Space-1].factor.Store(0)
		for range 50 {
			l.damage = nil
			l.wantRead(w, data, 0, w.Size)
			if len(l.damage) != 1 || l.damage[0] != at.ShardRef {
				t.Fatalf("damage %v, want %v alone", l.damage, at.ShardRef)
			}
		}
		repaired, err := l.Repair(t.Context(), b, l.damage, nil)
		if err != nil {
			t.Fatal(err)
		}
		l.blobs[b.ID], l.damage = repaired, nil
		l.timed(w, data, 50)
		if len(l.damage) > 0 {
			t.Errorf("damage %v after repair", l.damage)
		}
	})
}

// TestFastSpaceHangs: of a space that answers at once reads are done by the reader itself; when one of them does not
// return the others go elsewhere.
func TestFastSpaceHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, p := range faultPolicies()[1:3] {
			p.Strict = true
			l := newLab(t, p.Total())
			data := random(500_000)
			w := l.put(data, l.target(p, 0), true)
			for range 20 {
				l.wantRead(w, data, 0, w.Size)
			}
			slow := l.spaces[w.Blobs[0].Layout.Place(0, 0).Space-1]
			slow.onOpen = func(ctx context.Context, _ string) error {
				<-ctx.Done()
				return ctx.Err()
			}
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() {
				r, err := l.Open(ctx, pieces(w, 0, 1), l.resolve)
				if err == nil {
					r.Close()
				}
			})
			time.Sleep(lateUnknown + 1)
			for range 20 {
				l.wantRead(w, data, 0, w.Size)
				l.wantRead(w, data, 0, 1)
			}
			cancel()
			wg.Wait()
		}
	})
}

// TestHedgesAreFew: whatever happens, one read in ten is hedged and no more, but for a few at the beginning.
func TestHedgesAreFew(t *testing.T) {
	var b bucket
	spent := 0
	for range 1000 {
		b.earn()
		if b.spend(1) {
			spent++
		}
	}
	if spent < 100 || spent > 100+hedgeBurst {
		t.Errorf("%d of 1000 reads are hedged, want 100 and at most %d more", spent, hedgeBurst)
	}
}

// TestBreaker: after some failures in a row a space is asked last and tried once every probePause, until a read of it
// comes.
func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSpeed()
		for range breakAfter - 1 {
			s.broke()
		}
		s.took(time.Second, false)
		s.broke()
		if s.broken() {
			t.Error("broken after a read that came")
		}
		for range breakAfter {
			s.broke()
		}
		for range 3 {
			if !s.broken() || s.due() {
				t.Error("not broken or tried at once")
			}
			time.Sleep(probePause)
			if !s.due() || s.due() {
				t.Error("not tried once after the pause")
			}
		}
		s.came()
		if s.broken() {
			t.Error("broken after an answer")
		}
	})
}

// stuck is a space whose Opens do not return, whatever becomes of their context, until it is released.
type stuck struct {
	drivers.Driver
	release chan struct{}
	inside  atomic.Int64
}

func (d *stuck) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	d.inside.Add(1)
	<-d.release
	d.inside.Add(-1)
	return d.Driver.Open(ctx, name, offset, length)
}

// TestDriverNeverReturns: a space that breaks the contract holds a few pieces of memory, however many reads there are and
// for however long, and is used again when it is back.
func TestDriverNeverReturns(t *testing.T) {
	for _, p := range faultPolicies()[1:3] {
		synctest.Test(t, func(t *testing.T) {
			p.Strict = true
			l, _ := distantLab(t, p.Total())
			data := random(300_000)
			w := l.put(data, l.target(p, 0), true)
			l.timed(w, data, 20)
			first := l.spaces[w.Blobs[0].Layout.Place(0, 0).Space-1]
			bad := &stuck{Driver: first.Driver, release: make(chan struct{})}
			first.Driver = bad
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					for range 200 {
						if got, err := l.read(w, 0, w.Size); err != nil || !bytes.Equal(got, data) {
							t.Errorf("read = %d bytes, %v", len(got), err)
						}
						time.Sleep(time.Second)
					}
				})
			}
			wg.Wait()
			if n := bad.inside.Load(); n == 0 || n > 2*heldMost {
				t.Errorf("%v: %d reads hang, want some and at most %d", p.Redundancy, n, 2*heldMost)
			}
			close(bad.release)
			l.Wait()
			first.mu.Lock()
			clear(first.calls)
			first.mu.Unlock()
			for range 30 {
				l.wantRead(w, data, 0, w.Size)
				time.Sleep(time.Second)
			}
			if first.calls["open"] < 10 {
				t.Errorf("%v: the space is asked %d times when it is back", p.Redundancy, first.calls["open"])
			}
		})
	}
}

// TestStuck: reads that do not return for long make a space one that is not asked, until they do.
func TestStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSpeed()
		for range heldMost {
			s.abandon()
		}
		if s.stuck() {
			t.Error("stuck at once")
		}
		time.Sleep(heldLong + 1)
		if !s.stuck() || s.due() {
			t.Error("not stuck after a while, or tried")
		}
		s.returned()
		if s.stuck() {
			t.Error("stuck when one has returned")
		}
	})
}

// pausing is a space whose open readers can be made to hang until the context they were opened with ends.
type pausing struct {
	drivers.Driver
	hang atomic.Bool
}

type pausingReader struct {
	io.ReadCloser
	d    *pausing
	done <-chan struct{}
}

func (d *pausing) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	rc, err := d.Driver.Open(ctx, name, offset, length)
	return pausingReader{rc, d, ctx.Done()}, err
}

func (r pausingReader) Read(p []byte) (int, error) {
	if r.d.hang.Load() {
		<-r.done
		return 0, context.Canceled
	}
	return r.ReadCloser.Read(p)
}

// TestHangsMidStream: a space that was fast when a reader began hangs when it goes on.
func TestHangsMidStream(t *testing.T) {
	for _, p := range []Policy{{Redundancy: Copies, N: 3}, {Redundancy: ErasureCoded, K: 4, N: 6, ChunkSize: 1 << 20}} {
		for failed := int32(1); failed <= breakAfter; failed++ {
			synctest.Test(t, func(t *testing.T) {
				p.Strict = true
				l := newLab(t, p.Total())
				data := random(5 << 20)
				w := l.put(data, l.target(p, 0), true)
				for range 20 {
					l.wantRead(w, data, 0, w.Size)
				}
				id := w.Blobs[0].Layout.Place(0, 0).Space
				bad := &pausing{Driver: l.spaces[id-1].Driver}
				l.spaces[id-1].Driver = bad
				r, err := l.Open(t.Context(), pieces(w, 0, w.Size), l.resolve)
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				sp, _ := l.cfg.Spaces.Get(id)
				sp.speed.failed.Store(failed)
				bad.hang.Store(true)
				got, err := io.ReadAll(r)
				if err != nil || !bytes.Equal(got, data) {
					t.Errorf("%v, %d failures: read = %d bytes, %v", p.Redundancy, failed, len(got), err)
				}
			})
		}
	}
}
