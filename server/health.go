package server

import (
	"context"
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

// health remembers the last good answer of the store.
type health struct {
	mu   sync.Mutex
	good time.Time
}

// ownPages answers below /-/.
func (s *Server) ownPages(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if path != "/-/health/live" && path != "/-/health/ready" {
		writeText(w, http.StatusNotFound, "no such page\n")
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		writeText(w, http.StatusMethodNotAllowed, "only GET and HEAD\n")
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
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	if time.Since(s.health.good) < readyFresh {
		return "ready"
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if err := d.Ready(ctx); err != nil {
		s.cfg.Log.Warn().Err(err).Msg("not ready")
		return "unavailable"
	}
	s.health.good = time.Now()
	return "ready"
}
