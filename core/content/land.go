package content

import (
	"context"
	"fmt"
	"slices"

	"trivium/core/shardfile"
)

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
