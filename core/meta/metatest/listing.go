package metatest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"trivium/core"
)

// testByteOrder lists keys of every byte value and of the greatest length.
func testByteOrder(t *testing.T, open Open) {
	s := fresh(t, open)
	var keys []string
	for b := range 256 {
		keys = append(keys, string([]byte{byte(b)}), "a"+string([]byte{byte(b)})+"a")
	}
	long := strings.Repeat("\xff", 1023)
	keys = append(keys, long, long+"\xff", long+"a", strings.Repeat("a", 1024))
	slices.Sort(keys)
	keys = slices.Compact(keys)
	update(t, s, func(ctx context.Context, tx core.MetaTx) error {
		for i, key := range keys {
			if err := tx.PutEntry(ctx, entry(key, int64(len(keys)-i))); err != nil {
				return err
			}
		}
		return nil
	})
	for _, prefix := range []string{"", "a", "\xff", "a\xff", long, long + "\xff", "\x00", "b"} {
		var want []string
		for _, key := range keys {
			if strings.HasPrefix(key, prefix) {
				want = append(want, key)
			}
		}
		view(t, s, func(ctx context.Context, tx core.MetaTx) error {
			items, err := tx.List(ctx, core.ListQuery{BucketID: 1, Prefix: prefix, Limit: 2000, Brief: true})
			equal(t, fmt.Sprintf("List(%.5q)", prefix), want, names(items))
			n, err2 := tx.CountEntries(ctx, 1, prefix, 2000)
			some, err3 := tx.CountEntries(ctx, 1, prefix, 2)
			if n != len(want) || some != min(2, len(want)) {
				t.Errorf("CountEntries(%.5q) = %d and %d, want %d and %d", prefix, n, some, len(want), min(2, len(want)))
			}
			return errors.Join(err, err2, err3)
		})
	}
}

// names are the keys and common prefixes of a listing.
func names(items []core.ListItem) []string {
	var all []string
	for _, it := range items {
		if it.CommonPrefix != "" {
			all = append(all, it.CommonPrefix)
		} else {
			all = append(all, it.Entry.Key)
		}
	}
	return all
}

// alphabet makes keys that share prefixes, delimiters and the bytes at the ends of the order.
var alphabet = []string{"a", "b", "/", "//", "ab", "\xff", "\x00", "ä", "."}

// listKey draws a short string over alphabet.
func listKey(minParts, maxParts int) *rapid.Generator[string] {
	return rapid.Map(rapid.SliceOfN(rapid.SampledFrom(alphabet), minParts, maxParts), func(parts []string) string {
		return strings.Join(parts, "")
	})
}

// testList compares listings with a naive model, on random keys and random queries.
func testList(t *testing.T, open Open) {
	s := plain(t, open)
	round := int64(0)
	rapid.Check(t, func(rt *rapid.T) {
		round++
		keys := rapid.MapOfN(listKey(1, 4), rapid.Bool(), 0, 30).Draw(rt, "keys")
		all := fill(t, s, round, keys)
		for range 8 {
			q := drawQuery(rt, round)
			var got []core.ListItem
			var short []core.Summary
			view(t, s, func(ctx context.Context, tx core.MetaTx) error {
				var err, err2 error
				got, err = tx.List(ctx, q)
				short, err2 = tx.Summaries(ctx, q)
				return errors.Join(err, err2)
			})
			want := naiveList(all, q)
			if !slices.Equal(names(got), names(want)) {
				rt.Fatalf("List(%+v) = %q, want %q", q, names(got), names(want))
			}
			equal(t, "List", want, got)
			q.Which = core.Live
			if want := summaries(naiveList(all, q)); !slices.Equal(short, want) {
				rt.Fatalf("Summaries(%+v) = %+v, want %+v", q, short, want)
			}
		}
	})
}

