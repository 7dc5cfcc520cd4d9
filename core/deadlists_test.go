package core_test

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"trivium/core"
	"trivium/core/content"
	"trivium/core/coretest"
	"trivium/core/meta/metatest"
)

// references returns the sum of all blobs' references, with every count checked.
func references(t *testing.T, env *coretest.Env) (sum int64) {
	t.Helper()
	if err := metatest.Recount(t.Context(), env.Meta); err != nil {
		t.Error(err)
	}
	rows(t, env, func(ctx context.Context, tx core.MetaTx) error {
		sum = 0
		blobs, err := tx.Blobs(ctx, content.BlobID{}, 10_000)
		for _, b := range blobs {
			sum += b.Refs
		}
		return err
	})
	return sum
}

// TestDeadLists deletes and overwrites objects of many extents: their blobs keep their references until the lists
// are taken apart, step by step; content that is put meanwhile shares a blob that only a dead list holds.
func TestDeadLists(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	m := env.Service.Maintenance()
	short, long := make([][]byte, core.ShortList), make([][]byte, core.ShortList+24)
	for i := range long {
		long[i] = coretest.Bytes(uint64(i), 20_000+i)
	}
	copy(short, long[24:])
	upload(t, env, core.Path{Bucket: "off", Key: "long"}, long)
	upload(t, env, core.Path{Bucket: "off", Key: "overwritten"}, long)
	upload(t, env, core.Path{Bucket: "off", Key: "short"}, short)
	for _, key := range []string{"short", "long"} {
		if _, err := env.Admin.DeleteObject(t.Context(), "off", key, core.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	write(t, env, "off", "overwritten", nil, core.PutOptions{})
	left := int64(2 * len(long))
	if n := references(t, env); n != left {
		t.Errorf("%d references after the deletion, want those %d of the long lists", n, left)
	}
	write(t, env, "off", "shared", long[3], core.PutOptions{})
	for _, want := range []int{30, 30, 20, 0, 0} {
		n, err := m.ReleaseLists(t.Context(), 30)
		if err != nil || n != want {
			t.Fatalf("ReleaseLists(30) = %d, %v, want %d", n, err, want)
		}
		left -= int64(n)
		if n := references(t, env); n != left+1 {
			t.Errorf("%d references, want %d", n, left+1)
		}
	}
	get(t, env, "off", "shared", long[3])
}

// limitedMeta is a store of which only so many Updates succeed.
type limitedMeta struct {
	core.MetaStore
	left *atomic.Int64
}

func (f limitedMeta) Update(ctx context.Context, fn func(ctx context.Context, tx core.MetaTx) error) error {
	if f.left.Add(-1) < 0 {
		return errors.New("no more")
	}
	return f.MetaStore.Update(ctx, fn)
}

// TestAbortInSteps aborts an upload of many parts, and fails on the way: it is gone all the same, and upkeep gives up
// what is left.
func TestAbortInSteps(t *testing.T) {
	const count = 450
	for _, succeed := range []int64{1, 2, 3} {
		var left atomic.Int64
		left.Store(1 << 40)
		env := newEnv(t, coretest.Options{WrapMeta: func(s core.MetaStore) core.MetaStore { return limitedMeta{s, &left} }})
		p := core.Path{Bucket: "off", Key: "k"}
		id := begin(t, env, p, core.Checksum{})
		for n := range count {
			part(t, env, p, id, n+1, []byte{byte(n), byte(n >> 8)})
		}
		left.Store(succeed)
		if err := env.Admin.AbortUpload(t.Context(), p, id); (err == nil) != (succeed == 3) {
			t.Fatalf("AbortUpload() = %v with %d transactions", err, succeed)
		}
		left.Store(1 << 40)
		references(t, env)
		_, err := env.Admin.Upload(t.Context(), p, id)
		wantCode(t, "Upload", err, core.NoSuchUpload)
		_, _, err = env.Admin.PutPart(t.Context(), p, id, core.PartRequest{Number: 1, Body: bytes.NewReader(nil)})
		wantCode(t, "PutPart", err, core.NoSuchUpload)
		_, err = env.Admin.CompleteUpload(t.Context(), p, id, []core.CompletePart{{Number: count}}, core.CompleteOptions{Size: -1})
		wantCode(t, "CompleteUpload", err, core.NoSuchUpload)
		wantCode(t, "AbortUpload", env.Admin.AbortUpload(t.Context(), p, id), core.NoSuchUpload)
		page, err := env.Admin.Uploads(t.Context(), "off", core.UploadListOptions{Limit: 10})
		if err != nil || len(page.Uploads) != 0 {
			t.Errorf("Uploads() = %+v, %v", page, err)
		}
		var idle []core.Upload
		rows(t, env, func(ctx context.Context, tx core.MetaTx) error {
			idle, err = tx.IdleUploads(ctx, 1, 10)
			return err
		})
		if len(idle) != 0 == (succeed == 3) {
			t.Fatalf("%d idle uploads after %d transactions", len(idle), succeed)
		}
		for _, u := range idle {
			if did, err := env.Service.Maintenance().AbortIdle(t.Context(), u, 1); !did || err != nil {
				t.Errorf("AbortIdle() = %t, %v", did, err)
			}
		}
		if n := references(t, env); n != 0 {
			t.Errorf("%d references are left", n)
		}
	}
}
