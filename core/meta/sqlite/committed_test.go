package sqlite

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"trivium/core"
)

// TestCommitted: every Update that was acknowledged is in one commit that was told of, and no other is.
func TestCommitted(t *testing.T) {
	var updates, commits atomic.Int64
	s, err := Open(t.Context(), Options{Path: t.TempDir() + "/trivium.db", Committed: func(n int, took time.Duration) {
		if took < 0 {
			t.Errorf("a commit took %v", took)
		}
		updates.Add(int64(n))
		commits.Add(1)
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	before := updates.Load()
	refused := errors.New("refused")
	var all sync.WaitGroup
	for i := range int64(40) {
		all.Go(func() {
			err := s.Update(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
				if i%4 == 0 {
					return refused
				}
				return tx.PutInline(ctx, i, 1, nil)
			})
			if (err != nil) != (i%4 == 0) {
				t.Errorf("Update %d = %v", i, err)
			}
		})
	}
	all.Wait()
	if got := updates.Load() - before; got != 30 || commits.Load() > updates.Load() {
		t.Errorf("told of %d updates in %d commits, want 30", got, commits.Load())
	}
}
