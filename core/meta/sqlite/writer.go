package sqlite

import (
	"context"
	"errors"
	"runtime"
	"time"

	"trivium/core"
	"trivium/core/admission"
	"trivium/core/meta/sqlmeta"
)

const (
	maxMembers    = admission.Slots
	maxBatchBytes = 4 << 20
	maxShared     = 1000 // rows that a member may write in a batch of several
)

// errAlone ends a member that writes so much that it must run in a batch of its own.
var errAlone = errors.New("the transaction is too large for a shared commit")

// member is one Update that waits for its batch.
type member struct {
	ctx   context.Context //nolint:containedctx // of the call that waits; it carries the request's values
	fn    func(ctx context.Context, tx core.MetaTx) error
	done  chan struct{}
	err   error
	panic any  // re-raised in the caller
	large bool // runs alone
	// exited: fn ended its goroutine (runtime.Goexit, as t.FailNow does); the caller's is ended instead.
	exited   bool
	answered bool
}

// answer lets the caller go on.
func (m *member) answer() {
	m.answered = true
	close(m.done)
}

// Update implements core.MetaStore.
func (s *Store) Update(ctx context.Context, fn func(ctx context.Context, tx core.MetaTx) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	m := &member{ctx: s.inside(ctx), fn: fn, done: make(chan struct{})}
	select {
	case s.queue <- m:
	default:
		select {
		case s.queue <- m:
		case <-ctx.Done():
			return gaveUp(ctx.Err())
		}
	}
	<-m.done
	if m.exited {
		runtime.Goexit()
	}
	if m.panic != nil {
		panic(m.panic)
	}
	return m.err
}

