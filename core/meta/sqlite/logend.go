package sqlite

import (
	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// What was written to the log is not what was committed: a write can fail half-way, and a large transaction is written
// before it is known how it ends. So SQLite is asked where a commit ends, which it tells only when one has succeeded.

// noteCommits makes SQLite tell where the commits of c end, for commit. It comes behind PRAGMA wal_autocheckpoint, which
// uses the same hook.
func (c *conn) noteCommits() (err error) {
	if c.committed, err = c.malloc(8); err != nil { // an int64
		return err
	}
	sqlite3.Xsqlite3_wal_hook(c.tls, c.db, address(noteCommit), c.committed)
	return nil
}

// noteCommit is called by SQLite after a commit that has written to the log, which has so many frames then.
func noteCommit(_ *libc.TLS, end, _, _ uintptr, frames int32) int32 {
	*(*int64)(pointer(end)) = walHeader + int64(frames)*frameSize
	return sqlite3.SQLITE_OK
}

// commit commits the transaction of a connection with noteCommits and tells where it ends in the log, in bytes; 0: it has
// written nothing there.
func (c *conn) commit() (end int64, err error) {
	noted := (*int64)(pointer(c.committed))
	*noted = 0
	err = c.exec("COMMIT")
	return *noted, err
}
