package s3front

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"trivium/core"
	"trivium/core/coretest"
	"trivium/drivers"
	"trivium/s3front/sigv4"
)

// refusal is a request that must fail and leave nothing behind.
type refusal struct {
	name string
	call
	status int
	code   string
}

func crcTrailer(value string) []sigv4.Param {
	return []sigv4.Param{{Name: "x-amz-checksum-crc32", Value: value}}
}

func (c call) stream(payload string, trailers ...sigv4.Param) call {
	c.payload, c.trailers, c.chunk = payload, trailers, 4
	if payload != sigv4.StreamPayload && !strings.Contains(c.headers, "X-Amz-Trailer") {
		c = c.with("X-Amz-Trailer: x-amz-checksum-crc32")
	}
	return c
}

func (c call) then(mutate func(r *http.Request, body []byte) []byte) call {
	c.mutate = mutate
	return c
}

func (c call) unsigned() call { c.payload = sigv4.UnsignedPayload; return c }

func swap(old, new string) func(*http.Request, []byte) []byte {
	return func(_ *http.Request, body []byte) []byte { return bytes.Replace(body, []byte(old), []byte(new), 1) }
}

// helloCRC is the CRC32 of "hello".
const helloCRC = "NhCmhg=="

func digestRefusals() []refusal {
	p := put("/bucket/k", "hello")
	long := "x-amz-meta-" + strings.Repeat("a", 100)
	return []refusal{
		{"Content-MD5 malformed", p.with("Content-MD5: abc"), 400, "InvalidDigest"},
		{"Content-MD5 empty", p.with("Content-MD5: "), 400, "InvalidDigest"},
		{"Content-MD5 twice", p.with("Content-MD5: XUFAKrxLKna5cZ2REBfFkg==", "Content-MD5: AAAAAAAAAAAAAAAAAAAAAA=="), 400, "InvalidDigest"},
		{"Content-MD5 wrong", p.with("Content-MD5: AAAAAAAAAAAAAAAAAAAAAA=="), 400, "BadDigest"},
		{"payload hash of other content", call{method: "PUT", target: "/bucket/k", body: "hello", payload: sigv4.EmptyHash}, 400, "XAmzContentSHA256Mismatch"},
		{"payload hash unknown", call{method: "PUT", target: "/bucket/k", body: "hello", payload: "STREAMING-NOTHING"}, 400, "InvalidArgument"},
		{"CRC32 wrong", p.with("x-amz-checksum-crc32: AAAAAA=="), 400, "BadDigest"},
		{"CRC32C wrong", p.with("x-amz-checksum-crc32c: AAAAAA=="), 400, "BadDigest"},
		{"CRC64NVME wrong", p.with("x-amz-checksum-crc64nvme: AAAAAAAAAAA="), 400, "BadDigest"},
		{"SHA1 wrong", p.with("x-amz-checksum-sha1: AAAAAAAAAAAAAAAAAAAAAAAAAAA="), 400, "BadDigest"},
		{"SHA256 wrong", p.with("x-amz-checksum-sha256: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="), 400, "BadDigest"},
		{"CRC32 too short", p.with("x-amz-checksum-crc32: AAA="), 400, "InvalidRequest"},
		{"CRC32 no base64", p.with("x-amz-checksum-crc32: ???"), 400, "InvalidRequest"},
		{"two checksums", p.with("x-amz-checksum-crc32: "+helloCRC, "x-amz-checksum-crc32c: mnG7TA=="), 400, "InvalidRequest"},
		{"unknown checksum", p.with("x-amz-checksum-xxhash3: AAAA"), 501, "NotImplemented"},
		{"algorithm without checksum", p.with("x-amz-sdk-checksum-algorithm: CRC32"), 400, "InvalidRequest"},
		{"algorithm of another checksum", p.with("x-amz-sdk-checksum-algorithm: SHA1", "x-amz-checksum-crc32: "+helloCRC), 400, "InvalidRequest"},
		{"algorithm unknown", p.with("x-amz-sdk-checksum-algorithm: MD4"), 400, "InvalidRequest"},
		{"trailer without stream", p.with("X-Amz-Trailer: x-amz-checksum-crc32"), 400, "InvalidRequest"},
		{"metadata too large", p.with(long + ": " + strings.Repeat("v", 9000)), 400, "MetadataTooLarge"},
		{"Content-Type too large", p.with("Content-Type: " + strings.Repeat("v", 9000)), 400, "MetadataTooLarge"},
		{"other headers too large", p.with("Cache-Control: "+strings.Repeat("v", 5000), "Content-Disposition: "+strings.Repeat("v", 5000)), 400, "MetadataTooLarge"},
		{"upload's headers too large", post("/bucket/k?uploads", "", "Expires: "+strings.Repeat("v", 9000)), 400, "MetadataTooLarge"},
		{"If-Match without object", p.with(`If-Match: "abc"`), 404, "NoSuchKey"},
	}
}

