package davfront

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"trivium/core"
	"trivium/davfront/davxml"
)

// refusal is an error of the protocol, which core knows nothing of.
type refusal struct {
	status    int    // 207: of a tree, the member href is locked
	condition string // element of RFC 4918 §16 that names what does not hold; "": none
	href      string // in that element; "": none
	msg       string
	err       error // for the log
}

// Error implements error.
func (e *refusal) Error() string {
	s := strconv.Itoa(e.status) + " " + e.msg
	if e.err != nil {
		s += ": " + e.err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *refusal) Unwrap() error { return e.err }

// badRequest refuses what cannot be read.
func badRequest(msg string) error { return &refusal{status: http.StatusBadRequest, msg: msg} }

// translate puts any error into WebDAV's words.
func (r *request) translate(err error) *refusal {
	if e, ok := errors.AsType[*refusal](err); ok {
		return e
	}
	e, ok := errors.AsType[*core.Error](err)
	if !ok {
		return &refusal{status: http.StatusInternalServerError, msg: "internal error", err: err}
	}
	out := &refusal{status: statusOf(e.Code), msg: e.Msg, err: err}
	switch {
	case r.stranger(e.Code):
		return r.askWho(err)
	case e.Code == core.Forbidden && e.Hidden:
		out.status, out.msg = http.StatusNotFound, "there is no such bucket"
	case e.Code == core.Locked:
		out.condition = "lock-token-submitted"
		at := lockedPath(e)
		out.href = href(at, at.Key == "")
	case e.Code == core.NoSpace:
		out.condition = "sufficient-disk-space" // RFC 4331 §6
	}
	if out.status == http.StatusInternalServerError {
		out.msg = "internal error: the log says more under the id of this request"
	}
	return out
}

// lockedPath is where the lock is that is in the way.
func lockedPath(e *core.Error) core.Path {
	bucket, key, _ := strings.Cut(e.Path, "/")
	return core.Path{Bucket: bucket, Key: key}
}

// memberError says of an error of what is done to whole trees, here the roots, that it is a member below which is
// locked, and which (RFC 4918 §9.6.1, §9.9.4): 207. Those above, which stay for its sake, are not named.
func (r *request) memberError(ctx context.Context, se *core.Session, err error, roots ...core.Path) error {
	e, ok := errors.AsType[*core.Error](err)
	if !ok || e.Code != core.Locked {
		return err
	}
	at := lockedPath(e)
	if !slices.ContainsFunc(roots, func(root core.Path) bool { return overlap(root, at) && len(root.Key) < len(at.Key) }) {
		return err
	}
	n, statErr := se.StatPath(ctx, at) // gone meanwhile: then it was a file, for all that the client sees
	out := r.translate(err)
	out.status, out.href = http.StatusMultiStatus, href(at, statErr == nil && n.Folder)
	return out
}

// statusOf is the exhaustive translation of core's codes.
func statusOf(c core.Code) int {
	switch c {
	case core.Internal, core.Corrupt:
		return http.StatusInternalServerError
	case core.BadArgument, core.BadKey, core.BadDigest, core.BodySize, core.BadBody, core.InvalidPart, core.InvalidPartOrder:
		return http.StatusBadRequest
	case core.KeyTooLong:
		return http.StatusRequestURITooLong
	case core.Unauthorized:
		return http.StatusUnauthorized
	case core.BadName, core.Forbidden:
		return http.StatusForbidden
	case core.NoSuchBucket, core.NoSuchKey, core.NoSuchVersion, core.NoSuchUpload, core.NotFound, core.IsDeleteMarker:
		return http.StatusNotFound
	case core.BucketExists, core.BucketOwned, core.BucketNotEmpty, core.Exists, core.Conflict:
		return http.StatusConflict
	case core.PreconditionFailed:
		return http.StatusPreconditionFailed
	case core.NotModified:
		return http.StatusNotModified
	case core.InvalidRange:
		return http.StatusRequestedRangeNotSatisfiable
	case core.TooLarge, core.TooSmall:
		return http.StatusRequestEntityTooLarge
	case core.MetadataTooLarge, core.NoSpace:
		return http.StatusInsufficientStorage
	case core.NotImplemented:
		return http.StatusNotImplemented
	case core.Overloaded, core.Unavailable, core.ReadOnly:
		return http.StatusServiceUnavailable
	case core.Canceled:
		return http.StatusRequestTimeout
	case core.Locked:
		return http.StatusLocked
	}
	return http.StatusInternalServerError
}

// fail answers with an error. HEAD and 304 have no document.
func (r *request) fail(ctx context.Context, err error) {
	e := r.translate(err)
	if r.door.cfg.NoteCode != nil {
		r.door.cfg.NoteCode(ctx, errorName(e))
	}
	r.noteReason(ctx, e)
	w := &r.rec
	if w.status != 0 {
		r.observe(ctx, err, !w.gone)
		panic(http.ErrAbortHandler) // the reply has begun: all that is left is to cut it
	}
	h := w.Header()
	switch e.status {
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", core.RetryAfter(err))
	case http.StatusUnauthorized:
		h.Set("Www-Authenticate", challenge)
	}
	defer r.observe(ctx, err, false)
	if r.Method == http.MethodHead || e.status == http.StatusNotModified {
		w.WriteHeader(e.status)
		return
	}
	writeXML(w, e.status, e.document())
}

// document is the body of the reply.
func (e *refusal) document() []byte {
	var b bytes.Buffer
	if e.status == http.StatusMultiStatus {
		b.WriteString(xmlHead + `<D:multistatus xmlns:D="DAV:"><D:response><D:href>`)
		davxml.Escape(&b, e.href)
		b.WriteString("</D:href><D:status>HTTP/1.1 423 Locked</D:status><D:error>")
		e.writeCondition(&b)
		b.WriteString("</D:error><D:responsedescription>")
		davxml.Escape(&b, clean(e.msg))
		b.WriteString("</D:responsedescription></D:response></D:multistatus>\n")
		return b.Bytes()
	}
	b.WriteString(xmlHead + `<D:error xmlns:D="DAV:" xmlns:t="urn:trivium">`)
	e.writeCondition(&b)
	b.WriteString("<t:message>")
	davxml.Escape(&b, clean(e.msg))
	b.WriteString("</t:message></D:error>\n")
	return b.Bytes()
}

// writeCondition writes the element that names what does not hold.
func (e *refusal) writeCondition(b *bytes.Buffer) {
	if e.condition == "" {
		return
	}
	b.WriteString("<D:" + e.condition + ">")
	if e.href != "" {
		b.WriteString("<D:href>")
		davxml.Escape(b, e.href)
		b.WriteString("</D:href>")
	}
	b.WriteString("</D:" + e.condition + ">")
}

// noteReason tells the log what the status alone does not say: which condition is false, what is in the way.
func (r *request) noteReason(ctx context.Context, e *refusal) {
	switch e.status {
	case http.StatusMultiStatus, http.StatusConflict, http.StatusPreconditionFailed, http.StatusLocked, http.StatusBadGateway:
		if r.door.cfg.NoteReason != nil {
			r.door.cfg.NoteReason(ctx, clean(e.msg))
		}
	}
}

// errorName is what the log calls an error: the condition, or the status in words.
func errorName(e *refusal) string {
	if e.condition != "" {
		return e.condition
	}
	return strings.ReplaceAll(http.StatusText(e.status), " ", "")
}

// xmlHead begins a document.
const xmlHead = `<?xml version="1.0" encoding="utf-8"?>` + "\n"

// writeXML answers with a whole document. That the client is gone is seen by whoever looks at the connection next.
func writeXML(w http.ResponseWriter, status int, text []byte) {
	h := w.Header()
	h.Set("Content-Type", `application/xml; charset="utf-8"`)
	h.Set("Content-Length", strconv.Itoa(len(text)))
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}
