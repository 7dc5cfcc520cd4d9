package upkeep

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"trivium/core"
	"trivium/core/content"
	"trivium/drivers"
)

// sightBatch is how many names are judged at once. Repairs wait meanwhile.
const sightBatch = 100

// maxSighted bounds the rows that remember orphans seen once; beyond it an orphan waits for a later run.
// sightKept is how long such a row counts: what was not seen again in that time is gone.
const (
	maxSighted = 10_000
	sightKept  = 72 * time.Hour
)

// shard is one name found in a space.
type shard struct {
	name    string
	blob    content.BlobID
	place   content.Place
	modTime time.Time
}

// Orphans lists every space and deletes shards that no layout, no row of garbage and no running job names and
// whose writer is dead (S22): those of killed processes. An orphan has to be 24 h old and seen twice, unless
// opts.Now. Names that are not shards are never touched, but for that of a probe which was not taken back.
func (r *Runner) Orphans(ctx context.Context, opts CollectOptions) (Report, error) {
	r.sighting.Lock()
	defer r.sighting.Unlock()
	var rep Report
	failed := r.forgetOld(ctx)
	for _, sp := range r.m.Spaces.All() {
		if sp.State == content.Down {
			continue
		}
		one, err := r.orphansIn(ctx, sp, opts)
		rep = rep.add(one)
		if err != nil {
			rep.Failed++
			failed = joinStep(failed, fmt.Errorf("orphans in space %d: %w", sp.ID, err))
		}
	}
	return rep, failed
}

// orphansIn works through one space in batches of names.
func (r *Runner) orphansIn(ctx context.Context, sp content.Space, opts CollectOptions) (Report, error) {
	var rep Report
	probed := false
	names := make([]shard, 0, sightBatch)
	flush := func() error {
		one, err := r.orphansAmong(ctx, sp, names, opts)
		rep = rep.add(one)
		names = names[:0]
		return err
	}
	for info, err := range sp.Driver.List(ctx, content.ShardPrefix(sp.WorkingDir), drivers.ListOptions{Recursive: true}) {
		if err != nil {
			return rep, err
		}
		if info.Name == content.ProbeName(sp.WorkingDir) && !info.IsDir {
			probed = true
			continue
		}
		id, place, err := content.ParseName(sp.WorkingDir, info.Name)
		if info.IsDir || err != nil || id.Incarnation == r.m.Incarnation {
			continue
		}
		place.Space = sp.ID
		if names = append(names, shard{info.Name, id, place, info.ModTime}); len(names) == sightBatch {
			if err := flush(); err != nil {
				return rep, err
			}
		}
	}
	err := flush()
	if probed {
		err = joinStep(err, r.removeProbe(ctx, sp))
	}
	return rep, err
}

// removeProbe deletes what a process that died between the steps of a probe left, or one that is at it now, which does
// not miss it.
func (r *Runner) removeProbe(ctx context.Context, sp content.Space) error {
	if err := r.m.CheckMarkers(ctx); err != nil {
		return err
	}
	return r.m.Content.Remove(ctx, sp.ID, content.ProbeName(sp.WorkingDir))
}

// orphansAmong deletes, or notes the first sighting of, the orphans among names.
func (r *Runner) orphansAmong(ctx context.Context, sp content.Space, names []shard, opts CollectOptions) (Report, error) {
	var rep Report
	if len(names) == 0 {
		return rep, nil
	}
	r.placing.Lock()
	defer r.placing.Unlock()
	var orphans []shard
	err := r.view(ctx, func(ctx context.Context, tx core.MetaTx) error {
		orphans = orphans[:0]
		for _, n := range names {
			orphan, err := isOrphan(ctx, tx, n)
			if err != nil {
				return err
			}
			if orphan {
				orphans = append(orphans, n)
			}
		}
		return nil
	})
	if err != nil || len(orphans) == 0 {
		return rep, err
	}
	ripe := orphans
	if !opts.Now {
		if ripe, rep.Sighted, err = r.sight(ctx, sp, orphans); err != nil {
			return rep, err
		}
	}
	if err := r.m.CheckMarkers(ctx); err != nil {
		return rep, err
	}
	gone, failed := r.removeOrphans(ctx, sp, ripe)
	rep.Orphans, rep.Shards = len(gone), len(gone)
	return rep, joinStep(failed, r.forget(ctx, sp, gone))
}

