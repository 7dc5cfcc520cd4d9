package core

import (
	"context"
	"fmt"
	"maps"

	"trivium/core/content"
	"trivium/drivers"
)

// learning is a context for opening the space of a row: what its driver learns about the storage is kept in the row.
func (s *Service) learning(ctx context.Context, id content.SpaceID) context.Context {
	return drivers.Learning(ctx, func(field, value string) error { return s.learned(ctx, id, field, value) })
}

// learned keeps the value of a field of a space that has none. Another one is an error: somebody else has learned it
// meanwhile, from another server.
func (s *Service) learned(ctx context.Context, id content.SpaceID, field, value string) error {
	err := s.meta.Update(MakingRoom(ctx), func(ctx context.Context, tx MetaTx) error {
		row, err := spaceIn(ctx, tx, id)
		if err != nil {
			return err
		}
		if kept := row.Config[field]; kept != "" && kept != value {
			return fmt.Errorf("%s of space %s: it is %q meanwhile, not %q: %w", field, row.Name, kept, value, drivers.ErrDenied)
		}
		row.Config = withField(row.Config, field, value)
		return tx.PutSpace(ctx, row)
	})
	if err != nil {
		return err
	}
	s.opened.change(id, func(row *Space) { row.Config = withField(row.Config, field, value) })
	return nil
}

// withField is a configuration with one more field.
func withField(cfg map[string]string, field, value string) map[string]string {
	with := maps.Clone(cfg)
	if with == nil {
		with = make(map[string]string)
	}
	with[field] = value
	return with
}

// withLearned is the changed configuration of a space with what was learned about its storage before that is written:
// a change leaves those fields alone.
func withLearned(kind *drivers.Kind, changed, now map[string]string) map[string]string {
	for _, f := range kind.Fields {
		if v := now[f.Name]; v != "" && changed[f.Name] == "" && !f.Credential && !f.Secret {
			changed = withField(changed, f.Name, v)
		}
	}
	return changed
}
