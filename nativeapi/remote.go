package nativeapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"trivium/core"
)

// challenge asks for Basic credentials (RFC 7617).
const challenge = `Basic realm="trivium", charset="UTF-8"`

// NewRemoteAdmin returns the handler of /v1/admin/ for a listener: the calls of NewAdmin, for administrators who give
// their name and password, or an access key and its secret, as Basic credentials. Where these are taken is core's to
// decide (Service.MayAsk). Browsers remember such credentials and add them to what any page sends, so requests of other
// origins are refused, and those that change something must say that they are JSON.
func NewRemoteAdmin(cfg Config) http.Handler {
	d := &door{cfg: cfg}
	return newAdmin(cfg, d.remote)
}

// remote is the caller of a request on a listener.
func (d *door) remote(w http.ResponseWriter, r *http.Request) (core.Principal, error) {
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return core.Principal{}, &refusal{http.StatusForbidden, "Forbidden", "requests of other origins are refused"}
	}
	p, err := administrator(d.cfg.Service, w, r)
	if err == nil && r.Method == http.MethodPost && r.Header.Get("Content-Type") == "" {
		err = notJSON(", and the request must say so")
	}
	return p, err
}

// administrator is who makes r, by Basic credentials. With an error the challenge is in w where there should be one;
// the Principal has the name of who is no administrator.
func administrator(svc *core.Service, w http.ResponseWriter, r *http.Request) (core.Principal, error) {
	from := core.RemoteOf(r.RemoteAddr, r.TLS != nil)
	name, password, ok := r.BasicAuth()
	if !ok {
		if err := svc.MayAsk(from); err != nil {
			return core.Principal{}, err
		}
		w.Header().Set("WWW-Authenticate", challenge)
		return core.Principal{}, &core.Error{
			Code: core.Unauthorized, Msg: "give the name and password of an administrator, or his access key and secret, as Basic credentials",
		}
	}
	p, err := svc.Basic(r.Context(), name, password, from)
	if core.CodeOf(err) == core.Unauthorized && err != nil {
		w.Header().Set("WWW-Authenticate", challenge)
	}
	if err != nil {
		return core.Principal{}, err
	}
	p.Door = "admin"
	if !p.Admin {
		return p, &core.Error{Code: core.Forbidden, Msg: "only administrators may do this"}
	}
	return p, nil
}

// Guard returns page for administrators, who are let in as by NewRemoteAdmin, and for whoever has the token, which
// opens nothing else (`Authorization: Bearer TOKEN`, RFC 6750 §2.1); where token returns "" nobody has it. It is asked with
// each request. op names page for the log. A token is as secret as a password: it is not taken where that is not.
func Guard(cfg Config, token func() string, op string, page http.Handler) http.Handler {
	d := &door{cfg: cfg}
	d.caller = func(w http.ResponseWriter, r *http.Request) (core.Principal, error) {
		if given, ok := bearer(r); ok && token() != "" {
			if err := cfg.Service.MayAsk(core.RemoteOf(r.RemoteAddr, r.TLS != nil)); err != nil {
				return core.Principal{}, err
			}
			if !sameToken(given, token()) {
				w.Header().Set("WWW-Authenticate", `Bearer realm="trivium", error="invalid_token"`)
				return core.Principal{}, &core.Error{Code: core.Unauthorized, Msg: "the token is not valid"}
			}
			return core.Principal{Name: "token", Anonymous: true}, nil
		}
		return administrator(cfg.Service, w, r)
	}
	return d.wrap(call{op: op, run: func(w http.ResponseWriter, r *http.Request, _ *core.Session) error {
		page.ServeHTTP(w, r)
		return nil
	}})
}

// bearer returns the token of a request.
func bearer(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
}

// sameToken compares in a time that tells nothing of either, lengths included.
func sameToken(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
