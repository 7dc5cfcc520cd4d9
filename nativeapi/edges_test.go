package nativeapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"trivium/core"
	"trivium/s3front/sigv4"
)

// The tests of this file are named after the numbers of the edge cases of the native API's specification.

func TestEdge01NoCredentials(t *testing.T) {
	l := newLab(t)
	for _, target := range []string{"/v1/bucket/listAll", "/v1/object/download?objectID=1", "/v1/nothing"} {
		a := l.want(target, l.do(call{method: "GET", target: target}), 401, "Unauthorized")
		if a.Header.Get("WWW-Authenticate") == "" || a.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: header %v", target, a.Header)
		}
	}
}

func TestEdge02ForeignUserID(t *testing.T) {
	l := newLab(t)
	body := fmt.Sprintf(`{"userID":%d,"name":"bkt1"}`, l.ids["bob"])
	l.want("ann for bob", l.postAs("ann", "bucket/create", body), 401, "Unauthorized")
	l.ok("the administrator for bob", l.post("bucket/create", body))
	if b, err := l.env.Admin.Bucket(t.Context(), "bkt1"); err != nil || b.Owner != l.ids["bob"] {
		t.Errorf("bucket = %+v, %v, want bob's", b, err)
	}
	l.ok("ann for herself", l.postAs("ann", "bucket/create", fmt.Sprintf(`{"userID":%d,"name":"bkt2"}`, l.ids["ann"])))
	query := fmt.Sprintf("/v1/bucket/listAll?userID=%d", l.ids["bob"])
	l.want("in the query", l.do(call{method: "GET", target: query, user: "ann"}), 401, "Unauthorized")
	if a := l.ok("as bob", l.do(call{method: "GET", target: query, user: "admin"})); len(a.Data["buckets"].([]any)) != 1 {
		t.Errorf("bob's buckets: %s", a.body)
	}
}

func TestEdge03Signatures(t *testing.T) {
	l := newLab(t)
	now := func() time.Time { return time.Unix(0, l.now.Load()) }
	signed := func(service, region string, at time.Time, payload string) *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/v1/bucket/create", strings.NewReader(`{"name":"bkt1"}`))
		s := sigv4.Signer{AccessKey: l.keys["ann"][0], Secret: l.keys["ann"][1], Service: service, Region: region}
		if _, err := s.Sign(r, payload, at); err != nil {
			t.Fatal(err)
		}
		return r
	}
	hash := "a48e40dfeff3d1d3ec77bb2baa5ec56b8ea6d5b8ea04d9d1d5cf1e2d0b6b6b6b"
	l.want("a wrong hash", l.send(signed("s3", "us-east-1", now(), hash)), 400, "BadArgument")
	l.want("16 minutes ago", l.send(signed("s3", "us-east-1", now().Add(-16*time.Minute), sigv4.UnsignedPayload)), 401, "Unauthorized")
	l.want("another service", l.send(signed("ec2", "us-east-1", now(), sigv4.UnsignedPayload)), 401, "Unauthorized")
	l.ok("s3", l.send(signed("s3", "us-east-1", now(), sigv4.UnsignedPayload)))
	l.want("jcs", l.send(signed("jcs", "any", now().Add(14*time.Minute), sigv4.UnsignedPayload)), 409, "DataExists")
	r := httptest.NewRequest(http.MethodGet, "/v1/bucket/listAll", nil)
	s := sigv4.Signer{AccessKey: l.keys["ann"][0], Secret: l.keys["ann"][1], Service: "jcs"}
	if err := s.Presign(r, time.Minute, now()); err != nil {
		t.Fatal(err)
	}
	l.ok("presigned", l.send(httptest.NewRequest(http.MethodGet, r.URL.String(), nil)))
	l.now.Add(int64(2 * time.Minute))
	l.want("expired", l.send(httptest.NewRequest(http.MethodGet, r.URL.String(), nil)), 401, "Unauthorized")
}

func TestEdge04BucketNames(t *testing.T) {
	l := newLab(t)
	create := func(name string) answer { return l.post("bucket/create", fmt.Sprintf(`{"name":%q}`, name)) }
	l.ok("bkt1", create("bkt1"))
	l.want("bkt1 again", create("bkt1"), 409, "DataExists")
	l.want("of another user", l.postAs("ann", "bucket/create", `{"name":"bkt1"}`), 409, "DataExists")
	for _, name := range []string{"", "ab", "a/b", "generic", "dav", "koodrive", "a b", strings.Repeat("x", 64)} {
		if a := l.want(name, create(name), 400, "BadArgument"); !strings.HasPrefix(a.Message, "name: ") {
			t.Errorf("%q: %s", name, a.Message)
		}
	}
	l.ok("My_Bucket", create("My_Bucket"))
}

