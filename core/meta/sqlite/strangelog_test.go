package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"trivium/core"
	"trivium/core/meta/metatest"
)

// moment is what a kill at some moment leaves of a store, and what was in it.
type moment struct {
	name             string
	db, log, promise []byte // nil: there is no such file
	state            metatest.State
	commits          int
}

// life is a store whose checkpoints the test makes, with its moments.
type life struct {
	t       *testing.T
	s       *Store
	next    int64
	moments []moment
}

func newLife(t *testing.T) *life {
	t.Helper()
	l := &life{t: t, s: quietStore(t)}
	l.keep("new")
	l.commit(8)
	return l
}

// commit makes so many commits, which put, change and delete.
func (l *life) commit(n int) {
	l.t.Helper()
	for range n {
		l.next++
		i := l.next
		err := l.s.Update(l.t.Context(), func(ctx context.Context, tx core.MetaTx) error {
			return errors.Join(
				tx.DeleteInline(ctx, i-4),
				tx.AddUsage(ctx, 1, core.Usage{Objects: 1, Bytes: 10 * i}),
				tx.PutLease(ctx, core.Lease{Incarnation: 7, RenewTime: i}),
				putInline(i, int(10+i%3*9000))(ctx, tx))
		})
		if err != nil {
			l.t.Fatal(err)
		}
	}
}

// copyPart copies the log as a busy store does; a View of before the last commits holds it back.
func (l *life) copyPart() {
	l.t.Helper()
	err := l.s.View(l.t.Context(), func(_ context.Context, tx core.MetaTx) error {
		if _, err := tx.Inlines(l.t.Context(), 0, 1); err != nil {
			return err
		}
		l.commit(3)
		l.copy()
		return nil
	})
	if err != nil {
		l.t.Fatal(err)
	}
}

// copy copies the log as a busy store does, all of it if no View holds it.
func (l *life) copy() {
	l.s.writing.Lock()
	l.s.sealLog()
	l.s.writing.Unlock()
	l.s.vow(true)
	l.s.copyLog("PASSIVE")
}

// empty makes the log empty.
func (l *life) empty() {
	l.t.Helper()
	l.s.afterBatch()
	if !l.s.emptyLog() || l.s.walSize() != 0 {
		l.t.Fatal("the log is not empty")
	}
}

// keep remembers the moment.
func (l *life) keep(name string) moment {
	l.t.Helper()
	m := moment{name: name, commits: int(l.next)}
	for suffix, to := range map[string]*[]byte{"": &m.db, "-wal": &m.log, promiseSuffix: &m.promise} {
		b, err := os.ReadFile(l.s.opts.Path + suffix)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			l.t.Fatal(err)
		}
		*to = b
	}
	var err error
	if m.state, err = metatest.Dump(l.t.Context(), l.s); err != nil {
		l.t.Fatal(err)
	}
	l.moments = append(l.moments, m)
	return m
}

