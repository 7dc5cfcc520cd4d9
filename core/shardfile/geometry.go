package shardfile

import (
	"errors"
	"fmt"
)

const (
	// MaxBlock is the greatest number of plaintext bytes in a block.
	MaxBlock = 256 << 10
	// MaxSegment is the greatest number of plaintext bytes in a segment.
	MaxSegment = 64 << 20
	// MaxShards is the greatest number of shards of a segment: codes over GF(2^8) end there.
	MaxShards = 256
	// SealedOverhead is the number of bytes by which sealing (AES-256-GCM) makes a block longer.
	SealedOverhead = 16
)

// ErrGeometry is returned for sizes that no segment has.
var ErrGeometry = errors.New("impossible segment geometry")

// Geometry says where each byte of a segment lies in its shards. The segment is cut into stripes of K
// blocks: data block j lies in shard j mod K, as block j / K of that file. Full stripes have blocks of Block
// bytes; the last stripe, when less is left, has blocks of ceil(rest / K) bytes, padded with zeros where the
// data ends. All shards, parities too, are equally long.
//
// The methods need a Geometry that passes Validate. Stripes and shards are counted from 0.
type Geometry struct {
	K        int   // data shards
	Block    int   // plaintext bytes of a full block
	Overhead int   // bytes that storing adds to each block: 0, or SealedOverhead
	Length   int64 // plaintext bytes of the segment, without padding
}

// Validate returns an error that wraps ErrGeometry if a size is out of its range. A segment of length 0 is
// no segment.
func (g Geometry) Validate() error {
	switch {
	case g.K < 1 || g.K > MaxShards:
		return fmt.Errorf("%w: %d data shards", ErrGeometry, g.K)
	case g.Block < 1 || g.Block > MaxBlock:
		return fmt.Errorf("%w: blocks of %d bytes", ErrGeometry, g.Block)
	case g.Overhead != 0 && g.Overhead != SealedOverhead:
		return fmt.Errorf("%w: overhead of %d bytes", ErrGeometry, g.Overhead)
	case g.Length < 1 || g.Length > MaxSegment:
		return fmt.Errorf("%w: segment of %d bytes", ErrGeometry, g.Length)
	}
	return nil
}

// Stripes returns the number of stripes, which is the number of blocks in each shard: at least 1.
func (g Geometry) Stripes() int {
	n := g.full()
	if g.rest() > 0 {
		n++
	}
	return n
}

// BlockLen returns the plaintext bytes, padding included, of each block of the stripe, or 0 if the segment
// has no such stripe.
func (g Geometry) BlockLen(stripe int) int {
	switch full := g.full(); {
	case stripe < 0 || stripe > full:
		return 0
	case stripe < full:
		return g.Block
	default:
		return int((g.rest() + int64(g.K) - 1) / int64(g.K))
	}
}

// StoredLen returns the bytes of each block of the stripe as stored: BlockLen and the overhead, without the
// checksum. It is 0 if the segment has no such stripe.
func (g Geometry) StoredLen(stripe int) int {
	n := g.BlockLen(stripe)
	if n == 0 {
		return 0
	}
	return n + g.Overhead
}

// FramedLen returns the bytes that a block of the stripe takes in the file: StoredLen and the checksum. It
// is 0 if the segment has no such stripe.
func (g Geometry) FramedLen(stripe int) int {
	n := g.StoredLen(stripe)
	if n == 0 {
		return 0
	}
	return n + ChecksumSize
}

// Offset returns where in the shard file the stripe's block begins. Offset(Stripes()) is where the file ends.
func (g Geometry) Offset(stripe int) int64 {
	full := min(stripe, g.full())
	off := HeaderSize + int64(full)*int64(g.Block+g.Overhead+ChecksumSize)
	if stripe > full {
		off += int64(g.FramedLen(full))
	}
	return off
}

// ShardSize returns the bytes of each shard file, header and checksums included.
func (g Geometry) ShardSize() int64 { return g.Offset(g.Stripes()) }

// Locate returns the stripe, the data shard and the position within that block's plaintext of the segment's
// plaintext byte at off. It panics, as an index does, unless 0 <= off < Length.
func (g Geometry) Locate(off int64) (stripe, shard, within int) {
	if off < 0 || off >= g.Length {
		panic(fmt.Sprintf("shardfile: offset %d in a segment of %d bytes", off, g.Length))
	}
	width := g.width()
	stripe = int(off / width)
	block, in := int64(g.BlockLen(stripe)), off%width
	return stripe, int(in / block), int(in % block)
}

// PlainOffset returns the position in the segment's plaintext of the first byte of the data block that the
// shard holds in the stripe. It is meaningful where DataLen is not 0.
func (g Geometry) PlainOffset(stripe, shard int) int64 {
	return int64(stripe)*g.width() + int64(shard)*int64(g.BlockLen(stripe))
}

// DataLen returns how many bytes of the shard's block in the stripe are plaintext and not padding: 0 to
// BlockLen. It is 0 for a parity shard.
func (g Geometry) DataLen(stripe, shard int) int {
	if shard < 0 || shard >= g.K {
		return 0
	}
	n := int64(g.BlockLen(stripe))
	return int(max(0, min(n, g.Length-g.PlainOffset(stripe, shard))))
}

// width is the plaintext bytes of a full stripe.
func (g Geometry) width() int64 { return int64(g.K) * int64(g.Block) }

// full is the number of full stripes.
func (g Geometry) full() int { return int(g.Length / g.width()) }

// rest is the plaintext bytes of the tail stripe, 0 if there is none.
func (g Geometry) rest() int64 { return g.Length % g.width() }