// removeOrphans deletes names, several at once, and returns those that are gone with the first failure.
func (r *Runner) removeOrphans(ctx context.Context, sp content.Space, orphans []shard) (gone []shard, failed error) {
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(removers)
	for _, n := range orphans {
		group.Go(func() error {
			err := r.m.Content.Remove(ctx, sp.ID, n.name)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				gone = append(gone, n)
			}
			return err
		})
	}
	failed = group.Wait()
	return gone, failed
}

// isOrphan tells whether nothing names the shard and nobody can come to name it.
func isOrphan(ctx context.Context, tx core.MetaTx, n shard) (bool, error) {
	// A process that this store knows nothing of may be alive, on another copy of the store (S25).
	if l, known, err := tx.Lease(ctx, n.blob.Incarnation); err != nil || !known || !l.Dead {
		return false, err
	}
	b, ok, err := tx.Blob(ctx, n.blob)
	if err != nil || ok && names(&b.Layout, n.place) {
		return false, err
	}
	rows, err := tx.Garbage(ctx, core.GarbageQuery{Due: maxTime, Blob: n.blob, Limit: batch})
	if err != nil {
		return false, err
	}
	for i := range rows {
		if names(&rows[i].Layout, n.place) {
			return false, nil
		}
	}
	// A repair writes a new generation of a blob that a dead process wrote.
	jobs, err := tx.Jobs(ctx, repairJob(n.blob), 1)
	if err != nil || len(jobs) == 0 {
		return err == nil, err
	}
	alive, err := writerAlive(ctx, tx, jobs[0].Incarnation)
	return !alive, err
}

// maxTime is later than any time of a row.
const maxTime = int64(1<<63 - 1)

// writerAlive tells whether that process may still commit. One without a lease may not.
func writerAlive(ctx context.Context, tx core.MetaTx, incarnation uint64) (bool, error) {
	l, ok, err := tx.Lease(ctx, incarnation)
	return ok && !l.Dead, err
}

// names tells whether the layout has the shard exactly there.
func names(l *content.Layout, p content.Place) bool {
	return p.Segment < l.Segments() && p.Index < len(l.Base) && l.Place(p.Segment, p.Index) == p
}

// sight returns the orphans that are old enough and were seen before, and notes the others.
func (r *Runner) sight(ctx context.Context, sp content.Space, orphans []shard) (ripe []shard, sighted int, err error) {
	now := r.m.Now()
	err = r.update(ctx, func(ctx context.Context, tx core.MetaTx) error {
		ripe, sighted = nil, 0
		known, err := tx.Jobs(ctx, "orphan/", maxSighted)
		if err != nil {
			return err
		}
		for _, n := range orphans {
			j, seen, err := tx.Job(ctx, sightJob(sp, n))
			switch {
			case err != nil:
				return err
			case seen && j.UpdateTime <= now-int64(sightWait) && n.modTime.UnixNano() <= now-int64(orphanAge):
				ripe = append(ripe, n)
			case !seen && len(known)+sighted < maxSighted:
				sighted++
				if err := tx.PutJob(ctx, core.Job{Name: sightJob(sp, n), UpdateTime: now}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return ripe, sighted, err
}

// forget removes the notes about deleted orphans, if there are any.
func (r *Runner) forget(ctx context.Context, sp content.Space, gone []shard) error {
	if len(gone) == 0 {
		return nil
	}
	return r.update(ctx, func(ctx context.Context, tx core.MetaTx) error {
		for _, n := range gone {
			if err := tx.DeleteJob(ctx, sightJob(sp, n)); err != nil {
				return err
			}
		}
		return nil
	})
}

// forgetOld removes notes about orphans that were not seen again for days: somebody else has deleted them.
func (r *Runner) forgetOld(ctx context.Context) error {
	return r.update(ctx, func(ctx context.Context, tx core.MetaTx) error {
		notes, err := tx.Jobs(ctx, "orphan/", maxSighted)
		if err != nil {
			return err
		}
		for _, j := range notes {
			if j.UpdateTime > r.m.Now()-int64(sightKept) {
				continue
			}
			if err := tx.DeleteJob(ctx, j.Name); err != nil {
				return err
			}
		}
		return nil
	})
}

// sightJob names the note about an orphan.
func sightJob(sp content.Space, n shard) string {
	return "orphan/" + strconv.FormatInt(int64(sp.ID), 10) + "/" + n.name
}
