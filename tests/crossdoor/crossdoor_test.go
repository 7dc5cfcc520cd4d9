package crossdoor

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"trivium/core"
	v1 "trivium/nativeapi/v1"
)

// run is one random history.
type run struct {
	*doors
	rnd *rand.Rand
	w   *world
	n   int // of the step
}

// outcome is what a request was, its status and the wanted one.
type outcome struct {
	what      string
	got, want int
}

// differs tells whether the status is another than the model's. S3 says success in more than one way.
func (o outcome) differs() bool {
	if strings.HasPrefix(o.what, "S3 ") {
		return o.got/100 != o.want/100
	}
	return o.got != o.want
}

// path is a random path of few names.
func (r *run) path() string {
	segments := make([]string, 1+r.rnd.IntN(3))
	for i := range segments {
		segments[i] = []string{"a", "a-", "b", "ä b"}[r.rnd.IntN(4)]
	}
	return strings.Join(segments, "/")
}

// pick is a path of which the native API shows an object, mostly.
func (r *run) pick() string {
	all := slices.Concat(r.w.below(""), keysBelow(r.w.uploads, ""))
	if len(all) == 0 || r.rnd.IntN(6) == 0 {
		return r.path()
	}
	slices.Sort(all)
	return all[r.rnd.IntN(len(all))]
}

// fresh is new content with a random type, which may not be said.
func (r *run) fresh() *file {
	f := newFile(fmt.Sprintf("content %d", r.n))
	f.kind = []string{"", "text/x-one", "text/x-two"}[r.rnd.IntN(3)]
	return f
}

// time is a random time of a client, in whole seconds or not.
func (r *run) time() int64 {
	return 1_500_000_000e9 + r.rnd.Int64N(1_000_000)*1e9 + r.rnd.Int64N(2)*250_000_000
}

// step makes one random request.
func (r *run) step() outcome {
	r.t.Helper()
	switch r.rnd.IntN(3) {
	case 0:
		return r.s3Step()
	case 1:
		return r.davStep()
	}
	return r.nativeStep()
}

// s3Step makes a request of S3, which knows no folders.
func (r *run) s3Step() outcome {
	r.t.Helper()
	p := r.path()
	switch r.rnd.IntN(8) {
	case 0, 1, 2:
		f := r.fresh()
		f.color = []string{"", "red", "blue"}[r.rnd.IntN(3)]
		if r.rnd.IntN(2) == 0 {
			f.mtime = r.time()
		}
		r.s3Put(r.t, p, f)
		r.w.set(p, f)
		return outcome{"S3 PUT " + p, 200, 200}
	case 3:
		f := newFile("")
		if r.rnd.IntN(4) == 0 {
			f = newFile("not empty") // no folder's marker, and nothing that a tree shows
		}
		r.s3Put(r.t, p+"/", f)
		r.w.set(p+"/", f)
		return outcome{"S3 PUT " + p + "/", 200, 200}
	case 4:
		f := newFile(fmt.Sprintf("content %d", r.n))
		f.etag = etagOfParts(f.content)
		if err := r.s3.UploadOne(r.t.Context(), bucket, p, strings.NewReader(f.content), int64(len(f.content))); err != nil {
			r.t.Fatal(err)
		}
		r.w.set(p, f)
		return outcome{"S3 multipart " + p, 200, 200}
	case 5:
		src := r.pick()
		if src == p {
			return outcome{what: "S3 nothing"}
		}
		h := http.Header{"X-Amz-Copy-Source": {"/" + bucket + "/" + (&url.URL{Path: src}).EscapedPath()}}
		_, _, err := r.s3Do(http.MethodPut, p, "", h)
		return outcome{"S3 copy " + src + " to " + p, s3Status(err), r.w.s3Copy(src, p)}
	}
	if r.rnd.IntN(2) == 0 {
		p = r.pick()
	}
	err := r.s3.Delete(r.t.Context(), bucket, p)
	r.w.drop(p)
	return outcome{"S3 DELETE " + p, s3Status(err), 200}
}

