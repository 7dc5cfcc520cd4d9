package nativeapi_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"trivium/core"
)

// read is the content of an object.
func (l *lab) read(id int64) string {
	l.t.Helper()
	return l.get(fmt.Sprintf("object/download?objectID=%d", id)).body
}

// s3get is what S3 serves at a key; "" for nothing.
func (l *lab) s3get(bucket, key string) string {
	l.t.Helper()
	r, err := l.env.Admin.OpenObject(l.t.Context(), bucket, key, core.GetOptions{})
	if err != nil {
		return ""
	}
	defer func() { _ = r.Body.Close() }()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return string(data)
}

// TestRulePaths: every write needs a path of 1 to 1,024 bytes with its package, and in the root package one without a
// slash but a leading one. The message names the field, and nothing of a batch is done.
func TestRulePaths(t *testing.T) {
	l := newLab(t)
	l.bucket("bkt")
	p := l.pkg(num(l.get("bucket/getByName?name=bkt"), "bucket", "bucketID"), "pkg")
	l.s3put("bkt", "top", "x")
	root := num(l.get("package/getByFullName?bucketName=bkt&packageName="), "package", "packageID")
	good := l.put(p, "good", "good")
	for _, c := range []struct {
		pkg  int64
		path string
	}{{p, ""}, {p, strings.Repeat("x", 1021)}, {p, "a\x00b"}, {root, "x/y"}, {root, ""}, {root, strings.Repeat("x", 1025)}} {
		quoted := `"` + strings.ReplaceAll(c.path, "\x00", `\u0000`) + `"`
		upload := fmt.Sprintf(`{"packageID":%d}`, c.pkg)
		for call, a := range map[string]answer{
			"putByPath":          l.do(call{method: "PUT", target: fmt.Sprintf("/v1/object/putByPath?packageID=%d&path=%s", c.pkg, url.QueryEscape(c.path)), user: "admin", body: "x"}),
			"upload":             l.upload(upload, filePart{"files", "fine", "", "x"}, filePart{"files", url.PathEscape(c.path), "", "x"}),
			"newMultipartUpload": l.post("object/newMultipartUpload", fmt.Sprintf(`{"packageID":%d,"path":%s}`, c.pkg, quoted)),
			"move": l.post("object/move", fmt.Sprintf(`{"movings":[{"objectID":%d,"packageID":%d,"path":"moved"},{"objectID":%d,"packageID":%d,"path":%s}]}`,
				good, p, good, c.pkg, quoted)),
			"clone": l.post("object/clone", fmt.Sprintf(`{"clonings":[{"objectID":%d,"newPackageID":%d,"newPath":"cloned"},{"objectID":%d,"newPackageID":%d,"newPath":%s}]}`,
				good, p, good, c.pkg, quoted)),
		} {
			what := fmt.Sprintf("%s of %.20q in %d", call, c.path, c.pkg)
			l.want(what, a, 400, "BadArgument")
			field := map[string]string{"move": "movings[1].path: ", "clone": "clonings[1].newPath: "}[call]
			if !strings.HasPrefix(a.Message, field) {
				t.Errorf("%s: %s", what, a.Message)
			}
		}
	}
	if _, paths, _ := l.list(fmt.Sprintf("packageID=%d&isPrefix=true", p)); !slices.Equal(paths, []string{"good"}) {
		t.Errorf("package: %q", paths)
	}
	if _, paths, _ := l.list(fmt.Sprintf("packageID=%d&isPrefix=true", root)); !slices.Equal(paths, []string{"top"}) {
		t.Errorf("root package: %q", paths)
	}
	l.put(p, strings.Repeat("x", 1020), "the longest")
}

