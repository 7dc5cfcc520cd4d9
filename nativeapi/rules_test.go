package nativeapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"trivium/core"
	"trivium/core/coretest"
	"trivium/nativeapi"
	"trivium/s3front/sigv4"
)

// The tests of this file and of objectrules_test.go are of rules of the specification that its numbered edge cases leave out.

// TestRuleSkew: a signature may be 15 minutes off, to either side.
func TestRuleSkew(t *testing.T) {
	l := newLab(t)
	for off, status := range map[time.Duration]int{14 * time.Minute: 200, -14 * time.Minute: 200, 16 * time.Minute: 401, -16 * time.Minute: 401} {
		r := l.request(call{method: http.MethodGet, target: "/v1/bucket/listAll"})
		s := sigv4.Signer{AccessKey: l.keys["ann"][0], Secret: l.keys["ann"][1], Service: "jcs", Region: "any"}
		if _, err := s.Sign(r, sigv4.EmptyHash, time.Unix(0, l.now.Load()).Add(off)); err != nil {
			t.Fatal(err)
		}
		if a := l.send(r); a.StatusCode != status {
			t.Errorf("%v off: %d %s, want %d", off, a.StatusCode, a.body, status)
		}
	}
}

// TestRulePasswords: a user's password and an access key's secret both let in; a token ends with the password, and when
// the user is disabled.
func TestRulePasswords(t *testing.T) {
	l := newLab(t)
	ctx, ann := t.Context(), l.ids["ann"]
	set := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	set(l.env.Admin.SetPassword(ctx, ann, "password of ann"))
	basic := func(password string) answer {
		r := l.request(call{method: http.MethodGet, target: "/v1/bucket/listAll"})
		r.SetBasicAuth("ann", password)
		return l.send(r)
	}
	login := func(password string) string {
		return str(l.ok("login", l.do(call{method: "POST", target: "/v1/user/login", body: fmt.Sprintf(`{"value":"ann","password":%q}`, password)})), "token")
	}
	bearer := func(token string) answer {
		return l.do(call{method: "GET", target: "/v1/bucket/listAll", header: map[string]string{"Authorization": "Bearer " + token}})
	}
	l.ok("Basic by password", basic("password of ann"))
	l.want("Basic by a wrong one", basic("password of bob"), 401, "Unauthorized")
	token := login("password of ann")
	l.ok("the token", bearer(token))
	set(l.env.Admin.SetPassword(ctx, ann, "another password"))
	l.want("the token after another password", bearer(token), 401, "Unauthorized")
	token = login("another password")
	set(l.env.Admin.SetUserDisabled(ctx, ann, true))
	l.want("the token of a disabled user", bearer(token), 401, "Unauthorized")
	l.want("Basic of a disabled user", basic("another password"), 401, "Unauthorized")
}

// TestRuleForeignInfo: the userID of a form's info is judged as that of a document.
func TestRuleForeignInfo(t *testing.T) {
	l := newLab(t)
	b := num(l.ok("bucket", l.postAs("ann", "bucket/create", `{"name":"anns"}`)), "bucket", "bucketID")
	p := num(l.ok("package", l.postAs("ann", "package/create", fmt.Sprintf(`{"bucketID":%d,"name":"pkg"}`, b))), "package", "packageID")
	send := func(user, as string) answer {
		kind, body := form(fmt.Sprintf(`{"packageID":%d,"userID":%d}`, p, l.ids[as]), filePart{"files", "x", "", "x"})
		return l.do(call{method: "POST", target: "/v1/object/upload", user: user, kind: kind, body: body})
	}
	l.want("ann as bob", send("ann", "bob"), 401, "Unauthorized")
	l.want("the administrator as bob, who may not", send("admin", "bob"), 404, "DataNotFound")
	l.ok("the administrator as ann", send("admin", "ann"))
	l.ok("ann as herself", send("ann", "ann"))
}

