package sqlite

import (
	"fmt"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"

	"trivium/core/meta/sqlmeta"
)

// keepBuffer is the size up to which a statement keeps the memory of its arguments between runs.
const keepBuffer = 64 << 10

// stmt is a prepared statement and, between bind and Close, its Rows.
type stmt struct {
	conn   *conn
	handle uintptr
	// buf holds the bytes of the bound strings while the statement runs.
	buf  uintptr
	size int
	used int
	open bool
	err  error
	// writes: the statement is none that only reads.
	writes bool
}

var _ sqlmeta.Rows = (*stmt)(nil)

// bind sets the arguments and opens the statement for reading.
func (s *stmt) bind(args []any) error {
	if err := s.reserve(args); err != nil {
		return err
	}
	s.used = 0
	for i, a := range args {
		if rc := s.bindOne(int32(i+1), a); rc != sqlite3.SQLITE_OK {
			return fmt.Errorf("bind argument %d (%T): %w", i+1, a, s.conn.fail(rc))
		}
	}
	s.open, s.err = true, nil
	return nil
}

// reserve makes room for the bytes of args.
func (s *stmt) reserve(args []any) error {
	n := 0
	for _, a := range args {
		switch v := a.(type) {
		case string:
			n += len(v)
		case sqlmeta.Blob:
			n += len(v)
		case []byte:
			n += len(v)
		}
	}
	if n <= s.size && s.buf != 0 {
		return nil
	}
	s.release()
	n = max(2*n, 256)
	p, err := s.conn.malloc(n)
	if err != nil {
		return err
	}
	s.buf, s.size = p, n
	return nil
}

// release frees the argument memory.
func (s *stmt) release() {
	if s.buf != 0 {
		libc.Xfree(s.conn.tls, s.buf)
	}
	s.buf, s.size = 0, 0
}

// bindOne sets one argument.
func (s *stmt) bindOne(i int32, arg any) int32 {
	tls := s.conn.tls
	switch v := arg.(type) {
	case nil:
		return sqlite3.Xsqlite3_bind_null(tls, s.handle, i)
	case int64:
		return sqlite3.Xsqlite3_bind_int64(tls, s.handle, i, v)
	case int:
		return sqlite3.Xsqlite3_bind_int64(tls, s.handle, i, int64(v))
	case bool:
		n := int64(0)
		if v {
			n = 1
		}
		return sqlite3.Xsqlite3_bind_int64(tls, s.handle, i, n)
	case float64:
		return sqlite3.Xsqlite3_bind_double(tls, s.handle, i, v)
	case string:
		p := copyIn(s, v)
		return sqlite3.Xsqlite3_bind_text(tls, s.handle, i, p, int32(len(v)), 0)
	case sqlmeta.Blob:
		p := copyIn(s, v)
		return sqlite3.Xsqlite3_bind_blob(tls, s.handle, i, p, int32(len(v)), 0)
	case []byte:
		if v == nil {
			return sqlite3.Xsqlite3_bind_null(tls, s.handle, i)
		}
		p := copyIn(s, v)
		return sqlite3.Xsqlite3_bind_blob(tls, s.handle, i, p, int32(len(v)), 0)
	default:
		return sqlite3.SQLITE_MISMATCH
	}
}

// copyIn copies v behind what the buffer holds and returns its address; reserve made the room.
func copyIn[T ~string | []byte](s *stmt, v T) uintptr {
	p := s.buf + uintptr(s.used)
	if len(v) > 0 {
		copy(memory(p, len(v)), v)
	}
	s.used += len(v)
	return p
}

// Next steps to the next row.
func (s *stmt) Next() bool {
	if s.err != nil {
		return false
	}
	switch rc := sqlite3.Xsqlite3_step(s.conn.tls, s.handle); rc {
	case sqlite3.SQLITE_ROW:
		return true
	case sqlite3.SQLITE_DONE:
		return false
	default:
		s.err = s.conn.fail(rc)
		return false
	}
}

// Int returns an INTEGER column.
func (s *stmt) Int(col int) int64 {
	return sqlite3.Xsqlite3_column_int64(s.conn.tls, s.handle, int32(col))
}

// Float returns a REAL column.
func (s *stmt) Float(col int) float64 {
	return sqlite3.Xsqlite3_column_double(s.conn.tls, s.handle, int32(col))
}

// Text returns the bytes of a TEXT or BLOB column.
func (s *stmt) Text(col int) string { return string(s.view(col)) }

// Bytes returns the bytes of a BLOB column; nil for NULL alone.
func (s *stmt) Bytes(col int) []byte {
	v := s.view(col)
	if v == nil && s.IsNull(col) {
		return nil
	}
	b := make([]byte, len(v))
	copy(b, v)
	return b
}

// view is a column's bytes, valid until the next step.
func (s *stmt) view(col int) []byte {
	p := sqlite3.Xsqlite3_column_blob(s.conn.tls, s.handle, int32(col))
	if p == 0 {
		return nil
	}
	return memory(p, int(sqlite3.Xsqlite3_column_bytes(s.conn.tls, s.handle, int32(col))))
}

// IsNull tells whether a column is NULL.
func (s *stmt) IsNull(col int) bool {
	return sqlite3.Xsqlite3_column_type(s.conn.tls, s.handle, int32(col)) == sqlite3.SQLITE_NULL
}

// Close resets the statement for its next use.
func (s *stmt) Close() error {
	if s.open {
		s.open = false
		sqlite3.Xsqlite3_reset(s.conn.tls, s.handle)
		if s.size > keepBuffer {
			s.release()
		}
	}
	return s.err
}

// finalize frees the statement.
func (s *stmt) finalize() {
	sqlite3.Xsqlite3_finalize(s.conn.tls, s.handle)
	s.release()
}
