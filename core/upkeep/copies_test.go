package upkeep_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"trivium/core"
	"trivium/core/content"
	"trivium/core/meta/metatest"
	"trivium/core/upkeep"
)

// TestCopiedPartsUnderAttack copies parts from sources that are overwritten, deleted and collected meanwhile, into uploads
// that others complete and abort. What is read is whole, and once all is deleted nothing is left.
func TestCopiedPartsUnderAttack(t *testing.T) {
	h := newHouse(t, 1, content.Policy{})
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	if _, err := h.Bucket(t.Context(), "other", core.VersioningEnabled, core.BucketPolicy{}); err != nil {
		t.Fatal(err)
	}
	const rounds, keys = 60, 3
	buckets := []string{"bkt", "other"}
	expected := func(err error, codes ...core.Code) {
		t.Helper()
		for _, c := range append(codes, core.NoSuchKey, core.NoSuchUpload, core.Conflict) {
			if err == nil || core.CodeOf(err) == c {
				return
			}
		}
		t.Errorf("seed %d: %v (code %d)", seed, err, core.CodeOf(err))
	}
	source := func(r *rand.Rand) core.Path {
		return core.Path{Bucket: buckets[r.IntN(2)], Key: fmt.Sprintf("source%d", r.IntN(keys))}
	}
	var mu sync.Mutex
	var uploads []core.Upload
	into := core.Path{Bucket: "bkt", Key: "into"}
	run := func(n uint64, step func(ctx context.Context, r *rand.Rand)) func() {
		r := rand.New(rand.NewPCG(seed, n))
		return func() {
			for range rounds {
				step(t.Context(), r)
			}
		}
	}
	some := func(r *rand.Rand) (string, bool) {
		mu.Lock()
		defer mu.Unlock()
		if len(uploads) == 0 {
			return "", false
		}
		return uploads[r.IntN(len(uploads))].ID, true
	}
	var all sync.WaitGroup
	all.Go(run(1, func(ctx context.Context, r *rand.Rand) { // equal bytes throughout, so that mixing shows
		p := source(r)
		data := bytes.Repeat([]byte{byte(r.IntN(256))}, size+r.IntN(3))
		_, err := h.Admin.PutObject(ctx, p.Bucket, p.Key, bytes.NewReader(data), int64(len(data)), core.PutOptions{})
		expected(err)
	}))
	all.Go(run(2, func(ctx context.Context, r *rand.Rand) {
		p := source(r)
		_, err := h.Admin.DeleteObject(ctx, p.Bucket, p.Key, core.DeleteOptions{})
		expected(err)
	}))
	for n := range uint64(2) {
		all.Go(run(3+n, func(ctx context.Context, r *rand.Rand) {
			u, err := h.Admin.CreateUpload(ctx, into, core.PutOptions{}, core.Checksum{})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			uploads = append(uploads, u)
			mu.Unlock()
			for number := range 2 {
				req := core.PartCopy{Number: number + 1, Source: source(r)}
				if r.IntN(2) == 0 {
					req.Range = &core.Range{First: int64(r.IntN(100)), Last: int64(1000 + r.IntN(size-1000))}
				}
				_, err := h.Admin.CopyPart(ctx, into, u.ID, req)
				expected(err)
			}
		}))
	}
	all.Go(run(5, func(ctx context.Context, r *rand.Rand) {
		if id, ok := some(r); ok {
			_, err := h.Admin.CompleteUpload(ctx, into, id, []core.CompletePart{{Number: 1 + r.IntN(2)}}, core.CompleteOptions{Size: -1})
			expected(err, core.InvalidPart)
		}
	}))
	all.Go(run(6, func(ctx context.Context, r *rand.Rand) {
		if id, ok := some(r); ok && r.IntN(3) == 0 {
			expected(h.Admin.AbortUpload(ctx, into, id))
		}
		reader, err := h.Admin.OpenObject(ctx, into.Bucket, into.Key, core.GetOptions{})
		if expected(err); err != nil {
			return
		}
		got, err := io.ReadAll(reader.Body)
		if err = errors.Join(err, reader.Body.Close()); err != nil || len(bytes.Trim(got, string(got[:1]))) > 0 {
			t.Errorf("seed %d: %d bytes, %v, want equal ones", seed, len(got), err)
		}
	}))
	all.Go(run(7, func(ctx context.Context, _ *rand.Rand) {
		if _, err := h.runner().Collect(ctx, upkeep.CollectOptions{Now: true}); err != nil {
			t.Errorf("seed %d: Collect() = %v", seed, err)
		}
	}))
	all.Wait()
	h.tidyAfterAll(uploads, into)
}

// tidyAfterAll deletes everything and wants nothing left.
func (h *house) tidyAfterAll(uploads []core.Upload, into core.Path) {
	h.t.Helper()
	ctx := h.t.Context()
	if err := metatest.Recount(ctx, h.Meta); err != nil {
		h.t.Errorf("Recount = %v", err)
	}
	for _, u := range uploads {
		_ = h.Admin.AbortUpload(ctx, into, u.ID) // many are gone
	}
	for _, bucket := range []string{"bkt", "other"} {
		page, err := h.Admin.ListVersions(ctx, bucket, core.VersionListOptions{Limit: 1000})
		if err != nil {
			h.t.Fatal(err)
		}
		for _, v := range page.Items {
			if _, err := h.Admin.DeleteObject(ctx, bucket, v.Key, core.DeleteOptions{VersionID: v.Version.VersionID()}); err != nil {
				h.t.Error(err)
			}
		}
	}
	for range 2 {
		if _, err := h.runner().Collect(ctx, upkeep.CollectOptions{Now: true}); err != nil {
			h.t.Error(err)
		}
	}
	if n, left := len(h.blobs()), h.stored(); n != 0 || len(left) != 0 {
		h.t.Errorf("%d blobs and %d shards are left of nothing", n, len(left))
	}
	h.tidy()
}
