package core

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"trivium/core/content"
	"trivium/drivers"
)

const (
	leaseRenewal = 20 * time.Second
	// leaseKept is how long the row of an ended lease stays, and leasesKept how many stay however old they are: the
	// marker of a space names the process that used it last, and shards are orphans only if their writer is known.
	leaseKept  = 30 * 24 * time.Hour
	leasesKept = 100
)

// takeLease writes the lease of this process (S16). The store is on this machine and open once only (its
// directory is locked), so every other lease is of a process that has ended.
func (s *Service) takeLease(ctx context.Context) error {
	s.hook("lease.before")
	now := s.now()
	err := s.meta.Update(MakingRoom(ctx), func(ctx context.Context, tx MetaTx) error {
		leases, err := tx.Leases(ctx)
		if err != nil {
			return err
		}
		slices.SortFunc(leases, func(a, b Lease) int { return cmp.Compare(b.RenewTime, a.RenewTime) })
		for i, l := range leases {
			if err := retireLease(ctx, tx, l, i >= leasesKept && now-l.RenewTime > int64(leaseKept)); err != nil {
				return err
			}
		}
		return tx.PutLease(ctx, Lease{
			Incarnation: s.incarnation, Holder: s.holder, StartTime: now, RenewTime: now,
		})
	})
	s.hook("lease.after")
	return err
}

// retireLease marks a lease of another process as dead, or forgets it.
func retireLease(ctx context.Context, tx MetaTx, l Lease, forget bool) error {
	if forget {
		return tx.DeleteLease(ctx, l.Incarnation)
	}
	if l.Dead {
		return nil
	}
	l.Dead = true
	return tx.PutLease(ctx, l)
}

// keepLease renews the lease and reads the markers until ctx ends.
func (s *Service) keepLease(ctx context.Context) {
	tick := time.NewTicker(leaseRenewal)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
			s.reopenSpaces(ctx, spacePatience)
			continue
		case <-tick.C:
		}
		if err := s.renewLease(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("lease not renewed", "error", err)
		}
		s.reopenSpaces(ctx, spacePatience)
		s.settleLoss(ctx)
		s.rereadMarkers(ctx)
		if err := errors.Join(s.measureSpaces(ctx), s.opened.closeRetired()); err != nil && ctx.Err() == nil {
			s.log.Warn("spaces", "error", err)
		}
	}
}

// renewLease says that this process is alive. A lease that somebody ended makes the Service read-only for good:
// its incarnation may be collected already.
func (s *Service) renewLease(ctx context.Context) error {
	s.hook("lease.before")
	defer s.hook("lease.after")
	now := s.now()
	err := s.meta.Update(MakingRoom(ctx), func(ctx context.Context, tx MetaTx) error {
		l, ok, err := tx.Lease(ctx, s.incarnation)
		if err != nil {
			return err
		}
		if !ok || l.Dead {
			return errLeaseEnded()
		}
		l.RenewTime = now
		return tx.PutLease(ctx, l)
	})
	if CodeOf(err) == ReadOnly {
		s.turnReadOnly(errLeaseEnded())
	}
	return err
}

// checkWriter refuses the commit of a process that may not write any more: its lease ended, or a marker names
// another store or a newer epoch. Every commit that refers to content calls it.
func (s *Service) checkWriter(ctx context.Context, tx MetaTx) error {
	if err := s.checkMarkers(); err != nil {
		return err
	}
	l, ok, err := tx.Lease(ctx, s.incarnation)
	if err != nil {
		return err
	}
	if !ok || l.Dead {
		return errLeaseEnded()
	}
	return nil
}

// checkMarkers returns why nothing may be written, or nil: checkWriter without the lease.
func (s *Service) checkMarkers() error {
	if e := s.readOnly.Load(); e != nil {
		return e
	}
	return nil
}

// turnReadOnly stops all writes for the rest of this process. The first reason stays.
func (s *Service) turnReadOnly(why *Error) {
	if s.readOnly.CompareAndSwap(nil, why) {
		s.log.Error("the store is read-only from now on", "reason", why)
	}
}

// errLeaseEnded is the error of a process whose lease somebody ended.
func errLeaseEnded() *Error {
	return &Error{Code: ReadOnly, Msg: "the lease of this server has ended; restart it"}
}

// rereadMarkers looks whether the spaces still belong to this store and epoch (S25). A space that does not
// answer proves nothing.
func (s *Service) rereadMarkers(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, spacePatience)
	defer cancel()
	var wait sync.WaitGroup
	for _, sp := range s.spaces.All() {
		if sp.Driver != nil {
			wait.Go(func() { s.rereadMarker(ctx, sp) })
		}
	}
	wait.Wait()
}

// rereadMarker looks at one space. One whose marker is gone is down until it is back: a disk that is not mounted
// any more looks like an empty one.
func (s *Service) rereadMarker(ctx context.Context, sp content.Space) {
	claim := s.claim()
	claim.Knows = s.knowsWriter // whatever was there when this process began
	_, err := content.CheckMarker(ctx, sp, claim)
	other := errors.Is(err, content.ErrOtherSpace)
	if me, ok := errors.AsType[*content.MarkerError](err); ok && !other {
		s.turnReadOnly(markerReadOnly(s.opened.name(sp.ID), me))
		return
	}
	gone := other || errors.Is(err, drivers.ErrNotExist) && !sp.Driver.Traits().Volatile
	if err != nil && !gone {
		return
	}
	state := s.opened.state(sp.ID)
	if gone {
		state = content.Down
	}
	if sp.State != state && s.readOnly.Load() == nil {
		s.log.Warn("space changes its state", "space", s.opened.name(sp.ID), "down", gone)
		sp.State = state
		s.spaces.Set(sp)
	}
}

// markerReadOnly says which space's marker forbids writing.
func markerReadOnly(space string, err *content.MarkerError) *Error {
	e := &Error{Code: ReadOnly, Path: space, Err: err, Msg: "the space belongs to another store"}
	switch {
	case errors.Is(err, content.ErrNewerEpoch):
		e.Msg = "the store was recovered elsewhere since; this server is the old one"
	case errors.Is(err, content.ErrForeignWriter):
		e.Msg = "another copy of this store has used the space since; run that one, this is a copy or an older state"
	}
	return e
}

// endLease marks this process's lease as dead: its unreferenced shards may be collected.
func (s *Service) endLease(ctx context.Context) error {
	return s.meta.Update(MakingRoom(ctx), func(ctx context.Context, tx MetaTx) error {
		l, ok, err := tx.Lease(ctx, s.incarnation)
		if err != nil || !ok {
			return err
		}
		l.Dead, l.RenewTime = true, s.now()
		return tx.PutLease(ctx, l)
	})
}
