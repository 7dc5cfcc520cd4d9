package core

import (
	"context"
	"fmt"
)

// settingKeys is a setting that only the master keys of this store open.
const settingKeys = "keys.check"

// checkKeys refuses master keys that are not those of the store: what is sealed could not be opened, and what is
// sealed from now on not by the right ones. After a rotation the current key takes over.
func (s *Service) checkKeys(ctx context.Context) error {
	var sealed []byte
	var found bool
	err := s.meta.View(ctx, func(ctx context.Context, tx MetaTx) error {
		var err error
		sealed, found, err = tx.Setting(ctx, settingKeys)
		return err
	})
	if err != nil {
		return fmt.Errorf("check master keys: %w", err)
	}
	if found {
		if _, err := s.keys.Unseal(settingKeys, sealed); err != nil {
			return fmt.Errorf("%w: %w", ErrOtherMasterKey, err)
		}
		if s.keys.sealedByCurrent(sealed) {
			return nil
		}
	}
	fresh := s.keys.Seal(settingKeys, s.stamp.StoreID[:])
	err = s.meta.Update(ctx, func(ctx context.Context, tx MetaTx) error {
		return tx.PutSetting(ctx, settingKeys, fresh)
	})
	if err != nil {
		return fmt.Errorf("note master keys: %w", err)
	}
	return nil
}
