package sftp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	proto "github.com/pkg/sftp"

	"trivium/drivers"
)

// Open implements drivers.Driver. The reader asks for up to 1 MiB at once, in packets that do not wait for each other;
// it goes on after the name was deleted or replaced.
func (d *Driver) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	r, err := d.open(ctx, name, offset, length)
	if err != nil {
		return nil, d.fail("open", name, err)
	}
	return r, nil
}

func (d *Driver) open(ctx context.Context, name string, offset, length int64) (*reader, error) {
	if err := d.check(ctx, name); err != nil {
		return nil, err
	}
	// The look before opening keeps the server from waiting at a FIFO.
	real, fi, err := d.resolve(ctx, name)
	if err == nil && !fi.Mode().IsRegular() {
		err = fmt.Errorf("%v: %w", fi.Mode().Type(), drivers.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	s, err := d.pool.get(ctx)
	if err != nil {
		return nil, err
	}
	var f *proto.File
	err = s.do(ctx, func(c *proto.Client) (err error) {
		if f, err = c.OpenFile(real, os.O_RDONLY); err == nil {
			fi, err = f.Stat()
		}
		return err
	})
	r := &reader{
		d: d, s: s, f: f, name: name, off: offset, end: -1,
		do: func(f func() error) error { return s.do(ctx, func(*proto.Client) error { return f() }) },
		tidy: func(f func() error) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
			defer cancel()
			_ = s.do(ctx, func(*proto.Client) error { return f() }) // what counts was read
		},
	}
	if err == nil {
		r.end, err = end(fi.Size(), offset, length)
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func end(size, offset, length int64) (int64, error) {
	if offset < 0 || offset > size {
		return 0, fmt.Errorf("offset %d of %d: %w", offset, size, drivers.ErrRange)
	}
	if length >= 0 && length < size-offset {
		return offset + length, nil
	}
	return size, nil
}

// reader reads up to end of a file that was that long when it was opened.
type reader struct {
	d        *Driver
	s        *session
	f        *proto.File
	name     string
	off, end int64 // of what the server has not been asked for yet
	do       func(f func() error) error
	tidy     func(f func() error)
	once     sync.Once

	piece *[]byte // from the pool, or nil
	rest  []byte  // of piece, not handed out yet
	err   error
}

// Read implements io.Reader; a file that ends early, because somebody else cut it, is an error.
func (r *reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(r.rest) > 0 {
		n := copy(p, r.rest)
		r.rest = r.rest[n:]
		return n, nil
	}
	if r.err != nil {
		return 0, r.err
	}
	if r.off >= r.end {
		return 0, io.EOF
	}
	if int64(len(p)) >= min(pieceSize, r.end-r.off) {
		p = p[:min(pieceSize, r.end-r.off)]
		return r.fetch(p)
	}
	if r.piece == nil {
		r.piece = r.newPiece()
	}
	n, err := r.fetch((*r.piece)[:min(int64(len(*r.piece)), r.end-r.off)])
	r.rest = (*r.piece)[:n]
	if n == 0 {
		return 0, err
	}
	n = copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// newPiece is small where little is to be read.
func (r *reader) newPiece() *[]byte {
	if left := r.end - r.off; left < copySize {
		p := make([]byte, left)
		return &p
	}
	p, _ := r.d.pieces.Get().(*[]byte)
	return p
}

// fetch fills p from the server.
func (r *reader) fetch(p []byte) (int, error) {
	var n int
	err := r.do(func() (err error) {
		n, err = r.f.ReadAt(p, r.off)
		if errors.Is(err, io.EOF) && n == len(p) {
			err = nil
		} else if errors.Is(err, io.EOF) && !r.s.dead() {
			err = fmt.Errorf("%w: the file ends %d bytes early", drivers.ErrBroken, r.end-r.off-int64(n))
		}
		return err
	})
	r.off += int64(n)
	if err != nil {
		r.err = r.d.fail("read", r.name, err)
	}
	return n, r.err
}

// Close implements io.Closer.
func (r *reader) Close() error {
	r.close()
	return nil
}

func (r *reader) close() {
	r.once.Do(func() {
		if r.piece != nil && len(*r.piece) == pieceSize {
			r.d.pieces.Put(r.piece)
		}
		r.piece, r.rest, r.err = nil, nil, drivers.Fail(r.d.space, "read", r.name, os.ErrClosed)
		if r.f != nil {
			r.tidy(r.f.Close)
		}
		r.s.release()
	})
}
