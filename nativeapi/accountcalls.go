package nativeapi

import (
	"context"
	"net/http"
	"time"

	"trivium/core"
	v1 "trivium/nativeapi/v1"
)

// login is POST user/login.
func login(w http.ResponseWriter, r *request) error {
	var in v1.Login
	if err := r.decode(&in); err != nil {
		return err
	}
	ctx, svc := r.Context(), r.d.cfg.Service
	p, err := svc.Basic(ctx, in.Value, in.Password, core.RemoteOf(r.RemoteAddr, r.TLS != nil))
	if err == nil && p.KeyID != "" {
		err = &core.Error{Code: core.Unauthorized, Msg: "value: it must be the name of a user"}
	}
	if err != nil {
		return err
	}
	token, expiry, err := svc.Session(p).Token(ctx, core.TokenUse{}, r.d.cfg.tokenLifetime())
	if err != nil {
		return err
	}
	if r.d.cfg.Note != nil {
		r.d.cfg.Note(ctx, p.Name, "")
	}
	logged := v1.LoggedIn{Token: token, ExpireTime: timeOf(expiry), UserID: p.UserID}
	write(w, http.StatusOK, v1.LoginAnswer{
		Answer: v1.Answer[v1.LoggedIn]{Code: v1.OK, Data: logged}, Status: http.StatusOK, Success: true, Result: logged, Token: token,
	})
	return nil
}

// health is GET system/health.
func health(w http.ResponseWriter, r *request) error {
	ctx, cancel := context.WithTimeout(r.Context(), readyTime)
	defer cancel()
	if err := r.d.cfg.Ready(ctx); err != nil {
		return &refusal{http.StatusServiceUnavailable, "Unavailable", "the server is not ready"}
	}
	doc := v1.Health{Status: "ok", Time: time.Now().UTC()}
	if r.d.cfg.Status != nil {
		doc.Version = r.d.cfg.Status().Version
	}
	return r.reply(w, doc)
}
