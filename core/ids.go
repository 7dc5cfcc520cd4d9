package core

import (
	"context"
	"fmt"
	"sync"

	"trivium/core/admission"
)

const (
	// idBlock is how many ids are reserved at once. A crash loses the rest of a block; ids are not dense.
	idBlock = 1000
	// idQueue is how many may wait while one reserves a block: all whose bodies have come have room there.
	idQueue = 8 * admission.Slots
)

// idBlocks hands out ids of named sequences from reserved blocks, so that hardly any request waits for a commit.
// The zero value is ready.
type idBlocks struct {
	mu   sync.RWMutex
	seqs map[string]*idSequence
}

// idSequence is the rest of one block. The mutex is never held while the store is waited for.
type idSequence struct {
	mu        sync.Mutex
	next, end int64
	turn      *admission.Gate // of whoever reserves the next block
}

// take returns the first of n ids in a row, if the block has as many.
func (q *idSequence) take(n int64) (first int64, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.end-q.next < n {
		return 0, false
	}
	first = q.next
	q.next += n
	return first, true
}

// begin makes another block the one to take from. The rest of the last one is given up: a run must be in a row.
func (q *idSequence) begin(next, end int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.next, q.end = next, end
}

// sequence returns the block of that name.
func (b *idBlocks) sequence(name string) *idSequence {
	b.mu.RLock()
	q := b.seqs[name]
	b.mu.RUnlock()
	if q != nil {
		return q
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if q = b.seqs[name]; q == nil {
		if b.seqs == nil {
			b.seqs = make(map[string]*idSequence)
		}
		q = &idSequence{turn: admission.New(1, idQueue, admission.Patience)}
		b.seqs[name] = q
	}
	return q
}

// nextID returns an id of the named sequence that no process ever gave or will give: ids ascend within a
// process and start at 1. It must be called outside a transaction, since it may need one of its own. Overloaded when too
// many wait for that.
func (s *Service) nextID(ctx context.Context, seq string) (int64, error) {
	return s.nextIDs(ctx, seq, 1)
}

// nextIDs returns the first of n ids in a row, all of them the caller's; otherwise it is as nextID.
func (s *Service) nextIDs(ctx context.Context, seq string, n int64) (int64, error) {
	q := s.ids.sequence(seq)
	if first, ok := q.take(n); ok {
		return first, nil
	}
	if err := enter(ctx, q.turn); err != nil {
		return 0, err
	}
	defer q.turn.Leave()
	if first, ok := q.take(n); ok { // of the block that was waited for
		return first, nil
	}
	size := n - 1 + idBlock
	first, err := s.reserveIDs(ctx, seq, size)
	if err != nil {
		return 0, err
	}
	q.begin(first+n, first+size)
	return first, nil
}

// reserveIDs takes n ids from the store.
func (s *Service) reserveIDs(ctx context.Context, seq string, n int64) (int64, error) {
	var first int64
	err := s.meta.Update(ctx, func(ctx context.Context, tx MetaTx) error {
		var err error
		first, err = tx.ReserveIDs(ctx, seq, n)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("reserve ids of %s: %w", seq, err)
	}
	return first, nil
}
