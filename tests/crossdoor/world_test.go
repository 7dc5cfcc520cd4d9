package crossdoor

import (
	"crypto/md5"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"trivium/core"
)

// file is what a key holds.
type file struct {
	content string
	kind    string // content type; "": nobody said it
	color   string // x-amz-meta-color; "": none
	mtime   int64  // the client's time, or core.NoTime
	etag    string
	updated int64 // the server's time, as it was first seen; 0: not yet
}

// newFile is what a write without anything else than content makes.
func newFile(content string) *file {
	return &file{content: content, mtime: core.NoTime, etag: md5Of(content)}
}

// again is a copy: another write.
func (f *file) again() *file {
	c := *f
	c.updated = 0
	return &c
}

func md5Of(content string) string {
	sum := md5.Sum([]byte(content))
	return hex.EncodeToString(sum[:])
}

// world is what the store should be: the keys of one bucket with what they hold, markers of folders among them (empty
// under a key that ends in "/"), the packages that were made explicitly, and the unfinished uploads of the native API.
// Whatever a door shows follows from that.
type world struct {
	keys     map[string]*file
	packages map[string]bool
	uploads  map[string]upload
	ids      map[string]int64 // objectIDs of entries, as they were first seen
	// past are the versions of each key where the bucket keeps them, newest first, nil being a delete marker.
	past      map[string][]*file
	versioned bool
}

func newWorld(versioned bool) *world {
	return &world{
		keys: map[string]*file{}, packages: map[string]bool{}, uploads: map[string]upload{}, ids: map[string]int64{},
		past: map[string][]*file{}, versioned: versioned,
	}
}

// clone is a world that changes apart from w.
func (w *world) clone() *world {
	return &world{maps.Clone(w.keys), maps.Clone(w.packages), maps.Clone(w.uploads), maps.Clone(w.ids), maps.Clone(w.past), w.versioned}
}

// set makes f the current version of k.
func (w *world) set(k string, f *file) {
	w.keys[k] = f
	w.remember(k, f)
}

// drop deletes what k holds.
func (w *world) drop(k string) {
	delete(w.keys, k)
	w.remember(k, nil)
	w.forget(k)
}

// remember adds a version.
func (w *world) remember(k string, f *file) {
	if w.versioned {
		w.past[k] = append([]*file{f}, w.past[k]...)
	}
}

// forget ends the identity of a key that has nothing any more.
func (w *world) forget(k string) {
	if w.keys[k] == nil && w.uploads[k] == nil && len(w.past[k]) == 0 {
		delete(w.ids, k)
	}
}

// carry moves the entry at src to dst, with its identity and all versions; those under dst become its oldest.
func (w *world) carry(src, dst string) {
	delete(w.keys, dst)
	if f := w.keys[src]; f != nil {
		w.keys[dst] = f
	}
	if all := slices.Concat(w.past[src], w.past[dst]); len(all) > 0 {
		w.past[dst] = all
	}
	delete(w.ids, dst)
	if id := w.ids[src]; id != 0 {
		w.ids[dst] = id
	}
	delete(w.keys, src)
	delete(w.past, src)
	delete(w.ids, src)
}

// below returns the keys that begin with prefix, sorted.
func (w *world) below(prefix string) []string { return keysBelow(w.keys, prefix) }

func keysBelow[T any](m map[string]T, prefix string) []string {
	var all []string
	for k := range m {
		if strings.HasPrefix(k, prefix) {
			all = append(all, k)
		}
	}
	slices.Sort(all)
	return all
}

// file tells whether a tree shows p as a file.
func (w *world) file(p string) bool { return w.keys[p] != nil }

// folder tells whether there is a folder p, which a file of its name may hide.
func (w *world) folder(p string) bool {
	return p == "" || len(w.below(p+"/")) > 0 || w.packages[p]
}

// occupied tells whether a tree shows anything at p.
func (w *world) occupied(p string) bool { return w.file(p) || w.folder(p) }

// up is the folder that p lies in; "" is the bucket.
func up(p string) string { return p[:max(0, strings.LastIndexByte(p, '/'))] }

// covered tells whether a file stands on the way to p.
func (w *world) covered(p string) bool {
	for at := up(p); at != ""; at = up(at) {
		if w.file(at) {
			return true
		}
	}
	return false
}

// place tells whether something new may lie at p: its folder is there, and no file stands on the way.
func (w *world) place(p string) bool { return !w.covered(p) && w.folder(up(p)) }

// keep leaves a folder where its last member has gone, as doors that show trees do.
func (w *world) keep(p string) {
	if p != "" && len(w.below(p+"/")) == 0 {
		w.make(p)
	}
}

