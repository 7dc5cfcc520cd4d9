// Package client speaks the calls of administrators, /v1/admin/, to a server on this machine, or to a handler in the
// same process.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"trivium/nativeapi/adminapi"
)

// maxAnswer bounds what is read of an answer, in bytes: a page of 1,000 items is far below.
const maxAnswer = 64 << 20

// Client makes calls. All methods may be called concurrently. Errors are *Error when the server answered, else those of
// the connection.
type Client struct {
	http *http.Client
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

// InProcess returns a client of a handler of this process. An answer is kept in memory.
func InProcess(h http.Handler) *Client {
	return &Client{http: &http.Client{Transport: inProcess{h}}}
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
	r, err := http.NewRequestWithContext(ctx, method, "http://localhost"+adminapi.Prefix+call, bytes.NewReader(body))
	if err != nil {
		return data, fmt.Errorf("%s: %w", call, err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return data, err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return data, fmt.Errorf("read the answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return data, refused(resp.StatusCode, text)
	}
	var answer adminapi.Answer[T]
	if err := json.Unmarshal(text, &answer); err != nil {
		return data, fmt.Errorf("read the answer: %w", err)
	}
	return answer.Data, nil
}

// refused makes an error of an answer.
func refused(status int, text []byte) error {
	var answer adminapi.Answer[*adminapi.Nothing]
	if json.Unmarshal(text, &answer) != nil || answer.Message == "" {
		return &Error{Status: status, Message: fmt.Sprintf("status %d: %s", status, bytes.TrimSpace(text[:min(len(text), 500)]))}
	}
	return &Error{Status: status, Code: answer.Code, Message: answer.Message, RequestID: answer.RequestID}
}

// inProcess is a transport to a handler.
type inProcess struct{ h http.Handler }

// RoundTrip implements http.RoundTripper.
func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RequestURI = r.URL.RequestURI()
	if in.Body == nil {
		in.Body = http.NoBody
	}
	out := &recorder{header: make(http.Header), status: http.StatusOK}
	p.h.ServeHTTP(out, in)
	if err := in.Body.Close(); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: out.status, Header: out.header, Body: io.NopCloser(&out.body), ContentLength: int64(out.body.Len()),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
	}, nil
}

// recorder keeps an answer.
type recorder struct {
	header http.Header
	status int
	begun  bool
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (w *recorder) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *recorder) WriteHeader(status int) {
	if !w.begun {
		w.status, w.begun = status, true
	}
}

// Write implements http.ResponseWriter.
func (w *recorder) Write(p []byte) (int, error) {
	w.begun = true
	return w.body.Write(p)
}
