package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/minio/crc64nvme"
)

// inline reads content that is known not to be stored.
func (u *upload) inline(ctx context.Context) error {
	defer u.pace.leave()
	if u.req.Size > 0 {
		w := u.written
		pieces, err := u.lane.acquire(ctx, w.one[:0], 1)
		if err != nil {
			return err
		}
		w.pieces, w.lane = pieces, u.lane
		u.lane.hold(&u.pace)
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

// grow gets the memory of one stripe more, if there is plenty and nobody waits for it.
func (u *upload) grow(seg *segment) (ok bool) {
	seg.pieces, ok = u.lane.grow(seg.pieces, seg.width())
	return ok
}

// read fills buf from the body, and stands at the body's end when it has delivered what was announced.
func (u *upload) read(buf []byte) (n int, err error) {
	for stuck := 0; n < len(buf) && !u.eof; {
		m, err := u.take(buf[n:])
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
		n, err := u.take(u.probe[:])
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

// take is one Read of the body: a turn of the client. Memory of the budget may be lent to it, so it is awaited
// whatever happens; a cut wakes it.
func (u *upload) take(buf []byte) (int, error) {
	if len(u.early) > 0 || u.earlyErr != nil {
		n := copy(buf, u.early)
		if u.early = u.early[n:]; len(u.early) > 0 {
			return n, nil
		}
		return n, u.earlyErr
	}
	if err := u.pace.turn(true, 0); err != nil {
		return 0, err
	}
	n, err := u.body.Read(buf)
	if slow := u.pace.turn(false, n); slow != nil {
		return n, slow
	}
	return n, err
}

// peek reads the first bytes of a small body into memory of the upload's own, so that a client who sends nothing
// holds nothing of the budget.
func (u *upload) peek() {
	want := min(u.req.Size, int64(len(u.first)))
	n := 0
	for stuck := 0; int64(n) < want && u.earlyErr == nil; stuck++ {
		var m int
		m, u.earlyErr = u.body.Read(u.first[n:want])
		if n += m; m > 0 {
			stuck = 0
		}
		if u.earlyErr == nil && stuck > 100 {
			u.earlyErr = io.ErrNoProgress
		}
	}
	u.early = u.first[:n]
}
