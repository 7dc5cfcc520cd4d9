package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"trivium/core"
	"trivium/core/plainfile"
)

// keyError is a core.ErrMasterKey that says by itself what is wrong.
type keyError struct{ msg string }

// Error returns the message alone.
func (e *keyError) Error() string { return e.msg }

// Unwrap returns core.ErrMasterKey.
func (e *keyError) Unwrap() error { return core.ErrMasterKey }

// loadMasterKeys reads the master key file named, or master.key in the data directory when none is. That one alone is
// made on the first start, and never beside metadata: what an earlier key sealed would stay closed.
//
// A file that was named is not made. Such files lie on media that are mounted (a secret of a container, a stick); a
// key made because the medium is not there yet would go with the container, and the store with it.
func loadMasterKeys(d *dataDir, named string) (*core.MasterKeys, error) {
	path := d.masterKeyPath(named)
	b, err := readMasterKey(path, named != "")
	if errors.Is(err, fs.ErrNotExist) {
		return noMasterKeys(d, named)
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

// readMasterKey reads the file. One that was named may be a link, as mounted secrets are, or be written by another
// program.
func readMasterKey(path string, named bool) ([]byte, error) {
	if named {
		return readBounded(path)
	}
	return plainfile.Read(path, maxSecrets)
}

// noMasterKeys makes the key of a new store, or refuses.
func noMasterKeys(d *dataDir, named string) (*core.MasterKeys, error) {
	old, err := d.hasMeta()
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", d.path, err)
	}
	path := d.masterKeyPath(named)
	switch {
	case old:
		return nil, fmt.Errorf("master key file %s is missing, but the metadata in %s needs it: "+
			"restore it from your copy, or name it with --master-key-file", path, d.metaFile())
	case named != "":
		return nil, fmt.Errorf("master key file %s is missing, and a file that is named is not made by itself: "+
			"leave --master-key-file out to have %s made, or make it: (umask 077; openssl rand -hex 32 >%s)",
			path, d.masterKeyPath(""), quote(path))
	}
	keys := core.GenerateMasterKeys()
	if err := d.write(path, keys.Marshal()); err != nil {
		return nil, fmt.Errorf("make master key: %w", err)
	}
	return keys, nil
}

// wordMasterKey says of an error of core.Open which file to put right when the key is that of another store.
func wordMasterKey(err error, path string) error {
	if !errors.Is(err, core.ErrOtherMasterKey) {
		return err
	}
	return &keyError{fmt.Sprintf("master key file %s is not the key of this metadata store: restore the right one "+
		"from your copy, or name it with --master-key-file", path)}
}
