package sqlite

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// syncData makes what was written to a file durable.
func syncData(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if errno, _ := errors.AsType[unix.Errno](err); errno != unix.EINTR {
			return err
		}
	}
}

// syncLog is xSync of the WAL. SQLite's own, as it is built here, calls fsync, which writes the time of the file's last
// change as well, in a commit of the file system's journal; a WAL that started over has nothing else to write there.
func syncLog(tls *libc.TLS, file uintptr, flags int32) int32 {
	f := (*sqlite3.TunixFile)(pointer(file))
	if f.FctrlFlags&sqlite3.UNIXFILE_DIRSYNC != 0 { // once: the directory is to be synced too
		return function[func(*libc.TLS, uintptr, int32) int32](wrapOf(file).baseMethods().FxSync)(tls, file, flags)
	}
	for {
		err := unix.Fdatasync(int(f.Fh))
		if err == nil {
			return sqlite3.SQLITE_OK
		}
		if errno, _ := errors.AsType[unix.Errno](err); errno != unix.EINTR {
			// As SQLite's own does: a full disk must be told from a broken one.
			*errnoOf(tls), f.FlastErrno = int32(errno), int32(errno)
			return sqlite3.SQLITE_IOERR_FSYNC
		}
	}
}
