package server

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Read reads from the client. While a handler runs, net/http reads ahead, one byte, and takes the end of what the
// client sends for its going away: it cancels the request. But a client may close its sending side and wait for the
// answer (RFC 9112, section 9.6), so that Read ends when net/http takes it back, which it does after the answer, or
// when the connection is closed. Who has gone altogether is noticed by the first Write that fails. Over TLS net/http
// never reads here itself, and keeps its way. On the operator's socket an end is one: what nobody waits for any more
// should end.
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

// halfOpen is what a Read behind the end waits for.
type halfOpen struct {
	mu       sync.Mutex
	deadline time.Time // of reads; zero: none
	closed   bool
	waits    bool
	changed  chan struct{} // closed, and made anew, when any of them changes while somebody waits
}

// set notes a deadline, or that the connection is closed.
func (h *halfOpen) set(deadline time.Time, closed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deadline, h.closed = deadline, h.closed || closed
	if h.waits {
		h.waits = false
		close(h.changed)
		h.changed = make(chan struct{})
	}
}

// wait returns an error when the deadline is over or the connection is closed.
func (h *halfOpen) wait() error {
	for {
		h.mu.Lock()
		deadline, closed, changed := h.deadline, h.closed, h.changed
		h.waits = true
		h.mu.Unlock()
		if closed {
			return net.ErrClosed
		}
		var over <-chan time.Time
		if !deadline.IsZero() {
			left := time.Until(deadline)
			if left <= 0 {
				return os.ErrDeadlineExceeded
			}
			over = time.After(left)
		}
		select {
		case <-changed:
		case <-over:
		}
	}
}
