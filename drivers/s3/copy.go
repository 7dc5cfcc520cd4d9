package s3

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"trivium/drivers"
)

// Copy implements drivers.Copier: in one request up to 1 GiB, or a smaller maxPartSize, and part by part above it.
func (d *Driver) Copy(ctx context.Context, from, to string) error {
	if err := check(ctx, from); err != nil {
		return d.fail(ctx, "copy", from, err)
	}
	return d.fail(ctx, "copy", to, d.copy(ctx, from, to))
}

func (d *Driver) copy(ctx context.Context, from, to string) error {
	if err := check(ctx, to); err != nil {
		return err
	}
	info, err := d.stat(ctx, from)
	if err != nil || from == to { // a copy onto itself is refused by S3, and is done
		return err
	}
	source := d.set.bucket + "/" + escaped(from)
	if info.Size > d.set.copyLimit() {
		return d.copyParts(ctx, source, to, info)
	}
	out, err := d.client.CopyObject(ctx, &s3.CopyObjectInput{Bucket: &d.set.bucket, Key: &to, CopySource: &source})
	if err != nil {
		return err
	}
	if out.CopyObjectResult == nil || unquoted(out.CopyObjectResult.ETag) == "" {
		return textOf(drivers.ErrTransient, "%s answered a copy with neither its result nor an error", d.set.endpoint)
	}
	return nil
}

// copyParts copies part by part, as long as the source is not written meanwhile.
func (d *Driver) copyParts(ctx context.Context, source, to string, info drivers.Info) error {
	head, err := d.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &d.set.bucket, Key: &info.Name})
	if err != nil {
		return err
	}
	size := aws.ToInt64(head.ContentLength)
	if size <= 0 {
		return textOf(drivers.ErrTransient, "the source changed while it was copied")
	}
	partSize := max(d.set.copyLimit()/4, smallestPart, (size+mostParts-1)/mostParts)
	return d.upload(ctx, to, false, func(u upload) (parts []types.CompletedPart, err error) {
		for at := int64(0); at < size; at += partSize {
			number := aws.Int32(int32(len(parts) + 1))
			out, err := d.client.UploadPartCopy(ctx, &s3.UploadPartCopyInput{
				Bucket: &d.set.bucket, Key: &u.name, UploadId: &u.id, PartNumber: number,
				CopySource: &source, CopySourceIfMatch: head.ETag,
				CopySourceRange: aws.String(fmt.Sprintf("bytes=%d-%d", at, min(at+partSize, size)-1)),
			})
			if err != nil {
				return nil, err
			}
			if out.CopyPartResult == nil || unquoted(out.CopyPartResult.ETag) == "" {
				return nil, textOf(drivers.ErrTransient, "%s answered the copy of a part with neither its result nor an error", d.set.endpoint)
			}
			parts = append(parts, types.CompletedPart{PartNumber: number, ETag: out.CopyPartResult.ETag})
		}
		return parts, nil
	})
}

// escaped returns a key as x-amz-copy-source wants it: percent-encoded but for the slashes.
func escaped(key string) string {
	return strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(key), "+", "%20"), "%2F", "/")
}
