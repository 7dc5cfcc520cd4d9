package crossdoor

import (
	"maps"
	"slices"
	"strings"

	"trivium/core"
)

// octets is what the native API takes content for of which nobody says what it is.
const octets = "application/octet-stream"

// upload is an unfinished upload of the native API: its parts by index.
type upload map[int]string

// size is what it has so far, in bytes.
func (u upload) size() (n int) {
	for _, part := range u {
		n += len(part)
	}
	return n
}

// members are the objects of a package by path, with "true" for those that are unfinished; of no object there is no
// package but an explicit one.
func (w *world) members(pkg string) map[string]bool {
	all := map[string]bool{}
	for k := range w.keys {
		if name, path := core.SplitKey(k); name == pkg {
			all[path] = false
		}
	}
	for k := range w.uploads {
		if name, path := core.SplitKey(k); name == pkg {
			all[path] = true
		}
	}
	return all
}

// hasPackage tells whether a package is there.
func (w *world) hasPackage(name string) bool { return w.packages[name] || len(w.members(name)) > 0 }

// packageNames are those of all packages.
func (w *world) packageNames() []string {
	names := maps.Clone(w.packages)
	for k := range w.keys {
		name, _ := core.SplitKey(k)
		names[name] = true
	}
	for k := range w.uploads {
		name, _ := core.SplitKey(k)
		names[name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// folded is what listByPath shows of the paths with a prefix when it folds them.
func (w *world) folded(pkg, prefix string) []string {
	shown := map[string]bool{}
	for path := range w.members(pkg) {
		rest, ok := strings.CutPrefix(path, prefix)
		if !ok {
			continue
		}
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			path = path[:len(prefix)+i+1] + "*"
		}
		shown[path] = true
	}
	return slices.Sorted(maps.Keys(shown))
}

// has tells whether the native API shows an object at k.
func (w *world) has(k string) bool { return w.file(k) || w.uploads[k] != nil }

// movable tells whether the object at k can be moved or cloned to dst.
func (w *world) movable(k, dst string) bool {
	pkg, _ := core.SplitKey(dst)
	return w.file(k) && w.uploads[k] == nil && !w.has(dst) && w.hasPackage(pkg)
}

// nativePut is a write of the native API: it ends an unfinished upload of the key.
func (w *world) nativePut(k string, f *file) {
	delete(w.uploads, k)
	w.set(k, f)
}

// nativeDelete deletes the object at k, an unfinished upload with what lies below it.
func (w *world) nativeDelete(k string) {
	delete(w.uploads, k)
	if w.file(k) {
		w.drop(k)
	}
	w.forget(k)
}

// nativeDrop deletes a package.
func (w *world) nativeDrop(pkg string) {
	for path := range w.members(pkg) {
		k, _ := core.JoinKey(pkg, path)
		w.nativeDelete(k)
	}
	delete(w.packages, pkg)
}
