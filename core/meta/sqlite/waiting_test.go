package sqlite

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"trivium/core"
)

// TestGivenUpWhileWaiting gives up calls that wait: for a reader and for a place in the queue. One that has its place goes
// on to its end.
func TestGivenUpWhileWaiting(t *testing.T) {
	if _, err := template(); err != nil { // made outside of the bubble, which its database would not leave
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := tempStore(t, Options{ReadConns: 1})
		var all sync.WaitGroup
		leave := make(chan struct{})
		hold := func(context.Context, core.MetaTx) error { <-leave; return nil }
		never := func(context.Context, core.MetaTx) error { t.Error("run after the request was given up"); return nil }
		all.Go(func() { _ = s.View(t.Context(), hold) })
		all.Go(func() { _ = s.Update(t.Context(), hold) })
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		for id := range int64(cap(s.queue)) {
			all.Go(func() {
				if err := s.Update(ctx, putInline(id+1, 1)); err != nil {
					t.Errorf("Update() of a request that was given up when it was queued = %v", err)
				}
			})
		}
		synctest.Wait()
		var view, lookup, update error
		var waiting sync.WaitGroup
		waiting.Go(func() { view = s.View(ctx, never) })
		waiting.Go(func() { _, lookup = s.Lookup(ctx, 1, "k", true) })
		waiting.Go(func() { update = s.Update(ctx, never) })
		synctest.Wait()
		cancel()
		waiting.Wait()
		for _, err := range []error{view, lookup, update} {
			if core.CodeOf(err) != core.Canceled {
				t.Errorf("a call that was given up while it waited = %v, want Canceled", err)
			}
		}
		close(leave)
		all.Wait()
	})
}
