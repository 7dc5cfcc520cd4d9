//go:build crashpoints

package main

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// crashPlan says where the process kills itself: at is "point:count" (empty: nowhere), log a file that gets the
// line "crash <point>" when it does (empty: none).
type crashPlan struct{ at, log string }

// hook returns the function that named points call.
func (p crashPlan) hook() (func(point string), error) {
	if p.at == "" {
		return nil, nil
	}
	point, number, _ := strings.Cut(p.at, ":")
	count, err := strconv.Atoi(number)
	if err != nil || count < 1 || point == "" {
		return nil, fmt.Errorf("TRIVIUM_CRASH %q: want point:count", p.at)
	}
	var mu sync.Mutex
	return func(at string) {
		if at != point {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if count--; count == 0 {
			p.die(at)
		}
	}, nil
}

// die notes the point and kills the process. It does not return.
func (p crashPlan) die(point string) {
	if p.log != "" {
		if f, err := os.OpenFile(p.log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600); err == nil {
			_, _ = f.WriteString("crash " + point + "\n")
		}
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // nothing more may happen until the signal arrives
}

// upkeepInterval is how often garbage is collected without its waits, so that short rounds reach its points.
func upkeepInterval() (time.Duration, error) {
	v := os.Getenv("TRIVIUM_TEST_UPKEEP_INTERVAL")
	if v == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("TRIVIUM_TEST_UPKEEP_INTERVAL %q: want a duration", v)
	}
	return d, nil
}

// answering calls hook with "answer.before" when h is about to send a success: everything is committed, nobody
// knows.
func answering(h http.Handler, hook func(point string)) http.Handler {
	if hook == nil {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(&answer{ResponseWriter: w, hook: hook}, r)
	})
}

// answer watches the head of a reply.
type answer struct {
	http.ResponseWriter
	hook func(point string)
	sent bool
}

// Unwrap returns the writer below, for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// WriteHeader sends the head.
func (a *answer) WriteHeader(status int) {
	first := !a.sent && status >= 200
	a.sent = a.sent || first
	if first && status < 300 {
		a.hook("answer.before")
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write sends the head if it is not sent, and content.
func (a *answer) Write(p []byte) (int, error) {
	if !a.sent {
		a.WriteHeader(http.StatusOK)
	}
	return a.ResponseWriter.Write(p)
}
