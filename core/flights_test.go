package core

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// A run goes on while one of its callers is there, also when the first one has left, and ends when none is.
func TestFlights(t *testing.T) {
	for _, stays := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			var f flights
			var runs int
			release, ended := make(chan struct{}), errors.New("ended")
			run := func(ctx context.Context) error {
				runs++
				select {
				case <-release:
					return nil
				case <-ctx.Done():
					return ended
				}
			}
			first, firstLeaves := context.WithCancel(t.Context())
			second, secondLeaves := context.WithCancel(t.Context())
			errs := [2]chan error{make(chan error, 1), make(chan error, 1)}
			for i, ctx := range []context.Context{first, second} {
				go func() { errs[i] <- f.do(ctx, "key", run) }()
				synctest.Wait()
			}
			if runs != 1 {
				t.Fatalf("%d runs, want one that is shared", runs)
			}
			firstLeaves()
			synctest.Wait()
			if len(errs[0])+len(errs[1]) != 0 {
				t.Fatal("the run ended with its first caller, want it to go on for the other")
			}
			if stays {
				close(release)
				if a, b := <-errs[0], <-errs[1]; a != nil || b != nil {
					t.Errorf("do = %v, %v, want nil", a, b)
				}
			} else {
				secondLeaves()
				if a, b := <-errs[0], <-errs[1]; !errors.Is(a, ended) || CodeOf(b) != Canceled {
					t.Errorf("do = %v, %v, want the run ended and Canceled", a, b)
				}
			}
			secondLeaves()
			if len(f.m) != 0 {
				t.Errorf("%d runs are left, want none", len(f.m))
			}
		})
	}
}

// A run that panics says yes to nobody.
func TestFlightThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f flights
		release, got := make(chan struct{}), make(chan error, 1)
		go func() {
			defer func() { _ = recover() }()
			_ = f.do(t.Context(), "key", func(context.Context) error {
				<-release
				panic("out of luck")
			})
		}()
		synctest.Wait()
		go func() { got <- f.do(t.Context(), "key", func(context.Context) error { return nil }) }()
		synctest.Wait()
		close(release)
		if err := <-got; !errors.Is(err, errFlight) {
			t.Errorf("do beside a panic = %v, want errFlight", err)
		}
		if err := f.do(t.Context(), "key", func(context.Context) error { return nil }); err != nil {
			t.Errorf("do after a panic = %v, want nil", err)
		}
	})
}
