package core

import (
	"context"
	"errors"
	"strings"
)

const (
	// defaultFolderLimit is how many objects one folder operation changes at most: it is one transaction (S6).
	defaultFolderLimit = 100_000
	// defaultFolderProperties is how many bytes of dead properties it copies at most.
	defaultFolderProperties = 64 << 20
	folderPage              = 1000
)

// errGrew says that a folder has more objects than ids were reserved for; the operation begins again.
var errGrew = errors.New("the folder grew meanwhile")

// folderOptions modify moveFolder and copyTree.
type folderOptions struct {
	// Overwrite removes what is at the target first; without it a target that exists is Exists.
	Overwrite bool
	shallow   bool // CopyPath: the folder without what is below it
}

// folderPaths are a folder operation's keys as ranges: with a trailing "/".
type folderPaths struct {
	src, dst string
}

// checkFolders checks the paths of a move or copy.
func checkFolders(src, dst Path) (folderPaths, error) {
	for _, p := range []Path{src, dst} {
		if err := checkTreePath(p.Key); err != nil {
			return folderPaths{}, err
		}
	}
	if !strings.Contains(dst.Key, "/") {
		if err := checkPackageName(dst.Key); err != nil {
			return folderPaths{}, err
		}
	}
	f := folderPaths{src.Key + "/", dst.Key + "/"}
	if src.Bucket == dst.Bucket && (strings.HasPrefix(f.dst, f.src) || strings.HasPrefix(f.src, f.dst)) {
		return f, Errorf(Conflict, dst.String(), "source and target of the folder lie in one another")
	}
	return f, nil
}

// countFolder counts what lies below prefixes, hidden entries included; Conflict over the limit.
func (s *Service) countFolder(ctx context.Context, b Bucket, prefix string) (int64, error) {
	var n int
	err := s.viewPage(ctx, func(ctx context.Context, tx MetaTx) error {
		var err error
		n, err = tx.CountEntries(ctx, b.ID, prefix, s.folderLimit+1)
		return err
	})
	if err != nil {
		return 0, err
	}
	return int64(n), s.checkFolderSize(prefix, n)
}

// checkFolderSize refuses folders that do not fit into one transaction.
func (s *Service) checkFolderSize(prefix string, n int) error {
	if n <= s.folderLimit {
		return nil
	}
	return Errorf(Conflict, prefix, "the folder has more than %d objects; work on its members", s.folderLimit)
}

// eachEntry calls fn for every entry of that kind below prefix, in order. fn may change or delete the entry it
// gets.
func (m *mutation) eachEntry(ctx context.Context, prefix string, which Which, fn func(Entry) error) error {
	q := ListQuery{BucketID: m.bucket.ID, Prefix: prefix, Limit: folderPage, Which: which}
	for {
		items, err := m.tx.List(ctx, q)
		if err != nil {
			return err
		}
		for _, it := range items {
			if err := fn(it.Entry); err != nil {
				return err
			}
		}
		if len(items) < q.Limit {
			return nil
		}
		q.From = items[len(items)-1].Entry.Key + "\x00"
	}
}

// deleteFolder is RemovePath of a folder, with everything below it, what a tree does not show included. In versioned
// buckets every object gets a delete marker; pending uploads stay. Errors: NoSuchBucket, Forbidden (also: retention),
// BadKey; NoSuchKey when there is no such folder; Conflict for more than 100,000 objects.
func (se *Session) deleteFolder(ctx context.Context, p Path) error {
	if err := checkTreePath(p.Key); err != nil {
		return err
	}
	b, err := se.authorize(ctx, p.Bucket, AccessWrite)
	if err != nil {
		return err
	}
	ctx = MakingRoom(ctx)
	if _, err := se.s.countFolder(ctx, b, p.Key+"/"); err != nil {
		return fail("delete folder", p.String(), err)
	}
	ids, err := se.s.newIDs(ctx, ContentNone)
	if err != nil {
		return fail("delete folder", p.String(), err)
	}
	se.s.hook("delete.commit.before")
	err = se.update(ctx, func(ctx context.Context, tx MetaTx) error {
		m, err := se.begin(ctx, tx, b)
		if err != nil {
			return err
		}
		there, err := m.folderExists(ctx, p.Key)
		if err != nil {
			return err
		}
		if !there {
			return noSuchKey(p.Key)
		}
		w := se.guarding(tx)
		if err := w.tree(ctx, m.bucket, p.Key); err != nil {
			return err
		}
		if err := m.clearFolder(ctx, p.Key); err != nil {
			return err
		}
		if err := w.unlock(ctx, m.bucket, p.Key); err != nil {
			return err
		}
		if err := m.keepFolder(ctx, p.Key+"/", ids); err != nil {
			return err
		}
		return m.finish(ctx)
	})
	se.s.hook("delete.commit.after")
	return fail("delete folder", p.String(), err)
}

// clearFolder deletes the objects below a folder, and its package.
func (m *mutation) clearFolder(ctx context.Context, path string) error {
	which := Live
	if m.bucket.Versioning == VersioningOff {
		which = LiveAndHidden
	}
	n := 0
	err := m.eachEntry(ctx, path+"/", which, func(e Entry) error {
		n++
		if err := m.s.checkFolderSize(path, n); err != nil {
			return err
		}
		return m.clearEntry(ctx, e)
	})
	if err != nil || strings.Contains(path, "/") {
		return err
	}
	p, found, err := m.tx.PackageByName(ctx, m.bucket.ID, path)
	if err != nil || !found {
		return err
	}
	shown, err := hasMember(ctx, m.tx, m.bucket.ID, path+"/")
	if err != nil {
		return err
	}
	if shown { // an unfinished native upload, which is in no tree and needs the package
		p.Explicit = false
		return m.tx.PutPackage(ctx, p)
	}
	return m.tx.DeletePackage(ctx, p.ID)
}

// clearEntry deletes one object as DeleteObject does; one that has expired leaves no delete marker. The entry is
// there, so that a delete marker takes its objectID and needs none.
func (m *mutation) clearEntry(ctx context.Context, e Entry) error {
	if expired(&e.Version, m.now) && !e.Older {
		return m.purge(ctx, e)
	}
	_, err := m.remove(ctx, &DeleteItem{Key: e.Key}, newIDs{})
	return err
}
