// Package sftp is the driver that keeps content on a server by SFTP (SSH File Transfer Protocol, version 3).
package sftp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	proto "github.com/pkg/sftp"

	"trivium/drivers"
)

const (
	tempDir    = ".trivium-tmp"
	maxSegment = 255
	maxPath    = 4095 // of a path on the usual servers
)

// Driver keeps each name in a file of that name below a directory of an SFTP server. It implements drivers.Driver,
// Mkdirer and Usage.
//
// Content is written to a file in ".trivium-tmp", a directory of the root that is no valid name, brought to disk where
// the server can (fsync@openssh.com), and renamed. A Put replaces in one step where the server has
// posix-rename@openssh.com, and IfAbsent is atomic against other processes where it has hardlink@openssh.com, which
// OpenSSH both has. Symbolic links that somebody else made inside the root are followed as long as they stay inside
// (outside is ErrDenied, as the server's REALPATH tells); List skips them, Put replaces and Delete removes the link.
//
// All calls share a few connections, which are made when they are needed. A call whose ctx ends while the server is
// silent ends its connection, and the calls on it with ErrTransient.
type Driver struct {
	space  string
	pool   *pool
	root   string // absolute
	can    abilities
	temps  *temps
	known  *drivers.KnownDirs // directories that are there
	inside *drivers.KnownDirs // directories that are not outside of the root
	locks  *drivers.NameLocks // keep Puts of one name in order where the server cannot

	buffers sync.Pool // *bufio.Writer of pieceSize
	pieces  sync.Pool // *[]byte of pieceSize
}

// abilities are what the server can do beyond the protocol.
type abilities struct {
	posixRename, hardlink, fsync, statvfs bool
	syncDirs                              bool // fsync works on directories
}

// Options are what the program, not the owner of a space, decides. The zero value is the common case.
type Options struct {
	// Dial makes the connections to the server; nil is a net.Dialer. It may refuse an address, best with an error
	// that wraps drivers.ErrDenied (one without a sentinel counts as transient).
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Learned hears, before anything is read or written, of the key of a server for which none is configured, as the
	// value that the field hostKey has to get; space is the name given to Open. Whoever keeps the configuration stores
	// it, so that it is required from then on; an error makes Open fail. nil: the key is required only as long as the
	// Driver lives.
	Learned func(space, hostKey string) error
	// Idle is how long the server may be silent, though it is asked four times as often; 0 is 1 min.
	Idle time.Duration
}

// Config is where a space lies and who opens it.
type Config struct {
	Host       string
	Port       string // "" is 22
	Path       string // the directory that is the root, made if it is missing; a relative one begins in the user's home
	HostKey    string // "SHA256:..." or a line as in known_hosts without the host ("ssh-ed25519 AAAA..."); "": see Options.Learned
	User       string
	Password   string
	PrivateKey string // PEM, instead of Password or before it
	Passphrase string // of PrivateKey
}

// Open connects to a space, makes its directory if it is missing, and removes temporary files older than a day. A
// directory that may only be read opens as well. space is told in errors; cfg's secrets are not.
func Open(ctx context.Context, space string, cfg Config, opts Options) (*Driver, error) {
	l, err := newLogin(space, cfg, opts)
	if err != nil {
		return nil, drivers.Fail(space, "connect", "", err)
	}
	d := &Driver{
		space: space, pool: newPool(l), temps: newTemps(), known: drivers.NewKnownDirs(), inside: drivers.NewKnownDirs(),
		locks: drivers.NewNameLocks(),
	}
	d.buffers.New, d.pieces.New = newBuffer, newPiece
	if err := d.connect(ctx, cfg.Path); err != nil {
		d.pool.close()
		return nil, d.fail("connect", "", err)
	}
	return d, nil
}

func (d *Driver) connect(ctx context.Context, dir string) error {
	err := d.with(ctx, func(c *proto.Client) error {
		d.can = abilities{
			posixRename: has(c, "posix-rename@openssh.com"), hardlink: has(c, "hardlink@openssh.com"),
			fsync: has(c, "fsync@openssh.com"), statvfs: has(c, "statvfs@openssh.com"),
		}
		fi, err := c.Stat(dir)
		if errors.Is(err, fs.ErrNotExist) {
			if err := c.MkdirAll(dir); err != nil {
				return err
			}
			fi, err = c.Stat(dir)
		}
		if err != nil {
			return err
		}
		if !fi.IsDir() {
			return fmt.Errorf("path: not a directory: %w", drivers.ErrDenied)
		}
		d.root, err = c.RealPath(dir)
		if err == nil && !path.IsAbs(d.root) {
			err = fmt.Errorf("%w: the server calls the directory %.100q", drivers.ErrBroken, d.root)
		}
		return err
	})
	if err != nil {
		return err
	}
	err = d.openTemps(ctx)
	if s := drivers.Sentinel(classify(err)); errors.Is(s, drivers.ErrDenied) || errors.Is(s, drivers.ErrNoSpace) {
		return nil // it can still be read; a Put finds out again
	}
	return err
}

func has(c *proto.Client, extension string) bool {
	_, ok := c.HasExtension(extension)
	return ok
}

// Stat implements drivers.Driver.
func (d *Driver) Stat(ctx context.Context, name string) (drivers.Info, error) {
	if err := d.check(ctx, name); err != nil {
		return drivers.Info{}, d.fail("stat", name, err)
	}
	_, fi, err := d.resolve(ctx, name)
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

// Usage implements drivers.Usage with the figures of the server's whole file system, where it tells them.
func (d *Driver) Usage(ctx context.Context) (used, free int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, 0, d.fail("usage", "", err)
	}
	if !d.can.statvfs {
		return -1, -1, nil
	}
	err = d.with(ctx, func(c *proto.Client) error {
		st, err := c.StatVFS(d.root)
		if err == nil {
			used, free = int64((st.Blocks-st.Bfree)*st.Frsize), int64(st.Bavail*st.Frsize)
		}
		return err
	})
	return used, free, d.fail("usage", "", err)
}

// Traits implements drivers.Driver.
func (d *Driver) Traits() drivers.Traits {
	return drivers.Traits{
		MaxInFlight: 16, KeepsModTime: true, ModTimeGrain: time.Second, Directories: true, AtomicPut: d.can.posixRename,
		MaxName: maxPath - len(d.root) - 1, MaxSegment: maxSegment,
	}
}

// Close implements drivers.Driver. Open readers fail.
func (d *Driver) Close() error {
	d.pool.close()
	return nil
}

func (d *Driver) fail(op, name string, err error) error {
	return drivers.Fail(d.space, op, name, classify(err))
}

// with runs f on a connection.
func (d *Driver) with(ctx context.Context, f func(c *proto.Client) error) error {
	s, err := d.pool.get(ctx)
	if err != nil {
		return err
	}
	defer s.release()
	return s.do(ctx, f)
}

// full is the path of a name on the server.
func (d *Driver) full(name string) string { return path.Join(d.root, name) }

func (d *Driver) check(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return d.checkName(name)
}

// checkName refuses what cannot be a name here: the contract's rules, the temporary directory (also where the server
// folds case), and what is too long.
func (d *Driver) checkName(name string) error {
	if err := drivers.CheckName(name); err != nil {
		return err
	}
	if n := maxPath - len(d.root) - 1; len(name) > n {
		return fmt.Errorf("a name of %d bytes, more than %d: %w", len(name), n, drivers.ErrName)
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

// parent is the directory of a name; "" is the root.
func parent(name string) string {
	if dir := path.Dir(name); dir != "." {
		return dir
	}
	return ""
}
