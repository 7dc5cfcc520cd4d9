package core

import (
	"context"
	"errors"
	"sync"
)

// errFlight is what those who share a flight get when it panics.
var errFlight = errors.New("ended without a result")

// flights lets callers that want the same at once share one run of it. It ends early when all of them have left.
type flights struct {
	mu sync.Mutex
	m  map[string]*flight
}

// flight is one run.
type flight struct {
	callers int // that have not left
	cancel  context.CancelFunc
	done    chan struct{}
	err     error // once done
}

// do returns what fn returned, to this caller or to another one with the same key that was at it already. The context
// of fn ends when that of every caller has ended; a caller whose own has gets Canceled, or the result.
func (f *flights) do(ctx context.Context, key string, fn func(ctx context.Context) error) error {
	f.mu.Lock()
	if fl := f.m[key]; fl != nil {
		fl.callers++
		f.mu.Unlock()
		select {
		case <-fl.done:
			return fl.err
		case <-ctx.Done():
			f.quit(key, fl)
			return &Error{Code: Canceled, Msg: "the caller went away", Err: ctx.Err()}
		}
	}
	shared, cancel := context.WithCancel(context.WithoutCancel(ctx))
	fl := &flight{callers: 1, cancel: cancel, done: make(chan struct{}), err: errFlight}
	if f.m == nil {
		f.m = make(map[string]*flight)
	}
	f.m[key] = fl
	f.mu.Unlock()
	// The first caller runs it and stays for the others.
	stop := context.AfterFunc(ctx, func() { f.quit(key, fl) })
	defer func() {
		stop()
		f.mu.Lock()
		f.forget(key, fl)
		f.mu.Unlock()
		cancel()
		close(fl.done)
	}()
	fl.err = fn(shared)
	return fl.err
}

// quit counts one caller less; the last one ends the flight, and nobody joins it any more.
func (f *flights) quit(key string, fl *flight) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fl.callers--; fl.callers == 0 {
		fl.cancel()
		f.forget(key, fl)
	}
}

// forget makes room for another flight with the key.
func (f *flights) forget(key string, fl *flight) {
	if f.m[key] == fl {
		delete(f.m, key)
	}
}
