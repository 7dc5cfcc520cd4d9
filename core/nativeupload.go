package core

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"trivium/core/content"
)

// errPartsChanged: a part was uploaded again between the reading of the parts and their completion.
var errPartsChanged = errors.New("a part was replaced meanwhile")

// CreateNativeUpload begins a multipart upload that the native API shows as an object from then on; the other doors go
// on to serve what lies below it, and their writes do not end it. There is one at a key: an unfinished one that is
// there already is ended with its parts. opts give the object its metadata when it is completed. Errors: as
// CreateUpload; NotFound for the package, BadArgument (path).
func (se *Session) CreateNativeUpload(ctx context.Context, packageID int64, path string, opts PutOptions) (Member, error) {
	p, b, err := se.Package(ctx, packageID, AccessWrite)
	if err != nil {
		return Member{}, err
	}
	key, err := MemberKey(&p, path)
	if err == nil {
		err = checkMetadata(&opts.Attrs)
	}
	if err == nil {
		err = se.s.checkReserve()
	}
	if err != nil {
		return Member{}, err
	}
	now := se.s.now()
	u := Upload{
		ID: newUploadID(now), BucketID: b.ID, Key: key, Owner: se.p.UserID, CreateTime: now, ActiveTime: now,
		Native: true, Class: opts.Class, MTime: opts.mtime(), Attrs: opts.Attrs,
	}
	ids, err := se.s.newIDs(ctx, ContentNone)
	if err != nil {
		return Member{}, err
	}
	out := Member{Bucket: b.Name, PackageID: p.ID, Path: path, Unfinished: true, UpdateTime: now}
	err = se.update(ctx, func(ctx context.Context, tx MetaTx) error {
		m, err := se.begin(ctx, tx, b)
		if err != nil {
			return err
		}
		if err := m.inPackage(ctx, packageID, key); err != nil {
			return err
		}
		if out.Entry, err = m.cover(ctx, u, ids); err != nil {
			return err
		}
		return m.finish(ctx)
	})
	return out, fail("create upload", b.Name+"/"+key, err)
}

// cover lays an upload over the entry of its key, which is made if there is none.
func (m *mutation) cover(ctx context.Context, u Upload, ids newIDs) (Entry, error) {
	e, had, err := m.tx.Entry(ctx, m.bucket.ID, u.Key)
	if err != nil {
		return e, err
	}
	if had {
		if err := m.takeOver(ctx, &e); err != nil {
			return e, err
		}
	}
	if had && expired(&e.Version, m.now) && !e.Older {
		if err := m.purge(ctx, e); err != nil {
			return e, err
		}
		had = false
	}
	if !had {
		e = Entry{BucketID: m.bucket.ID, Key: u.Key, ObjectID: ids.object, CreateTime: m.now, Version: m.noVersion()}
	}
	e.Unfinished = u.ID
	if err := m.tx.PutEntry(ctx, e); err != nil {
		return e, err
	}
	if err := m.tx.PutUpload(ctx, u); err != nil {
		return e, err
	}
	return e, m.ensurePackage(ctx, u.Key)
}

// takeOver ends the unfinished native upload over e, whose row the caller writes or removes. Of many parts upkeep gives
// up the rest.
func (m *mutation) takeOver(ctx context.Context, e *Entry) error {
	if e.Unfinished == "" {
		return nil
	}
	u, found, err := m.tx.Upload(ctx, e.Unfinished)
	if err != nil {
		return err
	}
	if !found {
		return missing("the upload over object", e.ObjectID)
	}
	e.Unfinished = ""
	u.Native = false
	_, err = m.dropUpload(ctx, u)
	return err
}

// unlink takes a native upload that ends off its entry, which goes if nothing lies below it.
func (m *mutation) unlink(ctx context.Context, u *Upload) error {
	e, had, err := m.tx.Entry(ctx, u.BucketID, u.Key)
	if err != nil || !had || e.Unfinished != u.ID {
		return err
	}
	e.Unfinished = ""
	if !isLive(&e, m.now) {
		m.leave(u.Key)
	}
	if e.Version.placeholder() {
		return m.tx.DeleteEntry(ctx, u.BucketID, u.Key)
	}
	return m.tx.PutEntry(ctx, e)
}

// nativeUpload finds the unfinished native upload over the object of that id, for one who may write there. Conflict
// when there is none over it.
func (se *Session) nativeUpload(ctx context.Context, id int64) (Member, Bucket, Upload, error) { //nolint:revive // four results: all are needed, and this is one question
	m, b, err := se.memberByID(ctx, id, MemberOptions{Need: AccessWrite, Bare: true})
	if err != nil {
		return m, b, Upload{}, err
	}
	if !m.Unfinished {
		return m, b, Upload{}, Errorf(Conflict, "", "object %d is not an unfinished multipart upload", id)
	}
	var u Upload
	err = se.s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		var err error
		u, err = openUpload(ctx, tx, m.Entry.Unfinished)
		return err
	})
	return m, b, u, ended(id, err)
}

