// Package meter is the decorator that counts what a driver does: calls, errors, bytes, latency.
package meter

import (
	"context"
	"io"
	"iter"
	"time"

	"trivium/drivers"
)

// Driver passes every call on and counts it.
type Driver struct {
	drivers.Driver
	ops [numOps]counter
}

// New returns d with counters at zero.
func New(d drivers.Driver) *Driver {
	return &Driver{Driver: d}
}

// Unwrap implements drivers.Wrapper.
func (d *Driver) Unwrap() drivers.Driver { return d.Driver }

// Put implements drivers.Driver. Its bytes count when it succeeds.
func (d *Driver) Put(ctx context.Context, name string, body io.Reader, size int64, opts drivers.PutOptions) error {
	c := &d.ops[Put]
	start := c.begin()
	err := d.Driver.Put(ctx, name, body, size, opts)
	if err == nil {
		c.bytes.Add(size)
	}
	c.end(start, err)
	return err
}

// Open implements drivers.Driver. The latency of Open is that of the call; each Read of the reader counts as Read,
// which is in flight from Open to Close.
func (d *Driver) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	c := &d.ops[Open]
	start := c.begin()
	rc, err := d.Driver.Open(ctx, name, offset, length)
	c.end(start, err)
	if err != nil {
		return nil, err
	}
	d.ops[Read].inFlight.Add(1)
	return &reader{ReadCloser: rc, c: &d.ops[Read]}, nil
}

// Stat implements drivers.Driver.
func (d *Driver) Stat(ctx context.Context, name string) (drivers.Info, error) {
	c := &d.ops[Stat]
	start := c.begin()
	info, err := d.Driver.Stat(ctx, name)
	c.end(start, err)
	return info, err
}

// Delete implements drivers.Driver.
func (d *Driver) Delete(ctx context.Context, name string) error {
	return d.count(Delete, func() error { return d.Driver.Delete(ctx, name) })
}

// List implements drivers.Driver. One run of the sequence is one call; its latency is the time to the first yield.
func (d *Driver) List(ctx context.Context, prefix string, opts drivers.ListOptions) iter.Seq2[drivers.Info, error] {
	return func(yield func(drivers.Info, error) bool) {
		c := &d.ops[List]
		start := c.begin()
		defer c.inFlight.Add(-1)
		timed := false
		for info, err := range d.Driver.List(ctx, prefix, opts) {
			if !timed {
				c.observe(time.Since(start))
				timed = true
			}
			c.fail(err)
			if !yield(info, err) {
				return
			}
		}
		if !timed {
			c.observe(time.Since(start))
		}
	}
}

func (d *Driver) count(op Op, call func() error) error {
	c := &d.ops[op]
	start := c.begin()
	err := call()
	c.end(start, err)
	return err
}

// Adapt implements drivers.Adapter: optional calls are counted too.
func (d *Driver) Adapt(found any) any {
	x := &extra{d: d}
	x.copier, _ = found.(drivers.Copier)
	x.batch, _ = found.(drivers.BatchDeleter)
	x.dirs, _ = found.(drivers.Mkdirer)
	x.usage, _ = found.(drivers.Usage)
	x.Presigner, _ = found.(drivers.Presigner)
	return x
}

// extra is the optional calls of the driver below, counted. Those that are not below are never asked for.
type extra struct {
	d      *Driver
	copier drivers.Copier
	batch  drivers.BatchDeleter
	dirs   drivers.Mkdirer
	usage  drivers.Usage
	drivers.Presigner
}

// Copy implements drivers.Copier.
func (x *extra) Copy(ctx context.Context, from, to string) error {
	return x.d.count(Copy, func() error { return x.copier.Copy(ctx, from, to) })
}

// DeleteBatch implements drivers.BatchDeleter; it counts as one Delete.
func (x *extra) DeleteBatch(ctx context.Context, names []string) error {
	return x.d.count(Delete, func() error { return x.batch.DeleteBatch(ctx, names) })
}

// Mkdir implements drivers.Mkdirer.
func (x *extra) Mkdir(ctx context.Context, name string) error {
	return x.d.count(Other, func() error { return x.dirs.Mkdir(ctx, name) })
}

// Rmdir implements drivers.Mkdirer.
func (x *extra) Rmdir(ctx context.Context, name string) error {
	return x.d.count(Other, func() error { return x.dirs.Rmdir(ctx, name) })
}

// Usage implements drivers.Usage.
func (x *extra) Usage(ctx context.Context) (used, free int64, err error) {
	err = x.d.count(Other, func() error {
		used, free, err = x.usage.Usage(ctx)
		return err
	})
	return used, free, err
}
