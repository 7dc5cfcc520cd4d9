package core_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trivium/core"
)

func TestMakeFolder(t *testing.T) {
	env := tree(t, core.VersioningOff)
	ctx := t.Context()
	mk := func(key string) error { return env.Admin.MakeFolder(ctx, at(key)) }
	ok(t, "a package", mk("pkg"))
	ok(t, "a folder", mk("pkg/a"))
	ok(t, "a folder below", mk("pkg/a/b"))
	put(t, env.Admin, "bucket", "pkg/file")
	put(t, env.Admin, "bucket", "implied/x/y")
	put(t, env.Admin, "bucket", "root")
	for _, tc := range []struct {
		key  string
		code core.Code
	}{
		{"pkg", core.Exists},
		{"pkg/a", core.Exists},
		{"pkg/a/b", core.Exists},
		{"implied", core.Exists},
		{"implied/x", core.Exists},
		{"pkg/file", core.Exists},
		{"root", core.Exists},
		{"implied/x/y", core.Exists},
		{"pkg/missing/b", core.Conflict},
		{"missing/b", core.Conflict},
		{"pkg/file/b", core.Conflict},
		{"root/b", core.Conflict},
		{"pkg//b", core.BadKey},
		{"pkg/../b", core.BadKey},
		{"pkg/.", core.BadKey},
		{"/b", core.BadKey},
		{"pkg/", core.BadKey},
		{"pkg/" + strings.Repeat("x", 1020), core.KeyTooLong},
		{"a\x01b", core.BadName},
		{strings.Repeat("x", 256), core.BadName},
	} {
		wantCode(t, fmt.Sprintf("MakeFolder(%.20q)", tc.key), mk(tc.key), tc.code)
	}
	wantKeys(t, env, "bucket", "implied/x/y", "pkg/a/", "pkg/a/b/", "pkg/file", "root")
	wantPackages(t, env, "bucket", "", "implied", "pkg!")

	ok(t, "a bucket", env.Admin.MakeFolder(ctx, core.Path{Bucket: "other"}))
	wantCode(t, "a bucket that is there", env.Admin.MakeFolder(ctx, core.Path{Bucket: "other"}), core.BucketOwned)
	wantCode(t, "a bucket's name", env.Admin.MakeFolder(ctx, core.Path{Bucket: "x"}), core.BadName)
	wantCode(t, "in no bucket", env.Admin.MakeFolder(ctx, core.Path{Bucket: "nobucket", Key: "a"}), core.NoSuchBucket)
	_, stranger := user(t, env, "stranger")
	wantCode(t, "by a stranger", stranger.MakeFolder(ctx, at("new")), core.Forbidden)
}

func TestStatPath(t *testing.T) {
	env := tree(t, core.VersioningOff)
	ctx := t.Context()
	for _, key := range []string{"pkg/a", "pkg/a/b", "pkg/dir/x", "implied/x/y", "odd//z", "root", "full/"} {
		put(t, env.Admin, "bucket", key)
	}
	ok(t, "package", env.Admin.MakeFolder(ctx, at("empty")))
	ok(t, "marker", env.Admin.MakeFolder(ctx, at("pkg/marked")))
	for _, tc := range []struct {
		path  core.Path
		shape string
	}{
		{core.Path{}, "folder"},
		{core.Path{Bucket: "bucket"}, "folder+time"},
		{at("pkg"), "folder+time"},
		{at("empty"), "folder+time"},
		{at("implied"), "folder+time"},
		{at("odd"), "folder+time"},
		{at("pkg/a"), "file+time"},
		{at("pkg/a/b"), "file+time"},
		{at("root"), "file+time"},
		{at("pkg/dir"), "folder"},
		{at("implied/x"), "folder"},
		{at("pkg/marked"), "folder+marker+time"},
		{at("full"), "folder+time"},
		{at("pkg/missing"), ""},
		{at("missing"), ""},
		{at("pkg/di"), ""},
		{at("roo"), ""},
	} {
		n, err := env.Admin.StatPath(ctx, tc.path)
		if tc.shape == "" {
			wantCode(t, "StatPath("+tc.path.String()+")", err, core.NoSuchKey)
			continue
		}
		ok(t, "StatPath("+tc.path.String()+")", err)
		shape := "file"
		if n.Folder {
			shape = "folder"
			if n.HasEntry {
				shape += "+marker"
			}
		}
		if n.CreateTime != 0 {
			shape += "+time"
		}
		if shape != tc.shape || n.Path != tc.path {
			t.Errorf("StatPath(%s) = %s at %s, want %s", tc.path, shape, n.Path, tc.shape)
		}
	}
	for _, bad := range []string{"a//b", "./a", "a/..", "pkg/"} {
		_, err := env.Admin.StatPath(ctx, at(bad))
		wantCode(t, "StatPath("+bad+")", err, core.BadKey)
	}
}

