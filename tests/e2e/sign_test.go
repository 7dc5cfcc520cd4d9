package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// sign adds a Signature Version 4 in the header, payload unsigned, so that tests of the server's life need no
// installed client.
func sign(r *http.Request, k keys) {
	mac := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	now := time.Now().UTC()
	stamp, day := now.Format("20060102T150405Z"), now.Format("20060102")
	const payload = "UNSIGNED-PAYLOAD"
	r.Header.Set("X-Amz-Date", stamp)
	r.Header.Set("X-Amz-Content-Sha256", payload)
	canonical := strings.Join([]string{
		r.Method, r.URL.EscapedPath(), r.URL.RawQuery,
		"host:" + r.URL.Host, "x-amz-content-sha256:" + payload, "x-amz-date:" + stamp, "",
		"host;x-amz-content-sha256;x-amz-date", payload,
	}, "\n")
	sum := sha256.Sum256([]byte(canonical))
	scope := day + "/us-east-1/s3/aws4_request"
	key := []byte("AWS4" + k.secret)
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, part)
	}
	text := "AWS4-HMAC-SHA256\n" + stamp + "\n" + scope + "\n" + hex.EncodeToString(sum[:])
	r.Header.Set("Authorization", fmt.Sprintf(
		"AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=%x",
		k.access, scope, mac(key, text)))
}

// call makes a signed request and returns status and body; status 0 when there was no whole answer.
func (s *instance) call(t *testing.T, k keys, method, path, text string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	sign(r, k)
	resp, err := client(t).Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(b)
}

// put stores text with the known credentials and returns the status.
func (s *instance) put(t *testing.T, path, text string) int {
	t.Helper()
	status, _ := s.call(t, goodKeys(), http.MethodPut, path, text)
	return status
}

// want fails the test unless the object has that content.
func (s *instance) want(t *testing.T, path, text string) {
	t.Helper()
	status, got := s.call(t, goodKeys(), http.MethodGet, path, "")
	if status != http.StatusOK || got != text {
		t.Errorf("GET %s = %d with %d bytes, want 200 with the %d that were stored", path, status, len(got), len(text))
	}
}
