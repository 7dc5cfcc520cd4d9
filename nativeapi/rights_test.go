package nativeapi_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	v1 "trivium/nativeapi/v1"
)

// roles are who asks, from nobody to who may do everything: bob has no right on the bucket, which is ann's.
var roles = [...]string{"", "bob", "reader", "writer", "ann", "admin"}

// rightsCall is one call on things of ann's bucket, or between it and a bucket of the caller's. In target and body stand
// for ids: BUCKET, PKG, OBJ, UP (an unfinished upload), MINE (a package of the caller's) and OWN (an object in it); NAME
// is the bucket's name, NEW one that is free.
type rightsCall struct {
	target, body string
	form         bool // body is the info of a form
	// want has the answer to each role: the status, or "none" for 200 where nothing was done.
	want string
}

// rightsCalls are all calls that need credentials.
func rightsCalls() []rightsCall {
	const (
		everybody = "401 200 200 200 200 200"
		read      = "401 404 200 200 200 200"
		write     = "401 404 403 200 200 200"
		own       = "401 404 403 403 200 200"
	)
	return []rightsCall{
		{target: "POST bucket/create", body: `{"name":"NEW"}`, want: everybody},
		{target: "GET bucket/getByName?name=NAME", want: read},
		{target: "GET bucket/listAll", want: everybody},
		{target: "POST bucket/delete", body: `{"bucketID":BUCKET}`, want: own},
		{target: "GET bucket/getPolicy?bucketID=BUCKET", want: own},
		{target: "POST bucket/setPolicy", body: `{"bucketID":BUCKET,"policy":{"publicRead":false}}`, want: own},
		{target: "POST package/create", body: `{"bucketID":BUCKET,"name":"other"}`, want: write},
		{target: "GET package/getByFullName?bucketName=NAME&packageName=pkg", want: read},
		{target: "GET package/getByID?packageID=PKG", want: read},
		{target: "GET package/listBucketPackages?bucketID=BUCKET", want: read},
		{target: "POST package/delete", body: `{"packageID":PKG}`, want: write},
		{target: "GET package/download?packageID=PKG", want: read},
		{target: "POST object/upload", body: `{"packageID":PKG}`, form: true, want: write},
		{target: "PUT object/putByPath?packageID=PKG&path=new", body: "x", want: write},
		{target: "GET object/download?objectID=OBJ", want: read},
		{target: "HEAD object/download?objectID=OBJ", want: read},
		{target: "GET object/downloadByPath?packageID=PKG&path=x", want: read},
		{target: "GET object/downloadByPath?path=NAME/pkg/x", want: read},
		{target: "GET object/info?objectID=OBJ", want: read},
		{target: "GET object/info?objectID=UP", want: read},
		{target: "GET object/info?packageID=PKG&path=x", want: read},
		{target: "GET object/listByPath?packageID=PKG&path=x", want: read},
		{target: "GET object/listByPath?packageID=PKG&isPrefix=true", want: read},
		{target: "GET object/getPackageObjects?packageID=PKG", want: read},
		{target: "POST object/updateMetadata", body: `{"objectID":OBJ,"metadata":{"a":"b"}}`, want: write},
		{target: "GET object/listVersions?objectID=OBJ", want: read},
		{target: "POST object/restoreVersion", body: `{"objectID":OBJ,"versionID":"VERSION"}`, want: write},
		{target: "POST object/move", body: `{"movings":[{"objectID":OBJ,"packageID":PKG,"path":"y"}]}`, want: "401 none none 200 200 200"},
		{target: "POST object/move", body: `{"movings":[{"objectID":OBJ,"packageID":MINE,"path":"y"}]}`, want: "401 none none 200 200 200"},
		{target: "POST object/move", body: `{"movings":[{"objectID":OWN,"packageID":PKG,"path":"y"}]}`, want: "401 none none 200 200 200"},
		{target: "POST object/clone", body: `{"clonings":[{"objectID":OBJ,"newPackageID":PKG,"newPath":"y"}]}`, want: "401 none none 200 200 200"},
		{target: "POST object/clone", body: `{"clonings":[{"objectID":OBJ,"newPackageID":MINE,"newPath":"y"}]}`, want: "401 none 200 200 200 200"},
		{target: "POST object/clone", body: `{"clonings":[{"objectID":OWN,"newPackageID":PKG,"newPath":"y"}]}`, want: "401 none none 200 200 200"},
		{target: "POST object/delete", body: `{"objectIDs":[OBJ]}`, want: "401 none 403 200 200 200"},
		{target: "POST object/delete", body: `{"objectIDs":[OWN,OBJ]}`, want: "401 200 403 200 200 200"},
		{target: "POST object/delete", body: `{"objectIDs":[UP]}`, want: "401 none 403 200 200 200"},
		{target: "POST object/newMultipartUpload", body: `{"packageID":PKG,"path":"big"}`, want: write},
		{target: "POST object/uploadPart", body: `{"objectID":UP,"index":1}`, form: true, want: write},
		{target: "POST object/completeMultipartUpload", body: `{"objectID":UP,"indexes":[0]}`, want: write},
		{target: "POST object/abortMultipartUpload", body: `{"objectID":UP}`, want: write},
		{target: "GET object/listParts?objectID=UP", want: write},
	}
}

