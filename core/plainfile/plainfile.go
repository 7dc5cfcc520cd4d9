// Package plainfile opens the files of a directory that is ours alone. What has the name of such a file but is a FIFO
// would hold the program for ever, and a symbolic link would lead it out of the directory.
package plainfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Error says that something else has the place of a plain file.
type Error struct {
	Name string
	What string // that is there, with its article
}

// Error says what is there and what to do.
func (e *Error) Error() string {
	return fmt.Sprintf("%s is %s, not a plain file: remove it, or put the file itself there", e.Name, e.What)
}

// Check returns an *Error when something else than a plain file has that name. What is not there is no error.
func Check(name string) error {
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return check(name, info)
}

// check judges what is there.
func check(name string, info fs.FileInfo) error {
	switch t := info.Mode().Type(); {
	case t == 0:
		return nil
	case t&fs.ModeDir != 0:
		return &Error{name, "a directory"}
	case t&fs.ModeSymlink != 0:
		return &Error{name, "a symbolic link"}
	case t&fs.ModeNamedPipe != 0:
		return &Error{name, "a FIFO"}
	case t&fs.ModeSocket != 0:
		return &Error{name, "a socket"}
	}
	return &Error{name, "a device"}
}

// Open is os.OpenFile for a plain file alone: it follows no symbolic link in the last part of the name and waits for
// nobody. What is there but is no plain file is an *Error.
func Open(name string, flag int, perm fs.FileMode) (*os.File, error) {
	if err := Check(name); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(name, flag|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, perm)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = check(name, info)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Read is os.ReadFile by way of Open, of at most limit bytes; a longer file is an error.
func Read(name string, limit int64) (_ []byte, err error) {
	f, err := Open(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		return nil, fmt.Errorf("%s is longer than %d bytes", name, limit)
	}
	return b, err
}
