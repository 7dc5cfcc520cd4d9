// Package local is the driver that keeps content in a directory of a local (or mounted) file system.
package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"trivium/drivers"
)

const (
	tempDir    = ".trivium-tmp"
	maxSegment = 255
	fileMode   = 0o666 // under the umask, as files of users are; a root that Open makes is closed to others
	dirMode    = 0o777
)

// Driver keeps each name in a file of that name below its root. It implements drivers.Driver, Copier,
// BatchDeleter, Mkdirer and Usage.
//
// Names cannot leave the root: os.Root resolves them. Symbolic links that somebody else made inside the root are
// followed as long as they stay inside (outside is ErrDenied); List skips them, Put replaces and Delete removes the
// link itself. Content is written to a file in ".trivium-tmp", a directory of the root that is no valid name, and
// renamed when it is on disk.
type Driver struct {
	space   string
	root    *os.Root
	beneath *beneath // what is opened for reading is opened with it, if that works
	temps   *temps
	sync    *dirSync

	// known are directories whose entries in their parents are on disk. tree is held shared from a look at known
	// to the rename that relies on it, and exclusively by Rmdir, so that no directory goes away in between.
	known *knownDirs
	tree  sync.RWMutex

	buffers  sync.Pool              // *[]byte of copyBuffer
	syncFile func(f *os.File) error // (*os.File).Sync but in tests
	renamed  func(name string)      // called in tests between a rename and the directory's sync
}

const copyBuffer = 256 << 10

// Open opens the directory path as a space, making it (for its owner only) if it is missing, and removes temporary
// files that ended processes left in it. space is told in errors.
func Open(ctx context.Context, space, path string) (*Driver, error) {
	if err := ctx.Err(); err != nil {
		return nil, drivers.Fail(space, "connect", path, err)
	}
	d, err := open(space, path)
	if err != nil {
		return nil, drivers.Fail(space, "connect", path, classify(owned(path, "", err, os.Geteuid())))
	}
	return d, nil
}

func open(space, path string) (*Driver, error) {
	if err := makeRoot(path); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	b, err := openBeneath(root)
	if err != nil {
		_ = root.Close()
		return nil, err
	}
	t, err := openTemps(root)
	if err != nil {
		_ = b.close()
		_ = root.Close()
		return nil, err
	}
	d := &Driver{space: space, root: root, beneath: b, temps: t, known: newKnownDirs(), syncFile: (*os.File).Sync}
	d.sync = newDirSync(d.syncDir)
	d.buffers.New = func() any {
		p := make([]byte, copyBuffer)
		return &p
	}
	return d, nil
}

// makeRoot makes path and its missing parents durably.
func makeRoot(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	parent := filepath.Dir(path)
	if parent != path {
		if err := makeRoot(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	f, err := os.Open(parent)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return syncDirFile(f)
}

// Kind registers local directories.
func Kind() drivers.Kind {
	return drivers.Kind{
		Name:    "Local",
		Fields:  []drivers.Field{{Name: "path", Help: "directory that keeps the content; made if it is missing", Required: true}},
		Trusted: true,
		Validate: func(cfg drivers.Config) error {
			if p := cfg["path"]; p == "" || strings.ContainsRune(p, 0) {
				return fmt.Errorf("path %q: want a directory", p)
			}
			return nil
		},
		Open: func(ctx context.Context, name string, cfg drivers.Config) (drivers.Driver, error) {
			d, err := Open(ctx, name, cfg["path"])
			if err != nil {
				return nil, err
			}
			return d, nil
		},
	}
}

// Open implements drivers.Driver. Reads go on after the name was deleted or replaced. The reader implements
// io.ReaderAt and io.WriterTo and makes one system call for each Read that the disk fills.
func (d *Driver) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	r, err := d.open(ctx, name, offset, length)
	if err != nil {
		return nil, d.fail("open", name, err)
	}
	return r, nil
}

// Stat implements drivers.Driver.
func (d *Driver) Stat(ctx context.Context, name string) (drivers.Info, error) {
	if err := check(ctx, name); err != nil {
		return drivers.Info{}, d.fail("stat", name, err)
	}
	fi, err := d.root.Stat(name)
	if err == nil && !fi.Mode().IsRegular() && !fi.IsDir() {
		err = drivers.ErrNotExist
	}
	if err != nil {
		return drivers.Info{}, d.fail("stat", name, err)
	}
	return infoOf(name, fi), nil
}

func infoOf(name string, fi os.FileInfo) drivers.Info {
	info := drivers.Info{Name: name, Size: fi.Size(), ModTime: fi.ModTime().UTC(), IsDir: fi.IsDir()}
	if info.IsDir {
		info.Size = 0
	}
	return info
}

// Usage implements drivers.Usage with the figures of the whole file system.
func (d *Driver) Usage(ctx context.Context) (used, free int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, 0, d.fail("usage", "", err)
	}
	f, err := d.root.Open(".")
	if err != nil {
		return 0, 0, d.fail("usage", "", err)
	}
	defer func() { _ = f.Close() }()
	used, free, err = statfs(f)
	return used, free, d.fail("usage", "", err)
}

// Traits implements drivers.Driver.
func (d *Driver) Traits() drivers.Traits {
	return drivers.Traits{
		KeepsModTime: true, ModTimeGrain: time.Microsecond, Directories: true, AtomicPut: true, MaxSegment: maxSegment,
	}
}

// Close implements drivers.Driver. Open readers go on.
func (d *Driver) Close() error {
	return d.fail("close", "", errors.Join(d.temps.close(), d.beneath.close(), d.root.Close()))
}

func (d *Driver) fail(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return drivers.Fail(d.space, op, name, classify(owned(d.root.Name(), name, err, os.Geteuid())))
}

// check refuses what cannot be a name here: the contract's rules, the temporary directory (also where the file
// system folds case) and segments that no file system takes.
func check(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return checkName(name)
}

func checkName(name string) error {
	if err := drivers.CheckName(name); err != nil {
		return err
	}
	first := true
	for seg := range strings.SplitSeq(name, "/") {
		if len(seg) > maxSegment {
			return fmt.Errorf("a segment of %d bytes: %w", len(seg), drivers.ErrName)
		}
		if first && strings.EqualFold(seg, tempDir) {
			return fmt.Errorf("%s is reserved: %w", tempDir, drivers.ErrName)
		}
		first = false
	}
	return nil
}
