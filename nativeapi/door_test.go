package nativeapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"trivium/core"
	"trivium/core/content"
	"trivium/core/coretest"
	"trivium/drivers"
	"trivium/drivers/memory"
	"trivium/nativeapi"
	"trivium/nativeapi/adminapi"
	v1 "trivium/nativeapi/v1"
	"trivium/s3front/sigv4"
)

// lab is the door of /v1 on a real Service, with the users ann and bob beside the administrator.
type lab struct {
	t      *testing.T
	env    *coretest.Env
	door   http.Handler
	now    atomic.Int64
	keys   map[string][2]string // key and secret of a user
	ids    map[string]int64
	events []nativeapi.Event
	public string // PublicURL
}

func newLab(t *testing.T) *lab {
	t.Helper()
	return newLabOn(t, "", coretest.Options{})
}

// cloudKind is a kind in memory that looks as a cloud does: its secret must be SK1.
func cloudKind(name string) drivers.Kind {
	mem := memory.Kind(new(memory.Registry))
	k := drivers.Kind{Name: name, Features: []string{"S2STransfer", "MultipartUpload", "BypassWrite"}, Fields: []drivers.Field{
		{Name: "endpoint", Required: true},
		{Name: "region", Default: "us-east-1"},
		{Name: "bucket", Required: true},
		{Name: "pathStyle", Type: drivers.Flag, Default: "true"},
		{Name: "port", Type: drivers.Number},
		{Name: "accessKeyId", Credential: true},
		{Name: "secretAccessKey", Secret: true, Credential: true},
	}}
	k.Open = func(ctx context.Context, space string, cfg drivers.Config) (drivers.Driver, error) {
		if cfg["secretAccessKey"] != "SK1" {
			return nil, drivers.Fail(space, "open", "", fmt.Errorf("the key is refused: %w", drivers.ErrDenied))
		}
		return mem.Open(ctx, space, drivers.Config{"name": cfg["endpoint"] + cfg["bucket"]})
	}
	return k
}

// newPublicLab is newLab behind a proxy.
func newPublicLab(t *testing.T, public string) *lab {
	t.Helper()
	return newLabOn(t, public, coretest.Options{})
}

// newLabOn is newPublicLab on a Service of that kind.
func newLabOn(t *testing.T, public string, opts coretest.Options) *lab {
	t.Helper()
	l := &lab{t: t, public: public, keys: map[string][2]string{}, ids: map[string]int64{"admin": coretest.AdminID}}
	l.now.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixNano())
	clock := func() time.Time { return time.Unix(0, l.now.Load()).UTC() }
	clouds := []drivers.Kind{cloudKind("S3"), cloudKind("OBS")}
	opts.Now, opts.Kinds, opts.UserKinds = clock, append(opts.Kinds, clouds...), append(opts.UserKinds, clouds...)
	l.env = coretest.New(t, opts)
	l.door = nativeapi.New(nativeapi.Config{
		Service: l.env.Service, Now: clock, PublicURL: l.public, Status: func() adminapi.Status { return adminapi.Status{Version: "v1"} },
		Observe: func(_ context.Context, e nativeapi.Event) { l.events = append(l.events, e) },
	})
	l.key("admin")
	for _, name := range []string{"ann", "bob"} {
		l.user(name)
	}
	return l
}

// up waits until a space is in use.
func (l *lab) up(id content.SpaceID) {
	l.t.Helper()
	for {
		if sp, _ := l.env.Service.Maintenance().Spaces.Get(id); sp.Driver != nil {
			return
		}
		if l.t.Context().Err() != nil {
			l.t.Fatal("the space never came up")
		}
		runtime.Gosched()
	}
}

// user makes a user with an access key, key the access key of one.
func (l *lab) user(name string) {
	l.t.Helper()
	u, err := l.env.Admin.CreateUser(l.t.Context(), name, "", false)
	if err != nil {
		l.t.Fatal(err)
	}
	l.ids[name] = u.ID
	l.key(name)
}

func (l *lab) key(name string) {
	l.t.Helper()
	k, secret, err := l.env.Admin.CreateKey(l.t.Context(), l.ids[name], "KEYOF"+strings.ToUpper(name), "secret of "+name)
	if err != nil {
		l.t.Fatal(err)
	}
	l.keys[name] = [2]string{k.ID, secret}
}

