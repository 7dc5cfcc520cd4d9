package crossdoor

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"trivium/core"
	"trivium/nativeapi/client"
	v1 "trivium/nativeapi/v1"
	"trivium/tests/s3client"
)

// s3Status is the status of an answer of S3.
func s3Status(err error) int { return s3client.Status(err) }

// packageID finds a package as the model has it; nobody where there is none.
func (r *run) packageID(name string) int64 {
	r.t.Helper()
	p, err := r.api.Package(r.t.Context(), bucket, name)
	if got := nativeStatus(r.t, err) == http.StatusOK; got != r.w.hasPackage(name) {
		r.t.Fatalf("getByFullName of %q = %+v, %v; the package is there: %t", name, p, err, r.w.hasPackage(name))
	}
	if err != nil {
		return nobody
	}
	return p.PackageID
}

// objectID finds an object as the model has it; nobody where there is none.
func (r *run) objectID(k string) int64 {
	r.t.Helper()
	name, path := core.SplitKey(k)
	if !r.w.hasPackage(name) {
		return nobody
	}
	page, err := r.api.InfoAt(r.t.Context(), r.packageID(name), path)
	if got := nativeStatus(r.t, err) == http.StatusOK; got != r.w.has(k) {
		r.t.Fatalf("object/info of %q = %+v, %v; the object is there: %t", k, page, err, r.w.has(k))
	}
	if err != nil {
		return nobody
	}
	return page.Object.ObjectID
}

// found is the status of a call that needs something to be there.
func found(there bool) int {
	if there {
		return http.StatusOK
	}
	return http.StatusNotFound
}

// nativeStep makes a request of the native API.
func (r *run) nativeStep() outcome {
	r.t.Helper()
	p := r.path()
	switch r.rnd.IntN(14) {
	case 0, 1:
		return r.put(p)
	case 2, 3:
		return r.upload(p)
	case 4, 5:
		return r.move(r.pick(), p)
	case 6:
		return r.clone(r.pick(), p)
	case 7:
		return r.remove()
	case 8:
		name, _, _ := strings.Cut(p, "/")
		_, err := r.api.CreatePackage(r.t.Context(), r.bucketID, name)
		o := outcome{"package/create " + name, nativeStatus(r.t, err), http.StatusOK}
		if r.w.hasPackage(name) {
			o.want = http.StatusConflict
		} else {
			r.w.packages[name] = true
		}
		return o
	case 9:
		if r.rnd.IntN(3) > 0 {
			return outcome{what: "nothing"}
		}
		name, _ := core.SplitKey(p)
		err := r.api.DeletePackage(r.t.Context(), r.packageID(name))
		o := outcome{"package/delete " + name, nativeStatus(r.t, err), found(r.w.hasPackage(name))}
		r.w.nativeDrop(name)
		return o
	case 10:
		return r.restore(r.pick())
	default:
		return r.unfinished(p)
	}
}

// put is putByPath, sometimes of what a folder's marker is.
func (r *run) put(p string) outcome {
	f := newFile(fmt.Sprintf("content %d", r.n))
	f.kind = octets
	if strings.Contains(p, "/") && r.rnd.IntN(8) == 0 {
		p += "/"
		f.content, f.etag = "", md5Of("")
	}
	name, path := core.SplitKey(p)
	o, err := r.api.Put(r.t.Context(), r.packageID(name), path, strings.NewReader(f.content), int64(len(f.content)))
	out := outcome{"putByPath " + p, nativeStatus(r.t, err), found(r.w.hasPackage(name))}
	if err == nil {
		r.written(p, f, o)
	}
	return out
}

// written books what a write of the native API has answered.
func (r *run) written(k string, f *file, o v1.Object) {
	r.t.Helper()
	r.w.nativePut(k, f)
	r.identity(k, f, o)
}

// upload is object/upload of several files in one package, one path perhaps twice.
func (r *run) upload(p string) outcome {
	name, path := core.SplitKey(p)
	paths := []string{path}
	for range r.rnd.IntN(3) {
		if other, q := core.SplitKey(r.path()); other == name {
			paths = append(paths, q)
		}
	}
	files, written := make([]client.File, len(paths)), map[string]*file{}
	older := r.w.clone()
	for i, q := range paths {
		f := newFile(fmt.Sprintf("content %d, file %d", r.n, i))
		f.kind = []string{octets, "text/x-one"}[r.rnd.IntN(2)]
		k, _ := core.JoinKey(name, q)
		if written[k] != nil {
			older.remember(k, written[k]) // each of them is a version
		}
		written[k] = f
		files[i] = client.File{Path: q, Body: strings.NewReader(f.content), ContentType: f.kind}
	}
	all, err := r.api.Upload(r.t.Context(), r.packageID(name), files)
	out := outcome{fmt.Sprintf("upload %q to %q", paths, name), nativeStatus(r.t, err), found(r.w.hasPackage(name))}
	if err != nil {
		return out
	}
	if len(all) != len(paths) {
		r.t.Fatalf("%s: %d objects", out.what, len(all))
	}
	r.w.past = older.past
	for i, q := range paths {
		k, _ := core.JoinKey(name, q)
		if r.w.keys[k] != written[k] {
			r.written(k, written[k], all[i])
		}
		r.identity(k, written[k], all[i])
	}
	return out
}

