package core

import (
	"context"
	"slices"
	"strings"
)

// renameBucket gives a bucket another name; its id is its identity.
func (se *Session) renameBucket(ctx context.Context, from, to string, on *Conditions) error {
	if err := checkBucketName(to, false); err != nil {
		return err
	}
	return se.changeBucket(ctx, from, func(ctx context.Context, tx MetaTx, b *Bucket) error {
		if err := on.judgeFolder(); err != nil {
			return err
		}
		if err := se.releaseBucket(ctx, tx, *b); err != nil {
			return err
		}
		if err := bucketFree(ctx, tx, to, b.Owner); err != nil {
			return err
		}
		b.Name = to
		return nil
	})
}

// releaseBucket judges whether the locks of a bucket let a guarded session take it from its place, and ends them.
func (se *Session) releaseBucket(ctx context.Context, tx MetaTx, b Bucket) error {
	w := se.guarding(tx)
	if err := w.tree(ctx, b, ""); err != nil {
		return err
	}
	return w.unlock(ctx, b, "")
}

// folderWork is a move or copy of a folder: what is known before the transaction. It changes nothing of itself,
// so that it can run again.
type folderWork struct {
	folderPaths
	opts  folderOptions
	class Class // of the target's bucket
	ids   newIDs
	above newIDs // for the marker of the folder above the source
	// objects and contents are the first of n ids each, for copies.
	objects, contents, n int64
}

// moveFolder is MovePath of a folder, with all objects below it, what a tree does not show and all versions included.
// Objects keep their objectIDs, a package its packageID. Versions under delete markers at the target join those of the
// objects that come to lie there; what is under delete markers below the source ends on the way into a bucket that was
// never versioned, which knows no deleted objects. The folder above the source stays, by a marker of its own if need be.
//
// Errors: NoSuchBucket, Forbidden, BadKey, BadName, KeyTooLong; NoSuchKey when there is no such folder; Exists without
// Overwrite; Conflict when the target's parent does not exist, when one lies in the other, for more than 100,000 objects
// or older versions to look at, while a native upload below the source is unfinished, and into a bucket that demands
// encryption or forbids the source's spaces; NoSpace.
func (se *Session) moveFolder(ctx context.Context, src, dst Path, opts folderOptions) (made bool, err error) {
	paths, err := checkFolders(src, dst)
	if err != nil {
		return false, err
	}
	from, err := se.writable(ctx, src)
	if err != nil {
		return false, err
	}
	to, err := se.writable(ctx, dst)
	if err != nil {
		return false, err
	}
	w, err := se.s.newFolderWork(ctx, from, to, paths)
	if err != nil {
		return false, err
	}
	w.opts = opts
	se.s.hook("move.commit.before")
	err = se.update(ctx, func(ctx context.Context, tx MetaTx) error {
		a, b, err := se.beginBoth(ctx, tx, from, to)
		if err != nil {
			return err
		}
		made, err = w.move(ctx, a, b)
		return err
	})
	se.s.hook("move.commit.after")
	return made, err
}

// beginBoth begins the work on two buckets, which may be one.
func (se *Session) beginBoth(ctx context.Context, tx MetaTx, from, to Bucket) (a, b *mutation, err error) {
	if a, err = se.begin(ctx, tx, from); err != nil || to.ID == from.ID {
		return a, a, err
	}
	b, err = se.begin(ctx, tx, to)
	return a, b, err
}

// beginRead is begin for a bucket that is only read.
func (se *Session) beginRead(ctx context.Context, tx MetaTx, b Bucket) (*mutation, error) {
	b, err := se.authorizeIn(ctx, tx, b, AccessRead)
	if err != nil {
		return nil, err
	}
	return &mutation{s: se.s, se: se, tx: tx, bucket: b, user: se.p.UserID, now: se.s.now()}, nil
}

