package content

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/minio/crc64nvme"

	"trivium/core/erasure"
	"trivium/core/shardfile"
)

// coder turns the segments of one blob into shards. It is immutable.
type coder struct {
	store  [16]byte
	id     BlobID
	layout Layout        // without sizes and places
	code   *erasure.Code // nil when every shard is the same
	seal   *sealer       // nil: not sealed
	crc    *shardfile.Combiner
}

// width returns how many pieces of memory a stripe takes: copies share theirs.
func (c *coder) width() int {
	if c.code == nil {
		return 1
	}
	return c.layout.N
}

// segment is one segment in memory, from its first byte until the last Put of its shards has returned.
type segment struct {
	*coder
	lane   *lane
	pieces []*piece // by stripe: data blocks, then parities
	number int
	limit  int64  // bytes of content it may get; exactly so many come if the body's size is known
	size   int64  // bytes of content it got
	coded  int    // stripes that are encoded
	crc64  uint64 // of the content that is encoded
	runs   []int  // by data block: digest run that reads it

	bodies  []*shardBody
	headers []byte   // of copies beyond the first
	shards  [][]byte // scratch for the code
}

// data returns the piece of a data block.
func (g *segment) data(block int) *piece {
	k := g.layout.K
	return g.pieces[block/k*g.width()+block%k]
}

// compact keeps the pieces that hold content, in order, and gives the others back: the segment will be kept as
// copies, whose stripes take one piece.
func (g *segment) compact() {
	var kept, spare []*piece
	for i := range g.runs {
		kept = append(kept, g.data(i))
	}
	for _, p := range g.pieces {
		if !slices.Contains(kept, p) {
			spare = append(spare, p)
		}
	}
	g.lane.release(spare)
	g.pieces = append(g.pieces[:0], kept...)
}

// blocks returns how many data blocks there is memory for.
func (g *segment) blocks() int { return len(g.pieces) / g.width() * g.layout.K }

// next returns where the next run of content goes: as much of a block as may come. It is empty when there is
// no memory for it.
func (g *segment) next() []byte {
	block := len(g.runs)
	if block >= g.blocks() {
		return nil
	}
	length := int64(g.layout.geometry(g.limit).BlockLen(block / g.layout.K))
	return g.data(block).block(int(min(length, g.limit-g.size)))
}

// took counts n bytes that were put where next said, being read by that run of the digester.
func (g *segment) took(n, run int) {
	g.size += int64(n)
	g.runs = append(g.runs, run)
}

// encode encodes the stripes that are complete and that the digester is through with (those, when sealed:
// sealing overwrites the content).
func (g *segment) encode(d *digester) error {
	k := g.layout.K
	for stripe := int64(k) * g.layout.BlockSize; g.size > int64(g.coded+1)*stripe; {
		if g.seal != nil && !d.passed(g.runs[(g.coded+1)*k-1]) {
			return nil
		}
		if err := g.encodeStripe(g.layout.geometry(g.limit), g.coded); err != nil {
			return err
		}
	}
	return nil
}

// finish encodes what is left: no more content comes.
func (g *segment) finish(d *digester) error {
	geo := g.layout.geometry(g.size)
	last := geo.Stripes() - 1
	if g.layout.K > 1 && geo.BlockLen(last) != g.layout.geometry(g.limit).BlockLen(last) {
		d.wait(g.runs[len(g.runs)-1])
		g.spread(last, geo.BlockLen(last))
	}
	if g.seal != nil {
		d.wait(g.runs[len(g.runs)-1])
	}
	for g.coded <= last {
		if err := g.encodeStripe(geo, g.coded); err != nil {
			return err
		}
	}
	return nil
}

// spread lays the content of the last stripe, which was read into longer blocks because nobody knew that it
// would be the last, out in blocks of that length. It goes backwards: no byte moves to the right of a byte that
// is still to be moved.
func (g *segment) spread(stripe, length int) {
	k, full := g.layout.K, g.layout.geometry(g.limit).BlockLen(stripe)
	rest := int(g.size - int64(stripe)*int64(k)*g.layout.BlockSize)
	for i := k - 1; i >= 0; i-- {
		from, to := min(i*length, rest), min((i+1)*length, rest)
		dst := g.data(stripe*k + i).block(length)
		for to > from {
			start := max(from, (to-1)/full*full)
			src := g.data(stripe*k + start/full).block(full)
			copy(dst[start-from:to-from], src[start%full:])
			to = start
		}
	}
}

// encodeStripe pads, seals, checksums and codes one stripe.
func (g *segment) encodeStripe(geo shardfile.Geometry, stripe int) error {
	g.coded++
	k, stored := g.layout.K, geo.StoredLen(stripe)
	row := g.pieces[stripe*g.width():][:g.width()]
	for i := range k {
		g.encodeData(geo, stripe, i)
	}
	if g.code == nil {
		return nil
	}
	g.shards = g.shards[:0]
	for _, p := range row {
		g.shards = append(g.shards, p.block(stored))
	}
	if err := g.code.Encode(g.shards); err != nil {
		return fmt.Errorf("encode segment %d: %w", g.number, err)
	}
	for i := k; i < len(row); i++ {
		sum := g.identity(i).Checksum(uint32(stripe), g.shards[i])
		binary.BigEndian.PutUint64(row[i].block(stored + shardfile.ChecksumSize)[stored:], sum)
	}
	return nil
}

