package sqlite

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	sqlite3 "modernc.org/sqlite/lib"

	"trivium/core"
	"trivium/core/meta/metatest"
)

// TestPageSum pins the format of checksums.
func TestPageSum(t *testing.T) {
	page := make([]byte, pageSize)
	for i := range page {
		page[i] = byte(i)
	}
	sealPage(258, page)
	if got := binary.BigEndian.Uint64(page[pageSize-sumSize:]); got != 0x1d35d6c348508037 {
		t.Errorf("the checksum is %#x, want %#x", got, uint64(0x1d35d6c348508037))
	}
	if !pageSealed(258, page) || pageSealed(259, page) {
		t.Error("a page is sealed for another number than its own")
	}
	for _, at := range []int{0, pageSize - sumSize - 1, pageSize - sumSize, pageSize - 1} {
		page[at] ^= 0x10
		if pageSealed(258, page) {
			t.Errorf("a flipped bit in byte %d is not noticed", at)
		}
		page[at] ^= 0x10
	}
}

const shelfEntries = 12

// shelf makes a store of few pages of every kind and closes it: leaves, interior pages, pages of overflow, and free
// ones. It returns its path.
func shelf(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "meta.db")
	s := openStore(t, Options{Path: path, ReadConns: 1})
	err := s.Update(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
		if err := tx.PutBucket(ctx, core.Bucket{ID: 1, Name: "bkt"}); err != nil {
			return err
		}
		for i := range int64(shelfEntries) {
			e := benchEntry(i+1, shelfKey(i+1))
			e.Version.Attrs.ContentType = strings.Repeat("x", int(i%3)*500)
			if err := errors.Join(tx.PutEntry(ctx, e), tx.PutInline(ctx, i+1, uint64(i), shelfData(i+1))); err != nil {
				return err
			}
		}
		for id := int64(1000); id < 1300; id++ {
			if err := tx.PutInline(ctx, id, 1, []byte("short")); err != nil {
				return err
			}
		}
		return tx.PutInline(ctx, 2000, 1, make([]byte, 8*pageSize))
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(t.Context(), func(ctx context.Context, tx core.MetaTx) error { return tx.DeleteInline(ctx, 2000) })
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// shelfKey is long, so that few keys fill a page.
func shelfKey(id int64) string { return fmt.Sprintf("%s/%04d", strings.Repeat("k", 700), id) }

func shelfData(id int64) []byte { return bytes.Repeat([]byte{byte(id)}, int(id)*1200) }

// damagedOr reports an error that is not Corrupt, and tells whether there was one at all.
func damagedOr(t *testing.T, what string, err error) bool {
	t.Helper()
	if err != nil && core.CodeOf(err) != core.Corrupt {
		t.Errorf("%s = %v, want Corrupt", what, err)
	}
	return err != nil
}

// use opens a store and does everything with it: each answer is that of a whole store, or Corrupt. It tells whether
// any was.
func use(t *testing.T, path string, want metatest.State) (found bool) {
	t.Helper()
	s, err := Open(t.Context(), Options{Path: path, ReadConns: 1})
	if err != nil {
		return damagedOr(t, "Open()", err)
	}
	defer func() { found = damagedOr(t, "Close()", s.Close()) || found }()
	return useOpen(t, s, want)
}

// useOpen does everything with an open store.
func useOpen(t *testing.T, s *Store, want metatest.State) (found bool) {
	t.Helper()
	whole := cmpopts.EquateEmpty()
	got, err := metatest.Dump(t.Context(), s)
	if found = damagedOr(t, "Dump()", err); !found {
		if d := cmp.Diff(want, got, whole); d != "" {
			t.Errorf("Dump() (-want +got):\n%s", d)
		}
	}
	for id := int64(1); id <= shelfEntries+1; id++ {
		f, err := s.Lookup(t.Context(), 1, shelfKey(id), true)
		switch {
		case damagedOr(t, "Lookup()", err):
			found = true
		case f.Exists != (id <= shelfEntries):
			t.Errorf("Lookup() of entry %d: there is one: %v", id, f.Exists)
		case f.Exists && (f.Entry.ObjectID != id || !bytes.Equal(f.Inline, shelfData(id))):
			t.Errorf("Lookup() of entry %d is that of %d with %d bytes", id, f.Entry.ObjectID, len(f.Inline))
		}
	}
	// New rows take the free pages; removing them again leaves what was there.
	for _, fn := range []func(ctx context.Context, tx core.MetaTx) error{
		func(ctx context.Context, tx core.MetaTx) error {
			return tx.PutInline(ctx, 3000, 1, make([]byte, 10*pageSize))
		},
		func(ctx context.Context, tx core.MetaTx) error { return tx.DeleteInline(ctx, 3000) },
	} {
		found = damagedOr(t, "Update()", s.Update(t.Context(), fn)) || found
	}
	if got, err := metatest.Dump(t.Context(), s); !damagedOr(t, "Dump()", err) {
		delete(got.Inline, 3000) // if its deletion failed
		if d := cmp.Diff(want, got, whole); d != "" {
			t.Errorf("Dump() after updates (-want +got):\n%s", d)
		}
	}
	// This alone reads the indexes that nothing above needs.
	c, err := openConn(s.opts.Path, sqlite3.SQLITE_OPEN_READWRITE)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	report, err := c.pragma("PRAGMA integrity_check")
	return damagedOr(t, "integrity_check", err) || report != "ok" || found
}

// kinds counts the pages of a file by what they are, and reports those that are not sealed.
func kinds(t *testing.T, file []byte) map[string]int {
	t.Helper()
	count := map[string]int{}
	for i := range len(file) / pageSize {
		page := file[i*pageSize : (i+1)*pageSize]
		if !pageSealed(int64(i+1), page) {
			t.Errorf("page %d of %d is not sealed", i+1, len(file)/pageSize)
		}
		switch page[0] {
		case 2, 5:
			count["interior"]++
		case 10, 13:
			count["leaf"]++
		default: // of overflow, free, or the first
			count["other"]++
		}
	}
	return count
}

// freePages are the pages of which nobody reads the content: those on the lists of free ones, without the lists.
func freePages(file []byte) map[int]bool {
	free := map[int]bool{}
	for list := binary.BigEndian.Uint32(file[32:]); list != 0; {
		page := file[(list-1)*pageSize:]
		for i := range binary.BigEndian.Uint32(page[4:]) {
			free[int(binary.BigEndian.Uint32(page[8+4*i:]))] = true
		}
		list = binary.BigEndian.Uint32(page)
	}
	return free
}

// TestDamagedPages damages each page of a store in one byte, at random places.
func TestDamagedPages(t *testing.T) {
	path := shelf(t)
	file, want := readShelf(t, path)
	count, free := kinds(t, file), freePages(file)
	if count["interior"] == 0 || count["leaf"] == 0 || len(free) < 3 {
		t.Fatalf("the pages are %v, %d of them free, want some of all kinds", count, len(free))
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for i := range len(file) / pageSize {
		at, bits := i*pageSize+random.IntN(pageSize), byte(1+random.IntN(255))
		damaged := bytes.Clone(file)
		damaged[at] ^= bits
		if found := use(t, put(t, damaged), want); t.Failed() || !found && !free[i+1] {
			t.Fatalf("byte %d of page %d is changed by %#x: damage is found: %v", at%pageSize, i+1, bits, found)
		}
	}
}

// TestDamagedHeader damages every byte of the header of the file.
func TestDamagedHeader(t *testing.T) {
	path := shelf(t)
	file, want := readShelf(t, path)
	for at := range fileHeader {
		damaged := bytes.Clone(file)
		damaged[at] ^= 1 << (at % 8)
		if !use(t, put(t, damaged), want) || t.Failed() {
			t.Errorf("byte %d of the header is damaged, and nobody says so", at)
		}
	}
}

// TestMisplacedPages puts a page in the place of another, and zeros there, at random.
func TestMisplacedPages(t *testing.T) {
	path := shelf(t)
	file, want := readShelf(t, path)
	free, seed := freePages(file), rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	for _, i := range append(random.Perm(len(file) / pageSize)[:16], 0) {
		for what, other := range map[string][]byte{
			"another page": file[random.IntN(len(file)/pageSize)*pageSize:][:pageSize],
			"zeros":        make([]byte, pageSize),
		} {
			damaged := bytes.Clone(file)
			copy(damaged[i*pageSize:], other)
			found, same := use(t, put(t, damaged), want), bytes.Equal(damaged, file)
			if t.Failed() || found && same || !found && !same && !free[i+1] {
				t.Fatalf("%s in the place of page %d: damage is found: %v; seed %d", what, i+1, found, seed)
			}
		}
	}
}

// TestDamageBeside damages and cuts the file of a running store: what does not need the pages goes on, and when the
// pages are whole again, so is the store.
func TestDamageBeside(t *testing.T) {
	path := shelf(t)
	file, want := readShelf(t, path)
	s := withoutCheckpoints(t, Options{Path: path, ReadConns: 1})
	defer func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	}()
	root := number(t, path, "SELECT rootpage FROM sqlite_schema WHERE name = 'inline_data'")
	change := func(fn func(f *os.File) error) {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err := errors.Join(err, fn(f), f.Close()); err != nil {
			t.Fatal(err)
		}
		forget(t, s)
	}
	at := int64(root-1)*pageSize + 9
	change(func(f *os.File) error {
		_, err := f.WriteAt([]byte{file[at] ^ 1}, at)
		return err
	})
	_, err := s.Lookup(t.Context(), 1, shelfKey(1), true)
	if core.CodeOf(err) != core.Corrupt || !strings.Contains(err.Error(), fmt.Sprintf("page %d of %s", root, path)) {
		t.Errorf("Lookup() of damaged content = %v, want Corrupt that names page %d", err, root)
	}
	if f, err := s.Lookup(t.Context(), 1, shelfKey(1), false); err != nil || f.Entry.ObjectID != 1 {
		t.Errorf("Lookup() without content = entry %d, %v, want 1", f.Entry.ObjectID, err)
	}
	errs := batch(t, s, putInline(5000, 10), func(ctx context.Context, tx core.MetaTx) error {
		return tx.PutBucket(ctx, core.Bucket{ID: 2, Name: "other"})
	}, func(ctx context.Context, tx core.MetaTx) error { return tx.DeleteBucket(ctx, 2) })
	if core.CodeOf(errs[0]) != core.Corrupt || errs[1] != nil || errs[2] != nil {
		t.Errorf("updates in one batch = %v, want Corrupt for that of damaged content alone", errs)
	}
	change(func(f *os.File) error {
		_, err := f.WriteAt(file[at:at+1], at)
		return err
	})
	if useOpen(t, s, want) {
		t.Error("damage is found in a file that is whole again")
	}
	// From here nothing in the WAL is needed, and nothing writes to the file.
	c, err := openConn(path, sqlite3.SQLITE_OPEN_READWRITE)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s.afterBatch()
	if done, err := c.checkpoint("RESTART"); err != nil || done.busy {
		t.Fatalf("checkpoint() = %+v, %v", done, err)
	}
	if file, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	kinds(t, file)
	change(func(f *os.File) error { return f.Truncate(int64(root-1) * pageSize) })
	if _, err := s.Lookup(t.Context(), 1, shelfKey(1), true); core.CodeOf(err) != core.Corrupt {
		t.Errorf("Lookup() of content that was cut off = %v, want Corrupt", err)
	}
	change(func(f *os.File) error {
		_, err := f.WriteAt(file, 0)
		return err
	})
	if useOpen(t, s, want) {
		t.Error("damage is found in a file that got back its end")
	}
}

// TestCutWhileMade opens a store whose making was cut off before the file had its name.
func TestCutWhileMade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meta.db")
	for _, name := range []string{path + ".new", path + ".new-journal"} {
		if err := os.WriteFile(name, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(t.Context(), Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path + ".new"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat of what was left = %v, want no such file", err)
	}
	file, _ := os.ReadFile(path)
	kinds(t, file)
}

// readShelf returns the file of a store and what the store answers.
func readShelf(t *testing.T, path string) (file []byte, want metatest.State) {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := openStore(t, Options{Path: put(t, file)})
	defer s.Close()
	if want, err = metatest.Dump(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return file, want
}

// put makes a file of a store in a folder of its own.
func put(t *testing.T, file []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "meta.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// number asks a store that nobody has open for a number.
func number(t *testing.T, path, query string) int {
	t.Helper()
	c, err := openConn(path, sqlite3.SQLITE_OPEN_READWRITE)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	n, err := c.number(query)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
