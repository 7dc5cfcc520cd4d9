package core

import (
	"context"
	"errors"

	"trivium/core/content"
)

// resolveTries bounds how often a read starts again because what it found moved in the meantime.
const resolveTries = 4

// StatObject describes one version of the object at (bucket, key) without reading content. With the error
// NotModified the Object is filled all the same.
//
// Errors: NoSuchBucket, Forbidden, BadKey, KeyTooLong, NoSuchKey (with Marker when a delete marker hides the
// object), NoSuchVersion, IsDeleteMarker, BadArgument (version id), PreconditionFailed, NotModified,
// InvalidRange, Internal.
func (se *Session) StatObject(ctx context.Context, bucket, key string, opts GetOptions) (Object, error) {
	r, err := se.resolve(ctx, Path{bucket, key}, &opts, false)
	if err == nil {
		err = r.judge(&opts)
	}
	return r.object, fail("stat object", bucket+"/"+key, err)
}

// OpenObject opens one version of the object at (bucket, key), or the range or part of it that opts ask for.
// It returns when the first bytes are there and verified. With the error NotModified the Reader is not nil: it
// holds the Object and an empty Body. Errors: those of StatObject, Corrupt, Unavailable, Overloaded, Canceled.
func (se *Session) OpenObject(ctx context.Context, bucket, key string, opts GetOptions) (*Reader, error) {
	r, err := se.open(ctx, &opts, func() (*resolved, error) { return se.resolve(ctx, Path{bucket, key}, &opts, true) })
	return r, fail("open object", bucket+"/"+key, err)
}

// open opens what find finds, with its content. When that moved before it could be opened it is found again.
func (se *Session) open(ctx context.Context, opts *GetOptions, find func() (*resolved, error)) (*Reader, error) {
	for try := 1; ; try++ {
		r, err := se.openOnce(ctx, opts, find)
		if try < resolveTries && errors.Is(err, errMoved) {
			continue
		}
		return r, err
	}
}

// errMoved: rows that a read had found were gone when it came back for more, since the object was overwritten.
var errMoved = errors.New("the content was replaced meanwhile")

func (se *Session) openOnce(ctx context.Context, opts *GetOptions, find func() (*resolved, error)) (*Reader, error) {
	pin := se.s.pins.Begin()
	r, err := find()
	if err == nil {
		err = r.judge(opts)
	}
	if err != nil {
		pin.Release()
		if CodeOf(err) == NotModified {
			return &Reader{Object: r.object, Body: new(memoryBody)}, err
		}
		return nil, err
	}
	body, err := se.s.openBody(ctx, r, pin)
	if err != nil {
		pin.Release()
		return nil, err
	}
	return &Reader{Object: r.object, Body: body}, nil
}

// resolved is a version with what is needed to read it.
type resolved struct {
	object  Object
	found   bool // object holds a version, even when an error says that it cannot be served
	inline  []byte
	sum     uint64
	parts   []Part   // when one of them, or all, were asked for
	extents []Extent // of a short list that was at hand, else nil
	blob    *Blob    // of the only extent, if known
}

// resolve finds the version that opts name, as one who may read the bucket. What the cache says about rights is
// checked against the config epoch of the row's own snapshot.
func (se *Session) resolve(ctx context.Context, p Path, opts *GetOptions, withContent bool) (*resolved, error) {
	r := new(resolved)
	if err := CheckKey(p.Key); err != nil {
		return r, err
	}
	for range resolveTries {
		b, err := se.authorize(ctx, p.Bucket, AccessRead)
		if err != nil {
			return r, err
		}
		r.object.Bucket = b
		var epoch int64
		if opts.plain() {
			epoch, err = se.s.lookup(ctx, r, p.Key, lookupOptions{opts.ObjectID, withContent})
		} else {
			epoch, err = se.s.lookupMore(ctx, r, p.Key, opts)
		}
		if !se.s.configMoved(epoch) {
			return r, err
		}
	}
	return r, Errorf(Overloaded, p.Bucket, "the configuration keeps changing, try again")
}

// lookupOptions say which object is expected, 0 for any, and whether its content is wanted.
type lookupOptions struct {
	objectID int64
	content  bool
}

