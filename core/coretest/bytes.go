package coretest

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
)

// Chunk stands for Size bytes that follow from Seed behind the first Skip ones, so that a model of many objects needs
// no memory for them.
type Chunk struct {
	Seed uint64
	Skip int
	Size int
}

// Content is chunks joined.
type Content []Chunk

// Bytes returns the bytes that c stands for.
func (c Content) Bytes() []byte {
	out := make([]byte, 0, c.Size())
	for _, k := range c {
		out = append(out, Bytes(k.Seed, k.Skip+k.Size)[k.Skip:]...)
	}
	return out
}

// Size returns the number of bytes.
func (c Content) Size() int64 {
	n := 0
	for _, k := range c {
		n += k.Size
	}
	return int64(n)
}

// Cut returns the content of the length bytes from offset, which lie in c.
func (c Content) Cut(offset, length int64) Content {
	var out Content
	for _, k := range c {
		from, to := min(max(offset, 0), int64(k.Size)), min(max(offset+length, 0), int64(k.Size))
		if from < to {
			out = append(out, Chunk{Seed: k.Seed, Skip: k.Skip + int(from), Size: int(to - from)})
		}
		offset -= int64(k.Size)
	}
	return out
}

// Bytes returns size bytes that follow from seed; those of different seeds differ from the first on.
func Bytes(seed uint64, size int) []byte {
	out := make([]byte, 0, size+8)
	x := seed
	for len(out) < size {
		x += 0x9e3779b97f4a7c15 // splitmix64 (Steele, Lea, Flood 2014)
		z := x
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		out = binary.LittleEndian.AppendUint64(out, z^z>>31)
	}
	return out[:size]
}

// md5Hex returns the ETag of plain content.
func md5Hex(data []byte) string {
	sum := md5.Sum(data)
	return hex.EncodeToString(sum[:])
}

// equal tells whether data are the bytes of c from offset.
func (c Content) equal(data []byte, offset, length int64) bool {
	return bytes.Equal(data, c.Bytes()[offset:offset+length])
}
