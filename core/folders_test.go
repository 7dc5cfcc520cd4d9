package core_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trivium/core"
	"trivium/core/content"
	"trivium/core/coretest"
)

// at is short for a path in the bucket of folder tests.
func at(key string) core.Path { return core.Path{Bucket: "bucket", Key: key} }

// tree is a Service with one bucket.
func tree(t *testing.T, v core.Versioning) *coretest.Env {
	t.Helper()
	env := coretest.New(t, coretest.Options{})
	_, err := env.Bucket(t.Context(), "bucket", v, core.BucketPolicy{})
	ok(t, "create", err)
	return env
}

// keys lists all live keys of a bucket.
func keys(t *testing.T, env *coretest.Env, bucket string) []string {
	t.Helper()
	page, err := env.Admin.ListObjects(t.Context(), bucket, core.ListOptions{Limit: 1000})
	ok(t, "list", err)
	names := []string{}
	for _, it := range page.Items {
		names = append(names, it.Entry.Key)
	}
	return names
}

// wantKeys compares the live keys of a bucket.
func wantKeys(t *testing.T, env *coretest.Env, bucket string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), keys(t, env, bucket)); diff != "" {
		t.Errorf("keys of %s (-want +got):\n%s", bucket, diff)
	}
}

// packages lists the packages of a bucket by name; explicit ones with a "!".
func packages(t *testing.T, env *coretest.Env, bucket string) []string {
	t.Helper()
	b, err := env.Admin.Bucket(t.Context(), bucket)
	ok(t, "bucket", err)
	names := []string{}
	err = env.Meta.View(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
		page, err := tx.Packages(ctx, b.ID, 0, 1000)
		for _, p := range page {
			if p.Explicit {
				p.Name += "!"
			}
			names = append(names, p.Name)
		}
		return err
	})
	ok(t, "packages", err)
	slices.Sort(names)
	return names
}

// wantPackages compares the packages of a bucket.
func wantPackages(t *testing.T, env *coretest.Env, bucket string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), packages(t, env, bucket)); diff != "" {
		t.Errorf("packages of %s (-want +got):\n%s", bucket, diff)
	}
}

// list reads a folder in pages and checks them; folders get a "/".
func list(t *testing.T, env *coretest.Env, key string, limit int) []string {
	t.Helper()
	names, after := []string{}, ""
	for more := true; more; {
		var nodes []core.TreeNode
		var err error
		nodes, more, err = env.Admin.ListFolder(t.Context(), at(key), after, limit)
		ok(t, "list folder", err)
		if len(nodes) > limit || more && len(nodes) < limit {
			t.Fatalf("a page of %d, more %v, with limit %d", len(nodes), more, limit)
		}
		for _, n := range nodes {
			name := n.Name()
			if n.Folder {
				name += "/"
			}
			names = append(names, name)
			after = n.Cursor()
		}
	}
	return names
}

func TestDeleteFolder(t *testing.T) {
	env := tree(t, core.VersioningOff)
	ctx := t.Context()
	for _, key := range []string{"p/a/b/1", "p/a/b//odd", "p/a/b/../up", "p/a/b0", "p/a.b", "q/x", "r/y/z"} {
		put(t, env.Admin, "bucket", key)
	}
	put(t, env.Admin, "bucket", "p/a/b") // a file of the same name stays
	ok(t, "delete", env.Admin.DeleteFolder(ctx, at("p/a/b")))
	wantKeys(t, env, "bucket", "p/a.b", "p/a/b", "p/a/b0", "q/x", "r/y/z")
	wantCode(t, "delete again", env.Admin.DeleteFolder(ctx, at("p/a/b")), core.NoSuchKey)

	// The folder above an emptied one stays, by a marker or as an explicit package.
	ok(t, "delete the only one", env.Admin.DeleteFolder(ctx, at("r/y")))
	wantPackages(t, env, "bucket", "p", "q", "r!")
	ok(t, "delete a package", env.Admin.DeleteFolder(ctx, at("p")))
	ok(t, "delete an empty package", env.Admin.DeleteFolder(ctx, at("r")))
	wantPackages(t, env, "bucket", "q")
	wantKeys(t, env, "bucket", "q/x")
	put(t, env.Admin, "bucket", "q/d/e/f")
	ok(t, "delete deeper", env.Admin.DeleteFolder(ctx, at("q/d/e")))
	wantKeys(t, env, "bucket", "q/d/", "q/x")

	_, stranger := user(t, env, "stranger")
	wantCode(t, "by a stranger", stranger.DeleteFolder(ctx, at("q")), core.Forbidden)
	wantUsage(t, env, "bucket")
}

