package lossyfs

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
	_ "modernc.org/sqlite" // the database of the tests
)

// TestMain runs the tests, or in a child process the part of one that must not share the process that serves the
// mount: a page fault of a mapping holds a thread the runtime does not know to be waiting.
func TestMain(m *testing.M) {
	switch os.Getenv("TRIVIUM_TEST_LOSSYFS") {
	case "":
		goleak.VerifyTestMain(m)
	case "mapping":
		child(mapping(os.Args[1], os.Args[2] == "true"))
	case "sqlite":
		child(fill(os.Args[1], os.Args[2]))
	}
}

// child ends a child process: by a power cut's means when all went well.
func child(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

// runChild runs a part of this test in a process of its own, which kills itself in the end.
func runChild(t *testing.T, part string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), "TRIVIUM_TEST_LOSSYFS="+part)
	out, err := cmd.CombinedOutput()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Fatalf("child %s: %v\n%s", part, err, out)
	}
}

// mounted mounts a file system for the test, or skips the test where that cannot be.
func mounted(t *testing.T, seed map[string]string) (*FS, string) {
	t.Helper()
	backing, dir := t.TempDir(), t.TempDir()
	for name, content := range seed {
		path := filepath.Join(backing, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(content), 0o600))
	}
	f, err := Mount(backing, dir)
	if errors.Is(err, ErrNoFUSE) && os.Getenv("TRIVIUM_TEST_CLIENTS") != "required" {
		t.Skipf("the power cut needs FUSE (package fuse3, /dev/fuse): %v", err)
	}
	must(t, err)
	t.Cleanup(func() { must(t, f.Unmount()) })
	return f, dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tree reads every file below dir.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	got := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		switch {
		case name == ".":
		case d.IsDir():
			got[name+"/"] = ""
		default:
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			got[name] = string(b)
		}
		return nil
	}))
	return got
}

// write makes or overwrites a file, synced or not.
func write(t *testing.T, path, content string, sync bool) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	must(t, err)
	_, err = file.WriteString(content)
	must(t, err)
	if sync {
		must(t, file.Sync())
	}
	must(t, file.Close())
}

// syncDir syncs a directory.
func syncDir(t *testing.T, path string) {
	t.Helper()
	d, err := os.Open(path)
	must(t, err)
	must(t, d.Sync())
	must(t, d.Close())
}

