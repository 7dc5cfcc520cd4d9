package core_test

import (
	"context"
	"testing"

	"trivium/core"
	"trivium/core/coretest"
)

// versionsOf counts the rows of versions of an object, its current one left out.
func versionsOf(t *testing.T, env *coretest.Env, objectID int64) (n int) {
	t.Helper()
	err := env.Meta.View(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
		vs, err := tx.Versions(ctx, objectID, 1<<62, 1000)
		n = len(vs)
		return err
	})
	ok(t, "view", err)
	return n
}

// An object with more versions than a step may remove goes in steps, and stops no other.
func TestSweepTakesVersionsInSteps(t *testing.T) {
	env := coretest.New(t, coretest.Options{InlineMax: 8})
	ctx := t.Context()
	const limit, versions = 7, 30
	_, err := env.Bucket(ctx, "bucket", core.VersioningEnabled, core.BucketPolicy{})
	ok(t, "create", err)
	put(t, env.Admin, "bucket", "before")
	var large core.Entry
	for range versions {
		large = put(t, env.Admin, "bucket", "large: a name that is not inline")
	}
	put(t, env.Admin, "bucket", "on the border")
	for range limit {
		put(t, env.Admin, "bucket", "on the border")
	}
	put(t, env.Admin, "bucket", "zz behind")
	ok(t, "delete", env.Admin.DeleteBucket(ctx, "bucket", true))
	m := env.Service.Maintenance()
	for last := versionsOf(t, env, large.ObjectID); ; {
		n, err := m.SweepBuckets(ctx, limit)
		ok(t, "sweep", err)
		if n > limit {
			t.Errorf("a step did %d rows, want at most %d", n, limit)
		}
		now := versionsOf(t, env, large.ObjectID)
		if last-now > limit {
			t.Errorf("a step removed %d versions, want at most %d", last-now, limit)
		}
		if last = now; n == 0 {
			break
		}
	}
	wantBare(t, env)
}

// Of an object that is too large for a step the held versions stay, and the bucket with them.
func TestSweepKeepsHeldVersions(t *testing.T) {
	env := coretest.New(t, coretest.Options{})
	ctx := t.Context()
	_, err := env.Bucket(ctx, "bucket", core.VersioningEnabled, core.BucketPolicy{})
	ok(t, "create", err)
	hold := func(e core.Entry, on bool) {
		t.Helper()
		_, err := env.Admin.SetAttrs(ctx, core.Path{Bucket: "bucket", Key: e.Key}, core.AttrsOptions{
			VersionID: e.Version.VersionID(), Change: func(v *core.Version) error { v.Attrs.LegalHold = on; return nil },
		})
		ok(t, "hold", err)
	}
	var large, small core.Entry
	for i := range 20 {
		large = put(t, env.Admin, "bucket", "large")
		if i%6 == 0 {
			hold(large, true)
		}
	}
	for i := range 3 {
		small = put(t, env.Admin, "bucket", "small")
		if i == 0 {
			hold(small, true)
		}
	}
	put(t, env.Admin, "bucket", "zz free")
	ok(t, "delete", env.Admin.DeleteBucket(ctx, "bucket", true))
	sweep(t, env, 5)
	if n := versionsOf(t, env, large.ObjectID); n != 4 {
		t.Errorf("%d older versions of the large object are left, want the 4 that are held", n)
	}
	if n := versionsOf(t, env, small.ObjectID); n != 2 {
		t.Errorf("%d older versions of the small object are left, want both: it stays whole", n)
	}
}