// TestRuleUpload: of a path that comes twice the last file counts; an affinity is a wish; a missing package is answered
// before the files come; an unfinished upload at a path ends.
func TestRuleUpload(t *testing.T) {
	l := newLab(t)
	p := l.pkg(l.bucket("bkt"), "pkg")
	a := l.ok("twice", l.upload(fmt.Sprintf(`{"packageID":%d,"affinity":999}`, p), filePart{"files", "x", "", "first"}, filePart{"files", "y", "", "y"}, filePart{"files", "x", "", "last one"}))
	if at(a, "uploadeds", "0", "objectID") != at(a, "uploadeds", "2", "objectID") || str(a, "uploadeds", "0", "fileHash") != str(a, "uploadeds", "2", "fileHash") ||
		str(a, "uploadeds", "0", "size") != "8" || l.read(num(a, "uploadeds", "0", "objectID")) != "last one" {
		t.Errorf("twice: %s", a.body)
	}
	l.want("a negative affinity", l.upload(fmt.Sprintf(`{"packageID":%d,"affinity":-1}`, p)), 400, "BadArgument")
	target := fmt.Sprintf("/v1/object/putByPath?packageID=%d&path=z&affinity=", p)
	l.want("a negative affinity", l.do(call{method: "PUT", target: target + "-1", user: "admin"}), 400, "BadArgument")
	l.ok("an unknown affinity", l.do(call{method: "PUT", target: target + "999", user: "admin"}))
	l.want("putByPath without a package", l.do(call{method: "PUT", target: "/v1/object/putByPath?packageID=999&path=x", user: "admin"}), 404, "DataNotFound")

	kind, body := form(`{"packageID":999}`, filePart{"files", "x", "", "x"})
	r := l.request(call{method: "POST", target: "/v1/object/upload", user: "admin", kind: kind})
	head := body[:strings.Index(body, "files")]
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader(head), unread{t}))
	l.want("no package", l.send(r), 404, "DataNotFound")

	for i, write := range []func(path string) int64{
		func(path string) int64 { return l.put(p, path, "whole") },
		func(path string) int64 {
			target := fmt.Sprintf("/v1/object/putByPath?packageID=%d&path=%s", p, path)
			return num(l.ok("put", l.do(call{method: "PUT", target: target, user: "admin", body: "whole"})), "object", "objectID")
		},
	} {
		path := fmt.Sprint("unfinished", i)
		up := l.unfinished(p, path)
		if id := write(path); id != up || l.read(id) != "whole" {
			t.Errorf("object %d over the upload %d: %q", id, up, l.read(id))
		}
		l.want("its parts", l.get(fmt.Sprintf("object/listParts?objectID=%d", up)), 409, "Conflict")
	}
}

// unread is the part of a body that nobody is to read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the files are read")
	return 0, io.EOF
}

// TestRuleDownload: versions, headers.
func TestRuleDownload(t *testing.T) {
	l := newLab(t)
	b := l.bucket("bkt")
	l.ok("versioning", l.post("bucket/setPolicy", fmt.Sprintf(`{"bucketID":%d,"policy":{"versioning":"Enabled"}}`, b)))
	p := l.pkg(b, "pkg")
	id := l.put(p, "a/b.html", "one")
	first := str(l.get(fmt.Sprintf("object/info?objectID=%d", id)), "info", "versionID")
	l.put(p, "a/b.html", "second")
	for _, method := range []string{"GET", "HEAD"} {
		a := l.do(call{method: method, target: fmt.Sprintf("/v1/object/download?objectID=%d&versionID=%s", id, first), user: "admin"})
		if a.StatusCode != http.StatusOK || method == "GET" && a.body != "one" {
			t.Errorf("%s of the first version: %d %q", method, a.StatusCode, a.body)
		}
		for name, want := range map[string]string{
			"Content-Length": "3", "Content-Type": "application/octet-stream", "Accept-Ranges": "bytes", "Content-Disposition": `attachment; filename="b.html"; filename*=UTF-8''b.html`,
		} {
			if got := a.Header.Get(name); got != want {
				t.Errorf("%s: %s: %q, want %q", method, name, got, want)
			}
		}
		if _, err := http.ParseTime(a.Header.Get("Last-Modified")); err != nil {
			t.Error(err)
		}
	}
	l.ok("delete", l.post("object/delete", fmt.Sprintf(`{"objectIDs":[%d]}`, id)))
	l.want("the current version of a deleted object", l.get(fmt.Sprintf("object/download?objectID=%d", id)), 404, "DataNotFound")
	if a := l.get(fmt.Sprintf("object/download?objectID=%d&versionID=%s", id, first)); a.body != "one" {
		t.Errorf("an old version of a deleted object: %d %s", a.StatusCode, a.body)
	}
	l.want("no such version", l.get(fmt.Sprintf("object/download?objectID=%d&versionID=7", id)), 404, "DataNotFound")
}

