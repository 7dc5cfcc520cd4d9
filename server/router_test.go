package server

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRoute(t *testing.T) {
	s, _ := bare(t)
	s.Open(Doors{S3: named("s3")})
	browser := http.Header{"Accept": {"text/html,*/*;q=0.8"}}
	for _, tt := range []struct {
		name, method, target string
		header               http.Header
		status               int
		want                 string // a part of the body
	}{
		{"object", "PUT", "/bucket/key", nil, 200, "s3"},
		{"list buckets", "GET", "/", nil, 200, "s3"},
		{"list buckets by a presigned URL in a browser", "GET", "/?X-Amz-Signature=00", browser, 200, "s3"},
		{
			"list buckets of an agent that likes HTML", "GET", "/",
			http.Header{"Accept": {"text/html"}, "Authorization": {"AWS4-HMAC-SHA256 x"}},
			200, "s3",
		},
		{"browser", "GET", "/", browser, 200, "<title>Trivium"},
		{"browser posts", "POST", "/", browser, 200, "s3"},
		{"browser on a bucket", "GET", "/bucket", browser, 200, "s3"},
		{"native", "GET", "/v1/bucket", nil, 501, `"code":"NotImplemented"`},
		{
			"an S3 client makes a bucket of a door's name", "PUT", "/koodrive",
			http.Header{"Authorization": {"AWS4-HMAC-SHA256 x"}},
			501, "<Error><Code>NotImplemented</Code><Message>the door of /koodrive is not built yet; the S3 door answers on /, without",
		},
		{"a presigned URL below a door", "GET", "/dav/k?X-Amz-Signature=00", nil, 501, "<Message>the door of /dav is not built yet"},
		{"native root", "GET", "/v1", nil, 501, "not built"},
		{"generic", "POST", "/generic/x", nil, 501, "not built"},
		{"koodrive", "POST", "/koodrive/x", nil, 501, "not built"},
		{"dav", "PROPFIND", "/dav/b/", nil, 501, "not built"},
		{"dav written otherwise", "PUT", "/%64av/b/k", nil, 501, "not built"},
		{"a bucket that begins like a door", "PUT", "/davies/k", nil, 200, "s3"},
		{"a key named like a door", "PUT", "/bucket/dav/k", nil, 200, "s3"},
		{"a segment with an escaped slash is no door", "PUT", "/dav%2Fk", nil, 200, "s3"},
		{"two slashes", "PUT", "//dav/k", nil, 200, "s3"},
		{"dots are not followed", "PUT", "/b/../dav/k", nil, 200, "s3"},
		{"unknown page", "GET", "/-/secret", nil, 404, "no such page"},
		{"bare dash", "PUT", "/-", nil, 404, "no such page"},
		{"health with another method", "POST", "/-/health/live", nil, 405, "only GET"},
		{"OPTIONS *", "OPTIONS", "*", nil, 200, "s3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, "http://h"+tt.target, nil)
			if tt.target == "*" {
				r = httptest.NewRequest(tt.method, tt.target, nil)
			}
			maps.Copy(r.Header, tt.header)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
				t.Errorf("%s %s = %d %q, want %d with %q", tt.method, tt.target, w.Code, w.Body, tt.status, tt.want)
			}
		})
	}
}

func TestRouteBuiltDoors(t *testing.T) {
	s, _ := bare(t)
	s.Open(Doors{S3: named("s3"), Native: named("n"), Generic: named("g"), KooDrive: named("k"), DAV: named("d"), Admin: named("open"), RemoteAdmin: named("a")})
	for target, want := range map[string]string{
		"/v1/admin/ping": "a", "/v1/admin/": "a", "/v1/administer": "n", "/v1/admin": "n", "/v1%2Fadmin/ping": "s3",
		"/v1/x": "n", "/generic": "g", "/koodrive/": "k", "/dav/b": "d", "/b": "s3",
	} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
		if got := w.Body.String(); got != want {
			t.Errorf("GET %s went to %q, want %q", target, got, want)
		}
	}
	// Windows asks at "/" whether there is a WebDAV server; browsers ask S3 there, and S3's clients are never WebDAV's.
	cors := http.Header{"Access-Control-Request-Method": {"PUT"}}
	signed := http.Header{"Authorization": {"AWS4-HMAC-SHA256 x"}}
	for _, tt := range []struct {
		method, target string
		header         http.Header
		want           string
	}{
		{"PROPFIND", "/", nil, "d"},
		{"OPTIONS", "/", nil, "d"},
		{"OPTIONS", "/", cors, "s3"},
		{"OPTIONS", "/", signed, "s3"},
		{"OPTIONS", "/b", nil, "s3"},
		{"PROPFIND", "/b", nil, "s3"},
		{"PUT", "/dav", signed, "s3"},
		{"GET", "/dav/k?X-Amz-Signature=00", nil, "s3"},
		{"PUT", "/%64av/b/k", nil, "d"},
	} {
		r := httptest.NewRequest(tt.method, tt.target, nil)
		maps.Copy(r.Header, tt.header)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if got := w.Body.String(); got != tt.want {
			t.Errorf("%s %s %v went to %q, want %q", tt.method, tt.target, tt.header, got, tt.want)
		}
	}
}

func TestHealth(t *testing.T) {
	s, l := bare(t)
	ask := func(path string) (int, string) {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	check := func(path string, status int, body string) {
		t.Helper()
		if c, b := ask(path); c != status || b != body {
			t.Errorf("GET %s = %d %s, want %d %s", path, c, b, status, body)
		}
	}
	const live, ready = "/-/health/live", "/-/health/ready"
	check(live, 200, `{"status":"live"}`)
	check(ready, 503, `{"status":"starting"}`)
	check("/bucket/key", 503, "starting")

	var down error
	s.Open(Doors{S3: named("s3"), Ready: func(context.Context) error { return down }})
	check(ready, 200, `{"status":"ready"}`)
	check("/bucket/key", 200, "s3")

	down = errors.New("disk on fire at /secret/path")
	s.health.good = s.health.good.Add(-readyFresh)
	check(ready, 503, `{"status":"unavailable"}`)
	if !strings.Contains(l.String(), "disk on fire") {
		t.Error("the reason of not being ready is not in the log")
	}
	down = nil
	check(ready, 200, `{"status":"ready"}`)
	s.stopping.Store(true)
	check(ready, 503, `{"status":"stopping"}`)
	check(live, 200, `{"status":"live"}`)
}

// TestRouteByHost: on the host of a bucket every path is a key, also those that belong to other doors elsewhere.
func TestRouteByHost(t *testing.T) {
	s, _ := bare(t)
	s.Open(Doors{S3: named("s3"), Native: named("native"), S3Host: func(host string) bool { return host == "bucket.s3.test" }})
	for _, path := range []string{"/", "/k", "/v1/k", "/dav", "/-/metrics", "/-/health/live", "//", "/generic/x"} {
		r := httptest.NewRequest(http.MethodGet, "http://bucket.s3.test"+path, nil)
		r.Header.Set("Accept", "text/html")
		w := httptest.NewRecorder()
		if s.ServeHTTP(w, r); w.Code != http.StatusOK || w.Body.String() != "s3" {
			t.Errorf("%s on the bucket's host = %d %q, want the S3 door", path, w.Code, w.Body)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "http://s3.test/v1/k", nil)
	w := httptest.NewRecorder()
	if s.ServeHTTP(w, r); w.Body.String() != "native" {
		t.Errorf("/v1/k on another host = %d %q, want the native door", w.Code, w.Body)
	}
}
