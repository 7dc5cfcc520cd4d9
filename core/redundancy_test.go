package core_test

import (
	"bytes"
	"context"
	"testing"

	"trivium/core"
	"trivium/core/content"
	"trivium/core/coretest"
	"trivium/drivers"
)

// keptObject is an object and its only blob.
type keptObject struct {
	id   int64
	blob core.Blob
}

// keep puts an object of that size into a new bucket of that policy.
func keep(t *testing.T, env *coretest.Env, bucket string, policy content.Policy, size int) keptObject {
	t.Helper()
	_, err := env.Bucket(t.Context(), bucket, core.VersioningOff, core.BucketPolicy{Redundancy: policy})
	ok(t, "bucket", err)
	data := coretest.Bytes(1, size)
	_, err = env.Admin.PutObject(t.Context(), bucket, "k", bytes.NewReader(data), int64(size), core.PutOptions{})
	ok(t, "put", err)
	var out keptObject
	err = env.Meta.View(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
		b, _, err := tx.BucketByName(ctx, bucket)
		if err != nil {
			return err
		}
		e, _, err := tx.Entry(ctx, b.ID, "k")
		if err != nil || e.Version.Content.Kind != core.ContentList {
			out.id = e.ObjectID
			return err
		}
		l, _, err := tx.ListByID(ctx, e.Version.Content.ID, core.ListRead{Length: -1})
		if err != nil {
			return err
		}
		out.id = e.ObjectID
		out.blob, _, err = tx.Blob(ctx, l.Extents[0].Blob)
		return err
	})
	ok(t, "rows", err)
	return out
}

// lose deletes a shard, or makes it shorter.
func (o *keptObject) lose(t *testing.T, env *coretest.Env, index int, whole bool) {
	t.Helper()
	p := o.blob.Layout.Place(0, index)
	sp, _ := env.Service.Maintenance().Spaces.Get(p.Space)
	name := content.ShardName(sp.WorkingDir, o.blob.ID, p)
	ok(t, "delete", sp.Driver.Delete(t.Context(), name))
	if !whole {
		ok(t, "put", sp.Driver.Put(t.Context(), name, bytes.NewReader([]byte("x")), 1, drivers.PutOptions{}))
	}
}

func TestRedundancyOfObjects(t *testing.T) {
	env := coretest.New(t, coretest.Options{Spaces: 4})
	m, ctx := env.Service.Maintenance(), t.Context()
	ec := content.Policy{Redundancy: content.ErasureCoded, K: 2, N: 4, ChunkSize: 64 << 10, Strict: true}
	o := keep(t, env, "coded", ec, 400<<10)
	want := func(state core.RedundancyState, missing, corrupt, checked int) core.Redundancy {
		t.Helper()
		got, err := env.Admin.MemberRedundancy(ctx, o.id)
		ok(t, "redundancy", err)
		var sum core.Piece
		seen := 0
		for i, p := range got.Pieces {
			if p.Index != i || p.Space != o.blob.Layout.Base[i] || p.Size <= 200<<10 {
				t.Errorf("piece %d: %+v", i, p)
			}
			sum.Missing += p.Missing
			sum.Corrupt += p.Corrupt
			if !p.Checked.IsZero() {
				seen++
			}
		}
		if got.State != state || len(got.Pieces) != 4 || sum.Missing != missing || sum.Corrupt != corrupt || seen != checked {
			t.Errorf("redundancy %+v, want state %d, %d missing, %d corrupt, %d checked", got, state, missing, corrupt, checked)
		}
		return got
	}
	got := want(core.RedundancyHealthy, 0, 0, 4)
	if got.Present.Redundancy != content.ErasureCoded || got.Present.K != 2 || got.Present.N != 4 || got.Wanted.Redundancy != content.ErasureCoded {
		t.Errorf("kept as %+v where %+v is wanted", got.Present, got.Wanted)
	}
	// A space that is down has lost nothing, but does not help either.
	sp, _ := m.Spaces.Get(o.blob.Layout.Base[3])
	down := sp
	down.State = content.Down
	m.Spaces.Set(down)
	want(core.RedundancyDegraded, 0, 0, 3)
	m.Spaces.Set(sp)
	o.lose(t, env, 0, true)
	o.lose(t, env, 1, false)
	want(core.RedundancyDegraded, 1, 1, 4)
	// What a scrub has read is known although the space says that the shard is there.
	err := env.Meta.Update(ctx, func(ctx context.Context, tx core.MetaTx) error {
		return tx.PutRepair(ctx, core.RepairRow{Blob: o.blob.ID, Segment: 1, Index: 2, Reason: core.RepairDamaged})
	})
	ok(t, "queue", err)
	want(core.RedundancyDegraded, 1, 2, 4)
	o.lose(t, env, 2, true)
	want(core.RedundancyLost, 2, 2, 4)
}

func TestRedundancyThatIsWanted(t *testing.T) {
	env := coretest.New(t, coretest.Options{Spaces: 3})
	ctx := t.Context()
	three := content.Policy{Redundancy: content.Copies, N: 3, Strict: true}
	for _, tt := range []struct {
		name        string
		size        int
		have, later content.Policy
		present     content.Redundancy
		pieces      int
		state       core.RedundancyState
	}{
		{"inline", 100, content.Policy{}, content.Policy{}, content.None, 0, core.RedundancyHealthy},
		{"inline-copies", 100, content.Policy{}, three, content.None, 0, core.RedundancyPending},
		{"empty", 0, content.Policy{}, three, content.None, 0, core.RedundancyHealthy},
		{"one", 100 << 10, content.Policy{}, content.Policy{}, content.None, 1, core.RedundancyHealthy},
		{"one-copies", 100 << 10, content.Policy{}, three, content.None, 1, core.RedundancyPending},
		{"copies", 100 << 10, three, three, content.Copies, 3, core.RedundancyHealthy},
	} {
		o := keep(t, env, tt.name, tt.have, tt.size)
		ok(t, "set policy", env.Admin.SetRules(ctx, tt.name, core.BucketRules{Policy: &core.BucketPolicy{Redundancy: tt.later}}))
		got, err := env.Admin.MemberRedundancy(ctx, o.id)
		if err != nil || got.State != tt.state || len(got.Pieces) != tt.pieces || got.Present.Redundancy != tt.present ||
			got.Wanted.Redundancy != tt.later.Redundancy {
			t.Errorf("%s: %+v, %v", tt.name, got, err)
		}
	}
}

func TestRedundancyIsForReaders(t *testing.T) {
	env := coretest.New(t, coretest.Options{})
	o := keep(t, env, "coded", content.Policy{}, 100<<10)
	ann := env.Service.Session(core.Principal{UserID: 77, Name: "ann"})
	if _, err := ann.MemberRedundancy(t.Context(), o.id); core.CodeOf(err) != core.NoSuchKey {
		t.Errorf("of somebody else = %v, want NoSuchKey", err)
	}
	if _, err := env.Admin.MemberRedundancy(t.Context(), o.id+1000); core.CodeOf(err) != core.NoSuchKey {
		t.Errorf("of none = %v, want NoSuchKey", err)
	}
}
