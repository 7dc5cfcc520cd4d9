package davfront

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestLockedMember: of a tree that stays for the lock of a member it is said which that is, and of nothing else (RFC
// 4918 §9.6.1). What is locked itself, or lies in a locked folder, is just Locked.
func TestLockedMember(t *testing.T) {
	const member, folder, itself = "/dav/bucket/d/e/f%20g", "/dav/bucket/d/e/", "/dav/bucket/d/"
	for _, c := range []struct {
		name, lock, method, target, headers string
		status                              int
		href                                string // of what is locked
	}{
		{"delete", member, http.MethodDelete, "/dav/bucket/d/", "", 207, member},
		{"delete without a slash", member, http.MethodDelete, "/dav/bucket/d", "", 207, member},
		{"delete a bucket", member, http.MethodDelete, "/dav/bucket/", "", 207, member},
		{"a locked folder in it", folder, http.MethodDelete, "/dav/bucket/d/", "", 207, folder},
		{"move", member, "MOVE", "/dav/bucket/d/", "Destination: /dav/bucket/x/", 207, member},
		{"move a bucket", member, "MOVE", "/dav/bucket/", "Destination: /dav/other/", 207, member},
		{"move over it", member, "MOVE", "/dav/bucket/s", "Destination: /dav/bucket/d", 207, member},
		{"copy over it", member, "COPY", "/dav/bucket/s", "Destination: /dav/bucket/d/", 207, member},
		{"itself", member, http.MethodDelete, member, "", 423, member},
		{"below a locked folder", itself, http.MethodDelete, member, "", 423, strings.TrimSuffix(itself, "/")},
		{"in a locked bucket", "/dav/bucket/", http.MethodDelete, "/dav/bucket/d/", "", 423, "/dav/bucket/"},
		{"a locked bucket", "/dav/bucket/", http.MethodDelete, "/dav/bucket/", "", 423, "/dav/bucket/"},
		{"copy into a locked bucket", "/dav/bucket/", "COPY", "/dav/bucket/d/", "Destination: /dav/bucket/x/", 423, "/dav/bucket/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEnv(t)
			e.mkcol("/dav/bucket/d")
			e.mkcol("/dav/bucket/d/e")
			e.put(member, "kept")
			e.put("/dav/bucket/d/other", "kept")
			e.put("/dav/bucket/s", "source")
			e.want(http.StatusOK, call{method: "LOCK", target: c.lock, body: lockBody})
			a := e.want(c.status, call{method: c.method, target: c.target, headers: c.headers})
			if c.status == http.StatusMultiStatus {
				if got := hrefs(t, a); !slices.Equal(got, []string{c.href}) {
					t.Errorf("hrefs %q, want %q alone", got, c.href)
				}
				if !strings.Contains(a.body, "<D:status>HTTP/1.1 423 Locked</D:status>") {
					t.Errorf("no 423 in %s", a.body)
				}
			}
			if want := "<D:lock-token-submitted><D:href>" + c.href + "</D:href></D:lock-token-submitted>"; !strings.Contains(a.body, want) {
				t.Errorf("no %s in %s", want, a.body)
			}
			for _, f := range []string{member, "/dav/bucket/d/other"} {
				if text, there := e.content(f); !there || text != "kept" {
					t.Errorf("%s has %q after a request that failed", f, text)
				}
			}
		})
	}
}
