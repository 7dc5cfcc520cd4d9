package content

import (
	"context"
	"io"

	"trivium/core/shardfile"
)

// upload is one Put: it reads the body into one segment while the last one is being written. Uploads are
// pooled. It is for the goroutine that called Put.
type upload struct {
	s       *Store
	body    io.Reader
	req     PutRequest
	policy  Policy // what the content is written with
	hold    int64  // content of up to so many bytes may yet be kept in another way than policy says
	dg      *digester
	crc     *shardfile.Combiner
	written *Written

	lane   *lane
	left   int64 // bytes that the body has yet to deliver; meaningless if the size is unknown
	eof    bool
	crc64  uint64
	coder  *coder   // of the present blob
	blob   *Blob    // the present one: the last of written.Blobs
	pick   picker   // of the present blob
	spaces []Space  // where the last segment's shards went
	spare  *segment // free for the next segment
	pieces []*piece // free for the next segment: never more than a stripe but at the beginning
	flight *flight  // the segment that is being written, nil if none is
	probe  [1]byte  // reads what must not be there

	pace     pace
	first    [4 << 10]byte // beginning of a small body, read before there is memory for it
	early    []byte        // what of it is not delivered yet,
	earlyErr error         // and what came after it
}

// upload takes an upload from the pool.
func (s *Store) upload(body io.Reader, req PutRequest) *upload {
	u, ok := s.uploads.Get().(*upload)
	if !ok {
		u = &upload{s: s, dg: newDigester(s.digests), crc: s.crc}
	}
	u.body, u.req, u.policy, u.left = body, req, req.Target.Policy.effective(), req.Size
	u.eof, u.crc64, u.spaces, u.flight, u.coder, u.blob = false, 0, u.spaces[:0], nil, nil, nil
	u.pick, u.early, u.earlyErr = picker{}, nil, nil
	u.written = &Written{s: s}
	u.dg.reset(req.Digests)
	u.choose()
	return u
}

// recycle puts an upload back. Nothing of it is in use any more.
func (s *Store) recycle(u *upload) {
	u.pace.stop()
	u.body, u.req, u.written, u.blob, u.coder, u.pick = nil, PutRequest{}, nil, nil, nil, picker{}
	u.earlyErr = nil
	clear(u.spaces)
	s.uploads.Put(u)
}

// known tells whether the body's size was announced.
func (u *upload) known() bool { return u.req.Size >= 0 }

// choose settles how content is kept, as far as its size tells already, and the lane of memory it uses.
func (u *upload) choose() {
	p := &u.policy
	u.hold, u.lane = 0, &u.s.cfg.Budget.large
	switch {
	case !u.known():
		u.hold = max(p.small()-1, u.req.Inline)
	case u.req.Size <= u.req.Inline:
		*p = Policy{}
		u.hold = u.req.Inline
	case u.req.Size < p.small():
		*p = p.copies()
	}
	switch {
	case !u.known():
	case u.req.Size <= min(u.req.Inline, inlineNeed):
		u.lane = &u.s.cfg.Budget.inline
	case p.Data() == 1:
		u.lane = u.s.cfg.Budget.lane(u.req.Size)
	}
}

