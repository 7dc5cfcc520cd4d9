package content

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"trivium/drivers"
)

// reach returns a space that may be called.
func (s *Store) reach(id SpaceID) (Space, error) {
	sp, ok := s.cfg.Spaces.Get(id)
	if !ok || sp.State == Down {
		return Space{}, fmt.Errorf("space %d: %w: %w", id, ErrUnavailable, errDown)
	}
	return sp, nil
}

// Repair rebuilds the named shards of b from any others that suffice, on ciphertext, so that it needs no keys.
// Each new shard is of a new generation and lies in the same space if that is active and takes it, else in one of
// spaces (those of the class), in a domain without another shard of that segment. The result has the same ID
// and a new layout: the caller swaps it in by compare-and-set and queues Superseded(b, result); if the swap is
// lost it queues Superseded(result, current), current being the layout that won: both may name the same shard.
//
// On error the Blob returned holds what was rebuilt so far, which is b itself if nothing was. Errors wrap
// ErrCorrupt, ErrUnavailable, ErrNoSpace, ErrOverloaded, ErrFormat (no such shard) or the context's error.
func (s *Store) Repair(ctx context.Context, b Blob, shards []ShardRef, spaces []SpaceID) (Blob, error) {
	return s.renew(ctx, b, shards, renewal{allowed: spaces})
}

// Move writes the named shards of b anew in other spaces than they are in: for spaces that are drained. Each is
// read where it is, or rebuilt from others if that fails. Everything else is as with Repair.
func (s *Store) Move(ctx context.Context, b Blob, shards []ShardRef, spaces []SpaceID) (Blob, error) {
	return s.renew(ctx, b, shards, renewal{allowed: spaces, move: true})
}

// renewal says how shards are written anew.
type renewal struct {
	allowed []SpaceID
	move    bool       // to another space, and the shard itself may be read
	lost    []ShardRef // must not be read
}

// renew is Repair and Move.
func (s *Store) renew(ctx context.Context, b Blob, shards []ShardRef, how renewal) (Blob, error) {
	shards = slices.Compact(slices.SortedFunc(slices.Values(shards), compareRefs))
	code, err := s.code(&b.Layout)
	if err != nil {
		return b, err
	}
	cd := &coder{store: s.cfg.StoreID, id: b.ID, layout: b.Layout, code: code, crc: s.crc}
	for i, ref := range shards {
		if ref.Segment < 0 || ref.Segment >= b.Layout.Segments() || ref.Index < 0 || ref.Index >= b.Layout.N {
			return b, fmt.Errorf("renew %v: no shard %+v: %w", b.ID, ref, ErrFormat)
		}
		if !how.move {
			how.lost = shards[i:]
		}
		p, err := s.renewShard(ctx, cd, &b.Layout, ref, how)
		if err != nil {
			return b, fmt.Errorf("renew shard %d.%d of %v: %w", ref.Segment, ref.Index, b.ID, err)
		}
		b.Layout = b.Layout.With(p)
		s.hook("repair.done")
	}
	return b, nil
}

// renewShard writes one shard anew and returns its place.
func (s *Store) renewShard(ctx context.Context, cd *coder, l *Layout, ref ShardRef, how renewal) (Place, error) {
	p := l.Place(ref.Segment, ref.Index)
	p.Generation++
	homes, err := s.homes(cd.id, l, p, how)
	if err != nil {
		return Place{}, err
	}
	body, err := s.rebuiltShard(ctx, cd, l, how)
	if err != nil {
		return Place{}, err
	}
	defer body.release()
	var failed []error
	for _, sp := range homes {
		p.Space = sp.ID
		err := s.putRebuilt(ctx, sp, body, p)
		if err == nil {
			return p, nil
		}
		if body.err != nil || ctx.Err() != nil {
			return Place{}, errors.Join(body.err, ctx.Err()) // the sources, not this space
		}
		failed = append(failed, err)
	}
	reason := ErrUnavailable
	if full(failed) {
		reason = ErrNoSpace
	}
	return Place{}, fmt.Errorf("no space takes it: %w", errors.Join(append([]error{reason}, failed...)...))
}

// homes returns the spaces for a new shard, best first: where it was, unless it is to move, then others that are
// allowed, in domains that have no other shard of its segment.
func (s *Store) homes(id BlobID, l *Layout, p Place, how renewal) ([]Space, error) {
	var homes, taken []Space
	if sp, ok := s.cfg.Spaces.Get(p.Space); ok && sp.State == Active && !how.move {
		homes = append(homes, sp)
	}
	for i := range l.N {
		if sp, ok := s.cfg.Spaces.Get(l.Place(p.Segment, i).Space); ok && i != p.Index {
			taken = append(taken, sp)
		}
	}
	order, err := s.candidates(id, how.allowed, l.KeyID)
	if err != nil {
		return nil, err
	}
	for _, sp := range order {
		if sp.ID != p.Space && !slices.ContainsFunc(taken, sp.clashes) {
			homes = append(homes, sp)
		}
	}
	return homes, nil
}

// putRebuilt writes a rebuilt shard into a space.
func (s *Store) putRebuilt(ctx context.Context, sp Space, body *rebuilt, p Place) error {
	if err := body.start(p); err != nil {
		return err
	}
	s.hook("shard.put.before")
	name := ShardName(sp.WorkingDir, body.coder.id, p)
	err := sp.Driver.Put(ctx, name, body, body.geo.ShardSize(), drivers.PutOptions{Immutable: true})
	s.hook("shard.put.after")
	return err
}

// Remove deletes one name of a space; a missing one is no error. ErrUnavailable if the space is unknown or
// down.
func (s *Store) Remove(ctx context.Context, id SpaceID, name string) error {
	sp, err := s.reach(id)
	if err != nil {
		return err
	}
	s.hook("shard.remove.before")
	if err := sp.Driver.Delete(ctx, name); err != nil {
		return fmt.Errorf("remove from space %d: %w", id, err)
	}
	s.hook("shard.remove.after")
	return nil
}

// RemoveShard deletes one shard of a blob, as Remove does; a place that is nowhere is done already.
func (s *Store) RemoveShard(ctx context.Context, id BlobID, p Place) error {
	if p.Space == 0 {
		return nil
	}
	sp, err := s.reach(p.Space)
	if err != nil {
		return err
	}
	return s.Remove(ctx, p.Space, ShardName(sp.WorkingDir, id, p))
}
