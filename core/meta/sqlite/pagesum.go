package sqlite

import (
	"encoding/binary"
	"fmt"

	"github.com/minio/crc64nvme"
	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// Each page of the store's file ends with its checksum, in bytes that SQLite leaves alone: CRC64NVME over the number
// of the page (8 bytes, big-endian) and the page without the checksum, big-endian. A page in the WAL has whatever
// was there; see walsum.go.
const sumSize = 8

// fileHeader is the length of the header at the start of page 1.
const fileHeader = 100

// pageSum is the checksum of a page.
func pageSum(number int64, page []byte) uint64 {
	var first [8]byte
	binary.BigEndian.PutUint64(first[:], uint64(number))
	return crc64nvme.Update(crc64nvme.Checksum(first[:]), page[:pageSize-sumSize])
}

// sealPage writes the checksum into a page.
func sealPage(number int64, page []byte) {
	binary.BigEndian.PutUint64(page[pageSize-sumSize:], pageSum(number, page))
}

// pageSealed tells whether a page has the checksum that it must have.
func pageSealed(number int64, page []byte) bool {
	return binary.BigEndian.Uint64(page[pageSize-sumSize:]) == pageSum(number, page)
}

// hasSums tells whether the header of a database leaves room for checksums in pages of our size.
func hasSums(header []byte) bool {
	return int(header[16])<<8|int(header[17])<<16 == pageSize && header[20] == sumSize
}

// readPages is xRead of the database: it reads whole pages and verifies them.
func readPages(tls *libc.TLS, file, buf uintptr, n int32, offset int64) int32 {
	w := wrapOf(file)
	if n == pageSize && offset%pageSize == 0 {
		return w.readPage(tls, file, buf, offset)
	}
	if offset+int64(n) <= fileHeader {
		// SQLite takes the page size from here when it opens the file, perhaps before a journal or the WAL gave
		// back a torn first page, and takes it anew from the whole page, verified, when it begins to read.
		return w.read()(tls, file, buf, n, offset)
	}
	page := tls.Alloc(pageSize)
	defer tls.Free(pageSize)
	out := memory(buf, int(n))
	for len(out) > 0 {
		within := offset % pageSize
		if rc := w.readPage(tls, file, page, offset-within); rc != sqlite3.SQLITE_OK {
			return rc
		}
		done := copy(out, memory(page, pageSize)[within:])
		out, offset = out[done:], offset+int64(done)
	}
	return sqlite3.SQLITE_OK
}

// readPage reads one page. SQLite would take what is missing at the end of the file for zeros, so that is damage
// as well: it reads no page that was never written.
func (w *wrap) readPage(tls *libc.TLS, file, buf uintptr, offset int64) int32 {
	number := offset/pageSize + 1
	switch rc := w.read()(tls, file, buf, pageSize, offset); {
	case rc == sqlite3.SQLITE_OK && pageSealed(number, memory(buf, pageSize)):
		return sqlite3.SQLITE_OK
	case rc == sqlite3.SQLITE_OK, rc == sqlite3.SQLITE_IOERR_SHORT_READ:
		w.damaged = number
		*errnoOf(tls) = 0
		return sqlite3.SQLITE_IOERR_DATA
	default:
		return rc
	}
}

// writePages is xWrite of the database: it seals the pages.
func writePages(tls *libc.TLS, file, buf uintptr, n int32, offset int64) int32 {
	w := wrapOf(file)
	if n%pageSize != 0 || offset%pageSize != 0 || offset == 0 && !hasSums(memory(buf, fileHeader)) {
		*errnoOf(tls) = 0
		return sqlite3.SQLITE_IOERR_WRITE // the checksum would lie over what SQLite keeps there
	}
	page := tls.Alloc(pageSize)
	defer tls.Free(pageSize)
	for in := memory(buf, int(n)); len(in) > 0; in = in[pageSize:] {
		sealed := memory(page, pageSize)
		copy(sealed, in)
		sealPage(offset/pageSize+1, sealed)
		if rc := w.write()(tls, file, page, pageSize, offset); rc != sqlite3.SQLITE_OK {
			return rc
		}
		offset += pageSize
	}
	return sqlite3.SQLITE_OK
}

// damage says which page or frame a connection found damaged last, once; "" if there is none.
func (c *conn) damage() string {
	for _, op := range []int32{sqlite3.SQLITE_FCNTL_JOURNAL_POINTER, sqlite3.SQLITE_FCNTL_FILE_POINTER} {
		file, err := control(c, op, uintptr(0))
		if err != nil || file == 0 || (*sqlite3.Tsqlite3_file)(pointer(file)).FpMethods == 0 {
			continue
		}
		w, what := wrapOf(file), ""
		switch w.methods.FxRead { // else it is no wrap
		case address(readPages):
			what = "page"
		case address(readLog):
			what = "frame"
		}
		if what == "" || w.damaged == 0 {
			continue
		}
		number := w.damaged
		w.damaged = 0
		return fmt.Sprintf(", %s %d of %s does not match its checksum", what, number, libc.GoString(w.name))
	}
	return ""
}