// lookup finds the current version of key in one statement (S32).
func (s *Service) lookup(ctx context.Context, r *resolved, key string, opts lookupOptions) (int64, error) {
	f, err := s.find(ctx, r.object.Bucket.ID, key, opts.content)
	if err != nil {
		return 0, err
	}
	if err := visible(key, &f.Entry.Version, f.Exists, s.now()); err != nil {
		return f.ConfigEpoch, err
	}
	if opts.objectID != 0 && opts.objectID != f.Entry.ObjectID {
		return f.ConfigEpoch, errElsewhere
	}
	r.object.Entry, r.object.Latest, r.found = f.Entry, true, true
	r.inline, r.sum, r.extents, r.blob = f.Inline, f.InlineSum, f.Extents, f.Blob
	return f.ConfigEpoch, nil
}

// lookupMore finds the version of key that opts name, current or older, and in it the part that they name.
func (s *Service) lookupMore(ctx context.Context, r *resolved, key string, opts *GetOptions) (int64, error) {
	var ref versionRef
	if opts.VersionID != "" {
		var err error
		if ref, err = parseVersionID(opts.VersionID); err != nil {
			return 0, err
		}
	}
	var epoch int64
	bucket := r.object.Bucket
	err := s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		*r = resolved{object: Object{Bucket: bucket}}
		st, err := tx.Stamp(ctx)
		if err != nil {
			return err
		}
		epoch = st.ConfigEpoch
		e, had, err := tx.Entry(ctx, bucket.ID, key)
		if err != nil {
			return err
		}
		if had && opts.ObjectID != 0 && opts.ObjectID != e.ObjectID {
			return errElsewhere
		}
		latest := true
		if opts.VersionID == "" {
			err = visible(key, &e.Version, had, s.now())
		} else if e.Version, latest, err = findVersion(ctx, tx, &e, had, ref); err == nil {
			err = visibleVersion(key, opts.VersionID, &e.Version, s.now())
		}
		if err != nil {
			return err
		}
		r.object.Entry, r.object.Latest, r.found = e, latest, true
		return r.load(ctx, tx, opts)
	})
	return epoch, err
}

// visible returns NoSuchKey unless readers of key see v, its current version when had.
func visible(key string, v *Version, had bool, now int64) error {
	switch {
	case !had || expired(v, now) || v.placeholder():
		return noSuchKey(key)
	case v.Marker:
		return hiddenKey(key, v)
	}
	return nil
}

// visibleVersion returns NoSuchVersion or IsDeleteMarker unless readers who ask for v get it.
func visibleVersion(key, id string, v *Version, now int64) error {
	switch {
	case expired(v, now):
		return noSuchVersion(key, id)
	case v.Marker:
		return &Error{
			Code: IsDeleteMarker, Msg: "this version is a delete marker",
			VersionID: v.VersionID(), LastModified: v.UpdateTime,
		}
	}
	return nil
}

// findVersion finds a version of e, current or older; NoSuchVersion.
func findVersion(ctx context.Context, tx MetaTx, e *Entry, had bool, ref versionRef) (Version, bool, error) {
	if !had {
		return Version{}, false, noSuchVersion("", ref.String())
	}
	if ref.is(&e.Version) {
		return e.Version, true, nil
	}
	v, found, err := ref.older(ctx, tx, e)
	if err == nil && !found {
		err = noSuchVersion(e.Key, ref.String())
	}
	return v, false, err
}

// load reads the version's inline row, and what there is to know about its parts when opts need it.
func (r *resolved) load(ctx context.Context, tx MetaTx, opts *GetOptions) error {
	v := &r.object.Entry.Version
	var found bool
	var err error
	switch {
	case v.Content.Kind == ContentInline:
		r.inline, r.sum, found, err = tx.Inline(ctx, v.Content.ID)
	case v.Content.Kind == ContentList && v.PartCount > 0 && (opts.Parts || opts.PartNumber > 0 && opts.PartNumber <= v.PartCount):
		var l List
		l, found, err = tx.ListByID(ctx, v.Content.ID, ListRead{Parts: true})
		r.parts = l.Parts
	default:
		return nil
	}
	if err == nil && !found {
		err = missing("content", v.Content.ID)
	}
	return err
}

// judge judges the conditions and fixes the range.
func (r *resolved) judge(opts *GetOptions) error {
	o := &r.object
	v := &o.Entry.Version
	o.Length = v.Size
	if opts.Choose != nil {
		s, err := opts.Choose(v)
		if err == nil && (s.Offset < 0 || s.Length < 0 || s.Offset > v.Size-s.Length) {
			err = Errorf(InvalidRange, "", "the content has %d bytes", v.Size)
		}
		o.Offset, o.Length = s.Offset, s.Length
		return err
	}
	if err := opts.Conditions.judgeRead(v); err != nil {
		return err
	}
	if opts.Parts {
		if len(r.parts) != v.PartCount {
			return missing("parts of content", v.Content.ID)
		}
		o.Parts = r.parts
	}
	if opts.PartNumber != 0 {
		return r.selectPart(opts)
	}
	if opts.Range == nil || opts.IfRange != nil && !opts.IfRange.names(v) {
		return nil
	}
	var err error
	o.Ranged = true
	o.Offset, o.Length, err = opts.Range.Clip(v.Size)
	return err
}

