package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"trivium/core/content"
)

// ConvertState is the state of a job "convert/<objectID>/<version>": content that a version refers to lies in
// another class than its bucket asks for and is to be written anew (S13). The version is named by its number,
// which the null version has too.
type ConvertState struct {
	BucketID int64 `json:"bucket"`
	ObjectID int64 `json:"object"`
	Version  int64 `json:"version"`
	Class    int64 `json:"class"` // to convert to
}

// ConvertPrefix begins the names of convert jobs.
const ConvertPrefix = "convert/"

// CopyObject makes the content of a version of src the new current version of dst, without moving a byte
// whatever its size (P5): a list of extents gets one more reference, inline content is duplicated. Metadata,
// ETag, checksums and parts travel along; with opts.Replace the metadata, mtime and class come from opts.Put, with
// opts.ReplaceTags the tags, with opts.ReplaceClass the class. A checksum that opts.Checksum names and the source has
// not is computed, which reads the content once; a copy of a completed upload is then an object without parts, with the
// ETag of one. Conditions on the source that are false are PreconditionFailed; those of opts.Put are judged on dst.
// Content of another class than dst's bucket asks for is converted later, by a job (status pending). src and dst may be
// the same (S3 CopyObject).
//
// Errors: as PutObject and StatObject on their sides, NotModified never; with opts.Checksum also those of reading,
// TooLarge for more than MaxPart bytes that would have to be read, and Conflict when the source is overwritten over
// and over.
func (se *Session) CopyObject(ctx context.Context, src, dst Path, opts CopyOptions) (PutResult, error) {
	res, err := se.copyWithSum(ctx, src, dst, &opts)
	if err != nil {
		return PutResult{}, fail("copy object", src.String(), err)
	}
	se.s.hook("answer.before")
	return res, nil
}

// copyWithSum computes the checksum that opts ask for and copies what has it: a source that is overwritten between the
// two is read again.
func (se *Session) copyWithSum(ctx context.Context, src, dst Path, opts *CopyOptions) (PutResult, error) {
	if err := CheckKey(src.Key); err != nil {
		return PutResult{}, err
	}
	b, err := se.writable(ctx, dst) // nothing is read for a copy that is not allowed
	if err == nil && opts.Checksum != "" {
		err = se.expectWrite(ctx, b, dst.Key, -1, &opts.Put) // nor for one that its conditions forbid
	}
	if err != nil {
		return PutResult{}, err
	}
	for try := 1; ; try++ {
		sum, err := se.sumSource(ctx, src, opts)
		var res PutResult
		if err == nil {
			res, err = se.copyObject(ctx, src, dst, &copyRequest{opts, sum})
		}
		switch {
		case !errors.Is(err, errMoved):
			return res, err
		case try == resolveTries:
			return res, &Error{Code: Conflict, Path: src.String(), Msg: "the source keeps being overwritten, try again", Err: err}
		}
	}
}

// copyRequest are options with the checksum that they ask for, nil for none.
type copyRequest struct {
	*CopyOptions
	sum *copySum
}

func (se *Session) copyObject(ctx context.Context, src, dst Path, opts *copyRequest) (res PutResult, err error) {
	from, err := se.authorize(ctx, src.Bucket, AccessRead)
	if err != nil {
		return res, err
	}
	to, err := se.writable(ctx, dst)
	if err != nil {
		return res, err
	}
	if err := checkMetadata(&opts.Put.Attrs); err != nil {
		return res, err
	}
	c, err := se.s.newCopying(ctx, to)
	if err != nil {
		return res, err
	}
	se.s.hook("put.commit.before")
	err = se.update(ctx, func(ctx context.Context, tx MetaTx) error {
		m, err := se.begin(ctx, tx, to)
		if err != nil {
			return err
		}
		source, err := m.source(ctx, from, src.Key, opts.CopyOptions)
		if err != nil {
			return err
		}
		res.SourceVersionID = shownVersion(&from, &source)
		if err := opts.sum.apply(&source); err != nil {
			return err
		}
		old, had, err := m.expect(ctx, dst.Key, &opts.Put)
		if err != nil {
			return err
		}
		replaceMeta(&source, opts.CopyOptions)
		if res.Entry, err = c.install(ctx, m, source, place{&old, had, dst.Key}); err != nil {
			return err
		}
		return m.finish(ctx)
	})
	se.s.hook("put.commit.after")
	return res, err
}

