package shardfile

import (
	"hash/crc32"
	"math/bits"
)

// Algorithm names a CRC that a Combiner works on.
type Algorithm uint8

const (
	// CRC64NVME is the checksum of blocks and blobs; Bind and Unbind need it.
	CRC64NVME Algorithm = iota
	// CRC32 is the IEEE one, S3's x-amz-checksum-crc32.
	CRC32
	// CRC32C is Castagnoli's, S3's x-amz-checksum-crc32c.
	CRC32C
)

// Combiner computes the CRC of joined strings from the CRCs of their parts, without their bytes. It is
// immutable after NewCombiner, so any number of goroutines may use one.
//
// Lengthening a string by n bytes multiplies its CRC by x^(8n) modulo the polynomial (M. Adler,
// crc32_combine in zlib). The Combiner holds that factor for every power of two, so a combination costs one
// multiplication (about 64 steps) for each bit set in n: one for a full block, no cache of lengths needed.
type Combiner struct {
	algorithm Algorithm
	poly      uint64 // reflected
	one       uint64 // the polynomial 1, reflected: the highest bit of the CRC's width
	powers    [63]uint64
}

// NewCombiner returns the Combiner of an algorithm. It takes some microseconds: make one and keep it.
func NewCombiner(a Algorithm) *Combiner {
	c := &Combiner{algorithm: a, poly: 0x9a6c9329ac4bc9b5, one: 1 << 63}
	switch a {
	case CRC64NVME:
	case CRC32:
		c.poly, c.one = crc32.IEEE, 1<<31
	case CRC32C:
		c.poly, c.one = crc32.Castagnoli, 1<<31
	}
	c.powers[0] = c.one >> 8 // x^8: one byte
	for i := 1; i < len(c.powers); i++ {
		c.powers[i] = c.multiply(c.powers[i-1], c.powers[i-1])
	}
	return c
}

// Combine returns the CRC of A followed by B, given the CRC of each and the length of B in bytes, which must
// not be negative. A CRC of 32 bits stands in the low half.
func (c *Combiner) Combine(crcA, crcB uint64, lenB int64) uint64 {
	return c.lengthen(crcA, lenB) ^ crcB
}

// Bind returns the bound checksum (Identity.Checksum) of a block from its plain CRC64NVME and its stored
// length in bytes, without its data. It panics if c is of another algorithm.
func (c *Combiner) Bind(id Identity, block uint32, plain uint64, length int64) uint64 {
	if c.algorithm != CRC64NVME {
		panic("shardfile: blocks are bound by CRC64NVME")
	}
	return c.Combine(id.prefix(block), plain, length)
}

// Unbind returns the plain CRC64NVME of a block's stored data from its bound checksum and its stored length
// in bytes, without its data. It panics if c is of another algorithm.
func (c *Combiner) Unbind(id Identity, block uint32, bound uint64, length int64) uint64 {
	return c.Bind(id, block, bound, length) // addition is its own inverse: both add the lengthened prefix
}

// TrimZeros returns the CRC of A, given that of A followed by n zero bytes: the padding of a tail stripe,
// fewer than K bytes. It takes 8 steps for each of them; n must not be negative.
func (c *Combiner) TrimZeros(crc uint64, n int) uint64 {
	ones := c.one<<1 - 1
	state := crc ^ ones // a CRC is the inverse of the register, which each zero bit multiplies by x
	for range 8 * n {
		if state&c.one == 0 {
			state <<= 1
		} else {
			state = (state^c.poly)<<1 | 1
		}
	}
	return state ^ ones
}

// lengthen multiplies crc by x^(8n).
func (c *Combiner) lengthen(crc uint64, n int64) uint64 {
	for left := uint64(max(n, 0)); left != 0 && crc != 0; left &= left - 1 {
		crc = c.multiply(crc, c.powers[bits.TrailingZeros64(left)])
	}
	return crc
}

// multiply returns a·b modulo the polynomial, all reflected: the highest bit is the coefficient of 1.
func (c *Combiner) multiply(a, b uint64) uint64 {
	var product uint64
	for ; a != 0; a = a << 1 & (c.one<<1 - 1) {
		if a&c.one != 0 {
			product ^= b
		}
		b = b>>1 ^ c.poly&-(b&1)
	}
	return product
}
