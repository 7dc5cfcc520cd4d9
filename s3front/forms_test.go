package s3front

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"trivium/core"
	"trivium/core/coretest"
	"trivium/s3front/sigv4"
)

// form is a way to send an x-amz-* header: as such, or in the query, where presigning clients move it.
type form struct {
	name  string
	query bool // name=value is a parameter
	sign  bool // the query is presigned; else the request is signed by its headers
}

func forms() []form {
	return []form{{name: "header"}, {name: "presigned", query: true, sign: true}, {name: "parameter", query: true}}
}

// shaped is a call with headers in one of the forms.
type shaped struct {
	call
	headers []string // "name: value"
}

// send sends s in the form f.
func (f form) send(e *env, s shaped) answer {
	e.tb.Helper()
	c := s.call
	if !f.query {
		return e.do(c.with(s.headers...))
	}
	for _, h := range s.headers {
		name, value, _ := strings.Cut(h, ": ")
		sep := "?"
		if strings.Contains(c.target, "?") {
			sep = "&"
		}
		c.target += sep + name + "=" + url.QueryEscape(value)
	}
	if !f.sign {
		return e.do(c)
	}
	c.key = "anonymous"
	r := e.request(c)
	signer := sigv4.Signer{AccessKey: adminKey, Secret: adminSecret}
	if err := signer.Presign(r, time.Hour, time.Unix(0, e.now.Load())); err != nil {
		e.tb.Fatal(err)
	}
	return e.send(r)
}

// formed is a request with x-amz-* headers and what it must come to.
type formed struct {
	name    string
	call    call
	headers string // "name: value", separated by "|"
	status  int
	code    string
	after   string // what /bucket/dst holds; "": what it held before
}

func copyForms() []formed {
	const part = "/bucket/big?partNumber=1&uploadId=$UPLOAD"
	dst, empty := put("/bucket/dst", "new"), put("/bucket/dst", "")
	return []formed{
		{"copy", empty, "x-amz-copy-source: bucket/src", 200, "", "source"},
		{"copy with conditions", empty, "x-amz-copy-source: /bucket/src|x-amz-copy-source-if-match: \"0\"", 412, "PreconditionFailed", ""},
		{"copy of a range", empty, "x-amz-copy-source: bucket/src|x-amz-copy-source-range: bytes=0-1", 501, "NotImplemented", ""},
		{"copy of nothing", empty, "x-amz-copy-source: ", 400, "InvalidArgument", ""},
		{"copy of two", empty, "x-amz-copy-source: bucket/src|x-amz-copy-source: bucket/dst", 400, "InvalidRequest", ""},
		{"copied part with a condition", put(part, ""), "x-amz-copy-source: bucket/src|x-amz-copy-source-if-none-match: *", 412, "PreconditionFailed", ""},
		{"copied part of a range behind the end", put(part, ""), "x-amz-copy-source: bucket/src|x-amz-copy-source-range: bytes=0-6", 400, "InvalidArgument", ""},
		{"copied part with a checksum", put(part, ""), "x-amz-copy-source: bucket/src|x-amz-checksum-crc32: AAAAAA==", 501, "NotImplemented", ""},
		{"copied part of a bucket of somebody", put(part, ""), "x-amz-copy-source: bucket/src|x-amz-source-expected-bucket-owner: somebody", 403, "AccessDenied", ""},
		{"range of no copy", put(part, ""), "x-amz-copy-source-range: bytes=0-1", 501, "NotImplemented", ""},
		{"tags", dst, "x-amz-tagging: a=b", 200, "", "new"},
		{"tags of a deleted object", del("/bucket/dst"), "x-amz-tagging: a=b", 501, "NotImplemented", ""},
		{"tags twice", dst, "x-amz-tagging: a=b|x-amz-tagging: c=d", 400, "InvalidRequest", ""},
		{"private", dst, "x-amz-acl: private", 200, "", "new"},
		{"public", dst, "x-amz-acl: public-read", 400, "AccessControlListNotSupported", ""},
		{"private and public", dst, "x-amz-acl: private|x-amz-acl: public-read", 400, "InvalidRequest", ""},
		{"unknown canned ACL", dst, "x-amz-acl: public-ready", 400, "InvalidArgument", ""},
		{"grant", dst, "x-amz-grant-read: id=1", 400, "AccessControlListNotSupported", ""},
		{"SSE", dst, "x-amz-server-side-encryption: AES256", 501, "NotImplemented", ""},
		{"SSE-KMS", dst, "x-amz-server-side-encryption-aws-kms-key-id: k", 501, "NotImplemented", ""},
		{"SSE-C", dst, "x-amz-server-side-encryption-customer-algorithm: AES256", 501, "NotImplemented", ""},
		{"SSE-C of the source", empty, "x-amz-copy-source: bucket/src|x-amz-copy-source-server-side-encryption-customer-algorithm: AES256", 501, "NotImplemented", ""},
		{"lock", dst, "x-amz-object-lock-mode: GOVERNANCE", 501, "NotImplemented", ""},
		{"legal hold", dst, "x-amz-object-lock-legal-hold: ON", 501, "NotImplemented", ""},
		{"append", dst, "x-amz-write-offset-bytes: 0", 501, "NotImplemented", ""},
		{"redirect", dst, "x-amz-website-redirect-location: /a", 200, "", "new"},
		{"redirect to nowhere", dst, "x-amz-website-redirect-location: a", 400, "InvalidRedirectLocation", ""},
		{"class", dst, "x-amz-storage-class: CHEAP", 400, "InvalidStorageClass", ""},
		{"class to restore from", dst, "x-amz-storage-class: GLACIER", 400, "InvalidStorageClass", ""},
		{"class to restore a copy from", empty, "x-amz-copy-source: bucket/src|x-amz-storage-class: DEEP_ARCHIVE", 400, "InvalidStorageClass", ""},
		{"class that is read at once", dst, "x-amz-storage-class: GLACIER_IR", 200, "", "new"},
		{"checksum", dst, "x-amz-checksum-crc32: AAAAAQ==", 400, "BadDigest", ""},
		{"size of the deleted", del("/bucket/dst"), "x-amz-if-match-size: 5", 412, "PreconditionFailed", ""},
		{"time of the deleted", del("/bucket/dst"), "x-amz-if-match-last-modified-time: 2001-01-01T00:00:00Z", 412, "PreconditionFailed", ""},
	}
}