// TestRuleValues: types, booleans, media types.
func TestRuleValues(t *testing.T) {
	l := newLab(t)
	p := l.pkg(l.bucket("bkt"), "pkg")
	l.put(p, "a/b", "x")
	for value, folded := range map[string]bool{"true": true, "1": true, "false": false, "0": false, "": false} {
		prefixes, _, _ := l.list(fmt.Sprintf("packageID=%d&isPrefix=true&noRecursive=%s", p, value))
		if (len(prefixes) == 1) != folded {
			t.Errorf("noRecursive=%s: prefixes %q", value, prefixes)
		}
	}
	for _, bad := range []string{"isPrefix=yes", "noRecursive=TRUE", "isPrefix=2", "maxKeys=-1", "maxKeys=x", "maxKeys=1&maxKeys=2", "path=%ff", "packageID=x"} {
		name, _, _ := strings.Cut(bad, "=")
		target := fmt.Sprintf("object/listByPath?packageID=%d&path=x&%s", p, bad)
		if name == "packageID" || name == "path" {
			target = "object/listByPath?isPrefix=true&" + bad + map[string]string{"path": fmt.Sprintf("&packageID=%d", p)}[name]
		}
		if a := l.want(bad, l.get(target), 400, "BadArgument"); !strings.HasPrefix(a.Message, name+": ") {
			t.Errorf("%s: %s", bad, a.Message)
		}
	}
	for i, kind := range []string{"", "application/json", "application/json; charset=utf-8", "Application/JSON"} {
		l.ok(kind, l.do(call{method: "POST", target: "/v1/bucket/create", user: "admin", kind: kind, body: fmt.Sprintf(`{"name":"kind-%d","what":null}`, i)}))
	}
	for _, kind := range []string{"text/json", "application/x-www-form-urlencoded", "application/jsonx"} {
		l.want(kind, l.do(call{method: "POST", target: "/v1/bucket/create", user: "admin", kind: kind, body: `{"name":"another"}`}), 415, "BadArgument")
	}
	l.want("without /v1", l.do(call{method: "POST", target: "/bucket/create", user: "admin", body: `{"name":"another"}`}), 404, "DataNotFound")
}

// TestRuleFull: no room left is 507, and deletions go on.
func TestRuleFull(t *testing.T) {
	full := false
	l := newLabOn(t, "", coretest.Options{FreeSpace: func() (int64, error) {
		if full {
			return 1, nil
		}
		return 1 << 40, nil
	}})
	b := l.bucket("bkt")
	p := l.pkg(b, "pkg")
	id := l.put(p, "x", "x")
	full = true
	l.now.Add(int64(time.Minute)) // it is looked at now and then
	info := fmt.Sprintf(`{"packageID":%d}`, p)
	l.want("upload", l.upload(info, filePart{"files", "y", "", "y"}), 507, "OperationFailed")
	l.want("putByPath", l.do(call{method: "PUT", target: fmt.Sprintf("/v1/object/putByPath?packageID=%d&path=y", p), user: "admin", body: "y"}), 507, "OperationFailed")
	l.want("package/create", l.post("package/create", fmt.Sprintf(`{"bucketID":%d,"name":"more"}`, b)), 507, "OperationFailed")
	l.ok("delete", l.post("object/delete", fmt.Sprintf(`{"objectIDs":[%d]}`, id)))
}

// TestRuleBuckets: lists are by id; a bucket goes with all that it holds.
func TestRuleBuckets(t *testing.T) {
	l := newLab(t)
	var ids []int64
	for _, name := range []string{"zzz", "mmm", "aaa"} {
		ids = append(ids, l.bucket(name))
	}
	var got []int64
	for _, b := range l.ok("list", l.get("bucket/listAll")).Data["buckets"].([]any) {
		got = append(got, int64(b.(map[string]any)["bucketID"].(float64)))
	}
	if !slices.Equal(got, ids) || !slices.IsSorted(ids) {
		t.Errorf("listed %v, want %v", got, ids)
	}
	l.want("by name", l.get("bucket/getByName?name=nothing"), 404, "DataNotFound")
	b := ids[0]
	l.ok("versioning", l.post("bucket/setPolicy", fmt.Sprintf(`{"bucketID":%d,"policy":{"versioning":"Enabled"}}`, b)))
	p := l.pkg(b, "pkg")
	id := l.put(p, "x", "one")
	l.put(p, "x", "two")
	up := l.unfinished(p, "up")
	doc := fmt.Sprintf(`{"bucketID":%d}`, b)
	l.ok("delete", l.post("bucket/delete", doc))
	l.want("delete again", l.post("bucket/delete", doc), 404, "DataNotFound")
	for _, target := range []string{
		"bucket/getByName?name=zzz", fmt.Sprintf("package/getByID?packageID=%d", p), fmt.Sprintf("object/info?objectID=%d", id), fmt.Sprintf("object/listParts?objectID=%d", up),
		fmt.Sprintf("package/listBucketPackages?bucketID=%d", b), fmt.Sprintf("bucket/getPolicy?bucketID=%d", b),
	} {
		l.want(target, l.get(target), 404, "DataNotFound")
	}
	if again := l.bucket("zzz"); again == b {
		t.Errorf("the id %d is used again", b)
	}
}

