// Package webdav is the driver that keeps content on a WebDAV server (RFC 4918).
package webdav

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"path"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"trivium/drivers"
)

const (
	tempDir    = ".trivium-tmp"
	maxSegment = 255 // what the file systems behind the usual servers take
	timeGrain  = time.Second
)

// Driver keeps each name in a file of that name below a collection of a WebDAV server. It implements
// drivers.Driver, Copier, Mkdirer and Usage.
//
// Content is sent to a temporary name in ".trivium-tmp", a collection of the root that is no valid name, its size
// there is compared, and then it is moved. What WebDAV cannot promise the driver cannot either: durable is what the
// server answers for; on many servers a name that is replaced is missing for a moment (Traits.AtomicPut is false);
// IfAbsent, and the care that a Put or Delete takes not to hit a directory, are atomic among the calls of one
// Driver, and against other processes only where the server moves with "Overwrite: F" and deletes atomically.
type Driver struct {
	space     string
	client    *client
	temps     *temps
	keepsTime bool

	// locks keep calls on one name in order: servers answer 423 when two of them meet.
	locks *drivers.NameLocks
	// known are directories that are there. tree is held shared from a look at known to the move that relies on it,
	// and whole by Rmdir, since DELETE would take what was moved into a directory in between.
	known *drivers.KnownDirs
	tree  *semaphore.Weighted
}

const wholeTree = math.MaxInt32

// Options are what the program, not the owner of a space, decides. The zero value is the common case.
type Options struct {
	// Dial makes the connections to the server; nil is a net.Dialer. It may refuse an address, best with an error
	// that wraps drivers.ErrDenied (one without a sentinel counts as transient). No proxy goes around it.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Idle is how long the server may neither take nor send a byte while it is waited for; 0 is 2 min.
	Idle time.Duration
}

// Config is where a space lies and who opens it.
type Config struct {
	URL         string // http or https; the collection that is the root, made if it is missing
	User        string // Basic authentication; "" is none
	Password    string
	BearerToken string // instead of User
}

// Open connects to a space: it checks that cfg.URL is a WebDAV collection, makes it if it is missing, finds out
// whether times are kept, and removes temporary names older than a day. A collection that may only be read opens as
// well. space is told in errors; cfg's secrets are not.
func Open(ctx context.Context, space string, cfg Config, opts Options) (*Driver, error) {
	c, err := newClient(cfg, opts)
	if err != nil {
		return nil, drivers.Fail(space, "connect", "", err)
	}
	d := &Driver{
		space: space, client: c, temps: newTemps(), locks: drivers.NewNameLocks(), known: drivers.NewKnownDirs(),
		tree: semaphore.NewWeighted(wholeTree),
	}
	if err := d.connect(ctx); err != nil {
		c.close()
		return nil, drivers.Fail(space, "connect", "", err)
	}
	return d, nil
}

func (d *Driver) connect(ctx context.Context) error {
	root, err := d.client.stat(ctx, "", true)
	if errors.Is(err, drivers.ErrNotExist) {
		if err := d.client.makeRoot(ctx); err != nil {
			return err
		}
		root, err = d.client.stat(ctx, "", true)
	}
	if err != nil {
		return err
	}
	if !root.dir {
		return fmt.Errorf("%w: the address is that of a file, not of a collection", drivers.ErrBroken)
	}
	err = d.openTemps(ctx)
	if errors.Is(err, drivers.ErrDenied) || errors.Is(err, drivers.ErrNoSpace) {
		return nil // it can still be read; a Put finds out again
	}
	return err
}

// Stat implements drivers.Driver.
func (d *Driver) Stat(ctx context.Context, name string) (drivers.Info, error) {
	if err := check(ctx, name); err != nil {
		return drivers.Info{}, d.fail("stat", name, err)
	}
	info, err := d.stat(ctx, name)
	return info, d.fail("stat", name, err)
}

func (d *Driver) stat(ctx context.Context, name string) (drivers.Info, error) {
	m, err := d.client.stat(ctx, name, false)
	if err != nil {
		return drivers.Info{}, err
	}
	return m.info(name)
}

// Usage implements drivers.Usage with the quota properties of RFC 4331, where the server has them.
func (d *Driver) Usage(ctx context.Context) (used, free int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, 0, d.fail("usage", "", err)
	}
	m, err := d.client.propfind(ctx, d.client.url("", true), quotaProperties)
	if err != nil {
		return 0, 0, d.fail("usage", "", err)
	}
	return m.used, m.free, nil
}

// Traits implements drivers.Driver.
func (d *Driver) Traits() drivers.Traits {
	t := drivers.Traits{MaxInFlight: 16, Directories: true, MaxSegment: maxSegment, KeepsModTime: d.keepsTime}
	if t.KeepsModTime {
		t.ModTimeGrain = timeGrain
	}
	return t
}

// Close implements drivers.Driver. Open readers go on.
func (d *Driver) Close() error {
	d.client.close()
	return nil
}

func (d *Driver) fail(op, name string, err error) error {
	return drivers.Fail(d.space, op, name, err)
}

func check(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return checkName(name)
}

// checkName refuses what cannot be a name here: the contract's rules, the temporary directory (also where the server
// folds case) and segments that are too long.
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

// parent is the directory of a name; "" is the root.
func parent(name string) string {
	if dir := path.Dir(name); dir != "." {
		return dir
	}
	return ""
}
