package davfront

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"trivium/core"
)

// challenge asks for a user's name and password, or an access key and its secret (RFC 7617).
const challenge = `Basic realm="Trivium", charset="UTF-8"`

// authenticate finds out who the caller is. Whoever does not say is anonymous where the route allows that; whether
// there is something that he may see is core's to say.
func (d *door) authenticate(ctx context.Context, r *request, rt route) error {
	if rt.open {
		r.principal = core.Anonymous()
		return nil
	}
	name, password, ok := r.BasicAuth()
	switch {
	case ok:
		p, err := d.cfg.Service.Basic(ctx, name, password, r.from())
		if err != nil {
			return err
		}
		r.principal = p
	case rt.public && r.Header.Get("Authorization") == "":
		r.principal = core.Anonymous()
	default:
		return r.askWho(nil)
	}
	r.principal.Door, r.principal.RequestID = "dav", r.id(ctx)
	return nil
}

// stranger tells whether an error means that an anonymous caller should say who he is: that there is no such bucket is
// told to nobody else.
func (r *request) stranger(code core.Code) bool {
	return r.principal.Anonymous && (code == core.Forbidden || code == core.NoSuchBucket)
}

// askWho refuses a caller who has to say who he is: with a challenge, unless a password must not be sent here, which it
// says then. err is what he met, for the log.
func (r *request) askWho(err error) *refusal {
	if may := r.door.cfg.Service.MayAsk(r.from()); may != nil {
		out := &refusal{status: http.StatusForbidden, msg: "log in", err: err}
		if e, ok := errors.AsType[*core.Error](may); ok {
			out.msg = e.Msg
		}
		return out
	}
	return &refusal{
		status: http.StatusUnauthorized, err: err,
		msg: "log in with a user's name and password, or an access key and its secret",
	}
}

// from is where the request comes from.
func (r *request) from() core.Remote { return core.RemoteOf(r.RemoteAddr, r.TLS != nil) }

// clean leaves what can be printed.
func clean(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return '?'
		}
		return c
	}, s)
}
