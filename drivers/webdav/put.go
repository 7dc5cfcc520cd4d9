package webdav

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"trivium/drivers"
)

// Put implements drivers.Driver: PUT to a temporary name, a look at its size, MOVE.
func (d *Driver) Put(ctx context.Context, name string, body io.Reader, size int64, opts drivers.PutOptions) error {
	return d.fail("put", name, d.put(ctx, name, opts, func(temp string) (int64, error) {
		return size, d.upload(ctx, temp, drivers.NewBody(ctx, body, size), size, opts.ModTime)
	}))
}

// Copy implements drivers.Copier: the server copies to a temporary name, which is then moved.
func (d *Driver) Copy(ctx context.Context, from, to string) error {
	if err := check(ctx, from); err != nil {
		return d.fail("copy", from, err)
	}
	if err := check(ctx, to); err != nil {
		return d.fail("copy", to, err)
	}
	src, err := d.stat(ctx, from)
	if err == nil && src.IsDir {
		err = fmt.Errorf("a directory: %w", drivers.ErrNotExist)
	}
	if err != nil {
		return d.fail("copy", from, err)
	}
	return d.fail("copy", to, d.put(ctx, to, drivers.PutOptions{}, func(temp string) (int64, error) {
		return src.Size, d.client.transfer(ctx, methodCopy, d.client.url(from, false), d.client.url(temp, false), false)
	}))
}

// put fills a temporary name and moves it to name. fill tells how many bytes there have to be.
func (d *Driver) put(ctx context.Context, name string, opts drivers.PutOptions, fill func(temp string) (int64, error)) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	if opts.IfAbsent {
		// Spares sending the content; what decides is the MOVE.
		if _, err := d.client.stat(ctx, name, false); err == nil {
			return drivers.ErrExist
		} else if !errors.Is(err, drivers.ErrNotExist) {
			return err
		}
	}
	temp := d.temps.create()
	size, err := fill(temp)
	if statusOf(err) == http.StatusConflict {
		err = d.remakeTemps(ctx)
	}
	if err == nil {
		err = d.verify(ctx, temp, size)
	}
	if err == nil {
		err = d.place(ctx, move{temp, name, size}, opts)
	}
	if err != nil {
		d.dropTemp(ctx, temp)
	}
	return err
}

// upload sends body to a temporary name.
func (d *Driver) upload(ctx context.Context, temp string, body *drivers.Body, size int64, modTime time.Time) error {
	r := request{method: http.MethodPut, path: d.client.url(temp, false), once: true, header: http.Header{}}
	if d.keepsTime && !modTime.IsZero() {
		r.header.Set("X-Oc-Mtime", mtimeHeader(modTime))
	}
	src := &source{r: body}
	if size > 0 {
		r.body, r.size = src, size
	} else if _, err := body.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		return err
	}
	_, err := d.client.send(ctx, r, http.StatusCreated, http.StatusNoContent, http.StatusOK)
	if bodyErr := src.take(); bodyErr != nil {
		return bodyErr
	}
	if statusOf(err) == http.StatusNotFound {
		return d.remakeTemps(ctx)
	}
	return err
}

// remakeTemps makes the directory of temporary names again: somebody emptied the root, or it could not be written when
// it was opened. The body that was sent is gone, so the Put has to come again.
func (d *Driver) remakeTemps(ctx context.Context) error {
	if err := d.mkcol(ctx, tempDir); err != nil {
		return parentLost(err)
	}
	return fmt.Errorf("%w: the directory of temporary files was missing", drivers.ErrTransient)
}

// source is the body of a PUT as net/http reads it, which may go on after the answer has come.
type source struct {
	mu   sync.Mutex
	r    io.Reader
	err  error
	over bool
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return 0, io.ErrClosedPipe
	}
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// take takes the body back: nobody reads it any more when it returns. It tells why reading it failed.
func (s *source) take() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	return s.err
}

