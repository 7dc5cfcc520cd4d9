package content

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// lateLeast keeps a scheduler's hiccup on fast spaces from being taken for a late read; lateUnknown is when a read
	// is late in spaces of which too little is known.
	lateLeast   = 20 * time.Millisecond
	lateUnknown = time.Second
	// A read that takes readPatience is hedged whatever that costs; one that takes readTimeout has failed.
	readPatience = 10 * time.Second
	readTimeout  = 2 * time.Minute
	// lateStripes is for how many stripes a shard that was overtaken is asked after others, its stream being closed.
	lateStripes = 8
)

// errTimeout is the failure of a read that takes readTimeout.
var errTimeout = errors.New("no answer in time")

// limit returns after which time a read is late.
func (r *stripes) limit() time.Duration {
	limit := max(r.p95, lateLeast)
	if n := len(r.came); n > 0 && 2*slices.Max(r.came) > limit {
		slices.Sort(r.came)
		limit = max(limit, 2*r.came[n/2])
	}
	return limit
}

// probe reads one shard of a space that is asked last, so that it is not so for ever. Nobody waits for it.
func (r *stripes) probe(ctx context.Context, stripe int) {
	for _, i := range r.queue {
		v := &r.rated[i]
		if !v.broken && v.slow <= 0 || stripe < r.streams[i].late || !r.idle(i) || !v.space.due() {
			continue
		}
		if r.room(1) && r.s.hedges.spend(1) {
			r.launch(ctx, stripe, i, time.Now()).probe = true
		}
		return
	}
}

// room sees to it that there is memory for n more blocks, unless others need it.
func (r *stripes) room(n int) bool {
	if n -= len(r.free); n <= 0 {
		return true
	}
	before := len(r.pieces)
	var ok bool
	r.pieces, ok = r.lane.try(r.pieces, n)
	r.free = append(r.free, r.pieces[before:]...)
	return ok
}

// wait returns when reads have ended or are late, and an error when the reader's context ends.
func (r *stripes) wait(ctx context.Context, stripe int, wanted []int) error {
	if r.ready(ctx, wanted) {
		return nil
	}
	var due time.Time
	for _, a := range r.flying {
		if a != nil && !a.probe && (due.IsZero() || a.due.Before(due)) {
			due = a.due
		}
	}
	if r.timer == nil {
		r.timer = time.NewTimer(time.Until(due))
	} else {
		r.timer.Reset(time.Until(due))
	}
	defer r.timer.Stop()
	select {
	case a := <-r.ended:
		r.end(ctx, a, wanted)
		r.ready(ctx, wanted)
	case <-ctx.Done():
		return fmt.Errorf("read segment %d: %w", r.segment, ctx.Err())
	case <-r.timer.C:
		for _, a := range r.flying {
			if a != nil && !a.probe && time.Until(a.due) <= 0 {
				r.overdue(ctx, stripe, a, wanted)
			}
		}
	}
	return nil
}

// ready takes all reads that have ended, and tells whether there were any.
func (r *stripes) ready(ctx context.Context, wanted []int) (some bool) {
	for ; ; some = true {
		select {
		case a := <-r.ended:
			r.end(ctx, a, wanted)
		default:
			return some
		}
	}
}

// overdue decides about a read that takes long.
func (r *stripes) overdue(ctx context.Context, stripe int, a *attempt, wanted []int) {
	age := time.Since(a.began)
	limit := r.limit()
	switch {
	case age >= readTimeout:
		if r.giveUp(ctx, a) {
			st := &r.streams[a.place.Index]
			st.err, st.dead = fmt.Errorf("read block %d: %w", stripe, errTimeout), true
		}
	case age >= readPatience:
		a.late, a.due = true, a.began.Add(readTimeout)
	case age < limit:
		a.due = a.began.Add(limit)
	case r.hedge(ctx, stripe, a, wanted):
		a.due = a.began.Add(max(readPatience, age))
	default:
		a.due = time.Now().Add(min(limit, readPatience-age))
	}
}

// hedge asks others in place of a late read, if there are any that may be faster, memory and a token. It tells
// whether the read needs no more looking after: that others were asked, or are on their way anyway.
func (r *stripes) hedge(ctx context.Context, stripe int, a *attempt, wanted []int) bool {
	a.late = true
	need, ok := r.need(wanted)
	need = slices.DeleteFunc(need, func(i int) bool { return r.flying[i] != nil })
	if !ok || len(need) == 0 {
		return true
	}
	for _, i := range need {
		v := &r.rated[i]
		if v.rank != rankGood || v.broken || v.slow > 0 && time.Duration(v.space.mean.Load()) > time.Since(a.began) {
			a.late = false
			return false
		}
	}
	if !r.room(len(need)) || !r.s.hedges.spend(len(need)) {
		a.late = false
		return false
	}
	for _, i := range need {
		r.launch(ctx, stripe, i, time.Now())
	}
	return true
}