// wantUsage recounts what a bucket holds.
func wantUsage(t *testing.T, env *coretest.Env, bucket string) {
	t.Helper()
	got, err := env.Admin.Usage(t.Context(), bucket)
	ok(t, "usage", err)
	page, err := env.Admin.ListVersions(t.Context(), bucket, core.VersionListOptions{Limit: 1000})
	ok(t, "versions", err)
	var want core.Usage
	for _, it := range page.Items {
		want.Bytes += it.Version.Size
		if it.Latest && !it.Version.Marker {
			want.Objects++
		}
	}
	if got != want {
		t.Errorf("usage of %s = %+v, want %+v", bucket, got, want)
	}
}

// In a versioned bucket folder operations lose nothing: what was deleted can be read by its version.
func TestDeleteFolderVersioned(t *testing.T) {
	env := tree(t, core.VersioningEnabled)
	ctx := t.Context()
	e := put(t, env.Admin, "bucket", "p/a/1")
	put(t, env.Admin, "bucket", "p/a/2")
	ok(t, "delete", env.Admin.DeleteFolder(ctx, at("p/a")))
	wantKeys(t, env, "bucket")
	wantPackages(t, env, "bucket", "p!")
	_, err := env.Admin.StatObject(ctx, "bucket", "p/a/1", core.GetOptions{VersionID: e.Version.VersionID()})
	ok(t, "the version is still there", err)
	again := put(t, env.Admin, "bucket", "p/a/1")
	if again.ObjectID != e.ObjectID {
		t.Errorf("the revived object has id %d, want %d", again.ObjectID, e.ObjectID)
	}
	wantUsage(t, env, "bucket")
}

func TestMoveFolder(t *testing.T) {
	env := tree(t, core.VersioningOff)
	ctx := t.Context()
	mv := func(src, dst string, overwrite bool) error {
		return env.Admin.MoveFolder(ctx, at(src), at(dst), core.FolderOptions{Overwrite: overwrite})
	}
	first := put(t, env.Admin, "bucket", "p/a/1")
	for _, key := range []string{"p/a/b/2", "p/a//odd", "p/x/3", "q/4", "file", "p/f"} {
		put(t, env.Admin, "bucket", key)
	}
	for _, tc := range []struct {
		src, dst string
		code     core.Code
	}{
		{"p/a", "q/4", core.Exists},
		{"p/a", "p/x", core.Exists},
		{"p/a", "q", core.Exists},
		{"p/a", "file", core.Exists},
		{"p/a", "missing/a", core.Conflict},
		{"p/a", "file/a", core.Conflict},
		{"p/a", "q/4/a", core.Conflict},
		{"p/a", "p/a", core.Conflict},
		{"p/a", "p/a/b/c", core.Conflict},
		{"p/a/b", "p/a", core.Conflict},
		{"p/missing", "q/a", core.NoSuchKey},
		{"missing", "other", core.NoSuchKey},
		{"p/a", "q/../a", core.BadKey},
		{"", "other", core.BadKey},
		{"p/a", "", core.BadKey},
	} {
		wantCode(t, "MoveFolder("+tc.src+", "+tc.dst+")", mv(tc.src, tc.dst, false), tc.code)
	}
	wantKeys(t, env, "bucket", "file", "p/a//odd", "p/a/1", "p/a/b/2", "p/f", "p/x/3", "q/4")

	ok(t, "move", mv("p/a", "q/a", false))
	wantKeys(t, env, "bucket", "file", "p/f", "p/x/3", "q/4", "q/a//odd", "q/a/1", "q/a/b/2")
	got, err := env.Admin.StatObject(ctx, "bucket", "q/a/1", core.GetOptions{})
	if err != nil || got.Entry.ObjectID != first.ObjectID || got.Entry.Version.UpdateTime != first.Version.UpdateTime {
		t.Errorf("the moved object = %+v, %v, want the identity of %+v", got.Entry, err, first)
	}
	ok(t, "move over a folder", mv("q/a/b", "p/x", true))
	wantKeys(t, env, "bucket", "file", "p/f", "p/x/2", "q/4", "q/a//odd", "q/a/1")
	ok(t, "move over a file", mv("p/x", "p/f", true))
	wantKeys(t, env, "bucket", "file", "p/f/2", "q/4", "q/a//odd", "q/a/1")
	// The folder above stays when it loses its last member.
	ok(t, "move the last member", mv("p/f", "q/f", false))
	wantKeys(t, env, "bucket", "file", "q/4", "q/a//odd", "q/a/1", "q/f/2")
	wantPackages(t, env, "bucket", "", "p!", "q")
	wantUsage(t, env, "bucket")
}