// TestCut: after a power cut there is what POSIX promises and nothing more.
func TestCut(t *testing.T) {
	seed := map[string]string{"old": "old", "dir/member": "member"}
	with := func(more ...string) map[string]string {
		want := map[string]string{"old": "old", "dir/": "", "dir/member": "member"}
		for i := 0; i < len(more); i += 2 {
			want[more[i]] = more[i+1]
		}
		return want
	}
	without := func(name string) map[string]string {
		want := with()
		delete(want, name)
		return want
	}
	for _, test := range []struct {
		name string
		do   func(t *testing.T, dir string)
		want map[string]string
	}{
		{"nothing", func(*testing.T, string) {}, with()},
		{"overwritten, not synced", func(t *testing.T, d string) { write(t, d+"/old", "new!", false) }, with()},
		{"overwritten and synced", func(t *testing.T, d string) { write(t, d+"/old", "new!", true) }, with("old", "new!")},
		{"created, directory not synced", func(t *testing.T, d string) { write(t, d+"/new", "new", true) }, with()},
		{"created, only the directory synced", func(t *testing.T, d string) {
			write(t, d+"/new", "new", false)
			syncDir(t, d)
		}, with("new", "")},
		{"created, both synced", func(t *testing.T, d string) {
			write(t, d+"/new", "new", true)
			syncDir(t, d)
		}, with("new", "new")},
		{"renamed without a sync of the directory", func(t *testing.T, d string) {
			write(t, d+"/new", "new", true)
			syncDir(t, d)
			must(t, os.Rename(d+"/new", d+"/old"))
		}, with("new", "new")},
		{"renamed and synced", func(t *testing.T, d string) {
			write(t, d+"/new", "new", true)
			must(t, os.Rename(d+"/new", d+"/old"))
			syncDir(t, d)
		}, with("old", "new")},
		{"removed, not synced", func(t *testing.T, d string) { must(t, os.Remove(d+"/old")) }, with()},
		{"removed and synced", func(t *testing.T, d string) {
			must(t, os.Remove(d+"/old"))
			syncDir(t, d)
		}, without("old")},
		{"linked, not synced", func(t *testing.T, d string) { must(t, os.Link(d+"/old", d+"/link")) }, with()},
		{"linked and synced", func(t *testing.T, d string) {
			must(t, os.Link(d+"/old", d+"/link"))
			syncDir(t, d)
		}, with("link", "old")},
		{"new directory, parent not synced", func(t *testing.T, d string) {
			must(t, os.Mkdir(d+"/sub", 0o755))
			write(t, d+"/sub/new", "new", true)
			syncDir(t, d+"/sub")
		}, with()},
		{"new directory, all synced", func(t *testing.T, d string) {
			must(t, os.Mkdir(d+"/sub", 0o755))
			write(t, d+"/sub/new", "new", true)
			syncDir(t, d+"/sub")
			syncDir(t, d)
		}, with("sub/", "", "sub/new", "new")},
		{"truncated, not synced", func(t *testing.T, d string) { must(t, os.Truncate(d+"/old", 1)) }, with()},
		{"moved to another directory, the old one not synced", func(t *testing.T, d string) {
			must(t, os.Rename(d+"/old", d+"/dir/old"))
			syncDir(t, d+"/dir")
		}, with("dir/old", "old")},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, dir := mounted(t, seed)
			test.do(t, dir)
			_, err := f.Cut(0, 0)
			must(t, err)
			if diff := cmp.Diff(test.want, tree(t, dir)); diff != "" {
				t.Errorf("on the mount after the cut (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.want, tree(t, f.backing)); diff != "" {
				t.Errorf("in the backing directory (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLive: without a cut the mount is a file system like any other: pages, holes, truncation, replacement.
func TestLive(t *testing.T) {
	_, dir := mounted(t, map[string]string{"a": "a"})
	file, err := os.Create(dir + "/f")
	must(t, err)
	defer file.Close()
	want := make([]byte, 3*pageSize+7)
	for i := pageSize - 5; i < pageSize+5; i++ {
		want[i] = byte(i)
	}
	_, err = file.WriteAt(want[pageSize-5:pageSize+5], pageSize-5)
	must(t, err)
	must(t, file.Truncate(int64(len(want))))
	got, err := os.ReadFile(dir + "/f")
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Error("content across a page border with holes differs")
	}
	must(t, file.Truncate(pageSize+1))
	must(t, file.Truncate(2*pageSize))
	clear(want[pageSize+1:])
	if got, err = os.ReadFile(dir + "/f"); err != nil || !bytes.Equal(got, want[:2*pageSize]) {
		t.Errorf("after truncation and growth: error %v, or old bytes are back", err)
	}
	err = unix.Renameat2(unix.AT_FDCWD, dir+"/a", unix.AT_FDCWD, dir+"/f", unix.RENAME_NOREPLACE)
	if !errors.Is(err, os.ErrExist) {
		t.Errorf("rename without replacing = %v, want exists", err)
	}
	must(t, os.Rename(dir+"/a", dir+"/f"))
	if got := tree(t, dir); len(got) != 1 || got["f"] != "a" {
		t.Errorf("after the rename there is %v, want f", got)
	}
}

// TestSharedMapping: writes through a shared mapping arrive at msync and are dropped without one.
func TestSharedMapping(t *testing.T) {
	for _, sync := range []bool{false, true} {
		f, dir := mounted(t, map[string]string{"f": "old content"})
		runChild(t, "mapping", dir+"/f", fmt.Sprint(sync))
		_, err := f.Cut(0, 0)
		must(t, err)
		want := map[bool]string{false: "old content", true: "new content"}[sync]
		if got := tree(t, dir)["f"]; got != want {
			t.Errorf("after msync %v and the cut: %q, want %q", sync, got, want)
		}
	}
}

// mapping writes "new" through a shared mapping of path and reads it back beside the mapping.
func mapping(path string, sync bool) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	m, err := unix.Mmap(int(file.Fd()), 0, 3, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	copy(m, "new")
	if sync {
		if err := unix.Msync(m, unix.MS_SYNC); err != nil {
			return err
		}
	}
	got := make([]byte, 3)
	if _, err := file.ReadAt(got, 0); err != nil || string(got) != "new" {
		return fmt.Errorf("read beside the mapping = %q, %w, want new", got, err)
	}
	return nil
}

// TestLuck: with a chance some of what was not synced survives and some does not, page by page, and the same
// seed decides alike.
func TestLuck(t *testing.T) {
	outcome := func(seed uint64) (kept int, result string) {
		f, dir := mounted(t, map[string]string{"f": string(make([]byte, 40*pageSize))})
		write(t, dir+"/f", string(bytes.Repeat([]byte{1}, 40*pageSize)), false)
		lost, err := f.Cut(seed, 0.5)
		must(t, err)
		content := tree(t, dir)["f"]
		for i := 0; i < len(content); i += pageSize {
			if content[i] == 1 {
				kept++
			}
		}
		if kept+lost.Pages != 40 {
			t.Errorf("%d pages kept and %d lost, want 40 in all", kept, lost.Pages)
		}
		return kept, content
	}
	if kept, _ := outcome(7); kept == 0 || kept == 40 {
		t.Errorf("%d of 40 pages survived with a chance of one half", kept)
	}
}

// TestOff: from the first moment of the cut nothing changes any more and the sync of a survivor fails.
func TestOff(t *testing.T) {
	f, dir := mounted(t, map[string]string{"f": "old"})
	file, err := os.OpenFile(dir+"/f", os.O_WRONLY, 0)
	must(t, err)
	f.mu.Lock()
	f.off = true
	f.mu.Unlock()
	if _, err := file.WriteString("new"); err == nil {
		t.Error("a write after the cut succeeded")
	}
	if err := file.Sync(); err == nil {
		t.Error("a sync after the cut succeeded")
	}
	_ = file.Close()
	_, err = f.Cut(0, 0)
	must(t, err)
	if got := tree(t, dir)["f"]; got != "old" {
		t.Errorf("content = %q, want old", got)
	}
}

// TestSQLite: a database in WAL mode works on the mount, with its shared memory, and every commit that was
// acknowledged survives the cut while synchronous is FULL. With synchronous OFF commits are lost: the file system
// does drop what it should.
func TestSQLite(t *testing.T) {
	for _, test := range []struct {
		synchronous string
		luck        float64
		want        bool
	}{{"FULL", 0, true}, {"FULL", 0.5, true}, {"OFF", 0, false}} {
		t.Run(fmt.Sprint(test.synchronous, test.luck), func(t *testing.T) {
			f, dir := mounted(t, nil)
			runChild(t, "sqlite", dir+"/db", test.synchronous)
			lost, err := f.Cut(1, test.luck)
			must(t, err)
			// The backing directory has the same, and no part of this process serves it.
			if got := count(t, f.backing+"/db"); (got == rows) != test.want {
				t.Errorf("%d of %d acknowledged rows after the cut, all of them wanted: %v (lost %+v)", got, rows, test.want, lost)
			}
		})
	}
}

const rows = 60

// fill makes a database at path and commits rows one by one, with a checkpoint on the way.
func fill(path, synchronous string) error {
	db, err := open(path, synchronous)
	if err != nil {
		return err
	}
	statements := []string{"CREATE TABLE t (i INTEGER PRIMARY KEY, b BLOB)"}
	for i := range rows {
		statements = append(statements, "INSERT INTO t VALUES (NULL, randomblob(3000))")
		if i == rows/2 {
			statements = append(statements, "PRAGMA wal_checkpoint(PASSIVE)")
		}
	}
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	d, err := os.Open(filepath.Dir(path)) // SQLite syncs the directory of a WAL, but not that of a new database
	if err != nil {
		return err
	}
	if wal, err := os.Stat(path + "-wal"); err != nil || wal.Size() == 0 {
		return fmt.Errorf("there is no WAL: %w", err)
	}
	return d.Sync()
}

// open opens a database with one connection.
func open(path, synchronous string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=mmap_size(268435456)&_journal_mode=WAL&_synchronous="+synchronous+
		"&_pragma=page_size(8192)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// count counts the rows; a database that is missing or damaged has none.
func count(t *testing.T, path string) (n int) {
	t.Helper()
	db, err := open(path, "FULL")
	must(t, err)
	defer db.Close()
	var check string
	if err := db.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&check); err != nil || check != "ok" {
		return 0
	}
	_ = db.QueryRowContext(t.Context(), "SELECT count(*) FROM t").Scan(&n)
	return n
}

// TestUnion keeps a helper of the cut honest.
func TestUnion(t *testing.T) {
	a, b := map[string]*inode{"x": nil, "y": nil}, map[string]*inode{"y": nil, "z": nil}
	var got []string
	for name := range union(a, b) {
		got = append(got, name)
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"x", "y", "z"}, got); diff != "" {
		t.Error(diff)
	}
}