// write is the writer goroutine: it commits what waits, batch by batch, until Close.
func (s *Store) write() {
	stopped := false
	defer func() {
		if !stopped { // a member ended the goroutine
			s.running.Go(s.write)
		}
	}()
	for {
		select {
		case m := <-s.queue:
			s.batch = append(s.batch[:0], m)
		case <-s.stop: // Close waited for the callers: the queue is empty
			stopped = true
			return
		}
		s.commitBatch()
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// commitBatch commits the member in s.batch together with everybody else who waits, and answers them.
func (s *Store) commitBatch() {
	s.writing.Lock()
	defer s.writing.Unlock()
	defer s.finishBatch()
	if err := s.runBatch(); err != nil {
		return // SQLite gave up the transaction, or nobody knows: everyone once more, alone
	}
	for _, m := range s.batch {
		if !m.large {
			m.answer()
		}
	}
}

// finishBatch runs alone who has no answer yet: after a lost transaction, and when a member ended the goroutine,
// everybody else.
func (s *Store) finishBatch() {
	for i, m := range s.batch {
		switch {
		case m.answered:
		case m.exited:
			m.answer()
		default:
			s.rollback()          // what is left of a lost transaction
			defer s.finishBatch() // should this one end the goroutine as well
			s.batch = s.batch[i:]
			s.runAlone(m)
			return
		}
	}
	s.rollback()
	s.batch = s.batch[:0]
}

// runBatch runs and commits a batch that begins with the member in s.batch; others join. An error means that
// nothing of it is committed.
func (s *Store) runBatch() error {
	second := s.next()
	if second != nil {
		s.batch = append(s.batch, second)
	}
	if err := s.begin(); err != nil {
		return err
	}
	if second == nil {
		ok, err := s.call(s.batch[0])
		if err == nil && ok {
			return s.commit(1)
		}
		s.rollback()
		return err
	}
	kept := 0
	for i := 0; i < len(s.batch); i++ {
		ok, err := s.runSaved(s.batch[i])
		if err != nil {
			return err
		}
		if ok {
			kept++
		}
		if i+1 == len(s.batch) && len(s.batch) < maxMembers && s.writer.bytes < maxBatchBytes {
			if m := s.next(); m != nil {
				s.batch = append(s.batch, m)
			}
		}
	}
	if kept == 0 {
		s.rollback()
		return nil
	}
	return s.commit(kept)
}

// next takes somebody off the queue; nil when nobody waits.
func (s *Store) next() *member {
	select {
	case m := <-s.queue:
		return m
	default:
		return nil
	}
}

// runSaved runs a member under a savepoint and tells whether it is to be committed. An error means that the
// batch is lost.
func (s *Store) runSaved(m *member) (ok bool, err error) {
	if err := s.writer.exec("SAVEPOINT member"); err != nil {
		return false, err
	}
	before := s.writer.rows
	s.writer.refuse = func(more int64) error {
		if s.writer.rows-before+more > maxShared {
			m.large = true
		}
		if m.large {
			return errAlone
		}
		return nil
	}
	ok, err = s.call(m)
	s.writer.refuse = nil
	if err != nil {
		return false, err
	}
	if !ok {
		if err := s.writer.exec("ROLLBACK TO member"); err != nil {
			return false, err
		}
	}
	return ok, s.writer.exec("RELEASE member")
}

// runAlone runs a member in a transaction of its own and answers it. On a full disk one that makes room gets what is
// kept for it.
func (s *Store) runAlone(m *member) {
	defer m.answer()
	m.large = false
	err := s.runOnce(m)
	if core.CodeOf(err) == core.NoSpace && core.MakesRoom(m.ctx) && s.ballast.drop() {
		s.opts.log().Warn("the disk of the metadata is full: the room kept free is used")
		err = s.runOnce(m)
	}
	if err != nil {
		m.err, m.panic = err, nil
	}
	if core.CodeOf(err) == core.NoSpace {
		s.full.Store(true)
	}
}

// runOnce is one try of runAlone. An error is that of the transaction, not of the member's function.
func (s *Store) runOnce(m *member) error {
	defer s.rollback()
	if err := s.begin(); err != nil {
		return err
	}
	if ok, err := s.call(m); err != nil || !ok {
		return err
	}
	return s.commit(1)
}

// call runs a member's function and tells whether it ended well. An error means that the transaction is lost.
func (s *Store) call(m *member) (ok bool, err error) {
	m.err, m.panic = nil, nil
	func() {
		returned := false
		defer func() {
			r := recover()
			m.panic, m.exited = r, r == nil && !returned
			if !returned {
				s.writer.refuse = nil
				s.writer.resetAll()
			}
		}()
		m.err = m.fn(m.ctx, sqlmeta.New(s.writer, s.dialect, &s.deltas))
		returned = true
	}()
	if s.writer.broken != nil {
		return false, s.writer.broken
	}
	if ok = m.err == nil && m.panic == nil && !m.large; ok {
		s.deltas.Keep()
	} else {
		s.deltas.Forget()
	}
	return ok, nil
}

// begin opens a transaction.
func (s *Store) begin() error {
	s.writer.rows, s.writer.bytes, s.writer.broken = 0, 0, nil
	s.deltas.Reset()
	return s.writer.exec("BEGIN IMMEDIATE")
}

// commit makes the transaction of so many Updates durable.
func (s *Store) commit(updates int) error {
	if err := s.deltas.Write(context.Background(), s.writer); err != nil {
		return err
	}
	marked, err := s.markFirst()
	if err != nil {
		return err
	}
	s.opts.hook("commit.before")
	start := time.Now()
	if err := s.commitLog(marked); err != nil {
		return err
	}
	if s.opts.Committed != nil {
		s.opts.Committed(updates, time.Since(start))
	}
	s.opts.hook("commit.after")
	return nil
}

// rollback ends the transaction if there is one.
func (s *Store) rollback() {
	s.writer.resetAll()
	s.deltas.Reset()
	if !s.writer.autocommit() {
		// What else could be done about an error shows when the next transaction begins.
		_ = s.writer.exec("ROLLBACK")
	}
	s.writer.broken = nil
}
