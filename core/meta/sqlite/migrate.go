package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"trivium/core"
	"trivium/core/plainfile"
)

// Format is the number of the newest format that this program writes and reads.
const Format = 4

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrations returns the embedded migrations.
func migrations() (fs.FS, error) { return fs.Sub(migrationFiles, "migrations") }

// prepareFile makes the file at path be a store of the newest version among files: a missing one is made, an
// older one is copied and migrated, any other is refused.
func prepareFile(ctx context.Context, path string, files fs.FS) error {
	newest, err := newestVersion(files)
	if err != nil {
		return err
	}
	version, err := inspect(path)
	if err != nil || version == newest {
		return err
	}
	if version > newest {
		return newer(path, version, newest)
	}
	if version > 0 {
		err = copyBefore(ctx, path, newest)
	} else {
		err = ensureFile(path)
	}
	if err != nil {
		return err
	}
	if err := migrate(ctx, path, files, newest); err != nil {
		return fmt.Errorf("migrate %s from version %d to %d: %w", path, version, newest, migrationError(path, err))
	}
	return syncDir(filepath.Dir(path))
}

// newestVersion is the greatest version among migrations.
func newestVersion(files fs.FS) (newest int, err error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		v, err := goose.NumericComponent(name)
		if err != nil {
			return 0, fmt.Errorf("migration %s: %w", name, err)
		}
		newest = max(newest, int(v))
	}
	return newest, nil
}

// newer refuses a store that a newer program wrote.
func newer(path string, have, known int) error {
	return core.Errorf(core.Conflict, path, "the metadata store has format %d, this program knows %d: use a newer "+
		"trivium, or the copy %s.before-%d", have, known, path, have)
}

// inspect returns the version of the store at path, 0 if there is none or an empty file, and refuses files of
// others.
func inspect(path string) (version int, err error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("metadata store: %w", err)
	case info.Size() == 0:
		return 0, nil
	}
	if err := inspectHeader(path); err != nil {
		return 0, err
	}
	c, err := openConn(path, sqlite3.SQLITE_OPEN_READWRITE)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return c.inspect(path)
}

// inspect reads the marks of an open file.
func (c *conn) inspect(path string) (int, error) {
	id, err := c.number("PRAGMA application_id")
	if err != nil {
		return 0, err
	}
	version, err := c.number("PRAGMA user_version")
	if err != nil {
		return 0, err
	}
	if id == applicationID {
		size, err := c.number("PRAGMA page_size")
		if err == nil && size != pageSize && version > 0 {
			err = wrongPragma("page_size", strconv.Itoa(size), strconv.Itoa(pageSize))
		}
		return version, err
	}
	tables, err := c.number("SELECT count(*) FROM sqlite_schema")
	if err != nil || (tables == 0 && id == 0) {
		return 0, err
	}
	return 0, foreign(path)
}

// number runs a query that answers one number.
func (c *conn) number(text string) (int, error) {
	v, err := c.pragma(text)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(v)
}

// copyBefore copies the store before it is migrated, once.
func copyBefore(ctx context.Context, path string, version int) error {
	name := fmt.Sprintf("%s.before-%d", path, version)
	if err := plainfile.Check(name); err != nil {
		return err
	}
	if _, err := os.Stat(name); err == nil {
		return nil
	}
	part := name + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	c, err := openConn(path, sqlite3.SQLITE_OPEN_READWRITE)
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, "VACUUM INTO ?1", part)
	if err = errors.Join(err, c.Close()); err != nil {
		return fmt.Errorf("copy the metadata store before its migration: %w", err)
	}
	if err := syncFile(part); err != nil {
		return err
	}
	if err := os.Rename(part, name); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// migrate runs the migrations and marks the file.
func migrate(ctx context.Context, path string, files fs.FS, version int) (err error) {
	vfs, err := VFS()
	if err != nil {
		return err
	}
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: "vfs=" + vfs + "&_journal_mode=WAL&_synchronous=FULL&" +
		"_busy_timeout=5000&_txlock=immediate"}
	connector, err := sqlite.NewConnector(dsn.String())
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version))
	return err
}

// syncFile makes a written file durable.
func syncFile(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// syncDir makes the names in a directory durable: a new file's name is lost in a crash without it.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
