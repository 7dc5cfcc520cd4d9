package drivers

import (
	"context"
	"errors"
	"fmt"
)

// The sentinels. Every error of a driver wraps exactly one of them or the context's error.
var (
	ErrNotExist  = errors.New("does not exist")
	ErrExist     = errors.New("exists already")
	ErrRange     = errors.New("range outside the content")
	ErrName      = errors.New("invalid name")
	ErrBody      = errors.New("body does not have the announced size")
	ErrNoSpace   = errors.New("no space left")
	ErrDenied    = errors.New("permission denied")
	ErrTransient = errors.New("temporary failure") // the only one that is worth retrying
	ErrBroken    = errors.New("storage failure")   // anything else: disk error, malformed answer
)

// Error tells which call of which space failed.
type Error struct {
	Space string // name or address of the space; never a secret
	Op    string // "put", "open", "read", "stat", "delete", "list"
	Name  string
	Err   error // wraps a sentinel
}

// Error describes the failure in one line.
func (e *Error) Error() string {
	return fmt.Sprintf("%s %s %q: %v", e.Space, e.Op, e.Name, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Fail makes err, unless it is nil, what a driver may return: an *Error that wraps exactly one sentinel or a
// context error. An err that wraps neither becomes ErrBroken, an *Error stays as it is.
func Fail(space, op, name string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := err.(*Error); ok { //nolint:errorlint // one deeper inside belongs to another space, a body's for one
		return err
	}
	if Sentinel(err) == nil {
		err = fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return &Error{Space: space, Op: op, Name: name, Err: err}
}

// Sentinel returns the sentinel that err wraps, or context.Canceled or context.DeadlineExceeded, or nil. An
// ErrBody goes before what the body's own error may wrap, and a context error before every sentinel.
func Sentinel(err error) error {
	for _, s := range Sentinels() {
		if errors.Is(err, s) {
			return s
		}
	}
	return nil
}

// Sentinels returns all that Sentinel can return, in a fixed order: the two context errors, then the sentinels of
// this package.
func Sentinels() []error {
	return []error{
		context.Canceled, context.DeadlineExceeded,
		ErrBody, ErrNotExist, ErrExist, ErrRange, ErrName, ErrNoSpace, ErrDenied, ErrTransient, ErrBroken,
	}
}
