package davfront

import (
	"net/http"
	"testing"
)

// TestIfOfReads: an If that is false stops what reads as it stops what writes (RFC 4918 §10.4), and one that holds
// changes nothing.
func TestIfOfReads(t *testing.T) {
	const file, folder = "/dav/bucket/d/f", "/dav/bucket/d/"
	e := newEnv(t)
	e.mkcol("/dav/bucket/d")
	e.put(file, "text")
	etag := e.want(http.StatusOK, call{method: http.MethodHead, target: file}).Header.Get("Etag")
	token := e.want(http.StatusOK, call{method: "LOCK", target: file, body: lockBody}).Header.Get("Lock-Token")
	const none, stranger = "If: (<urn:uuid:none>)", "anonymous"
	for _, c := range []struct {
		call
		status int
	}{
		{call{method: http.MethodGet, target: file, headers: "If: ([" + etag + "])"}, 200},
		{call{method: http.MethodGet, target: file, headers: "If: (" + token + " [" + etag + "])"}, 200},
		{call{method: http.MethodGet, target: file, headers: "If: ([\"other\"])"}, 412},
		{call{method: http.MethodGet, target: file, headers: none}, 412},
		{call{method: http.MethodGet, target: file, headers: "If: (<urn:uuid:none>) (Not [\"other\"])"}, 200},
		{call{method: http.MethodGet, target: file, headers: "If: <" + folder + "> (" + token + ")"}, 412},
		{call{method: http.MethodGet, target: folder, headers: none}, 412},
		{call{method: http.MethodGet, target: "/dav/", headers: none}, 412},
		{call{method: http.MethodHead, target: file, headers: none}, 412},
		{call{method: http.MethodHead, target: file, headers: "If: (" + token + ")"}, 200},
		{call{method: "PROPFIND", target: file, headers: "Depth: 0\n" + none}, 412},
		{call{method: "PROPFIND", target: folder, headers: "Depth: 1\n" + none}, 412},
		{call{method: "PROPFIND", target: "/", headers: "Depth: 0\n" + none}, 412},
		{call{method: "PROPFIND", target: file, headers: "Depth: 0\nIf: (" + token + ")"}, 207},
		{call{method: "PROPPATCH", target: file, body: badPatch, headers: none}, 412},
		{call{method: "PROPPATCH", target: file, body: badPatch, headers: "If: (" + token + ")"}, 207},
		{call{method: "PROPPATCH", target: file, body: patchBody, headers: none}, 412},
		// Who may not read hears that, whatever If says.
		{call{method: http.MethodGet, target: file, headers: none, user: stranger}, 401},
		{call{method: "PROPFIND", target: "/dav/", headers: "Depth: 0\n" + none, user: stranger}, 401},
		{call{method: http.MethodGet, target: file, headers: none, user: aliceKey}, 404},
		{call{method: http.MethodGet, target: file, headers: "If: (Not <urn:uuid:none>)", user: aliceKey}, 404},
		{call{method: http.MethodOptions, target: file, headers: none, user: stranger}, 200},
	} {
		e.want(c.status, c.call)
	}
}
