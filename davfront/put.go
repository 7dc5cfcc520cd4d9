package davfront

import (
	"mime"
	"net/http"
	"path"
	"strings"

	"trivium/core"
)

// put stores a file whole or not at all (RFC 4918 §9.7): of a body that is cut, short or long nothing stays.
func put(w http.ResponseWriter, r *request, se *core.Session) error {
	opts, size, err := putOptions(r)
	if err != nil {
		return err
	}
	res, err := se.PutObject(r.Context(), r.at.Bucket, r.at.Key, r.Body, size, opts)
	if core.CodeOf(err) == core.NoSuchKey && err != nil {
		// S3 says so where If-Match has nothing to match; RFC 9110 §13.1.1 says that the condition is false.
		return &refusal{status: http.StatusPreconditionFailed, msg: "If-Match: there is no file", err: err}
	}
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Etag", `"`+res.Entry.Version.ETag+`"`)
	if opts.MTimeSet {
		h.Set("X-Oc-Mtime", "accepted")
	}
	reply(w, res.Created)
	return nil
}

// reply says that something was made, or written anew.
func reply(w http.ResponseWriter, made bool) {
	if made {
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(http.StatusCreated)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// putOptions judges all that is known before the body is read.
func putOptions(r *request) (opts core.PutOptions, size int64, err error) {
	h := r.Header
	switch {
	case r.at.Key == "":
		w := r.rec.Header()
		w.Set("Allow", "OPTIONS, GET, HEAD, PROPFIND, MKCOL, DELETE")
		return opts, 0, &refusal{status: http.StatusMethodNotAllowed, msg: "files lie in buckets, which are the folders of " + Prefix + "/"}
	case r.at.slash:
		return opts, 0, &refusal{status: http.StatusConflict, msg: "the address of a file does not end in a slash"}
	case h.Get("Content-Range") != "":
		return opts, 0, badRequest("Content-Range: a part of a file cannot be written (RFC 9110 §14.5)")
	}
	opts = core.PutOptions{Tree: true, Conditions: writeConditions(h), Attrs: core.Attrs{
		ContentType: fileType(h.Get("Content-Type"), r.at.Key), ContentLanguage: h.Get("Content-Language"),
		ContentEncoding: h.Get("Content-Encoding"), CacheControl: h.Get("Cache-Control"),
	}}
	if value := h.Get("X-Oc-Mtime"); value != "" {
		if opts.MTime, opts.MTimeSet = parseMTime(value); !opts.MTimeSet {
			return opts, 0, badRequest("X-OC-Mtime: it must be seconds since 1970")
		}
	}
	if sums := h.Get("Oc-Checksum"); sums != "" {
		if err := wantChecksum(&opts, sums); err != nil {
			return opts, 0, err
		}
	}
	size, err = bodySize(r)
	return opts, size, err
}

// bodySize is the announced length of the body: macOS sends it apart, since its bodies come in chunks.
func bodySize(r *request) (int64, error) {
	if r.ProtoMajor == 1 && r.ProtoMinor == 0 && r.Header.Get("Content-Length") == "" {
		// Its body would go on to the end of the connection, where nobody sees whether it is whole: net/http shows none.
		return 0, &refusal{status: http.StatusLengthRequired, msg: "Content-Length: HTTP/1.0 needs it"}
	}
	expected := r.Header.Get("X-Expected-Entity-Length")
	if expected == "" {
		return r.ContentLength, nil
	}
	n, ok := decimal(strings.TrimSpace(expected))
	if !ok || r.ContentLength >= 0 && r.ContentLength != n {
		return 0, badRequest("X-Expected-Entity-Length: it is not the length of the body")
	}
	return n, nil
}

// fileType is the type that a client gives, or that of a name's ending.
func fileType(given, key string) string {
	if given != "" && given != defaultType {
		return given
	}
	if byName := mime.TypeByExtension(strings.ToLower(path.Ext(key))); byName != "" {
		return byName
	}
	return given
}
