package davfront

import (
	"net/http"
	"strings"
	"testing"

	"trivium/core"
)

// spellings are ways to write "the folder above", and what some servers took for it.
func spellings() []string {
	return []string{
		"..", "%2e%2e", "%2E%2e", ".%2e", "%2e.", "../..", "..%2f..", "..%2F", "%2e%2e%2f", "%2f", "..%5c", "..\\", "%252e%252e",
		"..%00", "%00", "%c0%ae%c0%ae", "..%c0%af", "", ".", "%2e", "..;", "..%3b", "....//", "..%09", "..%20", "%ff", "/",
	}
}

// TestHostilePaths writes paths that would lead out of a folder in every spelling, method and parameter: nothing
// outside is read or changed, and no answer tells of it.
func TestHostilePaths(t *testing.T) {
	e := newEnv(t)
	const canary = "canary-content"
	for _, dir := range []string{"/dav/bucket/p", "/dav/bucket/p/in", "/dav/bucket/canary"} {
		e.mkcol(dir)
	}
	for _, file := range []string{"/dav/bucket/p/canary", "/dav/bucket/canary/canary"} {
		e.put(file, canary)
	}
	etag := e.do(call{method: http.MethodHead, target: "/dav/bucket/p/canary"}).Header.Get("Etag")
	outside := func() string {
		page, err := e.core.Admin.ListObjects(t.Context(), "bucket", core.ListOptions{Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, it := range page.Items {
			if !strings.HasPrefix(it.Entry.Key, "p/in/") {
				all = append(all, it.Entry.Key+"="+it.Entry.Version.ETag)
			}
		}
		locks, err := e.core.Admin.AnyLocks(t.Context(), "bucket")
		if err != nil || locks {
			all = append(all, "a lock")
		}
		return strings.Join(all, " ")
	}
	before, cells := outside(), 0
	cell := func(c call) {
		t.Helper()
		cells++
		a := e.do(c)
		if strings.Contains(a.body, canary) || a.Header.Get("Etag") == etag || a.StatusCode >= http.StatusInternalServerError {
			t.Errorf("%s %s %s = %d %.200s", c.method, c.target, c.headers, a.StatusCode, a.body)
		}
		if c.method == "LOCK" && a.StatusCode < 300 { // a name that looks odd and is none of a folder's
			e.do(call{method: "UNLOCK", target: c.target, headers: "Lock-Token: " + a.Header.Get("Lock-Token")})
		}
		if now := outside(); now != before {
			t.Fatalf("%s %s %s = %d changed %q to %q", c.method, c.target, c.headers, a.StatusCode, before, now)
		}
	}
	bodies := map[string]string{"PROPPATCH": patchBody, "LOCK": lockBody, http.MethodPut: "x"}
	headers := map[string]string{
		"PROPFIND": "Depth: 1", "UNLOCK": "Lock-Token: <urn:x>", "COPY": "Destination: /dav/bucket/p/in/to", "MOVE": "Destination: /dav/bucket/p/in/to",
	}
	for _, s := range spellings() {
		bad := "/dav/bucket/p/in/" + s + "/canary"
		for method := range strings.SplitSeq(allowed, ", ") {
			cell(call{method: method, target: bad, headers: headers[method], body: bodies[method]})
		}
		e.put("/dav/bucket/p/in/from", "x")
		for _, method := range []string{"COPY", "MOVE"} {
			cell(call{method: method, target: "/dav/bucket/p/in/from", headers: "Destination: " + bad})
			cell(call{method: method, target: "/dav/bucket/p/in/from", headers: "Destination: http://$HOST" + bad})
		}
		e.do(call{method: http.MethodDelete, target: "/dav/bucket/p/in/guarded"})
		cell(call{method: http.MethodPut, target: "/dav/bucket/p/in/guarded", body: "x", headers: "If: <" + bad + "> ([" + etag + "])"})
		if _, there := e.content("/dav/bucket/p/in/guarded"); there {
			t.Errorf("the tag <%s> of an If header led to a file outside", bad)
		}
		cell(call{method: http.MethodGet, target: "/dav/" + s + "/bucket/p/canary"})
		cell(call{method: "PROPFIND", target: "/dav/" + s, headers: "Depth: 0"})
	}
	if cells < 300 {
		t.Errorf("%d cells, want at least 300", cells)
	}
}

// TestDestinations reads the header in every form.
func TestDestinations(t *testing.T) {
	e := newEnv(t)
	e.mkcol("/dav/bucket/d")
	e.mkcol("/dav/bucket/dx")
	for dst, status := range map[string]int{
		"/dav/bucket/to": 201, "/%64av/bucket/to": 201, "http://$HOST/dav/bucket/to": 201, "http://$HOST": 502, "https://$HOST/dav/bucket/to": 201, "/dav/bucket/t%6f": 201,
		"/dav/bucket/t%C3%B6": 201, "/dav/bucket/tö": 201, "/dav/bucket/to/": 201,
		"http://other.example/dav/bucket/to": 502, "http://$HOST/bucket/to": 502, "/bucket/to": 502, "ftp://$HOST/dav/bucket/to": 502,
		"/davx/bucket/to": 502, "dav/bucket/to": 400, "//$HOST/dav/bucket/to": 400, "": 400, "/dav/bucket/a b": 400,
		"/dav/bucket/%zz": 400, "/dav/bucket/to#x": 400, "/dav/bucket/to?x": 400, "http://u:p@$HOST/dav/bucket/to": 400,
		"/dav/bucket/../x": 400, "/dav/bucket//x": 400, "/dav/bucket/none/x": 409, "/dav/bucket": 403, "/dav/": 403,
		"/dav/nobucket/x": 409, "/dav/bucket/from": 403, "/dav/bucket/from/x": 403, "/dav/bucket/d": 204, "/dav/bucket/dx": 204,
		"http:/dav/bucket/to": 502, "mailto:x": 400,
	} {
		e.put("/dav/bucket/from", "x")
		a := e.do(call{method: "COPY", target: "/dav/bucket/from", headers: "Destination: " + dst})
		if a.StatusCode != status {
			t.Errorf("COPY to %q = %d, want %d: %s", dst, a.StatusCode, status, a.body)
		}
		for _, made := range []string{"/dav/bucket/to", "/dav/bucket/t%C3%B6"} {
			e.do(call{method: http.MethodDelete, target: made})
		}
	}
	e.want(400, call{method: "COPY", target: "/dav/bucket/from"})
	e.want(400, call{method: "COPY", target: "/dav/bucket/from", headers: "Destination: /dav/bucket/a\nDestination: /dav/bucket/b"})
}

// TestHeaderValues refuses what a header cannot be.
func TestHeaderValues(t *testing.T) {
	e := newEnv(t)
	e.mkcol("/dav/second")
	e.mkcol("/dav/bucket/d")
	e.put("/dav/bucket/f", "x")
	for _, tc := range []struct {
		status int
		call
	}{
		{400, call{method: "PROPFIND", target: "/dav/bucket/", headers: "Depth: 2"}},
		{400, call{method: "PROPFIND", target: "/dav/bucket/", headers: "Depth: 1, noroot"}},
		{400, call{method: "PROPFIND", target: "/dav/bucket/", headers: "Depth: 0\nDepth: 1"}},
		{400, call{method: "PROPFIND", target: "/dav/bucket/", headers: "Depth: "}},
		{207, call{method: "PROPFIND", target: "/dav/bucket/", headers: "Depth: 1 "}},
		{400, call{method: http.MethodDelete, target: "/dav/bucket/d", headers: "Depth: 0"}},
		{400, call{method: "MOVE", target: "/dav/bucket/d", headers: "Depth: 0\nDestination: /dav/bucket/e"}},
		{400, call{method: "COPY", target: "/dav/bucket/d", headers: "Depth: 1\nDestination: /dav/bucket/e"}},
		{400, call{method: "COPY", target: "/dav/bucket/d", headers: "Overwrite: yes\nDestination: /dav/bucket/e"}},
		{400, call{method: "LOCK", target: "/dav/bucket/d", headers: "Depth: 1", body: lockBody}},
		{400, call{method: "LOCK", target: "/dav/bucket/d"}},
		{412, call{method: "LOCK", target: "/dav/bucket/d", headers: "If: (<urn:none>)"}},
		{403, call{method: "LOCK", target: "/dav/", body: lockBody}},
		{400, call{method: "UNLOCK", target: "/dav/bucket/d"}},
		{400, call{method: "UNLOCK", target: "/dav/bucket/d", headers: "Lock-Token: urn:x"}},
		{409, call{method: "UNLOCK", target: "/dav/bucket/d", headers: "Lock-Token: <urn:x>"}},
		{403, call{method: http.MethodDelete, target: "/dav/"}},
		{405, call{method: "MKCOL", target: "/dav/"}},
		{403, call{method: "PROPPATCH", target: "/dav/", body: patchBody}},
		{404, call{method: "PROPPATCH", target: "/dav/bucket/none", body: patchBody}},
		{404, call{method: "PROPPATCH", target: "/dav/bucket/none", body: badPatch}},
		{403, call{method: "COPY", target: "/dav/bucket/", headers: "Destination: /dav/bucket2/"}},
		{403, call{method: "MOVE", target: "/dav/bucket/d", headers: "Destination: /dav/bucket2"}},
		{403, call{method: "MOVE", target: "/dav/bucket/", headers: "Destination: /dav/second/"}},
		{412, call{method: "MOVE", target: "/dav/bucket/", headers: "Destination: /dav/second/\nOverwrite: F"}},
		{403, call{method: "MOVE", target: "/dav/bucket/", headers: "Destination: /dav/no"}},
		{404, call{method: "MOVE", target: "/dav/nobucket/d", headers: "Destination: /dav/bucket/e"}},
		{403, call{method: "MOVE", target: "/dav/bucket/d", headers: "Destination: /dav/bucket/d/e"}},
		{404, call{method: http.MethodGet, target: "/davx"}},
		{400, call{method: http.MethodPut, target: "/dav/bucket/f", headers: "If: " + strings.Repeat("(<urn:x>)", 501)}},
		{400, call{method: http.MethodPut, target: "/dav/bucket/f", headers: "If: (<" + strings.Repeat("x", 33<<10) + ">)"}},
	} {
		e.want(tc.status, tc.call)
	}
}

// TestBadDocuments: what is no document is 400, what is too large 413.
func TestBadDocuments(t *testing.T) {
	e := newEnv(t)
	e.put("/dav/bucket/f", "x")
	entity := `<!DOCTYPE a [<!ENTITY e "x">]><D:propfind xmlns:D="DAV:"><D:prop><D:displayname>&e;</D:displayname></D:prop></D:propfind>`
	for body, status := range map[string]int{
		"x": 400, "<": 400, "<a>": 400, "<a></b>": 400, "<a/><b/>": 400, "<a/>x": 400, entity: 400,
		`<propfind xmlns="DAV:"><allprop>&nbsp;</allprop></propfind>`:                          400,
		`<D:propfind xmlns:D=""><D:allprop/></D:propfind>`:                                     400,
		`<D:propfind><D:allprop/></D:propfind>`:                                                400,
		`<propfind><allprop/></propfind>`:                                                      400,
		`<propfind xmlns="DAV:"/>`:                                                             400,
		`<propfind xmlns="DAV:"><allprop/><propname/></propfind>`:                              400,
		`<propfind xmlns="DAV:"><prop/></propfind>`:                                            207,
		`<propfind xmlns="DAV:"><allprop/><include><x/></include><other/></propfind>`:          207,
		"\xff\xfe<\x00a\x00/\x00>\x00":                                                         400,
		`<propfind xmlns="DAV:"><prop>` + strings.Repeat("<x>", 100) + `</prop></propfind>`:    400,
		`<propfind xmlns="DAV:"><prop>` + strings.Repeat("<x/>", 20000) + `</prop></propfind>`: 400,
		strings.Repeat(" ", 1<<20+1):                                                           413,
	} {
		a := e.do(call{method: "PROPFIND", target: "/dav/bucket/f", headers: "Depth: 0", body: body})
		if a.StatusCode != status {
			t.Errorf("PROPFIND with %.100q = %d, want %d: %s", body, a.StatusCode, status, a.body)
		}
	}
	long := `<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><a>` + strings.Repeat("x", 200<<10) + `</a><b/></D:prop></D:set></D:propertyupdate>`
	if a := e.want(207, call{method: "PROPPATCH", target: "/dav/bucket/f", body: long}); !strings.Contains(a.body, "507 Insufficient Storage") {
		t.Errorf("PROPPATCH of 200 KiB: %s", a.body)
	}
	for _, method := range []string{"PROPPATCH", "LOCK"} {
		for body, status := range map[string]int{
			entity: 400, strings.Repeat(" ", 1<<20+1): 413, `<D:x xmlns:D="DAV:"/>`: 400,
			`<D:propertyupdate xmlns:D="DAV:"/>`: 400, `<D:lockinfo xmlns:D="DAV:"/>`: 400,
		} {
			e.want(status, call{method: method, target: "/dav/bucket/f", body: body})
		}
	}
	if status := e.raw("PROPFIND /dav/bucket/ HTTP/1.1\r\nDepth: 0\r\nContent-Length: 100\r\n\r\n<a", true); status != 400 {
		t.Errorf("PROPFIND with a body that is cut = %d, want 400", status)
	}
}
