package sqlite

import (
	"errors"
	"fmt"
	"syscall"

	"modernc.org/libc"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"trivium/core"
)

// restore is what to do about damage.
const restore = "stop the server and restore the data directory from a copy of yours"

// fail makes the error of a result code and remembers it when SQLite may have ended the transaction.
func (c *conn) fail(rc int32) error {
	msg := libc.GoString(sqlite3.Xsqlite3_errmsg(c.tls, c.db))
	if rc&0xff == sqlite3.SQLITE_IOERR && rc != sqlite3.SQLITE_IOERR_DATA && noRoom(sqlite3.Xsqlite3_system_errno(c.tls, c.db)) ||
		inIndex(rc) && nearlyFull(c.path) {
		rc = sqlite3.SQLITE_FULL // SQLite says so for ENOSPC in writes alone: not for its index, nor for a quota
	}
	err := codeError(rc, msg)
	if rc == sqlite3.SQLITE_IOERR_DATA {
		err.Msg = "the metadata store is damaged" + c.damage() + ": " + restore
	}
	if endsBatch(rc) && c.broken == nil {
		c.broken = err
	}
	return err
}

// noRoom tells whether a system call failed for want of room.
func noRoom(errno int32) bool {
	return syscall.Errno(errno) == syscall.ENOSPC || syscall.Errno(errno) == syscall.EDQUOT
}

// inIndex tells whether SQLite failed at the index of the log, which is mapped: a page that finds no room when it is
// written to leaves no number of an error.
func inIndex(rc int32) bool {
	return rc == sqlite3.SQLITE_IOERR_IN_PAGE || rc == sqlite3.SQLITE_IOERR_SHMSIZE || rc == sqlite3.SQLITE_IOERR_SHMMAP
}

// nearlyFull tells whether the disk of a file has less room than a start takes.
func nearlyFull(name string) bool {
	const start = 1 << 20
	free, err := freeSpace(name)
	return err == nil && free < start
}

// whereFull adds the path to the error of a start that found no room. Requests are not told where the store lies.
func whereFull(path string, err error) error {
	if e, ok := errors.AsType[*core.Error](err); ok && e.Code == core.NoSpace && e.Path == "" {
		return &core.Error{Code: e.Code, Path: path, Msg: e.Msg, Err: e.Err}
	}
	return err
}

// migrationError is the error of a migration, in core's words where the disk was full.
func migrationError(path string, err error) error {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	rc := int32(e.Code())
	if rc&0xff != sqlite3.SQLITE_FULL && (rc&0xff != sqlite3.SQLITE_IOERR || !nearlyFull(path)) {
		return err
	}
	return codeError(sqlite3.SQLITE_FULL, err.Error())
}

// endsBatch tells whether SQLite rolls back the whole transaction, or may have, when a statement ends with rc.
func endsBatch(rc int32) bool {
	switch rc & 0xff {
	case sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT,
		sqlite3.SQLITE_FULL, sqlite3.SQLITE_NOTADB:
		return true
	}
	return false
}

// codeError says in core's words what a result code means.
func codeError(rc int32, msg string) *core.Error {
	e := &core.Error{Err: fmt.Errorf("sqlite: %s (%d)", msg, rc)}
	if rc == sqlite3.SQLITE_IOERR_DATA {
		rc = sqlite3.SQLITE_CORRUPT
	}
	switch rc & 0xff {
	case sqlite3.SQLITE_FULL:
		e.Code, e.Msg = core.NoSpace, "no room left for metadata: free space on the disk of the data directory"
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		e.Code, e.Msg = core.Corrupt, "the metadata store is damaged: "+restore
	case sqlite3.SQLITE_CONSTRAINT:
		e.Code, e.Msg = constraint(rc)
	default:
		e.Code, e.Msg = core.Internal, "the metadata store failed"
	}
	return e
}

// constraint tells a taken name from a broken rule.
func constraint(rc int32) (core.Code, string) {
	switch rc {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return core.Exists, "there is one already"
	}
	return core.Internal, "a rule of the metadata store was broken"
}