// move is object/move of one object.
func (r *run) move(src, dst string) outcome {
	name, path := core.SplitKey(dst)
	id := r.objectID(src)
	moved, err := r.api.Move(r.t.Context(), []v1.Moving{{ObjectID: id, PackageID: r.packageID(name), Path: path}})
	out := outcome{fmt.Sprintf("move %s to %s: %d", src, dst, moved), nativeStatus(r.t, err), http.StatusOK}
	ok := r.w.movable(src, dst)
	if want := map[bool][]int64{true: {id}}[ok]; !cmp.Equal(moved, want, cmpopts.EquateEmpty()) {
		r.t.Errorf("%s, want %d", out.what, want)
	}
	if ok {
		r.w.carry(src, dst)
	}
	return out
}

// clone is object/clone of two objects to one place: the first one wins.
func (r *run) clone(src, dst string) outcome {
	name, path := core.SplitKey(dst)
	sources := []string{src, r.pick()}
	items := make([]v1.Cloning, len(sources))
	for i, k := range sources {
		items[i] = v1.Cloning{ObjectID: r.objectID(k), NewPackageID: r.packageID(name), NewPath: path}
	}
	all, err := r.api.Clone(r.t.Context(), items)
	out := outcome{fmt.Sprintf("clone %q to %s", sources, dst), nativeStatus(r.t, err), http.StatusOK}
	for i, k := range sources {
		ok := r.w.movable(k, dst)
		if err != nil || len(all) != len(sources) || (all[i] != nil) != ok {
			r.t.Fatalf("%s = %v, want the clone of number %d: %t", out.what, all, i, ok)
		}
		if ok {
			f := r.w.keys[k].again()
			r.w.set(dst, f)
			r.identity(dst, f, *all[i])
		}
	}
	return out
}

// remove is object/delete of some objects and one that is not there.
func (r *run) remove() outcome {
	ids, keys := []int64{nobody}, []string{}
	for range 1 + r.rnd.IntN(2) {
		k := r.pick()
		keys, ids = append(keys, k), append(ids, r.objectID(k))
	}
	err := r.api.Delete(r.t.Context(), ids...)
	for _, k := range keys {
		r.w.nativeDelete(k)
	}
	return outcome{fmt.Sprintf("delete %q", keys), nativeStatus(r.t, err), http.StatusOK}
}

// restore compares the versions of an object, which may be under a delete marker, and restores one.
func (r *run) restore(k string) outcome {
	id := r.w.ids[k]
	if hidden := keysBelow(r.w.past, ""); len(hidden) > 0 && r.rnd.IntN(3) == 0 {
		k = hidden[r.rnd.IntN(len(hidden))]
		id = r.w.ids[k]
	}
	past := r.w.past[k]
	if id == 0 || len(past) == 0 {
		return outcome{what: "nothing"}
	}
	all, err := r.api.Versions(r.t.Context(), id)
	if err != nil || len(all) != len(past) {
		r.t.Fatalf("listVersions of %s: %d versions, %v, want %d", k, len(all), err, len(past))
	}
	for i, f := range past {
		v := &all[i]
		if v.IsDeleteMarker != (f == nil) || v.IsLatest != (i == 0) || f != nil && int(v.Size) != len(f.content) {
			r.t.Fatalf("listVersions of %s: number %d is %+v, want %+v", k, i, v, f)
		}
		if f == nil {
			continue
		}
		if got, err := r.download(id, v.VersionID); err != nil || got != f.content {
			r.t.Fatalf("version %d of %s is %q, %v, want %q", i, k, got, err, f.content)
		}
	}
	i := r.rnd.IntN(len(past))
	o, err := r.api.Restore(r.t.Context(), id, all[i].VersionID)
	out := outcome{fmt.Sprintf("restoreVersion %d of %s", i, k), nativeStatus(r.t, err), http.StatusOK}
	if past[i] == nil {
		out.want = http.StatusConflict
	} else if err == nil {
		f := past[i].again()
		r.w.set(k, f)
		r.identity(k, f, o)
	}
	return out
}

