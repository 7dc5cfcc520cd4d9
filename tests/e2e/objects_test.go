package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestObjectListings lists a bucket with objects at its top and in packages, and wants the same words for what is not
// there wherever a slash stands.
func TestObjectListings(t *testing.T) {
	t.Parallel()
	s := start(t, startOptions{})
	a := newAdmin(s.dir)
	file := write(t, "text")
	a.do(t, "bucket", "create", "bkt")
	for _, key := range []string{"bkt/top.bin", "bkt/pkg/a/b", "bkt/pkg/c", "bkt/top/x", "bkt/"} {
		a.do(t, "object", "put", file, key)
	}
	s.dav("MKCOL", "/bkt/pkg/folder", "")
	base := filepath.Base(file)
	for args, want := range map[string]string{
		"bkt/":              "pkg/ top/ " + base + " top.bin",
		"--recursive bkt":   base + " top.bin pkg/a/b pkg/c pkg/folder/ top/x",
		"bkt/pkg":           "pkg/a/ pkg/c pkg/folder/",
		"bkt/pkg/":          "pkg/a/ pkg/c pkg/folder/",
		"bkt/pkg/folder/":   "",
		"bkt/top":           "top/x",
		"bkt/top.":          "top.bin",
		"bkt/pkg/a/":        "pkg/a/b",
		"--recursive bkt/p": "", // no package and no key at the top
	} {
		out, err := a.try(t, "", append(append([]string{"object", "ls"}, strings.Fields(args)...), "--data", a.dir)...)
		var keys []string
		for i, line := range strings.Split(strings.TrimSpace(out), "\n") {
			if fields := strings.Fields(line); err == nil && i > 0 {
				keys = append(keys, fields[len(fields)-1])
			}
		}
		if got := strings.Join(keys, " "); got != want || (err == nil) == (want == "") {
			t.Errorf("ls %s = %q, %v, want %q\n%s", args, got, err, want, out)
		}
	}
	var found struct {
		Prefixes []string
		Objects  []nativeObject
	}
	if err := json.Unmarshal([]byte(a.do(t, "object", "ls", "bkt/", "--json")), &found); err != nil || len(found.Prefixes) != 2 || len(found.Objects) != 2 {
		t.Errorf("ls --json = %+v, %v", found, err)
	}
	for args, want := range map[string]string{
		"ls bkt/nope": "trivium: bkt/nope: there is no object whose key begins so\n", "ls /": "trivium: / names no bucket: give BUCKET/PREFIX\n",
		"ls nope/": "trivium: nope: there is no such bucket\n", "ls nope": "trivium: nope: there is no such bucket\n", "ls nope/x/y": "trivium: nope: there is no such bucket\n",
		"ls bkt/nope/": "trivium: bkt/nope/: there is no object whose key begins so\n", "get nope/x": "trivium: nope: there is no such bucket\n", "put " + file + " nope/x/y": "trivium: nope: there is no such bucket\n",
		"put " + file + " nope/x": "trivium: nope: there is no such bucket\n", "get bkt/pkg/nope": "", "versions bkt/nope": "",
		"get bkt/pkg/c --version 12": "", "put - bkt": "trivium: bkt names no object: give BUCKET/KEY\n",
	} {
		out, err := a.try(t, "", append(append([]string{"object"}, strings.Fields(args)...), "--data", a.dir)...)
		if err == nil || want != "" && out != want {
			t.Errorf("object %s = %q, %v, want %q", args, out, err, want)
		}
		words := strings.Split(strings.TrimPrefix(out, "trivium: "), ": ")
		for i := 1; i < len(words); i++ {
			if strings.HasSuffix(words[i-1], words[i]) || strings.Contains(words[i-1], "/"+words[i]) {
				t.Errorf("object %s says something twice: %q", args, out)
			}
		}
	}
}

// TestObjectGetInto fetches into a directory, over a file and where it cannot be, which errors name.
func TestObjectGetInto(t *testing.T) {
	t.Parallel()
	s := start(t, startOptions{})
	a := newAdmin(s.dir)
	dir := t.TempDir()
	a.do(t, "bucket", "create", "bkt")
	a.do(t, "object", "put", write(t, "text"), "bkt/pkg/x")
	for _, into := range []string{dir, dir + "/", filepath.Join(dir, "x")} {
		a.do(t, "object", "get", "bkt/pkg/x", into)
		if got, err := os.ReadFile(filepath.Join(dir, "x")); err != nil || string(got) != "text" {
			t.Errorf("into %s: %q, %v", into, got, err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "sub", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	a.refuse(t, filepath.Join(dir, "sub", "x")+" is a directory", "object", "get", "bkt/pkg/x", filepath.Join(dir, "sub"))
	a.refuse(t, filepath.Join(dir, "none", "x")+": no such file or directory", "object", "get", "bkt/pkg/x", filepath.Join(dir, "none", "x"))
}

// TestObjectVersionsOfDeleted lists and restores the versions of an object that was deleted, by its name.
func TestObjectVersionsOfDeleted(t *testing.T) {
	t.Parallel()
	s := start(t, startOptions{})
	a := newAdmin(s.dir)
	c := newCurl(t, s, "-u", rootUser+":"+rootPassword)
	a.do(t, "bucket", "create", "bkt")
	id := c.do(t, "bucket/getByName?name=bkt").Bucket.BucketID
	c.do(t, "bucket/setPolicy", "-H", "Content-Type: application/json", "-d", fmt.Sprintf(`{"bucketID":%d,"policy":{"versioning":"Enabled"}}`, id))
	file := write(t, "text")
	for _, key := range []string{"bkt/pkg/x", "bkt/top"} {
		a.do(t, "object", "put", file, key)
		a.do(t, "object", "rm", key)
		a.refuse(t, key, "object", "get", key)
		lines := strings.Split(a.do(t, "object", "versions", key), "\n")
		if len(lines) < 3 || !strings.Contains(lines[1], "deleted") {
			t.Fatalf("versions %s = %q", key, lines)
		}
		version := strings.Fields(lines[2])[0]
		if out := a.do(t, "object", "get", key, "-", "--version", version); out != "text" {
			t.Errorf("get of version %s = %q", version, out)
		}
		a.do(t, "object", "restore", key, version)
		if out := a.do(t, "object", "get", key, "-"); out != "text" {
			t.Errorf("restored %q", out)
		}
	}
}
