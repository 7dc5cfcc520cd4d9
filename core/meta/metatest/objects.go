package metatest

import (
	"context"
	"math"
	"strings"
	"testing"

	"trivium/core"
)

// testEntries moves an entry between live and hidden, and its attributes between the row and beside it.
func testEntries(t *testing.T, open Open) {
	small, big := entry("k", 1), entry("k", 1)
	small.Version, big.Version = fullVersion(2, 10), fullVersion(3, 8000)
	big.LastRevision, big.Older, big.Unfinished = 6, true, "0123"
	set := func(all ...core.Entry) func(*State) { return func(d *State) { d.Entries = all } }
	other := big
	other.ObjectID = 2
	hidden := marker("k", 2)
	hidden.Version.Attrs = fullVersion(1, 2000).Attrs
	deleteK := func(ctx context.Context, tx core.MetaTx) error { return tx.DeleteEntry(ctx, 1, "k") }
	runSteps(t, open, []step{
		{"insert", put(core.MetaTx.PutEntry, entry("k", 1)), set(entry("k", 1))},
		{"small", put(core.MetaTx.PutEntry, small), set(small)},
		{"big", put(core.MetaTx.PutEntry, big), set(big)},
		{"big again", put(core.MetaTx.PutEntry, big), set(big)},
		{"other object", put(core.MetaTx.PutEntry, other), set(other)},
		{"hidden", put(core.MetaTx.PutEntry, hidden), set(hidden)},
		{"second", put(core.MetaTx.PutEntry, entry("l", 1)), set(hidden, entry("l", 1))},
		{"live", put(core.MetaTx.PutEntry, small2(other)), set(small2(other), entry("l", 1))},
		{"hide", put(core.MetaTx.PutEntry, hidden), set(hidden, entry("l", 1))},
		{"delete", deleteK, set(entry("l", 1))},
		{"delete none", deleteK, set(entry("l", 1))},
	})
	testEntryReads(t, open, small, big)
}

// small2 is e with small attributes.
func small2(e core.Entry) core.Entry {
	e.Version = fullVersion(9, 1)
	return e
}

