package shardfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/minio/crc64nvme"
)

const (
	// HeaderSize is the number of bytes before the first block of a shard file.
	HeaderSize = 128
	// Version is the newest format that this package reads, and the one that it writes.
	Version = 1
	// MaxGroups is the greatest number of local groups of an LRC shard.
	MaxGroups = 16

	magic = "TRVSHARD"
)

var (
	// ErrForeign is returned for bytes that were never a shard: they do not begin as one.
	ErrForeign = errors.New("not a shard")
	// ErrVersion is returned for an intact header of a newer format; its text names the format.
	ErrVersion = errors.New("shard of a newer format")
	// ErrDamaged is returned for a header that is cut off, fails its checksum or contradicts itself.
	ErrDamaged = errors.New("damaged shard header")
)

// Scheme says by which code the shards of a segment were made. The numbers are part of the format.
type Scheme uint8

const (
	// Copies is n equal shards, k = 1.
	Copies Scheme = 1
	// ReedSolomon is k data shards and n - k parities, any k of which suffice.
	ReedSolomon Scheme = 2
	// LRC is k data shards, one local parity for each group and the global parities.
	LRC Scheme = 3
)

// Header is what the first HeaderSize bytes of a shard file say: enough to find the shard's place and to
// read its segment without the metadata store. Headers are comparable.
//
// Offsets: magic 0, version 8, index 10, k 12, n 14, store 16, blob 32, segment 48, generation 52, key id 56,
// encoding 60, block 64, overhead 68, scheme 70, number of groups 71, length 72, sizes of groups 80,
// zeros 96, CRC64NVME of the 120 bytes before it 120.
type Header struct {
	Identity

	Store    [16]byte         // the store that wrote the shard
	Scheme   Scheme           // the code
	K, N     uint16           // data shards; all shards
	Groups   [MaxGroups]uint8 // LRC: data shards of each local group, then zeros; else zeros
	KeyID    uint32           // the key that sealed the blocks; 0 = not sealed
	Encoding uint32           // number of the blob's encoding, part of the key's derivation
	Block    uint32           // plaintext bytes of a full block
	Overhead uint16           // bytes that sealing adds to a block: 0, or SealedOverhead
	Length   uint64           // plaintext bytes of the segment, without padding
}

// Geometry returns where the segment's bytes lie in the shards. It is valid if the header is.
func (h Header) Geometry() Geometry {
	return Geometry{K: int(h.K), Block: int(h.Block), Overhead: int(h.Overhead), Length: int64(h.Length)}
}

// Validate returns an error that says what in the header is out of its range or contradicts the rest.
// AppendHeader writes and ParseHeader returns only what passes.
func (h Header) Validate() error {
	if err := h.Geometry().Validate(); err != nil {
		return err
	}
	switch {
	case h.N < h.K || h.N > MaxShards || h.Index >= h.N:
		return fmt.Errorf("shard %d of %d of %d", h.Index, h.K, h.N)
	case (h.KeyID == 0) != (h.Overhead == 0):
		return fmt.Errorf("key %d with an overhead of %d bytes", h.KeyID, h.Overhead)
	}
	return h.validateScheme()
}

func (h Header) validateScheme() error {
	groups, sum := h.groups()
	var ok bool
	switch h.Scheme {
	case Copies:
		ok = h.K == 1 && groups == 0
	case ReedSolomon:
		ok = h.N > h.K && groups == 0
	case LRC:
		ok = groups > 0 && sum == int(h.K) && int(h.N) > int(h.K)+groups
	}
	if !ok || h.Groups != trimmed(h.Groups, groups) {
		return fmt.Errorf("scheme %d, %d of %d, groups %v", h.Scheme, h.K, h.N, h.Groups)
	}
	return nil
}

// groups returns the number of local groups and of the data shards in them.
func (h Header) groups() (count, sum int) {
	for count < MaxGroups && h.Groups[count] > 0 {
		sum += int(h.Groups[count])
		count++
	}
	return count, sum
}

// trimmed is g with zeros from entry n on.
func trimmed(g [MaxGroups]uint8, n int) [MaxGroups]uint8 {
	clear(g[n:])
	return g
}

