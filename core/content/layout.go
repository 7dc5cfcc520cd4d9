package content

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"trivium/core/erasure"
	"trivium/core/shardfile"
)

// Run is Count segments in a row of Size bytes each.
type Run struct {
	Count int
	Size  int64
}

// Exception says that one shard is not where the base placement says, or is of a later generation.
type Exception struct {
	Segment, Index int
	Space          SpaceID // 0: nowhere
	Generation     int
}

// ShardRef names one shard of a blob that is known from the context.
type ShardRef struct {
	Segment, Index int
}

// Layout says how and where a blob is stored: what its row keeps. It is immutable; repair and moves make a
// new one. The binary form is versioned and pinned by a golden file.
type Layout struct {
	Redundancy Redundancy // the blob is written with, which is Copies for small content of coded policies
	K, N       int        // shards that suffice, all shards
	Groups     []int      // of LocallyRepairable
	ChunkSize  int64
	BlockSize  int64 // of content; a sealed block is 16 bytes longer
	Size       int64 // of content
	KeyID      uint32
	Encoding   uint32 // counts the times this blob was encoded anew: keys are never used twice
	Runs       []Run  // sizes of the segments in order; they sum up to Size
	Base       []SpaceID
	Exceptions []Exception // by segment and index, each pair once
}

// Place is one stored shard.
type Place struct {
	ShardRef
	Generation int
	Space      SpaceID // 0: nowhere, a repair has yet to place it
}

// Blob is what core remembers of a written blob.
type Blob struct {
	ID        BlobID
	Size      int64
	SHA256    [32]byte // of the blob's own bytes
	HasSHA256 bool
	CRC64     uint64 // CRC64NVME of the blob's own bytes
	Layout    Layout
}

// Segments returns the number of segments.
func (l *Layout) Segments() int {
	n := 0
	for _, r := range l.Runs {
		n += r.Count
	}
	return n
}

// Segment returns where in the blob a segment begins and how long it is; (0, 0) if there is no such segment.
func (l *Layout) Segment(segment int) (offset, size int64) {
	if segment < 0 {
		return 0, 0
	}
	for _, r := range l.Runs {
		if segment < r.Count {
			return offset + int64(segment)*r.Size, r.Size
		}
		segment -= r.Count
		offset += int64(r.Count) * r.Size
	}
	return 0, 0
}

// Locate returns the segment that holds the byte at offset and the position of that byte in it. ok is false
// when the blob has no such byte.
func (l *Layout) Locate(offset int64) (segment int, within int64, ok bool) {
	if offset < 0 {
		return 0, 0, false
	}
	for _, r := range l.Runs {
		if n := offset / r.Size; n < int64(r.Count) {
			return segment + int(n), offset % r.Size, true
		}
		segment += r.Count
		offset -= int64(r.Count) * r.Size
	}
	return 0, 0, false
}

// Place returns where a shard is. Segment and index must be within the layout.
func (l *Layout) Place(segment, index int) Place {
	p := Place{ShardRef: ShardRef{segment, index}, Space: l.Base[index]}
	i, ok := slices.BinarySearchFunc(l.Exceptions, p.ShardRef, Exception.compare)
	if ok {
		p.Space, p.Generation = l.Exceptions[i].Space, l.Exceptions[i].Generation
	}
	return p
}

// Places yields every shard by segment and index, those that are nowhere (Space 0) included.
func (l *Layout) Places() iter.Seq[Place] {
	return func(yield func(Place) bool) {
		rest := l.Exceptions
		for segment := range l.Segments() {
			for index, space := range l.Base {
				p := Place{ShardRef: ShardRef{segment, index}, Space: space}
				if len(rest) > 0 && rest[0].compare(p.ShardRef) == 0 {
					p.Space, p.Generation = rest[0].Space, rest[0].Generation
					rest = rest[1:]
				}
				if !yield(p) {
					return
				}
			}
		}
	}
}

// With returns a copy of l in which the shards are where places say.
func (l *Layout) With(places ...Place) Layout {
	changed := *l
	changed.Exceptions = slices.Clone(l.Exceptions)
	for _, p := range places {
		e := Exception{Segment: p.Segment, Index: p.Index, Space: p.Space, Generation: p.Generation}
		i, found := slices.BinarySearchFunc(changed.Exceptions, p.ShardRef, Exception.compare)
		if found {
			changed.Exceptions[i] = e
			continue
		}
		changed.Exceptions = slices.Insert(changed.Exceptions, i, e)
	}
	return changed
}

// Superseded returns a layout that names what old has and current, a later layout of the same blob, has not:
// all its other shards are nowhere. Nothing is superseded if it has no Exceptions.
func Superseded(old, current Layout) Layout {
	gone := old
	gone.Base = make([]SpaceID, len(old.Base))
	gone.Exceptions = nil
	for p := range old.Places() {
		if p.Space != 0 && current.Place(p.Segment, p.Index) != p {
			gone.Exceptions = append(gone.Exceptions, Exception{p.Segment, p.Index, p.Space, p.Generation})
		}
	}
	return gone
}

