package upkeep_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/minio/crc64nvme"

	"trivium/core"
	"trivium/core/content"
	"trivium/core/coretest"
	"trivium/core/meta/metatest"
	"trivium/core/upkeep"
	"trivium/drivers"
)

const size = 100 << 10 // stored as a blob, not inline

// house is a Service with a bucket and a clock that tests move.
type house struct {
	*coretest.Env
	t     *testing.T
	shift time.Duration
}

func newHouse(t *testing.T, spaces int, policy content.Policy) *house {
	h := &house{t: t}
	h.Env = coretest.New(t, coretest.Options{
		Spaces: spaces,
		Now:    func() time.Time { return time.Now().Add(h.shift) },
	})
	if _, err := h.Bucket(t.Context(), "bkt", core.VersioningOff, core.BucketPolicy{Redundancy: policy}); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) runner() *upkeep.Runner { return upkeep.New(h.Service.Maintenance()) }

func (h *house) put(key string, data []byte) {
	h.t.Helper()
	_, err := h.Admin.PutObject(h.t.Context(), "bkt", key, bytes.NewReader(data), int64(len(data)), core.PutOptions{})
	if err != nil {
		h.t.Fatalf("PutObject(%q) = %v", key, err)
	}
}

func (h *house) check(key string, want []byte) {
	h.t.Helper()
	r, err := h.Admin.OpenObject(h.t.Context(), "bkt", key, core.GetOptions{})
	if err != nil {
		h.t.Fatalf("OpenObject(%q) = %v", key, err)
	}
	defer r.Body.Close()
	got, err := io.ReadAll(r.Body)
	if err != nil || !bytes.Equal(got, want) {
		h.t.Fatalf("read %q = %d bytes, %v; want the %d bytes that were put", key, len(got), err, len(want))
	}
}

// stored lists the shard names of every space; named those that layouts name.
func (h *house) stored() []string {
	h.t.Helper()
	names := []string{}
	for _, sp := range h.Service.Maintenance().Spaces.All() {
		for info, err := range sp.Driver.List(h.t.Context(), content.ShardPrefix(sp.WorkingDir), drivers.ListOptions{Recursive: true}) {
			if err != nil {
				h.t.Fatal(err)
			}
			if !info.IsDir {
				names = append(names, info.Name)
			}
		}
	}
	slices.Sort(names)
	return names
}

