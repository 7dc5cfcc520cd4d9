package content

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"trivium/core/admission"
	"trivium/core/shardfile"
)

// DefaultBudget is the size of a Budget in bytes when nothing else is configured.
const DefaultBudget = 256 << 20

const (
	// admissionWait is how long a transfer waits for memory before it is refused.
	admissionWait = admission.Patience
	// smallNeed is the most that is served from the lane of small transfers, inlineNeed from that of inline content;
	// smallLane is the size of both lanes.
	smallNeed  = 64 << 10
	inlineNeed = 16 << 10
	smallLane  = 16 << 20
	// leastQueue is how many transfers may wait for a lane, however small it is.
	leastQueue = admission.Queue
	// pageSize is what the runtime rounds large allocations up to.
	pageSize = 8 << 10
	// headRoom and tailRoom let a shard's header, the tag of a sealed block and the checksum of every copy
	// stand beside the block they belong to, so that one write suffices.
	headRoom = shardfile.HeaderSize
	tailRoom = shardfile.SealedOverhead + MaxShards*shardfile.ChecksumSize
)

// piece is the memory of one block: block bytes of content at headRoom, and the rooms around them.
type piece struct {
	buf []byte
}

// block returns the first n bytes of the block, which may reach into the tail room.
func (p *piece) block(n int) []byte { return p.buf[headRoom : headRoom+n : len(p.buf)] }

// Budget is the memory that all transfers share (S18): pieces of one block each, a lane of pieces of 64 KiB, so that
// small transfers never queue behind large ones, and one of 16 KiB for inline content, which no space can hold up.
// Admission is first come, first served; a quarter as many may wait as there are pieces, further ones are refused at
// once: so whoever is admitted waited for a part of the time that those before him took. It is made by NewBudget; all
// methods may be called concurrently.
type Budget struct {
	epoch                time.Time // what the times of clients are counted from
	large, small, inline lane
}

// BudgetStats describe a budget at one moment, in bytes.
type BudgetStats struct {
	Total     int64 // what it may hand out
	Used      int64 // what is handed out; above Total for a moment when degraded reads need more
	Allocated int64 // what was taken from the system
	Waiting   int   // transfers that wait for admission
	Refused   int64 // transfers refused with ErrOverloaded since the start
}

// NewBudget makes a budget of size bytes; 0: DefaultBudget. Memory is taken from the system as it is needed
// and kept until Trim.
func NewBudget(size int64) *Budget {
	if size <= 0 {
		size = DefaultBudget
	}
	small := min(smallLane, size/8)
	inline := small * 3 / 8 // of DefaultBudget that is admission.Slots pieces
	b := &Budget{epoch: time.Now()}
	b.inline.init(b.epoch, inlineNeed, inline)
	b.small.init(b.epoch, smallNeed, small-inline)
	b.large.init(b.epoch, BlockSize, size-small)
	return b
}

// Stats describes the budget.
func (b *Budget) Stats() BudgetStats {
	var s BudgetStats
	b.large.stats(&s)
	b.small.stats(&s)
	b.inline.stats(&s)
	return s
}

// Trim gives the memory that nobody has needed since the last Trim back to the garbage collector: called every
// now and then it keeps what present traffic uses, and the second call in quiet times leaves nothing. It costs a
// microsecond, and no more than that when there is nothing to give back.
func (b *Budget) Trim() {
	b.large.trim()
	b.small.trim()
	b.inline.trim()
}

// lane returns the lane for blocks of that many bytes.
func (b *Budget) lane(block int64) *lane {
	if block <= smallNeed {
		return &b.small
	}
	return &b.large
}

// lane is a number of equal pieces and the transfers that wait for them, first come, first served.
type lane struct {
	size  int // bytes of one piece, rooms included
	total int // pieces that may be handed out

	mu      sync.Mutex
	used    int
	made    int       // pieces that exist
	free    []*piece  // the one that was used last is the last
	idle    int       // the least that free had since the last trim
	waiting []*waiter // first come, first
	refused int64

	epoch    time.Time
	holders  []*pace       // transfers that have pieces and wait for a client now and then
	relieved time.Duration // last relieve, since epoch
}

// waiter is a transfer that waits for n pieces; ready is closed when they are counted as its own.
type waiter struct {
	n     int
	ready chan struct{}
}

// init sizes the lane for blocks of that many bytes; it has at least one piece.
func (l *lane) init(epoch time.Time, block int, bytes int64) {
	l.epoch = epoch
	l.size = (headRoom + block + tailRoom + pageSize - 1) / pageSize * pageSize
	l.total = max(1, int(bytes/int64(l.size)))
}

