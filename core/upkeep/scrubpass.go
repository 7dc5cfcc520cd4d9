package upkeep

import (
	"context"
	"encoding/json"
	"math"
	"time"

	"trivium/core"
	"trivium/core/content"
)

// When the background looks at shards (S26).
const (
	presenceEvery = 24 * time.Hour      // from the start of a pass to that of the next
	deepEvery     = 14 * 24 * time.Hour // so that a pass may take as long and everything is read within 30 days
)

// How fast it does: 43 million shards a day, 37 TiB in two weeks.
const (
	shardsPerSecond = 500
	bytesPerSecond  = 32 << 20
)

// scrubState is how far the passes of the background are: what their rows keep.
type scrubState struct {
	Start int64           `json:"start"` // of the pass that runs, or ran last
	End   int64           `json:"end"`   // 0: it runs
	After *content.BlobID `json:"after,omitempty"`
	Found Scrubbed        `json:"found"`
}

// scrubJob names the row of a pass.
func scrubJob(deep bool) string {
	if deep {
		return "scrub/deep"
	}
	return "scrub/presence"
}

// scrubDue goes on with a pass of the background, or begins the next one if it is time; it returns when the pass is
// through or ctx ends. A pass that was cut goes on behind the last blob that was looked at.
func (r *Runner) scrubDue(ctx context.Context, opts ScrubOptions) error {
	p := newPace(r, opts)
	for {
		more, err := r.scrubStep(ctx, opts.Deep, p)
		if err != nil || !more {
			return err
		}
	}
}

// scrubStep is one page of a pass of the background; more: the pass goes on.
func (r *Runner) scrubStep(ctx context.Context, deep bool, p *pace) (more bool, err error) {
	st, known, err := r.scrubState(ctx, deep)
	if err != nil {
		return false, err
	}
	now, every := r.m.Now(), int64(presenceEvery)
	if deep {
		every = int64(deepEvery)
	}
	switch {
	case !known && deep: // a new store has nothing to read yet
		return false, r.putScrub(ctx, deep, scrubState{Start: now, End: now})
	case !known, st.End != 0 && now-st.Start >= every:
		st = scrubState{Start: now}
	case st.End != 0:
		return false, nil
	}
	var after content.BlobID
	if st.After != nil {
		after = *st.After
	}
	began := st.Start
	next, more, err := r.scrubFrom(ctx, after, p, st.Found.add)
	if err != nil {
		return false, err
	}
	if st.After = &next; !more {
		st.End, st.After = r.m.Now(), nil
		r.logScrub(deep, &st)
	}
	// A pass that somebody asked for may have come through meanwhile: this one is over then.
	if now, _, err := r.scrubState(ctx, deep); err != nil || now.Start > began {
		return false, err
	}
	return more, r.putScrub(ctx, deep, st)
}

// logScrub says what a pass has found.
func (r *Runner) logScrub(deep bool, st *scrubState) {
	f := &st.Found
	args := []any{
		"deep", deep, "blobs", f.Blobs, "shards", f.Checked, "missing", f.Missing, "corrupt", f.Corrupt, "unsure", f.Unsure, "lost", f.Lost,
		"took", time.Duration(st.End - st.Start).Round(time.Second),
	}
	if f.Missing+f.Corrupt > 0 {
		r.m.Log.Warn("scrub", args...)
		return
	}
	r.m.Log.Info("scrub", args...)
}

// scrubState reads the row of a pass.
func (r *Runner) scrubState(ctx context.Context, deep bool) (st scrubState, known bool, err error) {
	var job core.Job
	err = r.view(ctx, func(ctx context.Context, tx core.MetaTx) error {
		job, known, err = tx.Job(ctx, scrubJob(deep))
		return err
	})
	if err != nil || !known {
		return st, false, err
	}
	if err := json.Unmarshal(job.State, &st); err != nil {
		return scrubState{}, false, nil // what cannot be read is begun anew
	}
	return st, true, nil
}

// putScrub writes the row of a pass.
func (r *Runner) putScrub(ctx context.Context, deep bool, st scrubState) error {
	state, err := json.Marshal(st)
	if err != nil {
		return err
	}
	return r.update(ctx, func(ctx context.Context, tx core.MetaTx) error {
		return tx.PutJob(ctx, core.Job{Name: scrubJob(deep), State: state, UpdateTime: r.m.Now()})
	})
}

// Pass is how far a pass of the background is, or how the last one ended.
type Pass struct {
	Deep  bool
	Start time.Time
	End   time.Time // zero: it runs
	Found Scrubbed  // until now
}

// Passes returns those that ever began: that of presence, then the deep one.
func (r *Runner) Passes(ctx context.Context) ([]Pass, error) {
	var all []Pass
	for _, deep := range []bool{false, true} {
		st, known, err := r.scrubState(ctx, deep)
		if err != nil {
			return nil, err
		}
		if !known {
			continue
		}
		p := Pass{Deep: deep, Start: time.Unix(0, st.Start).UTC(), Found: st.Found}
		if st.End != 0 {
			p.End = time.Unix(0, st.End).UTC()
		}
		all = append(all, p)
	}
	return all, nil
}

// Degraded counts the blobs of which shards are queued for repair, in as many rows of the queue as limit.
func (r *Runner) Degraded(ctx context.Context, limit int) (int, error) {
	blobs := make(map[content.BlobID]bool)
	err := r.view(ctx, func(ctx context.Context, tx core.MetaTx) error {
		clear(blobs)
		rows, err := tx.Repairs(ctx, core.RepairQuery{Due: math.MaxInt64, Limit: limit})
		for _, row := range rows {
			blobs[row.Blob] = true
		}
		return err
	})
	return len(blobs), err
}
