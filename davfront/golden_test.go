package davfront

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// step is one request of the story and the golden file that holds it with its reply; "": not kept.
type step struct {
	golden string
	call
	status int
}

const (
	lockBody  = `<?xml version="1.0"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype><D:owner><D:href>mailto:me@here</D:href></D:owner></D:lockinfo>`
	patchBody = `<D:propertyupdate xmlns:D="DAV:" xmlns:x="urn:x"><D:set><D:prop><x:color xml:lang="en">red &amp; <b xmlns="">blue</b></x:color></D:prop></D:set><D:remove><D:prop><x:none/></D:prop></D:remove></D:propertyupdate>`
	badPatch  = `<D:propertyupdate xmlns:D="DAV:" xmlns:x="urn:x"><D:set><D:prop><x:size>1</x:size><D:getetag>x</D:getetag></D:prop></D:set></D:propertyupdate>`
	askBody   = `<D:propfind xmlns:D="DAV:" xmlns:x="urn:x"><D:prop><D:getcontentlength/><D:lockdiscovery/><x:color/><x:size/><none xmlns=""/></D:prop></D:propfind>`
	quotaBody = `<D:propfind xmlns:D="DAV:"><D:prop><D:quota-used-bytes/><D:resourcetype/></D:prop></D:propfind>`
	nameBody  = `<D:propfind xmlns:D="DAV:"><D:propname/></D:propfind>`
	winBody   = `<D:propertyupdate xmlns:D="DAV:" xmlns:Z="urn:schemas-microsoft-com:"><D:set><D:prop><Z:Win32LastModifiedTime>Tue, 03 Nov 2026 10:00:00 GMT</Z:Win32LastModifiedTime><Z:Win32FileAttributes>00000020</Z:Win32FileAttributes></D:prop></D:set></D:propertyupdate>`
)

// story is every method, in the order of a client's day.
func story() []step {
	return []step{
		{"options", call{method: http.MethodOptions, target: "/dav/", user: "anonymous"}, 200},
		{"options-top", call{method: http.MethodOptions, target: "/", user: "anonymous"}, 200},
		{"unauthorized", call{method: "PROPFIND", target: "/dav/", headers: "Depth: 1", user: "anonymous"}, 401},
		{"propfind-top", call{method: "PROPFIND", target: "/", headers: "Depth: 1"}, 207},
		{"mkcol", call{method: "MKCOL", target: "/dav/bucket/docs/"}, 201},
		{"mkcol-exists", call{method: "MKCOL", target: "/dav/bucket/docs/"}, 405},
		{"mkcol-parent", call{method: "MKCOL", target: "/dav/bucket/none/a"}, 409},
		{"mkcol-body", call{method: "MKCOL", target: "/dav/bucket/new", body: "x"}, 415},
		{"mkcol-bucket", call{method: "MKCOL", target: "/dav/second"}, 201},
		{"mkcol-name", call{method: "MKCOL", target: "/dav/no"}, 403},
		{"put", call{method: http.MethodPut, target: "/dav/bucket/docs/a%20b.txt", body: "0123456789", headers: "X-OC-Mtime: 1700000000"}, 201},
		{"put-again", call{method: http.MethodPut, target: "/dav/bucket/docs/a%20b.txt", body: "0123456789", headers: "Content-Type: text/x-a\nIf-Match: \"781e5e245d69b566979b86e28d23f2c7\""}, 204},
		{"put-condition", call{method: http.MethodPut, target: "/dav/bucket/docs/a%20b.txt", body: "x", headers: "If-None-Match: *"}, 412},
		{"put-folder", call{method: http.MethodPut, target: "/dav/bucket/docs", body: "x"}, 409},
		{"get", call{method: http.MethodGet, target: "/dav/bucket/docs/a%20b.txt"}, 200},
		{"get-range", call{method: http.MethodGet, target: "/dav/bucket/docs/a%20b.txt", headers: "Range: bytes=2-4"}, 206},
		{"get-range-none", call{method: http.MethodGet, target: "/dav/bucket/docs/a%20b.txt", headers: "Range: bytes=10-"}, 416},
		{"get-not-modified", call{method: http.MethodGet, target: "/dav/bucket/docs/a%20b.txt", headers: "If-None-Match: \"781e5e245d69b566979b86e28d23f2c7\""}, 304},
		{"get-folder", call{method: http.MethodGet, target: "/dav/bucket/docs/"}, 200},
		{"head-folder", call{method: http.MethodHead, target: "/dav/bucket/docs/"}, 200},
		{"get-missing", call{method: http.MethodGet, target: "/dav/bucket/none"}, 404},
		{"proppatch", call{method: "PROPPATCH", target: "/dav/bucket/docs/a%20b.txt", body: patchBody}, 207},
		{"proppatch-protected", call{method: "PROPPATCH", target: "/dav/bucket/docs/a%20b.txt", body: badPatch}, 207},
		{"proppatch-windows", call{method: "PROPPATCH", target: "/dav/bucket/docs/a%20b.txt", body: winBody}, 207},
		{"propfind", call{method: "PROPFIND", target: "/dav/bucket/docs/", headers: "Depth: 1"}, 207},
		{"propfind-prop", call{method: "PROPFIND", target: "/dav/bucket/docs/a%20b.txt", headers: "Depth: 0", body: askBody}, 207},
		{"propfind-names", call{method: "PROPFIND", target: "/dav/bucket/docs/a%20b.txt", headers: "Depth: 0", body: nameBody}, 207},
		{"propfind-quota", call{method: "PROPFIND", target: "/dav/bucket/", headers: "Depth: 1", body: quotaBody}, 207},
		{"propfind-infinity", call{method: "PROPFIND", target: "/dav/bucket/"}, 403},
		{"propfind-bad", call{method: "PROPFIND", target: "/dav/bucket/", headers: "Depth: 0", body: "<a:b/>"}, 400},
		{"copy", call{method: "COPY", target: "/dav/bucket/docs/a%20b.txt", headers: "Destination: http://$HOST/dav/bucket/docs/c"}, 201},
		{"copy-exists", call{method: "COPY", target: "/dav/bucket/docs/a%20b.txt", headers: "Destination: /dav/bucket/docs/c\nOverwrite: F"}, 412},
		{"copy-host", call{method: "COPY", target: "/dav/bucket/docs/c", headers: "Destination: http://elsewhere.example/dav/bucket/x"}, 502},
		{"move", call{method: "MOVE", target: "/dav/bucket/docs/c", headers: "Destination: /dav/bucket/d"}, 201},
		{"move-itself", call{method: "MOVE", target: "/dav/bucket/docs", headers: "Destination: /dav/bucket/docs/"}, 403},
		{"lock", call{method: "LOCK", target: "/dav/bucket/docs/", headers: "Timeout: Second-100\nDepth: infinity", body: lockBody}, 200},
		{"locked", call{method: http.MethodPut, target: "/dav/bucket/docs/new", body: "x"}, 423},
		{"lock-conflict", call{method: "LOCK", target: "/dav/bucket/docs/a%20b.txt", body: lockBody}, 423},
		{"lock-discovery", call{method: "PROPFIND", target: "/dav/bucket/docs/a%20b.txt", headers: "Depth: 0", body: askBody}, 207},
		{"put-locked", call{method: http.MethodPut, target: "/dav/bucket/docs/new", body: "x", headers: "If: </dav/bucket/docs/> ($TOKEN)"}, 201},
		{"if-false", call{method: http.MethodPut, target: "/dav/bucket/docs/new", body: "x", headers: "If: ($TOKEN [\"none\"])"}, 412},
		{"lock-refresh", call{method: "LOCK", target: "/dav/bucket/docs/", headers: "Timeout: Second-200\nIf: ($TOKEN)"}, 200},
		{"lock-new", call{method: "LOCK", target: "/dav/bucket/unmapped", body: lockBody}, 201},
		{"unlock-wrong", call{method: "UNLOCK", target: "/dav/bucket/d", headers: "Lock-Token: $TOKEN"}, 409},
		{"unlock", call{method: "UNLOCK", target: "/dav/bucket/docs/", headers: "Lock-Token: $TOKEN"}, 204},
		{"delete", call{method: http.MethodDelete, target: "/dav/bucket/docs/"}, 204},
		{"delete-missing", call{method: http.MethodDelete, target: "/dav/bucket/docs/"}, 404},
		{"move-bucket", call{method: "MOVE", target: "/dav/second/", headers: "Destination: /dav/third/"}, 201},
		{"method", call{method: "SEARCH", target: "/dav/"}, 405},
	}
}

