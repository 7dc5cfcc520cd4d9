package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"trivium/drivers"
)

// Stat implements drivers.Driver.
func (d *Driver) Stat(ctx context.Context, name string) (drivers.Info, error) {
	info, err := d.stat(ctx, name)
	if err != nil {
		return drivers.Info{}, d.fail(ctx, "stat", name, err)
	}
	return info, nil
}

// stat asks with HEAD. Its refusals have no document that tells a missing name from a missing bucket or from an address
// where no S3 is, which must not pass for missing content, nor one wrong key from another: a GET tells more.
func (d *Driver) stat(ctx context.Context, name string) (drivers.Info, error) {
	if err := check(ctx, name); err != nil {
		return drivers.Info{}, err
	}
	out, err := d.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &d.set.bucket, Key: &name})
	if status := statusOf(err); status/100 == 4 && status != http.StatusTooManyRequests {
		return d.statByGet(ctx, name)
	}
	if err != nil {
		return drivers.Info{}, err
	}
	if out.ContentLength == nil || unquoted(out.ETag) == "" {
		return drivers.Info{}, d.malformed("a HEAD without Content-Length or ETag")
	}
	return infoOf(name, *out.ContentLength, out.LastModified), nil
}

// statByGet describes name by the answer to a GET.
func (d *Driver) statByGet(ctx context.Context, name string) (drivers.Info, error) {
	out, err := d.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &d.set.bucket, Key: &name})
	if err != nil {
		return drivers.Info{}, err
	}
	_ = out.Body.Close()
	if out.ContentLength == nil || *out.ContentLength < 0 || unquoted(out.ETag) == "" {
		return drivers.Info{}, d.malformed("a GET without Content-Length or ETag")
	}
	return infoOf(name, *out.ContentLength, out.LastModified), nil
}

// infoOf keeps whole seconds: some lists know more than the Last-Modified of the same key.
func infoOf(name string, size int64, modified *time.Time) drivers.Info {
	return drivers.Info{Name: name, Size: size, ModTime: aws.ToTime(modified).UTC().Truncate(time.Second)}
}

// malformed says that the answer is none of S3's.
func (d *Driver) malformed(what string) error {
	return textOf(drivers.ErrBroken, "%s answered %s: is the endpoint that of an S3 service?", d.set.endpoint, what)
}

// Open implements drivers.Driver. The answer must have a length, and be of the range that was asked for. The reader
// ends with an error when the connection does, and gives no more than was announced.
func (d *Driver) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	r, err := d.open(ctx, name, offset, length)
	if err != nil {
		return nil, d.fail(ctx, "open", name, err)
	}
	return r, nil
}

func (d *Driver) open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	if err := check(ctx, name); err != nil {
		return nil, err
	}
	if offset < 0 {
		return nil, fmt.Errorf("offset %d: %w", offset, drivers.ErrRange)
	}
	if length == 0 { // no Range can say so
		return d.openEmpty(ctx, name, offset)
	}
	in := &s3.GetObjectInput{Bucket: &d.set.bucket, Key: &name}
	whole := offset == 0 && length < 0
	if !whole {
		in.Range = aws.String(rangeOf(offset, length))
	}
	out, err := d.client.GetObject(ctx, in)
	if statusOf(err) == http.StatusRequestedRangeNotSatisfiable {
		return d.openEmpty(ctx, name, offset)
	}
	if err != nil {
		return nil, err
	}
	size, err := d.announced(out, offset, length, whole)
	if err != nil {
		_ = out.Body.Close()
		return nil, err
	}
	return &reader{
		body: out.Body, left: size,
		fail: func(err error) error { return d.fail(ctx, "read", name, err) },
	}, nil
}

func rangeOf(offset, length int64) string {
	if length < 0 || length-1 > (1<<63-1)-offset {
		return fmt.Sprintf("bytes=%d-", offset)
	}
	return fmt.Sprintf("bytes=%d-%d", offset, offset+length-1)
}

// openEmpty returns an empty reader when offset is not behind the end of name.
func (d *Driver) openEmpty(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	info, err := d.stat(ctx, name)
	if err != nil {
		return nil, err
	}
	if offset > info.Size {
		return nil, fmt.Errorf("offset %d of %d: %w", offset, info.Size, drivers.ErrRange)
	}
	return &reader{body: http.NoBody}, nil
}

// announced returns the length that the answer announces, after comparing it with what was asked for. A 200 in answer
// to a Range is the whole content and not the range.
func (d *Driver) announced(out *s3.GetObjectOutput, offset, length int64, whole bool) (int64, error) {
	status := 0
	if resp, ok := awsmiddleware.GetRawResponse(out.ResultMetadata).(*smithyhttp.Response); ok {
		status = resp.StatusCode
	}
	size := int64(-1)
	if out.ContentLength != nil {
		size = *out.ContentLength
	}
	switch {
	case size < 0 || unquoted(out.ETag) == "":
		return 0, d.malformed("content without Content-Length or ETag")
	case whole && status == http.StatusOK:
		return size, nil
	case whole || status != http.StatusPartialContent:
		return 0, d.malformed(fmt.Sprintf("%d to a request for %s", status, rangeOf(offset, length)))
	}
	var first, last, total int64
	told := aws.ToString(out.ContentRange)
	if n, err := fmt.Sscanf(told, "bytes %d-%d/%d", &first, &last, &total); n != 3 || err != nil {
		return 0, d.malformed(fmt.Sprintf("the range %q to a request for %s", told, rangeOf(offset, length)))
	}
	want := total - offset
	if length >= 0 {
		want = min(want, length)
	}
	if first != offset || last != offset+want-1 || size != want {
		return 0, d.malformed(fmt.Sprintf("%d bytes of the range %q to a request for %s", size, told, rangeOf(offset, length)))
	}
	return size, nil
}

// reader gives what an answer announced.
type reader struct {
	body io.ReadCloser
	left int64
	fail func(error) error
	err  error
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	switch {
	case r.err != nil:
		return 0, r.err
	case r.left == 0:
		return 0, io.EOF
	}
	n, err := r.body.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	switch {
	case r.left == 0, err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		err = textOf(drivers.ErrTransient, "the answer ends %d bytes early", r.left)
	}
	r.err = r.fail(err)
	if n > 0 {
		return n, nil
	}
	return 0, r.err
}

// Close implements io.Closer. What was not read is not waited for.
func (r *reader) Close() error {
	if r.err == nil {
		r.err = errors.New("the reader is closed")
	}
	return r.body.Close()
}
