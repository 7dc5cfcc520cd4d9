package content

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func goldenLayouts() map[string]Layout {
	return map[string]Layout{
		"none": {K: 1, N: 1, ChunkSize: 16 << 20, BlockSize: BlockSize, Size: 5, Runs: []Run{{1, 5}}, Base: []SpaceID{1}},
		"ec": {
			Redundancy: ErasureCoded, K: 2, N: 3, ChunkSize: 8 << 20, BlockSize: BlockSize, Size: 40<<20 + 5, KeyID: 300, Encoding: 2,
			Runs: []Run{{2, 16 << 20}, {1, 8<<20 + 5}}, Base: []SpaceID{3, 1 << 40, 0},
			Exceptions: []Exception{{0, 2, 9, 1}, {2, 0, 9, 3}, {2, 1, 0, 0}},
		},
		"lrc": {
			Redundancy: LocallyRepairable, K: 4, N: 8, Groups: []int{2, 2}, ChunkSize: 64 << 10, BlockSize: 64 << 10,
			Size: 1, Runs: []Run{{1, 1}}, Base: []SpaceID{1, 2, 3, 4, 5, 6, 7, 8},
		},
		"empty": {Redundancy: Copies, K: 1, N: 2, ChunkSize: 16 << 20, BlockSize: BlockSize, Base: []SpaceID{4, 5}},
	}
}

func TestLayoutGolden(t *testing.T) {
	for name, l := range goldenLayouts() {
		raw, err := l.MarshalBinary()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		file := filepath.Join("testdata", "layout-"+name+".hex")
		if *update {
			if err := os.WriteFile(file, []byte(hex.EncodeToString(raw)+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		golden, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want, err := hex.DecodeString(string(bytes.TrimSpace(golden)))
		if err != nil || !bytes.Equal(raw, want) {
			t.Errorf("%s: MarshalBinary = %x, the golden file has %x", name, raw, want)
		}
		var back Layout
		if err := back.UnmarshalBinary(want); err != nil || !reflect.DeepEqual(back, l) {
			t.Errorf("%s: UnmarshalBinary = %v, %s", name, err, cmp.Diff(l, back))
		}
		for i := range want {
			var l Layout
			if err := l.UnmarshalBinary(want[:i]); !errors.Is(err, ErrFormat) || !reflect.DeepEqual(l, Layout{}) {
				t.Errorf("%s: UnmarshalBinary of %d bytes = %v, want ErrFormat", name, i, err)
			}
		}
		for _, bad := range [][]byte{append(slices.Clone(want), 0), append([]byte{2}, want[1:]...), append([]byte{1, 4}, want[2:]...)} {
			if err := back.UnmarshalBinary(bad); !errors.Is(err, ErrFormat) {
				t.Errorf("%s: UnmarshalBinary(%x) = %v, want ErrFormat", name, bad, err)
			}
		}
	}
}

func FuzzLayout(f *testing.F) {
	for _, l := range goldenLayouts() {
		raw, err := l.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var l Layout
		if err := l.UnmarshalBinary(raw); err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Errorf("UnmarshalBinary = %v, want ErrFormat", err)
			}
			return
		}
		again, err := l.MarshalBinary()
		if err != nil || !bytes.Equal(again, raw) {
			t.Errorf("%x becomes %x (%v)", raw, again, err)
		}
	})
}

