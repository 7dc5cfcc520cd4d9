package core

import (
	"context"
	"errors"
)

// watchedMeta is a metadata store of a Service that hears of damage at once.
type watchedMeta struct {
	MetaStore
	s *Service
}

// View implements MetaStore.
func (m watchedMeta) View(ctx context.Context, fn func(ctx context.Context, tx MetaTx) error) error {
	return m.s.sawDamage(m.MetaStore.View(ctx, fn))
}

// Update implements MetaStore.
func (m watchedMeta) Update(ctx context.Context, fn func(ctx context.Context, tx MetaTx) error) error {
	return m.s.sawDamage(m.MetaStore.Update(ctx, fn))
}

// Lookup implements MetaStore.
func (m watchedMeta) Lookup(ctx context.Context, bucketID int64, key string, withContent bool) (Found, error) {
	found, err := m.MetaStore.Lookup(ctx, bucketID, key, withContent)
	return found, m.s.sawDamage(err)
}

// LookupID implements MetaStore.
func (m watchedMeta) LookupID(ctx context.Context, objectID int64, withContent bool) (Found, error) {
	found, err := m.MetaStore.LookupID(ctx, objectID, withContent)
	return found, m.s.sawDamage(err)
}

// sawDamage passes err on and remembers the first one that tells of a damaged store. Rows that a reader lost to an
// overwrite are no damage, and the content of one object says nothing about the rest.
func (s *Service) sawDamage(err error) error {
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*Error](err)
	if ok && e.Code == Corrupt && !errors.Is(err, errMoved) && !errors.Is(err, errInlineSum) &&
		s.damage.CompareAndSwap(nil, e) {
		s.log.Error("the metadata store is damaged", "error", e)
	}
	return err
}
