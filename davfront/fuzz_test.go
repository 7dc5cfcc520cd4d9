package davfront

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"trivium/core"
)

// resolver is a request that headers are read for.
func resolver(tb testing.TB) *request {
	tb.Helper()
	u, err := url.Parse("http://dav.test/dav/bucket/f")
	if err != nil {
		tb.Fatal(err)
	}
	return &request{door: new(door), Request: &http.Request{Host: "dav.test", URL: u, Header: http.Header{}}}
}

// inside tells whether a path has no segment that is empty or dots.
func inside(p core.Path) bool {
	if p.Bucket == "" {
		return p.Key == ""
	}
	for s := range strings.SplitSeq(strings.TrimSuffix(p.String(), "/"), "/") {
		if s == "" || s == "." || s == ".." || strings.Contains(s, "\x00") {
			return false
		}
	}
	return true
}

// FuzzIf: whatever the header is, a guard that comes out of it has lists, and paths inside the tree.
func FuzzIf(f *testing.F) {
	for _, s := range []string{
		"(<urn:x>)", `(<urn:x> ["e"]) (Not <DAV:no-lock>)`, `</dav/bucket/f> (<urn:x>) (["a"] [W/"b"])`,
		"<http://other/x> (<a>)", "(", "()", "(Not)", "<>", `(["])`, "(<a>", "</dav/../x> (<a>)", "not", "(NOT<a>)",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := resolver(t)
		r.Header.Set("If", s)
		g, err := parseIf(r)
		if err != nil {
			return
		}
		if len(g.Lists) == 0 {
			t.Fatalf("%q is a guard without lists", s)
		}
		for _, l := range g.Lists {
			if !l.Elsewhere && !inside(l.Path) || len(l.States) == 0 {
				t.Errorf("%q has the list %+v", s, l)
			}
			for _, st := range l.States {
				if (st.Token == "") == (st.ETag == "") {
					t.Errorf("%q has the state %+v", s, st)
				}
			}
		}
	})
}

// FuzzDestination: an address that is of this tree is a path inside it, and comes back as itself.
func FuzzDestination(f *testing.F) {
	for _, s := range []string{
		"/dav/b/c", "http://dav.test/dav/b/%20c/", "http://dav.test:80/dav", "/dav/%2e%2e/x", "/dav//x", "//x/dav", "/dav/%00", "https://x/dav/", "/dav/a%2fb", "/dav/%ff", "/dav/ä",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, elsewhere, err := resolver(t).resolve(s)
		if err != nil || elsewhere {
			return
		}
		if !inside(p.Path) {
			t.Fatalf("%q leads to %+v", s, p)
		}
		again, elsewhere, err := resolver(t).resolve(href(p.Path, p.slash))
		if err != nil || elsewhere || again.Path != p.Path {
			t.Errorf("%q is %+v, written and read again %+v, %v, %v", s, p, again, elsewhere, err)
		}
	})
}

// FuzzTimeoutAndDepth: times stay within their bounds, and nothing but the three depths is one.
func FuzzTimeoutAndDepth(f *testing.F) {
	for _, s := range []string{"Infinite, Second-4100000000", "Second-0", "Second-99999999999999999999", "Second--1", "", "0", "1", "infinity", "Infinity", "noroot"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h := http.Header{"Timeout": {s}, "Depth": {s}}
		if d := parseTimeout(h); d < 0 || d > core.MaxLockTime || d%time.Second != 0 {
			t.Errorf("the timeout %q is %v", s, d)
		}
		d, err := parseDepth(h, depthZero, depthOne, depthInfinity)
		if err == nil && !strings.EqualFold(strings.TrimSpace(s), d.String()) {
			t.Errorf("the depth %q is %v", s, d)
		}
	})
}