// davStep makes a request of WebDAV.
func (r *run) davStep() outcome {
	r.t.Helper()
	p := r.path()
	switch n := r.rnd.IntN(9); n {
	case 0, 1:
		f := r.fresh()
		headers := []string{}
		if f.kind != "" {
			headers = append(headers, "Content-Type", f.kind)
		}
		if r.rnd.IntN(2) == 0 {
			f.mtime = r.time()
			headers = append(headers, "X-OC-Mtime", core.FormatMTime(f.mtime))
		}
		got, _ := r.davDo(http.MethodPut, p, f.content, headers...)
		return outcome{"PUT " + p, got, r.w.davPut(p, f)}
	case 2, 3:
		got, _ := r.davDo("MKCOL", p, "")
		return outcome{"MKCOL " + p, got, r.w.davMkcol(p)}
	case 4:
		got, _ := r.davDo(http.MethodDelete, p, "")
		return outcome{"DELETE " + p, got, r.w.davDelete(p)}
	case 5:
		p = r.pick()
		if !r.w.shownFile(p) {
			return outcome{what: "nothing"}
		}
		at := r.time() / 1e9 * 1e9
		r.w.keys[p].mtime = at
		return outcome{"PROPPATCH " + p, r.patchTime(p, at), http.StatusMultiStatus}
	default:
		dst, overwrite, method := r.path(), r.rnd.IntN(2) == 0, map[bool]string{false: "COPY", true: "MOVE"}[n == 8]
		flag := map[bool]string{false: "F", true: "T"}[overwrite]
		got, _ := r.davDo(method, p, "", "Destination", r.address(dst), "Overwrite", flag)
		return outcome{fmt.Sprintf("%s %s to %s, %s", method, p, dst, flag), got, r.w.davCopy(p, dst, overwrite, n == 8)}
	}
}