func TestLayoutInvalid(t *testing.T) {
	for i, change := range []func(*Layout){
		func(l *Layout) { l.K = 0 },
		func(l *Layout) { l.N = 2 },
		func(l *Layout) { l.N = 256 },
		func(l *Layout) { l.Groups = []int{2} },
		func(l *Layout) { l.Redundancy = 9 },
		func(l *Layout) { l.Redundancy = Copies },
		func(l *Layout) { l.Redundancy = None },
		func(l *Layout) { l.Size++ },
		func(l *Layout) { l.Runs[0].Count = 0 },
		func(l *Layout) { l.Runs[0].Size = 0 },
		func(l *Layout) { l.Runs[0].Count = 1 << 60 },
		func(l *Layout) { l.BlockSize = BlockSize + 1 },
		func(l *Layout) { l.ChunkSize = 1 },
		func(l *Layout) { l.Base = l.Base[:2] },
		func(l *Layout) { l.Base[0] = -1 },
		func(l *Layout) { l.Exceptions[0].Segment = 3 },
		func(l *Layout) { l.Exceptions[0].Index = 3 },
		func(l *Layout) { l.Exceptions[1], l.Exceptions[0] = l.Exceptions[0], l.Exceptions[1] },
		func(l *Layout) { l.Exceptions[1] = l.Exceptions[0] },
		func(l *Layout) { l.Exceptions[0].Generation = -1 },
	} {
		l := goldenLayouts()["ec"]
		change(&l)
		if _, err := l.MarshalBinary(); !errors.Is(err, ErrFormat) {
			t.Errorf("change %d: MarshalBinary = %v, want ErrFormat", i, err)
		}
	}
}

func TestLayoutPlaces(t *testing.T) {
	l := goldenLayouts()["ec"]
	var got []Place
	for p := range l.Places() {
		got = append(got, p)
		if q := l.Place(p.Segment, p.Index); q != p {
			t.Errorf("Place(%d, %d) = %v, Places has %v", p.Segment, p.Index, q, p)
		}
	}
	if len(got) != 9 || got[2] != (Place{ShardRef{0, 2}, 1, 9}) || got[8] != (Place{ShardRef{2, 2}, 0, 0}) {
		t.Errorf("Places = %v", got)
	}
	moved := l.With(Place{ShardRef{1, 1}, 1, 77}, Place{ShardRef{2, 0}, 4, 9})
	if err := moved.Validate(); err != nil {
		t.Error(err)
	}
	gone := Superseded(l, moved)
	want := []Exception{{1, 1, 1 << 40, 0}, {2, 0, 9, 3}}
	if diff := cmp.Diff(want, gone.Exceptions); diff != "" || gone.Validate() != nil {
		t.Errorf("Superseded: %s", diff)
	}
	if gone := Superseded(l, l); len(gone.Exceptions) > 0 {
		t.Errorf("Superseded by itself: %v", gone.Exceptions)
	}
	for _, c := range []struct {
		at      int64
		segment int
		within  int64
		ok      bool
	}{{-1, 0, 0, false}, {0, 0, 0, true}, {16<<20 - 1, 0, 16<<20 - 1, true}, {16 << 20, 1, 0, true}, {32 << 20, 2, 0, true}, {40<<20 + 4, 2, 8<<20 + 4, true}, {40<<20 + 5, 0, 0, false}} {
		segment, within, ok := l.Locate(c.at)
		if segment != c.segment && ok || within != c.within && ok || ok != c.ok {
			t.Errorf("Locate(%d) = %d, %d, %v; want %+v", c.at, segment, within, ok, c)
		}
	}
}

func TestNames(t *testing.T) {
	id := BlobID{0xabcdef, 1023}
	name := ShardName("a/b", id, Place{ShardRef{12, 3}, 4, 9})
	if want := "a/b/shards/01/0000000000abcdef00000000000003ff.12.4.3"; name != want {
		t.Errorf("ShardName = %s, want %s", name, want)
	}
	rapid.Check(t, func(t *rapid.T) {
		id := BlobID{rapid.Uint64().Draw(t, "incarnation"), rapid.Uint64().Draw(t, "counter")}
		small := rapid.IntRange(0, 1<<31-1)
		p := Place{ShardRef: ShardRef{small.Draw(t, "segment"), small.Draw(t, "index")}, Generation: small.Draw(t, "generation")}
		dir := rapid.SampledFrom([]string{"", "x", "x/y.z"}).Draw(t, "dir")
		got, q, err := ParseName(dir, ShardName(dir, id, p))
		if err != nil || got != id || q != p {
			t.Fatalf("ParseName(%s) = %v, %v, %v", ShardName(dir, id, p), got, q, err)
		}
	})
	for _, bad := range []string{
		"", "a/b", "a/b/shards/", "shards/01/0000000000abcdef00000000000003ff.12.4.3", name + ".5", name[:len(name)-1],
		"a/b/shards/02/0000000000abcdef00000000000003ff.12.4.3", "a/b/shards/01/0000000000ABCDEF00000000000003ff.12.4.3",
		"a/b/shards/01/0000000000abcdef00000000000003ff.012.4.3", "a/b/shards/01/0000000000abcdef00000000000003ff.12.-4.3",
		"a/b/shards/01/0000000000abcdef00000000000003ff.12.4.99999999999", "a/b/shards/01/x/0000000000abcdef00000000000003ff.1.1.1",
		"a/b/shards/1/0000000000abcdef00000000000003ff.12.4.3",
	} {
		if _, _, err := ParseName("a/b", bad); !errors.Is(err, ErrFormat) {
			t.Errorf("ParseName(%q) = %v, want ErrFormat", bad, err)
		}
	}
}

