package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// client is the other end of a request: it sends a body, or takes an answer, in steps with a pause after each, and
// may stop. A cut wakes it, unless it is deaf. In the end a Read overwrites all of the memory that was lent to
// it, which nobody else may have by then.
type client struct {
	rest  []byte
	step  int
	pause time.Duration
	quiet int // it stops when so many bytes are left; -1: never
	deaf  bool

	once  sync.Once
	gone  chan struct{}
	woken atomic.Int32
	over  atomic.Bool // its transfer has ended
	late  atomic.Bool // it was cut afterwards
}

func newClient(body []byte, step int, pause time.Duration, quiet int) *client {
	return &client{rest: body, step: step, pause: pause, quiet: quiet, gone: make(chan struct{})}
}

var errCut = errors.New("connection was cut")

func (c *client) ctx(t *testing.T) context.Context {
	cut := func() {
		c.woken.Add(1)
		c.late.Store(c.late.Load() || c.over.Load())
		if !c.deaf {
			c.leave()
		}
	}
	return WithClient(t.Context(), Client{CutBody: cut, CutAnswer: cut})
}

// leave ends the connection.
func (c *client) leave() { c.once.Do(func() { close(c.gone) }) }

// idle waits for the next step and tells whether there is one.
func (c *client) idle() bool {
	var next <-chan time.Time
	if len(c.rest) != c.quiet {
		if c.pause == 0 {
			return true
		}
		next = time.After(c.pause)
	}
	select {
	case <-next:
		return true
	case <-c.gone:
		return false
	}
}

// next returns how many of n bytes come with the next step.
func (c *client) next(n int) int {
	n = min(n, c.step, len(c.rest))
	if len(c.rest) > c.quiet && c.quiet >= 0 {
		n = min(n, len(c.rest)-c.quiet)
	}
	return n
}

func (c *client) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	if !c.idle() {
		for i := range p {
			p[i] = 0xEE
		}
		return 0, errCut
	}
	n := c.next(len(p))
	copy(p, c.rest[:n])
	c.rest = c.rest[n:]
	return n, nil
}

// Write takes p, which must be what comes next.
func (c *client) Write(p []byte) (int, error) {
	for done := 0; done < len(p); {
		if !c.idle() {
			return done, errCut
		}
		n := c.next(len(p) - done)
		if !bytes.HasPrefix(c.rest, p[done:done+n]) {
			return done, errors.New("wrong bytes")
		}
		c.rest = c.rest[n:]
		done += n
	}
	return len(p), nil
}

// upload puts the client's body.
func (c *client) upload(t *testing.T, l *lab, req PutRequest) error {
	req.Size = int64(len(c.rest))
	w, err := l.Put(c.ctx(t), c, req)
	c.over.Store(true)
	if err == nil {
		w.Committed()
		w.Close()
	}
	return err
}

// download reads what was written to the client.
func (c *client) download(t *testing.T, l *lab, w *Written) error {
	r, err := l.Open(c.ctx(t), pieces(w, 0, w.Size), l.resolve)
	if err != nil {
		return err
	}
	if c.step%2 == 1 { // by Read
		_, err = io.Copy(c, struct{ io.Reader }{r})
		if _, again := r.Read(make([]byte, 1)); errors.Is(again, ErrTooSlow) {
			err = again
		}
	} else {
		_, err = r.WriteTo(c)
	}
	r.Close()
	c.over.Store(true)
	return err
}

