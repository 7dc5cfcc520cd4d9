package core_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"trivium/core"
	"trivium/core/coretest"
)

// remove deletes without a word of complaint.
func remove(t *testing.T, env *coretest.Env, bucket, key string, opts core.DeleteOptions) core.DeleteResult {
	t.Helper()
	res, err := env.Admin.DeleteObject(t.Context(), bucket, key, opts)
	if err != nil {
		t.Fatalf("DeleteObject(%s, %s, %+v): %v", bucket, key, opts, err)
	}
	return res
}

// marked returns the error of reading what a delete marker hides.
func marked(t *testing.T, env *coretest.Env, bucket, key string) *core.Error {
	t.Helper()
	_, err := env.Admin.OpenObject(t.Context(), bucket, key, core.GetOptions{})
	e, ok := errors.AsType[*core.Error](err)
	if !ok || e.Code != core.NoSuchKey || !e.Marker || e.LastModified == 0 {
		t.Fatalf("OpenObject(%s, %s) = %v, want NoSuchKey by a marker", bucket, key, err)
	}
	return e
}

// TestDeleteMarkers walks through S3's rules: markers hide, versions come back, the last one ends the entry.
func TestDeleteMarkers(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	first := write(t, env, "ver", "k", []byte("1"), core.PutOptions{})
	second := write(t, env, "ver", "k", []byte("2"), core.PutOptions{})
	if second.ObjectID != first.ObjectID || second.CreateTime != first.CreateTime || second.Version.ID <= first.Version.ID {
		t.Errorf("the second version is %+v after %+v", second, first)
	}
	res := remove(t, env, "ver", "k", core.DeleteOptions{})
	if !res.MarkerMade || res.VersionID == "" {
		t.Errorf("DeleteObject = %+v, want a marker", res)
	}
	if e := marked(t, env, "ver", "k"); e.VersionID != res.VersionID {
		t.Errorf("the marker is %s, want %s", e.VersionID, res.VersionID)
	}
	_, err := env.Admin.OpenObject(t.Context(), "ver", "k", core.GetOptions{VersionID: res.VersionID})
	wantCode(t, "OpenObject of the marker", err, core.IsDeleteMarker)
	third := write(t, env, "ver", "k", []byte("3"), core.PutOptions{})
	if third.ObjectID != first.ObjectID {
		t.Error("a revived object has another objectID")
	}
	remove(t, env, "ver", "k", core.DeleteOptions{VersionID: third.Version.VersionID()})
	marked(t, env, "ver", "k")
	back := remove(t, env, "ver", "k", core.DeleteOptions{VersionID: res.VersionID})
	if !back.WasMarker || back.MarkerMade {
		t.Errorf("deleting the marker = %+v", back)
	}
	if o := get(t, env, "ver", "k", []byte("2")); o.Entry.ObjectID != first.ObjectID || o.Entry.Version.ID != second.Version.ID {
		t.Errorf("what came back is %+v", o.Entry)
	}
	remove(t, env, "ver", "k", core.DeleteOptions{VersionID: second.Version.VersionID()})
	remove(t, env, "ver", "k", core.DeleteOptions{VersionID: first.Version.VersionID()})
	rows(t, env, func(ctx context.Context, tx core.MetaTx) error {
		_, there, err := tx.Entry(ctx, first.BucketID, "k")
		if there {
			t.Error("the entry has outlived its last version")
		}
		return err
	})
	// A key that never was gets a marker all the same, a missing version is no error.
	if res := remove(t, env, "ver", "never", core.DeleteOptions{}); !res.MarkerMade {
		t.Errorf("DeleteObject of a key that never was = %+v", res)
	}
	if res := remove(t, env, "ver", "k", core.DeleteOptions{VersionID: "123"}); res != (core.DeleteResult{VersionID: "123"}) {
		t.Errorf("DeleteObject of a missing version = %+v", res)
	}
	_, err = env.Admin.DeleteObject(t.Context(), "ver", "k", core.DeleteOptions{VersionID: "x"})
	wantCode(t, "DeleteObject of a malformed version", err, core.BadArgument)
}

