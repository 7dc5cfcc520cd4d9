package core

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"strings"

	"trivium/core/content"
)

// MoveOptions modify MoveObject.
type MoveOptions struct {
	// Overwrite lets the moved object take the place of a live one; without it a live target is Exists.
	Overwrite bool
	// Conditions are judged on the source.
	Conditions Conditions
	// ObjectID, when not 0, is that of the object which must be at the source's key.
	ObjectID int64
	// Package, when not 0, is the id of the package that the target's key belongs to, which must be there (NotFound).
	Package int64
	// tree, when not nil, holds the folder rules of doors that show trees: the target's parent exists, names do not clash,
	// an implied folder that loses its last member leaves a marker, Overwrite replaces a folder as well, and locks are
	// looked at. It hears whether nothing was at the target.
	tree *bool
}

// MoveObject moves the object at src to dst without moving a byte (P5). The object keeps its objectID,
// createTime and updateTime, and all its versions travel along; nothing stays at src. A target under a delete
// marker counts as free: its versions, without the null one, become the oldest of the moved object, and its
// objectID ends. A live target that is overwritten is treated alike where the bucket is versioned, its current
// version kept as an older one; elsewhere it ends. In a bucket that was never versioned the current version
// becomes the null version.
//
// Errors: as StatObject for src (NoSuchKey...), Exists, Conflict (src and dst are the same; too many versions), Forbidden, PreconditionFailed, ReadOnly, Internal.
func (se *Session) MoveObject(ctx context.Context, src, dst Path, opts MoveOptions) (Entry, error) {
	e, err := se.moveObject(ctx, src, dst, &opts)
	if err != nil {
		return Entry{}, fail("move object", src.String(), err)
	}
	se.s.hook("answer.before")
	return e, nil
}

func (se *Session) moveObject(ctx context.Context, src, dst Path, opts *MoveOptions) (Entry, error) {
	if src == dst {
		return Entry{}, Errorf(Conflict, "", "source and target of the move are the same")
	}
	from, err := se.writable(ctx, src)
	if err != nil {
		return Entry{}, err
	}
	to, err := se.writable(ctx, dst)
	if err != nil {
		return Entry{}, err
	}
	mv := &moving{src: src.Key, dst: dst.Key, opts: opts}
	if mv.class, _, err = se.s.classFor(ctx, to); err != nil {
		return Entry{}, err
	}
	if mv.ids, err = se.s.newIDs(ctx, ContentNone); err != nil {
		return Entry{}, err
	}
	var e Entry
	se.s.hook("move.commit.before")
	err = se.update(ctx, func(ctx context.Context, tx MetaTx) error {
		a, err := se.begin(ctx, tx, from)
		if err != nil {
			return err
		}
		b := a
		if to.ID != from.ID {
			if b, err = se.begin(ctx, tx, to); err != nil {
				return err
			}
		}
		e, err = mv.run(ctx, a, b)
		return err
	})
	se.s.hook("move.commit.after")
	return e, err
}

// moving is one move; it changes nothing of itself, so that it can run again.
type moving struct {
	src, dst string
	opts     *MoveOptions
	class    Class // of the target's bucket
	ids      newIDs
}

// run moves in one transaction: a works on the source's bucket, b on the target's; they may be the same.
func (mv *moving) run(ctx context.Context, a, b *mutation) (Entry, error) {
	e, had, err := a.tx.Entry(ctx, a.bucket.ID, mv.src)
	if err != nil {
		return e, err
	}
	if err := mv.check(ctx, a, b, &e, had); err != nil {
		return e, err
	}
	target, occupied, err := b.tx.Entry(ctx, b.bucket.ID, mv.dst)
	if err != nil {
		return e, err
	}
	if b.live(&target, occupied) != nil && !mv.opts.Overwrite {
		return e, Errorf(Exists, mv.dst, "there is an object already")
	}
	if target.Unfinished != "" {
		return e, unfinished(mv.dst)
	}
	if err := a.dropEntry(ctx, &e); err != nil {
		return e, err
	}
	moved := e
	moved.BucketID, moved.Key = b.bucket.ID, mv.dst
	if err := mv.carry(ctx, a, b, &moved); err != nil {
		return e, err
	}
	if occupied {
		if err := b.displace(ctx, &moved, target); err != nil {
			return e, err
		}
	}
	if err := b.nullify(ctx, &moved); err != nil {
		return e, err
	}
	if err := b.setEntry(ctx, nil, false, moved); err != nil {
		return e, err
	}
	return moved, mv.finish(ctx, a, b)
}

// check judges what must hold before anything is changed.
func (mv *moving) check(ctx context.Context, a, b *mutation, e *Entry, had bool) error {
	switch {
	case had && e.Version.Marker && !e.Version.placeholder():
		return hiddenKey(mv.src, &e.Version)
	case a.live(e, had) == nil:
		return noSuchKey(mv.src)
	case mv.opts.ObjectID != 0 && e.ObjectID != mv.opts.ObjectID:
		return errElsewhere
	case e.Unfinished != "":
		return unfinished(mv.src)
	}
	if err := b.inPackage(ctx, mv.opts.Package, mv.dst); err != nil {
		return err
	}
	if err := mv.opts.Conditions.judgeSource(&e.Version); err != nil {
		return err
	}
	if err := a.mayPurge(ctx, e); err != nil {
		return err
	}
	if mv.opts.tree == nil {
		return nil
	}
	w := a.se.guarding(a.tx)
	if err := w.tree(ctx, a.bucket, mv.src); err != nil {
		return err
	}
	free, err := b.makeRoom(ctx, mv.dst, mv.opts.Overwrite, false)
	if err != nil {
		return err
	}
	*mv.opts.tree = free
	return w.unlock(ctx, a.bucket, mv.src)
}

