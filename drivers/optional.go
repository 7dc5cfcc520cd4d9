package drivers

import (
	"context"
	"time"
)

// Copier copies inside one storage without moving bytes through the process. The contract of Put holds.
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
// directory; Rmdir removes an empty one, a missing one is no error, one with members is ErrExist.
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

// As finds the first driver in d's chain of decorators that implements T. A decorator that must see such
// calls implements T itself and so hides the one below.
func As[T any](d Driver) (T, bool) {
	for d != nil {
		if t, ok := d.(T); ok {
			return t, true
		}
		w, ok := d.(Wrapper)
		if !ok {
			break
		}
		d = w.Unwrap()
	}
	var zero T
	return zero, false
}
