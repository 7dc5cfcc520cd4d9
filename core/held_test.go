package core_test

import (
	"testing"

	"trivium/core"
	"trivium/core/coretest"
)

// TestHeldOlder: a bucket with a version under legal hold is not deleted, whatever the hold was set on and wherever the
// version came to; it is once the hold is over.
func TestHeldOlder(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	ctx := t.Context()
	old := write(t, env, "ver", "a", []byte("old"), core.PutOptions{})
	write(t, env, "ver", "a", []byte("new"), core.PutOptions{})
	hold := func(key string, on bool) {
		t.Helper()
		_, err := env.Admin.SetAttrs(ctx, core.Path{Bucket: "ver", Key: key}, core.AttrsOptions{
			VersionID: old.Version.VersionID(), Change: func(v *core.Version) error { v.Attrs.LegalHold = on; return nil },
		})
		ok(t, "hold", err)
	}
	refused := func(what string) {
		t.Helper()
		wantCode(t, "delete the bucket with "+what, env.Admin.DeleteBucket(ctx, "ver", true), core.Conflict)
	}
	get(t, env, "ver", "a", []byte("new"))
	hold("a", true)
	get(t, env, "ver", "a", []byte("new"))
	refused("an older version that is held")
	_, err := env.Admin.DeleteObject(ctx, "ver", "a", core.DeleteOptions{})
	ok(t, "delete", err)
	refused("one under a delete marker")
	write(t, env, "ver", "b", nil, core.PutOptions{})
	_, err = env.Admin.MoveObject(ctx, core.Path{Bucket: "ver", Key: "b"}, core.Path{Bucket: "ver", Key: "a"}, core.MoveOptions{})
	ok(t, "move onto it", err)
	refused("one that joined another object")
	_, err = env.Admin.MoveObject(ctx, core.Path{Bucket: "ver", Key: "a"}, core.Path{Bucket: "ver", Key: "c"}, core.MoveOptions{})
	wantCode(t, "move a held object", err, core.Forbidden)
	hold("a", false)
	ok(t, "delete the bucket", env.Admin.DeleteBucket(ctx, "ver", true))
}

// TestMoveReadsNoVersions: the rename of a folder reads its entries, not their histories, where no hold was ever set.
func TestMoveReadsNoVersions(t *testing.T) {
	rows := 0
	env := newEnv(t, coretest.Options{WrapMeta: func(m core.MetaStore) core.MetaStore { return counted{m, &rows} }})
	for _, key := range []string{"f/a", "f/b"} {
		for range 20 {
			write(t, env, "ver", key, nil, core.PutOptions{})
		}
	}
	rows = 0
	_, err := env.Admin.MovePath(t.Context(), core.Path{Bucket: "ver", Key: "f"}, core.Path{Bucket: "ver", Key: "g"}, core.TreeOptions{})
	ok(t, "move", err)
	if rows > 10 {
		t.Errorf("the rename of 2 objects read %d rows", rows)
	}
}

// TestVersionLimit: the versions that a folder's move joins are counted together.
func TestVersionLimit(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	env.Service.SetFolderLimit(10)
	ctx := t.Context()
	move := func() error {
		_, err := env.Admin.MovePath(ctx, core.Path{Bucket: "ver", Key: "f"}, core.Path{Bucket: "ver", Key: "g"}, core.TreeOptions{})
		return err
	}
	for _, key := range []string{"f/a", "f/b"} {
		write(t, env, "ver", key, nil, core.PutOptions{})
	}
	for _, key := range []string{"g/a", "g/b"} {
		for range 6 {
			write(t, env, "ver", key, nil, core.PutOptions{})
		}
		_, err := env.Admin.DeleteObject(ctx, "ver", key, core.DeleteOptions{})
		ok(t, "delete", err)
	}
	wantCode(t, "move onto 12 versions", move(), core.Conflict)
	wantKeys(t, env, "ver", "f/a", "f/b")
	env.Service.SetFolderLimit(100)
	ok(t, "move", move())
}

// joined is an object of which n versions came from another one that it was moved onto: their numbers are not positive.
func joined(t *testing.T, env *coretest.Env, n int) core.Entry {
	t.Helper()
	for range n {
		write(t, env, "ver", "to", nil, core.PutOptions{})
	}
	_, err := env.Admin.DeleteObject(t.Context(), "ver", "to", core.DeleteOptions{})
	ok(t, "delete", err)
	write(t, env, "ver", "from", nil, core.PutOptions{})
	e, err := env.Admin.MoveObject(t.Context(), core.Path{Bucket: "ver", Key: "from"}, core.Path{Bucket: "ver", Key: "to"}, core.MoveOptions{})
	ok(t, "move", err)
	return e
}

// TestJoinedVersionsPages: the pages of a history that was joined end.
func TestJoinedVersionsPages(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	e := joined(t, env, 5)
	var before *int64
	for seen := 0; ; {
		page, err := env.Admin.MemberVersions(t.Context(), e.ObjectID, before, 2)
		ok(t, "versions", err)
		for _, v := range page.Versions {
			if before != nil && v.Seq >= *before {
				t.Fatalf("version %d comes behind %d", v.Seq, *before)
			}
			before = &v.Seq
		}
		if seen += len(page.Versions); !page.More {
			if seen != 7 {
				t.Errorf("%d versions, want 7 with the delete marker", seen)
			}
			return
		}
	}
}

// TestSweepJoinedVersions: a history that was joined is swept in as many steps as its versions need.
func TestSweepJoinedVersions(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	e := joined(t, env, 20)
	page, err := env.Admin.MemberVersions(t.Context(), e.ObjectID, &e.Version.Seq, 6)
	ok(t, "versions", err)
	for _, v := range page.Versions[1:] { // behind the delete marker
		_, err = env.Admin.SetAttrs(t.Context(), core.Path{Bucket: "ver", Key: e.Key}, core.AttrsOptions{
			VersionID: v.VersionID(), Change: func(v *core.Version) error { v.Attrs.LegalHold = true; return nil },
		})
		ok(t, "hold", err)
	}
	doom(t, env, "ver")
	m := env.Service.Maintenance()
	var step core.SweepStep
	for n := 0; !step.Over; n++ {
		if step, err = m.SweepBucket(t.Context(), e.BucketID, step.Next, 3); err != nil || n > 20 {
			t.Fatalf("step %d: %+v, %v", n, step, err)
		}
	}
	if left := versionsOf(t, env, e.ObjectID); left != 5 {
		t.Errorf("%d older versions are left, want the 5 that are held", left)
	}
}

// TestExpiredVersionsPages: what has expired leaves no gap at the end of a page.
func TestExpiredVersionsPages(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	var all []core.Entry
	for range 6 {
		all = append(all, write(t, env, "ver", "k", nil, core.PutOptions{}))
	}
	for _, e := range all[2:5] {
		_, err := env.Admin.SetAttrs(t.Context(), core.Path{Bucket: "ver", Key: "k"}, core.AttrsOptions{
			VersionID: e.Version.VersionID(), Change: func(v *core.Version) error { v.Expiry = 1; return nil },
		})
		ok(t, "expire", err)
	}
	page, err := env.Admin.MemberVersions(t.Context(), all[0].ObjectID, nil, 2)
	if err != nil || len(page.Versions) != 2 || !page.More {
		t.Errorf("MemberVersions = %d versions, more %v, %v, want 2 and one more", len(page.Versions), page.More, err)
	}
}
