package davfront

import (
	"context"
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
	from := core.RemoteOf(r.RemoteAddr, r.TLS != nil)
	name, password, ok := r.BasicAuth()
	switch {
	case ok:
		p, err := d.cfg.Service.Basic(ctx, name, password, from)
		if err != nil {
			return err
		}
		r.principal = p
	case rt.public && r.Header.Get("Authorization") == "":
		r.principal = core.Anonymous()
	default:
		if err := d.cfg.Service.MayAsk(from); err != nil {
			return err
		}
		return &core.Error{Code: core.Unauthorized, Msg: "log in with a user's name and password, or an access key and its secret"}
	}
	r.principal.Door, r.principal.RequestID = "dav", r.id(ctx)
	return nil
}

// stranger tells whether an error means that an anonymous caller should say who he is: that there is no such bucket is
// told to nobody else.
func (r *request) stranger(code core.Code) bool {
	return r.principal.Anonymous && (code == core.Forbidden || code == core.NoSuchBucket)
}

// ask adds the challenge to a reply, where a password may be asked for.
func (r *request) ask(h http.Header) {
	if r.door.cfg.Service.MayAsk(core.RemoteOf(r.RemoteAddr, r.TLS != nil)) == nil {
		h.Set("Www-Authenticate", challenge)
	}
}

// clean leaves what can be printed.
func clean(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return '?'
		}
		return c
	}, s)
}
