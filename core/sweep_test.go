package core_test

import (
	"context"
	"fmt"
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
	doomed, err := m.Doomed(ctx)
	ok(t, "doomed", err)
	var step core.SweepStep
	for last := versionsOf(t, env, large.ObjectID); !step.Over; {
		step, err = m.SweepBucket(ctx, doomed[0], step.Next, limit)
		ok(t, "sweep", err)
		if step.Removed > limit {
			t.Errorf("a step removed %d rows, want at most %d", step.Removed, limit)
		}
		now := versionsOf(t, env, large.ObjectID)
		if last-now > limit {
			t.Errorf("a step removed %d versions, want at most %d", last-now, limit)
		}
		last = now
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
	wantCode(t, "delete", env.Admin.DeleteBucket(ctx, "bucket", true), core.Conflict)
	doom(t, env, "bucket")
	sweep(t, env, 5)
	if n := versionsOf(t, env, large.ObjectID); n != 4 {
		t.Errorf("%d older versions of the large object are left, want the 4 that are held", n)
	}
	if n := versionsOf(t, env, small.ObjectID); n != 2 {
		t.Errorf("%d older versions of the small object are left, want both: it stays whole", n)
	}
}

// counted is a metadata store that counts the rows that its transactions read.
type counted struct {
	core.MetaStore
	rows *int
}

func (c counted) Update(ctx context.Context, fn func(context.Context, core.MetaTx) error) error {
	return c.MetaStore.Update(ctx, func(ctx context.Context, tx core.MetaTx) error {
		return fn(ctx, countedTx{tx, c.rows})
	})
}

type countedTx struct {
	core.MetaTx
	rows *int
}

func (c countedTx) List(ctx context.Context, q core.ListQuery) ([]core.ListItem, error) {
	items, err := c.MetaTx.List(ctx, q)
	*c.rows += len(items)
	return items, err
}

func (c countedTx) Versions(ctx context.Context, objectID, beforeSeq int64, limit int) ([]core.Version, error) {
	vs, err := c.MetaTx.Versions(ctx, objectID, beforeSeq, limit)
	*c.rows += len(vs)
	return vs, err
}

// However much is held, a step reads few rows, and all that is free goes.
func TestSweepStepsAreBounded(t *testing.T) {
	const limit = 7
	rows := 0
	env := coretest.New(t, coretest.Options{
		WrapMeta: func(m core.MetaStore) core.MetaStore { return counted{m, &rows} },
	})
	ctx := t.Context()
	_, err := env.Bucket(ctx, "bucket", core.VersioningEnabled, core.BucketPolicy{})
	ok(t, "create", err)
	write := func(key string, held bool) {
		t.Helper()
		put(t, env.Admin, "bucket", key)
		_, err := env.Admin.SetAttrs(ctx, core.Path{Bucket: "bucket", Key: key}, core.AttrsOptions{
			Change: func(v *core.Version) error { v.Attrs.LegalHold = held; return nil },
		})
		ok(t, "hold", err)
	}
	for i := range 40 {
		write(fmt.Sprintf("held %02d", i), true)
		write("many held versions", true)
		write("one held version", i == 20)
	}
	for _, key := range []string{"many held versions", "one held version", "zz free"} {
		write(key, false)
	}
	doom(t, env, "bucket")
	m := env.Service.Maintenance()
	doomed, err := m.Doomed(ctx)
	ok(t, "doomed", err)
	for turn, want := range []int{39 + 1 + 1, 0} { // versions of the one object, the free object, the package
		removed := 0
		var step core.SweepStep
		for !step.Over {
			rows = 0
			step, err = m.SweepBucket(ctx, doomed[0], step.Next, limit)
			ok(t, "sweep", err)
			if rows > 3*limit {
				t.Errorf("a step of %d reads %d rows", limit, rows)
			}
			removed += step.Removed
		}
		if removed != want || !step.Held {
			t.Errorf("pass %d removed %d rows, held %v, want %d and some held", turn+1, removed, step.Held, want)
		}
	}
}

// Every deleted bucket is found, however many have one name.
func TestDoomed(t *testing.T) {
	env := coretest.New(t, coretest.Options{})
	want := map[int64]bool{}
	err := env.Meta.Update(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
		for i := range int64(3300) {
			name := "many"
			if i%3 == 0 {
				name = fmt.Sprintf("name %04d", i/2)
			}
			if err := tx.PutBucket(ctx, core.Bucket{ID: i + 1, Name: name, Deleting: true}); err != nil {
				return err
			}
			want[i+1] = true
		}
		return tx.PutBucket(ctx, core.Bucket{ID: 1 << 40, Name: "many"})
	})
	ok(t, "buckets", err)
	got, err := env.Service.Maintenance().Doomed(t.Context())
	ok(t, "doomed", err)
	for _, id := range got {
		if !want[id] {
			t.Errorf("bucket %d is there twice, or not deleted", id)
		}
		delete(want, id)
	}
	if len(want) > 0 {
		t.Errorf("%d deleted buckets are missing", len(want))
	}
}
