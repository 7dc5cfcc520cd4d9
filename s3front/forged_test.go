package s3front

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"trivium/core"
	"trivium/core/coretest"
	"trivium/s3front/sigv4"
)

// The table of forged requests: each class of forgery against each operation of the route table. A cell is one request
// that must be answered exactly so, must change nothing, and whose answer must hold nothing of the victim's. Classes
// that have the name of a CVE are what that one was in another S3 server; all others say what they are.

// heist is one store with a victim, alice, and those who want something of hers.
type heist struct {
	*env
	keys        map[string]*sigv4.Signer
	upload, own string // ids: the victim's unfinished upload, and the thief's
	version     string // of the victim: an older version's id
	etag, part  string // ETags: of the object, of part 1 of the upload
	secrets     []string
	updates     atomic.Int64 // transactions that may have changed something
}

// counting is a store that counts what may change it.
type counting struct {
	core.MetaStore
	n *atomic.Int64
}

// Update implements core.MetaStore.
func (c counting) Update(ctx context.Context, fn func(ctx context.Context, tx core.MetaTx) error) error {
	c.n.Add(1)
	return c.MetaStore.Update(ctx, fn)
}

const (
	secretBody, secretMeta, secretTag, secretKey = "TOP-SECRET-CONTENT", "HUSH-HUSH-METADATA", "TAG-OF-THE-VICTIM", "never-named-anywhere"
	secretType                                   = "application/x-victims-type"
)

