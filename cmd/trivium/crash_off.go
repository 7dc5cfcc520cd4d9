//go:build !crashpoints

package main

import (
	"errors"
	"net/http"
	"time"
)

// crashPlan is set by tests; this build has no crash points.
type crashPlan struct{ at, log string }

// hook is nil: the named points cost nothing. A plan that cannot be followed is an error.
func (p crashPlan) hook() (func(point string), error) {
	if p.at != "" || p.log != "" {
		return nil, errors.New("TRIVIUM_CRASH and TRIVIUM_CRASH_LOG need a binary built with -tags crashpoints")
	}
	return nil, nil
}

// upkeepInterval is 0: upkeep runs at its own intervals.
func upkeepInterval() (time.Duration, error) { return 0, nil }

// answering is h: nothing happens before an answer.
func answering(h http.Handler, _ func(point string)) http.Handler { return h }
