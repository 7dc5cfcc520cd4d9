package sqlite

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// vfsName is the name of the VFS in SQLite's registry.
const vfsName = "trivium"

// registered is the VFS, once it is.
//
//nolint:gochecknoglobals // as SQLite's registry is one for the process; nothing changes it but its first call
var registered = sync.OnceValues(func() (*vfs, error) {
	tls := libc.NewTLS()
	defer tls.Close()
	v := &vfs{logs: make(map[string]*logSums)}
	return v, v.register(tls)
})

// VFS registers the VFS that seals and verifies the pages of the store's file, if that was not done yet, and
// returns its name, for the parameter `vfs` of a URI. A program that changes the file without it leaves pages that
// this package takes for damaged.
func VFS() (name string, err error) {
	_, err = registered()
	return vfsName, err
}

// vfs is the registered VFS: SQLite's own for this system, save that some methods of databases and WALs are ours.
type vfs struct {
	base uintptr // *sqlite3.Tsqlite3_vfs
	// open, close and remove are openFile, closeLog and deleteLog, kept because the collector does not look into SQLite's
	// memory, which refers to them.
	open   func(tls *libc.TLS, self, name, file uintptr, flags int32, outFlags uintptr) int32
	close  func(tls *libc.TLS, file uintptr) int32
	remove func(tls *libc.TLS, self, name uintptr, syncDir int32) int32

	mu   sync.Mutex
	logs map[string]*logSums // of the open WALs, by name
}

// register makes v SQLite's VFS of that name; it stays so until the process ends.
func (v *vfs) register(tls *libc.TLS) error {
	v.base = sqlite3.Xsqlite3_vfs_find(tls, 0)
	if v.base == 0 {
		return errors.New("sqlite: there is no VFS for this system")
	}
	name, err := libc.CString(vfsName)
	if err != nil {
		return err
	}
	own := libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_vfs{})))
	if own == 0 {
		return errors.New("sqlite: no memory for a VFS")
	}
	table := (*sqlite3.Tsqlite3_vfs)(pointer(own))
	*table = *(*sqlite3.Tsqlite3_vfs)(pointer(v.base))
	v.open, v.close, v.remove = v.openFile, v.closeLog, v.deleteLog
	table.FzName, table.FpNext, table.FxOpen, table.FxDelete = name, 0, address(v.open), address(v.remove)
	table.FszOsFile = wrapOffset(table.FszOsFile) + int32(unsafe.Sizeof(wrap{}))
	if rc := sqlite3.Xsqlite3_vfs_register(tls, own, 0); rc != sqlite3.SQLITE_OK {
		return fmt.Errorf("sqlite: register a VFS: code %d", rc)
	}
	return nil
}

// wrap is behind the base's structure in the memory of an open file, and takes the place of the base's methods:
// the file's pointer to its methods is also the pointer to its wrap.
type wrap struct {
	methods sqlite3.Tsqlite3_io_methods // those of base, some replaced
	base    uintptr                     // *sqlite3.Tsqlite3_io_methods
	name    uintptr                     // of the file, valid while it is open
	frames  uintptr                     // *frameSums, of a WAL
	kept    uintptr                     // *logSums, of a WAL
	damaged int64                       // number of the page or frame that was found damaged last
}

// wrapOffset is where the wrap begins in the memory of a file.
func wrapOffset(baseSize int32) int32 { return (baseSize + 7) &^ 7 }

// openFile is xOpen.
//
//nolint:revive // the library sets the number of arguments
func (v *vfs) openFile(tls *libc.TLS, _, name, file uintptr, flags int32, outFlags uintptr) int32 {
	base := (*sqlite3.Tsqlite3_vfs)(pointer(v.base))
	open := function[func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32](base.FxOpen)
	sums, log := (*logSums)(nil), flags&sqlite3.SQLITE_OPEN_WAL != 0
	if log {
		if sums = v.shareSums(tls, libc.GoString(name)); sums == nil {
			return sqlite3.SQLITE_NOMEM
		}
	}
	if rc := open(tls, v.base, name, file, flags, outFlags); rc != sqlite3.SQLITE_OK {
		if log {
			v.releaseSums(tls, libc.GoString(name))
		}
		return rc
	}
	switch {
	case log:
		w := v.wrapFile(file, name)
		w.frames = sums.sums
		w.kept = uintptr(unsafe.Pointer(sums)) //nolint:gosec // v.logs has it as long as the file is open
		w.methods.FxClose, w.methods.FxTruncate = address(v.close), address(truncateLog)
		w.methods.FxRead, w.methods.FxWrite = address(readLog), address(writeLog)
		w.methods.FxSync = address(syncLog)
	case flags&sqlite3.SQLITE_OPEN_MAIN_DB != 0:
		w := v.wrapFile(file, name)
		w.methods.FxRead, w.methods.FxWrite = address(readPages), address(writePages)
	}
	return sqlite3.SQLITE_OK
}

// wrapFile puts a wrap into an open file.
func (v *vfs) wrapFile(file, name uintptr) *wrap {
	base := (*sqlite3.Tsqlite3_vfs)(pointer(v.base))
	at := file + uintptr(wrapOffset(base.FszOsFile))
	f, w := (*sqlite3.Tsqlite3_file)(pointer(file)), (*wrap)(pointer(at))
	*w = wrap{base: f.FpMethods, name: name, methods: *(*sqlite3.Tsqlite3_io_methods)(pointer(f.FpMethods))}
	// Version 3 has xFetch, which would map the file and go round xRead.
	w.methods.FiVersion = min(w.methods.FiVersion, 2)
	f.FpMethods = at
	return w
}

// wrapOf is the wrap of an open file that has one.
func wrapOf(file uintptr) *wrap {
	return (*wrap)(pointer((*sqlite3.Tsqlite3_file)(pointer(file)).FpMethods))
}

// transfer is the type of the methods xRead and xWrite.
type transfer = func(tls *libc.TLS, file, buf uintptr, n int32, offset int64) int32

// baseMethods are the methods of the VFS below.
func (w *wrap) baseMethods() *sqlite3.Tsqlite3_io_methods {
	return (*sqlite3.Tsqlite3_io_methods)(pointer(w.base))
}

// read is the xRead of the VFS below.
func (w *wrap) read() transfer { return function[transfer](w.baseMethods().FxRead) }

// write is the xWrite of the VFS below.
func (w *wrap) write() transfer { return function[transfer](w.baseMethods().FxWrite) }

// address is what the library takes for a pointer to a function: that to Go's function value. Whoever passes one
// that is no plain function keeps it reachable.
func address[F any](f F) uintptr {
	return *(*uintptr)(unsafe.Pointer(&f)) //nolint:gosec // the library speaks in addresses
}

// function is the opposite of address.
func function[F any](p uintptr) F {
	return *(*F)(unsafe.Pointer(&p)) //nolint:gosec // the library speaks in addresses
}

// errnoOf is where the library keeps the number of a thread's last error, of which it tells when a method of a file
// fails. A method of ours that fails sets it: what is there is of some earlier call.
func errnoOf(tls *libc.TLS) *int32 { return (*int32)(pointer(libc.X__errno_location(tls))) }
