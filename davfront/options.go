package davfront

import (
	"net/http"

	"trivium/core"
)

// allowed are the methods of the door.
const allowed = "OPTIONS, GET, HEAD, PUT, DELETE, PROPFIND, PROPPATCH, MKCOL, COPY, MOVE, LOCK, UNLOCK"

// options says what the door can do (RFC 4918 §10.1). MS-Author-Via makes Windows take it for a folder on the web.
func options(w http.ResponseWriter, _ *request, _ *core.Session) error {
	h := w.Header()
	h.Set("Dav", "1, 2, 3")
	h.Set("Ms-Author-Via", "DAV")
	h.Set("Allow", allowed)
	h.Set("Accept-Ranges", "bytes")
	h.Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
	return nil
}
