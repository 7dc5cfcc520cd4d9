package content

import (
	"errors"
	"fmt"
)

// The sentinels of this package. Errors of a body and of Verify are wrapped unchanged, those of drivers are
// reachable through errors.Is as well.
var (
	// ErrBodySize: the body is shorter or longer than the announced size.
	ErrBodySize = errors.New("body does not have the announced size")
	// ErrOverloaded: no memory within 5 s; the caller should try again soon.
	ErrOverloaded = errors.New("too many transfers at once")
	// ErrTooSlow: the client was cut, because his body came slower than 16 KiB/s, or what he reads was taken slower
	// than 64 KiB/s, over a minute, and others waited for the memory that he held.
	ErrTooSlow = errors.New("client is too slow while others wait")
	// ErrUnavailable: too few spaces answered to write durably or to read at all; try again later.
	ErrUnavailable = errors.New("not enough spaces answer")
	// ErrCorrupt: too few intact shards are left. Nothing wrong was delivered.
	ErrCorrupt = errors.New("too few intact shards")
	// ErrNoSpace: the spaces that could take the content are full. It wraps drivers.ErrNoSpace.
	ErrNoSpace = errors.New("no space has room")
	// ErrKey: the content key of a sealed blob is not available or does not fit.
	ErrKey = errors.New("content key")
	// ErrPolicy: a policy, target or layout that makes no sense.
	ErrPolicy = errors.New("invalid policy")
	// ErrFormat: bytes that are not what this package has written.
	ErrFormat = errors.New("malformed")
)

// MarkerError says that a space's marker belongs to somebody else or to a later life of this store. It wraps
// ErrForeignStore, ErrNewerEpoch, ErrForeignWriter or ErrOtherSpace.
type MarkerError struct {
	Space SpaceID
	Found Marker
	Err   error
}

// ErrForeignStore: the space is marked by another store. ErrNewerEpoch: this store was recovered elsewhere
// since, and this process is the old one. ErrForeignWriter: a process that this store knows nothing of has used
// the space last, so this is a copy of the store, or an older state of it. ErrOtherSpace: another space of this store is
// there, so that two of them would be one place.
var (
	ErrForeignStore  = errors.New("space belongs to another store")
	ErrNewerEpoch    = errors.New("space was taken over by a newer epoch of this store")
	ErrForeignWriter = errors.New("space is in use by another copy of this store")
	ErrOtherSpace    = errors.New("another space of this store is there")
)

// Error names the space and what its marker says.
func (e *MarkerError) Error() string {
	return fmt.Sprintf("space %d: %v (store %x, epoch %d, writer %016x)", e.Space, e.Err, e.Found.StoreID, e.Found.Epoch, e.Found.Writer)
}

// Unwrap returns what the error wraps.
func (e *MarkerError) Unwrap() error { return e.Err }