func TestEdge05ImpliedPackages(t *testing.T) {
	l := newLab(t)
	b := l.bucket("bkt")
	explicit := l.pkg(b, "stays")
	l.s3put("bkt", "pkg/a/b.txt", "x")
	a := l.ok("package", l.get("package/getByFullName?bucketName=bkt&packageName=pkg"))
	p := num(a, "package", "packageID")
	l.want("make it", l.post("package/create", fmt.Sprintf(`{"bucketID":%d,"name":"pkg"}`, b)), 409, "DataExists")
	_, paths, _ := l.list(fmt.Sprintf("packageID=%d&isPrefix=1", p))
	if !slices.Equal(paths, []string{"a/b.txt"}) {
		t.Errorf("paths %q", paths)
	}
	object := num(l.ok("info", l.get(fmt.Sprintf("object/info?packageID=%d&path=a/b.txt", p))), "object", "objectID")
	l.ok("delete", l.post("object/delete", fmt.Sprintf(`{"objectIDs":[%d]}`, object)))
	l.want("the package", l.get(fmt.Sprintf("package/getByID?packageID=%d", p)), 404, "DataNotFound")
	gone := l.put(explicit, "x", "x")
	l.ok("delete", l.post("object/delete", fmt.Sprintf(`{"objectIDs":[%d]}`, gone)))
	l.ok("the explicit package", l.get(fmt.Sprintf("package/getByID?packageID=%d", explicit)))
}

