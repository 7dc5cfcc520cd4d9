package upkeep_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trivium/core"
	"trivium/core/content"
	"trivium/core/coretest"
	"trivium/core/upkeep"
	"trivium/drivers"
)

// place is where a shard of a blob lies, and its name there.
func (h *house) place(b *core.Blob, ref content.ShardRef) (drivers.Driver, string) {
	h.t.Helper()
	p := b.Layout.Place(ref.Segment, ref.Index)
	sp, ok := h.Service.Maintenance().Spaces.Get(p.Space)
	if !ok {
		h.t.Fatalf("shard %+v lies in no space", ref)
	}
	return sp.Driver, content.ShardName(sp.WorkingDir, b.ID, p)
}

// damage deletes a shard, cuts it or turns one bit of it.
func (h *house) damage(r *rand.Rand, b *core.Blob, ref content.ShardRef) (missing bool) {
	h.t.Helper()
	d, name := h.place(b, ref)
	rc, err := d.Open(h.t.Context(), name, 0, -1)
	if err != nil {
		h.t.Fatal(err)
	}
	raw, err := io.ReadAll(rc)
	if err != nil || rc.Close() != nil {
		h.t.Fatal(err)
	}
	switch r.IntN(3) {
	case 0:
		if err := d.Delete(h.t.Context(), name); err != nil {
			h.t.Fatal(err)
		}
		return true
	case 1:
		raw = raw[:r.IntN(len(raw))]
	case 2:
		raw[r.IntN(len(raw))] ^= 1 << r.IntN(8)
	}
	if err := d.Put(h.t.Context(), name, bytes.NewReader(raw), int64(len(raw)), drivers.PutOptions{}); err != nil {
		h.t.Fatal(err)
	}
	return false
}

// damageSome damages up to m random shards of every segment of every blob, at least one of each blob.
func (h *house) damageSome(r *rand.Rand, m int) (missing, corrupt int64) {
	h.t.Helper()
	for _, b := range h.blobs() {
		for segment := range b.Layout.Segments() {
			for _, index := range r.Perm(b.Layout.N)[:1+r.IntN(m)] {
				if h.damage(r, &b, content.ShardRef{Segment: segment, Index: index}) {
					missing++
				} else {
					corrupt++
				}
			}
		}
	}
	return missing, corrupt
}