func streamRefusals() []refusal {
	p := put("/bucket/k", "hello, chunked world")
	plain := sigv4.StreamPayload
	trailer, unsigned := sigv4.StreamPayloadTrailer, sigv4.StreamUnsignedPayload
	good := sigv4.Param{Name: "x-amz-checksum-crc32", Value: "AAAAAA=="}
	length := func(n string) call { return p.stream(plain).with("X-Amz-Decoded-Content-Length: " + n) }
	return []refusal{
		{"chunk altered", p.stream(plain).then(swap("hell", "help")), 403, "SignatureDoesNotMatch"},
		{"chunk signature altered", p.stream(plain).then(swap("signature=", "signature=0")), 400, "InvalidRequest"},
		{"chunks swapped", p.stream(plain).then(swap("4;", "5;")), 400, "InvalidRequest"},
		{"unsigned chunks in a signed stream", p.stream(plain).then(func(*http.Request, []byte) []byte {
			return []byte("14\r\nhello, chunked world\r\n0\r\n\r\n")
		}), 400, "InvalidRequest"},
		{"final chunk missing", p.stream(plain).then(func(_ *http.Request, b []byte) []byte { return b[:bytes.LastIndex(b, []byte("0;"))] }), 400, "IncompleteBody"},
		{"end missing", p.stream(plain).then(func(_ *http.Request, b []byte) []byte { return b[:len(b)-2] }), 400, "IncompleteBody"},
		{"garbage behind", p.stream(plain).then(func(_ *http.Request, b []byte) []byte { return append(b, 'x') }), 400, "InvalidRequest"},
		{"empty body", p.stream(plain).then(func(*http.Request, []byte) []byte { return nil }), 400, "IncompleteBody"},
		{"decoded length too small", length("19"), 400, "IncompleteBody"},
		{"decoded length too large", length("21"), 400, "IncompleteBody"},
		{"decoded length zero", length("0"), 400, "IncompleteBody"},
		{"decoded length negative", length("-1"), 400, "InvalidArgument"},
		{"decoded length no number", length("many"), 400, "InvalidArgument"},
		{"decoded length over the limit", length("5368709121"), 400, "EntityTooLarge"},
		{"decoded length missing", length("none"), 411, "MissingContentLength"},
		{"checksum trailer wrong", p.stream(unsigned, good), 400, "BadDigest"},
		{"signed checksum trailer wrong", p.stream(trailer, good), 400, "BadDigest"},
		{"checksum trailer no base64", p.stream(unsigned, crcTrailer("?")...), 400, "InvalidRequest"},
		{"trailer missing", p.stream(unsigned), 400, "MalformedTrailerError"},
		{"trailer not announced", p.with("X-Amz-Trailer: x-amz-checksum-sha1").stream(unsigned, good), 400, "MalformedTrailerError"},
		{"trailer repeated", p.stream(unsigned, good, good), 400, "MalformedTrailerError"},
		{"trailer of no checksum", p.with("X-Amz-Trailer: x-amz-meta-a").stream(unsigned, good), 400, "InvalidRequest"},
		{"trailer signature altered", p.stream(trailer, good).then(swap("trailer-signature:", "trailer-signature:0")), 403, "SignatureDoesNotMatch"},
		{"trailer altered", p.stream(trailer, good).then(swap("AAAAAA==", "BAAAAA==")), 403, "SignatureDoesNotMatch"},
		{"trailer and header", p.stream(unsigned, good).with("x-amz-checksum-crc32: AAAAAA=="), 400, "InvalidRequest"},
		{"size leading zero", p.stream(unsigned, good).then(swap("4\r\nhell", "04\r\nhell")), 400, "InvalidRequest"},
		{"size negative", p.stream(unsigned, good).then(swap("4\r\nhell", "-4\r\nhell")), 400, "InvalidRequest"},
		{"size huge", p.stream(unsigned, good).then(swap("4\r\nhell", "fffffffffffffff\r\nhell")), 400, "IncompleteBody"},
		{"line over the limit", p.stream(unsigned, good).then(swap("4\r\nhell", strings.Repeat("0", 10000)+"4\r\nhell")), 400, "InvalidRequest"},
		{"no length at all", p.unsigned().with("Test-Chunked: 1").then(func(r *http.Request, b []byte) []byte { return b }).as("anonymous"), 411, "MissingContentLength"},
	}
}