// TestRuleVersions: newest first, by pages; a restored version is a new one, and brings back what was deleted.
func TestRuleVersions(t *testing.T) {
	l := newLab(t)
	b := l.bucket("bkt")
	l.ok("versioning", l.post("bucket/setPolicy", fmt.Sprintf(`{"bucketID":%d,"policy":{"versioning":"Enabled"}}`, b)))
	p := l.pkg(b, "pkg")
	id := l.put(p, "x", "1")
	for _, data := range []string{"22", "333"} {
		l.put(p, "x", data)
	}
	l.ok("delete", l.post("object/delete", fmt.Sprintf(`{"objectIDs":[%d]}`, id)))
	var sizes, versions []string
	token := ""
	for range 10 {
		a := l.ok("versions", l.get(fmt.Sprintf("object/listVersions?objectID=%d&maxKeys=1&continuationToken=%s", id, token)))
		v := at(a, "versions", "0").(map[string]any)
		sizes, versions = append(sizes, fmt.Sprint(v["size"], " ", v["isLatest"], " ", v["isDeleteMarker"])), append(versions, v["versionID"].(string))
		if token = str(a, "nextContinuationToken"); (token != "") != at(a, "isTruncated").(bool) {
			t.Errorf("page: %s", a.body)
		}
		if token == "" {
			break
		}
		l.want("a token of another object", l.get("object/listVersions?objectID=1000&continuationToken="+token), 400, "BadArgument")
	}
	if want := []string{"0 true true", "3 false false", "2 false false", "1 false false"}; !slices.Equal(sizes, want) {
		t.Fatalf("versions %q, want %q", sizes, want)
	}
	restore := func(version string) answer {
		return l.post("object/restoreVersion", fmt.Sprintf(`{"objectID":%d,"versionID":%q}`, id, version))
	}
	l.want("a delete marker", restore(versions[0]), 409, "Conflict")
	l.want("no version", restore("7"), 404, "DataNotFound")
	a := l.ok("restore", restore(versions[2]))
	if num(a, "object", "objectID") != id || num(a, "object", "packageID") != p || str(a, "object", "size") != "2" || l.read(id) != "22" {
		t.Errorf("restored: %s", a.body)
	}
	if n := len(l.get(fmt.Sprintf("object/listVersions?objectID=%d", id)).Data["versions"].([]any)); n != 5 {
		t.Errorf("%d versions, want 5", n)
	}
	l.want("no object", l.get("object/listVersions?objectID=999"), 404, "DataNotFound")
}

// TestRuleListing: prefixes are strings, pages have 1,000 items at most.
func TestRuleListing(t *testing.T) {
	l := newLab(t)
	p := l.pkg(l.bucket("bkt"), "pkg")
	files := make([]filePart, 1002)
	for i := range files {
		files[i] = filePart{"files", fmt.Sprintf("a%04d", i), "", ""}
	}
	files[1001].filename = "ab%2Fx"
	l.ok("upload", l.upload(fmt.Sprintf(`{"packageID":%d}`, p), files...))
	for _, query := range []string{"", "&maxKeys=0", "&maxKeys=1000", "&maxKeys=5000", "&path=", "&path=a"} {
		_, paths, next := l.list(fmt.Sprintf("packageID=%d&isPrefix=true%s", p, query))
		if len(paths) != 1000 || next == "" || paths[0] != "a0000" {
			t.Errorf("%q: %d objects, next %q", query, len(paths), next)
		}
	}
	if _, paths, _ := l.list(fmt.Sprintf("packageID=%d&isPrefix=true&path=ab", p)); !slices.Equal(paths, []string{"ab/x"}) {
		t.Errorf("prefix ab: %q", paths)
	}
	all := l.ok("all", l.get(fmt.Sprintf("object/getPackageObjects?packageID=%d", p))).Data["objects"].([]any)
	for i, o := range all {
		if path := o.(map[string]any)["path"].(string); i < 1001 && path != fmt.Sprintf("a%04d", i) {
			t.Fatalf("object %d of the package is %s", i, path)
		}
	}
	if len(all) != 1002 {
		t.Errorf("%d objects", len(all))
	}
	for _, target := range []string{"object/getPackageObjects?packageID=999", "object/listByPath?packageID=999&isPrefix=true"} {
		l.want(target, l.get(target), 404, "DataNotFound")
	}
}