// fill puts keys into a bucket, those with true as hidden, and returns the entries in order.
func fill(t *testing.T, s core.MetaStore, bucketID int64, keys map[string]bool) []core.Entry {
	var all []core.Entry
	for key, hidden := range keys {
		e := entry(key, bucketID<<10+int64(len(all)))
		if hidden {
			e = marker(key, e.ObjectID)
		}
		if len(all)%3 == 1 {
			e.Unfinished = "0123"
		}
		e.BucketID = bucketID
		e.Version.Attrs.ContentType = strings.Repeat("x", len(all)%3*400)
		if !hidden {
			n := int64(len(all))
			e.Version.Size, e.Version.UpdateTime, e.Version.Expiry = n, n<<40, n%5
			e.Version.ETag, e.Version.Class = strings.Repeat("e", len(all)%3), strings.Repeat("C", len(all)%2)
			e.Version.Attrs.Checksum = checksum(len(all))
		}
		all = append(all, e)
	}
	update(t, s, func(ctx context.Context, tx core.MetaTx) error { return puts(core.MetaTx.PutEntry, all...)(ctx, tx) })
	slices.SortFunc(all, func(a, b core.Entry) int { return strings.Compare(a.Key, b.Key) })
	return all
}

// checksum makes one of n: none, or of an algorithm, composite or not.
func checksum(n int) core.Checksum {
	algorithm := []string{"", "CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"}[n%6]
	if algorithm == "" {
		return core.Checksum{}
	}
	return core.Checksum{Algorithm: algorithm, Composite: n%4 == 1, Value: "AAAA"}
}

func drawQuery(rt *rapid.T, bucketID int64) core.ListQuery {
	maybe := func(name string) string {
		return rapid.OneOf(rapid.Just(""), listKey(0, 3)).Draw(rt, name)
	}
	return core.ListQuery{
		BucketID: bucketID, Prefix: maybe("prefix"), From: maybe("from"), Before: maybe("before"),
		SkipPrefix: maybe("skip"),
		Delimiter:  rapid.SampledFrom([]string{"", "/", "/", "//", "\xff", "\xff\xff", "ä", "ab", "\x00"}).Draw(rt, "delimiter"),
		Limit:      rapid.SampledFrom([]int{0, 1, 2, 3, 100}).Draw(rt, "limit"),
		Which:      rapid.SampledFrom([]core.Which{core.Live, core.Hidden, core.LiveAndHidden, core.LiveAndUnfinished}).Draw(rt, "which"),
		Brief:      rapid.Bool().Draw(rt, "brief"),
	}
}

// naiveList answers q from all entries, which are in order.
func naiveList(all []core.Entry, q core.ListQuery) (items []core.ListItem) {
	for _, e := range all {
		if len(items) == q.Limit {
			// A key below the last common prefix adds nothing, any other is beyond the limit.
			break
		}
		if e.Version.Marker && q.Which == core.Live || !e.Version.Marker && q.Which == core.Hidden {
			continue
		}
		if e.Version.Marker && q.Which == core.LiveAndUnfinished && e.Unfinished == "" {
			continue
		}
		if !strings.HasPrefix(e.Key, q.Prefix) || e.Key < q.From || q.Before != "" && e.Key >= q.Before {
			continue
		}
		if q.SkipPrefix != "" && strings.HasPrefix(e.Key, q.SkipPrefix) {
			continue
		}
		if i := strings.Index(e.Key[len(q.Prefix):], q.Delimiter); q.Delimiter != "" && i >= 0 {
			common := e.Key[:len(q.Prefix)+i+len(q.Delimiter)]
			if len(items) == 0 || items[len(items)-1].CommonPrefix != common {
				items = append(items, core.ListItem{CommonPrefix: common})
			}
			continue
		}
		if q.Brief {
			e.Version.Attrs = core.Attrs{Checksum: core.Checksum{
				Algorithm: e.Version.Attrs.Checksum.Algorithm, Composite: e.Version.Attrs.Checksum.Composite,
			}}
		}
		items = append(items, core.ListItem{Entry: e})
	}
	return items
}

// summaries says of items what a summary does.
func summaries(items []core.ListItem) (all []core.Summary) {
	for i := range items {
		e := &items[i].Entry
		v := &e.Version
		all = append(all, core.Summary{
			CommonPrefix: items[i].CommonPrefix, Key: e.Key, ETag: v.ETag, Class: v.Class,
			Size: v.Size, UpdateTime: v.UpdateTime, Expiry: v.Expiry,
			ChecksumAlgorithm: v.Attrs.Checksum.Algorithm, ChecksumComposite: v.Attrs.Checksum.Composite,
		})
	}
	return all
}