func authRefusals() []refusal {
	p := put("/bucket/k", "hello")
	header := func(name, value string) func(*http.Request, []byte) []byte {
		return func(r *http.Request, b []byte) []byte { r.Header.Set(name, value); return b }
	}
	replace := func(old, new string) func(*http.Request, []byte) []byte {
		return func(r *http.Request, b []byte) []byte {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, new, 1))
			return b
		}
	}
	return []refusal{
		{"anonymous", p.as("anonymous"), 403, "AccessDenied"},
		{"no right", p.as("alice"), 403, "AccessDenied"},
		{"unknown key", p.as("AKIANOBODY"), 403, "SignatureDoesNotMatch"},
		{"wrong signature", p.then(header("X-Amz-Date", "20261120T090500Z")), 403, "SignatureDoesNotMatch"},
		{"another method", p.then(func(r *http.Request, b []byte) []byte { r.Method = "POST"; return b }), 403, "SignatureDoesNotMatch"},
		{"another key", p.then(func(r *http.Request, b []byte) []byte { r.URL.Path += "2"; return b }), 403, "SignatureDoesNotMatch"},
		{"added header", p.then(header("X-Amz-Meta-A", "b")), 403, "AccessDenied"},
		{"other date in the scope", p.then(replace("/20261120/", "/20261121/")), 400, "AuthorizationHeaderMalformed"},
		{"other service", p.then(replace("/s3/", "/ec2/")), 400, "AuthorizationHeaderMalformed"},
		{"no signature", p.then(replace("Signature=", "Sig=")), 400, "AuthorizationHeaderMalformed"},
		{"version 2", p.then(header("Authorization", "AWS AKIA:abc=")), 400, "InvalidRequest"},
		{"version 4a", p.then(header("Authorization", "AWS4-ECDSA-P256-SHA256 Credential=a")), 501, "NotImplemented"},
		{"bearer", p.then(header("Authorization", "Bearer abc")), 400, "InvalidArgument"},
		{"security token", p.then(header("X-Amz-Security-Token", "abc")), 400, "InvalidToken"},
		{"no date", p.then(func(r *http.Request, b []byte) []byte { r.Header.Del("X-Amz-Date"); return b }), 403, "AccessDenied"},
		{"no payload hash", p.then(func(r *http.Request, b []byte) []byte { r.Header.Del("X-Amz-Content-Sha256"); return b }), 400, "InvalidRequest"},
		{"header and query", p.then(func(r *http.Request, b []byte) []byte { r.URL.RawQuery = "X-Amz-Signature=a"; return b }), 400, "InvalidArgument"},
		{"half a presigned query", call{method: "PUT", target: "/bucket/k?X-Amz-Signature=a", key: "anonymous"}, 400, "AuthorizationQueryParametersError"},
		{"expires +300", call{method: "GET", target: "/bucket/k", key: "anonymous", mutate: func(r *http.Request, b []byte) []byte {
			r.URL.RawQuery = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAADMIN%2F20261120%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20261120T090000Z" +
				"&X-Amz-Expires=%2B300&X-Amz-SignedHeaders=host&X-Amz-Signature=" + strings.Repeat("0", 64)
			return b
		}}, 400, "AuthorizationQueryParametersError"},
		{"broken query", call{method: "PUT", target: "/bucket/k", key: "anonymous", mutate: func(r *http.Request, b []byte) []byte { r.URL.RawQuery = "a=%zz"; return b }}, 400, "InvalidURI"},
	}
}

