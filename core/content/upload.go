package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/minio/crc64nvme"

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
}

// upload takes an upload from the pool.
func (s *Store) upload(body io.Reader, req PutRequest) *upload {
	u, ok := s.uploads.Get().(*upload)
	if !ok {
		u = &upload{s: s, dg: newDigester(), crc: s.crc}
	}
	u.body, u.req, u.policy, u.left = body, req, req.Target.Policy.effective(), req.Size
	u.eof, u.crc64, u.spaces, u.flight, u.coder, u.blob = false, 0, u.spaces[:0], nil, nil, nil
	u.pick = picker{}
	u.written = &Written{s: s}
	u.dg.reset(req.Digests)
	u.choose()
	return u
}

// recycle puts an upload back. Nothing of it is in use any more.
func (s *Store) recycle(u *upload) {
	u.body, u.req, u.written, u.blob, u.coder, u.pick = nil, PutRequest{}, nil, nil, nil, picker{}
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
	if u.known() && p.Data() == 1 {
		u.lane = u.s.cfg.Budget.lane(u.req.Size)
	}
}

// run does the whole of a Put but for what is left in u.written.
func (u *upload) run(ctx context.Context) error {
	if u.known() && u.req.Size <= u.req.Inline || u.req.Size == 0 {
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

// inline reads content that is known not to be stored.
func (u *upload) inline(ctx context.Context) error {
	if u.req.Size > 0 {
		w := u.written
		pieces, err := u.lane.acquire(ctx, w.one[:0], 1)
		if err != nil {
			return err
		}
		w.pieces, w.lane = pieces, u.lane
		u.written.Inline = pieces[0].block(int(u.req.Size))[:u.req.Size:u.req.Size]
	}
	if _, err := u.read(u.written.Inline); err != nil {
		u.written.Inline = nil
		return err
	}
	u.dg.write(u.written.Inline)
	u.crc64 = crc64nvme.Checksum(u.written.Inline)
	return u.finish()
}

// keep makes a segment, which is all of the content, Written.Inline.
func (u *upload) keep(seg *segment) {
	if len(seg.runs) == 1 {
		u.dg.wait(seg.runs[0])
		u.written.Inline = seg.data(0).block(int(seg.size))[:seg.size:seg.size]
		u.written.pieces, u.written.lane = slices.Clone(seg.pieces[:1]), seg.lane
		seg.pieces = slices.Delete(seg.pieces, 0, 1)
	} else if seg.size > 0 { // blocks shorter than the content
		u.written.Inline = make([]byte, 0, seg.size)
		for i := range seg.runs {
			n := min(seg.layout.BlockSize, seg.size-int64(len(u.written.Inline)))
			u.written.Inline = append(u.written.Inline, seg.data(i).block(int(n))[:n]...)
		}
	}
	u.crc64 = crc64nvme.Checksum(u.written.Inline)
	u.discard(seg)
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

// fill reads the body into the segment until it is full, cannot grow or the body ends, and encodes it.
func (u *upload) fill(seg *segment) error {
	for seg.size < seg.limit && !u.eof {
		buf := seg.next()
		if len(buf) == 0 {
			if !u.grow(seg) {
				break
			}
			continue
		}
		n, err := u.read(buf)
		if n > 0 {
			seg.took(n, u.dg.write(buf[:n]))
		}
		if err != nil {
			return err
		}
		if seg.size > u.hold {
			u.hold = 0
			if err := seg.encode(u.dg); err != nil {
				return err
			}
		}
	}
	return u.close(seg)
}

// close encodes the rest of the segment, in the way that turned out to be right for short content.
func (u *upload) close(seg *segment) error {
	if seg.size == 0 || u.eof && u.hold > 0 && seg.size <= u.req.Inline {
		return nil
	}
	if u.eof && u.hold > 0 && seg.size < u.policy.small() {
		seg.compact()
		u.policy = u.policy.copies()
		if err := u.code(); err != nil {
			return err
		}
		seg.coder = u.coder
	}
	u.hold = 0
	return seg.finish(u.dg)
}

// grow gets the memory of one stripe more, if nobody waits for it.
func (u *upload) grow(seg *segment) (ok bool) {
	seg.pieces, ok = u.lane.try(seg.pieces, seg.width())
	return ok
}

// read fills buf from the body, and stands at the body's end when it has delivered what was announced.
func (u *upload) read(buf []byte) (n int, err error) {
	for stuck := 0; n < len(buf) && !u.eof; {
		m, err := u.body.Read(buf[n:])
		n += m
		if stuck++; m > 0 {
			stuck = 0
		}
		if err == nil && stuck > 100 {
			err = io.ErrNoProgress
		}
		if errors.Is(err, io.EOF) {
			u.eof = true
		} else if err != nil {
			return n, fmt.Errorf("read body: %w", err)
		}
	}
	if !u.known() {
		return n, nil
	}
	u.left -= int64(n)
	if u.eof && u.left > 0 {
		return n, fmt.Errorf("body ends after %d of %d bytes: %w", u.req.Size-u.left, u.req.Size, ErrBodySize)
	}
	if u.left == 0 && !u.eof {
		return n, u.end()
	}
	return n, nil
}

// end reads the end of a body that has delivered what was announced.
func (u *upload) end() error {
	for range 100 {
		n, err := u.body.Read(u.probe[:])
		switch {
		case n > 0:
			return fmt.Errorf("body goes on after %d bytes: %w", u.req.Size, ErrBodySize)
		case errors.Is(err, io.EOF):
			u.eof = true
			return nil
		case err != nil:
			return fmt.Errorf("read body: %w", err)
		}
	}
	return fmt.Errorf("read body: %w", io.ErrNoProgress)
}

// send puts the segment into flight once the one before it has landed.
func (u *upload) send(ctx context.Context, seg *segment) error {
	if err := u.land(); err != nil {
		u.discard(seg)
		return err
	}
	if len(u.spaces) == 0 {
		order, err := u.s.candidates(u.blob.ID, u.req.Target.Spaces, u.req.Target.KeyID)
		if err != nil {
			u.discard(seg)
			return err
		}
		u.pick.order = order
		u.spaces = u.pick.first(seg.layout.N)
	}
	f, err := u.s.newFlight(seg, u.policy, &u.pick, u.spaces)
	if err != nil {
		u.discard(seg)
		return err
	}
	u.blob.add(u.crc, seg)
	u.crc64 = u.crc.Combine(u.crc64, seg.crc64, seg.size)
	u.flight = f
	if u.eof {
		_ = f.run(ctx) // land returns it
		return nil
	}
	f.done = make(chan struct{})
	go func() {
		defer close(f.done)
		_ = f.run(ctx) // land returns it
	}()
	return nil
}

// add counts a segment as the blob's next.
func (b *Blob) add(crc *shardfile.Combiner, seg *segment) {
	b.CRC64 = crc.Combine(b.CRC64, seg.crc64, seg.size)
	b.Size += seg.size
	b.Layout.Size = b.Size
	runs := b.Layout.Runs
	if last := len(runs) - 1; last >= 0 && runs[last].Size == seg.size {
		runs[last].Count++
		return
	}
	b.Layout.Runs = append(runs, Run{Count: 1, Size: seg.size})
}

// land waits for the segment in flight, notes where its shards are and takes its memory back, a stripe of it
// for the next segment. Without one in flight it does nothing.
func (u *upload) land() error {
	f := u.flight
	if f == nil {
		return nil
	}
	u.flight = nil
	if f.done != nil {
		<-f.done
	}
	u.spaces = append(u.spaces[:0], f.spaces...)
	u.note(f)
	seg, w := f.seg, u.written
	u.dg.wait(seg.runs[len(seg.runs)-1])
	if f.late() {
		w.puts.Add(1)
		w.s.late.Go(func() {
			defer w.puts.Done()
			f.land()
			seg.lane.release(seg.pieces)
		})
		return f.err
	}
	f.land()
	u.discard(seg)
	return f.err
}

// note keeps in the blob's layout where the shards of a segment are, and which are not durable.
func (u *upload) note(f *flight) {
	l := &u.blob.Layout
	if f.seg.number == 0 {
		l.Base = make([]SpaceID, len(f.spaces))
		for i, sp := range f.spaces {
			l.Base[i] = sp.ID
		}
	}
	for i, sp := range f.spaces {
		ref := ShardRef{f.seg.number, i}
		if l.Base[i] != sp.ID {
			l.Exceptions = append(l.Exceptions, Exception{Segment: ref.Segment, Index: i, Space: sp.ID})
		}
		if !f.durable[i] {
			u.written.Repairs = append(u.written.Repairs, Repair{Blob: u.blob.ID, ShardRef: ref})
		}
	}
}

// discard takes the memory of a segment back when nobody reads it any more, and keeps a stripe of it if more
// of the body is to come.
func (u *upload) discard(seg *segment) {
	if len(seg.runs) > 0 {
		u.dg.wait(seg.runs[len(seg.runs)-1])
	}
	if n := u.policy.width(); !u.eof && len(u.pieces) == 0 && len(seg.pieces) >= n {
		u.pieces = append(u.pieces, seg.pieces[:n]...)
		seg.pieces = slices.Delete(seg.pieces, 0, n)
	}
	seg.lane.release(seg.pieces)
	clear(seg.pieces)
	seg.pieces, seg.coder = seg.pieces[:0], nil
	u.spare = seg
}

// finish makes the digests and has them judged.
func (u *upload) finish() error {
	w := u.written
	w.Blobs = slices.DeleteFunc(w.Blobs, func(b Blob) bool { return b.Size == 0 })
	w.Size, w.Digests = u.dg.size, u.dg.sum(u.crc64)
	if len(w.Blobs) == 1 && u.req.Digests.Has(SHA256) {
		w.Blobs[0].SHA256, w.Blobs[0].HasSHA256 = w.Digests.SHA256, true
	}
	if u.req.Verify == nil {
		return nil
	}
	if err := u.req.Verify(w.Digests); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	return nil
}
