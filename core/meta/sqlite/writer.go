package sqlite

import (
	"context"
	"errors"

	"trivium/core"
	"trivium/core/meta/sqlmeta"
)

const (
	maxMembers    = 256
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
}

// Update implements core.MetaStore.
func (s *Store) Update(ctx context.Context, fn func(ctx context.Context, tx core.MetaTx) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	m := &member{ctx: s.inside(ctx), fn: fn, done: make(chan struct{})}
	s.queue <- m
	<-m.done
	if m.panic != nil {
		panic(m.panic)
	}
	return m.err
}

// write is the writer goroutine: it commits what waits, batch by batch, until Close.
func (s *Store) write() {
	batch := make([]*member, 0, maxMembers)
	for {
		select {
		case m := <-s.queue:
			batch = append(batch[:0], m)
		case <-s.stop: // Close waited for the callers: the queue is empty
			return
		}
		s.writing.Lock()
		s.commitBatch(batch)
		s.writing.Unlock()
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// commitBatch commits the member in batch together with everybody else who waits, and answers them.
func (s *Store) commitBatch(batch []*member) {
	batch, err := s.runBatch(batch)
	if err != nil {
		// SQLite gave up the transaction, or nobody knows: everyone once more, alone.
		s.rollback()
		for _, m := range batch {
			s.runAlone(m)
		}
		return
	}
	var large []*member
	for _, m := range batch {
		if m.large {
			large = append(large, m)
			continue
		}
		close(m.done)
	}
	for _, m := range large {
		s.runAlone(m)
	}
}

// runBatch runs and commits a batch that begins with the member in it and returns it with all who joined. An
// error means that nothing of it is committed.
func (s *Store) runBatch(batch []*member) ([]*member, error) {
	second := s.next()
	if second != nil {
		batch = append(batch, second)
	}
	if err := s.begin(); err != nil {
		return batch, err
	}
	if second == nil {
		ok, err := s.call(batch[0])
		if err == nil && ok {
			return batch, s.commit()
		}
		s.rollback()
		return batch, err
	}
	kept := 0
	for i := 0; i < len(batch); i++ {
		ok, err := s.runSaved(batch[i])
		if err != nil {
			return batch, err
		}
		if ok {
			kept++
		}
		if i+1 == len(batch) && len(batch) < maxMembers && s.writer.bytes < maxBatchBytes {
			if m := s.next(); m != nil {
				batch = append(batch, m)
			}
		}
	}
	if kept == 0 {
		s.rollback()
		return batch, nil
	}
	return batch, s.commit()
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

// runAlone runs a member in a transaction of its own and answers it.
func (s *Store) runAlone(m *member) {
	defer close(m.done)
	m.large = false
	err := s.begin()
	ok := false
	if err == nil {
		ok, err = s.call(m)
	}
	if err == nil && ok {
		err = s.commit()
	}
	if err != nil {
		m.err, m.panic = err, nil
	}
	s.rollback()
}

// call runs a member's function and tells whether it ended well. An error means that the transaction is lost.
func (s *Store) call(m *member) (ok bool, err error) {
	m.err, m.panic = nil, nil
	func() {
		defer func() {
			if r := recover(); r != nil {
				m.panic = r
				s.writer.resetAll()
			}
		}()
		m.err = m.fn(m.ctx, sqlmeta.New(s.writer, s.dialect, &s.deltas))
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

// commit makes the transaction durable.
func (s *Store) commit() error {
	if err := s.deltas.Write(context.Background(), s.writer); err != nil {
		return err
	}
	s.opts.hook("commit.before")
	if err := s.writer.exec("COMMIT"); err != nil {
		return err
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