// testEntryReads reads single entries and expired ones.
func testEntryReads(t *testing.T, open Open, small, big core.Entry) {
	s := fresh(t, open)
	big.Key, big.ObjectID, big.Version.Expiry = "l", 2, 50
	hidden := marker("m", 3)
	hidden.Version.Expiry = 1
	big.Held, hidden.Held = true, true
	held := []core.Entry{big, hidden}
	update(t, s, func(ctx context.Context, tx core.MetaTx) error {
		for _, e := range []core.Entry{small, big, hidden, entry("n", 4)} {
			if err := tx.PutEntry(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, s, func(ctx context.Context, tx core.MetaTx) error {
		for _, want := range []core.Entry{small, big, hidden} {
			got, found, err := tx.Entry(ctx, 1, want.Key)
			if err != nil || !found {
				t.Errorf("Entry(%q) = %v, %v", want.Key, found, err)
			}
			equal(t, "Entry", want, got)
			got, _, err = tx.EntryByID(ctx, want.ObjectID)
			equal(t, "EntryByID", want, got)
			if err != nil {
				return err
			}
		}
		for _, key := range []string{"", "kk", "n\x00", "N"} {
			if _, found, err := tx.Entry(ctx, 1, key); found || err != nil {
				t.Errorf("Entry(%q) = %v, %v, want none", key, found, err)
			}
		}
		for after, want := range map[string][]core.Entry{"": held, held[0].Key: held[1:], held[1].Key: nil} {
			got, err := tx.Held(ctx, 1, after, 10)
			equal(t, "Held", want, got)
			if err != nil {
				return err
			}
		}
		if one, err := tx.Held(ctx, 1, "", 1); err != nil || len(one) != 1 || one[0].Key != held[0].Key {
			t.Errorf("Held(limit 1) = %v, %v", one, err)
		}
		for now, want := range map[int64][]core.Entry{0: nil, 50: {big}, 99: {big, small}, math.MaxInt64: {big, small}} {
			got, err := tx.Expired(ctx, now, 10)
			equal(t, "Expired", want, got)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// testVersions keeps older versions in order and moves them between objects.
func testVersions(t *testing.T, open Open) {
	one, two, three := fullVersion(1, 1), fullVersion(2, 3000), fullVersion(-3, 1)
	three.Null = true
	putV := func(object int64, v core.Version) func(context.Context, core.MetaTx) error {
		return func(ctx context.Context, tx core.MetaTx) error { return tx.PutVersion(ctx, object, v) }
	}
	move := func(from, to, add int64) func(context.Context, core.MetaTx) error {
		return func(ctx context.Context, tx core.MetaTx) error { return tx.MoveVersions(ctx, from, to, add) }
	}
	set := func(object int64, all ...core.Version) func(*State) {
		return func(d *State) { d.Versions = map[int64][]core.Version{object: all} }
	}
	at := func(v core.Version, seq int64) core.Version {
		v.Seq = seq
		return v
	}
	both := func(ctx context.Context, tx core.MetaTx) error {
		if err := tx.PutEntry(ctx, entry("a", 1)); err != nil {
			return err
		}
		return tx.PutEntry(ctx, marker("b", 2))
	}
	runSteps(t, open, []step{
		{"entries", both, func(d *State) { d.Entries = []core.Entry{entry("a", 1), marker("b", 2)} }},
		{"first", putV(1, one), set(1, one)},
		{"big", putV(1, two), set(1, two, one)},
		{"null", putV(1, three), set(1, two, one, three)},
		{"replace", putV(1, at(two, 2)), set(1, two, one, three)},
		{"shrink", putV(1, at(small(two), 2)), set(1, small(two), one, three)},
		{"grow", putV(1, two), set(1, two, one, three)},
		{"up by one", move(1, 1, 1), set(1, at(two, 3), at(one, 2), at(three, -2))},
		{"down by one", move(1, 1, -1), set(1, two, one, three)},
		{"to the other", move(1, 2, -10), set(2, at(two, -8), at(one, -9), at(three, -13))},
		{
			"delete big", func(ctx context.Context, tx core.MetaTx) error { return tx.DeleteVersion(ctx, 2, -8) },
			set(2, at(one, -9), at(three, -13)),
		},
		{
			"delete none", func(ctx context.Context, tx core.MetaTx) error { return tx.DeleteVersion(ctx, 2, -8) },
			set(2, at(one, -9), at(three, -13)),
		},
	})
	testVersionReads(t, open, []core.Version{two, one, three})
}

// small is v with few attributes.
func small(v core.Version) core.Version {
	v.Attrs = core.Attrs{ContentType: "x"}
	return v
}

// testVersionReads reads single versions and pages; all is in their order.
func testVersionReads(t *testing.T, open Open, all []core.Version) {
	s := fresh(t, open)
	update(t, s, func(ctx context.Context, tx core.MetaTx) error {
		for _, v := range all {
			if err := tx.PutVersion(ctx, 4, v); err != nil {
				return err
			}
		}
		return tx.PutVersion(ctx, 5, all[1])
	})
	view(t, s, func(ctx context.Context, tx core.MetaTx) error {
		v, found, err := tx.NullVersion(ctx, 4)
		equal(t, "NullVersion", all[2], v)
		if _, none, _ := tx.NullVersion(ctx, 5); !found || none || err != nil {
			t.Errorf("NullVersion found %v and %v, %v, want true, false, nil", found, none, err)
		}
		v, found, err = tx.Version(ctx, 4, all[0].ID)
		equal(t, "Version", all[0], v)
		if _, none, _ := tx.Version(ctx, 5, all[0].ID); !found || none || err != nil {
			t.Errorf("Version found %v and %v, %v, want true, false, nil", found, none, err)
		}
		some, err := tx.Versions(ctx, 4, all[0].Seq, 1)
		equal(t, "Versions", all[1:2], some)
		if err != nil {
			return err
		}
		of, err := tx.VersionsOf(ctx, []int64{4, 5, 6}, 2)
		equal(t, "VersionsOf", map[int64][]core.Version{4: all[:2], 5: all[1:2]}, of)
		return err
	})
}

// testLookup compares the hot path with the methods it stands for.
func testLookup(t *testing.T, open Open) {
	s := fresh(t, open)
	blob := core.Blob{Refs: 1, Class: 3}
	blob.ID, blob.Size, blob.Layout = blobID(4, 5), 9, layout(9)
	sole := []core.Extent{{Blob: blob.ID, Length: 9}}
	two := []core.Extent{{Blob: blob.ID, Length: 4}, {Blob: blob.ID, Offset: 4, Length: 5}}
	at := func(key string, id int64, ref core.ContentRef, attrs int) core.Entry {
		e := entry(key, id)
		e.Version = fullVersion(1, attrs)
		e.Version.Content = ref
		return e
	}
	want := map[string]core.Found{
		"inline": {Entry: at("inline", 1, inline(5), 0), Inline: []byte(strings.Repeat("x", 20000)), InlineSum: 1 << 63},
		"big":    {Entry: at("big", 2, inline(6), 5000), Inline: []byte{}, InlineSum: 3},
		"sole":   {Entry: at("sole", 3, listed(5), 0), Extents: sole, Blob: &blob},
		"two":    {Entry: at("two", 4, listed(6), 0), Extents: two},
		"short":  {Entry: at("short", 7, listed(7), 0), Extents: someList(7, core.ShortList).Extents},
		"long":   {Entry: at("long", 8, listed(8), 0)}, // its extents are not read
		"empty":  {Entry: at("empty", 5, core.ContentRef{}, 0)},
		"hidden": {Entry: marker("hidden", 6)},
	}
	update(t, s, func(ctx context.Context, tx core.MetaTx) error {
		for _, f := range want {
			if err := tx.PutEntry(ctx, f.Entry); err != nil {
				return err
			}
			if f.Inline != nil {
				if err := tx.PutInline(ctx, f.Entry.Version.Content.ID, f.InlineSum, f.Inline); err != nil {
					return err
				}
			}
		}
		if err := tx.PutList(ctx, core.List{ID: 5, Refs: 1, Extents: sole}); err != nil {
			return err
		}
		if err := tx.PutList(ctx, core.List{ID: 6, Refs: 1, Extents: two}); err != nil {
			return err
		}
		if err := puts(core.MetaTx.PutList, someList(7, core.ShortList), someList(8, core.ShortList+1))(ctx, tx); err != nil {
			return err
		}
		if err := tx.BumpConfig(ctx); err != nil {
			return err
		}
		return tx.PutBlob(ctx, blob)
	})
	epoch := dump(t, s).Stamp.ConfigEpoch
	for key, f := range want {
		f.Exists, f.ConfigEpoch = true, epoch
		got, err := s.Lookup(t.Context(), 1, key, true)
		if err != nil {
			t.Fatalf("Lookup(%q) = %v", key, err)
		}
		equal(t, "Lookup "+key, f, got)
		if got, err = s.LookupID(t.Context(), f.Entry.ObjectID, true); err != nil {
			t.Fatalf("LookupID(%d) = %v", f.Entry.ObjectID, err)
		}
		equal(t, "LookupID of "+key, f, got)
		f.Inline, f.InlineSum, f.Extents, f.Blob = nil, 0, nil, nil
		if got, err = s.Lookup(t.Context(), 1, key, false); err != nil {
			t.Fatalf("Lookup(%q) = %v", key, err)
		}
		equal(t, "Lookup without content "+key, f, got)
		if got, err = s.LookupID(t.Context(), f.Entry.ObjectID, false); err != nil {
			t.Fatalf("LookupID(%d) = %v", f.Entry.ObjectID, err)
		}
		equal(t, "LookupID without content of "+key, f, got)
	}
	got, err := s.Lookup(t.Context(), 2, "inline", true)
	if err != nil {
		t.Fatalf("Lookup() = %v", err)
	}
	equal(t, "Lookup of nothing", core.Found{ConfigEpoch: epoch}, got)
	if got, err = s.LookupID(t.Context(), 99, true); err != nil {
		t.Fatalf("LookupID() = %v", err)
	}
	equal(t, "LookupID of nothing", core.Found{ConfigEpoch: epoch}, got)
}