// unfinished begins, goes on with, completes or aborts a multipart upload.
func (r *run) unfinished(p string) outcome {
	begun := keysBelow(r.w.uploads, "")
	if len(begun) == 0 || r.rnd.IntN(4) == 0 {
		name, path := core.SplitKey(p)
		o, err := r.api.NewUpload(r.t.Context(), r.packageID(name), path)
		out := outcome{"newMultipartUpload " + p, nativeStatus(r.t, err), found(r.w.hasPackage(name))}
		if err == nil {
			r.w.uploads[p] = upload{}
			if was := r.w.ids[p]; was != 0 && was != o.ObjectID {
				r.t.Fatalf("%s has the objectID %d, want %d", out.what, o.ObjectID, was)
			}
			r.w.ids[p] = o.ObjectID
		}
		return out
	}
	k := begun[r.rnd.IntN(len(begun))]
	u, id := r.w.uploads[k], r.objectID(k)
	switch r.rnd.IntN(6) {
	case 0:
		err := r.api.AbortUpload(r.t.Context(), id)
		delete(r.w.uploads, k)
		r.w.forget(k)
		return outcome{"abort " + k, nativeStatus(r.t, err), http.StatusOK}
	case 1, 2:
		return r.complete(k, id)
	}
	index := r.rnd.IntN(3)
	u[index] = fmt.Sprintf("part %d of %d", index, r.n)
	err := r.api.UploadPart(r.t.Context(), id, index, strings.NewReader(u[index]))
	return outcome{fmt.Sprintf("uploadPart %d of %s", index, k), nativeStatus(r.t, err), http.StatusOK}
}

// complete joins the parts of an upload in random order, one of them perhaps twice; without parts it is refused.
func (r *run) complete(k string, id int64) outcome {
	u := r.w.uploads[k]
	indexes := slices.Sorted(maps.Keys(u))
	r.rnd.Shuffle(len(indexes), func(i, j int) { indexes[i], indexes[j] = indexes[j], indexes[i] })
	if len(indexes) > 0 && r.rnd.IntN(3) == 0 {
		indexes = append(indexes, indexes[0])
	}
	o, err := r.api.CompleteUpload(r.t.Context(), id, indexes)
	out := outcome{fmt.Sprintf("complete %s of %v", k, indexes), nativeStatus(r.t, err), http.StatusOK}
	if len(indexes) == 0 {
		out.want = http.StatusBadRequest
		return out
	}
	if err != nil {
		return out
	}
	parts := make([]string, len(indexes))
	for i, index := range indexes {
		parts[i] = u[index]
	}
	f := newFile(strings.Join(parts, ""))
	f.kind, f.etag = octets, etagOfParts(parts...)
	r.written(k, f, o)
	return out
}

// packages compares the packages and their objects with the model, and returns the objects by key.
func (r *run) packages() map[string]v1.Object {
	r.t.Helper()
	all, err := r.api.Packages(r.t.Context(), r.bucketID)
	if err != nil {
		r.t.Fatal(err)
	}
	var names []string
	objects := map[string]v1.Object{}
	for _, p := range all {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	if diff := cmp.Diff(r.w.packageNames(), names, cmpopts.EquateEmpty()); diff != "" {
		r.t.Fatalf("listBucketPackages (-want +got):\n%s\nkeys: %q, packages: %v", diff, r.w.below(""), r.w.packages)
	}
	for _, p := range all {
		found, err := r.api.Objects(r.t.Context(), p.PackageID)
		if err != nil {
			r.t.Fatal(err)
		}
		shown := map[string]bool{}
		for _, o := range found {
			k, _ := core.JoinKey(p.Name, o.Path)
			objects[k] = o
			shown[o.Path] = o.Redundancy.Type == v1.RedundancyUpload
			if u := r.w.uploads[k]; shown[o.Path] && int(o.Size) != u.size() {
				r.t.Errorf("the upload of %s has %d bytes, want %d", k, o.Size, u.size())
			}
		}
		if diff := cmp.Diff(r.w.members(p.Name), shown); diff != "" {
			r.t.Fatalf("getPackageObjects of %q (-want +got):\n%s", p.Name, diff)
		}
		r.pages(p)
	}
	return objects
}

// pages compares listByPath, folded and in pages, with the model.
func (r *run) pages(p v1.Package) {
	r.t.Helper()
	prefix := []string{"", "", "a", "a/", "b", "ä"}[r.rnd.IntN(6)]
	o := client.ListOptions{Prefix: prefix, Folded: true, MaxKeys: 1 + r.rnd.IntN(4)}
	var got []string
	for more := true; more; {
		page, err := r.api.List(r.t.Context(), p.PackageID, o)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, cp := range page.CommonPrefixes {
			got = append(got, cp+"*")
		}
		for i := range page.Objects {
			got = append(got, page.Objects[i].Path)
		}
		o.Token, more = page.NextContinuationToken, page.IsTruncated
	}
	slices.Sort(got)
	if diff := cmp.Diff(r.w.folded(p.Name, prefix), got, cmpopts.EquateEmpty()); diff != "" {
		r.t.Fatalf("listByPath of %q in %q (-want +got):\n%s", prefix, p.Name, diff)
	}
}