// queued are the rows of the repair queue.
func (h *house) queued() (rows []core.RepairRow) {
	h.t.Helper()
	err := h.Meta.View(h.t.Context(), func(ctx context.Context, tx core.MetaTx) error {
		var err error
		rows, err = tx.Repairs(ctx, core.RepairQuery{Due: math.MaxInt64, Limit: math.MaxInt32})
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return rows
}

// scrub is one pass.
func (h *house) scrub(deep bool) upkeep.Scrubbed {
	h.t.Helper()
	got, err := h.runner().Scrub(h.t.Context(), upkeep.ScrubOptions{Deep: deep})
	if err != nil {
		h.t.Fatalf("Scrub = %v", err)
	}
	return got
}

// TestScrubFindsAllDamage: whatever happens to as many shards of each segment as the policy bears, every read is right,
// one pass finds all of it, and repair restores the whole redundancy.
func TestScrubFindsAllDamage(t *testing.T) {
	objects := 120 / fewer
	if os.Getenv("TRIVIUM_SOAK") != "" {
		objects = 1000
	}
	for name, tt := range map[string]struct {
		policy content.Policy
		m      int
	}{
		"rep(3)":  {content.Policy{Redundancy: content.Copies, N: 3, Strict: true}, 2},
		"ec(3,5)": {content.Policy{Redundancy: content.ErasureCoded, K: 3, N: 5, ChunkSize: 64 << 10, Strict: true}, 2},
		"lrc(4,7)": {content.Policy{
			Redundancy: content.LocallyRepairable, K: 4, N: 7, Groups: []int{2, 2}, ChunkSize: 64 << 10, Strict: true,
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, 8, tt.policy)
			seed := rand.Uint64()
			r := rand.New(rand.NewPCG(seed, 1))
			t.Logf("seed %d", seed)
			want := make(map[string][]byte)
			for i := range objects {
				key, n := fmt.Sprintf("object%04d", i), size+r.IntN(size)
				if i%20 == 0 {
					n = 1 << 20 // several segments
				}
				want[key] = coretest.Bytes(uint64(i), n)
				h.put(key, want[key])
			}
			if got := h.scrub(true); got.Missing+got.Corrupt+got.Unsure+got.Queued+got.Lost != 0 || got.Blobs != int64(objects) {
				t.Fatalf("Scrub of what is whole = %+v", got)
			}
			missing, corrupt := h.damageSome(r, tt.m)
			got := h.scrub(true)
			if got.Missing != missing || got.Corrupt != corrupt || got.Queued != missing+corrupt || got.Unsure+got.Lost != 0 {
				t.Errorf("Scrub = %+v, want %d missing and %d corrupt, all of them queued", got, missing, corrupt)
			}
			for key, data := range want {
				h.check(key, data)
			}
			for len(h.queued()) > 0 {
				if rep, err := h.runner().Repair(t.Context()); err != nil || rep.Failed > 0 {
					t.Fatalf("Repair = %+v, %v", rep, err)
				}
			}
			if got := h.scrub(true); got.Missing+got.Corrupt != 0 {
				t.Errorf("Scrub after Repair = %+v", got)
			}
			h.collect(upkeep.CollectOptions{Now: true})
			h.tidy()
			for key, data := range want {
				h.check(key, data)
			}
		})
	}
}

// TestScrubOfPresence: a list of what is there does not tell what is in it.
func TestScrubOfPresence(t *testing.T) {
	h := newHouse(t, 3, content.Policy{Redundancy: content.Copies, N: 2, Strict: true})
	h.put("a", coretest.Bytes(1, size))
	h.put("b", coretest.Bytes(2, size))
	h.spoilShard(0)
	if got := h.scrub(false); got.Checked != 4 || got.Missing+got.Corrupt != 0 {
		t.Errorf("Scrub = %+v, want 4 shards that are there", got)
	}
	b := h.blobs()[0]
	d, name := h.place(&b, content.ShardRef{})
	if err := d.Delete(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if got := h.scrub(false); got.Missing != 1 || got.Queued != 1 || got.Lost != 0 || len(got.Names) != 1 {
		t.Errorf("Scrub = %+v, want 1 missing", got)
	}
	if got := h.scrub(false); got.Missing != 1 || got.Queued != 0 || len(h.queued()) != 1 {
		t.Errorf("Scrub again = %+v, want 1 missing that is queued already", got)
	}
	d, name = h.place(&b, content.ShardRef{Index: 1})
	if err := d.Delete(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if got := h.scrub(false); got.Missing != 2 || got.Lost != 1 {
		t.Errorf("Scrub without any copy = %+v, want 1 lost", got)
	}
}

// TestScrubOfASpaceThatIsDown: who does not answer has not lost anything.
func TestScrubOfASpaceThatIsDown(t *testing.T) {
	h := newHouse(t, 3, content.Policy{Redundancy: content.Copies, N: 3, Strict: true})
	h.put("a", coretest.Bytes(1, size))
	m := h.Service.Maintenance()
	sp := m.Spaces.All()[0]
	sp.State = content.Down
	m.Spaces.Set(sp)
	for _, deep := range []bool{false, true} {
		if got := h.scrub(deep); got.Checked != 3 || got.Unsure != 1 || got.Missing+got.Corrupt+got.Queued != 0 {
			t.Errorf("Scrub, deep %v, = %+v, want 1 shard of which nothing is known", deep, got)
		}
	}
	if rows := h.queued(); len(rows) != 0 {
		t.Errorf("queued %+v", rows)
	}
}

// TestScrubGoesOn: a pass that was cut goes on behind the page it ended with, in another Runner too, and the next one
// begins when it is time.
func TestScrubGoesOn(t *testing.T) {
	h := newHouse(t, 1, content.Policy{})
	for i := range upkeep.ScrubPage + 20 {
		h.put(fmt.Sprintf("o%03d", i), coretest.Bytes(uint64(i), size))
	}
	step := func(deep, more bool) {
		t.Helper()
		if got, err := h.runner().ScrubStep(t.Context(), deep); err != nil || got != more {
			t.Fatalf("step, deep %v, = %v, %v, want %v", deep, got, err, more)
		}
	}
	found := func(deep bool, want int64) {
		t.Helper()
		if got, err := h.runner().ScrubFound(t.Context(), deep); err != nil || got.Checked != want {
			t.Fatalf("found, deep %v, = %+v, %v, want %d shards", deep, got, err, want)
		}
	}
	step(false, true)
	found(false, upkeep.ScrubPage)
	step(false, false)
	found(false, upkeep.ScrubPage+20)
	step(false, false) // it is not time
	found(false, upkeep.ScrubPage+20)
	step(true, false) // what is new was written a moment ago
	found(true, 0)
	h.shift = 25 * time.Hour
	step(false, true)
	found(false, upkeep.ScrubPage)
	step(true, false)
	found(true, 0)
	// Somebody asks for a pass: the one under way is over.
	h.shift = 15 * 24 * time.Hour
	step(true, true)
	h.shift += time.Minute
	h.scrub(true)
	step(true, false)
	found(true, upkeep.ScrubPage+20)
	step(false, false)
	found(false, upkeep.ScrubPage+20)
}

// TestScrubGivenUp ends with the context and says what it has found until then.
func TestScrubGivenUp(t *testing.T) {
	h := newHouse(t, 1, content.Policy{})
	for i := range 5 {
		h.put(fmt.Sprint(i), coretest.Bytes(uint64(i), size))
	}
	ctx, cancel := context.WithCancel(t.Context())
	var seen []int64
	got, err := h.runner().Scrub(ctx, upkeep.ScrubOptions{Deep: true, Progress: func(s upkeep.Scrubbed) {
		if seen = append(seen, s.Blobs); s.Blobs == 3 {
			cancel()
		}
	}})
	if err == nil || got.Blobs != 3 {
		t.Errorf("Scrub = %+v, %v, want an error after 3 blobs", got, err)
	}
	if diff := cmp.Diff([]int64{1, 2, 3}, seen); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
}

// TestScrubBesideWork: what is overwritten and collected meanwhile is not missing.
func TestScrubBesideWork(t *testing.T) {
	h := newHouse(t, 1, content.Policy{})
	r := h.runner()
	done := make(chan error, 1)
	go func() {
		var err error
		for i := 0; i < 60 && err == nil; i++ {
			data := coretest.Bytes(uint64(i), size)
			_, err = h.Admin.PutObject(t.Context(), "bkt", string(rune('A'+i%5)), bytes.NewReader(data), size, core.PutOptions{})
			if err == nil && i%4 == 3 {
				_, err = r.Collect(t.Context(), upkeep.CollectOptions{Now: true})
			}
		}
		done <- err
	}()
	for running := true; running; {
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			running = false
		default:
		}
		if got := h.scrub(true); got.Missing+got.Corrupt+got.Unsure > 0 {
			t.Errorf("Scrub = %+v, want nothing found", got)
		}
	}
	if rows := h.queued(); len(rows) > 0 {
		t.Errorf("queued %+v", rows)
	}
}

// TestRepairAll works off what waits for its turn as well, goes past what cannot be repaired, and ends.
func TestRepairAll(t *testing.T) {
	h := newHouse(t, 3, content.Policy{Redundancy: content.Copies, N: 2, Strict: true})
	const objects = 130
	for i := range objects {
		h.put(fmt.Sprint(i), coretest.Bytes(uint64(i), size))
	}
	lost := 0
	for i, b := range h.blobs() {
		indexes := []int{0}
		if i%10 == 3 {
			indexes, lost = []int{0, 1}, lost+1
		}
		for _, index := range indexes {
			d, name := h.place(&b, content.ShardRef{Index: index})
			if err := d.Delete(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := h.scrub(false); got.Queued != int64(objects+lost) || got.Lost != int64(lost) {
		t.Fatalf("Scrub = %+v, want %d queued and %d lost", got, objects+lost, lost)
	}
	err := h.Meta.Update(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
		rows, err := tx.Repairs(ctx, core.RepairQuery{Due: math.MaxInt64, Limit: math.MaxInt32})
		for _, row := range rows {
			row.NotBefore += int64(time.Hour)
			err = errors.Join(err, tx.PutRepair(ctx, row))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if rep, err := h.runner().Repair(t.Context()); err != nil || rep.Repaired+rep.Failed != 0 {
		t.Errorf("Repair of what is not due = %+v, %v", rep, err)
	}
	var told []int64
	rep, err := h.runner().RepairAll(t.Context(), func(rows int64) { told = append(told, rows) })
	if err != nil || rep.Repaired != objects-lost || rep.Failed != lost {
		t.Errorf("RepairAll = %+v, %v, want %d rebuilt and %d failed", rep, err, objects-lost, lost)
	}
	if len(told) == 0 || told[len(told)-1] != int64(objects+lost) || len(h.queued()) != 2*lost {
		t.Errorf("told %v, and %d rows are left", told, len(h.queued()))
	}
}

// TestScrubOfLongBlobs: a pass that reads much notes how far it is after few blobs, too.
func TestScrubOfLongBlobs(t *testing.T) {
	h := newHouse(t, 1, content.Policy{})
	for i := range 5 {
		h.put(fmt.Sprint(i), coretest.Bytes(uint64(i), size))
	}
	if _, err := h.runner().ScrubStep(t.Context(), true); err != nil { // it is not time
		t.Fatal(err)
	}
	h.shift = 15 * 24 * time.Hour
	for i, want := range []int64{2, 4, 5} {
		more, err := h.runner().ScrubStepOf(t.Context(), size+1000)
		got, foundErr := h.runner().ScrubFound(t.Context(), true)
		if err != nil || foundErr != nil || got.Checked != want || more != (want < 5) {
			t.Errorf("step %d = %v, %v: %+v, %v, want %d shards", i, more, err, got, foundErr, want)
		}
	}
}