// call is one request.
type call struct {
	method, target string
	user           string // who sends it by Basic; "": nobody
	kind           string // Content-Type
	body           string
	header         map[string]string
}

// answer is what came back.
type answer struct {
	*http.Response
	body          string
	Code, Message string
	Data          map[string]any
	null          bool // data is null
}

// request makes the request of a call.
func (l *lab) request(c call) *http.Request {
	r := httptest.NewRequest(c.method, c.target, strings.NewReader(c.body))
	r.RemoteAddr = "127.0.0.1:4711"
	if c.kind != "" {
		r.Header.Set("Content-Type", c.kind)
	}
	if c.user != "" {
		r.SetBasicAuth(l.keys[c.user][0], l.keys[c.user][1])
	}
	for name, value := range c.header {
		r.Header.Set(name, value)
	}
	return r
}

// do sends a call.
func (l *lab) do(c call) answer {
	l.t.Helper()
	l.now.Add(int64(time.Second))
	return l.send(l.request(c))
}

// send sends a request.
func (l *lab) send(r *http.Request) (a answer) {
	l.t.Helper()
	w := httptest.NewRecorder()
	l.door.ServeHTTP(w, r)
	a.Response, a.body = w.Result(), w.Body.String()
	if a.Header.Get("Content-Type") == "application/json" && r.Method != http.MethodHead {
		var doc struct {
			Code, Message string
			Data          json.RawMessage
		}
		if err := json.Unmarshal([]byte(a.body), &doc); err != nil {
			l.t.Fatalf("%s %s: %v in %.300s", r.Method, r.URL, err, a.body)
		}
		a.Code, a.Message, a.null = doc.Code, doc.Message, string(doc.Data) == "null"
		_ = json.Unmarshal(doc.Data, &a.Data)
		if (a.StatusCode == http.StatusOK) != (a.Code == "OK") {
			l.t.Errorf("%s %s: status %d with code %s", r.Method, r.URL, a.StatusCode, a.Code)
		}
	}
	return a
}

// get and post are calls of the administrator.
func (l *lab) get(target string) answer {
	l.t.Helper()
	return l.do(call{method: http.MethodGet, target: "/v1/" + target, user: "admin"})
}

func (l *lab) post(target, body string) answer {
	l.t.Helper()
	return l.postAs("admin", target, body)
}

func (l *lab) postAs(user, target, body string) answer {
	l.t.Helper()
	return l.do(call{method: http.MethodPost, target: "/v1/" + target, user: user, kind: "application/json", body: body})
}

// want checks status and code.
func (l *lab) want(what string, a answer, status int, code string) answer {
	l.t.Helper()
	if a.StatusCode != status || a.Code != code {
		l.t.Errorf("%s: %d %s, want %d %s", what, a.StatusCode, a.body, status, code)
	}
	if status != http.StatusOK && !a.null {
		l.t.Errorf("%s: data is not null: %s", what, a.body)
	}
	return a
}

// ok checks success.
func (l *lab) ok(what string, a answer) answer {
	l.t.Helper()
	return l.want(what, a, http.StatusOK, "OK")
}

// filePart is one file of a form.
type filePart struct{ name, filename, kind, data string }

// form makes a multipart body of an info, unless that is "", and files.
func form(info string, files ...filePart) (kind, body string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	_ = w.SetBoundary("boundary")
	if info != "" {
		part, _ := w.CreateFormField("info")
		_, _ = io.WriteString(part, info)
	}
	for _, f := range files {
		h := textproto.MIMEHeader{}
		if f.filename == "" {
			h.Set("Content-Disposition", fmt.Sprintf(`form-data; name="%s"`, f.name))
		} else {
			h.Set("Content-Disposition", fmt.Sprintf(`form-data; name="%s"; filename="%s"`, f.name, f.filename))
		}
		if f.kind != "" {
			h.Set("Content-Type", f.kind)
		}
		part, _ := w.CreatePart(h)
		_, _ = io.WriteString(part, f.data)
	}
	_ = w.Close()
	return w.FormDataContentType(), b.String()
}

// upload sends files to object/upload.
func (l *lab) upload(info string, files ...filePart) answer {
	l.t.Helper()
	kind, body := form(info, files...)
	return l.do(call{method: http.MethodPost, target: "/v1/object/upload", user: "admin", kind: kind, body: body})
}

