package core

import (
	"context"
	"errors"
)

// TreeOptions modify RemovePath, CopyPath and MovePath.
type TreeOptions struct {
	// Overwrite removes what is at the target, a whole folder too; without it a target that exists is Exists.
	Overwrite bool
	// Shallow copies a folder without what is below it.
	Shallow bool
	// FileOnly refuses a folder or bucket, of which RemovePath and MovePath take all or nothing: BadArgument.
	FileOnly bool
	// Conditions are judged on the source, or on what is removed. A folder has no entity tag and no time.
	Conditions Conditions
}

// kindTries bounds how often an operation begins anew because a file became a folder, or the reverse, meanwhile.
const kindTries = 3

// byKind runs one of two operations, by what is at p, and again when that changed before their transaction.
func (se *Session) byKind(ctx context.Context, p Path, file, folder func() error) error {
	for try := 1; ; try++ {
		n, err := se.StatPath(ctx, p)
		if err != nil {
			return err
		}
		if n.Folder {
			err = folder()
		} else {
			err = file()
		}
		if err == nil || try == kindTries || CodeOf(err) != NoSuchKey {
			return err
		}
	}
}

// RemovePath deletes a file, or a folder with everything below it, in one transaction (RFC 4918 §9.6). The folder
// above stays, by a marker of its own if need be. A bucket goes with all it holds, unless it ever kept versions: then
// it must be empty. Locks of what is gone end. Errors: as DeleteObject and DeleteBucket; NoSuchKey when there is nothing;
// Forbidden for the root; Conflict for a folder of more than 100,000 objects; Locked, PreconditionFailed.
func (se *Session) RemovePath(ctx context.Context, p Path, opts TreeOptions) error {
	switch {
	case p.Bucket == "":
		return &Error{Code: Forbidden, Msg: "the root cannot be deleted"}
	case p.Key == "":
		if err := opts.whole(p); err != nil {
			return err
		}
		return se.removeBucket(ctx, p.Bucket, &opts)
	}
	return se.byKind(ctx, p,
		func() error { return se.removeFile(ctx, p, &opts) },
		func() error {
			if err := opts.whole(p); err != nil {
				return err
			}
			if err := opts.Conditions.judgeFolder(); err != nil {
				return err
			}
			return se.deleteFolder(ctx, p)
		})
}

// whole refuses a folder where a file alone is meant.
func (o *TreeOptions) whole(p Path) error {
	if !o.FileOnly {
		return nil
	}
	return Errorf(BadArgument, p.String(), "it is a folder, of which all or nothing can be taken away")
}

// judgeFolder judges conditions on a folder, which exists and has no entity tag.
func (c *Conditions) judgeFolder() error {
	return c.judgeSource(&Version{})
}

// removeBucket is RemovePath of a bucket.
func (se *Session) removeBucket(ctx context.Context, name string, opts *TreeOptions) error {
	b, err := se.authorize(ctx, name, AccessOwner)
	if err != nil {
		return err
	}
	return se.deleteBucket(ctx, b, func(b *Bucket) (bool, error) {
		if err := b.called(name); err != nil {
			return false, err
		}
		return !b.EverVersioned, opts.Conditions.judgeFolder()
	})
}

// removeFile is RemovePath of a file.
func (se *Session) removeFile(ctx context.Context, p Path, opts *TreeOptions) error {
	b, err := se.authorize(ctx, p.Bucket, AccessWrite)
	if err != nil {
		return err
	}
	ctx = MakingRoom(ctx)
	ids, err := se.s.newIDs(ctx, ContentNone)
	if err != nil {
		return fail("delete", p.String(), err)
	}
	above, err := se.s.newIDs(ctx, ContentNone)
	if err != nil {
		return fail("delete", p.String(), err)
	}
	se.s.hook("delete.commit.before")
	err = se.update(ctx, func(ctx context.Context, tx MetaTx) error {
		m, err := se.begin(ctx, tx, b)
		if err != nil {
			return err
		}
		e, had, err := tx.Entry(ctx, b.ID, p.Key)
		if err != nil {
			return err
		}
		if m.live(&e, had) == nil {
			return noSuchKey(p.Key)
		}
		if err := opts.Conditions.judgeSource(&e.Version); err != nil {
			return err
		}
		w := se.guarding(tx)
		if err := w.member(ctx, m.bucket, p.Key); err != nil {
			return err
		}
		if _, err := m.remove(ctx, &DeleteItem{Key: p.Key}, ids); err != nil {
			return err
		}
		if err := m.keepFolder(ctx, p.Key, above); err != nil {
			return err
		}
		if err := w.unlockOne(ctx, m.bucket, p.Key); err != nil {
			return err
		}
		return m.finish(ctx)
	})
	se.s.hook("delete.commit.after")
	return fail("delete", p.String(), err)
}

// CopyPath copies a file or folder with its metadata and dead properties, in one transaction and without moving a byte
// (P5, RFC 4918 §9.8). made tells whether there was nothing at the target. Locks are not copied; the
// target's stay, with what is now there under them (§7.6), and end below it where nothing is any more. Errors: as CopyObject and, of a folder, MovePath; NoSuchKey when there is no source, Exists without Overwrite,
// Conflict when the target's parent does not exist or one lies in the other, Forbidden for buckets and the root,
// Locked, PreconditionFailed.
func (se *Session) CopyPath(ctx context.Context, src, dst Path, opts TreeOptions) (made bool, err error) {
	if err := apart(src, dst); err != nil {
		return false, err
	}
	err = se.byKind(ctx, src,
		func() error { made, err = se.copyFile(ctx, src, dst, &opts); return err },
		func() error {
			if err := opts.Conditions.judgeFolder(); err != nil {
				return err
			}
			made, err = se.copyTree(ctx, src, dst, opts.folder())
			return err
		})
	return made && err == nil, err
}

