package sqlite

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"trivium/core/plainfile"
)

// A log belongs to one state of the database: beside another one it leaves pages of two states. So page 1 carries a mark
// in bytes of its header that SQLite reserves and leaves alone, and the mark that it had before. The first commit of each
// log changes it, and one before each checkpoint: the database has a mark of its log, or the one that its log began
// with. The mark is part of a transaction, so no crash parts the two. See docs/decisions/log-marks.md.
const (
	markAt   = 72 // in page 1
	markSize = 8
)

// pageMark is a mark: a serial number of the log in its upper half, so that of two logs the later one is known, and
// something random in its lower one, so that copies of a store part. 0: there is none.
type pageMark uint64

func (m pageMark) serial() uint32 { return uint32(m >> 32) }

// newMark returns a mark of a log.
func newMark(serial uint32) (pageMark, error) {
	var b [4]byte
	_, err := rand.Read(b[:])
	return pageMark(serial)<<32 | pageMark(binary.BigEndian.Uint32(b[:])), err
}

// marksOf reads the marks of a first page.
func marksOf(page []byte) (before, now pageMark) {
	return pageMark(binary.BigEndian.Uint64(page[markAt:])), pageMark(binary.BigEndian.Uint64(page[markAt+markSize:]))
}

// readMark is the mark of the database at path. There is none to tell, ok = false, when its first page is missing or torn:
// then its log has it.
func readMark(path string) (now pageMark, ok bool, err error) {
	f, err := plainfile.Open(path, os.O_RDONLY, 0)
	if err != nil {
		return 0, false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	page := make([]byte, pageSize)
	if _, err := io.ReadFull(f, page); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, false, nil
	} else if err != nil {
		return 0, false, err
	}
	_, now = marksOf(page)
	return now, pageSealed(1, page), nil
}

// logMarks are the marks in the first pages of a log's commits, in their order, and that from before the first of them.
type logMarks struct {
	known  bool // there is one
	before pageMark
	marks  []pageMark
}

// add adds those of the first page.
func (l *logMarks) add(page []byte) {
	before, now := marksOf(page)
	if !l.known {
		l.known, l.before = true, before
	}
	if n := len(l.marks); n == 0 || l.marks[n-1] != now {
		l.marks = append(l.marks, now)
	}
}

// fit tells whether the log belongs to a database with a mark, as far as can be told.
func (l *logMarks) fit(db pageMark) bool {
	return !l.known || db == l.before || slices.Contains(l.marks, db)
}

// serial is that of the log; 0: it has none.
func (l *logMarks) serial() uint32 {
	if !l.known {
		return 0
	}
	return l.marks[len(l.marks)-1].serial()
}

// writerMark is what the writer knows of the mark of its log.
type writerMark struct {
	salts  uint64 // of the log that has it
	serial uint32
}

// markFirst changes the mark in the writer's transaction, and tells so, when that may be the first of a log.
func (s *Store) markFirst() (marked bool, err error) {
	if !s.logStarts() {
		return false, nil
	}
	return true, s.setMark()
}

// logStarts tells whether the next commit may be the first of a log, or is the first that this store makes in it.
func (s *Store) logStarts() bool {
	log := s.writer.log()
	return log == nil || log.uncopied() <= walHeader || log.salts.Load() != s.marking.salts
}

// setMark changes the mark in the writer's transaction.
func (s *Store) setMark() error {
	starts := s.logStarts()
	now, err := s.writer.readMark()
	if err != nil {
		return err
	}
	serial := now.serial()
	if starts {
		serial++
	}
	next, err := newMark(serial)
	if err != nil {
		return fmt.Errorf("make a mark: %w", err)
	}
	s.marking = writerMark{serial: serial} // the salts are known once it is committed
	change, err := s.writer.start(updateMark, []any{binary.BigEndian.AppendUint64(nil, uint64(next))})
	if err != nil {
		return err
	}
	change.Next()
	return change.Close()
}

// commitLog commits the writer's transaction, which has changed the mark or not, and notes how far the log goes then. One
// that wrote nothing acknowledges nothing: what lies behind the commit before it has failed or was rolled back.
func (s *Store) commitLog(marked bool) error {
	end, err := s.writer.commit()
	if err != nil {
		return err
	}
	if log := s.writer.log(); log != nil && end > 0 {
		s.acknowledge(log, end, marked)
	}
	return nil
}

// acknowledge notes that a commit of the writer, which has changed the mark or not, ends there in the log.
func (s *Store) acknowledge(log *frameSums, end int64, marked bool) {
	log.used.Store(end)
	salts := log.salts.Load()
	if marked {
		s.marking.salts = salts
	}
	p := &promise{length: end, serial: s.marking.serial}
	binary.BigEndian.PutUint64(p.salts[:], salts)
	s.acked.Store(p)
}

// sealLog changes the mark in a commit of its own: once the database has that, no log fits it that ends earlier. The
// caller holds writing. What fails here leaves the log as it was.
func (s *Store) sealLog() {
	if p := s.acked.Load(); p == nil || p == s.sealed {
		return
	}
	defer s.rollback()
	err := s.begin()
	if err == nil {
		err = s.setMark()
	}
	if err == nil {
		err = s.commitLog(true)
	}
	if err != nil {
		s.opts.log().Debug("the log of the metadata store is copied without a mark", "error", err)
	}
	s.sealed = s.acked.Load()
}

const (
	selectMark = "SELECT substr(data, 81, 8) FROM sqlite_dbpage WHERE pgno = 1"
	updateMark = "UPDATE sqlite_dbpage SET data = CAST(substr(data, 1, 72) || substr(data, 81, 8) || ?1 || substr(data, 89) AS BLOB) " +
		"WHERE pgno = 1"
)

// readMark is the mark in the transaction of c.
func (c *conn) readMark() (now pageMark, err error) {
	rows, err := c.start(selectMark, nil)
	if err != nil {
		return 0, err
	}
	if rows.Next() {
		if b := rows.Bytes(0); len(b) == markSize {
			now = pageMark(binary.BigEndian.Uint64(b))
		}
	}
	return now, rows.Close()
}
