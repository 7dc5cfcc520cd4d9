package core

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"time"

	"trivium/core/content"
)

const (
	// statusPatience is how long spaces have to say how the shards of an object are, statusShards how many of these are
	// looked at: of others is told what is known.
	statusPatience = 10 * time.Second
	statusShards   = 1000
)

// Redundancy is how the content of an object is kept.
type Redundancy struct {
	Present content.Policy // of the object's first blob
	Wanted  content.Policy // the bucket's
	State   RedundancyState
	Pieces  []Piece // by index and space; none of content that lies in the metadata store
}

// RedundancyState says how good that is, from good to bad.
type RedundancyState uint8

// The states.
const (
	RedundancyHealthy  RedundancyState = iota
	RedundancyPending                  // it waits to be kept as the bucket's policy says
	RedundancyDegraded                 // shards are missing or damaged, or their space does not answer
	RedundancyLost                     // so many that the content cannot be read
)

// Piece is all that an object has of one index in one space: a shard of each segment that lies there.
type Piece struct {
	Index   int
	Space   content.SpaceID // 0: nowhere; a repair has yet to place it
	Size    int64           // of its shards, in bytes
	Missing int             // shards
	Corrupt int             // shards that are damaged
	// Checked is when the space said so, just now; zero when it did not answer for one of the shards, or was not asked:
	// then the figures are what is known of reads, writes and scrubs.
	Checked time.Time
}

// MemberRedundancy tells how the content of the object of that id is kept, and how its shards are. Errors: those of
// StatMember.
func (se *Session) MemberRedundancy(ctx context.Context, id int64) (Redundancy, error) {
	for try := 1; ; try++ {
		out, err := se.memberRedundancy(ctx, id)
		if err == nil || try == resolveTries || !errors.Is(err, errMoved) {
			return out, fail("redundancy", "", err)
		}
	}
}

// memberRedundancy is one try of MemberRedundancy.
func (se *Session) memberRedundancy(ctx context.Context, id int64) (Redundancy, error) {
	pin := se.s.pins.Begin() // what the rows name stays until it was looked at
	defer pin.Release()
	r, err := se.resolveMember(ctx, se.memberOfID(ctx, id, true))
	if err != nil {
		return Redundancy{}, err
	}
	o := &r.object
	v := &o.Entry.Version
	k := keeping{s: se.s, bucket: &o.Bucket, left: statusShards, done: make(map[content.BlobID]bool), pieces: make(map[pieceID]*piece)}
	k.out.Wanted = o.Bucket.Policy.Redundancy
	if v.Content.Kind != ContentList || v.Size == 0 {
		if v.Size > 0 && k.out.Wanted.Redundancy != content.None {
			k.worse(RedundancyPending)
		}
		return k.out, nil
	}
	if r.extents == nil {
		o.Offset, o.Length = 0, v.Size
		if r.extents, err = se.s.extents(ctx, o); err != nil {
			return Redundancy{}, err
		}
	}
	if err := k.look(ctx, r.extents); err != nil {
		return Redundancy{}, err
	}
	return k.out, nil
}

// pieceID names a Piece.
type pieceID struct {
	index int
	space content.SpaceID
}

// piece is a Piece that is being put together.
type piece struct {
	Piece
	doubt bool // a space has not said of all its shards how they are
}

// keeping finds out how content is kept.
type keeping struct {
	s      *Service
	bucket *Bucket
	left   int // shards that may still be looked at
	done   map[content.BlobID]bool
	pieces map[pieceID]*piece
	known  bool // Present is
	out    Redundancy
}

// worse notes a state unless a worse one is known.
func (k *keeping) worse(s RedundancyState) { k.out.State = max(k.out.State, s) }

// keptBlob is a blob with what is known of its shards.
type keptBlob struct {
	Blob
	class   Class
	repairs map[content.ShardRef]string // why shards are queued for repair
}

