package local

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"trivium/drivers"
)

// beneath opens files below a directory for reading with one system call, where os.Root makes one for each segment
// of the name. The kernel does what os.Root does: it never leaves the directory.
type beneath struct {
	dir     *os.File
	conn    syscall.RawConn // of dir: holds it open during a call
	refused atomic.Bool     // this kernel, or what the process runs in, has no such call
	how     unix.OpenHow
	openat2 func(dir int, name string, how *unix.OpenHow) (int, error)
}

// openBeneath opens the directory of root.
func openBeneath(root *os.Root) (*beneath, error) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	conn, err := dir.SyscallConn()
	if err != nil {
		_ = dir.Close()
		return nil, err
	}
	return &beneath{dir: dir, conn: conn, openat2: unix.Openat2, how: unix.OpenHow{
		// O_NONBLOCK keeps a FIFO that somebody put there from holding the call.
		Flags:   unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_LARGEFILE | unix.O_NOCTTY,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	}}, nil
}

// open opens a regular file and tells its size; what is there but is none is ErrNotExist. errAsk says that only
// os.Root knows: there is no such call here, or a symbolic link is in the way, which may be a good one.
func (b *beneath) open(name string) (file, int64, error) {
	if b.refused.Load() {
		return nil, 0, errAsk
	}
	fd, errno := -1, error(unix.EINTR)
	for errors.Is(errno, unix.EINTR) {
		if err := b.conn.Control(func(dir uintptr) { fd, errno = b.openat2(int(dir), name, &b.how) }); err != nil {
			return nil, 0, err
		}
	}
	if errno != nil {
		return nil, 0, b.failed(errno)
	}
	f := &descriptor{fd: fd}
	size, err := f.size()
	if err != nil {
		_ = f.Close()
		return nil, 0, err
	}
	return f, size, nil
}

// failed says what the failure of openat2 means.
func (b *beneath) failed(errno error) error {
	switch {
	case errors.Is(errno, unix.ENOSYS), errors.Is(errno, unix.EPERM), errors.Is(errno, unix.E2BIG), errors.Is(errno, unix.EINVAL):
		b.refused.Store(true)
		return errAsk
	case errors.Is(errno, unix.ELOOP), errors.Is(errno, unix.EXDEV), errors.Is(errno, unix.EAGAIN):
		return errAsk
	case errors.Is(errno, unix.ENXIO): // a socket
		return drivers.ErrNotExist
	}
	return os.NewSyscallError("openat2", errno)
}

// close closes the directory; files that are open stay open.
func (b *beneath) close() error { return b.dir.Close() }

// descriptor is an open file without what os.File does for those that may block, which costs two system calls more.
type descriptor struct {
	mu sync.RWMutex // held shared while fd is used, exclusively to close it
	fd int          // -1: closed
}

// size returns the size of a regular file.
func (f *descriptor) size() (int64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(f.fd, &st); err != nil {
		return 0, os.NewSyscallError("fstat", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return 0, fmt.Errorf("mode %o: %w", st.Mode, drivers.ErrNotExist)
	}
	return st.Size, nil
}

// ReadAt implements io.ReaderAt.
func (f *descriptor) ReadAt(p []byte, off int64) (int, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.fd < 0 {
		return 0, os.ErrClosed
	}
	done := 0
	for done < len(p) {
		n, err := unix.Pread(f.fd, p[done:], off+int64(done))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return done, os.NewSyscallError("pread", err)
		case n == 0:
			return done, io.EOF
		default:
			done += n
		}
	}
	return done, nil
}

// Close implements io.Closer. It waits for a ReadAt that is under way.
func (f *descriptor) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fd < 0 {
		return os.ErrClosed
	}
	err := unix.Close(f.fd)
	f.fd = -1
	return os.NewSyscallError("close", err)
}