// displace takes the target's entry out of the way of moved. Where the bucket is versioned its versions join the
// moved object's, elsewhere they end.
func (m *mutation) displace(ctx context.Context, moved *Entry, target Entry) error {
	if m.bucket.Versioning == VersioningOff {
		return m.purge(ctx, target)
	}
	if err := m.endEntry(ctx, &target); err != nil {
		return err
	}
	return m.join(ctx, moved, target)
}

// join makes the versions of target the oldest of moved: they get numbers below its own. target's null version is
// dropped, but a live current one is kept under its number, since nothing is lost in a versioned bucket. The
// entry of target must be gone.
func (m *mutation) join(ctx context.Context, moved *Entry, target Entry) error {
	seq, err := m.lowestSeq(ctx, moved)
	if err != nil {
		return err
	}
	last := max(moved.LastVersion, target.LastVersion)
	add := func(v Version) error {
		seq--
		v.Seq = seq
		_, clash, err := m.tx.Version(ctx, moved.ObjectID, v.ID)
		if err != nil {
			return err
		}
		if clash || v.ID == moved.Version.ID {
			last++
			v.ID = last
		}
		moved.Older = true
		return m.tx.PutVersion(ctx, moved.ObjectID, v)
	}
	if v := target.Version; v.Null && v.Marker {
		err = m.dropVersion(ctx, &v)
	} else {
		v.Null = false
		err = add(v)
	}
	if err == nil && target.Older {
		err = m.eachOlder(ctx, &target, func(v *Version) error {
			if err := m.tx.DeleteVersion(ctx, target.ObjectID, v.Seq); err != nil {
				return err
			}
			if v.Null {
				return m.dropVersion(ctx, v)
			}
			return add(*v)
		})
	}
	moved.LastVersion, moved.LastRevision = last, max(moved.LastRevision, target.LastRevision)
	moved.Held = moved.Held || target.Held
	return err
}

// lowestSeq returns the number of e's oldest version.
func (m *mutation) lowestSeq(ctx context.Context, e *Entry) (int64, error) {
	low := e.Version.Seq
	if !e.Older {
		return low, nil
	}
	err := m.eachOlder(ctx, e, func(v *Version) error {
		low = v.Seq
		return nil
	})
	return low, err
}

// carry makes the bytes of the object and its versions count in the target's bucket, and has content converted
// that does not fit there.
func (mv *moving) carry(ctx context.Context, a, b *mutation, moved *Entry) error {
	if a == b {
		return nil
	}
	each := func(v *Version) error {
		a.usage.Bytes -= v.Size
		b.usage.Bytes += v.Size
		return b.convert(ctx, moved, v, mv.class)
	}
	if err := each(&moved.Version); err != nil || !moved.Older {
		return err
	}
	return b.eachOlder(ctx, moved, each)
}

// nullify makes the current version of e the null one where versions never were.
func (m *mutation) nullify(ctx context.Context, e *Entry) error {
	if m.bucket.Versioning != VersioningOff || e.Version.Null {
		return nil
	}
	e.Version.Null = true
	if !e.Older {
		return nil
	}
	if err := m.dropNull(ctx, e.ObjectID); err != nil {
		return err
	}
	rest, err := m.tx.Versions(ctx, e.ObjectID, e.Version.Seq, 1)
	e.Older = len(rest) > 0
	return err
}

// finish ends both sides, and leaves a marker where an implied folder would vanish.
func (mv *moving) finish(ctx context.Context, a, b *mutation) error {
	if mv.opts.tree != nil {
		if err := a.keepFolder(ctx, mv.src, mv.ids); err != nil {
			return err
		}
		if err := b.replaced(ctx, mv.dst); err != nil {
			return err
		}
	}
	if a != b {
		if err := b.finish(ctx); err != nil {
			return err
		}
	}
	return a.finish(ctx)
}

// keepFolder leaves a marker for the folder that key was in, if that had no other member: in a tree a folder
// does not vanish with its last file. At depth one the folder is a package, which is made explicit.
func (m *mutation) keepFolder(ctx context.Context, key string, ids newIDs) error {
	name := strings.TrimSuffix(key, "/")
	i := strings.LastIndexByte(name, '/')
	if i <= 0 {
		return nil
	}
	there, err := m.hasLive(ctx, name[:i+1])
	if err != nil || there {
		return err
	}
	if pkg, rest := SplitKey(name[:i]); pkg == "" && rest != "" {
		return m.explicit(ctx, rest)
	}
	old, had, err := m.tx.Entry(ctx, m.bucket.ID, name[:i+1])
	if err != nil {
		return err
	}
	_, err = m.install(ctx, &old, had, m.emptyVersion(), entryAt{name[:i+1], ids})
	return err
}

// emptyVersion describes empty content: that of a folder's marker.
func (m *mutation) emptyVersion() Version {
	d := Digests{Set: content.MD5, MD5: md5.Sum(nil)}
	sum := sha256.Sum256(nil)
	return Version{UpdateTime: m.now, MTime: NoTime, ETag: etagOf(&d), SHA256: sum[:]}
}

// explicit makes an implied package one that stays when it is empty.
func (m *mutation) explicit(ctx context.Context, name string) error {
	p, found, err := m.tx.PackageByName(ctx, m.bucket.ID, name)
	if err != nil || !found || p.Explicit {
		return err
	}
	p.Explicit = true
	return m.tx.PutPackage(ctx, p)
}
