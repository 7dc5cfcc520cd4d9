package sftp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"time"

	proto "github.com/pkg/sftp"

	"trivium/drivers"
)

const (
	// pieceSize is what is read or written at once, in packets that do not wait for each other.
	pieceSize = 1 << 20
	copySize  = 64 << 10
)

func newBuffer() any { return bufio.NewWriterSize(io.Discard, pieceSize) }

func newPiece() any {
	p := make([]byte, pieceSize)
	return &p
}

// Put implements drivers.Driver: temporary file, fsync, rename (with IfAbsent: link), fsync of the directory.
func (d *Driver) Put(ctx context.Context, name string, body io.Reader, size int64, opts drivers.PutOptions) error {
	return d.fail("put", name, d.put(ctx, name, content{drivers.NewBody(ctx, body, size), size, opts.ModTime}, opts.IfAbsent))
}

// content is what a Put writes.
type content struct {
	body    *drivers.Body
	size    int64
	modTime time.Time
}

func (d *Driver) put(ctx context.Context, name string, c content, ifAbsent bool) error {
	if err := d.check(ctx, name); err != nil {
		return err
	}
	if ifAbsent {
		// Spares writing the content; what decides is the link.
		if _, err := d.lstat(ctx, name); err == nil {
			return drivers.ErrExist
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	temp := d.temps.create()
	err := d.fill(ctx, temp, c)
	if err == nil {
		err = d.place(ctx, move{temp, name, c.size, ifAbsent})
	}
	err = d.explainWrite(ctx, err) // before there is room again
	if err != nil || ifAbsent {
		d.dropTemp(ctx, temp) // of IfAbsent it is a second link to the content
	}
	return parentLost(err)
}

// fill writes the content of a temporary file and brings it to disk.
func (d *Driver) fill(ctx context.Context, temp string, c content) error {
	s, err := d.pool.get(ctx)
	if err != nil {
		return err
	}
	defer s.release()
	f, err := d.createTemp(ctx, s, temp)
	if err != nil {
		return err
	}
	err = d.write(ctx, s, f, c)
	if err == nil {
		err = s.do(ctx, func(client *proto.Client) error { return d.finish(client, f, temp, c) })
	}
	tidy, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	if closeErr := s.do(tidy, func(*proto.Client) error { return f.Close() }); err == nil {
		err = closeErr
	}
	return err
}

func (d *Driver) createTemp(ctx context.Context, s *session, temp string) (f *proto.File, err error) {
	create := func(client *proto.Client) (err error) {
		f, err = client.OpenFile(d.full(temp), os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		return err
	}
	if !d.temps.ready.Load() {
		if err := d.makeTempDir(ctx); err != nil {
			return nil, err
		}
	}
	err = s.do(ctx, create)
	if errors.Is(err, fs.ErrNotExist) {
		// Somebody emptied the root.
		if err := d.makeTempDir(ctx); err != nil {
			return nil, err
		}
		err = s.do(ctx, create)
	}
	return f, err
}

// write sends the body in pieces; between two of them nothing of the body is waited for on the connection.
func (d *Driver) write(ctx context.Context, s *session, f *proto.File, c content) error {
	w := &writer{write: func(p []byte, off int64) error {
		return s.do(ctx, func(*proto.Client) error {
			_, err := f.WriteAt(p, off)
			return err
		})
	}}
	buffer := bufio.NewWriterSize(w, int(max(16, min(c.size, copySize))))
	if c.size > copySize {
		buffer, _ = d.buffers.Get().(*bufio.Writer)
		buffer.Reset(w)
		defer func() {
			buffer.Reset(io.Discard)
			d.buffers.Put(buffer)
		}()
	}
	if err := c.body.CopyTo(buffer, make([]byte, max(1, min(c.size, copySize)))); err != nil {
		return err
	}
	return buffer.Flush()
}

// writer writes one piece behind the other.
type writer struct {
	write func(p []byte, off int64) error
	off   int64
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	if err := w.write(p, w.off); err != nil {
		return 0, err
	}
	w.off += int64(len(p))
	return len(p), nil
}

// finish gives a written file its time and brings it to disk, after a look at its size.
func (d *Driver) finish(client *proto.Client, f *proto.File, temp string, c content) error {
	if !c.modTime.IsZero() {
		// The protocol has 32 bits for seconds since 1970.
		t := time.Unix(max(0, min(c.modTime.Unix(), math.MaxUint32)), 0)
		if err := client.Chtimes(d.full(temp), t, t); err != nil {
			return err
		}
	}
	if d.can.fsync {
		if err := f.Sync(); err != nil {
			return err
		}
	}
	fi, err := f.Stat()
	if err == nil && fi.Size() != c.size {
		err = fmt.Errorf("%w: the server has %d of %d bytes", drivers.ErrBroken, fi.Size(), c.size)
	}
	return err
}

// move is the last step of a Put.
type move struct {
	temp, name string
	size       int64
	ifAbsent   bool
}

// place gives a temporary file its name and makes that durable.
func (d *Driver) place(ctx context.Context, m move) error {
	dir := parent(m.name)
	if err := d.makeDirs(ctx, dir); err != nil {
		return err
	}
	err := d.rename(ctx, m)
	if errors.Is(err, fs.ErrNotExist) && d.known.Forget(dir) {
		// Somebody else removed a directory that was known.
		if err := d.makeDirs(ctx, dir); err != nil {
			return err
		}
		err = d.rename(ctx, m)
	}
	if err != nil {
		return d.confirm(ctx, m, err)
	}
	return d.syncDir(ctx, dir)
}

func (d *Driver) rename(ctx context.Context, m move) error {
	if able := d.can.posixRename && !m.ifAbsent || d.can.hardlink && m.ifAbsent; !able {
		unlock, err := d.locks.Lock(ctx, m.name)
		if err != nil {
			return err
		}
		defer unlock()
		return d.with(ctx, func(c *proto.Client) error { return d.plainRename(c, m) })
	}
	from, to := d.full(m.temp), d.full(m.name)
	return d.with(ctx, func(c *proto.Client) error {
		var err error
		if m.ifAbsent {
			err = c.Link(from, to)
		} else {
			err = c.PosixRename(from, to)
		}
		if err == nil || isLost(err) || errors.Is(err, fs.ErrNotExist) {
			return err
		}
		fi, statErr := c.Lstat(to)
		switch {
		case statErr == nil && m.ifAbsent:
			return drivers.ErrExist
		case statErr == nil && fi.IsDir():
			return fmt.Errorf("a directory: %w", drivers.ErrDenied)
		}
		return err
	})
}

// plainRename is for servers without extensions. Theirs as a rule refuses a name that is there, so that one is removed
// first; some replace it, hence the look before it.
func (d *Driver) plainRename(c *proto.Client, m move) error {
	from, to := d.full(m.temp), d.full(m.name)
	fi, err := c.Lstat(to)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case m.ifAbsent:
		return drivers.ErrExist
	case fi.IsDir():
		return fmt.Errorf("a directory: %w", drivers.ErrDenied)
	default:
		if err := c.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	err = c.Rename(from, to)
	if m.ifAbsent && isFailure(err) {
		if _, statErr := c.Lstat(to); statErr == nil {
			return drivers.ErrExist
		}
	}
	return err
}

// confirm finds out what became of a rename whose answer was lost with the connection.
func (d *Driver) confirm(ctx context.Context, m move, err error) error {
	if m.ifAbsent || ctx.Err() != nil || drivers.Sentinel(err) != nil || !isLost(err) {
		return err
	}
	if _, statErr := d.lstat(ctx, m.temp); !errors.Is(statErr, fs.ErrNotExist) {
		return err
	}
	if fi, statErr := d.lstat(ctx, m.name); statErr != nil || fi.Size() != m.size || !fi.Mode().IsRegular() {
		return err
	}
	return d.syncDir(ctx, parent(m.name))
}
