package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"trivium/drivers"
)

type source struct {
	f    *os.File
	size int64
}

// openFile opens a regular file. O_NONBLOCK keeps a FIFO that somebody put there from holding the call.
func (d *Driver) openFile(name string) (source, error) {
	f, err := d.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ENXIO) {
		return source{}, drivers.ErrNotExist // a socket
	}
	if err != nil {
		return source{}, err
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = fmt.Errorf("%v: %w", fi.Mode().Type(), drivers.ErrNotExist)
	}
	if err != nil {
		_ = f.Close()
		return source{}, err
	}
	return source{f: f, size: fi.Size()}, nil
}

// file is an open file of which a part is read.
type file interface {
	io.ReaderAt
	io.Closer
}

// errAsk says that beneath cannot open a file and os.Root has to be asked.
var errAsk = errors.New("ask os.Root")

// openRead opens a regular file for reading and tells its size.
func (d *Driver) openRead(name string) (file, int64, error) {
	f, size, err := d.beneath.open(name)
	if !errors.Is(err, errAsk) {
		return f, size, err
	}
	src, err := d.openFile(name)
	if err != nil {
		return nil, 0, err
	}
	return src.f, src.size, nil
}

func (d *Driver) open(ctx context.Context, name string, offset, length int64) (*reader, error) {
	if err := check(ctx, name); err != nil {
		return nil, err
	}
	f, size, err := d.openRead(name)
	if err != nil {
		return nil, err
	}
	if offset < 0 || offset > size {
		_ = f.Close()
		return nil, fmt.Errorf("offset %d of %d: %w", offset, size, drivers.ErrRange)
	}
	end := size
	if length >= 0 && length < end-offset {
		end = offset + length
	}
	return &reader{d: d, f: f, name: name, start: offset, off: offset, end: end}, nil
}

// reader reads [start, end) of a file that was that long when it was opened.
type reader struct {
	d               *Driver
	f               file
	name            string
	start, off, end int64
}

// Read implements io.Reader; a file that ends early, because somebody else cut it, is an error.
func (r *reader) Read(p []byte) (int, error) {
	n, err := r.readAt(p, r.off)
	r.off += int64(n)
	return n, err
}

// ReadAt implements io.ReaderAt relative to the offset of Open.
func (r *reader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, r.d.fail("read", r.name, drivers.ErrRange)
	}
	n, err := r.readAt(p, r.start+off)
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

func (r *reader) readAt(p []byte, off int64) (int, error) {
	if off >= r.end {
		return 0, io.EOF
	}
	if int64(len(p)) > r.end-off {
		p = p[:r.end-off]
	}
	n, err := r.f.ReadAt(p, off)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("%w: the file ends %d bytes early", drivers.ErrBroken, r.end-off-int64(n))
		}
		return n, r.d.fail("read", r.name, err)
	}
	return n, nil
}

// WriteTo implements io.WriterTo in steps of 256 KiB.
func (r *reader) WriteTo(w io.Writer) (int64, error) {
	buf, _ := r.d.buffers.Get().(*[]byte)
	defer r.d.buffers.Put(buf)
	var done int64
	for {
		n, err := r.Read(*buf)
		if errors.Is(err, io.EOF) {
			return done, nil
		}
		if err != nil {
			return done, err
		}
		m, err := w.Write((*buf)[:n])
		done += int64(m)
		if err != nil {
			return done, err
		}
	}
}

// Close implements io.Closer.
func (r *reader) Close() error {
	return r.d.fail("read", r.name, r.f.Close())
}
