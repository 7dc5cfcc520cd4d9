package nativeapi_test

import (
	"archive/tar"
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"trivium/core"
	"trivium/nativeapi"
)

// TestHashOfS3Parts: what an S3 client has completed shows the digest of its parts, and its copies do; one of a single
// part the digest of the whole.
func TestHashOfS3Parts(t *testing.T) {
	l := newLab(t)
	p := l.pkg(l.bucket("bkt"), "pkg")
	ctx, se := t.Context(), l.env.Admin
	for n, want := range map[int]string{1: vectorFull[1], 3: vectorComp} {
		at := core.Path{Bucket: "bkt", Key: fmt.Sprintf("pkg/s3-%d", n)}
		u, err := se.CreateUpload(ctx, at, core.PutOptions{}, core.Checksum{})
		if err != nil {
			t.Fatal(err)
		}
		var parts []core.CompletePart
		for i := 1; i <= n; i++ {
			if _, _, err := se.PutPart(ctx, at, u.ID, core.PartRequest{Number: i, Body: strings.NewReader(vectorParts[i]), Size: 10}); err != nil {
				t.Fatal(err)
			}
			parts = append(parts, core.CompletePart{Number: i})
		}
		if _, err := se.CompleteUpload(ctx, at, u.ID, parts, core.CompleteOptions{Size: -1}); err != nil {
			t.Fatal(err)
		}
		info := l.ok("info", l.get(fmt.Sprintf("object/info?packageID=%d&path=s3-%d", p, n)))
		copied := l.ok("clone", l.post("object/clone", fmt.Sprintf(`{"clonings":[{"objectID":%d,"newPackageID":%d,"newPath":"copy-%d"}]}`, num(info, "object", "objectID"), p, n)))
		if got, again := str(info, "object", "fileHash"), str(copied, "objects", "0", "fileHash"); got != want || again != want {
			t.Errorf("%d parts: %s, copy %s, want %s", n, got, again, want)
		}
	}
}

// TestConditions judges the conditions of a download on the fileHash.
func TestConditions(t *testing.T) {
	l := newLab(t)
	id := l.put(l.pkg(l.bucket("bkt"), "pkg"), "ä \".txt", "0123456789")
	target := fmt.Sprintf("/v1/object/download?objectID=%d", id)
	first := l.do(call{method: "GET", target: target, user: "admin"})
	tag, since := first.Header.Get("ETag"), first.Header.Get("Last-Modified")
	if tag != `"`+vectorFull[1]+`"` || first.Header.Get("Content-Disposition") != `attachment; filename="_ _.txt"; filename*=UTF-8''%C3%A4%20%22.txt` {
		t.Errorf("header %v", first.Header)
	}
	for _, c := range []struct {
		name, value, ranges string
		status              int
	}{
		{"If-None-Match", tag, "", 304},
		{"If-None-Match", "W/" + tag, "", 304},
		{"If-None-Match", `"x", *`, "", 304},
		{"If-None-Match", `"x"`, "", 200},
		{"If-Match", tag, "", 200},
		{"If-Match", "W/" + tag, "", 412},
		{"If-Match", `"x"`, "", 412},
		{"If-Modified-Since", since, "", 304},
		{"If-Unmodified-Since", since, "", 200},
		{"If-Modified-Since", "nonsense", "", 200},
		{"If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT", "", 412},
		{"If-Range", tag, "bytes=1-2", 206},
		{"If-Range", `"x"`, "bytes=1-2", 200},
		{"If-Range", since, "bytes=1-2", 206},
		{"If-None-Match", tag, "bytes=99-", 304},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			header := map[string]string{c.name: c.value}
			if c.ranges != "" {
				header["Range"] = c.ranges
			}
			a := l.do(call{method: method, target: target, user: "admin", header: header})
			if a.StatusCode != c.status || c.status == http.StatusPreconditionFailed && method == http.MethodGet && !strings.Contains(a.Message, c.name) {
				t.Errorf("%s with %s: %s %s = %d, want %d", method, c.name, c.value, c.ranges, a.StatusCode, c.status)
			}
		}
	}
}

