package local_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"trivium/drivers"
	"trivium/drivers/drivertest"
	"trivium/drivers/local"
)

// open opens a space in a directory "root" beside which nothing else is.
func open(t *testing.T) (*local.Driver, string) {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	return openAt(t, root), root
}

func openAt(t *testing.T, root string) *local.Driver {
	t.Helper()
	d, err := local.Open(t.Context(), "disk", root)
	if err != nil {
		t.Fatalf("Open(%s) = %v", root, err)
	}
	return d
}

func put(t *testing.T, d drivers.Driver, name, content string) error {
	t.Helper()
	return d.Put(t.Context(), name, strings.NewReader(content), int64(len(content)), drivers.PutOptions{})
}

func TestDriver(t *testing.T) {
	var root string
	drivertest.Run(t, func(t *testing.T) drivers.Driver {
		var d drivers.Driver
		d, root = open(t)
		return d
	}, drivertest.Options{
		Reserved: []string{".trivium-tmp", ".Trivium-TMP"},
		Symlink: func(t *testing.T, _ drivers.Driver, name, target string) {
			if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
				t.Fatal(err)
			}
		},
		Outside: func(t *testing.T, _ drivers.Driver) {
			entries, err := os.ReadDir(filepath.Dir(root))
			if err != nil || len(entries) != 1 {
				t.Errorf("beside the root there is %v, %v", entries, err)
			}
			if _, err := os.Stat("/tmp/trivium-escape"); err == nil {
				t.Error("a name left the root")
			}
		},
	})
}

func TestKind(t *testing.T) {
	kind := local.Kind()
	if err := kind.Validate(drivers.Config{}); err == nil || !strings.Contains(err.Error(), "path") {
		t.Errorf("Validate of nothing = %v, want an error about path", err)
	}
	root := filepath.Join(t.TempDir(), "a", "b", "c")
	cfg := drivers.Config{"path": root}
	if err := kind.Validate(cfg); err != nil {
		t.Errorf("Validate(%v) = %v", cfg, err)
	}
	d, err := kind.Open(t.Context(), "my space", cfg)
	if err != nil {
		t.Fatalf("Open = %v", err)
	}
	defer d.Close()
	if fi, err := os.Stat(root); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("the new root is %v, %v, want mode 0700", fi.Mode(), err)
	}
	_, err = d.Stat(t.Context(), "x")
	if err == nil || !strings.Contains(err.Error(), "my space") {
		t.Errorf("Stat = %v, want the space named", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if d, err := kind.Open(t.Context(), "s", drivers.Config{"path": file}); err == nil || d != nil {
		t.Errorf("Open of a file = %v, %v, want an error and no driver", d, err)
	}
}

// TestHostileSymlinks puts links that lead out of the root where names lead through.
func TestHostileSymlinks(t *testing.T) {
	d, root := open(t)
	defer d.Close()
	outside := filepath.Join(filepath.Dir(root), "outside")
	secret := filepath.Join(outside, "secret")
	if err := os.MkdirAll(filepath.Join(outside, "dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{
		"abs": outside, "rel": "../outside", "file": secret, "relfile": "../outside/secret", "twice": "rel", "proc": "/proc/self/root",
	} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"abs/secret", "rel/secret", "file", "relfile", "twice/secret", "proc/etc/passwd"} {
		if rc, err := d.Open(t.Context(), name, 0, -1); !errors.Is(err, drivers.ErrDenied) {
			t.Errorf("Open(%q) = %v, %v, want ErrDenied", name, rc, err)
		}
		if info, err := d.Stat(t.Context(), name); !errors.Is(err, drivers.ErrDenied) {
			t.Errorf("Stat(%q) = %+v, %v, want ErrDenied", name, info, err)
		}
	}
	for _, name := range []string{"abs/new", "rel/secret", "rel/dir/new", "rel/newdir/new", "twice/new"} {
		if err := put(t, d, name, "evil"); !errors.Is(err, drivers.ErrDenied) {
			t.Errorf("Put(%q) = %v, want ErrDenied", name, err)
		}
		if err := d.Delete(t.Context(), name); !errors.Is(err, drivers.ErrDenied) {
			t.Errorf("Delete(%q) = %v, want ErrDenied", name, err)
		}
		if err := d.Mkdir(t.Context(), name+"dir"); !errors.Is(err, drivers.ErrDenied) {
			t.Errorf("Mkdir(%q) = %v, want ErrDenied", name+"dir", err)
		}
	}
	for _, prefix := range []string{"", "abs", "rel", "twice"} {
		for info := range d.List(t.Context(), prefix, drivers.ListOptions{Recursive: true}) {
			if info.Name != "" {
				t.Errorf("List(%q) shows %+v", prefix, info)
			}
		}
	}
	// A write to a link replaces the link and leaves its target alone.
	if err := put(t, d, "file", "mine"); err != nil {
		t.Errorf("Put over a link = %v", err)
	}
	if got, err := os.ReadFile(secret); string(got) != "secret" || err != nil {
		t.Errorf("outside there is now %q, %v", got, err)
	}
	entries, err := os.ReadDir(outside)
	if err != nil || len(entries) != 2 {
		t.Errorf("outside there is now %v, %v", entries, err)
	}
}

func TestHostileTempDir(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(root, ".trivium-tmp")); err != nil {
		t.Fatal(err)
	}
	if d, err := local.Open(t.Context(), "disk", root); err == nil {
		d.Close()
		t.Error("Open took a link for its temporary directory")
	}
}

