package content

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"trivium/core/admission"
)

// TestInlineLane: as much inline content is let in as one commit takes.
func TestInlineLane(t *testing.T) {
	if n := NewBudget(0).inline.total; n != admission.Slots {
		t.Errorf("%d pieces, want %d", n, admission.Slots)
	}
}

func TestBudgetIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(16 << 20)
		l := &b.large
		all, err := l.acquire(t.Context(), nil, l.total)
		if err != nil {
			t.Fatal(err)
		}
		order := make(chan int, 3)
		for i, n := range []int{l.total, 1, 1} {
			go func() {
				got, err := l.acquire(t.Context(), nil, n)
				if err == nil {
					order <- i
					l.release(got)
				}
			}()
			synctest.Wait()
		}
		if _, ok := l.try(nil, 1); ok {
			t.Error("try succeeds while others wait")
		}
		l.release(all[1:])
		synctest.Wait()
		if len(order) > 0 {
			t.Error("a later small need overtakes an earlier large one")
		}
		l.release(all[:1])
		synctest.Wait()
		if first := <-order; first != 0 {
			t.Errorf("waiter %d came first, want 0", first)
		}
		if s := b.Stats(); s.Used != 0 || s.Waiting != 0 || s.Allocated == 0 {
			t.Errorf("stats %+v, want nothing used", s)
		}
	})
}

func TestBudgetRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(16 << 20)
		l := &b.large
		all, err := l.acquire(t.Context(), nil, l.total-1)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := l.acquire(t.Context(), nil, 2); !errors.Is(err, ErrOverloaded) || time.Since(start) != admissionWait {
				t.Errorf("acquire = %v after %v, want ErrOverloaded after 5 s", err, time.Since(start))
			}
		})
		time.Sleep(time.Second)
		wg.Go(func() { // behind the one that gives up; it fits then
			got, err := l.acquire(t.Context(), nil, 1)
			if err != nil || time.Since(start) != admissionWait {
				t.Errorf("acquire = %v after %v, want nil after 5 s", err, time.Since(start))
			}
			l.release(got)
		})
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := l.acquire(ctx, nil, 3); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("acquire = %v, want the context's error", err)
			}
		})
		wg.Wait()
		if _, err := l.acquire(t.Context(), nil, l.total+1); !errors.Is(err, ErrOverloaded) {
			t.Errorf("acquire of more than there is = %v, want ErrOverloaded", err)
		}
		l.release(all)
		if s := b.Stats(); s.Used != 0 || s.Refused != 2 {
			t.Errorf("stats %+v, want 0 used, 2 refused", s)
		}
	})
}

func TestBudgetForced(t *testing.T) {
	b := NewBudget(8 << 20)
	l := &b.large
	all, err := l.acquire(t.Context(), nil, l.total)
	if err != nil {
		t.Fatal(err)
	}
	all = l.force(all, 3)
	if s := b.Stats(); s.Used <= int64(l.total)*int64(l.size) {
		t.Errorf("stats %+v, want more used than there is", s)
	}
	l.release(all)
	if s := b.Stats(); s.Used != 0 || s.Allocated != int64(l.total)*int64(l.size) {
		t.Errorf("stats %+v, want 0 used and the forced pieces gone", s)
	}
}

// trickle gives other goroutines a chance between its reads.
type trickle struct{ io.Reader }

func (r trickle) Read(p []byte) (int, error) {
	time.Sleep(time.Microsecond)
	return r.Reader.Read(p[:min(len(p), 100_000)])
}

// TestCrowd has far more uploads and downloads at once than the budget holds: they close segments early, wait
// their turn and all come through.
func TestCrowd(t *testing.T) {
	l := newLab(t, 4, func(c *Config) { c.Budget = NewBudget(32 << 20) })
	crowd := thinned(500, 150)
	var wg sync.WaitGroup
	var mu sync.Mutex
	refused := 0
	for i := range crowd {
		wg.Go(func() {
			p := []Policy{{}, {Redundancy: ErasureCoded, K: 2, N: 3, ChunkSize: 256 << 10}, {Redundancy: Copies, N: 2}}[i%3]
			data := random(i * 750_000 / crowd)
			size := int64(len(data))
			if i%2 == 0 {
				size = -1
			}
			w, err := l.Put(t.Context(), trickle{bytes.NewReader(data)}, PutRequest{Target: l.target(p, uint32(i%7)), Size: size, Digests: MD5})
			if errors.Is(err, ErrOverloaded) {
				mu.Lock()
				defer mu.Unlock()
				refused++
				return
			}
			if err != nil {
				t.Errorf("Put %d = %v", i, err)
				return
			}
			w.Close()
			r, err := l.Open(t.Context(), pieces(w, 0, w.Size), func(_ context.Context, id BlobID) (Located, error) {
				for _, b := range w.Blobs {
					if b.ID == id {
						return Located{Blob: b}, nil
					}
				}
				return Located{}, errors.New("no such blob")
			})
			if errors.Is(err, ErrOverloaded) {
				return
			}
			if err != nil {
				t.Errorf("Open %d = %v", i, err)
				return
			}
			defer r.Close()
			var got bytes.Buffer
			if _, err := r.WriteTo(&got); err != nil || !bytes.Equal(got.Bytes(), data) {
				t.Errorf("read %d: %d bytes of %d, %v", i, got.Len(), len(data), err)
			}
		})
	}
	wg.Wait()
	l.Wait()
	t.Logf("%d refused, %+v", refused, l.cfg.Budget.Stats())
	if s := l.cfg.Budget.Stats(); s.Used != 0 || s.Allocated > s.Total {
		t.Errorf("stats %+v, want nothing used", s)
	}
}