// TestArchives: the streams hold what a tree can show.
func TestArchives(t *testing.T) {
	l := newLab(t)
	p := l.pkg(l.bucket("bkt"), "pkg")
	for _, path := range []string{"a", "b/c", "b/d", "../up", "x//y", "/lead", "dir/", "full/", `..\..\evil.exe`, `C:\evil`, "C:evil", `a\b`, "12:30"} {
		data := path
		if path == "dir/" {
			data = ""
		}
		l.put(p, path, data)
	}
	l.unfinished(p, "multi")
	want := map[string]string{"a": "a", "b/c": "b/c", "b/d": "b/d", "dir/": "", "12:30": "12:30"}
	zipped := l.get(fmt.Sprintf("package/download?packageID=%d", p)).body
	z, err := zip.NewReader(strings.NewReader(zipped), int64(len(zipped)))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
		got[f.Name] = string(data)
	}
	if !maps.Equal(got, want) {
		t.Errorf("zip: %v", got)
	}
	got = map[string]string{}
	tr := tar.NewReader(strings.NewReader(l.get(fmt.Sprintf("package/download?packageID=%d&format=tar&prefix=b", p)).body))
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(tr)
		if err != nil {
			t.Errorf("%s: %v", h.Name, err)
		}
		got[h.Name] = string(data)
	}
	if !maps.Equal(got, map[string]string{"b/c": "b/c", "b/d": "b/d"}) {
		t.Errorf("tar: %v", got)
	}
	l.want("format", l.get(fmt.Sprintf("package/download?packageID=%d&format=rar", p)), 400, "BadArgument")
	l.want("no package", l.get("package/download?packageID=999"), 404, "DataNotFound")
}

// meanwhileWriter calls meanwhile before the first bytes of an answer are taken.
type meanwhileWriter struct {
	*httptest.ResponseRecorder
	meanwhile func()
}

// Write implements io.Writer.
func (w *meanwhileWriter) Write(p []byte) (int, error) {
	if w.meanwhile != nil {
		w.meanwhile()
		w.meanwhile = nil
	}
	return w.ResponseRecorder.Write(p)
}

// TestArchivesMeanwhile: an archive ends whole only if it has all that the package had; what left the package is not in
// it, and who may not read any more gets none.
func TestArchivesMeanwhile(t *testing.T) {
	long := strings.Repeat("x", 100<<10)
	for name, tc := range map[string]struct {
		meanwhile func(l *lab, b, p int64, ids []int64) error
		want      string // the names in the archive; "": it is cut
	}{
		"nothing": {func(*lab, int64, int64, []int64) error { return nil }, "a b c"},
		"object deleted": {func(l *lab, _, _ int64, ids []int64) error {
			return l.env.Admin.DeleteMembers(t.Context(), ids[1:2])
		}, "a c"},
		"object moved away": {func(l *lab, _, _ int64, ids []int64) error {
			return l.env.Admin.MoveMember(t.Context(), ids[1], l.pkg(l.bucket("other"), "pkg"), "b")
		}, "a c"},
		"object renamed": {func(l *lab, _, p int64, ids []int64) error {
			return l.env.Admin.MoveMember(t.Context(), ids[1], p, "a2")
		}, "a c"},
		"package renamed": {func(l *lab, _, _ int64, _ []int64) error {
			_, err := l.env.Admin.MovePath(t.Context(), core.Path{Bucket: "bkt", Key: "pkg"}, core.Path{Bucket: "bkt", Key: "new"}, core.TreeOptions{})
			return err
		}, "a b c"},
		"bucket renamed": {func(l *lab, _, _ int64, _ []int64) error {
			_, err := l.env.Admin.MovePath(t.Context(), core.Path{Bucket: "bkt"}, core.Path{Bucket: "new"}, core.TreeOptions{})
			return err
		}, "a b c"},
		"bucket deleted": {func(l *lab, _, _ int64, _ []int64) error {
			return l.env.Admin.DeleteBucket(t.Context(), "bkt", true)
		}, ""},
		"right revoked": {func(l *lab, _, _ int64, _ []int64) error {
			return l.env.Admin.SetGrants(t.Context(), "bkt", nil)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			b := l.bucket("bkt")
			p := l.pkg(b, "pkg")
			ids := []int64{l.put(p, "a", long), l.put(p, "b", long), l.put(p, "c", long)}
			if err := l.env.Admin.SetGrants(t.Context(), "bkt", []core.Grant{{UserID: l.ids["ann"], Access: core.AccessRead}}); err != nil {
				t.Fatal(err)
			}
			w := &meanwhileWriter{httptest.NewRecorder(), func() {
				if err := tc.meanwhile(l, b, p, ids); err != nil {
					t.Error(err)
				}
			}}
			var cut any
			func() {
				defer func() { cut = recover() }()
				l.door.ServeHTTP(w, l.request(call{method: "GET", target: fmt.Sprintf("/v1/package/download?packageID=%d&format=tar", p), user: "ann"}))
			}()
			if tc.want == "" {
				if err, _ := cut.(error); !errors.Is(err, http.ErrAbortHandler) {
					t.Errorf("the archive is not cut: %v, %d bytes", cut, w.Body.Len())
				}
				return
			}
			var names []string
			tr := tar.NewReader(w.Body)
			for h, err := tr.Next(); !errors.Is(err, io.EOF); h, err = tr.Next() {
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, h.Name)
			}
			if got := strings.Join(names, " "); got != tc.want || cut != nil {
				t.Errorf("the archive has %q and ends with %v, want %q", got, cut, tc.want)
			}
		})
	}
}

