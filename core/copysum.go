package core

import (
	"context"
	"encoding/base64"

	"trivium/core/content"
)

// copySum is the checksum that a copy is to have, with the content that it belongs to: its source may be overwritten.
type copySum struct {
	content  ContentRef // of the source when it was looked at
	checksum Checksum
	etag     string // of the content as a whole; "": it was not read
}

// sumSource returns the checksum that opts ask for, nil when they ask for none. Unless the source has it, it is in no
// metadata, but for a SHA-256 that was computed for other ends, so the content is read once; that is bounded by
// MaxPart, as what one request writes is. The conditions on the source are judged before.
func (se *Session) sumSource(ctx context.Context, src Path, opts *CopyOptions) (*copySum, error) {
	set, err := checksumDigest(opts.Checksum)
	if err != nil || set == 0 {
		return nil, err
	}
	pin := se.s.pins.Begin()
	r, err := se.resolve(ctx, src, &GetOptions{VersionID: opts.SourceVersionID}, true)
	if err == nil {
		err = opts.SourceConditions.judgeSource(&r.object.Entry.Version)
	}
	if err != nil {
		pin.Release()
		return nil, err
	}
	v := &r.object.Entry.Version
	sum := &copySum{content: v.Content, checksum: Checksum{Algorithm: opts.Checksum}}
	switch {
	case sum.knownTo(v):
		pin.Release()
		sum.checksum = v.Attrs.Checksum
		return sum, nil
	case opts.Checksum == "SHA256" && len(v.SHA256) > 0 && v.PartCount == 0:
		pin.Release()
		sum.checksum.Value = base64.StdEncoding.EncodeToString(v.SHA256)
		return sum, nil
	case v.Size > MaxPart:
		pin.Release()
		return nil, Errorf(TooLarge, "", "the source has %d bytes, a checksum is computed of at most %d", v.Size, int64(MaxPart))
	}
	d, err := se.s.digestWhole(ctx, r, pin, set|r.object.Bucket.digests())
	if err != nil {
		return nil, err
	}
	sum.checksum.Value, sum.etag = checksumValue(opts.Checksum, &d), etagOf(&d)
	return sum, nil
}

// digestWhole reads all content of r. For the pin see openBody.
func (s *Service) digestWhole(ctx context.Context, r *resolved, pin *content.Pin, set DigestSet) (Digests, error) {
	r.object.Offset, r.object.Length = 0, r.object.Entry.Version.Size
	if r.object.Entry.Version.Content.Kind != ContentList {
		return s.digestBody(ctx, r, pin, set)
	}
	defer pin.Release()
	var d Digests
	err := s.reading(ctx, func() (err error) {
		d, err = s.digestBody(ctx, r, pin, set)
		return err
	})
	return d, err
}

// digestBody is digestWhole for one who was let in.
func (s *Service) digestBody(ctx context.Context, r *resolved, pin *content.Pin, set DigestSet) (Digests, error) {
	body, err := s.openBody(ctx, r, pin)
	if err != nil {
		pin.Release()
		return Digests{}, err
	}
	d, err := s.content.Digest(ctx, body, set)
	if closeErr := body.Close(); err == nil {
		err = closeErr
	}
	return d, err
}

// knownTo tells whether v has a checksum of the content as a whole by that algorithm itself.
func (sum *copySum) knownTo(v *Version) bool {
	own := v.Attrs.Checksum
	return own.Algorithm == sum.checksum.Algorithm && !own.Composite
}

// apply gives v, a copy of the source, the checksum, unless v has it. errMoved: the source is not what was looked at
// any more. A copy of a completed upload is one piece then, as it is on S3: the checksums of its parts are of another
// algorithm.
func (sum *copySum) apply(v *Version) error {
	switch {
	case sum == nil || sum.knownTo(v):
		return nil
	case v.Content != sum.content, v.PartCount > 0 && sum.etag == "":
		return errMoved
	}
	v.Attrs.Checksum = sum.checksum
	if v.PartCount > 0 {
		v.PartCount, v.ETag = 0, sum.etag
	}
	return nil
}