// Validate returns an error that wraps ErrFormat if the layout contradicts itself. Everything that Put,
// Repair and UnmarshalBinary return is valid.
func (l *Layout) Validate() error {
	if err := l.validateScheme(); err != nil {
		return err
	}
	var sum int64
	for _, r := range l.Runs {
		if r.Count < 1 || r.Size < 1 || r.Size > MaxSegment || int64(r.Count) > (l.Size-sum)/r.Size {
			return fmt.Errorf("layout: run of %d segments of %d bytes: %w", r.Count, r.Size, ErrFormat)
		}
		sum += int64(r.Count) * r.Size
	}
	if sum != l.Size || l.Size > MaxBlob {
		return fmt.Errorf("layout: segments of %d bytes for %d: %w", sum, l.Size, ErrFormat)
	}
	return l.validatePlaces()
}

// validateScheme checks the numbers that say how the blob is encoded.
func (l *Layout) validateScheme() error {
	ok := l.K >= 1 && l.N >= l.K && l.N <= MaxShards && l.BlockSize >= 1 && l.BlockSize <= BlockSize &&
		l.ChunkSize >= l.BlockSize && l.ChunkSize <= MaxChunkSize
	switch l.Redundancy {
	case None:
		ok = ok && l.N == 1 && len(l.Groups) == 0
	case Copies:
		ok = ok && l.K == 1 && len(l.Groups) == 0
	case ErasureCoded:
		ok = ok && l.N > l.K && len(l.Groups) == 0
	case LocallyRepairable:
		ok = ok && validateGroups(l.K, l.N, l.Groups) == nil
	default:
		ok = false
	}
	if !ok {
		return fmt.Errorf("layout: %v %d of %d, groups %v, chunks of %d, blocks of %d: %w",
			l.Redundancy, l.K, l.N, l.Groups, l.ChunkSize, l.BlockSize, ErrFormat)
	}
	return nil
}

// validatePlaces checks base and exceptions.
func (l *Layout) validatePlaces() error {
	if len(l.Base) != l.N {
		return fmt.Errorf("layout: base of %d for %d shards: %w", len(l.Base), l.N, ErrFormat)
	}
	for _, id := range l.Base {
		if id < 0 {
			return fmt.Errorf("layout: space %d: %w", id, ErrFormat)
		}
	}
	segments := l.Segments()
	for i, e := range l.Exceptions {
		if e.Segment < 0 || e.Segment >= segments || e.Index < 0 || e.Index >= l.N || e.Space < 0 ||
			e.Generation < 0 || e.Generation > maxGeneration {
			return fmt.Errorf("layout: exception %+v: %w", e, ErrFormat)
		}
		if i > 0 && l.Exceptions[i-1].compare(ShardRef{e.Segment, e.Index}) >= 0 {
			return fmt.Errorf("layout: exceptions out of order at %+v: %w", e, ErrFormat)
		}
	}
	return nil
}

// maxGeneration keeps generations within 32 bits of the shard's header.
const maxGeneration = 1<<31 - 1

// compare orders exceptions by segment and index.
func (e Exception) compare(ref ShardRef) int {
	return cmp.Or(cmp.Compare(e.Segment, ref.Segment), cmp.Compare(e.Index, ref.Index))
}

// overhead returns by how many bytes a stored block is longer than its content.
func (l *Layout) overhead() int {
	if l.KeyID != 0 {
		return shardfile.SealedOverhead
	}
	return 0
}

// geometry returns where a segment of size bytes lies in its shards.
func (l *Layout) geometry(size int64) shardfile.Geometry {
	return shardfile.Geometry{K: l.K, Block: int(l.BlockSize), Overhead: l.overhead(), Length: size}
}

// scheme returns the code that the blob is written with.
func (l *Layout) scheme() erasure.Scheme {
	switch l.Redundancy {
	case ErasureCoded:
		return erasure.Scheme{Kind: erasure.ReedSolomon, K: l.K, N: l.N}
	case LocallyRepairable:
		return erasure.Scheme{Kind: erasure.LRC, K: l.K, N: l.N, Groups: l.Groups}
	case None, Copies:
	}
	return erasure.Scheme{Kind: erasure.Copies, K: 1, N: l.N}
}

// identity returns what the blocks of a shard are bound to.
func identity(id BlobID, p Place) shardfile.Identity {
	return shardfile.Identity{
		Blob: id.Bytes(), Generation: uint32(p.Generation), Segment: uint32(p.Segment), Index: uint16(p.Index),
	}
}