func TestEdge06RootPackage(t *testing.T) {
	l := newLab(t)
	b := l.bucket("bkt")
	packages := func() []any {
		return l.ok("packages", l.get(fmt.Sprintf("package/listBucketPackages?bucketID=%d", b))).Data["packages"].([]any)
	}
	if len(packages()) != 0 {
		t.Error("packages in an empty bucket")
	}
	l.s3put("bkt", "top.txt", "x")
	if got := packages(); len(got) != 1 || got[0].(map[string]any)["name"] != "" {
		t.Errorf("packages %v", got)
	}
	l.ok("by name", l.get("package/getByFullName?bucketName=bkt&packageName="))
	if _, err := l.env.Admin.DeleteObject(t.Context(), "bkt", "top.txt", core.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if len(packages()) != 0 {
		t.Error("the root package stays")
	}
	l.want("make it", l.post("package/create", fmt.Sprintf(`{"bucketID":%d,"name":""}`, b)), 400, "BadArgument")
}

func TestEdge07UploadToRoot(t *testing.T) {
	l := newLab(t)
	l.bucket("bkt")
	l.s3put("bkt", "top.txt", "x")
	root := num(l.get("package/getByFullName?bucketName=bkt&packageName="), "package", "packageID")
	info := fmt.Sprintf(`{"packageID":%d}`, root)
	l.want("x/y", l.upload(info, filePart{"files", "x%2Fy", "", "x"}), 400, "BadArgument")
	l.ok("x", l.upload(info, filePart{"files", "x", "", "x"}, filePart{"files", "%2Flead", "", "y"}))
	for _, key := range []string{"x", "/lead"} {
		if _, err := l.env.Admin.StatObject(t.Context(), "bkt", key, core.GetOptions{}); err != nil {
			t.Errorf("S3 key %q: %v", key, err)
		}
	}
}

func TestEdge08Upload(t *testing.T) {
	l := newLab(t)
	p := l.pkg(l.bucket("bkt"), "pkg")
	a := l.ok("upload", l.upload(fmt.Sprintf(`{"packageID":%d,"affinity":0,"userID":%d}`, p, l.ids["admin"]),
		filePart{"files", "test.txt", "text/plain", "testdata"}, filePart{"files", "a%2Fb%2Ftest2.txt", "", "testdata2"},
		filePart{"file", "a/b+c%25.json", "application/octet-stream", "{}"}))
	for i, want := range []string{"test.txt", "a/b/test2.txt", "a/b+c%.json"} {
		if got := str(a, "uploadeds", fmt.Sprint(i), "path"); got != want {
			t.Errorf("path %q, want %q", got, want)
		}
	}
	if str(a, "uploadeds", "0", "size") != "8" || str(a, "uploadeds", "1", "size") != "9" || !strings.Contains(a.body, `"size":"8"`) {
		t.Errorf("sizes: %s", a.body)
	}
	for path, want := range map[string]string{"test.txt": "text/plain", "a/b/test2.txt": "text/plain; charset=utf-8", "a/b%2Bc%25.json": "application/json"} {
		if got := str(l.get(fmt.Sprintf("object/info?packageID=%d&path=%s", p, path)), "info", "contentType"); got != want {
			t.Errorf("content type of %s: %q, want %q", path, got, want)
		}
	}
}

// TestForms: lines may end as they like, and the last one need not.
func TestForms(t *testing.T) {
	l := newLab(t)
	p := l.pkg(l.bucket("bkt"), "pkg")
	kind, body := form(fmt.Sprintf(`{"packageID":%d}`, p), filePart{"files", "x", "", "content"})
	for name, body := range map[string]string{
		"CRLF": body, "LF": strings.ReplaceAll(body, "\r\n", "\n"), "no end": strings.TrimRight(body, "\r\n"),
		"LF, no end": strings.TrimRight(strings.ReplaceAll(body, "\r\n", "\n"), "\n"), "preamble": "before\r\n" + body, "epilogue": body + "behind",
	} {
		a := l.ok(name, l.do(call{method: "POST", target: "/v1/object/upload", user: "admin", kind: kind, body: body}))
		if got := str(a, "uploadeds", "0", "size"); got != "7" {
			t.Errorf("%s: size %s", name, got)
		}
	}
	for name, kind := range map[string]string{"none": "multipart/form-data", "empty": `multipart/form-data; boundary=""`, "long": "multipart/form-data; boundary=" + strings.Repeat("x", 71)} {
		l.want("boundary "+name, l.do(call{method: "POST", target: "/v1/object/upload", user: "admin", kind: kind, body: body}), 400, "BadArgument")
	}
	head := strings.Replace(body, "filename=", "x=\""+strings.Repeat("y", 100_000)+"\"; filename=", 1)
	l.want("a long head", l.do(call{method: "POST", target: "/v1/object/upload", user: "admin", kind: kind, body: head}), 400, "BadArgument")
	l.want("a long preamble", l.do(call{method: "POST", target: "/v1/object/upload", user: "admin", kind: kind, body: strings.Repeat("x", 100_000) + body}), 400, "BadArgument")
	l.want("a long epilogue", l.do(call{method: "POST", target: "/v1/object/upload", user: "admin", kind: kind, body: body + strings.Repeat("x", 100_000)}), 400, "BadArgument")
}

func TestEdge09UploadOrder(t *testing.T) {
	l := newLab(t)
	p := l.pkg(l.bucket("bkt"), "pkg")
	info := fmt.Sprintf(`{"packageID":%d}`, p)
	file := filePart{"files", "x", "", "x"}
	l.want("files before info", l.upload("", file, filePart{"info", "", "", info}), 400, "BadArgument")
	if a := l.ok("no files", l.upload(info)); len(a.Data["uploadeds"].([]any)) != 0 {
		t.Errorf("no files: %s", a.body)
	}
	l.want("nothing", l.upload(""), 400, "BadArgument")
	for _, bad := range []string{"{", `{"packageID":"1"}`, `{"packageID":-1}`, "{}", `{"packageID":1e30}`, `{"packageID":1,"affinity":"x"}`, strings.Repeat(" ", 70_000)} {
		l.want(fmt.Sprintf("info %.30s", bad), l.upload(bad, file), 400, "BadArgument")
	}
	l.want("no package", l.upload(`{"packageID":999}`, file), 404, "DataNotFound")
	for _, bad := range []filePart{{"other", "y", "", "y"}, {"files", "", "", "y"}, {"files", "%zz", "", "y"}, {"files", "%00", "", "y"}, {"files", "%ff", "", "y"}, {"files", strings.Repeat("y", 2000), "", "y"}} {
		l.want(fmt.Sprintf("%.60v", bad), l.upload(info, file, bad), 400, "BadArgument")
	}
	if _, paths, _ := l.list(fmt.Sprintf("packageID=%d&isPrefix=true", p)); len(paths) > 0 {
		t.Errorf("left behind: %q", paths)
	}
}

func TestEdge10Overwrite(t *testing.T) {
	l := newLab(t)
	p := l.pkg(l.bucket("bkt"), "pkg")
	id := l.put(p, "x", "one")
	first := l.get(fmt.Sprintf("object/info?objectID=%d", id))
	if again := l.put(p, "x", "two"); again != id {
		t.Errorf("objectID %d, was %d", again, id)
	}
	second := l.get(fmt.Sprintf("object/info?objectID=%d", id))
	for name, changed := range map[string]bool{"createTime": false, "updateTime": true, "fileHash": true, "packageID": false} {
		if (at(first, "object", name) != at(second, "object", name)) != changed {
			t.Errorf("%s: %v, then %v", name, at(first, "object", name), at(second, "object", name))
		}
	}
}

func TestEdge11CutUpload(t *testing.T) {
	l := newLab(t)
	p := l.pkg(l.bucket("bkt"), "pkg")
	kind, body := form(fmt.Sprintf(`{"packageID":%d}`, p), filePart{"files", "one", "", "first"}, filePart{"files", "two", "", strings.Repeat("second", 50_000)})
	sizes := []int{len(body) / 2}
	for n := range 260 {
		sizes = append(sizes, n, len(body)-5-n)
	}
	for _, n := range sizes {
		a := l.do(call{method: "POST", target: "/v1/object/upload", user: "admin", kind: kind, body: body[:n]})
		l.want(fmt.Sprintf("%d of %d bytes", n, len(body)), a, 400, "BadArgument")
	}
	if _, paths, _ := l.list(fmt.Sprintf("packageID=%d&isPrefix=true", p)); len(paths) > 0 {
		t.Errorf("left behind: %q", paths)
	}
}

func TestEdge12Slices(t *testing.T) {
	l := newLab(t)
	id := l.put(l.pkg(l.bucket("bkt"), "pkg"), "x", "0123456789")
	for _, c := range []struct {
		query, ranges string
		status        int
		body          string
	}{
		{"&offset=2&length=3", "", 200, "234"},
		{"&offset=2&length=3", "bytes=0-0", 200, "234"},
		{"", "bytes=2-4", 206, "234"},
		{"", "bytes=-3", 206, "789"},
		{"", "bytes=8-99", 206, "89"},
		{"", "bytes=10-", 416, ""},
		{"", "bytes=-0", 416, ""},
		{"", "bytes=1-2,4-5", 200, "0123456789"},
		{"", "lines=1-2", 200, "0123456789"},
		{"&offset=10", "", 200, ""},
		{"&offset=11", "", 416, ""},
		{"&offset=-1", "", 400, ""},
		{"&offset=x", "", 400, ""},
		{"&offset=1&offset=2", "", 400, ""},
		{"&length=-1", "", 400, ""},
		{"&length=0", "", 200, ""},
		{"&length=3", "", 200, "012"},
		{"&offset=8&length=9223372036854775807", "", 200, "89"},
		{"&offset=9223372036854775808", "", 400, ""},
		{"&offset=", "", 200, "0123456789"},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			in := call{method: method, target: fmt.Sprintf("/v1/object/download?objectID=%d%s", id, c.query), user: "admin"}
			if c.ranges != "" {
				in.header = map[string]string{"Range": c.ranges}
			}
			a := l.do(in)
			if a.StatusCode != c.status || method == "GET" && c.status < 400 && a.body != c.body {
				t.Errorf("%s %s %s: %d %q, want %d %q", method, c.query, c.ranges, a.StatusCode, a.body, c.status, c.body)
			}
			if c.status < 400 && (a.Header.Get("Content-Length") != fmt.Sprint(len(c.body)) || a.Header.Get("Content-Type") != "application/octet-stream") {
				t.Errorf("%s %s %s: header %v", method, c.query, c.ranges, a.Header)
			}
		}
	}
}

