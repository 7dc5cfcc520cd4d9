package server

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// readyTimeout bounds one question to the store; readyFresh is how long a good answer is given again, so that
// nobody can make the store busy with questions.
const (
	readyTimeout = 5 * time.Second
	readyFresh   = 500 * time.Millisecond
)

// health remembers the last good answer of the store, and the question that is being asked: one at a time.
type health struct {
	mu     sync.Mutex
	good   time.Time
	asking *question
}

// question is one question to the store. Those who come while it is open wait for its answer too.
type question struct {
	over <-chan struct{} // closed at readyTimeout, or right after done
	done chan struct{}   // closed when err is there
	err  error
}

// ownPages answers below /-/.
func (s *Server) ownPages(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	measured := path == "/-/metrics" && s.cfg.Metrics != nil
	if path != "/-/health/live" && path != "/-/health/ready" && !measured {
		writeText(w, http.StatusNotFound, "no such page\n")
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		writeText(w, http.StatusMethodNotAllowed, "only GET and HEAD\n")
		return
	}
	if measured {
		s.metrics(w, r)
		return
	}
	state, status := "live", http.StatusOK
	if path == "/-/health/ready" {
		state = s.readiness(r.Context())
		if state != "ready" {
			status = http.StatusServiceUnavailable
		}
	}
	writeJSON(w, status, map[string]string{"status": state})
}

// metrics answers /-/metrics: the operator on the socket, and those whom the guard lets in on a listener.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	d := s.doors.Load()
	switch {
	case s.socket:
		s.cfg.Metrics.page.ServeHTTP(w, r)
	case d == nil: // who asks is not known before the store is open
		starting(w, r)
	case d.Guard == nil:
		noPage(w, r)
	default:
		d.Guard(s.cfg.Metrics.page).ServeHTTP(w, r)
	}
}

// Ready returns nil when the page /-/health/ready says so: the store is asked at most once at a time, and a good answer
// is given again for half a second. It waits 5 s at most. Its error says no more than the page does.
func (s *Server) Ready(ctx context.Context) error {
	if state := s.readiness(ctx); state != "ready" {
		return errors.New("the server is " + state)
	}
	return nil
}

// readiness is "ready", or why not: "starting", "stopping" or "unavailable" (the log says more).
func (s *Server) readiness(ctx context.Context) string {
	d := s.doors.Load()
	switch {
	case s.stopping.Load():
		return "stopping"
	case d == nil:
		return "starting"
	case d.Ready == nil:
		return "ready"
	}
	q := s.ask(ctx, d.Ready)
	if q == nil {
		return "ready"
	}
	var err error
	select {
	case <-q.done:
		err = q.err
	case <-ctx.Done():
		err = ctx.Err()
	case <-q.over:
		err = q.late()
	}
	if err != nil {
		s.cfg.Log.Warn().Err(err).Msg("not ready")
		return "unavailable"
	}
	return "ready"
}

// late is the answer when the patience is over, which it is right after the answer too.
func (q *question) late() error {
	select {
	case <-q.done:
		return q.err
	default:
		return errors.New("the store does not answer")
	}
}

// ask returns the open question, or a new one; nil when the last good answer still holds. Its goroutine counts as
// a handler, for which Serve waits.
func (s *Server) ask(ctx context.Context, ready func(context.Context) error) *question {
	h := &s.health
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.asking != nil {
		return h.asking
	}
	if time.Since(h.good) < readyFresh {
		return nil
	}
	// The one who asked first may go away before the others.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTimeout)
	q := &question{over: ctx.Done(), done: make(chan struct{})}
	h.asking = q
	s.running.Add(1)
	go func() {
		defer s.running.Add(-1)
		defer cancel()
		q.err = ready(ctx)
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.asking = nil; q.err == nil {
			h.good = time.Now()
		}
		close(q.done)
	}()
	return q
}
