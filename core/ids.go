package core

import (
	"context"
	"fmt"
	"sync"
)

// idBlock is how many ids are reserved at once. A crash loses the rest of a block; ids are not dense.
const idBlock = 1000

// idBlocks hands out ids of named sequences from reserved blocks, so that hardly any request waits for a commit.
// The zero value is ready.
type idBlocks struct {
	mu   sync.RWMutex
	seqs map[string]*idSequence
}

// idSequence is the rest of one block.
type idSequence struct {
	mu        sync.Mutex
	next, end int64
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
		q = new(idSequence)
		b.seqs[name] = q
	}
	return q
}

// nextID returns an id of the named sequence that no process ever gave or will give: ids ascend within a
// process and start at 1. It must be called outside a transaction, since it may need one of its own.
func (s *Service) nextID(ctx context.Context, seq string) (int64, error) {
	q := s.ids.sequence(seq)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.next == q.end {
		first, err := s.reserveIDs(ctx, seq, idBlock)
		if err != nil {
			return 0, err
		}
		q.next, q.end = first, first+idBlock
	}
	id := q.next
	q.next++
	return id, nil
}

// nextIDs returns the first of n ids in a row, all of them the caller's.
func (s *Service) nextIDs(ctx context.Context, seq string, n int64) (int64, error) {
	q := s.ids.sequence(seq)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.end-q.next < n {
		// The rest of the block is given up: a run must be in a row.
		size := n + idBlock
		first, err := s.reserveIDs(ctx, seq, size)
		if err != nil {
			return 0, err
		}
		q.next, q.end = first, first+size
	}
	first := q.next
	q.next += n
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