// TestSlowClientsGiveWay: more silent or slow clients than the budget can hold shut others out for a minute at
// most, in both lanes, and what the others store and read meanwhile is right.
func TestSlowClientsGiveWay(t *testing.T) {
	ec := Policy{Redundancy: ErasureCoded, K: 2, N: 3, ChunkSize: 512 << 10}
	for _, tc := range []struct {
		name     string
		size     int // of what the attackers move
		step     int
		pause    time.Duration
		quiet    int // bytes short of the end at which they stop
		up, down bool
		policy   Policy
		inline   int64
	}{
		{"silent uploads", 2 << 20, 1000, 0, 2<<20 - 1000, true, false, Policy{}, 0},
		{"silent uploads with much memory", 2 << 20, 64 << 10, 0, 64 << 10, true, false, Policy{}, 0},
		{"slow uploads", 2 << 20, 8 << 10, time.Second, -1, true, false, Policy{}, 0},
		{"slow sealed stripes", 2 << 20, 1, 10 * time.Second, -1, true, false, ec, 0},
		{"small uploads", 20_000, 5000, 0, 10, true, false, Policy{}, 0},
		{"inline uploads", 20_000, 5000, 0, 10, true, false, Policy{}, 32 << 10},
		{"silent downloads", 2 << 20, 64 << 10, 0, 64 << 10, false, true, Policy{}, 0},
		{"slow downloads", 2 << 20, 16 << 10, time.Second, -1, false, true, ec, 0},
		{"slow downloads by Read", 2 << 20, 9999, time.Second, -1, false, true, Policy{}, 0},
		{"small downloads", 20_000, 5000, 0, 10, false, true, Policy{}, 0},
		{"mix", 2 << 20, 32 << 10, 10 * time.Second, -1, true, true, ec, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, 3, func(c *Config) { c.Budget = NewBudget(8 << 20) })
				data := random(tc.size)
				req := PutRequest{Target: l.target(tc.policy, 5), Inline: tc.inline, Digests: MD5}
				stored := l.put(data, req.Target, true)
				var crowd []*client
				var wg sync.WaitGroup
				var cut atomic.Int32
				for i := range thinned(150, 60) {
					c := newClient(data, tc.step, tc.pause, tc.quiet)
					crowd = append(crowd, c)
					move := func() error { return c.upload(t, l, req) }
					if tc.down && (!tc.up || i%2 == 0) {
						move = func() error { return c.download(t, l, stored) }
					}
					wg.Go(func() {
						switch err := move(); {
						case errors.Is(err, ErrTooSlow) && !errors.Is(err, errCut):
							cut.Add(1)
						case err != nil && !errors.Is(err, ErrOverloaded) && !errors.Is(err, errCut):
							t.Errorf("attacker %d: %v", i, err)
						}
					})
				}
				time.Sleep(7 * time.Second)
				if err := newClient(data, 1<<20, 0, -1).upload(t, l, req); !errors.Is(err, ErrOverloaded) {
					t.Errorf("Put = %v while everything is held: the test proves nothing", err)
				}
				time.Sleep(time.Minute)
				for i := range 10 {
					start := time.Now()
					if err := newClient(data, 1<<20, 0, -1).upload(t, l, req); err != nil || time.Since(start) > 2*time.Second {
						t.Errorf("Put %d = %v after %v, want nil within 2 s", i, err, time.Since(start))
					}
					if err := newClient(data, 1<<20, 0, -1).download(t, l, stored); err != nil {
						t.Errorf("Open %d = %v, want nil", i, err)
					}
				}
				for _, c := range crowd {
					c.leave()
				}
				wg.Wait()
				for i, c := range crowd {
					if c.late.Load() || c.woken.Load() > 1 {
						t.Errorf("client %d was cut %d times, after its end: %v", i, c.woken.Load(), c.late.Load())
					}
				}
				if cut.Load() == 0 {
					t.Error("nobody was cut")
				}
			})
		})
	}
}

// TestSilentSmallPutHoldsNothing: before the first bytes of a small body are there, it takes no memory.
func TestSilentSmallPutHoldsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 1)
		var wg sync.WaitGroup
		var crowd []*client
		for i := range 500 {
			c := newClient(random(4096), 1000, 0, []int{4096, 3096, 96}[i%3])
			crowd = append(crowd, c)
			wg.Go(func() {
				if err := c.upload(t, l, PutRequest{Target: l.target(Policy{}, 0), Inline: int64(i % 2 * 16384)}); !errors.Is(err, errCut) {
					t.Errorf("Put = %v, want the body's error", err)
				}
			})
		}
		synctest.Wait()
		if s := l.cfg.Budget.Stats(); s.Used != 0 || s.Waiting != 0 {
			t.Errorf("stats %+v, want nothing used", s)
		}
		for _, c := range crowd {
			c.leave()
		}
		wg.Wait()
	})
}