// rightsWorld is what one call is made on.
type rightsWorld struct {
	*lab
	n    int               // of worlds before
	ids  map[string]string // what stands for what
	used bool              // things are not as they were made
}

// next makes new things, of which MINE and OWN are role's.
func (w *rightsWorld) next(role string) {
	w.t.Helper()
	w.n++
	name, mine := fmt.Sprintf("bucket-%d", w.n), fmt.Sprintf("mine-%d", w.n)
	own := func(owner, bucket string) (id, pkg int64) {
		id = num(w.ok("bucket", w.postAs(owner, "bucket/create", `{"name":"`+bucket+`"}`)), "bucket", "bucketID")
		return id, w.pkg(id, "pkg")
	}
	b, p := own("ann", name)
	grants := fmt.Sprintf(`[{"userID":%d,"access":"read"},{"userID":%d,"access":"write"}]`, w.lab.ids["reader"], w.lab.ids["writer"])
	w.ok("grants", w.post("bucket/setPolicy", fmt.Sprintf(`{"bucketID":%d,"policy":{"versioning":"Enabled","grants":%s}}`, b, grants)))
	obj := w.put(p, "x", "first")
	version := str(w.get(fmt.Sprintf("object/info?objectID=%d", obj)), "info", "versionID")
	w.put(p, "x", "second")
	up := w.unfinished(p, "up")
	w.ok("part", w.uploadPart(fmt.Sprintf(`{"objectID":%d,"index":0}`, up), filePart{"file", "part", "", "part"}))
	if role == "" {
		role = "ann"
	}
	_, q := own(role, mine)
	w.ids = map[string]string{
		"BUCKET": fmt.Sprint(b), "PKG": fmt.Sprint(p), "OBJ": fmt.Sprint(obj), "UP": fmt.Sprint(up), "VERSION": version, "NAME": name,
		"MINE": fmt.Sprint(q), "OWN": fmt.Sprint(w.put(q, "own", "own")), "NEW": fmt.Sprintf("new-%d", w.n),
	}
}

// fill puts ids into a text.
func fill(text string, ids map[string]string) string {
	for name, id := range ids {
		text = regexp.MustCompile(`\b`+name+`\b`).ReplaceAllString(text, id)
	}
	return text
}

// ask makes a call.
func (w *rightsWorld) ask(role string, c *rightsCall, ids map[string]string) answer {
	w.t.Helper()
	method, target, _ := strings.Cut(c.target, " ")
	in := call{method: method, target: v1.Prefix + fill(target, ids), user: role, body: fill(c.body, ids)}
	switch {
	case c.form:
		in.kind, in.body = form(in.body, filePart{"file", "new", "", "x"})
	case method == http.MethodPost:
		in.kind = "application/json"
	}
	return w.do(in)
}

// TestRightsOfEveryCall makes each call in each role. Who may not know of a thing is told the same as of one that is not there, and
// what is refused changes nothing.
func TestRightsOfEveryCall(t *testing.T) {
	w := &rightsWorld{lab: newLab(t), used: true}
	for _, name := range []string{"reader", "writer"} {
		w.user(name)
	}
	tested := map[string]bool{"user/login": true, "system/health": true, "object/presign": true}
	for _, c := range rightsCalls() {
		path, _, _ := strings.Cut(strings.Fields(c.target)[1], "?")
		tested[path] = true
		for i, want := range strings.Fields(c.want) {
			w.judge(roles[i], &c, want)
		}
	}
	for path := range calls() {
		if !tested[path] {
			t.Errorf("%s is not tested", path)
		}
	}
}

// judge makes one call in one role.
func (w *rightsWorld) judge(role string, c *rightsCall, want string) {
	w.t.Helper()
	if w.used || regexp.MustCompile("MINE|OWN").MatchString(c.body) {
		w.next(role)
	}
	w.used = want == "200" && !strings.HasPrefix(c.target, "GET")
	before := w.state()
	a := w.ask(role, c, w.ids)
	what := fmt.Sprintf("%s: %s %s", role, c.target, c.body)
	got := fmt.Sprint(a.StatusCode)
	nothing := strings.Contains(c.target, "object/delete") && want == "none" || // which says nothing of what it passes over
		strings.Contains(a.body, `"successes":[]`) || strings.Contains(a.body, `"objects":[null]`)
	if a.StatusCode == http.StatusOK && nothing {
		got = "none"
	}
	if got != want {
		w.t.Errorf("%s: %s %s, want %s", what, got, a.body, want)
	}
	if want != "200" && w.state() != before {
		w.t.Errorf("%s: it changed something", what)
	}
	if role != "bob" || want != "404" {
		return
	}
	missing := map[string]string{"BUCKET": "9999", "PKG": "9999", "OBJ": "9999", "UP": "9999", "NAME": "nowhere", "VERSION": w.ids["VERSION"]}
	same := func(text string, ids map[string]string) string {
		for name, id := range ids {
			if name != "VERSION" {
				text = regexp.MustCompile(`\b`+id+`\b`).ReplaceAllString(text, "IT")
			}
		}
		return text
	}
	none := w.ask(role, c, missing)
	if none.StatusCode != a.StatusCode || same(none.body, missing) != same(a.body, w.ids) {
		w.t.Errorf("%s: %d %s, of what is missing %d %s", what, a.StatusCode, a.body, none.StatusCode, none.body)
	}
}

