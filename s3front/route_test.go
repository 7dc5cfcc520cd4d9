package s3front

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gorilla/mux"
)

// routerPlace is what the router finds in a path.
func routerPlace(d *door, u *url.URL) (at place, ok bool) {
	var found mux.RouteMatch
	r := &http.Request{Method: http.MethodGet, URL: u}
	if !d.router.Match(r, &found) || found.Route == nil {
		return at, false
	}
	return place{bucket: found.Vars["bucket"], key: found.Vars["key"]}, true
}

// FuzzCutPath: the router cuts every path that cutPath cuts in the same places, and finds nothing in the others.
func FuzzCutPath(f *testing.F) {
	for _, path := range []string{
		"/", "//", "///", "", "*", "/b", "/b/", "/b//", "/b/k", "/b/k/", "/b/a//c", "//b/k", "/b/../x", "/./k", "/b%2Fk",
		"/b/a%2Fb", "/b/%2e%2e/x", "/b/%00", "/b/%FF%FE", "/b/a\nb", "/b\n/k", "/b/a b", "/b/ä", "/{bucket}/{key}",
		"/b/a;b=c,d@e:f&g=h+i$j", "/b/(x)'*!",
		"/b/%0Ax", "b/k", "/b/%", "/b/\xff",
	} {
		f.Add(path)
	}
	d := newDoor(Config{})
	f.Fuzz(func(t *testing.T, path string) {
		for _, u := range []*url.URL{{Path: path}, parsed(path)} {
			if u == nil {
				continue
			}
			got, ok := cutPath(u.EscapedPath())
			want, wantOK := routerPlace(d, u)
			if got != want || ok != wantOK {
				t.Errorf("cutPath(%q) = %+v, %t, the router finds %+v, %t", u.EscapedPath(), got, ok, want, wantOK)
			}
		}
	})
}

// parsed is the URL that a request line with that target has; nil if it is none.
func parsed(target string) *url.URL {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil
	}
	return u
}

// TestRoutesAgree sends every operation, and what is close to one, the short way and through the router: both find the
// same operation or the same reason why there is none, and what nobody knows is no operation.
func TestRoutesAgree(t *testing.T) {
	e := newEnv(t)
	var op string
	d := newDoor(Config{
		Service: e.core.Service, RequestID: func(context.Context) string { return "ID" },
		Observe: func(_ context.Context, ev Event) { op = ev.Op },
	})
	answer := func(h http.Handler, method string, u url.URL) string {
		w := httptest.NewRecorder()
		op = ""
		h.ServeHTTP(w, (&http.Request{
			Method: method, URL: &u, Header: http.Header{}, Host: "s3.test", Body: http.NoBody, RemoteAddr: "192.0.2.1:1",
		}).WithContext(t.Context()))
		return fmt.Sprintf("%s %d %s", op, w.Code, w.Body)
	}
	paths := []string{
		"/", "/bucket", "/bucket/", "/bucket/key", "/bucket/a//b/", "/bucket/a%2Fb", "//bucket/key", "/b%2Fk", "/bu", "/bucket/%00", "/bucket//",
	}
	methods := []string{"GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"}
	known := map[string]bool{}
	for _, path := range paths {
		for _, query := range routeQueries() {
			u := parsed(path + query)
			for _, method := range methods {
				short, long := answer(d, method, *u), answer(d.router, method, *u)
				known[op] = true
				if short != long {
					t.Errorf("%s %s%s = %s, through the router %s", method, path, query, short, long)
				}
				if strings.Contains(query, "nobody-knows") && !strings.HasPrefix(short, "Unknown 501 ") && !strings.HasPrefix(short, "Unknown 400 ") {
					t.Errorf("%s %s%s = %s, want 501", method, path, query, short)
				}
			}
		}
	}
	for _, rt := range routes() {
		if !known[rt.op] && rt.op != "CopyObject" && rt.op != "UploadPartCopy" { // a header makes it one
			t.Errorf("nothing here is %s", rt.op)
		}
	}
}

// routeQueries are those of all operations, and others.
func routeQueries() []string {
	all := []string{
		"", "?", "?acl=", "?tagging&acl", "?partNumber=1", "?versionId=null", "?list-type=2&prefix=a&acl", "?nobody-knows",
		"?list-type=2&nobody-knows", "?nobody-knows=", "?x-id=GetObject", "?policy", "?a=%zz", "?response-expires=x",
	}
	for _, rt := range routes() {
		need := strings.Fields(strings.ReplaceAll(rt.need, bySource, ""))
		all = append(all, "?"+strings.Join(need, "=1&"), "?"+strings.Join(append(need, strings.Fields(rt.allow)...), "&"))
	}
	return all
}