// Packages keep their ids when they are renamed, become folders when they move down, and folders packages.
func TestMoveFolderPackages(t *testing.T) {
	env := tree(t, core.VersioningOff)
	ctx := t.Context()
	mv := func(src, dst string) {
		t.Helper()
		ok(t, "move "+src+" to "+dst, env.Admin.MoveFolder(ctx, at(src), at(dst), core.FolderOptions{}))
	}
	id := func(name string) (id int64) {
		b, _ := env.Admin.Bucket(ctx, "bucket")
		err := env.Meta.View(ctx, func(ctx context.Context, tx core.MetaTx) error {
			p, _, err := tx.PackageByName(ctx, b.ID, name)
			id = p.ID
			return err
		})
		ok(t, "package", err)
		return id
	}
	put(t, env.Admin, "bucket", "implied/1")
	ok(t, "make", env.Admin.MakeFolder(ctx, at("explicit")))
	ok(t, "make", env.Admin.MakeFolder(ctx, at("home")))
	was := id("implied")
	mv("implied", "renamed")
	if id("renamed") != was {
		t.Errorf("the package has id %d after its renaming, want %d", id("renamed"), was)
	}
	mv("explicit", "still")
	wantPackages(t, env, "bucket", "home!", "renamed", "still!")
	mv("renamed", "home/renamed")
	mv("still", "home/still")
	wantPackages(t, env, "bucket", "home!")
	wantKeys(t, env, "bucket", "home/renamed/1", "home/still/")
	mv("home/renamed", "up")
	mv("home/still", "marker")
	wantPackages(t, env, "bucket", "home!", "marker", "up")
	wantKeys(t, env, "bucket", "marker/", "up/1")
}

// Between buckets objects take their versions, sizes and identity along.
func TestMoveFolderBetweenBuckets(t *testing.T) {
	env := tree(t, core.VersioningEnabled)
	ctx := t.Context()
	_, err := env.Bucket(ctx, "plain", core.VersioningOff, core.BucketPolicy{})
	ok(t, "create", err)
	put(t, env.Admin, "bucket", "p/1")
	e := put(t, env.Admin, "bucket", "p/1")
	put(t, env.Admin, "bucket", "p/gone")
	_, err = env.Admin.DeleteObject(ctx, "bucket", "p/gone", core.DeleteOptions{})
	ok(t, "delete", err)
	put(t, env.Admin, "bucket", "keep/2")
	dst := core.Path{Bucket: "plain", Key: "q"}
	ok(t, "move", env.Admin.MoveFolder(ctx, at("p"), dst, core.FolderOptions{}))
	wantKeys(t, env, "bucket", "keep/2")
	wantKeys(t, env, "plain", "q/1")
	wantPackages(t, env, "bucket", "keep")
	wantPackages(t, env, "plain", "q")
	wantUsage(t, env, "bucket")
	wantUsage(t, env, "plain")
	page, err := env.Admin.ListVersions(ctx, "plain", core.VersionListOptions{Limit: 10})
	if err != nil || len(page.Items) != 2 || page.Items[1].Key != "q/1" {
		t.Errorf("versions in a bucket that never had any: %+v, %v, want those of q/1", page.Items, err)
	}
	got, err := env.Admin.StatObject(ctx, "plain", "q/1", core.GetOptions{})
	if err != nil || got.Entry.ObjectID != e.ObjectID || !got.Entry.Version.Null {
		t.Errorf("the moved object = %+v, %v, want id %d with a null version", got.Entry, err, e.ObjectID)
	}
	_, err = env.Admin.DeleteObject(ctx, "plain", "q/1", core.DeleteOptions{})
	ok(t, "delete", err)
	ok(t, "delete the empty bucket", env.Admin.DeleteBucket(ctx, "plain", false))
}

