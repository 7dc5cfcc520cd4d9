package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"trivium/core/plainfile"
)

// Our files in tmp are trivium-NAME.new: nothing else there is ever removed.
const (
	leftPrefix = "trivium-"
	leftSuffix = ".new"
)

// mountDir is what a file system of its own has in its first directory.
const mountDir = "lost+found"

// recognise returns an error, with the next step, unless the directory is that of a store, or one in which a first
// start may make it: missing, or empty but for what a mount point has and what a first start that was cut off leaves.
// It makes nothing.
func (d *dataDir) recognise() error {
	if sameFile(d.path, "/") {
		return fmt.Errorf("data directory %s is the root of the file system: name a directory of its own with --data", d.path)
	}
	there, err := d.hasStore()
	if err != nil {
		return d.unusable(err)
	}
	if there {
		d.found = true
		return nil
	}
	entries, err := os.ReadDir(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return d.unusable(err)
	}
	for _, e := range entries {
		foreign, err := d.foreign(e)
		if err != nil {
			return d.unusable(err)
		}
		if foreign == "" {
			continue
		}
		// Another process may have made a store here meanwhile.
		if there, err := d.hasStore(); err != nil {
			return d.unusable(err)
		} else if there {
			d.found = true
			return nil
		}
		return fmt.Errorf("data directory %s: there is no store in it, and it holds %s of others: name an empty or a new directory with --data",
			d.path, foreign)
	}
	return nil
}

// hasStore tells whether a store was begun in the directory.
func (d *dataDir) hasStore() (bool, error) {
	for _, name := range []string{d.metaFile(), filepath.Join(d.path, spaceName, "trivium.json")} {
		there, err := exists(name)
		if errors.Is(err, syscall.ENOTDIR) { // a file in the place of a directory is of others
			continue
		}
		if there || err != nil {
			return there, err
		}
	}
	return false, nil
}

// foreign names what in an entry of a directory without a store no start has made; "" is nothing.
func (d *dataDir) foreign(e fs.DirEntry) (string, error) {
	plain := func(e fs.DirEntry) bool { return e.Type().IsRegular() }
	switch name := e.Name(); name {
	case mountDir:
		if e.IsDir() {
			return "", nil
		}
	case "lock", "master.key", "credentials":
		if plain(e) {
			return "", nil
		}
	case "admin.sock":
		if e.Type()&(fs.ModeSocket|fs.ModeSymlink) != 0 {
			return "", nil
		}
	case "tmp":
		return d.foreignIn(name, func(e fs.DirEntry) bool { return plain(e) && isLeftover(e.Name()) })
	case "meta":
		return d.foreignIn(name, func(e fs.DirEntry) bool { return plain(e) && strings.HasPrefix(e.Name(), "trivium.db") })
	case spaceName:
		return d.foreignIn(name, func(e fs.DirEntry) bool { return e.IsDir() && e.Name() == ".trivium-tmp" })
	}
	return e.Name(), nil
}

// foreignIn is foreign for a directory of which all entries must be ours.
func (d *dataDir) foreignIn(name string, ours func(fs.DirEntry) bool) (string, error) {
	entries, err := os.ReadDir(d.join(name))
	if errors.Is(err, fs.ErrNotExist) {
		if info, err := os.Lstat(d.join(name)); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return name, nil // a link to nowhere
		}
		return "", nil // a first start that failed took it back
	}
	if errors.Is(err, syscall.ENOTDIR) {
		return name, nil
	}
	for _, e := range entries {
		if !ours(e) && (e.Name() != mountDir || !e.IsDir()) {
			return filepath.Join(name, e.Name()), err
		}
	}
	return "", err
}

// sameFile tells whether two names are of one file.
func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// lockTries is how often a lock is taken anew that its holder gives up together with its file.
const lockTries = 100

// takeLock makes the directory, 0700, if it is missing, and takes its lock.
func (d *dataDir) takeLock() error {
	for range lockTries {
		if err := d.make(d.path); err != nil {
			return d.unusable(err)
		}
		there, err := exists(d.join("lock"))
		if err != nil {
			return d.unusable(err)
		}
		f, err := plainfile.Open(d.join("lock"), os.O_RDWR|os.O_CREATE, 0o600)
		if errors.Is(err, fs.ErrNotExist) { // the directory goes with a first start that failed
			continue
		}
		if err != nil {
			return d.unusable(err)
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			return errors.Join(d.refused(err), f.Close())
		}
		if d.holds(f) {
			d.lock = f
			if !there {
				d.made = append(d.made, d.join("lock"))
			}
			return nil
		}
		if err := f.Close(); err != nil {
			return d.unusable(err)
		}
	}
	return &inUse{d.path, "other processes that start and fail"}
}

// holds tells whether the lock file is still that of the directory: a first start that failed removes it.
func (d *dataDir) holds(f *os.File) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(d.join("lock"))
	return err == nil && os.SameFile(mine, there)
}

// make is makeDir, which takes down what it makes.
func (d *dataDir) make(path string) error {
	var missing []string
	for dir := path; ; dir = filepath.Dir(dir) {
		there, err := exists(dir)
		if err != nil {
			return err
		}
		if there {
			break
		}
		missing = append(missing, dir)
	}
	if err := makeDir(path, syncDir); err != nil {
		return err
	}
	slices.Reverse(missing)
	d.made = append(d.made, missing...)
	return nil
}

// abandon removes what this process made for a store that did not come to be, or beside one that was there and did not
// open, which may be of others: empty directories, and the lock at the end, while it is held.
func (d *dataDir) abandon() {
	if d.opened {
		return
	}
	if there, err := d.hasStore(); there && !d.found || err != nil {
		return
	}
	for _, name := range slices.Backward(d.made) {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return // something is in it, and so in all that are above
		}
	}
}

// isLeftover tells whether a name in tmp is one of ours.
func isLeftover(name string) bool {
	return strings.HasPrefix(name, leftPrefix) && strings.HasSuffix(name, leftSuffix)
}

// leftover names the file in tmp that becomes name.
func (d *dataDir) leftover(name string) string {
	return filepath.Join(d.tmp(), leftPrefix+name+leftSuffix)
}

// clean proves that the directory can be written, and removes our files that a crash left in tmp.
func (d *dataDir) clean() error {
	left, err := os.ReadDir(d.tmp())
	if err != nil {
		return d.unusable(err)
	}
	for _, e := range left {
		if !e.Type().IsRegular() || !isLeftover(e.Name()) {
			continue
		}
		if err := os.Remove(filepath.Join(d.tmp(), e.Name())); err != nil {
			return d.unusable(err)
		}
	}
	probe := d.leftover("probe")
	if err := writeSynced(probe, nil); err != nil {
		return d.unusable(err)
	}
	return os.Remove(probe)
}
