// Package client speaks the native API, /v1/, and the calls of administrators below it, to a server, on this machine by
// its socket or anywhere by its URL, or to a handler in the same process.
package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"

	"trivium/nativeapi/adminapi"
)

// maxAnswer bounds what is read of an answer, in bytes: a page of 1,000 items is far below.
const maxAnswer = 64 << 20

// Client makes calls. All methods may be called concurrently. Errors are *Error when the server answered, else those of
// the connection.
type Client struct {
	http           *http.Client
	base           string // URL without a slash at the end; "": it does not matter
	name, password string // Basic credentials; "": none
}

// Error is what a server answered in place of data.
type Error struct {
	Status    int    // of HTTP
	Code      string // "DataNotFound"
	Message   string // value, reason, next step
	RequestID string // as in the server's log; "" when none was told
}

// Error returns the message, with the request's id when there is one.
func (e *Error) Error() string {
	if e.RequestID == "" {
		return e.Message
	}
	return e.Message + " (request " + e.RequestID + ")"
}

// Dial returns a client of the server that listens on a Unix socket. It connects with each call.
func Dial(socket string) *Client {
	var d net.Dialer
	return &Client{http: &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return d.DialContext(ctx, "unix", socket)
		},
	}}}
}

// Remote returns a client of the server at that URL, such as https://store.example.com:7070, which it asks as an
// administrator by name and password, or by access key and secret. Certificates are judged as the system does (on Linux
// SSL_CERT_FILE names others); redirects are not followed. A URL by which a password would go to another machine in the
// clear is an error, and so is one with anything but scheme, host and port.
func Remote(server, name, password string) (*Client, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q is no URL of a server: give scheme, host and port alone, such as https://store.example.com:7070", server)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("%s: the scheme must be https, or http on this machine", server)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, fmt.Errorf("%s: a password does not go over plain http to another machine: use https", server)
	}
	return &Client{base: u.Scheme + "://" + u.Host, name: name, password: password, http: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// loopback tells whether a host is this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// InProcess returns a client of a handler of this process. A panic of the handler is an error of the call, and is in log
// with its stack.
func InProcess(h http.Handler, log *slog.Logger) *Client {
	return &Client{http: &http.Client{Transport: inProcess{h, log}}}
}

// get makes a call that reads.
func get[T any](ctx context.Context, c *Client, call string, query url.Values) (T, error) {
	return do[T](ctx, c, http.MethodGet, call+"?"+query.Encode(), nil)
}

// post makes a call with a document.
func post[T any](ctx context.Context, c *Client, call string, doc any) (T, error) {
	var none T
	body, err := json.Marshal(doc)
	if err != nil {
		return none, fmt.Errorf("%s: %w", call, err)
	}
	return do[T](ctx, c, http.MethodPost, call, body)
}

// do makes a call and reads its answer.
func do[T any](ctx context.Context, c *Client, method, call string, body []byte) (data T, err error) {
	r, err := c.request(ctx, method, adminapi.Prefix+call, bytes.NewReader(body))
	if err != nil {
		return data, fmt.Errorf("%s: %w", call, err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return answerOf[T](c, r)
}

// request makes a request with the client's credentials.
func (c *Client) request(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, cmp.Or(c.base, "http://localhost")+path, body)
	if err == nil && c.name != "" {
		r.SetBasicAuth(c.name, c.password)
	}
	return r, err
}

// answerOf sends a request and reads its answer.
func answerOf[T any](c *Client, r *http.Request) (data T, err error) {
	resp, err := c.send(r)
	if err != nil {
		return data, err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return data, fmt.Errorf("read the answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return data, c.refused(resp.StatusCode, text)
	}
	var answer adminapi.Answer[T]
	if err := json.Unmarshal(text, &answer); err != nil {
		if c.base != "" {
			return data, c.foreign(resp.StatusCode, text)
		}
		return data, fmt.Errorf("read the answer: %w", err)
	}
	return answer.Data, nil
}

// refused makes an error of an answer.
func (c *Client) refused(status int, text []byte) error {
	var answer adminapi.Answer[*adminapi.Nothing]
	if json.Unmarshal(text, &answer) != nil || answer.Message == "" {
		return c.foreign(status, text)
	}
	return &Error{Status: status, Code: answer.Code, Message: answer.Message, RequestID: answer.RequestID}
}

// inProcess is a transport to a handler.
type inProcess struct {
	h   http.Handler
	log *slog.Logger
}

// RoundTrip implements http.RoundTripper. It returns when the answer begins; who closes its body waits for the handler.
func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RequestURI = r.URL.RequestURI()
	if in.Body == nil {
		in.Body = http.NoBody
	}
	body, pipe := io.Pipe()
	out := &recorder{header: make(http.Header), pipe: pipe, begun: make(chan struct{})}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		pipe.CloseWithError(p.serve(out, in))
	}()
	<-out.begun
	resp := &http.Response{
		StatusCode: out.status, Header: out.sent, Body: &answerBody{body, ended}, ContentLength: -1,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
	}
	if n, err := strconv.ParseInt(out.sent.Get("Content-Length"), 10, 64); err == nil {
		resp.ContentLength = n
	}
	return resp, nil
}

// serve runs the handler; an answer that it cuts ends with an error, and so does one in which it panics.
func (p inProcess) serve(out *recorder, in *http.Request) (err error) {
	defer func() {
		if fault := recover(); fault == http.ErrAbortHandler { //nolint:errorlint // it is compared by the server, too
			err = io.ErrUnexpectedEOF
		} else if fault != nil {
			p.log.Error("panic", "path", in.URL.Path, "panic", fault, "stack", string(debug.Stack()))
			err = fmt.Errorf("internal error, of which the log has more: %v", fault)
		}
		err = errors.Join(err, in.Body.Close())
		out.WriteHeader(http.StatusOK)
	}()
	p.h.ServeHTTP(out, in)
	return nil
}

// answerBody is the body of an answer of this process.
type answerBody struct {
	*io.PipeReader
	ended <-chan struct{}
}

// Close implements io.Closer.
func (b *answerBody) Close() error {
	err := b.PipeReader.Close()
	<-b.ended
	return err
}

// recorder hands an answer over as it is written.
type recorder struct {
	header http.Header
	sent   http.Header
	status int
	pipe   *io.PipeWriter
	begun  chan struct{}
}

// Header implements http.ResponseWriter.
func (w *recorder) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *recorder) WriteHeader(status int) {
	if w.sent == nil {
		w.sent, w.status = w.header.Clone(), status
		close(w.begun)
	}
}

// Write implements http.ResponseWriter.
func (w *recorder) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.pipe.Write(p)
}
