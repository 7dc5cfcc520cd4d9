package nativeapi

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"trivium/core"
	"trivium/nativeapi/adminapi"
	v1 "trivium/nativeapi/v1"
	"trivium/s3front/sigv4"
)

// reply is how a core.Code looks on the wire (native API, "Envelope, errors, common rules").
type reply struct {
	status int
	code   string
}

// replyOf translates a code.
func replyOf(c core.Code) reply {
	switch c {
	case core.BadArgument, core.BadName, core.BadKey, core.KeyTooLong, core.TooSmall, core.BadDigest, core.BodySize,
		core.BadBody, core.InvalidPart, core.InvalidPartOrder, core.MetadataTooLarge:
		return reply{http.StatusBadRequest, "BadArgument"}
	case core.Unauthorized:
		return reply{http.StatusUnauthorized, "Unauthorized"}
	case core.Forbidden:
		return reply{http.StatusForbidden, "Forbidden"}
	case core.NoSuchBucket, core.NoSuchKey, core.NoSuchVersion, core.NoSuchUpload, core.NotFound, core.IsDeleteMarker:
		return reply{http.StatusNotFound, "DataNotFound"}
	case core.BucketExists, core.BucketOwned, core.Exists:
		return reply{http.StatusConflict, "DataExists"}
	case core.BucketNotEmpty, core.Conflict, core.Locked:
		return reply{http.StatusConflict, "Conflict"}
	case core.PreconditionFailed:
		return reply{http.StatusPreconditionFailed, "Conflict"}
	case core.NotModified:
		return reply{http.StatusNotModified, "OK"}
	case core.InvalidRange:
		return reply{http.StatusRequestedRangeNotSatisfiable, "InvalidRange"}
	case core.TooLarge:
		return reply{http.StatusRequestEntityTooLarge, "TooLarge"}
	case core.NotImplemented:
		return reply{http.StatusNotImplemented, "NotImplemented"}
	case core.Overloaded:
		return reply{http.StatusTooManyRequests, "TooManyRequests"}
	case core.Unavailable, core.Canceled, core.ReadOnly:
		return reply{http.StatusServiceUnavailable, "Unavailable"}
	case core.NoSpace:
		return reply{http.StatusInsufficientStorage, "OperationFailed"}
	case core.Internal, core.Corrupt:
	}
	return reply{http.StatusInternalServerError, "OperationFailed"}
}

// refusal is an error of the protocol, which core knows nothing of.
type refusal struct {
	status        int
	code, message string
}

// Error implements error.
func (e *refusal) Error() string { return e.message }

// badArgument refuses what a client sent.
func badArgument(message string) error {
	return &refusal{http.StatusBadRequest, "BadArgument", message}
}

// worded translates an error into what is answered.
func worded(err error) (reply, string) {
	if ref, ok := errors.AsType[*refusal](err); ok {
		return reply{ref.status, ref.code}, ref.message
	}
	rep, message := replyOf(core.CodeOf(err)), "internal error: the log says more under this request id"
	if ce, ok := errors.AsType[*core.Error](err); ok && ce.Msg != "" {
		message = ce.Msg
		if ce.Path != "" && !strings.Contains(message, ce.Path) {
			message = ce.Path + ": " + message
		}
	}
	return rep, message
}

// isCore tells whether an error has a code of core.
func isCore(err error) bool {
	_, ok := errors.AsType[*core.Error](err)
	return ok
}

// fail answers an error of /v1. A bucket on which the caller has no right at all is answered as one that is
// missing.
func (d *native) fail(ctx context.Context, w http.ResponseWriter, e Event) {
	rep, message := worded(e.Err)
	if sig, ok := errors.AsType[*sigv4.Error](e.Err); ok {
		rep, message = reply{http.StatusUnauthorized, "Unauthorized"}, sig.Msg
	} else if ce, ok := errors.AsType[*core.Error](e.Err); ok && ce.Code == core.Forbidden && ce.Hidden {
		rep, message = worded(&core.Error{Code: core.NoSuchBucket, Path: ce.Path, Msg: "there is no such bucket"})
	}
	d.cfg.failed(ctx, w, rep, e)
	write(w, rep.status, v1.Answer[*struct{}]{Code: rep.code, Message: message})
}

// failed tells log and observer of an error before it is answered, and the client when to come again.
func (c *Config) failed(ctx context.Context, w http.ResponseWriter, rep reply, e Event) {
	e.Status, e.Code = rep.status, rep.code
	if c.NoteCode != nil {
		c.NoteCode(ctx, e.Code)
	}
	if c.Observe != nil {
		c.Observe(ctx, e)
	}
	if rep.status == http.StatusTooManyRequests || rep.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", core.RetryAfter(e.Err))
	}
}

// fail answers an error. What went wrong inside is for the log alone.
func (d *door) fail(w http.ResponseWriter, r *http.Request, e Event) {
	rep, message := worded(e.Err)
	d.cfg.failed(r.Context(), w, rep, e)
	write(w, rep.status, adminapi.Answer[*adminapi.Nothing]{Code: rep.code, Message: message, RequestID: e.RequestID})
}