// compare compares what each door shows with the model.
func (r *run) compare() {
	r.t.Helper()
	page, err := r.s3.List(r.t.Context(), bucket, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	var keys []string
	for _, it := range page.Contents {
		keys = append(keys, it.Key)
	}
	if diff := cmp.Diff(r.w.below(""), keys, cmpopts.EquateEmpty()); diff != "" {
		r.t.Fatalf("S3 (-want +got):\n%s", diff)
	}
	tree := r.propfind("", "infinity")
	delete(tree, "")
	var shown []string
	for p := range tree {
		shown = append(shown, p)
	}
	slices.Sort(shown)
	if diff := cmp.Diff(r.w.tree(), shown, cmpopts.EquateEmpty()); diff != "" {
		r.t.Fatalf("WebDAV (-want +got):\n%s\nkeys: %q, packages: %v", diff, r.w.below(""), r.w.packages)
	}
	for _, folder := range []string{"a", "a-", "b", "ä b"} {
		if status, _ := r.davDo("PROPFIND", folder, "", "Depth", "0"); (status == http.StatusMultiStatus) != r.w.occupied(folder) {
			r.t.Fatalf("PROPFIND %s = %d, a tree shows something there: %t", folder, status, r.w.occupied(folder))
		}
	}
	objects := r.packages()
	for i, it := range page.Contents {
		r.object(it.Key, objects[it.Key], tree[it.Key], (i+r.n)%4)
		if it.ETag != `"`+r.w.keys[it.Key].etag+`"` || it.Size != int64(len(r.w.keys[it.Key].content)) {
			r.t.Errorf("S3 lists %+v", it)
		}
	}
}

// object compares what the doors show of one key; its content is read through one of them.
func (r *run) object(k string, o v1.Object, dav *davResponse, way int) {
	r.t.Helper()
	f := r.w.keys[k]
	if r.w.uploads[k] != nil {
		way = min(way, 1) // the native API shows the upload
	} else {
		info, err := r.api.Info(r.t.Context(), o.ObjectID)
		if err != nil || !cmp.Equal(info.Object, o) {
			r.t.Fatalf("object/info of %s = %+v, %v, listed as %+v", k, info.Object, err, o)
		}
		r.identity(k, f, o)
		_, _, want := f.wants(f.updated)
		want.FileHash, want.ID, want.UpdatedNano = o.FileHash, o.ObjectID, f.updated
		if diff := cmp.Diff(want, r.nativeSees(info)); diff != "" {
			r.t.Fatalf("native %s (-want +got):\n%s", k, diff)
		}
	}
	inS3, inDAV, _ := f.wants(f.updated)
	seenInS3 := r.s3Sees(k)
	if f.updated == 0 { // the native API shows an upload over it
		inS3.Updated = seenInS3.Updated
	}
	if diff := cmp.Diff(inS3, seenInS3); diff != "" {
		r.t.Fatalf("S3 %s (-want +got):\n%s", k, diff)
	}
	if !r.w.shownFile(k) {
		dav, way = nil, map[int]int{0: 0, 1: 0, 2: 2, 3: 3}[way]
	}
	if dav != nil {
		if f.mtime == core.NoTime && f.updated == 0 {
			inDAV.Updated = seenInS3.Updated
		}
		if diff := cmp.Diff(inDAV, r.davSees(dav)); diff != "" {
			r.t.Fatalf("WebDAV %s (-want +got):\n%s", k, diff)
		}
	}
	r.content(k, o, way)
}

// identity compares the objectID, the time of the server and the hash with what was seen before.
func (r *run) identity(k string, f *file, o v1.Object) {
	r.t.Helper()
	if was := r.w.ids[k]; was != 0 && was != o.ObjectID {
		r.t.Fatalf("%s has the objectID %d, had %d", k, o.ObjectID, was)
	}
	r.w.ids[k] = o.ObjectID
	at := o.UpdateTime.UnixNano()
	if f.updated != 0 && f.updated != at {
		r.t.Fatalf("%s has the updateTime %v, had %v", k, o.UpdateTime, time.Unix(0, f.updated))
	}
	f.updated = at
	if want := fmt.Sprintf("Full%X", sha256.Sum256([]byte(f.content))); o.FileHash != want && !strings.HasPrefix(o.FileHash, "Comp") {
		r.t.Fatalf("%s has the fileHash %s, want %s", k, o.FileHash, want)
	}
}

// content reads a key through one door.
func (r *run) content(k string, o v1.Object, way int) {
	r.t.Helper()
	var got string
	var err error
	switch way {
	case 0:
		_, got, err = r.s3Do(http.MethodGet, k, "", nil)
	case 1:
		_, got = r.davDo(http.MethodGet, k, "")
	case 2:
		got, err = r.download(o.ObjectID, "")
	default:
		_, got = r.send(http.MethodGet, r.native+"/v1/object/downloadByPath?"+url.Values{"path": {bucket + "/" + k}}.Encode(), "")
	}
	if want := r.w.keys[k].content; err != nil || got != want {
		r.t.Fatalf("content of %s by way %d is %q, %v, want %q", k, way, got, err, want)
	}
}

// TestDoors runs random histories through all doors at once: what one writes all show.
func TestDoors(t *testing.T) {
	seeds, steps := uint64(2), 150
	if os.Getenv("TRIVIUM_SOAK") != "" {
		seeds, steps = 100, 1000
	}
	for _, v := range []core.Versioning{core.VersioningOff, core.VersioningEnabled} {
		for seed := range seeds {
			t.Run(fmt.Sprintf("versioning %d seed %d", v, seed), func(t *testing.T) {
				t.Parallel()
				r := &run{open(t, v), rand.New(rand.NewPCG(seed, 7)), newWorld(v == core.VersioningEnabled), 0}
				var history []string
				t.Cleanup(func() {
					if t.Failed() {
						t.Logf("step %d, the last ones were: %q", r.n, history[max(0, len(history)-25):])
					}
				})
				for r.n = range steps {
					o := r.step()
					history = append(history, fmt.Sprintf("%s = %d", o.what, o.got))
					if o.differs() {
						t.Fatalf("%s = %d, want %d", o.what, o.got, o.want)
					}
					if r.n%15 == 14 || t.Failed() {
						r.compare()
					}
				}
			})
		}
	}
}
