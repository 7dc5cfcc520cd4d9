package upkeep

import (
	"context"
	"fmt"
	"time"

	"trivium/core"
)

const (
	// sweepLimit is how many rows of a bucket one step of Sweep looks at.
	sweepLimit = 1000
	// heldRest is how long the background leaves a bucket alone that it could not empty: it has to look at every row.
	heldRest = time.Hour
)

// Sweep aborts native uploads and S3 uploads nobody touched for 7 days and empties buckets that are marked for
// deletion, one after the other. What one of them fails with keeps it from none of the others; the first such error is
// returned.
func (r *Runner) Sweep(ctx context.Context) (Report, error) { return r.sweep(ctx, 0) }

// sweep is Sweep without the buckets that could not be emptied less than rest ago.
func (r *Runner) sweep(ctx context.Context, rest time.Duration) (Report, error) {
	r.sweeping.Lock()
	defer r.sweeping.Unlock()
	ctx = core.MakingRoom(ctx)
	rep, err := r.idleUploads(ctx)
	if err != nil {
		return rep, fmt.Errorf("sweep: %w", err)
	}
	n, err := r.locks(ctx)
	rep.Swept += n
	if err != nil {
		return rep, err
	}
	doomed, err := r.m.Doomed(ctx)
	if err != nil {
		return rep, fmt.Errorf("sweep: %w", err)
	}
	held := make(map[int64]time.Time)
	for _, id := range doomed {
		if at, ok := r.held[id]; ok && time.Since(at) < rest {
			held[id] = at
			continue
		}
		n, stays, failed := r.sweepBucket(ctx, id)
		rep.Swept += n
		if stays {
			held[id] = time.Now()
		}
		if failed != nil && err == nil {
			err = fmt.Errorf("sweep: %w", failed)
		}
		if ctx.Err() != nil {
			return rep, err
		}
	}
	r.held = held
	return rep, err
}

// sweepBucket goes through a bucket once and returns how many rows it removed, and whether something is held.
func (r *Runner) sweepBucket(ctx context.Context, id int64) (removed int, held bool, err error) {
	var at core.SweepPlace
	for {
		step, err := r.m.SweepBucket(ctx, id, at, sweepLimit)
		removed += step.Removed
		if err != nil || step.Over {
			return removed, step.Held, err
		}
		if err := ctx.Err(); err != nil {
			return removed, false, err
		}
		at = step.Next
	}
}

// locks removes those that have expired.
func (r *Runner) locks(ctx context.Context) (removed int, err error) {
	for {
		n, err := r.m.SweepLocks(ctx)
		removed += n
		if err != nil || n == 0 {
			return removed, err
		}
	}
}

// idleUploads aborts uploads without activity.
func (r *Runner) idleUploads(ctx context.Context) (Report, error) {
	before := r.m.Now() - int64(uploadIdle)
	var rep Report
	for {
		var idle []core.Upload
		err := r.view(ctx, func(ctx context.Context, tx core.MetaTx) error {
			var err error
			idle, err = tx.IdleUploads(ctx, before, batch)
			return err
		})
		if err != nil {
			return rep, err
		}
		n := 0
		for _, u := range idle {
			aborted, err := r.m.AbortIdle(ctx, u, before)
			if err != nil {
				return rep, err
			}
			if aborted {
				n++
			}
		}
		rep.Swept += n
		if n < batch {
			return rep, nil
		}
	}
}