// newHeist makes the bucket victim of alice's and thief of mallory's. gone's user is disabled, revoked's key is
// deleted, rita may read what is the victim's.
func newHeist(tb testing.TB) *heist {
	tb.Helper()
	h := &heist{keys: map[string]*sigv4.Signer{
		"alice": {AccessKey: aliceKey, Secret: aliceSecret}, "wrong": {AccessKey: aliceKey, Secret: "wrong-secret"},
		"nobody": {AccessKey: "AKIANOBODY", Secret: aliceSecret}, "mallory as alice": {AccessKey: aliceKey, Secret: "mallory-secret"},
	}}
	opts := coretest.Options{WrapMeta: func(s core.MetaStore) core.MetaStore { return counting{s, &h.updates} }}
	h.env = newEnvOn(tb, opts, func(c *Config) { c.Domains = []string{"s3.test"} })
	ctx := context.WithoutCancel(tb.Context())
	ids := map[string]int64{}
	for _, name := range []string{"mallory", "rita", "gone", "revoked"} {
		u, err := h.core.Admin.CreateUser(ctx, name, "", false)
		if err == nil {
			h.keys[name] = &sigv4.Signer{AccessKey: "AKIA-" + name, Secret: name + "-secret"}
			_, _, err = h.core.Admin.CreateKey(ctx, u.ID, "AKIA-"+name, name+"-secret")
		}
		if ids[name] = u.ID; err != nil {
			tb.Fatal(err)
		}
	}
	h.fill()
	h.by("gone", get("/")) // the keys of both have been good once
	h.by("revoked", get("/"))
	err := errors.Join(
		h.core.Admin.SetUserDisabled(ctx, ids["gone"], true), h.core.Admin.DeleteKey(ctx, "AKIA-revoked"),
		h.core.Admin.SetGrants(ctx, "victim", []core.Grant{{UserID: ids["rita"], Access: core.AccessRead}}),
	)
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

// by sends a call that has to succeed, a second after the one before.
func (h *heist) by(who string, c call) answer {
	h.tb.Helper()
	h.now.Add(int64(time.Second))
	c.signer = h.keys[who]
	return h.must(c)
}

// fill makes what there is to be stolen.
func (h *heist) fill() {
	h.tb.Helper()
	h.by("alice", put("/victim", ""))
	h.by("alice", put("/victim?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"))
	h.version = h.by("alice", put("/victim/secret", secretBody+" 1")).Header.Get("X-Amz-Version-Id")
	h.by("alice", put("/victim/"+secretKey, secretBody))
	h.by("alice", del("/victim/deleted"))
	h.by("mallory", put("/thief", ""))
	h.own = value(h.by("mallory", post("/thief/mine?uploads", "")).body, "UploadId")
	h.refill()
}

// refill makes the object and the upload of the victim anew.
func (h *heist) refill() {
	h.tb.Helper()
	etag := h.by("alice", put("/victim/secret", secretBody, "Content-Type: "+secretType, "X-Amz-Meta-Hush: "+secretMeta, "X-Amz-Tagging: t="+secretTag)).Header.Get("Etag")
	h.upload = value(h.by("alice", post("/victim/secret?uploads", "", "X-Amz-Meta-Hush: "+secretMeta)).body, "UploadId")
	h.part = strings.Trim(h.by("alice", put("/victim/secret?partNumber=1&uploadId="+h.upload, "part")).Header.Get("Etag"), `"`)
	h.etag = strings.Trim(etag, `"`)
	tags := "<Tagging><TagSet><Tag><Key>t</Key><Value>" + secretTag + "</Value></Tag></TagSet></Tagging>"
	h.by("alice", put("/victim?tagging", tags, "X-Amz-Checksum-Crc32: "+crcOf(tags)))
	h.secrets = []string{secretBody, secretMeta, secretTag, secretKey, secretType, h.etag, aliceSecret, adminSecret}
}

// booty is the request of every operation at what is the victim's, as its owner would make it.
func (h *heist) booty(op string) (call, bool) {
	const tags = "<Tagging><TagSet><Tag><Key>forged</Key><Value>1</Value></Tag></TagSet></Tagging>"
	const deletion = "<Delete><Object><Key>secret</Key></Object><Object><Key>" + "forged" + "</Key></Object></Delete>"
	const o, b, source = "/victim/secret", "/victim", "X-Amz-Copy-Source: victim/secret"
	completion := "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + h.part + "</ETag></Part></CompleteMultipartUpload>"
	c, ok := map[string]call{
		"GetObject": get(o), "HeadObject": head(o), "GetObjectAttributes": get(o + "?attributes").with(allAttributes),
		"GetObjectTagging": get(o + "?tagging"), "PutObjectTagging": put(o+"?tagging", tags), "DeleteObjectTagging": del(o + "?tagging"),
		"GetObjectAcl": get(o + "?acl"), "PutObjectAcl": put(o+"?acl", "", "X-Amz-Acl: private"),
		"PutObject": put(o, "forged"), "DeleteObject": del(o), "CopyObject": put("/victim/forged", "", source),
		"UploadPart":     put(o+"?partNumber=2&uploadId="+h.upload, "forged"),
		"UploadPartCopy": put(o+"?partNumber=2&uploadId="+h.upload, "", source), "CreateMultipartUpload": post(o+"?uploads", ""),
		"CompleteMultipartUpload": post(o+"?uploadId="+h.upload, completion), "AbortMultipartUpload": del(o + "?uploadId=" + h.upload),
		"ListParts": get(o + "?uploadId=" + h.upload), "ListObjects": get(b), "ListObjectsV2": get(b + "?list-type=2"),
		"ListObjectVersions": get(b + "?versions"), "ListMultipartUploads": get(b + "?uploads"),
		"DeleteObjects": post(b+"?delete", deletion, "X-Amz-Checksum-Crc32: "+crcOf(deletion)), "HeadBucket": head(b),
		"CreateBucket": put(b, "<CreateBucketConfiguration/>"), "DeleteBucket": del(b), "GetBucketLocation": get(b + "?location"), "GetBucketAcl": get(b + "?acl"),
		"PutBucketAcl": put(b+"?acl", "", "X-Amz-Acl: private"), "GetBucketVersioning": get(b + "?versioning"),
		"PutBucketVersioning": put(b+"?versioning", "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"),
		"ListBuckets":         get("/"),
		"GetBucketTagging":    get(b + "?tagging"), "DeleteBucketTagging": del(b + "?tagging"),
		"PutBucketTagging": put(b+"?tagging", tags, "X-Amz-Checksum-Crc32: "+crcOf(tags)),
	}[op]
	return c, ok
}

// dump writes down everything that a bucket holds and is.
func (h *heist) dump(bucket string) string {
	h.tb.Helper()
	ctx := h.tb.Context()
	se := h.core.Admin
	b, err1 := se.Bucket(ctx, bucket)
	versions, err2 := se.ListVersions(ctx, bucket, core.VersionListOptions{Limit: 1000})
	uploads, err3 := se.Uploads(ctx, bucket, core.UploadListOptions{Limit: 1000})
	usage, err4 := se.Usage(ctx, bucket)
	grants, err5 := se.Grants(ctx, bucket)
	tags, _, err6 := se.Doc(ctx, bucket, taggingDoc)
	err := errors.Join(err1, err2, err3, err4, err5, err6)
	out := fmt.Sprintf("%+v\n%+v\n%+v\n%+v\n%+v\n%s\n", b, versions, uploads, usage, grants, tags)
	for _, u := range uploads.Uploads {
		parts, _, perr := se.Parts(ctx, core.Path{Bucket: bucket, Key: u.Key}, u.ID, 0, 1000)
		out += fmt.Sprintf("%+v\n", parts)
		err = errors.Join(err, perr)
	}
	if err != nil {
		h.tb.Fatal(err)
	}
	return out
}

// shot is a request on its way, with its body.
type shot struct {
	*http.Request
	body []byte
}

// signed signs a call as who, "" for nobody, by the header.
func (h *heist) signed(c call, who string) shot {
	c.key = "anonymous"
	if who != "" {
		c.signer = h.keys[who]
		c.key = who
	}
	var s shot
	c.mutate = func(_ *http.Request, body []byte) []byte { s.body = body; return body }
	s.Request = h.request(c)
	return s
}

// presigned signs a call as who by the query, for an hour from at on; zero: now.
func (h *heist) presigned(c call, who string, at time.Time) shot {
	s := h.signed(c, "")
	if at.IsZero() {
		at = time.Unix(0, h.now.Load())
	}
	if err := h.keys[who].Presign(s.Request, time.Hour, at); err != nil {
		h.tb.Fatal(err)
	}
	return s
}

// fire sends a shot over the wire's form to the door, as a server would hand it on.
func (h *heist) fire(s shot) *httptest.ResponseRecorder {
	h.tb.Helper()
	s.Body, s.ContentLength = io.NopCloser(bytes.NewReader(s.body)), int64(len(s.body))
	if len(s.body) == 0 {
		s.Body = http.NoBody
	}
	var wire bytes.Buffer
	if err := s.Write(&wire); err != nil {
		h.tb.Fatal(err)
	}
	r, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		h.tb.Fatalf("%s %s: %v", s.Method, s.URL, err)
	}
	r.RemoteAddr = "192.0.2.66:1"
	w := httptest.NewRecorder()
	h.srv.Config.Handler.ServeHTTP(w, r.WithContext(h.tb.Context()))
	return w
}