// run does the whole of a Put but for what is left in u.written.
func (u *upload) run(ctx context.Context) error {
	u.pace.startIn(u.s.cfg.Budget, clientOf(ctx).CutBody)
	inline := u.known() && u.req.Size <= u.req.Inline || u.req.Size == 0
	if inline || u.lane == &u.s.cfg.Budget.small {
		u.peek()
	}
	if inline {
		err := u.inline(ctx)
		u.dg.stop()
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	err := u.transfer(ctx)
	if err != nil {
		cancel()
	}
	u.dg.stop()
	if landed := u.land(); err == nil {
		err = landed
	}
	u.pace.leave()
	u.lane.release(u.pieces)
	u.pieces = u.pieces[:0]
	return err
}

// transfer moves the body into spaces, segment after segment. The last one may still be in flight when it
// returns.
func (u *upload) transfer(ctx context.Context) error {
	if err := u.admit(ctx); err != nil {
		return err
	}
	u.lane.hold(&u.pace)
	for !u.eof {
		seg, err := u.begin(ctx)
		if err != nil {
			return err
		}
		if err := u.fill(seg); err != nil {
			u.discard(seg)
			return err
		}
		if u.eof && seg.size <= u.req.Inline && seg.number == 0 && len(u.written.Blobs) == 1 && u.hold > 0 {
			u.keep(seg)
			break
		}
		if seg.size == 0 {
			u.discard(seg)
			break
		}
		if err := u.send(ctx, seg); err != nil {
			return err
		}
	}
	return u.finish()
}

// admit waits for the memory of the first stripe, or of all that has to be held until it is clear how the
// content is kept.
func (u *upload) admit(ctx context.Context) error {
	stripe := int64(u.policy.Data()) * u.policy.block()
	stripes := u.hold/stripe + 1
	pieces, err := u.lane.acquire(ctx, u.pieces[:0], int(stripes)*u.policy.width())
	u.pieces = pieces
	return err
}

// begin makes the next segment with the memory at hand: at least a stripe.
func (u *upload) begin(ctx context.Context) (*segment, error) {
	if err := u.startBlob(); err != nil {
		return nil, err
	}
	if len(u.pieces) == 0 {
		if err := u.stripe(ctx); err != nil {
			return nil, err
		}
	}
	seg := u.spare
	u.spare = nil
	if seg == nil {
		seg = &segment{}
	}
	seg.coder, seg.lane = u.coder, u.lane
	seg.number, seg.size, seg.coded, seg.crc64, seg.runs = u.blob.Layout.Segments(), 0, 0, 0, seg.runs[:0]
	seg.limit = min(u.policy.Chunk()*int64(u.policy.Data()), u.s.cfg.MaxBlob-u.blob.Size)
	if u.known() {
		seg.limit = min(seg.limit, u.left)
	}
	seg.pieces = append(seg.pieces[:0], u.pieces...)
	u.pieces = u.pieces[:0]
	return seg, nil
}

// stripe gets the memory of a first stripe: at once, or from the segment that is being written. So an upload
// that was admitted never waits for others.
func (u *upload) stripe(ctx context.Context) error {
	var ok bool
	if u.pieces, ok = u.lane.try(u.pieces, u.policy.width()); ok {
		return nil
	}
	if err := u.land(); err != nil || len(u.pieces) > 0 {
		return err
	}
	// Late Puts have the memory until their drivers let go of it.
	pieces, err := u.lane.acquire(ctx, u.pieces, u.policy.width())
	u.pieces = pieces
	return err
}

// startBlob begins the first blob, or the next one when the present one is full.
func (u *upload) startBlob() error {
	if u.blob != nil && u.blob.Size < u.s.cfg.MaxBlob {
		return nil
	}
	if err := u.land(); err != nil {
		return err
	}
	id := u.s.nextID()
	u.written.Blobs = append(u.written.Blobs, Blob{ID: id})
	u.blob = &u.written.Blobs[len(u.written.Blobs)-1]
	u.spaces = u.spaces[:0]
	return u.code()
}

// code makes the coder of the present blob for the policy that is in force.
func (u *upload) code() error {
	p, key := u.policy, u.req.Target.KeyID
	l := Layout{
		Redundancy: p.Redundancy, K: p.Data(), N: p.Total(), Groups: p.Groups,
		ChunkSize: p.Chunk(), BlockSize: p.block(), KeyID: key,
	}
	c := &coder{store: u.s.cfg.StoreID, id: u.blob.ID, layout: l, crc: u.s.crc}
	var err error
	if c.code, err = u.s.code(&l); err != nil {
		return err
	}
	if c.seal, err = u.s.sealer(c.id, key, l.Encoding); err != nil {
		return err
	}
	u.coder, u.blob.Layout = c, l
	return nil
}
