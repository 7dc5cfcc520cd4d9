package crossdoor

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"trivium/core"
	"trivium/core/coretest"
	"trivium/davfront"
	"trivium/nativeapi"
	"trivium/s3front"
	"trivium/s3front/sigv4"
)

// canary is the content of what lies outside; no answer may show it.
const canary = "canary-content"

// spellings are ways to write "the folder above", or to end a name early, and what servers took for such. They stand in
// URLs as they are; %ff and the overlong forms of UTF-8 (%c0%ae is a dot, %c0%af a slash) are no UTF-8.
func spellings() []string {
	return []string{
		"..", "../..", "../../..", "..%2f..", "..%2F..%2F..", "%2e%2e", "%2E%2E", ".%2e", "%2e.", "%2e%2e%2f%2e%2e", "%2f", "%2f..", "..%5c", "..%5c..", "%5c..",
		"%5c%5c", "%252e%252e", "%252e%252e%252f", "..%252f..", "%25252e%25252e", "%c0%ae%c0%ae", "%c0%ae.", "..%c0%af..", "%e0%80%ae%e0%80%ae", "%f0%80%80%ae%2e",
		"%ff", "%00", "..%00", "..%00%2f..", "%00..", "", ".", "./.", "%2e", "./..", "..;", "..;x=1", "..%3b", "....", "....%2f%2f", ".....", "...", "..%20", "%20..",
		"..%09", "..%0a", "..%0d%0a", ".%00.", "/", "//..", "%2f%2f", "~", "..%ef%bc%8f..", "%ef%bc%8e%ef%bc%8e", "%e2%80%a5", "%25u002e%25u002e", "file:%2f%2f", "C:%5c", "..::$DATA",
	}
}

// target is one parameter of a door that takes a path: it makes the requests of a spelling.
type target struct {
	name string
	send func(s string)
}

// fence is the doors on a store in which package in is where requests are to stay, and canaries lie outside.
type fence struct {
	t      *testing.T
	core   *coretest.Env
	doors  map[string]http.Handler
	pkg    int64 // of in
	own    int64 // object in/own
	etag   string
	cells  int
	before string
	cell   string // for messages
}

func newFence(t *testing.T) *fence {
	t.Helper()
	f := &fence{t: t, core: coretest.New(t, coretest.Options{})}
	ctx := context.WithoutCancel(t.Context())
	if _, _, err := f.core.Admin.CreateKey(ctx, coretest.AdminID, access, secret); err != nil {
		t.Fatal(err)
	}
	var mine core.Bucket
	for _, name := range []string{"vault", "mine"} {
		var err error
		if mine, err = f.core.Bucket(ctx, name, core.VersioningOff, core.BucketPolicy{}); err != nil {
			t.Fatal(err)
		}
	}
	p, err := f.core.Admin.CreatePackage(ctx, mine.ID, "in")
	if err != nil {
		t.Fatal(err)
	}
	f.pkg = p.ID
	f.put("vault", "secret/canary", canary)
	f.put("mine", "canary", canary)
	f.etag = f.put("mine", "out/canary", canary).Version.ETag
	svc := f.core.Service
	f.doors = map[string]http.Handler{
		"native": nativeapi.New(nativeapi.Config{Service: svc}), "s3": s3front.New(s3front.Config{Service: svc}),
		"dav": davfront.New(davfront.Config{Service: svc}),
	}
	f.before = f.outside()
	return f
}

// put stores an object.
func (f *fence) put(bucket, key, data string) core.Entry {
	f.t.Helper()
	res, err := f.core.Admin.PutObject(f.t.Context(), bucket, key, strings.NewReader(data), int64(len(data)), core.PutOptions{})
	if err != nil {
		f.t.Fatal(err)
	}
	return res.Entry
}

