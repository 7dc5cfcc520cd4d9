package core_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"trivium/core"
	"trivium/core/coretest"
)

// doom marks a bucket as deleted, whatever is held in it.
func doom(t *testing.T, env *coretest.Env, bucket string) {
	t.Helper()
	id := bucketID(t, env, bucket)
	ok(t, "doom", env.Meta.Update(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
		b, _, err := tx.Bucket(ctx, id)
		if err != nil {
			return err
		}
		b.Deleting = true
		return errors.Join(tx.PutBucket(ctx, b), tx.BumpConfig(ctx))
	}))
}

// What is under legal hold outlives the deletion of its bucket, and holds up no other bucket.
func TestSweepKeepsWhatIsHeld(t *testing.T) {
	env := coretest.New(t, coretest.Options{})
	ctx := t.Context()
	hold := func(on bool) core.AttrsOptions {
		return core.AttrsOptions{Change: func(v *core.Version) error {
			v.Attrs.LegalHold = on
			return nil
		}}
	}
	for _, name := range []string{"first", "second"} {
		_, err := env.Bucket(ctx, name, core.VersioningOff, core.BucketPolicy{})
		ok(t, "create", err)
		for i := range 9 {
			put(t, env.Admin, name, fmt.Sprint(i))
		}
	}
	for _, key := range []string{"0", "1", "5"} {
		_, err := env.Admin.SetAttrs(ctx, core.Path{Bucket: "first", Key: key}, hold(true))
		ok(t, "hold", err)
	}
	wantCode(t, "delete", env.Admin.DeleteBucket(ctx, "first", true), core.Conflict)
	wantCode(t, "delete the folder", env.Admin.RemovePath(ctx, core.Path{Bucket: "first"}, core.TreeOptions{}), core.Conflict)
	if got := keys(t, env, "first"); len(got) != 9 {
		t.Errorf("after the refusal there are %q, want all", got)
	}
	doom(t, env, "first")
	ok(t, "delete", env.Admin.DeleteBucket(ctx, "second", true))
	sweep(t, env, 2)
	err := env.Meta.View(ctx, func(ctx context.Context, tx core.MetaTx) error {
		doomed, err := tx.Buckets(ctx, "", 10, true)
		if err != nil || len(doomed) != 1 || doomed[0].Name != "first" {
			t.Fatalf("buckets that are being deleted = %+v, %v, want the one with held objects", doomed, err)
		}
		n, err := tx.CountEntries(ctx, doomed[0].ID, "", 10)
		if n != 3 {
			t.Errorf("%d objects are left, want the 3 that are held", n)
		}
		return err
	})
	ok(t, "view", err)
}
