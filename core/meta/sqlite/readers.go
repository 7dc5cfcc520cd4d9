package sqlite

import (
	"context"
	"slices"
	"sync"
)

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

// take waits for a connection, as long as ctx lets it: Canceled.
func (r *readers) take(ctx context.Context) (*conn, error) {
	select {
	case <-r.free:
	default:
		select {
		case <-r.free:
		case <-ctx.Done():
			return nil, gaveUp(ctx.Err())
		}
	}
	return r.pop(), nil
}

// pop removes the connection whose token was received.
func (r *readers) pop() *conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.conns) - 1
	c := r.conns[last]
	r.conns = r.conns[:last]
	return c
}

// takeAll waits for every connection; who takes one meanwhile waits until putAll.
func (r *readers) takeAll() []*conn {
	all := make([]*conn, cap(r.free))
	for i := range all {
		<-r.free
		all[i] = r.pop()
	}
	return all
}

// putAll gives back what takeAll took, in the order in which it was.
func (r *readers) putAll(all []*conn) {
	for _, c := range slices.Backward(all) {
		r.put(c)
	}
}

// drain takes every idle connection.
func (r *readers) drain() (all []*conn) {
	for {
		select {
		case <-r.free:
			all = append(all, r.pop())
		default:
			return all
		}
	}
}

// idle is how many connections take would not wait for.
func (r *readers) idle() int { return len(r.free) }