// AppendHeader appends the HeaderSize bytes of h to dst. It returns dst as it was and the error of Validate
// for a header that ParseHeader would refuse.
func AppendHeader(dst []byte, h Header) ([]byte, error) {
	if err := h.Validate(); err != nil {
		return dst, fmt.Errorf("write shard header: %w", err)
	}
	start := len(dst)
	groups, _ := h.groups()
	b := append(dst, magic...)
	b = binary.BigEndian.AppendUint16(b, Version)
	b = binary.BigEndian.AppendUint16(b, h.Index)
	b = binary.BigEndian.AppendUint16(b, h.K)
	b = binary.BigEndian.AppendUint16(b, h.N)
	b = append(b, h.Store[:]...)
	b = append(b, h.Blob[:]...)
	b = binary.BigEndian.AppendUint32(b, h.Segment)
	b = binary.BigEndian.AppendUint32(b, h.Generation)
	b = binary.BigEndian.AppendUint32(b, h.KeyID)
	b = binary.BigEndian.AppendUint32(b, h.Encoding)
	b = binary.BigEndian.AppendUint32(b, h.Block)
	b = binary.BigEndian.AppendUint16(b, h.Overhead)
	b = append(b, byte(h.Scheme), byte(groups))
	b = binary.BigEndian.AppendUint64(b, h.Length)
	b = append(b, h.Groups[:]...)
	b = append(b, make([]byte, headerCRC-reserved)...)
	return binary.BigEndian.AppendUint64(b, crc64nvme.Checksum(b[start:])), nil
}

const (
	reserved  = 96
	headerCRC = HeaderSize - ChecksumSize
)

// ParseHeader reads the header at the beginning of b, which may be longer. Errors wrap ErrForeign,
// ErrVersion or ErrDamaged. A header that it returns has passed its checksum and Validate, and AppendHeader
// makes the same bytes of it. It says nothing about the blocks, nor that the shard is the one looked for:
// compare Identity and Store with what was asked for.
//
// Magic, version and checksum stay where they are in every later format, so a damaged version is damage.
func ParseHeader(b []byte) (Header, error) {
	if n := min(len(b), len(magic)); string(b[:n]) != magic[:n] {
		return Header{}, ErrForeign
	}
	if len(b) < HeaderSize {
		return Header{}, fmt.Errorf("%w: %d of %d bytes", ErrDamaged, len(b), HeaderSize)
	}
	b = b[:HeaderSize]
	if binary.BigEndian.Uint64(b[headerCRC:]) != crc64nvme.Checksum(b[:headerCRC]) {
		return Header{}, fmt.Errorf("%w: checksum", ErrDamaged)
	}
	if v := binary.BigEndian.Uint16(b[8:]); v > Version {
		return Header{}, fmt.Errorf("%w: %d, newest known is %d", ErrVersion, v, Version)
	}
	h := decode(b)
	if err := h.check(b); err != nil {
		return Header{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return h, nil
}

func decode(b []byte) Header {
	return Header{
		Identity: Identity{
			Blob:       [16]byte(b[32:48]),
			Segment:    binary.BigEndian.Uint32(b[48:]),
			Generation: binary.BigEndian.Uint32(b[52:]),
			Index:      binary.BigEndian.Uint16(b[10:]),
		},
		K:        binary.BigEndian.Uint16(b[12:]),
		N:        binary.BigEndian.Uint16(b[14:]),
		Store:    [16]byte(b[16:32]),
		KeyID:    binary.BigEndian.Uint32(b[56:]),
		Encoding: binary.BigEndian.Uint32(b[60:]),
		Block:    binary.BigEndian.Uint32(b[64:]),
		Overhead: binary.BigEndian.Uint16(b[68:]),
		Scheme:   Scheme(b[70]),
		Length:   binary.BigEndian.Uint64(b[72:]),
		Groups:   [MaxGroups]uint8(b[80:reserved]),
	}
}

// check refuses what no writer of this version makes; anything that decode does not see must be as
// AppendHeader writes it.
func (h Header) check(b []byte) error {
	if err := h.Validate(); err != nil {
		return err
	}
	want, err := AppendHeader(make([]byte, 0, HeaderSize), h)
	if err != nil {
		return err
	}
	if !bytes.Equal(b, want) {
		return errors.New("version 0, count of groups or reserved bytes")
	}
	return nil
}
