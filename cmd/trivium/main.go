// Command trivium runs the store and looks after it. main and one file per command decide nothing: config.go
// reads flags and variables, wire.go puts the parts together.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

func main() {
	// A reader of the log that ends must not end the server: writing fails instead.
	signal.Ignore(syscall.SIGPIPE)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		<-signals
		stop()
		// A second one means now. Nothing that was acknowledged needs a graceful end.
		<-signals
		sayEnded(os.Stderr)
		os.Exit(1)
	}()
	if err := newRoot().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "trivium:", err)
		os.Exit(1)
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
