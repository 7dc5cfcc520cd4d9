package content

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"trivium/drivers"
)

// looksAtOnce is how many shards are looked at in parallel.
const looksAtOnce = 8

// ShardState is how a shard is.
type ShardState uint8

// The states. Unknown is that of a shard whose space is down or failed: nobody knows.
const (
	Intact ShardState = iota
	Missing
	Damaged // of another size, or with a block that does not match its checksum
	Unknown
)

// Look is what was found of one shard.
type Look struct {
	Place
	Size  int64 // that it has to have, in bytes
	State ShardState
	Err   error // why it is Unknown; nil otherwise
}

// Look looks at the named shards of b: whether each is there and of the right size, or, when deep, verifies every block.
// Shards that were never placed are Missing; names that the layout does not have are left out. The answer is by segment
// and index. The error is the context's alone.
func (s *Store) Look(ctx context.Context, b Blob, shards []ShardRef, deep bool) ([]Look, error) {
	return s.look(ctx, b, b.Layout.named(shards), deep)
}

// Check looks for shards of b that are missing or damaged: present and of the right size, or, when deep,
// every block verified. Shards that were never placed count as missing. A space that is down or errors makes
// nothing "missing": its shards are left out and the error, which joins all such failures, says that the
// answer is incomplete. It wraps ErrUnavailable.
func (s *Store) Check(ctx context.Context, b Blob, deep bool) ([]ShardRef, error) {
	return s.checkPlaces(ctx, b, b.Layout.Places(), deep)
}

// CheckShards is Check, deep, of the named shards alone; names that the layout does not have are left out. A
// read that failed once says little: the space may have been in trouble for a moment.
func (s *Store) CheckShards(ctx context.Context, b Blob, shards []ShardRef) ([]ShardRef, error) {
	return s.checkPlaces(ctx, b, b.Layout.named(shards), true)
}

// ShardSize is how long each shard of a segment is, in bytes.
func (l *Layout) ShardSize(segment int) int64 {
	_, size := l.Segment(segment)
	return l.geometry(size).ShardSize()
}

// named yields the places of those of shards that the layout has.
func (l *Layout) named(shards []ShardRef) iter.Seq[Place] {
	return func(yield func(Place) bool) {
		for _, ref := range shards {
			if ref.Segment < 0 || ref.Segment >= l.Segments() || ref.Index < 0 || ref.Index >= len(l.Base) {
				continue
			}
			if !yield(l.Place(ref.Segment, ref.Index)) {
				return
			}
		}
	}
}

// checkPlaces looks at shards of b and parts the lost ones from those of which nothing is known.
func (s *Store) checkPlaces(ctx context.Context, b Blob, places iter.Seq[Place], deep bool) ([]ShardRef, error) {
	looks, err := s.look(ctx, b, places, deep)
	var lost []ShardRef
	var doubt []error
	for _, l := range looks {
		switch l.State {
		case Intact:
		case Missing, Damaged:
			lost = append(lost, l.ShardRef)
		case Unknown:
			doubt = append(doubt, fmt.Errorf("shard %d.%d in space %d: %w", l.Segment, l.Index, l.Space, l.Err))
		}
	}
	if err != nil {
		return lost, err
	}
	if len(doubt) > 0 {
		return lost, fmt.Errorf("check %v: %w", b.ID, errors.Join(append(doubt, ErrUnavailable)...))
	}
	return lost, nil
}

// look looks at shards of b, several at once.
func (s *Store) look(ctx context.Context, b Blob, places iter.Seq[Place], deep bool) ([]Look, error) {
	var (
		mu    sync.Mutex
		looks []Look
		group errgroup.Group
	)
	group.SetLimit(looksAtOnce)
	cd := &coder{store: s.cfg.StoreID, id: b.ID, layout: b.Layout, crc: s.crc}
	for p := range places {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			state, err := s.lookAt(ctx, cd, p, deep)
			mu.Lock()
			defer mu.Unlock()
			looks = append(looks, Look{Place: p, Size: b.Layout.ShardSize(p.Segment), State: state, Err: err})
			return nil
		})
	}
	_ = group.Wait() // its functions return nil
	slices.SortFunc(looks, func(a, b Look) int { return compareRefs(a.ShardRef, b.ShardRef) })
	if err := ctx.Err(); err != nil {
		return looks, fmt.Errorf("check %v: %w", b.ID, err)
	}
	return looks, nil
}

// compareRefs orders shards by segment and index.
func compareRefs(a, b ShardRef) int { return Exception{Segment: a.Segment, Index: a.Index}.compare(b) }

// lookAt tells how a shard is; the error is why that is Unknown.
func (s *Store) lookAt(ctx context.Context, cd *coder, p Place, deep bool) (ShardState, error) {
	if p.Space == 0 {
		return Missing, nil
	}
	sp, err := s.reach(p.Space)
	if err != nil {
		return Unknown, err
	}
	info, err := sp.Driver.Stat(ctx, ShardName(sp.WorkingDir, cd.id, p))
	switch {
	case errors.Is(err, drivers.ErrNotExist):
		return Missing, nil
	case err != nil:
		return Unknown, err
	case info.Size != cd.layout.ShardSize(p.Segment):
		return Damaged, nil
	case !deep:
		return Intact, nil
	}
	err = s.verifyShard(ctx, cd, p)
	switch {
	case errors.Is(err, ErrCorrupt):
		return Damaged, nil
	case errors.Is(err, drivers.ErrNotExist):
		return Missing, nil
	case err != nil:
		return Unknown, err
	}
	return Intact, nil
}

// Suffices tells whether b can be read though the named shards are lost. Only a layout that is none is an error.
func (s *Store) Suffices(b Blob, lost []ShardRef) (bool, error) {
	code, err := s.code(&b.Layout)
	if err != nil {
		return false, err
	}
	bySegment := make(map[int][]bool)
	for _, ref := range lost {
		if ref.Index < 0 || ref.Index >= b.Layout.N {
			continue
		}
		present := bySegment[ref.Segment]
		if present == nil {
			present = slices.Repeat([]bool{true}, b.Layout.N)
			bySegment[ref.Segment] = present
		}
		present[ref.Index] = false
		if code == nil && !slices.Contains(present, true) || code != nil && !code.Decodable(present) {
			return false, nil
		}
	}
	return true, nil
}

// verifyShard reads every block of a shard.
func (s *Store) verifyShard(ctx context.Context, cd *coder, p Place) error {
	lane := &s.cfg.Budget.large
	pieces, err := lane.acquire(ctx, nil, 1)
	if err != nil {
		return err
	}
	defer func() { lane.release(pieces) }()
	c := &source{view: view{s: s, deep: true}}
	c.begin(cd, &cd.layout, p.Segment)
	defer c.close()
	for stripe := range c.geo.Stripes() {
		if _, err := c.block(ctx, p.Index, stripe, pieces[0]); err != nil {
			return err
		}
	}
	return nil
}
