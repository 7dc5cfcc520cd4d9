package shardfile_test

import (
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/minio/crc64nvme"
	"pgregory.net/rapid"

	"trivium/core/shardfile"
)

type direct struct {
	name      string
	algorithm shardfile.Algorithm
	sum       func([]byte) uint64
}

func directs() []direct {
	return []direct{
		{"CRC64NVME", shardfile.CRC64NVME, crc64nvme.Checksum},
		{"CRC32", shardfile.CRC32, func(b []byte) uint64 { return uint64(crc32.ChecksumIEEE(b)) }},
		{"CRC32C", shardfile.CRC32C, func(b []byte) uint64 {
			return uint64(crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
		}},
	}
}

func TestCombineAgainstDirect(t *testing.T) {
	for _, d := range directs() {
		c := shardfile.NewCombiner(d.algorithm)
		t.Run(d.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				parts := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 300), 0, 6).Draw(t, "parts")
				var whole []byte
				var got uint64
				for _, p := range parts {
					got = c.Combine(got, d.sum(p), int64(len(p)))
					whole = append(whole, p...)
				}
				if want := d.sum(whole); got != want {
					t.Fatalf("combined %x, want %x", got, want)
				}
			})
		})
	}
}

func TestCombineLongLengths(t *testing.T) {
	data := make([]byte, 3<<20)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	for _, d := range directs() {
		c := shardfile.NewCombiner(d.algorithm)
		want := d.sum(data)
		for range 20 {
			cut := r.IntN(len(data) + 1)
			got := c.Combine(d.sum(data[:cut]), d.sum(data[cut:]), int64(len(data)-cut))
			if got != want {
				t.Errorf("%s cut at %d: %x, want %x", d.name, cut, got, want)
			}
		}
		// Lengths that no test can hold: lengthening by a and then by b is lengthening by a + b.
		const a, b = 1<<62 - 3, 5<<40 + 1
		if x, y := c.Combine(c.Combine(want, 0, a), 0, b), c.Combine(want, 0, a+b); x != y {
			t.Errorf("%s: %x, want %x", d.name, x, y)
		}
	}
}

func TestBindAndUnbind(t *testing.T) {
	c := shardfile.NewCombiner(shardfile.CRC64NVME)
	rapid.Check(t, func(t *rapid.T) {
		id := drawIdentity(t)
		block := rapid.Uint32().Draw(t, "block")
		data := rapid.SliceOfN(rapid.Byte(), 1, 1000).Draw(t, "data")
		n := int64(len(data))
		plain, bound := crc64nvme.Checksum(data), id.Checksum(block, data)
		if got := c.Unbind(id, block, bound, n); got != plain {
			t.Fatalf("Unbind = %x, want %x", got, plain)
		}
		if got := c.Bind(id, block, plain, n); got != bound {
			t.Fatalf("Bind = %x, want %x", got, bound)
		}
	})
}

// TestBlobCRCFromBlocks: what core/content does to know a blob's checksum from those that lie in its shards.
func TestBlobCRCFromBlocks(t *testing.T) {
	c := shardfile.NewCombiner(shardfile.CRC64NVME)
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 1, 200).Draw(t, "data")
		g := shardfile.Geometry{K: rapid.IntRange(1, 9).Draw(t, "k"), Block: 10, Length: int64(len(data))}
		var got uint64
		for stripe := range g.Stripes() {
			for shard := range g.K {
				n := g.DataLen(stripe, shard)
				stored := make([]byte, g.StoredLen(stripe))
				if n > 0 {
					copy(stored, data[g.PlainOffset(stripe, shard):][:n])
				}
				id := shardfile.Identity{Index: uint16(shard)}
				bound := id.Checksum(uint32(stripe), stored)
				plain := c.Unbind(id, uint32(stripe), bound, int64(len(stored)))
				got = c.Combine(got, c.TrimZeros(plain, len(stored)-n), int64(n))
			}
		}
		if want := crc64nvme.Checksum(data); got != want {
			t.Fatalf("combined %x, want %x", got, want)
		}
	})
}

func TestTrimZeros(t *testing.T) {
	for _, d := range directs() {
		c := shardfile.NewCombiner(d.algorithm)
		for n := range 300 {
			data := append([]byte("data"), make([]byte, n)...)
			if got, want := c.TrimZeros(d.sum(data), n), d.sum(data[:4]); got != want {
				t.Fatalf("%s: TrimZeros(%d) = %x, want %x", d.name, n, got, want)
			}
			if got := c.TrimZeros(d.sum(data[4:]), n); got != 0 {
				t.Fatalf("%s: TrimZeros of %d zeros alone = %x, want 0", d.name, n, got)
			}
		}
	}
}

func TestBindNeedsTheBlocksAlgorithm(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Bind by CRC32 returns")
		}
	}()
	shardfile.NewCombiner(shardfile.CRC32).Bind(shardfile.Identity{}, 0, 0, 1)
}

func TestCombinerIsShared(t *testing.T) {
	c := shardfile.NewCombiner(shardfile.CRC64NVME)
	want := c.Combine(1, 2, 12345)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				if got := c.Combine(1, 2, 12345); got != want {
					t.Errorf("Combine = %x, want %x", got, want)
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkCombine(b *testing.B) {
	c := shardfile.NewCombiner(shardfile.CRC64NVME)
	for _, n := range []int64{256 << 10, 256<<10 + 16, 123457, 5<<30 - 1} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				c.Combine(0x123456789abcdef0, 1, n)
			}
		})
	}
}
