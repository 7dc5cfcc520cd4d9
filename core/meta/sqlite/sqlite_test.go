package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"trivium/core"
	"trivium/core/meta/metatest"
)

// template is an empty store's file: copying it is quicker than migrating, above all under the race detector.
var template = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "sqlite-template")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "meta.db")
	files, err := migrations()
	if err != nil {
		return nil, err
	}
	if err := prepareFile(context.Background(), path, files); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// openAt opens the store in dir.
func openAt(t testing.TB, dir string) core.MetaStore {
	t.Helper()
	return openStore(t, Options{Path: filepath.Join(dir, "meta.db"), ReadConns: 3})
}

// openStore opens a store that the test closes.
func openStore(t testing.TB, o Options) *Store {
	t.Helper()
	if _, err := os.Stat(o.Path); err != nil {
		file, err := template()
		if err != nil {
			t.Fatalf("make a template: %v", err)
		}
		if err := os.WriteFile(o.Path, file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
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
