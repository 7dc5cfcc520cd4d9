package main

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// overloadPace is the least time between two lines about requests that are refused because there are too many: a line
// for each would make the server slower still.
const overloadPace = 10 * time.Second

// overloads counts requests that were refused because there are too many.
type overloads struct {
	mu    sync.Mutex
	count int64     // since the last line
	told  time.Time // when that was
}

// note counts a refusal and writes a line now and then.
func (o *overloads) note(ctx context.Context, log *slog.Logger, op string, err error) {
	o.mu.Lock()
	o.count++
	count, now := o.count, time.Now()
	due := o.told.IsZero() || now.Sub(o.told) >= overloadPace
	if due {
		o.count, o.told = 0, now
	}
	o.mu.Unlock()
	if due {
		log.WarnContext(ctx, "too many requests: clients are told to slow down", "refused", count, "op", op, "error", err)
	}
}
