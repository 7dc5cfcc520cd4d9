package s3front

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"testing"

	"trivium/s3front/sigv4"
)

// TestFramingIsNeverStored sends the word aws-chunked with every form of payload. Where the form does not say how the
// body is framed there is nothing to decode it by, and nothing may be stored; a hash covers the body as it is.
func TestFramingIsNeverStored(t *testing.T) {
	const framed = "5\r\nhello\r\n0\r\n\r\n"
	sum := sha256.Sum256([]byte(framed))
	hash, length := hex.EncodeToString(sum[:]), "X-Amz-Decoded-Content-Length: 5"
	e := newEnv(t)
	e.must(put("/bucket", ""))
	plain := func(payload string, headers ...string) call {
		c := put("/bucket/k", framed, headers...)
		c.payload = payload
		return c
	}
	for _, tt := range []struct {
		name     string
		call     call
		status   int
		code     string
		body     string
		encoding string
	}{
		{"unsigned", plain(sigv4.UnsignedPayload, "Content-Encoding: aws-chunked", length), 400, "InvalidArgument", "", ""},
		{"unsigned, among others", plain(sigv4.UnsignedPayload, "Content-Encoding: gzip, AWS-chunked", length), 400, "InvalidArgument", "", ""},
		{"unsigned, no length", plain(sigv4.UnsignedPayload, "Content-Encoding: aws-chunked"), 400, "InvalidArgument", "", ""},
		{"unsigned, other coding", plain(sigv4.UnsignedPayload, "Content-Encoding: gzip"), 200, "", framed, "gzip"},
		{"hash", plain(hash, "Content-Encoding: aws-chunked,gzip", length), 200, "", framed, "gzip"},
		{"stream", put("/bucket/k", "hello", "Content-Encoding: aws-chunked,gzip").stream(sigv4.StreamPayload), 200, "", "hello", "gzip"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if a := e.do(del("/bucket/k")); a.StatusCode != http.StatusNoContent {
				t.Fatal(a.Status)
			}
			if a := e.do(tt.call); a.StatusCode != tt.status || a.code() != tt.code {
				t.Fatalf("PUT = %d %s, want %d %s", a.StatusCode, a.body, tt.status, tt.code)
			}
			if tt.code != "" {
				if left := e.keys("bucket"); left != "" {
					t.Errorf("the refused PUT left %s", left)
				}
				return
			}
			a := e.do(get("/bucket/k"))
			if got := a.Header.Get("Content-Encoding"); a.body != tt.body || got != tt.encoding {
				t.Errorf("GET = %q as %q, want %q as %q", a.body, got, tt.body, tt.encoding)
			}
		})
	}
	part := plain(sigv4.UnsignedPayload, "Content-Encoding: aws-chunked", length)
	part.target = "/bucket/k?partNumber=1&uploadId=none"
	if a := e.do(part); a.code() != "InvalidArgument" {
		t.Errorf("part = %d %s, want InvalidArgument", a.StatusCode, a.body)
	}
}
