package metatest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"trivium/core"
)

// testLocks keeps locks by token, and finds them by key, by what lies above it, and by expiry.
func testLocks(t *testing.T, open Open) {
	file := core.Lock{Token: "urn:b", BucketID: 1, Key: "d/f", Owner: 2, Expiry: 20, Note: "<o>ä</o>"}
	dir := core.Lock{Token: "urn:a", BucketID: 1, Key: "d", Deep: true, Shared: true, Owner: 3, Expiry: 10}
	beside := core.Lock{Token: "urn:c", BucketID: 1, Key: "d0", Owner: 2, Expiry: 30}
	bucket := core.Lock{Token: "urn:d", BucketID: 1, Owner: 3, Expiry: 30}
	foreign := core.Lock{Token: "urn:e", BucketID: 2, Key: "d", Owner: 3, Expiry: 5}
	again := file
	again.Expiry = 40
	all := []core.Lock{bucket, dir, again, beside}
	s := fresh(t, open)
	update(t, s, puts(core.MetaTx.PutBucket, core.Bucket{ID: 1, Name: "one"}, core.Bucket{ID: 2, Name: "two"}))
	update(t, s, puts(core.MetaTx.PutLock, file, dir, beside, bucket, foreign, again))
	view(t, s, func(ctx context.Context, tx core.MetaTx) error {
		for _, q := range []struct {
			key   string
			limit int
			want  []core.Lock
		}{
			{"", 9, all},
			{"", 2, all[:2]},
			{"", 0, nil},
			{"d", 9, all[1:3]},
			{"d/f", 9, all[2:3]},
			{"d/", 9, nil},
			{"d0", 9, all[3:]},
		} {
			got, err := tx.LocksIn(ctx, 1, q.key, q.limit)
			equal(t, fmt.Sprintf("LocksIn(%q, %d)", q.key, q.limit), q.want, got)
			if err != nil {
				return err
			}
		}
		at, err := tx.LocksAt(ctx, 1, "d")
		equal(t, "LocksAt", all[1:2], at)
		one, found, err2 := tx.Lock(ctx, "urn:b")
		equal(t, "Lock", again, one)
		_, none, err3 := tx.Lock(ctx, "urn:x")
		equal(t, "found", []bool{true, false}, []bool{found, none})
		gone, err4 := tx.ExpiredLocks(ctx, 10, 9)
		equal(t, "ExpiredLocks", []core.Lock{foreign, dir}, gone)
		inBucket, own, err5 := tx.CountLocks(ctx, 1, 3, 9)
		equal(t, "CountLocks", []int{4, 3}, []int{inBucket, own})
		inBucket, own, err6 := tx.CountLocks(ctx, 1, 3, 2)
		equal(t, "CountLocks up to 2", []int{2, 2}, []int{inBucket, own})
		return errors.Join(err, err2, err3, err4, err5, err6)
	})
	left := func(want ...core.Lock) {
		t.Helper()
		view(t, s, func(ctx context.Context, tx core.MetaTx) error {
			got, err := tx.LocksIn(ctx, 1, "", 9)
			equal(t, "locks that are left", want, got)
			return err
		})
	}
	update(t, s, put(core.MetaTx.DeleteLock, "urn:c"))
	left(bucket, dir, again)
	update(t, s, func(ctx context.Context, tx core.MetaTx) error { return tx.DeleteLocks(ctx, 1, "d") })
	left(bucket)
	update(t, s, put(core.MetaTx.DeleteBucket, int64(1)))
	left()
	view(t, s, func(ctx context.Context, tx core.MetaTx) error {
		got, err := tx.LocksIn(ctx, 2, "", 9)
		equal(t, "locks of the other bucket", []core.Lock{foreign}, got)
		return err
	})
}

// testProperties keeps dead properties by owner and name; those of a bucket go with it.
func testProperties(t *testing.T, open Open) {
	prop := func(space, local, value string) core.Property {
		return core.Property{Name: core.PropertyName{Space: space, Local: local}, Value: value}
	}
	a, b, c := prop("", "z", "<z/>"), prop("DAV:", "a", "<a>ü\n</a>"), prop("x", "a", "")
	s := fresh(t, open)
	update(t, s, put(core.MetaTx.PutBucket, theBucket()))
	set := func(owner int64, all ...core.Property) {
		t.Helper()
		update(t, s, func(ctx context.Context, tx core.MetaTx) error {
			for _, p := range all {
				if err := tx.PutProperty(ctx, owner, p); err != nil {
					return err
				}
			}
			return nil
		})
	}
	have := func(owner int64, want ...core.Property) {
		t.Helper()
		view(t, s, func(ctx context.Context, tx core.MetaTx) error {
			got, err := tx.Properties(ctx, owner)
			equal(t, fmt.Sprintf("properties of %d", owner), want, got)
			return err
		})
	}
	set(5, c, b, a)
	have(5, a, b, c)
	set(5, prop("x", "a", "<new/>"))
	have(5, a, b, prop("x", "a", "<new/>"))
	update(t, s, func(ctx context.Context, tx core.MetaTx) error { return tx.CopyProperties(ctx, 5, 6) })
	update(t, s, func(ctx context.Context, tx core.MetaTx) error { return tx.DeleteProperty(ctx, 5, b.Name) })
	have(5, a, prop("x", "a", "<new/>"))
	update(t, s, put(core.MetaTx.DeleteProperties, int64(5)))
	have(5)
	have(6, a, b, prop("x", "a", "<new/>"))
	set(-1, a)
	update(t, s, put(core.MetaTx.DeleteBucket, int64(1)))
	have(-1)
	e := entry("k", 6)
	e.Props = true
	update(t, s, put(core.MetaTx.PutEntry, e))
	view(t, s, func(ctx context.Context, tx core.MetaTx) error {
		got, _, err := tx.Entry(ctx, 1, "k")
		equal(t, "entry with properties", e, got)
		return err
	})
}

// testPackagesByName pages through packages by name, whatever their IDs.
func testPackagesByName(t *testing.T, open Open) {
	s := fresh(t, open)
	pkg := func(id, bucket int64, name string) core.Package {
		return core.Package{ID: id, BucketID: bucket, Name: name, CreateTime: 3}
	}
	a, b, c, d := pkg(4, 1, "a"), pkg(3, 1, "a!"), pkg(2, 1, "a\xff"), pkg(1, 1, "b")
	update(t, s, puts(core.MetaTx.PutPackage, d, c, b, a, pkg(5, 2, "a"), pkg(6, 0, "c")))
	view(t, s, func(ctx context.Context, tx core.MetaTx) error {
		for _, q := range []struct {
			from  string
			limit int
			want  []core.Package
		}{
			{"", 9, []core.Package{a, b, c, d}},
			{"a", 2, []core.Package{a, b}},
			{"a\x00", 9, []core.Package{b, c, d}},
			{"a\xff", 9, []core.Package{c, d}},
			{"b", 0, nil},
			{"c", 9, nil},
		} {
			got, err := tx.PackagesFrom(ctx, 1, q.from, q.limit)
			equal(t, fmt.Sprintf("PackagesFrom(%q, %d)", q.from, q.limit), q.want, got)
			if err != nil {
				return err
			}
		}
		return nil
	})
}