// acquire appends n pieces to to, waiting for them up to 5 s; not at all if too many wait already. The error wraps
// ErrOverloaded or is ctx's; then to is returned as it was.
func (l *lane) acquire(ctx context.Context, to []*piece, n int) ([]*piece, error) {
	l.mu.Lock()
	if n > l.total {
		l.refused++
		l.mu.Unlock()
		return to, fmt.Errorf("%d pieces of a budget of %d: %w", n, l.total, ErrOverloaded)
	}
	if len(l.waiting) == 0 && l.used+n <= l.total {
		to = l.take(to, n)
		l.mu.Unlock()
		return to, nil
	}
	if len(l.waiting) >= l.queue() {
		l.refused++
		l.mu.Unlock()
		return to, fmt.Errorf("%d transfers wait for memory: %w", l.queue(), ErrOverloaded)
	}
	w := &waiter{n: n, ready: make(chan struct{})}
	l.waiting = append(l.waiting, w)
	l.mu.Unlock()
	if err := l.wait(ctx, w); err != nil {
		return to, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.used -= n // counted when it was granted, and again by take
	return l.take(to, n), nil
}

// queue is how many may wait: a quarter of those that are served at once, or some where that are few.
func (l *lane) queue() int { return max(l.total/4, leastQueue) }

// wait returns nil once w's pieces are granted. Meanwhile clients that are too slow are cut.
func (l *lane) wait(ctx context.Context, w *waiter) error {
	timer := time.NewTimer(admissionWait)
	defer timer.Stop()
	tick := time.NewTicker(reliefTick)
	defer tick.Stop()
	for {
		l.relieve()

		select {
		case <-w.ready:
			return nil
		case <-ctx.Done():
			return l.leave(w, ctx.Err(), false)
		case <-timer.C:
			return l.leave(w, fmt.Errorf("no memory within %v: %w", admissionWait, ErrOverloaded), true)
		case <-tick.C:
		}
	}
}

// leave takes w out of the queue and returns err, or nil when its pieces were granted in the last moment.
func (l *lane) leave(w *waiter, err error, refused bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.waiting {
		if l.waiting[i] == w {
			l.waiting = append(l.waiting[:i], l.waiting[i+1:]...)
			if refused {
				l.refused++
			}
			l.grant() // those behind it may need less
			return err
		}
	}
	return nil
}

// try appends n pieces to to if they are free and nobody waits.
func (l *lane) try(to []*piece, n int) ([]*piece, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) > 0 || l.used+n > l.total {
		return to, false
	}
	return l.take(to, n), true
}

// grow appends n pieces to to if they are free, nobody waits and a quarter of the lane is left: for transfers that have
// what they need. So the few that are fast, or stand still, leave others room to begin.
func (l *lane) grow(to []*piece, n int) ([]*piece, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) > 0 || l.used+n > l.total-l.total/4 {
		return to, false
	}
	return l.take(to, n), true
}

// force appends n pieces to to even if the budget is spent: for a read that has been admitted and finds out
// that it needs more. Waiting there could be for ever, since the others may be in the same need.
func (l *lane) force(to []*piece, n int) []*piece {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.take(to, n)
}

// take appends n pieces to to and counts them. The caller has the lock.
func (l *lane) take(to []*piece, n int) []*piece {
	l.used += n
	for range n {
		if last := len(l.free) - 1; last >= 0 {
			to = append(to, l.free[last])
			l.free[last] = nil
			l.free = l.free[:last]
			l.idle = min(l.idle, last)
			continue
		}
		l.made++
		to = append(to, &piece{buf: make([]byte, l.size)})
	}
	return to
}

// release takes the pieces back. Nobody may use their memory any more.
func (l *lane) release(pieces []*piece) {
	if len(pieces) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.used -= len(pieces)
	for _, p := range pieces {
		if l.made > l.total { // was forced
			l.made--
			continue
		}
		l.free = append(l.free, p)
	}
	l.grant()
}

// grant counts pieces for those who wait, in order, while there are enough. The caller has the lock.
func (l *lane) grant() {
	for len(l.waiting) > 0 && l.used+l.waiting[0].n <= l.total {
		l.used += l.waiting[0].n
		close(l.waiting[0].ready)
		l.waiting = l.waiting[1:]
	}
}

// stats adds the lane's figures to s.
func (l *lane) stats(s *BudgetStats) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.Total += int64(l.total) * int64(l.size)
	s.Used += int64(l.used) * int64(l.size)
	s.Allocated += int64(l.made) * int64(l.size)
	s.Waiting += len(l.waiting)
	s.Refused += l.refused
}

// trim forgets the pieces that were free ever since the last trim: those at the bottom.
func (l *lane) trim() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.made -= l.idle
	l.free = slices.Delete(l.free, 0, l.idle)
	l.idle = len(l.free)
}