// shownVersion is how a version of b is shown; "" where b never kept versions.
func shownVersion(b *Bucket, v *Version) string {
	if !b.EverVersioned {
		return ""
	}
	return v.VersionID()
}

// source finds the version to copy and judges the conditions on it.
func (m *mutation) source(ctx context.Context, from Bucket, key string, opts *CopyOptions) (Version, error) {
	if _, err := m.se.authorizeIn(ctx, m.tx, from, AccessRead); err != nil {
		return Version{}, err
	}
	e, had, err := m.tx.Entry(ctx, from.ID, key)
	if err != nil {
		return Version{}, err
	}
	v := e.Version
	if had && opts.SourceID != 0 && opts.SourceID != e.ObjectID {
		return v, errElsewhere
	}
	switch {
	case opts.SourceVersionID != "":
		ref, err := parseVersionID(opts.SourceVersionID)
		if err != nil {
			return v, err
		}
		if v, _, err = findVersion(ctx, m.tx, &e, had, ref); err != nil {
			return v, err
		}
		if err = visibleVersion(key, opts.SourceVersionID, &v, m.now); err != nil {
			return v, err
		}
	case had && v.Marker && !v.placeholder():
		return v, hiddenKey(key, &v)
	case m.live(&e, had) == nil:
		return v, noSuchKey(key)
	}
	return v, opts.SourceConditions.judgeSource(&v)
}

// replaceMeta gives v the metadata and tags that opts ask for in place of the source's. What describes the content
// stays; where a website redirects to is never copied (S3 CopyObject, x-amz-website-redirect-location).
func replaceMeta(v *Version, opts *CopyOptions) {
	sum, parts, tags := v.Attrs.Checksum, v.Attrs.PartsSHA256, v.Attrs.Tags
	if opts.Replace {
		v.Attrs = opts.Put.Attrs
		v.Attrs.Checksum, v.Attrs.PartsSHA256 = sum, parts
		v.MTime, v.Class = opts.Put.mtime(), opts.Put.Class
	}
	if opts.ReplaceClass {
		v.Class = opts.Put.Class
	}
	v.Attrs.WebsiteRedirect = opts.Put.Attrs.WebsiteRedirect
	if opts.ReplaceTags {
		tags = opts.Put.Attrs.Tags
	}
	v.Attrs.Tags = tags
}

// copying is what one copy into a bucket needs from outside the transaction.
type copying struct {
	class Class
	ids   newIDs
}

// newCopying reserves ids for one copy into b.
func (s *Service) newCopying(ctx context.Context, b Bucket) (*copying, error) {
	class, _, err := s.classFor(ctx, b)
	if err != nil {
		return nil, err
	}
	ids, err := s.newIDs(ctx, ContentInline)
	return &copying{class: class, ids: ids}, err
}

// place is a key with the entry that is there, when had.
type place struct {
	old *Entry
	had bool
	key string
}

// install makes a copy of source the current version at key. Retention, legal hold, expiry and revision belong to
// the source and do not travel.
func (c *copying) install(ctx context.Context, m *mutation, source Version, to place) (Entry, error) {
	v := source
	v.UpdateTime, v.Expiry, v.KeepFor, v.Revision = m.now, 0, false, 0
	v.Attrs.RetainUntil, v.Attrs.RetainMode, v.Attrs.LegalHold = 0, "", false
	var err error
	if v.Content, err = m.retain(ctx, &source, c.ids.content); err != nil {
		return Entry{}, err
	}
	e, err := m.install(ctx, to.old, to.had, v, entryAt{to.key, c.ids})
	if err != nil {
		return e, err
	}
	return e, m.convert(ctx, &e, &e.Version, c.class)
}

// convert leaves a job for content of v that does not lie in the class its bucket asks for (S13).
func (m *mutation) convert(ctx context.Context, e *Entry, v *Version, class Class) error {
	foreign, err := m.foreign(ctx, v, class)
	if err != nil || !foreign {
		return err
	}
	return putConvert(ctx, m.tx, ConvertState{BucketID: e.BucketID, ObjectID: e.ObjectID, Version: v.ID, Class: class.ID}, m.now)
}