func (h *house) blobs() []core.Blob {
	h.t.Helper()
	var blobs []core.Blob
	err := h.Meta.View(h.t.Context(), func(ctx context.Context, tx core.MetaTx) error {
		var err error
		blobs, err = tx.Blobs(ctx, content.BlobID{}, 1000)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return blobs
}

func (h *house) named() []string {
	h.t.Helper()
	names := []string{}
	m := h.Service.Maintenance()
	for _, b := range h.blobs() {
		for p := range b.Layout.Places() {
			if sp, ok := m.Spaces.Get(p.Space); ok {
				names = append(names, content.ShardName(sp.WorkingDir, b.ID, p))
			}
		}
	}
	slices.Sort(names)
	return names
}

// tidy checks that the spaces hold what layouts name and nothing else, and that all counts are right.
func (h *house) tidy() {
	h.t.Helper()
	if diff := cmp.Diff(h.named(), h.stored()); diff != "" {
		h.t.Errorf("names in layouts against names in spaces (-layouts +spaces):\n%s", diff)
	}
	if err := metatest.Recount(h.t.Context(), h.Meta); err != nil {
		h.t.Errorf("Recount = %v", err)
	}
}

func (h *house) collect(opts upkeep.CollectOptions) upkeep.Report {
	h.t.Helper()
	rep, err := h.runner().All(h.t.Context(), opts)
	if err != nil {
		h.t.Fatalf("All = %v", err)
	}
	return rep
}

func TestCollectDeletesWhatWasOverwritten(t *testing.T) {
	h := newHouse(t, 1, content.Policy{})
	first, second := coretest.Bytes(1, size), coretest.Bytes(2, size)
	h.put("a", first)
	h.put("a", second)
	if got := len(h.stored()); got != 2 {
		t.Fatalf("%d shards before collection, want 2", got)
	}
	if rep := h.collect(upkeep.CollectOptions{}); rep.Claimed != 1 || rep.Shards != 0 || rep.Waiting != 1 {
		t.Errorf("collect = %+v, want 1 blob claimed and waiting, and nothing deleted within the hour", rep)
	}
	h.shift = time.Hour + time.Minute
	if rep := h.collect(upkeep.CollectOptions{}); rep.Blobs != 1 || rep.Shards != 1 {
		t.Errorf("collect an hour later = %+v, want 1 shard deleted", rep)
	}
	h.check("a", second)
	h.tidy()
}

func TestCollectNowSkipsTheWait(t *testing.T) {
	h := newHouse(t, 1, content.Policy{})
	h.put("a", coretest.Bytes(1, size))
	if _, err := h.Admin.DeleteObject(t.Context(), "bkt", "a", core.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if rep := h.collect(upkeep.CollectOptions{Now: true}); rep.Shards != 1 {
		t.Errorf("collect = %+v, want 1 shard deleted", rep)
	}
	if got := h.stored(); len(got) != 0 {
		t.Errorf("stored %v after everything was deleted", got)
	}
	h.tidy()
}

func TestOpenReaderKeepsItsShards(t *testing.T) {
	h := newHouse(t, 1, content.Policy{})
	data := coretest.Bytes(1, 3<<20)
	h.put("a", data)
	r, err := h.Admin.OpenObject(t.Context(), "bkt", "a", core.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Admin.DeleteObject(t.Context(), "bkt", "a", core.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if rep := h.collect(upkeep.CollectOptions{Now: true}); rep.Shards != 0 || rep.Waiting != 1 {
		t.Errorf("collect beside an open reader = %+v, want 1 waiting", rep)
	}
	got, err := io.ReadAll(r.Body)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("read of a deleted object by its open reader = %d bytes, %v", len(got), err)
	}
	r.Body.Close()
	if rep := h.collect(upkeep.CollectOptions{Now: true}); rep.Shards == 0 {
		t.Errorf("collect after the reader closed = %+v, want its shards deleted", rep)
	}
	h.tidy()
}

// orphan writes a blob that no commit will refer to and lets its writer die.
func (h *house) orphan() {
	h.t.Helper()
	m := h.Service.Maintenance()
	w, err := m.Content.Put(h.t.Context(), bytes.NewReader(coretest.Bytes(9, size)), content.PutRequest{
		Target: content.Target{Spaces: []content.SpaceID{m.Spaces.All()[0].ID}}, Size: size,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	w.Close()
}

func TestOrphansOfTheDeadAreDeleted(t *testing.T) {
	h := newHouse(t, 1, content.Policy{})
	h.put("kept", coretest.Bytes(1, size))
	h.orphan()
	if rep := h.collect(upkeep.CollectOptions{Now: true}); rep.Orphans != 0 {
		t.Errorf("collect while the writer lives = %+v, want no orphan", rep)
	}
	if err := h.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rep := h.collect(upkeep.CollectOptions{}); rep.Orphans != 0 || rep.Sighted != 1 {
		t.Errorf("first sighting = %+v, want 1 sighted", rep)
	}
	h.shift = 2 * time.Hour
	if rep := h.collect(upkeep.CollectOptions{}); rep.Orphans != 0 {
		t.Errorf("second sighting of a young orphan = %+v, want it kept", rep)
	}
	h.shift = 25 * time.Hour
	if rep := h.collect(upkeep.CollectOptions{}); rep.Orphans != 1 {
		t.Errorf("second sighting after 25 h = %+v, want 1 deleted", rep)
	}
	h.check("kept", coretest.Bytes(1, size))
	h.tidy()
}

func TestOrphansNow(t *testing.T) {
	h := newHouse(t, 1, content.Policy{})
	h.orphan()
	if err := h.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rep := h.collect(upkeep.CollectOptions{Now: true}); rep.Orphans != 1 {
		t.Errorf("collect = %+v, want 1 orphan deleted", rep)
	}
	h.tidy()
}

// TestProbeOfTheDeadIsDeleted: a kill between the two steps of a probe leaves its file among the shards.
func TestProbeOfTheDeadIsDeleted(t *testing.T) {
	h := newHouse(t, 1, content.Policy{})
	h.put("kept", coretest.Bytes(1, size))
	sp := h.Service.Maintenance().Spaces.All()[0]
	name := content.ProbeName(sp.WorkingDir)
	if err := sp.Driver.Put(t.Context(), name, bytes.NewReader(nil), 0, drivers.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(h.stored(), name) {
		t.Fatalf("stored are %v, want %s among them", h.stored(), name)
	}
	if rep := h.collect(upkeep.CollectOptions{}); rep.Orphans != 0 || rep.Sighted != 0 {
		t.Errorf("collect = %+v, want no shard in it", rep)
	}
	h.check("kept", coretest.Bytes(1, size))
	h.tidy()
}

// notes counts what is remembered about orphans seen once.
func (h *house) notes() int {
	h.t.Helper()
	var jobs []core.Job
	err := h.Meta.View(h.t.Context(), func(ctx context.Context, tx core.MetaTx) error {
		var err error
		jobs, err = tx.Jobs(ctx, "orphan/", 1000)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return len(jobs)
}

func TestSightingsAreForgotten(t *testing.T) {
	h := newHouse(t, 1, content.Policy{})
	h.orphan()
	if err := h.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.collect(upkeep.CollectOptions{})
	if got := h.notes(); got != 1 {
		t.Fatalf("%d notes after the first sighting, want 1", got)
	}
	h.collect(upkeep.CollectOptions{Now: true})
	if got := h.notes(); got != 0 {
		t.Errorf("%d notes after the orphan was deleted at once, want 0", got)
	}
	h.orphan()
	if err := h.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.collect(upkeep.CollectOptions{})
	sp := h.Service.Maintenance().Spaces.All()[0]
	for _, name := range h.stored() { // somebody else cleans up
		if err := sp.Driver.Delete(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	h.shift = 73 * time.Hour
	h.collect(upkeep.CollectOptions{})
	if got := h.notes(); got != 0 {
		t.Errorf("%d notes about an orphan that vanished days ago, want 0", got)
	}
}

func TestSweepAbortsIdleUploadsOnly(t *testing.T) {
	h := newHouse(t, 1, content.Policy{})
	ctx := t.Context()
	p := core.Path{Bucket: "bkt", Key: "big"}
	part := func(id string, n int) {
		t.Helper()
		data := coretest.Bytes(uint64(n), size)
		_, _, err := h.Admin.PutPart(ctx, p, id, core.PartRequest{Number: n, Body: bytes.NewReader(data), Size: size})
		if err != nil {
			t.Fatal(err)
		}
	}
	idle, err := h.Admin.CreateUpload(ctx, p, core.PutOptions{}, core.Checksum{})
	if err != nil {
		t.Fatal(err)
	}
	live, err := h.Admin.CreateUpload(ctx, p, core.PutOptions{}, core.Checksum{})
	if err != nil {
		t.Fatal(err)
	}
	part(idle.ID, 1)
	part(live.ID, 1)
	h.shift = 8 * 24 * time.Hour
	part(live.ID, 2)
	if rep, err := h.runner().Sweep(ctx); err != nil || rep.Swept != 1 {
		t.Errorf("Sweep = %+v, %v, want 1 upload aborted", rep, err)
	}
	if _, err := h.Admin.Upload(ctx, p, idle.ID); core.CodeOf(err) != core.NoSuchUpload {
		t.Errorf("Upload of the idle one = %v, want NoSuchUpload", err)
	}
	if _, err := h.Admin.Upload(ctx, p, live.ID); err != nil {
		t.Errorf("Upload of the one in use = %v", err)
	}
	// What was idle when it was listed, but not any more, is left alone.
	if aborted, err := h.Service.Maintenance().AbortIdle(ctx, live, idle.CreateTime); err != nil || aborted {
		t.Errorf("AbortIdle of an upload in use = %v, %v, want false", aborted, err)
	}
}

// TestDeletedBucketEndsItsUploads deletes a bucket that holds nothing but an upload: the content of its parts goes.
func TestDeletedBucketEndsItsUploads(t *testing.T) {
	h := newHouse(t, 1, content.Policy{})
	ctx := t.Context()
	p := core.Path{Bucket: "bkt", Key: "big"}
	u, err := h.Admin.CreateUpload(ctx, p, core.PutOptions{}, core.Checksum{})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		req := core.PartRequest{Number: n + 1, Body: bytes.NewReader(coretest.Bytes(uint64(n), size)), Size: size}
		if _, _, err := h.Admin.PutPart(ctx, p, u.ID, req); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Admin.DeleteBucket(ctx, "bkt", false); err != nil {
		t.Fatalf("DeleteBucket with an upload = %v", err)
	}
	if _, err := h.Admin.Upload(ctx, p, u.ID); core.CodeOf(err) != core.NoSuchBucket {
		t.Errorf("Upload in a deleted bucket = %v, want NoSuchBucket", err)
	}
	if rep := h.collect(upkeep.CollectOptions{Now: true}); rep.Shards != 3 {
		t.Errorf("collect = %+v, want the 3 shards of the parts deleted", rep)
	}
	if got := h.stored(); len(got) != 0 {
		t.Errorf("stored %v after the bucket was deleted", got)
	}
	h.tidy()
}

func TestRepairRebuildsALostShard(t *testing.T) {
	policies := map[string]struct {
		policy content.Policy
		spaces int
	}{
		"ec(2,3)": {content.Policy{Redundancy: content.ErasureCoded, K: 2, N: 3, ChunkSize: 64 << 10}, 3},
		"rep 2":   {content.Policy{Redundancy: content.Copies, K: 1, N: 2}, 2},
	}
	for name, c := range policies {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, c.spaces, c.policy)
			data := coretest.Bytes(3, 3<<20)
			h.put("a", data)
			b := h.blobs()[0]
			h.lose(b, content.ShardRef{Segment: 0, Index: 0})
			h.check("a", data) // degraded
			err := h.Meta.Update(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
				return tx.PutRepair(ctx, core.RepairRow{Blob: b.ID, Reason: "test"})
			})
			if err != nil {
				t.Fatal(err)
			}
			rep, err := h.runner().Repair(t.Context())
			if err != nil || rep.Repaired < 1 || rep.Failed != 0 {
				t.Fatalf("Repair = %+v, %v, want a shard repaired", rep, err)
			}
			if got := h.blobs()[0].Layout.Place(0, 0).Generation; got != 1 {
				t.Errorf("generation of the rebuilt shard = %d, want 1", got)
			}
			h.lose(b, content.ShardRef{Segment: 0, Index: 1})
			h.check("a", data)
		})
	}
}

// lose deletes a shard behind the Service's back.
func (h *house) lose(b core.Blob, ref content.ShardRef) {
	h.t.Helper()
	p := b.Layout.Place(ref.Segment, ref.Index)
	sp, _ := h.Service.Maintenance().Spaces.Get(p.Space)
	name := content.ShardName(sp.WorkingDir, b.ID, p)
	if _, err := sp.Driver.Stat(h.t.Context(), name); err != nil {
		h.t.Fatalf("shard to lose: %v", err)
	}
	if err := sp.Driver.Delete(h.t.Context(), name); err != nil {
		h.t.Fatal(err)
	}
}

func TestRepairLeavesIntactShardsAlone(t *testing.T) {
	h := newHouse(t, 1, content.Policy{})
	h.put("a", coretest.Bytes(1, size))
	b := h.blobs()[0]
	err := h.Meta.Update(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
		return tx.PutRepair(ctx, core.RepairRow{Blob: b.ID, Reason: "a read that met a space in trouble"})
	})
	if err != nil {
		t.Fatal(err)
	}
	if rep, err := h.runner().Repair(t.Context()); err != nil || rep.Repaired != 0 || rep.Failed != 0 {
		t.Errorf("Repair of an intact only copy = %+v, %v, want nothing to do", rep, err)
	}
	var rows []core.RepairRow
	err = h.Meta.View(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
		var err error
		rows, err = tx.Repairs(ctx, core.RepairQuery{Due: 1 << 62, Limit: 10})
		return err
	})
	if err != nil || len(rows) != 0 {
		t.Errorf("repair rows afterwards = %v, %v, want none", rows, err)
	}
	h.tidy()
}

func TestRepairThatCannotSucceedWaits(t *testing.T) {
	h := newHouse(t, 1, content.Policy{})
	h.put("a", coretest.Bytes(1, size))
	b := h.blobs()[0]
	h.lose(b, content.ShardRef{})
	err := h.Meta.Update(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
		return tx.PutRepair(ctx, core.RepairRow{Blob: b.ID, Reason: "test"})
	})
	if err != nil {
		t.Fatal(err)
	}
	if rep, err := h.runner().Repair(t.Context()); err != nil || rep.Failed != 1 || rep.Repaired != 0 {
		t.Errorf("Repair of a lost only copy = %+v, %v, want 1 failed", rep, err)
	}
	if rep, err := h.runner().Repair(t.Context()); err != nil || rep.Failed != 0 {
		t.Errorf("Repair again at once = %+v, %v, want the row to wait", rep, err)
	}
}

// buffer puts an object whose blob waits in the metadata store.
func (h *house) buffer(key string, data []byte) {
	h.t.Helper()
	h.put(key, data)
	m := h.Service.Maintenance()
	id, err := m.NextIDs(h.t.Context(), "inline", 1)
	if err != nil {
		h.t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	err = h.Meta.Update(h.t.Context(), func(ctx context.Context, tx core.MetaTx) error {
		e, _, err := tx.Entry(ctx, mustBucket(ctx, h.t, tx), key)
		if err != nil {
			return err
		}
		l, _, err := tx.ListByID(ctx, e.Version.Content.ID, core.ListRead{Length: -1})
		if err != nil {
			return err
		}
		b, _, err := tx.Blob(ctx, l.Extents[0].Blob)
		if err != nil {
			return err
		}
		b.State, b.Buffer, b.SHA256, b.HasSHA256 = core.BlobBuffered, id, sum, true
		if err := tx.PutInline(ctx, id, crc64nvme.Update(crc64nvme.Update(0, binary.BigEndian.AppendUint64(nil, uint64(id))), data), data); err != nil {
			return err
		}
		return tx.PutBlob(ctx, b)
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func mustBucket(ctx context.Context, t *testing.T, tx core.MetaTx) int64 {
	t.Helper()
	b, ok, err := tx.BucketByName(ctx, "bkt")
	if err != nil || !ok {
		t.Fatalf("BucketByName = %v, %v", ok, err)
	}
	return b.ID
}

func TestPackMovesBufferedBlobs(t *testing.T) {
	h := newHouse(t, 3, content.Policy{Redundancy: content.ErasureCoded, K: 2, N: 3, ChunkSize: 64 << 10})
	want := map[string][]byte{}
	for i, key := range []string{"a", "b", "c", "d"} {
		want[key] = coretest.Bytes(uint64(i+1), 20<<10+i)
		h.buffer(key, want[key])
	}
	for key, data := range want {
		h.check(key, data)
	}
	rep, err := h.runner().Pack(t.Context())
	if err != nil || rep.Packed != len(want) {
		t.Fatalf("Pack = %+v, %v, want %d packed", rep, err, len(want))
	}
	for key, data := range want {
		h.check(key, data)
	}
	if err := metatest.Recount(t.Context(), h.Meta); err != nil {
		t.Errorf("Recount = %v", err)
	}
	for key := range want {
		if _, err := h.Admin.DeleteObject(t.Context(), "bkt", key, core.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	h.collect(upkeep.CollectOptions{Now: true}) // the members
	h.collect(upkeep.CollectOptions{Now: true}) // their pack
	if got := h.blobs(); len(got) != 0 {
		t.Errorf("%d blobs left after all members went, want none", len(got))
	}
}

// spoil flips a bit of every buffered blob of that content, or flips it back. Only the sum of the row tells.
func (h *house) spoil(data []byte) {
	h.t.Helper()
	err := h.Meta.Update(h.t.Context(), func(ctx context.Context, tx core.MetaTx) error {
		blobs, err := tx.BlobsIn(ctx, core.BlobBuffered, 0, 1000)
		for _, b := range blobs {
			if b.Size != int64(len(data)) {
				continue
			}
			kept, sum, _, err := tx.Inline(ctx, b.Buffer)
			if err != nil {
				return err
			}
			kept = bytes.Clone(kept)
			kept[0] ^= 1
			if err := tx.PutInline(ctx, b.Buffer, sum, kept); err != nil {
				return err
			}
			b.HasSHA256 = false
			if err := tx.PutBlob(ctx, b); err != nil {
				return err
			}
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// A damaged buffered blob stays where it is, and neither stops the others nor makes the store a damaged one.
func TestPackLeavesDamagedBlobs(t *testing.T) {
	h := newHouse(t, 1, content.Policy{})
	first, second, third := coretest.Bytes(1, 20<<10), coretest.Bytes(2, 20<<10+1), coretest.Bytes(3, 20<<10+2)
	h.buffer("a", first)
	h.buffer("b", second)
	h.spoil(first)
	r := h.runner()
	pack := func(packed, failed int) {
		t.Helper()
		rep, err := r.Pack(t.Context())
		if err != nil || rep.Packed != packed || rep.Failed != failed {
			t.Errorf("Pack = %+v, %v, want %d packed and %d failed", rep, err, packed, failed)
		}
		if err := h.Service.Ready(t.Context()); err != nil {
			t.Errorf("Ready = %v, want nil", err)
		}
	}
	pack(1, 1)
	h.check("b", second)
	pack(0, 1)
	h.buffer("c", third)
	pack(1, 1)
	h.spoil(first) // whole again
	pack(1, 0)
	for key, data := range map[string][]byte{"a": first, "b": second, "c": third} {
		h.check(key, data)
	}
}

// TestCollectDeadLists deletes an object of many parts: collecting takes its list apart and removes its shards.
func TestCollectDeadLists(t *testing.T) {
	h := newHouse(t, 1, content.Policy{})
	p := core.Path{Bucket: "bkt", Key: "k"}
	u, err := h.Admin.CreateUpload(t.Context(), p, core.PutOptions{}, core.Checksum{})
	if err != nil {
		t.Fatal(err)
	}
	const parts = core.ShortList + 1
	var named []core.CompletePart
	for n := range parts {
		body := bytes.NewReader(coretest.Bytes(uint64(n), 1000))
		if _, _, err := h.Admin.PutPart(t.Context(), p, u.ID, core.PartRequest{Number: n + 1, Body: body, Size: 1000}); err != nil {
			t.Fatal(err)
		}
		named = append(named, core.CompletePart{Number: n + 1})
	}
	if _, err := h.Admin.CompleteUpload(t.Context(), p, u.ID, named, core.CompleteOptions{Size: -1}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Admin.DeleteObject(t.Context(), "bkt", "k", core.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	rep, err := h.runner().Collect(t.Context(), upkeep.CollectOptions{Now: true})
	if err != nil || rep.Claimed != parts || rep.Blobs != parts || len(h.stored()) != 0 {
		t.Errorf("Collect() = %+v, %v, %d shards are left", rep, err, len(h.stored()))
	}
	if err := metatest.Recount(t.Context(), h.Meta); err != nil {
		t.Error(err)
	}
}
