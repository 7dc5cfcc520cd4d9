package upkeep

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"trivium/core"
	"trivium/core/content"
)

// Drain moves the shards in spaces that are draining to others, and rebuilds those in spaces that were given up (S26). It
// looks through all blobs while such a space holds any; what cannot be moved now is tried again the next time.
func (r *Runner) Drain(ctx context.Context) (Report, error) {
	r.draining.Lock()
	defer r.draining.Unlock()
	var rep Report
	leaving, err := r.leaving(ctx)
	if err != nil || len(leaving) == 0 {
		return rep, err
	}
	var failed error
	for last := (content.BlobID{}); ; {
		var blobs []core.Blob
		err := r.view(ctx, func(ctx context.Context, tx core.MetaTx) error {
			blobs, err = tx.Blobs(ctx, last, batch)
			return err
		})
		if err != nil {
			return rep, fmt.Errorf("drain: %w", err)
		}
		for i := range blobs {
			last = blobs[i].ID
			if len(shardsIn(&blobs[i], leaving)) == 0 {
				continue
			}
			n, err := r.moveBlob(ctx, blobs[i].ID, leaving)
			rep.Moved += n
			if ctx.Err() != nil {
				return rep, ctx.Err()
			}
			if err != nil {
				rep.Failed++
				failed = err
			}
		}
		if len(blobs) < batch {
			break
		}
	}
	if rep.Moved > 0 {
		if _, err := r.leaving(ctx); err != nil { // drops what is empty now
			return rep, fmt.Errorf("drain: %w", err)
		}
	}
	if failed != nil {
		r.m.Log.Warn("drain: shards cannot be moved", "blobs", rep.Failed, "last", failed)
	}
	return rep, nil
}

// leaving returns the spaces that are draining or given up and hold something. Those that were given up and hold nothing
// any more are removed.
func (r *Runner) leaving(ctx context.Context) (ids []content.SpaceID, err error) {
	empty := false
	err = r.view(ctx, func(ctx context.Context, tx core.MetaTx) error {
		ids, empty = nil, false
		rows, err := tx.Spaces(ctx)
		if err != nil {
			return err
		}
		for i := range rows {
			if rows[i].State != "draining" && rows[i].State != core.SpaceLost {
				continue
			}
			use, err := core.SpaceUsage(ctx, tx, rows[i].ID)
			if err != nil {
				return err
			}
			if use.Objects > 0 {
				ids = append(ids, rows[i].ID)
			} else {
				empty = empty || rows[i].State == core.SpaceLost
			}
		}
		return nil
	})
	if err == nil && empty {
		err = r.m.DropLost(ctx)
	}
	return ids, err
}

// drainPause is how long a Drain that could move nothing is not repeated; twice as long after each further one, up to
// drainRest: each looks through all blobs.
const (
	drainPause = time.Minute
	drainRest  = time.Hour
)

// drainDue is Drain for Run: what cannot be moved is not tried over and over.
func (r *Runner) drainDue(ctx context.Context) error {
	if time.Now().Before(r.drainAfter) {
		return nil
	}
	rep, err := r.Drain(ctx)
	if rep.Failed == 0 || rep.Moved > 0 {
		r.drainWait = 0
		return err
	}
	r.drainWait = min(max(drainPause, 2*r.drainWait), drainRest)
	r.drainAfter = time.Now().Add(r.drainWait)
	return err
}

// shardsIn names the shards of a blob that lie in those spaces.
func shardsIn(b *core.Blob, spaces []content.SpaceID) []content.ShardRef {
	if b.State != core.BlobStored {
		return nil
	}
	var refs []content.ShardRef
	for p := range b.Layout.Places() {
		if slices.Contains(spaces, p.Space) {
			refs = append(refs, p.ShardRef)
		}
	}
	return refs
}

// moveBlob moves the shards of one blob out of spaces and returns how many.
func (r *Runner) moveBlob(ctx context.Context, id content.BlobID, leaving []content.SpaceID) (int, error) {
	r.placing.Lock()
	defer r.placing.Unlock()
	of, err := r.protect(ctx, id, func(context.Context, core.MetaTx) error { return nil })
	if err != nil || of == nil {
		return 0, err
	}
	refs := shardsIn(&of.blob, leaving)
	// A shard that cannot be read where it is, is rebuilt from others.
	moved, failed := r.m.Content.Move(ctx, of.blob.Blob, refs, r.m.Target(of.class).Spaces)
	n := len(refs)
	if failed != nil {
		n -= len(shardsIn(&core.Blob{Blob: moved, State: core.BlobStored}, leaving))
	}
	return n, errors.Join(failed, r.swap(ctx, of.blob, moved, nil))
}
