package core

import (
	"context"
	"strconv"
)

// install makes v the current version of the entry at key, where old is (when had), by the bucket's
// versioning: off replaces the current version; enabled keeps it as an older one; suspended keeps it too, but
// replaces the null version wherever that is. An entry under a delete marker is revived with its objectID.
// v's Seq, ID, Null and CreatedBy are set here; its content must be referenced already.
func (m *mutation) install(ctx context.Context, old *Entry, had bool, v Version, at entryAt) (Entry, error) {
	e := Entry{BucketID: m.bucket.ID, Key: at.key, ObjectID: at.ids.object, CreateTime: m.now}
	if had && expired(&old.Version, m.now) && !old.Older && old.Unfinished == "" {
		// What has expired does not exist: nothing of its identity goes on.
		if err := m.purge(ctx, *old); err != nil {
			return e, err
		}
		had = false
	}
	v.Seq = 1
	v.Null = m.bucket.Versioning != VersioningEnabled
	v.CreatedBy = m.user
	if had {
		e = *old
		v.Seq = old.Version.Seq + 1
		if err := m.supersede(ctx, &e, v.Null); err != nil {
			return e, err
		}
	}
	v.ID = max(m.now, e.LastVersion+1)
	e.LastVersion = v.ID
	e.LastRevision = max(e.LastRevision, v.Revision)
	e.Version = v
	e.Held = e.Held || v.holds()
	m.usage.Bytes += v.Size
	return e, m.setEntry(ctx, old, had, e)
}

// entryAt says where a version goes and which ids it may use.
type entryAt struct {
	key string
	ids newIDs
}

// supersede makes room for a new current version of e, which is the null version when null is true.
func (m *mutation) supersede(ctx context.Context, e *Entry, null bool) error {
	if e.Version.placeholder() {
		return nil
	}
	if m.bucket.Versioning == VersioningOff || null && e.Version.Null {
		return m.dropVersion(ctx, &e.Version)
	}
	if err := m.tx.PutVersion(ctx, e.ObjectID, e.Version); err != nil {
		return err
	}
	older := e.Older
	e.Older = true
	if !null || !older {
		return nil
	}
	return m.dropNull(ctx, e.ObjectID)
}

// dropNull removes the null version from the rows of older versions, if it is there.
func (m *mutation) dropNull(ctx context.Context, objectID int64) error {
	v, found, err := m.tx.NullVersion(ctx, objectID)
	if err != nil || !found {
		return err
	}
	if err := m.dropVersion(ctx, &v); err != nil {
		return err
	}
	return m.tx.DeleteVersion(ctx, objectID, v.Seq)
}

// dropVersion gives up what v holds; its row is the caller's. Forbidden while it is retained or under legal
// hold (S3 Object Lock).
func (m *mutation) dropVersion(ctx context.Context, v *Version) error {
	if m.held(v) {
		return retained(v)
	}
	m.usage.Bytes -= v.Size
	return m.release(ctx, v.Content)
}

// purge ends the entry with all its versions.
func (m *mutation) purge(ctx context.Context, e Entry) error {
	if err := m.dropOlder(ctx, &e); err != nil {
		return err
	}
	if err := m.dropVersion(ctx, &e.Version); err != nil {
		return err
	}
	return m.endEntry(ctx, &e)
}

// endEntry is dropEntry for an object that ends.
func (m *mutation) endEntry(ctx context.Context, e *Entry) error {
	if err := m.dropProperties(ctx, e); err != nil {
		return err
	}
	return m.dropEntry(ctx, e)
}

// dropOlder removes every version of e but the current one.
func (m *mutation) dropOlder(ctx context.Context, e *Entry) error {
	if !e.Older {
		return nil
	}
	return m.eachOlder(ctx, e, func(v *Version) error {
		if err := m.dropVersion(ctx, v); err != nil {
			return err
		}
		return m.tx.DeleteVersion(ctx, e.ObjectID, v.Seq)
	})
}

