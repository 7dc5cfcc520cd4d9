package upkeep

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"

	"trivium/core"
	"trivium/core/content"
)

// removers is how many rows of garbage are worked on at once, maxCounted how many that wait are counted.
const (
	removers   = 16
	maxCounted = 10_000
)

// Collect claims blobs that nothing refers to (S23) and deletes the shards of rows whose wait is over (S24).
// An error is the first that is not about one row alone; rows that failed stay queued.
func (r *Runner) Collect(ctx context.Context, opts CollectOptions) (Report, error) {
	r.collecting.Lock()
	defer r.collecting.Unlock()
	ctx = core.MakingRoom(ctx)
	var rep Report
	for {
		n, err := r.m.ReleaseLists(ctx, batch)
		if err != nil {
			return rep, fmt.Errorf("collect: %w", err)
		}
		if n == 0 {
			break
		}
	}
	for {
		n, err := r.claim(ctx)
		rep.Claimed += n
		if err != nil {
			return rep, fmt.Errorf("claim: %w", err)
		}
		if n < batch {
			break
		}
	}
	removed, err := r.remove(ctx, opts)
	if err != nil {
		return rep.add(removed), fmt.Errorf("collect: %w", err)
	}
	return rep.add(removed), nil
}

// claim turns up to batch blobs without references into garbage, in one transaction that checks again that
// nothing refers to them: afterwards dedup cannot find them.
func (r *Runner) claim(ctx context.Context) (int, error) {
	var found []core.Blob
	err := r.view(ctx, func(ctx context.Context, tx core.MetaTx) error {
		var err error
		found, err = tx.Unreferenced(ctx, batch)
		return err
	})
	if err != nil || len(found) == 0 {
		return 0, err
	}
	first, err := r.m.NextIDs(ctx, "gc", int64(len(found)))
	if err != nil {
		return 0, err
	}
	claimed := 0
	r.m.Hook("gc.claim.before")
	err = r.update(ctx, func(ctx context.Context, tx core.MetaTx) error {
		claimed = 0
		for i, f := range found {
			b, ok, err := tx.Blob(ctx, f.ID)
			if err != nil {
				return err
			}
			if !ok || b.Refs != 0 {
				continue
			}
			if err := r.claimBlob(ctx, tx, b, first+int64(i)); err != nil {
				return err
			}
			claimed++
		}
		return nil
	})
	r.m.Hook("gc.claim.after")
	return claimed, err
}

// claimBlob takes one blob out of the store.
func (r *Runner) claimBlob(ctx context.Context, tx core.MetaTx, b core.Blob, id int64) error {
	switch b.State {
	case core.BlobBuffered:
		if err := tx.DeleteInline(ctx, b.Buffer); err != nil {
			return err
		}
	case core.BlobPacked:
		if err := leavePack(ctx, tx, b); err != nil {
			return err
		}
	case core.BlobStored:
		now := r.m.Now()
		err := tx.QueueGarbage(ctx, core.Garbage{
			ID: id, Blob: b.ID, Layout: b.Layout, QueuedAt: now, NotBefore: now + int64(garbageWait),
		})
		if err = errors.Join(err, r.m.AddStored(ctx, tx, &b.Layout, -1)); err != nil {
			return err
		}
	}
	return tx.DeleteBlob(ctx, b.ID)
}

// leavePack takes a member out of its pack's counts.
func leavePack(ctx context.Context, tx core.MetaTx, b core.Blob) error {
	pack, ok, err := tx.Blob(ctx, b.Pack)
	if err != nil || !ok {
		return err
	}
	pack.Refs--
	pack.PackLive -= b.Size
	return tx.PutBlob(ctx, pack)
}

// remove deletes the shards of every row that is due.
func (r *Runner) remove(ctx context.Context, opts CollectOptions) (Report, error) {
	var rep Report
	due, after := r.m.Now(), int64(0)
	if opts.Now {
		due = math.MaxInt64
	}
	for {
		rows, err := r.garbage(ctx, due, after)
		if err != nil {
			return rep, err
		}
		if len(rows) == 0 {
			return rep, nil
		}
		after = rows[len(rows)-1].ID
		// Somebody else may have taken the spaces over since the last batch (S25).
		if err := r.m.CheckMarkers(ctx); err != nil {
			return rep, err
		}
		did, err := r.removeRows(ctx, rows)
		rep = rep.add(did)
		if err != nil {
			return rep, err
		}
	}
}

// garbage reads the next rows that are due.
func (r *Runner) garbage(ctx context.Context, due, after int64) (rows []core.Garbage, err error) {
	err = r.view(ctx, func(ctx context.Context, tx core.MetaTx) error {
		rows, err = tx.Garbage(ctx, core.GarbageQuery{Due: due, AfterID: after, Limit: batch})
		return err
	})
	return rows, err
}

// countLater counts rows whose time has not come, up to maxCounted.
func (r *Runner) countLater(ctx context.Context, due int64) (int, error) {
	n, after := 0, int64(0)
	for n < maxCounted {
		rows, err := r.garbage(ctx, maxTime, after)
		if err != nil || len(rows) == 0 {
			return n, err
		}
		for _, g := range rows {
			if g.NotBefore > due {
				n++
			}
		}
		after = rows[len(rows)-1].ID
	}
	return n, nil
}

// removeRows deletes the shards of rows, then those rows of which nothing is left.
func (r *Runner) removeRows(ctx context.Context, rows []core.Garbage) (Report, error) {
	// Every reader that begins after this point cannot find these blobs any more.
	claimed := r.m.Pins.Now()
	var rep Report
	var gone []int64
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, removers)
	for _, g := range rows {
		if !r.m.Pins.Clear(g.Blob, claimed) {
			rep.Waiting++
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			n, err := r.removeShards(ctx, g)
			mu.Lock()
			defer mu.Unlock()
			rep.Shards += n
			if err != nil {
				rep.Failed++
				r.m.Log.Warn("delete shards", "blob", g.Blob.String(), "err", err)
				return
			}
			rep.Blobs++
			gone = append(gone, g.ID)
		})
	}
	wg.Wait()
	if len(gone) == 0 {
		return rep, ctx.Err()
	}
	return rep, r.dropRows(ctx, gone)
}

// dropRows deletes rows of garbage.
func (r *Runner) dropRows(ctx context.Context, ids []int64) error {
	r.m.Hook("gc.commit.before")
	err := r.update(ctx, func(ctx context.Context, tx core.MetaTx) error {
		for _, id := range ids {
			if err := tx.DeleteGarbage(ctx, id); err != nil {
				return err
			}
		}
		return nil
	})
	r.m.Hook("gc.commit.after")
	return err
}

// removeShards deletes every shard that the row names and returns how many.
func (r *Runner) removeShards(ctx context.Context, g core.Garbage) (int, error) {
	n := 0
	var failed error
	for p := range g.Layout.Places() {
		if p.Space == 0 {
			continue
		}
		sp, ok := r.m.Spaces.Get(p.Space)
		if !ok {
			continue // the space was removed: what may be left there is not this store's any more
		}
		if err := r.m.Content.Remove(ctx, p.Space, content.ShardName(sp.WorkingDir, g.Blob, p)); err != nil {
			failed = joinStep(failed, err)
			continue
		}
		n++
	}
	return n, failed
}
