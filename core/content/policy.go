package content

import (
	"fmt"

	"trivium/core/shardfile"
)

// Redundancy is a way to keep content against loss.
type Redundancy uint8

// The ways.
const (
	None              Redundancy = iota // one shard
	Copies                              // N equal shards
	ErasureCoded                        // any K of N shards suffice
	LocallyRepairable                   // K of N in Groups with a parity of their own
)

// Limits of policies and layouts (spec/native.md §3).
const (
	BlockSize     = 256 << 10 // longest data block
	MinChunkSize  = 64 << 10
	MaxChunkSize  = 64 << 20
	MaxSegment    = 64 << 20 // bytes of content in one segment
	MaxShards     = 255
	MaxCopies     = 16
	MaxBlob       = 5 << 30 // longer streams become several blobs
	smallContent  = 1 << 20 // below it (and below the chunk size) coded policies keep copies
	targetSegment = 16 << 20
)

// redundancyNames are the words of the native API, by value.
func redundancyNames() [4]string { return [4]string{"none", "rep", "ec", "lrc"} }

// String returns the word of the native API.
func (r Redundancy) String() string {
	if names := redundancyNames(); int(r) < len(names) {
		return names[r]
	}
	return fmt.Sprintf("Redundancy(%d)", uint8(r))
}

// MarshalText writes the word of the native API.
func (r Redundancy) MarshalText() ([]byte, error) {
	if r > LocallyRepairable {
		return nil, fmt.Errorf("redundancy %d: %w", uint8(r), ErrPolicy)
	}
	return []byte(r.String()), nil
}

// UnmarshalText reads the word of the native API; ErrPolicy for any other.
func (r *Redundancy) UnmarshalText(b []byte) error {
	for i, name := range redundancyNames() {
		if name == string(b) {
			*r = Redundancy(i)
			return nil
		}
	}
	return fmt.Errorf("redundancy %q: %w", b, ErrPolicy)
}

// Policy says how content is made redundant. The zero value is valid: one shard.
type Policy struct {
	Redundancy Redundancy `json:"type"`
	K          int        `json:"k,omitempty"` // data shards; unused by None and Copies
	N          int        `json:"n,omitempty"` // all shards, or the number of copies; unused by None
	Groups     []int      `json:"groups,omitempty"`
	// ChunkSize is the bytes of one data shard of a full segment; 0: 16 MiB / k, rounded down to 64 KiB.
	ChunkSize int64 `json:"chunkSize,omitempty"`
	// Strict acknowledges only when every shard is durable.
	Strict bool `json:"strict,omitempty"`
	// DegradedWrites acknowledges with any decodable set of shards when no more spaces answer.
	DegradedWrites bool `json:"degradedWrites,omitempty"`
}

// Validate checks the limits of spec/native.md §3; its error wraps ErrPolicy and names the field.
func (p Policy) Validate() error {
	switch p.Redundancy {
	case None:
	case Copies:
		if p.N < 2 || p.N > MaxCopies {
			return fmt.Errorf("repCount %d is not within 2..%d: %w", p.N, MaxCopies, ErrPolicy)
		}
	case ErasureCoded:
		if p.K < 1 || p.N <= p.K || p.N > MaxShards {
			return fmt.Errorf("k %d and n %d are not 1 <= k < n <= %d: %w", p.K, p.N, MaxShards, ErrPolicy)
		}
	case LocallyRepairable:
		if err := validateGroups(p.K, p.N, p.Groups); err != nil {
			return err
		}
	default:
		return fmt.Errorf("redundancy %d: %w", p.Redundancy, ErrPolicy)
	}
	return p.validateChunk()
}

// validateGroups checks what an lrc policy asks for.
func validateGroups(k, n int, groups []int) error {
	sum := 0
	for _, g := range groups {
		if g < 1 {
			return fmt.Errorf("group of %d: %w", g, ErrPolicy)
		}
		sum += g
	}
	if k < 1 || n > MaxShards || len(groups) == 0 || len(groups) > shardfile.MaxGroups || sum != k ||
		n <= k+len(groups) {
		return fmt.Errorf("k %d, n %d, groups %v: up to %d groups must sum up to k, n must exceed k by more than "+
			"one for each and be at most %d: %w", k, n, groups, shardfile.MaxGroups, MaxShards, ErrPolicy)
	}
	return nil
}

// validateChunk checks the chunk size.
func (p Policy) validateChunk() error {
	c := p.ChunkSize
	if c != 0 && (c < MinChunkSize || c > MaxChunkSize || c*int64(p.Data()) > MaxSegment) {
		return fmt.Errorf("chunkSize %d is not within %d..%d, or k times it is over %d: %w",
			c, MinChunkSize, MaxChunkSize, MaxSegment, ErrPolicy)
	}
	return nil
}

// Data returns k: how many shards suffice.
func (p Policy) Data() int {
	if p.Redundancy == ErasureCoded || p.Redundancy == LocallyRepairable {
		return p.K
	}
	return 1
}

// Total returns n: how many shards are written.
func (p Policy) Total() int {
	if p.Redundancy == None {
		return 1
	}
	return p.N
}

// Chunk returns the chunk size, in bytes, with the default filled in.
func (p Policy) Chunk() int64 {
	if p.ChunkSize != 0 {
		return p.ChunkSize
	}
	return max(MinChunkSize, targetSegment/int64(p.Data())/MinChunkSize*MinChunkSize)
}

// small returns the size below which content is kept as copies instead of being coded, 0 for policies that do
// not code.
func (p Policy) small() int64 {
	if p.Data() == 1 {
		return 0
	}
	return min(p.Chunk(), smallContent)
}

// copies returns the policy small content is written with: n - k + 1 copies, which outlive as many losses.
func (p Policy) copies() Policy {
	n := p.Total() - p.Data() + 1
	c := Policy{Redundancy: Copies, N: n, ChunkSize: p.Chunk(), Strict: p.Strict, DegradedWrites: p.DegradedWrites}
	if n == 1 {
		c.Redundancy = None
	}
	return c
}

// effective returns the policy content is written with, whatever its size: a code of one data shard is copies.
func (p Policy) effective() Policy {
	if p.Redundancy != None && p.Data() == 1 {
		return Policy{
			Redundancy: Copies, N: p.Total(), ChunkSize: p.Chunk(), Strict: p.Strict, DegradedWrites: p.DegradedWrites,
		}
	}
	return p
}

// block returns the length of a full block, in bytes of content.
func (p Policy) block() int64 { return min(BlockSize, p.Chunk()) }

// width returns how many pieces of memory a stripe takes: copies share theirs.
func (p Policy) width() int {
	if p.Data() == 1 {
		return 1
	}
	return p.Total()
}