// make makes a folder.
func (w *world) make(p string) {
	if strings.Contains(p, "/") {
		w.set(p+"/", newFile(""))
	} else {
		w.packages[p] = true
	}
}

// clear removes the folder p with all in it.
func (w *world) clear(p string) {
	for _, k := range w.below(p + "/") {
		w.drop(k)
	}
	delete(w.packages, p)
}

// s3Copy is CopyObject.
func (w *world) s3Copy(src, dst string) int {
	if !w.file(src) {
		return 404
	}
	w.set(dst, w.keys[src].again())
	return 200
}

// davPut is PUT through WebDAV. A file that hides a folder may be written again.
func (w *world) davPut(p string, f *file) int {
	status := 201
	switch {
	case w.file(p) && !w.covered(p):
		status = 204
	case !w.place(p), w.folder(p):
		return 409
	}
	w.set(p, f)
	return status
}

// davMkcol is MKCOL.
func (w *world) davMkcol(p string) int {
	switch {
	case w.occupied(p):
		return 405
	case !w.place(p):
		return 409
	}
	w.make(p)
	return 201
}

// davDelete is DELETE; where a file hides a folder the file goes.
func (w *world) davDelete(p string) int {
	switch {
	case w.file(p):
		w.drop(p)
	case w.folder(p):
		w.clear(p)
	default:
		return 404
	}
	w.keep(up(p))
	return 204
}

// davCopy is COPY and MOVE.
func (w *world) davCopy(src, dst string, overwrite, move bool) int {
	x, y := src+"/", dst+"/"
	taken, file := w.occupied(dst), w.file(src)
	switch {
	case strings.HasPrefix(x, y) || strings.HasPrefix(y, x):
		return 403
	case !w.occupied(src):
		return 404
	case move && file && w.uploads[src] != nil:
		return 409
	case taken && !overwrite:
		return 412
	case w.covered(dst) || !taken && !w.place(dst):
		return 409
	case move && w.unfinished(src, dst, file):
		return 409
	}
	next := w.clone()
	if taken && (!file || !w.file(dst)) {
		if w.file(dst) {
			next.drop(dst)
		}
		next.clear(dst)
	}
	switch {
	case file && move:
		next.carry(src, dst)
	case file:
		next.set(dst, w.keys[src].again())
	default:
		next.carryFolder(w, src, dst, move)
	}
	if move {
		next.keep(up(src))
	}
	*w = *next
	if taken {
		return 204
	}
	return 201
}

// unfinished tells whether an upload is in the way of a move: it lies over what moves, or where that goes.
func (w *world) unfinished(src, dst string, file bool) bool {
	if file {
		return w.uploads[src] != nil || w.uploads[dst] != nil
	}
	return len(keysBelow(w.uploads, src+"/")) > 0 || len(keysBelow(w.uploads, dst+"/")) > 0
}

// carryFolder copies or moves the folder src of from to dst.
func (w *world) carryFolder(from *world, src, dst string, move bool) {
	members := from.below(src + "/")
	explicit := from.packages[src]
	switch {
	case move:
		all := maps.Clone(from.past)
		for _, k := range members {
			all[k] = nil
		}
		for _, k := range keysBelow(all, src+"/") {
			w.carry(k, dst+k[len(src):])
		}
		delete(w.packages, src)
	default:
		for _, k := range members {
			w.set(dst+k[len(src):], from.keys[k].again())
		}
	}
	switch {
	case !strings.Contains(dst, "/") && explicit:
		w.packages[dst] = true
	case len(members) == 0:
		w.make(dst)
	}
}

// tree is what WebDAV shows of the bucket: addresses below it, folders with a "/" at their end.
func (w *world) tree() []string {
	shown := map[string]bool{}
	add := func(p string, folder bool) {
		if !treelike(p) || w.covered(p) {
			return
		}
		if folder && !w.file(p) {
			shown[p+"/"] = true
		}
		if !folder {
			shown[p] = true
		}
	}
	for p := range w.packages {
		add(p, true)
	}
	for k := range w.keys {
		if !strings.HasSuffix(k, "/") {
			add(k, false)
		}
		for at := up(k); at != ""; at = up(at) {
			add(at, true)
		}
	}
	return slices.Sorted(maps.Keys(shown))
}

// treelike tells whether a tree can show p.
func treelike(p string) bool {
	for seg := range strings.SplitSeq(p, "/") {
		if seg == "" || seg == "." || seg == ".." {
			return false
		}
	}
	return true
}

// shownFile tells whether a tree shows the file at k.
func (w *world) shownFile(k string) bool { return w.file(k) && treelike(k) && !w.covered(k) }
