package main

import (
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"
)

// oneSignal is how long the same signal counts as the one before: supervisors send it to a process and to its group.
const oneSignal = time.Second

// awaitTwo calls stop at the first signal and returns at a second one.
func awaitTwo(signals <-chan os.Signal, stop func()) {
	first := <-signals
	begin := time.Now()
	stop()
	for {
		if sig := <-signals; sig != first || time.Since(begin) >= oneSignal {
			return
		}
	}
}

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
