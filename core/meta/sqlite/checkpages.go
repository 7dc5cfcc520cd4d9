package sqlite

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"

	"trivium/core"

	sqlite3 "modernc.org/sqlite/lib"
)

// checkBatch is how many pages CheckPages reads while the checkpointer rests.
const checkBatch = 64

// maxDamaged is how many damaged pages CheckPages names.
const maxDamaged = 100

// PageReport is what CheckPages found.
type PageReport struct {
	Pages   int64   // that were read
	Damaged []int64 // numbers of pages that do not match their checksums; the first 100
}

// CheckPages reads every page of the database's file and compares it with its checksum, beside everybody's work. Pages
// that are free are left out: nobody reads them. What is in the log alone is not looked at. It does not end the store:
// that is for who needs a damaged page. The error is ctx's, or that of a store that is closed or ended.
func (s *Store) CheckPages(ctx context.Context) (PageReport, error) {
	var rep PageReport
	for next := int64(1); ; {
		var last bool
		err := s.withFile(ctx, func(f *pageFile) error {
			count, err := f.count()
			if err != nil {
				return err
			}
			end := min(next+checkBatch, count+1)
			for ; next < end; next++ {
				rep.Pages++
				if !f.sound(next) && len(rep.Damaged) < maxDamaged {
					rep.Damaged = append(rep.Damaged, next)
				}
			}
			last = next > count
			return nil
		})
		if err != nil || last {
			return rep, s.dropFree(ctx, &rep, err)
		}
	}
}

// dropFree takes pages out of the report that are free, or were written anew meanwhile.
func (s *Store) dropFree(ctx context.Context, rep *PageReport, err error) error {
	if err != nil || len(rep.Damaged) == 0 {
		return err
	}
	return s.withFile(ctx, func(f *pageFile) error {
		free := f.free(rep.Damaged)
		rep.Damaged = slices.DeleteFunc(rep.Damaged, func(n int64) bool { return free[n] || f.sound(n) })
		return nil
	})
}

// withFile runs fn on the database's file while nobody writes to it.
func (s *Store) withFile(ctx context.Context, fn func(f *pageFile) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	c, err := s.readers.take(ctx)
	if err != nil {
		return err
	}
	defer s.readers.put(c)
	file, err := control(c, sqlite3.SQLITE_FCNTL_FILE_POINTER, uintptr(0))
	if err != nil {
		return err
	}
	buf := c.tls.Alloc(pageSize)
	defer c.tls.Free(pageSize)
	s.copying.Lock()
	defer s.copying.Unlock()
	f := &pageFile{c: c, file: file, buf: buf}
	defer func() { wrapOf(file).damaged = 0 }() // what was found here is not what a statement met
	return fn(f)
}

// pageFile reads pages of the database's file by a connection that nobody else uses.
type pageFile struct {
	c         *conn
	file, buf uintptr
}

// sound tells whether a page can be read and matches its checksum. It is in the buffer then.
func (f *pageFile) sound(number int64) bool {
	return readPages(f.c.tls, f.file, f.buf, pageSize, (number-1)*pageSize) == sqlite3.SQLITE_OK
}

// count is how many pages the database has. Without a first page there is one, a damaged one.
func (f *pageFile) count() (int64, error) {
	if !f.sound(1) {
		return 1, nil
	}
	n := int64(binary.BigEndian.Uint32(memory(f.buf, pageSize)[28:]))
	if n == 0 {
		return 0, core.Errorf(core.Corrupt, "", "the metadata store says that it has no pages")
	}
	return n, nil
}

// free tells which of some pages are on SQLite's list of free ones ("The Freelist" of its file format). A damaged link
// ends the list.
func (f *pageFile) free(some []int64) map[int64]bool {
	found := make(map[int64]bool)
	if !f.sound(1) {
		return found
	}
	seen := make(map[int64]bool)
	list := int64(binary.BigEndian.Uint32(memory(f.buf, pageSize)[32:]))
	for list != 0 && !seen[list] && f.sound(list) {
		seen[list] = true
		page := bytes.Clone(memory(f.buf, pageSize))
		n := min(int64(binary.BigEndian.Uint32(page[4:])), (pageSize-sumSize-8)/4)
		for i := range n {
			if leaf := int64(binary.BigEndian.Uint32(page[8+4*i:])); slices.Contains(some, leaf) {
				found[leaf] = true
			}
		}
		list = int64(binary.BigEndian.Uint32(page))
	}
	return found
}
