package core

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
)

// Limits of multipart uploads (S3 quotas).
const (
	MaxPartNumber = 10_000
	MaxPart       = 5 << 30 // bytes
)

// activeGrain is how stale, in ns, an upload's time of the last activity may be: it is not written for each part.
const activeGrain = 60 * second

// CreateUpload begins a multipart upload to p with the metadata that its completion will give the object;
// opts.Conditions, Digests, Verify and Checksum are not used. checksum names the algorithm that parts are
// checked with and whether the whole's is composite (S3 CreateMultipartUpload). Uploads below one key are
// independent of each other and of the object.
//
// Errors: NoSuchBucket, Forbidden, BadKey, KeyTooLong, MetadataTooLarge, BadArgument (checksum), NoSpace,
// ReadOnly, Internal.
func (se *Session) CreateUpload(ctx context.Context, p Path, opts PutOptions, checksum Checksum) (Upload, error) {
	u, err := se.createUpload(ctx, p, &opts, checksum)
	if err != nil {
		return Upload{}, fail("create upload", p.String(), err)
	}
	return u, nil
}

func (se *Session) createUpload(ctx context.Context, p Path, opts *PutOptions, checksum Checksum) (Upload, error) {
	b, err := se.writable(ctx, p)
	if err != nil {
		return Upload{}, err
	}
	if err := checkMetadata(&opts.Attrs); err != nil {
		return Upload{}, err
	}
	if err := checkUploadChecksum(checksum); err != nil {
		return Upload{}, err
	}
	now := se.s.now()
	u := Upload{
		ID: newUploadID(now), BucketID: b.ID, Key: p.Key, Owner: se.p.UserID, CreateTime: now, ActiveTime: now,
		Checksum: Checksum{Algorithm: checksum.Algorithm, Composite: checksum.Composite},
		Class:    opts.Class, MTime: opts.mtime(), Attrs: opts.Attrs,
	}
	u.Attrs.Checksum = Checksum{}
	err = se.update(ctx, func(ctx context.Context, tx MetaTx) error {
		if _, err := se.begin(ctx, tx, b); err != nil {
			return err
		}
		return tx.PutUpload(ctx, u)
	})
	return u, err
}

// newUploadID returns 32 hex digits: the time, so that uploads to one key are listed by age, and 64 random bits.
func newUploadID(now int64) string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("%016x", now) + hex.EncodeToString(b[:])
}

// PartRequest is one part to be stored.
type PartRequest struct {
	Number int // 0..10000 (S3: from 1)
	Body   io.Reader
	Size   int64 // announced, in bytes; -1 unknown
	// Digests asks for more than MD5, SHA-256, CRC64NVME and what the upload's checksum needs.
	Digests DigestSet
	// Checksum is the algorithm that the client names for this part, "" if none; it must be the upload's.
	Checksum string
	// Verify is as in PutOptions.
	Verify func(Digests) error

	chain *chain // continued by the body; nil: none is
}

// PutPart stores a part of an upload and returns when it is durable; a part of the same number is replaced (S3
// UploadPart). Parts may come in parallel and in any order. A part is always kept as blobs, even a short one:
// completion then joins parts by reference alone.
//
// Errors: NoSuchBucket, Forbidden, NoSuchUpload, BadArgument (number, checksum), TooLarge, and those of the
// body as in PutObject.
func (se *Session) PutPart(ctx context.Context, p Path, uploadID string, req PartRequest) (UploadPart, Digests, error) {
	part, d, err := se.putPart(ctx, p, uploadID, &req)
	if err != nil {
		return UploadPart{}, Digests{}, fail("put part", p.String(), err)
	}
	se.s.hook("answer.before")
	return part, d, nil
}

func (se *Session) putPart(
	ctx context.Context, p Path, uploadID string, req *PartRequest,
) (UploadPart, Digests, error) {
	b, u, err := se.upload(ctx, p, uploadID)
	if err == nil {
		err = checkPart(&u, req)
	}
	if err == nil {
		err = se.s.checkReserve()
	}
	if err != nil {
		return UploadPart{}, Digests{}, err
	}
	return se.storePart(ctx, b, &u, req)
}

// storePart stores a body as a part.
func (se *Session) storePart(
	ctx context.Context, b Bucket, u *Upload, req *PartRequest,
) (UploadPart, Digests, error) {
	n, err := se.s.receive(ctx, b, &countedBody{src: req.chain.reader(req.Body), size: req.Size}, receiveOptions{
		digests: req.Digests, checksum: u.Checksum.Algorithm, verify: req.Verify,
	})
	if err != nil {
		return UploadPart{}, Digests{}, err
	}
	defer n.w.Close()
	n.chain = req.chain.row()
	part, err := se.commitPart(ctx, b, u, req.Number, n)
	if err != nil {
		n.w.Abandon()
		return UploadPart{}, Digests{}, err
	}
	n.w.Committed()
	return part, n.w.Digests, nil
}

