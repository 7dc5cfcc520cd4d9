package core

import (
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// TreeNode is a file or folder of the tree that WebDAV and the files API show: the root, its buckets, and in them
// files and folders. A folder exists explicitly (as a bucket, a package or a marker, which is empty content
// under a key that ends in "/") or implied by an object below it.
type TreeNode struct {
	Path   Path // the key without a trailing "/"; "" is the bucket itself, and no bucket is the root
	Folder bool
	Bucket Bucket
	// Entry is the file, or the folder's marker if HasEntry is true.
	Entry    Entry
	HasEntry bool
	// CreateTime and UpdateTime are in ns since 1970; 0 for what is only implied.
	CreateTime, UpdateTime int64
}

// Name returns the last segment of the path.
func (n *TreeNode) Name() string {
	if n.Path.Key == "" {
		return n.Path.Bucket
	}
	return n.Path.Key[strings.LastIndexByte(n.Path.Key, '/')+1:]
}

// Cursor is what ListFolder goes on after: the name, of a folder below a bucket with a trailing "/".
func (n *TreeNode) Cursor() string {
	if n.Folder && n.Path.Key != "" {
		return n.Name() + "/"
	}
	return n.Name()
}

// checkTreePath refuses keys that a tree cannot show: with an empty, "." or ".." segment. BadKey, KeyTooLong.
func checkTreePath(key string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	for seg := range strings.SplitSeq(key, "/") {
		if !showable(seg) {
			return Errorf(BadKey, key, "a path in a tree has no segment that is empty or dots")
		}
	}
	return nil
}

// showable tells whether a tree can show a name.
func showable(name string) bool { return name != "" && name != "." && name != ".." }

// checkPackageName returns BadName unless name follows spec/native.md §1.
func checkPackageName(name string) error {
	if !showable(name) || len(name) > 255 || !utf8.ValidString(name) || strings.ContainsRune(name, '/') ||
		strings.ContainsFunc(name, unicode.IsControl) {
		return &Error{Code: BadName, Msg: "a package name is 1 to 255 bytes of UTF-8 without slash and control characters, not . or .."}
	}
	return nil
}

// StatPath describes one path. A file goes before a folder of the same name. Errors: NoSuchBucket, Forbidden,
// BadKey, KeyTooLong; NoSuchKey when there is neither.
func (se *Session) StatPath(ctx context.Context, p Path) (TreeNode, error) {
	if p == (Path{}) {
		return TreeNode{Folder: true}, nil
	}
	b, err := se.authorize(ctx, p.Bucket, AccessRead)
	if err != nil {
		return TreeNode{}, err
	}
	if p.Key == "" {
		return bucketNode(b), nil
	}
	if err := checkTreePath(p.Key); err != nil {
		return TreeNode{}, err
	}
	var n TreeNode
	err = se.s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		e, found, err := tx.Entry(ctx, b.ID, p.Key)
		if err != nil {
			return err
		}
		if found && isLive(&e, se.s.now()) {
			n = fileNode(b, e)
			return nil
		}
		var there bool
		if n, there, err = se.s.folderNode(ctx, tx, b, p.Key); err == nil && !there {
			err = noSuchKey(p.Key)
		}
		return err
	})
	return n, fail("stat path", p.String(), err)
}

// bucketNode shows a bucket as a folder.
func bucketNode(b Bucket) TreeNode {
	return TreeNode{
		Path: Path{Bucket: b.Name}, Folder: true, Bucket: b, CreateTime: b.CreateTime, UpdateTime: b.CreateTime,
	}
}

// fileNode shows an entry as a file.
func fileNode(b Bucket, e Entry) TreeNode {
	return TreeNode{
		Path: Path{b.Name, e.Key}, Bucket: b, Entry: e, HasEntry: true,
		CreateTime: e.CreateTime, UpdateTime: e.Version.UpdateTime,
	}
}

// folderNode shows the folder at path, if it exists.
func (s *Service) folderNode(ctx context.Context, tx MetaTx, b Bucket, path string) (TreeNode, bool, error) {
	n := TreeNode{Path: Path{b.Name, path}, Folder: true, Bucket: b}
	there, err := s.markFolder(ctx, tx, &n)
	if err != nil || there {
		return n, there, err
	}
	there, err = hasLive(ctx, tx, b.ID, path+"/", s.now())
	return n, there, err
}

