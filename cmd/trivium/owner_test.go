package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

// storeOf makes what looks like a store of the user uid; only root can make that of another one.
func storeOf(t *testing.T, uid int) (path string) {
	t.Helper()
	path = t.TempDir()
	d := &dataDir{path: path}
	if err := os.Mkdir(d.join("meta"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.metaFile(), []byte("metadata"), 0o600); err != nil {
		t.Fatal(err)
	}
	if uid != os.Geteuid() {
		if err := os.Chown(d.metaFile(), uid, -1); err != nil {
			t.Skip("only root can give files away: ", err)
		}
	}
	return path
}

// Root on the store of another user is refused before anything is made.
func TestRootOnTheStoreOfAnother(t *testing.T) {
	const other = 54321
	path := storeOf(t, other)
	_, err := openDataDir(path)
	if err == nil || !strings.Contains(err.Error(), "run trivium as its owner, user 54321, not as root") {
		t.Errorf("open as root = %v, want who should", err)
	}
	names, err := filepath.Glob(filepath.Join(path, "*"))
	hidden, err2 := filepath.Glob(filepath.Join(path, ".*"))
	if err != nil || err2 != nil || len(names) != 1 || len(hidden) != 0 {
		t.Errorf("the refused start left %q and %q, want meta alone", names, hidden)
	}
}

// What root makes on a file system that gives all files to one user is usable, and so is one's own store.
func TestOwnStore(t *testing.T) {
	d := &dataDir{path: storeOf(t, os.Geteuid())}
	for _, euid := range []int{0, os.Geteuid()} {
		if err := d.checkOwner(euid); err != nil {
			t.Errorf("user %d on a store whose owner is the one of new files: %v", euid, err)
		}
	}
}

// A new store in a directory of another user is allowed.
func TestRootMakesAStoreElsewhere(t *testing.T) {
	path := t.TempDir()
	if err := os.Chown(path, 54321, -1); err != nil {
		t.Skip("only root can give files away: ", err)
	}
	open(t, path)
}

// Files of secrets that others may read are warned of, each with what to do; others, and missing ones, are not.
func TestOpenSecretsAreWarnedOf(t *testing.T) {
	dir := t.TempDir()
	var names, want []string
	for _, f := range []struct {
		name string
		mode os.FileMode
		open bool
	}{{"closed", 0o600, false}, {"read only", 0o400, false}, {"group", 0o640, true}, {"others", 0o604, true}} {
		name := filepath.Join(dir, f.name)
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, f.mode); err != nil {
			t.Fatal(err)
		}
		if names = append(names, name); f.open {
			want = append(want, "chmod 600 "+quote(name))
		}
	}
	var log bytes.Buffer
	warnOpen(zerolog.New(&log), append(names, filepath.Join(dir, "missing"))...)
	if n := strings.Count(log.String(), "\n"); n != len(want) {
		t.Errorf("%d warnings, want %d: %s", n, len(want), log.String())
	}
	for _, w := range want {
		if !strings.Contains(log.String(), w) {
			t.Errorf("no %q in %s", w, log.String())
		}
	}
}
