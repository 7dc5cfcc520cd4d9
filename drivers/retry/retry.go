// Package retry is the decorator that repeats calls of a driver that failed with drivers.ErrTransient.
package retry

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"github.com/cenkalti/backoff/v5"

	"trivium/drivers"
)

// Options bound the retries of one call. The zero value is the common case.
type Options struct {
	MaxTries   uint          // calls in all; 0 is 4, 1 retries nothing
	MaxElapsed time.Duration // no retry begins later than this after the first try; 0 is 30 s
	Initial    time.Duration // about the wait before the second try, growing by half each time; 0 is 100 ms
	MaxWait    time.Duration // longest wait between two tries; 0 is 5 s
}

// Driver retries what fails with ErrTransient, and nothing else, until ctx ends. It retries a Put only when its body
// is an io.Seeker, which it takes back to where it was; an Open only as a call (a reader that breaks stays broken);
// a List from behind the last name that it yielded. A body's own error is never retried.
//
// A Put with IfAbsent or a Copy whose answer was lost may be repeated: ErrExist can then mean the caller's own
// content.
type Driver struct {
	drivers.Driver
	opts Options
}

// New returns d with retries.
func New(d drivers.Driver, opts Options) *Driver {
	if opts.MaxTries == 0 {
		opts.MaxTries = 4
	}
	if opts.MaxElapsed == 0 {
		opts.MaxElapsed = 30 * time.Second
	}
	if opts.Initial == 0 {
		opts.Initial = 100 * time.Millisecond
	}
	if opts.MaxWait == 0 {
		opts.MaxWait = 5 * time.Second
	}
	return &Driver{Driver: d, opts: opts}
}

// Unwrap implements drivers.Wrapper.
func (d *Driver) Unwrap() drivers.Driver { return d.Driver }

// again runs call until it succeeds, fails for good, or the bounds are reached. When ctx ends in a wait the error is
// ctx's; op and name label it.
func again[T any](ctx context.Context, o Options, op, name string, call func() (T, error)) (T, error) {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = o.Initial, o.MaxWait
	var last error
	v, err := backoff.Retry(ctx, func() (T, error) {
		v, err := call()
		if last = err; err != nil && !retryable(err) {
			err = backoff.Permanent(err)
		}
		return v, err
	}, backoff.WithBackOff(wait), backoff.WithMaxTries(o.MaxTries), backoff.WithMaxElapsedTime(o.MaxElapsed))
	if err == nil || last == nil || !retryable(last) {
		return v, last
	}
	if ctx.Err() != nil {
		return v, drivers.Fail(spaceOf(last), op, name, ctx.Err())
	}
	return v, last
}

func retryable(err error) bool {
	return errors.Is(drivers.Sentinel(err), drivers.ErrTransient)
}

func spaceOf(err error) string {
	if e, ok := errors.AsType[*drivers.Error](err); ok {
		return e.Space
	}
	return "retry"
}

// do is again for calls that give nothing but an error.
func (d *Driver) do(ctx context.Context, op, name string, call func() error) error {
	_, err := again(ctx, d.opts, op, name, func() (struct{}, error) { return struct{}{}, call() })
	return err
}

// Put implements drivers.Driver.
func (d *Driver) Put(ctx context.Context, name string, body io.Reader, size int64, opts drivers.PutOptions) error {
	seeker, ok := body.(io.Seeker)
	if !ok {
		return d.Driver.Put(ctx, name, body, size, opts)
	}
	start, err := seeker.Seek(0, io.SeekCurrent)
	if err != nil { // it cannot seek after all, a pipe for one
		return d.Driver.Put(ctx, name, body, size, opts)
	}
	first := true
	return d.do(ctx, "put", name, func() error {
		if !first {
			if _, err := seeker.Seek(start, io.SeekStart); err != nil {
				return drivers.Fail("retry", "put", name, errors.Join(drivers.ErrBody, err))
			}
		}
		first = false
		return d.Driver.Put(ctx, name, body, size, opts)
	})
}

// Open implements drivers.Driver.
func (d *Driver) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	return again(ctx, d.opts, "open", name, func() (io.ReadCloser, error) {
		return d.Driver.Open(ctx, name, offset, length)
	})
}

// Stat implements drivers.Driver.
func (d *Driver) Stat(ctx context.Context, name string) (drivers.Info, error) {
	return again(ctx, d.opts, "stat", name, func() (drivers.Info, error) { return d.Driver.Stat(ctx, name) })
}

// Delete implements drivers.Driver.
func (d *Driver) Delete(ctx context.Context, name string) error {
	return d.do(ctx, "delete", name, func() error { return d.Driver.Delete(ctx, name) })
}

// List implements drivers.Driver. What it yields counts as success: the bounds begin anew behind it.
func (d *Driver) List(ctx context.Context, prefix string, opts drivers.ListOptions) iter.Seq2[drivers.Info, error] {
	return func(yield func(drivers.Info, error) bool) {
		l := listing{d: d, prefix: prefix, opts: opts, yield: yield}
		for !l.over {
			err := d.do(ctx, "list", prefix, func() error { return l.run(ctx) })
			if err != nil {
				yield(drivers.Info{}, err)
				return
			}
		}
	}
}

// listing is one run of a List's sequence.
type listing struct {
	d      *Driver
	prefix string
	opts   drivers.ListOptions // StartAfter moves with what was yielded
	yield  func(drivers.Info, error) bool
	over   bool // at its end or broken off by the caller
}

// run lists on behind what was yielded. It returns nil, over or not, once it has yielded something.
func (l *listing) run(ctx context.Context) error {
	progress := false
	for info, err := range l.d.Driver.List(ctx, l.prefix, l.opts) {
		if err != nil && progress && retryable(err) {
			return nil
		}
		if err != nil {
			return err
		}
		l.opts.StartAfter, progress = info.Key(), true
		if !l.yield(info, nil) {
			break
		}
	}
	l.over = true
	return nil
}

// Adapt implements drivers.Adapter: optional calls are retried too.
func (d *Driver) Adapt(found any) any {
	x := &extra{d: d}
	x.copier, _ = found.(drivers.Copier)
	x.batch, _ = found.(drivers.BatchDeleter)
	x.dirs, _ = found.(drivers.Mkdirer)
	x.usage, _ = found.(drivers.Usage)
	x.Presigner, _ = found.(drivers.Presigner)
	return x
}
