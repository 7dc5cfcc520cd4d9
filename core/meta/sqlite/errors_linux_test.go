package sqlite

import (
	"os"
	"path/filepath"
	"testing"

	"trivium/core"
)

// TestDamageAfterFullDisk finds damage on connections that met a full disk before: it is damage, and takes no ballast.
func TestDamageAfterFullDisk(t *testing.T) {
	dir := smallDisk(t, 64<<20)
	s := withoutCheckpoints(t, Options{Path: filepath.Join(dir, "meta.db"), ReadConns: 1})
	defer s.Close() // says that there is damage
	ctx := core.MakingRoom(t.Context())
	for id := range int64(20) {
		if err := s.Update(ctx, putInline(id+1, 100_000)); err != nil {
			t.Fatal(err)
		}
	}
	s.afterBatch()
	if err := s.ballast.fill(); err != nil || !s.emptyLog() {
		t.Fatalf("fill() = %v, %d bytes in the log", err, s.walSize())
	}
	others := fillUp(t, dir)
	if err := s.Update(t.Context(), putInline(1000, 1<<20)); core.CodeOf(err) != core.NoSpace {
		t.Fatalf("Update() on the full disk = %v, want NoSpace", err)
	}
	s.afterBatch()
	if err := os.Remove(others); err != nil {
		t.Fatal(err)
	}
	root := int64(number(t, s.opts.Path, "SELECT rootpage FROM sqlite_schema WHERE name = 'inline_data'"))
	flip(t, s.opts.Path, (root-1)*pageSize+100)
	forget(t, s)
	if err := s.Update(ctx, putInline(2000, 10)); core.CodeOf(err) != core.Corrupt {
		t.Errorf("Update() of a damaged page after a full disk = %v, want Corrupt", err)
	}
	if !s.ballast.there {
		t.Error("damage took the ballast")
	}
}
