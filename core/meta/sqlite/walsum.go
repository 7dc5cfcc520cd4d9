package sqlite

import (
	"encoding/binary"
	"errors"
	"strings"
	"sync/atomic"
	"syscall"
	"unsafe"

	"github.com/minio/crc64nvme"
	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// The checksums in the WAL are compared when it is recovered, and never again: what a running store reads from it,
// and copies into the database, would be whatever the disk makes of it. So the checksums of its pages are kept in
// memory, from when they are written or recovered.

const (
	frameSize = frameHeader + pageSize
	// maxFrames is of how many frames the checksums are kept: twice those of a WAL at walBlock. What lies beyond is
	// read unverified.
	maxFrames = 1 << 16
)

// logSums are the checksums of a WAL that connections of this process have open.
type logSums struct {
	promiseKeeper
	sums uintptr // *frameSums, outside Go's heap
	refs int
}

// frameSums has the CRC64NVME of each page in a WAL; 0: it is not known.
type frameSums struct {
	sums [maxFrames]atomic.Uint64
	// used is where the last commit of the store's writer ends, copied up to where a checkpoint has copied, both in bytes
	// and 0 when the WAL starts over. Frames of a transaction that has not ended, has failed or was rolled back do not count.
	used, copied atomic.Int64
	// salts are those of its header.
	salts atomic.Uint64
}

// shareSums returns the checksums of the WAL of that name; nil when there is no memory. releaseSums gives them back.
func (v *vfs) shareSums(tls *libc.TLS, name string) *logSums {
	v.mu.Lock()
	defer v.mu.Unlock()
	log := v.logs[name]
	if log == nil {
		log = &logSums{sums: libc.Xcalloc(tls, 1, libc.Tsize_t(unsafe.Sizeof(frameSums{})))}
		if log.sums == 0 {
			return nil
		}
		v.logs[name] = log
	}
	log.refs++
	return log
}

// releaseSums gives back what shareSums returned.
func (v *vfs) releaseSums(tls *libc.TLS, name string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	log := v.logs[name]
	if log.refs--; log.refs == 0 {
		libc.Xfree(tls, log.sums)
		delete(v.logs, name)
	}
}

// closeLog is xClose of a WAL.
func (v *vfs) closeLog(tls *libc.TLS, file uintptr) int32 {
	w := wrapOf(file)
	name := libc.GoString(w.name)
	rc := function[func(*libc.TLS, uintptr) int32](w.baseMethods().FxClose)(tls, file)
	v.releaseSums(tls, name)
	return rc
}

// deleteLog is xDelete: a log is removed when the database has all of it, so nothing is promised any more.
func (v *vfs) deleteLog(tls *libc.TLS, self, name uintptr, syncDir int32) int32 {
	if file := libc.GoString(name); strings.HasSuffix(file, logName) {
		if err := revokePromise(strings.TrimSuffix(file, logName)); err != nil {
			setErrno(tls, err)
			return sqlite3.SQLITE_IOERR_DELETE
		}
	}
	base := (*sqlite3.Tsqlite3_vfs)(pointer(v.base))
	return function[func(*libc.TLS, uintptr, uintptr, int32) int32](base.FxDelete)(tls, self, name, syncDir)
}

// sum is the checksum of a frame; nil when it is not kept.
func (w *wrap) sum(frame int64) *atomic.Uint64 {
	if frame < 0 || frame >= maxFrames {
		return nil
	}
	return &w.sums().sums[frame]
}

// sums is what is kept of a WAL.
func (w *wrap) sums() *frameSums { return (*frameSums)(pointer(w.frames)) }

// keeper is what is kept of the promise of a WAL, and its name.
func (w *wrap) keeper() (*promiseKeeper, string) {
	return &(*logSums)(pointer(w.kept)).promiseKeeper, libc.GoString(w.name)
}

// log is what is kept of the WAL of c; nil when it has not opened it.
func (c *conn) log() *frameSums {
	if w := c.openLog(); w != nil {
		return w.sums()
	}
	return nil
}

// openLog is the WAL that c has open; nil when it has not opened it. A connection has it open until it is closed.
func (c *conn) openLog() *wrap {
	if c.wal == nil {
		c.wal = c.findLog()
	}
	return c.wal
}

// findLog is the log of c as SQLite knows it.
func (c *conn) findLog() *wrap {
	file, err := control(c, sqlite3.SQLITE_FCNTL_JOURNAL_POINTER, uintptr(0))
	if err != nil || file == 0 || (*sqlite3.Tsqlite3_file)(pointer(file)).FpMethods == 0 {
		return nil
	}
	if w := wrapOf(file); w.methods.FxRead == address(readLog) {
		return w
	}
	return nil
}

// noteCopied notes up to where a checkpoint has copied the log that had these salts when it began. Another one may have
// begun since, of which it tells nothing.
func (w *wrap) noteCopied(salts [8]byte, copied int64) {
	keeper, _ := w.keeper()
	keeper.within(salts, func() { w.sums().copied.Store(max(0, copied)) })
}

// uncopied is how many bytes of the WAL were committed since it was last copied; walHeader or less: none.
func (f *frameSums) uncopied() int64 {
	used, copied := f.used.Load(), f.copied.Load()
	if copied > used { // it has started over meanwhile
		copied = 0
	}
	return used - copied
}

// logPage finds the page in n bytes at offset, which is all of one frame or of its page.
func logPage(n int32, offset int64) (frame int64, start int32, ok bool) {
	frame, within := (offset-walHeader)/frameSize, (offset-walHeader)%frameSize
	switch {
	case within == 0 && n == frameSize:
		return frame, frameHeader, true
	case within == frameHeader && n == pageSize:
		return frame, 0, true
	}
	return 0, 0, false
}

// readLog is xRead of the WAL. Whole frames are read by recovery, which compares the checksum beside the page: from
// then on it is known.
func readLog(tls *libc.TLS, file, buf uintptr, n int32, offset int64) int32 {
	w := wrapOf(file)
	rc := w.read()(tls, file, buf, n, offset)
	if rc == sqlite3.SQLITE_OK && offset == 0 && n >= walHeader {
		w.foundSalts(memory(buf, walHeader))
	}
	frame, start, ok := logPage(n, offset)
	if rc != sqlite3.SQLITE_OK || !ok {
		return rc
	}
	known := w.sum(frame)
	if known == nil {
		return rc
	}
	got := crc64nvme.Checksum(memory(buf, int(n))[start:])
	switch want := known.Load(); {
	case want == 0 && n == frameSize:
		known.Store(got)
	case want != 0 && want != got:
		w.damaged = frame + 1
		*errnoOf(tls) = 0
		return sqlite3.SQLITE_IOERR_DATA
	}
	return rc
}

// writeLog is xWrite of the WAL. Nobody reads a frame before it is written whole.
func writeLog(tls *libc.TLS, file, buf uintptr, n int32, offset int64) int32 {
	w := wrapOf(file)
	if offset == 0 && n == walHeader {
		if rc := w.beginLog(tls, memory(buf, walHeader)); rc != sqlite3.SQLITE_OK {
			return rc
		}
	}
	for frame := (offset - walHeader) / frameSize; walHeader+frame*frameSize+frameHeader < offset+int64(n); frame++ {
		if known := w.sum(frame); known != nil {
			known.Store(0)
		}
	}
	rc := w.write()(tls, file, buf, n, offset)
	if rc == sqlite3.SQLITE_OK && offset < walHeader {
		w.sums().startOver()
	}
	if frame, start, ok := logPage(n, offset); ok && rc == sqlite3.SQLITE_OK {
		if known := w.sum(frame); known != nil {
			known.Store(crc64nvme.Checksum(memory(buf, int(n))[start:]))
		}
	}
	return rc
}

// headerSalts are the salts in the header of a log.
func headerSalts(header []byte) [8]byte { return [8]byte(header[16:24]) }

// foundSalts notes the salts of a header that was read.
func (w *wrap) foundSalts(header []byte) {
	salts := headerSalts(header)
	w.sums().salts.Store(binary.BigEndian.Uint64(salts[:]))
	keeper, _ := w.keeper()
	keeper.found(salts)
}

// beginLog takes back what the log before promised, when the header of a new one is to be written.
func (w *wrap) beginLog(tls *libc.TLS, header []byte) int32 {
	salts := headerSalts(header)
	keeper, name := w.keeper()
	if err := keeper.begin(name, salts); err != nil {
		setErrno(tls, err)
		return sqlite3.SQLITE_IOERR_WRITE
	}
	w.sums().salts.Store(binary.BigEndian.Uint64(salts[:]))
	return sqlite3.SQLITE_OK
}

// setErrno tells the library which system call failed.
func setErrno(tls *libc.TLS, err error) {
	errno, _ := errors.AsType[syscall.Errno](err)
	*errnoOf(tls) = int32(errno)
}

// startOver notes that nothing of the WAL is in use.
func (f *frameSums) startOver() {
	f.used.Store(0)
	f.copied.Store(0)
}

// truncateLog is xTruncate of the WAL.
func truncateLog(tls *libc.TLS, file uintptr, size int64) int32 {
	w := wrapOf(file)
	if size == 0 {
		keeper, name := w.keeper()
		if err := keeper.end(name); err != nil {
			setErrno(tls, err)
			return sqlite3.SQLITE_IOERR_TRUNCATE
		}
		w.sums().salts.Store(0)
	}
	for frame := max(0, size-walHeader) / frameSize; frame < maxFrames; frame++ {
		w.sum(frame).Store(0)
	}
	if size == 0 {
		w.sums().startOver()
	}
	return function[func(*libc.TLS, uintptr, int64) int32](w.baseMethods().FxTruncate)(tls, file, size)
}
