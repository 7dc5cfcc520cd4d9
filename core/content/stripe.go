package content

import (
	"context"
	"fmt"
	"slices"
)

// stripes reads the stripes of a segment, decoding where shards are lost. have and bufs are by shard index and
// valid until the next read.
type stripes struct {
	source

	lane   *lane
	pieces []*piece // taken from the lane
	free   []*piece // of them
	have   [][]byte
	bufs   []*piece
}

// read makes the stored blocks lo..hi of the data shards of a stripe available in have. They were verified, or
// rebuilt from verified ones.
func (r *stripes) read(ctx context.Context, stripe, lo, hi int) error {
	r.reset()
	if r.layout.K == 1 {
		return r.readAny(ctx, stripe)
	}
	var wanted, now []int
	for i := lo; i <= hi; i++ {
		wanted = append(wanted, i)
		if r.rank(i) == rankGood {
			now = append(now, i)
		}
	}
	if len(now) > 0 {
		r.readBlocks(ctx, stripe, now)
	}
	err := r.rebuild(ctx, stripe, wanted)
	r.report(ctx)
	return err
}

// reset begins a stripe with all memory free.
func (r *stripes) reset() {
	r.stripe()
	r.free = append(r.free[:0], r.pieces...)
	r.have = resize(r.have, r.layout.N)
	r.bufs = resize(r.bufs, r.layout.N)
}

// resize returns s with n zero elements.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// readAny reads a block of which every shard has a copy, from the one that was good last.
func (r *stripes) readAny(ctx context.Context, stripe int) error {
	for i := range r.streams {
		if r.streams[i].rc != nil && r.tryAny(ctx, stripe, i) {
			return nil
		}
	}
	for _, i := range r.order() {
		if r.tryAny(ctx, stripe, i) {
			return nil
		}
	}
	r.report(ctx)
	return r.failure(ctx, stripe)
}

// tryAny reads one copy of a block and tells whether it is good.
func (r *stripes) tryAny(ctx context.Context, stripe, index int) bool {
	r.take(index)
	stored, err := r.block(ctx, index, stripe, r.bufs[index])
	if err != nil {
		r.report(ctx)
		r.free = append(r.free, r.bufs[index])
		return false
	}
	r.have[0] = stored
	return true
}

// take gives a shard memory for its block. A stripe that has to be rebuilt takes more than was acquired; the
// budget allows for it.
func (r *stripes) take(index int) {
	if r.bufs[index] != nil {
		return
	}
	if len(r.free) == 0 {
		n := len(r.pieces)
		r.pieces = r.lane.force(r.pieces, 1)
		r.free = append(r.free, r.pieces[n])
	}
	last := len(r.free) - 1
	r.bufs[index] = r.free[last]
	r.free = r.free[:last]
}

// readBlocks reads the blocks of several shards at once.
func (r *stripes) readBlocks(ctx context.Context, stripe int, indexes []int) {
	for _, i := range indexes {
		r.take(i)
	}
	r.blocks(ctx, stripe, indexes, r.have, r.bufs)
}

// rebuild makes those of the wanted blocks that were not read, from as few others as suffice.
func (r *stripes) rebuild(ctx context.Context, stripe int, wanted []int) error {
	var missing []int
	for _, i := range wanted {
		if r.have[i] == nil {
			missing = append(missing, i)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	for {
		more, ok := r.sources(missing)
		if !ok {
			return r.failure(ctx, stripe)
		}
		if len(more) == 0 {
			break
		}
		r.readBlocks(ctx, stripe, more)
		if missing = slices.DeleteFunc(missing, func(i int) bool { return r.have[i] != nil }); len(missing) == 0 {
			return nil
		}
	}
	stored := r.geo.StoredLen(stripe)
	for _, i := range missing {
		r.take(i)
		r.have[i] = r.bufs[i].block(stored)[:0]
	}
	if err := r.coder.code.Reconstruct(r.have, missing); err != nil {
		return fmt.Errorf("rebuild stripe %d of segment %d of %v: %w: %w", stripe, r.segment, r.coder.id, ErrCorrupt, err)
	}
	return nil
}

// sources returns the shards that have yet to be read to determine the missing ones; ok is false if what is left
// does not. A missing shard whose space failed before is itself read before content is given up.
func (r *stripes) sources(missing []int) (toRead []int, ok bool) {
	var order []int
	for i, b := range r.have {
		if b != nil {
			order = append(order, i)
		}
	}
	for _, i := range r.order() {
		if r.have[i] == nil {
			order = append(order, i)
		}
	}
	for _, m := range missing {
		from := r.coder.code.Sources(order, m)
		if from == nil {
			if !slices.Contains(order, m) {
				return nil, false
			}
			from = []int{m}
		}
		for _, i := range from {
			if r.have[i] == nil && !slices.Contains(toRead, i) {
				toRead = append(toRead, i)
			}
		}
	}
	return toRead, true
}
