package core

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"trivium/core/content"
)

// Path names an object: a bucket and a key in it.
type Path struct {
	Bucket, Key string
}

// String returns bucket/key.
func (p Path) String() string { return p.Bucket + "/" + p.Key }

// PutObject stores body as the new current version of (bucket, key) and returns when that is durable (P1).
// size is the announced size in bytes, -1 if unknown. In a bucket that was never versioned the old content is
// replaced, else the bucket's versioning decides what stays (S3 PutObject). A condition that is false, a body
// of another size or a Verify that refuses leaves everything as it was. It does not close body.
//
// Errors: NoSuchBucket, Forbidden, BadKey, KeyTooLong, MetadataTooLarge, TooLarge, PreconditionFailed,
// NoSuchKey (If-Match without an object), Conflict (Tree), BodySize, BadBody or what body's own *Error says,
// Overloaded, Unavailable, NoSpace, ReadOnly, Canceled, Internal.
//
//nolint:revive // six arguments: all are required, and the doors read better with them in a row
func (se *Session) PutObject(
	ctx context.Context, bucket, key string, body io.Reader, size int64, opts PutOptions,
) (PutResult, error) {
	res, err := se.putObject(ctx, Path{bucket, key}, &countedBody{src: body, size: size}, &opts)
	if err != nil {
		return PutResult{}, fail("put object", bucket+"/"+key, err)
	}
	se.s.hook("answer.before")
	return res, nil
}

func (se *Session) putObject(ctx context.Context, p Path, body *countedBody, opts *PutOptions) (PutResult, error) {
	b, err := se.writable(ctx, p)
	if err != nil {
		return PutResult{}, err
	}
	if err := checkMetadata(&opts.Attrs); err != nil {
		return PutResult{}, err
	}
	if opts.Package != 0 {
		opts.Digests |= content.SHA256
	}
	if err := se.expectWrite(ctx, b, p.Key, body.size, opts); err != nil {
		return PutResult{}, err
	}
	n, err := se.s.receive(ctx, b, body, receiveOptions{
		inline: true, digests: opts.Digests, checksum: opts.Checksum, verify: opts.Verify,
	})
	if err != nil {
		return PutResult{}, err
	}
	defer n.w.Close()
	res, err := se.commitPut(ctx, b, p.Key, n, opts)
	if err != nil {
		n.w.Abandon()
		return PutResult{}, err
	}
	n.w.Committed()
	return res, nil
}

// commitPut makes received content the current version, in one transaction.
func (se *Session) commitPut(
	ctx context.Context, b Bucket, key string, n *newContent, opts *PutOptions,
) (PutResult, error) {
	if err := se.s.checkReserve(); err != nil {
		return PutResult{}, err
	}
	v := n.version(opts)
	res := PutResult{Digests: n.w.Digests}
	se.s.hook("put.commit.before")
	err := se.s.commit(ctx, n, func(ctx context.Context, tx MetaTx) error {
		m, err := se.begin(ctx, tx, b)
		if err != nil {
			return err
		}
		old, had, err := m.expect(ctx, key, opts)
		if err != nil {
			return err
		}
		v := v
		v.UpdateTime = m.now
		if v.Content, err = m.store(ctx, n); err != nil {
			return err
		}
		res.Created = m.live(&old, had) == nil
		if res.Entry, err = m.install(ctx, &old, had, v, entryAt{key, n.ids}); err != nil {
			return err
		}
		return m.finish(ctx)
	})
	se.s.hook("put.commit.after")
	return res, err
}

// writable checks the key and that the caller may write in the bucket, on a disk with room.
func (se *Session) writable(ctx context.Context, p Path) (Bucket, error) {
	if err := CheckKey(p.Key); err != nil {
		return Bucket{}, err
	}
	b, err := se.authorize(ctx, p.Bucket, AccessWrite)
	if err != nil {
		return Bucket{}, err
	}
	return b, se.s.checkReserve()
}