// newFolderWork looks at sizes and classes, and reserves ids.
func (s *Service) newFolderWork(ctx context.Context, from, to Bucket, paths folderPaths) (*folderWork, error) {
	w := &folderWork{folderPaths: paths}
	err := CheckKey(paths.dst) // of the marker that it may get
	if err != nil {
		return nil, err
	}
	if w.n, err = s.countFolder(ctx, from, paths.src); err != nil {
		return nil, err
	}
	if _, err = s.countFolder(ctx, to, paths.dst); err != nil {
		return nil, err
	}
	if w.class, _, err = s.classFor(ctx, to); err != nil {
		return nil, err
	}
	if from.ID != to.ID {
		source, _, err := s.classFor(ctx, from)
		if err != nil {
			return nil, err
		}
		if err := s.folderFits(source, w.class); err != nil {
			return nil, err
		}
	}
	if w.ids, err = s.newIDs(ctx, ContentNone); err != nil {
		return nil, err
	}
	w.above, err = s.newIDs(ctx, ContentNone)
	return w, err
}

// folderFits refuses what S13 has copied before the answer: content that the target's bucket may not even refer
// to for a while, since it is not encrypted or lies in a space that is forbidden there.
func (s *Service) folderFits(from, to Class) error {
	if to.KeyID != 0 && from.KeyID == 0 {
		return Errorf(Conflict, "", "the target's bucket demands encryption; copy the objects one by one")
	}
	if len(to.Spaces) == 0 {
		return nil
	}
	used, _ := s.opened.usable(from.Owner, from.Spaces)
	for _, id := range used {
		if !slices.Contains(to.Spaces, id) {
			return Errorf(Conflict, "", "the target's bucket forbids the space %s; copy the objects one by one", s.opened.name(id))
		}
	}
	return nil
}

// move does the work of moveFolder: a on the source's bucket, b on the target's.
func (w *folderWork) move(ctx context.Context, a, b *mutation) (made bool, err error) {
	if made, err = w.prepare(ctx, a, b); err != nil {
		return false, err
	}
	if err := a.se.guarding(a.tx).tree(ctx, a.bucket, strings.TrimSuffix(w.src, "/")); err != nil {
		return false, err
	}
	pkg, hadPkg, err := w.takePackage(ctx, a)
	if err != nil {
		return false, err
	}
	live, err := w.leaveBucket(ctx, a, b)
	if err != nil {
		return false, err
	}
	if err := w.joinHidden(ctx, a, b); err != nil {
		return false, err
	}
	if _, err := a.tx.MoveEntries(ctx, a.bucket.ID, w.src, b.bucket.ID, w.dst); err != nil {
		return false, err
	}
	if err := w.placePackage(ctx, b, pkg, hadPkg, live > 0); err != nil {
		return false, err
	}
	if err := a.se.guarding(a.tx).unlock(ctx, a.bucket, strings.TrimSuffix(w.src, "/")); err != nil {
		return false, err
	}
	a.leave(w.src)
	if err := a.keepFolder(ctx, w.src, w.above); err != nil {
		return false, err
	}
	if err := b.replaced(ctx, strings.TrimSuffix(w.dst, "/")); err != nil {
		return false, err
	}
	return made, w.finish(ctx, a, b)
}

// finish ends both sides.
func (w *folderWork) finish(ctx context.Context, a, b *mutation) error {
	if a != b {
		if err := b.finish(ctx); err != nil {
			return err
		}
	}
	return a.finish(ctx)
}

// prepare judges what must hold and makes room at the target. It tells whether nothing was there.
func (w *folderWork) prepare(ctx context.Context, a, b *mutation) (free bool, err error) {
	src, dst := strings.TrimSuffix(w.src, "/"), strings.TrimSuffix(w.dst, "/")
	there, err := a.folderExists(ctx, src)
	if err != nil {
		return false, err
	}
	if !there {
		return false, noSuchKey(src)
	}
	n, err := a.tx.CountEntries(ctx, a.bucket.ID, w.src, a.s.folderLimit+1)
	if err != nil {
		return false, err
	}
	if err := a.s.checkFolderSize(w.src, n); err != nil {
		return false, err
	}
	return b.makeRoom(ctx, dst, w.opts.Overwrite, true)
}

