package s3front

import (
	"net/http"
	"testing"
	"time"

	"trivium/s3front/sigv4"
)

// TestPresignedChecksum puts by URLs that name a checksum. That of nothing is what the AWS SDK for JavaScript
// writes because it has no body yet; any other is meant.
func TestPresignedChecksum(t *testing.T) {
	const crc, sha = "x-amz-checksum-crc32=", "x-amz-checksum-sha256="
	const shaOfNothing = "47DEQpj8HBSa%2B%2FTImW%2B5JCeuQeRkm5NMpJWZG3hSuFU%3D"
	e := newEnv(t)
	e.must(put("/bucket", ""))
	signer := sigv4.Signer{AccessKey: adminKey, Secret: adminSecret}
	send := func(query, body string) answer {
		r := e.request(call{method: "PUT", target: "/bucket/k?" + query, key: "anonymous", body: body})
		if err := signer.Presign(r, time.Hour, time.Unix(0, e.now.Load())); err != nil {
			t.Fatal(err)
		}
		return e.send(r)
	}
	for _, tt := range []struct {
		query, body string
		code        string // "": stored
	}{
		{crc + "AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32", "hello", ""},
		{"x-amz-sdk-checksum-algorithm=CRC32&" + crc + "AAAAAA%3D%3D", "", ""},
		{"X-Amz-Checksum-Crc64nvme=AAAAAAAAAAA%3D", "hello", ""},
		{sha + shaOfNothing + "&x-amz-sdk-checksum-algorithm=SHA256", "hello", ""},
		{crc + "NhCmhg%3D%3D&x-amz-sdk-checksum-algorithm=CRC32", "hello", ""},
		{crc + "NhCmhg%3D%3D", "hallo", "BadDigest"},
		{crc + "AAAAAA%3D%3D&" + crc + "NhCmhg%3D%3D", "hallo", "BadDigest"},
		{crc + "bad", "hello", "InvalidRequest"},
		{"x-amz-sdk-checksum-algorithm=CRC32", "hello", "InvalidRequest"},
	} {
		a := send(tt.query, tt.body)
		if tt.code != "" {
			if a.code() != tt.code {
				t.Errorf("%s of %q = %d %s, want %s", tt.query, tt.body, a.StatusCode, a.body, tt.code)
			}
			continue
		}
		if got := e.must(get("/bucket/k")); a.StatusCode != http.StatusOK || got.body != tt.body {
			t.Errorf("%s of %q = %d %s, then %q is there", tt.query, tt.body, a.StatusCode, a.body, got.body)
		}
	}
	// The header of a request that its caller signed is no guess.
	if a := e.do(put("/bucket/k", "hello").with("x-amz-checksum-crc32: AAAAAA==")); a.code() != "BadDigest" {
		t.Errorf("the checksum of nothing in a header = %d %s, want BadDigest", a.StatusCode, a.body)
	}
	if a := e.do(put("/bucket/k?"+crc+"AAAAAA%3D%3D", "hello")); a.code() != "BadDigest" {
		t.Errorf("the checksum of nothing in the query of a signed request = %d %s, want BadDigest", a.StatusCode, a.body)
	}
}
