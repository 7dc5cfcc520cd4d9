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