// outside is what there is outside of package in, but for names that no other object has: a key of S3 may be "../x".
func (f *fence) outside() string {
	f.t.Helper()
	var all []string
	for _, in := range []core.Path{{Bucket: "vault"}, {Bucket: "mine", Key: "out/"}, {Bucket: "mine", Key: "canary"}} {
		page, err := f.core.Admin.ListObjects(f.t.Context(), in.Bucket, core.ListOptions{Prefix: in.Key, Limit: 1000})
		if err != nil {
			f.t.Fatal(err)
		}
		for _, it := range page.Items {
			all = append(all, in.Bucket+"/"+it.Entry.Key+"="+it.Entry.Version.ETag)
		}
		locks, err := f.core.Admin.AnyLocks(f.t.Context(), in.Bucket)
		if err != nil || locks && in.Bucket == "vault" {
			all = append(all, "a lock")
		}
	}
	buckets, _, err := f.core.Admin.Buckets(f.t.Context(), core.BucketListOptions{Limit: 1000})
	if err != nil {
		f.t.Fatal(err)
	}
	for i := range buckets {
		all = append(all, buckets[i].Name)
	}
	return strings.Join(all, " ")
}

// do sends one request to a door and judges the answer.
func (f *fence) do(door, method, target, body string, headers ...string) {
	f.t.Helper()
	w := f.send(door, method, target, body, headers...)
	text := strings.ReplaceAll(w.Body.String(), "has not the entity tag "+f.etag, "") // which is what was sent
	if w.Code >= http.StatusInternalServerError && w.Code != http.StatusNotImplemented || strings.Contains(text, canary) || strings.Contains(text+w.Header().Get("Etag"), f.etag) {
		f.t.Errorf("%s: %s %s %s %q %.100q = %d %.300s", f.cell, door, method, target, headers, body, w.Code, text)
	}
}

