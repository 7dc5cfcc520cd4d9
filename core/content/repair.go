package content

import (
	"context"
	"errors"
)

// Check looks for shards of b that are missing or damaged: present and of the right size, or, when deep,
// every block verified. Shards that were never placed count as missing. A space that is down or errors makes
// nothing "missing": its shards are left out and the error, which joins all such failures, says that the
// answer is incomplete. It wraps ErrUnavailable.
func (s *Store) Check(ctx context.Context, b Blob, deep bool) ([]ShardRef, error) {
	return nil, errors.New("not yet")
}

// Repair rebuilds the named shards of b from any that suffice, on ciphertext, so that it needs no keys. Each
// new shard is of a new generation and lies in the same space if that is active and takes it, else in one of
// spaces (those of the class), in a domain without another shard of that segment. The result has the same ID
// and a new layout: the caller swaps it in by compare-and-set and queues Superseded of the two; if the swap is
// lost it queues Superseded(result, old).
//
// On error the Blob returned holds what was rebuilt so far, which is b itself if nothing was. Errors wrap
// ErrCorrupt, ErrUnavailable, ErrNoSpace, ErrOverloaded or the context's error.
func (s *Store) Repair(ctx context.Context, b Blob, shards []ShardRef, spaces []SpaceID) (Blob, error) {
	return b, errors.New("not yet")
}

// Remove deletes one name of a space; a missing one is no error. ErrUnavailable if the space is unknown or
// down.
func (s *Store) Remove(ctx context.Context, id SpaceID, name string) error {
	return errors.New("not yet")
}