func requestRefusals() []refusal {
	const doc = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>a</ETag></Part></CompleteMultipartUpload>"
	many := "<Delete>" + strings.Repeat("<Object><Key>k</Key></Object>", 1001) + "</Delete>"
	return []refusal{
		{"key not UTF-8", put("/bucket/%FF%FE", "x"), 400, "InvalidURI"},
		{"key with NUL", put("/bucket/a%00b", "x"), 400, "InvalidURI"},
		{"key too long", put("/bucket/"+strings.Repeat("%C3%BC", 513), "x"), 400, "KeyTooLongError"},
		{"bucket with a slash", put("/b%2Fk/k", "x"), 400, "InvalidBucketName"},
		{"bucket too short", put("/bu/k", "x"), 400, "InvalidBucketName"},
		{"bucket missing", put("/missing/k", "x"), 404, "NoSuchBucket"},
		{"bucket like an address", put("/192.168.0.1", ""), 400, "InvalidBucketName"},
		{"bucket of a route", put("/dav", ""), 400, "InvalidBucketName"},
		{"tags without a set", put("/bucket/k?tagging", "<Tagging/>"), 400, "MalformedXML"},
		{"tags in two sets", put("/bucket/k?tagging", "<Tagging><TagSet/><TagSet/></Tagging>"), 400, "MalformedXML"},
		{"tag of two keys", put("/bucket/k?tagging", "<Tagging><TagSet><Tag><Key>a</Key><Key>b</Key><Value/></Tag></TagSet></Tagging>"), 400, "MalformedXML"},
		{"attributes of a bucket", get("/bucket?attributes"), 501, "NotImplemented"},
		{"bad tags", put("/bucket/k", "x", "X-Amz-Tagging: a=b&a=c"), 400, "InvalidArgument"},
		{"bad tags of an upload", post("/bucket/k?uploads", "", "X-Amz-Tagging: a=%26"), 400, "InvalidTag"},
		{"unknown sub-resource", put("/bucket/k?future=1", "x"), 501, "NotImplemented"},
		{"part without upload", put("/bucket/k?partNumber=1", "x"), 501, "NotImplemented"},
		{"upload without part", put("/bucket/k?uploadId=1", "x"), 501, "NotImplemented"},
		{"version of a PUT", put("/bucket/k?versionId=1", "x"), 501, "NotImplemented"},
		{"encryption", put("/bucket/k", "x", "X-Amz-Server-Side-Encryption-Customer-Algorithm: AES256"), 501, "NotImplemented"},
		{"lock", put("/bucket/k", "x", "X-Amz-Object-Lock-Mode: GOVERNANCE"), 501, "NotImplemented"},
		{"grant", put("/bucket/k", "x", "X-Amz-Grant-Read: id=1"), 400, "AccessControlListNotSupported"},
		{"public ACL", put("/bucket/k", "x", "X-Amz-Acl: public-read"), 400, "AccessControlListNotSupported"},
		{"append", put("/bucket/k", "x", "X-Amz-Write-Offset-Bytes: 0"), 501, "NotImplemented"},
		{"long redirect", put("/bucket/k", "x", "X-Amz-Website-Redirect-Location: /"+strings.Repeat("a", 2048)), 400, "InvalidRedirectLocation"},
		{"redirect of a read", get("/bucket/k").with("X-Amz-Website-Redirect-Location: /a"), 501, "NotImplemented"},
		{"algorithm of a copy", put("/bucket/k", "", "X-Amz-Copy-Source: bucket/k", "X-Amz-Checksum-Algorithm: MD4"), 400, "InvalidRequest"},
		{"location", put("/third", "<CreateBucketConfiguration><LocationConstraint>a b</LocationConstraint></CreateBucketConfiguration>"), 400, "InvalidLocationConstraint"},
		{"directory bucket", put("/third", "<CreateBucketConfiguration><Bucket/></CreateBucketConfiguration>"), 501, "NotImplemented"},
		{"other document", put("/third", "<Delete/>"), 400, "MalformedXML"},
		{"document too large", put("/bucket?versioning", "<a>"+strings.Repeat(" ", 64<<10)+"</a>"), 400, "MalformedXML"},
		{"versioning without status", put("/bucket?versioning", "<VersioningConfiguration/>"), 400, "MalformedXML"},
		{"MFA delete", put("/bucket?versioning", "<VersioningConfiguration><MfaDelete>Enabled</MfaDelete></VersioningConfiguration>"), 501, "NotImplemented"},
		{"entities", put("/bucket?versioning", `<!DOCTYPE a [<!ENTITY x "y">]><VersioningConfiguration><Status>&x;</Status></VersioningConfiguration>`), 400, "MalformedXML"},
		{"delete without digest", post("/bucket?delete", "<Delete><Object><Key>k</Key></Object></Delete>"), 400, "InvalidRequest"},
		{"delete of nothing", checked(post("/bucket?delete", "<Delete></Delete>")), 400, "MalformedXML"},
		{"delete of 1,001", checked(post("/bucket?delete", many)), 400, "MalformedXML"},
		{"delete without key", checked(post("/bucket?delete", "<Delete><Object/></Delete>")), 400, "MalformedXML"},
		{"delete of two keys in one", checked(post("/bucket?delete", "<Delete><Object><Key>k</Key><Key>l</Key></Object></Delete>")), 400, "MalformedXML"},
		{"delete cut", checked(post("/bucket?delete", "<Delete><Object><Key>k</Key>")), 400, "MalformedXML"},
		{"delete over 2 MiB", checked(post("/bucket?delete", "<Delete>"+strings.Repeat(" ", 2<<20)+"</Delete>")), 400, "MalformedXML"},
		{"complete unknown", post("/bucket/k?uploadId=1", doc), 404, "NoSuchUpload"},
		{"complete without parts", post("/bucket/k?uploadId=1", "<CompleteMultipartUpload/>"), 400, "MalformedXML"},
		{"complete, part 0", post("/bucket/k?uploadId=1", strings.Replace(doc, ">1<", ">0<", 1)), 400, "InvalidArgument"},
		{"complete, part x", post("/bucket/k?uploadId=1", strings.Replace(doc, ">1<", ">x<", 1)), 400, "MalformedXML"},
		{"complete, part +1", post("/bucket/k?uploadId=1", strings.Replace(doc, ">1<", ">+1<", 1)), 400, "MalformedXML"},
		{"complete, size +1", post("/bucket/k?uploadId=1", doc, "X-Amz-Mp-Object-Size: +1"), 400, "InvalidArgument"},
		{"part +1 of an upload", put("/bucket/k?uploadId=1&partNumber=%2B1", "x"), 400, "InvalidArgument"},
		{"part +1 of an object", get("/bucket/k?partNumber=%2B1"), 400, "InvalidArgument"},
		{"deletion, size +1", del("/bucket/k").with("X-Amz-If-Match-Size: +1"), 400, "InvalidArgument"},
		{"deletions, size +1", checked(post("/bucket?delete", "<Delete><Object><Key>k</Key><Size>+1</Size></Object></Delete>")), 400, "MalformedXML"},
		{"complete without ETag", post("/bucket/k?uploadId=1", "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>"), 400, "MalformedXML"},
		{"complete of 10,001", post("/bucket/k?uploadId=1", "<CompleteMultipartUpload>"+strings.Repeat("<Part><PartNumber>1</PartNumber><ETag>a</ETag></Part>", 10001)+"</CompleteMultipartUpload>"), 400, "MalformedXML"},
		{"complete, size", post("/bucket/k?uploadId=1", doc, "X-Amz-Mp-Object-Size: -1"), 400, "InvalidArgument"},
		{"create upload, algorithm", post("/bucket/k?uploads", "", "X-Amz-Checksum-Algorithm: MD4"), 400, "InvalidRequest"},
		{"create upload, type", post("/bucket/k?uploads", "", "X-Amz-Checksum-Algorithm: SHA1", "X-Amz-Checksum-Type: FULL_OBJECT"), 400, "InvalidRequest"},
		{"create upload, type alone", post("/bucket/k?uploads", "", "X-Amz-Checksum-Type: FULL_OBJECT"), 400, "InvalidRequest"},
		{"copy source without key", put("/bucket/k", "", "X-Amz-Copy-Source: bucket"), 400, "InvalidArgument"},
		{"copy source broken", put("/bucket/k", "", "X-Amz-Copy-Source: bucket/%zz"), 400, "InvalidArgument"},
		{"copy source, version", put("/bucket/k", "", "X-Amz-Copy-Source: bucket/k?versionId="), 400, "InvalidArgument"},
		{"copy directive", put("/bucket/k", "", "X-Amz-Copy-Source: bucket/k", "X-Amz-Metadata-Directive: MOVE"), 400, "InvalidArgument"},
		{"list type 3", get("/bucket?list-type=3"), 400, "InvalidArgument"},
		{"version marker alone", get("/bucket?versions&version-id-marker=1"), 400, "InvalidArgument"},
		{"part number 0", get("/bucket/k?partNumber=0"), 400, "InvalidArgument"},
		{"range and part", get("/bucket/k?partNumber=1").with("Range: bytes=0-1"), 400, "InvalidRequest"},
		{"empty version", get("/bucket/k?versionId="), 400, "InvalidArgument"},
		{"override without credentials", get("/bucket/k?response-expires=0").as("anonymous"), 400, "InvalidRequest"},
	}
}

