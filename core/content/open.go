package content

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Piece is a run of bytes of one blob, as core's extents name it.
type Piece struct {
	Blob           BlobID
	Offset, Length int64
}

// Located says where a blob's bytes are at present.
type Located struct {
	Blob Blob  // the blob itself, or the one it is packed in
	Base int64 // offset in Blob at which the wanted blob begins
	// Data, when not nil, is the whole wanted blob: buffered content, already verified. No shard is read.
	Data []byte
}

// Resolver tells where a blob is. It is called once for each piece when reading gets there, and once more
// whenever what it said cannot be read, because the blob may have been repaired, moved or packed in between.
type Resolver func(ctx context.Context, id BlobID) (Located, error)

// Reader delivers verified content in order. It is for one goroutine.
type Reader struct {
	ctx     context.Context //nolint:containedctx // io.Reader has no place for it; it lives as long as the reader
	resolve Resolver
	pieces  []Piece // those that are not done; the first is at work
	done    int64   // bytes of the first piece that are delivered or in ready

	located bool
	retried bool // the first piece was resolved again for the bytes that come next
	at      Located
	data    stripes
	in      int // segment that data is set to; -1: none

	ready [][]byte // verified, to be delivered next
	rest  [][]byte // memory of ready
	pace  pace
	err   error // sticks
}

// Open starts reading the pieces in order. It returns when the first bytes are there and verified, so that
// most failures show before anything is answered. Only the blocks that the pieces touch are read, of the fastest
// spaces that suffice: those that are late or do not answer are not waited for while others could help (S21). The
// caller closes the reader. ctx governs the reads as well: when it ends they fail, at once where others could have
// taken their place; what drivers still do then ends within 5 s, see Wait.
//
// From then on, but for the time in which more is read from the spaces, it is the client's turn: one who takes
// less than S18 asks for is cut when others wait for the reader's memory; see WithClient.
//
// Errors of Open and of the Reader wrap ErrCorrupt (too few intact shards), ErrUnavailable (too few spaces
// answer), ErrKey, ErrOverloaded, ErrFormat (a piece outside its blob), the resolver's or the context's error,
// those of the Reader also ErrTooSlow.
func (s *Store) Open(ctx context.Context, pieces []Piece, resolve Resolver) (*Reader, error) {
	r := &Reader{ctx: ctx, resolve: resolve, pieces: pieces, in: -1}
	r.data.s = s
	r.pace.startOut(s.cfg.Budget, clientOf(ctx).CutAnswer)
	if r.load(); r.err != nil && !errors.Is(r.err, io.EOF) {
		err := r.err
		_ = r.Close() // always nil
		return nil, err
	}
	return r, nil
}

// Read implements io.Reader. After an error that is not io.EOF the reader is of no more use.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(r.ready) == 0 {
		if r.load(); r.err != nil {
			return 0, r.err
		}
	}
	n := 0
	for n < len(p) && len(r.ready) > 0 {
		m := copy(p[n:], r.ready[0])
		n += m
		if r.ready[0] = r.ready[0][m:]; len(r.ready[0]) == 0 {
			r.ready = r.ready[1:]
		}
	}
	return n, r.took(n)
}

// took counts n bytes as taken by the client. The error sticks: he was cut.
func (r *Reader) took(n int) error {
	err := r.pace.turn(true, n)
	if err != nil {
		r.err, r.ready = fmt.Errorf("deliver: %w", err), nil
		return r.err
	}
	return nil
}

// WriteTo implements io.WriterTo: it writes whole verified blocks. It returns the number of bytes written and
// nil when everything was.
func (r *Reader) WriteTo(w io.Writer) (int64, error) {
	var total int64
	for {
		for len(r.ready) > 0 {
			n, err := w.Write(r.ready[0])
			total += int64(n)
			if slow := r.took(n); slow != nil {
				return total, slow
			}
			r.ready[0] = r.ready[0][n:]
			if err != nil {
				return total, err
			}
			r.ready = r.ready[1:]
		}
		if r.load(); r.err != nil {
			if errors.Is(r.err, io.EOF) {
				return total, nil
			}
			return total, r.err
		}
	}
}

// Close ends the reads and gives the buffer back. It may be called twice and returns nil.
func (r *Reader) Close() error {
	r.pace.stop()
	r.pace.leave()
	r.data.done()
	if r.data.lane != nil {
		r.data.lane.release(r.data.pieces)
		r.data.lane, r.data.pieces = nil, nil
	}
	r.ready, r.pieces = nil, nil
	if r.err == nil {
		r.err = io.ErrClosedPipe
	}
	return nil
}

// load makes the next bytes ready, or sets err: to io.EOF when there are none.
func (r *Reader) load() {
	for len(r.ready) == 0 && r.err == nil {
		if len(r.pieces) == 0 {
			r.err = io.EOF
			return
		}
		if r.done >= r.pieces[0].Length {
			r.pieces, r.done, r.located, r.retried = r.pieces[1:], 0, false, false
			continue
		}
		err := r.more()
		if err != nil && !r.retried && r.worthAgain(err) {
			r.retried, r.located = true, false
			continue
		}
		r.err = err
	}
}

