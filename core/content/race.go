package content

import (
	"context"
	"slices"
	"sync/atomic"
	"time"
)

// attempt is the read of one block of one shard by a goroutine of its own, to which stream and memory belong until it
// has ended. Whoever sets settled first decides what comes then: the goroutine hands everything back to the source, or,
// when the source has given the attempt up, cleans up itself, as soon as the driver lets go.
type attempt struct {
	view
	place   Place
	stripe  int
	lane    *lane
	buf     *piece
	st      stream
	settled atomic.Bool

	block []byte
	err   error
	spent time.Duration
	space *speed

	// The rest is the source's.
	cancel context.CancelFunc
	began  time.Time
	due    time.Time // when it is to be looked at
	opens  bool      // the stream begins with it
	probe  bool      // nobody waits for it
	late   bool      // others were asked instead
}

// run reads the block and sends the attempt to ended, which never blocks.
func (a *attempt) run(ctx context.Context, ended chan<- *attempt) {
	a.block, a.err = a.tryBlock(ctx, &a.st, a.place, a.stripe, a.buf)
	a.spent = time.Since(a.began)
	if a.settled.CompareAndSwap(false, true) {
		ended <- a
		return
	}
	a.st.close()
	a.lane.release([]*piece{a.buf})
	a.space.returned()
	a.s.late.Done()
}

// contest is the reading of one stripe of several shards at once, as few as suffice, until the first that suffice are
// there. It is kept from stripe to stripe for its memory.
type contest struct {
	rated  []rating
	queue  []int      // shards that may be read, best first
	flying []*attempt // by index
	spare  []*attempt // by index, to be used again
	list   []int      // of need
	ended  chan *attempt
	came   []time.Duration // of this stripe
	extras int             // blocks that came and are not wanted themselves
	p95    time.Duration   // of the spaces, their median
	timer  *time.Timer
}

// done ends all reads for good.
func (r *stripes) done() {
	r.close()
	if r.contest != nil {
		r.s.contests.Put(r.contest)
		r.contest = nil
	}
}

// race reads the wanted blocks of a stripe into have, or others of which they can be rebuilt: those of the fastest
// spaces, and further ones for those that fail or are late. What is late when others have come is given up.
func (r *stripes) race(ctx context.Context, stripe int, wanted []int) error {
	if r.contest == nil {
		if r.contest, _ = r.s.contests.Get().(*contest); r.contest == nil {
			r.contest = &contest{}
		}
	}
	r.rate(stripe)
	defer r.settle(ctx)
	for first := true; ; first = false {
		need, ok := r.need(wanted)
		if !ok {
			return r.failure(ctx, stripe)
		}
		if len(need) == 0 {
			return nil
		}
		r.launchAll(ctx, stripe, need, first)
		if err := r.wait(ctx, stripe, wanted); err != nil {
			return err
		}
	}
}

// launchAll starts those reads that are needed and not on their way, the last of them in this goroutine if that does
// not risk anything. At first it looks for a probe as well.
func (r *stripes) launchAll(ctx context.Context, stripe int, need []int, first bool) {
	last, now := -1, time.Now()
	for _, i := range need {
		if r.flying[i] != nil {
			r.flying[i].probe = false // from now on somebody waits for it
			continue
		}
		if last >= 0 {
			r.launch(ctx, stripe, last, now)
		}
		last = i
	}
	if last < 0 {
		return
	}
	r.take(last)
	a, own := r.attempt(ctx, stripe, last, now)
	if first {
		r.probe(ctx, stripe)
	}
	space := a.space // a may be used again once it has run
	if !space.fast() {
		go a.run(own, r.ended)
		return
	}
	entered := space.enter()
	a.run(own, r.ended)
	space.leave(entered)
}

// launch starts the read of a shard.
func (r *stripes) launch(ctx context.Context, stripe, index int, now time.Time) *attempt {
	r.take(index)
	a, own := r.attempt(ctx, stripe, index, now)
	go a.run(own, r.ended)
	return a
}

// attempt prepares the read of a shard that has memory; it is run with the context returned.
func (r *stripes) attempt(ctx context.Context, stripe, index int, now time.Time) (*attempt, context.Context) {
	st := &r.streams[index]
	if st.rc != nil && (st.next != stripe || st.cancel == nil) {
		st.close() // what fast has opened could not be left behind
	}
	a := r.spare[index]
	if a == nil {
		a = &attempt{}
	}
	r.spare[index] = nil
	a.settled.Store(false)
	a.view, a.place, a.stripe = r.view, r.layout.Place(r.segment, index), stripe
	a.lane, a.buf, a.space = r.lane, r.bufs[index], r.rated[index].space
	a.opens, a.probe, a.late = st.rc == nil, false, false
	if a.opens {
		ctx, st.cancel = context.WithCancel(ctx)
	}
	a.st, a.cancel = *st, st.cancel
	st.rc, st.cancel = nil, nil
	a.began, a.due = now, now.Add(r.limit())
	r.flying[index] = a
	r.s.hedges.earn()
	return a, ctx
}

// end takes stream and memory of a read that has ended.
func (r *stripes) end(ctx context.Context, a *attempt, wanted []int) {
	i := a.place.Index
	r.flying[i], r.spare[i] = nil, a
	r.streams[i] = a.st
	buf, block := a.buf, a.block
	a.buf, a.block, a.st = nil, nil, stream{} // it may be kept for long
	st := &r.streams[i]
	st.err = a.err
	if a.err != nil {
		r.free = append(r.free, buf)
		r.bufs[i] = nil
		if ctx.Err() == nil {
			a.space.erred(a.err)
		}
		return
	}
	if a.opens {
		a.space.took(a.spent, a.probe)
	} else {
		a.space.came()
	}
	if a.probe {
		st.close()
	}
	r.came = append(r.came, a.spent)
	r.have[i] = block
	if !slices.Contains(wanted, i) {
		r.extras++
	}
}

// settle gives up what is still being read.
func (r *stripes) settle(ctx context.Context) {
	for i, a := range r.flying {
		if a == nil {
			continue
		}
		if !r.giveUp(ctx, a) {
			continue
		}
		if a.late {
			r.streams[i].late = a.stripe + 1 + lateStripes
		}
	}
	for slices.ContainsFunc(r.flying, func(a *attempt) bool { return a != nil }) {
		r.end(ctx, <-r.ended, nil)
	}
}

// giveUp cancels a read and leaves its memory to it, until the driver has returned. It returns false if the read has
// ended by now: then it comes.
func (r *stripes) giveUp(ctx context.Context, a *attempt) bool {
	age := time.Since(a.began)
	i := a.place.Index
	r.s.late.Add(1)
	a.space.abandon()
	if !a.settled.CompareAndSwap(false, true) {
		a.space.returned()
		r.s.late.Done()
		return false
	}
	a.cancel()
	r.flying[i], r.bufs[i] = nil, nil
	r.pieces = slices.DeleteFunc(r.pieces, func(p *piece) bool { return p == a.buf })
	switch {
	case ctx.Err() != nil:
	case a.late:
		a.space.overtaken(age)
	default:
		a.space.outlast(age)
	}
	return true
}
