// Package sqlmeta is the metadata store's SQL, written once for every database: the row operations of
// core.MetaTx over a Conn. Opening, transactions and commits belong to the packages of the databases.
package sqlmeta

import (
	"context"

	"trivium/core"
)

// Conn runs statements inside one transaction of one database. Parameters are written ?1, ?2...; a database
// that wants another form rewrites the text when it prepares it. Texts are constants: a Conn may keep
// prepared statements by text. Errors are *core.Error: Exists for a unique index, NoSpace, Corrupt, Internal.
type Conn interface {
	// Exec runs a writing statement and returns how many rows it changed.
	Exec(ctx context.Context, text string, args ...any) (int64, error)
	// Announce tells that the next statement writes about so many rows. A Conn that shares its transaction with
	// others refuses when that is too many; the transaction is then run again, alone.
	Announce(rows int64) error
	// Query runs a reading statement, or an update of one row that answers it. The caller closes the Rows before it runs
	// the same text again.
	Query(ctx context.Context, text string, args ...any) (Rows, error)
}

// Rows is the answer of a Query, read forward. Columns count from 0; a NULL reads as zero. What Text and Bytes
// return belongs to the caller.
type Rows interface {
	// Next steps to the next row; false at the end and on an error.
	Next() bool
	Int(col int) int64
	Float(col int) float64
	Text(col int) string // of a TEXT or BLOB column
	Bytes(col int) []byte
	IsNull(col int) bool
	// Close ends the query and returns its error, if it had one. It may be called again.
	Close() error
}

// Blob is an argument whose bytes are bound as a BLOB: keys, which order bytewise.
type Blob string

// Dialect is what differs between databases.
type Dialect struct {
	// MoveLive and MoveHidden rename the keys of a range, for concatenation of bytes differs. Parameters: 1 target
	// bucket, 2 target prefix, 3 position (from 1) behind the source prefix, 4 source bucket, 5 and 6 the range.
	MoveLive, MoveHidden string
}

// Tx implements core.MetaTx over a Conn. It is used by one goroutine at a time.
type Tx struct {
	conn    Conn
	dialect *Dialect
	deltas  *Deltas // nil: the transaction only reads
}

var _ core.MetaTx = (*Tx)(nil)

// New makes a transaction's methods over conn. deltas collects its changes of usage until the caller writes
// them; a transaction without deltas only reads.
func New(conn Conn, d *Dialect, deltas *Deltas) *Tx {
	return &Tx{conn: conn, dialect: d, deltas: deltas}
}

// exec runs a statement whose count of changed rows does not matter.
func (t *Tx) exec(ctx context.Context, text string, args ...any) error {
	_, err := t.conn.Exec(ctx, text, args...)
	return err
}

// queryRows runs a query and makes a value of every row.
func queryRows[T any](ctx context.Context, c Conn, scan func(Rows) (T, error), text string, args ...any) ([]T, error) {
	rows, err := c.Query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, closeWith(rows, err)
		}
		all = append(all, v)
	}
	if err := rows.Close(); err != nil {
		return nil, err
	}
	return all, nil
}

// queryRow runs a query of at most one row.
func queryRow[T any](ctx context.Context, c Conn, scan func(Rows) (T, error), text string, args ...any) (v T, found bool, err error) {
	rows, err := c.Query(ctx, text, args...)
	if err != nil {
		return v, false, err
	}
	if rows.Next() {
		found = true
		if v, err = scan(rows); err != nil {
			return v, false, closeWith(rows, err)
		}
	}
	return v, found, rows.Close()
}

// closeWith closes rows after err ended their reading; err is what matters.
func closeWith(rows Rows, err error) error {
	if cerr := rows.Close(); cerr != nil {
		return cerr
	}
	return err
}