// checked is c with a checksum of its body.
func checked(c call) call { return c.with("X-Amz-Checksum-Crc32: " + crcOf(c.body)) }

func crcOf(s string) string {
	a, _ := algorithmNamed("CRC32")
	d := digestsOf([]byte(s), a.set)
	return base64.StdEncoding.EncodeToString(a.sum(&d))
}

// TestRefused sends what must be refused: with AWS's status and code, and with nothing stored or changed.
func TestRefused(t *testing.T) {
	for group, cases := range map[string][]refusal{
		"digests": digestRefusals(), "streams": streamRefusals(), "auth": authRefusals(), "requests": requestRefusals(),
	} {
		t.Run(group, func(t *testing.T) {
			e := newEnv(t)
			e.must(put("/bucket", ""))
			for _, c := range cases {
				a := e.do(c.call)
				if a.StatusCode != c.status || a.code() != c.code {
					t.Errorf("%s = %d %s, want %d %s: %s", c.name, a.StatusCode, a.code(), c.status, c.code, a.body)
				}
				if left := e.keys("bucket"); left != "" {
					t.Fatalf("%s left %s", c.name, left)
				}
			}
			buckets, _, err := e.core.Admin.Buckets(t.Context(), core.BucketListOptions{Limit: 10})
			if err != nil || len(buckets) != 1 || buckets[0].Versioning != core.VersioningOff {
				t.Errorf("buckets are %+v, %v, want one without versions", buckets, err)
			}
		})
	}
}

// TestBucketNameRule: the answer says which rule a name breaks, before core has seen it too.
func TestBucketNameRule(t *testing.T) {
	e := newEnv(t)
	for target, want := range map[string]string{
		"/bu": "3 to 63 characters", "/" + strings.Repeat("b", 64): "3 to 63 characters", "/b%2Fk": "letters, digits, dots, dashes",
		"/Bucket": "lower-case letters", "/dav": "prefix of a door",
	} {
		if a := e.do(put(target, "")); a.StatusCode != http.StatusBadRequest || a.code() != "InvalidBucketName" || !strings.Contains(a.body, want) {
			t.Errorf("PUT %s = %d %s, want %q", target, a.StatusCode, a.body, want)
		}
	}
}

// TestGoodStreams: what the refusals break is accepted whole.
func TestGoodStreams(t *testing.T) {
	e := newEnv(t)
	e.must(put("/bucket", ""))
	p := put("/bucket/k", "hello", "X-Amz-Checksum-Crc32: "+helloCRC)
	q := put("/bucket/k", "hello")
	for name, c := range map[string]call{
		"hash": p, "unsigned": p.unsigned(), "signed stream": p.stream(sigv4.StreamPayload),
		"signed trailer": q.stream(sigv4.StreamPayloadTrailer, crcTrailer(helloCRC)...), "trailer": q.stream(sigv4.StreamUnsignedPayload, crcTrailer(helloCRC)...),
		"no Content-Length": q.with("Test-Chunked: 1").stream(sigv4.StreamUnsignedPayload, crcTrailer(helloCRC)...),
	} {
		if strings.Contains(c.headers, "Test-Chunked") {
			c.headers = strings.Replace(c.headers, "Test-Chunked: 1\n", "", 1)
			c.mutate = func(r *http.Request, b []byte) []byte { r.Header.Set("Test-Chunked", "1"); return b }
		}
		a := e.do(c)
		got := e.must(get("/bucket/k").with("X-Amz-Checksum-Mode: ENABLED"))
		if a.StatusCode != http.StatusOK || a.Header.Get("X-Amz-Checksum-Crc32") != helloCRC || got.body != "hello" || got.Header.Get("X-Amz-Checksum-Crc32") != helloCRC {
			t.Errorf("%s: %d %s, then %q with checksum %q", name, a.StatusCode, a.body, got.body, got.Header.Get("X-Amz-Checksum-Crc32"))
		}
		e.must(del("/bucket/k"))
	}
}

