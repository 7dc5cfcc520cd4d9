// Package metatest is the suite that every core.MetaStore passes, and what it is made of: a dump of the whole
// state, a recount of references, and a store that runs every function twice.
package metatest

import (
	"context"
	"testing"

	"trivium/core"
)

// Open opens the store that is kept under dir; a fresh dir gives an empty one. The test closes it. It may be
// called again with the same dir after that.
type Open func(t testing.TB, dir string) core.MetaStore

// Run runs the suite. Functions that the suite hands to the store are run twice, the first time rolled back.
func Run(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, open Open)
	}{
		{"rows", testRows},
		{"lists", testLists},
		{"entries", testEntries},
		{"versions", testVersions},
		{"uploads", testUploads},
		{"upkeep", testUpkeep},
		{"locks", testLocks},
		{"properties", testProperties},
		{"packages by name", testPackagesByName},
		{"taken names", testTaken},
		{"byte order", testByteOrder},
		{"list", testList},
		{"move", testMove},
		{"lookup", testLookup},
		{"usage", testUsage},
		{"recount", testRecount},
		{"rollback", testRollback},
		{"failing member", testFailingMember},
		{"panic", testPanic},
		{"exit", testExit},
		{"many writers", testManyWriters},
		{"increments", testIncrements},
		{"large among small", testLarge},
		{"given up while queued", testGivenUp},
		{"snapshot", testSnapshot},
		{"nested", testNested},
		{"view writes", testViewWrites},
		{"reopen", testReopen},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open) })
	}
}

// fresh opens an empty store for a test. Every function runs twice.
func fresh(t *testing.T, open Open) core.MetaStore {
	t.Helper()
	return Twice(plain(t, open))
}

// plain opens an empty store for a test whose functions have effects of their own.
func plain(t *testing.T, open Open) core.MetaStore {
	t.Helper()
	s := open(t, t.TempDir())
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return s
}

// update runs fn and ends the test if it fails.
func update(t testing.TB, s core.MetaStore, fn func(ctx context.Context, tx core.MetaTx) error) {
	t.Helper()
	if err := s.Update(t.Context(), fn); err != nil {
		t.Fatalf("Update() = %v", err)
	}
}

// view runs fn and ends the test if it fails.
func view(t testing.TB, s core.MetaStore, fn func(ctx context.Context, tx core.MetaTx) error) {
	t.Helper()
	if err := s.View(t.Context(), fn); err != nil {
		t.Fatalf("View() = %v", err)
	}
}
