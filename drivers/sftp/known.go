package sftp

import (
	"context"
	"strings"
	"sync"
)

// nameLocks are one lock for each name in use.
type nameLocks struct {
	mu    sync.Mutex
	names map[string]*nameLock
}

type nameLock struct {
	turn  chan struct{} // holds one while somebody has the lock
	users int           // those that have or want it
}

func newNameLocks() *nameLocks { return &nameLocks{names: map[string]*nameLock{}} }

// lock waits until name is the caller's, or ctx ends.
func (l *nameLocks) lock(ctx context.Context, name string) (unlock func(), err error) {
	l.mu.Lock()
	n := l.names[name]
	if n == nil {
		n = &nameLock{turn: make(chan struct{}, 1)}
		l.names[name] = n
	}
	n.users++
	l.mu.Unlock()
	leave := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if n.users--; n.users == 0 {
			delete(l.names, name)
		}
	}
	select {
	case n.turn <- struct{}{}:
		return func() { <-n.turn; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}

// knownDirs remembers a bounded number of directories.
type knownDirs struct {
	mu   sync.Mutex
	dirs map[string]struct{}
}

const maxKnownDirs = 8192

func newKnownDirs() *knownDirs { return &knownDirs{dirs: map[string]struct{}{}} }

// has tells whether dir is known; the root, "", always is.
func (k *knownDirs) has(dir string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.dirs[dir]
	return ok || dir == ""
}

func (k *knownDirs) add(dir string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.dirs) >= maxKnownDirs {
		clear(k.dirs)
	}
	k.dirs[dir] = struct{}{}
}

// forget drops dir, all above it and all below it, and tells whether one of them was known.
func (k *knownDirs) forget(dir string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	before := len(k.dirs)
	for other := range k.dirs {
		if other == dir || strings.HasPrefix(other, dir+"/") || strings.HasPrefix(dir, other+"/") {
			delete(k.dirs, other)
		}
	}
	return len(k.dirs) < before
}
