//go:build !linux

package sqlite

import (
	"os"

	"modernc.org/libc"
)

// syncData makes what was written to a file durable.
func syncData(f *os.File) error { return f.Sync() }

// syncLog is xSync of the WAL: SQLite's own.
func syncLog(tls *libc.TLS, file uintptr, flags int32) int32 {
	return function[func(*libc.TLS, uintptr, int32) int32](wrapOf(file).baseMethods().FxSync)(tls, file, flags)
}
