//go:build !linux

package sqlite

import (
	"modernc.org/libc"
)

// syncLog is xSync of the WAL: SQLite's own.
func syncLog(tls *libc.TLS, file uintptr, flags int32) int32 {
	return function[func(*libc.TLS, uintptr, int32) int32](wrapOf(file).baseMethods().FxSync)(tls, file, flags)
}
