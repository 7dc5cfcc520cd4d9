package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"trivium/core/shardfile"
	"trivium/drivers"
)

// source reads verified stored blocks of one segment: one stream for each shard it uses, opened where its
// first block is needed and read in order. It is for one goroutine.
type source struct {
	view

	layout  *Layout
	streams []stream
	avoid   []SpaceID // spaces that failed: they are asked last
}

// view is what the reading of a shard has to know of its segment. It is copied for reads that may outlive the source.
type view struct {
	s       *Store
	coder   *coder
	segment int
	geo     shardfile.Geometry
	last    int  // last stripe that is wanted,
	lastHi  int  // and the last data shard of it
	deep    bool // extra streams are read to the end: repair wants all of them
}

// stream is one shard being read. The zero value is closed.
type stream struct {
	rc       io.ReadCloser
	cancel   context.CancelFunc // ends what rc was opened with; nil: it ends with the reader's context
	next     int                // stripe whose block comes next
	err      error              // why the shard is of no use for the stripe that is being read
	dead     bool               // for the others neither
	late     int                // before this stripe it is asked after others, which overtook it
	reported bool
}

// errDown is the failure of a shard in a space that must not be called.
var errDown = errors.New("space is down or unknown")

// begin makes the source ready for a segment of which the stripes up to last are wanted.
func (c *source) begin(cd *coder, l *Layout, segment int) {
	c.close()
	_, size := l.Segment(segment)
	c.coder, c.layout, c.segment, c.geo = cd, l, segment, l.geometry(size)
	c.last, c.lastHi = c.geo.Stripes()-1, l.K-1
	if cap(c.streams) < l.N {
		c.streams = make([]stream, l.N)
	}
	c.streams = c.streams[:l.N]
	clear(c.streams)
}

// until says that nothing behind that byte of the segment is wanted.
func (c *source) until(end int64) { c.last, c.lastHi, _ = c.geo.Locate(end - 1) }

// close ends all streams.
func (c *source) close() {
	for i := range c.streams {
		c.streams[i].close()
	}
}

// close ends the stream.
func (st *stream) close() {
	if st.rc != nil {
		_ = st.rc.Close() // what was read has been verified
		st.rc = nil
	}
	if st.cancel != nil {
		st.cancel()
		st.cancel = nil
	}
}

// rank says how gladly a shard is read as far as this reader knows, less is better, and in which space it is.
func (c *source) rank(index int) (int, Space) {
	p := c.layout.Place(c.segment, index)
	sp, ok := c.s.cfg.Spaces.Get(p.Space)
	switch {
	case !ok || sp.State == Down || c.streams[index].dead:
		return rankNever, sp
	case slices.Contains(c.avoid, p.Space):
		return rankFailed, sp
	}
	return rankGood, sp
}

// Ranks of shards. Those that are never read cost no call.
const (
	rankGood = iota
	rankFailed
	rankNever
)

// stripe begins a stripe: failures of single blocks in the last one are forgotten.
func (c *source) stripe() {
	for i := range c.streams {
		if !c.streams[i].dead {
			c.streams[i].err = nil
		}
	}
}

// block reads and verifies one block of one shard into buf and returns it as stored. An error makes the shard
// an erasure for this stripe and is kept in its stream.
func (c *source) block(ctx context.Context, index, stripe int, buf *piece) ([]byte, error) {
	st := &c.streams[index]
	stored, err := c.tryBlock(ctx, st, c.layout.Place(c.segment, index), stripe, buf)
	if err != nil {
		st.err = err
		return nil, err
	}
	return stored, nil
}

// tryBlock is block without the bookkeeping. The header, if it comes along, lies in the piece's room before the block.
func (c *view) tryBlock(ctx context.Context, st *stream, p Place, stripe int, buf *piece) ([]byte, error) {
	head := 0
	if st.rc != nil && st.next != stripe {
		st.close()
	}
	if st.rc == nil {
		if err := c.open(ctx, st, p, stripe); err != nil {
			st.close()
			st.dead = true
			return nil, err
		}
		if stripe == 0 {
			head = shardfile.HeaderSize
		}
	}
	raw := buf.buf[headRoom-head : headRoom+c.geo.FramedLen(stripe)]
	_, err := io.ReadFull(st.rc, raw)
	if err != nil {
		err = fmt.Errorf("read block %d: %w", stripe, cut(err))
	} else if head > 0 {
		err = c.header(raw[:head], p)
	}
	if err != nil {
		st.close()
		st.dead = true
		return nil, err
	}
	st.next = stripe + 1
	framed := raw[head:]
	if _, ok := identity(c.coder.id, p).VerifyBlock(uint32(stripe), framed); !ok {
		return nil, fmt.Errorf("block %d does not match its checksum: %w", stripe, ErrCorrupt)
	}
	return framed[:len(framed)-shardfile.ChecksumSize], nil
}