// verify looks whether a temporary name has the whole of its content: servers have answered 201 for less.
func (d *Driver) verify(ctx context.Context, temp string, size int64) error {
	m, err := d.client.stat(ctx, temp, false)
	switch {
	case errors.Is(err, drivers.ErrNotExist):
		return fmt.Errorf("%w: the server took the content and does not have it", drivers.ErrBroken)
	case err != nil:
		return err
	case m.dir || m.size != size:
		return fmt.Errorf("%w: the server has %d of %d bytes", drivers.ErrBroken, m.size, size)
	}
	return nil
}

// move is the last step of a Put.
type move struct {
	temp, name string
	size       int64
}

// place moves a temporary name to its own, making missing directories.
func (d *Driver) place(ctx context.Context, m move, opts drivers.PutOptions) error {
	unlock, err := d.locks.Lock(ctx, m.name)
	if err != nil {
		return err
	}
	defer unlock()
	if err := d.tree.Acquire(ctx, 1); err != nil {
		return err
	}
	defer d.tree.Release(1)
	dir := parent(m.name)
	if err := d.makeDirs(ctx, dir); err != nil {
		return err
	}
	err = d.moveTo(ctx, m, opts)
	switch statusOf(err) {
	case http.StatusConflict, http.StatusNotFound, http.StatusForbidden:
		// Somebody else may have removed a directory that was known; golang.org/x/net/webdav says 403 then.
		if !d.known.Forget(dir) {
			break
		}
		if err := d.makeDirs(ctx, dir); err != nil {
			return err
		}
		err = d.moveTo(ctx, m, opts)
	}
	if opts.IfAbsent && errors.Is(err, drivers.ErrExist) {
		return err
	}
	return parentLost(err)
}

// moveTo moves onto nothing first, which harms nothing whatever is there, and replaces only what it knows is a file: a
// MOVE with "Overwrite: T" would take a directory with all in it.
func (d *Driver) moveTo(ctx context.Context, m move, opts drivers.PutOptions) error {
	const tries = 3
	var err error
	for range tries {
		err = d.confirm(ctx, m, d.client.transfer(ctx, methodMove, d.client.url(m.temp, false), d.client.url(m.name, false), false))
		refused := statusOf(err) == http.StatusPreconditionFailed
		if refused && opts.IfAbsent || !refused && statusOf(err)/100 != 3 {
			return err
		}
		there, statErr := d.client.stat(ctx, m.name, false)
		switch {
		case errors.Is(statErr, drivers.ErrNotExist):
			continue // it went in between
		case statErr != nil:
			return statErr
		case there.dir && opts.IfAbsent:
			return fmt.Errorf("a directory: %w", drivers.ErrExist)
		case there.dir:
			return fmt.Errorf("a directory: %w", drivers.ErrDenied) // Apache redirects to it
		case !refused:
			return err
		case opts.Immutable && there.size == m.size:
			d.dropTemp(ctx, m.temp)
			return nil
		}
		return d.confirm(ctx, m, d.client.transfer(ctx, methodMove, d.client.url(m.temp, false), d.client.url(m.name, false), true))
	}
	return fmt.Errorf("%w: the name comes and goes", drivers.ErrTransient)
}

// confirm finds out what became of a MOVE whose answer was lost, or says neither yes nor no.
func (d *Driver) confirm(ctx context.Context, m move, err error) error {
	s := statusOf(err)
	if err == nil || ctx.Err() != nil || s != http.StatusOK && s != http.StatusAccepted && !errors.Is(err, drivers.ErrTransient) {
		return err
	}
	if _, statErr := d.client.stat(ctx, m.temp, false); !errors.Is(statErr, drivers.ErrNotExist) {
		return err
	}
	if there, statErr := d.client.stat(ctx, m.name, false); statErr != nil || there.dir || there.size != m.size {
		return err
	}
	return nil
}

// transfer sends a COPY or MOVE of a file.
func (c *client) transfer(ctx context.Context, method, from, to string, overwrite bool) error {
	h := http.Header{"Destination": {c.origin + to}, "Overwrite": {"F"}}
	if overwrite {
		h.Set("Overwrite", "T")
	}
	if method == methodCopy {
		h.Set("Depth", "0")
	}
	r := request{method: method, path: from, header: h, once: true}
	_, err := c.send(ctx, r, http.StatusCreated, http.StatusNoContent)
	return err
}