// markFolder adds what is known of a folder explicitly: its marker, or at depth one its package. It tells whether
// there is any of that: a package that is implied is no folder by itself, since an unfinished native upload, which is in
// no tree, may be all it has.
func (s *Service) markFolder(ctx context.Context, tx MetaTx, n *TreeNode) (bool, error) {
	e, found, err := tx.Entry(ctx, n.Bucket.ID, n.Path.Key+"/")
	if err != nil {
		return false, err
	}
	if found && isLive(&e, s.now()) && e.Version.Size == 0 {
		n.Entry, n.HasEntry = e, true
		n.CreateTime, n.UpdateTime = e.CreateTime, e.Version.UpdateTime
	}
	if strings.Contains(n.Path.Key, "/") {
		return n.HasEntry, nil
	}
	p, found, err := tx.PackageByName(ctx, n.Bucket.ID, n.Path.Key)
	if err == nil && found && !n.HasEntry {
		n.CreateTime, n.UpdateTime = p.CreateTime, p.CreateTime
	}
	return n.HasEntry || found && p.Explicit, err
}

// MakeFolder makes the bucket, the explicit package (at depth one) or the marker of a folder (RFC 4918 §9.3
// MKCOL). Errors: BadName, BadKey, KeyTooLong; Exists when there is a file or folder (for a bucket BucketOwned
// or BucketExists); Conflict when the parent does not exist or is a file; NoSuchBucket, Forbidden, NoSpace.
func (se *Session) MakeFolder(ctx context.Context, p Path) error {
	if p.Key == "" {
		_, err := se.CreateBucket(ctx, p.Bucket, CreateBucketOptions{})
		return err
	}
	if err := checkTreePath(p.Key); err != nil {
		return err
	}
	if !strings.Contains(p.Key, "/") {
		if err := checkPackageName(p.Key); err != nil {
			return err
		}
	}
	b, err := se.writable(ctx, Path{p.Bucket, p.Key + "/"})
	if err != nil {
		return err
	}
	ids, err := se.s.newIDs(ctx, ContentNone)
	if err != nil {
		return fail("make folder", p.String(), err)
	}
	err = se.update(ctx, func(ctx context.Context, tx MetaTx) error {
		m, err := se.begin(ctx, tx, b)
		if err != nil {
			return err
		}
		if err := m.folderFree(ctx, p.Key); err != nil {
			return err
		}
		if err := se.guarding(tx).member(ctx, m.bucket, p.Key); err != nil {
			return err
		}
		if err := m.makeFolder(ctx, p.Key, ids); err != nil {
			return err
		}
		return m.finish(ctx)
	})
	return fail("make folder", p.String(), err)
}

// folderFree returns Exists when path is a file or folder, Conflict when its parent is not a folder.
func (m *mutation) folderFree(ctx context.Context, path string) error {
	there, err := m.occupied(ctx, path)
	if err != nil {
		return err
	}
	if there {
		return Errorf(Exists, path, "there is a file or folder of this name already")
	}
	return m.treeCheck(ctx, path+"/")
}

// occupied tells whether path is a file or folder.
func (m *mutation) occupied(ctx context.Context, path string) (bool, error) {
	e, found, err := m.tx.Entry(ctx, m.bucket.ID, path)
	if err != nil || m.live(&e, found) != nil {
		return true, err
	}
	return m.folderExists(ctx, path)
}

// makeFolder makes the package or the marker of a folder that has neither.
func (m *mutation) makeFolder(ctx context.Context, path string, ids newIDs) error {
	if !strings.Contains(path, "/") {
		p, found, err := m.tx.PackageByName(ctx, m.bucket.ID, path)
		if err != nil {
			return err
		}
		if !found {
			return m.makePackage(ctx, path, true)
		}
		p.Explicit = true
		return m.tx.PutPackage(ctx, p)
	}
	old, had, err := m.tx.Entry(ctx, m.bucket.ID, path+"/")
	if err != nil {
		return err
	}
	_, err = m.install(ctx, &old, had, m.emptyVersion(), entryAt{path + "/", ids})
	return err
}

