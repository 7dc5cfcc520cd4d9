package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

// owned adds to an error of missing rights on name, below root or root itself (""), whose the file is that stands in
// the way of the user euid, and what to do: as a rule somebody else, root above all, has run a command on the store.
func owned(root, name string, err error, euid int) error {
	if !errors.Is(err, syscall.EACCES) && !errors.Is(err, syscall.EPERM) {
		return err
	}
	at := name // openat2 gives no path
	if path, ok := errors.AsType[*os.PathError](err); ok {
		at = path.Path
	} else if link, ok := errors.AsType[*os.LinkError](err); ok {
		at = link.New
	}
	if !filepath.IsAbs(at) {
		at = filepath.Join(root, at)
	}
	// What is not there cannot be made, and what is hidden cannot be reached, because of the directory above.
	for up := ""; len(at) >= len(root) && at != up; at = filepath.Dir(at) {
		if uid, ok := ownerOf(at); ok && uid != euid {
			return fmt.Errorf("%w: %s belongs to %s, and trivium runs as %s: run it as the owner of the store, "+
				"and give the file to that one (chown -R)", err, at, userID(uid), userID(euid))
		}
		up = at
	}
	return err
}

// userID names a user by his number, which is what a container and its host share.
func userID(uid int) string {
	if uid == 0 {
		return "root"
	}
	return fmt.Sprintf("user %d", uid)
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
