package s3

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"trivium/drivers"
)

// upload names one multipart upload.
type upload struct{ name, id string }

// multipart is what one multipart Put is about.
type multipart struct {
	size, partSize int64
	ifAbsent       bool
}

// maxStray bounds the uploads that are remembered because they could not be aborted. Others are found by AbortStale.
const maxStray = 1000

// putParts puts src as a multipart upload.
func (d *Driver) putParts(ctx context.Context, name string, src *source, m multipart) (err error) {
	d.abortStray(ctx)
	return d.upload(ctx, name, m.ifAbsent, func(u upload) (parts []types.CompletedPart, err error) {
		for done := int64(0); done < m.size; done += m.partSize {
			n := min(m.partSize, m.size-done)
			p, err := src.next(n, done+n == m.size, d.digests(true))
			if err != nil {
				return nil, err
			}
			etag, err := d.putPart(ctx, u, len(parts)+1, p)
			if err != nil {
				return nil, err
			}
			parts = append(parts, types.CompletedPart{PartNumber: aws.Int32(int32(len(parts) + 1)), ETag: &etag})
		}
		return parts, nil
	})
}

// upload begins a multipart upload, lets send fill it and completes it. When anything fails it is aborted.
func (d *Driver) upload(ctx context.Context, name string, ifAbsent bool, send func(u upload) ([]types.CompletedPart, error)) error {
	created, err := d.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &d.set.bucket, Key: &name})
	if err != nil {
		return err
	}
	u := upload{name: name, id: aws.ToString(created.UploadId)}
	if u.id == "" {
		return textOf(drivers.ErrBroken, "%s began a multipart upload without an id", d.set.endpoint)
	}
	parts, err := send(u)
	if err == nil {
		err = d.complete(ctx, u, parts, ifAbsent)
	}
	if err != nil {
		d.abort(ctx, u)
	}
	return err
}

func (d *Driver) putPart(ctx context.Context, u upload, number int, p *part) (etag string, err error) {
	out, err := d.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &d.set.bucket, Key: &u.name, UploadId: &u.id, PartNumber: aws.Int32(int32(number)), Body: p,
		ContentLength: &p.size, ContentMD5: base64Of(p.md5),
	}, p.signed()...)
	if bodyErr := p.close(); bodyErr != nil {
		return "", bodyErr
	}
	if err != nil {
		return "", err
	}
	if unquoted(out.ETag) == "" {
		return "", d.malformed("a part without an ETag")
	}
	if !sealedByProvider(out.ServerSideEncryption, out.SSECustomerAlgorithm) && p.wrongETag(unquoted(out.ETag)) {
		return "", textOf(drivers.ErrTransient, "part %d was changed on its way: %s answered the ETag %s, which is not that of what was sent",
			number, d.set.endpoint, unquoted(out.ETag))
	}
	return aws.ToString(out.ETag), nil
}

// complete makes the parts the content of the name. A 200 whose document is an error, or none, is a failure.
func (d *Driver) complete(ctx context.Context, u upload, parts []types.CompletedPart, ifAbsent bool) error {
	in := &s3.CompleteMultipartUploadInput{
		Bucket: &d.set.bucket, Key: &u.name, UploadId: &u.id, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	}
	var options []func(*s3.Options)
	if ifAbsent && d.set.cond != conditionRefused {
		in.IfNoneMatch = aws.String("*")
	}
	if ifAbsent && d.set.forbid != "" {
		options = append(options, withHeader(d.set.forbid, "true"))
	}
	out, err := d.client.CompleteMultipartUpload(ctx, in, options...)
	if err == nil && unquoted(out.ETag) == "" {
		err = textOf(drivers.ErrTransient, "%s answered the end of a multipart upload with neither its result nor an error", d.set.endpoint)
	}
	return err
}

// abort ends an upload so that its parts are not kept, or remembers it.
func (d *Driver) abort(ctx context.Context, u upload) {
	ctx, cancel := aftermath(ctx)
	defer cancel()
	if d.tryAbort(ctx, u) != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		if len(d.stray) < maxStray {
			d.stray = append(d.stray, u)
		}
	}
}

func (d *Driver) tryAbort(ctx context.Context, u upload) error {
	_, err := d.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
		Bucket: &d.set.bucket, Key: &u.name, UploadId: &u.id,
	})
	if codeOf(err) == "NoSuchUpload" {
		return nil
	}
	return err
}

// abortStray tries again to abort what could not be aborted, until the first failure.
func (d *Driver) abortStray(ctx context.Context) {
	d.mu.Lock()
	stray := d.stray
	d.stray = nil
	d.mu.Unlock()
	if len(stray) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	for i, u := range stray {
		if d.tryAbort(ctx, u) != nil {
			d.mu.Lock()
			d.stray = append(slices.Clone(stray[i:]), d.stray...)
			d.mu.Unlock()
			return
		}
	}
}

// AbortStale aborts the multipart uploads of names that begin with prefix and were begun before a time, and returns how
// many there were. They are what a process that ended in the middle of a Put leaves behind, in a bucket that others may
// use too: prefix must be one that nobody else writes below.
func (d *Driver) AbortStale(ctx context.Context, prefix string, before time.Time) (n int, err error) {
	in := &s3.ListMultipartUploadsInput{Bucket: &d.set.bucket, Prefix: &prefix}
	for {
		page, err := d.client.ListMultipartUploads(ctx, in)
		if err != nil {
			return n, d.fail(ctx, "abort", prefix, err)
		}
		for _, u := range page.Uploads {
			if aws.ToTime(u.Initiated).IsZero() || !u.Initiated.Before(before) {
				continue
			}
			if err := d.tryAbort(ctx, upload{name: aws.ToString(u.Key), id: aws.ToString(u.UploadId)}); err != nil {
				return n, d.fail(ctx, "abort", prefix, err)
			}
			n++
		}
		next := aws.ToString(page.NextKeyMarker) + "\x00" + aws.ToString(page.NextUploadIdMarker)
		if !aws.ToBool(page.IsTruncated) || next == aws.ToString(in.KeyMarker)+"\x00"+aws.ToString(in.UploadIdMarker) {
			return n, nil
		}
		in.KeyMarker, in.UploadIdMarker = page.NextKeyMarker, page.NextUploadIdMarker
	}
}
