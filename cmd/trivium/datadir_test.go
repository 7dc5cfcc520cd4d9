package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"trivium/core"
)

// open opens a data directory until the test ends.
func open(t *testing.T, path string) *dataDir {
	t.Helper()
	d, err := openDataDir(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.close() })
	return d
}

func TestDataDirLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "data")
	d := open(t, path)
	if _, err := openDataDir(path); err == nil || !strings.Contains(err.Error(), "just starting") {
		t.Errorf("second open before the first has said who it is: %v", err)
	}
	if err := d.hold("the server on 127.0.0.1:1"); err != nil {
		t.Fatal(err)
	}
	_, err := openDataDir(path)
	for _, want := range []string{"the server on 127.0.0.1:1", fmt.Sprint("pid ", os.Getpid()), "another --data"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("second open = %v, want %q", err, want)
		}
	}
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, path)
	if err := os.WriteFile(again.metaFile(), []byte("x"), 0o600); err != nil { // now it is a store, which stays
		t.Fatal(err)
	}
	if err := again.close(); err != nil {
		t.Fatal(err)
	}
	// What a dead server left in the lock is no obstacle.
	if err := os.WriteFile(filepath.Join(path, "lock"), []byte("the server on :1 (pid 1 on host x)\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, path)
}

func TestMakeDirIsDurable(t *testing.T) {
	for _, tt := range []struct {
		name, path string
		want       []string // the directories that are synced, in this order
	}{
		{"there already", ".", nil},
		{"one level", "data", []string{"."}},
		{"three levels", "deep/deeper/data", []string{".", "deep", "deep/deeper"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			base := t.TempDir()
			var synced []string
			err := makeDir(filepath.Join(base, tt.path), func(dir string) error {
				rel, err := filepath.Rel(base, dir)
				synced = append(synced, rel)
				return err
			})
			if diff := cmp.Diff(tt.want, synced); err != nil || diff != "" {
				t.Errorf("makeDir(%s) = %v, synced (-want +got):\n%s", tt.path, err, diff)
			}
			if info, err := os.Stat(filepath.Join(base, tt.path)); err != nil || !info.IsDir() || info.Mode().Perm() != 0o700 && tt.want != nil {
				t.Errorf("%s: %v, %v, want a directory of its owner", tt.path, info, err)
			}
		})
	}
	broken := errors.New("disk on fire")
	if err := makeDir(filepath.Join(t.TempDir(), "data"), func(string) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("makeDir when the sync fails = %v, want its error", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "data")} {
		if err := makeDir(path, syncDir); err == nil {
			t.Errorf("makeDir(%s) = nil, want an error: a file is in the way", path)
		}
	}
}

func TestWantStore(t *testing.T) {
	base := t.TempDir()
	file, empty, used := filepath.Join(base, "file"), filepath.Join(base, "empty"), filepath.Join(base, "used")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Mkdir(empty, 0o700)); err != nil {
		t.Fatal(err)
	}
	d := open(t, used)
	if err := os.WriteFile(d.metaFile(), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		used: "", empty: "there is no store in " + empty, filepath.Join(base, "none"): "there is no directory " + base,
		file: "data directory " + file + ": a file is in its place", filepath.Join(file, "x"): "a file is in its place or in its way",
	} {
		err := (&dataDir{path: path}).wantStore()
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "--data")) {
			t.Errorf("wantStore of %s = %v, want %q", path, err, want)
		}
	}
	lost := t.TempDir()
	plant(t, lost, "space/trivium.json")
	if err := (&dataDir{path: lost}).wantStore(); err == nil || !strings.Contains(err.Error(), "holds the content of a store: restore meta") {
		t.Errorf("wantStore of content without metadata = %v, want what a start says", err)
	}
	if left, err := os.ReadDir(empty); len(left) != 0 || err != nil {
		t.Errorf("wantStore made %v, %v", left, err)
	}
	if _, err := openDataDir(file); err == nil || !strings.Contains(err.Error(), "a file is in its place") {
		t.Errorf("open of a file = %v", err)
	}
}

// TestForbiddenDataDir looks at a store without the right to.
func TestForbiddenDataDir(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "data"))
	if err := os.WriteFile(d.metaFile(), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		// What TempDir makes is closed to others; the data directory alone shall stand in the way.
		for _, dir := range []string{filepath.Dir(d.path), filepath.Dir(filepath.Dir(d.path))} {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	} else {
		if err := os.Chmod(d.path, 0); err != nil {
			t.Fatal(err)
		}
		defer os.Chmod(d.path, 0o700)
	}
	var lookErr, openErr error
	withoutRights(func() {
		lookErr = d.wantStore()
		_, openErr = openDataDir(d.path)
	})
	for name, err := range map[string]error{"wantStore": lookErr, "openDataDir": openErr} {
		if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "data directory "+d.path) || strings.Contains(err.Error(), "no store") {
			t.Errorf("%s = %v, want that it is forbidden", name, err)
		}
	}
}

func TestRights(t *testing.T) {
	d := &dataDir{path: filepath.Join(t.TempDir(), "data")}
	if got := d.rights(); got != "make it as a user who may, and give it to "+userName(os.Geteuid()) {
		t.Errorf("rights of what is not there = %q", got)
	}
	if err := os.Mkdir(d.path, 0o500); err != nil {
		t.Fatal(err)
	}
	if got := d.rights(); got != "give its owner all rights in it (its mode is 0500)" {
		t.Errorf("rights of the owner = %q", got)
	}
	if os.Geteuid() != 0 {
		return // only root gives away
	}
	if err := os.Chown(d.path, 4_000_000, -1); err != nil {
		t.Skipf("cannot give the directory away: %v", err)
	}
	if got := d.rights(); got != "run trivium as its owner, user 4000000, not as "+userName(0) {
		t.Errorf("rights of another = %q", got)
	}
}

