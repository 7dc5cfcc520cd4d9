package davfront

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trivium/core"
)

// TestAccess: who does not say who he is sees what is public; who has no right finds nothing.
func TestAccess(t *testing.T) {
	e := newEnv(t)
	e.put("/dav/bucket/f", "x")
	e.mkcol("/dav/public")
	e.put("/dav/public/f", "x")
	if err := e.core.Admin.SetPolicy(t.Context(), "public", core.BucketPolicy{PublicRead: true}); err != nil {
		t.Fatal(err)
	}
	methods := map[string]call{
		"GET": {}, "PROPFIND": {headers: "Depth: 0"}, "PUT": {body: "y"}, "DELETE": {}, "MKCOL": {}, "LOCK": {body: lockBody},
		"UNLOCK": {headers: "Lock-Token: <urn:x>"}, "PROPPATCH": {body: patchBody}, "COPY": {headers: "Destination: /dav/public/new"},
		"MOVE": {headers: "Destination: /dav/public/new"},
	}
	for method, c := range methods {
		c.method = method
		reads := method == "GET" || method == "PROPFIND"
		for _, tc := range []struct {
			user, bucket string
			status       int
		}{
			{"anonymous", "bucket", 401},
			{"anonymous", "nobucket", 401},
			{aliceKey, "bucket", 404},
			{aliceKey, "nobucket", 404},
			{"nobody", "bucket", 401},
			{"anonymous", "public", 401},
			{aliceKey, "public", 403},
		} {
			c.user, c.target = tc.user, "/dav/"+tc.bucket+"/f"
			want := tc.status
			switch {
			case tc.bucket == "public" && reads:
				want = map[string]int{"GET": 200, "PROPFIND": 207}[method]
			case tc.bucket == "nobucket" && method == "MKCOL" && tc.user == aliceKey:
				want = 409
			}
			a := e.want(want, c)
			if asked := a.Header.Get("Www-Authenticate") != ""; asked != (a.StatusCode == http.StatusUnauthorized) {
				t.Errorf("%s of %s: challenge %v with status %d", method, tc.user, asked, a.StatusCode)
			}
		}
	}
	e.want(401, call{method: "PROPFIND", target: "/dav/", headers: "Depth: 0", user: "anonymous"})
	e.want(401, call{method: http.MethodGet, target: "/dav/", user: "anonymous"})
	if got, _ := e.content("/dav/bucket/f"); got != "x" {
		t.Errorf("the file is %q", got)
	}
	a := e.want(207, call{method: "PROPFIND", target: "/dav/", headers: "Depth: 1", user: aliceKey})
	if got := hrefs(t, a); !slices.Equal(got, []string{"/dav/", "/dav/public/"}) {
		t.Errorf("alice sees %v", got)
	}
}

// TestPlainPasswords: over http from another machine no password is asked for.
func TestPlainPasswords(t *testing.T) {
	e := newEnv(t)
	for _, user := range []string{"anonymous", ""} {
		r := e.request(call{method: "PROPFIND", target: "/dav/", headers: "Depth: 0", user: user})
		r.RemoteAddr, r.RequestURI = "192.0.2.1:4711", "/dav/"
		r.URL.Path, r.URL.Opaque = "/dav/", ""
		w := newWriter()
		e.srv.Config.Handler.ServeHTTP(w, r)
		if w.status != http.StatusForbidden || w.Header().Get("Www-Authenticate") != "" || !strings.Contains(w.String(), "https") {
			t.Errorf("user %q from elsewhere = %d %s, challenge %q, want 403", user, w.status, w.String(), w.Header().Get("Www-Authenticate"))
		}
	}
}

// writer is a ResponseWriter.
type writer struct {
	strings.Builder
	header http.Header
	status int
}

func newWriter() *writer                 { return &writer{header: http.Header{}} }
func (w *writer) Header() http.Header    { return w.header }
func (w *writer) WriteHeader(status int) { w.status = status }

// TestPropfindPages lists more members than a page has, in order, each once, with hidden ones left out.
func TestPropfindPages(t *testing.T) {
	e := newEnv(t, func(c *Config) { c.InfiniteDepth = true })
	want := []string{"/dav/bucket/p/"}
	e.mkcol("/dav/bucket/p")
	for i := range listPage + 50 {
		key := fmt.Sprintf("p/%04d", i)
		if i%100 == 0 {
			key += "/in"
		}
		if _, err := e.core.Admin.PutObject(t.Context(), "bucket", key, strings.NewReader("x"), 1, core.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		want = append(want, strings.TrimSuffix("/dav/bucket/"+key, "in"))
	}
	for _, key := range []string{"p//a", "p/../b", "p/./c", "p/d/"} { // what a tree cannot show, and a folder's marker with content
		if _, err := e.core.Admin.PutObject(t.Context(), "bucket", key, strings.NewReader("x"), 1, core.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	want = append(want, "/dav/bucket/p/d/")
	a := e.want(207, call{method: "PROPFIND", target: "/dav/bucket/p", headers: "Depth: 1"})
	if diff := cmp.Diff(want, hrefs(t, a)); diff != "" {
		t.Errorf("Depth 1 (-want +got):\n%s", diff)
	}
	var all []string
	for _, h := range want {
		all = append(all, h)
		if strings.HasSuffix(h, "00/") {
			all = append(all, h+"in")
		}
	}
	a = e.want(207, call{method: "PROPFIND", target: "/dav/bucket/p"})
	if diff := cmp.Diff(all, hrefs(t, a)); diff != "" {
		t.Errorf("Depth infinity (-want +got):\n%s", diff)
	}
	list, _ := e.content("/dav/bucket/p/")
	if n := strings.Count(list, "<li>"); n != len(want)-1 {
		t.Errorf("the listing for people has %d members, want %d", n, len(want)-1)
	}
}

// TestNamesAreEscaped: a name is a name, in addresses, in XML and in HTML.
func TestNamesAreEscaped(t *testing.T) {
	e := newEnv(t)
	name := `<a href="x">&amp; %41+?#ä\` + "\x01"
	if _, err := e.core.Admin.PutObject(t.Context(), "bucket", "p/"+name, strings.NewReader("x"), 1, core.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	a := e.want(207, call{method: "PROPFIND", target: "/dav/bucket/p/", headers: "Depth: 1"})
	got := hrefs(t, a)
	if len(got) != 2 {
		t.Fatalf("hrefs = %v", got)
	}
	if text, ok := e.content(got[1]); !ok || text != "x" {
		t.Errorf("GET %s = %q, %v", got[1], text, ok)
	}
	list, _ := e.content("/dav/bucket/p/")
	if strings.Contains(list, "<a href=\"x\">") || !strings.Contains(list, `href="`+strings.ReplaceAll(got[1], "&", "&amp;")+`"`) {
		t.Errorf("listing: %s", list)
	}
}
