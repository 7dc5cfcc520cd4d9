// Command trivium runs the store and looks after it. main and one file per command decide nothing: config.go
// reads flags and variables, wire.go puts the parts together.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// A reader of the log that ends must not end the server: writing fails instead.
	signal.Ignore(syscall.SIGPIPE)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		awaitTwo(signals, stop)
		// A second one means now. Nothing that was acknowledged needs a graceful end.
		sayEnded(os.Stderr)
		os.Exit(1)
	}()
	if err := newRoot().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "trivium:", err)
		os.Exit(1)
	}
}
