package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	sqlite3 "modernc.org/sqlite/lib"

	"trivium/core"
	"trivium/core/meta/metatest"
)

// flip changes a byte of a file in place.
func flip(t *testing.T, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1)
	_, err = f.ReadAt(b, at)
	b[0] ^= 0x20
	_, write := f.WriteAt(b, at)
	if err := errors.Join(err, write, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// forget empties the page caches of a store.
func forget(t *testing.T, s *Store) {
	t.Helper()
	s.writing.Lock()
	defer s.writing.Unlock()
	all := s.readers.takeAll()
	defer s.readers.putAll(all)
	for _, c := range append(all, s.writer) {
		if err := c.run("PRAGMA shrink_memory"); err != nil {
			t.Error(err)
		}
	}
}

// TestDamagedLog damages each frame of the WAL of a running store in turn: reads of it are Corrupt, others are right,
// and a checkpoint that needs it ends the store, which keeps the WAL.
func TestDamagedLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meta.db")
	s := withoutCheckpoints(t, Options{Path: path, ReadConns: 1})
	for id := range int64(5) {
		if err := s.Update(t.Context(), putInline(id+1, 9000)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := metatest.Dump(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	frames := (len(log) - walHeader) / frameSize
	needed, found := neededFrames(log, 5), 0
	for i := range frames {
		at := int64(walHeader + i*frameSize + frameHeader + i*977%pageSize)
		flip(t, path+"-wal", at)
		forget(t, s)
		for id := range int64(5) {
			err := s.View(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
				data, _, _, err := tx.Inline(ctx, id+1)
				if err == nil && string(data) != want.Inline[id+1].Data {
					t.Errorf("row %d is another one while frame %d is damaged", id+1, i+1)
				}
				return err
			})
			damaged := damagedOr(t, "Inline()", err)
			if need := needed[i]; damaged != need.by(id+1) && (!damaged || !need.newest) {
				t.Errorf("row %d while frame %d is damaged, which it needs: %v: %v", id+1, i+1, need.by(id+1), err)
			}
			if damaged {
				found++
				if name := fmt.Sprintf("frame %d of %s-wal", i+1, path); !strings.Contains(err.Error(), name) {
					t.Errorf("Inline() = %v, want an error that names %s", err, name)
				}
			}
		}
		flip(t, path+"-wal", at)
	}
	least := 0
	for _, need := range needed {
		least += len(need.rows)
	}
	if least < 2*5 || found < least {
		t.Errorf("damage in %d frames was found %d times, want %d, and two frames of each row", frames, found, least)
	}
	forget(t, s)
	last := int64(walHeader + (frames-1)*frameSize + frameHeader)
	flip(t, path+"-wal", last+1000)
	s.copyLog("PASSIVE")
	if err := s.Update(t.Context(), putInline(9, 9)); core.CodeOf(err) != core.Corrupt || !strings.Contains(err.Error(), "frame") {
		t.Errorf("Update() after a checkpoint that failed = %v, want Corrupt that names a frame", err)
	}
	if _, err := s.Lookup(t.Context(), 1, "k", false); core.CodeOf(err) != core.Corrupt {
		t.Errorf("Lookup() after a checkpoint that failed = %v, want Corrupt", err)
	}
	if err := s.Close(); core.CodeOf(err) != core.Corrupt {
		t.Errorf("Close() = %v, want Corrupt", err)
	}
	flip(t, path+"-wal", last+1000)
	after, err := os.ReadFile(path + "-wal")
	if err != nil || !bytes.Equal(after[:len(log)], log) {
		t.Errorf("the WAL is not what it was, %v", err)
	}
}

// need is who needs a frame of a WAL.
type need struct {
	newest bool    // of its page: any row may need it
	rows   []int64 // whose content is in it
}

// by tells whether a row cannot be read without the frame.
func (n need) by(id int64) bool { return slices.Contains(n.rows, id) }

// neededFrames tells who needs each frame of a log in which the first rows have content of their own number.
func neededFrames(log []byte, rows int64) []need {
	all, seen := make([]need, (len(log)-walHeader)/frameSize), map[uint32]bool{}
	for i := range slices.Backward(all) {
		f := frame(log[walHeader+i*frameSize:][:frameSize])
		if seen[f.page()] {
			continue
		}
		seen[f.page()], all[i].newest = true, true
		for id := int64(1); id <= rows; id++ {
			if bytes.Contains(f[frameHeader:], bytes.Repeat([]byte{byte(id)}, 64)) {
				all[i].rows = append(all[i].rows, id)
			}
		}
	}
	return all
}

// TestRecoveredLog damages a frame that this process did not write but recovered.
func TestRecoveredLog(t *testing.T) {
	s := quietStore(t)
	if err := s.Update(t.Context(), putInline(1, 10)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "meta.db")
	for _, name := range []string{"", "-wal"} {
		file, err := os.ReadFile(s.opts.Path + name)
		if err := errors.Join(err, os.WriteFile(path+name, file, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	c, err := openConn(path, sqlite3.SQLITE_OPEN_READWRITE)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const count = "SELECT count(*) FROM inline_data"
	if n, err := c.number(count); n != 1 || err != nil {
		t.Fatalf("%d rows, %v, want 1", n, err)
	}
	log, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	for at := walHeader + frameHeader + 8000; at < len(log); at += frameSize {
		flip(t, path+"-wal", int64(at))
	}
	if err := c.run("PRAGMA shrink_memory"); err != nil {
		t.Error(err)
	}
	if n, err := c.number(count); core.CodeOf(err) != core.Corrupt {
		t.Errorf("%d rows, %v from a WAL that was damaged after its recovery, want Corrupt", n, err)
	}
}

// TestLogPage tells which reads and writes of a WAL are of one page.
func TestLogPage(t *testing.T) {
	for _, c := range []struct {
		n      int32
		offset int64
		frame  int64
		start  int32
		ok     bool
	}{
		{walHeader, 0, 0, 0, false},
		{frameSize, walHeader, 0, frameHeader, true},
		{frameHeader, walHeader, 0, 0, false},
		{pageSize, walHeader + frameHeader, 0, 0, true},
		{pageSize, walHeader, 0, 0, false},
		{pageSize - 1, walHeader + frameHeader, 0, 0, false},
		{frameSize, walHeader + 7*frameSize, 7, frameHeader, true},
		{pageSize, walHeader + 7*frameSize + frameHeader, 7, 0, true},
	} {
		frame, start, ok := logPage(c.n, c.offset)
		if frame != c.frame || start != c.start || ok != c.ok {
			t.Errorf("logPage(%d, %d) = %d, %d, %v, want %d, %d, %v", c.n, c.offset, frame, start, ok, c.frame, c.start, c.ok)
		}
	}
}
