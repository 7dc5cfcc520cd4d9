package sqlite

import (
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
	sqlite3 "modernc.org/sqlite/lib"
)

// TestSyncError keeps the reason why the log could not be synced: without room there is one thing to do, with a broken
// disk another.
func TestSyncError(t *testing.T) {
	s := quietStore(t)
	if err := s.Update(t.Context(), putInline(1, 10)); err != nil {
		t.Fatal(err)
	}
	s.afterBatch()
	file, err := control(s.writer, sqlite3.SQLITE_FCNTL_JOURNAL_POINTER, uintptr(0))
	if err != nil || file == 0 {
		t.Fatalf("the log is %d, %v", file, err)
	}
	var pipe [2]int
	if err := unix.Pipe(pipe[:]); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pipe[0])
	defer unix.Close(pipe[1])
	f := (*sqlite3.TunixFile)(pointer(file))
	own := f.Fh
	f.Fh = int32(pipe[1]) // which cannot be synced
	rc := syncLog(s.writer.tls, file, sqlite3.SQLITE_SYNC_NORMAL)
	f.Fh = own
	if errno := *errnoOf(s.writer.tls); rc != sqlite3.SQLITE_IOERR_FSYNC || syscall.Errno(errno) != syscall.EINVAL ||
		syscall.Errno(f.FlastErrno) != syscall.EINVAL {
		t.Errorf("syncLog() = %d, errno %d, of the file %d, want IOERR_FSYNC and %d", rc, errno, f.FlastErrno, syscall.EINVAL)
	}
}
