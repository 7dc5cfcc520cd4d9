package core

import (
	"context"

	"trivium/core/content"
)

// Ready returns nil when reads and writes work: the metadata answers, this process may write, the disk has its
// reserve, and at least one space is up, has the content that it must have, and takes more, which is
// tried by looking for one shard and writing a short file where shards are, at most every 3 s. A metadata
// store that was ever found damaged is not ready until the process is started again. Otherwise the error says what is
// wrong: ReadOnly, NoSpace, Unavailable, Corrupt, or what the metadata store said.
func (s *Service) Ready(ctx context.Context) error {
	if s.closed.Load() {
		return &Error{Code: Unavailable, Msg: "the server is stopping"}
	}
	if damage := s.damage.Load(); damage != nil {
		return damage
	}
	if err := s.meta.View(ctx, s.checkWriter); err != nil {
		return err
	}
	if err := s.checkReserve(); err != nil {
		return err
	}
	var up []content.Space
	for _, sp := range s.spaces.All() {
		if sp.State == content.Active {
			up = append(up, sp)
		}
	}
	if len(up) == 0 {
		return &Error{Code: Unavailable, Msg: "no space is up", Err: s.opened.whyDown()}
	}
	return s.takesFiles(ctx, up)
}
