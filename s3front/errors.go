package s3front

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"trivium/core"
	"trivium/s3front/s3xml"
	"trivium/s3front/sigv4"
)

// apiError is an error in S3's words.
type apiError struct {
	code   code
	msg    string  // "": the code's own
	fields []field // more elements of the document
	err    error   // for the log
}

type field struct{ name, value string }

// Error renders the error for a log.
func (e *apiError) Error() string {
	s := e.code.reply().name
	if e.msg != "" {
		s += ": " + e.msg
	}
	if e.err != nil {
		s += ": " + e.err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *apiError) Unwrap() error { return e.err }

func badArgument(name, value, format string, args ...any) *apiError {
	return &apiError{code: invalidArgument, msg: fmt.Sprintf(format, args...), fields: []field{
		{"ArgumentName", name}, {"ArgumentValue", value},
	}}
}

func badRequest(format string, args ...any) *apiError {
	return &apiError{code: invalidRequest, msg: fmt.Sprintf(format, args...)}
}

// notImplementedFor is the deliberate answer to what S3 has and this door has not.
func notImplementedFor(what string) *apiError {
	return &apiError{code: notImplemented, msg: "Not implemented: " + what + "."}
}

// translate puts any error into S3's words. What a body reader or a Verify of this door said inside an error of
// core is more telling than core's code.
func translate(err error) *apiError {
	if e, ok := errors.AsType[*apiError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*sigv4.Error](err); ok {
		return translateAuth(e)
	}
	e, ok := errors.AsType[*core.Error](err)
	if !ok {
		return &apiError{code: internalError, err: err}
	}
	out := &apiError{code: codeOf(e.Code), err: err}
	if slices.Contains([]code{
		invalidArgument, invalidBucketName, notImplemented, operationAborted, entityTooSmall, entityTooLarge, bucketNotEmpty,
	}, out.code) || e.Code == core.NoSpace {
		out.msg = e.Msg // core knows which argument it was, what is left in the bucket and which disk is full
	}
	if e.VersionID != "" && out.code == noSuchVersion {
		out.fields = []field{{"VersionId", e.VersionID}}
	}
	return out
}

// codeOf is the exhaustive translation of core's codes.
func codeOf(c core.Code) code { //nolint:funlen // one line for each code, and all of them in one place
	switch c {
	case core.Internal, core.Corrupt:
		return internalError
	case core.BadArgument:
		return invalidArgument
	case core.BadName:
		return invalidBucketName
	case core.BadKey:
		return invalidURI
	case core.KeyTooLong:
		return keyTooLong
	case core.Unauthorized, core.Forbidden:
		return accessDenied
	case core.NoSuchBucket:
		return noSuchBucket
	case core.NoSuchKey, core.NotFound:
		return noSuchKey
	case core.NoSuchVersion:
		return noSuchVersion
	case core.NoSuchUpload:
		return noSuchUpload
	case core.BucketExists:
		return bucketExists
	case core.BucketOwned:
		return bucketOwned
	case core.BucketNotEmpty:
		return bucketNotEmpty
	case core.Exists, core.Conflict, core.Locked: // nobody holds S3 to locks: this is for completeness
		return operationAborted
	case core.IsDeleteMarker:
		return methodNotAllowed
	case core.PreconditionFailed:
		return preconditionFailed
	case core.NotModified:
		return notModified
	case core.InvalidRange:
		return invalidRange
	case core.TooLarge:
		return entityTooLarge
	case core.TooSmall:
		return entityTooSmall
	case core.BadDigest:
		return badDigest
	case core.BodySize, core.BadBody:
		return incompleteBody
	case core.InvalidPart:
		return invalidPart
	case core.InvalidPartOrder:
		return invalidPartOrder
	case core.MetadataTooLarge:
		return metadataTooLarge
	case core.NotImplemented:
		return notImplemented
	case core.Overloaded, core.NoSpace:
		return slowDown
	case core.Unavailable, core.ReadOnly:
		return serviceUnavailable
	case core.Canceled:
		return requestTimeout
	}
	return internalError
}

// translateAuth puts a refused signature or body framing into S3's words.
func translateAuth(e *sigv4.Error) *apiError {
	out := &apiError{code: authCode(e.Reason), msg: e.Msg, err: e}
	if e.Reason == sigv4.UnsupportedScheme {
		out.msg += ". This is the S3 door: " + otherDoors
	}
	if e.Reason == sigv4.Mismatch && e.StringToSign != "" {
		out.fields = []field{
			{"AWSAccessKeyId", e.Key},
			{"StringToSign", e.StringToSign},
			{"SignatureProvided", e.Provided},
			{"CanonicalRequest", e.CanonicalRequest},
		}
	}
	return out
}

func authCode(reason sigv4.Reason) code {
	switch reason {
	case sigv4.MalformedHeader:
		return authHeaderMalformed
	case sigv4.MalformedQuery:
		return authQueryError
	case sigv4.BadEncoding:
		return invalidURI
	case sigv4.MultipleMechanisms, sigv4.UnsupportedScheme, sigv4.BadPayloadHash:
		return invalidArgument
	case sigv4.UnsupportedVersion, sigv4.MissingPayloadHash, sigv4.ChunkFormat:
		return invalidRequest
	case sigv4.UnsupportedVariant:
		return notImplemented
	case sigv4.UnsupportedToken:
		return invalidToken
	case sigv4.MissingDate, sigv4.NotYetValid, sigv4.Expired, sigv4.UnsignedHeaders:
		return accessDenied
	case sigv4.Skewed:
		return skewed
	case sigv4.Mismatch, sigv4.ChunkMismatch:
		return signatureMismatch
	case sigv4.ChunkLength, sigv4.Truncated:
		return incompleteBody
	case sigv4.BadTrailer:
		return malformedTrailer
	}
	return internalError
}

// fail answers with an error. HEAD and 304 have no document.
func (r *request) fail(ctx context.Context, w *recorder, err error) {
	e := translate(err)
	rep := e.code.reply()
	r.code, r.err = rep.name, err
	if r.door.cfg.NoteCode != nil {
		r.door.cfg.NoteCode(ctx, rep.name)
	}
	r.noteReason(ctx, e)
	if w.status != 0 {
		r.torn = true
		panic(http.ErrAbortHandler) // the reply has begun: all that is left is to cut it
	}
	h := w.Header()
	markerHeaders(h, err)
	if rep.status == http.StatusServiceUnavailable {
		h.Set("Retry-After", core.RetryAfter(err))
	}
	if r.Method == http.MethodHead || rep.status == http.StatusNotModified {
		w.WriteHeader(rep.status)
		return
	}
	msg := e.msg
	if msg == "" {
		msg = rep.message
	}
	_ = r.writeXML(w, rep.status, func(x *s3xml.Writer) {
		x.Declare()
		x.Open("Error")
		x.Text("Code", rep.name)
		x.Text("Message", msg)
		r.about(x, e.code)
		for _, f := range e.fields {
			x.Text(f.name, f.value)
		}
		x.Text("Resource", r.URL.EscapedPath())
		x.Text("RequestId", r.id)
		x.Text("HostId", r.id)
		x.Close("Error")
	})
}

// about names the bucket, key or upload that an error is about, where AWS does.
func (r *request) about(x *s3xml.Writer, c code) {
	switch {
	case slices.Contains([]code{noSuchBucket, bucketExists, bucketOwned, bucketNotEmpty, invalidBucketName, noSuchTagSet}, c):
		x.Text("BucketName", r.bucket)
	case c == noSuchKey, c == noSuchVersion:
		x.Text("Key", r.key)
	case c == noSuchUpload:
		x.Text("UploadId", r.query.Get("uploadId"))
	}
}

// markerHeaders tells of the delete marker that an error met.
func markerHeaders(h http.Header, err error) {
	e, ok := errors.AsType[*core.Error](err)
	if !ok || !e.Marker && e.Code != core.IsDeleteMarker {
		return
	}
	h["X-Amz-Delete-Marker"] = []string{"true"}
	if e.VersionID != "" {
		h["X-Amz-Version-Id"] = []string{e.VersionID}
	}
	if e.Code == core.IsDeleteMarker {
		h["Allow"] = []string{http.MethodDelete}
		h["Last-Modified"] = []string{httpTime(e.LastModified)}
	}
}

// httpTime writes ns since 1970 as an HTTP date.
func httpTime(ns int64) string { return time.Unix(0, ns).UTC().Format(http.TimeFormat) }
