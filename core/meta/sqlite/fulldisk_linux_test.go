package sqlite

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trivium/core"
)

// leaveFree fills a disk up to so many bytes.
func leaveFree(t *testing.T, dir string, free int64) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "others"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for b := make([]byte, 4096); ; {
		if left, err := freeSpace(f.Name()); err != nil || left <= free {
			return
		}
		if _, err := f.Write(b); err != nil {
			return
		}
	}
}

// TestStartWithLittleRoom opens an old store and makes a new one on disks with little room: it says that there is none,
// and where, or it works.
func TestStartWithLittleRoom(t *testing.T) {
	dir := smallDisk(t, 16<<20)
	o := Options{Path: filepath.Join(dir, "meta.db"), ReadConns: 1}
	for _, old := range []bool{false, true} {
		for free := int64(0); free < 80<<10; free += 8 << 10 {
			names, err := filepath.Glob(filepath.Join(dir, "*"))
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				if err := os.Remove(name); err != nil {
					t.Fatal(err)
				}
			}
			if old {
				if err := openStore(t, o).Close(); err != nil {
					t.Fatal(err)
				}
				if err := os.RemoveAll(o.Path + ballastSuffix); err != nil {
					t.Fatal(err)
				}
			}
			leaveFree(t, dir, free)
			s, err := Open(t.Context(), o)
			if err == nil {
				if err := s.Close(); err != nil {
					t.Errorf("%d bytes: Close() = %v", free, err)
				}
				continue
			}
			for _, want := range []string{"no room", o.Path, "free space on the disk"} {
				if core.CodeOf(err) != core.NoSpace || !strings.Contains(err.Error(), want) {
					t.Errorf("%d bytes, old store %v: Open() = %v, want NoSpace and %q", free, old, err, want)
				}
			}
		}
	}
}

// TestFullIndex names the failures at the mapped index of the log, of which SQLite tells no number.
func TestFullIndex(t *testing.T) {
	const inPage = 10 | 34<<8
	dir := smallDisk(t, 16<<20)
	s := withoutCheckpoints(t, Options{Path: filepath.Join(dir, "meta.db"), ReadConns: 1})
	defer s.Close()
	if err := s.writer.fail(inPage); core.CodeOf(err) != core.Internal {
		t.Errorf("a broken page of the index is %v, want Internal", err)
	}
	leaveFree(t, dir, 32<<10)
	if err := s.writer.fail(inPage); core.CodeOf(err) != core.NoSpace {
		t.Errorf("a broken page of the index on a full disk is %v, want NoSpace", err)
	}
	if err := os.Remove(filepath.Join(dir, "others")); err != nil {
		t.Error(err)
	}
}
