package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"trivium/core"
)

// keyCheck is the setting by which a wrong master key is known before it does harm: a value sealed by the right
// one.
const keyCheck = "master.check"

// keyError is a core.ErrMasterKey that says by itself what is wrong.
type keyError struct{ msg string }

// Error returns the message alone.
func (e *keyError) Error() string { return e.msg }

// Unwrap returns core.ErrMasterKey.
func (e *keyError) Unwrap() error { return core.ErrMasterKey }

// loadMasterKeys reads the master key file at path, or makes it on the first start. It refuses to make one
// beside metadata: what an earlier key sealed would stay closed.
func loadMasterKeys(d *dataDir, path string) (*core.MasterKeys, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeMasterKeys(d, path)
	}
	if err != nil {
		return nil, fmt.Errorf("read master key: %w", err)
	}
	keys, err := core.ParseMasterKeys(b)
	if err != nil {
		// The sentinel's own words would stand behind the ones that say what is wrong.
		return nil, &keyError{fmt.Sprintf("master key file %s: %s; restore it from your copy",
			path, strings.TrimSuffix(err.Error(), ": "+core.ErrMasterKey.Error()))}
	}
	return keys, nil
}

// makeMasterKeys draws the key of a new store.
func makeMasterKeys(d *dataDir, path string) (*core.MasterKeys, error) {
	old, err := d.hasMeta()
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", d.path, err)
	}
	if old {
		return nil, fmt.Errorf("master key file %s is missing, but the metadata in %s needs it: "+
			"restore it from your copy, or name it with --master-key-file", path, d.metaFile())
	}
	keys := core.GenerateMasterKeys()
	if err := d.write(path, keys.Marshal()); err != nil {
		return nil, fmt.Errorf("make master key: %w", err)
	}
	return keys, nil
}

// checkMasterKeys compares the keys with the store, and marks a new store with them.
func checkMasterKeys(ctx context.Context, meta core.MetaStore, keys *core.MasterKeys, path string) error {
	var sealed []byte
	var found bool
	err := meta.View(ctx, func(ctx context.Context, tx core.MetaTx) error {
		var err error
		sealed, found, err = tx.Setting(ctx, keyCheck)
		return err
	})
	if err != nil {
		return fmt.Errorf("read %s: %w", keyCheck, err)
	}
	if found {
		if _, err := keys.Unseal(keyCheck, sealed); err != nil {
			return &keyError{fmt.Sprintf("master key file %s is not the key of this metadata store: restore the right one "+
				"from your copy, or name it with --master-key-file", path)}
		}
		return nil
	}
	err = meta.Update(ctx, func(ctx context.Context, tx core.MetaTx) error {
		return tx.PutSetting(ctx, keyCheck, keys.Seal(keyCheck, []byte("trivium")))
	})
	if err != nil {
		return fmt.Errorf("write %s: %w", keyCheck, err)
	}
	return nil
}
