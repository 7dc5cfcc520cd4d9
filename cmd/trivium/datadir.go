package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"trivium/core/plainfile"
)

// dataDir is the data directory while this process holds its lock:
//
//	meta/trivium.db  metadata
//	space/           content, the first space
//	master.key       what everything secret hangs on, unless another file is named
//	credentials      what the first start made
//	lock             held by the running server: pid, host, address
//	admin.sock       where it takes commands, or a link to that
//	tmp/             files on their way to one of these places
type dataDir struct {
	path string
	lock *os.File
	made []string // files and directories that this process made, in this order
	// found says that there was what looks like a store before anything was made, and opened that a store opened.
	found, opened bool
}

// maxSecrets bounds what is read of a file of the directory, in bytes.
const maxSecrets = 1 << 20

// spaceName is the directory of the first space, in the data directory.
const spaceName = "space"

// openDataDir makes the directory, 0700, if it is missing, and takes its lock; one that is neither a store's nor empty is
// refused and left as it is. Errors name the next step; one server per directory: a second is told of the first. A lock of a process that died is no obstacle, since the
// kernel has released it.
func openDataDir(path string) (*dataDir, error) {
	// What is made here, by any package, is for its owner alone.
	syscall.Umask(0o077)
	d := &dataDir{path: path}
	if err := d.recognise(); err != nil {
		return nil, err
	}
	if err := d.checkOwner(os.Geteuid()); err != nil {
		return nil, err
	}
	if err := d.takeLock(); err != nil {
		d.abandon()
		return nil, err
	}
	if err := d.prepare(); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// prepare makes what is missing of the directory. The caller holds the lock.
func (d *dataDir) prepare() error {
	for _, dir := range []string{d.tmp(), d.join("meta"), d.join(spaceName)} {
		if err := d.make(dir); err != nil {
			return d.unusable(err)
		}
	}
	if err := checkDir(d.tmp()); err != nil { // or files outside would be removed
		return d.unusable(err)
	}
	return d.clean()
}

// errInUse says that another process holds the lock.
var errInUse = errors.New("in use")

// inUse is an errInUse with who it is.
type inUse struct{ dir, holder string }

// Error says what to do.
func (e *inUse) Error() string {
	return fmt.Sprintf("data directory %s is in use by %s: stop that one or choose another --data", e.dir, e.holder)
}

// Unwrap returns errInUse.
func (e *inUse) Unwrap() error { return errInUse }

// server tells whether a server holds the lock, and will go on holding it.
func (e *inUse) server() bool { return strings.HasPrefix(e.holder, serverHolds) }

// serverHolds begins what a server writes into the lock.
const serverHolds = "the server on "

// refused says who holds the lock.
func (d *dataDir) refused(err error) error {
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("lock data directory %s: %w", d.path, err)
	}
	holder := "another process that is just starting"
	if b, err := plainfile.Read(d.join("lock"), maxSecrets); err == nil && len(b) > 0 {
		holder = strings.TrimSpace(string(b))
	}
	return &inUse{d.path, holder}
}

// awaitDataDir is openDataDir for a server: it waits a while for a command that is just at work on the directory.
func awaitDataDir(ctx context.Context, path string) (*dataDir, error) {
	for end := time.Now().Add(startPatience); ; {
		d, err := openDataDir(path)
		taken, ok := errors.AsType[*inUse](err)
		if !ok || taken.server() || time.Now().After(end) {
			return d, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(startPause):
		}
	}
}

// wantStore returns an error unless there is a store in the directory. It makes nothing.
func (d *dataDir) wantStore() error {
	info, err := os.Stat(d.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no directory %s: name that of the store with --data", d.path)
	case err == nil && !info.IsDir():
		err = &fs.PathError{Op: "stat", Path: d.path, Err: syscall.ENOTDIR}
	}
	if err != nil {
		return d.unusable(err)
	}
	switch there, err := d.hasMeta(); {
	case err != nil:
		return d.unusable(err)
	case !there:
		if err := d.checkMeta(); err != nil { // there was one
			return err
		}
		return fmt.Errorf("there is no store in %s: name its directory with --data", d.path)
	}
	return nil
}

