package core_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"trivium/core"
	"trivium/core/content"
)

// countedMeta counts the Updates of a store.
type countedMeta struct {
	core.MetaStore
	n *atomic.Int64
}

func (c countedMeta) Update(ctx context.Context, fn func(ctx context.Context, tx core.MetaTx) error) error {
	c.n.Add(1)
	return c.MetaStore.Update(ctx, fn)
}

// TestKnownDamage meets damaged shards again and again: a row that is there keeps its attempts and its time, and no
// commit is made; without a row there is a new one soon.
func TestKnownDamage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var commits atomic.Int64
		s, h := open(t, harness{change: func(c *core.Config) { c.Meta = countedMeta{c.Meta, &commits} }})
		blob := core.Blob{Blob: content.Blob{ID: content.BlobID{Incarnation: 1, Counter: 1}, Size: 1}, Refs: 1}
		old := core.RepairRow{
			Blob: blob.ID, Segment: 4, Index: 1, Reason: "scrub", QueuedAt: 5, NotBefore: 6, Attempts: 7, LastError: "e",
		}
		h.update(t, func(ctx context.Context, tx core.MetaTx) error {
			return errors.Join(tx.PutBlob(ctx, blob), tx.PutRepair(ctx, old))
		})
		// meet meets a shard some times within a minute, and returns how many commits that made.
		meet := func(segment int) int64 {
			time.Sleep(time.Second) // what the Service does by the minute is over
			synctest.Wait()
			before := commits.Load()
			for range 3 {
				s.QueueDamage(blob.ID, content.ShardRef{Segment: segment, Index: 1}, errors.New("lost"))
				synctest.Wait()
			}
			return commits.Load() - before
		}
		repairs := func() (rows []core.RepairRow) {
			h.view(t, func(ctx context.Context, tx core.MetaTx) error {
				var err error
				rows, err = tx.Repairs(ctx, core.RepairQuery{Due: 1 << 62, Limit: 10})
				return err
			})
			return rows
		}
		for range 5 {
			if n := meet(4); n != 0 {
				t.Errorf("%d commits for a shard that has a row, want 0", n)
			}
			if diff := cmp.Diff([]core.RepairRow{old}, repairs()); diff != "" {
				t.Errorf("the row of a known shard changed (-want +got):\n%s", diff)
			}
			time.Sleep(3 * time.Minute)
		}
		if n, rows := meet(5), repairs(); n != 1 || len(rows) != 2 || rows[1].Segment != 5 {
			t.Errorf("%d commits, rows %+v, want one more row, of segment 5", n, rows)
		}
		h.update(t, func(ctx context.Context, tx core.MetaTx) error { return tx.DeleteRepair(ctx, blob.ID, 4, 1) })
		time.Sleep(3 * time.Minute)
		if n, rows := meet(4), repairs(); n != 1 || len(rows) != 2 {
			t.Errorf("%d commits, rows %+v, want a row for the shard that is lost again", n, rows)
		}
		blob.ID.Counter++
		if n := meet(4); n != 0 {
			t.Errorf("%d commits for a blob that is gone, want 0", n)
		}
	})
}