// What lies under delete markers at the target becomes the older history of what moves there.
func TestMoveFolderJoinsHistories(t *testing.T) {
	env := tree(t, core.VersioningEnabled)
	ctx := t.Context()
	old := put(t, env.Admin, "bucket", "q/1")
	put(t, env.Admin, "bucket", "q/2")
	ok(t, "delete", env.Admin.DeleteFolder(ctx, at("q")))
	e := put(t, env.Admin, "bucket", "p/1")
	ok(t, "move", env.Admin.MoveFolder(ctx, at("p"), at("q"), core.FolderOptions{}))
	wantKeys(t, env, "bucket", "q/1")
	got, err := env.Admin.StatObject(ctx, "bucket", "q/1", core.GetOptions{})
	if err != nil || got.Entry.ObjectID != e.ObjectID {
		t.Fatalf("the moved object = %+v, %v, want id %d", got.Entry, err, e.ObjectID)
	}
	_, err = env.Admin.StatObject(ctx, "bucket", "q/1", core.GetOptions{VersionID: old.Version.VersionID()})
	ok(t, "the version that was there before", err)
	wantUsage(t, env, "bucket")
}

// An overwritten folder of a versioned bucket can be read by its versions.
func TestMoveFolderOverwriteVersioned(t *testing.T) {
	env := tree(t, core.VersioningEnabled)
	ctx := t.Context()
	old := put(t, env.Admin, "bucket", "q/1")
	put(t, env.Admin, "bucket", "q/2")
	put(t, env.Admin, "bucket", "p/1")
	ok(t, "move", env.Admin.MoveFolder(ctx, at("p"), at("q"), core.FolderOptions{Overwrite: true}))
	wantKeys(t, env, "bucket", "q/1")
	_, err := env.Admin.StatObject(ctx, "bucket", "q/1", core.GetOptions{VersionID: old.Version.VersionID()})
	ok(t, "the overwritten version", err)
	wantUsage(t, env, "bucket")
}

func TestMoveFolderRefusesWhole(t *testing.T) {
	env := tree(t, core.VersioningOff)
	ctx := t.Context()
	long := "p/" + strings.Repeat("x", 1022)
	put(t, env.Admin, "bucket", long)
	put(t, env.Admin, "bucket", "p/1")
	for _, copying := range []bool{false, true} {
		run := env.Admin.MoveFolder
		if copying {
			run = env.Admin.CopyFolder
		}
		wantCode(t, "a key that gets too long", run(ctx, at("p"), at("pp"), core.FolderOptions{}), core.KeyTooLong)
		wantKeys(t, env, "bucket", "p/1", long)
		wantPackages(t, env, "bucket", "p")
	}
	_, err := env.Admin.SetAttrs(ctx, at("p/1"), core.AttrsOptions{Change: func(v *core.Version) error {
		v.Attrs.LegalHold = true
		return nil
	}})
	ok(t, "legal hold", err)
	wantCode(t, "a held object", env.Admin.MoveFolder(ctx, at("p"), at("q"), core.FolderOptions{}), core.Forbidden)
	wantCode(t, "deleting a held object", env.Admin.DeleteFolder(ctx, at("p")), core.Forbidden)
	wantKeys(t, env, "bucket", "p/1", long)
}