func TestEdge13MissingObject(t *testing.T) {
	l := newLab(t)
	a := l.want("missing", l.get("object/download?objectID=999"), 404, "DataNotFound")
	if a.Header.Get("Content-Type") != "application/json" {
		t.Errorf("header %v", a.Header)
	}
	l.bucket("bkt")
	for _, path := range []string{"bkt", "bkt/", "/", "nothing/x", "bkt/x", ""} {
		if a := l.get("object/downloadByPath?path=" + path); a.StatusCode != http.StatusNotFound && a.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %d %s", path, a.StatusCode, a.body)
		}
	}
}

func TestEdge14DownloadByPath(t *testing.T) {
	l := newLab(t)
	p := l.pkg(l.bucket("bkt"), "pkg")
	l.put(p, "a/b.txt", "content")
	for _, query := range []string{"path=bkt/pkg/a/b.txt", "path=/bkt/pkg/a/b.txt", fmt.Sprintf("packageID=%d&path=a/b.txt", p)} {
		if a := l.get("object/downloadByPath?" + query); a.body != "content" {
			t.Errorf("%s: %d %s", query, a.StatusCode, a.body)
		}
	}
	for _, path := range []string{"a//b.txt", "./a/b.txt", "a/../a/b.txt", "a/b.txt/", "A/b.txt", "a\\b.txt"} { // paths are bytes
		l.want(path, l.get(fmt.Sprintf("object/downloadByPath?packageID=%d&path=%s", p, url.QueryEscape(path))), 404, "DataNotFound")
	}
}