// encodeData pads, seals and checksums one data block, for all copies of it.
func (g *segment) encodeData(geo shardfile.Geometry, stripe, i int) {
	block := stripe*g.layout.K + i
	p := g.data(block)
	length, content, stored := geo.BlockLen(stripe), geo.DataLen(stripe, i), geo.StoredLen(stripe)
	clear(p.block(length)[content:])
	if g.seal != nil {
		g.crc64 = crc64nvme.Update(g.crc64, p.block(content))
		g.seal.seal(placeOf(geo, g.number, stripe, i), p.block(length))
	}
	plain := crc64nvme.Checksum(p.block(stored))
	if g.seal == nil && content > 0 {
		g.crc64 = g.crc.Combine(g.crc64, g.crc.TrimZeros(plain, length-content), int64(content))
	}
	sums := p.block(stored + g.copies()*shardfile.ChecksumSize)[stored:]
	for n := range g.copies() {
		sum := g.crc.Bind(g.identity(i+n), uint32(stripe), plain, int64(stored))
		binary.BigEndian.PutUint64(sums[n*shardfile.ChecksumSize:], sum)
	}
}

// placeOf returns what the data block of a shard is sealed for.
func placeOf(geo shardfile.Geometry, segment, stripe, i int) blockPlace {
	return blockPlace{
		segment: segment, block: stripe*geo.K + i, length: geo.DataLen(stripe, i),
		last: stripe == geo.Stripes()-1 && i == geo.K-1,
	}
}

// copies returns how many shards share a data block.
func (g *segment) copies() int {
	if g.code == nil {
		return g.layout.N
	}
	return 1
}

// identity returns what the blocks of a shard are bound to.
func (g *segment) identity(index int) shardfile.Identity {
	return identity(g.id, Place{ShardRef: ShardRef{g.number, index}})
}

// header returns the header of a shard of a segment of size bytes.
func (c *coder) header(p Place, size int64) shardfile.Header {
	h := shardfile.Header{
		Identity: identity(c.id, p), Store: c.store, K: uint16(c.layout.K), N: uint16(c.layout.N),
		KeyID: c.layout.KeyID, Encoding: c.layout.Encoding, Block: uint32(c.layout.BlockSize),
		Overhead: uint16(c.layout.overhead()), Length: uint64(size),
	}
	switch c.layout.Redundancy {
	case ErasureCoded:
		h.Scheme = shardfile.ReedSolomon
	case LocallyRepairable:
		h.Scheme = shardfile.LRC
		for i, n := range c.layout.Groups {
			h.Groups[i] = uint8(n)
		}
	case None, Copies:
		h.Scheme = shardfile.Copies
	}
	return h
}

// prepare makes the bodies of all shards of the finished segment.
func (g *segment) prepare() error {
	n := g.layout.N
	for len(g.bodies) < n {
		g.bodies = append(g.bodies, &shardBody{})
	}
	g.bodies = g.bodies[:n]
	if more := (g.copies() - 1) * shardfile.HeaderSize; cap(g.headers) < more {
		g.headers = make([]byte, more)
	}
	for i := range n {
		if err := g.prepareShard(i); err != nil {
			return err
		}
	}
	return nil
}

// prepareShard makes the body of one shard. The first of equal shards, or the only one of different ones, has
// header, block and checksum in one run; the other copies take header and checksums from elsewhere.
func (g *segment) prepareShard(index int) error {
	b := g.bodies[index]
	b.reset()
	geo := g.layout.geometry(g.size)
	column, copied := index, g.code == nil && index > 0
	if g.code == nil {
		column = 0
	}
	first := g.pieces[column].buf[:0:headRoom]
	if copied {
		first = g.headers[(index-1)*shardfile.HeaderSize:][:0:shardfile.HeaderSize]
	}
	if _, err := shardfile.AppendHeader(first, g.header(Place{ShardRef: ShardRef{g.number, index}}, g.size)); err != nil {
		return fmt.Errorf("segment %d: %w", g.number, err)
	}
	if copied {
		b.add(first[:shardfile.HeaderSize])
	}
	for stripe := range geo.Stripes() {
		p, stored := g.pieces[stripe*g.width()+column], geo.StoredLen(stripe)
		switch {
		case copied:
			b.add(p.block(stored))
			b.add(p.block(stored + (index+1)*shardfile.ChecksumSize)[stored+index*shardfile.ChecksumSize:])
		case stripe == 0:
			b.add(p.buf[:headRoom+stored+shardfile.ChecksumSize])
		default:
			b.add(p.block(stored + shardfile.ChecksumSize))
		}
	}
	return nil
}

// again replaces the body of a shard whose Put has failed by a fresh one for the next space: a driver that is
// not quite done with the old one cannot disturb it.
func (g *segment) again(index int) {
	old := g.bodies[index]
	old.revoke()
	g.bodies[index] = &shardBody{parts: old.parts, size: old.size}
}

// revoke takes the memory back from all bodies.
func (g *segment) revoke() {
	for _, b := range g.bodies {
		b.revoke()
	}
}
