package sqlite

import (
	"os"
	"time"

	"trivium/core"
)

// walCopy is how much is written to the WAL before the checkpointer copies it into the database beside everybody's work;
// the others are lengths of the WAL at which it makes the writer rest meanwhile, so that the WAL can start over, and new
// Views wait as well, since any reader can keep it from that. All are in bytes.
const (
	walCopy  = 4 << 20
	walRest  = 64 << 20
	walBlock = 256 << 20
)

// frameHeader is what the WAL adds to a page.
const frameHeader = 24

// checkpointWait is how long a checkpoint waits for readers while the writer rests.
const checkpointWait = 20 * time.Millisecond

// idleTime is how long nothing must have been written before the log is emptied: a machine that is switched off, or
// a log that rots, then loses nothing.
const idleTime = time.Second

// checkpointPause is the least time between two looks at the WAL.
const checkpointPause = 200 * time.Millisecond

// checkpoints is the checkpointer goroutine: after writes it looks at the WAL, and once more when they have ended,
// until Close. What fails here is tried again; a disk that stays broken shows in the next commit. An empty WAL that
// nobody writes to wakes nobody. Damage in the WAL ends the store, and this: what was committed there cannot be copied
// any more, and the WAL would grow for ever.
func (s *Store) checkpoints() {
	pause := time.NewTimer(checkpointPause)
	defer pause.Stop()
	idle := time.NewTimer(idleTime) // the first time for what a crash has left
	defer idle.Stop()
	for {
		select {
		case <-s.wake:
			s.checkpoint()
			idle.Reset(idleTime)
			if s.ballast.due() {
				s.fillBallast()
			}
		case <-idle.C:
			s.fillBallast()
			if !s.emptyLog() {
				idle.Reset(idleTime)
			}
		case <-s.stop:
			return
		}
		if s.ended.Load() != nil {
			return
		}
		pause.Reset(checkpointPause)
		select {
		case <-pause.C:
		case <-s.stop:
			return
		}
	}
}

// fillBallast keeps room free once there is enough.
func (s *Store) fillBallast() {
	if err := s.ballast.fill(); err != nil {
		s.opts.log().Warn("no room is kept free for a full disk", "error", err)
	}
}

// walSize is the length of the WAL; 0 when it cannot be told.
func (s *Store) walSize() int64 {
	info, err := os.Stat(s.opts.Path + "-wal")
	if err != nil {
		return 0
	}
	return info.Size()
}

// checkpoint does what was written to the WAL since the last one asks for. The length of its file says nothing: a WAL that
// starts over keeps it. On a full disk the WAL starts over whatever its length: then it has the room that it takes up.
func (s *Store) checkpoint() {
	full := s.full.Swap(false)
	if time.Since(s.vowed) >= promiseTime {
		s.vow(false)
	}
	if log := s.copierLog(); log != nil && log.sums().uncopied() < walCopy && !full {
		return
	}
	// What the database gets is marked and promised before, so that it is missed when the log has it no more.
	s.writing.Lock()
	s.sealLog()
	s.writing.Unlock()
	s.vow(true)
	// Most of the work is done beside the writer; only the rest is done while it waits.
	length := s.copyLog("PASSIVE")
	if length < s.walRest && !full {
		return
	}
	if length >= s.walBlock {
		all := s.readers.takeAll()
		defer s.readers.putAll(all)
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	s.copyLog("RESTART") // the next write takes the room of the file again
}

// emptyLog moves an idle WAL into the database and tells whether nothing is left to do. A View that holds it is
// waited for checkpointWait; who writes meanwhile makes it not idle.
func (s *Store) emptyLog() bool {
	if s.walSize() == 0 {
		return true
	}
	if !s.writing.TryLock() {
		return true // the end of that batch wakes the checkpointer
	}
	s.sealLog()
	s.writing.Unlock()
	s.vow(true)
	s.copyLog("PASSIVE")
	if !s.writing.TryLock() {
		return true
	}
	defer s.writing.Unlock()
	if s.acked.Load() != s.sealed {
		return true
	}
	s.copyLog("TRUNCATE")
	return s.walSize() == 0
}

// copyLog runs a checkpoint and returns the length of the WAL in use, in bytes; that of its file when the checkpoint
// failed. Damage that it meets ends the store.
func (s *Store) copyLog(mode string) (length int64) {
	s.copying.Lock()
	defer s.copying.Unlock()
	salts := s.logSalts()
	done, err := s.checkpointer.checkpoint(mode)
	s.tellCheckpoint(err)
	if err != nil {
		if core.CodeOf(err) == core.Corrupt {
			s.end(err)
		}
		return s.walSize()
	}
	if log := s.checkpointer.openLog(); log != nil {
		log.noteCopied(salts, done.copied)
	}
	if done.length > 0 && done.copied == done.length {
		s.revoke()
	}
	return done.length
}

// copierLog is the log as the checkpointer's connection has it; nil when it has not opened it. The caller does not have
// s.copying, which is held while that connection is used.
func (s *Store) copierLog() *wrap {
	s.copying.Lock()
	defer s.copying.Unlock()
	return s.checkpointer.openLog()
}

// logSalts are those of the log in use; zero: they are not known. The caller has s.copying.
func (s *Store) logSalts() (salts [8]byte) {
	if log := s.checkpointer.openLog(); log != nil {
		keeper, _ := log.keeper()
		salts = keeper.now()
	}
	return salts
}

// tellCheckpoint logs the first checkpoint that fails, and the first that does not any more.
func (s *Store) tellCheckpoint(err error) {
	failed := err != nil
	if failed == s.checkpointFails {
		return
	}
	s.checkpointFails = failed
	if failed {
		s.opts.log().Warn("the log of the metadata store cannot be moved into the database, and grows", "error", err)
	} else {
		s.opts.log().Info("the log of the metadata store can be moved into the database again")
	}
}

// end makes every later call fail with err. The first reason stays.
func (s *Store) end(err error) {
	if s.ended.CompareAndSwap(nil, &err) {
		s.opts.log().Error("the metadata store ends: it is damaged", "error", err)
	}
}

// checkpointed is what a checkpoint has done: of length bytes of the WAL that are in use copied are in the database.
type checkpointed struct {
	length, copied int64
	busy           bool // it did not do all that it was to
}

// checkpoint runs a checkpoint.
func (c *conn) checkpoint(mode string) (done checkpointed, err error) {
	c.broken = nil // of the one before
	s, err := c.start("PRAGMA wal_checkpoint("+mode+")", nil)
	if err != nil {
		return done, err
	}
	if s.Next() {
		done = checkpointed{length: s.Int(1) * frameSize, copied: s.Int(2) * frameSize, busy: s.Int(0) != 0}
	}
	if err := s.Close(); err != nil {
		return checkpointed{}, err
	}
	return done, nil
}
