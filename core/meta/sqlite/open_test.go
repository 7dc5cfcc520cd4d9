package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	driver "modernc.org/sqlite"

	"trivium/core"
	"trivium/core/meta/metatest"
)

// TestFreshStore is Trivium's, has an identity that it keeps, and the pragmas of storage.md S3.
func TestFreshStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?%23", "meta.db")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	var stamps [2]core.Stamp
	for i := range stamps {
		s, err := Open(t.Context(), Options{Path: path})
		if err != nil {
			t.Fatalf("Open() = %v", err)
		}
		if s.checkpointer.wal == nil || s.writer.wal == nil {
			t.Errorf("start %d: a connection is not known to have the log open", i)
		}
		d, err := metatest.Dump(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		stamps[i] = d.Stamp
		for pragma, want := range map[string]string{
			"application_id": "1416784246", "user_version": strconv.Itoa(Format), "page_size": "8192", "journal_mode": "wal",
			"synchronous": "2", "foreign_keys": "0", "mmap_size": "0",
		} {
			if got, err := s.writer.pragma("PRAGMA " + pragma); got != want || err != nil {
				t.Errorf("%s = %q, %v, want %q", pragma, got, err, want)
			}
		}
		if err := s.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	}
	if stamps[0] != stamps[1] || stamps[0].StoreID == [16]byte{} || stamps[0].Format != Format {
		t.Errorf("the stamps are %v, want two equal ones with an id", stamps)
	}
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat of the WAL after Close = %v, want no such file", err)
	}
}

// TestLinkedDirectory: the way to a store may go over symbolic links, as a home or /var often does.
func TestLinkedDirectory(t *testing.T) {
	base := t.TempDir()
	real, link := filepath.Join(base, "real"), filepath.Join(base, "link")
	if err := errors.Join(os.MkdirAll(filepath.Join(real, "meta"), 0o700), os.Symlink(real, link)); err != nil {
		t.Fatal(err)
	}
	var ids [2][16]byte
	for i, dir := range []string{link, real} {
		s, err := Open(t.Context(), Options{Path: filepath.Join(dir, "meta", "trivium.db")})
		if err != nil {
			t.Fatalf("Open below %s = %v", dir, err)
		}
		d, err := metatest.Dump(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = d.Stamp.StoreID
		if err := s.Close(); err != nil {
			t.Errorf("Close below %s = %v", dir, err)
		}
	}
	if ids[0] != ids[1] {
		t.Errorf("the stores are %x, want one", ids)
	}
}

// TestLinkedPromise: what is promised of a log does not hang on how its name is spelled.
func TestLinkedPromise(t *testing.T) {
	base := t.TempDir()
	real, link := filepath.Join(base, "real"), filepath.Join(base, "link")
	if err := errors.Join(os.Mkdir(real, 0o700), os.Symlink(real, link)); err != nil {
		t.Fatal(err)
	}
	s := quietStoreAt(t, filepath.Join(link, "meta.db"))
	if err := s.Update(t.Context(), putInline(1, 10)); err != nil {
		t.Fatal(err)
	}
	s.afterBatch()
	for _, copied := range []bool{false, true} {
		if copied {
			s.copyLog("PASSIVE")
		} else {
			s.vow(false)
		}
		p, whole, err := readPromise(filepath.Join(real, "meta.db"))
		if err != nil || !whole || (p.length == 0) != copied {
			t.Errorf("copied %v: the promise is %+v, whole %v, %v", copied, p, whole, err)
		}
	}
}

// plainExec changes a database as a program does that knows nothing of checksums.
func plainExec(t *testing.T, path string, texts ...string) {
	t.Helper()
	execAll(t, path, texts)
}

// rawExec changes a database behind the store's back and seals what it writes.
func rawExec(t *testing.T, path string, texts ...string) {
	t.Helper()
	name, err := VFS()
	if err != nil {
		t.Fatal(err)
	}
	execAll(t, "file:"+path+"?vfs="+name, texts)
}

func execAll(t *testing.T, dsn string, texts []string) {
	t.Helper()
	c, err := driver.NewConnector(dsn)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	defer db.Close()
	for _, text := range texts {
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}

// TestRefused opens what is no store of this version: the error names it and says what to do, and the file is
// as it was.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(path string)
		code core.Code
		msg  string
	}{
		{"newer schema", func(path string) { rawExec(t, path, "PRAGMA user_version = 7") }, core.Conflict, "use a newer trivium"},
		{"newer format", func(path string) { rawExec(t, path, "UPDATE meta SET format = 8") }, core.Conflict, "use a newer trivium"},
		{"foreign mark", func(path string) { rawExec(t, path, "PRAGMA application_id = 5") }, core.Conflict, "another program"},
		{"foreign tables", func(path string) {
			_ = os.Remove(path)
			plainExec(t, path, "CREATE TABLE x (y)")
		}, core.Conflict, "another program"},
		{"no database", func(path string) {
			_ = os.WriteFile(path, []byte(strings.Repeat("this is no database ", 1000)), 0o600)
		}, core.Corrupt, "another data directory"},
		{"damaged", func(path string) {
			b, _ := os.ReadFile(path)
			for i := 100; i < pageSize; i++ {
				b[i] = 0xa5
			}
			_ = os.WriteFile(path, b, 0o600)
		}, core.Corrupt, "restore"},
		{"page size", func(path string) {
			plainExec(t, path, "PRAGMA journal_mode = DELETE", "PRAGMA page_size = 4096; VACUUM")
		}, core.Conflict, "page_size"},
		{"no checksums", func(path string) {
			_ = os.Remove(path)
			plainExec(t, path, "PRAGMA page_size = 8192", fmt.Sprintf("PRAGMA application_id = %d", applicationID))
		}, core.Conflict, "no checksums"},
		{"changed without checksums", func(path string) {
			plainExec(t, path, "PRAGMA user_version = 2")
		}, core.Corrupt, "page 1 of "},
		{"damaged header", func(path string) {
			b, _ := os.ReadFile(path)
			b[20] ^= 4
			_ = os.WriteFile(path, b, 0o600)
		}, core.Corrupt, "restore"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "meta.db")
			if err := openStore(t, Options{Path: path}).Close(); err != nil {
				t.Fatal(err)
			}
			c.make(path)
			before, _ := os.ReadFile(path)
			s, err := Open(t.Context(), Options{Path: path})
			if err == nil {
				t.Fatalf("Open() = nil, want code %d; Close() = %v", c.code, s.Close())
			}
			e, ok := errors.AsType[*core.Error](err)
			if !ok || e.Code != c.code || !strings.Contains(e.Msg, c.msg) {
				t.Errorf("Open() = %v, want code %d and %q", err, c.code, c.msg)
			}
			if after, _ := os.ReadFile(path); string(before) != string(after) {
				t.Error("the file was changed")
			}
		})
	}
}

