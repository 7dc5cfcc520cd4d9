// Package lossyfs is a file system for tests that forgets at a power cut what was not synced. It is mounted
// through FUSE and passes the tree of a backing directory through: writes, truncations, new, renamed and removed
// names take effect at once for whoever runs on it, but only fsync makes a file's content durable and only fsync
// of the directory makes its names durable, as strictly as POSIX allows. Cut turns the power off: the tree goes
// back to what was durable.
package lossyfs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// ErrNoFUSE is returned by Mount on a machine without /dev/fuse or fusermount.
var ErrNoFUSE = errors.New("FUSE is not available here")

// FS is one mounted file system. Its methods are for one goroutine, whoever works on the mount meanwhile.
type FS struct {
	backing, dir string
	server       *fuse.Server
	owner        fuse.Owner

	mu    sync.Mutex // guards the tree
	root  *inode
	last  uint64 // inode number
	syncs int
	off   bool
}

// Mount shows the tree of the directory backing, all of it durable, at the empty directory dir. Unmount ends it.
func Mount(backing, dir string) (*FS, error) {
	if _, err := os.Stat("/dev/fuse"); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoFUSE, err)
	}
	f := &FS{
		backing: backing, dir: dir, last: 1, root: newInode(1, true, 0o755),
		owner: fuse.Owner{Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid())},
	}
	if err := f.load(f.root, backing); err != nil {
		return nil, err
	}
	return f, f.mount()
}

// mount shows the tree to the kernel.
func (f *FS) mount() error {
	keep := time.Hour // nobody changes the tree behind the kernel's back
	server, err := fs.Mount(f.dir, &node{fsys: f, in: f.root}, &fs.Options{
		EntryTimeout: &keep, AttrTimeout: &keep,
		RootStableAttr: &fs.StableAttr{Ino: f.root.number, Mode: syscall.S_IFDIR},
		MountOptions: fuse.MountOptions{
			FsName: "lossyfs", Name: "lossyfs", MaxWrite: 1 << 20, DirectMount: true,
			ExplicitDataCacheControl: true, // or a new mtime throws mapped pages away
		},
	})
	if err != nil {
		return fmt.Errorf("%w: mount %s: %w", ErrNoFUSE, f.dir, err)
	}
	f.server = server
	return nil
}

// Cut turns the power off and on again: from its first moment on nothing that runs on the mount can change
// anything, and afterwards the mount and the backing directory show what was durable. Each unsynced page and
// entry is kept nevertheless with probability p (0: none), drawn from seed, since a disk may write early. Whoever
// works on the mount must have been killed, or Cut fails because the mount is busy.
func (f *FS) Cut(seed uint64, p float64) (Lost, error) {
	f.mu.Lock()
	f.off = true
	f.mu.Unlock()
	if err := f.server.Unmount(); err != nil {
		return Lost{}, fmt.Errorf("cut: unmount: %w", err)
	}
	var lost Lost
	f.root.cut(chance(seed, p), &lost, make(map[*inode]bool))
	f.off = false
	if err := f.save(); err != nil {
		return lost, err
	}
	return lost, f.mount()
}

// Unmount ends the file system in an orderly way; the backing directory shows what is durable, nothing else.
func (f *FS) Unmount() error {
	if err := f.server.Unmount(); err != nil {
		return fmt.Errorf("unmount: %w", err)
	}
	f.root.cut(nil, new(Lost), make(map[*inode]bool))
	return f.save()
}

// Syncs returns how many files and directories were synced so far.
func (f *FS) Syncs() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.syncs
}

// load reads the directory path into in, durable.
func (f *FS) load(in *inode, path string) error {
	list, err := os.ReadDir(path)
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	for _, entry := range list {
		info, err := entry.Info()
		if err != nil {
			return fmt.Errorf("load: %w", err)
		}
		f.last++
		member := newInode(f.last, info.IsDir(), uint32(info.Mode().Perm()))
		member.mtime = info.ModTime()
		in.live.entries[entry.Name()] = member
		below := filepath.Join(path, entry.Name())
		if info.IsDir() {
			err = f.load(member, below)
		} else {
			err = loadFile(member, below)
		}
		if err != nil {
			return err
		}
	}
	in.sync()
	return nil
}

// loadFile reads one file.
func loadFile(in *inode, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	in.write(data, 0)
	in.sync()
	return nil
}

// save makes the backing directory what the tree is.
func (f *FS) save() error {
	list, err := os.ReadDir(f.backing)
	if err != nil {
		return fmt.Errorf("save: %w", err)
	}
	for _, entry := range list {
		if err := os.RemoveAll(filepath.Join(f.backing, entry.Name())); err != nil {
			return fmt.Errorf("save: %w", err)
		}
	}
	return save(f.root, f.backing)
}

// save writes the members of a directory.
func save(in *inode, path string) error {
	for name, member := range in.live.entries {
		below := filepath.Join(path, name)
		err := error(nil)
		if member.dir {
			if err = os.Mkdir(below, 0o755); err == nil {
				err = save(member, below)
			}
		} else {
			err = saveFile(member, below)
		}
		if err == nil {
			err = os.Chmod(below, os.FileMode(member.mode&0o777))
		}
		if err != nil {
			return fmt.Errorf("save: %w", err)
		}
	}
	return nil
}

// saveFile writes one file, holes included.
func saveFile(in *inode, path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	content := io.NewSectionReader(reader{in}, 0, in.live.size)
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close(), os.Chtimes(path, in.mtime, in.mtime))
}

// reader reads an inode's live content.
type reader struct{ in *inode }

// ReadAt implements io.ReaderAt.
func (r reader) ReadAt(p []byte, off int64) (int, error) {
	n := r.in.read(p, off)
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