// withoutRights runs fn as a user who may do nothing, if this process may do everything.
func withoutRights(fn func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with its rights
		if os.Geteuid() == 0 {
			_ = unix.Setfsuid(65534)
		}
		fn()
	}()
	<-done
}

func TestDataDirModesAndLeftovers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	d := open(t, path)
	if err := d.write(d.credentials(), []byte("x")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{"": 0o700, "meta": 0o700, "space": 0o700, "credentials": 0o600, "lock": 0o600} {
		info, err := os.Stat(filepath.Join(path, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%q: %v, %v, want %v", name, info.Mode().Perm(), err, want)
		}
	}
	if err := os.WriteFile(d.leftover("left"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
	d = open(t, path)
	if left, err := os.ReadDir(d.tmp()); err != nil || len(left) != 0 {
		t.Errorf("tmp after an open: %v, %v, want nothing", left, err)
	}
	if got, err := os.ReadFile(d.credentials()); err != nil || string(got) != "x" {
		t.Errorf("credentials = %q, %v", got, err)
	}
}

func TestMasterKeys(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "data"))
	path := d.join("master.key")
	keys, err := loadMasterKeys(d, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, named := range []string{"", path} {
		again, err := loadMasterKeys(d, named)
		if err != nil || !bytes.Equal(again.Marshal(), keys.Marshal()) {
			t.Errorf("the key of %q read back is another, %v", named, err)
		}
	}
	wantNoNamedKey(t, d, "leave --master-key-file out")
	if err := os.WriteFile(d.metaFile(), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := loadMasterKeys(d, ""); err == nil || !strings.Contains(err.Error(), path+" is missing") {
		t.Errorf("no key beside metadata = %v, want a refusal", err)
	}
	wantNoNamedKey(t, d, "restore it from your copy")
	if ok, _ := exists(path); ok {
		t.Error("a key was made beside metadata")
	}
	if err := os.WriteFile(path, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadMasterKeys(d, ""); !errors.Is(err, core.ErrMasterKey) {
		t.Errorf("malformed key = %v, want ErrMasterKey", err)
	} else if want := "master key file " + path + ": line 1 has not 64 hex digits; restore it from your copy"; err.Error() != want {
		t.Errorf("malformed key = %q, want %q", err, want)
	}
}

// A key that is not the store's opens nothing, and leaves nothing behind.
func TestMasterKeyOfAnotherStore(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "data"))
	start := func() error {
		st, err := openStore(t.Context(), &config{data: d.path}, d, zerolog.Nop())
		if err == nil {
			err = st.close(t.Context())
		}
		return err
	}
	if err := start(); err != nil {
		t.Fatal(err)
	}
	path := d.join("master.key")
	right, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, core.GenerateMasterKeys().Marshal(), 0o600); err != nil {
		t.Fatal(err)
	}
	want := "master key file " + path + " is not the key of this metadata store: restore the right one from your copy, " +
		"or name it with --master-key-file"
	for range 2 {
		if err := start(); !errors.Is(err, core.ErrMasterKey) || err.Error() != want {
			t.Errorf("start with another key = %q, want %q", err, want)
		}
	}
	if err := os.WriteFile(path, right, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := start(); err != nil {
		t.Errorf("start with the right key = %v, want nil", err)
	}
}

// wantNoNamedKey names a file that is not there: it must not be made, since what should hold it may just not be
// mounted.
func wantNoNamedKey(t *testing.T, d *dataDir, step string) {
	t.Helper()
	named := filepath.Join(t.TempDir(), "key")
	_, err := loadMasterKeys(d, named)
	for _, want := range []string{named + " is missing", step} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a named file that is missing = %v, want %q", err, want)
		}
	}
	if ok, _ := exists(named); ok {
		t.Error("the named file was made")
	}
}

// Empty metadata is damage where content was begun, and a first start that was cut off where none was.
func TestEmptyMetadata(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "data"))
	if err := os.WriteFile(d.metaFile(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.checkMeta(); err != nil {
		t.Errorf("without content: %v", err)
	}
	if err := os.WriteFile(filepath.Join(d.path, spaceName, "trivium.json"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.checkMeta(); err == nil || !strings.Contains(err.Error(), "trivium.db is empty") {
		t.Errorf("beside content: %v, want a refusal that says so", err)
	}
}

// TestAwaitDataDir: a server waits for a command, not for another server.
func TestAwaitDataDir(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	d := open(t, path)
	if err := d.hold(serverHolds + "127.0.0.1:1"); err != nil {
		t.Fatal(err)
	}
	if _, err := awaitDataDir(t.Context(), path); !errors.Is(err, errInUse) || !strings.Contains(err.Error(), "in use by the server on 127.0.0.1:1") {
		t.Errorf("awaitDataDir beside a server = %v, want errInUse", err)
	}
	if err := d.hold("trivium gc"); err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() {
		d, err := awaitDataDir(t.Context(), path)
		if err == nil {
			err = d.close()
		}
		got <- err
	}()
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Errorf("awaitDataDir after a command has ended: %v", err)
	}
	d = open(t, path)
	if err := d.hold("trivium gc"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := awaitDataDir(ctx, path); !errors.Is(err, errInUse) || !strings.Contains(err.Error(), "in use by trivium gc") {
		t.Errorf("awaitDataDir that is given up = %v, want errInUse", err)
	}
}
