package shardfile_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"trivium/core/shardfile"
)

// TestGeometryTable spells out sizes by hand; the property below compares with a slow model.
func TestGeometryTable(t *testing.T) {
	type layout struct {
		Stripes        int
		Blocks, Stored []int
		Offsets        []int64
		Size           int64
	}
	tests := map[string]struct {
		geo  shardfile.Geometry
		want layout
	}{
		"one byte": {
			shardfile.Geometry{K: 4, Block: 10, Length: 1},
			layout{1, []int{1}, []int{1}, []int64{128}, 128 + 9},
		},
		"one short of a stripe": {
			shardfile.Geometry{K: 4, Block: 10, Length: 39},
			layout{1, []int{10}, []int{10}, []int64{128}, 128 + 18},
		},
		"one stripe": {
			shardfile.Geometry{K: 4, Block: 10, Length: 40},
			layout{1, []int{10}, []int{10}, []int64{128}, 128 + 18},
		},
		"one more": {
			shardfile.Geometry{K: 4, Block: 10, Length: 41},
			layout{2, []int{10, 1}, []int{10, 1}, []int64{128, 146}, 128 + 18 + 9},
		},
		"sealed with a tail": {
			shardfile.Geometry{K: 2, Block: 10, Overhead: 16, Length: 45},
			layout{3, []int{10, 10, 3}, []int{26, 26, 19}, []int64{128, 162, 196}, 196 + 27},
		},
		"greatest": {
			shardfile.Geometry{K: 128, Block: 256 << 10, Overhead: 16, Length: 64 << 20},
			layout{2, []int{256 << 10, 256 << 10}, []int{256<<10 + 16, 256<<10 + 16}, []int64{128, 128 + 256<<10 + 24}, 128 + 2*(256<<10+24)},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if err := test.geo.Validate(); err != nil {
				t.Fatalf("Validate: %v", err)
			}
			got := layout{Stripes: test.geo.Stripes(), Size: test.geo.ShardSize()}
			for s := range got.Stripes {
				got.Blocks = append(got.Blocks, test.geo.BlockLen(s))
				got.Stored = append(got.Stored, test.geo.StoredLen(s))
				got.Offsets = append(got.Offsets, test.geo.Offset(s))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("layout (-want +got):\n%s", diff)
			}
			for _, s := range []int{-1, got.Stripes, got.Stripes + 1} {
				if b, st, fr := test.geo.BlockLen(s), test.geo.StoredLen(s), test.geo.FramedLen(s); b+st+fr != 0 {
					t.Errorf("stripe %d of %d has %d, %d, %d bytes, want none", s, got.Stripes, b, st, fr)
				}
			}
		})
	}
}

func TestGeometryRefuses(t *testing.T) {
	good := shardfile.Geometry{K: 4, Block: 10, Length: 1}
	for name, change := range map[string]func(*shardfile.Geometry){
		"empty segment":  func(g *shardfile.Geometry) { g.Length = 0 },
		"negative":       func(g *shardfile.Geometry) { g.Length = -1 },
		"long segment":   func(g *shardfile.Geometry) { g.Length = shardfile.MaxSegment + 1 },
		"no shards":      func(g *shardfile.Geometry) { g.K = 0 },
		"many shards":    func(g *shardfile.Geometry) { g.K = shardfile.MaxShards + 1 },
		"no block":       func(g *shardfile.Geometry) { g.Block = 0 },
		"long block":     func(g *shardfile.Geometry) { g.Block = shardfile.MaxBlock + 1 },
		"other overhead": func(g *shardfile.Geometry) { g.Overhead = 8 },
	} {
		g := good
		change(&g)
		if err := g.Validate(); !errors.Is(err, shardfile.ErrGeometry) {
			t.Errorf("%s: Validate = %v, want ErrGeometry", name, err)
		}
	}
}

// TestGeometryAgainstModel cuts a segment byte by byte.
func TestGeometryAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := shardfile.Geometry{
			K:        rapid.IntRange(1, 9).Draw(t, "k"),
			Block:    rapid.IntRange(1, 13).Draw(t, "block"),
			Overhead: rapid.SampledFrom([]int{0, shardfile.SealedOverhead}).Draw(t, "overhead"),
			Length:   rapid.Int64Range(1, 500).Draw(t, "length"),
		}
		var off int64
		end := int64(shardfile.HeaderSize)
		for stripe := range g.Stripes() {
			if got := g.Offset(stripe); got != end {
				t.Fatalf("Offset(%d) = %d, want %d", stripe, got, end)
			}
			for shard := range g.K {
				n := g.DataLen(stripe, shard)
				if n > 0 && g.PlainOffset(stripe, shard) != off {
					t.Fatalf("PlainOffset(%d, %d) = %d, want %d", stripe, shard, g.PlainOffset(stripe, shard), off)
				}
				for within := range n {
					if s, i, w := g.Locate(off); s != stripe || i != shard || w != within {
						t.Fatalf("Locate(%d) = %d, %d, %d, want %d, %d, %d", off, s, i, w, stripe, shard, within)
					}
					off++
				}
			}
			if g.DataLen(stripe, g.K) != 0 {
				t.Fatal("a parity shard holds data")
			}
			pad := g.K*g.BlockLen(stripe) - int(min(g.Length, off)-g.PlainOffset(stripe, 0))
			if pad < 0 || pad >= g.K {
				t.Fatalf("stripe %d is padded with %d bytes, want 0 to k-1", stripe, pad)
			}
			end += int64(g.BlockLen(stripe) + g.Overhead + shardfile.ChecksumSize)
		}
		if off != g.Length || end != g.ShardSize() || end != g.Offset(g.Stripes()) {
			t.Fatalf("%d of %d bytes placed, size %d, want %d", off, g.Length, g.ShardSize(), end)
		}
	})
}

func TestLocatePanicsOutside(t *testing.T) {
	g := shardfile.Geometry{K: 2, Block: 4, Length: 8}
	for _, off := range []int64{-1, 8, 9} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Locate(%d) of 8 bytes returns", off)
				}
			}()
			g.Locate(off)
		}()
	}
}