func TestRenameBucket(t *testing.T) {
	env := tree(t, core.VersioningOff)
	ctx := t.Context()
	b, err := env.Admin.Bucket(ctx, "bucket")
	ok(t, "bucket", err)
	put(t, env.Admin, "bucket", "a/b")
	_, err = env.Admin.CreateBucket(ctx, "taken", core.CreateBucketOptions{})
	ok(t, "create", err)
	mv := func(to string) error {
		return env.Admin.MoveFolder(ctx, core.Path{Bucket: "bucket"}, core.Path{Bucket: to}, core.FolderOptions{Overwrite: true})
	}
	wantCode(t, "a name that is taken", mv("taken"), core.BucketOwned)
	wantCode(t, "a bad name", mv("dav"), core.BadName)
	ok(t, "rename", mv("renamed"))
	now, err := env.Admin.Bucket(ctx, "renamed")
	if err != nil || now.ID != b.ID {
		t.Errorf("Bucket(renamed) = %+v, %v, want id %d", now, err, b.ID)
	}
	_, err = env.Admin.Bucket(ctx, "bucket")
	wantCode(t, "the old name", err, core.NoSuchBucket)
	wantKeys(t, env, "renamed", "a/b")
	put(t, env.Admin, "renamed", "a/c")
	_, stranger := user(t, env, "stranger")
	err = stranger.MoveFolder(ctx, core.Path{Bucket: "renamed"}, core.Path{Bucket: "mine"}, core.FolderOptions{})
	wantCode(t, "by a stranger", err, core.Forbidden)
}

func TestCopyFolder(t *testing.T) {
	env := tree(t, core.VersioningOff)
	ctx := t.Context()
	for _, key := range []string{"p/a/1", "p/a/b/2", "p/a//odd", "q/4"} {
		put(t, env.Admin, "bucket", key)
	}
	ok(t, "make", env.Admin.MakeFolder(ctx, at("p/a/empty")))
	ok(t, "make", env.Admin.MakeFolder(ctx, at("explicit")))
	cp := func(src, dst string, overwrite bool) error {
		return env.Admin.CopyFolder(ctx, at(src), at(dst), core.FolderOptions{Overwrite: overwrite})
	}
	wantCode(t, "into itself", cp("p", "p/a/x", false), core.Conflict)
	wantCode(t, "onto what contains it", cp("p/a", "p", true), core.Conflict)
	wantCode(t, "over a folder", cp("p/a", "q", false), core.Exists)
	wantCode(t, "below a missing one", cp("p/a", "x/y", false), core.Conflict)
	ok(t, "copy", cp("p/a", "q/a", false))
	source := []string{"p/a//odd", "p/a/1", "p/a/b/2", "p/a/empty/", "q/4"}
	wantKeys(t, env, "bucket", append(source, "q/a//odd", "q/a/1", "q/a/b/2", "q/a/empty/")...)
	ok(t, "copy over", cp("p/a/b", "q", true))
	wantKeys(t, env, "bucket", append(source[:4:4], "q/2")...)
	ok(t, "copy an empty package", cp("explicit", "twin", false))
	ok(t, "copy it below", cp("explicit", "q/twin", false))
	wantPackages(t, env, "bucket", "explicit!", "p", "q", "twin!")
	wantKeys(t, env, "bucket", append(source[:4:4], "q/2", "q/twin/")...)
	r, err := env.Admin.OpenObject(ctx, "bucket", "q/2", core.GetOptions{})
	ok(t, "open the copy", err)
	if got, err := io.ReadAll(r.Body); err != nil || string(got) != "p/a/b/2" {
		t.Errorf("the copy holds %q, %v, want what the source does", got, err)
	}
	ok(t, "close", r.Body.Close())
	wantUsage(t, env, "bucket")
}

// A folder does not go where its content may not even be for a while (S13).
func TestFolderIntoForbiddenSpaces(t *testing.T) {
	env := coretest.New(t, coretest.Options{Spaces: 2})
	ctx := t.Context()
	for name, p := range map[string]core.BucketPolicy{"bucket": {}, "narrow": {Spaces: []content.SpaceID{2}}} {
		_, err := env.Bucket(ctx, name, core.VersioningOff, p)
		ok(t, "create", err)
	}
	put(t, env.Admin, "bucket", "p/1")
	put(t, env.Admin, "narrow", "p/1")
	to := core.Path{Bucket: "narrow", Key: "q"}
	wantCode(t, "move", env.Admin.MoveFolder(ctx, at("p"), to, core.FolderOptions{}), core.Conflict)
	wantCode(t, "copy", env.Admin.CopyFolder(ctx, at("p"), to, core.FolderOptions{}), core.Conflict)
	from := core.Path{Bucket: "narrow", Key: "p"}
	ok(t, "the other way", env.Admin.MoveFolder(ctx, from, at("q"), core.FolderOptions{}))
	wantKeys(t, env, "bucket", "p/1", "q/1")
}

