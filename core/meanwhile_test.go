package core_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"trivium/core"
	"trivium/core/content"
	"trivium/core/coretest"
)

// meanwhile is a Service in which something happens between what a method looks at and its transaction.
type meanwhile struct {
	*coretest.Env
	event atomic.Pointer[func()]
}

// watched starts such a Service, with the buckets of newEnv.
func watched(t *testing.T) *meanwhile {
	t.Helper()
	m := new(meanwhile)
	m.Env = newEnv(t, coretest.Options{Hook: func(point string) {
		if point != "update.before" && !strings.HasSuffix(point, ".commit.before") {
			return
		}
		if happen := m.event.Swap(nil); happen != nil {
			(*happen)()
		}
	}})
	return m
}

// let has happen happen before the next transaction, once.
func (m *meanwhile) let(happen func()) { m.event.Store(&happen) }

// TestDeletePackageThatMoves: the package that is meant is deleted, wherever it is by then, and nothing that took its
// place.
func TestDeletePackageThatMoves(t *testing.T) {
	for name, to := range map[string]core.Path{
		"renamed": {Bucket: "off", Key: "b"}, "in another bucket": {Bucket: "ver", Key: "a"},
	} {
		for _, step := range []int{1, 2} { // the transaction that it comes before
			t.Run(fmt.Sprintf("%s, %d", name, step), func(t *testing.T) { deleteMoving(t, to, step) })
		}
	}
	t.Run("gone", func(t *testing.T) {
		env := watched(t)
		id := pkg(t, env.Env, "off", "a")
		env.let(func() { ok(t, "delete", env.Admin.DeletePackage(t.Context(), id)) })
		wantCode(t, "delete", env.Admin.DeletePackage(t.Context(), id), core.NotFound)
	})
}

// deleteMoving deletes a package that moves before that transaction.
func deleteMoving(t *testing.T, to core.Path, step int) {
	t.Helper()
	var before func()
	env := newEnv(t, coretest.Options{Hook: func(point string) {
		if step--; point == "delete.commit.before" && step == 0 && before != nil {
			before()
		} else if point != "delete.commit.before" {
			step++
		}
	}})
	ctx := t.Context()
	id := pkg(t, env, "off", "a")
	for i := range 501 { // more than one transaction takes
		write(t, env, "off", fmt.Sprintf("a/%03d", i), nil, core.PutOptions{})
	}
	before = func() {
		_, err := env.Admin.MovePath(ctx, core.Path{Bucket: "off", Key: "a"}, to, core.TreeOptions{})
		ok(t, "move", err)
		write(t, env, "off", "a/innocent", nil, core.PutOptions{})
	}
	ok(t, "delete", env.Admin.DeletePackage(ctx, id))
	_, _, err := env.Admin.Package(ctx, id, core.AccessRead)
	wantCode(t, "the package", err, core.NotFound)
	if got := keys(t, env, "off"); !slices.Equal(got, []string{"a/innocent"}) {
		t.Errorf("off has %d keys, %q..., want what was put there", len(got), got[:min(len(got), 3)])
	}
	if got := keys(t, env, "ver"); len(got) > 0 {
		t.Errorf("ver has %d keys, %q..., want nothing", len(got), got[:min(len(got), 3)])
	}
	if got := packages(t, env, "off"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("the packages of off are %q", got)
	}
}

// TestBucketByIDMeanwhile: what is meant by its id is that bucket, whatever has its name by then.
func TestBucketByIDMeanwhile(t *testing.T) {
	rename := func(t *testing.T, env *meanwhile) {
		t.Helper()
		for _, names := range [][2]string{{"off", "old"}, {"precious", "off"}} {
			_, err := env.Admin.MovePath(t.Context(), core.Path{Bucket: names[0]}, core.Path{Bucket: names[1]}, core.TreeOptions{})
			ok(t, "rename", err)
		}
	}
	setup := func(t *testing.T) (*meanwhile, int64) {
		t.Helper()
		env := watched(t)
		_, err := env.Bucket(t.Context(), "precious", core.VersioningOff, core.BucketPolicy{})
		ok(t, "create", err)
		write(t, env.Env, "precious", "k", nil, core.PutOptions{})
		write(t, env.Env, "off", "k", nil, core.PutOptions{})
		id := bucketID(t, env.Env, "off")
		env.let(func() { rename(t, env) })
		return env, id
	}
	t.Run("delete", func(t *testing.T) {
		env, id := setup(t)
		ok(t, "delete", env.Admin.DeleteBucketByID(t.Context(), id))
		wantKeys(t, env.Env, "off", "k")
		_, err := env.Admin.Bucket(t.Context(), "old")
		wantCode(t, "the bucket that was deleted", err, core.NoSuchBucket)
	})
	t.Run("rules", func(t *testing.T) {
		env, id := setup(t)
		public := true
		ok(t, "set rules", env.Admin.SetRulesByID(t.Context(), id, core.BucketRules{PublicRead: &public}))
		for name, want := range map[string]bool{"old": true, "off": false} {
			b, err := env.Admin.Bucket(t.Context(), name)
			if err != nil || b.Policy.PublicRead != want {
				t.Errorf("%s is public: %v, %v, want %v", name, b.Policy.PublicRead, err, want)
			}
		}
	})
	t.Run("by name", func(t *testing.T) {
		env, _ := setup(t)
		wantCode(t, "delete", env.Admin.DeleteBucket(t.Context(), "off", true), core.NoSuchBucket)
		wantKeys(t, env.Env, "off", "k")
		wantKeys(t, env.Env, "old", "k")
	})
}

