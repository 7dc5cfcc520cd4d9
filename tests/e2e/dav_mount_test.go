package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeTree makes a small tree of files, some with times of long ago and of the future, and odd names.
func writeTree(t *testing.T, dir string) {
	t.Helper()
	old, future := time.Date(2011, 2, 3, 4, 5, 6, 0, time.UTC), time.Date(2041, 2, 3, 4, 5, 6, 0, time.UTC)
	for name, at := range map[string]time.Time{"a/one": old, "a/b/two": future, "ü x/a+b&c %41.txt": old, "empty": old} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		content := bytes.Repeat([]byte(name), 1000)
		if name == "empty" {
			content = nil
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

// sameTrees compares names and contents of two trees, and times where they are kept.
func sameTrees(t *testing.T, want, got string, times bool) {
	t.Helper()
	a, b := readTree(t, want), readTree(t, got)
	if len(a) != len(b) {
		t.Errorf("%d files, want %d", len(b), len(a))
	}
	for name, file := range a {
		other, there := b[name]
		if !there || file.content != other.content {
			t.Errorf("%s: there %v, %d bytes, want %d", name, there, len(other.content), len(file.content))
		}
		if times && !file.at.Equal(other.at) {
			t.Errorf("%s has the time %v, want %v", name, other.at, file.at)
		}
	}
}

type treeFile struct {
	content string
	at      time.Time
}

// readTree reads all files below dir.
func readTree(t *testing.T, dir string) map[string]treeFile {
	t.Helper()
	all := make(map[string]treeFile)
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, name))
		all[name] = treeFile{string(b), info.ModTime()}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// asRoot is a command that root runs.
func asRoot(args ...string) []string {
	if os.Getuid() == 0 {
		return args
	}
	return append([]string{"sudo", "-n"}, args...)
}

// mountDAV mounts the tree of the WebDAV door by davfs2 and returns where, and what unmounts it, which waits until all
// was sent. settings are lines of davfs2's configuration.
func mountDAV(t *testing.T, s *instance, settings ...string) (dir string, unmount func()) {
	t.Helper()
	probe := asRoot("/usr/sbin/mount.davfs", "--version")
	need(t, probe[0], probe[1:]...)
	if _, err := os.Stat("/dev/fuse"); err != nil {
		need(t, "/bin/sh", "-c", "test -e /dev/fuse")
	}
	// davfs2 wants a cache that its own user can write: not below t.TempDir, which is its owner's alone.
	base, err := os.MkdirTemp("", "trivium-davfs-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(base, "mnt")
	run := func(args ...string) ([]byte, error) {
		args = asRoot(args...)
		return exec.Command(args[0], args[1:]...).CombinedOutput()
	}
	t.Cleanup(func() { _, _ = run("rm", "-rf", "--one-file-system", base) })
	setup := `set -e
chmod 0755 "$1"
mkdir "$1/mnt" "$1/cache"
chgrp davfs2 "$1/cache"
chmod 1775 "$1/cache"
umask 077
printf 'ask_auth 0\nuse_locks 1\ncache_dir %s\nsecrets %s\n%s\n' "$1/cache" "$1/secrets" "$6" >"$1/conf"
printf '%s/dav/ "%s" "%s"\n' "$2" "$3" "$4" >"$1/secrets"
chown "$5" "$1/mnt"
mount.davfs -o "conf=$1/conf,rw,uid=$5" "$2/dav/" "$1/mnt" </dev/null
`
	out, err := run("env", "PATH=/usr/bin:/bin:/usr/sbin:/sbin", "/bin/sh", "-c", setup, "sh", base, s.url, rootUser, rootPassword, fmt.Sprint(os.Getuid()),
		strings.Join(settings, "\n"))
	if err != nil && os.Getenv("TRIVIUM_TEST_CLIENTS") != "required" {
		t.Skipf("mounting is not possible here: %v %s", err, out)
	}
	if err != nil {
		t.Fatalf("mount.davfs: %v %s", err, out)
	}
	mounted := true
	unmount = func() {
		t.Helper()
		mounted = false
		if out, err := run("umount", dir); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	}
	t.Cleanup(func() {
		if mounted {
			_, _ = run("umount", "-l", dir)
		}
	})
	return dir, unmount
}

// TestDAVMount works on a mounted tree of 1,000 files as any program does: writes, renames, edits and deletes by name.
// A kernel may be unable to list what davfs2 mounts, whatever the server: names are known here.
func TestDAVMount(t *testing.T) {
	t.Parallel()
	s := start(t, startOptions{})
	s.dav("MKCOL", "/box", "")
	mnt, unmount := mountDAV(t, s, "delay_upload 0")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	box := filepath.Join(mnt, "box")
	want := make(map[string]string)
	for d := range 20 {
		dir := fmt.Sprintf("d%02d", d)
		must(os.Mkdir(filepath.Join(box, dir), 0o700))
		for f := range 50 {
			name := fmt.Sprintf("%s/f%02d", dir, f)
			want[name] = fmt.Sprintf("content of %s\n", name)
			must(os.WriteFile(filepath.Join(box, name), []byte(want[name]), 0o600))
		}
	}
	gone := []string{"d00/f00", "d01/f01", "d02/f00"}
	must(os.Rename(filepath.Join(box, "d00/f00"), filepath.Join(box, "d03/moved")))
	want["d03/moved"] = want["d00/f00"]
	must(os.Remove(filepath.Join(box, "d01/f01")))
	must(os.Rename(filepath.Join(box, "d02"), filepath.Join(box, "renamed")))
	for f := range 50 {
		old := fmt.Sprintf("d02/f%02d", f)
		want[fmt.Sprintf("renamed/f%02d", f)] = want[old]
		delete(want, old)
	}
	for _, name := range gone {
		delete(want, name)
	}
	edited := filepath.Join(box, "d05/f05")
	f, err := os.OpenFile(edited, os.O_WRONLY|os.O_APPEND, 0)
	must(err)
	_, err = f.WriteString("and more\n")
	must(err)
	must(f.Close())
	want["d05/f05"] += "and more\n"
	unmount()
	for name, content := range want {
		s.wantFile("/box/"+name, content)
	}
	for _, name := range gone {
		s.wantNone("/box/" + name)
	}
	if status, _ := s.dav(http.MethodDelete, "/box", ""); status != http.StatusNoContent {
		t.Errorf("DELETE of the whole, which nobody has locked any more = %d, want 204", status)
	}
}

// TestDAVMountReplaces saves files the way editors do, again before davfs2 has sent what came before: a new file takes
// the place of one that davfs2 still holds the lock of, and is sent under that.
func TestDAVMountReplaces(t *testing.T) {
	t.Parallel()
	s := start(t, startOptions{})
	s.dav("MKCOL", "/box", "")
	mnt, unmount := mountDAV(t, s, "delay_upload 600") // nothing is sent before the end but by replacing
	script := `set -e
cd "$1/box"
echo one >twice; sed -i s/one/two/ twice; sed -i s/two/three/ twice
echo note >over; echo new >over.tmp; mv over.tmp over
for i in 1 2 3; do echo "$i" >often.tmp; mv often.tmp often; done
echo old >kept; mv kept kept.bak; echo new >kept
`
	if out, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", script, "sh", mnt).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	unmount()
	for name, content := range map[string]string{"twice": "three\n", "over": "new\n", "often": "3\n", "kept": "new\n", "kept.bak": "old\n"} {
		s.wantFile("/box/"+name, content)
	}
	s.wantNone("/box/over.tmp")
	s.wantNone("/box/often.tmp")
}
