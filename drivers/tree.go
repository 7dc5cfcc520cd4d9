package drivers

import (
	"context"
	"errors"
	"strings"
	"sync"
)

// NameLocks are one lock for each name in use, for drivers of servers that do not keep calls on one name apart. All methods
// may be called concurrently.
type NameLocks struct {
	mu    sync.Mutex
	names map[string]*nameLock
}

type nameLock struct {
	turn  chan struct{} // holds one while somebody has the lock
	users int           // those that have or want it
}

// NewNameLocks returns locks that nobody holds.
func NewNameLocks() *NameLocks { return &NameLocks{names: map[string]*nameLock{}} }

// Lock waits until name is the caller's, or ctx ends.
func (l *NameLocks) Lock(ctx context.Context, name string) (unlock func(), err error) {
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

// KnownDirs remembers a bounded number of directories. All methods may be called concurrently.
type KnownDirs struct {
	mu   sync.Mutex
	dirs map[string]struct{}
}

// maxKnownDirs is how many are remembered: then all are forgotten.
const maxKnownDirs = 8192

// NewKnownDirs returns one that knows the root alone.
func NewKnownDirs() *KnownDirs { return &KnownDirs{dirs: map[string]struct{}{}} }

// Has tells whether dir is known; the root, "", always is.
func (k *KnownDirs) Has(dir string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.dirs[dir]
	return ok || dir == ""
}

// Add remembers a directory.
func (k *KnownDirs) Add(dir string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.dirs) >= maxKnownDirs {
		clear(k.dirs)
	}
	k.dirs[dir] = struct{}{}
}

// Forget drops dir, all above it and all below it, and tells whether one of them was known.
func (k *KnownDirs) Forget(dir string) bool {
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

// ErrStop ends a walk whose caller has broken off. It leaves no driver.
var ErrStop = errors.New("stopped")

// Walk yields what List must below dir, for storages whose directories are read whole: members returns those of a
// directory in the order of List that may come after start, or have members that may. It returns ErrStop when yield does
// not want more, the error of members or of ctx.
func Walk(
	ctx context.Context, dir string, opts ListOptions, members func(ctx context.Context, dir, start string) ([]Info, error),
	yield func(Info, error) bool,
) error {
	infos, err := members(ctx, dir, opts.StartAfter)
	if err != nil {
		return err
	}
	for _, info := range infos {
		if err := ctx.Err(); err != nil {
			return err
		}
		if info.Key() > opts.StartAfter && !yield(info, nil) {
			return ErrStop
		}
		if info.IsDir && opts.Recursive {
			if err := Walk(ctx, info.Name, opts, members, yield); err != nil {
				return err
			}
		}
	}
	return nil
}
