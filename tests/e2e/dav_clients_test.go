package e2e

import (
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// davEnv is the environment of a WebDAV client: a home of its own, with the credentials for those who read ~/.netrc.
func davEnv(t *testing.T) []string {
	t.Helper()
	home := t.TempDir()
	netrc := "machine 127.0.0.1\nlogin " + accessKey + "\npassword " + secretKey + "\n"
	if err := os.WriteFile(filepath.Join(home, ".netrc"), []byte(netrc), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "HOME=" + home, "LANG=C.UTF-8", "XDG_RUNTIME_DIR=" + home}
}

// dav sends one request to the WebDAV door as the administrator and returns the status and the body.
func (s *instance) dav(method, path, body string, headers ...string) (int, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+"/dav"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.SetBasicAuth(rootUser, rootPassword)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	resp, err := client(s.t).Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// wantFile compares the content of a file, as the WebDAV door shows it.
func (s *instance) wantFile(path, want string) {
	s.t.Helper()
	if status, body := s.dav(http.MethodGet, path, ""); status != http.StatusOK || body != want {
		s.t.Errorf("GET %s = %d %.200q, want %.200q", path, status, body, want)
	}
}

// wantNone wants nothing at a path.
func (s *instance) wantNone(path string) {
	s.t.Helper()
	if status, _ := s.dav(http.MethodGet, path, ""); status != http.StatusNotFound {
		s.t.Errorf("GET %s = %d, want 404", path, status)
	}
}

// TestDAVLitmus passes every test of litmus, whose collection is a bucket at the top of the tree, and a folder in one.
func TestDAVLitmus(t *testing.T) {
	need(t, "/usr/bin/litmus", "--version")
	summary := regexp.MustCompile("summary for `(\\w+)': of (\\d+) tests run: (\\d+) passed, (\\d+) failed")
	for name, path := range map[string]string{"top": "/", "folder": "/box/in/"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, startOptions{})
			s.dav("MKCOL", "/box", "")
			s.dav("MKCOL", "/box/in", "")
			cmd := exec.CommandContext(t.Context(), "/usr/bin/litmus", "-k", s.url+"/dav"+path, rootUser, rootPassword)
			cmd.Dir = t.TempDir()
			cmd.Env = append(davEnv(t), "TESTS=basic copymove props locks http")
			out, err := cmd.CombinedOutput()
			if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
				t.Fatal(err)
			}
			suites := summary.FindAllStringSubmatch(string(out), -1)
			for _, m := range suites {
				if m[2] != m[3] || m[4] != "0" {
					t.Errorf("%s", m[0])
				}
			}
			if len(suites) != 5 || t.Failed() || strings.Contains(string(out), "WARNING") {
				t.Errorf("%d suites of 5: %v\n%s", len(suites), err, tail(string(out), 8000))
			}
		})
	}
}

