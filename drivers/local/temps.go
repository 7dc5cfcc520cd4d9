package local

import (
	"crypto/rand"
	"errors"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// temps makes the temporary files of one opened driver: "<id>.<number>" in tempDir. While it lives it holds a lock
// on "<id>.lock" there, so that others that open the root know whose files are still being written.
type temps struct {
	root *os.Root
	id   string
	lock *os.File
	next atomic.Uint64
}

const (
	lockSuffix = ".lock"
	idLength   = 26 // of rand.Text
)

func openTemps(root *os.Root) (*temps, error) {
	if err := makeTempDir(root); err != nil {
		return nil, err
	}
	if err := removeOrphans(root); err != nil {
		return nil, err
	}
	const tries = 10
	for range tries {
		t := &temps{root: root, id: rand.Text()}
		ok, err := t.acquire()
		if err != nil || ok {
			return t, err
		}
	}
	return nil, errors.New("the temporary directory is being cleaned again and again")
}

func makeTempDir(root *os.Root) error {
	err := root.Mkdir(tempDir, 0o700)
	if !errors.Is(err, syscall.EEXIST) {
		return err
	}
	fi, err := root.Lstat(tempDir)
	if err == nil && !fi.IsDir() {
		return &os.PathError{Op: "mkdir", Path: tempDir, Err: syscall.EISDIR} // a link could lead writes elsewhere
	}
	return err
}

// acquire makes and locks the lock file; false means that a cleaner took it between the two.
func (t *temps) acquire() (bool, error) {
	name := t.lockName()
	f, err := t.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false, err
	}
	if locked, err := tryLock(f); err != nil || !locked {
		return false, errors.Join(err, f.Close())
	}
	mine, err := f.Stat()
	if err != nil {
		return false, errors.Join(err, f.Close())
	}
	if there, err := t.root.Lstat(name); err != nil || !os.SameFile(mine, there) {
		return false, f.Close()
	}
	t.lock = f
	return true, nil
}

func (t *temps) lockName() string { return tempDir + "/" + t.id + lockSuffix }

// create makes an empty temporary file; its name is relative to the root.
func (t *temps) create() (*os.File, string, error) {
	name := tempDir + "/" + t.id + "." + strconv.FormatUint(t.next.Add(1), 36)
	const flags = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	f, err := t.root.OpenFile(name, flags, fileMode)
	if errors.Is(err, syscall.ENOENT) {
		// Somebody emptied the root.
		if err := makeTempDir(t.root); err != nil {
			return nil, "", err
		}
		f, err = t.root.OpenFile(name, flags, fileMode)
	}
	return f, name, err
}

func (t *temps) remove(name string) error {
	if err := t.root.Remove(name); err != nil && !missing(err) {
		return err
	}
	return nil
}

// close gives up the lock; the temporary files still there belong to Puts under way, which now fail or finish.
func (t *temps) close() error {
	return errors.Join(t.remove(t.lockName()), t.lock.Close())
}

// isTemp tells whether a name is one that temps makes. Nothing else in the directory is ever removed.
func isTemp(name string) bool {
	id, rest, ok := strings.Cut(name, ".")
	if !ok || len(id) != idLength || strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" {
		return false
	}
	return "."+rest == lockSuffix || rest != "" && strings.Trim(rest, "0123456789abcdefghijklmnopqrstuvwxyz") == ""
}

// removeOrphans removes the files of drivers that live no longer.
func removeOrphans(root *os.Root) error {
	dir, err := root.Open(tempDir)
	if err != nil {
		return err
	}
	names, err := dir.Readdirnames(-1)
	if err := errors.Join(err, dir.Close()); err != nil {
		return err
	}
	dead := map[string]bool{}
	for _, name := range names {
		if !isTemp(name) {
			continue
		}
		id, _, _ := strings.Cut(name, ".")
		if _, asked := dead[id]; !asked {
			dead[id] = isDead(root, tempDir+"/"+id+lockSuffix)
		}
		if !dead[id] {
			continue
		}
		fi, err := root.Lstat(tempDir + "/" + name)
		if missing(err) || err == nil && !fi.Mode().IsRegular() {
			continue
		}
		if err != nil {
			return err
		}
		if err := root.Remove(tempDir + "/" + name); err != nil && !missing(err) {
			return err
		}
	}
	return nil
}

// isDead tells whether nobody holds the lock; a lock file that is missing is nobody's.
func isDead(root *os.Root, lock string) bool {
	f, err := root.OpenFile(lock, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return missing(err)
	}
	defer func() { _ = f.Close() }()
	free, err := tryLock(f)
	return err == nil && free
}