// state is what the administrator sees of the bucket.
func (w *rightsWorld) state() string {
	w.t.Helper()
	text := ""
	for _, call := range []string{
		"bucket/getByName?name=NAME", "bucket/getPolicy?bucketID=BUCKET", "package/listBucketPackages?bucketID=BUCKET",
		"object/getPackageObjects?packageID=PKG", "object/info?objectID=OBJ", "object/listVersions?objectID=OBJ", "object/listParts?objectID=UP",
		"object/getPackageObjects?packageID=MINE",
	} {
		text += w.get(fill(call, w.ids)).body
	}
	return text
}

// TestBucketsOfOthers: a list has the buckets on which the caller has a right.
func TestBucketsOfOthers(t *testing.T) {
	w := &rightsWorld{lab: newLab(t)}
	for _, name := range []string{"reader", "writer"} {
		w.user(name)
	}
	w.next("admin")
	for i, want := range []int{0, 1, 1, 1, 2} {
		a := w.ok("list", w.do(call{method: http.MethodGet, target: "/v1/bucket/listAll", user: roles[i+1]}))
		if n := len(a.Data["buckets"].([]any)); n != want {
			t.Errorf("%s sees %d buckets, want %d", roles[i+1], n, want)
		}
	}
}

// TestPresignedRights: a URL of object/presign opens what its maker may do when it is used.
func TestPresignedRights(t *testing.T) {
	w := &rightsWorld{lab: newLab(t)}
	for _, name := range []string{"reader", "writer"} {
		w.user(name)
	}
	for operation, want := range map[string]string{
		`"operation":"download","objectID":OBJ`:             "404 200 200 200 200",
		`"operation":"download","packageID":PKG,"path":"x"`: "404 200 200 200 200",
		`"operation":"upload","packageID":PKG,"path":"new"`: "404 403 200 200 200",
	} {
		for i, status := range strings.Fields(want) {
			role := roles[i+1]
			w.next(role)
			made := w.ok("presign", w.postAs(role, "object/presign", fill("{"+operation+"}", w.ids)))
			a := w.do(call{method: str(made, "method"), target: str(made, "url"), body: "x"})
			if fmt.Sprint(a.StatusCode) != status {
				t.Errorf("%s: %s: %d %s, want %s", role, operation, a.StatusCode, a.body, status)
			}
		}
	}
}

// TestVersionsThatAreNone: an empty versionID is not the current version.
func TestVersionsThatAreNone(t *testing.T) {
	l := newLab(t)
	b := l.bucket("bkt")
	l.ok("versioning", l.post("bucket/setPolicy", fmt.Sprintf(`{"bucketID":%d,"policy":{"versioning":"Enabled"}}`, b)))
	p := l.pkg(b, "pkg")
	id := l.put(p, "x", "one")
	for _, bad := range []string{"", "x", "-1"} {
		l.want(fmt.Sprintf("%q", bad), l.post("object/restoreVersion", fmt.Sprintf(`{"objectID":%d,"versionID":%q}`, id, bad)), 400, "BadArgument")
	}
	a := l.ok("versions", l.get(fmt.Sprintf("object/listVersions?objectID=%d", id)))
	if n := len(a.Data["versions"].([]any)); n != 1 {
		t.Errorf("%d versions, want 1", n)
	}
}

// TestLoginActsForNobody: who logs in is who he says; userID is of calls that have a caller.
func TestLoginActsForNobody(t *testing.T) {
	l := newLab(t)
	if err := l.env.Admin.SetPassword(t.Context(), l.ids["ann"], "password of ann"); err != nil {
		t.Fatal(err)
	}
	a := l.do(call{
		method: "POST", target: "/v1/user/login", kind: "application/json",
		body: fmt.Sprintf(`{"value":"ann","password":"password of ann","userID":%d}`, l.ids["admin"]),
	})
	if l.ok("login", a); num(a, "userID") != l.ids["ann"] {
		t.Errorf("logged in as %v, want %d", a.Data["userID"], l.ids["ann"])
	}
}