// TestRuleBatches: what cannot be moved or cloned is passed over, also between buckets.
func TestRuleBatches(t *testing.T) {
	l := newLab(t)
	p, q := l.pkg(l.bucket("bkt"), "pkg"), l.pkg(l.bucket("other"), "pkg")
	id, up := l.put(p, "x.json", "content"), l.unfinished(p, "up")
	l.ok("metadata", l.post("object/updateMetadata", fmt.Sprintf(`{"objectID":%d,"metadata":{"a":"b"}}`, id)))
	before := l.get(fmt.Sprintf("object/info?objectID=%d", id))
	move := func(id, pkg int64, path string) []any {
		return l.ok("move", l.post("object/move", fmt.Sprintf(`{"movings":[{"objectID":%d,"packageID":%d,"path":%q}]}`, id, pkg, path))).Data["successes"].([]any)
	}
	if got := move(up, p, "elsewhere"); len(got) != 0 {
		t.Errorf("an unfinished upload is moved: %v", got)
	}
	if got := move(id, p, "up"); len(got) != 0 {
		t.Errorf("onto an unfinished upload: %v", got)
	}
	if got := move(id, q, "moved.json"); len(got) != 1 {
		t.Errorf("to another bucket: %v", got)
	}
	after := l.get(fmt.Sprintf("object/info?objectID=%d", id))
	if str(after, "object", "updateTime") != str(before, "object", "updateTime") || num(after, "object", "packageID") != q || str(after, "object", "path") != "moved.json" {
		t.Errorf("moved: %s, was %s", after.body, before.body)
	}
	a := l.ok("clone", l.post("object/clone", fmt.Sprintf(`{"clonings":[{"objectID":%d,"newPackageID":%d,"newPath":"c1"},{"objectID":%d,"newPackageID":%d,"newPath":"c2"},`+
		`{"objectID":%d,"newPackageID":999,"newPath":"c3"},{"objectID":%d,"newPackageID":%d,"newPath":"moved.json"}]}`, up, p, id, p, id, id, q)))
	if objects := a.Data["objects"].([]any); len(objects) != 4 || objects[0] != nil || objects[2] != nil || objects[3] != nil {
		t.Fatalf("cloned: %s", a.body)
	}
	clone := l.get(fmt.Sprintf("object/info?objectID=%d", num(a, "objects", "1", "objectID")))
	if str(clone, "object", "createTime") != str(clone, "object", "updateTime") || str(clone, "object", "createTime") == str(before, "object", "createTime") ||
		str(clone, "info", "contentType") != "application/json" || str(clone, "info", "metadata", "a") != "b" {
		t.Errorf("the clone: %s", clone.body)
	}
	over := l.put(p, "over", "old")
	l.unfinished(p, "over")
	l.ok("delete", l.post("object/delete", fmt.Sprintf(`{"objectIDs":[%d,%d]}`, up, over)))
	for _, id := range []int64{up, over} {
		l.want("a deleted upload", l.get(fmt.Sprintf("object/info?objectID=%d", id)), 404, "DataNotFound")
	}
	if got := l.s3get("bkt", "pkg/over"); got != "" {
		t.Errorf("the content below a deleted upload: %q", got)
	}
}

