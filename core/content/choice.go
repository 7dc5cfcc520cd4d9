package content

import (
	"slices"
	"time"
)

// slowSlack is by how much a space must be slower than others to be asked after them, whatever the ratio: between disks
// of a busy machine it means nothing, and rebuilding costs something.
const slowSlack = 5 * time.Millisecond

// rating says how gladly a shard is read: by state, breaker and speed.
type rating struct {
	rank   int
	broken bool
	slow   int // -1: its stream is open; 0: as fast as others; 1: slower than the fastest that suffice; 2: much slower
	space  *speed
}

// compare orders ratings, best first; equally good ones stay by index, the data first.
func (a *rating) compare(b *rating) int {
	if a.rank != b.rank {
		return a.rank - b.rank
	}
	if a.broken != b.broken {
		if a.broken {
			return 1
		}
		return -1
	}
	if a.slow != b.slow || a.slow <= 0 {
		return a.slow - b.slow
	}
	return int(min(1, max(-1, a.space.mean.Load()-b.space.mean.Load())))
}

// rate begins a stripe: it rates all shards.
func (r *stripes) rate(stripe int) {
	n := len(r.streams)
	if cap(r.ended) < n {
		r.ended = make(chan *attempt, n)
		r.flying, r.spare, r.rated = make([]*attempt, n), make([]*attempt, n), make([]rating, n)
	}
	r.flying, r.spare, r.rated = r.flying[:n], r.spare[:n], r.rated[:n]
	r.came, r.queue, r.extras = r.came[:0], r.queue[:0], 0
	means, tails := make([]int64, 0, 16), make([]int64, 0, 16)
	for i := range n {
		rank, sp := r.rank(i)
		if rank != rankNever && sp.speed.stuck() {
			rank = rankNever
		}
		r.rated[i] = rating{rank: rank, space: sp.speed}
		if rank == rankNever {
			continue
		}
		r.queue = append(r.queue, i)
		r.rated[i].broken = sp.speed.broken()
		if !r.rated[i].broken {
			means = append(means, sp.speed.mean.Load())
		}
		if p95 := sp.speed.p95.Load(); p95 > 0 {
			tails = append(tails, p95)
		}
	}
	r.p95 = lateUnknown
	if len(tails) > 0 {
		slices.Sort(tails)
		r.p95 = time.Duration(tails[(len(tails)-1)/2])
	}
	fast := int64(1) << 62
	if len(means) >= r.layout.K {
		slices.Sort(means)
		fast = means[r.layout.K-1]
	}
	for _, i := range r.queue {
		r.rated[i].slow = r.slow(i, stripe, fast)
	}
	slices.SortStableFunc(r.queue, func(a, b int) int { return r.rated[a].compare(&r.rated[b]) })
}

// slow compares a shard's space with the time in which enough others come.
func (r *stripes) slow(index, stripe int, fast int64) int {
	st, mean := &r.streams[index], r.rated[index].space.mean.Load()
	switch {
	case stripe < st.late:
		return 2
	case st.rc != nil && st.next == stripe:
		return -1
	case mean/4 > fast+int64(slowSlack):
		return 2
	case mean-mean/3 > fast+int64(slowSlack):
		return 1
	}
	return 0
}

// idle tells whether a shard could be asked for this stripe and was not.
func (r *stripes) idle(i int) bool {
	return r.flying[i] == nil && r.have[i] == nil && r.streams[i].err == nil
}

// order lists shards as sources of others: those that are there, those on their way, those that may be asked, and those
// that are late.
func (r *stripes) order() []int {
	list := make([]int, 0, 2*len(r.queue))
	for _, i := range r.queue {
		if r.have[i] != nil {
			list = append(list, i)
		}
	}
	for _, i := range r.queue {
		if a := r.flying[i]; a != nil && !a.late {
			list = append(list, i)
		}
	}
	for _, i := range r.queue {
		if r.idle(i) {
			list = append(list, i)
		}
	}
	for _, i := range r.queue {
		if a := r.flying[i]; a != nil && a.late {
			list = append(list, i)
		}
	}
	return list
}

// need returns the shards whose blocks are still missing, on their way or not, for the wanted ones to be there or
// to be rebuilt; ok is false if what is left does not suffice.
func (r *stripes) need(wanted []int) (list []int, ok bool) {
	list = r.list[:0]
	defer func() { r.list = list }()
	var order []int
	for _, m := range wanted {
		if r.have[m] != nil {
			continue
		}
		direct := r.direct(m, len(wanted))
		if direct && r.extras == 0 && r.layout.K > 1 {
			list = appendNew(list, m)
			continue
		}
		if order == nil {
			order = r.order()
		}
		from := r.sources(order, m)
		missing := slices.ContainsFunc(from, func(i int) bool { return r.have[i] == nil })
		switch {
		case from != nil && !missing:
			continue
		case r.layout.K > 1 && (direct || r.better(m, from, order)):
			from = []int{m}
		case from == nil:
			return nil, false
		}
		for _, i := range from {
			if r.have[i] == nil {
				list = appendNew(list, i)
			}
		}
	}
	return list, true
}

// appendNew appends i unless it is there.
func appendNew(list []int, i int) []int {
	if slices.Contains(list, i) {
		return list
	}
	return append(list, i)
}

// better tells whether a wanted shard that is not among the fast ones is still to be read itself: because the others
// do not make it, or one of them is worse.
func (r *stripes) better(m int, others, order []int) bool {
	if others == nil {
		return slices.Contains(order, m)
	}
	return r.idle(m) && r.rated[m].rank != rankNever && slices.ContainsFunc(others, func(i int) bool {
		if a := r.flying[i]; a != nil {
			return a.late
		}
		return r.have[i] == nil && r.rated[m].compare(&r.rated[i]) < 0
	})
}

// direct tells whether a block is best read itself. One that is a little slower is, if it would take more reads
// to do without.
func (r *stripes) direct(m, wanted int) bool {
	if a := r.flying[m]; a != nil {
		return !a.late
	}
	v := &r.rated[m]
	return r.idle(m) && v.rank == rankGood && !v.broken && (v.slow <= 0 || v.slow == 1 && wanted < r.layout.K)
}

// sources returns those in order that make the missing block; nil if they do not.
func (r *stripes) sources(order []int, missing int) []int {
	if r.layout.K > 1 {
		return r.coder.code.Sources(order, missing)
	}
	if len(order) == 0 {
		return nil
	}
	return order[:1]
}
