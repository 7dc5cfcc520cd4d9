package core

import (
	"context"
	"errors"
	"slices"

	"trivium/core/content"
	"trivium/drivers"
)

// mapped says which Code an error from below becomes and what the user is told.
type mapped struct {
	err  error
	code Code
	msg  string
}

// slowClient is what a client hears that was cut because others waited for the memory it held (S18).
const slowClient = "the body came slower than 16 KiB/s, or was taken slower than 64 KiB/s, while others waited"

// mappings lists the sentinels of content and drivers, the more telling ones first.
func mappings() []mapped {
	return []mapped{
		{content.ErrBodySize, BodySize, "the body does not have the announced size"},
		{content.ErrTooSlow, Overloaded, slowClient},
		{content.ErrOverloaded, Overloaded, "too many transfers at once, try again soon"},
		{content.ErrNoSpace, NoSpace, "no storage space has room left"},
		{content.ErrCorrupt, Corrupt, "too few intact pieces of the content are left"},
		{content.ErrUnavailable, Unavailable, "not enough storage spaces answer, try again later"},
		{content.ErrPolicy, BadArgument, "the redundancy policy cannot be fulfilled"},
		{content.ErrKey, Unavailable, "the key of the sealed content is not available"},
		{content.ErrFormat, Corrupt, "stored content is malformed"},
		{drivers.ErrNoSpace, NoSpace, "no storage space has room left"},
		{context.Canceled, Canceled, "the caller went away"},
		{context.DeadlineExceeded, Canceled, "the request took too long"},
	}
}

// fail makes err, unless it is nil, an *Error of operation op on path. An *Error inside err, such as that of a
// door's body reader, keeps its Code and message; sentinels of content and drivers get theirs; everything else
// is Internal.
func fail(op, path string, err error) error {
	if err == nil {
		return nil
	}
	if inner, ok := errors.AsType[*Error](err); ok {
		e := *inner
		if e.Op == "" {
			e.Op = op
		}
		if e.Path == "" {
			e.Path = path
		}
		return &e
	}
	all := mappings()
	i := slices.IndexFunc(all, func(m mapped) bool { return errors.Is(err, m.err) })
	if i < 0 {
		return &Error{Code: Internal, Op: op, Path: path, Msg: "internal error", Err: err}
	}
	return &Error{Code: all[i].code, Op: op, Path: path, Msg: all[i].msg, Err: err}
}

// failBody is fail for errors of content.Put: what reading the body gave is BadBody unless it says otherwise.
func failBody(op, path string, err, bodyErr error) error {
	e := fail(op, path, err)
	if c, ok := errors.AsType[*Error](e); ok && c.Code == Internal && bodyErr != nil && errors.Is(err, bodyErr) {
		c.Code, c.Msg = BadBody, "reading the body failed"
	}
	return e
}
