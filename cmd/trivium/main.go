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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// From the first signal on the default is back: a second one ends the process at once.
	context.AfterFunc(ctx, stop)
	if err := newRoot().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "trivium:", err)
		os.Exit(1)
	}
}