// TestNobodyIsCutInPeace: a client may take his time as long as nobody waits, and at the least rate also then.
func TestNobodyIsCutInPeace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 1, func(c *Config) { c.Budget = NewBudget(8 << 20) })
		data := random(1 << 20)
		req := PutRequest{Target: l.target(Policy{}, 0)}
		stored := l.put(data, req.Target, true)
		lazy := []*client{newClient(data, 1<<19, 10*time.Minute, -1), newClient(data, 1<<19, 10*time.Minute, -1)}
		if err := lazy[0].upload(t, l, req); err != nil {
			t.Errorf("lazy upload = %v, want nil", err)
		}
		if err := lazy[1].download(t, l, stored); err != nil {
			t.Errorf("lazy download = %v, want nil", err)
		}

		large := &l.cfg.Budget.large
		all, err := large.acquire(t.Context(), nil, large.total-2)
		if err != nil {
			t.Fatal(err)
		}
		data = random(8 << 20)
		stored = l.put(data, req.Target, true)
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := newClient(data, 18<<10, time.Second, -1).upload(t, l, req); err != nil {
				t.Errorf("upload at 17 KiB/s and more = %v, want nil", err)
			}
		})
		wg.Go(func() {
			if err := newClient(data, 70<<10, time.Second, -1).download(t, l, stored); err != nil {
				t.Errorf("download at 70 KiB/s = %v, want nil", err)
			}
		})
		synctest.Wait()
		for range 40 { // the upload takes eight minutes
			if _, err := large.acquire(t.Context(), nil, large.total); !errors.Is(err, ErrOverloaded) {
				t.Errorf("acquire = %v, want ErrOverloaded", err)
			}
		}
		wg.Wait()
		large.release(all)
	})
}

// TestSlowestFirst: no more are cut than pieces are missing, and the fastest of the slow last.
func TestSlowestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 1, func(c *Config) { c.Budget = NewBudget(8 << 20) })
		req := PutRequest{Target: l.target(Policy{ChunkSize: 256 << 10}, 0)}
		var wg sync.WaitGroup
		var crowd []*client
		var ends [3]error
		for i, perSecond := range []int{6000, 3000, 9000} {
			c := newClient(random(8<<20), perSecond, time.Second, -1)
			crowd = append(crowd, c)
			wg.Go(func() { ends[i] = c.upload(t, l, req) })
		}
		synctest.Wait()
		large := &l.cfg.Budget.large
		all, err := large.acquire(t.Context(), nil, large.total-3)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(70 * time.Second)
		more := large.force(nil, 3)
		large.relieve()
		large.release(more)
		for i, want := range [][3]int32{{0, 0, 0}, {0, 1, 0}, {1, 1, 0}} {
			if i > 0 { // else only what was forced is missing, and nobody waits
				all, err = large.acquire(t.Context(), all, 1)
			}
			for j, c := range crowd {
				if c.woken.Load() != want[j] || err != nil {
					t.Errorf("after %d acquires (%v) client %d was cut %d times, want %d", i, err, j, c.woken.Load(), want[j])
				}
			}
		}
		for _, c := range crowd {
			c.leave()
		}
		wg.Wait()
		large.release(all)
		if !errors.Is(ends[0], ErrTooSlow) || !errors.Is(ends[1], ErrTooSlow) || !errors.Is(ends[2], errCut) {
			t.Errorf("Puts = %v, want two that were too slow", ends)
		}
	})
}

// TestDeafClientKeepsItsMemory: the memory in which a Read or Write is going on is given to nobody, even if its
// client was cut and cannot be woken; the transfer ends with the call.
func TestDeafClientKeepsItsMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 1, func(c *Config) { c.Budget = NewBudget(8 << 20) })
		data := random(1 << 20)
		req := PutRequest{Target: l.target(Policy{}, 0)}
		stored := l.put(data, req.Target, true)
		large := &l.cfg.Budget.large
		all, err := large.acquire(t.Context(), nil, large.total-2)
		if err != nil {
			t.Fatal(err)
		}
		up, down := newClient(data, 1000, 0, 1<<20-100_000), newClient(data, 1000, 0, 1<<20-100_000)
		up.deaf, down.deaf = true, true
		var wg sync.WaitGroup
		for _, move := range []func() error{
			func() error { return up.upload(t, l, req) },
			func() error { return down.download(t, l, stored) },
		} {
			wg.Go(func() {
				if err := move(); !errors.Is(err, ErrTooSlow) {
					t.Errorf("transfer = %v, want ErrTooSlow", err)
				}
			})
		}
		time.Sleep(2 * time.Minute)
		if _, err := large.acquire(t.Context(), nil, 1); !errors.Is(err, ErrOverloaded) {
			t.Errorf("acquire = %v: the memory of a running call is given away", err)
		}
		if _, err := large.acquire(t.Context(), nil, 2); !errors.Is(err, ErrOverloaded) {
			t.Errorf("acquire = %v: the memory of a running call is given away", err)
		}
		if up.woken.Load() != 1 || down.woken.Load() != 1 {
			t.Errorf("cut %d and %d times, want once each", up.woken.Load(), down.woken.Load())
		}
		up.leave()
		down.leave()
		wg.Wait()
		large.release(all)
	})
}

