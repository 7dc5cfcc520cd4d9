package core

import (
	"context"
	"io"
	"math"
	"sync"
	"time"
)

// The defaults of S20.
const (
	defaultReserve = 256 << 20             // bytes kept free on the metadata disk
	reserveMaxAge  = time.Second           // of the figure that is gone by,
	reserveTight   = 10 * time.Millisecond // and when promises, or less than twice the reserve, leave little room
	reserveFirst   = 16 << 20              // bytes of a body that are promised before it is read,
	reserveStep    = 4 << 20               // and later on at once
	reserveSmall   = 64 << 10              // a body up to this size needs no promise: few fit into memory at once
	// reserveHeld is what one upload has read and not written at most: the segment that it fills, and the one that is
	// on its way.
	reserveHeld = 2 * 64 << 20
)

// reserve guards the metadata disk: without room there even deletes fail. The disk says what is free; what uploads
// were promised and may not have written yet counts as gone for the others, who see the same figure.
type reserve struct {
	keep int64
	free func() (int64, error)
	most int64 // bytes that all uploads together have in memory at most

	ask sync.Mutex // held by the one who asks the disk

	mu        sync.Mutex // guards what follows
	asked     int64      // when the disk was asked last, in ns since 1970
	figure    int64      // what it said, in bytes
	unread    int64      // bytes that are promised and to be read
	unwritten int64      // bytes that were read and may not be written yet
	owed      int64      // of the figure: what was promised and may be written after it
}

// init sets the limits; a nil free switches the guard off. most is the memory of all uploads.
func (r *reserve) init(keep, most int64, free func() (int64, error)) {
	r.keep, r.free, r.most, r.figure = keep, free, most, math.MaxInt64
	if keep == 0 {
		r.keep = defaultReserve
	}
}

// low tells whether the reserve is touched, and whether the figure is old: the sooner, the less is left, since small
// bodies are not promised anything.
func (r *reserve) low(now int64) (low, old bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	age := reserveMaxAge
	if r.figure < 2*r.keep {
		age = reserveTight
	}
	return r.figure < r.keep, elapsed(r.asked, now, age)
}

// take promises n bytes if there is room for them, and tells whether a newer figure might help.
func (r *reserve) take(n, now int64) (ok, old bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.figure-r.owed-n < r.keep {
		return false, elapsed(r.asked, now, reserveTight)
	}
	r.owed += n
	r.unread += n
	return true, false
}

// wasRead says that n promised bytes were read, or never will be.
func (r *reserve) wasRead(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unread -= n
	r.unwritten += n
}

// settle says that n bytes that were read are written, or never will be.
func (r *reserve) settle(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unwritten -= n
}

// noSpace is the answer of the reserve.
func noSpace() error {
	return &Error{Code: NoSpace, Msg: "the disk of the metadata is nearly full; delete something or make room"}
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
	low, old := r.low(now)
	if old && s.askDisk(now) {
		low, _ = r.low(now)
	}
	if low {
		return noSpace()
	}
	return nil
}

// promise returns NoSpace when n bytes would touch the reserve, and else counts them as gone.
func (s *Service) promise(n int64) error {
	if err := s.checkReserve(); err != nil {
		return err
	}
	now := s.now()
	ok, old := s.reserve.take(n, now)
	if old {
		s.waitForDisk(now)
		ok, _ = s.reserve.take(n, now)
	}
	if !ok {
		return noSpace()
	}
	return nil
}

// askDisk brings the figure up to date, unless somebody does. A disk that does not answer keeps its last one. What
// is promised meanwhile stays owed until the next time, though the figure may know of it.
func (s *Service) askDisk(now int64) (asked bool) {
	r := &s.reserve
	if !r.ask.TryLock() {
		return false
	}
	defer r.ask.Unlock()
	s.refresh(now)
	return true
}