// send sends one request to a door.
func (f *fence) send(door, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	f.t.Helper()
	r := httptest.NewRequestWithContext(f.t.Context(), method, target, strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:4711"
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	if door == "s3" {
		s := sigv4.Signer{AccessKey: access, Secret: secret}
		if _, err := s.Sign(r, sigv4.UnsignedPayload, time.Now()); err != nil {
			f.t.Fatal(err)
		}
	} else {
		r.SetBasicAuth(access, secret)
	}
	w := httptest.NewRecorder()
	f.doors[door].ServeHTTP(w, r)
	return w
}

// works makes sure that the requests of the table do what they are for where a path does not climb.
func (f *fence) works() {
	f.t.Helper()
	for _, c := range [][]string{
		{"s3", "GET", "/mine/out/canary"},
		{"dav", "GET", "/dav/mine/out/canary"},
		{"native", "GET", "/v1/object/downloadByPath?path=mine/out/canary"},
		{"s3", "PUT", "/mine/in/copy", "X-Amz-Copy-Source", "/mine/out/canary"},
		{"s3", "GET", "/mine/in/copy"},
		{"dav", "COPY", "/dav/mine/out/canary", "Destination", "http://example.com/dav/mine/in/stolen"},
		{"dav", "GET", "/dav/mine/in/stolen"},
		{"native", "GET", fmt.Sprintf("/v1/object/downloadByPath?packageID=%d&path=stolen", f.pkg)},
		{"dav", "DELETE", "/dav/mine/in/stolen"},
		{"s3", "DELETE", "/mine/in/copy"},
	} {
		w := f.send(c[0], c[1], c[2], "", c[3:]...)
		if w.Code >= 300 || c[1] == http.MethodGet && w.Body.String() != canary {
			f.t.Fatalf("%q = %d %s", c, w.Code, w.Body)
		}
	}
}

// quoted is s as a string of JSON, decoded once or not.
func quoted(s string, decoded bool) string {
	if decoded {
		if plain, err := url.PathUnescape(s); err == nil {
			s = plain
		}
	}
	b, _ := json.Marshal(s)
	return string(b)
}

// nativeTargets are the parameters of /v1 that take a path or a name.
func (f *fence) nativeTargets() (all []target) {
	query := func(name, method, call, body string) {
		all = append(all, target{"native " + name, func(s string) {
			f.do("native", method, "/v1/"+fmt.Sprintf(strings.ReplaceAll(call, "PKG", fmt.Sprint(f.pkg)), s), body)
		}})
	}
	query("path without a package", "GET", "object/downloadByPath?path=mine/in/%s/out/canary", "")
	query("path to another bucket", "GET", "object/downloadByPath?path=mine/%s/vault/secret/canary", "")
	query("path", "GET", "object/downloadByPath?packageID=PKG&path=%s/out/canary", "")
	query("path of info", "GET", "object/info?packageID=PKG&path=%s/out/canary", "")
	query("listed path", "GET", "object/listByPath?packageID=PKG&path=%s/out/canary", "")
	query("prefix", "GET", "object/listByPath?packageID=PKG&isPrefix=true&path=%s/out/", "")
	query("prefix of an archive", "GET", "package/download?packageID=PKG&format=tar&prefix=%s/out/", "")
	query("path of a raw upload", "PUT", "object/putByPath?packageID=PKG&path=%s/out/canary", "x")
	query("bucket's name", "GET", "bucket/getByName?name=%s/vault", "")
	query("bucketName", "GET", "package/getByFullName?bucketName=mine/%s/vault&packageName=secret", "")
	query("packageName", "GET", "package/getByFullName?bucketName=mine&packageName=in/%s/out", "")
	for _, decoded := range []bool{false, true} {
		document := func(name, call, body string) {
			all = append(all, target{fmt.Sprintf("native %s in JSON, decoded %t", name, decoded), func(s string) {
				body := strings.NewReplacer("PKG", fmt.Sprint(f.pkg), "OWN", fmt.Sprint(f.own), "CLIMB", quoted(s+"/out/canary", decoded), "NAME", quoted(s+"/vault", decoded)).Replace(body)
				f.do("native", http.MethodPost, "/v1/"+call, body, "Content-Type", "application/json")
			}})
		}
		document("path of a move", "object/move", `{"movings":[{"objectID":OWN,"packageID":PKG,"path":CLIMB}]}`)
		document("newPath", "object/clone", `{"clonings":[{"objectID":OWN,"newPackageID":PKG,"newPath":CLIMB}]}`)
		document("path of an upload", "object/newMultipartUpload", `{"packageID":PKG,"path":CLIMB}`)
		document("path to sign", "object/presign", `{"operation":"download","packageID":PKG,"path":CLIMB}`)
		document("name of a bucket", "bucket/create", `{"name":NAME}`)
		document("name of a package", "package/create", `{"bucketID":2,"name":CLIMB}`)
	}
	all = append(all, target{"native filename", func(s string) {
		body := fmt.Sprintf("--b\r\nContent-Disposition: form-data; name=\"info\"\r\n\r\n{\"packageID\":%d}\r\n"+
			"--b\r\nContent-Disposition: form-data; name=\"files\"; filename=\"%s/out/canary\"\r\n\r\nx\r\n--b--\r\n", f.pkg, s)
		f.do("native", http.MethodPost, "/v1/object/upload", body, "Content-Type", "multipart/form-data; boundary=b")
	}})
	return all
}

// s3Targets are those of S3.
func (f *fence) s3Targets() (all []target) {
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete} {
		all = append(all, target{"s3 key of " + method, func(s string) { f.do("s3", method, "/mine/in/"+s+"/out/canary", "") }})
	}
	all = append(all,
		target{"s3 key to another bucket", func(s string) { f.do("s3", http.MethodGet, "/mine/"+s+"/vault/secret/canary", "") }},
		target{"s3 bucket", func(s string) { f.do("s3", http.MethodGet, "/"+s+"/vault/secret/canary", "") }},
		target{"s3 new bucket", func(s string) { f.do("s3", http.MethodPut, "/"+s+"%2fvault", "") }},
		target{"s3 key of an upload", func(s string) { f.do("s3", http.MethodPost, "/mine/in/"+s+"/out/canary?uploads", "") }},
		target{"s3 prefix", func(s string) { f.do("s3", http.MethodGet, "/mine?list-type=2&prefix=in/"+s+"/out/", "") }},
		target{"s3 prefix of versions", func(s string) { f.do("s3", http.MethodGet, "/mine?versions&prefix=in/"+s+"/out/", "") }},
	)
	for _, source := range []string{"/mine/in/%s/out/canary", "mine/%s/vault/secret/canary", "/%s/vault/secret/canary"} {
		all = append(all, target{"s3 copy source " + source, func(s string) {
			if s == "" && strings.HasPrefix(source, "/%") {
				source = "/%s/mine" + source[3:] // with one slash more AWS's clients name the source, too
			}
			f.do("s3", http.MethodPut, "/mine/in/copy", "", "X-Amz-Copy-Source", fmt.Sprintf(source, s))
			f.do("s3", http.MethodGet, "/mine/in/copy", "")
		}})
	}
	for _, decoded := range []bool{false, true} {
		all = append(all, target{fmt.Sprintf("s3 keys to delete, decoded %t", decoded), func(s string) {
			if plain, err := url.PathUnescape(s); err == nil && decoded {
				s = plain
			}
			escaped := strings.NewReplacer("&", "&amp;", "<", "&lt;", "\x00", "&#0;").Replace(s)
			body := "<Delete><Object><Key>in/" + escaped + "/out/canary</Key></Object></Delete>"
			sum := md5.Sum([]byte(body))
			f.do("s3", http.MethodPost, "/mine?delete", body, "Content-Md5", base64.StdEncoding.EncodeToString(sum[:]))
		}})
	}
	return all
}

