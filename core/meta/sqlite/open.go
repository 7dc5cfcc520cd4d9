package sqlite

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"

	sqlite3 "modernc.org/sqlite/lib"

	"trivium/core"
	"trivium/core/meta/sqlmeta"
	"trivium/core/plainfile"
)

// dialect is the SQL that only SQLite speaks: || makes TEXT of BLOBs.
func dialect() *sqlmeta.Dialect {
	const move = ` SET bucket_id = ?1, key = CAST(?2 || substr(key, ?3) AS BLOB)
		WHERE bucket_id = ?4 AND key >= ?5 AND key < ?6`
	return &sqlmeta.Dialect{MoveLive: `UPDATE objects` + move, MoveHidden: `UPDATE hidden` + move}
}

// Open opens the store at o.Path, makes it if there is none, and migrates an older one after copying it. A file
// that is of a newer version, of another program or damaged is refused with a *core.Error that says what to do:
// Conflict or Corrupt. The store has no lock of its own against another process; the data directory has.
//
// A log whose acknowledged commits cannot all be read any more is damage, and so is one that belongs to another state of
// the database: Corrupt, unless o.DropDamagedLog. What is not found is the loss of whole frames at the very end of the
// log within a second of their commits, and damage of more than one byte that leaves no commit behind it but the last:
// both look like the write that a power cut interrupts.
func Open(ctx context.Context, o Options) (_ *Store, err error) {
	path, err := realPath(o.Path)
	if err != nil {
		return nil, fmt.Errorf("open metadata store: %w", err)
	}
	o.Path = path
	defer func() { err = whereFull(path, err) }()
	if err := checkPlaces(path); err != nil {
		return nil, err
	}
	s := newStore(o) // gives the ballast up if need be
	if err := checkLog(ctx, &o); err != nil {
		return nil, err
	}
	files, err := migrations()
	if err != nil {
		return nil, err
	}
	if err := prepareFile(ctx, path, files); err != nil {
		return nil, err
	}
	if err := s.connect(); err != nil {
		return nil, errors.Join(err, s.closeConns())
	}
	if err := s.ensureStamp(ctx); err != nil {
		return nil, errors.Join(err, s.closeConns())
	}
	s.start()
	return s, nil
}

// realPath is the path by which SQLite names a file: absolute, without symbolic links in its directory.
func realPath(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("directory: %w", err)
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(abs))
	if errors.Is(err, fs.ErrNotExist) {
		return abs, nil // whoever opens it says so
	}
	if err != nil {
		return "", fmt.Errorf("directory: %w", err)
	}
	return filepath.Join(dir, filepath.Base(abs)), nil
}

// checkPlaces refuses what has the name of a file of the store and is none, by name: a FIFO would hold the start for ever,
// a symbolic link have another file written, and SQLite put the log beside that.
func checkPlaces(path string) error {
	for _, suffix := range []string{
		"", "-wal", "-shm", "-journal", "-wal" + asideSuffix, promiseSuffix, promiseSuffix + asideSuffix, ballastSuffix,
		".new", ".new-journal", ".new-wal", ".new-shm",
	} {
		err := plainfile.Check(path + suffix)
		if strange, ok := errors.AsType[*plainfile.Error](err); ok {
			return core.Errorf(core.Conflict, path, "the metadata store cannot be opened: %v", strange)
		}
		if err != nil {
			return fmt.Errorf("open metadata store: %w", err)
		}
	}
	return nil
}

// connect opens the connections and checks that the file is kept as it must be.
func (s *Store) connect() (err error) {
	if s.writer, err = s.open(writeCache); err != nil {
		return err
	}
	if err := s.writer.noteCommits(); err != nil {
		return err
	}
	if s.opts.MaxPages > 0 {
		if _, err := s.writer.pragma("PRAGMA max_page_count = " + strconv.Itoa(s.opts.MaxPages)); err != nil {
			return err
		}
	}
	if s.checkpointer, err = s.open(leastCache); err != nil {
		return err
	}
	if err := s.checkpointer.run(fmt.Sprintf("PRAGMA busy_timeout = %d", checkpointWait.Milliseconds())); err != nil {
		return err
	}
	for range s.opts.readConns() {
		c, err := s.open(s.opts.readCache())
		if err != nil {
			return err
		}
		s.readers.put(c)
		if err := c.run("PRAGMA query_only = 1"); err != nil {
			return err
		}
	}
	return nil
}

// open opens one connection with the pragmas of all.
func (s *Store) open(cacheKiB int) (*conn, error) {
	c, err := openConn(s.opts.Path, sqlite3.SQLITE_OPEN_READWRITE)
	if err != nil {
		return nil, err
	}
	for _, text := range []string{
		fmt.Sprintf("PRAGMA busy_timeout = %d", busyTimeout.Milliseconds()),
		"PRAGMA journal_mode = WAL", // which the copies of before migrations are not in
		"PRAGMA synchronous = FULL",
		"PRAGMA foreign_keys = 0",
		"PRAGMA wal_autocheckpoint = 0", // the checkpointer does it, beside the writer
		fmt.Sprintf("PRAGMA cache_size = -%d", cacheKiB),
	} {
		if err := c.run(text); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	if err := c.check(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	c.openLog() // which is found once, before others look
	return c, nil
}

// check reads back what durability depends on: SQLite ignores a pragma it cannot obey.
func (c *conn) check() error {
	for _, want := range [][2]string{
		{"journal_mode", "wal"},
		{"synchronous", "2"},
		{"page_size", strconv.Itoa(pageSize)},
	} {
		got, err := c.pragma("PRAGMA " + want[0])
		if err != nil {
			return err
		}
		if got != want[1] {
			return wrongPragma(want[0], got, want[1])
		}
	}
	return nil
}

// wrongPragma refuses a file or a file system that does not keep data as it must be kept.
func wrongPragma(name, got, want string) error {
	return core.Errorf(core.Conflict, "", "the metadata store has %s %s, not %s: its file system, or the program that "+
		"wrote it last, does not allow safe writes; move it to a local disk or restore a copy", name, got, want)
}

// ensureStamp gives a new store its identity and refuses a format that this program does not know.
func (s *Store) ensureStamp(ctx context.Context) error {
	tx := sqlmeta.New(s.writer, s.dialect, &s.deltas)
	n, err := s.writer.pragma("SELECT count(*) FROM meta")
	if err != nil {
		return err
	}
	if n == "0" {
		stamp := core.Stamp{Format: Format, Epoch: 1}
		if _, err := rand.Read(stamp.StoreID[:]); err != nil {
			return fmt.Errorf("make a store id: %w", err)
		}
		return tx.SetStamp(ctx, stamp)
	}
	stamp, err := tx.Stamp(ctx)
	if err == nil && stamp.Format > Format {
		err = newer(s.opts.Path, stamp.Format, Format)
	}
	return err
}
