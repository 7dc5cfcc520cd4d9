package core

import (
	"context"
	"errors"
	"runtime"
	"time"

	"trivium/core/admission"
)

const (
	// gateSlots is how many requests are at the metadata store at a time, those that write and those that read each: as
	// many as one commit takes. gateQueue is how many may wait for them: few, so that the wait is short beside the work.
	gateSlots, gateQueue = 256, 64
	// pageQueue is how many may wait to read a page of a listing.
	pageQueue = 64
	// gateWait is how long a request waits.
	gateWait = 5 * time.Second
)

// gates bound what requests ask of the metadata store, so that more of them than it can serve do not make all of them
// slow: the rest is Overloaded. What the Service does by itself passes none.
type gates struct {
	writes, reads *admission.Gate
	// pages is for what reads many rows: it never has all of the store's readers.
	pages *admission.Gate
}

func (g *gates) init() {
	g.writes = admission.New(gateSlots, gateQueue, gateWait)
	g.reads = admission.New(gateSlots, gateQueue, gateWait)
	g.pages = admission.New(runtime.GOMAXPROCS(0), pageQueue, gateWait)
}

// enter is Enter with an *Error.
func enter(ctx context.Context, g *admission.Gate) error {
	err := g.Enter(ctx)
	if errors.Is(err, admission.ErrRefused) {
		return &Error{Code: Overloaded, Msg: "too many requests at once, try again soon", Err: err}
	}
	return fail("wait", "", err)
}

// letIn makes a request wait before it changes anything; the caller calls leave when it has. Overloaded when too many
// are at it.
func (s *Service) letIn(ctx context.Context) (leave func(), err error) {
	if err := enter(ctx, s.gates.writes); err != nil {
		return nil, err
	}
	return s.gates.writes.Leave, nil
}

// letBodyIn is letIn for a request with a body of that size, as far as the memory for the body does not bound how many
// there are (content.Budget).
func (s *Service) letBodyIn(ctx context.Context, size int64) (leave func(), err error) {
	if size != 0 {
		return func() {}, nil
	}
	return s.letIn(ctx)
}

// update is the Update of a request. Overloaded when too many are at it.
func (se *Session) update(ctx context.Context, fn func(ctx context.Context, tx MetaTx) error) error {
	leave, err := se.s.letIn(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return se.s.meta.Update(ctx, fn)
}

// view is the View of a request. Overloaded when too many are at it.
func (s *Service) view(ctx context.Context, fn func(ctx context.Context, tx MetaTx) error) error {
	if err := enter(ctx, s.gates.reads); err != nil {
		return err
	}
	defer s.gates.reads.Leave()
	return s.meta.View(ctx, fn)
}

// viewPage is the View of a request that reads many rows. Overloaded when too many are at it.
func (s *Service) viewPage(ctx context.Context, fn func(ctx context.Context, tx MetaTx) error) error {
	if err := enter(ctx, s.gates.pages); err != nil {
		return err
	}
	defer s.gates.pages.Leave()
	return s.meta.View(ctx, fn)
}

// find is the Lookup of a request. Overloaded when too many are at it.
func (s *Service) find(ctx context.Context, bucketID int64, key string, withContent bool) (Found, error) {
	if err := enter(ctx, s.gates.reads); err != nil {
		return Found{}, err
	}
	defer s.gates.reads.Leave()
	return s.meta.Lookup(ctx, bucketID, key, withContent)
}
