package nativeapi_test

import (
	"archive/tar"
	"archive/zip"
	"fmt"
	"io"
	"maps"
	"net/http"
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
	for _, path := range []string{"a", "b/c", "b/d", "../up", "x//y", "/lead", "dir/", "full/"} {
		data := path
		if path == "dir/" {
			data = ""
		}
		l.put(p, path, data)
	}
	l.unfinished(p, "multi")
	want := map[string]string{"a": "a", "b/c": "b/c", "b/d": "b/d", "dir/": ""}
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
	for h, err := tr.Next(); err == nil; h, err = tr.Next() {
		data, _ := io.ReadAll(tr)
		got[h.Name] = string(data)
	}
	if !maps.Equal(got, map[string]string{"b/c": "b/c", "b/d": "b/d"}) {
		t.Errorf("tar: %v", got)
	}
	l.want("format", l.get(fmt.Sprintf("package/download?packageID=%d&format=rar", p)), 400, "BadArgument")
	l.want("no package", l.get("package/download?packageID=999"), 404, "DataNotFound")
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
