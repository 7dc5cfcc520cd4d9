package crash

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trivium/tests/crash/lossyfs"
)

// TestFirstStart kills the very first start at each of its commits, on a plain file system and by a power cut: the
// next start gets ready, takes the credentials and stores, and what it stores survives the next cut.
func TestFirstStart(t *testing.T) {
	binary, err := build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, ground := range []string{plainGround, cutGiven, cutMade} {
		for _, point := range []string{"lease.before", "lease.after", "commit.before", "commit.after", ""} {
			t.Run(ground+"/"+point, func(t *testing.T) {
				t.Parallel()
				for count := 1; ; count++ {
					if !firstStart(t, binary, ground, fmt.Sprintf("%s:%d", point, count)) {
						if count == 1 && point != "" {
							t.Errorf("the first start does not pass %s", point)
						}
						return
					}
				}
			})
		}
	}
}

// The grounds that a data directory may lie on.
const (
	plainGround = "plain"
	cutGiven    = "cut, directory given" // somebody made the data directory long ago
	cutMade     = "cut, directory made"  // the server makes it
)

// firstStart makes a data directory, crashing at the point, and tells whether that was reached before the server
// was ready.
func firstStart(t *testing.T, binary, ground, at string) (reached bool) {
	t.Helper()
	dir := t.TempDir()
	data, cut := filepath.Join(dir, "data"), func() {}
	if ground != plainGround {
		data, cut = mountLossy(t, dir, ground == cutGiven)
	}
	if strings.HasPrefix(at, ":") {
		at = "" // no point: the cut comes when the server is ready
	}
	p, err := start(t.Context(), binary, data, at, filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	reached = p.ready == 0
	p.kill()
	if !p.killed() {
		t.Fatalf("%s: the server ended by itself: %v\n%s", at, p.err, p.out)
	}
	cut()
	body := []byte("first")
	for life := range 2 {
		p, err = start(t.Context(), binary, data, "", "")
		if err != nil {
			t.Fatalf("%s, life %d: %v", at, life, err)
		}
		if p.ready == 0 {
			t.Fatalf("%s, life %d: the server does not start again: %v\n%s", at, life, p.err, p.out)
		}
		o := &object{bucket: plain, key: "first"}
		if life == 0 {
			err = p.client.CreateBucket(t.Context(), plain)
			if err == nil {
				_, err = p.client.Put(t.Context(), o.bucket, o.key, bytes.NewReader(body), int64(len(body)))
			}
		}
		got, readErr := fetch(t.Context(), p, o)
		if err := errors.Join(err, readErr); err != nil || got != stateOf(body, "") {
			t.Errorf("%s, life %d: %v, read %s", at, life, err, got)
		}
		p.kill()
		cut()
	}
	return reached
}

// mountLossy mounts a lossy file system below dir and returns a data directory in it, made and durable if given, and
// what cuts the power.
func mountLossy(t *testing.T, dir string, given bool) (data string, cut func()) {
	t.Helper()
	backing, mount := filepath.Join(dir, "disk"), filepath.Join(dir, "mount")
	for _, d := range []string{backing, mount} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if given {
		if err := os.Mkdir(filepath.Join(backing, "data"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	f, err := lossyfs.Mount(backing, mount)
	if errors.Is(err, lossyfs.ErrNoFUSE) && os.Getenv("TRIVIUM_TEST_CLIENTS") != "required" {
		t.Skipf("the power cut needs FUSE (package fuse3, /dev/fuse): %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Unmount() })
	return filepath.Join(mount, "data"), func() {
		if _, err := f.Cut(0, 0); err != nil {
			t.Fatal(err)
		}
	}
}
