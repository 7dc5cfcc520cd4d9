package server

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// listener bounds open connections and watches writes on each. The last answer of a request is flushed after its
// handler has returned, so the handler's own watch cannot see a client that does not take it.
type listener struct {
	net.Listener
	slots   chan struct{}
	idle    *idleConns
	drains  *drains
	watcher *watcher
	corks   sync.Pool // of *[corkSize]byte
	closed  chan struct{}
	once    sync.Once
	local   bool // a Unix socket, whose clients do not close their sending side alone
}

// newListener wraps inner.
func newListener(inner net.Listener, limit int, w *watcher) *listener {
	return &listener{
		Listener: inner, watcher: w, slots: make(chan struct{}, limit), closed: make(chan struct{}),
		idle:   &idleConns{order: list.New(), at: make(map[net.Conn]*list.Element)},
		drains: &drains{order: list.New(), at: make(map[net.Conn]*list.Element)},
	}
}

// Accept waits for a connection, then for a free slot. With no slot free a connection that no handler serves is closed:
// the one that is idle for longest, or that has sent no whole request for silentTime. Before that those are ended whose
// handlers are done and which only owe the rest of a body. So whoever opens many and is silent keeps nobody out.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if err := l.take(); err != nil {
		_ = c.Close()
		return nil, err
	}
	wc := &conn{Conn: c, l: l, half: halfOpen{changed: make(chan struct{})}}
	l.watcher.add(&wc.writes, func() { _ = c.SetWriteDeadline(time.Unix(1, 0)) })
	return wc, nil
}

// take waits for a slot and makes room meanwhile.
func (l *listener) take() error {
	select {
	case l.slots <- struct{}{}:
		return nil
	default:
	}
	again := time.NewTicker(silentTime / 4)
	defer again.Stop()
	for {
		if !l.drains.hurry() {
			l.idle.evict()
		}
		select {
		case l.slots <- struct{}{}:
			l.idle.keep()
			return nil
		case <-l.closed:
			return net.ErrClosed
		case <-again.C:
		}
	}
}

// Close stops accepting.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// conn is one accepted connection.
type conn struct {
	net.Conn
	l       *listener
	once    sync.Once
	writes  stall
	cork    cork
	half    halfOpen
	head    headWatch
	hurried atomic.Int32
}

// Write sends p in pieces, each of which must make progress; what the cork holds goes first. After a Write that
// failed nothing more is sent, and its error is returned at once: what came next would stand in the middle of a
// message. Closing a TLS connection is such a Write, with 5 s of its own; net/http closes from inside the handler's
// Write, whose memory would be held that long.
func (c *conn) Write(p []byte) (int, error) {
	c.cork.mu.Lock()
	defer c.cork.mu.Unlock()
	c.linger()
	if c.cork.failed != nil {
		return 0, c.cork.failed
	}
	if c.cork.keep(p, &c.l.corks) {
		return len(p), nil
	}
	sent := 0
	for {
		n, err := c.send(p[sent:min(len(p), sent+writePiece)])
		sent += n
		if err != nil || sent == len(p) {
			return sent, err
		}
	}
}

// CloseWrite ends the sending side; net/http uses it to let an early answer arrive.
func (c *conn) CloseWrite() error {
	if cw, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return cw.CloseWrite()
	}
	return nil
}

// Close closes the connection and frees its slot.
func (c *conn) Close() error {
	c.once.Do(func() {
		c.l.watcher.drop(&c.writes)
		<-c.l.slots
		c.half.set(time.Time{}, true)
	})
	return c.Conn.Close()
}

// state is the http.Server's ConnState hook.
func (l *listener) state(c net.Conn, s http.ConnState) {
	l.drains.end(c)
	l.idle.state(c, s)
	if s != http.StateIdle {
		return
	}
	if plain, ok := c.(*conn); ok {
		plain.head.idle()
	}
	if plain, ok := below(c).(*conn); ok && plain.hurried.Load() != unhurried {
		_ = plain.Close() // the rest came in the moment in which it was given up: net/http knows only one of the two
	}
}

// silentTime is how long a connection may take for a request before it counts as idle.
const silentTime = time.Second

// idleConns are the connections that no handler serves: silent ones, those with a part of a request, and those between
// two. The one that did nothing for longest is first.
type idleConns struct {
	mu      sync.Mutex
	order   *list.List // of quiet
	at      map[net.Conn]*list.Element
	waiting bool // Accept found no slot: the next connection that falls idle makes room
}

// quiet is a connection that no handler serves.
type quiet struct {
	conn  net.Conn
	idle  bool // between two requests
	since time.Time
}

// state takes up what the http.Server says of a connection.
func (ic *idleConns) state(c net.Conn, s http.ConnState) {
	ic.mu.Lock()
	defer ic.mu.Unlock()
	ic.remove(c)
	if s != http.StateNew && s != http.StateActive && s != http.StateIdle {
		return
	}
	ic.at[c] = ic.order.PushBack(quiet{conn: c, idle: s == http.StateIdle, since: time.Now()})
	if ic.waiting && s == http.StateIdle {
		ic.waiting = !ic.closeOldest()
	}
}

// serves says that a handler begins to serve c: it stays open until c is idle again.
func (ic *idleConns) serves(c net.Conn) {
	ic.mu.Lock()
	defer ic.mu.Unlock()
	ic.remove(c)
}

// remove takes c off the list, if it is there. The caller holds the lock.
func (ic *idleConns) remove(c net.Conn) {
	if e, ok := ic.at[c]; ok {
		ic.order.Remove(e)
		delete(ic.at, c)
	}
}

// evict closes one connection that is idle or silent, or else the next that falls idle.
func (ic *idleConns) evict() {
	ic.mu.Lock()
	defer ic.mu.Unlock()
	ic.waiting = !ic.closeOldest()
}

// keep takes evict back: the slot is found, whoever made room.
func (ic *idleConns) keep() {
	ic.mu.Lock()
	defer ic.mu.Unlock()
	ic.waiting = false
}

// closeOldest closes one connection, if there is one to be closed. The caller holds the lock.
func (ic *idleConns) closeOldest() bool {
	for e := ic.order.Front(); e != nil; e = e.Next() {
		if q, ok := e.Value.(quiet); ok && (q.idle || time.Since(q.since) >= silentTime) {
			ic.remove(q.conn)
			_ = below(q.conn).Close()
			return true
		}
	}
	return false
}

// below is the connection that TLS runs on, or c: closing that needs nothing from the client, while TLS sends a
// farewell and waits for it to be taken.
func below(c net.Conn) net.Conn {
	if secure, ok := c.(*tls.Conn); ok {
		return secure.NetConn()
	}
	return c
}