// TestSuspended sees that the null version is replaced wherever it is, and no other.
func TestSuspended(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	versions := func() (ids []string) {
		page, err := env.Admin.ListVersions(t.Context(), "ver", core.VersionListOptions{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range page.Items {
			ids = append(ids, it.Version.VersionID())
		}
		return ids
	}
	set := func(v core.Versioning) {
		if err := env.Admin.SetVersioning(t.Context(), "ver", v); err != nil {
			t.Fatal(err)
		}
	}
	set(core.VersioningSuspended)
	write(t, env, "ver", "k", []byte("null 1"), core.PutOptions{})
	set(core.VersioningEnabled)
	e := write(t, env, "ver", "k", []byte("kept"), core.PutOptions{})
	kept := e.Version.VersionID()
	set(core.VersioningSuspended)
	write(t, env, "ver", "k", []byte("null 2"), core.PutOptions{})
	if got, want := fmt.Sprint(versions()), fmt.Sprint([]string{"null", kept}); got != want {
		t.Errorf("versions = %s, want %s", got, want)
	}
	if res := remove(t, env, "ver", "k", core.DeleteOptions{}); res != (core.DeleteResult{MarkerMade: true, VersionID: "null"}) {
		t.Errorf("DeleteObject = %+v, want a null marker", res)
	}
	if got, want := fmt.Sprint(versions()), fmt.Sprint([]string{"null", kept}); got != want {
		t.Errorf("versions = %s, want %s", got, want)
	}
	if res := remove(t, env, "ver", "k", core.DeleteOptions{VersionID: "null"}); !res.WasMarker {
		t.Errorf("DeleteObject of the null version = %+v, want a marker's", res)
	}
	get(t, env, "ver", "k", []byte("kept"))
}

// TestConditionalDelete sees that conditions are judged on what exists.
func TestConditionalDelete(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	e := write(t, env, "off", "k", []byte("abc"), core.PutOptions{})
	four := int64(4)
	for name, c := range map[string]core.Conditions{
		"ETag": {IfMatch: []string{"0123"}}, "size": {IfSize: &four}, "time": {IfUpdateTime: 1},
	} {
		_, err := env.Admin.DeleteObject(t.Context(), "off", "k", core.DeleteOptions{Conditions: c})
		wantCode(t, name, err, core.PreconditionFailed)
		_, err = env.Admin.DeleteObject(t.Context(), "off", "k", core.DeleteOptions{VersionID: "null", Conditions: c})
		wantCode(t, name+" of the version", err, core.PreconditionFailed)
		remove(t, env, "off", "missing", core.DeleteOptions{Conditions: c})
		if res := remove(t, env, "ver", "missing", core.DeleteOptions{Conditions: c}); res.MarkerMade {
			t.Errorf("%s: a marker for nothing", name)
		}
	}
	get(t, env, "off", "k", []byte("abc"))
	remove(t, env, "off", "k", core.DeleteOptions{Conditions: core.Conditions{
		IfMatch: []string{e.Version.ETag}, IfUpdateTime: e.Version.UpdateTime,
	}})
	_, err := env.Admin.StatObject(t.Context(), "off", "k", core.GetOptions{})
	wantCode(t, "StatObject", err, core.NoSuchKey)
}

// TestDeleteObjects sees that each item has its own outcome.
func TestDeleteObjects(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	for _, key := range []string{"a", "b", "held", "p/x"} {
		write(t, env, "off", key, []byte(key), core.PutOptions{})
	}
	hold := core.AttrsOptions{Change: func(v *core.Version) error { v.Attrs.LegalHold = true; return nil }}
	if _, err := env.Admin.SetAttrs(t.Context(), core.Path{Bucket: "off", Key: "held"}, hold); err != nil {
		t.Fatal(err)
	}
	items := []core.DeleteItem{
		{Key: "a"},
		{Key: "b", DeleteOptions: core.DeleteOptions{Conditions: core.Conditions{IfMatch: []string{"0123"}}}},
		{Key: "held"},
		{Key: ""},
		{Key: "missing"},
		{Key: "p/x", DeleteOptions: core.DeleteOptions{VersionID: "bad"}},
		{Key: "p/x"},
		{Key: "a"},
	}
	want := []core.Code{core.Internal, core.PreconditionFailed, core.Forbidden, core.BadKey, core.Internal, core.BadArgument, core.Internal, core.Internal}
	res, err := env.Admin.DeleteObjects(t.Context(), "off", items)
	if err != nil {
		t.Fatal(err)
	}
	for i := range items {
		if core.CodeOf(res[i].Err) != want[i] || (res[i].Err == nil) != (want[i] == core.Internal) {
			t.Errorf("%q: %v, want code %d", items[i].Key, res[i].Err, want[i])
		}
	}
	page, err := env.Admin.ListObjects(t.Context(), "off", core.ListOptions{Limit: 10})
	if err != nil || len(page.Items) != 2 || page.Items[0].Entry.Key != "b" || page.Items[1].Entry.Key != "held" {
		t.Errorf("left are %+v, %v, want b and held", page.Items, err)
	}
	_, err = env.Admin.DeleteObjects(t.Context(), "off", make([]core.DeleteItem, 1001))
	wantCode(t, "DeleteObjects of 1001", err, core.BadArgument)
}

// TestHeld sees that retention and legal hold keep versions from being removed or replaced, but not from being
// hidden.
func TestHeld(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	p := core.Path{Bucket: "ver", Key: "k"}
	old := write(t, env, "ver", "k", []byte("1"), core.PutOptions{})
	retain := core.AttrsOptions{Change: func(v *core.Version) error { v.Attrs.RetainUntil = 1 << 62; return nil }}
	if _, err := env.Admin.SetAttrs(t.Context(), p, retain); err != nil {
		t.Fatal(err)
	}
	_, err := env.Admin.DeleteObject(t.Context(), "ver", "k", core.DeleteOptions{VersionID: old.Version.VersionID()})
	wantCode(t, "DeleteObject of the version", err, core.Forbidden)
	_, err = env.Admin.MoveObject(t.Context(), p, core.Path{Bucket: "ver", Key: "l"}, core.MoveOptions{})
	wantCode(t, "MoveObject", err, core.Forbidden)
	remove(t, env, "ver", "k", core.DeleteOptions{})
	_, err = env.Admin.DeleteObject(t.Context(), "ver", "k", core.DeleteOptions{VersionID: old.Version.VersionID()})
	wantCode(t, "DeleteObject of the hidden version", err, core.Forbidden)

	write(t, env, "off", "k", []byte("1"), core.PutOptions{})
	if _, err := env.Admin.SetAttrs(t.Context(), core.Path{Bucket: "off", Key: "k"}, retain); err != nil {
		t.Fatal(err)
	}
	_, err = env.Admin.PutObject(t.Context(), "off", "k", strings.NewReader(""), 0, core.PutOptions{})
	wantCode(t, "PutObject over a held null version", err, core.Forbidden)
	_, err = env.Admin.DeleteObject(t.Context(), "off", "k", core.DeleteOptions{})
	wantCode(t, "DeleteObject", err, core.Forbidden)
}

// TestTreeDelete sees that a folder does not vanish with its last file for doors that show trees.
func TestTreeDelete(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	for _, bucket := range []string{"off", "ver"} {
		write(t, env, bucket, "p/q/r", []byte("x"), core.PutOptions{})
		ok(t, "remove", env.Admin.RemovePath(t.Context(), core.Path{Bucket: bucket, Key: "p/q/r"}, core.TreeOptions{}))
		o, err := env.Admin.StatObject(t.Context(), bucket, "p/q/", core.GetOptions{})
		if err != nil || o.Entry.Version.Size != 0 || o.Entry.Version.ETag != "d41d8cd98f00b204e9800998ecf8427e" {
			t.Errorf("%s: the folder's marker is %+v, %v", bucket, o.Entry, err)
		}
		ok(t, "remove", env.Admin.RemovePath(t.Context(), core.Path{Bucket: bucket, Key: "p/q"}, core.TreeOptions{}))
		rows(t, env, func(ctx context.Context, tx core.MetaTx) error {
			p, found, err := tx.PackageByName(ctx, bucketID(t, env, bucket), "p")
			if !found || !p.Explicit {
				t.Errorf("%s: package p = %+v, %t, want an explicit one", bucket, p, found)
			}
			return err
		})
		write(t, env, bucket, "i/k", []byte("x"), core.PutOptions{})
		remove(t, env, bucket, "i/k", core.DeleteOptions{})
		rows(t, env, func(ctx context.Context, tx core.MetaTx) error {
			_, found, err := tx.PackageByName(ctx, bucketID(t, env, bucket), "i")
			if found {
				t.Errorf("%s: package i has outlived its last member", bucket)
			}
			return err
		})
	}
}
