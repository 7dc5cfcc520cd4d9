package content

import (
	"context"
	"slices"
	"time"
)

// fastLimit is what the 95th percentile of a space is at most whose blocks the reader reads itself, which no service on
// a network reaches: it is memory and disks, where the goroutine that could be left behind costs as much as the read,
// and where none can be called off once it hangs.
const fastLimit = 200 * time.Microsecond

// fast reads a block that only one shard is needed for, if its space answers at once, and tells whether it is there. If
// not, either no shard was asked, or one has failed.
func (r *stripes) fast(ctx context.Context, stripe int) bool {
	i, sp := r.fastest(stripe)
	if i < 0 {
		return false
	}
	r.take(i)
	opens := r.streams[i].rc == nil || r.streams[i].next != stripe
	entered := sp.enter()
	block, err := r.block(ctx, i, stripe, r.bufs[i])
	took := sp.leave(entered)
	if err != nil {
		if ctx.Err() == nil {
			sp.erred(err)
		}
		r.free = append(r.free, r.bufs[i])
		r.bufs[i] = nil
		return false
	}
	if opens {
		sp.took(took, false)
	}
	r.have[i] = block
	return true
}

// fastest returns the shard that fast reads: of copies the one that was good last or else the first; -1: none.
func (r *stripes) fastest(stripe int) (int, *speed) {
	if r.layout.K > 1 {
		if len(r.wanted) > 1 {
			return -1, nil
		}
		return r.ifFast(r.wanted[0], stripe)
	}
	open := func(st stream) bool { return st.rc != nil && st.next == stripe }
	return r.ifFast(max(0, slices.IndexFunc(r.streams, open)), stripe)
}

// ifFast returns the shard and its space if that answers at once, else -1.
func (r *stripes) ifFast(i, stripe int) (int, *speed) {
	st := &r.streams[i]
	if rank, sp := r.rank(i); rank == rankGood && stripe >= st.late && sp.speed.fast() {
		return i, sp.speed
	}
	return -1, nil
}
