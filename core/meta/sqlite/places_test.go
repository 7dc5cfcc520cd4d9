package sqlite

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"trivium/core"
)

// TestPlaces puts what is no plain file where a file of the store is looked for: it is refused by name, at once, and what
// a link leads to stays as it is.
func TestPlaces(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("of somebody else"), 0o600); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]func(name string) error{
		"a FIFO":                       func(name string) error { return syscall.Mkfifo(name, 0o600) },
		"a symbolic link":              func(name string) error { return os.Symlink(outside, name) },
		"a symbolic link that dangles": func(name string) error { return os.Symlink(outside+"-not", name) },
		"a symbolic link to itself":    func(name string) error { return os.Symlink(name, name) },
		"a directory":                  func(name string) error { return os.Mkdir(name, 0o700) },
		"a socket":                     func(name string) error { return syscall.Mknod(name, syscall.S_IFSOCK|0o600, 0) },
	}
	for _, suffix := range []string{"", "-wal", "-shm", "-journal", "-wal.judged", ".acked", ".acked.judged", ".ballast", ".new", ".new-wal"} {
		for what, put := range kinds {
			o := Options{Path: filepath.Join(t.TempDir(), "meta.db"), ReadConns: 1}
			if err := openStore(t, o).Close(); err != nil {
				t.Fatal(err)
			}
			name := o.Path + suffix
			if err := os.RemoveAll(name); err != nil {
				t.Fatal(err)
			}
			if err := put(name); err != nil {
				t.Fatal(err)
			}
			what := strings.TrimSuffix(strings.TrimSuffix(what, " that dangles"), " to itself")
			s, err := Open(t.Context(), o)
			if err == nil {
				t.Errorf("%s as %s: opened", what, filepath.Base(name))
				_ = s.Close()
				continue
			}
			if core.CodeOf(err) != core.Conflict || !strings.Contains(err.Error(), name+" is "+what) || !strings.Contains(err.Error(), "remove it") {
				t.Errorf("Open() = %v, want Conflict for %s, which is %s, and the next step", err, name, what)
			}
		}
	}
	if b, err := os.ReadFile(outside); err != nil || string(b) != "of somebody else" {
		t.Errorf("the file outside is %q, %v", b, err)
	}
	if _, err := os.Stat(outside + "-not"); err == nil {
		t.Error("a file was made outside")
	}
}
