package nativeapi_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trivium/nativeapi"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden makes each call once, in one story on a new Service whose clock goes one second per request, and compares
// request and answer with the golden file of the call's name.
func TestGolden(t *testing.T) {
	l := newLab(t)
	if err := l.env.Admin.SetPassword(t.Context(), l.ids["ann"], "password of ann"); err != nil {
		t.Fatal(err)
	}
	last := "" // objectID of the answer before
	for _, s := range story(l.ids["bob"]) {
		s.body = strings.ReplaceAll(s.body, "LAST", last)
		if s.golden == "userSpace/status" {
			l.up(2)
		}
		a := l.do(s.call)
		last = fmt.Sprint(num(a, "object", "objectID"))
		if a.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", s.target, a.StatusCode, a.body)
		}
		if s.golden != "" {
			compareGolden(t, strings.ReplaceAll(s.golden, "/", "-"), transcript(s.call, a))
		}
	}
}

// TestGoldenForEveryCall: a call without a golden file is one whose answers nobody watches.
func TestGoldenForEveryCall(t *testing.T) {
	have := map[string]bool{}
	for _, s := range story(0) {
		have[strings.ReplaceAll(s.golden, "/", "-")] = true
	}
	for _, path := range nativeapi.Calls() {
		if !have[strings.ReplaceAll(path, "/", "-")] {
			t.Errorf("%s has no golden file", path)
		}
	}
	files, err := os.ReadDir(filepath.Join("testdata", "golden"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !have[strings.TrimSuffix(f.Name(), ".txt")] {
			t.Errorf("testdata/golden/%s belongs to no step", f.Name())
		}
	}
}

// story is what TestGolden does; bob is the id of a user.
func story(bob int64) []step {
	kind, files := form(`{"packageID":1,"affinity":0}`, filePart{"files", "test.txt", "text/plain", "testdata"}, filePart{"files", "a%2Fb%2Ftest2.txt", "", "testdata2"})
	_, part := form(`{"objectID":4,"index":1}`, filePart{"file", "part1", "", "0123456789"})
	post := func(name, body string) step {
		return step{name, call{method: "POST", target: "/v1/" + name, user: "admin", kind: "application/json", body: body}}
	}
	get := func(name, query string) step {
		return step{name, call{method: "GET", target: "/v1/" + name + query, user: "admin"}}
	}
	space := `"storage":{"type":"S3","endpoint":"https://minio.example:9000","region":"us-east-1","bucket":"b1","pathStyle":true},` +
		`"credential":{"type":"S3","accessKeyId":"AK1","secretAccessKey":"SK1"},"workingDir":"trivium"`
	return []step{
		{"user/login", call{method: "POST", target: "/v1/user/login", kind: "application/json", body: `{"value":"ann","password":"password of ann"}`}},
		post("bucket/create", `{"name":"bkt1"}`),
		get("bucket/getByName", "?name=bkt1"),
		get("bucket/listAll", ""),
		post("package/create", `{"bucketID":1,"name":"t1"}`),
		get("package/getByFullName", "?bucketName=bkt1&packageName=t1"),
		get("package/getByID", "?packageID=1"),
		get("package/listBucketPackages", "?bucketID=1"),
		{"object/upload", call{method: "POST", target: "/v1/object/upload", user: "admin", kind: kind, body: files}},
		{"object/putByPath", call{method: "PUT", target: "/v1/object/putByPath?packageID=1&path=raw.json", user: "admin", body: "{}"}},
		get("object/download", "?objectID=1&offset=4&length=100"),
		get("object/downloadByPath", "?path=bkt1/t1/a/b/test2.txt"),
		get("object/info", "?packageID=1&path=raw.json"),
		get("object/listByPath", "?packageID=1&path=&isPrefix=true&noRecursive=true&maxKeys=2"),
		get("object/getPackageObjects", "?packageID=1"),
		post("object/newMultipartUpload", `{"packageID":1,"path":"multi"}`),
		{"object/uploadPart", call{method: "POST", target: "/v1/object/uploadPart", user: "admin", kind: kind, body: part}},
		get("object/listParts", "?objectID=4"),
		post("object/completeMultipartUpload", `{"objectID":4,"indexes":[1,1]}`),
		post("object/move", `{"movings":[{"objectID":1,"packageID":1,"path":"trace2.txt"},{"objectID":99,"packageID":1,"path":"x"}]}`),
		post("object/clone", `{"clonings":[{"objectID":1,"newPath":"trace3.txt","newPackageID":1},{"objectID":99,"newPath":"x","newPackageID":1}]}`),
		post("object/presign", `{"operation":"download","objectID":1,"expires":60}`),
		post("bucket/setPolicy", `{"bucketID":1,"policy":{"versioning":"Enabled","grants":[{"userID":`+fmt.Sprint(bob)+`,"access":"read"}]}}`),
		get("bucket/getPolicy", "?bucketID=1"),
		{"", call{method: "PUT", target: "/v1/object/putByPath?packageID=1&path=raw.json", user: "admin", body: "[]"}},
		get("object/listVersions", "?objectID=3"),
		post("object/restoreVersion", `{"objectID":3,"versionID":"null"}`),
		{"", call{method: "POST", target: "/v1/object/newMultipartUpload", user: "admin", kind: "application/json", body: `{"packageID":1,"path":"gone"}`}},
		post("object/abortMultipartUpload", `{"objectID":LAST}`),
		get("package/download", "?packageID=1&format=tar&prefix=trace"),
		post("object/updateMetadata", `{"objectID":3,"metadata":{"color":"blue"},"contentType":"text/plain"}`),
		get("redundancy/status", "?objectID=1"),
		post("object/delete", `{"objectIDs":[1,99]}`),
		post("package/delete", `{"packageID":1}`),
		post("bucket/delete", `{"bucketID":1}`),
		post("userSpace/test", `{`+space+`}`),
		post("userSpace/create", `{"name":"minio1",`+space+`,"shardStore":{"maxSize":1099511627776},"features":[{"type":"MultipartUpload"}]}`),
		post("userSpace/update", `{"userSpaceID":2,"name":"minio","credential":{"type":"S3","accessKeyId":"AK2","secretAccessKey":"******"}}`),
		get("userSpace/get", "?userSpaceID=2&showSecret=true"),
		get("userSpace/list", ""),
		get("userSpace/kinds", ""),
		get("userSpace/status", "?userSpaceID=2"),
		post("userSpace/delete", `{"userSpaceID":2}`),
		{"system/health", call{method: "GET", target: "/v1/system/health"}},
	}
}

// step is one request of the story and the name of its golden file; "": it is not kept.
type step struct {
	golden string
	call
}

// changing is what differs from run to run: tokens, and times that are told.
var changing = regexp.MustCompile(`("token":"|X-Trivium-Token=)[A-Za-z0-9_-]+|"time":"[^"]*"|"latencyMs":\d+|"checkTime":"[^"]*"`)

// transcript writes a request without its credentials, and its answer.
func transcript(c call, a answer) string {
	var b strings.Builder
	fmt.Fprintf(&b, "> %s %s\n", c.method, c.target)
	if c.kind != "" {
		fmt.Fprintf(&b, "> Content-Type: %s\n", c.kind)
	}
	if c.user != "" {
		fmt.Fprintf(&b, "> (as %s)\n", c.user)
	}
	if c.body != "" {
		fmt.Fprintf(&b, ">\n> %s\n", strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(c.body), "\r", ""), "\n", "\n> "))
	}
	fmt.Fprintf(&b, "< %d\n", a.StatusCode)
	var names []string
	for name := range a.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, "< %s: %s\n", name, strings.Join(a.Header[name], ", "))
	}
	body := a.body
	if strings.Contains(c.target, "format=tar") {
		body = fmt.Sprintf("(%d bytes)", len(body))
	}
	out := b.String() + "<\n" + strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(body), `,"`, ",\n\""), "{\"", "{\n\"") + "\n"
	return changing.ReplaceAllStringFunc(out, func(s string) string {
		if i := strings.IndexAny(s, ":="); i >= 0 {
			return s[:i+1] + "..."
		}
		return s
	})
}

func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	got = regexp.MustCompile(`Content-Length: \d+`).ReplaceAllString(got, "Content-Length: N")
	path := filepath.Join("testdata", "golden", name+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-golden +got):\n%s", name, diff)
	}
}

// TestPolicyValues: what a policy cannot be.
func TestPolicyValues(t *testing.T) {
	l := newLab(t)
	b := l.bucket("bkt")
	for _, bad := range []string{`{"redundancy":{"type":"rep"}}`, `{"versioning":"on"}`, `{"grants":[{"userID":1,"access":"owner"}]}`, `{"spaces":[99]}`, `{"publicRead":1}`, `{"grants":[{"userID":-1,"access":"read"}]}`} {
		l.want(bad, l.post("bucket/setPolicy", fmt.Sprintf(`{"bucketID":%d,"policy":%s}`, b, bad)), 400, "BadArgument")
	}
}