func TestSkewedAndExpired(t *testing.T) {
	e := newEnv(t)
	e.must(put("/bucket", ""))
	r := e.request(put("/bucket/k", "x"))
	e.now.Add(int64(16 * time.Minute))
	if a := e.send(r); a.StatusCode != http.StatusForbidden || a.code() != "RequestTimeTooSkewed" {
		t.Errorf("16 minutes later = %d %s", a.StatusCode, a.code())
	}
	s := sigv4.Signer{AccessKey: adminKey, Secret: adminSecret}
	presign := func(expires time.Duration) *http.Request {
		r := e.request(call{method: "PUT", target: "/bucket/k?x-amz-meta-a=hoisted", key: "anonymous", body: "x"})
		if err := s.Presign(r, expires, time.Unix(0, e.now.Load())); err != nil {
			t.Fatal(err)
		}
		return r
	}
	late, good := presign(time.Minute), presign(time.Hour)
	e.now.Add(int64(2 * time.Minute))
	if a := e.send(late); a.StatusCode != http.StatusForbidden || a.code() != "AccessDenied" || !strings.Contains(a.body, "expired") {
		t.Errorf("expired = %d %s", a.StatusCode, a.body)
	}
	if left := e.keys("bucket"); left != "" {
		t.Fatalf("refused requests left %s", left)
	}
	if a := e.send(good); a.StatusCode != http.StatusOK {
		t.Errorf("presigned = %d %s", a.StatusCode, a.body)
	}
	if a := e.must(head("/bucket/k")); a.Header.Get("X-Amz-Meta-A") != "hoisted" {
		t.Error("a header in the presigned query was dropped")
	}
}

func (e *env) send(r *http.Request) answer {
	e.tb.Helper()
	res, err := e.client.Do(r)
	if err != nil {
		e.tb.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	return answer{res, string(data), err}
}

// TestMTimeAsSent: the metadata that is the mtime comes back as it was sent, until another door sets the mtime.
func TestMTimeAsSent(t *testing.T) {
	e := newEnv(t)
	e.must(put("/bucket", ""))
	for _, sent := range []string{"7", "007", "+5", "1.100", "1.1", "-0.50", "yesterday"} {
		e.must(put("/bucket/k", "x", "X-Amz-Meta-Mtime: "+sent))
		if got := e.must(head("/bucket/k")).Header["X-Amz-Meta-Mtime"]; len(got) != 1 || got[0] != sent {
			t.Errorf("mtime %q comes back as %q", sent, got)
		}
		o, err := e.core.Admin.StatObject(t.Context(), "bucket", "k", core.GetOptions{})
		want, ok := core.ParseMTime(sent)
		if err != nil || (o.Entry.Version.MTime != core.NoTime) != ok || ok && o.Entry.Version.MTime != want {
			t.Errorf("mtime %q is kept as %d, %v, want %d", sent, o.Entry.Version.MTime, err, want)
		}
	}
	e.must(put("/bucket/k", "x", "X-Amz-Meta-Mtime: 1.100"))
	_, err := e.core.Admin.SetAttrs(t.Context(), core.Path{Bucket: "bucket", Key: "k"}, core.AttrsOptions{
		Change: func(v *core.Version) error { v.MTime = 2e9; return nil },
	})
	if got := e.must(head("/bucket/k")).Header["X-Amz-Meta-Mtime"]; err != nil || len(got) != 1 || got[0] != "2" {
		t.Errorf("after it was set: %q, %v", got, err)
	}
}

// TestCompletedMeanwhile: a completion that another one, of the same parts, overtakes succeeds as well.
func TestCompletedMeanwhile(t *testing.T) {
	e := newEnvOn(t, coretest.Options{WrapMeta: func(s core.MetaStore) core.MetaStore { return watched{s} }})
	d := newDoor(Config{Service: e.core.Service, Now: func() time.Time { return time.Unix(0, e.now.Load()) }})
	e.must(put("/bucket", ""))
	id := value(e.must(post("/bucket/k?uploads", "")).body, "UploadId")
	etag := e.must(put("/bucket/k?partNumber=1&uploadId="+id, "x")).Header.Get("Etag")
	c := post("/bucket/k?uploadId="+id, "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"+etag+"</ETag></Part></CompleteMultipartUpload>")
	r := e.request(c)
	first := true
	overtake := func() {
		if first {
			first = false
			e.must(c)
		}
	}
	r.RequestURI = r.URL.RequestURI()
	w := httptest.NewRecorder()
	d.router.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), duringKey{}, overtake)))
	if w.Code != http.StatusOK || first {
		t.Errorf("overtaken = %d %s", w.Code, w.Body)
	}
}

