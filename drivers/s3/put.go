package s3

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"trivium/drivers"
)

// Put implements drivers.Driver. Content of up to 64 MiB (8 MiB where body is no io.Seeker) goes in one PutObject, more
// in a multipart upload, which is aborted when it fails. Every request carries a checksum of its content, which the
// provider compares; where the ETag of the answer is an MD5, it is compared as well.
//
// A body that is an io.Seeker is read twice and left anywhere; of any other one part is kept in memory, 64 MiB in all
// of a driver's Puts, for which they wait. Such a body can have 625 GiB at most.
func (d *Driver) Put(ctx context.Context, name string, body io.Reader, size int64, opts drivers.PutOptions) error {
	return d.fail(ctx, "put", name, d.put(ctx, name, body, size, opts))
}

func (d *Driver) put(ctx context.Context, name string, body io.Reader, size int64, opts drivers.PutOptions) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	if opts.IfAbsent && d.set.cond != conditionAtomic {
		if err := d.refuseExisting(ctx, name); err != nil {
			return err
		}
	}
	src := newSource(ctx, body, size)
	m := multipart{size: size, ifAbsent: opts.IfAbsent}
	var err error
	if m.partSize, err = d.partSize(size, src.seeker == nil); err != nil {
		return err
	}
	room := int64(0)
	if src.seeker == nil {
		room = max(0, min(size, m.partSize))
	}
	if err := d.buffers.Acquire(ctx, room); err != nil {
		return err
	}
	defer d.buffers.Release(room)
	if size > m.partSize {
		return d.putParts(ctx, name, src, m)
	}
	return d.putSingle(ctx, name, src, size, opts.IfAbsent)
}

// refuseExisting returns ErrExist when name is there.
func (d *Driver) refuseExisting(ctx context.Context, name string) error {
	_, err := d.stat(ctx, name)
	switch {
	case err == nil:
		return drivers.ErrExist
	case errors.Is(d.classify(ctx, "stat", err), drivers.ErrNotExist):
		return nil
	}
	return err
}

// digests returns what a request with content needs: MD5 for parts, else the checksum of the provider.
func (d *Driver) digests(parts bool) digests {
	sum := d.set.checksum
	return digests{
		md5:    parts || sum == checksumMD5,
		crc64:  !parts && sum == checksumCRC64,
		crc32:  !parts && sum == checksumCRC32,
		sha256: d.set.plain() && !d.set.anonymous(),
	}
}

// signed returns the options of a request that sends p: over TLS the payload is not signed.
func (p *part) signed() []func(*s3.Options) {
	if p.sha256 == nil {
		return nil
	}
	return []func(*s3.Options){withPayloadHash(hex.EncodeToString(p.sha256))}
}

func (d *Driver) putSingle(ctx context.Context, name string, src *source, size int64, ifAbsent bool) error {
	p, err := src.next(size, true, d.digests(false))
	if err != nil {
		return err
	}
	in := &s3.PutObjectInput{
		Bucket: &d.set.bucket, Key: &name, Body: p, ContentLength: &size,
		ContentMD5: base64Of(p.md5), ChecksumCRC64NVME: base64Of(p.crc64), ChecksumCRC32: base64Of(p.crc32),
	}
	options := p.signed()
	if ifAbsent && d.set.cond != conditionRefused {
		in.IfNoneMatch = aws.String("*")
	}
	if ifAbsent && d.set.forbid != "" {
		options = append(options, withHeader(d.set.forbid, "true"))
	}
	out, err := d.client.PutObject(ctx, in, options...)
	if bodyErr := p.close(); bodyErr != nil {
		return bodyErr
	}
	if err != nil {
		return err
	}
	return d.verify(ctx, name, p, out)
}

// verify compares what the answer tells of the stored content with what was sent, and removes content that is not it.
func (d *Driver) verify(ctx context.Context, name string, p *part, out *s3.PutObjectOutput) error {
	if unquoted(out.ETag) == "" {
		return d.malformed("a PUT without an ETag")
	}
	var told string
	switch sum := out.ChecksumCRC64NVME; {
	case sum != nil && p.crc64 != nil && *sum != *base64Of(p.crc64):
		told = "the checksum " + *sum
	case out.ChecksumCRC32 != nil && p.crc32 != nil && *out.ChecksumCRC32 != *base64Of(p.crc32):
		told = "the checksum " + *out.ChecksumCRC32
	case !sealedByProvider(out.ServerSideEncryption, out.SSECustomerAlgorithm) && p.wrongETag(unquoted(out.ETag)):
		told = "the ETag " + unquoted(out.ETag)
	default:
		return nil
	}
	ctx, cancel := aftermath(ctx)
	defer cancel()
	gone := "it was removed again"
	if err := d.delete(ctx, name); err != nil {
		gone = "removing it failed"
	}
	return fmt.Errorf("%w: the content was changed on its way: %s answered %s, which is not that of what was sent; %s",
		drivers.ErrTransient, d.set.endpoint, told, gone)
}

// sealedByProvider tells whether an ETag is no MD5 for the content lies encrypted under a key of its own.
func sealedByProvider(sse types.ServerSideEncryption, customer *string) bool {
	return sse != "" && sse != types.ServerSideEncryptionAes256 || customer != nil
}
