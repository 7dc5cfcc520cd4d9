package sqlite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	sqlite3 "modernc.org/sqlite/lib"

	"trivium/core"
	"trivium/core/plainfile"
)

// ensureFile makes an empty database with our mark and room for checksums at path, unless one is there whose first
// migration was cut off. It is complete before it has its name.
func ensureFile(path string) error {
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		return nil
	}
	part := path + ".new"
	for _, name := range []string{part, part + "-journal", part + "-wal", part + "-shm"} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := createFile(part); err != nil {
		return fmt.Errorf("make the metadata store: %w", err)
	}
	if err := syncFile(part); err != nil {
		return err
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// createFile makes an empty database. What is set here must be so before the first page is written.
func createFile(path string) (err error) {
	c, err := openConn(path, sqlite3.SQLITE_OPEN_READWRITE|sqlite3.SQLITE_OPEN_CREATE)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := c.run(fmt.Sprintf("PRAGMA page_size = %d", pageSize)); err != nil {
		return err
	}
	if _, err := control(c, sqlite3.SQLITE_FCNTL_RESERVE_BYTES, int32(sumSize)); err != nil {
		return err
	}
	return c.run(fmt.Sprintf("PRAGMA application_id = %d", applicationID))
}

// inspectHeader refuses a file that cannot be read through our VFS, by name: where pages are of another size or have
// no room for checksums, none of them can be verified.
func inspectHeader(path string) (err error) {
	f, err := plainfile.Open(path, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	page := make([]byte, pageSize)
	n, err := io.ReadFull(f, page)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("metadata store: %w", err)
	}
	const magic = "SQLite format 3\x00"
	if n < fileHeader || string(page[:len(magic)]) != magic {
		return noStore(path)
	}
	if hasSums(page) {
		return nil
	}
	size, id := int(page[16])<<8|int(page[17])<<16, binary.BigEndian.Uint32(page[68:])
	page[16], page[17], page[20] = pageSize>>8, pageSize>>16, sumSize
	switch {
	case pageSealed(1, page): // so these bytes are what is damaged
		return noStore(path)
	case id != applicationID:
		return foreign(path)
	case size != pageSize:
		return wrongPragma("page_size", strconv.Itoa(size), strconv.Itoa(pageSize))
	}
	return core.Errorf(core.Conflict, path, "the metadata store has an unknown format, its pages carry no checksums: "+
		"restore the data directory from a copy of yours, or name another data directory")
}

// noStore refuses a file that is damaged, or was never a database.
func noStore(path string) error {
	return core.Errorf(core.Corrupt, path, "the file is damaged or no metadata store: restore the data directory from a "+
		"copy of yours, or name another data directory")
}

// foreign refuses the file of another program.
func foreign(path string) error {
	return core.Errorf(core.Conflict, path, "the file is a database of another program: name another data directory")
}
