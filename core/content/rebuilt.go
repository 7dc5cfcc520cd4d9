package content

import (
	"context"
	"errors"
	"fmt"
	"io"

	"trivium/core/shardfile"
)

// rebuilt is the body of a shard that is made anew, stripe by stripe, while it is being written, so that it takes
// the memory of one stripe. It starts over when a retry seeks to the beginning.
type rebuilt struct {
	stripes
	ctx   context.Context //nolint:containedctx // io.Reader has no place for it; it lives as long as one Put
	how   renewal
	place Place
	at    int    // stripe that comes next
	pos   int64  // of the next byte
	frame []byte // what is left of the header or of a block
	buf   []byte
	err   error // of reading the other shards; sticks until it starts over
}

// rebuiltShard prepares a body; start makes it readable. The caller releases it.
func (s *Store) rebuiltShard(ctx context.Context, cd *coder, l *Layout, how renewal) (*rebuilt, error) {
	b := &rebuilt{ctx: ctx, how: how}
	b.s, b.deep, b.lane, b.coder, b.layout = s, true, &s.cfg.Budget.large, cd, l
	var err error
	if b.pieces, err = b.lane.acquire(ctx, nil, l.K); err != nil {
		return nil, err
	}
	return b, nil
}

// release ends the reads and gives the memory back.
func (b *rebuilt) release() {
	b.done()
	b.lane.release(b.pieces)
}

// start goes to the beginning of the shard at that place.
func (b *rebuilt) start(p Place) error {
	b.begin(b.coder, b.layout, p.Segment)
	for _, ref := range b.how.lost {
		if ref.Segment == p.Segment {
			b.streams[ref.Index] = stream{err: fmt.Errorf("to be rebuilt: %w", ErrCorrupt), dead: true, reported: true}
		}
	}
	h, err := shardfile.AppendHeader(b.buf[:0], b.coder.header(p, b.geo.Length))
	if err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	b.place, b.at, b.pos, b.buf, b.frame, b.err = p, 0, 0, h, h, nil
	return nil
}

// Seek implements io.Seeker as far as retries and those that ask for the size need it: to the beginning, to the end
// and to where it is.
func (b *rebuilt) Seek(offset int64, whence int) (int64, error) {
	size := b.geo.ShardSize()
	to := offset + map[int]int64{io.SeekStart: 0, io.SeekCurrent: b.pos, io.SeekEnd: size}[whence]
	switch to {
	case b.pos:
	case 0:
		if err := b.start(b.place); err != nil {
			return 0, err
		}
	case size:
		b.at, b.pos, b.frame = b.geo.Stripes(), size, nil
	default:
		return 0, fmt.Errorf("seek to %d: %w", to, errors.ErrUnsupported)
	}
	return to, nil
}

// Read implements io.Reader.
func (b *rebuilt) Read(p []byte) (int, error) {
	if len(b.frame) == 0 && b.err == nil {
		if b.at == b.geo.Stripes() {
			return 0, io.EOF
		}
		b.err = b.next()
	}
	if b.err != nil {
		return 0, b.err
	}
	n := copy(p, b.frame)
	b.frame = b.frame[n:]
	b.pos += int64(n)
	return n, nil
}

// next makes the block of the next stripe.
func (b *rebuilt) next() error {
	stored, err := b.readShard(b.ctx, b.at, b.place.Index)
	if err != nil {
		return err
	}
	b.buf = append(b.buf[:0], stored...)
	b.buf = identity(b.coder.id, b.place).AppendChecksum(b.buf, uint32(b.at), stored)
	b.frame = b.buf
	b.at++
	return nil
}

// readShard returns the stored block of a shard: read where it is, unless it is lost, or rebuilt from others.
func (r *stripes) readShard(ctx context.Context, stripe, index int) ([]byte, error) {
	r.reset()
	if r.layout.K == 1 {
		if err := r.readAny(ctx, stripe); err != nil {
			return nil, err
		}
		return r.have[0], nil
	}
	r.wanted = append(r.wanted[:0], index)
	err := r.readBlocks(ctx, stripe)
	return r.have[index], err
}
