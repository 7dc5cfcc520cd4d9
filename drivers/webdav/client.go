package webdav

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"trivium/drivers"
)

const (
	maxConnections = 128
	maxIdle        = 16
	// idleTimeout is shorter than what servers grant (Apache: 5 s), so that a request rarely meets a connection that
	// the server is closing: a PUT cannot be sent again then.
	idleTimeout = 4 * time.Second
	dialTimeout = 30 * time.Second
	defaultIdle = 2 * time.Minute
	slotTimeout = 30 * time.Second
	drainLimit  = 64 << 10 // of an answer that nobody reads, so that its connection can be used again
)

// client speaks HTTP with one server.
type client struct {
	origin    string   // scheme and host
	prefix    string   // escaped path of the root, without a slash at its end
	segments  []string // the same decoded
	auth      string   // Authorization, or ""
	http      *http.Client
	transport *http.Transport
	slots     chan struct{} // one for each answer under way
}

func newClient(cfg Config, opts Options) (*client, error) {
	u, err := parseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	c := &client{
		origin: u.Scheme + "://" + u.Host, prefix: strings.TrimRight(u.EscapedPath(), "/"),
		segments: splitHref(u.EscapedPath()), slots: make(chan struct{}, maxConnections),
	}
	switch {
	case cfg.BearerToken != "" && (cfg.User != "" || cfg.Password != ""):
		return nil, errors.New("bearerToken: give either it or user and password")
	case cfg.User == "" && cfg.Password != "":
		return nil, errors.New("user: a password needs one")
	case strings.ContainsFunc(cfg.BearerToken, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, errors.New("bearerToken: want printable characters without spaces")
	case strings.Contains(cfg.User, ":"):
		return nil, errors.New(`user: must not contain ":"`)
	case cfg.BearerToken != "":
		c.auth = "Bearer " + cfg.BearerToken
	case cfg.User != "":
		c.auth = "Basic " + base64.StdEncoding.EncodeToString([]byte(cfg.User+":"+cfg.Password))
	}
	c.transport = &http.Transport{
		DialContext: dialer(opts), TLSHandshakeTimeout: dialTimeout, DisableCompression: true,
		MaxIdleConnsPerHost: maxIdle, IdleConnTimeout: idleTimeout, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	c.http = &http.Client{
		Transport: c.transport,
		// Nothing is followed: credentials and content belong to the server that the owner named.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

func (c *client) close() { c.transport.CloseIdleConnections() }

// url is the escaped path of a name; "" is the root. The path of a collection ends in "/": some servers want it.
func (c *client) url(name string, dir bool) string {
	var b strings.Builder
	b.WriteString(c.prefix)
	if name != "" {
		for seg := range strings.SplitSeq(name, "/") {
			b.WriteString("/" + url.PathEscape(seg))
		}
	}
	if dir {
		b.WriteString("/")
	}
	return b.String()
}

// request is one request; the zero value but for method and path is the common case.
type request struct {
	method, path string
	header       http.Header
	body         io.Reader
	size         int64 // of body
	once         bool  // it must not be sent again when a connection broke
}

// do sends a request. The caller closes the body of the answer, whatever its status.
func (c *client) do(ctx context.Context, r request) (*http.Response, error) {
	release, err := c.slot(ctx)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.origin+r.path, r.body)
	if err != nil {
		release()
		return nil, fmt.Errorf("%w: %w", drivers.ErrName, err)
	}
	maps.Copy(req.Header, r.header)
	if r.size > 0 {
		req.ContentLength = r.size
	}
	if c.auth != "" {
		req.Header.Set("Authorization", c.auth)
	}
	req.Header.Set("User-Agent", "Trivium")
	req.Header.Set("Accept-Encoding", "identity")
	if !r.once {
		req.Header["Idempotency-Key"] = nil // says to net/http alone that it may send the request again
	}
	resp, err := c.http.Do(req)
	if err != nil {
		release()
		return nil, transportError(ctx, err)
	}
	resp.Body = &slotBody{ReadCloser: resp.Body, release: release}
	return resp, nil
}

// send sends a request of which only the status counts: one of want, else the error is a *statusError.
func (c *client) send(ctx context.Context, r request, want ...int) (http.Header, error) {
	resp, err := c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if !slices.Contains(want, resp.StatusCode) {
		return nil, c.refusal(resp)
	}
	_, _ = io.CopyN(io.Discard, resp.Body, drainLimit)
	return resp.Header, nil
}

func (c *client) slot(ctx context.Context) (release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	give := sync.OnceFunc(func() { <-c.slots })
	select {
	case c.slots <- struct{}{}:
		return give, nil
	default:
	}
	timer := time.NewTimer(slotTimeout)
	defer timer.Stop()
	select {
	case c.slots <- struct{}{}:
		return give, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		return nil, fmt.Errorf("%w: all %d connections are in use", drivers.ErrTransient, maxConnections)
	}
}

// slotBody gives its slot back when it is closed.
type slotBody struct {
	io.ReadCloser
	release func()
}

// Close implements io.Closer.
func (b *slotBody) Close() error {
	defer b.release()
	return b.ReadCloser.Close()
}

func dialer(opts Options) func(ctx context.Context, network, addr string) (net.Conn, error) {
	dial, idle := opts.Dial, opts.Idle
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	if idle == 0 {
		idle = defaultIdle
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &idleConn{Conn: conn, idle: idle}, nil
	}
}

// idleConn fails when nothing moves for too long in either direction while a Read or Write waits.
type idleConn struct {
	net.Conn
	idle time.Duration
}

func (c *idleConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.idle)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// Write also moves the deadline of a Read that waits for the answer to what is being written.
func (c *idleConn) Write(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.idle)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	if err == nil {
		err = c.SetReadDeadline(time.Now().Add(c.idle))
	}
	return n, err
}