// TestRuleUnfinished: other doors serve what was there until the completion, and their writes do not end the upload; one
// that begins anew has no parts.
func TestRuleUnfinished(t *testing.T) {
	l := newLab(t)
	p := l.pkg(l.bucket("bkt"), "pkg")
	id := l.put(p, "x", "old")
	if up := l.unfinished(p, "x"); up != id {
		t.Errorf("the upload is object %d, want %d", up, id)
	}
	listed := l.get(fmt.Sprintf("object/listByPath?packageID=%d&path=x", p))
	if str(listed, "objects", "0", "redundancy", "type") != "multipartUpload" || str(listed, "objects", "0", "size") != "30" || str(listed, "objects", "0", "fileHash") != vectorComp {
		t.Errorf("listed: %s", listed.body)
	}
	if got := l.s3get("bkt", "pkg/x"); got != "old" {
		t.Errorf("S3 serves %q", got)
	}
	l.s3put("bkt", "pkg/x", "of S3")
	if got := l.s3get("bkt", "pkg/x"); got != "of S3" {
		t.Errorf("S3 serves %q", got)
	}
	l.want("download", l.get(fmt.Sprintf("object/download?objectID=%d", id)), 409, "Conflict")
	l.ok("complete", l.post("object/completeMultipartUpload", fmt.Sprintf(`{"objectID":%d,"indexes":[1]}`, id)))
	if got := l.s3get("bkt", "pkg/x"); got != vectorParts[1] {
		t.Errorf("S3 serves %q", got)
	}
	id = l.unfinished(p, "y")
	if got := l.s3get("bkt", "pkg/y"); got != "" {
		t.Errorf("S3 serves %q of an upload", got)
	}
	a := l.ok("anew", l.post("object/newMultipartUpload", fmt.Sprintf(`{"packageID":%d,"path":"y"}`, p)))
	if num(a, "object", "objectID") != id || str(a, "object", "size") != "0" || str(a, "object", "fileHash") != "Full"+strings.Repeat("0", 64) {
		t.Errorf("anew: %s", a.body)
	}
	if parts := l.get(fmt.Sprintf("object/listParts?objectID=%d", id)); !strings.Contains(parts.body, `"parts":[]`) {
		t.Errorf("its parts: %s", parts.body)
	}
	l.ok("index 0", l.uploadPart(fmt.Sprintf(`{"objectID":%d,"index":0}`, id), filePart{"file", "x", "", "zero"}))
	l.ok("index 10000", l.uploadPart(fmt.Sprintf(`{"objectID":%d,"index":10000}`, id), filePart{"file", "x", "", ""}))
	l.ok("complete", l.post("object/completeMultipartUpload", fmt.Sprintf(`{"objectID":%d,"indexes":[10000,0,0]}`, id)))
	if got := l.read(id); got != "zerozero" {
		t.Errorf("content %q", got)
	}
	l.want("no package", l.post("object/newMultipartUpload", `{"packageID":999,"path":"x"}`), 404, "DataNotFound")
	l.want("no object", l.post("object/completeMultipartUpload", `{"objectID":999,"indexes":[1]}`), 404, "DataNotFound")
	l.want("parts of a file", l.get(fmt.Sprintf("object/listParts?objectID=%d", id)), 409, "Conflict")
	l.want("parts of nothing", l.get("object/listParts?objectID=999"), 404, "DataNotFound")
}

// TestRulePresign: 0 seconds are none.
func TestRulePresign(t *testing.T) {
	l := newLab(t)
	id := l.put(l.pkg(l.bucket("bkt"), "pkg"), "x", "x")
	for expires, status := range map[string]int{"0": 400, "-1": 400, "604801": 400, "1": 200, "604800": 200, "null": 200} {
		a := l.post("object/presign", fmt.Sprintf(`{"operation":"download","objectID":%d,"expires":%s}`, id, expires))
		if a.StatusCode != status || status == 400 && !strings.HasPrefix(a.Message, "expires: ") {
			t.Errorf("expires %s: %d %s", expires, a.StatusCode, a.body)
		}
	}
}
