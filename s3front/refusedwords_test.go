package s3front

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"trivium/core/coretest"
)

// TestBucketNotEmptyWords: what listings do not show is named, and an upload that nobody finished is no content.
func TestBucketNotEmptyWords(t *testing.T) {
	e := newEnv(t)
	const plain = "The bucket you tried to delete is not empty"
	const versions = plain + ". You must delete all versions in the bucket."
	e.must(put("/objects", ""), put("/objects/k", "x"))
	e.must(put("/marker", ""), put("/marker?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"),
		put("/marker/k", "x"), del("/marker/k"))
	e.must(put("/upload", ""), post("/upload/k?uploads", ""))
	for bucket, want := range map[string]string{"/objects": plain, "/marker": versions, "/upload": ""} {
		a := e.do(del(bucket))
		if want == "" {
			if a.StatusCode != http.StatusNoContent {
				t.Errorf("DELETE %s = %d %s, want 204", bucket, a.StatusCode, a.body)
			}
			continue
		}
		if got := value(a.body, "Message"); a.StatusCode != http.StatusConflict || a.code() != "BucketNotEmpty" || got != want {
			t.Errorf("DELETE %s = %d %s %q, want 409 BucketNotEmpty %q", bucket, a.StatusCode, a.code(), got, want)
		}
	}
}

// TestFullDiskWords: a client that meets a full disk learns that, and that it may try again.
func TestFullDiskWords(t *testing.T) {
	var free atomic.Int64
	free.Store(1 << 40)
	e := newEnvOn(t, coretest.Options{FreeSpace: func() (int64, error) { return free.Load(), nil }})
	e.must(put("/bucket", ""))
	free.Store(0)
	e.now.Add(int64(10e9))
	a := e.do(put("/bucket/k", "x"))
	msg := value(a.body, "Message")
	if a.StatusCode != http.StatusServiceUnavailable || a.code() != "SlowDown" || !strings.Contains(msg, "disk of the metadata is nearly full") {
		t.Errorf("PUT on a full disk = %d %s %q, want 503 SlowDown and why", a.StatusCode, a.code(), msg)
	}
}

// TestOtherDoorsAreNamed: who asks the S3 door in another door's language learns where that one is.
func TestOtherDoorsAreNamed(t *testing.T) {
	e := newEnv(t)
	e.must(put("/bucket", ""))
	for _, header := range []string{"Authorization: Basic dTpw", "Authorization: Bearer x"} {
		a := e.do(call{method: http.MethodGet, target: "/davv/x", headers: header, key: "anonymous"})
		msg := value(a.body, "Message")
		if a.StatusCode != http.StatusBadRequest || !strings.HasPrefix(msg, "Unsupported Authorization Type") || !strings.HasSuffix(msg, ": "+otherDoors) {
			t.Errorf("%s = %d %q, want 400 and the other doors", header, a.StatusCode, msg)
		}
	}
	for _, method := range []string{"PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK"} {
		for _, target := range []string{"/davv/", "/bucket/k"} {
			a := e.do(call{method: method, target: target, key: "anonymous"})
			if msg := value(a.body, "Message"); a.StatusCode != http.StatusMethodNotAllowed || !strings.HasSuffix(msg, ": "+otherDoors) {
				t.Errorf("%s %s = %d %s, want 405 and the other doors", method, target, a.StatusCode, a.body)
			}
		}
	}
}