// Random folder operations against a map of keys: the tree, the packages and the usage stay right.
func TestFoldersRandom(t *testing.T) {
	for _, v := range []core.Versioning{core.VersioningOff, core.VersioningEnabled} {
		seed := rand.Uint64()
		r := rand.New(rand.NewPCG(seed, 1))
		t.Logf("seed %d", seed)
		env := tree(t, v)
		model := map[string]bool{} // files by key; folders are made so that they never vanish
		dirs := []string{"p", "q", "p/a", "q/a"}
		for _, d := range dirs {
			ok(t, "make", env.Admin.MakeFolder(t.Context(), at(d)))
		}
		pick := func() string { return dirs[r.IntN(len(dirs))] }
		for range 60 {
			src, dst := pick(), pick()+"/"+[]string{"x", "y", "a/z"}[r.IntN(3)]
			switch r.IntN(4) {
			case 0, 1:
				key := src + "/" + []string{"1", "2", "x/1", "y/2", "a/z/3"}[r.IntN(5)]
				put(t, env.Admin, "bucket", key)
				model[key] = true
			case 2:
				moveModel(t, env, model, [2]string{src + "/x", dst}, false)
			case 3:
				moveModel(t, env, model, [2]string{src + "/y", dst}, true)
			}
			got := []string{}
			for _, k := range keys(t, env, "bucket") {
				if !strings.HasSuffix(k, "/") {
					got = append(got, k)
				}
			}
			want := []string{}
			for k := range model {
				want = append(want, k)
			}
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("seed %d: files (-want +got):\n%s", seed, diff)
			}
		}
		wantUsage(t, env, "bucket")
	}
}

// moveModel moves or copies a folder, from the first path to the second, in the store and in the model.
func moveModel(t *testing.T, env *coretest.Env, model map[string]bool, paths [2]string, copying bool) {
	t.Helper()
	src, dst := paths[0], paths[1]
	run := env.Admin.MoveFolder
	if copying {
		run = env.Admin.CopyFolder
	}
	err := run(t.Context(), at(src), at(dst), core.FolderOptions{Overwrite: true})
	if code := core.CodeOf(err); err != nil && (code == core.NoSuchKey || code == core.Conflict) {
		return // no such folder, no parent, or one in the other: nothing changed
	}
	ok(t, "move or copy "+src+" to "+dst, err)
	for k := range model {
		if strings.HasPrefix(k, dst+"/") || k == dst {
			delete(model, k)
		}
	}
	for k := range model {
		if !strings.HasPrefix(k, src+"/") {
			continue
		}
		model[dst+k[len(src):]] = true
		if !copying {
			delete(model, k)
		}
	}
}

func BenchmarkMoveFolder10000(b *testing.B) {
	env := coretest.New(b, coretest.Options{})
	ctx := b.Context()
	if _, err := env.Bucket(ctx, "bucket", core.VersioningOff, core.BucketPolicy{}); err != nil {
		b.Fatal(err)
	}
	fill(b, env, 10_000)
	src, dst := "p/a", "p/b"
	for b.Loop() {
		if err := env.Admin.MoveFolder(ctx, at(src), at(dst), core.FolderOptions{}); err != nil {
			b.Fatal(err)
		}
		src, dst = dst, src
	}
}

