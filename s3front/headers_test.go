package s3front

import (
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trivium/core"
	"trivium/s3front/sigv4"
)

func TestMeta(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "plain": "plain", "=?UTF-8?B?w7xiZXI=?=": "über", "=?UTF-8?Q?=C3=BCber?=": "über", "=?ISO-8859-1?Q?=FCber?=": "über",
		"über": "über", "\xfcber": "über", "=?UTF-8?Q?plain?=": "=?UTF-8?Q?plain?=", "=?broken": "=?broken", "=?UTF-8?B?/w==?=": "=?UTF-8?B?/w==?=",
	} {
		got := decodeMeta(in)
		if got != want {
			t.Errorf("decodeMeta(%q) = %q, want %q", in, got, want)
		}
		if back := decodeMeta(encodeMeta(got)); back != got {
			t.Errorf("%q comes back as %q", got, back)
		}
		if !ascii(encodeMeta(got)) {
			t.Errorf("encodeMeta(%q) = %q, which no header can hold", got, encodeMeta(got))
		}
	}
}

func TestContentEncoding(t *testing.T) {
	for want, in := range map[string][]string{
		"": {"aws-chunked"}, "gzip": {"aws-chunked,gzip"}, "gzip, br": {"gzip, AWS-Chunked", " br"}, "gzip,br": {"gzip,br"}, "a, b": {"a", "b"}, "aws-chunkedx": {"aws-chunkedx"},
	} {
		if got := contentEncoding(in); got != want {
			t.Errorf("contentEncoding(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestParseRange(t *testing.T) {
	for in, want := range map[string]*core.Range{
		"bytes=0-0": {First: 0, Last: 0}, "bytes=5-": {First: 5, Last: -1}, "bytes=-5": {First: -5, Last: -1},
		"bytes=-0": {First: math.MaxInt64, Last: -1}, "bytes=2-99999999999999999999": {First: 2, Last: math.MaxInt64 / 10},
		"bytes=1-0": nil, "bytes=a-b": nil, "bytes=-": nil, "bytes=1": nil, "bytes=0-1,3-4": nil, "items=0-1": nil, "bytes=+1-2": nil, "": nil, "bytes= 1-2 ": {First: 1, Last: 2},
	} {
		if diff := cmp.Diff(want, parseRange(in)); diff != "" {
			t.Errorf("parseRange(%q) (-want +got):\n%s", in, diff)
		}
	}
}

func TestETags(t *testing.T) {
	for in, want := range map[string][]string{
		`"a"`: {"a"}, `a`: {"a"}, `*`: {"*"}, `"a", "b"`: {"a", "b"}, `W/"a"`: {`W/"a"`}, ``: nil, `"`: {`"`}, ` , `: nil,
	} {
		if diff := cmp.Diff(want, etags([]string{in})); diff != "" {
			t.Errorf("etags(%q) (-want +got):\n%s", in, diff)
		}
	}
}

func TestTokens(t *testing.T) {
	for _, c := range []cursor{{"a", false}, {"a/", true}, {"", false}, {"ü\x01", false}} {
		s := token("bucket", c)
		if got, err := readToken("bucket", s); err != nil || got != c {
			t.Errorf("token of %+v comes back as %+v, %v", c, got, err)
		}
		if _, err := readToken("other", s); err == nil {
			t.Errorf("token %q was accepted for another bucket", s)
		}
		for i := range s {
			bad := []byte(s)
			bad[i] ^= 4
			if got, err := readToken("bucket", string(bad)); err == nil {
				t.Errorf("token %q altered to %q was read as %+v", s, bad, got)
			}
		}
	}
	for _, s := range []string{"", "a", "====", "AAAAAAAA"} {
		if _, err := readToken("bucket", s); err == nil {
			t.Errorf("token %q was accepted", s)
		}
	}
}

func TestIsCommonPrefix(t *testing.T) {
	for _, c := range []struct {
		marker, prefix, delimiter string
		want                      bool
	}{
		{"a/", "", "/", true},
		{"a/b/", "a/", "/", true},
		{"a/b/", "", "/", false},
		{"a", "", "/", false},
		{"a/b", "", "/", false},
		{"a/", "a/", "/", false},
		{"b/", "a/", "/", false},
		{"a/", "", "", false},
		{"", "", "/", false},
		{"a::", "", "::", true},
	} {
		if got := isCommonPrefix(c.marker, c.prefix, c.delimiter); got != c.want {
			t.Errorf("isCommonPrefix(%q, %q, %q) = %v", c.marker, c.prefix, c.delimiter, got)
		}
	}
}

// TestRouting: no sub-resource that is not in the table reaches an operation, whatever the method.
func TestRouting(t *testing.T) {
	subResources := []string{
		"accelerate", "acl", "abac", "analytics", "attributes", "cors", "encryption", "intelligent-tiering", "inventory", "legal-hold",
		"lifecycle", "logging", "metadataTable", "metrics", "notification", "object-lock", "ownershipControls", "policy", "policyStatus",
		"publicAccessBlock", "renameObject", "replication", "requestPayment", "restore", "retention", "select", "session", "tagging",
		"torrent", "website", "delete", "list-type", "location", "partNumber", "uploadId", "uploads", "versionId", "versioning", "versions", "future",
	}
	l := newWhitelist(routes())
	data := map[string]bool{}
	for _, rt := range l.entries {
		data[rt.op] = rt.need == ""
	}
	for _, method := range []string{"GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"} {
		for _, key := range []string{"", "k"} {
			for _, sub := range subResources {
				r := &request{Request: &http.Request{Method: method, Header: http.Header{}}, bucket: "b", key: key, query: sigv4.Query{{Name: sub, Bare: true}}}
				rt, err := l.find(r)
				allowed := rt != nil && rt.allow != "" && (sub == "versionId" || sub == "partNumber" && method != "DELETE")
				if rt != nil && data[rt.op] && !allowed {
					t.Errorf("%s ?%s reaches %s", method, sub, rt.op)
				}
				if rt == nil && err == nil {
					t.Errorf("%s ?%s has neither route nor error", method, sub)
				}
			}
		}
	}
}

func TestHarmlessParameters(t *testing.T) {
	l := newWhitelist(routes())
	for _, c := range []struct {
		method string
		param  sigv4.Param
		want   bool
	}{
		{"PUT", sigv4.Param{Name: "x-id", Value: "PutObject"}, true},
		{"PUT", sigv4.Param{Name: "X-Amz-Date", Value: "1"}, true},
		{"PUT", sigv4.Param{Name: "x-custom"}, true},
		{"GET", sigv4.Param{Name: "response-content-type", Value: "a/b"}, true},
		{"GET", sigv4.Param{Name: "v", Value: "3"}, true},
		{"HEAD", sigv4.Param{Name: "v", Value: "3"}, true},
		{"GET", sigv4.Param{Name: "v", Bare: true}, false},
		{"GET", sigv4.Param{Name: "v"}, false},
		{"PUT", sigv4.Param{Name: "v", Value: "3"}, false},
		{"DELETE", sigv4.Param{Name: "v", Value: "3"}, false},
		{"PUT", sigv4.Param{Name: "x-"}, false},
	} {
		set, _ := l.subsOf(sigv4.Query{c.param}, c.method)
		if (set == 0) != c.want {
			t.Errorf("%s ?%s=%s is harmless: %v, want %v", c.method, c.param.Name, c.param.Value, set == 0, c.want)
		}
	}
}

// TestCodes: every code of core has an answer of AWS's, and every S3 code a status and a message.
func TestCodes(t *testing.T) {
	for c := core.Internal; c <= core.Canceled; c++ {
		got := codeOf(c)
		if internal := c == core.Internal || c == core.Corrupt; (got == internalError) != internal {
			t.Errorf("core code %d is %s", c, got.reply().name)
		}
	}
	for c := internalError; c <= sha256Mismatch; c++ {
		if r := c.reply(); r.name == "" || r.status < 300 || r.message == "" {
			t.Errorf("code %d is answered with %+v", c, r)
		}
	}
	for reason := sigv4.MalformedHeader; reason <= sigv4.BadTrailer; reason++ {
		if got := authCode(reason); got == internalError {
			t.Errorf("refusal %d is an internal error", reason)
		}
	}
}

// TestMissingMeta: what another door has written, and no header can be named, is counted.
func TestMissingMeta(t *testing.T) {
	e := newEnv(t)
	e.must(put("/bucket", ""))
	_, err := e.core.Admin.PutObject(t.Context(), "bucket", "k", strings.NewReader("x"), 1, core.PutOptions{
		Attrs: core.Attrs{Metadata: map[string]string{"good": "1", "two words": "2", "\u00fcber": "3", "a:b": "4", "": "5", "controls": "\x00\n"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []call{get("/bucket/k"), head("/bucket/k")} {
		h := e.must(c).Header
		if h.Get("X-Amz-Missing-Meta") != "4" || h.Get("X-Amz-Meta-Good") != "1" || h.Get("X-Amz-Meta-Controls") != "=?UTF-8?b?AAo=?=" {
			t.Errorf("%s: %v, want 4 missing and two others", c.method, h)
		}
	}
}