// more is advance, in which the client has nothing to do.
func (r *Reader) more() error {
	if err := r.pace.turn(false, 0); err != nil {
		return fmt.Errorf("deliver: %w", err)
	}
	if err := r.advance(); err != nil {
		return err
	}
	return r.pace.turn(true, 0)
}

// worthAgain tells whether the blob may be readable as the resolver sees it now.
func (r *Reader) worthAgain(err error) bool {
	return r.ctx.Err() == nil && (errors.Is(err, ErrCorrupt) || errors.Is(err, ErrUnavailable))
}

// advance makes the next stripe of the first piece ready.
func (r *Reader) advance() error {
	if !r.located {
		if err := r.locate(); err != nil {
			return err
		}
	}
	p := r.pieces[0]
	if r.at.Data != nil {
		r.rest = append(r.rest[:0], r.at.Data[p.Offset+r.done:p.Offset+p.Length])
		r.ready, r.done = r.rest, p.Length
		return nil
	}
	return r.stripe(r.at.Base+p.Offset+r.done, p.Length-r.done)
}

// locate asks where the first piece is and prepares for reading there.
func (r *Reader) locate() error {
	p := r.pieces[0]
	at, err := r.resolve(r.ctx, p.Blob)
	if err != nil {
		return fmt.Errorf("resolve %v: %w", p.Blob, err)
	}
	size := at.Blob.Layout.Size - at.Base
	if at.Data != nil {
		size = int64(len(at.Data))
	}
	if p.Offset < 0 || p.Length < 0 || at.Base < 0 || p.Offset > size || p.Length > size-p.Offset {
		return fmt.Errorf("bytes %d+%d of %v with %d: %w", p.Offset, p.Length, p.Blob, size, ErrFormat)
	}
	r.at, r.in = at, -1
	if at.Data == nil {
		if err := r.prepare(); err != nil {
			return err
		}
	}
	r.located = true
	return nil
}

// prepare makes the coder of the located blob and gets memory for a stripe of it.
func (r *Reader) prepare() error {
	d, l := &r.data, &r.at.Blob.Layout
	d.close()
	if d.coder == nil || d.coder.id != r.at.Blob.ID || r.retried {
		c, err := d.s.coder(&r.at.Blob)
		if err != nil {
			return err
		}
		d.coder = c
	}
	lane := &d.s.cfg.Budget.large
	if l.K == 1 {
		lane = d.s.cfg.Budget.lane(min(l.BlockSize, l.Size))
	}
	if d.lane == nil {
		pieces, err := lane.acquire(r.ctx, nil, l.K)
		if err != nil {
			return err
		}
		d.lane, d.pieces = lane, pieces
		lane.hold(&r.pace)
		return nil
	}
	// A reader that has bytes to deliver must not wait for others who may wait for it.
	if d.lane != lane {
		d.lane.release(d.pieces)
		d.lane, d.pieces = lane, d.pieces[:0]
		r.pace.leave()
		lane.hold(&r.pace)
	}
	if more := l.K - len(d.pieces); more > 0 {
		d.pieces = d.lane.force(d.pieces, more)
	}
	return nil
}

// coder returns what is needed to read a blob.
func (s *Store) coder(b *Blob) (*coder, error) {
	l := &b.Layout
	c := &coder{store: s.cfg.StoreID, id: b.ID, layout: *l, crc: s.crc}
	var err error
	if c.code, err = s.code(l); err != nil {
		return nil, err
	}
	if c.seal, err = s.sealer(b.ID, l.KeyID, l.Encoding); err != nil {
		return nil, err
	}
	return c, nil
}

// stripe makes the bytes from pos ready that lie in one stripe, at most want.
func (r *Reader) stripe(pos, want int64) error {
	d, l := &r.data, &r.at.Blob.Layout
	segment, within, ok := l.Locate(pos)
	if !ok {
		return fmt.Errorf("byte %d of %v: %w", pos, r.at.Blob.ID, ErrFormat)
	}
	if segment != r.in {
		d.begin(d.coder, l, segment)
		r.in = segment
		d.until(min(d.geo.Length, within+want))
	}
	stripe, lo, skip := d.geo.Locate(within)
	begin := d.geo.PlainOffset(stripe, 0)
	end := min(begin+int64(l.K)*int64(d.geo.BlockLen(stripe)), d.geo.Length, within+want)
	_, hi, _ := d.geo.Locate(end - 1)
	if err := d.read(r.ctx, stripe, lo, hi); err != nil {
		r.in = -1
		return err
	}
	r.rest = r.rest[:0]
	for i := lo; i <= hi; i++ {
		plain, err := d.plain(stripe, i)
		if err != nil {
			return err
		}
		plain = plain[skip:min(int64(len(plain)), end-d.geo.PlainOffset(stripe, i))]
		skip = 0
		r.rest = append(r.rest, plain)
	}
	r.ready = r.rest
	r.done += end - within
	r.retried = false // it went on: a later failure gets its own second chance
	return nil
}

// plain returns the content of a data block that read has made available, opened if it is sealed.
func (r *stripes) plain(stripe, index int) ([]byte, error) {
	if r.coder.seal == nil {
		return r.have[index], nil
	}
	return r.coder.seal.open(placeOf(r.geo, r.segment, stripe, index), r.have[index])
}