func TestBlobID(t *testing.T) {
	id := BlobID{0x0102030405060708, 0xf0}
	raw := id.Bytes()
	if back, err := ParseBlobID(raw[:]); err != nil || back != id {
		t.Errorf("ParseBlobID = %v, %v", back, err)
	}
	if back, err := ParseBlobName(id.String()); err != nil || back != id || id.String() != "010203040506070800000000000000f0" {
		t.Errorf("ParseBlobName(%s) = %v, %v", id, back, err)
	}
	if _, err := ParseBlobID(raw[:15]); !errors.Is(err, ErrFormat) {
		t.Errorf("ParseBlobID of 15 bytes = %v", err)
	}
}

func TestPolicyLimits(t *testing.T) {
	for _, c := range []struct {
		p  Policy
		ok bool
	}{
		{Policy{}, true},
		{Policy{Redundancy: Copies, N: 1}, false},
		{Policy{Redundancy: Copies, N: 2}, true},
		{Policy{Redundancy: Copies, N: 16}, true},
		{Policy{Redundancy: Copies, N: 17}, false},
		{Policy{Redundancy: ErasureCoded, K: 0, N: 3}, false},
		{Policy{Redundancy: ErasureCoded, K: 1, N: 2}, true},
		{Policy{Redundancy: ErasureCoded, K: 3, N: 3}, false},
		{Policy{Redundancy: ErasureCoded, K: 254, N: 255}, true},
		{Policy{Redundancy: ErasureCoded, K: 2, N: 256}, false},
		{Policy{Redundancy: LocallyRepairable, K: 2, N: 4, Groups: []int{2}}, true},
		{Policy{Redundancy: LocallyRepairable, K: 2, N: 3, Groups: []int{2}}, false},
		{Policy{Redundancy: LocallyRepairable, K: 4, N: 8, Groups: []int{2, 1}}, false},
		{Policy{Redundancy: LocallyRepairable, K: 4, N: 8, Groups: []int{4, 0}}, false},
		{Policy{Redundancy: LocallyRepairable, K: 4, N: 8}, false},
		{Policy{ChunkSize: 65535}, false},
		{Policy{ChunkSize: 65536}, true},
		{Policy{ChunkSize: 67108864}, true},
		{Policy{ChunkSize: 67108865}, false},
		{Policy{Redundancy: ErasureCoded, K: 2, N: 3, ChunkSize: 33554432}, true},
		{Policy{Redundancy: ErasureCoded, K: 2, N: 3, ChunkSize: 33554433}, false},
		{Policy{Redundancy: 7}, false},
	} {
		if err := c.p.Validate(); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrPolicy) {
			t.Errorf("Validate(%+v) = %v, want ok %v", c.p, err, c.ok)
		}
	}
	for k, want := range map[int]int64{1: 16 << 20, 2: 8 << 20, 3: 5570560, 4: 4 << 20, 255: 65536} {
		if got := (Policy{Redundancy: ErasureCoded, K: k, N: k + 1}).Chunk(); got != want {
			t.Errorf("default chunk size of k = %d: %d, want %d", k, got, want)
		}
	}
	raw, err := json.Marshal(Policy{Redundancy: ErasureCoded, K: 2, N: 3})
	var back Policy
	if err != nil || string(raw) != `{"type":"ec","k":2,"n":3}` || json.Unmarshal(raw, &back) != nil || back.K != 2 {
		t.Errorf("Marshal = %s, %v, back %+v", raw, err, back)
	}
	if err := json.Unmarshal([]byte(`{"type":"raid"}`), &back); !errors.Is(err, ErrPolicy) {
		t.Errorf("Unmarshal of an unknown type = %v, want ErrPolicy", err)
	}
}

