package server

import (
	"container/list"
	"net"
	"sync"
	"time"
)

const (
	// drainTime is what a client has for the rest of a body that nobody reads once connections are short.
	drainTime = silentTime / 4
	// lingerTime is how long such a connection stays open behind the answer, which a client that still sends would lose
	// if it were closed at once (RFC 9112, section 9.6). It is the time that net/http takes for that.
	lingerTime = 500 * time.Millisecond
)

// drains are the connections on which net/http reads the rest of a body that no handler read, the oldest first. That
// may take long, and needs no credentials: so these are the first that make room.
type drains struct {
	mu    sync.Mutex
	order *list.List // of drain
	at    map[net.Conn]*list.Element
}

// drain is one of them.
type drain struct {
	conn  net.Conn
	since time.Time
}

// begin says that the rest of a body is read on c.
func (d *drains) begin(c net.Conn) {
	if c == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.remove(c)
	d.at[c] = d.order.PushBack(drain{conn: c, since: time.Now()})
}

// end says that it is not any more. When it returns hurry is not at c.
func (d *drains) end(c net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.remove(c)
}

// remove takes c off the list, if it is there. The caller holds the lock.
func (d *drains) remove(c net.Conn) {
	if e, ok := d.at[c]; ok {
		d.order.Remove(e)
		delete(d.at, c)
	}
}

// hurry ends those that have had their time, and tells whether there were any: their answers are sent, and then they
// are closed.
func (d *drains) hurry() (found bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for e := d.order.Front(); e != nil; e = d.order.Front() {
		first, ok := e.Value.(drain)
		if !ok || time.Since(first.since) < drainTime {
			break
		}
		d.remove(first.conn)
		if c, ok := below(first.conn).(*conn); ok {
			c.hurry()
			found = true
		}
	}
	return found
}

// What has become of a connection's drain.
const (
	unhurried int32 = iota
	hurried         // it was ended
	lingering       // and something was sent after that
)

// hurry ends the Read that waits for the client. As net/http does not get to the end of the body, it sends the answer
// and closes the connection; in between it tries to read once more, which is the time to linger.
func (c *conn) hurry() {
	c.hurried.CompareAndSwap(unhurried, hurried)
	_ = c.SetReadDeadline(time.Unix(1, 0))
}

// linger gives the client of a drain that was ended a last time from the moment on at which its answer is sent.
func (c *conn) linger() {
	if c.hurried.CompareAndSwap(hurried, lingering) {
		_ = c.SetReadDeadline(time.Now().Add(lingerTime))
	}
}
