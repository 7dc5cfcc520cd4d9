package local

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"trivium/drivers"
)

// classify gives an error of the system the sentinel that it means to users of a driver.
func classify(err error) error {
	if drivers.Sentinel(err) != nil {
		return err
	}
	return fmt.Errorf("%w: %w", sentinelOf(err), err)
}

func sentinelOf(err error) error {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		var path *os.PathError
		var link *os.LinkError
		if (errors.As(err, &path) || errors.As(err, &link)) && !errors.Is(err, os.ErrClosed) {
			return drivers.ErrDenied // os.Root: the path escapes from its root
		}
		return drivers.ErrBroken
	}
	switch errno { //nolint:exhaustive // every other number is a broken disk
	case syscall.ENOSPC, syscall.EDQUOT:
		return drivers.ErrNoSpace
	case syscall.EACCES, syscall.EPERM, syscall.EROFS, syscall.ELOOP, syscall.EISDIR:
		return drivers.ErrDenied
	case syscall.ENAMETOOLONG:
		return drivers.ErrName
	case syscall.ENOENT, syscall.ENOTDIR:
		return drivers.ErrNotExist
	}
	return drivers.ErrBroken
}

// inTheWay is sentinelOf for writes, where a missing or wrong parent does not mean that the name is missing.
func inTheWay(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.EEXIST):
		return fmt.Errorf("%w: %w", drivers.ErrDenied, err)
	case errors.Is(err, syscall.ENOENT):
		return fmt.Errorf("%w: %w", drivers.ErrBroken, err)
	}
	return err
}
