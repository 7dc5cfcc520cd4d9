package client

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"unicode"
)

// maxLine bounds what is shown of an answer that is none of ours, in bytes.
const maxLine = 200

// send sends a request. Errors of a Remote client say what to do.
func (c *Client) send(r *http.Request) (*http.Response, error) {
	resp, err := c.http.Do(r)
	if err != nil && c.base != "" {
		return nil, c.explain(err)
	}
	return resp, err
}

// explain words why a server cannot be reached.
func (c *Client) explain(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok { // its words are a URL that nobody has typed
		err = u.Err
	}
	advice := ""
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); unknown {
		advice = "name the certificate, or that of its authority, in SSL_CERT_FILE"
	}
	switch {
	case advice != "":
	case errors.Is(err, syscall.ECONNREFUSED):
		advice = "is the server running there?"
	case errors.Is(err, http.ErrSchemeMismatch):
		advice = "it does not speak TLS: use http:// if that is right, which goes to this machine alone"
	default:
		return fmt.Errorf("ask the server at %s: %w", c.base, err)
	}
	return fmt.Errorf("ask the server at %s: %w: %s", c.base, err, advice)
}

// foreign words an answer that no Trivium gives, in one line.
func (c *Client) foreign(status int, text []byte) error {
	if status == http.StatusBadRequest && strings.HasPrefix(c.base, "http:") && bytes.Contains(text, []byte("HTTP request to an HTTPS server")) {
		return &Error{Status: status, Message: "the server at " + c.base + " speaks TLS: use https://" + strings.TrimPrefix(c.base, "http://")}
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	line = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, line[:min(len(line), maxLine)])
	if c.base == "" {
		return &Error{Status: status, Message: fmt.Sprintf("status %d: %s", status, line)}
	}
	return &Error{Status: status, Message: fmt.Sprintf("what answers at %s is no Trivium, or a proxy before it (status %d: %s): name another URL",
		c.base, status, cmp.Or(line, "nothing"))}
}
