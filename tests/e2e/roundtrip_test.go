package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// schemes runs f over http and over https, each on a server of its own.
func schemes(t *testing.T, f func(t *testing.T, s *instance)) {
	t.Helper()
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			f(t, start(t, startOptions{tls: scheme == "https"}))
		})
	}
}

// matrix runs f for every client on every scheme, each on a server of its own.
func matrix(t *testing.T, f func(t *testing.T, s *instance, name string)) {
	t.Helper()
	for _, scheme := range []string{"http", "https"} {
		for _, name := range clients() {
			t.Run(scheme+"/"+name, func(t *testing.T) {
				t.Parallel()
				s := start(t, startOptions{tls: scheme == "https"})
				if !strings.HasPrefix(s.url, scheme+"://") {
					t.Fatalf("the server is at %s", s.url)
				}
				f(t, s, name)
			})
		}
	}
}

// TestUpAndDown sends every size up and down with every client.
func TestUpAndDown(t *testing.T) {
	matrix(t, func(t *testing.T, s *instance, name string) {
		c := newClient(t, name, s, goodKeys())
		c.makeBucket(t, "round-trip")
		dir := t.TempDir()
		for _, size := range sizes() {
			file, want := sample(t, dir, size)
			key := fmt.Sprintf("folder/object of %d bytes", size)
			c.upload(t, file, "round-trip", key)
			back := filepath.Join(dir, "back")
			c.download(t, "round-trip", key, back)
			if got := digestOf(t, back); got != want {
				t.Errorf("%d bytes came back with SHA-256 %s, want %s", size, got, want)
			}
			for _, f := range []string{file, back} {
				if err := os.Remove(f); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// TestClientsSeeEachOther uploads with one client and downloads with the next, which splits differently.
func TestClientsSeeEachOther(t *testing.T) {
	t.Parallel()
	s := start(t, startOptions{})
	dir := t.TempDir()
	file, want := sample(t, dir, 20<<20+7)
	all := clients()
	newClient(t, "aws", s, goodKeys()).makeBucket(t, "shared")
	for i, from := range all {
		to := all[(i+1)%len(all)]
		newClient(t, from, s, goodKeys()).upload(t, file, "shared", from)
		back := filepath.Join(dir, "from-"+from)
		newClient(t, to, s, goodKeys()).download(t, "shared", from, back)
		if got := digestOf(t, back); got != want {
			t.Errorf("%s → %s: SHA-256 %s, want %s", from, to, got, want)
		}
	}
}

// oddKeys are legal keys that clients, servers and paths like to change.
func oddKeys() []string {
	return []string{
		"plain", "with space", " leading and trailing ", "plus+sign", "a+b c", "percent%20literal", "100%", "%zz",
		"ünïcode/日本語/🎈", "e\u0301 decomposed", "tab\there", "new\nline", "carriage\rreturn", "\x01\x02\x1f", "del\x7f",
		"a", "a/b", "a//b", "a/", "//", "/leading", "../x", "a/../b", "./dot", "..", ".", "trailing/", "trailing//",
		"q?uery=1&b=2#fragment", "semi;colon:at@=,", `quotes"'` + "`", `back\slash`, "<xml>&amp;</xml>", "*[wild]{card}!",
		"~tilde^|$()", "dav/x", "v1/x", "-/health/live", strings.Repeat("k", 1024), "\ufffd\uffff",
	}
}

// TestOddKeysBoto3 stores, reads, lists and deletes every odd key.
func TestOddKeysBoto3(t *testing.T) {
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			s := start(t, startOptions{tls: scheme == "https"})
			c := newBoto(t, s, goodKeys())
			c.makeBucket(t, "odd-keys")
			list, err := json.Marshal(oddKeys())
			if err != nil {
				t.Fatal(err)
			}
			c.feed(t, string(list), "keys", "odd-keys")
		})
	}
}

// TestOddKeysAWS stores and reads the keys that a command line can carry through s3api.
func TestOddKeysAWS(t *testing.T) {
	t.Parallel()
	s := start(t, startOptions{})
	c := newAWS(t, s, goodKeys())
	c.makeBucket(t, "odd-keys")
	dir := t.TempDir()
	for i, key := range []string{
		"with space", "plus+sign", "percent%20literal", "ünïcode/日本語/🎈", "\x01\x1f", "a//b", "../x", "trailing/", "a", "a/b",
	} {
		file := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(file, []byte("content of "+key), 0o600); err != nil {
			t.Fatal(err)
		}
		c.do(t, "s3api", "put-object", "--bucket", "odd-keys", "--key", key, "--body", file)
		c.do(t, "s3api", "get-object", "--bucket", "odd-keys", "--key", key, file+".back")
		if got, want := digestOf(t, file+".back"), digestOf(t, file); got != want {
			t.Errorf("key %q came back changed", key)
		}
	}
	var listed struct{ Contents []struct{ Key string } }
	if err := json.Unmarshal([]byte(c.do(t, "s3api", "list-objects-v2", "--bucket", "odd-keys", "--output", "json")), &listed); err != nil {
		t.Fatal(err)
	}
	if len(listed.Contents) != 10 || !slices.ContainsFunc(listed.Contents, func(o struct{ Key string }) bool { return o.Key == "a//b" }) {
		t.Errorf("listed %q, want the 10 keys", listed.Contents)
	}
}

// TestOddNamesRclone copies a tree with odd file names up, checks it, and copies it down.
func TestOddNamesRclone(t *testing.T) {
	t.Parallel()
	s := start(t, startOptions{})
	c := newRclone(t, s, goodKeys())
	c.makeBucket(t, "odd-names")
	up, down := t.TempDir(), t.TempDir()
	want := make(map[string]string)
	for i, name := range []string{
		"plain", "with space", "plus+sign", "percent%20literal", "100%", "ünïcode/日本語/🎈", "ctl\x01\x1f", "new\nline",
		"a/b", "deep/er/still/x", "back\\slash", "q?x=1&y#z", " lead", "trail ", "~^|$()", "quote'\"",
	} {
		file := filepath.Join(up, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, fmt.Appendf(nil, "%d %s", i, name), 0o600); err != nil {
			t.Fatal(err)
		}
		want[name] = digestOf(t, file)
	}
	c.do(t, "copy", up, ":s3:odd-names/tree")
	c.do(t, "check", up, ":s3:odd-names/tree")
	c.do(t, "check", "--download", up, ":s3:odd-names/tree")
	c.do(t, "copy", ":s3:odd-names/tree", down)
	for name, digest := range want {
		if got := digestOf(t, filepath.Join(down, name)); got != digest {
			t.Errorf("%q came back changed", name)
		}
	}
}
