package s3front

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"trivium/core"
	"trivium/core/coretest"
)

// moving is a store that runs next once, right after a lookup: what was found has changed when the caller goes on.
type moving struct {
	core.MetaStore
	next *atomic.Pointer[func()]
}

// Lookup implements core.MetaStore.
func (m moving) Lookup(ctx context.Context, bucketID int64, key string, withContent bool) (core.Found, error) {
	f, err := m.MetaStore.Lookup(ctx, bucketID, key, withContent)
	if next := m.next.Swap(nil); next != nil {
		(*next)()
	}
	return f, err
}

// TestIfRangeWhileChanging: an object that is replaced during the request is answered as the range of the old content
// or as the whole of the new one, never as an error that no condition of the request gives (RFC 9110 §13.1.5).
func TestIfRangeWhileChanging(t *testing.T) {
	var next atomic.Pointer[func()]
	e := newEnvOn(t, coretest.Options{WrapMeta: func(s core.MetaStore) core.MetaStore { return moving{s, &next} }})
	e.must(put("/bucket", ""))
	for name, size := range map[string]int{"inline": 100, "large": 1 << 20} {
		old, changed := strings.Repeat("o", size), strings.Repeat("n", size)
		etag := e.must(put("/bucket/k", old)).Header.Get("Etag")
		e.now.Add(int64(time.Minute))
		replace := func() { e.must(put("/bucket/k", changed)) }
		next.Store(&replace)
		a := e.do(get("/bucket/k").with("Range: bytes=10-19", "If-Range: "+etag))
		before := a.StatusCode == http.StatusPartialContent && a.body == old[10:20] && a.Header.Get("Etag") == etag
		after := a.StatusCode == http.StatusOK && a.body == changed && a.Header.Get("Etag") != etag
		if !before && !after {
			t.Errorf("%s: GET = %d with %d bytes, ETag %s", name, a.StatusCode, len(a.body), a.Header.Get("Etag"))
		}
		if next.Load() != nil {
			t.Errorf("%s: nothing was looked up", name)
		}
	}
}

// TestIfRangeOfHead: HEAD tells what GET would send.
func TestIfRangeOfHead(t *testing.T) {
	e := newEnv(t)
	e.must(put("/bucket", ""))
	etag := e.must(put("/bucket/k", "hello")).Header.Get("Etag")
	modified := e.must(head("/bucket/k")).Header.Get("Last-Modified")
	for validator, status := range map[string]int{
		etag: 206, `"other"`: 200, "W/" + etag: 200, modified: 206, "Thu, 01 Jan 1970 00:00:00 GMT": 200, "?": 200,
	} {
		for _, c := range []call{get("/bucket/k"), head("/bucket/k")} {
			if a := e.do(c.with("Range: bytes=1-2", "If-Range: "+validator)); a.StatusCode != status {
				t.Errorf("%s with If-Range %s = %d, want %d", c.method, validator, a.StatusCode, status)
			}
		}
	}
}