// cut makes damage of a shard that is shorter than it must be.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, drivers.ErrRange) {
		return fmt.Errorf("%w: shard is cut: %w", ErrCorrupt, err)
	}
	return err
}

// open begins a stream at a stripe. At the first one the header comes along, to be read with the block; further in
// the checksums alone say whose blocks they are, so that a range costs one call.
func (c *view) open(ctx context.Context, st *stream, p Place, stripe int) error {
	sp, ok := c.s.cfg.Spaces.Get(p.Space)
	if !ok || sp.State == Down {
		return fmt.Errorf("space %d: %w", p.Space, errDown)
	}
	end := c.last
	if p.Index < c.geo.K && p.Index > c.lastHi && !c.deep {
		end--
	}
	from, to := c.geo.Offset(stripe), c.geo.Offset(max(end, stripe)+1)
	if stripe == 0 {
		from = 0
	}
	rc, err := sp.Driver.Open(ctx, ShardName(sp.WorkingDir, c.coder.id, p), from, to-from)
	if err != nil {
		return fmt.Errorf("open shard: %w", cut(err))
	}
	st.rc, st.next = rc, stripe
	return nil
}

// header compares the header of a shard with what must be there.
func (c *view) header(raw []byte, p Place) error {
	h, err := shardfile.ParseHeader(raw)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if h != c.coder.header(p, c.geo.Length) {
		return fmt.Errorf("header of another shard: %w", ErrCorrupt)
	}
	return nil
}

// report tells of shards that were of no use and notes their spaces. One that did not come in time may be sound.
func (c *source) report(ctx context.Context) {
	for i := range c.streams {
		st := &c.streams[i]
		if st.err == nil || st.reported || ctx.Err() != nil || errors.Is(st.err, errDown) || errors.Is(st.err, errTimeout) {
			continue
		}
		st.reported = true
		if p := c.layout.Place(c.segment, i); st.dead && !slices.Contains(c.avoid, p.Space) {
			c.avoid = append(c.avoid, p.Space)
		}
		if c.s.cfg.Damage != nil {
			c.s.cfg.Damage(c.coder.id, ShardRef{c.segment, i}, st.err)
		}
	}
}

// failure says why a stripe cannot be read: ErrCorrupt if it never will be, ErrUnavailable if spaces that do
// not answer could help.
func (c *source) failure(ctx context.Context, stripe int) error {
	if ctx.Err() != nil {
		return fmt.Errorf("read segment %d: %w", c.segment, ctx.Err())
	}
	hope := make([]bool, len(c.streams))
	var errs []error
	for i := range c.streams {
		err := c.streams[i].err
		if rank, _ := c.rank(i); err == nil && rank == rankNever {
			err = errDown
		}
		hope[i] = c.layout.Place(c.segment, i).Space != 0 &&
			!errors.Is(err, ErrCorrupt) && !errors.Is(err, drivers.ErrNotExist)
		if err != nil {
			errs = append(errs, fmt.Errorf("shard %d: %w", i, err))
		}
	}
	reason := ErrCorrupt
	if decodable(c.coder.code, hope) {
		reason = ErrUnavailable
	}
	return fmt.Errorf("read stripe %d of segment %d of %v: %w", stripe, c.segment, c.coder.id,
		&readError{reason: reason, cause: errors.Join(errs...)})
}

// readError is a reason with its causes, which are for the log alone: a shard that is damaged must not make the
// whole look corrupt when it is only unavailable.
type readError struct{ reason, cause error }

// Error names reason and causes.
func (e *readError) Error() string { return fmt.Sprintf("%v: %v", e.reason, e.cause) }

// Unwrap returns the reason.
func (e *readError) Unwrap() error { return e.reason }