// TestSpecialFiles looks at what is no content; opening the FIFO must not wait for a writer.
func TestSpecialFiles(t *testing.T) {
	d, root := open(t)
	defer d.Close()
	if err := syscall.Mkfifo(filepath.Join(root, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := d.Open(t.Context(), "fifo", 0, -1)
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, drivers.ErrNotExist) {
			t.Errorf("Open of a FIFO = %v, want ErrNotExist", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("Open of a FIFO hangs")
	}
	if _, err := d.Stat(t.Context(), "fifo"); !errors.Is(err, drivers.ErrNotExist) {
		t.Errorf("Stat of a FIFO = %v, want ErrNotExist", err)
	}
	if err := os.WriteFile(filepath.Join(root, "bad\xffname"), nil, 0o600); err == nil {
		for info, err := range d.List(t.Context(), "", drivers.ListOptions{}) {
			t.Errorf("List shows %+v, %v, want neither the FIFO nor the name that is no UTF-8", info, err)
		}
	}
}

// TestFileCutWhileOpen wants an error where content ends that was longer at Open.
func TestFileCutWhileOpen(t *testing.T) {
	d, root := open(t)
	defer d.Close()
	if err := put(t, d, "x", strings.Repeat("x", 10_000)); err != nil {
		t.Fatal(err)
	}
	rc, err := d.Open(t.Context(), "x", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	if err := os.Truncate(filepath.Join(root, "x"), 4000); err != nil {
		t.Fatal(err)
	}
	var sb strings.Builder
	buf := make([]byte, 3000)
	for err == nil {
		var n int
		n, err = rc.Read(buf)
		sb.Write(buf[:n])
	}
	if !errors.Is(err, drivers.ErrBroken) || sb.Len() != 4000 {
		t.Errorf("reading a file that was cut gave %d bytes, %v, want 4000, ErrBroken", sb.Len(), err)
	}
}

func TestOrphansAreRemoved(t *testing.T) {
	d, root := open(t)
	tmp := filepath.Join(root, ".trivium-tmp")
	write := func(name string) string {
		path := filepath.Join(tmp, name)
		if err := os.WriteFile(path, []byte("torso"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	dead, gone := strings.Repeat("DEAD2", 6)[:26], strings.Repeat("GONE7", 6)[:26]
	orphan, deadLock := write(dead+".1"), write(gone+".lock")
	orphan2 := write(gone + ".2z")
	// What no driver makes is somebody's.
	foreign := []string{write("report.txt"), write("DEAD.1"), write(dead), write(dead + "."), write(strings.ToLower(dead) + ".1")}
	for _, name := range []string{"work", dead + ".2"} {
		if err := os.Mkdir(filepath.Join(tmp, name), 0o700); err != nil {
			t.Fatal(err)
		}
		foreign = append(foreign, filepath.Join(tmp, name), write(name+"/report.txt"))
	}
	living, err := os.ReadDir(tmp)
	if err != nil || len(living) != 11 {
		t.Fatalf("the temporary directory holds %v, %v", living, err)
	}
	// A body that stands still while another driver opens the same root.
	body := &pausing{at: make(chan struct{}), on: make(chan struct{})}
	done := make(chan error, 1)
	go func() { done <- d.Put(t.Context(), "x", body, 4, drivers.PutOptions{}) }()
	<-body.at
	second := openAt(t, root)
	for _, path := range []string{orphan, orphan2, deadLock} {
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s is still there", path)
		}
	}
	close(body.on)
	if err := <-done; err != nil {
		t.Errorf("Put while another driver opened the root = %v", err)
	}
	if err := errors.Join(d.Close(), second.Close()); err != nil {
		t.Errorf("Close = %v", err)
	}
	for _, path := range foreign {
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("what no driver made is gone: %v", err)
		}
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) != 7 {
		t.Errorf("after Close the temporary directory holds %v, %v", left, err)
	}
}

// pausing is a body of 4 bytes that waits in its middle.
type pausing struct {
	at, on chan struct{}
	n      int
}

func (p *pausing) Read(b []byte) (int, error) {
	switch p.n++; p.n {
	case 1:
		return copy(b, "ab"), nil
	case 2:
		close(p.at)
		<-p.on
		return copy(b, "cd"), nil
	}
	return 0, io.EOF
}

func TestNoTempsAreLeft(t *testing.T) {
	d, root := open(t)
	defer d.Close()
	_ = put(t, d, "dir/x", "content")
	_ = d.Put(t.Context(), "dir/y", strings.NewReader("short"), 10, drivers.PutOptions{})
	_ = d.Put(t.Context(), "dir", strings.NewReader("in the way"), 10, drivers.PutOptions{})
	for range 2 {
		_ = d.Put(t.Context(), "z", strings.NewReader("z"), 1, drivers.PutOptions{IfAbsent: true})
	}
	left, err := filepath.Glob(filepath.Join(root, ".trivium-tmp", "*"))
	if err != nil || len(left) != 1 || !strings.HasSuffix(left[0], ".lock") {
		t.Errorf("the temporary directory holds %v, %v, want the lock alone", left, err)
	}
}

// TestEmptiedRoot lets somebody remove everything below the root while the driver runs.
func TestEmptiedRoot(t *testing.T) {
	d, root := open(t)
	defer d.Close()
	if err := put(t, d, "a/b/x", "1"); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"a", ".trivium-tmp"} {
		if err := os.RemoveAll(filepath.Join(root, dir)); err != nil {
			t.Fatal(err)
		}
	}
	if err := put(t, d, "a/b/y", "2"); err != nil {
		t.Errorf("Put into a directory that somebody removed = %v", err)
	}
	if got, err := os.ReadFile(filepath.Join(root, "a/b/y")); string(got) != "2" || err != nil {
		t.Errorf("the file holds %q, %v", got, err)
	}
}

func TestReadOnlyRoot(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write everywhere")
	}
	d, root := open(t)
	defer d.Close()
	if err := os.MkdirAll(filepath.Join(root, "ro"), 0o500); err != nil {
		t.Fatal(err)
	}
	if err := put(t, d, "ro/x", "x"); !errors.Is(err, drivers.ErrDenied) {
		t.Errorf("Put into a read-only directory = %v, want ErrDenied", err)
	}
}
