package davfront

import (
	"context"
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

// TestReasons: the answer and the log say which part of an If header does not hold, and what is in the way else.
func TestReasons(t *testing.T) {
	var reason string
	e := newEnv(t, func(c *Config) { c.NoteReason = func(_ context.Context, why string) { reason = why } })
	e.put("/dav/bucket/f", "x")
	lock := e.want(http.StatusOK, call{method: "LOCK", target: "/dav/bucket/f", body: lockBody}).Header.Get("Lock-Token")
	token := strings.Trim(lock, "<>")
	for header, want := range map[string]string{
		"If: (<urn:x>)":                      "the condition If is false: bucket/f is not under the lock urn:x",
		"If: (Not " + lock + ")":             "the condition If is false: bucket/f is under the lock " + token,
		"If: (" + lock + " [\"y\"])":         "the condition If is false: bucket/f has not the entity tag y",
		"If: </dav/bucket/g> (" + lock + ")": "the condition If is false: bucket/g is not under the lock " + token,
	} {
		a := e.want(http.StatusPreconditionFailed, call{method: http.MethodPut, target: "/dav/bucket/f", body: "y", headers: header})
		if reason != want || !strings.Contains(a.body, want) {
			t.Errorf("%s: reason %q, answer %s, want %q", header, reason, a.body, want)
		}
	}
	e.want(http.StatusLocked, call{method: http.MethodPut, target: "/dav/bucket/f", body: "y"})
	if !strings.HasPrefix(reason, "it is locked") {
		t.Errorf("reason of 423: %q", reason)
	}
	e.want(http.StatusBadGateway, call{method: "COPY", target: "/dav/bucket/f", headers: "Destination: http://other.example/dav/bucket/g"})
	if !strings.HasPrefix(reason, "Destination: ") {
		t.Errorf("reason of 502: %q", reason)
	}
}
