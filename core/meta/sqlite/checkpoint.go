package sqlite

import (
	"os"
	"time"
)

// Lengths of the WAL, in bytes, at which the checkpointer copies it into the database beside everybody's work;
// makes the writer rest meanwhile, so that the WAL can start over; and makes new Views wait as well, since any
// reader can keep it from that.
const (
	walCopy  = 4 << 20
	walRest  = 64 << 20
	walBlock = 256 << 20
)

// frameHeader is what the WAL adds to a page.
const frameHeader = 24

// checkpointWait is how long a checkpoint waits for readers while the writer rests.
const checkpointWait = 20 * time.Millisecond

// checkpointPause is the least time between two looks at the WAL.
const checkpointPause = 200 * time.Millisecond

// checkpoints is the checkpointer goroutine: after writes it looks at the WAL, until Close. What fails here is
// tried again; a disk that stays broken shows in the next commit.
func (s *Store) checkpoints() {
	pause := time.NewTimer(checkpointPause)
	defer pause.Stop()
	for {
		select {
		case <-s.wake:
			s.checkpoint(s.walSize())
		case <-s.stop:
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

// walSize is the length of the WAL; 0 when it cannot be told.
func (s *Store) walSize() int64 {
	info, err := os.Stat(s.opts.Path + "-wal")
	if err != nil {
		return 0
	}
	return info.Size()
}

// checkpoint does what the WAL's length asks for. size is that of its file, which never shrinks.
func (s *Store) checkpoint(size int64) {
	if size < walCopy {
		return
	}
	// Most of the work is done beside the writer; only the rest is done while it waits.
	length := s.checkpointer.checkpoint("PRAGMA wal_checkpoint(PASSIVE)")
	if length < s.walRest {
		return
	}
	if length >= s.walBlock {
		s.gate.Lock()
		defer s.gate.Unlock()
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	// Not TRUNCATE: replication by litestream does not bear it.
	s.checkpointer.checkpoint("PRAGMA wal_checkpoint(RESTART)")
}

// checkpoint runs a checkpoint and returns the length of the WAL in use, in bytes.
func (c *conn) checkpoint(text string) (length int64) {
	s, err := c.start(text, nil)
	if err != nil {
		return 0
	}
	if s.Next() {
		length = s.Int(1) * (pageSize + frameHeader)
	}
	if s.Close() != nil {
		return 0
	}
	return length
}