// TestWidePolicy: the longest codes the limits allow round trip.
func TestWidePolicy(t *testing.T) {
	l := newLab(t, 255)
	for _, p := range []Policy{
		{Redundancy: ErasureCoded, K: 254, N: 255, Strict: true}, {Redundancy: ErasureCoded, K: 2, N: 255, ChunkSize: 64 << 10, Strict: true},
	} {
		for _, n := range []int{1000, 64<<10 - 1, 64 << 10, 300_000}[thinned(0, 3):] {
			data := random(n)
			w := l.put(data, l.target(p, 5), n%2 == 0)
			l.wantRead(w, data, 0, int64(n))
			t.Logf("%d bytes of %d of %d: %v %d/%d", n, p.K, p.N, w.Blobs[0].Layout.Redundancy, w.Blobs[0].Layout.K, w.Blobs[0].Layout.N)
		}
	}
}

func TestSealedBytesAreSealed(t *testing.T) {
	l := newLab(t, 3)
	data := bytes.Repeat([]byte("plain text! "), 20_000)
	for _, p := range []Policy{{}, {Redundancy: ErasureCoded, K: 2, N: 3, ChunkSize: 64 << 10}} {
		b := l.put(data, l.target(p, 5), true).Blobs[0]
		for place := range b.Layout.Places() {
			if bytes.Contains(l.shard(b, place), []byte("plain text")) {
				t.Errorf("%v: shard %v holds plain text", p.Redundancy, place)
			}
		}
	}
	w := l.put(data, l.target(Policy{}, 99-1), true)
	b := w.Blobs[0]
	b.Layout.KeyID = 99
	l.blobs[b.ID] = b
	if _, err := l.read(w, 0, 10); !errors.Is(err, ErrKey) {
		t.Errorf("read without the key = %v, want ErrKey", err)
	}
	_, err := l.Put(t.Context(), bytes.NewReader(data), PutRequest{Target: l.target(Policy{}, 99), Size: -1})
	if !errors.Is(err, ErrKey) {
		t.Errorf("Put without the key = %v, want ErrKey", err)
	}
	sp := l.cfg.Spaces.All()[0]
	sp.Sealed = true
	l.cfg.Spaces.Set(sp)
	if _, err := l.Put(t.Context(), bytes.NewReader(data), PutRequest{Target: l.target(Policy{}, 0), Size: -1}); !errors.Is(err, ErrPolicy) {
		t.Errorf("Put of plain content into a sealed space = %v, want ErrPolicy", err)
	}
}

// TestShardGolden pins what a sealed and a plain shard look like as a whole.
func TestShardGolden(t *testing.T) {
	for name, key := range map[string]uint32{"plain": 0, "sealed": 5} {
		l := newLab(t, 3)
		b := l.put([]byte("The road goes ever on and on"), l.target(Policy{Redundancy: Copies, N: 2, Strict: true}, key), true).Blobs[0]
		var got bytes.Buffer
		for i := range 2 {
			fmt.Fprintf(&got, "%x\n", l.shard(b, b.Layout.Place(0, i)))
		}
		file := filepath.Join("testdata", "shard-"+name+".hex")
		if *update {
			if err := os.WriteFile(file, got.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil || !bytes.Equal(want, got.Bytes()) {
			t.Errorf("%s shards are\n%s, the golden file has\n%s (%v)", name, got.Bytes(), want, err)
		}
	}
}