// fill puts n objects below p/a, in parallel for the group commit's sake.
func fill(b *testing.B, env *coretest.Env, n int) {
	b.Helper()
	errs := make(chan error)
	const workers = 64
	for w := range workers {
		go func() {
			for i := w; i < n; i += workers {
				key := fmt.Sprintf("p/a/%06d", i)
				_, err := env.Admin.PutObject(b.Context(), "bucket", key, strings.NewReader("x"), 1, core.PutOptions{})
				if err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range workers {
		if err := <-errs; err != nil {
			b.Fatal(err)
		}
	}
}

// A folder that is too large for one transaction is refused by name before anything is touched.
func TestFolderLimit(t *testing.T) {
	env := tree(t, core.VersioningOff)
	env.Service.SetFolderLimit(3)
	ctx := t.Context()
	for _, key := range []string{"p/a/1", "p/a/2", "p/a/3", "p/b/1"} {
		put(t, env.Admin, "bucket", key)
	}
	ok(t, "move at the limit", env.Admin.MoveFolder(ctx, at("p/a"), at("p/c"), core.FolderOptions{}))
	ok(t, "copy at the limit", env.Admin.CopyFolder(ctx, at("p/c"), at("q"), core.FolderOptions{}))
	want := []string{"p/b/1", "p/c/1", "p/c/2", "p/c/3", "q/1", "q/2", "q/3"}
	for name, err := range map[string]error{
		"delete": env.Admin.DeleteFolder(ctx, at("p")),
		"move":   env.Admin.MoveFolder(ctx, at("p"), at("r"), core.FolderOptions{}),
		"copy":   env.Admin.CopyFolder(ctx, at("p"), at("r"), core.FolderOptions{}),
		"onto":   env.Admin.MoveFolder(ctx, at("q"), at("p"), core.FolderOptions{Overwrite: true}),
	} {
		wantCode(t, name, err, core.Conflict)
		if !strings.Contains(err.Error(), "p") || !strings.Contains(err.Error(), "3 objects") {
			t.Errorf("%s: %v does not name the folder and the limit", name, err)
		}
	}
	wantKeys(t, env, "bucket", want...)
	ok(t, "delete at the limit", env.Admin.DeleteFolder(ctx, at("q")))
	wantKeys(t, env, "bucket", want[:4]...)
}

// Who may read a folder may copy it into a bucket of his own, but not move it there.
func TestCopyFolderOfAnother(t *testing.T) {
	env := tree(t, core.VersioningOff)
	ctx := t.Context()
	u, alice := user(t, env, "alice")
	_, err := alice.CreateBucket(ctx, "alices", core.CreateBucketOptions{})
	ok(t, "create", err)
	put(t, env.Admin, "bucket", "p/a/1")
	to := core.Path{Bucket: "alices", Key: "p"}
	wantCode(t, "copy by a stranger", alice.CopyFolder(ctx, at("p"), to, core.FolderOptions{}), core.Forbidden)
	ok(t, "grant", env.Admin.SetGrants(ctx, "bucket", []core.Grant{{UserID: u.ID, Access: core.AccessRead}}))
	ok(t, "copy by a reader", alice.CopyFolder(ctx, at("p"), to, core.FolderOptions{}))
	wantKeys(t, env, "alices", "p/a/1")
	wantCode(t, "move by a reader", alice.MoveFolder(ctx, at("p"), core.Path{Bucket: "alices", Key: "q"}, core.FolderOptions{}), core.Forbidden)
	wantCode(t, "copy into another's", alice.CopyFolder(ctx, at("p"), at("q"), core.FolderOptions{}), core.Forbidden)
	wantKeys(t, env, "bucket", "p/a/1")
	wantUsage(t, env, "alices")
}

// TestFolderProperties: a copy of a folder with too many bytes of dead properties is refused whole; a move is not, which
// writes none of them.
func TestFolderProperties(t *testing.T) {
	env := tree(t, core.VersioningOff)
	ctx := t.Context()
	ok(t, "make p", env.Admin.MakeFolder(ctx, at("p")))
	for _, key := range []string{"p/a", "p/b"} {
		ok(t, "put "+key, putTree(t, env.Admin, key, "x"))
		change := core.PropertyChange{Property: core.Property{Name: core.PropertyName{Local: "x"}, Value: strings.Repeat("v", 999)}}
		ok(t, "patch "+key, env.Admin.PatchProperties(ctx, at(key), core.PropertyPatch{Changes: []core.PropertyChange{change}}))
	}
	env.Service.SetFolderProperties(1999)
	before := keys(t, env, "bucket")
	_, err := env.Admin.CopyPath(ctx, at("p"), at("q"), core.TreeOptions{})
	wantCode(t, "copy 2,000 bytes of properties", err, core.Conflict)
	if got := keys(t, env, "bucket"); !slices.Equal(got, before) {
		t.Errorf("the refused copy left %q, want %q", got, before)
	}
	_, err = env.Admin.MovePath(ctx, at("p"), at("moved"), core.TreeOptions{})
	ok(t, "move", err)
	env.Service.SetFolderProperties(2000)
	_, err = env.Admin.CopyPath(ctx, at("moved"), at("q"), core.TreeOptions{})
	ok(t, "copy", err)
}
