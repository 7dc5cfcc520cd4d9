package s3client

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestSignatureExample: the presigned GET that "Authenticating Requests: Using Query Parameters" of the S3 API
// reference works through has the signature that is printed there.
func TestSignatureExample(t *testing.T) {
	c := &Client{
		Endpoint: "https://examplebucket.s3.amazonaws.com",
		Access:   "AKIAIOSFODNN7EXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
	}
	now := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	// The example is virtual-hosted: what is the bucket for this client is its key.
	got := c.Presign(http.MethodGet, "test.txt", "", url.Values{"X-Amz-Expires": {"86400"}}, now)
	const want = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
	if !strings.HasSuffix(got, "X-Amz-Signature="+want) {
		t.Errorf("Presign = %s, want the signature %s", got, want)
	}
}

// TestURL: every byte of a key arrives as it is.
func TestURL(t *testing.T) {
	c := &Client{Endpoint: "http://h:1"}
	for key, want := range map[string]string{
		"a b":       "/b/a%20b",
		"a+b%2F":    "/b/a%2Bb%252F",
		"../x//y":   "/b/../x//y",
		"ä\x01":     "/b/%C3%A4%01",
		"a=b&c'(*)": "/b/a%3Db%26c%27%28%2A%29",
	} {
		u := c.url("b", key, nil)
		if got := u.EscapedPath(); got != want || u.Path != "/b/"+key {
			t.Errorf("url of %q = %s, want %s", key, got, want)
		}
	}
}