// testMove renames ranges of keys, hidden ones too, within a bucket and across.
func testMove(t *testing.T, open Open) {
	move := func(from string, toBucket int64, to string, want int64) func(context.Context, core.MetaTx) error {
		return func(ctx context.Context, tx core.MetaTx) error {
			n, err := tx.MoveEntries(ctx, 1, from, toBucket, to)
			if err == nil && n != want {
				err = fmt.Errorf("MoveEntries(%q, %q) = %d, want %d", from, to, n, want)
			}
			return err
		}
	}
	big := entry("a/\x00\xff", 3)
	big.Version = fullVersion(1, 2000)
	before := []core.Entry{entry("a", 1), entry("a/", 2), big, marker("a/x", 4), entry("a0", 5), entry("b", 6)}
	renamed := func(bucketID int64, e core.Entry, key string) core.Entry {
		e.BucketID, e.Key = bucketID, key
		return e
	}
	after := []core.Entry{
		before[0], before[4], before[5],
		renamed(1, before[1], "ä/ä"), renamed(1, big, "ä/ä\x00\xff"), renamed(1, before[3], "ä/äx"),
	}
	runSteps(t, open, []step{
		{"entries", puts(core.MetaTx.PutEntry, before...), func(d *State) { d.Entries = before }},
		{"move", move("a/", 1, "ä/ä", 3), func(d *State) { d.Entries = after }},
		{"nothing there", move("a/", 1, "c/", 0), func(*State) {}},
		{"a second bucket", put(core.MetaTx.PutBucket, core.Bucket{ID: 2, Name: "zz"}), func(d *State) {
			d.Buckets = append(d.Buckets, core.Bucket{ID: 2, Name: "zz"})
			d.Usage[2] = core.Usage{}
		}},
		{"to the second", move("ä/", 2, "", 3), func(d *State) {
			d.Entries = append(after[:3:3], renamed(2, before[1], "ä"), renamed(2, big, "ä\x00\xff"), renamed(2, before[3], "äx"))
		}},
	})
	s := fresh(t, open)
	update(t, s, puts(core.MetaTx.PutEntry, entry("a/1", 1), entry("b/1", 2)))
	want := dump(t, s)
	if err := s.Update(t.Context(), move("a/", 1, "b/", 1)); core.CodeOf(err) != core.Exists {
		t.Errorf("a move onto another entry: Update() = %v, want Exists", err)
	}
	same(t, "a move onto another entry", want, dump(t, s))
}

// testUsage adds up deltas of transactions that share a commit.
func testUsage(t *testing.T, open Open) {
	s := fresh(t, open)
	update(t, s, put(core.MetaTx.PutBucket, theBucket()))
	add := func(u core.Usage) func(context.Context, core.MetaTx) error {
		return func(ctx context.Context, tx core.MetaTx) error { return tx.AddUsage(ctx, 1, u) }
	}
	update(t, s, add(core.Usage{Objects: 3, Bytes: 1 << 50}))
	update(t, s, func(ctx context.Context, tx core.MetaTx) error {
		if err := tx.AddUsage(ctx, 1, core.Usage{Objects: -1, Bytes: 1}); err != nil {
			return err
		}
		u, err := tx.Usage(ctx, 1)
		equal(t, "Usage inside", core.Usage{Objects: 2, Bytes: 1<<50 + 1}, u)
		return err
	})
	errStop := errors.New("stop")
	err := s.Update(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
		return errors.Join(tx.AddUsage(ctx, 1, core.Usage{Objects: 100}), errStop)
	})
	if !errors.Is(err, errStop) {
		t.Fatalf("Update() = %v, want %v", err, errStop)
	}
	equal(t, "Usage", core.Usage{Objects: 2, Bytes: 1<<50 + 1}, dump(t, s).Usage[1])
	update(t, s, func(ctx context.Context, tx core.MetaTx) error {
		return errors.Join(tx.AddUsage(ctx, 1, core.Usage{Bytes: 7}), tx.DeleteBucket(ctx, 1), tx.PutBucket(ctx, theBucket()))
	})
	equal(t, "Usage after deletion", core.Usage{}, dump(t, s).Usage[1])
}
