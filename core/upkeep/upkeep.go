// Package upkeep keeps the store in order behind the doors' backs: it collects what nothing refers to, finds
// orphans, rebuilds lost shards, packs buffered blobs and sweeps what ended. Each work is a small step that
// can be called alone (tests, the command line) and is called in a loop by Run. Steps are safe to repeat and
// to kill at any point.
package upkeep

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"trivium/core"
	"trivium/core/content"
)

// Waits of storage.md S22 and S24.
const (
	garbageWait = time.Hour      // between the claim of a blob and the deletion of its shards
	orphanAge   = 24 * time.Hour // an orphan younger than this is left alone
	sightWait   = time.Hour      // between the two sightings of an orphan
	uploadIdle  = 7 * 24 * time.Hour
)

// batch is how many rows one transaction of the background touches.
const batch = 500

// Runner runs the works of one Service. All methods may be called concurrently; of each work only one run is
// under way at a time, others wait for it.
type Runner struct {
	m *core.Maintenance

	collecting, sighting, repairing, packing, sweeping, converting, draining sync.Mutex
	// placing is held while new generations are written and swapped in, and while orphans are judged and
	// deleted: a repair may write the very name that an earlier, killed one has left behind.
	placing sync.Mutex

	damaged map[content.BlobID]error // why the last Pack left buffered blobs; guarded by packing
	// later and waits are when a conversion that failed is tried again, and how long it waits; guarded by converting.
	later map[string]time.Time
	waits map[string]time.Duration
	// drainAfter is when Run drains again, drainWait how long it waited; of its goroutine alone.
	drainAfter time.Time
	drainWait  time.Duration
	held       map[int64]time.Time // when buckets were looked through that could not be emptied; by sweeping
}

// New makes a Runner. It starts nothing.
func New(m *core.Maintenance) *Runner { return &Runner{m: m} }

// Run calls every work at its interval until ctx ends and returns when the last step has ended. A failing step
// is logged and tried again at the next turn.
func (r *Runner) Run(ctx context.Context) {
	var wg sync.WaitGroup
	every := func(interval time.Duration, name string, step func(context.Context) error) {
		wg.Go(func() {
			tick := time.NewTicker(interval)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				if err := step(ctx); err != nil && ctx.Err() == nil {
					r.m.Log.Error("upkeep", "work", name, "err", err)
				}
			}
		})
	}
	every(time.Minute, "collect", func(ctx context.Context) error {
		_, err := r.Collect(ctx, CollectOptions{})
		return err
	})
	every(5*time.Second, "make room", r.makeRoom)
	every(24*time.Hour, "orphans", func(ctx context.Context) error {
		_, err := r.Orphans(ctx, CollectOptions{})
		return err
	})
	every(10*time.Second, "repair", func(ctx context.Context) error {
		_, err := r.Repair(ctx)
		return err
	})
	every(10*time.Second, "convert", func(ctx context.Context) error {
		_, err := r.Convert(ctx)
		return err
	})
	every(10*time.Second, "drain", func(ctx context.Context) error {
		return r.drainDue(ctx)
	})
	every(time.Minute, "scrub", func(ctx context.Context) error {
		return r.scrubDue(ctx, ScrubOptions{Shards: shardsPerSecond})
	})
	every(time.Minute, "deep scrub", func(ctx context.Context) error {
		return r.scrubDue(ctx, ScrubOptions{Deep: true, Shards: shardsPerSecond, Bytes: bytesPerSecond})
	})
	every(5*time.Second, "pack", func(ctx context.Context) error {
		_, err := r.Pack(ctx)
		return err
	})
	every(time.Minute, "sweep", func(ctx context.Context) error {
		_, err := r.sweep(ctx, heldRest)
		return err
	})
	wg.Wait()
}