// TestPace: what counts is the last minute of the client's turns.
func TestPace(t *testing.T) {
	type turn struct {
		client bool
		takes  time.Duration
		bytes  int
	}
	again := func(n int, turns ...turn) (list []turn) {
		for range n {
			list = append(list, turns...)
		}
		return list
	}
	const rate = 1000
	for i, tc := range []struct {
		turns []turn
		after time.Duration // what the present turn of the client has taken
		slow  bool
	}{
		{nil, paceWindow - 1, false},
		{nil, paceWindow, true},
		{nil, time.Hour, true},
		{again(1, turn{false, time.Hour, 0}), paceWindow - 1, false},
		{again(1, turn{false, time.Hour, 0}), paceWindow, true},
		{again(100, turn{true, time.Second, rate}), 0, false},
		{again(100, turn{true, time.Second, rate - 20}), 0, true},
		{again(59, turn{true, time.Second, 0}), 0, false},
		{again(60, turn{true, time.Second, 0}, turn{false, time.Minute, 0}), 0, true},
		{again(1, turn{true, time.Second, 100 * 60 * rate}), paceWindow - 1, false}, // fast, then silent
		{again(1, turn{true, time.Second, 100 * 60 * rate}), paceWindow + paceSlot, true},
		{again(10, turn{true, time.Hour, 0}, turn{true, time.Second, 70 * rate}), 0, false},
		{again(3, turn{true, 20 * time.Second, 0}, turn{false, 0, 0}), 0, true},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var p pace
				p.start(NewBudget(1<<20), rate, 0, nil)
				for _, turn := range tc.turns {
					if err := p.turn(turn.client, 0); err != nil {
						t.Fatal(err)
					}
					time.Sleep(turn.takes)
					if err := p.turn(false, turn.bytes); err != nil {
						t.Fatal(err)
					}
					if _, slow := p.judge(); slow || p.cut() {
						t.Error("too slow while it is not the client's turn")
					}
				}
				if err := p.turn(true, 0); err != nil {
					t.Fatal(err)
				}
				time.Sleep(tc.after)
				if got, slow := p.judge(); slow != tc.slow || p.cut() != tc.slow {
					t.Errorf("slow = %v at %d bytes/s, want %v", slow, got, tc.slow)
				}
				if err := p.turn(false, 0); errors.Is(err, ErrTooSlow) != tc.slow {
					t.Errorf("turn = %v after it", err)
				}
			})
		})
	}
}

// TestNoCutAfterTheEnd: a look at the clients that was begun before a transfer ended does not cut it afterwards,
// when its connection may serve another request.
func TestNoCutAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 1)
		data := random(1 << 20)
		w := l.put(data, l.target(Policy{}, 0), true)
		c := newClient(data, 1<<20, 0, -1)
		r, err := l.Open(c.ctx(t), pieces(w, 0, w.Size), l.resolve)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if _, slow := r.pace.judge(); !slow {
			t.Fatal("the reader is not slow: the test proves nothing")
		}
		r.Close()
		if r.pace.cut() || c.woken.Load() > 0 {
			t.Error("a closed reader is cut")
		}
	})
}

// TestTrim gives back what nobody needed since the last time, and no more.
func TestTrim(t *testing.T) {
	b := NewBudget(8 << 20)
	l := &b.large
	pieces := func(want int) {
		t.Helper()
		b.Trim()
		if s := b.Stats(); s.Allocated != int64(want)*int64(l.size) {
			t.Errorf("%d pieces exist after Trim, want %d", s.Allocated/int64(l.size), want)
		}
	}
	use := func(n int) {
		t.Helper()
		got, err := l.acquire(t.Context(), nil, n)
		if err != nil {
			t.Fatal(err)
		}
		l.release(got)
	}
	use(10)
	pieces(10)
	use(4)
	use(3)
	pieces(4)
	held, err := l.acquire(t.Context(), nil, 2)
	if err != nil {
		t.Fatal(err)
	}
	pieces(2)
	pieces(2)
	l.release(held)
	pieces(2)
	pieces(0)
	pieces(0)
	use(l.total)
	pieces(l.total)
}