func TestUnknownKeyByName(t *testing.T) {
	e := newEnv(t, func(c *Config) { c.NameUnknownKeys = true })
	if a := e.do(get("/").as("AKIANOBODY")); a.StatusCode != http.StatusForbidden || a.code() != "InvalidAccessKeyId" {
		t.Errorf("unknown key = %d %s, want InvalidAccessKeyId", a.StatusCode, a.code())
	}
	a := e.do(get("/").then(func(r *http.Request, b []byte) []byte { r.Header.Set("X-Amz-Date", "20261120T090500Z"); return b }))
	if a.StatusCode != http.StatusForbidden || a.code() != "SignatureDoesNotMatch" {
		t.Errorf("wrong signature = %d %s, want SignatureDoesNotMatch", a.StatusCode, a.code())
	}
}

// raw writes the head of a request and what part of its body the test wants, and reads what comes back.
func (e *env) raw(r *http.Request, body string) *bufio.Reader {
	e.tb.Helper()
	conn := e.dial()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.URL.RequestURI(), r.Host)
	if err := r.Header.Write(&b); err != nil {
		e.tb.Fatal(err)
	}
	fmt.Fprintf(&b, "\r\n%s", body)
	if _, err := io.WriteString(conn, b.String()); err != nil {
		e.tb.Fatal(err)
	}
	if body != "" {
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			e.tb.Fatal(err)
		}
	}
	return bufio.NewReader(conn)
}

// TestBodyIsNotAskedFor: a client that waits for 100 Continue is told of errors instead; a good one goes on.
func TestBodyIsNotAskedFor(t *testing.T) {
	e := newEnv(t)
	e.must(put("/bucket", ""))
	for name, c := range map[string]struct {
		call
		length string
		want   string
	}{
		"wrong secret": {put("/bucket/k", "hello").as("AKIANOBODY"), "5", "403"},
		"no right":     {put("/bucket/k", "hello").as("alice"), "5", "403"},
		"no bucket":    {put("/missing/k", "hello"), "5", "404"},
		"bad digest":   {put("/bucket/k", "hello").with("Content-Md5: x"), "5", "400"},
		"too large":    {put("/bucket/k", "hello").unsigned(), "5368709121", "400"},
		"good":         {put("/bucket/k", "hello").unsigned(), "5", "100"},
	} {
		r := e.request(c.call)
		r.Header.Set("Expect", "100-continue")
		r.Header.Set("Content-Length", c.length)
		line, err := e.raw(r, "").ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "HTTP/1.1 "+c.want) {
			t.Errorf("%s: first line %q, %v, want status %s", name, line, err, c.want)
		}
	}
}

// TestCutBodies: a body that ends before its length is refused, whatever its form.
func TestCutBodies(t *testing.T) {
	e := newEnv(t)
	e.must(put("/bucket", ""))
	for name, c := range map[string]call{
		"hash": put("/bucket/k", "hello"), "unsigned": put("/bucket/k", "hello").unsigned(),
		"stream": put("/bucket/k", "hello").stream(sigv4.StreamPayload),
	} {
		r := e.request(c)
		whole, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Length", fmt.Sprint(len(whole)))
		res, err := http.ReadResponse(e.raw(r, string(whole[:len(whole)-1])), r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if a := (answer{res, string(body), nil}); res.StatusCode != http.StatusBadRequest || a.code() != "IncompleteBody" {
			t.Errorf("%s: %d %s, want IncompleteBody", name, res.StatusCode, body)
		}
		if left := e.keys("bucket"); left != "" {
			t.Fatalf("%s left %s", name, left)
		}
	}
}

// breaking is a driver that reads nothing behind the first MiB of a shard once it is told to.
type breaking struct {
	drivers.Driver
	broken *atomic.Bool
}

// Open implements drivers.Driver.
func (b breaking) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	rc, err := b.Driver.Open(ctx, name, offset, length)
	if err != nil || !b.broken.Load() {
		return rc, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(io.LimitReader(rc, max(0, 1<<20-offset)), failing{}), rc}, nil
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("disk is gone") }

// TestFailureInMidBody: the client sees a broken connection, never a short success, and the log hears of it.
func TestFailureInMidBody(t *testing.T) {
	var broken atomic.Bool
	e := newEnvOn(t, coretest.Options{Wrap: func(_ string, d drivers.Driver) drivers.Driver { return breaking{d, &broken} }})
	e.must(put("/bucket", ""), put("/bucket/big", strings.Repeat("0123456789abcdef", 4<<20/16)))
	broken.Store(true)
	for len(e.events) > 0 {
		<-e.events
	}
	a := e.do(get("/bucket/big"))
	if a.StatusCode != http.StatusOK || !errors.Is(a.err, io.ErrUnexpectedEOF) || len(a.body) >= 4<<20 {
		t.Errorf("GET = %d, %d bytes, %v, want a cut connection", a.StatusCode, len(a.body), a.err)
	}
	select {
	case ev := <-e.events:
		if ev.Op != "GetObject" || ev.Err == nil || !ev.Cut || ev.Sent < int64(len(a.body)) {
			t.Errorf("event = %+v, want a GetObject that was cut", ev)
		}
	case <-time.After(10 * time.Second):
		t.Error("the cut request was not observed")
	}
}

