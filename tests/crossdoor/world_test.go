package crossdoor

import (
	"maps"
	"slices"
	"strings"
)

// world is what the store should be: the keys of one bucket with their contents, markers of folders among them (""
// under a key that ends in "/"), and the packages that were made explicitly. Whatever a door shows follows from that.
type world struct {
	keys     map[string]string
	packages map[string]bool
}

func newWorld() *world { return &world{map[string]string{}, map[string]bool{}} }

// below returns the keys that begin with prefix, sorted.
func (w *world) below(prefix string) []string {
	var all []string
	for k := range w.keys {
		if strings.HasPrefix(k, prefix) {
			all = append(all, k)
		}
	}
	slices.Sort(all)
	return all
}

// file tells whether a tree shows p as a file.
func (w *world) file(p string) bool {
	_, there := w.keys[p]
	return there
}

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
	switch {
	case p == "" || len(w.below(p+"/")) > 0:
	case strings.Contains(p, "/"):
		w.keys[p+"/"] = ""
	default:
		w.packages[p] = true
	}
}

// make makes a folder.
func (w *world) make(p string) {
	if strings.Contains(p, "/") {
		w.keys[p+"/"] = ""
	} else {
		w.packages[p] = true
	}
}

// clear removes the folder p with all in it.
func (w *world) clear(p string) {
	maps.DeleteFunc(w.keys, func(k, _ string) bool { return strings.HasPrefix(k, p+"/") })
	delete(w.packages, p)
}

// s3Put and s3Delete know no folders.
func (w *world) s3Put(k, content string) { w.keys[k] = content }
func (w *world) s3Delete(k string)       { delete(w.keys, k) }

// davPut is PUT through WebDAV. A file that hides a folder may be written again.
func (w *world) davPut(p, content string) int {
	status := 201
	switch {
	case w.file(p) && !w.covered(p):
		status = 204
	case !w.place(p), w.folder(p):
		return 409
	}
	w.keys[p] = content
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
		delete(w.keys, p)
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
	taken := w.occupied(dst)
	switch {
	case strings.HasPrefix(x, y) || strings.HasPrefix(y, x):
		return 403
	case !w.occupied(src):
		return 404
	case taken && !overwrite:
		return 412
	}
	file := w.file(src)
	next := &world{maps.Clone(w.keys), maps.Clone(w.packages)}
	if taken && (!file || !w.file(dst)) {
		delete(next.keys, dst)
		next.clear(dst)
	}
	if w.covered(dst) || !taken && !w.place(dst) {
		return 409
	}
	if file {
		next.keys[dst] = w.keys[src]
	} else {
		next.carry(w, src, dst)
	}
	if move {
		if file {
			delete(next.keys, src)
		} else {
			next.clear(src)
		}
		next.keep(up(src))
	}
	*w = *next
	if taken {
		return 204
	}
	return 201
}

// carry copies the folder src of from to dst.
func (w *world) carry(from *world, src, dst string) {
	members := from.below(src + "/")
	for _, k := range members {
		w.keys[dst+k[len(src):]] = from.keys[k]
	}
	top := !strings.Contains(dst, "/")
	switch {
	case top && from.packages[src]:
		w.packages[dst] = true
	case len(members) == 0:
		w.make(dst)
	}
}

// tree is what WebDAV shows of the bucket: addresses below it, folders with a "/" at their end.
func (w *world) tree() []string {
	shown := map[string]bool{}
	add := func(p string, folder bool) {
		for seg := range strings.SplitSeq(p, "/") {
			if seg == "" || seg == "." || seg == ".." {
				return
			}
		}
		for at := up(p); at != ""; at = up(at) {
			if w.file(at) {
				return // hidden by a file
			}
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
