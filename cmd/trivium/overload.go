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

// overloads counts requests that were refused because there are too many: of the first there is a line at once, then one
// for all of every overloadPace, the last included. The caller calls close.
type overloads struct {
	log *slog.Logger

	mu     sync.Mutex
	count  int64  // since the last line
	op     string // of the last one
	err    error
	next   *time.Timer // of the line that is due; nil: there was none lately
	closed bool
}

// note counts a refusal.
func (o *overloads) note(ctx context.Context, op string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.count++
	o.op, o.err = op, err
	if o.next != nil {
		return
	}
	o.tell(ctx)
	if !o.closed {
		o.next = time.AfterFunc(overloadPace, o.due)
	}
}

// due tells of those since the last line. Without any the next one is told of at once.
func (o *overloads) due() {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.closed:
	case o.count == 0:
		o.next = nil
	default:
		o.tell(context.Background())
		o.next.Reset(overloadPace)
	}
}

// close tells of those since the last line. It may be called twice.
func (o *overloads) close(ctx context.Context) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	if o.next != nil {
		o.next.Stop()
		o.next = nil
	}
	if o.count > 0 {
		o.tell(ctx)
	}
}

// tell writes the line. The caller has the lock.
func (o *overloads) tell(ctx context.Context) {
	o.log.WarnContext(ctx, "too many requests: clients are told to slow down", "refused", o.count, "op", o.op, "error", o.err)
	o.count = 0
}
