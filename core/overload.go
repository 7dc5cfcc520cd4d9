package core

import (
	"context"
	"errors"
	"runtime"

	"trivium/core/admission"
)

// gates bound what requests ask of the metadata store, and copies of the spaces, so that more of them than can be served
// do not make all of them slow: the rest is Overloaded. Requests reach the store through the methods of this file alone, which hold one gate
// each, for one transaction, in which nobody waits for a client or for another gate. A copy that reads its source holds
// copies around all that, and a completion that reads an upload back holds digests around copies: they are the only ones
// that wait for another gate of this file within one. What the Service does by itself
// passes none; TestRawStore lists it.
type gates struct {
	writes, reads *admission.Gate
	// pages is for what reads many rows: it never has all of the store's readers.
	pages *admission.Gate
	// landed is for commits of content that is in spaces, whose memory is given back already. What has come so far is
	// not to be refused because of others who have sent nothing, so it does not wait among them.
	landed *admission.Gate
	// copies is for copies that must read their source: each holds memory of transfers, whose client takes nothing and
	// may be gone. So few are at it that they never have much of that memory, and the reading is as fast with few.
	copies *admission.Gate
	// digests is for completions of native uploads that read the parts back, which may be 5 TiB each: they never have
	// all of copies.
	digests *admission.Gate
}

func (g *gates) init() {
	g.writes = admission.New(admission.Slots, admission.Queue, admission.Patience)
	g.reads = admission.New(admission.Slots, admission.Queue, admission.Patience)
	g.pages = admission.New(runtime.GOMAXPROCS(0), admission.Queue, admission.Patience)
	g.landed = admission.New(admission.Slots, admission.Slots, admission.Patience)
	g.copies = admission.New(2*runtime.GOMAXPROCS(0), admission.Queue, admission.Patience)
	g.digests = admission.New(runtime.GOMAXPROCS(0), admission.Queue, admission.Patience)
}

// updater is the Update of a MetaStore, behind a gate or not.
type updater func(ctx context.Context, fn func(ctx context.Context, tx MetaTx) error) error

// enter is Enter with an *Error.
func enter(ctx context.Context, g *admission.Gate) error {
	err := g.Enter(ctx)
	if errors.Is(err, admission.ErrRefused) {
		return &Error{Code: Overloaded, Msg: "too many requests at once, try again soon", Err: err}
	}
	return fail("wait", "", err)
}

// update is the Update of a request. Overloaded when too many are at it.
func (s *Service) update(ctx context.Context, fn func(ctx context.Context, tx MetaTx) error) error {
	return s.updateWithIDs(ctx, nil, fn)
}

// updateWithIDs is update for a request that reserves its ids once it is let in, by reserve.
func (s *Service) updateWithIDs(
	ctx context.Context, reserve func(ctx context.Context) error, fn func(ctx context.Context, tx MetaTx) error,
) error {
	s.hook("update.before")
	if err := enter(ctx, s.gates.writes); err != nil {
		return err
	}
	defer s.gates.writes.Leave()
	if reserve != nil {
		if err := reserve(ctx); err != nil {
			return err
		}
	}
	return s.meta.Update(ctx, fn)
}

// update is Service.update, for whose guard holds.
func (se *Session) update(ctx context.Context, fn func(ctx context.Context, tx MetaTx) error) error {
	if err := se.foresee(ctx); err != nil {
		return err
	}
	return se.s.update(ctx, fn)
}

// updateConfig is the updateConfig of a request, whose caller must still be let in and whose guard must hold.
// Overloaded when too many are at it.
func (se *Session) updateConfig(ctx context.Context, fn func(ctx context.Context, tx MetaTx) error) error {
	if err := se.foresee(ctx); err != nil {
		return err
	}
	return se.s.updateConfig(ctx, se.s.update, func(ctx context.Context, tx MetaTx) error {
		if _, err := se.confirmIn(ctx, tx); err != nil {
			return err
		}
		if err := se.guarding(tx).judge(ctx); err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}

// commit is the Update that makes received content visible. Inline content passes no gate: the memory that it lies in
// bounds how much there is (content.Budget). What is empty has none and passes that of all changes.
func (s *Service) commit(ctx context.Context, n *newContent, fn func(ctx context.Context, tx MetaTx) error) error {
	switch {
	case len(n.w.Blobs) > 0:
		if err := enter(ctx, s.gates.landed); err != nil {
			return err
		}
		defer s.gates.landed.Leave()
	case len(n.w.Inline) == 0:
		return s.update(ctx, fn)
	}
	return s.meta.Update(ctx, fn)
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

// findID is find for the entry of an object ID.
func (s *Service) findID(ctx context.Context, objectID int64, withContent bool) (Found, error) {
	if err := enter(ctx, s.gates.reads); err != nil {
		return Found{}, err
	}
	defer s.gates.reads.Leave()
	return s.meta.LookupID(ctx, objectID, withContent)
}

// reading lets a copy read its source, in read, which opens and closes it. Overloaded when too many are at it. The
// memory of one transfer stands behind each.
func (s *Service) reading(ctx context.Context, read func() error) error {
	if err := enter(ctx, s.gates.copies); err != nil {
		return err
	}
	defer s.gates.copies.Leave()
	return read()
}

// digesting is reading for a completion. refused is called when read is not. Overloaded when too many are at it.
func (s *Service) digesting(ctx context.Context, read func() error, refused func()) error {
	if err := enter(ctx, s.gates.digests); err != nil {
		refused()
		return err
	}
	defer s.gates.digests.Leave()
	begun := false
	err := s.reading(ctx, func() error {
		begun = true
		return read()
	})
	if !begun {
		refused()
	}
	return err
}