// checkPart judges what is known before the body is read.
func checkPart(u *Upload, req *PartRequest) error {
	switch {
	case req.Number < 0 || req.Number > MaxPartNumber:
		return Errorf(BadArgument, "", "the part number %d is not within 0..%d", req.Number, MaxPartNumber)
	case req.Size > MaxPart:
		return Errorf(TooLarge, "", "the part has %d bytes, at most %d are allowed", req.Size, int64(MaxPart))
	case req.Checksum != "" && u.Checksum.Algorithm != "" && req.Checksum != u.Checksum.Algorithm:
		return Errorf(BadArgument, "", "the upload was begun with the checksum %s, the part has %s",
			u.Checksum.Algorithm, req.Checksum)
	}
	_, err := checksumDigest(req.Checksum)
	return err
}

// commitPart makes received content a part of the upload, in one transaction.
func (se *Session) commitPart(
	ctx context.Context, b Bucket, u *Upload, number int, n *newContent,
) (UploadPart, error) {
	if n.w.Size > MaxPart {
		return UploadPart{}, Errorf(TooLarge, "", "the part has more than %d bytes", int64(MaxPart))
	}
	v := n.version(&PutOptions{})
	part := UploadPart{
		UploadID: u.ID, Number: number, Size: v.Size, ETag: v.ETag, SHA256: v.SHA256,
		Checksum: n.sum, CRC64: n.w.Digests.CRC64NVME, Chain: n.chain,
	}
	se.s.hook("part.commit.before")
	err := se.s.commit(ctx, n, func(ctx context.Context, tx MetaTx) error {
		m, err := se.begin(ctx, tx, b)
		if err != nil {
			return err
		}
		part.UpdateTime = m.now
		if part.Content, err = m.store(ctx, n); err != nil {
			return err
		}
		if err := m.putPart(ctx, part); err != nil {
			return err
		}
		return m.finish(ctx)
	})
	se.s.hook("part.commit.after")
	return part, err
}

// putPart puts the part in place of one of the same number.
func (m *mutation) putPart(ctx context.Context, part UploadPart) error {
	u, err := openUpload(ctx, m.tx, part.UploadID)
	if err != nil {
		return err
	}
	old, had, err := m.tx.Part(ctx, part.UploadID, part.Number)
	if err != nil {
		return err
	}
	if had {
		m.usage.Bytes -= old.Size
		if err := m.release(ctx, old.Content); err != nil {
			return err
		}
	}
	m.usage.Bytes += part.Size
	if m.now-u.ActiveTime > activeGrain {
		u.ActiveTime = m.now
		if err := m.tx.PutUpload(ctx, u); err != nil {
			return err
		}
	}
	return m.tx.PutPart(ctx, part)
}

// abortStep is how many parts of an upload one transaction gives up.
const abortStep = 200

// AbortUpload ends an upload and gives up its parts (S3 AbortMultipartUpload). The upload is gone for everybody with
// the first transaction; of many parts each takes some, so that others can write in between. If it fails on the
// way, upkeep finishes it. Errors: NoSuchBucket, Forbidden, NoSuchUpload, ReadOnly, Internal.
func (se *Session) AbortUpload(ctx context.Context, p Path, uploadID string) error {
	b, u, err := se.upload(ctx, p, uploadID)
	if err != nil {
		return fail("abort upload", p.String(), err)
	}
	steps := 0
	err = se.s.endUpload(ctx, se.update, u.ID, func(ctx context.Context, tx MetaTx, u *Upload) (*mutation, error) {
		if u.Ended && steps == 0 {
			return nil, noSuchUpload(u.ID)
		}
		return se.begin(ctx, tx, b)
	}, &steps)
	return fail("abort upload", p.String(), err)
}

