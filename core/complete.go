package core

import (
	"context"
	"crypto/sha256"
)

// CompleteUpload joins parts of an upload into the new current version of its key, by reference: no byte is
// read or written, whatever the size (P5). The ETag is the MD5 of the parts' MD5s with their number; the
// checksum is composite or combined as the upload asked for. Parts that are not named are given up, and the
// upload ends (S3 CompleteMultipartUpload). After an error the upload is as it was. An upload that was
// completed before is NoSuchUpload.
//
// Errors: NoSuchBucket, Forbidden, NoSuchUpload, BadArgument (no parts, too many, other Size), InvalidPart,
// InvalidPartOrder, TooSmall, TooLarge, BadDigest, PreconditionFailed, NoSuchKey (If-Match without an object),
// ReadOnly, NoSpace, Internal.
func (se *Session) CompleteUpload(
	ctx context.Context, p Path, uploadID string, parts []CompletePart, opts CompleteOptions,
) (PutResult, error) {
	e, err := se.completeUpload(ctx, p, uploadID, &completion{named: parts, opts: &opts})
	if err != nil {
		return PutResult{}, fail("complete upload", p.String(), err)
	}
	se.s.hook("answer.before")
	return PutResult{Entry: e}, nil
}

func (se *Session) completeUpload(ctx context.Context, p Path, uploadID string, c *completion) (Entry, error) {
	b, _, err := se.upload(ctx, p, uploadID)
	if err != nil {
		return Entry{}, err
	}
	if err := c.checkNames(); err != nil {
		return Entry{}, err
	}
	return se.commitComplete(ctx, b, uploadID, c)
}

// commitComplete completes an upload that was found, in one transaction.
func (se *Session) commitComplete(ctx context.Context, b Bucket, uploadID string, c *completion) (e Entry, err error) {
	if err := se.s.checkReserve(); err != nil {
		return Entry{}, err
	}
	if c.ids, err = se.s.newIDs(ctx, ContentList); err != nil {
		return Entry{}, err
	}
	se.s.hook("complete.commit.before")
	err = se.update(ctx, func(ctx context.Context, tx MetaTx) error {
		m, err := se.begin(ctx, tx, b)
		if err != nil {
			return err
		}
		u, err := openUpload(ctx, tx, uploadID)
		if err != nil {
			return err
		}
		if e, err = c.run(ctx, m, &u); err != nil {
			return err
		}
		return m.finish(ctx)
	})
	se.s.hook("complete.commit.after")
	return e, err
}

// completion is one CompleteUpload; run changes nothing of it.
type completion struct {
	named  []CompletePart
	opts   *CompleteOptions
	ids    newIDs
	sha256 []byte       // of the whole, where it is known; else nil
	read   []UploadPart // the parts whose SHA-256 that is, in order
}

// checkNames judges the list of parts without looking at the upload.
func (c *completion) checkNames() error {
	if len(c.named) == 0 || len(c.named) > MaxPartNumber {
		return Errorf(BadArgument, "", "%d parts are named, it must be 1..%d", len(c.named), MaxPartNumber)
	}
	for i := 1; i < len(c.named) && !c.opts.AnyOrder; i++ {
		if c.named[i].Number <= c.named[i-1].Number {
			return Errorf(InvalidPartOrder, "", "part %d comes behind part %d", c.named[i].Number, c.named[i-1].Number)
		}
	}
	return nil
}

// run completes u in one transaction.
func (c *completion) run(ctx context.Context, m *mutation, u *Upload) (Entry, error) {
	stored, err := allParts(ctx, m.tx, u.ID)
	if err != nil {
		return Entry{}, err
	}
	parts, err := c.pick(stored)
	if err != nil {
		return Entry{}, err
	}
	if !c.sameContent(parts) {
		return Entry{}, errPartsChanged
	}
	v, err := c.version(u, parts)
	if err != nil {
		return Entry{}, err
	}
	v.UpdateTime = m.now
	old, had, err := m.expect(ctx, u.Key, &PutOptions{Conditions: c.opts.Conditions})
	if err != nil {
		return Entry{}, err
	}
	if v.Content, err = c.join(ctx, m, stored, parts); err != nil {
		return Entry{}, err
	}
	if err := m.tx.DeleteUpload(ctx, u.ID); err != nil {
		return Entry{}, err
	}
	at := entryAt{u.Key, c.ids}
	if had && u.Native { // the entry is the upload's, whatever became of what lay below it
		at.ids.object, old.Unfinished = old.ObjectID, ""
	}
	return m.install(ctx, &old, had, v, at)
}

// sameContent tells whether the parts are those whose digest is known.
func (c *completion) sameContent(parts []UploadPart) bool {
	for i := range c.read {
		if c.read[i].Content != parts[i].Content {
			return false
		}
	}
	return true
}