// ended is err, but Conflict when the upload over the object of that id ended meanwhile.
func ended(id int64, err error) error {
	if err != nil && CodeOf(err) == NoSuchUpload {
		return Errorf(Conflict, "", "the multipart upload of object %d has ended", id)
	}
	return err
}

// PutNativePart is PutPart for the unfinished native upload over the object of that id. Errors: NoSuchKey; Conflict
// when there is none over it, or it ended meanwhile; Forbidden; those of PutPart.
func (se *Session) PutNativePart(ctx context.Context, id int64, req PartRequest) (UploadPart, error) {
	m, b, u, err := se.nativeUpload(ctx, id)
	if err == nil {
		err = checkPart(&u, &req)
	}
	if err == nil {
		err = se.s.checkReserve()
	}
	if err != nil {
		return UploadPart{}, err
	}
	req.Digests |= content.SHA256
	if req.chain, err = se.s.newChain(ctx, &u, req.Number); err != nil {
		return UploadPart{}, fail("put part", m.At().String(), err)
	}
	part, _, err := se.storePart(ctx, b, &u, &req)
	if err != nil {
		return UploadPart{}, fail("put part", m.At().String(), ended(id, err))
	}
	se.s.hook("answer.before")
	return part, nil
}

// NativeParts returns the parts of the unfinished native upload over the object of that id, by number. Errors: as
// PutNativePart.
func (se *Session) NativeParts(ctx context.Context, id int64) ([]UploadPart, error) {
	m, _, u, err := se.nativeUpload(ctx, id)
	if err != nil {
		return nil, err
	}
	var parts []UploadPart
	err = se.s.viewPage(ctx, func(ctx context.Context, tx MetaTx) error {
		var err error
		parts, err = allParts(ctx, tx, u.ID)
		return err
	})
	return parts, fail("list parts", m.At().String(), err)
}

// AbortNative ends the unfinished native upload over the object of that id: what lies below is shown again, and where
// there is nothing the object is gone. Errors: as PutNativePart.
func (se *Session) AbortNative(ctx context.Context, id int64) error {
	m, b, u, err := se.nativeUpload(ctx, id)
	if err != nil {
		return err
	}
	steps := 0
	err = se.s.endUpload(ctx, se.update, u.ID, func(ctx context.Context, tx MetaTx, u *Upload) (*mutation, error) {
		if u.Ended && steps == 0 {
			return nil, noSuchUpload(u.ID)
		}
		return se.begin(ctx, tx, b)
	}, &steps)
	return fail("abort upload", m.At().String(), ended(id, err))
}

// CompleteNative joins parts of the unfinished native upload over the object of that id, in the order of numbers, which
// may repeat, into its new current version. Its SHA-256 is known at once of parts that came in this order, and of a
// single one; else it is made by reading them back. Once begun it goes on though ctx ends, with which this caller leaves
// (Canceled), and a call with the same numbers meanwhile waits for the same outcome. It ends early with the upload, its
// bucket and the Service. Errors: NoSuchKey; Conflict when there is no upload over it; BadArgument for no numbers, too
// many, or one that was not uploaded; TooLarge, Forbidden, Corrupt, Overloaded, Unavailable and those of the store.
func (se *Session) CompleteNative(ctx context.Context, id int64, numbers []int) (Member, error) {
	if _, _, _, err := se.nativeUpload(ctx, id); err != nil {
		return Member{}, err
	}
	text := strings.Builder{}
	fmt.Fprint(&text, id, " ", se.p.UserID, " ", numbers)
	m, err := se.s.joins.join(ctx, se.s, text.String(), func(ctx context.Context) (Member, error) {
		return se.completeNative(ctx, id, numbers)
	})
	if err != nil {
		return Member{}, fail("complete upload", "", err)
	}
	se.s.hook("answer.before")
	return m, nil
}

// completions are the completions of native uploads that run, by what they are to do.
type completions struct {
	mu sync.Mutex
	m  map[string]*joining
}

// joining is one of them.
type joining struct {
	done   chan struct{}
	member Member // once done
	err    error
}

// join waits for the run of that key, and begins it if there is none. The run ends with the Service, not with ctx.
func (c *completions) join(
	ctx context.Context, s *Service, key string, run func(ctx context.Context) (Member, error),
) (Member, error) {
	c.mu.Lock()
	j := c.m[key]
	if j == nil {
		j = &joining{done: make(chan struct{}), err: errFlight}
		if c.m == nil {
			c.m = make(map[string]*joining)
		}
		c.m[key] = j
		s.wait.Go(func() {
			lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
			stop := context.AfterFunc(s.life, cancel) //nolint:contextcheck // it ends with the Service as well
			defer func() {
				stop()
				cancel()
				c.mu.Lock()
				delete(c.m, key)
				c.mu.Unlock()
				close(j.done)
			}()
			j.member, j.err = run(lasting)
		})
	}
	c.mu.Unlock()
	select {
	case <-j.done:
		return j.member, j.err
	case <-ctx.Done():
		return Member{}, &Error{Code: Canceled, Msg: "the caller went away", Err: ctx.Err()}
	}
}

