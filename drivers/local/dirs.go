package local

import (
	"context"
	"errors"
	"os"
	"path"
	"strings"
	"sync"
	"syscall"

	"trivium/drivers"
)

// dirSync brings directories to disk, one sync for all who wait for the same one.
type dirSync struct {
	sync func(dir string) error

	mu   sync.Mutex
	dirs map[string]*syncQueue
}

// syncQueue is a directory with a sync under way and, if somebody waits, the one after it.
type syncQueue struct {
	running, next *syncRound
}

type syncRound struct {
	done chan struct{} // closed when err is set
	err  error
}

func newDirSync(sync func(dir string) error) *dirSync {
	return &dirSync{sync: sync, dirs: map[string]*syncQueue{}}
}

// wait returns once a sync of dir that began after the call of wait has ended, with that sync's error.
func (s *dirSync) wait(dir string) error {
	s.mu.Lock()
	q := s.dirs[dir]
	if q == nil {
		q = &syncQueue{running: newRound()}
		s.dirs[dir] = q
		s.mu.Unlock()
		return s.lead(dir, q, q.running)
	}
	if r := q.next; r != nil {
		s.mu.Unlock()
		<-r.done
		return r.err
	}
	// The sync under way may have begun before the caller's change: lead the next one when it is over.
	r, before := newRound(), q.running
	q.next = r
	s.mu.Unlock()
	<-before.done
	s.mu.Lock()
	q.running, q.next = r, nil
	s.mu.Unlock()
	return s.lead(dir, q, r)
}

func (s *dirSync) lead(dir string, q *syncQueue, r *syncRound) error {
	r.err = s.sync(dir)
	s.mu.Lock()
	if q.next == nil {
		delete(s.dirs, dir)
	}
	s.mu.Unlock()
	close(r.done)
	return r.err
}

func newRound() *syncRound { return &syncRound{done: make(chan struct{})} }

func (d *Driver) syncDir(dir string) error {
	f, err := d.root.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return syncDirFile(f)
}

// syncDirFile syncs a directory. File systems that cannot, some networked ones, say so and are believed to need
// none.
func syncDirFile(f *os.File) error {
	err := f.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

// knownDirs remembers a bounded number of directories.
type knownDirs struct {
	mu   sync.Mutex
	dirs map[string]struct{}
}

const maxKnownDirs = 8192

func newKnownDirs() *knownDirs { return &knownDirs{dirs: map[string]struct{}{".": {}}} }

func (k *knownDirs) has(dir string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.dirs[dir]
	return ok
}

func (k *knownDirs) add(dir string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.dirs) >= maxKnownDirs {
		clear(k.dirs)
		k.dirs["."] = struct{}{}
	}
	k.dirs[dir] = struct{}{}
}

// forget drops dir, all above it and all below it.
func (k *knownDirs) forget(dir string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for other := range k.dirs {
		if other != "." && (other == dir || strings.HasPrefix(other, dir+"/") || strings.HasPrefix(dir, other+"/")) {
			delete(k.dirs, other)
		}
	}
}

// makeDirs makes dir and its parents as far as they are missing and brings their entries to disk. A directory that
// is there but not known may be another Put's that has not synced its parent yet, so it is synced here as well.
func (d *Driver) makeDirs(dir string) error {
	if d.known.has(dir) {
		return nil
	}
	parent := path.Dir(dir)
	if err := d.makeDirs(parent); err != nil {
		return err
	}
	if err := d.root.Mkdir(dir, dirMode); errors.Is(err, syscall.EEXIST) {
		if fi, err := d.root.Stat(dir); err != nil {
			return err
		} else if !fi.IsDir() {
			return syscall.ENOTDIR
		}
	} else if err != nil {
		return err
	}
	if err := d.sync.wait(parent); err != nil {
		return err
	}
	d.known.add(dir)
	return nil
}

// Mkdir implements drivers.Mkdirer.
func (d *Driver) Mkdir(ctx context.Context, name string) error {
	if err := check(ctx, name); err != nil {
		return d.fail("mkdir", name, err)
	}
	d.tree.RLock()
	defer d.tree.RUnlock()
	err := d.makeDirs(name)
	if err == nil {
		// What is known may have been removed by somebody else.
		if _, err = d.root.Stat(name); errors.Is(err, syscall.ENOENT) {
			d.known.forget(name)
			err = d.makeDirs(name)
		}
	}
	return d.fail("mkdir", name, inTheWay(err))
}

// Rmdir implements drivers.Mkdirer.
func (d *Driver) Rmdir(ctx context.Context, name string) error {
	if err := check(ctx, name); err != nil {
		return d.fail("rmdir", name, err)
	}
	return d.fail("rmdir", name, d.rmdir(name))
}

func (d *Driver) rmdir(name string) error {
	fi, err := d.root.Lstat(name)
	if missing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if !fi.IsDir() {
		return drivers.ErrDenied
	}
	d.tree.Lock()
	d.known.forget(name)
	err = d.root.Remove(name)
	d.tree.Unlock()
	if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.EEXIST) {
		return drivers.ErrExist
	}
	if err != nil && !missing(err) {
		return err
	}
	return d.syncAfterRemove(path.Dir(name))
}

func missing(err error) bool {
	return errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ENOTDIR)
}