// TestGolden runs the story on a Service whose clock goes one second per request.
func TestGolden(t *testing.T) {
	e := newEnv(t)
	tokens := regexp.MustCompile(`urn:uuid:[0-9a-f-]{36}`)
	token := ""
	for i, s := range story() {
		e.now.Add(int64(time.Second))
		sent := s.call
		sent.headers = strings.ReplaceAll(sent.headers, "$TOKEN", "<"+token+">")
		a := e.do(sent)
		if a.StatusCode != s.status {
			t.Errorf("step %d: %s %s = %d %s, want %d", i, s.method, s.target, a.StatusCode, a.body, s.status)
		}
		if s.golden == "lock" {
			token = strings.Trim(a.Header.Get("Lock-Token"), "<>")
		}
		text := strings.ReplaceAll(transcript(s, a), token, "TOKEN")
		if token == "" {
			text = transcript(s, a)
		}
		compareGolden(t, s.golden, tokens.ReplaceAllString(text, "urn:uuid:RANDOM"))
	}
}

// transcript writes a request and its reply.
func transcript(s step, a answer) string {
	var b strings.Builder
	fmt.Fprintf(&b, "> %s %s\n", s.method, s.target)
	for line := range strings.Lines(s.headers) {
		fmt.Fprintf(&b, "> %s\n", strings.TrimRight(line, "\n"))
	}
	if s.body != "" {
		fmt.Fprintf(&b, ">\n> %s\n", s.body)
	}
	fmt.Fprintf(&b, "< %d\n", a.StatusCode)
	var names []string
	for name := range a.Header {
		if name != "Date" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, "< %s: %s\n", name, strings.Join(a.Header[name], ", "))
	}
	if a.body != "" {
		fmt.Fprintf(&b, "<\n%s\n", strings.ReplaceAll(a.body, "><", ">\n<"))
	}
	return b.String()
}

func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-golden +got):\n%s", name, diff)
	}
}

// TestGoldenForEveryMethod: a method without a golden pair is one whose replies nobody watches.
func TestGoldenForEveryMethod(t *testing.T) {
	have, methods := map[string]bool{}, map[string]bool{}
	for _, s := range story() {
		have[s.golden], methods[s.method] = true, true
	}
	for method := range strings.SplitSeq(allowed, ", ") {
		if !methods[method] {
			t.Errorf("%s has no golden pair", method)
		}
	}
	files, err := os.ReadDir(filepath.Join("testdata", "golden"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !have[strings.TrimSuffix(f.Name(), ".txt")] {
			t.Errorf("testdata/golden/%s belongs to no step", f.Name())
		}
	}
}
