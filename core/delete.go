package core

import (
	"context"
)

// maxDeleteItems is how many objects one DeleteObjects takes (S3 DeleteObjects).
const maxDeleteItems = 1000

// DeleteObject deletes the object at (bucket, key): in a bucket that was never versioned it ends with all its
// versions, else a delete marker becomes its current version. With opts.VersionID that version is removed for
// good, and the newest older one becomes current if it was (S3 DeleteObject). A key or version that does not
// exist is no error; conditions are judged only on what exists.
//
// Errors: NoSuchBucket, Forbidden (also: retention), BadKey, KeyTooLong, BadArgument (version id),
// PreconditionFailed, ReadOnly, Internal.
func (se *Session) DeleteObject(ctx context.Context, bucket, key string, opts DeleteOptions) (DeleteResult, error) {
	res, err := se.deleteAll(ctx, bucket, []DeleteItem{{Key: key, DeleteOptions: opts}})
	if err == nil {
		err = res[0].Err
	}
	if err != nil {
		return DeleteResult{}, fail("delete object", bucket+"/"+key, err)
	}
	return res[0], nil
}

// DeleteObjects deletes up to 1,000 objects as DeleteObject does, in order and in one transaction. Each has its
// own outcome: one that cannot be deleted does not undo the others. The error is that of the whole: nothing
// was deleted then. Errors: as DeleteObject, BadArgument for more items.
func (se *Session) DeleteObjects(ctx context.Context, bucket string, items []DeleteItem) ([]DeleteResult, error) {
	if len(items) > maxDeleteItems {
		return nil, Errorf(BadArgument, bucket, "%d objects at once, at most %d are allowed", len(items), maxDeleteItems)
	}
	res, err := se.deleteAll(ctx, bucket, items)
	if err != nil {
		return nil, fail("delete objects", bucket, err)
	}
	for i := range res {
		res[i].Err = fail("delete object", bucket+"/"+items[i].Key, res[i].Err)
	}
	return res, nil
}

func (se *Session) deleteAll(ctx context.Context, bucket string, items []DeleteItem) ([]DeleteResult, error) {
	b, err := se.authorize(ctx, bucket, AccessWrite)
	if err != nil {
		return nil, err
	}
	// Delete markers may need new entries, and these their ids.
	var first int64
	reserve := func(ctx context.Context) (err error) {
		if first, err = se.s.nextIDs(ctx, "object", int64(len(items))); err == nil {
			se.s.hook("delete.commit.before")
		}
		return err
	}
	results := make([]DeleteResult, len(items))
	err = se.s.updateWithIDs(MakingRoom(ctx), reserve, func(ctx context.Context, tx MetaTx) error {
		m, err := se.begin(ctx, tx, b)
		if err != nil {
			return err
		}
		for i := range items {
			results[i], err = m.remove(ctx, &items[i], newIDs{object: first + int64(i)})
			if results[i].Err = refused(err); err != nil && results[i].Err == nil {
				return err
			}
		}
		return m.finish(ctx)
	})
	se.s.hook("delete.commit.after")
	if err != nil {
		return nil, err
	}
	se.s.hook("answer.before")
	return results, nil
}

// refused returns err when it says that one item could not be deleted though the store works: such an error
// comes before anything of the item was changed.
func refused(err error) error {
	if err == nil {
		return nil
	}
	switch CodeOf(err) { //nolint:exhaustive // only the codes that the checks before the first change give
	case PreconditionFailed, Forbidden, BadKey, KeyTooLong, BadArgument:
		return err
	}
	return nil
}

// remove deletes one object or version. Its checks come before its changes.
func (m *mutation) remove(ctx context.Context, it *DeleteItem, ids newIDs) (DeleteResult, error) {
	if err := CheckKey(it.Key); err != nil {
		return DeleteResult{}, err
	}
	if it.VersionID != "" {
		return m.removeOne(ctx, it)
	}
	e, had, err := m.tx.Entry(ctx, m.bucket.ID, it.Key)
	if err != nil {
		return DeleteResult{}, err
	}
	live := m.live(&e, had)
	if !it.Conditions.Empty() {
		if live == nil {
			return DeleteResult{}, nil
		}
		if err := it.Conditions.judgeWrite(live); err != nil {
			return DeleteResult{}, err
		}
	}
	switch {
	case m.bucket.Versioning != VersioningOff:
		return m.hide(ctx, &e, had, entryAt{it.Key, ids})
	case !had:
		return DeleteResult{}, nil
	}
	if err := m.mayPurge(ctx, &e); err != nil {
		return DeleteResult{}, err
	}
	return DeleteResult{}, m.purge(ctx, e)
}

// hide puts a delete marker over the entry, or where there is none.
func (m *mutation) hide(ctx context.Context, e *Entry, had bool, at entryAt) (DeleteResult, error) {
	if err := m.mayHide(ctx, e, had); err != nil {
		return DeleteResult{}, err
	}
	if had {
		// What is revived later on is another resource to WebDAV. The entry is written again by install.
		if err := m.dropProperties(ctx, e); err != nil {
			return DeleteResult{}, err
		}
	}
	marker := Version{Marker: true, UpdateTime: m.now, MTime: NoTime}
	made, err := m.install(ctx, e, had, marker, at)
	if err != nil {
		return DeleteResult{}, err
	}
	return DeleteResult{MarkerMade: true, VersionID: made.Version.VersionID()}, nil
}

// removeOne deletes the version that it names.
func (m *mutation) removeOne(ctx context.Context, it *DeleteItem) (DeleteResult, error) {
	ref, err := parseVersionID(it.VersionID)
	if err != nil {
		return DeleteResult{}, err
	}
	res := DeleteResult{VersionID: it.VersionID}
	e, had, err := m.tx.Entry(ctx, m.bucket.ID, it.Key)
	if err != nil || !had {
		return res, err
	}
	v, _, err := m.removeVersion(ctx, &e, ref, it.Conditions.judgeWrite)
	res.WasMarker = v.Marker
	return res, err
}

// mayPurge returns Forbidden when a version of e is under retention or legal hold.
func (m *mutation) mayPurge(ctx context.Context, e *Entry) error {
	if m.held(&e.Version) {
		return retained(&e.Version)
	}
	if !e.Older || !e.Held {
		return nil
	}
	return m.eachOlder(ctx, e, func(v *Version) error {
		if m.held(v) {
			return retained(v)
		}
		return nil
	})
}

// mayHide returns Forbidden when a null delete marker would replace a null version that is held.
func (m *mutation) mayHide(ctx context.Context, e *Entry, had bool) error {
	if !had || m.bucket.Versioning != VersioningSuspended {
		return nil
	}
	v := e.Version
	if !v.Null {
		var found bool
		var err error
		if v, found, err = (versionRef{null: true}).older(ctx, m.tx, e); err != nil || !found {
			return err
		}
	}
	if m.held(&v) {
		return retained(&v)
	}
	return nil
}

// holds tells whether v is, or was, under retention or legal hold.
func (v *Version) holds() bool { return v.Attrs.LegalHold || v.Attrs.RetainUntil != 0 }

// held tells whether v is under retention or legal hold (S3 Object Lock).
func (m *mutation) held(v *Version) bool { return v.Attrs.LegalHold || v.Attrs.RetainUntil > m.now }

func retained(v *Version) error {
	return Errorf(Forbidden, "", "version %s is under retention or legal hold", v.VersionID())
}
