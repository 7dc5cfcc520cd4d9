//go:build linux || darwin

package local

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// tryLock locks f for this process's open file alone; false means that somebody else holds it.
func tryLock(f *os.File) (bool, error) {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// statfs tells the bytes used and those free to this user on f's file system.
func statfs(f *os.File) (used, free int64, err error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return 0, 0, os.NewSyscallError("fstatfs", err)
	}
	unit := int64(st.Bsize) //nolint:unconvert // no int64 on every system
	return int64(st.Blocks-st.Bfree) * unit, int64(st.Bavail) * unit, nil
}

// ownerOf tells whose a file is.
func ownerOf(name string) (uid int, ok bool) {
	var st unix.Stat_t
	if err := unix.Lstat(name, &st); err != nil {
		return 0, false
	}
	return int(st.Uid), true
}