// unusable says what stands in the way of using the directory, and what to do.
func (d *dataDir) unusable(err error) error {
	switch {
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("data directory %s: a file is in its place or in its way (%w): name a directory with --data", d.path, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("data directory %s: %w: %s, or name another directory with --data", d.path, err, d.rights())
	}
	return fmt.Errorf("data directory %s: %w: mend that or name another directory with --data", d.path, err)
}

// rights says how to get at a directory that this process may not use.
func (d *dataDir) rights() string {
	info, err := os.Stat(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		return "make it as a user who may, and give it to " + userName(os.Geteuid())
	}
	if err != nil {
		return "run trivium as the user who owns it"
	}
	owner, ok := ownerOf(d.path)
	if !ok || owner == os.Geteuid() {
		return fmt.Sprintf("give its owner all rights in it (its mode is %04o)", info.Mode().Perm())
	}
	return fmt.Sprintf("run trivium as its owner, %s, not as %s", userName(owner), userName(os.Geteuid()))
}

// hold writes into the lock who holds it ("the server on 127.0.0.1:7070"), for the message of a second one. A full
// disk has no room for that, and must not keep anybody from deleting.
func (d *dataDir) hold(who string) error {
	text := fmt.Sprintf("%s (pid %d on host %s)\n", who, os.Getpid(), hostName())
	if err := d.lock.Truncate(0); err != nil {
		return fmt.Errorf("write lock: %w", err)
	}
	if _, err := d.lock.WriteAt([]byte(text), 0); err != nil && !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("write lock: %w", err)
	}
	return nil
}

// close releases the lock, and removes what was made when no store came to be, or what was there is none.
func (d *dataDir) close() error {
	d.abandon()
	return errors.Join(d.lock.Truncate(0), d.lock.Close())
}

// join names a file of the directory.
func (d *dataDir) join(name string) string { return filepath.Join(d.path, name) }

func (d *dataDir) tmp() string         { return d.join("tmp") }
func (d *dataDir) metaFile() string    { return filepath.Join(d.path, "meta", "trivium.db") }
func (d *dataDir) credentials() string { return d.join("credentials") }
func (d *dataDir) socket() string      { return d.join("admin.sock") }

// masterKeyPath is where the master key is: the file named, or the one of the directory.
func (d *dataDir) masterKeyPath(named string) string {
	if named != "" {
		return named
	}
	return d.join("master.key")
}

// hasMeta tells whether a metadata store was begun here.
func (d *dataDir) hasMeta() (bool, error) { return exists(d.metaFile()) }

// checkMeta refuses to begin metadata beside content that belongs to other: what is in it would be lost to everybody.
// That other may be missing, or be a file without a byte; a first start that was cut off leaves such a one too, but has
// not begun any content.
func (d *dataDir) checkMeta() error {
	what := "missing"
	info, err := os.Lstat(d.metaFile())
	switch {
	case err == nil && (info.Size() > 0 || !info.Mode().IsRegular()): // which is refused when it is opened
		return nil
	case err == nil:
		what = "empty, which is damage"
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	used, err := exists(filepath.Join(d.path, spaceName, "trivium.json"))
	if err == nil && used {
		return fmt.Errorf("%s is %s, but %s holds the content of a store: restore meta from your copy, or name another --data",
			d.metaFile(), what, d.join(spaceName))
	}
	return err
}

// freeSpace returns the bytes that are free for this process on the disk of the metadata.
func (d *dataDir) freeSpace() (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(d.join("meta"), &st); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", d.path, err)
	}
	return int64(st.Bavail) * int64(st.Bsize), nil //nolint:unconvert // no int64 on every system
}

// write replaces name, 0600, durably and as a whole.
func (d *dataDir) write(name string, data []byte) error {
	tmp := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+".new")
	if filepath.Dir(name) == d.path {
		tmp = d.leftover(filepath.Base(name))
	}
	if err := writeSynced(tmp, data); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.Rename(tmp, name); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	// Without it a crash can forget the rename, and with it the only copy of a key.
	return syncDir(filepath.Dir(name))
}

// writeSynced makes a file, 0600, and syncs it.
func writeSynced(name string, data []byte) (err error) {
	f, err := plainfile.Open(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Sync()
}

// makeDir makes path, 0700, and its missing parents, and syncs the directory of each that it makes: without that a
// power cut can forget the whole store.
func makeDir(path string, sync func(dir string) error) error {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return nil
	}
	if err == nil {
		return &fs.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(path)
	if err := makeDir(parent, sync); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return sync(parent)
}

// checkDir refuses a symbolic link in the place of a directory of ours.
func checkDir(path string) error {
	info, err := os.Lstat(path)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no directory of its own but a link or a file: remove it", path)
	}
	return err
}

// syncDir makes the names in a directory durable.
func syncDir(path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return f.Sync()
}

// exists tells whether there is anything of that name.
func exists(name string) (bool, error) {
	_, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
