package s3front

import (
	"context"
	"errors"
	"strings"

	"trivium/s3front/sigv4"
)

// maxReason bounds what a log line keeps of a reason, which may hold a name that the client has chosen.
const maxReason = 200

// noteReason tells the access log what the answer does not: which access key a refused signature named and what is
// wrong with it, and what it is that a 501 is about.
func (r *request) noteReason(ctx context.Context, e *apiError) {
	note := r.door.cfg.NoteReason
	if note == nil {
		return
	}
	auth, ok := errors.AsType[*sigv4.Error](error(e))
	switch {
	case r.unknownKey:
		note(ctx, clean(sigv4.ClaimedKey(r.Request, r.query)), "unknown key")
	case ok && auth.Reason == sigv4.Mismatch:
		note(ctx, clean(auth.Key), "wrong secret")
	case ok:
		note(ctx, clean(sigv4.ClaimedKey(r.Request, r.query)), auth.Reason.String())
	case e.code == notImplemented:
		reason := clean(e.msg)
		note(ctx, "", reason[:min(len(reason), maxReason)])
	}
}

// clean leaves what can be printed of what a client has sent.
func clean(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, s)
}
