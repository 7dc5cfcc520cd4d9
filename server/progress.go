package server

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// ticksPerLimit is how finely the progress time is measured: a stalled call is cut after the limit and at
// most one tick more.
const ticksPerLimit = 12

// stall is one place where a client can keep the server waiting: the reads of a body, the writes of an answer
// or of a connection. Only calls that wait for the client are between enter and leave, so the time in which the
// server itself works never counts. Entering costs two atomic operations and no system call, which is why the
// deadline is set by the watcher when it is due, and not before each call.
type stall struct {
	watcher *watcher
	since   atomic.Int64 // tick of enter; 0: nobody waits
	cut     func()       // ends the waiting call with an error
}

// enter marks the beginning of a call that waits for the client.
func (s *stall) enter() { s.since.Store(s.watcher.tick.Load()) }

// leave marks its end.
func (s *stall) leave() { s.since.Store(0) }

// watcher cuts stalls that last too long.
type watcher struct {
	tick   atomic.Int64 // never 0
	mu     sync.Mutex
	stalls map[*stall]struct{}
}

// newWatcher makes a watcher; run must be called for it to cut anything.
func newWatcher() *watcher {
	w := &watcher{stalls: make(map[*stall]struct{})}
	w.tick.Store(1)
	return w
}

// add watches s until drop.
func (w *watcher) add(s *stall, cut func()) {
	s.watcher, s.cut = w, cut
	w.mu.Lock()
	w.stalls[s] = struct{}{}
	w.mu.Unlock()
}

// drop ends the watch. When it returns cut is not running and will not run again.
func (w *watcher) drop(s *stall) {
	w.mu.Lock()
	delete(w.stalls, s)
	w.mu.Unlock()
}

// run advances the clock until ctx is done.
func (w *watcher) run(ctx context.Context, limit time.Duration) {
	t := time.NewTicker(limit / ticksPerLimit)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			w.step()
		}
	}
}

// step advances the clock by one tick and cuts every stall that is over its limit.
func (w *watcher) step() {
	now := w.tick.Add(1)
	w.mu.Lock()
	defer w.mu.Unlock()
	for s := range w.stalls {
		if since := s.since.Load(); since != 0 && now-since > ticksPerLimit {
			s.cut()
		}
	}
}
