package sqlite

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sqlite3 "modernc.org/sqlite/lib"
)

// TestFailedCheckpoint cannot write to the database for a while: that is logged once, and so is its end, and the WAL
// counts as long as its file meanwhile.
func TestFailedCheckpoint(t *testing.T) {
	var out bytes.Buffer
	s := withoutCheckpoints(t, Options{
		Path: filepath.Join(t.TempDir(), "meta.db"), ReadConns: 1, Log: slog.New(slog.NewTextHandler(&out, nil)),
	})
	defer func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	}()
	if err := s.Update(t.Context(), putInline(1, 1<<20)); err != nil {
		t.Fatal(err)
	}
	s.afterBatch()
	// In the place of the database is a file of its length that is open for reading.
	name := filepath.Join(t.TempDir(), "locked")
	info, err := os.Stat(s.opts.Path)
	if err := errors.Join(err, os.WriteFile(name, nil, 0o600), os.Truncate(name, info.Size())); err != nil {
		t.Fatal(err)
	}
	locked, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer locked.Close()
	file, err := control(s.checkpointer, sqlite3.SQLITE_FCNTL_FILE_POINTER, uintptr(0))
	if err != nil || file == 0 {
		t.Fatalf("the file is %d, %v", file, err)
	}
	f := (*sqlite3.TunixFile)(pointer(file))
	own := f.Fh
	f.Fh = int32(locked.Fd())
	for range 3 {
		if n := s.copyLog("PASSIVE"); n < 1<<20 || n != s.walSize() {
			t.Errorf("after a checkpoint that failed the log counts as %d bytes, want %d", n, s.walSize())
		}
	}
	f.Fh = own
	if n := strings.Count(out.String(), "level=WARN"); n != 1 || s.ended.Load() != nil {
		t.Errorf("%d warnings, the store has ended: %v, want one for three failures; log %q", n, s.ended.Load(), out.String())
	}
	out.Reset()
	for range 2 {
		s.copyLog("PASSIVE")
	}
	if n := strings.Count(out.String(), "again"); n != 1 {
		t.Errorf("that it works again is logged %d times: %q", n, out.String())
	}
}
