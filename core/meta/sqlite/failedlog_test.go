package sqlite

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"runtime"
	"syscall"
	"testing"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"

	"trivium/core"
)

// failingLog is a layer below the log of a store's writer whose writes fail while fails, if it is not nil, says so.
type failingLog struct {
	methods sqlite3.Tsqlite3_io_methods
	write   transfer // kept because the collector does not look into SQLite's memory
	fails   func(n int32, offset int64) syscall.Errno
	failed  int
}

// failLog puts the layer in. It is taken out before the store is closed.
func failLog(t *testing.T, s *Store) *failingLog {
	t.Helper()
	w := s.writer.openLog()
	if w == nil {
		t.Fatal("the log is not open")
	}
	base, below := w.base, w.write()
	f := &failingLog{methods: *w.baseMethods()}
	f.write = func(tls *libc.TLS, file, buf uintptr, n int32, offset int64) int32 {
		if f.fails == nil || f.fails(n, offset) == 0 {
			return below(tls, file, buf, n, offset)
		}
		f.failed++
		below(tls, file, buf, n/2, offset) // what there was room for
		*errnoOf(tls) = int32(f.fails(n, offset))
		if noRoom(*errnoOf(tls)) {
			return sqlite3.SQLITE_FULL
		}
		return sqlite3.SQLITE_IOERR_WRITE
	}
	f.methods.FxWrite = address(f.write)
	table, err := s.writer.malloc(int(reflect.TypeFor[sqlite3.Tsqlite3_io_methods]().Size()))
	if err != nil {
		t.Fatal(err)
	}
	*(*sqlite3.Tsqlite3_io_methods)(pointer(table)) = f.methods
	w.base = table
	t.Cleanup(func() {
		w.base = base
		libc.Xfree(s.writer.tls, table)
		runtime.KeepAlive(f)
	})
	return f
}

// TestRefusedCommitPromisesNothing has commits refused at each kind of write to the log, and one rolled back that the log
// had got already, each followed by a commit that writes nothing. What is promised then is what the log has, so that
// whatever moment a kill leaves is opened as it was.
func TestRefusedCommitPromisesNothing(t *testing.T) {
	header := func(n int32) bool { return n == frameHeader }
	page := func(n int32) bool { return n == pageSize }
	for _, c := range []struct {
		name  string
		is    func(n int32) bool // nil: nothing fails, the transaction is rolled back
		after int64              // so many frames
		errno syscall.Errno
	}{
		{"no room for a header", header, 0, syscall.ENOSPC},
		{"no room for a page", page, 0, syscall.ENOSPC},
		{"no quota for a page", page, 1, syscall.EDQUOT},
		{"no room for a later header", header, 2, syscall.ENOSPC},
		{"a header that fails", header, 0, syscall.EIO},
		{"a page that fails", page, 0, syscall.EIO},
		{"a later page that fails", page, 2, syscall.EIO},
		{"rolled back", nil, 0, 0},
	} {
		for _, begins := range []bool{false, true} {
			name := c.name
			if begins {
				name += ", in a log that begins"
			}
			t.Run(name, func(t *testing.T) {
				l := newLife(t)
				f := failLog(t, l.s)
				if begins {
					l.empty()
				}
				l.refuse(func(n int32, offset int64) bool {
					return c.is != nil && c.is(n) && offset >= walHeader+l.end()+c.after*frameSize
				},
					f, c.errno)
				if c.is != nil && f.failed == 0 {
					t.Fatal("nothing failed")
				}
				l.commitNothing()
				l.check("after " + name)
				l.commit(1)
				l.check("a commit later")
				l.copy()
				if n := l.s.copierLog().sums().uncopied(); n > walHeader {
					t.Errorf("%d bytes are to be copied of a log that was", n)
				}
				l.commitNothing()
				l.check("copied")
			})
		}
	}
}

// end is where the frames of the log end, as SQLite has it, from the end of its header.
func (l *life) end() int64 {
	l.t.Helper()
	if l.s.acked.Load() == nil || l.s.walSize() == 0 {
		return 0
	}
	return l.s.acked.Load().length - walHeader
}

// refuse begins a transaction that is larger than the writer's cache, which therefore goes to the log before it is
// committed. It fails with that error, or of itself when errno is 0.
func (l *life) refuse(fails func(n int32, offset int64) bool, f *failingLog, errno syscall.Errno) {
	l.t.Helper()
	l.s.writing.Lock()
	err := l.s.writer.run("PRAGMA cache_size = 10")
	l.s.writing.Unlock()
	if err != nil {
		l.t.Fatal(err)
	}
	end, size := l.end(), l.s.walSize()
	f.fails = func(n int32, offset int64) syscall.Errno {
		if fails(n, offset) {
			return errno
		}
		return 0
	}
	rolledBack := errors.New("only to be rolled back")
	err = l.s.Update(l.t.Context(), func(ctx context.Context, tx core.MetaTx) error {
		for id := range int64(20) {
			if err := putInline(1000+id, 20_000)(ctx, tx); err != nil {
				return err
			}
		}
		if errno == 0 {
			return rolledBack
		}
		return nil
	})
	l.s.afterBatch()
	f.fails = nil
	switch {
	case errno == 0 && !errors.Is(err, rolledBack), errno != 0 && err == nil:
		l.t.Fatalf("Update() = %v", err)
	case errno == 0 && l.s.walSize() < max(size, walHeader+end)+10*frameSize:
		l.t.Fatalf("the log has %d bytes after a large transaction, %d before: it did not get that", l.s.walSize(), size)
	}
}

// commitNothing commits what changes nothing.
func (l *life) commitNothing() {
	l.t.Helper()
	for range 2 {
		err := l.s.Update(l.t.Context(), func(ctx context.Context, tx core.MetaTx) error { return tx.DeleteInline(ctx, 9999) })
		if err != nil {
			l.t.Fatal(err)
		}
	}
	l.s.afterBatch()
}

// check compares the promise of what was acknowledged with the log, and opens what a kill leaves now.
func (l *life) check(when string) {
	l.t.Helper()
	l.s.vow(false)
	m := l.keep(when)
	st, err := scanWAL(bytes.NewReader(m.log))
	if err != nil {
		l.t.Fatal(err)
	}
	if used := l.s.writer.log().used.Load(); used != st.good {
		l.t.Errorf("%s: the log is taken for %d bytes, has %d", when, used, st.good)
	}
	if acked := l.s.acked.Load(); acked == nil || acked.salts == st.salts && acked.length != st.good {
		l.t.Errorf("%s: acknowledged is %+v, the log has %d bytes", when, acked, st.good)
	}
	o := m.lay(l.t)
	p, whole, err := readPromise(o.Path)
	if err != nil || !whole || p.length == 0 && when != "copied" {
		l.t.Errorf("%s: the promise is %+v, whole %v, %v", when, p, whole, err)
	}
	if state, lost, err := m.open(l.t, o); err != nil || lost || !reflect.DeepEqual(state, m.state) {
		l.t.Errorf("%s: a killed store: %v, lost %v, want its own state", when, err, lost)
	}
}
