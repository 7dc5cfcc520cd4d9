// Package faults injects every fault of drivers/faulty into every work of a Service on spaces in memory: writing,
// reading, collecting, repairing, packing. Whatever happens, no wrong byte is delivered, nothing hangs beyond its
// deadline, what was acknowledged is there when the fault is over, and nothing leaks.
package faults

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/minio/crc64nvme"
	"go.uber.org/goleak"

	"trivium/core"
	"trivium/core/content"
	"trivium/core/coretest"
	"trivium/core/meta/metatest"
	"trivium/core/upkeep"
	"trivium/drivers"
	"trivium/drivers/faulty"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	deadline = time.Minute
	// returns is how long after its deadline a call may still take (S17: a driver returns within 5 s).
	returns = 6 * time.Second
	bucket  = "bkt"
)

// policy is a way to write, on enough spaces for it and one more.
type policy struct {
	name   string
	spaces int
	size   int // of the objects
	core.BucketPolicy
	spare bool // one bad space changes nothing for readers
}

func policies() []policy {
	redundancy := func(p content.Policy) core.BucketPolicy { return core.BucketPolicy{Redundancy: p} }
	return []policy{
		{"none", 1, 300 << 10, core.BucketPolicy{}, false},
		{"rep2", 3, 300 << 10, redundancy(content.Policy{Redundancy: content.Copies, N: 2}), true},
		{"ec23", 4, 1100 << 10, redundancy(content.Policy{Redundancy: content.ErasureCoded, K: 2, N: 3}), true},
	}
}

// scenario is a fault and the calls it can happen in.
type scenario struct {
	name  string
	kind  faulty.Kind
	fault faulty.Fault
	ops   []faulty.Op
}

func scenarios() []scenario {
	all := []faulty.Op{faulty.Put, faulty.Open, faulty.Stat, faulty.Delete, faulty.List}
	open := []faulty.Op{faulty.Open}
	return []scenario{
		{"broken", faulty.KindFail, faulty.Fail(drivers.ErrBroken), all},
		{"transient", faulty.KindFail, faulty.Fail(drivers.ErrTransient), all},
		{"full", faulty.KindFail, faulty.Fail(drivers.ErrNoSpace), []faulty.Op{faulty.Put}},
		{"missing", faulty.KindFail, faulty.Fail(drivers.ErrNotExist), open},
		{"lost answer", faulty.KindLostAnswer, faulty.LostAnswer(drivers.ErrBroken), all},
		{"slow", faulty.KindSlow, faulty.Slow(3 * time.Second), all},
		{"hang", faulty.KindHang, faulty.Hang(), all},
		{"short read", faulty.KindShortRead, faulty.ShortRead(), open},
		{"broken read", faulty.KindBrokenRead, faulty.BrokenRead(drivers.ErrBroken), open},
		{"slow read", faulty.KindSlowRead, faulty.SlowRead(2 * time.Second), open},
		{"hanging read", faulty.KindHangRead, faulty.HangRead(), open},
		{"flipped bit", faulty.KindFlipBit, faulty.FlipBit(), []faulty.Op{faulty.Put, faulty.Open}},
		{"other object", faulty.KindOtherObject, faulty.OtherObject(), open},
		{"stale", faulty.KindStale, faulty.Stale(), open},
	}
}

// works are what a Service does while the fault is on, each with the driver's calls that it makes.
func works() map[string]struct {
	run   func(h *house, sc scenario)
	calls []faulty.Op
} {
	type work = struct {
		run   func(h *house, sc scenario)
		calls []faulty.Op
	}
	return map[string]work{
		"put":        {(*house).workPut, []faulty.Op{faulty.Put}},
		"read whole": {(*house).workRead, []faulty.Op{faulty.Open}},
		"read range": {(*house).workRange, []faulty.Op{faulty.Open}},
		"collect":    {(*house).workCollect, []faulty.Op{faulty.Delete, faulty.List}},
		"repair":     {(*house).workRepair, []faulty.Op{faulty.Put, faulty.Open}},
		"pack":       {(*house).workPack, []faulty.Op{faulty.Put}},
	}
}

// trial is one cell of the table.
type trial struct {
	p    policy
	sc   scenario
	work string
	ops  []faulty.Op // that the fault is in
	all  bool        // every space is bad, not one
}