// TestRulePolicy: what is absent stays, and versioning never goes back to Off.
func TestRulePolicy(t *testing.T) {
	l := newLab(t)
	b := l.bucket("bkt")
	set := func(policy string) answer {
		return l.post("bucket/setPolicy", fmt.Sprintf(`{"bucketID":%d,"policy":%s}`, b, policy))
	}
	l.ok("all", set(fmt.Sprintf(`{"redundancy":{"type":"none"},"versioning":"Enabled","publicRead":true,"spaces":[],"grants":[{"userID":%d,"access":"write"}]}`, l.ids["ann"])))
	want := fmt.Sprintf(`{"policy":{"redundancy":{"type":"none"},"spaces":[],"versioning":"Enabled","publicRead":true,"grants":[{"userID":%d,"access":"write"}]}}`, l.ids["ann"])
	for _, policy := range []string{"{}", `{"publicRead":true}`, `{"versioning":"Enabled","unknown":1}`} {
		if a := l.ok(policy, set(policy)); !strings.Contains(a.body, want) {
			t.Errorf("%s: %s, want %s", policy, a.body, want)
		}
	}
	l.want("Off", set(`{"versioning":"Off"}`), 400, "BadArgument")
	l.ok("Suspended", set(`{"versioning":"Suspended"}`))
	l.want("Off", set(`{"versioning":"Off","publicRead":false}`), 400, "BadArgument")
	if a := l.get(fmt.Sprintf("bucket/getPolicy?bucketID=%d", b)); !strings.Contains(a.body, `"versioning":"Suspended","publicRead":true`) {
		t.Errorf("after refusals: %s", a.body)
	}
	l.want("anonymous reading is never here", l.do(call{method: "GET", target: "/v1/object/downloadByPath?path=bkt/x"}), 401, "Unauthorized")
	l.want("no bucket", l.post("bucket/setPolicy", `{"bucketID":999,"policy":{}}`), 404, "DataNotFound")
}