func (se *Session) completeNative(ctx context.Context, id int64, numbers []int) (Member, error) {
	c := completion{opts: &CompleteOptions{AnyOrder: true, Size: -1}, named: make([]CompletePart, len(numbers))}
	for i, n := range numbers {
		c.named[i].Number = n
	}
	if err := c.checkNames(); err != nil {
		return Member{}, err
	}
	for try := 1; ; try++ {
		m, b, u, err := se.nativeUpload(ctx, id)
		if err == nil {
			err = se.s.digestParts(ctx, b, &u, &c)
		}
		if err != nil {
			return m, named(ended(id, err))
		}
		e, err := se.commitComplete(ctx, b, u.ID, &c)
		if errors.Is(err, errPartsChanged) && try < resolveTries {
			continue
		}
		if errors.Is(err, errPartsChanged) {
			err = &Error{Code: Conflict, Msg: "parts keep being uploaded; try again", Err: err}
		}
		if err != nil {
			return m, named(ended(id, err))
		}
		return written(m.Bucket, m.PackageID, e), nil
	}
}

// named is err, but BadArgument for a part that was not uploaded.
func named(err error) error {
	if e, ok := errors.AsType[*Error](err); ok && e.Code == InvalidPart {
		return &Error{Code: BadArgument, Msg: "indexes: " + e.Msg}
	}
	return err
}

// digestParts finds the SHA-256 of what the completion joins, by reading it unless one part is the whole.
func (s *Service) digestParts(ctx context.Context, b Bucket, u *Upload, c *completion) error {
	pin := s.pins.Begin()
	r := new(resolved)
	err := s.viewPage(ctx, func(ctx context.Context, tx MetaTx) error {
		r = new(resolved)
		stored, err := allParts(ctx, tx, u.ID)
		if err != nil {
			return err
		}
		if c.read, err = c.pick(stored); err != nil {
			return err
		}
		return r.joinParts(ctx, tx, c.read)
	})
	if err == nil && r.object.Length > MaxObject {
		err = Errorf(TooLarge, "", "the parts have %d bytes, at most %d are allowed", r.object.Length, int64(MaxObject))
	}
	c.sha256 = chainSum(c.read)
	if len(c.read) == 1 {
		c.sha256 = c.read[0].SHA256
	}
	if err != nil || r.object.Length == 0 || c.sha256 != nil {
		pin.Release()
		return err
	}
	l, err := s.locate(ctx, r, pin)
	if err != nil {
		pin.Release()
		return err
	}
	return s.digesting(ctx, func() error {
		body, err := s.openAt(ctx, l, pin)
		if err != nil {
			pin.Release()
			return err
		}
		c.sha256, err = s.digest(ctx, body, b, u)
		return errors.Join(err, body.Close())
	}, pin.Release)
}

// digestStep is how many bytes are read back before it is seen whether the upload is there yet.
const digestStep = 16 << 20

// digest reads the content of an upload for as long as there is that upload, and returns its SHA-256.
func (s *Service) digest(ctx context.Context, body io.Reader, b Bucket, u *Upload) ([]byte, error) {
	h := sha256.New()
	for {
		_, err := io.CopyN(h, body, digestStep)
		if errors.Is(err, io.EOF) {
			return h.Sum(nil), nil
		}
		if err == nil {
			err = s.view(ctx, func(ctx context.Context, tx MetaTx) error {
				if _, err := s.bucketIn(ctx, tx, b); err != nil {
					return err
				}
				_, err := openUpload(ctx, tx, u.ID)
				return err
			})
		}
		if err != nil {
			return nil, err
		}
	}
}

// joinParts makes r stand for the parts' content, one after the other.
func (r *resolved) joinParts(ctx context.Context, tx MetaTx, parts []UploadPart) error {
	lists := make(map[int64][]Extent, len(parts))
	for i := range parts {
		ref := parts[i].Content
		r.object.Length += parts[i].Size
		if ref.Kind != ContentList {
			continue
		}
		if _, known := lists[ref.ID]; !known {
			l, found, err := tx.ListByID(ctx, ref.ID, ListRead{Length: -1})
			if err != nil {
				return err
			}
			if !found {
				return missing("list", ref.ID)
			}
			lists[ref.ID] = l.Extents
		}
		r.extents = append(r.extents, lists[ref.ID]...)
	}
	return nil
}
