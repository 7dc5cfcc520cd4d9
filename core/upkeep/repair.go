package upkeep

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"trivium/core"
	"trivium/core/content"
)

// Repair rebuilds the shards that due rows of repair_queue name, if they are missing or damaged indeed, blob by
// blob. A blob that cannot be repaired now stays queued with a growing wait.
func (r *Runner) Repair(ctx context.Context) (Report, error) {
	r.repairing.Lock()
	defer r.repairing.Unlock()
	var rows []core.RepairRow
	err := r.view(ctx, func(ctx context.Context, tx core.MetaTx) error {
		var err error
		rows, err = tx.Repairs(ctx, core.RepairQuery{Due: r.m.Now(), Limit: batch})
		return err
	})
	if err != nil {
		return Report{}, fmt.Errorf("repair: %w", err)
	}
	return r.repairRows(ctx, rows)
}

// repairRows works rows off, blob by blob.
func (r *Runner) repairRows(ctx context.Context, rows []core.RepairRow) (Report, error) {
	byBlob := make(map[content.BlobID][]core.RepairRow)
	for _, row := range rows {
		byBlob[row.Blob] = append(byBlob[row.Blob], row)
	}
	var rep Report
	for id, of := range byBlob {
		n, err := r.repairBlob(ctx, id, of)
		rep.Repaired += n
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return rep, ctx.Err()
		}
		rep.Failed++
		r.m.Log.Warn("repair", "blob", id.String(), "err", err)
		if err := r.postpone(ctx, of, err); err != nil {
			return rep, fmt.Errorf("repair: %w", err)
		}
	}
	return rep, nil
}

// repairJob names the row that protects what a repair writes until it is swapped in (S16).
func repairJob(id content.BlobID) string { return "repair/" + id.String() }

// repairBlob rebuilds the shards of one blob and swaps the new layout in.
func (r *Runner) repairBlob(ctx context.Context, id content.BlobID, rows []core.RepairRow) (int, error) {
	r.placing.Lock()
	defer r.placing.Unlock()
	of, err := r.protect(ctx, id, func(ctx context.Context, tx core.MetaTx) error { return dropRepairs(ctx, tx, rows) })
	if err != nil || of == nil {
		return 0, err
	}
	b := of.blob
	refs := make([]content.ShardRef, len(rows))
	for i, row := range rows {
		refs[i] = content.ShardRef{Segment: row.Segment, Index: row.Index}
	}
	// A read that failed once may have met a space in trouble: what is intact now needs no repair.
	lost, unsure := r.m.Content.CheckShards(ctx, b.Blob, refs)
	rebuilt, failed := r.m.Content.Repair(ctx, b.Blob, lost, r.m.Target(of.class).Spaces)
	failed = errors.Join(unsure, failed)
	if failed == nil {
		r.m.Hook("repair.commit.before")
		defer r.m.Hook("repair.commit.after")
		return len(lost), r.swap(ctx, b, rebuilt, rows)
	}
	return 0, errors.Join(failed, r.swap(ctx, b, rebuilt, nil))
}

// renewed is a blob of which shards are written anew, with its class.
type renewed struct {
	blob  core.Blob
	class core.Class
}

// protect reads a blob of which shards are to be written anew and leaves a job that protects them until they are swapped
// in (S16). It returns nil, and has called gone, when the blob is not stored any more.
func (r *Runner) protect(ctx context.Context, id content.BlobID, gone func(context.Context, core.MetaTx) error) (*renewed, error) {
	var of *renewed
	err := r.update(ctx, func(ctx context.Context, tx core.MetaTx) error {
		of = nil
		b, found, err := tx.Blob(ctx, id)
		if err != nil {
			return err
		}
		if !found || b.State != core.BlobStored {
			return gone(ctx, tx)
		}
		class, _, err := tx.Class(ctx, b.Class)
		if err != nil {
			return err
		}
		of = &renewed{b, class}
		return tx.PutJob(ctx, core.Job{Name: repairJob(id), Incarnation: r.m.Incarnation, UpdateTime: r.m.Now()})
	})
	return of, err
}

// swap puts the rebuilt layout in place of the one that was read, if that is still the blob's, drops the rows that
// are worked off and queues the shards that nothing names any more.
func (r *Runner) swap(ctx context.Context, old core.Blob, rebuilt content.Blob, done []core.RepairRow) error {
	first, err := r.m.NextIDs(ctx, "gc", 1)
	if err != nil {
		return err
	}
	return r.update(ctx, func(ctx context.Context, tx core.MetaTx) error {
		b, ok, err := tx.Blob(ctx, old.ID)
		if err != nil {
			return err
		}
		won := ok && reflect.DeepEqual(b.Layout, old.Layout)
		gone := content.Superseded(rebuilt.Layout, old.Layout)
		switch {
		case won:
			gone = content.Superseded(old.Layout, rebuilt.Layout)
			b.Layout = rebuilt.Layout
			err = errors.Join(r.m.MoveStored(ctx, tx, &old.Layout, &rebuilt.Layout), tx.PutBlob(ctx, b))
		case ok: // the layout that won may name the same shards
			gone = content.Superseded(rebuilt.Layout, b.Layout)
		}
		if err != nil {
			return err
		}
		if won || !ok {
			if err := dropRepairs(ctx, tx, done); err != nil {
				return err
			}
		}
		if err := r.queueSuperseded(ctx, tx, old.ID, gone, first); err != nil {
			return err
		}
		return tx.DeleteJob(ctx, repairJob(old.ID))
	})
}

// queueSuperseded queues shards of a blob that lives on.
func (r *Runner) queueSuperseded(ctx context.Context, tx core.MetaTx, id content.BlobID, gone content.Layout, gc int64) error {
	if len(gone.Exceptions) == 0 {
		return nil
	}
	now := r.m.Now()
	return tx.QueueGarbage(ctx, core.Garbage{
		ID: gc, Blob: id, Layout: gone, QueuedAt: now, NotBefore: now + int64(garbageWait),
	})
}

// dropRepairs removes rows that are worked off.
func dropRepairs(ctx context.Context, tx core.MetaTx, rows []core.RepairRow) error {
	for _, row := range rows {
		if err := tx.DeleteRepair(ctx, row.Blob, row.Segment, row.Index); err != nil {
			return err
		}
	}
	return nil
}

// postpone gives rows a later turn: 1 minute after the first failure, doubling up to 6 hours.
func (r *Runner) postpone(ctx context.Context, rows []core.RepairRow, cause error) error {
	return r.update(ctx, func(ctx context.Context, tx core.MetaTx) error {
		for _, row := range rows {
			wait := min(time.Minute<<min(row.Attempts, 16), 6*time.Hour)
			row.Attempts++
			row.NotBefore = r.m.Now() + int64(wait)
			row.LastError = cause.Error()
			if err := tx.PutRepair(ctx, row); err != nil {
				return err
			}
		}
		return tx.DeleteJob(ctx, repairJob(rows[0].Blob))
	})
}