// silentForms are of headers that would do nothing where they are: checks and credentials above all.
func silentForms() []formed {
	dst, empty := put("/bucket/dst", "new"), put("/bucket/dst", "")
	owner := canonicalID(coretest.AdminID)
	return []formed{
		{"condition of no copy", dst, "x-amz-copy-source-if-match: \"0\"", 501, "NotImplemented", ""},
		{"copy to a bucket", put("/other", ""), "x-amz-copy-source: bucket/src", 501, "NotImplemented", ""},
		{"deleting a copy", del("/bucket/dst"), "x-amz-copy-source: bucket/src", 501, "NotImplemented", ""},
		{"copy of a bucket of somebody", empty, "x-amz-copy-source: bucket/src|x-amz-source-expected-bucket-owner: somebody", 403, "AccessDenied", ""},
		{"copy of a bucket of the owner", empty, "x-amz-copy-source: bucket/src|x-amz-source-expected-bucket-owner: " + owner, 200, "", "source"},
		{"source owner of no copy", dst, "x-amz-source-expected-bucket-owner: " + owner, 501, "NotImplemented", ""},
		{"bucket of somebody", dst, "x-amz-expected-bucket-owner: somebody", 403, "AccessDenied", ""},
		{"bucket of the owner", dst, "x-amz-expected-bucket-owner: " + owner, 200, "", "new"},
		{"owner of a bucket to be", put("/other", ""), "x-amz-expected-bucket-owner: " + owner, 501, "NotImplemented", ""},
		{"owner of all buckets", get("/"), "x-amz-expected-bucket-owner: " + owner, 501, "NotImplemented", ""},
		{"MFA", del("/bucket/dst"), "x-amz-mfa: 20899872 301749", 501, "NotImplemented", ""},
		{"future", dst, "x-amz-future: 1", 501, "NotImplemented", ""},
		{"size of no deletion", dst, "x-amz-if-match-size: 5", 501, "NotImplemented", ""},
		{"size of no completion", dst, "x-amz-mp-object-size: 3", 501, "NotImplemented", ""},
		{"session token", dst, "x-amz-security-token: abc", 400, "InvalidToken", ""},
		{"nobody's source", empty, "x-amz-copy-source: missing/src|x-amz-source-expected-bucket-owner: " + owner, 404, "NoSuchBucket", ""},
		{"harmless", dst, "x-amz-request-payer: requester|x-amz-user-agent: a|x-amz-bypass-governance-retention: true", 200, "", "new"},
	}
}

// TestForms: an x-amz-* parameter of a query means what the header means: both are honoured or both refused, and
// what is refused changes nothing.
func TestForms(t *testing.T) {
	e := newEnv(t)
	e.must(put("/bucket", ""), put("/bucket/src", "source"))
	upload := value(e.must(post("/bucket/big?uploads", "")).body, "UploadId")
	for _, c := range slices.Concat(copyForms(), silentForms()) {
		t.Run(c.name, func(t *testing.T) {
			c.call.target = strings.ReplaceAll(c.call.target, "$UPLOAD", upload)
			for _, f := range forms() {
				e.must(put("/bucket/dst", "precious"))
				a := f.send(e, shaped{c.call, strings.Split(c.headers, "|")})
				if a.StatusCode != c.status || a.code() != c.code {
					t.Errorf("%s = %d %s, want %d %s: %s", f.name, a.StatusCode, a.code(), c.status, c.code, a.body)
				}
				want := c.after
				if want == "" {
					want = "precious"
				}
				if got := e.do(get("/bucket/dst")); got.body != want {
					t.Errorf("%s left %q, want %q", f.name, got.body, want)
				}
				if parts := e.must(get("/bucket/big?uploadId=" + upload)); strings.Contains(parts.body, "<Part>") {
					t.Errorf("%s left a part", f.name)
				}
			}
		})
	}
}

