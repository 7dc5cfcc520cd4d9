package core

import (
	"context"
	"errors"
	"math"
	"slices"
)

// located runs work on the object of that id, which is Bare, at the place where it is, again when it moved meanwhile.
func (se *Session) located(ctx context.Context, id int64, opts MemberOptions, work func(m *Member) error) error {
	opts.Bare = true
	for try := 1; ; try++ {
		m, err := se.MemberByID(ctx, id, opts)
		if err != nil {
			return err
		}
		err = work(&m)
		if try == resolveTries || err == nil {
			return err
		}
		switch code := CodeOf(err); {
		case errors.Is(err, errElsewhere), code == NoSuchKey, code == NoSuchBucket:
			now, found := se.MemberByID(ctx, id, opts)
			if found == nil && now.At() == m.At() {
				return err
			}
		default:
			return err
		}
	}
}

// MoveMember moves the object of that id to a path of a package, as MoveObject does. Errors: NoSuchKey, NotFound for
// the package, both also where the caller has no right on the bucket at all; Exists, Conflict (an unfinished upload,
// the same place), Forbidden, BadArgument, BadKey, KeyTooLong and those of the store.
func (se *Session) MoveMember(ctx context.Context, id, packageID int64, path string) error {
	p, b, err := se.Package(ctx, packageID, AccessWrite)
	if err != nil {
		return err
	}
	key, err := MemberKey(&p, path)
	if err != nil {
		return err
	}
	return se.located(ctx, id, MemberOptions{Need: AccessWrite}, func(m *Member) error {
		_, err := se.MoveObject(ctx, m.At(), Path{b.Name, key}, MoveOptions{ObjectID: id, Package: packageID})
		return err
	})
}

// CloneMember copies the object of that id to a free path of a package, as CopyObject does. Errors: as MoveMember;
// reading the source suffices.
func (se *Session) CloneMember(ctx context.Context, id, packageID int64, path string) (Member, error) {
	p, b, err := se.Package(ctx, packageID, AccessWrite)
	if err != nil {
		return Member{}, err
	}
	key, err := MemberKey(&p, path)
	if err != nil {
		return Member{}, err
	}
	var res PutResult
	err = se.located(ctx, id, MemberOptions{Need: AccessRead}, func(m *Member) error {
		if m.Unfinished {
			return unfinished(m.Path)
		}
		res, err = se.CopyObject(ctx, m.At(), Path{b.Name, key}, CopyOptions{
			SourceID: id, Put: PutOptions{Package: packageID, Free: true},
		})
		return err
	})
	if err != nil {
		return Member{}, err
	}
	return written(b.Name, packageID, res.Entry), nil
}

// RestoreVersion makes the content of an older version of the object of that id its new current version, as a copy onto
// itself does; an object that a delete marker hides comes back. Errors: NoSuchKey, NoSuchVersion, Conflict for a delete
// marker, Forbidden, BadArgument (version id) and those of the store.
func (se *Session) RestoreVersion(ctx context.Context, id int64, versionID string) (Member, error) {
	var out Member
	err := se.located(ctx, id, MemberOptions{Need: AccessWrite, Hidden: true}, func(m *Member) error {
		res, err := se.CopyObject(ctx, m.At(), m.At(), CopyOptions{SourceID: id, SourceVersionID: versionID})
		if CodeOf(err) == IsDeleteMarker && err != nil {
			return &Error{Code: Conflict, Msg: "this version is a delete marker: it has no content", Err: err}
		}
		out = written(m.Bucket, m.PackageID, res.Entry)
		return err
	})
	if err != nil {
		return Member{}, err
	}
	return se.packaged(ctx, out)
}

// SetMemberAttrs changes the metadata of the current version of the object of that id, as SetAttrs does. Errors:
// NoSuchKey, Conflict for an unfinished native upload, Forbidden, MetadataTooLarge and those of the store.
func (se *Session) SetMemberAttrs(ctx context.Context, id int64, change func(v *Version) error) (Member, error) {
	var out Member
	err := se.located(ctx, id, MemberOptions{Need: AccessWrite}, func(m *Member) error {
		if m.Unfinished {
			return unfinished(m.Path)
		}
		e, err := se.SetAttrs(ctx, m.At(), AttrsOptions{objectID: id, Change: change})
		out = written(m.Bucket, m.PackageID, e)
		return err
	})
	if err != nil {
		return Member{}, err
	}
	return out, nil
}

// packaged is m with the id of the package that a write has made, where it was not known.
func (se *Session) packaged(ctx context.Context, m Member) (Member, error) {
	if m.PackageID != 0 {
		return m, nil
	}
	name, _ := SplitKey(m.Entry.Key)
	p, err := se.PackageNamed(ctx, m.Bucket, name)
	m.PackageID = p.ID
	return m, err
}

// written describes what a write has left.
func written(bucket string, packageID int64, e Entry) Member {
	v := &e.Version
	_, path := SplitKey(e.Key)
	return Member{
		Bucket: bucket, Entry: e, PackageID: packageID, Path: path, Size: v.Size, UpdateTime: v.UpdateTime,
		SHA256: v.SHA256, PartsSHA256: v.Attrs.PartsSHA256,
	}
}

// MemberVersions are versions of one object, delete markers included, newest first.
type MemberVersions struct {
	Versions []Version
	Latest   int64 // the Seq of the current version
	More     bool  // there are older ones
}