// selectPart narrows r to one part of a completed upload; any other object has one part, the whole.
func (r *resolved) selectPart(opts *GetOptions) error {
	o := &r.object
	count := o.Entry.Version.PartCount
	n := opts.PartNumber
	switch {
	case opts.Range != nil:
		return Errorf(BadArgument, "", "a range and a part number exclude each other")
	case n < 1 || n > max(1, count):
		return Errorf(InvalidRange, "", "the object has no part %d", n)
	case len(r.parts) != count:
		return missing("parts of content", o.Entry.Version.Content.ID)
	}
	o.Ranged = true
	if count == 0 {
		return nil
	}
	for _, p := range r.parts[:n-1] {
		o.Offset += p.Size
	}
	o.Part = r.parts[n-1]
	o.Length = o.Part.Size
	return nil
}

// Clip returns the bytes of a content of that size that the range covers; InvalidRange if there is none
// (RFC 9110 §14.1.2).
func (r Range) Clip(size int64) (offset, length int64, err error) {
	switch {
	case r.First < 0:
		offset, length = max(0, size+r.First), min(size, -r.First)
	case r.Last < 0:
		offset, length = r.First, size-r.First
	default:
		offset, length = r.First, min(r.Last, size-1)-r.First+1
	}
	if length <= 0 || offset < 0 {
		return 0, 0, Errorf(InvalidRange, "", "the content has %d bytes, none of them is in the range", size)
	}
	return offset, length, nil
}

// openBody opens the bytes that r covers. The pin belongs to the body from then on, or is released.
func (s *Service) openBody(ctx context.Context, r *resolved, pin *content.Pin) (readBody, error) {
	o := &r.object
	v := &o.Entry.Version
	if v.Content.Kind == ContentInline {
		pin.Release()
		if err := checkInline(v.Content.ID, r.sum, r.inline, v.Size, v.SHA256); err != nil {
			return nil, err
		}
		return &memoryBody{rest: r.inline[o.Offset : o.Offset+o.Length]}, nil
	}
	if o.Length == 0 {
		pin.Release()
		return new(memoryBody), nil
	}
	l, err := s.locate(ctx, r, pin)
	if err != nil {
		return nil, err
	}
	return s.openAt(ctx, l, pin)
}

// openAt opens the pieces that l has found; for the pin see openBody.
func (s *Service) openAt(ctx context.Context, l *locator, pin *content.Pin) (readBody, error) {
	rd, err := s.content.Open(ctx, l.pieces, l.resolve)
	if err != nil {
		return nil, err
	}
	return &pinnedBody{r: rd, pin: pin}, nil
}

// cut returns the pieces of extents that make up length bytes from offset.
func cut(extents []Extent, offset, length int64) ([]content.Piece, error) {
	pieces := make([]content.Piece, 0, len(extents))
	for _, x := range extents {
		if length == 0 {
			break
		}
		if offset >= x.Length {
			offset -= x.Length
			continue
		}
		n := min(x.Length-offset, length)
		pieces = append(pieces, content.Piece{Blob: x.Blob, Offset: x.Offset + offset, Length: n})
		offset, length = 0, length-n
	}
	if length > 0 {
		return nil, &Error{Code: Corrupt, Msg: "the metadata store contradicts itself: a list is too short"}
	}
	return pieces, nil
}

// String returns the id as doors show it.
func (r versionRef) String() string {
	v := Version{ID: r.id, Null: r.null}
	return v.VersionID()
}

func noSuchKey(key string) error {
	return Errorf(NoSuchKey, "", "there is no object with the key %q", key)
}

// hiddenKey is the error for an object under delete marker v.
func hiddenKey(key string, v *Version) error {
	return &Error{
		Code: NoSuchKey, Msg: "there is no object with the key " + key + ", it was deleted",
		Marker: true, VersionID: v.VersionID(), LastModified: v.UpdateTime,
	}
}

func noSuchVersion(key, id string) error {
	return &Error{Code: NoSuchVersion, Msg: "the object " + key + " has no version " + id, VersionID: id}
}
