package core

import "context"

// OpenMember opens the object of that id, wherever it is, as OpenObject does. Errors: those of OpenObject; NoSuchKey
// also where the caller has no right on its bucket at all; Conflict for an unfinished native upload.
func (se *Session) OpenMember(ctx context.Context, id int64, opts GetOptions) (r *Reader, err error) {
	opts.ObjectID = id
	if opts.plain() {
		find := se.memberOfID(ctx, id, true)
		r, err = se.open(ctx, &opts, func() (*resolved, error) { return se.resolveMember(ctx, find) })
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
		r, err := se.resolveMember(ctx, se.memberOfID(ctx, id, false))
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

// MemberPath returns where the object at a path of a package lies, if there is one. Errors: NotFound for the package,
// BadArgument, BadKey, KeyTooLong, Forbidden.
func (se *Session) MemberPath(ctx context.Context, packageID int64, path string) (Path, error) {
	p, b, err := se.Package(ctx, packageID, AccessRead)
	if err != nil {
		return Path{}, err
	}
	key, err := memberKey(&p, path)
	return Path{b.Name, key}, err
}

// OpenMemberAt is OpenMember for the object at a key, of which opts name no version. Errors: those of OpenObject;
// Conflict for an unfinished native upload.
func (se *Session) OpenMemberAt(ctx context.Context, at Path, opts GetOptions) (*Reader, error) {
	find := se.memberAt(ctx, at, true)
	r, err := se.open(ctx, &opts, func() (*resolved, error) { return se.resolveMember(ctx, find) })
	return r, fail("open object", at.String(), err)
}

// StatMemberAt is OpenMemberAt without the content.
func (se *Session) StatMemberAt(ctx context.Context, at Path, opts GetOptions) (Object, error) {
	r, err := se.resolveMember(ctx, se.memberAt(ctx, at, false))
	if err == nil {
		err = r.judge(&opts)
	}
	return r.object, fail("stat object", at.String(), err)
}

// plain tells that the current version is meant, and nothing of its parts.
func (o *GetOptions) plain() bool { return o.VersionID == "" && o.PartNumber == 0 && !o.Parts }

// memberLook finds the current version of one object.
type memberLook struct {
	find    func() (Found, error)
	missing func() error // what an object that is not there, or of which the caller may not know, is answered with
}

// memberOfID looks for the object of an id, wherever it is.
func (se *Session) memberOfID(ctx context.Context, id int64, withContent bool) memberLook {
	return memberLook{
		find:    func() (Found, error) { return se.s.findID(ctx, id, withContent) },
		missing: func() error { return noSuchMember(id) },
	}
}

// memberAt looks for the object at a key.
func (se *Session) memberAt(ctx context.Context, at Path, withContent bool) memberLook {
	return memberLook{
		find: func() (Found, error) {
			if err := CheckKey(at.Key); err != nil {
				return Found{}, err
			}
			b, err := se.authorize(ctx, at.Bucket, AccessRead)
			if err != nil {
				return Found{}, err
			}
			return se.s.find(ctx, b.ID, at.Key, withContent)
		},
		missing: func() error { return noSuchKey(at.Key) },
	}
}

// resolveMember finds an object in one statement, as one who may read its bucket. What the cache says about rights is
// checked against the config epoch of the row's own snapshot.
func (se *Session) resolveMember(ctx context.Context, l memberLook) (*resolved, error) {
	for range resolveTries {
		f, err := l.find()
		if err != nil {
			return new(resolved), err
		}
		r, err := se.readMember(ctx, &f, l.missing)
		if !se.s.configMoved(f.ConfigEpoch) {
			return r, err
		}
	}
	return new(resolved), Errorf(Overloaded, "", "the configuration keeps changing, try again")
}

// readMember judges whether the caller may read what was found.
func (se *Session) readMember(ctx context.Context, f *Found, missing func() error) (*resolved, error) {
	r := new(resolved)
	if !f.Exists || !se.s.shows(&f.Entry, false) {
		return r, missing()
	}
	b, err := se.BucketByID(ctx, f.Entry.BucketID, AccessRead)
	if err != nil {
		return r, unknown(err, missing())
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
