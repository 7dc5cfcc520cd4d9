package content

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// SpaceID identifies a configured space; 0 is no space (a shard that was never placed).
type SpaceID int64

// BlobID identifies a blob for ever: the random number of the process that wrote it and a counter. The zero
// value is no blob.
type BlobID struct {
	Incarnation, Counter uint64
}

// IsZero tells whether id is no blob.
func (id BlobID) IsZero() bool { return id == BlobID{} }

// Bytes returns id big-endian, incarnation first: the form of rows and shard headers.
func (id BlobID) Bytes() [16]byte {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], id.Incarnation)
	binary.BigEndian.PutUint64(b[8:], id.Counter)
	return b
}

// String returns id as 32 lower-case hex digits: the form of names.
func (id BlobID) String() string {
	b := id.Bytes()
	return hex.EncodeToString(b[:])
}

// ParseBlobID is the reverse of Bytes; ErrFormat if b is not 16 bytes.
func ParseBlobID(b []byte) (BlobID, error) {
	if len(b) != 16 {
		return BlobID{}, fmt.Errorf("blob id of %d bytes: %w", len(b), ErrFormat)
	}
	return BlobID{Incarnation: binary.BigEndian.Uint64(b[:8]), Counter: binary.BigEndian.Uint64(b[8:])}, nil
}

// ParseBlobName is the reverse of String; ErrFormat if s is anything else, upper case included.
func ParseBlobName(s string) (BlobID, error) {
	b, err := hex.DecodeString(s)
	if err != nil {
		return BlobID{}, fmt.Errorf("blob id %q: %w", s, ErrFormat)
	}
	id, err := ParseBlobID(b)
	if err != nil || id.String() != s {
		return BlobID{}, fmt.Errorf("blob id %q: %w", s, ErrFormat)
	}
	return id, nil
}
