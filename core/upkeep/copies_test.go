package upkeep_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"trivium/core"
	"trivium/core/content"
	"trivium/core/meta/metatest"
	"trivium/core/upkeep"
)

// attack are workers that copy parts and disturb each other.
type attack struct {
	*house
	seed    uint64
	into    core.Path // the key of all uploads
	mu      sync.Mutex
	uploads []core.Upload
}

// TestCopiedPartsUnderAttack copies parts from sources that are overwritten, deleted and collected meanwhile, into
// uploads that others complete and abort. What is read is whole, and once all is deleted nothing is left.
func TestCopiedPartsUnderAttack(t *testing.T) {
	a := &attack{house: newHouse(t, 1, content.Policy{}), seed: rand.Uint64(), into: core.Path{Bucket: "bkt", Key: "into"}}
	t.Logf("seed %d", a.seed)
	if _, err := a.Bucket(t.Context(), "other", core.VersioningEnabled, core.BucketPolicy{}); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for n, step := range []func(context.Context, *rand.Rand){a.write, a.remove, a.copy, a.copy, a.complete, a.abort, a.read, a.collect} {
		r := rand.New(rand.NewPCG(a.seed, uint64(n)))
		all.Go(func() {
			for range 60 {
				step(t.Context(), r)
			}
		})
	}
	all.Wait()
	a.tidyAfterAll(a.uploads, a.into)
}

// expected fails the test for errors that are none of what others may do meanwhile.
func (a *attack) expected(err error, codes ...core.Code) {
	a.t.Helper()
	may := append(codes, core.NoSuchKey, core.NoSuchUpload, core.Conflict)
	if err != nil && !slices.Contains(may, core.CodeOf(err)) {
		a.t.Errorf("seed %d: %v (code %d)", a.seed, err, core.CodeOf(err))
	}
}

// source is a key to copy from.
func (a *attack) source(r *rand.Rand) core.Path {
	return core.Path{Bucket: []string{"bkt", "other"}[r.IntN(2)], Key: fmt.Sprintf("source%d", r.IntN(3))}
}

// some is an upload that was begun.
func (a *attack) some(r *rand.Rand) (string, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.uploads) == 0 {
		return "", false
	}
	return a.uploads[r.IntN(len(a.uploads))].ID, true
}

// write overwrites a source with equal bytes throughout, so that mixing shows.
func (a *attack) write(ctx context.Context, r *rand.Rand) {
	p := a.source(r)
	data := bytes.Repeat([]byte{byte(r.IntN(256))}, size+r.IntN(3))
	_, err := a.Admin.PutObject(ctx, p.Bucket, p.Key, bytes.NewReader(data), int64(len(data)), core.PutOptions{})
	a.expected(err)
}

// remove deletes a source.
func (a *attack) remove(ctx context.Context, r *rand.Rand) {
	p := a.source(r)
	_, err := a.Admin.DeleteObject(ctx, p.Bucket, p.Key, core.DeleteOptions{})
	a.expected(err)
}

// copy begins an upload and copies two parts.
func (a *attack) copy(ctx context.Context, r *rand.Rand) {
	u, err := a.Admin.CreateUpload(ctx, a.into, core.PutOptions{}, core.Checksum{})
	if err != nil {
		a.t.Error(err)
		return
	}
	a.mu.Lock()
	a.uploads = append(a.uploads, u)
	a.mu.Unlock()
	for number := range 2 {
		req := core.PartCopy{Number: number + 1, Source: a.source(r)}
		if r.IntN(2) == 0 {
			req.Range = &core.Range{First: int64(r.IntN(100)), Last: int64(1000 + r.IntN(size-1000))}
		}
		_, err := a.Admin.CopyPart(ctx, a.into, u.ID, req)
		a.expected(err)
	}
}

// complete completes an upload of one part.
func (a *attack) complete(ctx context.Context, r *rand.Rand) {
	if id, ok := a.some(r); ok {
		_, err := a.Admin.CompleteUpload(ctx, a.into, id, []core.CompletePart{{Number: 1 + r.IntN(2)}}, core.CompleteOptions{Size: -1})
		a.expected(err, core.InvalidPart)
	}
}

// abort aborts an upload now and then.
func (a *attack) abort(ctx context.Context, r *rand.Rand) {
	if id, ok := a.some(r); ok && r.IntN(3) == 0 {
		a.expected(a.Admin.AbortUpload(ctx, a.into, id))
	}
}

// read reads what was completed, whose bytes are equal.
func (a *attack) read(ctx context.Context, _ *rand.Rand) {
	reader, err := a.Admin.OpenObject(ctx, a.into.Bucket, a.into.Key, core.GetOptions{})
	if a.expected(err); err != nil {
		return
	}
	got, err := io.ReadAll(reader.Body)
	if err = errors.Join(err, reader.Body.Close()); err != nil || len(bytes.Trim(got, string(got[:1]))) > 0 {
		a.t.Errorf("seed %d: %d bytes, %v, want equal ones", a.seed, len(got), err)
	}
}

// collect collects garbage.
func (a *attack) collect(ctx context.Context, _ *rand.Rand) {
	if _, err := a.runner().Collect(ctx, upkeep.CollectOptions{Now: true}); err != nil {
		a.t.Errorf("seed %d: Collect() = %v", a.seed, err)
	}
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
