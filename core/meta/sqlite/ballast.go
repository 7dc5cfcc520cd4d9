package sqlite

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"trivium/core/plainfile"
)

const (
	ballastSize = 4 << 20
	// ballastSuffix is added to the name of the database.
	ballastSuffix = ".ballast"
	// ballastRoom is how much must be free before the ballast is made: who freed it may need it first.
	ballastRoom = 4 * ballastSize
	// ballastPause is the least time between two tries of a busy store; one that is idle tries each time.
	ballastPause = 10 * time.Second
)

// ballast is a file beside the database that takes up room as long as there is plenty. When somebody else has filled
// the disk it is given up: deleting needs a little room before it makes some. All methods may be called concurrently.
type ballast struct {
	path string

	mu    sync.Mutex
	there bool
	tried time.Time // when fill was called last
}

// newBallast looks for what an earlier process left. On a disk that is full already it is given up at once: opening
// needs room as well.
func newBallast(path string) *ballast {
	b := &ballast{path: path, tried: time.Now()}
	info, err := os.Stat(path)
	if err != nil || info.Size() < ballastSize {
		return b
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	b.there = !ok || st.Blocks*512 >= ballastSize // or it is a copy with holes
	if free, err := freeSpace(path); err == nil && free < ballastSize {
		b.drop()
	}
	return b
}

// due tells whether a busy store should try fill again.
func (b *ballast) due() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.there && time.Since(b.tried) >= ballastPause
}

// fill makes the file when there is room for it and it is not there. An error says why it could not be made; nothing
// is left then.
func (b *ballast) fill() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.there {
		return nil
	}
	b.tried = time.Now()
	if free, err := freeSpace(b.path); err != nil || free < ballastRoom {
		return err
	}
	if err := writeNoise(b.path, ballastSize); err != nil {
		return fmt.Errorf("keep room free: %w", errors.Join(err, os.Truncate(b.path, 0)))
	}
	b.there = true
	return nil
}

// drop gives the room back to the disk and tells whether there was any.
func (b *ballast) drop() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.there {
		return false
	}
	b.there = false
	// Synced, because a journalling file system gives out what was freed only once its journal is written.
	return cutFile(b.path, 0) == nil
}

// writeNoise makes a file of bytes that take up room: neither a hole nor compressed.
func writeNoise(name string, size int) (err error) {
	f, err := plainfile.Open(name, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	noise := make([]byte, 256<<10)
	_, _ = rand.Read(noise) // never fails
	for ; size > 0 && err == nil; size -= len(noise) {
		_, err = f.Write(noise)
	}
	return err
}

// freeSpace is how many bytes are free for this process on the disk of a file.
func freeSpace(name string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(name), &st); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", filepath.Dir(name), err)
	}
	return int64(st.Bavail) * int64(st.Bsize), nil //nolint:unconvert // no int64 on every system
}
