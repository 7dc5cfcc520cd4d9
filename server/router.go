package server

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// route finds the door of a request: by its host when that is a bucket's, since every path is a key there, else by the
// first segment of its path.
func (s *Server) route(r *http.Request) (door string, h http.Handler) {
	if s.socket {
		return s.routeSocket(r)
	}
	d := s.doors.Load()
	switch seg := firstSegment(r.URL); {
	case d != nil && d.S3Host != nil && d.S3Host(r.Host):
		return "s3", d.S3
	case seg == "-":
		return "server", http.HandlerFunc(s.ownPages)
	case d == nil:
		return "server", http.HandlerFunc(starting)
	case d.RemoteAdmin != nil && strings.HasPrefix(r.URL.EscapedPath(), adminPath):
		return "admin", d.RemoteAdmin
	case seg == "v1":
		return "native", built(d.Native, "v1")
	case seg == "generic":
		return "generic", built(d.Generic, "generic")
	case seg == "koodrive":
		return "koodrive", built(d.KooDrive, "koodrive")
	case seg == "dav" && d.DAV != nil && isS3(r):
		return "s3", d.S3 // which says in its words that there is no such bucket, and never will be
	case seg == "dav":
		return "dav", built(d.DAV, "dav")
	case asksDAV(r) && d.DAV != nil:
		return "dav", d.DAV
	case seg == "" && isBrowser(r):
		return "server", http.HandlerFunc(frontPage)
	default:
		return "s3", d.S3
	}
}

// adminPath begins the paths of the calls of administrators.
const adminPath = "/v1/admin/"

// asksDAV tells a WebDAV client that looks for a server at "/", as Windows does before it goes to a folder. OPTIONS
// with Access-Control-Request-Method is a browser's question about S3 (CORS).
func asksDAV(r *http.Request) bool {
	return r.URL.Path == "/" && (r.Method == "PROPFIND" ||
		r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") == "" && !isS3(r))
}

// firstSegment returns what stands before the second slash of the path, unescaped as a whole: "/dav%2Fx" is
// one segment and no request to /dav.
func firstSegment(u *url.URL) string {
	seg, _, _ := strings.Cut(strings.TrimPrefix(u.EscapedPath(), "/"), "/")
	if plain, err := url.PathUnescape(seg); err == nil {
		return plain
	}
	return seg
}

// isBrowser tells a person's GET of "/" from an S3 client's ListBuckets: it asks for HTML and carries nothing
// of a signature.
func isBrowser(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.URL.Path == "/" && r.URL.RawQuery == "" &&
		r.Header.Get("Authorization") == "" && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// built returns h, or what the door of that first segment answers before it is built.
func built(h http.Handler, seg string) http.Handler {
	if h != nil {
		return h
	}
	text := "the door of /" + seg + " is not built yet; the S3 door answers on /, without a bucket of this name"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case isS3(r):
			NoteCode(r.Context(), "NotImplemented")
			write(w, http.StatusNotImplemented, "application/xml", []byte(xmlHead+"<Error><Code>NotImplemented</Code><Message>"+text+
				"</Message><RequestId>"+RequestID(r.Context())+"</RequestId></Error>\n"))
		case seg == "dav":
			writeText(w, http.StatusNotImplemented, text+"\n")
		default:
			NoteCode(r.Context(), "NotImplemented")
			writeJSON(w, http.StatusNotImplemented, map[string]string{"code": "NotImplemented", "message": text})
		}
	})
}

// xmlHead begins a document.
const xmlHead = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// isS3 tells the request of an S3 client, who looks for the reason of an error in a document of S3.
func isS3(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Authorization"), "AWS") || r.Header.Get("X-Amz-Date") != "" ||
		r.URL.Query().Has("X-Amz-Signature")
}

// starting answers every door while the store opens.
func starting(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Retry-After", "1")
	writeText(w, http.StatusServiceUnavailable, "starting\n")
}

// page is what a browser sees.
const page = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Trivium</title>
<p>Trivium runs here. This address is an S3 endpoint for aws, rclone and other clients.
<p>WebDAV: <a href="/dav/">/dav/</a>.
<p>There is no console yet. State: <a href="/-/health/ready">/-/health/ready</a>.
</html>
`

// frontPage answers a browser's GET of "/".
func frontPage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	write(w, http.StatusOK, "text/html; charset=utf-8", []byte(page))
}

// writeText sends a short text.
func writeText(w http.ResponseWriter, status int, text string) {
	write(w, status, "text/plain; charset=utf-8", []byte(text))
}

// writeJSON sends v.
func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		writeText(w, http.StatusInternalServerError, "internal error\n")
		return
	}
	write(w, status, "application/json", append(b, '\n'))
}

// write sends b. That the client is gone is seen by whoever looks at the connection next.
func write(w http.ResponseWriter, status int, contentType string, b []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}