// shortBody is how long a body is, in bytes, that costs less to receive than to look twice whether it may go there.
const shortBody = 16 << 10

// expectWrite judges the conditions of a write of size bytes before its body is read, so that a false one costs no
// transfer. The commit judges them again.
func (se *Session) expectWrite(ctx context.Context, b Bucket, key string, size int64, opts *PutOptions) error {
	asked := !opts.Conditions.Empty() || se.guard != nil && len(se.guard.Lists) > 0
	if opts.Tree && !asked && size >= 0 && size <= shortBody {
		return nil
	}
	if opts.Tree {
		return se.s.view(ctx, func(ctx context.Context, tx MetaTx) error {
			if err := se.guarding(tx).judge(ctx); err != nil {
				return err
			}
			m := mutation{s: se.s, se: se, tx: tx, bucket: b, now: se.s.now()}
			_, _, err := m.expect(ctx, key, opts)
			return err
		})
	}
	c := &opts.Conditions
	if c.Empty() {
		return nil
	}
	found, err := se.s.find(ctx, b.ID, key, false)
	if err != nil {
		return err
	}
	if found.Exists && isLive(&found.Entry, se.s.now()) {
		return c.judgeWrite(&found.Entry.Version)
	}
	return c.judgeWrite(nil)
}

// expect reads the entry at key and judges the preconditions of a write on it.
func (m *mutation) expect(ctx context.Context, key string, opts *PutOptions) (Entry, bool, error) {
	old, had, err := m.tx.Entry(ctx, m.bucket.ID, key)
	if err != nil {
		return old, had, err
	}
	if err := opts.Conditions.judgeWrite(m.live(&old, had)); err != nil {
		return old, had, err
	}
	if opts.Free && (m.live(&old, had) != nil || old.Unfinished != "") {
		return old, had, Errorf(Exists, key, "there is an object already")
	}
	if opts.Package != 0 {
		if err := m.inPackage(ctx, opts.Package, key); err != nil {
			return old, had, err
		}
		if err := m.takeOver(ctx, &old); err != nil {
			return old, had, err
		}
	}
	if opts.Tree {
		if err := m.se.guarding(m.tx).put(ctx, m.bucket, key, m.live(&old, had) != nil); err != nil {
			return old, had, err
		}
		err = m.treeCheckFile(ctx, key, m.live(&old, had) != nil)
	}
	return old, had, err
}

// newContent is received content with the ids that its commit needs.
type newContent struct {
	w       *content.Written
	class   int64
	ids     newIDs
	garbage int64  // first of one gc id for each blob
	etag    string // MD5, or made of the CRC64NVME
	sum     string // value of the checksum that was asked for
	chain   []byte // of a part, its Chain
}

// receiveOptions say how a body is stored.
type receiveOptions struct {
	inline   bool // short content may stay in the metadata store
	digests  DigestSet
	checksum string // algorithm whose value is kept; "": none
	verify   func(Digests) error
}

// receive stores a body and reserves the ids for its commit. The caller closes the result's w, after Committed
// or Abandon.
func (s *Service) receive(ctx context.Context, b Bucket, body *countedBody, opts receiveOptions) (*newContent, error) {
	if body.size > MaxObject {
		return nil, Errorf(TooLarge, "", "the content has %d bytes, at most %d are allowed", body.size, int64(MaxObject))
	}
	set, err := checksumDigest(opts.checksum)
	if err != nil {
		return nil, err
	}
	class, target, err := s.classFor(ctx, b)
	if err != nil {
		return nil, err
	}
	req := content.PutRequest{Target: target, Size: body.size, Digests: opts.digests | set | b.digests(), Verify: opts.verify}
	if opts.inline && target.Policy.Redundancy == content.None {
		req.Inline = max(0, s.inlineMax)
	}
	reserved, done := s.reserved(body, body.size)
	defer done()
	w, err := s.content.Put(ctx, reserved, req)
	if err != nil {
		return nil, body.blame(err)
	}
	n, err := s.prepare(ctx, class.ID, w)
	if err != nil {
		w.Abandon()
		w.Close()
		return nil, err
	}
	n.etag, n.sum = etagOf(&w.Digests), checksumValue(opts.checksum, &w.Digests)
	return n, nil
}

