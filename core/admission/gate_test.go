package admission

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestGate sends five times as many as may be inside: as many are inside, as many wait, the others are refused at once.
// Those who wait come in in their order, or are refused when their time is over; one whose context ends goes away.
func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const slots, patient = 3, time.Second
		g, start := New(slots, slots, patient), time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		errs := make([]error, 5*slots)
		after := make([]time.Duration, 5*slots)
		var wg sync.WaitGroup
		for i := range errs {
			mine := t.Context()
			if i == slots {
				mine = ctx // the first who waits goes away
			}
			wg.Go(func() {
				errs[i] = g.Enter(mine)
				after[i] = time.Since(start)
			})
			synctest.Wait()
		}
		if got, want := g.Stats(), (Stats{Inside: slots, Waiting: slots, Refused: 3 * slots}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		cancel()
		time.Sleep(patient / 2)
		g.Leave()
		wg.Wait()
		for i, err := range errs {
			var want error
			var when time.Duration
			switch {
			case i == slots:
				want = context.Canceled
			case i == slots+1:
				when = patient / 2
			case i == slots+2:
				want, when = ErrRefused, patient
			case i > slots:
				want = ErrRefused
			}
			if !errors.Is(err, want) || after[i] != when {
				t.Errorf("Enter %d = %v after %v, want %v after %v", i, err, after[i], want, when)
			}
		}
		for range slots {
			g.Leave()
		}
		if got, want := g.Stats(), (Stats{Refused: 3*slots + 1}); got != want {
			t.Errorf("%+v in the end, want %+v", got, want)
		}
	})
}
