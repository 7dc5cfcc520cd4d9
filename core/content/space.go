package content

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"trivium/drivers"
)

// SpaceState says what may be done with a space.
type SpaceState uint8

// The states. Only an active space gets new shards; one that is down is not called at all.
const (
	Active SpaceState = iota
	ReadOnly
	Draining
	Down
)

// Space is one opened backend and its place in the world.
type Space struct {
	ID         SpaceID
	Driver     drivers.Driver
	WorkingDir string  // names below it are Trivium's; "" is the root of the storage
	Domain     string  // failure domain: shards of one segment lie in distinct ones
	Weight     float64 // share of new shards relative to others; 0 counts as 1
	State      SpaceState
	Sealed     bool // content is encrypted before it gets here

	speed *speed // of its reads; Spaces gives every space its own
}

// Target is a class as core resolved it: where and how new content is written.
type Target struct {
	Policy Policy
	Spaces []SpaceID // that may be used, in any order
	KeyID  uint32    // content key that seals the blob; 0: not sealed
}

// Spaces is the set of opened spaces. All methods may be called concurrently; a Space that was handed out
// stays valid until its driver is closed by whoever opened it.
type Spaces struct {
	mu   sync.RWMutex
	byID map[SpaceID]Space
}

// Set adds sp or replaces the space of the same ID.
func (s *Spaces) Set(sp Space) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil {
		s.byID = make(map[SpaceID]Space)
	}
	if sp.Domain == "" {
		sp.Domain = fmt.Sprintf("space %d", sp.ID)
	}
	if sp.speed = s.byID[sp.ID].speed; sp.speed == nil {
		sp.speed = newSpeed()
	}
	s.byID[sp.ID] = sp
}

// Remove forgets id. It does not close the driver.
func (s *Spaces) Remove(id SpaceID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byID, id)
}

// Get returns the space of that ID.
func (s *Spaces) Get(id SpaceID) (Space, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	sp, ok := s.byID[id]
	return sp, ok
}

// All returns every space by ID.
func (s *Spaces) All() []Space {
	s.mu.RLock()
	all := make([]Space, 0, len(s.byID))
	for _, sp := range s.byID {
		all = append(all, sp)
	}
	s.mu.RUnlock()
	slices.SortFunc(all, func(a, b Space) int { return cmp.Compare(a.ID, b.ID) })
	return all
}