// TestDAVCadaver puts, locks, edits, moves a locked file and unlocks. What it has locked nobody else writes.
func TestDAVCadaver(t *testing.T) {
	t.Parallel()
	need(t, "/bin/sh", "-c", "/usr/bin/cadaver --version | grep cadaver") // which ends it with 255
	s := start(t, startOptions{})
	dir := t.TempDir()
	file, editor := filepath.Join(dir, "f"), filepath.Join(dir, "editor")
	if err := os.WriteFile(file, []byte("one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// By the seconds of its time cadaver sees whether a file was edited.
	if err := os.WriteFile(editor, []byte("#!/bin/sh\necho edited >>\"$1\"\ntouch -d 2001-02-03 \"$1\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	c := tool{"/usr/bin/cadaver", append(davEnv(t), "EDITOR="+editor)}
	script := func(lines ...string) {
		t.Helper()
		out, err := c.try(t, strings.Join(append(lines, "quit", ""), "\n"), s.url+"/dav/")
		if err != nil || strings.Contains(out, "failed") || strings.Contains(out, "Error") {
			t.Fatalf("cadaver %q: %v\n%s", lines, err, out)
		}
	}
	script("mkcol box", "cd box", "mkcol d", "put "+file+" a", "edit a", "copy a d/copied", "propset a color red")
	s.wantFile("/box/a", "one\nedited\n")
	script("cd box", "lock a", "put "+file+" a", "move a b", "lock b", "put "+file+" b", "unlock b", "rmcol d")
	s.wantNone("/box/a")
	s.wantNone("/box/d/copied")
	s.wantFile("/box/b", "one\n")
	if _, answer := s.dav("PROPFIND", "/box/b", "", "Depth: 0"); !strings.Contains(answer, ">red<") {
		t.Errorf("the property is gone: %s", answer)
	}
	script("cd box", "lock b")
	if status, _ := s.dav(http.MethodPut, "/box/b", "x"); status != http.StatusLocked {
		t.Errorf("PUT of a file that cadaver has locked = %d, want 423", status)
	}
}

// TestDAVRclone syncs, checks and moves a tree; times of files are kept.
func TestDAVRclone(t *testing.T) {
	need(t, "/usr/bin/rclone", "version")
	for _, vendor := range []string{"owncloud", "nextcloud", "other"} {
		t.Run(vendor, func(t *testing.T) {
			t.Parallel()
			davRclone(t, vendor)
		})
	}
}

func davRclone(t *testing.T, vendor string) {
	s := start(t, startOptions{tls: vendor == "owncloud"})
	c := tool{"/usr/bin/rclone", davEnv(t)}
	secret := strings.TrimSpace(c.run(t, "obscure", rootPassword))
	do := func(args ...string) string {
		t.Helper()
		return c.run(t, append(args, "--config", "", "--ca-cert", certFile, "--retries", "1", "--low-level-retries", "1",
			"--webdav-url", s.url+"/dav/", "--webdav-vendor", vendor, "--webdav-user", rootUser, "--webdav-pass", secret)...)
	}
	dir := t.TempDir()
	src, back := filepath.Join(dir, "src"), filepath.Join(dir, "back")
	writeTree(t, src)
	do("mkdir", ":webdav:tree")
	do("sync", src, ":webdav:tree/p")
	do("check", src, ":webdav:tree/p")
	if err := os.Remove(filepath.Join(src, "a/one")); err != nil {
		t.Fatal(err)
	}
	do("sync", src, ":webdav:tree/p")
	s.wantNone("/tree/p/a/one")
	do("moveto", ":webdav:tree/p/a", ":webdav:tree/p/z")
	do("copy", ":webdav:tree/p", back)
	if err := os.Rename(filepath.Join(src, "a"), filepath.Join(src, "z")); err != nil {
		t.Fatal(err)
	}
	sameTrees(t, src, back, vendor != "other")
}

// TestDAVGio copies to a mount of GNOME, lists and reads there.
func TestDAVGio(t *testing.T) {
	t.Parallel()
	need(t, "/usr/bin/gio", "version")
	need(t, "/usr/bin/dbus-run-session", "--version")
	need(t, "/bin/sh", "-c", "ls /usr/lib*/gvfs/gvfsd-dav")
	s := start(t, startOptions{})
	s.dav("MKCOL", "/box", "")
	s.dav("MKCOL", "/box/docs", "")
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, []byte("by gio"), 0o600); err != nil {
		t.Fatal(err)
	}
	script := `set -e
u="dav://` + rootUser + `@${1#http://}/dav/"
printf '%s\n' "$2" | gio mount "$u" >/dev/null
gio copy "$3" "${u}box/docs/f"
gio mkdir "${u}box/docs/made"
gio copy "${u}box/docs/f" "${u}box/docs/made/g"
gio move "${u}box/docs/f" "${u}box/docs/h"
echo "list: $(gio list "${u}box/docs" | sort | tr '\n' ' ')"
echo "read: $(gio cat "${u}box/docs/made/g")"
gio mount -u "$u"
`
	c := tool{"/usr/bin/dbus-run-session", davEnv(t)}
	out := c.run(t, "--", "/bin/sh", "-c", script, "sh", s.url, rootPassword, file)
	for _, want := range []string{"list: h made \n", "read: by gio\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("gio: no %q in %s", want, out)
		}
	}
	s.wantFile("/box/docs/h", "by gio")
}
