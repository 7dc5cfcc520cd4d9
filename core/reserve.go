package core

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// The defaults of S20.
const (
	defaultReserve = 256 << 20   // bytes kept free on the metadata disk
	reserveMaxAge  = time.Second // of the figure that is gone by
	reserveStep    = 16 << 20    // bytes of a body between two checks: about a segment
)

// reserve guards the metadata disk: without room there even deletes fail.
type reserve struct {
	keep int64
	free func() (int64, error)

	mu   sync.Mutex   // held by the one who asks the disk
	last atomic.Int64 // when that was, in ns since 1970
	low  atomic.Bool
}

// init sets the limits; a nil free switches the guard off.
func (r *reserve) init(keep int64, free func() (int64, error)) {
	r.keep, r.free = keep, free
	if keep == 0 {
		r.keep = defaultReserve
	}
}

// checkReserve returns NoSpace when the metadata disk has less than its reserve left. Writes call it before
// they take content and before they commit; deletes do not. It asks the disk once a second at most, on behalf
// of everybody.
func (s *Service) checkReserve() error {
	r := &s.reserve
	if r.free == nil {
		return nil
	}
	now := s.now()
	if now-r.last.Load() >= int64(reserveMaxAge) && r.mu.TryLock() {
		s.askDisk(now)
		r.mu.Unlock()
	}
	if !r.low.Load() {
		return nil
	}
	return &Error{Code: NoSpace, Msg: "the disk of the metadata is nearly full; delete something or make room"}
}

// askDisk brings the figure up to date. A disk that does not answer keeps its last one.
func (s *Service) askDisk(now int64) {
	r := &s.reserve
	free, err := r.free()
	r.last.Store(now)
	if err != nil {
		s.log.Warn("free space of the metadata disk is not known", "error", err)
		return
	}
	if low := free < r.keep; low != r.low.Swap(low) {
		s.log.Warn("reserve of the metadata disk", "low", low, "freeBytes", free, "reserveBytes", r.keep)
	}
}

// reserved returns body with the reserve checked once per 16 MiB, so that a long upload stops when the disk
// fills up meanwhile.
func (s *Service) reserved(body io.Reader) io.Reader {
	if s.reserve.free == nil {
		return body
	}
	return &reservedBody{s: s, src: body}
}

// reservedBody is a body that ends with NoSpace when the reserve is touched.
type reservedBody struct {
	s    *Service
	src  io.Reader
	left int64 // bytes until the next check
}

// Read implements io.Reader.
func (b *reservedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		if err := b.s.checkReserve(); err != nil {
			return 0, err
		}
		b.left = reserveStep
	}
	n, err := b.src.Read(p)
	b.left -= int64(n)
	return n, err
}

// makesRoom marks a context.
type makesRoom struct{}

// MakingRoom returns the ctx of Updates that must work on a full disk: what frees room, and the leases without which
// nothing does. A MetaStore may keep room for them.
func MakingRoom(ctx context.Context) context.Context {
	return context.WithValue(ctx, makesRoom{}, true)
}

// MakesRoom tells whether ctx comes from MakingRoom.
func MakesRoom(ctx context.Context) bool { return ctx.Value(makesRoom{}) != nil }
