package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"trivium/core"
)

// plant makes files, and directories where a name ends with a slash, below dir.
func plant(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		var err error
		if strings.HasSuffix(name, "/") {
			err = os.MkdirAll(path, 0o700)
		} else {
			err = os.WriteFile(path, []byte(name), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// below lists all that lies below dir, but for the directories on the way.
func below(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if rel, _ := filepath.Rel(dir, path); rel != "." {
			all = append(all, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestForeignDirectoryIsRefused: what is no store is neither taken nor touched.
func TestForeignDirectoryIsRefused(t *testing.T) {
	for _, tt := range []struct{ holds, foreign string }{
		{"tmp/work/report.txt", "tmp/work"},
		{"tmp/report.txt", "tmp/report.txt"},
		{"tmp/trivium-work.new/report.txt", "tmp/trivium-work.new"},
		{"report.txt", "report.txt"},
		{"work/", "work"},
		{"lost+found", "lost+found"}, // a file
		{"lock/", "lock"},
		{"meta", "meta"},
		{"meta/report.txt", "meta/report.txt"},
		{"space/report.txt", "space/report.txt"},
	} {
		t.Run(tt.holds, func(t *testing.T) {
			dir := t.TempDir()
			plant(t, dir, tt.holds)
			before := below(t, dir)
			d, err := openDataDir(dir)
			if err == nil {
				_ = d.close()
				t.Fatal("it was taken")
			}
			for _, want := range []string{dir, "it holds " + tt.foreign + " ", "empty or a new directory", "--data"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("refused with %q, want %q", err, want)
				}
			}
			if after := below(t, dir); !slices.Equal(after, before) {
				t.Errorf("it held %q, and holds %q", before, after)
			}
		})
	}
}

// TestForeignMetadataIsRefused: a file where metadata would be makes no store of a directory, and is left as it is. In a
// directory that has the right names for another reason, only what this process made goes.
func TestForeignMetadataIsRefused(t *testing.T) {
	for _, tt := range []struct {
		name  string
		holds []string
		key   bool // a master key is there
	}{
		{"alone", []string{"meta/trivium.db", "report.txt"}, false},
		{"with a key", []string{"meta/trivium.db", "report.txt"}, true},
		{"with all names", []string{"meta/trivium.db", "lock", "tmp/report.txt", "space/report.txt"}, false},
		{"content alone", []string{"space/trivium.json"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			plant(t, dir, tt.holds...)
			if tt.key {
				if err := os.WriteFile(filepath.Join(dir, "master.key"), core.GenerateMasterKeys().Marshal(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			before := below(t, dir)
			d, err := openDataDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			if st, err := openStore(t.Context(), &config{data: dir}, d, zerolog.Nop()); err == nil {
				_ = st.close(t.Context())
				t.Error("it was taken for a store")
			}
			if err := d.close(); err != nil {
				t.Error(err)
			}
			if after := below(t, dir); !slices.Equal(after, before) {
				t.Errorf("it held %q, and holds %q", before, after)
			}
		})
	}
}

// TestStoreKeepsItsPlaces: what is made anew in the directory of a store that opens stays.
func TestStoreKeepsItsPlaces(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	var before []string
	for i := range 2 {
		d, err := openDataDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		st, err := openStore(t.Context(), &config{data: dir}, d, zerolog.Nop())
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(st.close(t.Context()), d.close()); err != nil {
			t.Fatal(err)
		}
		after := below(t, dir)
		if i == 1 {
			if !slices.Equal(after, before) {
				t.Errorf("it held %q, and holds %q", before, after)
			}
			continue
		}
		before = after
		if err := errors.Join(os.Remove(d.join("lock")), os.Remove(d.tmp())); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRootIsRefused names the root of the file system, which nothing is made in.
func TestRootIsRefused(t *testing.T) {
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("/", link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "//", link} {
		if err := (&dataDir{path: path}).recognise(); err == nil || !strings.Contains(err.Error(), "root of the file system") {
			t.Errorf("recognise of %s = %v, want a refusal", path, err)
		}
	}
}

// TestDirectoryForAStore are those in which a first start finds nothing of others.
func TestDirectoryForAStore(t *testing.T) {
	for name, holds := range map[string][]string{
		"empty": nil, "mount point": {"lost+found/"}, "mounted below": {"space/lost+found/", "meta/lost+found/"},
		"first start that was cut off": {
			"lock", "tmp/trivium-master.key.new", "meta/", "space/", "master.key", "credentials",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			plant(t, dir, holds...)
			open(t, dir)
		})
	}
}

// TestOnlyOwnLeftoversAreRemoved: in the tmp of a store everything but files of our making stays.
func TestOnlyOwnLeftoversAreRemoved(t *testing.T) {
	dir := t.TempDir()
	plant(t, dir, "meta/trivium.db", "tmp/trivium-credentials.new", "tmp/work/report.txt", "tmp/report.txt", "tmp/trivium-work.new/report.txt")
	d := open(t, dir)
	link := filepath.Join(d.tmp(), "trivium-link.new")
	if err := os.Symlink(filepath.Join(dir, "lock"), link); err != nil {
		t.Fatal(err)
	}
	if err := d.clean(); err != nil {
		t.Fatal(err)
	}
	want := []string{"report.txt", "trivium-link.new", "trivium-work.new", "trivium-work.new/report.txt", "work", "work/report.txt"}
	if got := below(t, d.tmp()); !slices.Equal(got, want) {
		t.Errorf("tmp holds %q, want %q", got, want)
	}
}

// TestFailedFirstStartLeavesNothing: what was made for a store that did not come to be goes again.
func TestFailedFirstStartLeavesNothing(t *testing.T) {
	base := t.TempDir()
	for _, tt := range []struct{ path, holds, left string }{
		{path: "deep/data"},
		{path: "empty", holds: "empty/", left: "empty"},
		{path: "mount", holds: "mount/lost+found/", left: "mount/lost+found"},
		{path: "begun", holds: "begun/meta/", left: "begun/meta"},
	} {
		if tt.holds != "" {
			plant(t, base, tt.holds)
		}
		d, err := openDataDir(filepath.Join(base, tt.path))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.close(); err != nil {
			t.Error(err)
		}
		var want []string
		if tt.left != "" {
			for dir := tt.left; dir != "."; dir = filepath.Dir(dir) {
				want = append([]string{dir}, want...)
			}
		}
		if got := below(t, base); !slices.Equal(got, want) {
			t.Errorf("after %s there is %q, want %q", tt.path, got, want)
		}
		if err := os.RemoveAll(filepath.Join(base, tt.path)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLockThatIsGivenUp: a lock file that another process removes while this one waits for it is not held.
func TestLockThatIsGivenUp(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	if err := os.Remove(d.join("lock")); err != nil {
		t.Fatal(err)
	}
	if d.holds(d.lock) {
		t.Error("a lock without a name is held")
	}
	again := open(t, dir)
	if !again.holds(again.lock) {
		t.Error("the new lock is not held")
	}
}

// TestDirectoryThatIsTakenBack: what a first start made and takes back while another one looks is of nobody.
func TestDirectoryThatIsTakenBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if d, err := openDataDir(path); err == nil {
				_ = d.close()
			}
		}
	}()
	for range 2000 {
		if err := (&dataDir{path: path}).recognise(); err != nil {
			t.Errorf("recognise beside first starts = %v", err)
			break
		}
	}
	close(stop)
	<-ended
}