// digests are those that the bucket wants of its content.
func (b *Bucket) digests() DigestSet {
	var set DigestSet
	if !b.Policy.NoMD5 {
		set |= content.MD5
	}
	if !b.Policy.NoSHA256 {
		set |= content.SHA256
	}
	return set
}

// prepare reserves the ids that the commit of w needs.
func (s *Service) prepare(ctx context.Context, class int64, w *content.Written) (*newContent, error) {
	n := &newContent{w: w, class: class}
	kind := ContentNone
	switch {
	case len(w.Blobs) > 0:
		kind = ContentList
	case len(w.Inline) > 0:
		kind = ContentInline
	}
	var err error
	if n.ids, err = s.newIDs(ctx, kind); err != nil {
		return nil, err
	}
	if len(w.Blobs) > 0 {
		n.garbage, err = s.nextIDs(ctx, "gc", int64(len(w.Blobs)))
	}
	return n, err
}

// digest returns the SHA-256 of the content, nil where it was not computed.
func (n *newContent) digest() []byte {
	if !n.w.Digests.Set.Has(content.SHA256) {
		return nil
	}
	return bytes.Clone(n.w.Digests.SHA256[:])
}

// version describes the content as a version that opts ask for.
func (n *newContent) version(opts *PutOptions) Version {
	v := Version{Size: n.w.Size, ETag: n.etag, MTime: opts.mtime(), Class: opts.Class, Attrs: opts.Attrs}
	v.SHA256 = n.digest()
	v.Attrs.Checksum = Checksum{}
	if n.sum != "" {
		v.Attrs.Checksum = Checksum{Algorithm: opts.Checksum, Value: n.sum}
	}
	return v
}

// mtime returns the client's time, or NoTime.
func (o *PutOptions) mtime() int64 {
	if o.MTime == 0 && !o.MTimeSet {
		return NoTime
	}
	return o.MTime
}

// store writes the rows of received content and returns the reference to it.
func (m *mutation) store(ctx context.Context, n *newContent) (ContentRef, error) {
	switch {
	case len(n.w.Blobs) > 0:
		extents, err := m.adopt(ctx, n.class, n.w, n.garbage)
		if err != nil {
			return ContentRef{}, err
		}
		ref := ContentRef{Kind: ContentList, ID: n.ids.content}
		return ref, m.tx.PutList(ctx, List{ID: ref.ID, Refs: 1, Extents: extents})
	case len(n.w.Inline) > 0:
		ref := ContentRef{Kind: ContentInline, ID: n.ids.content}
		return ref, m.tx.PutInline(ctx, ref.ID, inlineSum(ref.ID, n.digest(), n.w.Inline), n.w.Inline)
	}
	return ContentRef{}, nil
}

// etagOf returns the ETag of a body: the MD5, or where that is not computed the CRC64NVME with a "-", so that
// nobody takes it for an MD5 (S14).
func etagOf(d *Digests) string {
	if d.Set.Has(content.MD5) {
		return hex.EncodeToString(d.MD5[:])
	}
	return fmt.Sprintf("%016x-1", d.CRC64NVME)
}

// countedBody is a body with its announced size. It remembers the error it ended with: content wraps it, and
// only here it is known that it was the body's.
type countedBody struct {
	src  io.Reader
	size int64
	err  error
}

// Read implements io.Reader.
func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.src.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

// blame makes err BadBody if the body failed with an error that says nothing itself.
func (b *countedBody) blame(err error) error {
	if b.err == nil {
		return err
	}
	return failBody("", "", err, b.err)
}
