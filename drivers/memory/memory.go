// Package memory is the driver that keeps content in the memory of the process: for tests, demonstrations and
// benchmarks. Its names are flat: there are no directories but those that names imply.
package memory

import (
	"context"
	"fmt"
	"io"
	"time"

	"trivium/drivers"
)

// Driver is a handle on content in memory. It implements drivers.Driver, Copier, BatchDeleter and Usage. Handles
// that a Registry opened under one name share their content; Close leaves the content alone.
type Driver struct {
	space string
	s     *store
}

// New returns an empty driver without a limit.
func New() *Driver {
	return &Driver{space: "memory", s: newStore(0, false)}
}

// NewLimited returns an empty driver that holds at most capacity bytes of content: a Put beyond it is ErrNoSpace.
func NewLimited(capacity int64) *Driver {
	return &Driver{space: "memory", s: newStore(capacity, false)}
}

// NewDiscard returns a driver for benchmarks that reads and counts what it is given but keeps only names, sizes and
// times: Stat, List and Delete work, Open of a stored name is ErrNotExist.
func NewDiscard() *Driver {
	return &Driver{space: "discard", s: newStore(0, true)}
}

// Put implements drivers.Driver. The content becomes visible in one step.
func (d *Driver) Put(ctx context.Context, name string, body io.Reader, size int64, opts drivers.PutOptions) error {
	return d.fail("put", name, d.put(ctx, name, body, size, opts))
}

func (d *Driver) put(ctx context.Context, name string, body io.Reader, size int64, opts drivers.PutOptions) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	if opts.IfAbsent && d.s.has(name) {
		return drivers.ErrExist
	}
	if err := d.s.room(name, size); err != nil {
		return err
	}
	e := entry{size: size, modTime: opts.ModTime.UTC()}
	b := drivers.NewBody(ctx, body, size)
	var err error
	if d.s.discard {
		err = b.CopyTo(io.Discard, make([]byte, 32<<10))
	} else {
		e.content, err = readAll(b, size)
	}
	if err != nil {
		return err
	}
	if opts.ModTime.IsZero() {
		e.modTime = time.Now().UTC()
	}
	return d.s.set(name, e, opts.IfAbsent)
}

// readAll reads the whole of b. Memory is taken as bytes come, so that an announced size alone takes none.
func readAll(b *drivers.Body, size int64) ([]byte, error) {
	const step = 16 << 20
	p := make([]byte, 0, max(0, min(size, step)))
	for {
		if len(p) == cap(p) {
			if int64(len(p)) >= size {
				break
			}
			grown := make([]byte, len(p), min(size, 2*int64(len(p))))
			copy(grown, p)
			p = grown
		}
		n, err := b.Read(p[len(p):cap(p)])
		p = p[:len(p)+n]
		if err == io.EOF { //nolint:errorlint // Body gives io.EOF bare
			return p, nil
		}
		if err != nil {
			return nil, err
		}
	}
	// All bytes are there; what is left to learn is whether the body ends.
	if _, err := b.Read(nil); err != nil && err != io.EOF { //nolint:errorlint // as above
		return nil, err
	}
	return p, nil
}

// Open implements drivers.Driver. The reader gives the content of the moment of Open, whatever happens to name, and
// implements io.ReaderAt, io.WriterTo and io.Seeker.
func (d *Driver) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	r, err := d.open(ctx, name, offset, length)
	if err != nil {
		return nil, d.fail("open", name, err)
	}
	return r, nil
}

func (d *Driver) open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	if err := check(ctx, name); err != nil {
		return nil, err
	}
	e, ok := d.s.get(name)
	if !ok || d.s.discard {
		return nil, drivers.ErrNotExist
	}
	if offset < 0 || offset > e.size {
		return nil, fmt.Errorf("offset %d of %d: %w", offset, e.size, drivers.ErrRange)
	}
	content := e.content[offset:]
	if length >= 0 && length < int64(len(content)) {
		content = content[:length]
	}
	return newReader(content), nil
}

// Stat implements drivers.Driver.
func (d *Driver) Stat(ctx context.Context, name string) (drivers.Info, error) {
	if err := check(ctx, name); err != nil {
		return drivers.Info{}, d.fail("stat", name, err)
	}
	e, ok := d.s.get(name)
	if !ok {
		return drivers.Info{}, d.fail("stat", name, drivers.ErrNotExist)
	}
	return drivers.Info{Name: name, Size: e.size, ModTime: e.modTime}, nil
}

// Delete implements drivers.Driver.
func (d *Driver) Delete(ctx context.Context, name string) error {
	if err := check(ctx, name); err != nil {
		return d.fail("delete", name, err)
	}
	d.s.remove(name)
	return nil
}

// DeleteBatch implements drivers.BatchDeleter.
func (d *Driver) DeleteBatch(ctx context.Context, names []string) error {
	var first error
	for _, name := range names {
		if err := d.Delete(ctx, name); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// Copy implements drivers.Copier: the content is shared, since it never changes.
func (d *Driver) Copy(ctx context.Context, from, to string) error {
	if err := check(ctx, from); err != nil {
		return d.fail("copy", from, err)
	}
	if err := check(ctx, to); err != nil {
		return d.fail("copy", to, err)
	}
	e, ok := d.s.get(from)
	if !ok {
		return d.fail("copy", from, drivers.ErrNotExist)
	}
	e.modTime = time.Now().UTC()
	return d.fail("copy", to, d.s.set(to, e, false))
}

// Usage implements drivers.Usage; without a limit free is unknown.
func (d *Driver) Usage(ctx context.Context) (used, free int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, 0, d.fail("usage", "", err)
	}
	used, free = d.s.usage()
	return used, free, nil
}

// Traits implements drivers.Driver.
func (d *Driver) Traits() drivers.Traits {
	return drivers.Traits{KeepsModTime: true, AtomicPut: true, Volatile: true}
}

// Close implements drivers.Driver. It does nothing.
func (d *Driver) Close() error { return nil }

func (d *Driver) fail(op, name string, err error) error {
	return drivers.Fail(d.space, op, name, err)
}

func check(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return drivers.CheckName(name)
}