// Queues returns how many rows wait in the queues of garbage and of repairs; limit stands for it and more.
func (r *Runner) Queues(ctx context.Context, limit int) (garbage, repairs int, err error) {
	err = r.view(ctx, func(ctx context.Context, tx core.MetaTx) error {
		g, err := tx.Garbage(ctx, core.GarbageQuery{Due: math.MaxInt64, AfterID: math.MinInt64, Limit: limit})
		if err != nil {
			return err
		}
		rows, err := tx.Repairs(ctx, core.RepairQuery{Due: math.MaxInt64, Limit: limit})
		garbage, repairs = len(g), len(rows)
		return err
	})
	return garbage, repairs, err
}

// makeRoom collects without the wait of an hour while the disk is below its reserve (S20): deleting must help.
func (r *Runner) makeRoom(ctx context.Context) error {
	if r.m.Reserve() == nil {
		return nil
	}
	_, err := r.Collect(ctx, CollectOptions{Now: true})
	return err
}

// Report counts what a work did.
type Report struct {
	Claimed   int   // blobs that nothing referred to any more, now queued
	Blobs     int   // queued blobs whose shards are deleted
	Shards    int   // shards deleted, orphans included
	Orphans   int   // orphans deleted
	Sighted   int   // orphans seen for the first time
	Waiting   int   // queued blobs that still have to wait: time, open readers, a space that does not answer
	Repaired  int   // shards rebuilt
	Moved     int   // shards moved out of spaces that are drained
	Converted int   // versions whose content was written anew for another policy
	Packed    int   // buffered blobs packed
	Swept     int   // uploads aborted and buckets emptied
	Failed    int   // steps that failed; they stay queued
	Bytes     int64 // packed
}

// add sums up two reports.
func (p Report) add(q Report) Report {
	p.Claimed += q.Claimed
	p.Blobs += q.Blobs
	p.Shards += q.Shards
	p.Orphans += q.Orphans
	p.Sighted += q.Sighted
	p.Waiting += q.Waiting
	p.Repaired += q.Repaired
	p.Moved += q.Moved
	p.Converted += q.Converted
	p.Packed += q.Packed
	p.Swept += q.Swept
	p.Failed += q.Failed
	p.Bytes += q.Bytes
	return p
}

// CollectOptions modify Collect and Orphans.
type CollectOptions struct {
	// Now skips the waits of S22 and S24: 1 h in the queue, 24 h and the second sighting of an orphan. Open
	// readers are respected all the same, and so is the incarnation of every running process.
	Now bool
}

// All runs sweep, collect and orphans once: what `trivium gc` does.
func (r *Runner) All(ctx context.Context, opts CollectOptions) (Report, error) {
	var sum Report
	for _, work := range []func(context.Context) (Report, error){
		r.Sweep,
		func(ctx context.Context) (Report, error) { return r.Collect(ctx, opts) },
		func(ctx context.Context) (Report, error) { return r.Orphans(ctx, opts) },
	} {
		rep, err := work(ctx)
		sum = sum.add(rep)
		if err != nil {
			return sum, err
		}
	}
	if opts.Now {
		return sum, nil
	}
	later, err := r.countLater(ctx, r.m.Now())
	sum.Waiting += later
	return sum, err
}

// view runs fn in a View; update in an Update that is fenced by this process's lease (S16).
func (r *Runner) view(ctx context.Context, fn func(context.Context, core.MetaTx) error) error {
	return r.m.Meta.View(ctx, fn)
}

func (r *Runner) update(ctx context.Context, fn func(context.Context, core.MetaTx) error) error {
	return r.m.Meta.Update(core.MakingRoom(ctx), func(ctx context.Context, tx core.MetaTx) error {
		if err := r.m.CheckWriter(ctx, tx); err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}

// joinStep keeps a first error of many independent steps.
func joinStep(all, err error) error {
	if all == nil {
		return err
	}
	if err == nil || errors.Is(all, err) {
		return all
	}
	return errors.Join(all, err)
}
