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
			case tc.bucket != "public" && method == "MKCOL" && tc.user == aliceKey:
				want = 409 // whether the bucket is there or not
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

// TestHiddenTargets: a target in a bucket that the caller may not know of is answered like one in none.
func TestHiddenTargets(t *testing.T) {
	e := newEnv(t)
	e.want(201, call{method: "MKCOL", target: "/dav/alices", user: aliceKey})
	e.want(201, call{method: "PUT", target: "/dav/alices/f", body: "x", user: aliceKey})
	for _, method := range []string{"COPY", "MOVE"} {
		var answers []string
		for _, bucket := range []string{"bucket", "nobucket"} {
			a := e.want(409, call{method: method, target: "/dav/alices/f", headers: "Destination: /dav/" + bucket + "/f", user: aliceKey})
			answers = append(answers, a.body)
		}
		if answers[0] != answers[1] {
			t.Errorf("%s tells a hidden bucket from none: %q and %q", method, answers[0], answers[1])
		}
	}
}

// TestLocksOfOthers: who may read a bucket and not write there sees that there are locks, but neither tokens nor what
// owners say of themselves.
func TestLocksOfOthers(t *testing.T) {
	e := newEnv(t)
	e.put("/dav/bucket/f", "x")
	token := e.want(200, call{method: "LOCK", target: "/dav/bucket/f", body: lockBody}).Header.Get("Lock-Token")
	if err := e.core.Admin.SetPolicy(t.Context(), "bucket", core.BucketPolicy{PublicRead: true}); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		user string
		sees bool
	}{{"", true}, {aliceKey, false}, {"anonymous", false}} {
		for _, at := range []string{"/dav/bucket/f", "/dav/bucket/"} {
			body := e.want(207, call{method: "PROPFIND", target: at, headers: "Depth: 1", user: tc.user}).body
			if !strings.Contains(body, "<D:activelock>") || !strings.Contains(body, "<D:lockroot>") {
				t.Errorf("%q sees no lock: %s", tc.user, body)
			}
			if sees := strings.Contains(body, strings.Trim(token, "<>")); sees != tc.sees || strings.Contains(body, "mailto:") != tc.sees {
				t.Errorf("%q sees the token: %v, want %v: %s", tc.user, sees, tc.sees, body)
			}
		}
	}
}

// TestDepthOfFiles: of a file Depth 0 and infinity are the same, of a folder or bucket nothing is taken in part.
func TestDepthOfFiles(t *testing.T) {
	e := newEnv(t)
	e.mkcol("/dav/bucket/d")
	e.put("/dav/bucket/f", "x")
	e.want(400, call{method: "DELETE", target: "/dav/bucket/d", headers: "Depth: 0"})
	e.want(400, call{method: "DELETE", target: "/dav/bucket", headers: "Depth: 0"})
	e.want(400, call{method: "DELETE", target: "/dav/bucket/f", headers: "Depth: 1"})
	e.want(400, call{method: "MOVE", target: "/dav/bucket", headers: "Depth: 0\nDestination: /dav/other"})
	e.want(400, call{method: "MOVE", target: "/dav/bucket/d", headers: "Depth: 0\nDestination: /dav/bucket/e"})
	e.want(201, call{method: "MOVE", target: "/dav/bucket/f", headers: "Depth: 0\nDestination: /dav/bucket/g"})
	e.want(204, call{method: "DELETE", target: "/dav/bucket/g", headers: "Depth: 0"})
	e.want(207, call{method: "PROPFIND", target: "/dav/bucket/d", headers: "Depth: 0"})
}

// TestPublicURL: behind a proxy that passes requests on under another Host, addresses have the one that clients know.
func TestPublicURL(t *testing.T) {
	e := newEnv(t, func(c *Config) { c.PublicURL = "https://Store.example.com" })
	e.put("/dav/bucket/f", "x")
	for destination, status := range map[string]int{
		"https://store.example.com/dav/bucket/a": 201, "http://store.example.com:443/dav/bucket/b": 201, "https://other.example.com/dav/bucket/c": 502,
		"http://$HOST/dav/bucket/d": 201, "https://store.example.com.evil/dav/bucket/e": 502, "https://store.example.com:8443/dav/bucket/g": 502,
	} {
		e.want(status, call{method: "COPY", target: "/dav/bucket/f", headers: "Destination: " + destination})
	}
}

// TestQuotedTags: an entity tag in quotes is that tag: "*" is none that stands for all, and "" none that a folder has.
func TestQuotedTags(t *testing.T) {
	e := newEnv(t)
	e.put("/dav/bucket/f", "x")
	e.mkcol("/dav/bucket/d")
	for _, tag := range []string{`"*"`, `""`, `W/"*"`} {
		for _, target := range []string{"f", "d"} {
			e.want(412, call{method: "DELETE", target: "/dav/bucket/" + target, headers: "If-Match: " + tag})
		}
		e.want(204, call{method: "PUT", target: "/dav/bucket/f", body: "y", headers: "If-None-Match: " + tag})
		e.want(412, call{method: "PUT", target: "/dav/bucket/f", body: "y", headers: "If: ([" + tag + "])"})
	}
	e.want(204, call{method: "DELETE", target: "/dav/bucket/f", headers: "If-Match: *"})
}
