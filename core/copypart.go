package core

import (
	"context"
	"encoding/base64"
	"errors"

	"trivium/core/content"
)

// PartCopy says which bytes of which object become a part.
type PartCopy struct {
	Number           int // 0..10000 (S3: from 1)
	Source           Path
	SourceVersionID  string
	SourceConditions Conditions
	// Range, when not nil, must lie within the content: it is not clipped, and counts from the first byte.
	Range *Range
}

// CopiedPart is a part with what it was made of.
type CopiedPart struct {
	UploadPart
	Algorithm string // of Checksum: the upload's
	// SourceVersionID names the version that was copied; "" where the source's bucket never kept versions.
	SourceVersionID string
}

// CopyPart makes a range of a version of req.Source a part of the upload to dst, in place of one of the same number,
// and returns when that is durable (S3 UploadPartCopy). Conditions on the source that are false are
// PreconditionFailed.
//
// The bytes are shared, not copied: the part is a list of extents of the source's blobs (P5). But a part has digests
// of its own, which the upload's ETag and checksum are made of. Those of a whole content of one blob are known from
// when it was written; those of any other range are in no metadata, so its bytes are read and digested once. They are
// written anew where they cannot be shared: content that lies in the metadata store, since a part has blobs (PutPart);
// in another class (S13), since a part has no version whose reference a conversion could swap; and in so many pieces
// that lists would grow with each copy of a copy.
//
// Errors: those of StatObject on the source and of PutPart on dst; InvalidRange for a range beyond the content,
// TooLarge for more than MaxPart bytes, Corrupt and Unavailable when the bytes cannot be read, Conflict when the
// source is overwritten over and over.
func (se *Session) CopyPart(ctx context.Context, dst Path, uploadID string, req PartCopy) (CopiedPart, error) {
	b, u, err := se.upload(ctx, dst, uploadID)
	if err == nil {
		err = checkPart(&u, &PartRequest{Number: req.Number})
	}
	if err == nil {
		err = se.s.checkReserve()
	}
	if err != nil {
		return CopiedPart{}, fail("copy part", dst.String(), err)
	}
	c := partCopying{se: se, into: b, upload: &u, req: &req}
	part := CopiedPart{Algorithm: u.Checksum.Algorithm}
	for try := 1; ; try++ {
		if part.UploadPart, err = c.try(ctx, &part.SourceVersionID); try == resolveTries || !errors.Is(err, errMoved) {
			break
		}
	}
	if errors.Is(err, errMoved) {
		err = &Error{Code: Conflict, Path: req.Source.String(), Msg: "the source keeps being overwritten, try again", Err: err}
	}
	if err != nil {
		return CopiedPart{}, fail("copy part", dst.String(), err)
	}
	se.s.hook("answer.before")
	return part, nil
}

// partCopying is one CopyPart.
type partCopying struct {
	se     *Session
	into   Bucket
	upload *Upload
	req    *PartCopy
}

// try copies what the source is now, and tells its version. errMoved: its rows were gone before they could be shared.
func (c *partCopying) try(ctx context.Context, version *string) (UploadPart, error) {
	pin := c.se.s.pins.Begin()
	defer pin.Release()
	r, err := c.se.resolve(ctx, c.req.Source, &GetOptions{VersionID: c.req.SourceVersionID}, true)
	if err == nil {
		err = c.narrow(r)
	}
	if err != nil {
		return UploadPart{}, err
	}
	*version = shownVersion(&r.object.Bucket, &r.object.Entry.Version)
	if r.object.Entry.Version.Content.Kind != ContentList || r.object.Length == 0 {
		body, err := c.se.s.openBody(ctx, r, pin)
		return c.rewrite(ctx, r, body, err)
	}
	l, err := c.se.s.locate(ctx, r, pin)
	if err != nil {
		return UploadPart{}, err
	}
	may, err := c.mayShare(ctx, r, l)
	if err != nil {
		return UploadPart{}, err
	}
	if !may {
		var part UploadPart
		err := c.se.s.reading(ctx, func() error {
			body, err := c.se.s.openAt(ctx, l, pin)
			part, err = c.rewrite(ctx, r, body, err)
			return err
		})
		return part, err
	}
	part, known := c.known(r, l)
	if !known {
		if err := c.se.s.reading(ctx, func() (err error) {
			part, err = c.digest(ctx, l, pin)
			return err
		}); err != nil {
			return part, err
		}
	}
	part.Size = r.object.Length
	return c.share(ctx, &r.object, part)
}

// narrow judges the conditions on the source and fixes the range.
func (c *partCopying) narrow(r *resolved) error {
	o := &r.object
	size := o.Entry.Version.Size
	if err := c.req.SourceConditions.judgeSource(&o.Entry.Version); err != nil {
		return err
	}
	o.Offset, o.Length = 0, size
	if x := c.req.Range; x != nil {
		if x.First < 0 || x.Last < x.First || x.Last >= size {
			return Errorf(InvalidRange, "", "the range %d-%d is not within the %d bytes of the source", x.First, x.Last, size)
		}
		o.Offset, o.Length = x.First, x.Last-x.First+1
	}
	if o.Length > MaxPart {
		return Errorf(TooLarge, "", "the part has %d bytes, at most %d are allowed", o.Length, int64(MaxPart))
	}
	return nil
}

