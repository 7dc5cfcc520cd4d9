package drivers

import (
	"context"
	"time"
)

// Copier copies inside one storage without moving bytes through the process. The contract of Put holds; a missing
// from is ErrNotExist. Whether the modification time is kept is not promised.
type Copier interface {
	Copy(ctx context.Context, from, to string) error
}

// BatchDeleter deletes many names in few calls; missing names are no error. It returns the first failure
// after trying all.
type BatchDeleter interface {
	DeleteBatch(ctx context.Context, names []string) error
}

// Presigner makes URLs by which a third party can read or write one name.
type Presigner interface {
	Presign(ctx context.Context, method, name string, lifetime time.Duration) (string, error)
}

// Mkdirer makes and removes directories of their own. Mkdir makes missing parents and accepts an existing
// directory; Rmdir removes an empty one, a missing one is no error, one with members is ErrExist. A file in the
// way is ErrDenied for both. Both are durable when they return nil.
type Mkdirer interface {
	Mkdir(ctx context.Context, name string) error
	Rmdir(ctx context.Context, name string) error
}

// Usage reports the storage's capacity in bytes; a negative number is unknown.
type Usage interface {
	Usage(ctx context.Context) (used, free int64, err error)
}

// Wrapper is implemented by decorators: Unwrap returns the driver below.
type Wrapper interface {
	Unwrap() Driver
}

// Adapter is implemented by decorators that must see the optional calls of the driver below without promising
// calls that it cannot do. Adapt gets the value that As found below and returns one in its place, which
// implements at least the interfaces of this file that found implements.
type Adapter interface {
	Adapt(found any) any
}

// As finds the first driver in d's chain of decorators that implements T. Decorators above it that are Adapters
// wrap what was found, the innermost first. A decorator that implements T itself hides the drivers below.
func As[T any](d Driver) (T, bool) {
	var none T
	if d == nil {
		return none, false
	}
	if t, ok := d.(T); ok {
		return t, true
	}
	w, ok := d.(Wrapper)
	if !ok {
		return none, false
	}
	t, ok := As[T](w.Unwrap())
	if !ok {
		return none, false
	}
	if a, ok := d.(Adapter); ok {
		if adapted, ok := a.Adapt(t).(T); ok {
			return adapted, true
		}
	}
	return t, true
}
