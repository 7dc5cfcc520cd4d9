package faulty

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"trivium/drivers"
)

// Open implements drivers.Driver.
func (d *Driver) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	p := d.plan(Open, name)
	if err := d.before(ctx, p); err != nil {
		return nil, err
	}
	switch p.fault.kind { //nolint:exhaustive // the others read the content itself
	case KindStale:
		if rc := d.openStale(p, offset, length); rc != nil {
			return rc, nil
		}
	case KindOtherObject:
		if rc := d.openOther(ctx, p, offset, length); rc != nil {
			return rc, nil
		}
	}
	rc, err := d.Driver.Open(ctx, name, offset, length)
	if err != nil {
		return nil, err
	}
	return d.spoil(ctx, p, rc, offset, length)
}

// spoil wraps a reader in the fault of p.
func (d *Driver) spoil(ctx context.Context, p plan, rc io.ReadCloser, offset, length int64) (io.ReadCloser, error) {
	switch p.fault.kind { //nolint:exhaustive // the others do not change the reader
	case KindLostAnswer:
		return nil, errors.Join(d.inject(p), rc.Close())
	case KindSlowRead:
		d.record(p)
		return &slowReader{ReadCloser: rc, p: p, sleep: func() error { return sleep(ctx, p.fault.delay) }}, nil
	case KindShortRead, KindBrokenRead, KindFlipBit, KindHangRead:
		left, err := d.expect(ctx, p.name, offset, length)
		if err != nil {
			return nil, errors.Join(p.fail(err), rc.Close())
		}
		if left > 0 {
			return &reader{d: d, p: p, src: rc, left: left, at: p.offset(left), wait: ctx.Done(), cause: ctx.Err}, nil
		}
	}
	return rc, nil
}

// expect returns how many bytes a reader of the range gives.
func (d *Driver) expect(ctx context.Context, name string, offset, length int64) (int64, error) {
	info, err := d.Driver.Stat(ctx, name)
	if err != nil {
		return 0, err
	}
	left := info.Size - offset
	if length >= 0 {
		left = min(left, length)
	}
	return left, nil
}

// reader spoils its source at one place.
type reader struct {
	d     *Driver
	p     plan
	src   io.ReadCloser
	left  int64 // bytes that the source still has
	at    int64 // bytes until the place of the fault; < 0 when it has passed
	wait  <-chan struct{}
	cause func() error
	ended error
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if r.ended != nil {
		return 0, r.ended
	}
	if r.at < 0 || len(p) == 0 || r.d.isOff() {
		return r.src.Read(p)
	}
	if r.p.fault.kind == KindFlipBit {
		return r.flip(p)
	}
	if r.at == 0 {
		return 0, r.stop()
	}
	n, err := r.src.Read(p[:min(int64(len(p)), r.at)])
	r.at -= int64(n)
	return n, err
}

func (r *reader) flip(p []byte) (int, error) {
	n, err := r.src.Read(p)
	if r.at < int64(n) {
		p[r.at] ^= 1 << (r.p.draw & 7)
		r.d.record(r.p)
	}
	r.at -= int64(n)
	return n, err
}

func (r *reader) stop() error {
	r.d.record(r.p)
	switch r.p.fault.kind { //nolint:exhaustive // only these stop a reader
	case KindBrokenRead:
		r.ended = r.p.fail(r.p.fault.err)
	case KindHangRead:
		<-r.wait
		r.ended = r.p.fail(r.cause())
	default:
		r.ended = io.EOF
	}
	return r.ended
}

// Close implements io.Closer.
func (r *reader) Close() error { return r.src.Close() }

// slowReader sleeps before each Read.
type slowReader struct {
	io.ReadCloser
	p     plan
	sleep func() error
}

// Read implements io.Reader.
func (r *slowReader) Read(p []byte) (int, error) {
	if err := r.sleep(); err != nil {
		return 0, r.p.fail(err)
	}
	return r.ReadCloser.Read(p)
}

// remember reads what name holds if a rule of Stale may ask for it.
func (d *Driver) remember(ctx context.Context, name string) ([]byte, bool) {
	if !d.keepsOlder(name) {
		return nil, false
	}
	rc, err := d.Driver.Open(ctx, name, 0, -1)
	if err != nil {
		return nil, false
	}
	old, err := io.ReadAll(rc)
	return old, errors.Join(err, rc.Close()) == nil
}

func (d *Driver) openStale(p plan, offset, length int64) io.ReadCloser {
	d.mu.Lock()
	old, ok := d.older[p.name]
	d.mu.Unlock()
	if !ok || offset < 0 || offset > int64(len(old)) {
		return nil
	}
	old = old[offset:]
	if length >= 0 && length < int64(len(old)) {
		old = old[:length]
	}
	d.record(p)
	return io.NopCloser(bytes.NewReader(old))
}

// openOther opens the first other file of the directory, in the order from the name on and then from the beginning,
// that has bytes at offset.
func (d *Driver) openOther(ctx context.Context, p plan, offset, length int64) io.ReadCloser {
	dir := ""
	if i := strings.LastIndexByte(p.name, '/'); i > 0 {
		dir = p.name[:i]
	}
	for _, opts := range []drivers.ListOptions{{StartAfter: p.name}, {}} {
		for info, err := range d.Driver.List(ctx, dir, opts) {
			if err != nil {
				return nil
			}
			if info.IsDir || info.Name == p.name || info.Size <= offset || offset < 0 {
				continue
			}
			rc, err := d.Driver.Open(ctx, info.Name, offset, length)
			if err != nil {
				continue
			}
			d.record(p)
			return rc
		}
	}
	return nil
}