// ListFolder lists the members of a folder (of the root: the buckets the caller may read), in the order of their
// Cursors, after that one, up to limit, and tells whether there are more. What a tree cannot show is left out; of
// a file and a folder of the same name the file is shown. A path that is no folder has no members. Errors:
// NoSuchBucket, Forbidden, BadKey.
func (se *Session) ListFolder(ctx context.Context, p Path, after string, limit int) ([]TreeNode, bool, error) {
	if p.Bucket == "" {
		return se.listRoot(ctx, after, limit)
	}
	b, err := se.authorize(ctx, p.Bucket, AccessRead)
	if err != nil {
		return nil, false, err
	}
	l := folderList{s: se.s, bucket: b, after: after, limit: limit}
	if p.Key != "" {
		if err := checkTreePath(p.Key); err != nil {
			return nil, false, err
		}
		l.prefix = p.Key + "/"
	}
	err = l.run(ctx)
	if err != nil {
		return nil, false, fail("list folder", p.String(), err)
	}
	return l.nodes, l.more, nil
}

// listRoot shows buckets as folders.
func (se *Session) listRoot(ctx context.Context, after string, limit int) ([]TreeNode, bool, error) {
	buckets, more, err := se.Buckets(ctx, BucketListOptions{After: after, Limit: limit})
	if err != nil {
		return nil, false, err
	}
	nodes := make([]TreeNode, len(buckets))
	for i, b := range buckets {
		nodes[i] = bucketNode(b)
	}
	return nodes, more, nil
}

// leastFolderRead is how many keys are read at once where less is missing: some of them may not be shown.
const leastFolderRead = 16

// folderList is one run of ListFolder.
type folderList struct {
	s      *Service
	bucket Bucket
	prefix string // with a trailing "/", or "" for the bucket
	after  string
	limit  int
	nodes  []TreeNode
	more   bool
}

// run reads pages of keys until there are enough nodes, then adds the packages that have no key.
func (l *folderList) run(ctx context.Context) error {
	q := ListQuery{BucketID: l.bucket.ID, Prefix: l.prefix, Delimiter: "/"}
	if l.after != "" {
		q.From = l.prefix + l.after
		if strings.HasSuffix(l.after, "/") {
			q.SkipPrefix = q.From
		}
	}
	for done := false; !done && len(l.nodes) <= l.limit; {
		q.Limit = min(max(l.limit+1-len(l.nodes), leastFolderRead), maxPage)
		var nodes []TreeNode
		var next ListQuery
		err := l.s.viewPage(ctx, func(ctx context.Context, tx MetaTx) error {
			var err error
			nodes, next, err = l.page(ctx, tx, q)
			return err
		})
		if err != nil {
			return err
		}
		if l.nodes == nil {
			l.nodes = nodes // one page suffices mostly
		} else {
			l.nodes = append(l.nodes, nodes...)
		}
		done, q = next.Limit == 0, next
	}
	if l.prefix == "" {
		if err := l.addPackages(ctx); err != nil {
			return err
		}
	}
	if l.more = len(l.nodes) > l.limit; l.more {
		l.nodes = l.nodes[:l.limit]
	}
	return nil
}

// page reads one page; the query of the next one has no Limit at the end.
func (l *folderList) page(ctx context.Context, tx MetaTx, q ListQuery) ([]TreeNode, ListQuery, error) {
	items, err := tx.List(ctx, q)
	if err != nil {
		return nil, q, err
	}
	nodes := make([]TreeNode, 0, len(items))
	next := q
	for i := range items {
		it := &items[i]
		n, shown, err := l.node(ctx, tx, it)
		if err != nil {
			return nil, q, err
		}
		if shown {
			nodes = append(nodes, n)
		}
		if next.SkipPrefix = it.CommonPrefix; it.CommonPrefix != "" {
			next.From = it.CommonPrefix
		} else {
			next.From = it.Entry.Key + "\x00"
		}
	}
	if len(items) < q.Limit {
		next.Limit = 0
	}
	return nodes, next, nil
}

// node makes a node of an item, unless a tree does not show it.
func (l *folderList) node(ctx context.Context, tx MetaTx, it *ListItem) (TreeNode, bool, error) {
	if it.CommonPrefix == "" {
		name := it.Entry.Key[len(l.prefix):]
		past := name > l.after && showable(name) && isLive(&it.Entry, l.s.now())
		return fileNode(l.bucket, it.Entry), past, nil
	}
	path := strings.TrimSuffix(it.CommonPrefix, "/")
	if !showable(path[min(len(l.prefix), len(path)):]) {
		return TreeNode{}, false, nil
	}
	file, found, err := tx.Entry(ctx, l.bucket.ID, path)
	if err != nil || found && isLive(&file, l.s.now()) {
		return TreeNode{}, false, err
	}
	n := TreeNode{Path: Path{l.bucket.Name, path}, Folder: true, Bucket: l.bucket}
	_, err = l.s.markFolder(ctx, tx, &n)
	return n, true, err
}

