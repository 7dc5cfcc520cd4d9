// Package shardfile defines the bytes of one shard file: a header of 128 bytes, then blocks, each followed
// by the checksum that binds it to its place. The package is pure: it turns values into bytes and back.
//
// All integers are big-endian. Golden files in testdata pin the format; a change of it needs a new Version.
package shardfile

import (
	"encoding/binary"

	"github.com/minio/crc64nvme"
)

// ChecksumSize is the number of bytes of checksum that follow the data of each block.
const ChecksumSize = 8

const prefixSize = 16 + 4 + 4 + 2 + 4

// Identity is the place that the blocks of a shard are bound to: a valid block of another shard, or of an
// older generation of the same one, does not verify under it.
type Identity struct {
	Blob       [16]byte // incarnation (8 bytes) and counter (8 bytes)
	Generation uint32   // grows with each repair or move of the shard
	Segment    uint32   // number of the segment in the blob
	Index      uint16   // number of the shard in the segment, 0 to n-1
}

// Checksum returns the bound checksum of a block: the CRC64NVME of (blob, generation, segment, index,
// block number) followed by stored, the block's data as it lies in the file. It costs one pass over stored.
func (id Identity) Checksum(block uint32, stored []byte) uint64 {
	return crc64nvme.Update(id.prefix(block), stored)
}

// AppendChecksum appends to dst the ChecksumSize bytes that follow the block's data in the file.
func (id Identity) AppendChecksum(dst []byte, block uint32, stored []byte) []byte {
	return binary.BigEndian.AppendUint64(dst, id.Checksum(block, stored))
}

// VerifyBlock reports whether framed, a block's data followed by its checksum, is what was written as this
// block of this shard. It returns the bound checksum; Combiner.Unbind makes the plain one of it. A framed
// block without data is refused.
func (id Identity) VerifyBlock(block uint32, framed []byte) (sum uint64, ok bool) {
	n := len(framed) - ChecksumSize
	if n < 1 {
		return 0, false
	}
	sum = binary.BigEndian.Uint64(framed[n:])
	return sum, sum == id.Checksum(block, framed[:n])
}

// prefix is the CRC64NVME of what a block's checksum covers before its data.
func (id Identity) prefix(block uint32) uint64 {
	var buf [prefixSize]byte
	b := append(buf[:0], id.Blob[:]...)
	b = binary.BigEndian.AppendUint32(b, id.Generation)
	b = binary.BigEndian.AppendUint32(b, id.Segment)
	b = binary.BigEndian.AppendUint16(b, id.Index)
	b = binary.BigEndian.AppendUint32(b, block)
	return crc64nvme.Checksum(b)
}
