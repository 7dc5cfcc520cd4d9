package server

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"sync"
)

// corkSize is the most that a cork holds: the buffer in which net/http collects an answer's head and the beginning of
// its body. It sends that and the rest of the body apart, which costs a system call and a packet of their own.
const corkSize = 4 << 10

// cork holds back one short write on a connection while it is on, so that the next one takes it along. It is on
// during single calls of response.Write only, and holds nothing when such a call has returned.
type cork struct {
	mu     sync.Mutex
	on     bool
	held   []byte // sent before anything else
	buf    *[corkSize]byte
	failed error // of the first write that failed; it sticks
}

// hold puts the cork on.
func (k *cork) hold() {
	k.mu.Lock()
	k.on = true
	k.mu.Unlock()
}

// keep holds p back if it may, and tells whether it did. The memory comes from buffers. The caller has the lock.
func (k *cork) keep(p []byte, buffers *sync.Pool) bool {
	if !k.on || len(k.held) > 0 || len(p) > corkSize {
		return false
	}
	var ok bool
	if k.buf, ok = buffers.Get().(*[corkSize]byte); !ok {
		k.buf = new([corkSize]byte)
	}
	k.held = append(k.buf[:0], p...)
	return true
}

// release takes the cork off and sends what is held.
func (c *conn) release() error {
	c.cork.mu.Lock()
	defer c.cork.mu.Unlock()
	c.cork.on = false
	if len(c.cork.held) > 0 {
		_, _ = c.send(nil) // an error sticks
	}
	return c.cork.failed
}

// send sends what is held and then p, with one system call where the system has one for that. It returns how much of
// p was sent. The caller has the lock.
func (c *conn) send(p []byte) (int, error) {
	c.writes.enter()
	defer c.writes.leave()
	held := len(c.cork.held)
	if held == 0 {
		n, err := c.Conn.Write(p)
		c.cork.failed = err
		return n, err
	}
	parts := net.Buffers{c.cork.held}
	if len(p) > 0 {
		parts = append(parts, p)
	}
	n, err := parts.WriteTo(c.Conn)
	c.l.corks.Put(c.cork.buf)
	c.cork.held, c.cork.buf = nil, nil
	if err != nil {
		c.cork.failed = err
	}
	return max(0, int(n)-held), err
}

type connKey struct{}

// withConn is the http.Server's ConnContext hook: a request knows its connection as the ConnState hook does.
func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// first sends the head and p, the first piece of the body, together. If p is the whole body it sends the end of p too,
// which net/http would keep back until the handler has returned.
func (w *response) first(p []byte) (n int, err error) {
	w.conn.cork.hold()
	defer func() {
		if failed := w.conn.release(); err == nil {
			err = failed
		}
	}()
	n, err = w.ResponseWriter.Write(p)
	if length := w.Header()["Content-Length"]; err == nil && len(length) == 1 && length[0] == strconv.Itoa(len(p)) {
		err = http.NewResponseController(w.ResponseWriter).Flush()
	}
	return n, err
}
