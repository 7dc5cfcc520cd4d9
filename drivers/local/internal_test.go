package local

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"trivium/drivers"
)

func openTest(t *testing.T) (*Driver, string) {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	d, err := Open(t.Context(), "disk", root)
	if err != nil {
		t.Fatalf("Open = %v", err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d, root
}

func (d *Driver) putTest(t *testing.T, name, content string) error {
	t.Helper()
	return d.Put(t.Context(), name, strings.NewReader(content), int64(len(content)), drivers.PutOptions{})
}

func TestClassify(t *testing.T) {
	for errno, want := range map[error]error{
		syscall.ENOSPC: drivers.ErrNoSpace, syscall.EDQUOT: drivers.ErrNoSpace, syscall.EACCES: drivers.ErrDenied,
		syscall.EPERM: drivers.ErrDenied, syscall.EROFS: drivers.ErrDenied, syscall.ENAMETOOLONG: drivers.ErrName,
		syscall.EIO: drivers.ErrBroken, syscall.ENOENT: drivers.ErrNotExist, syscall.ENOTDIR: drivers.ErrNotExist,
		syscall.EMFILE: drivers.ErrBroken, os.ErrClosed: drivers.ErrBroken, errors.New("?"): drivers.ErrBroken,
	} {
		err := classify(&os.PathError{Op: "x", Path: "y", Err: errno})
		if _, ok := errno.(syscall.Errno); !ok { //nolint:errorlint // bare numbers in this table
			err = classify(errno)
		}
		if got := drivers.Sentinel(err); !errors.Is(got, want) || !errors.Is(err, errno) {
			t.Errorf("classify(%v) = %v, want %v with its cause", errno, err, want)
		}
	}
}

// TestSyncsAreShared holds one sync of a directory and counts those that 15 more callers need.
func TestSyncsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		runs := 0
		s := newDirSync(func(string) error {
			mu.Lock()
			runs++
			mu.Unlock()
			time.Sleep(time.Second)
			return nil
		})
		var wg sync.WaitGroup
		wg.Go(func() { _ = s.wait("d") })
		synctest.Wait() // the first sync is under way
		start := time.Now()
		for range 15 {
			wg.Go(func() { _ = s.wait("d") })
		}
		wg.Go(func() { _ = s.wait("other") })
		wg.Wait()
		if runs != 3 { // the first, one for all who came during it, one for the other directory
			t.Errorf("17 callers made %d syncs, want 3", runs)
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("those who came during a sync returned after %v, want that one and a whole one more: 2s", took)
		}
		if len(s.dirs) != 0 {
			t.Errorf("%d directories are still remembered", len(s.dirs))
		}
	})
}

// TestSyncBeganAfterTheCall lets every caller check that a sync began after its change and ended before its return.
func TestSyncBeganAfterTheCall(t *testing.T) {
	var mu sync.Mutex
	changes, synced := 0, 0
	s := newDirSync(func(string) error {
		mu.Lock()
		seen := changes
		mu.Unlock()
		time.Sleep(50 * time.Microsecond)
		mu.Lock()
		synced = max(synced, seen)
		mu.Unlock()
		return nil
	})
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 50 {
				mu.Lock()
				changes++
				mine := changes
				mu.Unlock()
				_ = s.wait("d")
				mu.Lock()
				if synced < mine {
					t.Errorf("change %d is reported as durable, synced is %d", mine, synced)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

func TestSyncErrorReachesAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		s := newDirSync(func(string) error {
			n++
			time.Sleep(time.Second)
			return fmt.Errorf("sync %d", n)
		})
		errs := make(chan error, 4)
		go func() { errs <- s.wait("d") }()
		synctest.Wait()
		for range 3 {
			go func() { errs <- s.wait("d") }()
		}
		var got []string
		for range 4 {
			got = append(got, (<-errs).Error())
		}
		if slices.Sort(got); !slices.Equal(got, []string{"sync 1", "sync 2", "sync 2", "sync 2"}) {
			t.Errorf("the callers got %q, want each the error of its own sync", got)
		}
	})
}

