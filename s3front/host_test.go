package s3front

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestBucketOfHost(t *testing.T) {
	domains := []string{"s3.example.com", "Example.com", "localhost"}
	for host, want := range map[string]string{
		"bucket.s3.example.com":      "bucket",
		"bucket.s3.example.com:7070": "bucket",
		"BUCKET.S3.Example.COM":      "bucket",
		"a.b.s3.example.com":         "a.b",
		"s3.example.com":             "",
		"s3.example.com:443":         "",
		"s4.example.com":             "s4",
		"example.com":                "",
		"bucket.localhost:80":        "bucket",
		"localhost":                  "",
		".localhost":                 "",
		"":                           "",
		"elsewhere":                  "",
		"notexample.com":             "",
		"[::1]:7070":                 "",
		"[::1]":                      "",
		"127.0.0.1:7070":             "",
	} {
		if got, ok := BucketOfHost(host, domains); got != want || ok != (want != "") {
			t.Errorf("BucketOfHost(%q) = %q, %t, want %q", host, got, ok, want)
		}
	}
}

// TestVirtualHosts stores an object by the host of its bucket and reads it by path, and the other way round.
func TestVirtualHosts(t *testing.T) {
	e := newEnv(t, func(c *Config) { c.Domains = []string{"s3.test"} })
	on := func(c call, host string) call { c.host = host; return c }
	const mine = "my.bucket.s3.test:7070"
	e.must(
		on(put("/", ""), mine), // CreateBucket
		on(put("/my.bucket/dav/k", "twice named"), mine),
		on(put("//a%2Fb", "slashes"), mine),
		put("/my.bucket/v1/x", "by path"),
	)
	for _, c := range []struct {
		call
		want string
	}{
		{get("/my.bucket/my.bucket/dav/k"), "twice named"},
		{get("/my.bucket//a/b"), "slashes"},
		{on(get("/v1/x"), mine), "by path"},
		{on(get("/v1/x"), "MY.BUCKET.s3.test"), "by path"},
	} {
		if a := e.must(c.call); a.body != c.want {
			t.Errorf("%s on %q = %q, want %q", c.target, c.host, a.body, c.want)
		}
	}
	if a := e.must(on(get("/?list-type=2"), mine)); !strings.Contains(a.body, "<Name>my.bucket</Name>") || value(a.body, "KeyCount") != "3" {
		t.Errorf("listing by host = %s", a.body)
	}
	upload := value(e.must(on(post("/big?uploads", ""), mine)).body, "UploadId")
	etag := e.must(on(put("/big?partNumber=1&uploadId="+upload, "x"), mine)).Header.Get("Etag")
	done := e.must(on(post("/big?uploadId="+upload, "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"+etag+"</ETag></Part></CompleteMultipartUpload>"), mine))
	if got, want := value(done.body, "Location"), "http://"+mine+"/big"; got != want {
		t.Errorf("location of the completed = %s, want %s", got, want)
	}
	e.must(on(del("/big"), mine))
	if a := e.do(on(get("/"), "no_bucket!.s3.test")); a.StatusCode != http.StatusBadRequest || a.code() != "InvalidBucketName" {
		t.Errorf("a host that names no bucket = %d %s", a.StatusCode, a.body)
	}
	// A signature for one host is none for another, and the refusal says which it was checked for.
	forged := on(get("/v1/x"), mine).then(func(r *http.Request, body []byte) []byte {
		r.Host = "other.s3.test"
		return body
	})
	if a := e.do(forged); a.code() != "SignatureDoesNotMatch" || !strings.Contains(a.body, `checked for the host &quot;other.s3.test&quot;`) {
		t.Errorf("signature for another host = %d %s", a.StatusCode, a.body)
	}
}

// TestOddTargets: what is no path has no place on the host of a bucket either.
func TestOddTargets(t *testing.T) {
	e := newEnv(t)
	h := New(Config{Service: e.core.Service, Domains: []string{"s3.test"}})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodOptions, "*", nil)
	r.Host = "bucket.s3.test"
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != http.StatusBadRequest {
		t.Errorf("OPTIONS * = %d %s, want 400", w.Code, w.Body)
	}
}

// TestPublicURL: answers name the public URL, whichever way a request came.
func TestPublicURL(t *testing.T) {
	e := newEnv(t, func(c *Config) {
		c.Domains, c.PublicURL, c.Region = []string{"s3.test"}, "https://s3.test:8443", "eu-central-1"
	})
	for _, c := range []struct{ host, prefix string }{
		{"127.0.0.1:7070", "/my.bucket"}, {"my.bucket.s3.test:8443", ""},
	} {
		on := func(method, target, body string) answer {
			return e.must(call{method: method, target: c.prefix + target, body: body, host: c.host})
		}
		if got := on(http.MethodPut, "/", "").Header.Get("Location"); got != "https://s3.test:8443/my.bucket" {
			t.Errorf("%s: the bucket is at %q", c.host, got)
		}
		id := value(on(http.MethodPost, "/a//b%2Fc%20d?uploads", "").body, "UploadId")
		etag := on(http.MethodPut, "/a//b%2Fc%20d?partNumber=1&uploadId="+id, "x").Header.Get("Etag")
		done := on(http.MethodPost, "/a//b%2Fc%20d?uploadId="+id,
			"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"+etag+"</ETag></Part></CompleteMultipartUpload>")
		if got, want := value(done.body, "Location"), "https://s3.test:8443/my.bucket/a//b%2Fc%20d"; got != want {
			t.Errorf("%s: the object is at %q, want %q", c.host, got, want)
		}
		e.must(call{method: http.MethodDelete, target: c.prefix + "/a//b%2Fc%20d", host: c.host}, call{method: http.MethodDelete, target: c.prefix + "/", host: c.host})
	}
}

func TestPublicHosts(t *testing.T) {
	for public, want := range map[string]string{
		"":                        "",
		"https://S3.Test":         "s3.test s3.test:443",
		"https://s3.test:443":     "s3.test s3.test:443",
		"http://s3.test/":         "s3.test s3.test:80",
		"https://s3.test:80":      "s3.test:80",
		"http://[2001:db8::1]":    "[2001:db8::1] [2001:db8::1]:80",
		"https://[2001:db8::1]:9": "[2001:db8::1]:9",
	} {
		if got := strings.Join(publicHosts(public), " "); got != want {
			t.Errorf("publicHosts(%q) = %q, want %q", public, got, want)
		}
	}
}