// trials is the table: faults × works × policies × one bad space or all of them.
func trials() (all []trial) {
	for _, p := range policies() {
		for _, sc := range scenarios() {
			for name, w := range works() {
				ops := slices.DeleteFunc(slices.Clone(sc.ops), func(op faulty.Op) bool { return !slices.Contains(w.calls, op) })
				if len(ops) == 0 || !p.spare && (name == "repair" || name == "pack") {
					continue // nothing to rebuild from; short content is inline
				}
				all = append(all, trial{p, sc, name, ops, false})
				if p.spaces > 1 {
					all = append(all, trial{p, sc, name, ops, true})
				}
			}
		}
	}
	return all
}

// TestFaults goes through the table. In every cell the fault takes place, unless the Service may get around it, and
// in every row somewhere.
func TestFaults(t *testing.T) {
	var mu sync.Mutex
	injected := map[string]int{}
	t.Run("trials", func(t *testing.T) {
		for _, tr := range trials() {
			t.Run(fmt.Sprintf("%s/%s/%s/all=%v", tr.p.name, tr.sc.name, tr.work, tr.all), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					h := newHouse(t, tr.p, tr.all)
					h.prepare()
					if tr.sc.kind == faulty.KindStale {
						h.age()
					}
					h.inject(tr.sc, tr.ops)
					works()[tr.work].run(h, tr.sc)
					n := h.end(tr)
					if n == 0 && !h.avoidable(tr) {
						t.Errorf("no %s took place", tr.sc.kind)
					}
					mu.Lock()
					defer mu.Unlock()
					injected[tr.sc.name+" in "+tr.work] += n
				})
			})
		}
	})
	if t.Failed() {
		return
	}
	for row, n := range injected {
		if n == 0 {
			t.Errorf("no %s took place with any policy", row)
		}
	}
}

// house is a Service whose spaces can be made bad.
type house struct {
	*coretest.Env
	t      *testing.T
	p      policy
	all    bool
	spaces map[string]*faulty.Driver
	want   map[string][]byte // what was acknowledged
	hurt   map[string]bool   // keys whose stored bytes the fault may have damaged beyond repair
}

func newHouse(t *testing.T, p policy, all bool) *house {
	h := &house{t: t, p: p, all: all, spaces: map[string]*faulty.Driver{}, want: map[string][]byte{}, hurt: map[string]bool{}}
	var mu sync.Mutex // the Service opens its spaces side by side
	h.Env = coretest.New(t, coretest.Options{
		Spaces: p.spaces,
		Wrap: func(space string, d drivers.Driver) drivers.Driver {
			f := faulty.New(d, uint64(len(t.Name())))
			mu.Lock()
			defer mu.Unlock()
			h.spaces[space] = f
			return f
		},
	})
	if _, err := h.Bucket(t.Context(), bucket, core.VersioningOff, p.BucketPolicy); err != nil {
		t.Fatal(err)
	}
	return h
}

// bad returns the spaces that the fault is in: the one that holds the first shard of "a", or all.
func (h *house) bad() []*faulty.Driver {
	var bad []*faulty.Driver
	name := h.shards("a")[0]
	for _, d := range h.spaces {
		if _, err := d.Stat(h.t.Context(), name); h.all || err == nil {
			bad = append(bad, d)
		}
	}
	return bad
}

// prepare stores some objects: two to be read, of one directory, two that were overwritten and wait for collection,
// and short ones that wait for packing.
func (h *house) prepare() {
	for i, key := range []string{"a", "b", "c", "c", "d", "d"} {
		h.mustPut(key, coretest.Bytes(uint64(i+1), h.p.size))
	}
	if h.p.spare {
		for i := range 3 {
			h.buffer(fmt.Sprintf("short%d", i), coretest.Bytes(uint64(i+100), 40<<10))
		}
	}
}

// age lets every shard once have held another one's bytes, for faults that show older content under a name.
func (h *house) age() {
	for _, d := range h.spaces {
		d.Script(faulty.Rule{Op: faulty.Open, Nth: 1 << 30, Fault: faulty.Stale()})
		names := list(h.t, d)
		for i, name := range names {
			own := h.bytes(d, name)
			other := h.bytes(d, names[(i+1)%len(names)])
			h.overwrite(d, name, slices.Concat(other, own)[:len(own)])
			h.overwrite(d, name, own)
		}
	}
}

