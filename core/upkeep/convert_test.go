package upkeep_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"trivium/core"
	"trivium/core/content"
	"trivium/core/coretest"
	"trivium/core/meta/metatest"
	"trivium/core/upkeep"
)

// layouts counts blobs by how they are kept.
func (h *house) layouts() map[string]int {
	h.t.Helper()
	found := map[string]int{}
	for _, b := range h.blobs() {
		if b.Refs > 0 {
			found[fmt.Sprintf("%v %d/%d", b.Layout.Redundancy, b.Layout.K, b.Layout.N)]++
		}
	}
	return found
}

// convert runs until nothing is left to do.
func (h *house) convert() upkeep.Report {
	h.t.Helper()
	rep, err := h.runner().Convert(h.t.Context())
	if err != nil {
		h.t.Fatalf("Convert = %v", err)
	}
	return rep
}

// TestConvert: a policy that changes changes what is there, small and large, old versions and those in parts; nothing of
// what doors show changes.
func TestConvert(t *testing.T) {
	h := newHouse(t, 6, content.Policy{})
	ctx := t.Context()
	v := core.VersioningEnabled
	if err := h.Admin.SetRules(ctx, "bkt", core.BucketRules{Versioning: &v}); err != nil {
		t.Fatal(err)
	}
	small, large, old := coretest.Bytes(1, 100), coretest.Bytes(2, 3<<20), coretest.Bytes(3, 200<<10)
	h.put("small", small)
	h.put("large", old)
	h.put("large", large)
	h.put("empty", nil)
	h.put("gone", old)
	if _, err := h.Admin.DeleteObject(ctx, "bkt", "gone", core.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	h.parts("parts", large)
	before := h.entries()
	ec := content.Policy{Redundancy: content.ErasureCoded, K: 4, N: 6}
	if err := h.Admin.SetPolicy(ctx, "bkt", core.BucketPolicy{Redundancy: ec}); err != nil {
		t.Fatal(err)
	}
	if rep := h.convert(); rep.Converted != 5 || rep.Failed != 0 {
		t.Errorf("converted %+v, want 5 versions", rep)
	}
	// 3 MiB are coded, what is shorter is kept as 3 copies.
	for kind := range h.layouts() {
		if kind != "ec 4/6" && kind != "rep 1/3" {
			t.Errorf("blobs are kept as %v", h.layouts())
		}
	}
	h.check("small", small)
	h.check("large", large)
	h.check("parts", large)
	h.secondPart("parts", large)
	h.sameEntries(before)
	if rep := h.convert(); rep.Converted != 0 {
		t.Errorf("converted once more: %+v", rep)
	}
	h.collect(upkeep.CollectOptions{Now: true})
	h.tidy()

	// And back.
	if err := h.Admin.SetPolicy(ctx, "bkt", core.BucketPolicy{}); err != nil {
		t.Fatal(err)
	}
	if rep := h.convert(); rep.Converted != 5 || rep.Failed != 0 {
		t.Errorf("converted back %+v, want 5 versions", rep)
	}
	h.check("small", small)
	h.check("large", large)
	h.check("parts", large)
	h.secondPart("parts", large)
	h.sameEntries(before)
	h.collect(upkeep.CollectOptions{Now: true})
	h.tidy()
}

// parts completes an upload of two parts with that content.
func (h *house) parts(key string, data []byte) {
	h.t.Helper()
	ctx, p := h.t.Context(), core.Path{Bucket: "bkt", Key: key}
	up, err := h.Admin.CreateUpload(ctx, p, core.PutOptions{}, core.Checksum{})
	if err != nil {
		h.t.Fatal(err)
	}
	var named []core.CompletePart
	for i, part := range [][]byte{data[:len(data)/2], data[len(data)/2:]} {
		got, _, err := h.Admin.PutPart(ctx, p, up.ID, core.PartRequest{Number: i + 1, Body: bytes.NewReader(part), Size: int64(len(part))})
		if err != nil {
			h.t.Fatal(err)
		}
		named = append(named, core.CompletePart{Number: i + 1, ETag: got.ETag})
	}
	if _, err = h.Admin.CompleteUpload(ctx, p, up.ID, named, core.CompleteOptions{Size: -1}); err != nil {
		h.t.Fatal(err)
	}
	h.secondPart(key, data)
}

// secondPart reads the second of two parts.
func (h *house) secondPart(key string, data []byte) {
	h.t.Helper()
	r, err := h.Admin.OpenObject(h.t.Context(), "bkt", key, core.GetOptions{PartNumber: 2})
	if err != nil {
		h.t.Fatal(err)
	}
	defer r.Body.Close()
	got, err := io.ReadAll(r.Body)
	if err != nil || !bytes.Equal(got, data[len(data)/2:]) {
		h.t.Errorf("part 2 of %s: %d bytes, %v", key, len(got), err)
	}
}

// entries are all entries with what doors show of them.
func (h *house) entries() map[string]string {
	h.t.Helper()
	all := map[string]string{}
	b, err := h.Admin.Bucket(h.t.Context(), "bkt")
	if err != nil {
		h.t.Fatal(err)
	}
	err = h.Meta.View(h.t.Context(), func(ctx context.Context, tx core.MetaTx) error {
		items, err := tx.List(ctx, core.ListQuery{BucketID: b.ID, Limit: 1000, Which: core.LiveAndHidden})
		for i := range items {
			e := items[i].Entry
			e.Version.Content = core.ContentRef{}
			all[e.Key] = fmt.Sprintf("%+v", e)
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return all
}

// sameEntries compares entries with what they were.
func (h *house) sameEntries(before map[string]string) {
	h.t.Helper()
	for key, now := range h.entries() {
		if before[key] != now {
			h.t.Errorf("%s was\n%s, is\n%s", key, before[key], now)
		}
	}
}

// TestConvertBesideWrites: what is overwritten or deleted while it is converted stays as it was made.
func TestConvertBesideWrites(t *testing.T) {
	var h *house
	during := func() {}
	h = &house{t: t}
	h.Env = coretest.New(t, coretest.Options{
		Spaces: 3, Now: func() time.Time { return time.Now().Add(h.shift) },
		Hook: func(point string) {
			if point == "convert.commit.before" {
				during()
			}
		},
	})
	if _, err := h.Bucket(t.Context(), "bkt", core.VersioningOff, core.BucketPolicy{}); err != nil {
		t.Fatal(err)
	}
	first, second := coretest.Bytes(1, size), coretest.Bytes(2, size)
	h.put("over", first)
	h.put("gone", first)
	if err := h.Admin.SetPolicy(t.Context(), "bkt", core.BucketPolicy{Redundancy: content.Policy{Redundancy: content.Copies, N: 2}}); err != nil {
		t.Fatal(err)
	}
	done := 0
	during = func() {
		if done++; done > 1 {
			return
		}
		h.put("over", second)
		if _, err := h.Admin.DeleteObject(t.Context(), "bkt", "gone", core.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	}
	h.convert()
	h.check("over", second)
	h.collect(upkeep.CollectOptions{Now: true})
	h.tidy()
	for kind := range h.layouts() {
		if kind != "rep 1/2" {
			t.Errorf("blobs are kept as %v", h.layouts())
		}
	}
}

// TestDrain moves everything out of a space, which can then be removed.
func TestDrain(t *testing.T) {
	h := newHouse(t, 4, content.Policy{Redundancy: content.ErasureCoded, K: 2, N: 3})
	ctx := t.Context()
	data := make([][]byte, 20)
	for i := range data {
		data[i] = coretest.Bytes(uint64(i), 2<<20)
		h.put(fmt.Sprint(i), data[i])
	}
	state := "draining"
	if _, err := h.Admin.UpdateSpace(ctx, 2, core.SpaceChange{State: &state}); err != nil {
		t.Fatal(err)
	}
	if err := h.Admin.DeleteSpace(ctx, 2, false); core.CodeOf(err) != core.Conflict {
		t.Fatalf("removal of a space in use: %v", err)
	}
	rep, err := h.runner().Drain(ctx)
	if err != nil || rep.Moved == 0 || rep.Failed != 0 {
		t.Fatalf("Drain = %+v, %v", rep, err)
	}
	if rep, err := h.runner().Drain(ctx); err != nil || rep.Moved != 0 {
		t.Errorf("Drain once more = %+v, %v", rep, err)
	}
	h.collect(upkeep.CollectOptions{Now: true})
	h.tidy()
	if err := h.Admin.DeleteSpace(ctx, 2, false); err != nil {
		t.Fatalf("removal of a space that is empty: %v", err)
	}
	for i := range data {
		h.check(fmt.Sprint(i), data[i])
	}
	// Nowhere to go: three spaces are needed and three are left.
	if _, err := h.Admin.UpdateSpace(ctx, 1, core.SpaceChange{State: &state}); err != nil {
		t.Fatal(err)
	}
	if rep, err := h.runner().Drain(ctx); err != nil || rep.Failed != 20 || rep.Moved != 0 {
		t.Errorf("Drain with nowhere to go = %+v, %v", rep, err)
	}
	for i := range data {
		h.check(fmt.Sprint(i), data[i])
	}
}

// TestLostSpace: what a space held that was given up is rebuilt elsewhere, and the space goes with the last of it.
func TestLostSpace(t *testing.T) {
	h := newHouse(t, 4, content.Policy{Redundancy: content.ErasureCoded, K: 2, N: 3})
	ctx := t.Context()
	data := make([][]byte, 10)
	for i := range data {
		data[i] = coretest.Bytes(uint64(i), 2<<20)
		h.put(fmt.Sprint(i), data[i])
	}
	if err := h.Admin.DeleteSpace(ctx, 3, true); err != nil {
		t.Fatal(err)
	}
	for i := range data {
		h.check(fmt.Sprint(i), data[i])
	}
	h.put("more", data[0])
	rep, err := h.runner().Drain(ctx)
	if err != nil || rep.Moved == 0 || rep.Failed != 0 {
		t.Fatalf("Drain = %+v, %v", rep, err)
	}
	if _, err := h.Admin.Space(ctx, 3); core.CodeOf(err) != core.NotFound {
		t.Errorf("the space that was given up: %v", err)
	}
	for _, b := range h.blobs() {
		for p := range b.Layout.Places() {
			if p.Space == 3 && b.Refs > 0 {
				t.Errorf("blob %v is still said to be in it", b.ID)
			}
		}
	}
	for i := range data {
		h.check(fmt.Sprint(i), data[i])
	}
	h.collect(upkeep.CollectOptions{Now: true})
	if err := metatest.Recount(ctx, h.Meta); err != nil {
		t.Errorf("Recount = %v", err)
	}
}

// TestLostSpaces: a blob in two of them is moved out of both, also when one of its shards has nowhere to go yet; a space of
// which the last content was deleted goes as well.
func TestLostSpaces(t *testing.T) {
	h := newHouse(t, 4, content.Policy{Redundancy: content.Copies, N: 3})
	ctx := t.Context()
	h.put("a", coretest.Bytes(1, size))
	b := h.blobs()[0]
	for _, id := range b.Layout.Base[:2] { // one space is left that has none of the three
		if err := h.Admin.DeleteSpace(ctx, id, true); err != nil {
			t.Fatal(err)
		}
	}
	rep, err := h.runner().Drain(ctx)
	if err != nil || rep.Moved != 1 || rep.Failed != 1 {
		t.Fatalf("Drain = %+v, %v, want one shard moved and one left", rep, err)
	}
	h.check("a", coretest.Bytes(1, size))
	if err := metatest.Recount(ctx, h.Meta); err != nil {
		t.Errorf("Recount = %v", err)
	}
	if _, err := h.Admin.DeleteObject(ctx, "bkt", "a", core.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	h.collect(upkeep.CollectOptions{Now: true})
	if _, err := h.runner().Drain(ctx); err != nil {
		t.Fatal(err)
	}
	if rows, err := h.Admin.Spaces(ctx); err != nil || len(rows) != 2 {
		t.Errorf("%d spaces are left, %v, want 2", len(rows), err)
	}
}

// TestConvertOfOneBucketThatCannot: one job that fails holds up no other.
func TestConvertOfOneBucketThatCannot(t *testing.T) {
	h := newHouse(t, 3, content.Policy{})
	ctx := t.Context()
	h.put("a", coretest.Bytes(1, size))
	err := h.Meta.Update(ctx, func(ctx context.Context, tx core.MetaTx) error {
		return tx.PutJob(ctx, core.Job{Name: core.ReclassPrefix + "0", State: []byte(`{"bucket":0,"since":1`)}) // cut
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Admin.SetPolicy(ctx, "bkt", core.BucketPolicy{Redundancy: content.Policy{Redundancy: content.Copies, N: 2}}); err != nil {
		t.Fatal(err)
	}
	if rep := h.convert(); rep.Converted != 1 || rep.Failed != 1 {
		t.Errorf("converted %+v, want one version and one failure", rep)
	}
}
