package webdav

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"

	"trivium/drivers"
)

// maxSkip bounds what is read and thrown away when a server answers a range with the whole.
const maxSkip = 64 << 20

// Open implements drivers.Driver. The reader gives exactly the bytes of the range or fails; with a server that ignores
// ranges an offset of more than 64 MiB is ErrBroken.
func (d *Driver) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	r, err := d.open(ctx, name, offset, length)
	if err != nil {
		return nil, d.fail("open", name, err)
	}
	return r, nil
}

func (d *Driver) open(ctx context.Context, name string, offset, length int64) (*reader, error) {
	if err := check(ctx, name); err != nil {
		return nil, err
	}
	if offset < 0 {
		return nil, fmt.Errorf("offset %d: %w", offset, drivers.ErrRange)
	}
	r := &reader{d: d, name: name, stop: ctx.Err, body: http.NoBody}
	if length == 0 {
		_, err := d.sizeFrom(ctx, name, offset)
		return r, err
	}
	resp, err := d.client.do(ctx, request{
		method: http.MethodGet, path: d.client.url(name, false), header: rangeHeader(offset, length),
	})
	if err != nil {
		return nil, err
	}
	r.body = resp.Body
	switch resp.StatusCode {
	case http.StatusOK, http.StatusPartialContent:
		r.left, err = d.window(ctx, resp, name, offset, length)
	default:
		r.body = http.NoBody
		err = errors.Join(d.refusedRead(ctx, d.client.refusal(resp), name, offset), resp.Body.Close())
	}
	if err != nil {
		_ = r.body.Close()
		return nil, err
	}
	return r, nil
}

func rangeHeader(offset, length int64) http.Header {
	switch {
	case offset == 0 && length < 0:
		return nil
	case length < 0 || length > math.MaxInt64-offset:
		return http.Header{"Range": {fmt.Sprintf("bytes=%d-", offset)}}
	}
	return http.Header{"Range": {fmt.Sprintf("bytes=%d-%d", offset, offset+length-1)}}
}

// sizeFrom is the size of a file in which offset lies.
func (d *Driver) sizeFrom(ctx context.Context, name string, offset int64) (int64, error) {
	info, err := d.stat(ctx, name)
	switch {
	case err != nil:
		return 0, err
	case info.IsDir:
		return 0, fmt.Errorf("a directory: %w", drivers.ErrNotExist)
	case offset > info.Size:
		return 0, fmt.Errorf("offset %d of %d: %w", offset, info.Size, drivers.ErrRange)
	}
	return info.Size, nil
}

// refusedRead judges an answer to GET that has no content; nil means that the range is empty.
func (d *Driver) refusedRead(ctx context.Context, err error, name string, offset int64) error {
	switch s := statusOf(err); {
	case s == http.StatusRequestedRangeNotSatisfiable:
		size, statErr := d.sizeFrom(ctx, name, offset)
		if statErr != nil || size == offset {
			return statErr
		}
		return fmt.Errorf("%w: the server refuses a range that lies in its %d bytes", drivers.ErrBroken, size)
	case errors.Is(err, drivers.ErrNotExist), errors.Is(err, drivers.ErrTransient), s == http.StatusUnauthorized:
		return err
	}
	// Servers refuse directories in many ways.
	if info, statErr := d.stat(ctx, name); statErr == nil && info.IsDir {
		return fmt.Errorf("a directory: %w", drivers.ErrNotExist)
	} else if errors.Is(statErr, drivers.ErrNotExist) {
		return statErr
	}
	return err
}

// window finds out how many bytes the reader has to give, and brings the answer to where they begin.
func (d *Driver) window(ctx context.Context, resp *http.Response, name string, offset, length int64) (int64, error) {
	first, last, total, err := extent(resp)
	if err != nil {
		return 0, err
	}
	if total < 0 || !certain(resp) {
		size, err := d.sizeFrom(ctx, name, offset)
		if err != nil {
			return 0, err
		}
		if total >= 0 && total != size {
			return 0, fmt.Errorf("%w: the server sends a file of %d bytes for one of %d", drivers.ErrTransient, total, size)
		}
		if total = size; last < 0 {
			last = size - 1
		}
	}
	if offset > total {
		return 0, fmt.Errorf("offset %d of %d: %w", offset, total, drivers.ErrRange)
	}
	end := total
	if length >= 0 && length < total-offset {
		end = offset + length
	}
	if first > offset || last < end-1 || last >= total {
		return 0, fmt.Errorf("%w: the server sends bytes %d to %d of %d for %d to %d", drivers.ErrBroken, first, last, total, offset, end-1)
	}
	if end == offset {
		return 0, nil
	}
	return end - offset, skip(ctx, resp.Body, offset-first)
}

// extent is which bytes an answer brings and of how many; last and total are -1 where it does not say.
func extent(resp *http.Response) (first, last, total int64, err error) { //nolint:revive // three numbers of one header
	if resp.StatusCode == http.StatusOK {
		return 0, max(-1, resp.ContentLength-1), resp.ContentLength, nil
	}
	value := resp.Header.Get("Content-Range")
	span, all, ok := strings.Cut(strings.TrimPrefix(value, "bytes "), "/")
	from, to, ok2 := strings.Cut(span, "-")
	first, last, total = parseSize(from), parseSize(to), -1
	if all != "*" {
		if total = parseSize(all); total < 0 {
			ok = false
		}
	}
	if !ok || !ok2 || first < 0 || last < first || !strings.HasPrefix(value, "bytes ") ||
		resp.ContentLength >= 0 && resp.ContentLength != last-first+1 {
		return 0, 0, 0, fmt.Errorf("%w: the answer to a range has Content-Range %.60q and %d bytes", drivers.ErrBroken, value, resp.ContentLength)
	}
	return first, last, total, nil
}

// certain tells whether an answer is a file's content for sure: what a server, or something on the way, writes for
// people instead is HTML or has no validator.
func certain(resp *http.Response) bool {
	h := resp.Header
	return (h.Get("ETag") != "" || h.Get("Last-Modified") != "") && !strings.HasPrefix(h.Get("Content-Type"), "text/html")
}

// skip reads on to where a range begins in the whole.
func skip(ctx context.Context, body io.Reader, n int64) error {
	if n > maxSkip {
		return fmt.Errorf("%w: the server ignores ranges, and the offset is %d MiB", drivers.ErrBroken, n>>20)
	}
	got, err := io.CopyN(io.Discard, body, n)
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: the answer ends %d bytes early", drivers.ErrTransient, n-got)
	}
	if err != nil {
		return transportError(ctx, err)
	}
	return nil
}

// reader gives left bytes of an answer.
type reader struct {
	d    *Driver
	name string
	stop func() error // ctx.Err of Open
	body io.ReadCloser
	left int64
	err  error
}

// Read implements io.Reader; an answer that ends early is an error.
func (r *reader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if r.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > r.left {
		p = p[:r.left]
	}
	n, err := r.body.Read(p)
	r.left -= int64(n)
	if err == nil || r.left == 0 {
		return n, nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	err = fmt.Errorf("%w: the answer breaks off %d bytes early: %s", drivers.ErrTransient, r.left, err.Error())
	if stopped := r.stop(); stopped != nil {
		err = stopped
	}
	r.err = r.d.fail("read", r.name, err)
	return n, r.err
}

// Close implements io.Closer.
func (r *reader) Close() error {
	_ = r.body.Close() // what counts was read
	return nil
}
