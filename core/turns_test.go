package core

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// turnsQueue is turns whose turns are all taken, and what becomes of those that wait.
type turnsQueue struct {
	turns
	t     *testing.T
	ins   []string         // who had a turn, in order
	outs  map[string]error // who was refused
	heard chan func()
}

func newTurnsQueue(t *testing.T) *turnsQueue {
	q := &turnsQueue{t: t, outs: make(map[string]error), heard: make(chan func(), 2*turnsWaiting)}
	q.init()
	for range turnsAtOnce {
		if err := q.enter(t.Context(), line{}); err != nil {
			t.Fatal(err)
		}
	}
	return q
}

// wait has somebody wait, and returns when he does or was refused.
func (q *turnsQueue) wait(ctx context.Context, name string, l line) {
	go func() {
		err := q.enter(ctx, l)
		q.heard <- func() {
			if err == nil {
				q.ins = append(q.ins, name)
			} else {
				q.outs[name] = err
			}
		}
	}()
	q.settle()
}

// settle returns when all that can happen without more time has.
func (q *turnsQueue) settle() {
	synctest.Wait()
	for len(q.heard) > 0 {
		(<-q.heard)()
	}
}

// serve ends n turns, one after another.
func (q *turnsQueue) serve(n int) {
	for range n {
		q.leave()
		q.settle()
	}
}

// empty checks that nothing is left of anybody.
func (q *turnsQueue) empty() {
	q.t.Helper()
	if q.waiting != 0 || len(q.lines) != 0 || q.order.Len() != 0 || q.ahead.Len() != 0 {
		q.t.Errorf("%d wait, %d networks, %d in order, %d ahead, want none",
			q.waiting, len(q.lines), q.order.Len(), q.ahead.Len())
	}
}

// At most two verifications run, a bounded number waits, and a caller that leaves is let go.
func TestTurnsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newTurnsQueue(t)
		ctx, cancel := context.WithCancel(t.Context())
		for i := range turnsWaiting {
			q.wait(ctx, fmt.Sprint(i), line{})
		}
		if len(q.ins)+len(q.outs) != 0 {
			t.Fatalf("%v had a turn, %v were refused, want all to wait", q.ins, q.outs)
		}
		q.wait(ctx, "one more", line{})
		if err := q.outs["one more"]; CodeOf(err) != Overloaded || len(q.outs) != 1 {
			t.Errorf("one more = %v (%d refused), want Overloaded", err, len(q.outs))
		}
		delete(q.outs, "one more")
		cancel()
		q.settle()
		for name, err := range q.outs {
			if CodeOf(err) != Canceled {
				t.Errorf("%s, who left = %v, want Canceled", name, err)
			}
		}
		if len(q.outs) != turnsWaiting {
			t.Errorf("%d were let go, want %d", len(q.outs), turnsWaiting)
		}
		q.empty()
		q.serve(1)
		q.wait(t.Context(), "later", line{})
		if !slices.Equal(q.ins, []string{"later"}) {
			t.Errorf("turns of %v, want of the later one at once", q.ins)
		}
	})
}

// However many wait in a network, another one has its turn after one of theirs, and a place where there is none.
func TestTurnsByNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newTurnsQueue(t)
		for i := range turnsWaiting {
			q.wait(t.Context(), fmt.Sprint("flood ", i), line{network: "flood"})
		}
		q.wait(t.Context(), "alice", line{network: "home"})
		q.wait(t.Context(), "bob", line{network: "office"})
		q.wait(t.Context(), "anna", line{network: "home"})
		if len(q.outs) != 3 || q.outs[fmt.Sprint("flood ", turnsWaiting-1)] == nil {
			t.Errorf("refused: %v, want the last three of the flood", q.outs)
		}
		q.serve(6)
		want := []string{"flood 0", "alice", "bob", "flood 1", "anna", "flood 2"}
		if !slices.Equal(q.ins, want) {
			t.Errorf("turns of %q, want %q", q.ins, want)
		}
		q.serve(turnsWaiting - 6)
		if len(q.ins) != turnsWaiting || len(q.outs) != 3 {
			t.Errorf("%d turns, %d refused, want the rest to have theirs", len(q.ins), len(q.outs))
		}
		q.empty()
	})
}

// A flood from as many networks as there are places keeps out strangers alone.
func TestTurnsAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newTurnsQueue(t)
		for i := range turnsWaiting {
			q.wait(t.Context(), fmt.Sprint("flood ", i), line{network: fmt.Sprint(i)})
		}
		q.wait(t.Context(), "stranger", line{network: "home"})
		if CodeOf(q.outs["stranger"]) != Overloaded {
			t.Errorf("a stranger = %v, want Overloaded", q.outs["stranger"])
		}
		ahead := line{ahead: true, network: "home"}
		q.wait(t.Context(), "alice", ahead)
		q.wait(t.Context(), "bob", ahead)
		q.serve(4)
		if len(q.ins) != 4 || q.ins[0] != "alice" || q.ins[2] != "bob" {
			t.Errorf("turns of %q, want alice and bob to have every second one", q.ins)
		}
		for i := range turnsAhead + 1 {
			q.wait(t.Context(), fmt.Sprint("ahead ", i), ahead)
		}
		if last := fmt.Sprint("ahead ", turnsAhead); CodeOf(q.outs[last]) != Overloaded {
			t.Errorf("%s = %v, want Overloaded: not all places are theirs", last, q.outs[last])
		}
		q.serve(2 * turnsWaiting)
		q.empty()
	})
}

// Nobody waits for longer than turnsPatience.
func TestTurnsPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newTurnsQueue(t)
		q.wait(t.Context(), "early", line{})
		time.Sleep(turnsPatience / 2)
		q.wait(t.Context(), "late", line{})
		time.Sleep(turnsPatience / 2)
		q.settle()
		if len(q.outs) != 1 || CodeOf(q.outs["early"]) != Overloaded {
			t.Errorf("refused: %v, want the early one alone", q.outs)
		}
		q.serve(1)
		if !slices.Equal(q.ins, []string{"late"}) {
			t.Errorf("turns of %v, want of the late one", q.ins)
		}
		q.empty()
	})
}
