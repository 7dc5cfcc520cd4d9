package main

import (
	"io"
	"time"

	"github.com/rs/zerolog"
)

// sayEnded writes the last line of the log of a process that a second signal ends. That nobody reads it must not keep
// the process.
func sayEnded(w io.Writer) {
	said := make(chan struct{})
	go func() {
		defer close(said)
		log := zerolog.New(w).With().Timestamp().Logger()
		log.Warn().Msg("ended at once by a second signal: running requests are cut")
	}()
	select {
	case <-said:
	case <-time.After(logTime):
	}
}
