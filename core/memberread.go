package core

import "context"

// OpenMember opens the object of that id, wherever it is, as OpenObject does. Errors: those of OpenObject; NoSuchKey
// also where the caller has no right on its bucket at all; Conflict for an unfinished native upload.
func (se *Session) OpenMember(ctx context.Context, id int64, opts GetOptions) (r *Reader, err error) {
	opts.ObjectID = id
	if opts.plain() {
		r, err = se.open(ctx, &opts, func() (*resolved, error) { return se.resolveMember(ctx, id, true) })
		return r, fail("open object", "", err)
	}
	err = se.located(ctx, id, MemberOptions{Need: AccessRead, Hidden: opts.VersionID != ""}, func(m *Member) error {
		if m.Unfinished && opts.VersionID == "" {
			return unfinished(m.Path)
		}
		r, err = se.OpenObject(ctx, m.Bucket, m.Entry.Key, opts)
		return err
	})
	return r, err
}

// StatMember is OpenMember without the content.
func (se *Session) StatMember(ctx context.Context, id int64, opts GetOptions) (o Object, err error) {
	opts.ObjectID = id
	if opts.plain() {
		r, err := se.resolveMember(ctx, id, false)
		if err == nil {
			err = r.judge(&opts)
		}
		return r.object, fail("stat object", "", err)
	}
	err = se.located(ctx, id, MemberOptions{Need: AccessRead, Hidden: opts.VersionID != ""}, func(m *Member) error {
		if m.Unfinished && opts.VersionID == "" {
			return unfinished(m.Path)
		}
		o, err = se.StatObject(ctx, m.Bucket, m.Entry.Key, opts)
		return err
	})
	return o, err
}

// plain tells that the current version is meant, and nothing of its parts.
func (o *GetOptions) plain() bool { return o.VersionID == "" && o.PartNumber == 0 && !o.Parts }

// resolveMember finds the current version of the object of that id in one statement, as one who may read its bucket.
// What the cache says about rights is checked against the config epoch of the row's own snapshot.
func (se *Session) resolveMember(ctx context.Context, id int64, withContent bool) (*resolved, error) {
	for range resolveTries {
		f, err := se.s.findID(ctx, id, withContent)
		if err != nil {
			return new(resolved), err
		}
		r, err := se.readMember(ctx, id, &f)
		if !se.s.configMoved(f.ConfigEpoch) {
			return r, err
		}
	}
	return new(resolved), Errorf(Overloaded, "", "the configuration keeps changing, try again")
}

// readMember judges whether the caller may read what was found.
func (se *Session) readMember(ctx context.Context, id int64, f *Found) (*resolved, error) {
	r := new(resolved)
	if !f.Exists || !se.s.shows(&f.Entry, false) {
		return r, noSuchMember(id)
	}
	b, err := se.BucketByID(ctx, f.Entry.BucketID, AccessRead)
	if err != nil {
		return r, unknown(err, noSuchMember(id))
	}
	if f.Entry.Unfinished != "" {
		_, path := SplitKey(f.Entry.Key)
		return r, unfinished(path)
	}
	r.object = Object{Bucket: b, Entry: f.Entry, Latest: true}
	r.found, r.inline, r.sum, r.extents, r.blob = true, f.Inline, f.InlineSum, f.Extents, f.Blob
	return r, nil
}

// noSuchMember is the error for a missing object, and for one in a bucket that the caller may not know of.
func noSuchMember(id int64) error { return Errorf(NoSuchKey, "", "there is no object %d", id) }