// lay writes the files of a moment into a new directory.
func (m moment) lay(t *testing.T) Options {
	t.Helper()
	o := Options{Path: filepath.Join(t.TempDir(), "meta.db"), ReadConns: 1}
	for suffix, b := range map[string][]byte{"": m.db, "-wal": m.log, promiseSuffix: m.promise} {
		if b == nil {
			continue
		}
		if err := os.WriteFile(o.Path+suffix, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

// open opens what m left and returns its state, and whether it knows that it lost commits.
func (m moment) open(t *testing.T, o Options) (state metatest.State, lost bool, err error) {
	t.Helper()
	s, err := Open(t.Context(), o)
	if err != nil {
		if core.CodeOf(err) != core.Corrupt || !strings.Contains(err.Error(), o.Path+"-wal") {
			t.Errorf("%s: Open() = %v, want Corrupt with the name of the log", m.name, err)
		}
		return state, false, err
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Errorf("%s: Close() = %v", m.name, err)
		}
	}()
	state, err = metatest.Dump(t.Context(), s)
	return state, lossNoted(t, s), err
}

// strange is what is put together of several moments.
type strange struct {
	moment
	want *moment // what it is opened as; nil: it is refused
	drop *moment // what it is opened as with --drop-damaged-log; nil: that is refused too
}

// strangeLogs puts logs, databases and promises of several moments together.
func strangeLogs(t *testing.T) []strange {
	t.Helper()
	l := newLife(t)
	l.empty()
	rest := l.keep("at rest")
	l.commit(4)
	l.s.vow(false)
	early := l.keep("early")
	l.commit(4)
	l.s.vow(false)
	late := l.keep("late")
	l.copyPart()
	part := l.keep("copied in part")
	if bytes.Equal(part.db, late.db) {
		t.Fatal("nothing is copied")
	}
	l.commit(2)
	l.copy()
	whole := l.keep("copied")
	l.empty()
	empty := l.keep("emptied")
	l.commit(3)
	l.s.vow(false)
	next := l.keep("the next log")
	other := newLife(t)
	other.s.vow(false)
	foreign := other.keep("another store")
	st, err := scanWAL(bytes.NewReader(early.log))
	if err != nil || st.good >= int64(len(late.log)) {
		t.Fatal(st, err)
	}
	with := func(name string, m moment, log, promise []byte) moment {
		m.name, m.log, m.promise = name, log, promise
		return m
	}
	return []strange{
		{rest, &rest, nil},
		{early, &early, nil},
		{late, &late, nil},
		{part, &part, nil},
		{whole, &whole, nil},
		{empty, &empty, nil},
		{next, &next, nil},
		{with("no promise", late, late.log, nil), &late, nil},
		{with("a damaged promise", late, late.log, []byte("trivium.log 1 nothing")), &late, nil},
		{with("a promise cut off", late, late.log, late.promise[:20]), &late, nil},
		{with("a stale promise", next, next.log, late.promise), &next, nil},
		{with("the promise of an earlier commit", late, late.log, early.promise), &late, nil},
		{with("the log of before", empty, late.log, nil), nil, &empty},
		{with("the log of before, and its promise", empty, late.log, late.promise), nil, nil},
		{with("an older log", next, late.log, next.promise), nil, &empty},
		{with("an older log over a part", part, early.log, part.promise), nil, nil},
		{with("the log of another store", late, foreign.log, nil), nil, &rest},
		{with("the log of another store, and its promise", late, foreign.log, foreign.promise), nil, nil},
		{with("no log", late, nil, late.promise), nil, &rest},
		{with("an empty log", late, []byte{}, late.promise), nil, &rest},
		{with("no log over a part", part, nil, part.promise), nil, nil},
		{with("a log cut at a commit", late, late.log[:st.good], late.promise), nil, &early},
		{with("a log cut at a commit, over a part", part, part.log[:st.good], part.promise), nil, nil},
		{with("an older database", rest, next.log, next.promise), nil, &rest},
		{with("an older database without promise", rest, next.log, nil), nil, &rest},
	}
}

// TestStrangeLogs opens what does not belong together, and what does.
func TestStrangeLogs(t *testing.T) {
	for _, c := range strangeLogs(t) {
		for _, drop := range []bool{false, true} {
			want, o := c.want, c.lay(t)
			if o.DropDamagedLog = drop; drop && want == nil {
				want = c.drop
			}
			var out strings.Builder
			o.Log = slog.New(slog.NewTextHandler(&out, nil))
			state, lost, err := c.open(t, o)
			if err == nil && lost {
				c.checkTold(t, out.String())
			}
			switch {
			case (err == nil) != (want != nil):
				t.Errorf("%s, drop %v: Open() = %v, want it opened: %v", c.name, drop, err, want != nil)
			case err == nil && !reflect.DeepEqual(state, want.state):
				t.Errorf("%s, drop %v: the state is not that of %s", c.name, drop, want.name)
			case err == nil && lost != (drop && c.want == nil):
				t.Errorf("%s, drop %v: lost commits are noted: %v", c.name, drop, lost)
			case err == nil:
				if _, _, err := c.open(t, Options{Path: o.Path}); err != nil {
					t.Errorf("%s, drop %v: the next start: %v", c.name, drop, err)
				}
			case strings.Contains(err.Error(), "--drop") != (c.drop != nil):
				t.Errorf("%s, drop %v: %v, want the flag advised: %v", c.name, drop, err, c.drop != nil)
			case !strings.Contains(err.Error(), "restore the"):
				t.Errorf("%s, drop %v: %v, want the next step", c.name, drop, err)
			}
		}
	}
}

// checkTold looks for what is told of a log that was given up: how much was promised of it and how much was there, and
// nothing of damage, which it does not have.
func (c strange) checkTold(t *testing.T, told string) {
	t.Helper()
	p, found := promise{}, walState{}
	at := filepath.Join(t.TempDir(), "meta.db")
	err := os.WriteFile(at+promiseSuffix, c.promise, 0o600)
	if err == nil {
		p, _, err = readPromise(at)
	}
	if err == nil && len(c.log) > 0 {
		found, err = scanWAL(bytes.NewReader(c.log))
	}
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("bytesPromised=%d bytesFound=%d commitsFound=%d", p.length, found.good, found.commits)
	if !strings.Contains(told, "given up") || !strings.Contains(told, want) || strings.Contains(told, "commitsLost") {
		t.Errorf("%s: told is %q, want %s", c.name, told, want)
	}
}

// TestKilledDrop ends the process at each step of giving a log up, of every kind: the next start is refused until it may
// give the log up, or knows of the loss.
func TestKilledDrop(t *testing.T) {
	h := makeHistory(t)
	damaged := bytes.Clone(h.log)
	damaged[h.ends[3]+100] ^= 1
	all := append(strangeLogs(t), strange{
		moment: moment{name: "damaged", db: h.db, log: damaged}, drop: &moment{state: h.states[4]},
	})
	for _, c := range all {
		if c.want != nil || c.drop == nil {
			continue
		}
		o, steps := c.lay(t), []string{}
		o.DropDamagedLog = true
		o.Hook = func(point string) {
			to := filepath.Join(t.TempDir(), "meta.db")
			if err := os.CopyFS(filepath.Dir(to), os.DirFS(filepath.Dir(o.Path))); err != nil {
				t.Error(err)
			}
			c.dropAgain(t, point, to)
			steps = append(steps, point)
		}
		if _, lost, err := c.open(t, o); err != nil || !lost {
			t.Errorf("%s: Open() = %v, lost commits are noted: %v", c.name, err, lost)
		}
		if want := []string{"log.aside", "log.cut", "log.judged", "log.kept"}; !slices.Equal(steps, want) {
			t.Errorf("%s: the steps are %v, want %v", c.name, steps, want)
		}
	}
}

// dropAgain opens what a kill at that point has left, twice without and then with DropDamagedLog.
func (c strange) dropAgain(t *testing.T, point, path string) {
	t.Helper()
	for _, drop := range []bool{false, false, true} {
		state, lost, err := c.open(t, Options{Path: path, ReadConns: 1, DropDamagedLog: drop})
		switch {
		case err == nil && !lost:
			t.Errorf("%s, killed at %s, drop %v: opened without a word", c.name, point, drop)
		case err == nil && !reflect.DeepEqual(state, c.drop.state):
			t.Errorf("%s, killed at %s, drop %v: another state", c.name, point, drop)
		case err != nil && drop:
			t.Errorf("%s, killed at %s: %v, want it opened without its log", c.name, point, err)
		}
	}
}

// TestAnyMoment lives at random: whatever moment a kill leaves is opened as it was, and what is mixed of two moments is
// refused or has the state of one that was, never another.
func TestAnyMoment(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	l := newLife(t)
	steps := []func(){
		func() { l.commit(1 + rnd.IntN(3)) }, func() { l.commit(1) }, l.copy, l.copyPart, l.empty, func() { l.s.vow(false) },
		func() { l.copy(); l.s.copyLog("RESTART") },
	}
	states := []metatest.State{l.moments[0].state}
	parts := rnd.IntN(2) == 0 // a part leaves no mark in the database, so that the promise must be its own
	for range 24 {
		step := rnd.IntN(len(steps))
		if step == 3 && !parts {
			continue
		}
		steps[step]()
		m := l.keep("moment")
		states = append(states, m.state)
		if state, lost, err := m.open(t, m.lay(t)); err != nil || lost || !reflect.DeepEqual(state, m.state) {
			t.Fatalf("a killed store: %v, lost %v, want its own state", err, lost)
		}
	}
	refused := 0
	for range 40 {
		i, j, k := rnd.IntN(len(l.moments)), rnd.IntN(len(l.moments)), rnd.IntN(len(l.moments))
		m := l.moments[i]
		m.log = l.moments[j].log
		if !parts {
			m.promise = l.moments[k].promise
		}
		state, _, err := m.open(t, m.lay(t))
		if err != nil {
			refused++
			continue
		}
		if !slices.ContainsFunc(states, func(s metatest.State) bool { return reflect.DeepEqual(s, state) }) {
			t.Errorf("database %d, log %d: a state that never was", i, j)
		}
	}
	t.Logf("%d of 40 mixed ones refused", refused)
}