// TestRulesMeanwhile: a change of one rule leaves the others as they are by then, and does not ask whether the spaces of
// old may still be used.
func TestRulesMeanwhile(t *testing.T) {
	env := watched(t)
	ctx := t.Context()
	id := bucketID(t, env.Env, "off")
	public, private := true, false
	ok(t, "make public", env.Admin.SetRulesByID(ctx, id, core.BucketRules{PublicRead: &public}))
	env.let(func() { ok(t, "make private", env.Admin.SetRulesByID(ctx, id, core.BucketRules{PublicRead: &private})) })
	ok(t, "set grants", env.Admin.SetRulesByID(ctx, id, core.BucketRules{Grants: &[]core.Grant{}}))
	if b, _, err := env.Admin.BucketWithGrants(ctx, id); err != nil || b.Policy.PublicRead {
		t.Errorf("the bucket is public: %v, %v, want the later answer", b.Policy.PublicRead, err)
	}
	ok(t, "a space that is gone", env.Meta.Update(ctx, func(ctx context.Context, tx core.MetaTx) error {
		b, _, err := tx.Bucket(ctx, id)
		if err != nil {
			return err
		}
		b.Policy.Spaces = []content.SpaceID{77}
		if err := tx.PutBucket(ctx, b); err != nil {
			return err
		}
		return tx.BumpConfig(ctx)
	}))
	ok(t, "set grants", env.Admin.SetRulesByID(ctx, id, core.BucketRules{Grants: &[]core.Grant{}}))
	ok(t, "make public", env.Admin.SetRulesByID(ctx, id, core.BucketRules{PublicRead: &public}))
	none := content.Policy{}
	err := env.Admin.SetRulesByID(ctx, id, core.BucketRules{Redundancy: &none})
	wantCode(t, "set the redundancy", err, core.BadArgument)
}

// TestBucketConditions: DELETE and MOVE of a bucket have conditions, as of any folder.
func TestBucketConditions(t *testing.T) {
	env := watched(t)
	ctx := t.Context()
	off := core.Path{Bucket: "off"}
	for name, on := range map[string]core.Conditions{
		"If-Match": {IfMatch: []string{"x"}}, "If-None-Match": {IfNoneMatch: []string{"*"}},
	} {
		wantCode(t, "delete with "+name, env.Admin.RemovePath(ctx, off, core.TreeOptions{Conditions: on}), core.PreconditionFailed)
		_, err := env.Admin.MovePath(ctx, off, core.Path{Bucket: "moved"}, core.TreeOptions{Conditions: on})
		wantCode(t, "move with "+name, err, core.PreconditionFailed)
	}
	any := core.TreeOptions{Conditions: core.Conditions{IfMatch: []string{"*"}}}
	_, err := env.Admin.MovePath(ctx, off, core.Path{Bucket: "moved"}, any)
	ok(t, "move with If-Match: *", err)
	ok(t, "delete with If-Match: *", env.Admin.RemovePath(ctx, core.Path{Bucket: "moved"}, any))
}

// TestRemoveBucketVersioned: a bucket that begins to keep versions meanwhile is deleted only when it is empty.
func TestRemoveBucketVersioned(t *testing.T) {
	env := watched(t)
	write(t, env.Env, "off", "k", nil, core.PutOptions{})
	env.let(func() { ok(t, "set versioning", env.Admin.SetVersioning(t.Context(), "off", core.VersioningEnabled)) })
	err := env.Admin.RemovePath(t.Context(), core.Path{Bucket: "off"}, core.TreeOptions{})
	wantCode(t, "delete", err, core.BucketNotEmpty)
	wantKeys(t, env.Env, "off", "k")
}