// endUpload drops an upload in as many transactions of update as its parts need, and counts them in steps. start begins each,
// judging the upload as it is then; it returns nil to stop. NoSuchUpload when there was nothing to begin with.
func (s *Service) endUpload(
	ctx context.Context, update updater, id string,
	start func(context.Context, MetaTx, *Upload) (*mutation, error), steps *int,
) error {
	ctx = MakingRoom(ctx)
	for {
		more, did := false, false
		err := update(ctx, func(ctx context.Context, tx MetaTx) error {
			more, did = false, false
			u, found, err := tx.Upload(ctx, id)
			if err == nil && !found && *steps == 0 {
				err = noSuchUpload(id)
			}
			if err != nil || !found {
				return err
			}
			m, err := start(ctx, tx, &u)
			if err != nil || m == nil {
				return err
			}
			did = true
			if more, err = m.dropUpload(ctx, u); err != nil {
				return err
			}
			return m.finish(ctx)
		})
		if err == nil && did {
			*steps++
		}
		if err != nil || !more {
			return err
		}
	}
}

// dropUpload ends an upload and gives up some of its parts; the row goes with the last. It tells whether there
// are more.
func (m *mutation) dropUpload(ctx context.Context, u Upload) (more bool, err error) {
	parts, err := m.tx.Parts(ctx, u.ID, -1, abortStep+1)
	if err != nil {
		return false, err
	}
	more = len(parts) > abortStep
	if u.Native && !u.Ended {
		if err := m.unlink(ctx, &u); err != nil {
			return false, err
		}
		u.Native = false // what is left of it is nobody's object
	}
	for i := range parts[:min(len(parts), abortStep)] {
		if err := m.dropPart(ctx, &parts[i]); err != nil {
			return more, err
		}
	}
	if !more {
		return false, m.tx.DeleteUpload(ctx, u.ID)
	}
	if u.Ended {
		return true, nil
	}
	u.Ended, u.ActiveTime = true, 0 // idle: upkeep finishes it should this process not
	return true, m.tx.PutUpload(ctx, u)
}

// dropPart gives up a part that nothing uses.
func (m *mutation) dropPart(ctx context.Context, p *UploadPart) error {
	m.usage.Bytes -= p.Size
	if err := m.release(ctx, p.Content); err != nil {
		return err
	}
	return m.tx.DeletePart(ctx, p.UploadID, p.Number)
}

// allParts reads every part of an upload, by number.
func allParts(ctx context.Context, tx MetaTx, uploadID string) ([]UploadPart, error) {
	var all []UploadPart
	after := -1
	for {
		page, err := tx.Parts(ctx, uploadID, after, maxPage)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < maxPage {
			return all, nil
		}
		after = page[len(page)-1].Number
	}
}

// Upload returns an unfinished upload. Errors: NoSuchBucket, Forbidden, NoSuchUpload, Internal.
func (se *Session) Upload(ctx context.Context, p Path, uploadID string) (Upload, error) {
	_, u, err := se.upload(ctx, p, uploadID)
	return u, fail("get upload", p.String(), err)
}

// Parts returns up to limit parts of an upload by number, those greater than after (-1: from the first), and
// whether there are more (S3 ListParts). Errors: NoSuchBucket, Forbidden, NoSuchUpload, BadArgument, Internal.
func (se *Session) Parts(
	ctx context.Context, p Path, uploadID string, after, limit int,
) ([]UploadPart, bool, error) {
	_, u, err := se.upload(ctx, p, uploadID)
	if err == nil {
		err = checkLimit(limit)
	}
	if err != nil || limit == 0 {
		return nil, false, fail("list parts", p.String(), err)
	}
	var parts []UploadPart
	err = se.s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		var err error
		parts, err = tx.Parts(ctx, u.ID, after, limit+1)
		return err
	})
	more := len(parts) > limit
	return parts[:min(limit, len(parts))], more, fail("list parts", p.String(), err)
}

// upload finds the upload of that id at p for one who may write there. Readers do not see uploads: what is
// unfinished is nobody's business but the writers'.
func (se *Session) upload(ctx context.Context, p Path, uploadID string) (Bucket, Upload, error) {
	b, err := se.authorize(ctx, p.Bucket, AccessWrite)
	if err != nil {
		return b, Upload{}, err
	}
	var u Upload
	err = se.s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		var err error
		u, err = openUpload(ctx, tx, uploadID)
		if err == nil && (u.BucketID != b.ID || u.Key != p.Key || u.Native) {
			err = noSuchUpload(uploadID)
		}
		return err
	})
	return b, u, err
}

// openUpload returns an upload that goes on; NoSuchUpload.
func openUpload(ctx context.Context, tx MetaTx, id string) (Upload, error) {
	u, found, err := tx.Upload(ctx, id)
	if err == nil && (!found || u.Ended) {
		err = noSuchUpload(id)
	}
	return u, err
}

func noSuchUpload(id string) error {
	return Errorf(NoSuchUpload, "", "there is no upload %.64q; it may have been completed or aborted", id)
}