// waitForDisk is askDisk for one who cannot go on without a newer figure: when somebody else is about it, he waits.
func (s *Service) waitForDisk(now int64) {
	r := &s.reserve
	r.ask.Lock()
	defer r.ask.Unlock()
	r.mu.Lock()
	old := elapsed(r.asked, now, reserveTight)
	r.mu.Unlock()
	if old {
		s.refresh(now)
	}
}

// refresh asks the disk. The caller has the lock for that.
func (s *Service) refresh(now int64) {
	r := &s.reserve
	r.mu.Lock()
	before, open := r.owed, r.unread+min(r.unwritten, r.most)
	r.mu.Unlock()
	free, err := r.free()
	r.mu.Lock()
	was := r.figure < r.keep
	r.asked, r.owed = now, r.owed-before+open
	if err == nil {
		r.figure = free
	}
	low := r.figure < r.keep
	r.mu.Unlock()
	switch {
	case err != nil:
		s.log.Warn("free space of the metadata disk is not known", "error", err)
	case low != was:
		s.log.Warn(reserveWords(low), "low", low, "freeBytes", free, "reserveBytes", r.keep)
	}
}

// reserveWords says what the reserve means for uploads, and what to do.
func reserveWords(low bool) string {
	if low {
		return "the disk of the metadata is nearly full: uploads are refused until reserveBytes are free; what is deleted " +
			"now goes within a minute, and what a crash left at once: stop the server and run `trivium gc --now`"
	}
	return "the disk of the metadata has its reserve again: uploads are taken"
}

// reserved returns body with room promised for its first 16 MiB before anything is read, and for each 4 MiB then: so
// a long upload stops when the disk fills up meanwhile, and many at once cannot fill it. size is what the body
// announces, -1: nothing; that one is promised room once it is no small body. The caller calls done when what was read is written or given up.
func (s *Service) reserved(body io.Reader, size int64) (reader io.Reader, done func()) {
	if s.reserve.free == nil || size >= 0 && size <= reserveSmall {
		return body, func() {}
	}
	b := &reservedBody{s: s, src: body, rest: size, next: reserveFirst}
	if size < 0 {
		b.rest, b.left = math.MaxInt64, reserveSmall
	}
	return b, b.done
}

// reservedBody is a body that ends with NoSpace when the reserve is touched.
type reservedBody struct {
	s    *Service
	src  io.Reader
	rest int64 // announced bytes that nothing is promised for
	next int64 // bytes of the next promise
	step int64 // bytes of the present promise,
	left int64 // of which so many are to be read
	held int64 // bytes of earlier ones that may be unwritten
}

// Read implements io.Reader.
func (b *reservedBody) Read(p []byte) (int, error) {
	if b.left <= 0 && b.rest > 0 {
		if err := b.forward(); err != nil {
			return 0, err
		}
	}
	if b.step == 0 && int64(len(p)) > b.left {
		p = p[:b.left] // nothing is promised yet
	}
	n, err := b.src.Read(p)
	b.left -= int64(n)
	return n, err
}

// forward gets the next promise.
func (b *reservedBody) forward() error {
	n := min(b.rest, b.next)
	if err := b.s.promise(n); err != nil {
		return err
	}
	b.s.reserve.wasRead(b.step)
	b.held += b.step
	b.rest -= n
	b.step, b.left, b.next = n, n, reserveStep
	if over := b.held - reserveHeld; over > 0 {
		b.s.reserve.settle(over)
		b.held -= over
	}
	return nil
}

// done ends the promises.
func (b *reservedBody) done() {
	b.s.reserve.wasRead(b.step)
	b.s.reserve.settle(b.held + b.step)
	b.step, b.held = 0, 0
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

// Room returns how many bytes can be written before the reserve of the metadata disk is touched, where the default
// space lies too; -1 when that is not known.
func (se *Session) Room() int64 {
	r := &se.s.reserve
	if r.free == nil {
		return -1
	}
	_ = se.s.checkReserve() // brings the figure up to date; what it says is in the figure
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.figure == math.MaxInt64 {
		return -1
	}
	return max(0, r.figure-r.owed-r.keep)
}