// davTargets are those of WebDAV.
func (f *fence) davTargets() (all []target) {
	bodies := map[string]string{
		"PROPPATCH": `<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><x xmlns="urn:x">y</x></D:prop></D:set></D:propertyupdate>`,
		"LOCK":      `<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>`,
		"PUT":       "x",
	}
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "PROPFIND", "PROPPATCH", "MKCOL", "LOCK", "OPTIONS"} {
		all = append(all, target{"dav URL of " + method, func(s string) {
			f.do("dav", method, "/dav/mine/in/"+s+"/out/canary", bodies[method], "Depth", "0")
		}})
	}
	for _, method := range []string{"COPY", "MOVE"} {
		all = append(all,
			target{"dav URL of " + method, func(s string) {
				f.do("dav", method, "/dav/mine/in/"+s+"/out/canary", "", "Destination", "/dav/mine/in/stolen")
				f.do("dav", http.MethodGet, "/dav/mine/in/stolen", "")
			}},
			target{"dav Destination of " + method, func(s string) {
				f.do("dav", method, "/dav/mine/in/own", "", "Destination", "/dav/mine/in/"+s+"/out/canary")
			}},
			target{"dav Destination in another bucket of " + method, func(s string) {
				f.do("dav", method, "/dav/mine/in/own", "", "Destination", "http://example.com/dav/mine/"+s+"/vault/secret/canary")
			}})
	}
	return append(all,
		target{"dav If", func(s string) {
			f.do("dav", http.MethodPut, "/dav/mine/in/guarded", "x", "If", "</dav/mine/in/"+s+"/out/canary> ([\""+f.etag+"\"])")
			if _, err := f.core.Admin.StatObject(f.t.Context(), "mine", "in/guarded", core.GetOptions{}); err == nil {
				f.t.Errorf("%s: the tag led to a file outside", f.cell)
			}
		}},
		target{"dav bucket", func(s string) { f.do("dav", http.MethodGet, "/dav/"+s+"/mine/out/canary", "") }},
		target{"dav listing", func(s string) { f.do("dav", "PROPFIND", "/dav/mine/in/"+s+"/out", "", "Depth", "1") }},
	)
}

// TestTraversal writes paths that would lead out of a package or a bucket in every spelling into every parameter of every
// door that takes a path: nothing outside is read or changed.
func TestTraversal(t *testing.T) {
	f := newFence(t)
	f.works()
	for _, to := range [][]target{f.nativeTargets(), f.s3Targets(), f.davTargets()} {
		for _, target := range to {
			for _, s := range spellings() {
				f.cells++
				f.cell = fmt.Sprintf("%q as %s", s, target.name)
				f.own = f.put("mine", "in/own", "own").ObjectID
				target.send(s)
				if now := f.outside(); now != f.before {
					t.Fatalf("%s changed %s to %s", f.cell, f.before, now)
				}
			}
		}
	}
	if f.cells < 300 {
		t.Errorf("%d cells, want at least 300", f.cells)
	}
	t.Logf("%d cells", f.cells)
}