func TestListFolder(t *testing.T) {
	env := tree(t, core.VersioningOff)
	ctx := t.Context()
	for _, key := range []string{"aa", "a0", "zz", "a", "a/m"} {
		ok(t, "make "+key, env.Admin.MakeFolder(ctx, at(key)))
	}
	for _, key := range []string{
		"/lead", "a", "a.txt", "a/b", "a/b/c", "a/b.txt", "a//hidden", "a/../hidden", "a/./hidden", "a/d/e/f",
		"b/x", "odd/", "z",
	} {
		put(t, env.Admin, "bucket", key)
	}
	for _, tc := range []struct {
		key  string
		want string
	}{
		{"", "a a.txt a0/ aa/ b/ odd/ z zz/"},
		{"a", "b b.txt d/ m/"},
		{"a/b", "c"},
		{"a/d", "e/"},
		{"a/m", ""},
		{"aa", ""},
		{"odd", ""},
		{"missing", ""},
		{"z", ""},
	} {
		for _, limit := range []int{1, 2, 3, 1000} {
			if got := strings.Join(list(t, env, tc.key, limit), " "); got != tc.want {
				t.Errorf("ListFolder(%s) by %d = %s, want %s", tc.key, limit, got, tc.want)
			}
		}
	}
	roots, more, err := env.Admin.ListFolder(ctx, core.Path{}, "", 10)
	if err != nil || more || len(roots) != 1 || roots[0].Name() != "bucket" || !roots[0].Folder {
		t.Errorf("ListFolder(root) = %v, %v, %v, want the bucket", roots, more, err)
	}
}

// A listing of many folders and packages pages without gaps and repetitions.
func TestListFolderPages(t *testing.T) {
	env := tree(t, core.VersioningOff)
	want := []string{}
	for i := range 60 {
		name := fmt.Sprintf("p%03d", i)
		switch i % 3 {
		case 0:
			put(t, env.Admin, "bucket", name)
		case 1:
			put(t, env.Admin, "bucket", name+"/x")
			name += "/"
		case 2:
			ok(t, "make", env.Admin.MakeFolder(t.Context(), at(name)))
			name += "/"
		}
		want = append(want, name)
	}
	for _, limit := range []int{1, 7, 20, 60, 61} {
		if diff := cmp.Diff(want, list(t, env, "", limit)); diff != "" {
			t.Errorf("by %d (-want +got):\n%s", limit, diff)
		}
	}
}

// TestListFolderOfPackages pages through a bucket of packages with and without members, implied ones and files, whose
// names begin one another: each is there once, in the order of the cursors, whatever the size of a page.
func TestListFolderOfPackages(t *testing.T) {
	env := tree(t, core.VersioningOff)
	ctx := t.Context()
	want := []string{}
	made := func(name string) {
		t.Helper()
		ok(t, "make "+name, env.Admin.MakeFolder(ctx, at(name)))
		want = append(want, name+"/")
	}
	for _, name := range []string{"a", "a!", "a!!", "a!!!", "a!0", "a0", "a00", "a~", "b", "b-", "b-c"} {
		made(name)
	}
	for i := range 1100 { // more than are read at once
		made(fmt.Sprintf("b-%04d", i))
	}
	for _, key := range []string{"a!0/member", "a-/x", "a!x", "b-c/member", "c/d"} {
		_, err := env.Admin.PutObject(ctx, "bucket", key, strings.NewReader("x"), 1, core.PutOptions{})
		ok(t, "put "+key, err)
	}
	want = append(want, "a-/", "a!x", "c/")
	slices.Sort(want)
	for _, limit := range []int{7, 50, 999, 2000} {
		if diff := cmp.Diff(want, list(t, env, "", limit)); diff != "" {
			t.Errorf("by %d (-want +got):\n%s", limit, diff)
		}
	}
}

// TestExpiredInTree: what has expired is no file, and keeps no folder, though its row is there yet.
func TestExpiredInTree(t *testing.T) {
	ctx := t.Context()
	expired := func(t *testing.T, keys ...string) *core.Session {
		t.Helper()
		env := tree(t, core.VersioningOff)
		for _, key := range keys {
			put(t, env.Admin, "bucket", key)
			_, err := env.Admin.SetAttrs(ctx, at(key), core.AttrsOptions{Change: func(v *core.Version) error { v.Expiry = 1; return nil }})
			ok(t, "expire", err)
		}
		return env.Admin.Guarded(core.Guard{})
	}
	t.Run("file", func(t *testing.T) {
		se := expired(t, "f")
		ok(t, "make a folder of its name", se.MakeFolder(ctx, at("f")))
		ok(t, "put below it", putTree(t, se, "f/x", "x"))
	})
	t.Run("folder", func(t *testing.T) {
		se := expired(t, "p/d/1", "p/d/2")
		ok(t, "make p", se.MakeFolder(ctx, at("p")))
		_, err := se.StatPath(ctx, at("p/d"))
		wantCode(t, "stat", err, core.NoSuchKey)
		wantCode(t, "put into it", putTree(t, se, "p/d/3", "x"), core.Conflict)
		wantCode(t, "delete it", se.RemovePath(ctx, at("p/d"), core.TreeOptions{}), core.NoSuchKey)
		ok(t, "make it", se.MakeFolder(ctx, at("p/d")))
		if n, err := se.StatPath(ctx, at("p/d")); err != nil || !n.Folder {
			t.Errorf("StatPath = %+v, %v", n, err)
		}
	})
}