// inject makes the bad spaces bad.
func (h *house) inject(sc scenario, ops []faulty.Op) {
	for _, d := range h.bad() {
		var rules []faulty.Rule
		for _, op := range ops {
			rules = append(rules, faulty.Rule{Op: op, Name: "*shards*", Fault: sc.fault})
		}
		d.Script(rules...)
	}
}

// off ends the faults and returns how many took place.
func (h *house) off(sc scenario) int {
	n := 0
	for _, d := range h.spaces {
		n += d.Count(sc.kind)
		d.Off()
	}
	return n
}

// avoidable tells whether a Service may rightly get around the fault without meeting it: a read that is served by
// the other spaces, a shard that is placed on another one.
func (h *house) avoidable(tr trial) bool {
	return !h.all && h.p.spare
}

// within runs a call with the deadline of a client and fails when it does not keep it.
func (h *house) within(what string, call func(ctx context.Context) error) error {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), deadline)
	defer cancel()
	start := time.Now()
	err := call(ctx)
	if took := time.Since(start); took > deadline+returns {
		h.t.Errorf("%s took %v of virtual time with a deadline of %v", what, took, deadline)
	}
	return err
}

func (h *house) put(ctx context.Context, key string, data []byte) error {
	_, err := h.Admin.PutObject(ctx, bucket, key, bytes.NewReader(data), int64(len(data)), core.PutOptions{})
	if err == nil {
		h.want[key] = data
	}
	return err
}

func (h *house) mustPut(key string, data []byte) {
	h.t.Helper()
	if err := h.put(h.t.Context(), key, data); err != nil {
		h.t.Fatalf("put %s: %v", key, err)
	}
}

// read reads a key and complains about wrong bytes; only errors are no complaint.
func (h *house) read(ctx context.Context, key string, rng *core.Range) error {
	h.t.Helper()
	r, err := h.Admin.OpenObject(ctx, bucket, key, core.GetOptions{Range: rng})
	if err != nil {
		return err
	}
	defer r.Body.Close()
	got, err := io.ReadAll(r.Body)
	want := h.want[key][r.Offset : r.Offset+r.Length]
	switch {
	case len(got) > len(want) || !bytes.Equal(got, want[:len(got)]):
		h.t.Errorf("read of %s delivered wrong bytes among %d", key, len(got))
	case err == nil && len(got) < len(want):
		h.t.Errorf("read of %s ended cleanly after %d of %d bytes", key, len(got), len(want))
	}
	return err
}

// workPut writes a new object and overwrites another.
func (h *house) workPut(sc scenario) {
	for i, key := range []string{"new", "b"} {
		data := coretest.Bytes(uint64(i+50), h.p.size)
		err := h.within("put "+key, func(ctx context.Context) error { return h.put(ctx, key, data) })
		if err == nil && sc.kind == faulty.KindFlipBit && (h.all || !h.p.spare) {
			h.hurt[key] = true
		}
		if err != nil && h.p.spare && !h.all && sc.kind != faulty.KindHang {
			h.t.Errorf("put of %s = %v, want it on the other spaces", key, err)
		}
	}
}

func (h *house) workRead(sc scenario) {
	for _, key := range []string{"a", "b"} {
		err := h.within("read "+key, func(ctx context.Context) error { return h.read(ctx, key, nil) })
		h.survives(sc, key, err)
	}
}

func (h *house) workRange(sc scenario) {
	for _, rng := range []core.Range{{First: 0, Last: 0}, {First: 1000, Last: 200_000}, {First: 299_000, Last: 299_999}, {First: -5000}} {
		err := h.within("read range", func(ctx context.Context) error { return h.read(ctx, "a", &rng) })
		h.survives(sc, "a", err)
	}
}

// survives: with one bad space and a policy that can spare it a read succeeds. (A space that hangs holds a read
// until its deadline as long as late shards are not hedged, S21.)
func (h *house) survives(sc scenario, key string, err error) {
	h.t.Helper()
	hangs := sc.kind == faulty.KindHang || sc.kind == faulty.KindHangRead
	if err != nil && h.p.spare && !h.all && !hangs {
		h.t.Errorf("read of %s = %v, want success from the other spaces", key, err)
	}
}