func TestEdge15ExactListing(t *testing.T) {
	l := newLab(t)
	p := l.pkg(l.bucket("bkt"), "pkg")
	a := l.ok("missing", l.get(fmt.Sprintf("object/listByPath?packageID=%d&path=x", p)))
	if !strings.Contains(a.body, `"commonPrefixes":[],"objects":[]`) {
		t.Errorf("empty listing: %s", a.body)
	}
	l.put(p, "x", "x")
	_, paths, next := l.list(fmt.Sprintf("packageID=%d&path=x&isPrefix=false&noRecursive=true&maxKeys=1&continuationToken=zzz", p))
	if !slices.Equal(paths, []string{"x"}) || next != "" {
		t.Errorf("listed %q, %q", paths, next)
	}
	l.want("no package", l.get("object/listByPath?packageID=999&path=x"), 404, "DataNotFound")
}

func TestEdge16Prefixes(t *testing.T) {
	l := newLab(t)
	p := l.pkg(l.bucket("bkt"), "pkg")
	for _, path := range []string{"a/1", "a/b/2", "ab"} {
		l.put(p, path, path)
	}
	for prefix, want := range map[string][2][]string{
		"a": {{"a/"}, {"ab"}}, "a/": {{"a/b/"}, {"a/1"}}, "": {{"a/"}, {"ab"}}, "b": {nil, nil},
	} {
		prefixes, paths, _ := l.list(fmt.Sprintf("packageID=%d&isPrefix=true&noRecursive=true&path=%s", p, prefix))
		if !slices.Equal(prefixes, want[0]) || !slices.Equal(paths, want[1]) {
			t.Errorf("prefix %q: %q, %q, want %q", prefix, prefixes, paths, want)
		}
	}
}