// putConvert leaves a job that converts a version.
func putConvert(ctx context.Context, tx MetaTx, st ConvertState, now int64) error {
	state, err := json.Marshal(st)
	if err != nil {
		return err
	}
	return tx.PutJob(ctx, Job{Name: fmt.Sprintf("%s%d/%d", ConvertPrefix, st.ObjectID, st.Version), State: state, UpdateTime: now})
}

// foreign tells whether v's content lies in another class; inline content fits every class without redundancy.
// The first blob speaks for a list: a list is written in one class.
func (m *mutation) foreign(ctx context.Context, v *Version, class Class) (bool, error) {
	switch v.Content.Kind {
	case ContentInline:
		return class.Policy.Redundancy != content.None, nil
	case ContentList:
		l, found, err := m.tx.ListByID(ctx, v.Content.ID, ListRead{Length: 1})
		if err != nil || !found || len(l.Extents) == 0 {
			return false, err
		}
		b, found, err := m.tx.Blob(ctx, l.Extents[0].Blob)
		return found && b.Class != class.ID, err
	case ContentNone:
	}
	return false, nil
}

// AttrsOptions say how SetAttrs changes a version.
type AttrsOptions struct {
	VersionID  string // "" the current one
	Conditions Conditions
	objectID   int64 // the object that must be at the key; 0: any
	// Change alters v's Attrs, MTime, Expiry, KeepFor and Class; what it does to other fields is ignored. It may
	// run more than once and does no I/O. Its error refuses the change and is returned.
	Change func(v *Version) error
}

// SetAttrs changes the metadata of a version in place: no new version, updateTime stays. It returns the entry
// with that version. Errors: NoSuchBucket, Forbidden, NoSuchKey, NoSuchVersion, IsDeleteMarker,
// PreconditionFailed, MetadataTooLarge, ReadOnly, Internal.
func (se *Session) SetAttrs(ctx context.Context, p Path, opts AttrsOptions) (Entry, error) {
	b, err := se.writable(ctx, p)
	if err != nil {
		return Entry{}, fail("set attributes", p.String(), err)
	}
	var e Entry
	err = se.update(ctx, func(ctx context.Context, tx MetaTx) error {
		m, err := se.begin(ctx, tx, b)
		if err != nil {
			return err
		}
		e, err = m.setAttrs(ctx, p.Key, &opts)
		return err
	})
	if err != nil {
		return Entry{}, fail("set attributes", p.String(), err)
	}
	se.s.hook("answer.before")
	return e, nil
}

func (m *mutation) setAttrs(ctx context.Context, key string, opts *AttrsOptions) (Entry, error) {
	e, _, err := m.tx.Entry(ctx, m.bucket.ID, key)
	if err != nil {
		return e, err
	}
	source := CopyOptions{SourceVersionID: opts.VersionID, SourceConditions: opts.Conditions, SourceID: opts.objectID}
	v, err := m.source(ctx, m.bucket, key, &source)
	if err != nil {
		return e, err
	}
	changed := v
	changed.Attrs.Metadata, changed.Attrs.Tags = maps.Clone(v.Attrs.Metadata), maps.Clone(v.Attrs.Tags)
	if err := opts.Change(&changed); err != nil {
		return e, err
	}
	if err := checkMetadata(&changed.Attrs); err != nil {
		return e, err
	}
	v.Attrs, v.MTime, v.Expiry, v.KeepFor, v.Class =
		changed.Attrs, changed.MTime, changed.Expiry, changed.KeepFor, changed.Class
	older := v.Seq != e.Version.Seq
	if older {
		if err := m.tx.PutVersion(ctx, e.ObjectID, v); err != nil {
			return e, err
		}
	}
	first := v.holds() && !e.Held
	e.Held = e.Held || first
	shown := e
	shown.Version = v
	switch {
	case !older:
		return shown, m.tx.PutEntry(ctx, shown)
	case first:
		return shown, m.tx.PutEntry(ctx, e)
	}
	return shown, nil
}