func TestEvents(t *testing.T) {
	var noted []string
	e := newEnv(t, func(c *Config) {
		c.Note = func(_ context.Context, principal, op string) { noted = append(noted, principal+" "+op) }
	})
	e.do(put("/bucket", ""))
	e.do(get("/bucket/k%2F").as("alice"))
	e.do(get("/bucket?cors"))
	e.do(get("/bucket/k").as("anonymous"))
	e.do(get("/").as("AKIANOBODY"))
	want := []Event{
		{Op: "CreateBucket", Bucket: "bucket", Principal: "admin", Status: 200},
		{Op: "GetObject", Bucket: "bucket", Key: "k/", Principal: "alice", Status: 403, Code: "AccessDenied"},
		{Op: "Unknown", Bucket: "bucket", Principal: "admin", Status: 501, Code: "NotImplemented"},
		{Op: "GetObject", Bucket: "bucket", Key: "k", Principal: "anonymous", Status: 403, Code: "AccessDenied"},
		{Op: "ListBuckets", Principal: "anonymous", Status: 403, Code: "SignatureDoesNotMatch"},
	}
	for i, w := range want {
		got := <-e.events
		failed := got.Err != nil
		got.Err, got.Sent, w.RequestID = nil, 0, "REQUEST1"
		if got != w || failed != (w.Code != "") {
			t.Errorf("event %d = %+v (error %v), want %+v", i, got, failed, w)
		}
	}
	if got := strings.Join(noted, ", "); got != "admin CreateBucket, alice GetObject, admin Unknown, anonymous GetObject" {
		t.Errorf("noted %q", got)
	}
}

// TestExactKeys: keys come back byte for byte, whatever they look like in a path.
func TestExactKeys(t *testing.T) {
	e := newEnv(t)
	e.must(put("/bucket", ""))
	for _, key := range []string{"a//b", "/a", "../x", "./.", "a/../b", "a b+c", "%41", "a%2Fb", "?q", "#f", "ü/你", "\n\t\x01", "a;b", "a&b=c", "~!*'()", strings.Repeat("k", 1024)} {
		target := "/bucket/" + strings.ReplaceAll(url.PathEscape(key), "%2F", "/")
		e.must(put(target, key))
		o, err := e.core.Admin.StatObject(t.Context(), "bucket", key, core.GetOptions{})
		if err != nil || o.Entry.Key != key {
			t.Errorf("key %q was stored as %q, %v", key, o.Entry.Key, err)
		}
		if a := e.must(get(target)); a.body != key {
			t.Errorf("GET of %q = %q", key, a.body)
		}
		e.must(del(target))
	}
	if left := e.keys("bucket"); left != "" {
		t.Errorf("left: %s", left)
	}
}

func benchmark(b *testing.B, c call, prepare ...call) {
	e := newEnv(b)
	e.must(put("/bucket", ""))
	e.must(prepare...)
	h := e.srv.Config.Handler
	r := e.request(c)
	r.RequestURI = r.URL.RequestURI()
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		r.Body = io.NopCloser(strings.NewReader(c.body))
		h.ServeHTTP(w, r)
		if w.Code != 200 {
			b.Fatal(w.Code, w.Body)
		}
	}
}

func BenchmarkHead(b *testing.B) {
	benchmark(b, head("/bucket/k"), put("/bucket/k", strings.Repeat("x", 4096)))
}

func BenchmarkGet4K(b *testing.B) {
	benchmark(b, get("/bucket/k"), put("/bucket/k", strings.Repeat("x", 4096)))
}

func BenchmarkList1000(b *testing.B) {
	var puts []call
	for i := range 1000 {
		puts = append(puts, put(fmt.Sprintf("/bucket/photos/%06d.jpeg", i), "x"))
	}
	benchmark(b, get("/bucket?list-type=2"), puts...)
}

// TestClientLeaves: a client that goes away in mid-body is no failure of the store.
func TestClientLeaves(t *testing.T) {
	e := newEnv(t)
	e.must(put("/bucket", ""), put("/bucket/big", strings.Repeat("0123456789abcdef", 32<<20/16)))
	for len(e.events) > 0 {
		<-e.events
	}
	ctx, cancel := context.WithCancel(t.Context())
	res, err := e.client.Do(e.request(get("/bucket/big")).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(res.Body, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	cancel()
	res.Body.Close()
	select {
	case ev := <-e.events:
		if ev.Op != "GetObject" || ev.Err == nil || ev.Cut {
			t.Errorf("event = %+v, want a GetObject with an error that is not Cut", ev)
		}
	case <-time.After(20 * time.Second):
		t.Error("the request was not observed")
	}
}
