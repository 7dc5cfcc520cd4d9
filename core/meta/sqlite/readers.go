package sqlite

import "sync"

// readers is a pool of connections that gives out the one that came back last: its page cache is the warmest, and
// connections that are not needed cost nothing.
type readers struct {
	free  chan struct{} // holds one token for each idle connection
	mu    sync.Mutex
	conns []*conn
}

// newReaders returns an empty pool for n connections.
func newReaders(n int) *readers { return &readers{free: make(chan struct{}, n)} }

// put adds a connection, or gives it back.
func (r *readers) put(c *conn) {
	r.mu.Lock()
	r.conns = append(r.conns, c)
	r.mu.Unlock()
	r.free <- struct{}{}
}

// take waits for a connection.
func (r *readers) take() *conn {
	<-r.free
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.conns) - 1
	c := r.conns[last]
	r.conns = r.conns[:last]
	return c
}

// idle is how many connections take would not wait for.
func (r *readers) idle() int { return len(r.free) }