// addPackages merges explicit packages without a live key into the nodes of a bucket.
func (l *folderList) addPackages(ctx context.Context) error {
	shown := make(map[string]bool, len(l.nodes))
	for i := range l.nodes {
		shown[l.nodes[i].Name()] = true
	}
	if err := l.shorterPackages(ctx, shown); err != nil {
		return err
	}
	for from := l.after; ; {
		var page []Package
		var empty []TreeNode
		err := l.s.viewPage(ctx, func(ctx context.Context, tx MetaTx) error {
			var err error
			if page, err = tx.PackagesFrom(ctx, l.bucket.ID, from, folderPage); err != nil {
				return err
			}
			empty, err = l.emptyPackages(ctx, tx, page, shown)
			return err
		})
		if err != nil {
			return err
		}
		l.merge(empty)
		if len(page) < folderPage {
			return nil
		}
		last := page[len(page)-1].Name
		if bound := l.bound(); bound != "" && bound < last {
			return nil // what comes behind it by name does so by Cursor too
		}
		from = last + "\x00"
	}
}

// shorterPackages merges packages whose name comes before the cursor that the list goes on after, but whose own cursor
// does not: with the "/" behind it a name may come after longer ones that it begins.
func (l *folderList) shorterPackages(ctx context.Context, shown map[string]bool) error {
	var empty []TreeNode
	err := l.s.viewPage(ctx, func(ctx context.Context, tx MetaTx) error {
		empty = nil
		for i := 1; i < len(l.after); i++ {
			if l.after[i] >= '/' {
				continue
			}
			p, found, err := tx.PackageByName(ctx, l.bucket.ID, l.after[:i])
			if err != nil {
				return err
			}
			if !found {
				continue
			}
			nodes, err := l.emptyPackages(ctx, tx, []Package{p}, shown)
			if err != nil {
				return err
			}
			empty = append(empty, nodes...)
		}
		return nil
	})
	l.merge(empty)
	return err
}

// bound is the cursor of the node behind the page, "" as long as there is none.
func (l *folderList) bound() string {
	if len(l.nodes) <= l.limit {
		return ""
	}
	return l.nodes[l.limit].Cursor()
}

// emptyPackages shows the explicit packages of a page that belong into the list and are not there by a key.
func (l *folderList) emptyPackages(
	ctx context.Context, tx MetaTx, page []Package, shown map[string]bool,
) ([]TreeNode, error) {
	var empty []TreeNode
	bound := l.bound()
	for _, p := range page {
		at := p.Name + "/"
		if !p.Explicit || at <= l.after || bound != "" && at > bound || shown[p.Name] {
			continue
		}
		n, keep, err := l.emptyPackage(ctx, tx, p)
		if err != nil {
			return nil, err
		}
		if keep {
			empty = append(empty, n)
		}
	}
	return empty, nil
}

// emptyPackage shows a package without members, unless a file has its name.
func (l *folderList) emptyPackage(ctx context.Context, tx MetaTx, p Package) (TreeNode, bool, error) {
	file, found, err := tx.Entry(ctx, l.bucket.ID, p.Name)
	if err != nil || found && isLive(&file, l.s.now()) || !showable(p.Name) {
		return TreeNode{}, false, err
	}
	return TreeNode{
		Path: Path{l.bucket.Name, p.Name}, Folder: true, Bucket: l.bucket,
		CreateTime: p.CreateTime, UpdateTime: p.CreateTime,
	}, true, nil
}

// merge adds nodes in order and keeps no more than a page and one.
func (l *folderList) merge(nodes []TreeNode) {
	if len(nodes) == 0 {
		return
	}
	l.nodes = append(l.nodes, nodes...)
	slices.SortFunc(l.nodes, func(a, b TreeNode) int { return strings.Compare(a.Cursor(), b.Cursor()) })
	if len(l.nodes) > l.limit+1 {
		l.nodes = l.nodes[:l.limit+1]
	}
}
