package content

import (
	"fmt"
	"slices"

	"trivium/core/erasure"
	"trivium/core/placement"
)

// picker chooses spaces for the shards of one blob after another of an upload, and remembers which failed. It
// is for one goroutine at a time.
type picker struct {
	order  []Space // active spaces, best first; distinct domains first
	failed []SpaceID
}

// candidates returns the active ones of ids in the order of placement for a blob. A sealed space among them
// demands a key.
func (s *Store) candidates(seed BlobID, ids []SpaceID, keyID uint32) ([]Space, error) {
	found := make([]Space, 0, len(ids))
	for _, id := range ids {
		sp, ok := s.cfg.Spaces.Get(id)
		if !ok || sp.State != Active {
			continue
		}
		if sp.Sealed && keyID == 0 {
			return nil, fmt.Errorf("space %d takes only sealed content and there is no key: %w", id, ErrPolicy)
		}
		found = append(found, sp)
	}
	if len(found) < 2 {
		return found, nil
	}
	drawn := make([]placement.Space, len(found))
	for i, sp := range found {
		drawn[i] = placement.Space{ID: int64(sp.ID), Domain: sp.Domain, Weight: sp.weight()}
	}
	ordered := make([]Space, 0, len(found))
	for _, id := range placement.Order(seed.Bytes(), drawn) {
		i := slices.IndexFunc(found, func(sp Space) bool { return sp.ID == SpaceID(id) })
		ordered = append(ordered, found[i])
	}
	return ordered, nil
}

// weight is the space's share relative to others; one that was never set is 1.
func (sp *Space) weight() float64 {
	if sp.Weight == 0 {
		return 1
	}
	return sp.Weight
}

// next returns the best space that has not failed and is in no domain of taken. ok is false when none is left.
func (p *picker) next(taken []Space) (Space, bool) {
	for _, sp := range p.order {
		if slices.Contains(p.failed, sp.ID) || slices.ContainsFunc(taken, sp.clashes) {
			continue
		}
		return sp, true
	}
	return Space{}, false
}

// clashes tells whether two shards of a segment must not lie in both spaces.
func (sp Space) clashes(other Space) bool {
	return other.ID != 0 && (sp.ID == other.ID || sp.Domain == other.Domain)
}

// first returns spaces for n shards; the zero Space where none is left.
func (p *picker) first(n int) []Space {
	chosen := make([]Space, n)
	for i := range chosen {
		sp, ok := p.next(chosen[:i])
		if !ok {
			break
		}
		chosen[i] = sp
	}
	return chosen
}

// fail remembers that a space did not take a shard.
func (p *picker) fail(id SpaceID) {
	if !slices.Contains(p.failed, id) {
		p.failed = append(p.failed, id)
	}
}

// decodable tells whether the shards marked present determine the content. code is nil for equal shards.
func decodable(code *erasure.Code, present []bool) bool {
	if code == nil {
		return slices.Contains(present, true)
	}
	return code.Decodable(present)
}

// safe tells whether the shards that are durable determine the content even after the loss of any one failure
// domain, or, for content without redundancy, at all (S17: k + min(1, m) distinct domains).
func safe(code *erasure.Code, durable []bool, spaces []Space) bool {
	if len(durable) == 1 {
		return durable[0]
	}
	left := make([]bool, len(durable))
	for i, sp := range spaces {
		if !durable[i] {
			continue
		}
		for j := range left {
			left[j] = durable[j] && spaces[j].Domain != sp.Domain
		}
		if !decodable(code, left) {
			return false
		}
	}
	return decodable(code, durable)
}