// forgery is one column of the table.
type forgery struct {
	name string
	make func(h *heist, c call) shot
	want string            // status and code, "403 AccessDenied"; of HEAD the status counts alone
	but  map[string]string // other answers, by operation
	ops  []string          // nil: all operations
	own  bool              // the thief may change his own bucket, not the victim's
}

// forgeryClass is a group of columns.
type forgeryClass struct {
	name  string
	cells []forgery
}

// verdict is what a reply says.
func verdict(method string, w *httptest.ResponseRecorder, want string) string {
	got := fmt.Sprint(w.Code)
	if code := value(w.Body.String(), "Code"); code != "" { // a document may name a NUL, which no parser takes
		got += " " + code
	}
	if status, _, _ := strings.Cut(want, " "); method == http.MethodHead && status == fmt.Sprint(w.Code) {
		return want
	}
	return got
}

// TestForged fires the whole table.
func TestForged(t *testing.T) {
	h := newHeist(t)
	before := h.look()
	total := 0
	for _, class := range forgeries() {
		fired := map[string]bool{}
		for _, f := range class.cells {
			for _, rt := range routes() {
				c, known := h.booty(rt.op)
				if !known {
					t.Fatalf("%s has no cells: give it a request in booty", rt.op)
				}
				if f.ops != nil && !slices.Contains(f.ops, rt.op) {
					continue
				}
				total++
				fired[rt.op] = true
				name := class.name + ", " + f.name + ": " + rt.op
				done := h.updates.Load()
				h.cell(name, &f, rt.op, c)
				if h.updates.Load() != done {
					before = h.same(name, before, f.own)
				}
			}
			before = h.same(class.name+", "+f.name, before, f.own)
		}
		if len(fired) == 0 {
			t.Errorf("%s has no cells", class.name)
		}
		t.Logf("%-70s %2d operations, %2d forgeries", class.name, len(fired), len(class.cells))
	}
	t.Logf("%d cells", total)
}

