package core

import (
	"context"

	"trivium/core/content"
)

// IDBlock is how many ids are reserved at once, IDQueue how many may wait for them.
const (
	IDBlock = idBlock
	IDQueue = idQueue
)

// LoginPlaces is how many logins may wait.
const LoginPlaces = turnsWaiting

// QueueDamage tells of a shard as a reader does that could not use it.
func (s *Service) QueueDamage(id content.BlobID, ref content.ShardRef, cause error) {
	s.queueDamage(id, ref, cause)
}

// SetFolderLimit lets a test see what a folder that is too large meets. Call it before the Service is used.
func (s *Service) SetFolderLimit(n int) { s.folderLimit = n }

// SetFolderProperties is SetFolderLimit for the bytes of properties.
func (s *Service) SetFolderProperties(n int) { s.folderProperties = n }

// HoldPasswords keeps every hash of a password waiting until release is called.
func (s *Service) HoldPasswords() (release func()) {
	turns := &s.logins.passwords.turns
	for range turnsAtOnce {
		if err := turns.enter(context.Background(), line{ahead: true}); err != nil {
			panic(err)
		}
	}
	return func() {
		for range turnsAtOnce {
			turns.leave()
		}
	}
}

// Harmless are errors of Code Corrupt that say nothing about the metadata store.
func Harmless() []error { return []error{errMoved, errInlineSum} }

// TransferMemory describes the memory of transfers.
func (s *Service) TransferMemory() content.BudgetStats { return s.budget.Stats() }

// FolderOptions are those of MoveFolder and CopyFolder.
type FolderOptions = folderOptions

// MoveFolder is MovePath of what must be a folder, or a bucket.
func (se *Session) MoveFolder(ctx context.Context, src, dst Path, opts FolderOptions) error {
	if src.Key == "" && dst.Key == "" {
		return se.renameBucket(ctx, src.Bucket, dst.Bucket, new(Conditions))
	}
	_, err := se.moveFolder(ctx, src, dst, opts)
	return fail("move folder", src.String(), err)
}

// CopyFolder is CopyPath of what must be a folder.
func (se *Session) CopyFolder(ctx context.Context, src, dst Path, opts FolderOptions) error {
	_, err := se.copyTree(ctx, src, dst, opts)
	return err
}

// DeleteFolder is RemovePath of what must be a folder.
func (se *Session) DeleteFolder(ctx context.Context, p Path) error { return se.deleteFolder(ctx, p) }

// DefaultDomain is the failure domain of a space that names none.
func DefaultDomain(seed SpaceSeed) string { return defaultDomain(seed) }
