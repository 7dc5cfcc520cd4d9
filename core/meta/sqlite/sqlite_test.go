package sqlite

import (
	"path/filepath"
	"testing"

	"trivium/core"
	"trivium/core/meta/metatest"
)

// openAt opens the store in dir.
func openAt(t testing.TB, dir string) core.MetaStore {
	t.Helper()
	return openStore(t, Options{Path: filepath.Join(dir, "meta.db")})
}

// openStore opens a store that the test closes.
func openStore(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatalf("Open() = %v", err)
	}
	return s
}

func TestSuite(t *testing.T) { metatest.Run(t, openAt) }

func TestSuiteWithoutMMap(t *testing.T) {
	metatest.Run(t, func(t testing.TB, dir string) core.MetaStore {
		return openStore(t, Options{Path: filepath.Join(dir, "meta.db"), NoMMap: true, ReadConns: 1})
	})
}