func TestEdge17Paging(t *testing.T) {
	l := newLab(t)
	p := l.pkg(l.bucket("bkt"), "pkg")
	for _, path := range []string{"a/1", "a/b/2", "ab"} {
		l.put(p, path, path)
	}
	for query, want := range map[string][]string{
		"path=": {"a/1", "a/b/2", "ab"}, "path=a&noRecursive=1": {"a/", "ab"}, "path=a/&noRecursive=1": {"a/1", "a/b/"},
	} {
		base := fmt.Sprintf("packageID=%d&isPrefix=true&maxKeys=1&%s", p, query)
		var got []string
		token := ""
		for range 5 {
			prefixes, paths, next := l.list(base + "&continuationToken=" + token)
			got = append(append(got, prefixes...), paths...)
			if token = next; token == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
		_, _, token = l.list(base)
		for _, other := range []string{"x", token + "A", token[1:]} {
			l.want("token "+other, l.get("object/listByPath?"+base+"&continuationToken="+other), 400, "BadArgument")
		}
		l.want("of other parameters", l.get(fmt.Sprintf("object/listByPath?packageID=%d&isPrefix=true&path=zz&continuationToken=%s", p, token)), 400, "BadArgument")
	}
}

func TestEdge18Move(t *testing.T) {
	l := newLab(t)
	p := l.pkg(l.bucket("bkt"), "pkg")
	a, b := l.put(p, "a", "a"), l.put(p, "b", "b")
	move := func(items ...string) []any {
		return l.ok("move", l.post("object/move", `{"movings":[`+strings.Join(items, ",")+`]}`)).Data["successes"].([]any)
	}
	item := func(id int64, path string) string {
		return fmt.Sprintf(`{"objectID":%d,"packageID":%d,"path":%q}`, id, p, path)
	}
	if got := move(item(a, "b")); len(got) != 0 {
		t.Errorf("onto an object: %v", got)
	}
	if got := move(item(a, "b"), item(b, "a")); len(got) != 0 {
		t.Errorf("a swap: %v", got)
	}
	if got := move(item(a, "a"), item(999, "x"), fmt.Sprintf(`{"objectID":%d,"packageID":999,"path":"x"}`, a)); len(got) != 0 {
		t.Errorf("nothing: %v", got)
	}
	if got := move(item(a, "c"), item(b, "a")); len(got) != 2 {
		t.Errorf("a chain: %v", got)
	}
	if got := l.put(p, "c", "again"); got != a {
		t.Errorf("overwritten after the move: object %d, want %d", got, a)
	}
	if got := l.ok("no items", l.post("object/move", `{"movings":[]}`)); !strings.Contains(got.body, `"successes":[]`) {
		t.Errorf("no items: %s", got.body)
	}
	bad := l.want("negative", l.post("object/move", `{"movings":[{"objectID":-1,"packageID":1,"path":"x"}]}`), 400, "BadArgument")
	if !strings.Contains(bad.Message, "movings[0].objectID") {
		t.Errorf("message %q", bad.Message)
	}
}

func TestEdge19Delete(t *testing.T) {
	l := newLab(t)
	id := l.put(l.pkg(l.bucket("bkt"), "pkg"), "x", "x")
	for range 2 {
		a := l.ok("delete", l.post("object/delete", fmt.Sprintf(`{"objectIDs":[999,%d,%d]}`, id, id)))
		if !a.null {
			t.Errorf("data: %s", a.body)
		}
	}
	l.want("deleted", l.get(fmt.Sprintf("object/download?objectID=%d", id)), 404, "DataNotFound")
	l.want("too many", l.post("object/delete", `{"objectIDs":[`+strings.Repeat("1,", 10_000)+`1]}`), 400, "BadArgument")
}

func TestEdge20Clone(t *testing.T) {
	l := newLab(t)
	p := l.pkg(l.bucket("bkt"), "pkg")
	id := l.put(p, "x", "content")
	body := fmt.Sprintf(`{"clonings":[{"objectID":999,"newPath":"y","newPackageID":%d},{"objectID":%d,"newPath":"y","newPackageID":%d},{"objectID":%d,"newPath":"y","newPackageID":%d}]}`, p, id, p, id, p)
	a := l.ok("clone", l.post("object/clone", body))
	if at(a, "objects", "0") != nil || at(a, "objects", "2") != nil || num(a, "objects", "1", "objectID") == id || str(a, "objects", "1", "path") != "y" {
		t.Errorf("clones: %s", a.body)
	}
	if got, want := str(a, "objects", "1", "fileHash"), str(l.get(fmt.Sprintf("object/info?objectID=%d", id)), "object", "fileHash"); got != want {
		t.Errorf("hash %s, want %s", got, want)
	}
}

func TestEdge21Unfinished(t *testing.T) {
	l := newLab(t)
	p := l.pkg(l.bucket("bkt"), "pkg")
	a := l.ok("new upload", l.post("object/newMultipartUpload", fmt.Sprintf(`{"packageID":%d,"path":"multi"}`, p)))
	id := num(a, "object", "objectID")
	listed := l.get(fmt.Sprintf("object/listByPath?packageID=%d&path=multi", p))
	for what, got := range map[string]string{
		"size": str(listed, "objects", "0", "size"), "fileHash": str(listed, "objects", "0", "fileHash"), "type": str(listed, "objects", "0", "redundancy", "type"),
	} {
		want := map[string]string{"size": "0", "fileHash": "Full" + strings.Repeat("0", 64), "type": "multipartUpload"}[what]
		if got != want {
			t.Errorf("%s = %q, want %q", what, got, want)
		}
	}
	if page, err := l.env.Admin.ListObjects(t.Context(), "bkt", core.ListOptions{Limit: 10}); err != nil || len(page.Items) > 0 {
		t.Errorf("S3 lists %+v, %v", page.Items, err)
	}
	l.want("download", l.get(fmt.Sprintf("object/download?objectID=%d", id)), 409, "Conflict")
}

// The vectors of section 5.1.
var (
	vectorParts = []string{"", "0123456789", "abcdefghij", "KLMNOPQRST"}
	vectorFull  = []string{
		"", "Full84D89877F0D4041EFB6BF91A16F0248F2FD573E6AF05C19F96BEDB9F882F7882",
		"Full72399361DA6A7754FEC986DCA5B7CBAF1C810A28DED4ABAF56B2106D06CB78B0",
		"Full9E5CED8B90642E3AB5CA97A76AABC9CE20D4D26353C314551AA3D51C62D4B48D",
	}
)

const (
	vectorComp  = "Comp604D4F6D63235EA1402CFCDC05E1F01A2F40AA06FC9FC436D1F4E06180176975"
	vector231   = "Full29F76ED12944F16134D7E5C37E6AD7B76F55EE7F4803FFE0EDC85B3E9A4E503A"
	vector123   = "Full2862D784BE4189818FE8EF77AE693F35A8FFAB912546CF6B03FEE1023EBE03F0"
	vectorEmpty = "FullE3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"
)

func TestEdge22Complete(t *testing.T) {
	l := newLab(t)
	p := l.pkg(l.bucket("bkt"), "pkg")
	for i, c := range []struct{ indexes, hash, size string }{{"[2,3,1]", vector231, "30"}, {"[1,2,3]", vector123, "30"}, {"[1,1]", "", "20"}, {"[2]", vectorFull[2], "10"}} {
		id := l.unfinished(p, fmt.Sprint("multi", i))
		if got := str(l.get(fmt.Sprintf("object/info?objectID=%d", id)), "object", "fileHash"); got != vectorComp {
			t.Errorf("hash of the parts %s", got)
		}
		parts := l.ok("parts", l.get(fmt.Sprintf("object/listParts?objectID=%d", id)))
		for n := range 3 {
			if got := str(parts, "parts", fmt.Sprint(n), "fileHash"); got != vectorFull[n+1] {
				t.Errorf("hash of part %d: %s", n+1, got)
			}
		}
		body := fmt.Sprintf(`{"objectID":%d,"indexes":%s}`, id, c.indexes)
		a := l.ok("complete "+c.indexes, l.post("object/completeMultipartUpload", body))
		if str(a, "object", "size") != c.size || c.hash != "" && str(a, "object", "fileHash") != c.hash || str(a, "object", "redundancy", "type") != "none" {
			t.Errorf("complete %s: %s", c.indexes, a.body)
		}
		l.want("complete again", l.post("object/completeMultipartUpload", body), 409, "Conflict")
	}
	id := l.put(p, "empty", "")
	if got := str(l.get(fmt.Sprintf("object/info?objectID=%d", id)), "object", "fileHash"); got != vectorEmpty {
		t.Errorf("hash of nothing: %s", got)
	}
}

func TestEdge23Parts(t *testing.T) {
	l := newLab(t)
	p := l.pkg(l.bucket("bkt"), "pkg")
	id := l.unfinished(p, "multi")
	info := func(index string) string { return fmt.Sprintf(`{"objectID":%d,"index":%s}`, id, index) }
	file := filePart{"file", "x", "", "second"}
	l.ok("index 1 again", l.uploadPart(info("1"), file))
	for _, index := range []string{"-1", "10001", `"1"`, "1.5", "null"} {
		l.want("index "+index, l.uploadPart(info(index), file), 400, "BadArgument")
	}
	l.want("no file", l.uploadPart(info("1")), 400, "BadArgument")
	l.want("another part", l.uploadPart(info("1"), filePart{"other", "x", "", "x"}), 400, "BadArgument")
	l.want("two files", l.uploadPart(info("2"), file, file), 400, "BadArgument")
	l.want("no object", l.uploadPart(`{"objectID":999,"index":1}`, file), 404, "DataNotFound")
	l.want("no upload", l.uploadPart(fmt.Sprintf(`{"objectID":%d,"index":1}`, l.put(p, "x", "x")), file), 409, "Conflict")
	l.want("an index that is not there", l.post("object/completeMultipartUpload", fmt.Sprintf(`{"objectID":%d,"indexes":[1,7]}`, id)), 400, "BadArgument")
	l.want("no indexes", l.post("object/completeMultipartUpload", fmt.Sprintf(`{"objectID":%d,"indexes":[]}`, id)), 400, "BadArgument")
	l.ok("complete", l.post("object/completeMultipartUpload", fmt.Sprintf(`{"objectID":%d,"indexes":[1,2]}`, id)))
	if a := l.get(fmt.Sprintf("object/download?objectID=%d", id)); a.body != "secondabcdefghij" {
		t.Errorf("content %q", a.body)
	}
}

// TestNullItems: null counts as absent, and no item of an array can be absent.
func TestNullItems(t *testing.T) {
	l := newLab(t)
	p := l.pkg(l.bucket("bkt"), "pkg")
	id := l.unfinished(p, "multi")
	for what, tc := range map[string]struct{ target, body, field string }{
		"indexes":   {"object/completeMultipartUpload", fmt.Sprintf(`{"objectID":%d,"indexes":[1,null]}`, id), "indexes[1]"},
		"objectIDs": {"object/delete", `{"objectIDs":[null]}`, "objectIDs[0]"},
		"movings":   {"object/move", `{"movings":[null]}`, "movings[0]"},
		"clonings":  {"object/clone", `{"clonings":[null]}`, "clonings[0]"},
		"spaces":    {"bucket/setPolicy", `{"bucketID":1,"policy":{"spaces":[1,null]}}`, "policy.spaces[1]"},
		"grants":    {"bucket/setPolicy", `{"bucketID":1,"policy":{"grants":[null]}}`, "policy.grants[0]"},
	} {
		a := l.want(what, l.post(tc.target, tc.body), 400, "BadArgument")
		if !strings.Contains(a.Message, tc.field) {
			t.Errorf("%s: %q does not name %s", what, a.Message, tc.field)
		}
	}
	l.ok("complete", l.post("object/completeMultipartUpload", fmt.Sprintf(`{"objectID":%d,"indexes":[1]}`, id)))
}

// TestPutOfHTTP10: before HTTP/1.1 a body without Content-Length is one that is not seen.
func TestPutOfHTTP10(t *testing.T) {
	l := newLab(t)
	p := l.pkg(l.bucket("bkt"), "pkg")
	id := l.put(p, "x", "the old content")
	for _, target := range []string{fmt.Sprintf("/v1/object/putByPath?packageID=%d&path=x", p), "/v1/object/putByPath?path=bkt/pkg/x"} {
		for _, kind := range []string{"", "text/plain"} {
			r := l.request(call{method: "PUT", target: target, user: "admin", kind: kind})
			r.Proto, r.ProtoMinor = "HTTP/1.0", 0
			l.want("PUT of HTTP/1.0 without a length", l.send(r), 411, "BadArgument")
			if a := l.get(fmt.Sprintf("object/download?objectID=%d", id)); a.body != "the old content" {
				t.Fatalf("content %q", a.body)
			}
		}
		r := l.request(call{method: "PUT", target: target, user: "admin", header: map[string]string{"Content-Length": "0"}})
		r.Proto, r.ProtoMinor = "HTTP/1.0", 0
		l.ok("PUT of HTTP/1.0 with a length of 0", l.send(r))
		l.put(p, "x", "the old content")
	}
}

func TestEdge24Abort(t *testing.T) {
	l := newLab(t)
	p := l.pkg(l.bucket("bkt"), "pkg")
	id := l.put(p, "x", "old")
	if got := l.unfinished(p, "x"); got != id {
		t.Errorf("the upload is object %d, want %d", got, id)
	}
	abort := fmt.Sprintf(`{"objectID":%d}`, id)
	l.ok("abort", l.post("object/abortMultipartUpload", abort))
	if a := l.get(fmt.Sprintf("object/download?objectID=%d", id)); a.body != "old" {
		t.Errorf("content %q", a.body)
	}
	l.want("abort again", l.post("object/abortMultipartUpload", abort), 409, "Conflict")
	l.want("abort nothing", l.post("object/abortMultipartUpload", `{"objectID":999}`), 404, "DataNotFound")
}

func TestEdge33Bodies(t *testing.T) {
	l := newLab(t)
	long := `{"name":"` + strings.Repeat("x", 5<<20-len(`{"name":""}`)) + `"}`
	a := l.want("5 MiB", l.post("bucket/create", long), 400, "BadArgument")
	if !strings.HasPrefix(a.Message, "name: ") {
		t.Errorf("5 MiB: %.100s", a.Message)
	}
	a = l.want("5 MiB and a byte", l.post("bucket/create", long+" "), 400, "BadArgument")
	if !strings.Contains(a.Message, "5242880") {
		t.Errorf("5 MiB and a byte: %.100s", a.Message)
	}
	a = l.want("a string", l.post("bucket/delete", `{"bucketID":"1"}`), 400, "BadArgument")
	if !strings.HasPrefix(a.Message, "bucketID: ") {
		t.Errorf("message %q", a.Message)
	}
	l.bucket("bkt1")
	l.want("another case", l.post("bucket/create", `{"Name":"bkt2"}`), 400, "BadArgument")
	l.ok("twice, the last counts", l.post("bucket/create", `{"name":"bkt1","name":"bkt2"}`))
}

func TestEdge34EmptyLists(t *testing.T) {
	l := newLab(t)
	if a := l.ok("buckets", l.get("bucket/listAll")); !strings.Contains(a.body, `"buckets":[]`) {
		t.Error(a.body)
	}
	b := l.bucket("bkt")
	p := l.pkg(b, "pkg")
	id := num(l.ok("new upload", l.post("object/newMultipartUpload", fmt.Sprintf(`{"packageID":%d,"path":"u"}`, p))), "object", "objectID")
	empty := l.pkg(b, "empty")
	for target, want := range map[string]string{
		fmt.Sprintf("object/getPackageObjects?packageID=%d", empty):        `"objects":[]`,
		fmt.Sprintf("object/listParts?objectID=%d", id):                    `"parts":[]`,
		fmt.Sprintf("object/listVersions?objectID=%d", id):                 `"versions":[]`,
		fmt.Sprintf("bucket/getPolicy?bucketID=%d", b):                     `"spaces":[],"versioning":"Off","publicRead":false,"grants":[]`,
		fmt.Sprintf("object/listByPath?packageID=%d&isPrefix=true", empty): `"commonPrefixes":[],"objects":[]`,
		fmt.Sprintf("object/info?objectID=%d", id):                         `"metadata":{},"tags":{}`,
	} {
		if a := l.ok(target, l.get(target)); !strings.Contains(a.body, want) {
			t.Errorf("%s: %s", target, a.body)
		}
	}
	for target, body := range map[string]string{"object/move": `{"movings":[]}`, "object/clone": `{"clonings":[]}`} {
		if a := l.ok(target, l.post(target, body)); strings.Contains(strings.TrimPrefix(a.body, `{"code":"OK","message":"","data":`), "null") {
			t.Errorf("%s: %s", target, a.body)
		}
	}
}
