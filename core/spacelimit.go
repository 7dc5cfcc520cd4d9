package core

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"

	"trivium/core/content"
	"trivium/drivers"
)

// spaceLimit is how much a space may hold. What it holds is known from the metadata, once in a while, and from what was
// put since.
type spaceLimit struct {
	most atomic.Int64 // bytes; 0: no limit
	used atomic.Int64
}

// capped is the driver of a space that takes no more than its limit.
type capped struct {
	drivers.Driver
	space string
	limit *spaceLimit
}

// Unwrap implements drivers.Wrapper.
func (d capped) Unwrap() drivers.Driver { return d.Driver }

// Put implements drivers.Driver: ErrNoSpace beyond the limit.
func (d capped) Put(ctx context.Context, name string, body io.Reader, size int64, opts drivers.PutOptions) error {
	if most := d.limit.most.Load(); most > 0 && d.limit.used.Load()+size > most {
		return drivers.Fail(d.space, "put", name, fmt.Errorf("the space may hold %d bytes: %w", most, drivers.ErrNoSpace))
	}
	err := d.Driver.Put(ctx, name, body, size, opts)
	if err == nil {
		d.limit.used.Add(size)
	}
	return err
}

// limitOf returns the limit of a space, which outlives its drivers.
func (o *openSpaces) limitOf(row *Space) *spaceLimit {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.limits == nil {
		o.limits = make(map[content.SpaceID]*spaceLimit)
	}
	limit := o.limits[row.ID]
	if limit == nil {
		limit = new(spaceLimit)
		o.limits[row.ID] = limit
	}
	limit.most.Store(row.MaxSize)
	return limit
}

// measureSpaces reads what the spaces hold by the metadata.
func (s *Service) measureSpaces(ctx context.Context) error {
	used := make(map[content.SpaceID]int64)
	err := s.meta.View(ctx, func(ctx context.Context, tx MetaTx) error {
		clear(used)
		rows, err := tx.Spaces(ctx)
		if err != nil {
			return err
		}
		for i := range rows {
			u, err := SpaceUsage(ctx, tx, rows[i].ID)
			if err != nil {
				return err
			}
			used[rows[i].ID] = u.Bytes
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("usage of spaces: %w", err)
	}
	s.opened.mu.RLock()
	defer s.opened.mu.RUnlock()
	for id, bytes := range used {
		if limit := s.opened.limits[id]; limit != nil {
			limit.used.Store(bytes)
		}
	}
	return nil
}