// pick returns the named parts in the order named.
func (c *completion) pick(stored []UploadPart) ([]UploadPart, error) {
	at := make(map[int]int, len(stored))
	for i := range stored {
		at[stored[i].Number] = i
	}
	parts := make([]UploadPart, len(c.named))
	for i, n := range c.named {
		j, found := at[n.Number]
		switch {
		case !found:
			return nil, Errorf(InvalidPart, "", "part %d was not uploaded", n.Number)
		case n.ETag != "" && n.ETag != stored[j].ETag:
			return nil, Errorf(InvalidPart, "", "part %d has another ETag", n.Number)
		case n.Checksum != "" && n.Checksum != stored[j].Checksum:
			return nil, Errorf(InvalidPart, "", "part %d has another checksum", n.Number)
		case stored[j].Size < c.opts.MinPart && i < len(c.named)-1:
			return nil, Errorf(TooSmall, "", "part %d has %d bytes, the least is %d", n.Number, stored[j].Size, c.opts.MinPart)
		}
		parts[i] = stored[j]
	}
	return parts, nil
}

// version describes the whole.
func (c *completion) version(u *Upload, parts []UploadPart) (Version, error) {
	v := Version{
		ETag: joinETags(parts), MTime: u.MTime, Class: u.Class, PartCount: len(parts), Attrs: u.Attrs,
	}
	for i := range parts {
		v.Size += parts[i].Size
	}
	if len(parts) == 1 {
		v.SHA256 = parts[0].SHA256
	}
	switch {
	case v.Size == 0:
		sum := sha256.Sum256(nil)
		v.SHA256 = sum[:]
	case c.sha256 != nil:
		v.SHA256 = c.sha256
	case v.SHA256 == nil:
		v.Attrs.PartsSHA256 = joinDigests(parts)
	}
	if v.Size > MaxObject {
		return v, Errorf(TooLarge, "", "the parts have %d bytes, at most %d are allowed", v.Size, int64(MaxObject))
	}
	if c.opts.Size >= 0 && c.opts.Size != v.Size {
		return v, Errorf(BadArgument, "", "the parts have %d bytes, announced were %d", v.Size, c.opts.Size)
	}
	var err error
	if v.Attrs.Checksum, err = joinChecksums(u.Checksum, parts); err != nil {
		return v, err
	}
	if want := c.opts.Checksum; want != "" && want != v.Attrs.Checksum.Value {
		return v, Errorf(BadDigest, "", "the checksum of the whole is %s, declared was %s", v.Attrs.Checksum.Value, want)
	}
	return v, nil
}

// join makes one list of the parts' extents. A blob keeps one reference for each extent: those of a part that is
// used once pass from the part's list to the new one untouched. There is a list even without an extent: it keeps
// the parts.
func (c *completion) join(ctx context.Context, m *mutation, stored, parts []UploadPart) (ContentRef, error) {
	uses := make(map[int]int, len(parts))
	for i := range parts {
		uses[parts[i].Number]++
	}
	lists := make(map[int][]Extent, len(parts))
	for i := range stored {
		p := &stored[i]
		if uses[p.Number] == 0 {
			if err := m.dropPart(ctx, p); err != nil {
				return ContentRef{}, err
			}
			continue
		}
		extents, err := m.takePart(ctx, p, uses[p.Number])
		if err != nil {
			return ContentRef{}, err
		}
		lists[p.Number] = extents
	}
	l := List{ID: c.ids.content, Refs: 1, Extents: make([]Extent, 0, len(parts)), Parts: make([]Part, len(parts))}
	for i := range parts {
		l.Extents = append(l.Extents, lists[parts[i].Number]...)
		l.Parts[i] = Part{Size: parts[i].Size, Checksum: parts[i].Checksum}
	}
	return ContentRef{Kind: ContentList, ID: l.ID}, m.tx.PutList(ctx, l)
}

// takePart ends a part whose extents are used that many times, and returns them with as many references.
func (m *mutation) takePart(ctx context.Context, p *UploadPart, uses int) ([]Extent, error) {
	m.usage.Bytes -= p.Size
	if err := m.tx.DeletePart(ctx, p.UploadID, p.Number); err != nil {
		return nil, err
	}
	if p.Content.Kind != ContentList {
		return nil, nil
	}
	l, found, err := m.tx.ListByID(ctx, p.Content.ID, ListRead{Length: -1})
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, missing("list", p.Content.ID)
	}
	more := int64(uses)
	if l.Refs > 1 {
		_, _, err = m.tx.AddListRefs(ctx, l.ID, -1)
	} else {
		more--
		err = m.tx.DeleteList(ctx, l.ID)
	}
	for i := 0; more > 0 && err == nil && i < len(l.Extents); i++ {
		_, err = m.tx.AddBlobRefs(ctx, l.Extents[i].Blob, more)
	}
	return l.Extents, err
}