// bucket makes a bucket and returns its id, pkg a package.
func (l *lab) bucket(name string) int64 {
	l.t.Helper()
	return num(l.ok("create bucket", l.post("bucket/create", `{"name":"`+name+`"}`)), "bucket", "bucketID")
}

func (l *lab) pkg(bucket int64, name string) int64 {
	l.t.Helper()
	return num(l.ok("create package", l.post("package/create", fmt.Sprintf(`{"bucketID":%d,"name":%q}`, bucket, name))), "package", "packageID")
}

// put stores a file and returns its objectID.
func (l *lab) put(pkg int64, path, data string) int64 {
	l.t.Helper()
	a := l.ok("upload "+path, l.upload(fmt.Sprintf(`{"packageID":%d}`, pkg), filePart{"files", url.PathEscape(path), "", data}))
	return int64(a.Data["uploadeds"].([]any)[0].(map[string]any)["objectID"].(float64))
}

// uploadPart sends a part.
func (l *lab) uploadPart(info string, files ...filePart) answer {
	l.t.Helper()
	kind, body := form(info, files...)
	return l.do(call{method: "POST", target: "/v1/object/uploadPart", user: "admin", kind: kind, body: body})
}

// unfinished begins an upload with the parts of the vectors.
func (l *lab) unfinished(p int64, path string) int64 {
	l.t.Helper()
	id := num(l.ok("new upload", l.post("object/newMultipartUpload", fmt.Sprintf(`{"packageID":%d,"path":%q}`, p, path))), "object", "objectID")
	for _, n := range []int{3, 1, 2} {
		a := l.ok("part", l.uploadPart(fmt.Sprintf(`{"objectID":%d,"index":%d}`, id, n), filePart{"file", "part", "", vectorParts[n]}))
		if strings.TrimSpace(a.body) != `{"code":"OK","message":""}` {
			l.t.Errorf("answer of a part: %s", a.body)
		}
	}
	return id
}

// s3put stores an object as another door does.
func (l *lab) s3put(bucket, key, data string) {
	l.t.Helper()
	if _, err := l.env.Admin.PutObject(l.t.Context(), bucket, key, strings.NewReader(data), int64(len(data)), core.PutOptions{}); err != nil {
		l.t.Fatal(err)
	}
}

// at walks into the data of an answer.
func at(a answer, path ...string) any {
	var v any = a.Data
	for _, name := range path {
		switch in := v.(type) {
		case map[string]any:
			v = in[name]
		case []any:
			i, _ := strconv.Atoi(name)
			if i >= len(in) {
				return nil
			}
			v = in[i]
		default:
			return nil
		}
	}
	return v
}

func num(a answer, path ...string) int64 {
	n, _ := at(a, path...).(float64)
	return int64(n)
}

func str(a answer, path ...string) string {
	s, _ := at(a, path...).(string)
	return s
}

// list returns the paths and common prefixes of a listing.
func (l *lab) list(query string) (prefixes, paths []string, next string) {
	l.t.Helper()
	a := l.ok("list "+query, l.get("object/listByPath?"+query))
	for _, p := range a.Data["commonPrefixes"].([]any) {
		prefixes = append(prefixes, p.(string))
	}
	for _, o := range a.Data["objects"].([]any) {
		paths = append(paths, o.(map[string]any)["path"].(string))
	}
	return prefixes, paths, a.Data["nextContinuationToken"].(string)
}

// calls are the methods of all calls that need credentials.
func calls() map[string]string {
	return map[string]string{
		"bucket/create": "POST", "bucket/getByName": "GET", "bucket/listAll": "GET", "bucket/delete": "POST", "bucket/getPolicy": "GET",
		"bucket/setPolicy": "POST", "package/create": "POST", "package/getByFullName": "GET", "package/getByID": "GET",
		"package/listBucketPackages": "GET", "package/delete": "POST", "package/download": "GET", "object/upload": "POST",
		"object/putByPath": "PUT", "object/download": "GET", "object/downloadByPath": "GET", "object/info": "GET", "object/listByPath": "GET", "object/updateMetadata": "POST",
		"object/getPackageObjects": "GET", "object/presign": "POST", "object/listVersions": "GET", "object/restoreVersion": "POST",
		"object/move": "POST", "object/delete": "POST", "object/clone": "POST", "object/newMultipartUpload": "POST",
		"object/uploadPart": "POST", "object/completeMultipartUpload": "POST", "object/abortMultipartUpload": "POST", "object/listParts": "GET",
	}
}

