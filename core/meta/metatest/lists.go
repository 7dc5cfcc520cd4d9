package metatest

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"trivium/core"
)

// testLists keeps lists of every length around those where a store changes its ways, and reads windows of them.
func testLists(t *testing.T, open Open) {
	var steps []step
	for i, n := range []int{0, 1, core.ShortList, core.ShortList + 1, 128, 129, 257, 5000} {
		steps = append(steps, listSteps(int64(i+1), n)...)
	}
	runSteps(t, open, steps)
	s := fresh(t, open)
	for _, n := range []int{0, 1, core.ShortList, core.ShortList + 1, 300} {
		l := someList(9, n)
		update(t, s, put(core.MetaTx.PutList, l))
		for _, at := range []int64{0, 1, 19, 20, 128 * 20, 128*20 + 1, 256 * 20, 300*20 - 1, 300 * 20, 1 << 40} {
			for _, length := range []int64{-1, 0, 1, 20, 21, 3000, math.MaxInt64} {
				checkWindow(t, s, l, at, length)
			}
		}
	}
}

// listSteps put a list of n extents, replace it by others, count its references and delete it.
func listSteps(id int64, n int) []step {
	l := someList(id, n)
	longer := someList(id, n+7)
	longer.Parts = nil
	with := func(l core.List) func(*State) { return func(d *State) { d.Lists = []core.List{l} } }
	dead := longer
	dead.Refs = 0
	refs := func(delta, want int64) func(context.Context, core.MetaTx) error {
		return func(ctx context.Context, tx core.MetaTx) error {
			got, long, err := tx.AddListRefs(ctx, id, delta)
			if err != nil || got != want || long != (n+7 > core.ShortList) {
				return core.Errorf(core.Internal, "", "AddListRefs(%d) of %d extents = %d, %t, %v", delta, n+7, got, long, err)
			}
			return nil
		}
	}
	name := func(what string) string { return fmt.Sprintf("%s list of %d", what, n) }
	return []step{
		{name("put"), put(core.MetaTx.PutList, l), with(l)},
		{name("replace"), put(core.MetaTx.PutList, longer), with(longer)},
		{name("refer to"), refs(1, 3), func(d *State) { d.Lists[0].Refs++ }},
		{name("dead"), refs(-3, 0), with(dead)},
		{name("dead, found"), func(ctx context.Context, tx core.MetaTx) error {
			found, err := tx.DeadLists(ctx, 5)
			if err != nil || len(found) != 1 || len(found[0].Extents) != n+7 {
				return core.Errorf(core.Internal, "", "DeadLists() = %v, %v", found, err)
			}
			return nil
		}, func(*State) {}},
		{name("shorten"), put(core.MetaTx.PutList, l), with(l)},
		{name("not dead"), func(ctx context.Context, tx core.MetaTx) error {
			if found, err := tx.DeadLists(ctx, 5); err != nil || len(found) != 0 {
				return core.Errorf(core.Internal, "", "DeadLists() = %v, %v", found, err)
			}
			return nil
		}, func(*State) {}},
		{name("delete"), put(core.MetaTx.DeleteList, id), func(d *State) { d.Lists = nil }},
		{name("delete no"), put(core.MetaTx.DeleteList, id), func(*State) {}},
	}
}

// someList is a list of n extents of 20 bytes, and half as many parts.
func someList(id int64, n int) core.List {
	l := core.List{ID: id, Refs: 2}
	for i := range n {
		l.Extents = append(l.Extents, core.Extent{Blob: blobID(uint64(id), uint64(i)), Offset: int64(i) * 1000, Length: 20})
		if i%2 == 0 {
			l.Parts = append(l.Parts, core.Part{Size: int64(i) << 32, Checksum: strings.Repeat("c", i%40)})
		}
	}
	return l
}

// checkWindow reads some bytes of a list and compares them one by one.
func checkWindow(t *testing.T, s core.MetaStore, l core.List, offset, length int64) {
	t.Helper()
	var got core.List
	view(t, s, func(ctx context.Context, tx core.MetaTx) error {
		var err error
		got, _, err = tx.ListByID(ctx, l.ID, core.ListRead{Offset: offset, Length: length, Parts: length == 0})
		return err
	})
	end := int64(len(l.Extents)) * 20
	if length >= 0 && length < end-offset {
		end = offset + length
	}
	want := core.List{ID: l.ID, Refs: l.Refs}
	for i, x := range l.Extents {
		from, to := max(offset-int64(i)*20, 0), min(end-int64(i)*20, 20)
		if from < to {
			want.Extents = append(want.Extents, core.Extent{Blob: x.Blob, Offset: x.Offset + from, Length: to - from})
		}
	}
	if length == 0 {
		want.Parts = l.Parts
	}
	equal(t, fmt.Sprintf("%d bytes from %d of a list of %d extents", length, offset, len(l.Extents)), want, got)
}
