package core

import (
	"container/list"
	"context"
	"sync"
	"time"
)

const (
	turnsAtOnce   = 2                // verifications that run; each takes the memory of its argonCost
	turnsWaiting  = 1024             // places of those that wait, each with the request of a client that is still there
	turnsAhead    = 256              // of these at most, for those that go ahead
	turnsPatience = 10 * time.Second // that each waits at most
)

// line says where somebody waits for a turn.
type line struct {
	// ahead is for who has shown that he is no stranger: by a password that was verified once for the hash that is
	// stored, or by a session. Nobody gets there by a name alone, so that it does not tell which names there are.
	ahead   bool
	network string // as of attempt; "" is one network like any other
}

// turns shares the work on passwords fairly, so that a flood of logins keeps nobody out who can be told from it. Names
// play no part: the wait must not tell which of them exist.
//
// What holds: every second turn at least belongs to those ahead. The others take turns by network, in each in the order
// in which they came, so that after all networks that wait had one turn a newcomer from another has his, however many
// wait in theirs. When all places are taken the longest line loses its last one to a newcomer in a shorter line. Those
// who cannot be told apart, a stranger's first login and a flood from his own network or one from as many networks as
// it has connections, wait in one order: all are served while fewer wait than can be verified in turnsPatience.
//
// What does not hold: with more connections than that, such a login has the same chance as each of the flood's, and
// none beyond it; a network of IPv6 costs an attacker who has a shorter prefix nothing. Whoever logged in since the
// process started goes ahead and is not touched by either.
type turns struct {
	mu      sync.Mutex
	running int
	waiting int // in all lines
	ahead   *list.List
	wasLast bool // the last turn was one of those ahead
	lines   map[string]*networkLine
	order   list.List // of *networkLine: the first has the next turn; each has somebody waiting
}

// networkLine are the waiters of a network.
type networkLine struct {
	network string
	waiters *list.List // of *waiter; never empty
	place   *list.Element
}

// waiter gets one answer: nil when it is his turn, else an error.
type waiter struct {
	line   line
	answer chan error
	place  *list.Element // nil when he does not wait any longer
}

// init makes t ready.
func (t *turns) init() {
	t.ahead = list.New()
	t.lines = make(map[string]*networkLine)
}

// errTurns is the answer to who gets no turn.
func errTurns() error {
	return &Error{Code: Overloaded, Msg: "too many logins at once; try again soon"}
}

// enter waits for a turn, which leave ends. Overloaded when too many wait or it takes too long, Canceled when ctx ends;
// the place is free again then.
func (t *turns) enter(ctx context.Context, l line) error {
	w, err := t.join(l)
	if w == nil {
		return err
	}
	patience := time.NewTimer(turnsPatience)
	defer patience.Stop()
	select {
	case err := <-w.answer:
		return err
	case <-patience.C:
		err = errTurns()
	case <-ctx.Done():
		err = &Error{Code: Canceled, Msg: "the caller went away", Err: ctx.Err()}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if w.place == nil { // answered at the same moment
		return <-w.answer
	}
	t.remove(w)
	return err
}

// join takes a turn at once (nil, nil) or a place.
func (t *turns) join(l line) (*waiter, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running < turnsAtOnce { // then nobody waits
		t.running++
		return nil, nil
	}
	if !t.makeRoom(l) {
		return nil, errTurns()
	}
	w := &waiter{line: l, answer: make(chan error, 1)}
	t.waiting++
	if l.ahead {
		w.place = t.ahead.PushBack(w)
		return w, nil
	}
	n := t.lines[l.network]
	if n == nil {
		n = &networkLine{network: l.network, waiters: list.New()}
		n.place = t.order.PushBack(n)
		t.lines[l.network] = n
	}
	w.place = n.waiters.PushBack(w)
	return w, nil
}

// makeRoom tells whether there is a place for one more, if need be one that the longest line loses.
func (t *turns) makeRoom(l line) bool {
	if l.ahead && t.ahead.Len() >= turnsAhead {
		return false
	}
	if t.waiting < turnsWaiting {
		return true
	}
	own := 0
	if n := t.lines[l.network]; n != nil && !l.ahead {
		own = n.waiters.Len()
	}
	var longest *networkLine // there is one: those ahead do not take all places
	for _, n := range t.lines {
		if longest == nil || n.waiters.Len() > longest.waiters.Len() {
			longest = n
		}
	}
	if !l.ahead && longest.waiters.Len() <= own+1 {
		return false
	}
	last := waiterIn(longest.waiters.Back())
	t.remove(last)
	last.answer <- errTurns()
	return true
}

// remove takes the place of w.
func (t *turns) remove(w *waiter) {
	t.waiting--
	place := w.place
	w.place = nil
	if w.line.ahead {
		t.ahead.Remove(place)
		return
	}
	n := t.lines[w.line.network]
	n.waiters.Remove(place)
	if n.waiters.Len() == 0 {
		t.order.Remove(n.place)
		delete(t.lines, n.network)
	}
}

// leave passes the turn on.
func (t *turns) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.next()
	if w == nil {
		t.running--
		return
	}
	t.remove(w)
	w.answer <- nil
}

// next returns whose turn it is; nil when nobody waits.
func (t *turns) next() *waiter {
	first, front := t.ahead.Front(), t.order.Front()
	if first != nil && (front == nil || !t.wasLast) {
		t.wasLast = true
		return waiterIn(first)
	}
	t.wasLast = false
	if front == nil {
		return nil
	}
	t.order.MoveToBack(front)
	n, _ := front.Value.(*networkLine)
	return waiterIn(n.waiters.Front())
}

// waiterIn returns who is in that place of a line.
func waiterIn(place *list.Element) *waiter {
	w, _ := place.Value.(*waiter)
	return w
}