// MemberVersions returns up to limit versions of the object of that id, also of one that a delete marker hides: those
// before the one of that Seq (nil: from the newest). Errors: NoSuchKey, Forbidden, BadArgument (limit).
func (se *Session) MemberVersions(ctx context.Context, id int64, beforeSeq *int64, limit int) (MemberVersions, error) {
	if err := checkLimit(limit); err != nil {
		return MemberVersions{}, err
	}
	m, err := se.MemberByID(ctx, id, MemberOptions{Need: AccessRead, Hidden: true, Bare: true})
	if err != nil {
		return MemberVersions{}, err
	}
	var out MemberVersions
	err = se.s.viewPage(ctx, func(ctx context.Context, tx MetaTx) error {
		out = MemberVersions{}
		e, found, err := tx.EntryByID(ctx, id)
		if err != nil || !found {
			return err
		}
		out.Latest = e.Version.Seq
		before := int64(math.MaxInt64)
		if beforeSeq != nil {
			before = *beforeSeq
		}
		now := se.s.now()
		if v := e.Version; v.Seq < before && !v.placeholder() && !expired(&v, now) {
			out.Versions = append(out.Versions, v)
		}
		before = min(before, e.Version.Seq)
		for more := true; more && len(out.Versions) <= limit; {
			older, err := tx.Versions(ctx, id, before, limit+1)
			if err != nil {
				return err
			}
			if more = len(older) > limit; more {
				before = older[limit].Seq
			}
			out.Versions = append(out.Versions, slices.DeleteFunc(older, func(v Version) bool { return expired(&v, now) })...)
		}
		return nil
	})
	if out.More = len(out.Versions) > limit; out.More {
		out.Versions = out.Versions[:limit]
	}
	return out, fail("list versions", m.At().String(), err)
}

// deleteStep is how many objects one transaction of DeleteMembers deletes at most.
const deleteStep = 500

// DeleteMembers deletes the objects of those ids as DeleteObject does, and unfinished native uploads with what lies
// below them, wherever they move meanwhile. Ids without an object, and those in buckets on which the caller has no right
// at all, are passed over. When the right is missing for one of them, nothing is deleted. Some are deleted in each
// transaction: after another error some may be gone. Errors: Forbidden (also: retention), Overloaded when an object
// keeps moving from bucket to bucket, ReadOnly, Internal.
func (se *Session) DeleteMembers(ctx context.Context, ids []int64) error {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	for range resolveTries {
		var err error
		if ids, err = se.deleteMembers(ctx, ids); err != nil || len(ids) == 0 {
			return err
		}
	}
	return Errorf(Overloaded, "", "object %d keeps moving; try again", ids[0])
}

// deleteMembers deletes objects in the buckets where they are now, and returns those that have left these meanwhile.
func (se *Session) deleteMembers(ctx context.Context, ids []int64) (left []int64, err error) {
	groups := make(map[int64][]int64)
	buckets := make(map[int64]Bucket)
	for _, id := range ids {
		m, err := se.MemberByID(ctx, id, MemberOptions{Need: AccessWrite, Bare: true})
		switch code := CodeOf(err); {
		case err == nil:
		case code == NoSuchKey:
			continue
		default:
			return nil, err
		}
		b := m.Entry.BucketID
		if _, known := buckets[b]; !known {
			in, err := se.BucketByID(ctx, b, AccessWrite)
			if err != nil && CodeOf(err) == NoSuchBucket {
				left = append(left, id)
				continue
			} else if err != nil {
				return nil, err
			}
			buckets[b] = in
		}
		groups[b] = append(groups[b], id)
	}
	for b, all := range groups {
		for some := range slices.Chunk(all, deleteStep) {
			elsewhere, err := se.deleteIn(ctx, buckets[b], some)
			if err != nil {
				return nil, fail("delete objects", buckets[b].Name, err)
			}
			left = append(left, elsewhere...)
		}
	}
	return left, nil
}

// deleteIn deletes objects of one bucket in one transaction, and returns those that are in other buckets by then: all,
// when this one is gone.
func (se *Session) deleteIn(ctx context.Context, b Bucket, ids []int64) (elsewhere []int64, err error) {
	ctx = MakingRoom(ctx)
	first, err := se.s.nextIDs(ctx, "object", int64(len(ids)))
	if err != nil {
		return nil, err
	}
	se.s.hook("delete.commit.before")
	err = se.update(ctx, func(ctx context.Context, tx MetaTx) error {
		elsewhere = nil
		m, err := se.begin(ctx, tx, b)
		if err != nil {
			return err
		}
		for i, id := range ids {
			e, found, err := tx.EntryByID(ctx, id)
			if err != nil {
				return err
			}
			if found && e.BucketID != b.ID {
				elsewhere = append(elsewhere, id)
				continue
			}
			if !found || !se.s.shows(&e, false) {
				continue
			}
			if err := m.dropMember(ctx, &e, newIDs{object: first + int64(i)}); err != nil {
				return err
			}
		}
		return m.finish(ctx)
	})
	se.s.hook("delete.commit.after")
	if CodeOf(err) == NoSuchBucket {
		elsewhere, err = ids, nil
	}
	return elsewhere, err
}

// dropMember deletes one object as its package shows it: an unfinished upload with what lies below it.
func (m *mutation) dropMember(ctx context.Context, e *Entry, ids newIDs) error {
	if e.Unfinished != "" {
		if err := m.takeOver(ctx, e); err != nil {
			return err
		}
		if e.Version.Marker { // nothing else is shown
			m.leave(e.Key)
		}
		if e.Version.placeholder() {
			return m.tx.DeleteEntry(ctx, m.bucket.ID, e.Key)
		}
		if err := m.tx.PutEntry(ctx, *e); err != nil || e.Version.Marker {
			return err
		}
	}
	if expired(&e.Version, m.now) && !e.Older {
		return m.purge(ctx, *e)
	}
	_, err := m.remove(ctx, &DeleteItem{Key: e.Key}, ids)
	return err
}