// look looks at all blobs of extents.
func (k *keeping) look(ctx context.Context, extents []Extent) error {
	asking, cancel := context.WithTimeout(ctx, statusPatience)
	defer cancel()
	seen := make(map[content.BlobID]bool)
	var ids []content.BlobID
	for _, x := range extents {
		if !seen[x.Blob] {
			seen[x.Blob] = true
			ids = append(ids, x.Blob)
		}
	}
	for page := range slices.Chunk(ids, locatePage) {
		blobs, err := k.load(ctx, page)
		if err != nil {
			return err
		}
		for i := range blobs {
			if id := blobs[i].ID; !k.done[id] { // several may lie in one pack
				k.done[id] = true
				k.blob(asking, &blobs[i])
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	k.out.Pieces = make([]Piece, 0, len(k.pieces))
	now := time.Unix(0, k.s.now()).UTC()
	for p := range maps.Values(k.pieces) {
		if !p.doubt {
			p.Checked = now
		}
		k.out.Pieces = append(k.out.Pieces, p.Piece)
	}
	slices.SortFunc(k.out.Pieces, func(a, b Piece) int {
		return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Space, b.Space))
	})
	return nil
}

// load reads blobs, those that are packed as their packs.
func (k *keeping) load(ctx context.Context, ids []content.BlobID) (blobs []keptBlob, err error) {
	err = k.s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		blobs = blobs[:0]
		for _, id := range ids {
			b, found, err := tx.Blob(ctx, id)
			if err == nil && found && b.State == BlobPacked {
				b, found, err = tx.Blob(ctx, b.Pack)
			}
			if err != nil {
				return err
			}
			if !found {
				return &Error{Code: Corrupt, Msg: "the metadata store contradicts itself: a blob is missing", Err: errMoved}
			}
			kept := keptBlob{Blob: b, repairs: make(map[content.ShardRef]string)}
			if kept.class, _, err = tx.Class(ctx, b.Class); err != nil {
				return err
			}
			rows, err := tx.Repairs(ctx, RepairQuery{Due: math.MaxInt64, Blob: b.ID, Limit: math.MaxInt32})
			if err != nil {
				return err
			}
			for _, row := range rows {
				kept.repairs[content.ShardRef{Segment: row.Segment, Index: row.Index}] = row.Reason
			}
			blobs = append(blobs, kept)
		}
		return nil
	})
	return blobs, err
}

// blob adds a blob and asks its spaces how its shards are.
func (k *keeping) blob(ctx context.Context, b *keptBlob) {
	l := &b.Layout
	if !k.known {
		k.known = true
		k.out.Present = content.Policy{Redundancy: l.Redundancy, K: l.K, N: l.N, Groups: l.Groups, ChunkSize: l.ChunkSize}
	}
	if b.State == BlobBuffered {
		k.worse(RedundancyPending)
		return
	}
	if p := &k.bucket.Policy; !samePolicy(&b.class.Policy, &p.Redundancy) || !sameSpaces(b.class.Spaces, p.Spaces) {
		k.worse(RedundancyPending)
	}
	looks := make(map[content.ShardRef]content.Look)
	if n := l.Segments() * l.N; n <= k.left {
		k.left -= n
		refs := make([]content.ShardRef, 0, n)
		for p := range l.Places() {
			refs = append(refs, p.ShardRef)
		}
		found, _ := k.s.content.Look(ctx, b.Blob.Blob, refs, false) // its error is that of ctx: the others are not known
		for _, look := range found {
			looks[look.ShardRef] = look
		}
	}
	var gone []content.ShardRef
	for p := range l.Places() {
		look, asked := looks[p.ShardRef]
		if !asked {
			look.State = content.Unknown
		}
		state := shardState(look.State, b.repairs[p.ShardRef])
		k.piece(p, l.ShardSize(p.Segment)).count(state, look.State)
		switch {
		case state != content.Intact:
			gone = append(gone, p.ShardRef)
			k.worse(RedundancyDegraded)
		case asked && look.State == content.Unknown:
			k.worse(RedundancyDegraded)
		}
	}
	if enough, err := k.s.content.Suffices(b.Blob.Blob, gone); err != nil || !enough {
		k.worse(RedundancyLost)
	}
}

// piece returns the piece that a shard belongs to, with its size counted in.
func (k *keeping) piece(p content.Place, size int64) *piece {
	id := pieceID{p.Index, p.Space}
	found := k.pieces[id]
	if found == nil {
		found = &piece{Piece: Piece{Index: p.Index, Space: p.Space}}
		k.pieces[id] = found
	}
	found.Size += size
	return found
}

// count counts a shard in: what is known of it, and what its space just said.
func (p *piece) count(state, said content.ShardState) {
	p.doubt = p.doubt || said == content.Unknown
	switch state {
	case content.Missing:
		p.Missing++
	case content.Damaged:
		p.Corrupt++
	case content.Intact, content.Unknown:
	}
}

// The reasons of repair rows that say more than that a shard could not be read.
const (
	// RepairLate is a shard that was not durable when its write was acknowledged.
	RepairLate = "written late"
	// RepairMissing and RepairDamaged are what a scrub has found.
	RepairMissing = "scrub: missing"
	RepairDamaged = "scrub: damaged"
)

// shardState is how a shard is by what its space says of it, which did not read it, and by why it is queued for repair;
// "": it is not.
func shardState(said content.ShardState, queued string) content.ShardState {
	switch {
	case said == content.Missing, said == content.Damaged:
		return said
	case queued == "", queued == RepairLate && said == content.Intact:
		return content.Intact
	case queued == RepairLate, queued == RepairMissing:
		return content.Missing
	}
	return content.Damaged
}

// samePolicy tells whether two policies keep content alike.
func samePolicy(a, b *content.Policy) bool {
	return a.Redundancy == b.Redundancy && a.Data() == b.Data() && a.Total() == b.Total() && slices.Equal(a.Groups, b.Groups) &&
		a.Chunk() == b.Chunk()
}

// sameSpaces tells whether two policies name the same spaces, in any order.
func sameSpaces(a, b []content.SpaceID) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