// cell fires one shot and judges the answer.
func (h *heist) cell(name string, f *forgery, op string, c call) {
	h.tb.Helper()
	want, other := f.but[op]
	if !other {
		want = f.want
	}
	s := f.make(h, c)
	w := h.fire(s)
	if got := verdict(s.Method, w, want); got != want {
		h.tb.Errorf("%s = %s, want %s: %s", name, got, want, w.Body)
	}
	h.leaks(name, w)
}

// look writes down what there is: the victim's, the thief's, and all buckets.
func (h *heist) look() [3]string {
	h.tb.Helper()
	buckets, _, err := h.core.Admin.Buckets(h.tb.Context(), core.BucketListOptions{Limit: 10})
	if err != nil {
		h.tb.Fatal(err)
	}
	return [3]string{h.dump("victim"), h.dump("thief"), fmt.Sprintf("%+v", buckets)}
}

// same compares what there is with what was before and returns it. With own the thief's may have changed.
func (h *heist) same(name string, before [3]string, own bool) [3]string {
	h.tb.Helper()
	now := h.look()
	for i, what := range [3]string{"the victim's", "the thief's", "the buckets"} {
		if now[i] != before[i] && (!own || i != 1) {
			h.tb.Fatalf("%s has changed %s from\n%s\nto\n%s", name, what, before[i], now[i])
		}
	}
	return now
}

// leaks looks for the victim's in an answer.
func (h *heist) leaks(name string, w *httptest.ResponseRecorder) {
	h.tb.Helper()
	said := fmt.Sprintf("%v\n%s", w.Header(), w.Body)
	for _, secret := range h.secrets {
		if strings.Contains(said, secret) {
			h.tb.Errorf("%s tells %s: %s", name, secret, said)
		}
	}
}

// TestBooty: what the table forges succeeds when its owner asks for it, so that a refusal is one of the forgery.
func TestBooty(t *testing.T) {
	h := newHeist(t)
	for _, rt := range routes() {
		for _, form := range []func(c call) shot{
			func(c call) shot { return h.signed(c, "alice") },
			func(c call) shot { return h.presigned(c, "alice", time.Time{}) },
		} {
			h.refill()
			c, _ := h.booty(rt.op)
			want := http.StatusOK
			switch rt.op {
			case "AbortMultipartUpload", "DeleteObject", "DeleteObjectTagging", "PutBucketTagging", "DeleteBucketTagging":
				want = http.StatusNoContent
			case "DeleteBucket":
				want = http.StatusConflict // it is not empty
			}
			if w := h.fire(form(c)); w.Code != want {
				t.Errorf("%s of the owner = %d %s, want %d", rt.op, w.Code, w.Body, want)
			}
		}
	}
}