// clearPath deletes the file and the folder at path.
func (m *mutation) clearPath(ctx context.Context, path string) error {
	e, found, err := m.tx.Entry(ctx, m.bucket.ID, path)
	if err != nil {
		return err
	}
	if m.live(&e, found) != nil {
		if err := m.clearEntry(ctx, e); err != nil {
			return err
		}
	}
	return m.clearFolder(ctx, path)
}

// leaveBucket looks at every entry that moves: none may have an unfinished native upload, which is shown there as an
// object (those of S3 complete at their key, wherever its folder went), or a key that gets too long. Between buckets what they hold is counted over, and content that does not fit is converted later. It
// returns how many are live.
func (w *folderWork) leaveBucket(ctx context.Context, a, b *mutation) (live int64, err error) {
	grow := len(w.dst) - len(w.src)
	mv := &moving{class: w.class}
	err = a.eachEntry(ctx, w.src, LiveAndHidden, func(e Entry) error {
		if len(e.Key)+grow > MaxKey {
			return Errorf(KeyTooLong, e.Key, "its key would have more than %d bytes", MaxKey)
		}
		if e.Unfinished != "" {
			return unfinished(e.Key)
		}
		if err := a.mayPurge(ctx, &e); err != nil {
			return err
		}
		switch {
		case !e.Version.Marker:
			live++
		case a != b && b.bucket.Versioning == VersioningOff:
			return a.purge(ctx, e)
		}
		if a == b {
			return nil
		}
		if err := mv.carry(ctx, a, b, &e); err != nil {
			return err
		}
		was := e
		if err := b.nullify(ctx, &e); err != nil || e.Version.Null == was.Version.Null {
			return err
		}
		return a.tx.PutEntry(ctx, e)
	})
	if a != b {
		a.usage.Objects -= live
		b.usage.Objects += live
	}
	return live, err
}

// joinHidden makes the versions under delete markers at the target part of the histories of the entries that are
// about to take their keys.
func (w *folderWork) joinHidden(ctx context.Context, a, b *mutation) error {
	return b.eachEntry(ctx, w.dst, Hidden, func(target Entry) error {
		if target.Unfinished != "" {
			return unfinished(target.Key)
		}
		key := w.src + target.Key[len(w.dst):]
		moved, found, err := a.tx.Entry(ctx, a.bucket.ID, key)
		if err != nil || !found {
			return err
		}
		if err := b.displace(ctx, &moved, target); err != nil {
			return err
		}
		return a.tx.PutEntry(ctx, moved)
	})
}

// takePackage takes the package that moves away, if the source is one.
func (w *folderWork) takePackage(ctx context.Context, a *mutation) (Package, bool, error) {
	name := strings.TrimSuffix(w.src, "/")
	if strings.Contains(name, "/") {
		return Package{}, false, nil
	}
	p, found, err := a.tx.PackageByName(ctx, a.bucket.ID, name)
	if err != nil || !found {
		return p, false, err
	}
	return p, true, a.tx.DeletePackage(ctx, p.ID)
}

// placePackage sees to it that the target is a folder: the package that moved, one for its members, or a marker
// if it has none.
func (w *folderWork) placePackage(ctx context.Context, b *mutation, p Package, moved, members bool) error {
	name := strings.TrimSuffix(w.dst, "/")
	if moved && !strings.Contains(name, "/") {
		p.BucketID, p.Name, p.Ending = b.bucket.ID, name, 0
		return b.tx.PutPackage(ctx, p)
	}
	if members {
		return b.ensurePackage(ctx, w.dst)
	}
	return b.makeFolder(ctx, name, w.ids)
}