// TestCopiedPartForms: a copied part is one in every form, and its range is never lost.
func TestCopiedPartForms(t *testing.T) {
	e := newEnv(t)
	e.must(put("/bucket", ""), put("/bucket/src", "source"))
	for _, f := range forms() {
		id := value(e.must(post("/bucket/big?uploads", "")).body, "UploadId")
		c := put("/bucket/big?partNumber=1&uploadId="+id, "")
		a := f.send(e, shaped{c, []string{"x-amz-copy-source: bucket/src", "x-amz-copy-source-range: bytes=1-2"}})
		if a.StatusCode != http.StatusOK {
			t.Errorf("%s = %d %s", f.name, a.StatusCode, a.body)
		}
		if parts := e.must(get("/bucket/big?uploadId=" + id)).body; value(parts, "Size") != "2" {
			t.Errorf("%s left %s, want a part of 2 bytes", f.name, parts)
		}
	}
}

// TestCopyRange: of all spellings of a range only that of first and last byte is one.
func TestCopyRange(t *testing.T) {
	for s, want := range map[string]*core.Range{
		"":           nil,
		"bytes=0-0":  {First: 0, Last: 0},
		"bytes=2-17": {First: 2, Last: 17},
	} {
		if got, err := copyRange(s); err != nil || (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("copyRange(%q) = %v, %v, want %v", s, got, err, want)
		}
	}
	for _, s := range []string{
		"0-2", "bytes=0", "bytes=hello-world", "bytes=0-bar", "bytes=hello-", "bytes=0-2,3-5", "bytes=-3", "bytes=3-", "bytes=2-1",
		"bytes= 0-1", "bytes=0 -1", "bytes=0-1 ", "Bytes=0-1", "bytes=+0-1", "bytes=0--1", "bytes=", "bytes=-", "bytes",
	} {
		if got, err := copyRange(s); err == nil || translate(err).code != invalidArgument {
			t.Errorf("copyRange(%q) = %v, %v, want InvalidArgument", s, got, err)
		}
	}
}

// TestParameterAgainstHeader: a parameter that says something else than the header is refused, as a repeated header
// is; saying it twice is saying it once.
func TestParameterAgainstHeader(t *testing.T) {
	e := newEnv(t)
	e.must(put("/bucket", ""), put("/bucket/src", "source"))
	hash := "x-amz-content-sha256=" + strings.Repeat("0", 64)
	for name, c := range map[string]struct {
		call
		status int
	}{
		"same":           {put("/bucket/k?x-amz-acl=private", "x", "X-Amz-Acl: private"), 200},
		"other":          {put("/bucket/k?x-amz-acl=public-read", "x", "X-Amz-Acl: private"), 400},
		"other source":   {put("/bucket/k?x-amz-copy-source=bucket/other", "", "X-Amz-Copy-Source: bucket/src"), 400},
		"other payload":  {put("/bucket/k?"+hash, "x"), 400},
		"nobody's":       {put("/bucket/k?"+hash, "x").as("anonymous"), 400},
		"same payload":   {put("/bucket/k?X-Amz-Content-Sha256=UNSIGNED-PAYLOAD", "x").unsigned(), 200},
		"no header name": {put("/bucket/k?x-amz-meta-a%20b=c", "x"), 400},
		"metadata":       {put("/bucket/k?x-amz-meta-a=b&x-amz-meta-a=c", "x"), 200},
	} {
		if a := e.do(c.call); a.StatusCode != c.status {
			t.Errorf("%s = %d %s, want %d", name, a.StatusCode, a.body, c.status)
		}
	}
}

// TestHandlersRefuseCopySource: even if the router erred, no handler that reads a body takes a copy for a write.
func TestHandlersRefuseCopySource(t *testing.T) {
	for name, h := range map[string]handler{"putObject": putObject, "uploadPart": uploadPart} {
		r := &request{Request: httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/bucket/k", nil), bucket: "bucket", key: "k"}
		r.Header["X-Amz-Copy-Source"] = []string{"bucket/src"}
		r.query = sigv4.Query{{Name: "partNumber", Value: "1"}, {Name: "uploadId", Value: "1"}}
		if err := h(httptest.NewRecorder(), r, nil); err == nil || translate(err).code != notImplemented {
			t.Errorf("%s with a copy source = %v, want NotImplemented", name, err)
		}
	}
}
