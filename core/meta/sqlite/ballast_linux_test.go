package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"trivium/core"
)

// allocated is how many bytes of the disk a file takes.
func allocated(t *testing.T, name string) int64 {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Stat(name, &st); err != nil {
		t.Fatal(err)
	}
	return st.Blocks * 512
}

// TestBallast is made with real bytes, given up once, found again, and made anew of a copy with holes.
func TestBallast(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ballast")
	b := newBallast(path)
	if b.drop() {
		t.Error("drop() without a file = true")
	}
	for range 2 {
		if err := b.fill(); err != nil || allocated(t, path) < ballastSize {
			t.Fatalf("fill() = %v, %d bytes on the disk, want %d", err, allocated(t, path), ballastSize)
		}
	}
	if b = newBallast(path); !b.drop() || allocated(t, path) != 0 || b.drop() {
		t.Errorf("an old one is not given up: %d bytes", allocated(t, path))
	}
	if err := os.Truncate(path, ballastSize); err != nil {
		t.Fatal(err)
	}
	b = newBallast(path)
	if b.drop() {
		t.Error("drop() of a hole = true")
	}
	if err := b.fill(); err != nil || allocated(t, path) < ballastSize {
		t.Errorf("fill() of a hole = %v, %d bytes", err, allocated(t, path))
	}
	if b.due() {
		t.Error("due() beside the file = true")
	}
	if err := newBallast(filepath.Join(path, "none", "x")).fill(); err == nil {
		t.Error("fill() in a missing folder = nil")
	}
}

// smallDisk mounts a file system in memory for the test, or skips the test where that is not allowed.
func smallDisk(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size="+strconv.Itoa(size)); err != nil {
		t.Skipf("a full disk needs a file system of its own: mount: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fillUp takes all the room of a disk, as another program does.
func fillUp(t *testing.T, dir string) (name string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "others"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for b := make([]byte, 4096); err == nil; {
		_, err = f.Write(b)
	}
	if free, e := freeSpace(f.Name()); !errors.Is(err, syscall.ENOSPC) || free != 0 || e != nil {
		t.Fatalf("fill the disk: %v, %d bytes free, %v", err, free, e)
	}
	return f.Name()
}

// TestDiskFullOfOthers deletes and takes leases on a disk without a free byte, in a store that runs and in one that is
// opened; what needs room for good is refused. With room the ballast is there again.
func TestDiskFullOfOthers(t *testing.T) {
	dir := smallDisk(t, 64<<20)
	o := Options{Path: filepath.Join(dir, "meta.db"), ReadConns: 1}
	ctx := core.MakingRoom(t.Context())
	remove := func(s *Store, id int64) error {
		return s.Update(ctx, func(ctx context.Context, tx core.MetaTx) error {
			return errors.Join(tx.DeleteInline(ctx, id), tx.PutLease(ctx, core.Lease{Incarnation: uint64(id)}))
		})
	}
	s := quietStoreAt(t, o.Path) // whose log nobody empties meanwhile
	for id := range int64(100) {
		if err := s.Update(ctx, putInline(id+1, 10_000)); err != nil {
			t.Fatal(err)
		}
	}
	s.afterBatch()
	if err := s.ballast.fill(); err != nil || allocated(t, o.Path+".ballast") < ballastSize || !s.emptyLog() {
		t.Fatalf("fill() = %v, %d bytes in the log", err, s.walSize())
	}
	others := fillUp(t, dir)
	if err := s.Update(t.Context(), putInline(1000, 100_000)); core.CodeOf(err) != core.NoSpace {
		t.Errorf("Update() on the full disk = %v, want NoSpace", err)
	}
	if !s.ballast.there {
		t.Error("a write that needs room for good took the ballast")
	}
	for id := range int64(20) {
		if err := remove(s, id+1); err != nil {
			t.Fatalf("delete on the full disk: %v", err)
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}

	// With room it is made again; another one fills the disk while no server runs.
	if err := os.Remove(others); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, o)
	if err := s.ballast.fill(); err != nil || !s.ballast.there {
		t.Fatalf("fill() with room = %v, there %v", err, s.ballast.there)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	fillUp(t, dir)
	s = openStore(t, o)
	for id := range int64(20) {
		if err := remove(s, id+50); err != nil {
			t.Fatalf("delete after a start on the full disk: %v", err)
		}
	}
	if err := s.ballast.fill(); err != nil || s.ballast.there {
		t.Errorf("fill() on the full disk = %v, there %v", err, s.ballast.there)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}

	// Nothing is left to be given up.
	fillUp(t, dir)
	if s, err := Open(t.Context(), o); core.CodeOf(err) != core.NoSpace {
		t.Errorf("Open() without a free byte = %v, want NoSpace", err)
		if err == nil {
			_ = s.Close()
		}
	}
}

// TestFullLogIsUsedAgain deletes on a full disk until the log has taken the last room: the checkpoint after that makes
// the log start over, so that deleting goes on however often it is tried.
func TestFullLogIsUsedAgain(t *testing.T) {
	dir := smallDisk(t, 64<<20)
	s := quietStoreAt(t, filepath.Join(dir, "meta.db")) // whose log only this test moves
	for id := range int64(600) {
		if err := s.Update(t.Context(), putInline(id+1, 5000)); err != nil {
			t.Fatal(err)
		}
	}
	s.afterBatch()
	if !s.emptyLog() || s.walSize() != 0 {
		t.Fatalf("%d bytes are left in the log", s.walSize())
	}
	others := fillUp(t, dir)
	info, err := os.Stat(others)
	if err := errors.Join(err, os.Truncate(others, info.Size()-512<<10)); err != nil {
		t.Fatal(err)
	}
	ctx, starved := core.MakingRoom(t.Context()), 0
	for id := range int64(600) {
		remove := func() error {
			return s.Update(ctx, func(ctx context.Context, tx core.MetaTx) error { return tx.DeleteInline(ctx, id+1) })
		}
		err := remove()
		if core.CodeOf(err) == core.NoSpace {
			starved++
			s.afterBatch()
			s.checkpoint()
			err = remove()
		}
		if err != nil {
			t.Fatalf("delete %d, %d checkpoints before: %v", id, starved, err)
		}
	}
	if starved == 0 || s.walSize() >= walCopy {
		t.Errorf("the log was full %d times and has %d bytes: nothing was tested", starved, s.walSize())
	}
}