// TestCalls: every call refuses a wrong method, and needs credentials unless it is open.
func TestCalls(t *testing.T) {
	l := newLab(t)
	for path, method := range calls() {
		a := l.want(path, l.do(call{method: "DELETE", target: v1.Prefix + path, user: "admin"}), 405, "BadArgument")
		if a.Header.Get("Allow") != method {
			t.Errorf("%s: Allow %q", path, a.Header.Get("Allow"))
		}
		l.want(path+" without credentials", l.do(call{method: method, target: v1.Prefix + path}), 401, "Unauthorized")
		if method != "PUT" && method != "GET" {
			l.want(path+" of text", l.do(call{method: method, target: v1.Prefix + path, user: "admin", kind: "text/plain"}), 415, "BadArgument")
		}
		if method == "GET" && path != "bucket/listAll" {
			l.want(path+" without parameters", l.get(path), 400, "BadArgument")
		}
		if method == "POST" && path != "object/upload" && path != "object/uploadPart" {
			for _, body := range []string{"", "[]", "null", "1", `"x"`, "{", "{}}", `{"a":}`, "\xff", "{}{}", strings.Repeat("[", 20_000), `{"x":` + strings.Repeat("[", 20_000)} {
				l.want(fmt.Sprintf("%s of %.20q", path, body), l.post(path, body), 400, "BadArgument")
			}
			a := l.want(path+" of {}", l.post(path, `{"unknown":[{"x":1e999}]}`), 400, "BadArgument")
			if !strings.Contains(a.Message, "missing") {
				t.Errorf("%s of {}: %s", path, a.Message)
			}
		}
	}
	a := l.want("unknown", l.get("object/lst"), 404, "DataNotFound")
	if !strings.Contains(a.Message, "did you mean") && !strings.Contains(a.Message, "object/") {
		t.Errorf("unknown call: %s", a.Message)
	}
}

func TestLoginAndTokens(t *testing.T) {
	l := newLab(t)
	if err := l.env.Admin.SetPassword(t.Context(), l.ids["ann"], "password of ann"); err != nil {
		t.Fatal(err)
	}
	login := func(value, password string) answer {
		return l.do(call{method: "POST", target: "/v1/user/login", body: fmt.Sprintf(`{"value":%q,"password":%q}`, value, password)})
	}
	l.want("wrong password", login("ann", "wrong"), 401, "Unauthorized")
	l.want("nobody", login("nobody", "wrong"), 401, "Unauthorized")
	l.want("a key", login(l.keys["ann"][0], l.keys["ann"][1]), 401, "Unauthorized")
	a := l.ok("login", login("ann", "password of ann"))
	token := str(a, "token")
	var files struct {
		Status  int
		Success bool
		Token   string
		Result  struct{ Token string }
	}
	if err := json.Unmarshal([]byte(a.body), &files); err != nil || files.Status != 200 || !files.Success || files.Token != token || files.Result.Token != token {
		t.Errorf("the other envelope: %s, %v", a.body, err)
	}
	bearer := func(token string) answer {
		return l.do(call{method: "GET", target: "/v1/bucket/listAll", header: map[string]string{"Authorization": "Bearer " + token}})
	}
	l.ok("with the token", bearer(token))
	l.want("with another", bearer(token+"A"), 401, "Unauthorized")
	l.now.Add(int64(24 * time.Hour))
	a = l.want("after a day", bearer(token), 401, "Unauthorized")
	if len(a.Header.Values("WWW-Authenticate")) != 2 {
		t.Errorf("challenges %q", a.Header.Values("WWW-Authenticate"))
	}
	l.ok("health", l.do(call{method: "GET", target: "/v1/system/health"}))
	// From elsewhere, in the clear, no password is asked for and none is taken.
	r := l.request(call{method: "GET", target: "/v1/bucket/listAll"})
	r.RemoteAddr = "192.0.2.7:1"
	a = l.want("from elsewhere", l.send(r), 401, "Unauthorized")
	if got := a.Header.Values("WWW-Authenticate"); len(got) != 1 || !strings.HasPrefix(got[0], "Bearer") {
		t.Errorf("challenges from elsewhere %q", got)
	}
	r = l.request(call{method: "GET", target: "/v1/bucket/listAll", user: "ann"})
	r.RemoteAddr = "192.0.2.7:1"
	l.want("a password from elsewhere", l.send(r), 403, "Forbidden")
	r = l.request(call{method: "POST", target: "/v1/bucket/create", user: "ann", body: `{"name":"bkt"}`, header: map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}})
	l.want("of another origin", l.send(r), 403, "Forbidden")
}