// TestMigrate takes an older store to a newer schema, with a copy of what was.
func TestMigrate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meta.db")
	s := openStore(t, Options{Path: path})
	if err := s.Update(t.Context(), putInline(1, 10)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	next := func(text string) fstest.MapFS {
		all := fstest.MapFS{fmt.Sprintf("%05d_next.sql", Format+1): {Data: []byte("-- +goose Up\n" + text + "\n")}}
		names, err := fs.Glob(migrationFiles, "migrations/*.sql")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			data, err := migrationFiles.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all[filepath.Base(name)] = &fstest.MapFile{Data: data}
		}
		return all
	}
	files, broken := next("ALTER TABLE users ADD COLUMN extra TEXT;"), next("NONSENSE;")
	if err := prepareFile(t.Context(), path, broken); err == nil {
		t.Error("a broken migration = nil, want an error")
	}
	for range 2 {
		if err := prepareFile(t.Context(), path, files); err != nil {
			t.Fatalf("prepareFile() = %v", err)
		}
	}
	version, err := inspect(path)
	if err != nil || version != Format+1 {
		t.Errorf("inspect() = %d, %v, want %d", version, err, Format+1)
	}
	if _, err := Open(t.Context(), Options{Path: path}); core.CodeOf(err) != core.Conflict {
		t.Errorf("Open() of the newer store = %v, want Conflict", err)
	}
	old := openStore(t, Options{Path: fmt.Sprintf("%s.before-%d", path, Format+1)})
	defer old.Close()
	d, err := metatest.Dump(t.Context(), old)
	if err != nil || len(d.Inline) != 1 {
		t.Errorf("the copy has %d rows, %v, want 1", len(d.Inline), err)
	}
}

// TestUnreadable opens a path where nothing can be made.
func TestUnreadable(t *testing.T) {
	if _, err := Open(context.Background(), Options{Path: filepath.Join(t.TempDir(), "none", "meta.db")}); err == nil {
		t.Error("Open() in a missing folder = nil, want an error")
	}
}
