package webdav

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"trivium/drivers"
)

// statusError is an answer whose status is not what was wanted.
type statusError struct {
	method string
	status int
	asked  bool   // credentials were sent
	to     string // of a redirect: its target, without what may be secret
	slash  bool   // of a redirect: to the same path with a slash at its end
}

// Error says what the status means here.
func (e *statusError) Error() string {
	return fmt.Sprintf("%s was answered with %d %s%s: %v", e.method, e.status, http.StatusText(e.status), e.words(), e.Unwrap())
}

func (e *statusError) words() string {
	switch {
	case e.status == http.StatusUnauthorized && e.asked:
		return " (the server refuses the user name and password, or the token)"
	case e.status == http.StatusUnauthorized:
		return " (the server wants a user name and password, or a token)"
	case e.status == http.StatusForbidden:
		return " (the server does not allow this, or not to this user)"
	case e.status == http.StatusRequestEntityTooLarge:
		return " (the server takes no content of this size)"
	case e.status == http.StatusInsufficientStorage:
		return " (the server's disk or quota is full)"
	case e.status == http.StatusLocked:
		return " (somebody has locked it)"
	case e.to != "":
		return " (redirects are not followed: it leads to " + e.to + ")"
	case e.status/100 == 2 || e.status == http.StatusMethodNotAllowed || e.status == http.StatusNotImplemented:
		return " (is this the address of a WebDAV server?)"
	}
	return ""
}

// Unwrap returns the sentinel that the status means where nothing more is known.
func (e *statusError) Unwrap() error {
	switch e.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired, http.StatusPaymentRequired:
		return drivers.ErrDenied
	case http.StatusNotFound, http.StatusGone:
		return drivers.ErrNotExist
	case http.StatusPreconditionFailed:
		return drivers.ErrExist
	case http.StatusRequestEntityTooLarge, http.StatusInsufficientStorage:
		return drivers.ErrNoSpace
	case http.StatusRequestURITooLong:
		return drivers.ErrName
	case http.StatusLocked, http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return drivers.ErrTransient
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported, http.StatusLoopDetected:
		return drivers.ErrBroken
	}
	if e.status >= http.StatusInternalServerError {
		return drivers.ErrTransient
	}
	return drivers.ErrBroken
}

// refusal makes an error of an answer. A 207 to a request that changes something lists what went wrong.
func (c *client) refusal(resp *http.Response) error {
	e := &statusError{method: resp.Request.Method, status: resp.StatusCode, asked: c.auth != ""}
	if to, err := resp.Location(); err == nil && resp.StatusCode/100 == 3 {
		e.to = to.Scheme + "://" + to.Host + to.EscapedPath()
		e.slash = e.to == c.origin+resp.Request.URL.EscapedPath()+"/"
	}
	if resp.StatusCode == http.StatusMultiStatus {
		_ = readMultistatus(resp.Body, func(m member) error {
			if m.status >= http.StatusBadRequest {
				e.status = m.status
			}
			return nil
		})
	}
	return e
}

// statusOf is the status that err tells of, or 0.
func statusOf(err error) int {
	if e, ok := errors.AsType[*statusError](err); ok {
		return e.status
	}
	return 0
}

// isSlash tells whether err is a redirect to the same path with a slash at its end: a collection's.
func isSlash(err error) bool {
	e, ok := errors.AsType[*statusError](err)
	return ok && e.slash
}

// transportError judges why no answer came, or only a part of it. Its text has no secrets in it: net/http tells
// addresses, and headers never.
func transportError(ctx context.Context, err error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if ue, ok := errors.AsType[*url.Error](err); ok {
		err = ue.Err
	}
	timeout := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	if !timeout && drivers.Sentinel(err) != nil {
		return err
	}
	_, badCert := errors.AsType[*tls.CertificateVerificationError](err)
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	switch {
	case badCert:
		return fmt.Errorf("%w: the server's certificate is not accepted: %w", drivers.ErrBroken, err)
	case noTLS || errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Errorf("%w: one side speaks TLS and the other does not: %w", drivers.ErrBroken, err)
	}
	// Flat, because a timeout of the network passes for a context.DeadlineExceeded.
	return fmt.Errorf("%w: %s", drivers.ErrTransient, err.Error())
}
