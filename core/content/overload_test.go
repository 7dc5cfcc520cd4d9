package content

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// gated makes the spaces of l hold every Put until open is called.
func gated(l *lab) (open func()) {
	gate := make(chan struct{})
	for _, sp := range l.spaces {
		sp.onPut = func(ctx context.Context, _ string) error {
			select {
			case <-gate:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return sync.OnceFunc(func() { close(gate) })
}

// counted is a body that knows how much of it was read.
type counted struct {
	bytes.Reader
	read int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.read += n
	return n, err
}

// crowd sends n bodies of data at once and returns how each ended, once all have, and how much of it was read.
func (l *lab) crowd(t *testing.T, n int, data []byte) (results func() []error, bodies []*counted) {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		body := &counted{Reader: *bytes.NewReader(data)}
		bodies = append(bodies, body)
		wg.Go(func() {
			w, err := l.Put(t.Context(), body, PutRequest{Target: l.target(Policy{}, 0), Size: int64(len(data)), Inline: inlineNeed})
			if errs[i] = err; err == nil {
				w.Committed()
				w.Close()
			}
		})
	}
	return func() []error { wg.Wait(); return errs }, bodies
}

// overloaded counts refusals; any other error is one of the test.
func overloaded(t *testing.T, errs []error) (n int) {
	for _, err := range errs {
		switch {
		case errors.Is(err, ErrOverloaded):
			n++
		case err != nil:
			t.Errorf("Put = %v, want nil or ErrOverloaded", err)
		}
	}
	return n
}

// TestOverload sends five times as many uploads as there is memory for, to a space that stands still: as many as fit
// are at work, as many as may wait for them, and the others are refused without a wait and with no more than their
// first bytes read. Inline content, which needs no space, is taken meanwhile. All that were let in succeed.
func TestOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 1, func(c *Config) { c.Budget = NewBudget(64 << 20) })
		open := gated(l)
		defer open()
		small := &l.cfg.Budget.small
		fit, wait, start := small.total, small.queue(), time.Now()
		refused := 4*fit - wait
		results, bodies := l.crowd(t, 5*fit, random(40_000))
		synctest.Wait()
		if s := l.cfg.Budget.Stats(); s.Waiting != wait || s.Refused != int64(refused) || l.spaces[0].calls["put"] != fit {
			t.Errorf("%+v with %d at work, want %d, %d waiting and %d refused", s, l.spaces[0].calls["put"], fit, wait, refused)
		}
		whole := 0
		for _, b := range bodies {
			if b.read > 4<<10 {
				whole++
			}
		}
		if whole != fit {
			t.Errorf("%d bodies were read, want %d", whole, fit)
		}
		inline, _ := l.crowd(t, l.cfg.Budget.inline.total, random(4_000))
		if n := overloaded(t, inline()); n != 0 {
			t.Errorf("%d inline bodies refused, want none", n)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("refusals and inline content took %v, want no wait", took)
		}
		open()
		if n := overloaded(t, results()); n != refused {
			t.Errorf("%d refused in the end, want %d", n, refused)
		}
	})
}

// TestOverloadEnds refuses those who wait for 5 s too; who comes when the space works again is served.
func TestOverloadEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 1, func(c *Config) { c.Budget = NewBudget(64 << 20) })
		open := gated(l)
		defer open()
		fit, wait, start := l.cfg.Budget.small.total, l.cfg.Budget.small.queue(), time.Now()
		results, _ := l.crowd(t, fit+wait, random(40_000))
		time.Sleep(admissionWait)
		synctest.Wait()
		if s := l.cfg.Budget.Stats(); s.Waiting != 0 || s.Refused != int64(wait) {
			t.Errorf("%+v after %v, want %d refused", s, admissionWait, wait)
		}
		open()
		if n := overloaded(t, results()); n != wait || time.Since(start) != admissionWait {
			t.Errorf("%d refused after %v, want %d after %v", n, time.Since(start), wait, admissionWait)
		}
		again, _ := l.crowd(t, fit, random(40_000))
		if n := overloaded(t, again()); n != 0 {
			t.Errorf("%d refused when it is over, want none", n)
		}
	})
}

// TestStandingUploadLeavesRoom has a large upload grow as far as it can and then stand still: others begin at once
// all the same.
func TestStandingUploadLeavesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 1, func(c *Config) { c.Budget = NewBudget(16 << 20) })
		large := &l.cfg.Budget.large
		stops := large.total*BlockSize - 1000 // in its last piece, if it had all
		c := newClient(make([]byte, stops+1<<20), 256<<10, 0, 1<<20)
		var standing sync.WaitGroup
		standing.Go(func() {
			if err := c.upload(t, l, PutRequest{Target: l.target(Policy{}, 0)}); !errors.Is(err, errCut) {
				t.Errorf("the upload that stands still ends with %v, want %v", err, errCut)
			}
		})
		synctest.Wait()
		start, room := time.Now(), large.total/4
		results, _ := l.crowd(t, room, random(200_000))
		if n := overloaded(t, results()); n != 0 || time.Since(start) != 0 {
			t.Errorf("%d of %d uploads refused after %v, want none and no wait", n, room, time.Since(start))
		}
		c.leave()
		standing.Wait()
		l.Wait()
	})
}
