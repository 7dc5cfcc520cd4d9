package davfront

import (
	"net/http"
	"strings"
	"testing"
)

// TestReplaceUnderLock is what davfs2 sends when a file is replaced that it holds the lock of: it goes on using that
// lock, which what comes to its address is under (RFC 4918 §7.6).
func TestReplaceUnderLock(t *testing.T) {
	for _, how := range []string{"MOVE", "COPY"} {
		t.Run(how, func(t *testing.T) {
			e := newEnv(t)
			e.put("/dav/bucket/r.txt", "old")
			token := func(a answer) string { return a.Header.Get("Lock-Token") }
			d := token(e.want(http.StatusOK, call{method: "LOCK", target: "/dav/bucket/r.txt", body: lockBody}))
			s := token(e.want(http.StatusCreated, call{method: "LOCK", target: "/dav/bucket/r.tmp", body: lockBody}))
			only := "Destination: /dav/bucket/r.txt\nIf: <http://$HOST/dav/bucket/r.tmp> (" + s + ")"
			e.want(http.StatusLocked, call{method: how, target: "/dav/bucket/r.tmp", headers: only})
			both := only + " <http://$HOST/dav/bucket/r.txt> (" + d + ")"
			e.want(http.StatusNoContent, call{method: how, target: "/dav/bucket/r.tmp", headers: both})
			asked := e.want(http.StatusMultiStatus, call{method: "PROPFIND", target: "/dav/bucket/r.txt", headers: "Depth: 0", body: askBody})
			if n := strings.Count(asked.body, "<D:activelock>"); n != 1 || !strings.Contains(asked.body, strings.Trim(d, "<>")) {
				t.Errorf("%d locks, want the one that was there: %s", n, asked.body)
			}
			under := "If: (" + d + ")"
			e.want(http.StatusOK, call{method: "LOCK", target: "/dav/bucket/r.txt", headers: under})
			e.want(http.StatusLocked, call{method: http.MethodPut, target: "/dav/bucket/r.txt", body: "x"})
			e.want(http.StatusNoContent, call{method: http.MethodPut, target: "/dav/bucket/r.txt", headers: under, body: "new"})
			e.want(http.StatusNoContent, call{method: "UNLOCK", target: "/dav/bucket/r.txt", headers: "Lock-Token: " + d})
			if text, there := e.content("/dav/bucket/r.txt"); !there || text != "new" {
				t.Errorf("the file has %q, want the new content", text)
			}
		})
	}
}

// TestNameOfAnother: of a bucket that the caller cannot see it is said that its name is taken.
func TestNameOfAnother(t *testing.T) {
	e := newEnv(t)
	e.want(http.StatusCreated, call{method: "MKCOL", target: "/dav/hers", user: aliceKey})
	for _, c := range []call{
		{method: "MKCOL", target: "/dav/bucket", user: aliceKey},
		{method: "MOVE", target: "/dav/hers", headers: "Destination: /dav/bucket\nOverwrite: F", user: aliceKey},
	} {
		if a := e.do(c); a.StatusCode < 400 || !strings.Contains(a.body, "taken by another user&apos;s bucket") && !strings.Contains(a.body, "taken by another user's bucket") {
			t.Errorf("%s = %d %s, want that the name is taken", c.method, a.StatusCode, a.body)
		}
	}
}
