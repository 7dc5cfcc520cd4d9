// Package admission bounds how many are at work at a time, how many wait for that, and for how long.
package admission

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

const (
	// Slots is how many changes one commit of the metadata takes, and so how many requests are let in where each needs
	// one, or about as little.
	Slots = 256
	// Queue is how many may wait where the work of each is short: so few that the wait is, too.
	Queue = 64
	// Patience is how long one waits for what stands still.
	Patience = 5 * time.Second
)

// ErrRefused is the answer to whoever can neither begin nor wait.
var ErrRefused = errors.New("too many requests at once")

// Gate lets a number of callers in at a time; a number may wait for that, first come, first served. So whoever is let
// in has waited no longer than those few before him took, however many come, and whoever is not learns it at once, or
// at the latest when his patience is over. It is made by New; all methods may be called concurrently.
type Gate struct {
	slots   chan struct{}
	queue   int64
	patient time.Duration
	waiting atomic.Int64
	refused atomic.Int64
}

// Stats describe a gate at one moment.
type Stats struct {
	Inside, Waiting int
	Refused         int64 // since the start
}

// New makes a gate for so many at a time, at least 1, of which so many more may wait, each for so long.
func New(slots, queue int, patient time.Duration) *Gate {
	return &Gate{slots: make(chan struct{}, max(1, slots)), queue: int64(queue), patient: patient}
}

// Enter lets the caller in, who calls Leave after it. The error is ErrRefused, or ctx's when that ends first.
func (g *Gate) Enter(ctx context.Context) error {
	select {
	case g.slots <- struct{}{}:
		return nil
	default:
	}
	defer g.waiting.Add(-1)
	if g.waiting.Add(1) > g.queue {
		g.refused.Add(1)
		return ErrRefused
	}
	timer := time.NewTimer(g.patient)
	defer timer.Stop()
	select {
	case g.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		g.refused.Add(1)
		return ErrRefused
	}
}

// Leave ends what Enter began.
func (g *Gate) Leave() { <-g.slots }

// Stats describes the gate.
func (g *Gate) Stats() Stats {
	return Stats{Inside: len(g.slots), Waiting: int(g.waiting.Load()), Refused: g.refused.Load()}
}
