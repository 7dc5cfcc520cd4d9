package upkeep

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"trivium/core"
)

// convertsKnown is how many jobs of converting are looked at in a run.
const convertsKnown = 10_000

// Convert looks through buckets whose policy was changed, and writes content anew that does not lie where its bucket's
// policy wants it (S13). What fails is tried again after a while that grows.
func (r *Runner) Convert(ctx context.Context) (Report, error) {
	r.converting.Lock()
	defer r.converting.Unlock()
	var rep Report
	if err := r.reclass(ctx, &rep); err != nil {
		return rep, err
	}
	jobs, err := r.jobs(ctx, core.ConvertPrefix)
	if err != nil {
		return rep, err
	}
	known := make(map[string]bool, len(jobs))
	for _, j := range jobs {
		known[j.Name] = true
		if ctx.Err() != nil {
			return rep, ctx.Err()
		}
		if r.later[j.Name].After(time.Now()) {
			rep.Waiting++
			continue
		}
		var st core.ConvertState
		if err := json.Unmarshal(j.State, &st); err != nil {
			return rep, fmt.Errorf("job %s: %w", j.Name, err)
		}
		if err := r.m.Convert(ctx, j.Name, st); err != nil {
			rep.Failed++
			r.postponeConvert(j.Name)
			r.m.Log.Warn("convert", "object", st.ObjectID, "version", st.Version, "err", err)
			continue
		}
		rep.Converted++
	}
	for name := range r.later {
		if !known[name] {
			delete(r.later, name)
			delete(r.waits, name)
		}
	}
	return rep, nil
}

// postponeConvert gives a job a later turn: a minute after the first failure, doubling up to 6 hours.
func (r *Runner) postponeConvert(name string) {
	if r.later == nil {
		r.later, r.waits = make(map[string]time.Time), make(map[string]time.Duration)
	}
	wait := min(max(time.Minute, 2*r.waits[name]), 6*time.Hour)
	r.later[name], r.waits[name] = time.Now().Add(wait), wait
}

// reclass looks through the buckets whose policy was changed. One that fails does not hold up the others.
func (r *Runner) reclass(ctx context.Context, rep *Report) error {
	jobs, err := r.jobs(ctx, core.ReclassPrefix)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		var st core.ReclassState
		err := json.Unmarshal(j.State, &st)
		if err == nil {
			err = r.reclassBucket(ctx, st, rep)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			rep.Failed++
			r.m.Log.Warn("look through a bucket whose policy was changed", "job", j.Name, "err", err)
		}
	}
	return nil
}

// reclassBucket converts what it finds in one bucket, page by page.
func (r *Runner) reclassBucket(ctx context.Context, st core.ReclassState, rep *Report) error {
	for {
		page, err := r.m.Reclass(ctx, st)
		if err != nil {
			return err
		}
		failed := r.convertPage(ctx, page.Convert, rep)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := r.m.KeepReclass(ctx, &page, failed); err != nil || !page.More {
			return err
		}
		st = page.Next
	}
}

// convertPage converts versions and returns those that it could not.
func (r *Runner) convertPage(ctx context.Context, page []core.ConvertState, rep *Report) (failed []core.ConvertState) {
	for _, st := range page {
		if err := r.m.Convert(ctx, "", st); err != nil {
			rep.Failed++
			failed = append(failed, st)
			r.m.Log.Warn("convert", "object", st.ObjectID, "version", st.Version, "err", err)
			continue
		}
		rep.Converted++
	}
	return failed
}

// jobs returns the jobs whose names begin with prefix.
func (r *Runner) jobs(ctx context.Context, prefix string) (jobs []core.Job, err error) {
	err = r.view(ctx, func(ctx context.Context, tx core.MetaTx) error {
		jobs, err = tx.Jobs(ctx, prefix, convertsKnown)
		return err
	})
	return jobs, err
}