// eachOlder calls fn for every older version of e, newest first; fn may delete its row. Conflict for more than
// the limit of a transaction, with those of other objects that this one looked at (S6).
func (m *mutation) eachOlder(ctx context.Context, e *Entry, fn func(*Version) error) error {
	const page = 1000
	before := e.Version.Seq
	for {
		vs, err := m.tx.Versions(ctx, e.ObjectID, before, page)
		if err != nil {
			return err
		}
		if m.looked += len(vs); m.looked > m.s.folderLimit {
			return Errorf(Conflict, e.Key, "there are more than %d older versions; delete some, or work on fewer objects", m.s.folderLimit)
		}
		for i := range vs {
			if err := fn(&vs[i]); err != nil {
				return err
			}
			before = vs[i].Seq
		}
		if len(vs) < page {
			return nil
		}
	}
}

// removeVersion deletes one version of e for good. Without its current version the entry goes on with the
// newest older one, hidden if that is a delete marker; when none is left the entry ends. It returns the version
// that was removed; found is false when there is none of that id.
func (m *mutation) removeVersion(ctx context.Context, e *Entry, id versionRef, judge func(*Version) error) (v Version, found bool, err error) {
	if id.is(&e.Version) {
		v = e.Version
		if err := judge(&v); err != nil {
			return v, true, err
		}
		return v, true, m.removeCurrent(ctx, e)
	}
	v, found, err = id.older(ctx, m.tx, e)
	if err != nil || !found {
		return v, false, err
	}
	if err := judge(&v); err != nil {
		return v, true, err
	}
	if err := m.dropVersion(ctx, &v); err != nil {
		return v, true, err
	}
	if err := m.tx.DeleteVersion(ctx, e.ObjectID, v.Seq); err != nil {
		return v, true, err
	}
	rest, err := m.tx.Versions(ctx, e.ObjectID, e.Version.Seq, 1)
	if err != nil || len(rest) > 0 {
		return v, true, err
	}
	after := *e
	after.Older = false
	return v, true, m.setEntry(ctx, e, true, after)
}

// removeCurrent removes the current version of e and promotes the newest older one.
func (m *mutation) removeCurrent(ctx context.Context, e *Entry) error {
	if err := m.dropVersion(ctx, &e.Version); err != nil {
		return err
	}
	if !e.Older {
		return m.endEntry(ctx, e)
	}
	rest, err := m.tx.Versions(ctx, e.ObjectID, e.Version.Seq, 2)
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return m.endEntry(ctx, e)
	}
	if err := m.tx.DeleteVersion(ctx, e.ObjectID, rest[0].Seq); err != nil {
		return err
	}
	after := *e
	after.Version, after.Older = rest[0], len(rest) > 1
	return m.setEntry(ctx, e, true, after)
}

// versionRef names a version of an object: the null one, or one by its number.
type versionRef struct {
	null bool
	id   int64
}

// parseVersionID reads a version id as doors show it: "null" or decimal digits. BadArgument for anything else.
func parseVersionID(s string) (versionRef, error) {
	if s == "null" {
		return versionRef{null: true}, nil
	}
	id, err := strconv.ParseInt(s, 10, 64)
	if err != nil || id < 0 || strconv.FormatInt(id, 10) != s {
		return versionRef{}, Errorf(BadArgument, "", "the version id %.64q is neither null nor a number", s)
	}
	return versionRef{id: id}, nil
}

// is tells whether v is the version that r names. The null version has a number too, but is not found by it.
func (r versionRef) is(v *Version) bool {
	if v.placeholder() {
		return false
	}
	if r.null || v.Null {
		return r.null && v.Null
	}
	return v.ID == r.id
}

// older finds the version among e's older ones.
func (r versionRef) older(ctx context.Context, tx MetaTx, e *Entry) (Version, bool, error) {
	if !e.Older {
		return Version{}, false, nil
	}
	if r.null {
		return tx.NullVersion(ctx, e.ObjectID)
	}
	v, found, err := tx.Version(ctx, e.ObjectID, r.id)
	return v, found && !v.Null, err
}