func TestPresign(t *testing.T) {
	l := newLab(t)
	p := l.pkg(l.bucket("bkt"), "pkg")
	id := l.put(p, "a/b c.txt", "content")
	sign := func(body string) string { return str(l.ok("presign "+body, l.post("object/presign", body)), "url") }
	anonymous := func(method, target, body string) answer {
		return l.do(call{method: method, target: target, body: body})
	}
	for _, body := range []string{
		fmt.Sprintf(`{"operation":"download","objectID":%d}`, id),
		fmt.Sprintf(`{"operation":"download","packageID":%d,"path":"a/b c.txt","expires":60}`, p),
	} {
		u := sign(body)
		if a := anonymous("GET", u, ""); a.body != "content" {
			t.Errorf("%s: %d %s", u, a.StatusCode, a.body)
		}
		if a := anonymous("GET", u+"&offset=1&length=2", ""); a.body != "on" {
			t.Errorf("a slice: %s", a.body)
		}
		if a := anonymous("HEAD", u, ""); a.StatusCode != http.StatusOK || a.Header.Get("Content-Length") != "7" {
			t.Errorf("HEAD: %d %v", a.StatusCode, a.Header)
		}
		l.want("another object", anonymous("GET", strings.Replace(u, "/object/download", "/object/info", 1), ""), 401, "Unauthorized")
		l.want("with a version", anonymous("GET", u+"&versionID=null", ""), 401, "Unauthorized")
		l.now.Add(int64(time.Hour))
		l.want("over", anonymous("GET", u, ""), 401, "Unauthorized")
	}
	u := sign(fmt.Sprintf(`{"operation":"upload","packageID":%d,"path":"new.txt"}`, p))
	for _, data := range []string{"one", "two"} {
		if a := l.ok("put", anonymous("PUT", u, data)); str(a, "object", "size") != "3" {
			t.Errorf("put: %s", a.body)
		}
	}
	l.want("a GET with it", anonymous("GET", u, ""), 405, "BadArgument")
	for _, body := range []string{`{"operation":"x"}`, `{"operation":"upload","packageID":1}`, `{"operation":"download","path":"x"}`, `{"operation":"download","objectID":1,"expires":604801}`, `{"operation":"download","objectID":1,"expires":-1}`} {
		l.want(body, l.post("object/presign", body), 400, "BadArgument")
	}
}

// TestPublicURL: behind a proxy signatures are made for its host, and presigned URLs lead there.
func TestPublicURL(t *testing.T) {
	l := newPublicLab(t, "https://store.example.com")
	p := l.pkg(l.bucket("bkt"), "pkg")
	a := l.ok("presign", l.post("object/presign", fmt.Sprintf(`{"operation":"upload","packageID":%d,"path":"x"}`, p)))
	if u := str(a, "url"); !strings.HasPrefix(u, "https://store.example.com/v1/object/putByPath?") {
		t.Errorf("presigned %s", u)
	}
	for host, status := range map[string]int{"store.example.com": 200, "store.example.com:443": 200, "other.example.com": 401} {
		r := httptest.NewRequest(http.MethodGet, "/v1/bucket/listAll", nil)
		r.Host = host
		s := sigv4.Signer{AccessKey: l.keys["ann"][0], Secret: l.keys["ann"][1], Service: "jcs"}
		if _, err := s.Sign(r, sigv4.EmptyHash, time.Unix(0, l.now.Load())); err != nil {
			t.Fatal(err)
		}
		r.Host = "127.0.0.1:7070" // as the proxy sends it on
		if got := l.send(r); got.StatusCode != status {
			t.Errorf("signed for %s: %d %s", host, got.StatusCode, got.body)
		}
	}
}
