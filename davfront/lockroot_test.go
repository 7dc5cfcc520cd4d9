package davfront

import (
	"net/http"
	"strings"
	"testing"
)

// TestLockRoot: a lock says that it is on what it is on, however the client wrote the address, and an address that only
// a folder can have makes no file.
func TestLockRoot(t *testing.T) {
	e := newEnv(t)
	e.mkcol("/dav/bucket/d")
	e.put("/dav/bucket/f", "text")
	for _, c := range []struct {
		target string
		status int
		root   string
	}{
		{"/dav/bucket/d", 200, "/dav/bucket/d/"},
		{"/dav/bucket/d/", 200, "/dav/bucket/d/"},
		{"/dav/bucket", 200, "/dav/bucket/"},
		{"/dav/bucket/", 200, "/dav/bucket/"},
		{"/dav/bucket/f", 200, "/dav/bucket/f"},
		{"/dav/bucket/f/", 200, "/dav/bucket/f"},
		{"/dav/bucket/new", 201, "/dav/bucket/new"},
		{"/dav/bucket/none/", 409, ""},
		{"/dav/bucket/d/none/", 409, ""},
		{"/dav/bucket/none/none/", 409, ""},
	} {
		a := e.want(c.status, call{method: "LOCK", target: c.target, body: lockBody})
		if c.status == http.StatusConflict {
			e.want(http.StatusNotFound, call{method: "PROPFIND", target: strings.TrimSuffix(c.target, "/"), headers: "Depth: 0"})
			continue
		}
		root := "<D:lockroot><D:href>" + c.root + "</D:href></D:lockroot>"
		if !strings.Contains(a.body, root) {
			t.Errorf("LOCK %s: no %s in %s", c.target, root, a.body)
		}
		token := a.Header.Get("Lock-Token")
		again := e.want(http.StatusOK, call{method: "LOCK", target: c.target, headers: "If: (" + token + ")"})
		asked := e.want(http.StatusMultiStatus, call{method: "PROPFIND", target: c.target, headers: "Depth: 0", body: askBody})
		if !strings.Contains(again.body, root) || !strings.Contains(asked.body, root) {
			t.Errorf("%s: no %s in the reply to its refresh, %s, or PROPFIND, %s", c.target, root, again.body, asked.body)
		}
		e.want(http.StatusNoContent, call{method: "UNLOCK", target: c.target, headers: "Lock-Token: " + token})
	}
}
