package content

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// Least rates of clients, in bytes per second, while others wait for memory (S18). They are judged over the last
// paceWindow of the client's turns, in steps of paceSlot.
const (
	leastIn  = 16 << 10
	leastOut = 64 << 10

	paceSlots  = 12
	paceSlot   = 5 * time.Second
	paceWindow = paceSlots * paceSlot
)

const (
	// reliefTick is how often one who waits for memory looks for clients that are too slow. reliefPause is the
	// least time between two such looks at a lane, however many wait.
	reliefTick  = 500 * time.Millisecond
	reliefPause = 100 * time.Millisecond
)

// Client says how to cut off the client of a request, for WithClient. Each transfer of the request calls its
// function at most once, from any goroutine, and never after its Put has returned or its Reader is closed. The
// functions must not call this package. nil: that direction cannot be cut.
type Client struct {
	CutBody   func() // makes the Read of the body that waits fail at once, and all later ones
	CutAnswer func() // makes the Write of the answer that waits fail at once, and all later ones
}

type clientKey struct{}

// WithClient returns a context for Put and Open that knows the client: how to end calls that wait for him when he
// is slower than S18 allows and others wait for the memory that he holds. The memory itself is always given
// back by the goroutine that uses it, once its Read or Write has returned: a door that gives no Client, or one
// that fails to wake the call, must bound such calls itself, and a transfer that is too slow ends when its
// present one returns.
func WithClient(ctx context.Context, c Client) context.Context {
	return context.WithValue(ctx, clientKey{}, &c)
}

// clientOf returns the client of ctx, the zero Client if there is none.
func clientOf(ctx context.Context) Client {
	if c, ok := ctx.Value(clientKey{}).(*Client); ok {
		return *c
	}
	return Client{}
}

// pace measures the client of one transfer: the bytes he moves in his turns, which are the times in which the
// transfer waits for him alone. What spaces, digests and others who want memory take is not his time.
//
// It never touches the transfer's memory. To cut a transfer is to mark it and to wake it; it finds the mark when
// its Read or Write has returned, and gives its memory back as after any other error.
type pace struct {
	lane *lane // it is listed in; nil: none. For the transfer's goroutine
	at   int   // its place there; guarded by the lane's lock

	mu    sync.Mutex
	epoch time.Time // what since is counted from
	least int64     // bytes per second
	unit  int64     // bytes that count only together, when the last of them is moved
	wake  func()    // ends the call that waits for the client; may be nil
	turns bool      // it is the client's turn,
	since time.Duration
	spent time.Duration        // in his turns, but for the present one
	slot  int64                // number of the paceSlot of his time that moved is counted in
	moved [paceSlots + 1]int64 // bytes, a ring of the last slots
	slow  bool                 // he was cut
}

// startIn begins an upload.
func (p *pace) startIn(b *Budget, wake func()) { p.start(b, leastIn, 0, wake) }

// startOut begins a download, which is handed on block by block.
func (p *pace) startOut(b *Budget, wake func()) { p.start(b, leastOut, BlockSize, wake) }

// start begins a transfer whose client must move at least so many bytes per second.
func (p *pace) start(b *Budget, least, unit int64, wake func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.epoch, p.least, p.unit, p.wake = b.epoch, least, unit, wake
	p.turns, p.slow, p.spent, p.slot = false, false, 0, 0
	clear(p.moved[:])
}

// turn counts n bytes that the client moved and says whether it is his turn from now on. The error is ErrTooSlow
// if he was cut.
func (p *pace) turn(client bool, n int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if client || p.turns {
		now := time.Since(p.epoch)
		if p.turns {
			p.spent += now - p.since
			p.forward(p.spent)
			p.moved[p.slot%int64(len(p.moved))] += int64(n)
		}
		p.since = now
	}
	p.turns = client
	if p.slow {
		return ErrTooSlow
	}
	return nil
}

// forward empties the slots that begin up to that moment of the client's time. The caller has the lock.
func (p *pace) forward(spent time.Duration) {
	to := int64(spent / paceSlot)
	for i := max(p.slot, to-int64(len(p.moved))) + 1; i <= to; i++ {
		p.moved[i%int64(len(p.moved))] = 0
	}
	p.slot = to
}

// judge tells whether the client is at his turn and too slow, and how fast he was, in bytes per second. It never
// waits, for it is called under the lane's lock: where somebody has the lock a turn just ends, or a cut is made.
func (p *pace) judge() (rate int64, slow bool) {
	if !p.mu.TryLock() {
		return 0, false
	}
	defer p.mu.Unlock()
	return p.rate()
}

// rate is judge for those who have the lock.
func (p *pace) rate() (rate int64, slow bool) {
	if !p.turns || p.slow {
		return 0, false
	}
	spent := p.spent + time.Since(p.epoch) - p.since
	if spent < paceWindow {
		return 0, false
	}
	p.forward(spent)
	sum := p.unit // nobody is cut for what is on its way
	for _, n := range p.moved {
		sum += n
	}
	rate = int64(float64(sum) / (paceWindow + spent%paceSlot).Seconds())
	return rate, rate < p.least
}

// cut cuts the client if he is still too slow, and tells whether it did. It is called without any other lock.
func (p *pace) cut() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, slow := p.rate(); !slow {
		return false
	}
	p.slow = true
	if p.wake != nil {
		p.wake()
	}
	return true
}

// stop ends the transfer: when it returns wake is not running and will not run again.
func (p *pace) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turns, p.wake = false, nil
}

// hold lists a transfer that has memory of the lane.
func (l *lane) hold(p *pace) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p.lane, p.at = l, len(l.holders)
	l.holders = append(l.holders, p)
}

// leave takes the transfer off the list that it is on, if any.
func (p *pace) leave() {
	l := p.lane
	if l == nil {
		return
	}
	p.lane = nil
	l.mu.Lock()
	defer l.mu.Unlock()
	last := len(l.holders) - 1
	l.holders[p.at] = l.holders[last]
	l.holders[p.at].at = p.at
	l.holders[last] = nil
	l.holders = l.holders[:last]
}

// relieve cuts clients that are too slow, the slowest first: as many as pieces are missing for those who wait,
// since every one of them has at least one.
func (l *lane) relieve() {
	type slow struct {
		*pace
		rate int64
	}
	var found []slow
	l.mu.Lock()
	now := time.Since(l.epoch)
	if len(l.waiting) == 0 || l.relieved != 0 && now-l.relieved < reliefPause {
		l.mu.Unlock()
		return
	}
	l.relieved = now
	missing := l.used - l.total
	for _, w := range l.waiting {
		missing += w.n
	}
	for _, p := range l.holders {
		if rate, ok := p.judge(); ok {
			found = append(found, slow{p, rate})
		}
	}
	l.mu.Unlock()
	slices.SortFunc(found, func(a, b slow) int { return cmp.Compare(a.rate, b.rate) })
	for _, s := range found {
		if missing <= 0 {
			return
		}
		if s.cut() { // unless it has come to life, or ended: a pace that is used again is not slow
			missing--
		}
	}
}
