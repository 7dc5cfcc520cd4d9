package sqlite

import (
	"sync/atomic"
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
	sums uintptr // *frameSums, outside Go's heap
	refs int
}

// frameSums has the CRC64NVME of each page in a WAL; 0: it is not known.
type frameSums struct {
	sums [maxFrames]atomic.Uint64
	// used is where the frame ends that was written last, copied up to where a checkpoint has copied, both in bytes and
	// 0 when the WAL starts over.
	used, copied atomic.Int64
}

// shareSums returns the checksums of the WAL of that name; 0 when there is no memory. releaseSums gives them back.
func (v *vfs) shareSums(tls *libc.TLS, name string) uintptr {
	v.mu.Lock()
	defer v.mu.Unlock()
	log := v.logs[name]
	if log == nil {
		log = &logSums{sums: libc.Xcalloc(tls, 1, libc.Tsize_t(unsafe.Sizeof(frameSums{})))}
		if log.sums == 0 {
			return 0
		}
		v.logs[name] = log
	}
	log.refs++
	return log.sums
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

// sum is the checksum of a frame; nil when it is not kept.
func (w *wrap) sum(frame int64) *atomic.Uint64 {
	if frame < 0 || frame >= maxFrames {
		return nil
	}
	return &w.log().sums[frame]
}

// log is what is kept of a WAL.
func (w *wrap) log() *frameSums { return (*frameSums)(pointer(w.sums)) }

// log is what is kept of the WAL of c; nil when it has not opened it.
func (c *conn) log() *frameSums {
	file, err := control(c, sqlite3.SQLITE_FCNTL_JOURNAL_POINTER, uintptr(0))
	if err != nil || file == 0 || (*sqlite3.Tsqlite3_file)(pointer(file)).FpMethods == 0 {
		return nil
	}
	if w := wrapOf(file); w.methods.FxRead == address(readLog) {
		return w.log()
	}
	return nil
}

// uncopied is how many bytes of the WAL were written since it was last copied.
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
	for frame := (offset - walHeader) / frameSize; walHeader+frame*frameSize+frameHeader < offset+int64(n); frame++ {
		if known := w.sum(frame); known != nil {
			known.Store(0)
		}
	}
	rc := w.write()(tls, file, buf, n, offset)
	if rc == sqlite3.SQLITE_OK {
		w.log().wrote(offset)
	}
	if frame, start, ok := logPage(n, offset); ok && rc == sqlite3.SQLITE_OK {
		if known := w.sum(frame); known != nil {
			known.Store(crc64nvme.Checksum(memory(buf, int(n))[start:]))
		}
	}
	return rc
}

// wrote notes a write at offset.
func (f *frameSums) wrote(offset int64) {
	if offset < walHeader {
		f.used.Store(0)
		f.copied.Store(0)
		return
	}
	f.used.Store(walHeader + ((offset-walHeader)/frameSize+1)*frameSize)
}

// truncateLog is xTruncate of the WAL.
func truncateLog(tls *libc.TLS, file uintptr, size int64) int32 {
	w := wrapOf(file)
	for frame := max(0, size-walHeader) / frameSize; frame < maxFrames; frame++ {
		w.sum(frame).Store(0)
	}
	if size == 0 {
		w.log().wrote(0)
	}
	return function[func(*libc.TLS, uintptr, int64) int32](w.baseMethods().FxTruncate)(tls, file, size)
}
