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
	wanted []int // blocks of the stripe that is read
	*contest
}

// read makes the stored blocks lo..hi of the data shards of a stripe available in have. They were verified, or
// rebuilt from verified ones.
func (r *stripes) read(ctx context.Context, stripe, lo, hi int) error {
	r.reset()
	if r.layout.K == 1 {
		return r.readAny(ctx, stripe)
	}
	r.wanted = r.wanted[:0]
	for i := lo; i <= hi; i++ {
		r.wanted = append(r.wanted, i)
	}
	return r.readBlocks(ctx, stripe)
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
	if r.layout.N == 1 {
		return r.readOnly(ctx, stripe)
	}
	r.wanted = append(r.wanted[:0], 0)
	var err error
	if !r.fast(ctx, stripe) {
		r.report(ctx)
		err = r.race(ctx, stripe, r.wanted)
		r.report(ctx)
	}
	if i := slices.IndexFunc(r.have, func(b []byte) bool { return b != nil }); err == nil {
		r.have[0] = r.have[i]
	}
	return err
}

// readOnly reads a block that only one shard has: there is nothing to choose, and nothing to come in its place.
func (r *stripes) readOnly(ctx context.Context, stripe int) error {
	if rank, _ := r.rank(0); rank == rankNever {
		return r.failure(ctx, stripe)
	}
	r.take(0)
	stored, err := r.block(ctx, 0, stripe, r.bufs[0])
	if err != nil {
		r.report(ctx)
		return r.failure(ctx, stripe)
	}
	r.have[0] = stored
	return nil
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

// readBlocks makes the wanted blocks of a stripe available, rebuilding those that were not read.
func (r *stripes) readBlocks(ctx context.Context, stripe int) error {
	if r.fast(ctx, stripe) {
		return nil
	}
	err := r.race(ctx, stripe, r.wanted)
	if err == nil {
		err = r.rebuild(stripe)
	}
	r.report(ctx)
	return err
}

// rebuild makes those of the wanted blocks that were not read from the others.
func (r *stripes) rebuild(stripe int) error {
	var missing []int
	for _, i := range r.wanted {
		if r.have[i] == nil {
			missing = append(missing, i)
		}
	}
	if len(missing) == 0 {
		return nil
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
