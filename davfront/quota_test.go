package davfront

import (
	"net/http"
	"strings"
	"testing"

	"trivium/core/coretest"
)

// TestQuotaOfTheRoot: the root, which all clients mount, has a quota too (RFC 4331): what the buckets hold that the
// caller may read, and what is free, as of a bucket.
func TestQuotaOfTheRoot(t *testing.T) {
	e := newEnvOn(t, coretest.Options{FreeSpace: func() (int64, error) { return 1 << 40, nil }})
	e.mkcol("/dav/second")
	e.put("/dav/bucket/a", "0123456789")
	e.put("/dav/second/b", "01234")
	const body = `<D:propfind xmlns:D="DAV:"><D:prop><D:quota-used-bytes/><D:quota-available-bytes/></D:prop></D:propfind>`
	ask := func(target, depth, user string) string {
		return e.want(http.StatusMultiStatus, call{method: "PROPFIND", target: target, headers: "Depth: " + depth, body: body, user: user}).body
	}
	available := func(answer string) string {
		_, rest, _ := strings.Cut(answer, "<D:quota-available-bytes>")
		n, _, _ := strings.Cut(rest, "<")
		return n
	}
	root, bucket := ask("/dav/", "0", ""), ask("/dav/bucket/", "0", "")
	if !strings.Contains(root, "<D:quota-used-bytes>15<") || available(root) == "" || available(root) != available(bucket) {
		t.Errorf("quota of the root: %s\nof a bucket: %s", root, bucket)
	}
	if hers := ask("/dav/", "0", aliceKey); !strings.Contains(hers, "<D:quota-used-bytes>0<") || available(hers) == "" {
		t.Errorf("quota of who has nothing: %s", hers)
	}
	if all := ask("/dav/", "1", ""); strings.Count(all, "<D:quota-used-bytes>") != 3 || strings.Contains(all, "404") {
		t.Errorf("Depth 1: %s", all)
	}
}