// TestTraversal: paths are bytes; what would climb out of a tree is a name like any other, in its own package.
func TestTraversal(t *testing.T) {
	l := newLab(t)
	b := l.bucket("bkt")
	p, other := l.pkg(b, "pkg"), l.pkg(b, "other")
	secret := l.put(other, "secret", "secret")
	for i, path := range []string{"../other/secret", "..", ".", "a/../../other/secret", "..\\up\\secret", "%2e%2e/x", "//x", "/", "a//b", "a/", "\u202e", "a\nb"} {
		id := l.put(p, path, fmt.Sprint(i))
		info := l.ok(path, l.get(fmt.Sprintf("object/info?packageID=%d&path=%s", p, url.QueryEscape(path))))
		if num(info, "object", "objectID") != id || str(info, "object", "path") != path || id == secret {
			t.Errorf("%q: %s", path, info.body)
		}
		if a := l.get(fmt.Sprintf("object/downloadByPath?packageID=%d&path=%s", p, url.QueryEscape(path))); a.body != fmt.Sprint(i) {
			t.Errorf("%q: %d %s", path, a.StatusCode, a.body)
		}
	}
	if a := l.get(fmt.Sprintf("object/download?objectID=%d", secret)); a.body != "secret" {
		t.Errorf("the other package: %s", a.body)
	}
}

// TestTooManyFiles: one file more than a batch has, and nothing is stored.
func TestTooManyFiles(t *testing.T) {
	l := newLab(t)
	p := l.pkg(l.bucket("bkt"), "pkg")
	files := make([]filePart, 10_001)
	for i := range files {
		files[i] = filePart{"files", fmt.Sprint(i), "", ""}
	}
	info := fmt.Sprintf(`{"packageID":%d}`, p)
	l.want("10,001 files", l.upload(info, files...), 400, "BadArgument")
	if _, paths, _ := l.list(fmt.Sprintf("packageID=%d&isPrefix=true", p)); len(paths) > 0 {
		t.Errorf("%d files left behind", len(paths))
	}
	l.ok("10,000 files", l.upload(info, files[1:]...))
	a := l.ok("all", l.get(fmt.Sprintf("object/getPackageObjects?packageID=%d", p)))
	if got := len(a.Data["objects"].([]any)); got != 10_000 {
		t.Errorf("%d objects", got)
	}
	l.ok("delete the package", l.post("package/delete", fmt.Sprintf(`{"packageID":%d}`, p)))
}

// TestZipMemory: a zip keeps its files' names in memory up to its end, so it is cut when there is none; a tar keeps
// nothing. What a request held is there for the next one.
func TestZipMemory(t *testing.T) {
	l := newLab(t)
	p := l.pkg(l.bucket("bkt"), "pkg")
	long := strings.Repeat("n", 800)
	l.put(p, "a/"+long, "one")
	l.put(p, "b/"+long, "two")
	l.door = nativeapi.New(nativeapi.Config{Service: l.env.Service, ArchiveMemory: 2000})
	whole := func(query string) (whole bool) {
		defer func() {
			if err := recover(); err != nil && err != http.ErrAbortHandler { //nolint:errorlint // it is compared by the server, too
				panic(err)
			}
		}()
		l.get(fmt.Sprintf("package/download?packageID=%d%s", p, query))
		return true
	}
	for range 3 {
		for query, want := range map[string]bool{"": false, "&prefix=a": true, "&prefix=b": true, "&format=tar": true} {
			if got := whole(query); got != want {
				t.Errorf("%q: whole is %v, want %v", query, got, want)
			}
		}
	}
}