// folder are the options as folder operations have them.
func (o *TreeOptions) folder() folderOptions {
	return folderOptions{Overwrite: o.Overwrite, shallow: o.Shallow}
}

// apart refuses what cannot be copied or moved onto one another.
func apart(src, dst Path) error {
	if src.Key == "" || dst.Key == "" {
		return &Error{
			Code: Forbidden, Path: dst.String(),
			Msg: "a bucket can be renamed, but neither be copied nor take the place of a folder, nor a folder that of a bucket",
		}
	}
	_, err := checkFolders(src, dst)
	return err
}

// copyFile is CopyPath of a file.
func (se *Session) copyFile(ctx context.Context, src, dst Path, opts *TreeOptions) (made bool, err error) {
	from, err := se.authorize(ctx, src.Bucket, AccessRead)
	if err != nil {
		return false, err
	}
	to, err := se.writable(ctx, dst)
	if err != nil {
		return false, err
	}
	c, err := se.s.newCopying(ctx, to)
	if err != nil {
		return false, err
	}
	se.s.hook("put.commit.before")
	err = se.update(ctx, func(ctx context.Context, tx MetaTx) error {
		m, err := se.begin(ctx, tx, to)
		if err != nil {
			return err
		}
		if _, err := m.source(ctx, from, src.Key, &CopyOptions{SourceConditions: opts.Conditions}); err != nil {
			return err
		}
		e, _, err := tx.Entry(ctx, from.ID, src.Key)
		if err != nil {
			return err
		}
		if made, err = m.makeRoom(ctx, dst.Key, opts.Overwrite, false); err != nil {
			return err
		}
		old, had, err := tx.Entry(ctx, to.ID, dst.Key)
		if err != nil {
			return err
		}
		copied, err := c.install(ctx, m, e.Version, place{&old, had, dst.Key})
		if err != nil {
			return err
		}
		if err := m.copyProperties(ctx, &e, &copied); err != nil {
			return err
		}
		if err := m.replaced(ctx, dst.Key); err != nil {
			return err
		}
		return m.finish(ctx)
	})
	se.s.hook("put.commit.after")
	return made, fail("copy", src.String(), err)
}

// makeRoom judges whether something may come to lie at path and makes room for it: what is in its way is deleted, but for a
// file where another file comes, which is its next version. It tells whether nothing was there.
func (m *mutation) makeRoom(ctx context.Context, path string, overwrite, folder bool) (free bool, err error) {
	taken, err := m.occupied(ctx, path)
	if err != nil {
		return false, err
	}
	w := m.se.guarding(m.tx)
	if taken || folder { // what comes to lie below it must not come under locks of others, which outlive what they were on
		err = w.tree(ctx, m.bucket, path)
	} else {
		err = w.member(ctx, m.bucket, path)
	}
	if err != nil {
		return false, err
	}
	if taken && !overwrite {
		return false, Errorf(Exists, path, "there is a file or folder of this name already")
	}
	e, had, err := m.tx.Entry(ctx, m.bucket.ID, path)
	if err != nil {
		return false, err
	}
	if taken && (folder || m.live(&e, had) == nil) {
		err = m.clearPath(ctx, path)
	}
	if err != nil {
		return false, err
	}
	if taken {
		// Its folder was there, though it may have had no other member.
		return false, m.noFileAbove(ctx, path)
	}
	if folder {
		path += "/"
	}
	return true, m.treeCheck(ctx, path)
}

// MovePath moves a file or folder with all versions and dead properties, in one transaction and without moving a byte
// (P5, RFC 4918 §9.9). made is as of CopyPath. With two empty keys it renames a bucket, onto a name that is free. The
// source's locks end, the target's are treated as by CopyPath. Errors: as MoveObject, and those of CopyPath; of a folder
// also BadName, KeyTooLong, and Conflict for more than 100,000 objects or older versions to look at, while a native upload
// below it is unfinished, and into a bucket that demands encryption or forbids the source's spaces.
func (se *Session) MovePath(ctx context.Context, src, dst Path, opts TreeOptions) (made bool, err error) {
	if src.Key == "" && dst.Key == "" && src.Bucket != "" {
		if err := opts.whole(src); err != nil {
			return false, err
		}
		return true, se.renameBucket(ctx, src.Bucket, dst.Bucket, &opts.Conditions)
	}
	if err := apart(src, dst); err != nil {
		return false, err
	}
	err = se.byKind(ctx, src,
		func() error {
			mo := MoveOptions{Overwrite: opts.Overwrite, Conditions: opts.Conditions, tree: &made}
			_, err := se.MoveObject(ctx, src, dst, mo)
			return err
		},
		func() error {
			if err := opts.whole(src); err != nil {
				return err
			}
			if err := opts.Conditions.judgeFolder(); err != nil {
				return err
			}
			made, err = se.moveFolder(ctx, src, dst, opts.folder())
			return fail("move folder", src.String(), err)
		})
	return made && err == nil, err
}

// copyTree is CopyPath of a folder, with the current versions of all objects below it, what a tree does not show included.
// Errors: as moveFolder; reading the source suffices.
func (se *Session) copyTree(ctx context.Context, src, dst Path, opts folderOptions) (made bool, err error) {
	const tries = 3
	for range tries {
		if made, err = se.copyFolder(ctx, src, dst, opts); !errors.Is(err, errGrew) {
			break
		}
	}
	if errors.Is(err, errGrew) {
		err = &Error{Code: Overloaded, Msg: "the folder keeps growing; try again", Err: err}
	}
	return made, fail("copy folder", src.String(), err)
}
