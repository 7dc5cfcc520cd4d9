package s3front

import (
	"net/http"
	"testing"
	"time"
)

// TestConditionsOnUpdateTime: Last-Modified is the time of the write, whatever time a client gave (x-amz-meta-mtime), and
// so are the conditions on it.
func TestConditionsOnUpdateTime(t *testing.T) {
	e := newEnv(t)
	e.must(put("/bucket", ""), put("/bucket/k", "content", "X-Amz-Meta-Mtime: 1000000000"))
	shown := e.must(head("/bucket/k")).Header.Get("Last-Modified")
	at, err := http.ParseTime(shown)
	if err != nil || at.Unix() == 1000000000 {
		t.Fatalf("Last-Modified: %s, %v", shown, err)
	}
	before := at.Add(-time.Second).Format(http.TimeFormat)
	copyIf := func(condition string) call {
		return put("/bucket/copy", "", "X-Amz-Copy-Source: /bucket/k", "X-Amz-Copy-Source-"+condition)
	}
	for _, c := range []struct {
		status int
		call
	}{
		{304, get("/bucket/k").with("If-Modified-Since: " + shown)},
		{304, head("/bucket/k").with("If-Modified-Since: " + shown)},
		{200, get("/bucket/k").with("If-Modified-Since: " + before)},
		{200, get("/bucket/k").with("If-Unmodified-Since: " + shown)},
		{412, get("/bucket/k").with("If-Unmodified-Since: " + before)},
		{206, get("/bucket/k").with("Range: bytes=0-1", "If-Range: "+shown)},
		{200, get("/bucket/k").with("Range: bytes=0-1", "If-Range: Sun, 09 Sep 2001 01:46:40 GMT")},
		{200, copyIf("If-Unmodified-Since: " + shown)},
		{412, copyIf("If-Modified-Since: " + shown)},
		{412, copyIf("If-Unmodified-Since: " + before)},
	} {
		if a := e.do(c.call); a.StatusCode != c.status {
			t.Errorf("%s %q = %d, want %d", c.method, c.headers, a.StatusCode, c.status)
		}
	}
}
