package core

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Code says what went wrong in terms every door can translate. Each door has one exhaustive switch over it.
type Code int

// The codes. A door that has no finer word uses the nearest of its protocol.
const (
	Internal           Code = iota // a bug or a failing disk; details only in the log
	BadArgument                    // malformed or out of range; Msg names the field
	BadName                        // bucket or package name against the rules
	BadKey                         // key empty, not UTF-8, with NUL
	KeyTooLong                     // key over 1024 bytes
	Unauthorized                   // no or wrong credentials
	Forbidden                      // known caller, missing right
	NoSuchBucket                   //
	NoSuchKey                      // no such object
	NoSuchVersion                  //
	NoSuchUpload                   //
	NotFound                       // any other noun: package, user, space...
	BucketExists                   // name taken by somebody else
	BucketOwned                    // name taken by the caller's own bucket
	BucketNotEmpty                 //
	Exists                         // any other name is taken
	Conflict                       // the thing is in a state that does not allow this
	IsDeleteMarker                 // the version that was asked for is a delete marker
	PreconditionFailed             // a condition of the request is false
	NotModified                    // a read condition says the caller has it already
	InvalidRange                   // no byte of the range exists
	TooLarge                       // over a limit of size
	TooSmall                       // a part below the minimum
	BadDigest                      // the content is not what its digest or checksum says
	BodySize                       // the body is shorter or longer than announced
	BadBody                        // the body's framing is broken, or reading it failed
	InvalidPart                    // a part that completion names is missing or other than said
	InvalidPartOrder               //
	MetadataTooLarge               // user metadata over 8 KiB
	NotImplemented                 // known, deliberately not done (yet)
	Overloaded                     // too much at once; try again soon
	Unavailable                    // not enough spaces answer; try again later
	NoSpace                        // no room left
	ReadOnly                       // the store is read-only: foreign or newer marker
	Corrupt                        // stored content does not match its checksums
	Canceled                       // the caller went away
	Locked                         // a lock is in the way; Path is what is locked
)

// Error is every error that leaves core.
type Error struct {
	Code   Code
	Op     string // "put object"; may be empty
	Path   string // what it was about: bucket, bucket/key, user...
	Msg    string // safe for the user, one sentence, names the value and the next step
	Err    error  // for the log only; may be nil
	Hidden bool   // Forbidden on a bucket where the caller has no right at all: JSON and WebDAV say 404
	Marker bool   // NoSuchKey because the current version is a delete marker
	// VersionID of that delete marker (also with IsDeleteMarker), or "".
	VersionID string
	// LastModified of that delete marker, ns since 1970, or 0.
	LastModified int64
	// Wait is when what was Overloaded may be tried again, in whole seconds; 0: soon.
	Wait time.Duration
}

// Error renders the error for a log.
func (e *Error) Error() string {
	s := e.Msg
	if s == "" {
		s = fmt.Sprintf("code %d", e.Code)
	}
	if e.Path != "" {
		s = e.Path + ": " + s
	}
	if e.Op != "" {
		s = e.Op + " " + s
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns err's Code; Internal if err carries none.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

// RetryAfter returns the whole seconds after which a request may be tried again that err has refused for now, at least
// 1: the header of that name (RFC 9110 §10.2.3).
func RetryAfter(err error) string {
	wait := time.Second
	if e, ok := errors.AsType[*Error](err); ok {
		wait = max(wait, e.Wait)
	}
	return strconv.FormatInt(int64(wait/time.Second), 10)
}

// Errorf makes an *Error with a message for the user.
func Errorf(code Code, path, format string, args ...any) *Error {
	return &Error{Code: code, Path: path, Msg: fmt.Sprintf(format, args...)}
}
