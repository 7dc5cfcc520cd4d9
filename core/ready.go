package core

import (
	"context"

	"trivium/core/content"
)

// Ready returns nil when reads and writes work: the metadata answers, this process may write, the disk has its
// reserve, and at least one space is up. Otherwise the error says what is wrong: ReadOnly, NoSpace,
// Unavailable, or what the metadata store said.
func (s *Service) Ready(ctx context.Context) error {
	if s.closed.Load() {
		return &Error{Code: Unavailable, Msg: "the server is stopping"}
	}
	if err := s.meta.View(ctx, s.checkWriter); err != nil {
		return err
	}
	if err := s.checkReserve(); err != nil {
		return err
	}
	for _, sp := range s.spaces.All() {
		if sp.State == content.Active {
			return nil
		}
	}
	return &Error{Code: Unavailable, Msg: "no space is up"}
}
