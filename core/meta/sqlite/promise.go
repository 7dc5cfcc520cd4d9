package sqlite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/minio/crc64nvme"

	"trivium/core/plainfile"
)

// A log that is gone, or ends earlier than it did, looks like that of a power cut. So a file beside the database promises
// how far a log was acknowledged. It is written behind the commits, never for one of them, and so tells a lower bound;
// before the log starts over, is emptied or removed, which is when the database has all of it, the promise is revoked,
// durably. So no crash leaves a promise that the log does not keep. See docs/decisions/log-marks.md.

// promise tells that the commits of a log were acknowledged up to there.
type promise struct {
	salts  [8]byte // in the log's header
	length int64   // where the last of those commits ends, in bytes; 0: nothing is promised
	serial uint32  // of the log's marks
	copied bool    // the database may have a part of the log
}

// promiseSuffix is added to the name of the database.
const promiseSuffix = ".acked"

// promiseText is a promise as it is kept: one line, always equally long, so that writing it anew changes no length.
const promiseText = "trivium.log 1 %016x %020d %010d %d "

// marshal renders the promise.
func (p promise) marshal() []byte {
	copied := 0
	if p.copied {
		copied = 1
	}
	text := fmt.Sprintf(promiseText, binary.BigEndian.Uint64(p.salts[:]), p.length, p.serial, copied)
	return fmt.Appendf([]byte(text), "%016x\n", crc64nvme.Checksum([]byte(text)))
}

// maxPromise bounds what is read of the file.
const maxPromise = 4 << 10

// readPromise reads that of the database at path. A file that is missing promises nothing, nor does one that is damaged
// or was cut off while it was written: whole = false.
func readPromise(path string) (p promise, whole bool, err error) {
	b, err := plainfile.Read(path+promiseSuffix, maxPromise)
	if errors.Is(err, fs.ErrNotExist) {
		return p, true, nil
	}
	if err != nil {
		return p, false, err
	}
	const sumText = 17
	if len(b) < sumText {
		return p, len(b) == 0, nil
	}
	text, end := b[:len(b)-sumText], b[len(b)-sumText:]
	if string(end) != fmt.Sprintf("%016x\n", crc64nvme.Checksum(text)) {
		return p, false, nil
	}
	var salts uint64
	var copied int
	n, _ := fmt.Sscanf(string(text), strings.TrimRight(promiseText, " "), &salts, &p.length, &p.serial, &copied)
	if n != 4 { // of a later form
		return promise{}, false, nil
	}
	p.copied = copied != 0
	binary.BigEndian.PutUint64(p.salts[:], salts)
	return p, true, nil
}

// write makes p the promise of the database at path, durably.
func (p promise) write(path string) (err error) {
	name := path + promiseSuffix
	f, err := plainfile.Open(name, os.O_WRONLY, 0)
	made := errors.Is(err, fs.ErrNotExist)
	if made {
		f, err = plainfile.Open(name, os.O_WRONLY|os.O_CREATE, 0o600)
	}
	if err != nil {
		return err
	}
	text := p.marshal()
	_, err = f.WriteAt(text, 0)
	if info, statErr := f.Stat(); statErr == nil && info.Size() > int64(len(text)) { // damaged
		err = errors.Join(err, f.Truncate(int64(len(text))))
	}
	if err = errors.Join(err, syncData(f), f.Close()); err == nil && made {
		err = syncDir(filepath.Dir(name))
	}
	return err
}

// revokePromise makes the database at path promise nothing, durably. Where the file cannot be written it is removed.
func revokePromise(path string) error {
	p, whole, err := readPromise(path)
	if err == nil && whole && p.length == 0 {
		return nil
	}
	if err = (promise{}).write(path); err == nil {
		return nil
	}
	if gone := os.Remove(path + promiseSuffix); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
		return errors.Join(err, gone)
	}
	return syncDir(filepath.Dir(path))
}

// logName is what a log adds to the name of its database.
const logName = "-wal"

// promiseKeeper keeps a promise and the beginning of the next log apart. It is part of logSums.
type promiseKeeper struct {
	mu    sync.Mutex
	salts [8]byte // of the log in use
}

// begin notes that a log with these salts begins, when its header is about to be written: whatever the one before it
// promised is in the database.
func (k *promiseKeeper) begin(name string, salts [8]byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.salts = salts
	return revokePromise(strings.TrimSuffix(name, logName))
}

// found notes the salts of a log that is there.
func (k *promiseKeeper) found(salts [8]byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.salts = salts
}

// end notes that the log is about to be emptied.
func (k *promiseKeeper) end(name string) error { return k.begin(name, [8]byte{}) }

// keep makes p the promise unless its log has ended meanwhile.
func (k *promiseKeeper) keep(name string, p promise) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.salts != p.salts {
		return nil
	}
	return p.write(strings.TrimSuffix(name, logName))
}

// revoke promises nothing: the database has the whole log.
func (k *promiseKeeper) revoke(name string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return revokePromise(strings.TrimSuffix(name, logName))
}

// now is the salts of the log in use; zero: they are not known.
func (k *promiseKeeper) now() [8]byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.salts
}

// within calls fn unless another log than that with these salts has begun; none begins meanwhile.
func (k *promiseKeeper) within(salts [8]byte, fn func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.salts == salts || salts == [8]byte{} {
		fn()
	}
}

// promiseTime is the least time between two promises of a busy store.
const promiseTime = time.Second

// vow promises what was acknowledged of the log, and is not in the database; of that a part will be there soon, or not.
// Failing, it promises less.
func (s *Store) vow(copies bool) {
	acked, log := s.acked.Load(), s.copierLog()
	if acked == nil || log == nil || acked.length <= walHeader+log.sums().copied.Load() {
		return
	}
	s.vowed = time.Now()
	p := *acked
	if copies {
		s.copies = p.salts
	}
	p.copied = s.copies == p.salts
	keeper, name := log.keeper()
	s.tellVow(keeper.keep(name, p))
}

// revoke promises nothing: the database has the whole log.
func (s *Store) revoke() {
	if log := s.checkpointer.openLog(); log != nil {
		keeper, name := log.keeper()
		s.tellVow(keeper.revoke(name))
	}
}

// tellVow logs that a promise was not made or not taken back.
func (s *Store) tellVow(err error) {
	if err != nil {
		s.opts.log().Debug("how far the log of the metadata store goes was not noted", "error", err)
	}
}
