package sqlite

import (
	"context"
	"errors"
	"fmt"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"

	"trivium/core/meta/sqlmeta"
)

// conn is one connection to SQLite through the driver's own library, without database/sql: see
// docs/decisions/group-commit.md for what that saves. It is used by one goroutine at a time and opened without
// SQLite's mutexes.
type conn struct {
	tls   *libc.TLS
	db    uintptr
	path  string // of the database
	stmts map[string]*stmt
	// broken is the first error after which SQLite may have ended the transaction by itself.
	broken error
	// wal is the log, once it is open.
	wal *wrap
	// committed is where noteCommit notes the end of a commit, an *int64 outside Go's heap.
	committed uintptr
	// refuse, if not nil, is asked before rows are written; its error is returned instead.
	refuse func(more int64) error
	// rows and bytes count what was written since the caller last set them to 0.
	rows, bytes int64
}

var _ sqlmeta.Conn = (*conn)(nil)

// openConn opens path, which is a plain name, not a URI, through the VFS of ours.
func openConn(path string, flags int32) (*conn, error) {
	vfs, err := VFS()
	if err != nil {
		return nil, err
	}
	c := &conn{tls: libc.NewTLS(), path: path, stmts: make(map[string]*stmt)}
	name, err := libc.CString(path)
	if err != nil {
		return nil, err
	}
	defer libc.Xfree(c.tls, name)
	through, err := libc.CString(vfs)
	if err != nil {
		return nil, err
	}
	defer libc.Xfree(c.tls, through)
	out, err := c.malloc(int(unsafe.Sizeof(c.db)))
	if err != nil {
		return nil, err
	}
	defer libc.Xfree(c.tls, out)
	rc := sqlite3.Xsqlite3_open_v2(c.tls, name, out, flags|sqlite3.SQLITE_OPEN_NOMUTEX, through)
	c.db = *(*uintptr)(pointer(out))
	if rc != sqlite3.SQLITE_OK {
		err := c.fail(rc)
		return nil, errors.Join(err, c.Close())
	}
	sqlite3.Xsqlite3_extended_result_codes(c.tls, c.db, 1)
	// The query planner stability guarantee: without it a prepared statement is compiled again whenever a number bound
	// to it becomes 0 or 1 or ceases to be, 60 µs instead of 3 for a seek.
	if err := c.turnOn(sqlite3.SQLITE_DBCONFIG_ENABLE_QPSG); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// turnOn turns a setting of the connection on, one of SQLITE_DBCONFIG_.
func (c *conn) turnOn(setting int32) error {
	const argument = 8 // bytes of each in a list of arguments
	list, err := c.malloc(2 * argument)
	if err != nil {
		return err
	}
	defer libc.Xfree(c.tls, list)
	args := libc.VaList(list, int32(1), uintptr(0))
	if rc := sqlite3.Xsqlite3_db_config(c.tls, c.db, setting, args); rc != sqlite3.SQLITE_OK {
		return c.fail(rc)
	}
	return nil
}

// control asks the library about the file of the database, or changes how it is kept; v is the argument of op and
// the result its answer.
func control[T int32 | uintptr](c *conn, op int32, v T) (T, error) {
	out, err := c.malloc(int(unsafe.Sizeof(v)))
	if err != nil {
		return 0, err
	}
	defer libc.Xfree(c.tls, out)
	*(*T)(pointer(out)) = v
	if rc := sqlite3.Xsqlite3_file_control(c.tls, c.db, 0, op, out); rc != sqlite3.SQLITE_OK {
		return 0, codeError(rc, fmt.Sprintf("file control %d", op))
	}
	return *(*T)(pointer(out)), nil
}

// Close finalizes the statements and closes the connection.
func (c *conn) Close() error {
	if c.tls == nil {
		return nil
	}
	for _, s := range c.stmts {
		s.finalize()
	}
	var err error
	if c.db != 0 {
		if rc := sqlite3.Xsqlite3_close_v2(c.tls, c.db); rc != sqlite3.SQLITE_OK {
			err = c.fail(rc)
		}
	}
	libc.Xfree(c.tls, c.committed)
	c.tls.Close()
	c.tls, c.db, c.stmts, c.wal, c.committed = nil, 0, nil, nil, 0
	return err
}

// Exec runs one statement and returns how many rows it changed.
func (c *conn) Exec(_ context.Context, text string, args ...any) (int64, error) {
	if err := c.Announce(1); err != nil {
		return 0, err
	}
	s, err := c.start(text, args)
	if err != nil {
		return 0, err
	}
	for s.Next() {
		continue
	}
	if err := s.Close(); err != nil {
		return 0, err
	}
	n := sqlite3.Xsqlite3_changes64(c.tls, c.db)
	c.rows += n
	c.bytes += int64(s.used) + 64
	return n, nil
}

// Announce asks whether so many rows may be written now.
func (c *conn) Announce(rows int64) error {
	if c.refuse == nil {
		return nil
	}
	return c.refuse(rows)
}

// Query runs one statement that answers rows. One that writes counts as one row.
func (c *conn) Query(_ context.Context, text string, args ...any) (sqlmeta.Rows, error) {
	s, err := c.start(text, args)
	if err != nil {
		return nil, err
	}
	if s.writes {
		if err := c.Announce(1); err != nil {
			return nil, errors.Join(err, s.Close())
		}
		c.rows++
		c.bytes += int64(s.used) + 64
	}
	return s, nil
}

// start prepares text, or takes it from the cache, and binds args.
func (c *conn) start(text string, args []any) (*stmt, error) {
	s := c.stmts[text]
	if s == nil {
		var err error
		if s, err = c.prepare(text); err != nil {
			return nil, err
		}
		c.stmts[text] = s
	}
	if s.open {
		return nil, fmt.Errorf("statement %q is still being read", text)
	}
	return s, s.bind(args)
}

// prepare compiles one statement for good.
func (c *conn) prepare(text string) (*stmt, error) {
	sql, err := libc.CString(text)
	if err != nil {
		return nil, err
	}
	defer libc.Xfree(c.tls, sql)
	out, err := c.malloc(int(unsafe.Sizeof(c.db)))
	if err != nil {
		return nil, err
	}
	defer libc.Xfree(c.tls, out)
	rc := sqlite3.Xsqlite3_prepare_v3(c.tls, c.db, sql, -1, sqlite3.SQLITE_PREPARE_PERSISTENT, out, 0)
	if rc != sqlite3.SQLITE_OK {
		return nil, fmt.Errorf("prepare %q: %w", text, c.fail(rc))
	}
	s := &stmt{conn: c, handle: *(*uintptr)(pointer(out))}
	s.writes = sqlite3.Xsqlite3_stmt_readonly(c.tls, s.handle) == 0
	return s, nil
}

// run executes a statement that is used once or rarely.
func (c *conn) run(text string) error {
	s, err := c.prepare(text)
	if err != nil {
		return err
	}
	for s.Next() {
		continue
	}
	err = s.Close()
	s.finalize()
	return err
}

// pragma returns the first column of the first row that text answers.
func (c *conn) pragma(text string) (string, error) {
	s, err := c.prepare(text)
	if err != nil {
		return "", err
	}
	defer s.finalize()
	var v string
	if s.Next() {
		v = s.Text(0)
	}
	return v, s.Close()
}

// autocommit tells whether no transaction is open.
func (c *conn) autocommit() bool { return sqlite3.Xsqlite3_get_autocommit(c.tls, c.db) != 0 }

// malloc returns n bytes outside Go's heap.
func (c *conn) malloc(n int) (uintptr, error) {
	p := libc.Xmalloc(c.tls, libc.Tsize_t(n))
	if p == 0 {
		return 0, fmt.Errorf("sqlite: no memory for %d bytes", n)
	}
	return p, nil
}

// pointer turns an address that the library gave into a pointer. The memory is not Go's, so the collector
// neither moves nor frees it.
func pointer(p uintptr) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&p)) //nolint:gosec // the library speaks in addresses
}

// memory is n bytes at p, outside Go's heap.
func memory(p uintptr, n int) []byte {
	return unsafe.Slice((*byte)(pointer(p)), n) //nolint:gosec // the library speaks in addresses
}
