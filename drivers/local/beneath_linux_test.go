package local

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"trivium/drivers"
	"trivium/drivers/drivertest"
)

// refuse makes openat2 fail with errno and returns the number of calls that it gets.
func refuse(d *Driver, errno error) *int {
	calls := 0
	d.beneath.openat2 = func(int, string, *unix.OpenHow) (int, error) {
		calls++
		return -1, errno
	}
	return &calls
}

func (d *Driver) readTest(t *testing.T, name string) (string, error) {
	t.Helper()
	rc, err := d.Open(t.Context(), name, 0, -1)
	if err != nil {
		return "", err
	}
	defer func() { _ = rc.Close() }()
	got, err := io.ReadAll(rc)
	return string(got), err
}

// TestDriverWithoutOpenat2 runs the suite as on a kernel that has no such call.
func TestDriverWithoutOpenat2(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) drivers.Driver {
		d, _ := openTest(t)
		refuse(d, unix.ENOSYS)
		return d
	}, drivertest.Options{Reserved: []string{".trivium-tmp", ".Trivium-TMP"}})
}

// TestOpenat2Refused: where the call is refused os.Root opens, and nobody tries the call again.
func TestOpenat2Refused(t *testing.T) {
	for _, errno := range []error{unix.ENOSYS, unix.EPERM, unix.E2BIG, unix.EINVAL} {
		d, _ := openTest(t)
		if err := d.putTest(t, "a/x", "content"); err != nil {
			t.Fatal(err)
		}
		calls := refuse(d, errno)
		for range 2 {
			if got, err := d.readTest(t, "a/x"); got != "content" || err != nil {
				t.Errorf("with %v from openat2 Open reads %q, %v", errno, got, err)
			}
		}
		if *calls != 1 {
			t.Errorf("%v from openat2 was asked for %d times, want 1", errno, *calls)
		}
	}
}

// TestOpenat2Fails: other failures are those of the file, and the call is used again.
func TestOpenat2Fails(t *testing.T) {
	d, root := openTest(t)
	if err := os.WriteFile(filepath.Join(root, "x"), []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	for errno, want := range map[error]error{
		unix.ENOENT: drivers.ErrNotExist, unix.ENXIO: drivers.ErrNotExist, unix.EACCES: drivers.ErrDenied,
		unix.EMFILE: drivers.ErrBroken, unix.EIO: drivers.ErrBroken,
		unix.ELOOP: nil, unix.EXDEV: nil, unix.EAGAIN: nil, // os.Root knows better
	} {
		calls := refuse(d, errno)
		for range 2 {
			if _, err := d.readTest(t, "x"); !errors.Is(err, want) {
				t.Errorf("with %v from openat2 Open = %v, want %v", errno, err, want)
			}
		}
		if *calls != 2 {
			t.Errorf("%v from openat2 was asked for %d times, want 2", errno, *calls)
		}
	}
}

// TestInterruptedOpen wants a call that a signal interrupts to be made again.
func TestInterruptedOpen(t *testing.T) {
	d, _ := openTest(t)
	if err := d.putTest(t, "x", "content"); err != nil {
		t.Fatal(err)
	}
	real, left := d.beneath.openat2, 3
	d.beneath.openat2 = func(dir int, name string, how *unix.OpenHow) (int, error) {
		if left--; left > 0 {
			return -1, unix.EINTR
		}
		return real(dir, name, how)
	}
	if got, err := d.readTest(t, "x"); got != "content" || err != nil {
		t.Errorf("Open reads %q, %v", got, err)
	}
}

// TestGoodLinks: links that stay inside the root are followed.
func TestGoodLinks(t *testing.T) {
	d, root := openTest(t)
	if err := d.putTest(t, "a/b/x", "content"); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"file": "a/b/x", "dir": "a/b", "a/up": "../file"} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"file", "dir/x", "a/up"} {
		if got, err := d.readTest(t, name); got != "content" || err != nil {
			t.Errorf("Open(%q) reads %q, %v", name, got, err)
		}
	}
}

// TestDescriptor closes a file while others read it: none of them may read what opens under its number next.
func TestDescriptor(t *testing.T) {
	d, _ := openTest(t)
	for name, c := range map[string]string{"x": "x", "y": "y"} {
		if err := d.putTest(t, name, strings.Repeat(c, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	for range 200 {
		f, size, err := d.openRead("x")
		if err != nil || size != 1000 {
			t.Fatalf("openRead = %d, %v", size, err)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				var buf [100]byte
				for {
					if _, err := f.ReadAt(buf[:], 900); err != nil {
						if !errors.Is(err, os.ErrClosed) {
							t.Errorf("ReadAt = %v, want ErrClosed", err)
						}
						return
					}
					if string(buf[:]) != strings.Repeat("x", 100) {
						t.Errorf("ReadAt reads %q", buf)
					}
				}
			})
		}
		if err := f.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
		if other, _, err := d.openRead("y"); err != nil {
			t.Error(err)
		} else {
			wg.Wait()
			_ = other.Close()
		}
		if err := f.Close(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("Close again = %v, want ErrClosed", err)
		}
	}
}