// spySync records the directories that are synced.
func spySync(d *Driver) func() []string {
	var mu sync.Mutex
	var seen []string
	real := d.sync.sync
	d.sync.sync = func(dir string) error {
		mu.Lock()
		seen = append(seen, dir)
		mu.Unlock()
		return real(dir)
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		out := slices.Clone(seen)
		seen = nil
		slices.Sort(out)
		return out
	}
}

func TestWhatIsSynced(t *testing.T) {
	d, root := openTest(t)
	synced := spySync(d)
	ctx := t.Context()
	for _, step := range []struct {
		name string
		do   func() error
		want []string
	}{
		{"new directories", func() error { return d.putTest(t, "a/b/x", "1") }, []string{".", "a", "a/b"}},
		{"known directories", func() error { return d.putTest(t, "a/b/y", "1") }, []string{"a/b"}},
		{"replace", func() error { return d.putTest(t, "a/b/y", "2") }, []string{"a/b"}},
		{"root", func() error { return d.putTest(t, "z", "1") }, []string{"."}},
		{"sibling directory", func() error { return d.putTest(t, "a/c/x", "1") }, []string{"a", "a/c"}},
		{"copy", func() error { return d.Copy(ctx, "z", "a/b/z") }, []string{"a/b"}},
		{"delete", func() error { return d.Delete(ctx, "a/b/x") }, []string{"a/b"}},
		{"delete again", func() error { return d.Delete(ctx, "a/b/x") }, []string{"a/b"}},
		{"delete below nothing", func() error { return d.Delete(ctx, "no/x") }, []string{"no"}},
		{"batch", func() error { return d.DeleteBatch(ctx, []string{"a/b/y", "a/b/z", "a/c/x", "a/c/y"}) }, []string{"a/b", "a/c"}},
		{"mkdir", func() error { return d.Mkdir(ctx, "m/n") }, []string{".", "m"}},
		{"rmdir", func() error { return d.Rmdir(ctx, "m/n") }, []string{"m"}},
		{"put after rmdir", func() error { return d.putTest(t, "m/n/x", "1") }, []string{".", "m", "m/n"}},
		{"removed by others", func() error {
			return errors.Join(os.RemoveAll(filepath.Join(root, "a")), d.putTest(t, "a/b/x", "1"))
		}, []string{".", "a", "a/b"}},
	} {
		if err := step.do(); err != nil {
			t.Errorf("%s = %v", step.name, err)
		}
		if got := synced(); !slices.Equal(got, step.want) {
			t.Errorf("%s synced %q, want %q", step.name, got, step.want)
		}
	}
}

// TestFileSyncFails: content whose fsync failed is never visible and leaves nothing behind.
func TestFileSyncFails(t *testing.T) {
	d, root := openTest(t)
	if err := d.putTest(t, "old", "old"); err != nil {
		t.Fatal(err)
	}
	for _, errno := range []syscall.Errno{syscall.EIO, syscall.ENOSPC} {
		calls := 0
		d.syncFile = func(*os.File) error {
			calls++
			return &os.PathError{Op: "sync", Path: "x", Err: errno}
		}
		for _, name := range []string{"old", "new"} {
			err := d.putTest(t, name, "content that never got to the disk")
			if want := sentinelOf(errno); !errors.Is(err, want) {
				t.Errorf("Put(%q) with %v = %v, want %v", name, errno, err, want)
			}
		}
		if calls != 2 {
			t.Errorf("%d fsyncs for 2 files, want none tried again", calls)
		}
	}
	d.syncFile = (*os.File).Sync
	if got, err := os.ReadFile(filepath.Join(root, "old")); string(got) != "old" || err != nil {
		t.Errorf("old holds %q, %v", got, err)
	}
	left, _ := filepath.Glob(filepath.Join(root, "*"))
	temps, _ := filepath.Glob(filepath.Join(root, tempDir, "*"))
	if len(left) != 2 || len(temps) != 1 { // old and the temporary directory; its lock
		t.Errorf("left behind: %v, %v", left, temps)
	}
}

