package server

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Read reads from the client, and hides the end of what it sends from a request that is being answered.
//
// While a handler runs, net/http has a Read of one byte open in the background, to learn that the client went away:
// when that Read says EOF, it cancels the request's context. But EOF says only that the client sends nothing more. It
// may have closed its sending side and be waiting for the answer (RFC 9112, section 9.6), and its request must not be
// canceled. So a Read of one byte that meets EOF does not return it: it blocks until net/http itself calls the Read
// off, by a deadline in the past, which it sets when the answer is sent, or by closing the connection. Then net/http
// reads for the next request, with a larger buffer, and is told of the EOF. A client that is gone altogether is noticed
// by the first Write that fails, or, while Attend is at work, by its silence.
//
// Two connections keep net/http's way: those with TLS, where the Reads of net/http end in crypto/tls, which never asks
// here for one byte; and those of the operator's socket, where an end is one, so that Ctrl-C in a command ends its work
// in the server.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.head.read(p[:n])
	if !c.l.local && n == 0 && len(p) == 1 && errors.Is(err, io.EOF) {
		return 0, c.half.wait()
	}
	return n, err
}

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.head.deadline()
	c.half.set(t, false)
	return c.Conn.SetReadDeadline(t)
}

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	c.half.set(t, false)
	return c.Conn.SetDeadline(t)
}

// goneTime is how long one who has closed its sending side may wait for an answer that costs much.
const goneTime = 10 * time.Second

// Attend says that the request of ctx is about to work long before it writes anything, so that only what is read says
// whether its client is still there. Until done is called, one who closed its sending side for 10 s counts as gone: ctx
// ends. done may be called once; a door calls both on the goroutine of its handler.
func Attend(ctx context.Context) (done func()) {
	c, ok := ctx.Value(connKey{}).(*conn)
	if !ok { // net/http sees the end itself
		return func() {}
	}
	c.half.attend(time.Now())
	return func() { c.half.attend(time.Time{}) }
}

// halfOpen is what a Read behind the end waits for.
type halfOpen struct {
	mu       sync.Mutex
	deadline time.Time // of reads; zero: none
	closed   bool
	attended time.Time // since when the client is to be there; zero: it need not
	waits    bool
	changed  chan struct{} // closed, and made anew, when any of them changes while somebody waits
}

// set notes a deadline, or that the connection is closed.
func (h *halfOpen) set(deadline time.Time, closed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deadline, h.closed = deadline, h.closed || closed
	h.wake()
}

// attend notes since when the client is to be there.
func (h *halfOpen) attend(since time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.attended = since
	h.wake()
}

// wake tells those who wait of a change. The caller holds the lock.
func (h *halfOpen) wake() {
	if h.waits {
		h.waits = false
		close(h.changed)
		h.changed = make(chan struct{})
	}
}

// wait returns an error when the deadline is over or the connection is closed, and the end itself when the client counts
// as gone.
func (h *halfOpen) wait() error {
	ended := time.Now()
	for {
		h.mu.Lock()
		deadline, closed, attended, changed := h.deadline, h.closed, h.attended, h.changed
		h.waits = true
		h.mu.Unlock()
		if closed {
			return net.ErrClosed
		}
		var over, gone <-chan time.Time
		if !deadline.IsZero() {
			left := time.Until(deadline)
			if left <= 0 {
				return os.ErrDeadlineExceeded
			}
			over = time.After(left)
		}
		if !attended.IsZero() {
			if ended.After(attended) {
				attended = ended
			}
			gone = time.After(goneTime - time.Since(attended))
		}
		select {
		case <-changed:
		case <-over:
		case <-gone:
			return io.EOF
		}
	}
}