// workCollect deletes and collects. What fails stays queued: that the spaces are clean in the end is seen there.
func (h *house) workCollect(scenario) {
	if _, err := h.Admin.DeleteObject(h.t.Context(), bucket, "a", core.DeleteOptions{}); err != nil {
		h.t.Errorf("delete of a row = %v", err)
	}
	delete(h.want, "a")
	_ = h.within("collect", func(ctx context.Context) error {
		_, err := h.runner().All(ctx, upkeep.CollectOptions{Now: true})
		return err
	})
}

// workRepair loses a shard and repairs it while the fault is on.
func (h *house) workRepair(scenario) {
	h.lose("b")
	_ = h.within("repair", func(ctx context.Context) error {
		_, err := h.runner().Repair(ctx)
		return err
	})
}

func (h *house) workPack(sc scenario) {
	for key := range h.want {
		if strings.HasPrefix(key, "short") && sc.kind == faulty.KindFlipBit && h.all {
			h.hurt[key] = true // every space stored other bytes than it was given, and said that all is well
		}
	}
	_ = h.within("pack", func(ctx context.Context) error {
		_, err := h.runner().Pack(ctx)
		return err
	})
}

// lose removes a shard of key behind the Service's back and queues its repair.
func (h *house) lose(key string) {
	h.t.Helper()
	name := h.shards(key)[0]
	id, place, err := content.ParseName("", name)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, d := range h.spaces {
		if err := d.Driver.Delete(h.t.Context(), name); err != nil {
			h.t.Fatal(err)
		}
	}
	err = h.Meta.Update(h.t.Context(), func(ctx context.Context, tx core.MetaTx) error {
		return tx.PutRepair(ctx, core.RepairRow{Blob: id, Segment: place.Segment, Index: place.Index, Reason: "test"})
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// end switches the fault off and lets upkeep do its work: then everything acknowledged is readable, all that waited
// is done, and the spaces hold what the layouts name, before and after a restart.
func (h *house) end(tr trial) int {
	h.t.Helper()
	n := h.off(tr.sc)
	for range 4 {
		for key := range h.want {
			_ = h.read(h.t.Context(), key, nil) // finds what was stored with flipped bits
		}
		time.Sleep(3 * time.Minute) // virtual: repairs wait for their turn
		for _, work := range []func(context.Context) (upkeep.Report, error){h.runner().Repair, h.runner().Pack} {
			if _, err := work(h.t.Context()); err != nil && len(h.hurt) == 0 {
				h.t.Errorf("upkeep after the fault = %v", err)
			}
		}
	}
	// Where the answer of a Put was lost and the shard went elsewhere, or a hanging one landed late, a running
	// server leaves a name behind: an orphan, which goes when its incarnation has ended (S22).
	flipped := tr.sc.kind == faulty.KindFlipBit // every read may choose another copy and find one more
	h.tidy("before the restart", tr.sc.kind == faulty.KindLostAnswer, flipped)
	if err := h.Restart(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	for _, d := range h.spaces {
		d.Off()
	}
	h.tidy("after the restart", false, flipped)
	return n
}

// tidy reads everything back and compares the spaces with the layouts.
func (h *house) tidy(when string, orphans, flipped bool) {
	h.t.Helper()
	for key := range h.want {
		if err := h.read(h.t.Context(), key, nil); err != nil && !h.hurt[key] {
			h.t.Errorf("%s: read of %s = %v", when, key, err)
		}
	}
	rep, err := h.runner().All(h.t.Context(), upkeep.CollectOptions{Now: true})
	if err != nil || rep.Failed > 0 {
		h.t.Errorf("%s: collect = %+v, %v", when, rep, err)
	}
	stored := h.stored()
	if orphans {
		stored = slices.DeleteFunc(stored, func(name string) bool { return !slices.Contains(h.named(), name) })
	}
	if diff := cmp.Diff(h.named(), stored); diff != "" {
		h.t.Errorf("%s: names in layouts against names in spaces (-layouts +spaces):\n%s", when, diff)
	}
	if err := metatest.Recount(h.t.Context(), h.Meta); err != nil {
		h.t.Errorf("%s: recount: %v", when, err)
	}
	state, err := metatest.Dump(h.t.Context(), h.Meta)
	if err != nil || !flipped && len(state.Repairs) > 0 || len(state.Garbage) > 0 {
		h.t.Errorf("%s: %v, left are repairs %+v, garbage %+v", when, err, state.Repairs, state.Garbage)
	}
}

// buffer puts an object whose blob waits in the metadata store to be packed (S19).
func (h *house) buffer(key string, data []byte) {
	h.t.Helper()
	h.mustPut(key, data)
	m := h.Service.Maintenance()
	id, err := m.NextIDs(h.t.Context(), "inline", 1)
	if err != nil {
		h.t.Fatal(err)
	}
	gc, err := m.NextIDs(h.t.Context(), "gc", 1)
	if err != nil {
		h.t.Fatal(err)
	}
	blobID, _, err := content.ParseName("", h.shards(key)[0])
	if err != nil {
		h.t.Fatal(err)
	}
	err = h.Meta.Update(h.t.Context(), func(ctx context.Context, tx core.MetaTx) error {
		b, _, err := tx.Blob(ctx, blobID)
		if err != nil {
			return err
		}
		b.State, b.Buffer, b.SHA256, b.HasSHA256 = core.BlobBuffered, id, sha256.Sum256(data), true
		sum := crc64nvme.Update(crc64nvme.Update(0, binary.BigEndian.AppendUint64(nil, uint64(id))), data)
		return errors.Join(
			tx.QueueGarbage(ctx, core.Garbage{ID: gc, Blob: b.ID, Layout: b.Layout, NeverReferred: true}),
			tx.PutInline(ctx, id, sum, data), tx.PutBlob(ctx, b))
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) runner() *upkeep.Runner { return upkeep.New(h.Service.Maintenance()) }

// shards returns the names of the shards of a key's blob.
func (h *house) shards(key string) []string {
	h.t.Helper()
	state, err := metatest.Dump(h.t.Context(), h.Meta)
	if err != nil {
		h.t.Fatal(err)
	}
	e := slices.IndexFunc(state.Entries, func(e core.Entry) bool { return e.Key == key })
	if e < 0 {
		h.t.Fatalf("no entry %s", key)
	}
	id := state.Entries[e].Version.Content.ID
	l := slices.IndexFunc(state.Lists, func(l core.List) bool { return l.ID == id })
	b := slices.IndexFunc(state.Blobs, func(b core.Blob) bool { return b.ID == state.Lists[l].Extents[0].Blob })
	var names []string
	for p := range state.Blobs[b].Layout.Places() {
		names = append(names, content.ShardName("", state.Blobs[b].ID, p))
	}
	return names
}

// named returns space and name of every shard that a layout has.
func (h *house) named() []string {
	h.t.Helper()
	state, err := metatest.Dump(h.t.Context(), h.Meta)
	if err != nil {
		h.t.Fatal(err)
	}
	label := map[content.SpaceID]string{}
	for _, sp := range state.Spaces {
		label[sp.ID] = sp.Name
	}
	names := []string{}
	for _, b := range state.Blobs {
		if b.State != core.BlobStored {
			continue
		}
		for p := range b.Layout.Places() {
			if p.Space != 0 {
				names = append(names, label[p.Space]+": "+content.ShardName("", b.ID, p))
			}
		}
	}
	slices.Sort(names)
	return names
}

// stored returns space and name of every shard that there is.
func (h *house) stored() []string {
	names := []string{}
	for space, d := range h.spaces {
		for _, name := range list(h.t, d) {
			names = append(names, space+": "+name)
		}
	}
	slices.Sort(names)
	return names
}

// list returns the names of the shards in a space.
func list(t *testing.T, d *faulty.Driver) []string {
	t.Helper()
	var names []string
	for info, err := range d.Driver.List(t.Context(), "", drivers.ListOptions{Recursive: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if !info.IsDir && strings.HasPrefix(info.Name, "shards/") {
			names = append(names, info.Name)
		}
	}
	return names
}

func (h *house) bytes(d *faulty.Driver, name string) []byte {
	h.t.Helper()
	r, err := d.Driver.Open(h.t.Context(), name, 0, -1)
	if err != nil {
		h.t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		h.t.Fatal(err)
	}
	return data
}

func (h *house) overwrite(d *faulty.Driver, name string, data []byte) {
	h.t.Helper()
	if err := d.Put(h.t.Context(), name, bytes.NewReader(data), int64(len(data)), drivers.PutOptions{}); err != nil {
		h.t.Fatal(err)
	}
}
