package server

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// probe asks for readiness and returns the status with the time it took.
func probe(s *Server) (status int, took time.Duration) {
	start := time.Now()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/-/health/ready", nil))
	return w.Code, time.Since(start)
}

// TestReadinessOfAHangingStore hangs the store, whatever its context says: every probe is answered in time, the
// store is asked once, and is ready again as soon as it answers.
func TestReadinessOfAHangingStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(Config{}, newPipes(), nil)
		var asked atomic.Int32
		hang := make(chan struct{})
		s.Open(Doors{S3: named("s3"), Ready: func(context.Context) error { asked.Add(1); <-hang; return nil }})
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if status, took := probe(s); status != http.StatusServiceUnavailable || took > readyTimeout {
					t.Errorf("probe of a hanging store = %d after %v, want 503 within %v", status, took, readyTimeout)
				}
			})
		}
		time.Sleep(2 * readyTimeout)
		wg.Wait()
		if status, took := probe(s); status != http.StatusServiceUnavailable || took != 0 {
			t.Errorf("probe when the store hangs for long = %d after %v, want 503 at once", status, took)
		}
		if n := asked.Load(); n != 1 {
			t.Errorf("the store was asked %d times, want once", n)
		}
		close(hang)
		synctest.Wait()
		if status, _ := probe(s); status != http.StatusOK || asked.Load() != 1 {
			t.Errorf("probe after the answer = %d, asked %d times, want 200 and once", status, asked.Load())
		}
		if n := s.running.Load(); n != 0 {
			t.Errorf("%d handlers and questions still run", n)
		}
	})
}

// TestReadyAsksSeldom: who asks the server again and again has the answer that the store gave to the first.
func TestReadyAsksSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(Config{}, newPipes(), nil)
		if err := s.Ready(t.Context()); err == nil || err.Error() != "the server is starting" {
			t.Errorf("Ready without doors = %v", err)
		}
		var asked atomic.Int32
		var down atomic.Bool
		s.Open(Doors{S3: named("s3"), Ready: func(context.Context) error {
			if asked.Add(1); down.Load() {
				return errors.New("disk on fire")
			}
			return nil
		}})
		for range 100 {
			if err := s.Ready(t.Context()); err != nil {
				t.Errorf("Ready = %v", err)
			}
		}
		if status, _ := probe(s); status != http.StatusOK || asked.Load() != 1 {
			t.Errorf("the page says %d, and the store was asked %d times, want 200 and once", status, asked.Load())
		}
		down.Store(true)
		time.Sleep(readyFresh)
		if err := s.Ready(t.Context()); err == nil || err.Error() != "the server is unavailable" {
			t.Errorf("Ready of a store that is down = %v", err)
		}
	})
}

// TestReadinessIsShared lets the first asker go away: the others get the answer, good or bad.
func TestReadinessIsShared(t *testing.T) {
	for _, tt := range []struct {
		answer error
		want   int
	}{{nil, http.StatusOK}, {errors.New("disk on fire"), http.StatusServiceUnavailable}} {
		synctest.Test(t, func(t *testing.T) {
			s := newServer(Config{}, newPipes(), nil)
			s.Open(Doors{S3: named("s3"), Ready: func(ctx context.Context) error {
				select {
				case <-time.After(time.Second):
					return tt.answer
				case <-ctx.Done():
					return ctx.Err()
				}
			}})
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() {
				if got := s.readiness(ctx); got != "unavailable" {
					t.Errorf("readiness for one who went away = %q", got)
				}
			})
			synctest.Wait()
			wg.Go(func() {
				if status, took := probe(s); status != tt.want || took != time.Second {
					t.Errorf("probe that shares a question = %d after %v, want %d after 1s", status, took, tt.want)
				}
			})
			synctest.Wait()
			cancel()
			wg.Wait()
		})
	}
}
