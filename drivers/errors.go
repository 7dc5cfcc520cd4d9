package drivers

import (
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