// TestRulePackages: names, order, and what goes with the last object.
func TestRulePackages(t *testing.T) {
	l := newLab(t)
	b := l.bucket("bkt")
	create := func(name string) answer {
		quoted, _ := json.Marshal(name)
		return l.post("package/create", fmt.Sprintf(`{"bucketID":%d,"name":%s}`, b, quoted))
	}
	for _, bad := range []string{"", ".", "..", "a/b", "/", "a\x00b", "a\nb", strings.Repeat("x", 256)} {
		if a := l.want(fmt.Sprintf("%q", bad), create(bad), 400, "BadArgument"); !strings.HasPrefix(a.Message, "name: ") {
			t.Errorf("%q: %s", bad, a.Message)
		}
	}
	for _, name := range []string{"zzz", "ä", "...", strings.Repeat("x", 255), "aaa"} {
		l.ok(name, create(name))
	}
	l.want("again", create("zzz"), 409, "DataExists")
	l.want("no bucket", l.post("package/create", `{"bucketID":999,"name":"x"}`), 404, "DataNotFound")
	var names []string
	for _, p := range l.ok("list", l.get(fmt.Sprintf("package/listBucketPackages?bucketID=%d", b))).Data["packages"].([]any) {
		names = append(names, p.(map[string]any)["name"].(string))
	}
	if want := []string{"zzz", "ä", "...", strings.Repeat("x", 255), "aaa"}; !slices.Equal(names, want) {
		t.Errorf("listed %q, want %q", names, want)
	}
	for _, target := range []string{"package/listBucketPackages?bucketID=999", "package/getByFullName?bucketName=bkt&packageName=none", "package/getByFullName?bucketName=none&packageName=x", "package/getByFullName?bucketName=bkt&packageName=", "package/getByID?packageID=999"} {
		l.want(target, l.get(target), 404, "DataNotFound")
	}
	l.want("delete nothing", l.post("package/delete", `{"packageID":999}`), 404, "DataNotFound")

	// An unfinished upload counts as an object of an implied package.
	l.s3put("bkt", "implied/x", "x")
	p := num(l.get("package/getByFullName?bucketName=bkt&packageName=implied"), "package", "packageID")
	up := l.unfinished(p, "up")
	if _, err := l.env.Admin.DeleteObject(t.Context(), "bkt", "implied/x", core.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	target := fmt.Sprintf("package/getByID?packageID=%d", p)
	l.ok("with an upload alone", l.get(target))
	l.ok("abort", l.post("object/abortMultipartUpload", fmt.Sprintf(`{"objectID":%d}`, up)))
	l.want("after that", l.get(target), 404, "DataNotFound")
	l.want("the aborted entry", l.get(fmt.Sprintf("object/info?objectID=%d", up)), 404, "DataNotFound")
}

// TestRulePackageDelete: the objects are deleted as object/delete does, unfinished ones too.
func TestRulePackageDelete(t *testing.T) {
	for _, name := range []string{"pkg", ""} {
		l := newLab(t)
		b := l.bucket("bkt")
		l.ok("versioning", l.post("bucket/setPolicy", fmt.Sprintf(`{"bucketID":%d,"policy":{"versioning":"Enabled"}}`, b)))
		other := l.put(l.pkg(b, "other"), "stays", "stays")
		prefix := ""
		if name != "" {
			l.pkg(b, name)
			prefix = name + "/"
		}
		l.s3put("bkt", prefix+"x", "one")
		l.s3put("bkt", prefix+"x", "two")
		p := num(l.get("package/getByFullName?bucketName=bkt&packageName="+name), "package", "packageID")
		id := num(l.get(fmt.Sprintf("object/info?packageID=%d&path=x", p)), "object", "objectID")
		up := l.unfinished(p, "up")
		l.ok("delete", l.post("package/delete", fmt.Sprintf(`{"packageID":%d}`, p)))
		for _, target := range []string{fmt.Sprintf("package/getByID?packageID=%d", p), fmt.Sprintf("object/info?objectID=%d", id), fmt.Sprintf("object/info?objectID=%d", up)} {
			l.want(target, l.get(target), 404, "DataNotFound")
		}
		versions, err := l.env.Admin.ListVersions(context.Background(), "bkt", core.VersionListOptions{Limit: 10})
		if err != nil || len(versions.Items) != 4 {
			t.Errorf("%q: %d versions are left, %v, want three and the other package's", name, len(versions.Items), err)
		}
		l.ok("the other package", l.get(fmt.Sprintf("object/info?objectID=%d", other)))
		l.s3put("bkt", prefix+"x", "revived")
		l.ok("the object that was written again", l.get(fmt.Sprintf("object/info?objectID=%d", id)))
	}
}

// TestRuleTooLarge: content that is announced as longer than 5 TiB is refused before it comes.
func TestRuleTooLarge(t *testing.T) {
	l := newLab(t)
	p := l.pkg(l.bucket("bkt"), "pkg")
	r := l.request(call{method: http.MethodPut, target: fmt.Sprintf("/v1/object/putByPath?packageID=%d&path=x", p), user: "admin"})
	r.Body, r.ContentLength = io.NopCloser(unread{t}), 5<<40+1
	l.want("5 TiB and a byte", l.send(r), 413, "TooLarge")
}

// TestRuleHealthOfTheServer: where the server knows whether it is ready, the store is not asked.
func TestRuleHealthOfTheServer(t *testing.T) {
	l := newLab(t)
	var known error
	l.door = nativeapi.New(nativeapi.Config{Service: l.env.Service, Ready: func(context.Context) error { return known }})
	health := func() answer { return l.do(call{method: http.MethodGet, target: "/v1/system/health"}) }
	l.ok("ready", health())
	known = errors.New("disk on fire")
	if a := l.want("not ready", health(), 503, "Unavailable"); strings.Contains(a.body, "fire") {
		t.Errorf("it tells why: %s", a.body)
	}
	known = nil
	if err := l.env.Service.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	l.ok("as the server has it", health())
}

// TestRuleHealth: it is for everybody, and 503 when the store has closed.
func TestRuleHealth(t *testing.T) {
	l := newLab(t)
	health := func() answer { return l.do(call{method: http.MethodGet, target: "/v1/system/health"}) }
	a := l.ok("health", health())
	if _, err := time.Parse(time.RFC3339Nano, str(a, "time")); err != nil || str(a, "status") != "ok" || str(a, "version") != "v1" {
		t.Errorf("health: %s, %v", a.body, err)
	}
	if err := l.env.Service.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if a := l.want("closed", health(), 503, "Unavailable"); a.Header.Get("Retry-After") == "" {
		t.Errorf("header %v", a.Header)
	}
}