// TestDirSyncFails: a name whose directory could not be synced is taken back, unless a later Put replaced it.
func TestDirSyncFails(t *testing.T) {
	d, root := openTest(t)
	if err := d.putTest(t, "dir/first", "1"); err != nil {
		t.Fatal(err)
	}
	real := d.sync.sync
	d.sync.sync = func(string) error { return syscall.EIO }
	for _, opts := range []drivers.PutOptions{{}, {IfAbsent: true}} {
		err := d.Put(t.Context(), "dir/x", strings.NewReader("x"), 1, opts)
		if !errors.Is(err, drivers.ErrBroken) {
			t.Errorf("Put whose directory sync fails = %v, want ErrBroken", err)
		}
		if _, err := os.Lstat(filepath.Join(root, "dir/x")); err == nil {
			t.Error("the name is still visible")
		}
	}
	if err := d.Delete(t.Context(), "dir/first"); !errors.Is(err, drivers.ErrBroken) {
		t.Errorf("Delete whose directory sync fails = %v, want ErrBroken", err)
	}
	d.renamed = func(name string) {
		d.renamed = nil
		if err := os.WriteFile(filepath.Join(root, "other"), []byte("later"), 0o600); err != nil {
			t.Error(err)
		}
		if err := os.Rename(filepath.Join(root, "other"), filepath.Join(root, name)); err != nil {
			t.Error(err)
		}
	}
	if err := d.putTest(t, "dir/x", "x"); !errors.Is(err, drivers.ErrBroken) {
		t.Errorf("Put whose directory sync fails = %v, want ErrBroken", err)
	}
	if got, err := os.ReadFile(filepath.Join(root, "dir/x")); string(got) != "later" {
		t.Errorf("the later content is %q, %v", got, err)
	}
	// A directory whose entry could not be synced is not known for good.
	if err := d.putTest(t, "fresh/x", "x"); !errors.Is(err, drivers.ErrBroken) {
		t.Errorf("Put into a new directory whose parent's sync fails = %v, want ErrBroken", err)
	}
	d.sync.sync = real
	synced := spySync(d)
	if err := d.putTest(t, "fresh/x", "x"); err != nil {
		t.Errorf("Put = %v", err)
	}
	if got := synced(); !slices.Equal(got, []string{".", "fresh"}) {
		t.Errorf("after a failed sync the next Put synced %q, want the parent again", got)
	}
}

// TestTornFilesAreNeverVisible looks at the name while its body is on the way.
func TestTornFilesAreNeverVisible(t *testing.T) {
	d, root := openTest(t)
	if err := d.putTest(t, "dir/x", "old"); err != nil {
		t.Fatal(err)
	}
	looks := 0
	body := readerFunc(func(p []byte) (int, error) {
		if looks++; looks > 40 {
			return 0, io.EOF
		}
		if got, err := os.ReadFile(filepath.Join(root, "dir/x")); string(got) != "old" {
			t.Errorf("in the middle of a Put the file holds %d bytes, %v", len(got), err)
		}
		if others, _ := filepath.Glob(filepath.Join(root, "dir", "*")); len(others) != 1 {
			t.Errorf("in the middle of a Put its directory holds %v", others)
		}
		clear(p[:1000])
		return 1000, nil
	})
	if err := d.Put(t.Context(), "dir/x", body, 40_000, drivers.PutOptions{}); err != nil || looks < 40 {
		t.Errorf("Put = %v after %d reads", err, looks)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestKnownDirsAreBounded(t *testing.T) {
	k := newKnownDirs()
	for i := range 3 * maxKnownDirs {
		k.add(fmt.Sprint("d/", i))
		if !k.has(fmt.Sprint("d/", i)) || !k.has(".") {
			t.Fatalf("directory %d or the root is not known", i)
		}
	}
	if n := len(k.dirs); n > maxKnownDirs {
		t.Errorf("%d directories are known, want %d at most", n, maxKnownDirs)
	}
}