// sharedPiece is how many bytes each piece beyond ShortList of a shared part has at least on average. Without it
// copies of copies, each cut elsewhere, would make lists grow without limit.
const sharedPiece = 4 << 20

// mayShare tells whether the part can refer to the source's blobs.
func (c *partCopying) mayShare(ctx context.Context, r *resolved, l *locator) (bool, error) {
	if int64(len(l.pieces)) > ShortList+r.object.Length/sharedPiece {
		return false, nil
	}
	class, _, err := c.se.s.classFor(ctx, c.into)
	if err != nil {
		return false, err
	}
	for _, b := range l.known {
		if b.Class != class.ID {
			return false, nil
		}
	}
	return true, nil
}

// known describes a part that is a whole content by what was computed when that was written, if that is all a part
// needs. An ETag of 32 characters is an MD5.
func (c *partCopying) known(r *resolved, l *locator) (UploadPart, bool) {
	v := &r.object.Entry.Version
	b := l.known[l.pieces[0].Blob]
	if len(l.pieces) > 1 || r.object.Length != v.Size || b.Size != v.Size || len(v.ETag) != 32 {
		return UploadPart{}, false
	}
	part := UploadPart{ETag: v.ETag, SHA256: v.SHA256, CRC64: b.CRC64}
	sum := v.Attrs.Checksum
	switch algorithm := c.upload.Checksum.Algorithm; {
	case algorithm == "":
	case algorithm == sum.Algorithm && !sum.Composite:
		part.Checksum = sum.Value
	case algorithm == "CRC64NVME":
		part.Checksum = crcValue(algorithm, b.CRC64)
	case algorithm == "SHA256":
		part.Checksum = base64.StdEncoding.EncodeToString(v.SHA256)
	}
	return part, part.Checksum != "" || c.upload.Checksum.Algorithm == ""
}

// digest reads the bytes and describes the part that they make.
func (c *partCopying) digest(ctx context.Context, l *locator, pin *content.Pin) (UploadPart, error) {
	set, err := checksumDigest(c.upload.Checksum.Algorithm)
	if err != nil {
		return UploadPart{}, err
	}
	body, err := c.se.s.openAt(ctx, l, pin)
	if err != nil {
		return UploadPart{}, err
	}
	d, err := c.se.s.content.Digest(ctx, body, set|c.into.digests())
	if err == nil {
		err = body.Close()
	} else {
		_ = body.Close() // the error of reading says more
	}
	part := UploadPart{ETag: etagOf(&d), Checksum: checksumValue(c.upload.Checksum.Algorithm, &d), CRC64: d.CRC64NVME}
	if d.Set.Has(content.SHA256) {
		part.SHA256 = d.SHA256[:]
	}
	return part, err
}

// share makes the part of the source's extents, in one transaction. That the source's list is still there is all it
// needs: a list never changes, and its blobs are there as long as it is.
func (c *partCopying) share(ctx context.Context, o *Object, part UploadPart) (UploadPart, error) {
	id, err := c.se.s.nextID(ctx, "list")
	if err != nil {
		return part, err
	}
	part.UploadID, part.Number = c.upload.ID, c.req.Number
	part.Content = ContentRef{Kind: ContentList, ID: id}
	c.se.s.hook("part.commit.before")
	err = c.se.update(ctx, func(ctx context.Context, tx MetaTx) error {
		m, err := c.se.begin(ctx, tx, c.into)
		if err != nil {
			return err
		}
		if _, err := c.se.authorizeIn(ctx, tx, o.Bucket, AccessRead); err != nil {
			return err
		}
		part.UpdateTime = m.now
		if err := m.shareList(ctx, o, id); err != nil {
			return err
		}
		if err := m.putPart(ctx, part); err != nil {
			return err
		}
		return m.finish(ctx)
	})
	c.se.s.hook("part.commit.after")
	return part, err
}

// shareList makes a list of the extents that hold the bytes that o covers.
func (m *mutation) shareList(ctx context.Context, o *Object, id int64) error {
	l, found, err := m.tx.ListByID(ctx, o.Entry.Version.Content.ID, ListRead{Offset: o.Offset, Length: o.Length})
	if err != nil {
		return err
	}
	if !found || l.Refs == 0 {
		return errMoved
	}
	for _, x := range l.Extents {
		if _, err := m.tx.AddBlobRefs(ctx, x.Blob, 1); err != nil {
			return err
		}
	}
	return m.tx.PutList(ctx, List{ID: id, Refs: 1, Extents: l.Extents})
}

// rewrite stores the bytes of body, which openBody or openAt returned with err, as a part.
func (c *partCopying) rewrite(ctx context.Context, r *resolved, body readBody, err error) (UploadPart, error) {
	if err != nil {
		return UploadPart{}, err
	}
	part, _, err := c.se.storePart(ctx, c.into, c.upload, &PartRequest{
		Number: c.req.Number, Body: body, Size: r.object.Length,
	})
	if closeErr := body.Close(); err == nil {
		err = closeErr
	}
	return part, err
}
