package memory

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"trivium/drivers"
)

// entry is one name's content, which nobody changes once it is in a store.
type entry struct {
	content []byte
	size    int64
	modTime time.Time
}

// store is the content that handles share.
type store struct {
	capacity int64 // bytes; 0: no limit
	discard  bool

	mu      sync.RWMutex
	entries map[string]entry
	used    int64
	// sorted are the names in order, nil once a name has come or gone. It is replaced, never changed, so listings
	// go on with the one that they began with.
	sorted []string
}

func newStore(capacity int64, discard bool) *store {
	return &store{capacity: capacity, discard: discard, entries: map[string]entry{}}
}

func (s *store) get(name string) (entry, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e, ok := s.entries[name]
	return e, ok
}

func (s *store) has(name string) bool {
	_, ok := s.get(name)
	return ok
}

// room refuses early what set would refuse after the whole body.
func (s *store) room(name string, size int64) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.roomLocked(name, size)
}

func (s *store) roomLocked(name string, size int64) error {
	free := s.capacity - s.used + s.entries[name].size
	if s.capacity > 0 && size > free {
		return fmt.Errorf("%d bytes, %d free: %w", size, free, drivers.ErrNoSpace)
	}
	return nil
}

func (s *store) set(name string, e entry, ifAbsent bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, there := s.entries[name]
	if there && ifAbsent {
		return drivers.ErrExist
	}
	if err := s.roomLocked(name, e.size); err != nil {
		return err
	}
	s.used += e.size - old.size
	s.entries[name] = e
	if !there {
		s.sorted = nil
	}
	return nil
}

func (s *store) remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, there := s.entries[name]
	if !there {
		return
	}
	s.used -= old.size
	delete(s.entries, name)
	s.sorted = nil
}

// names returns all names in order; the caller must not change them.
func (s *store) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sorted == nil {
		s.sorted = slices.Sorted(maps.Keys(s.entries))
	}
	return s.sorted
}

func (s *store) usage() (used, free int64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.capacity == 0 {
		return s.used, -1
	}
	return s.used, s.capacity - s.used
}
