package sftp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	proto "github.com/pkg/sftp"

	"trivium/drivers"
)

// temps makes the temporary names of one opened driver: "<id>.<number>" in tempDir.
type temps struct {
	id    string
	next  atomic.Uint64
	ready atomic.Bool // tempDir was seen to be a directory
}

const (
	idLength   = 26 // of rand.Text
	staleAfter = 24 * time.Hour
	// maxCleaned bounds how many stale files one Open removes, so that it does not take for ever.
	maxCleaned = 1000
)

func newTemps() *temps { return &temps{id: rand.Text()} }

// create returns a name that nobody has used.
func (t *temps) create() string {
	return path.Join(tempDir, t.id+"."+strconv.FormatUint(t.next.Add(1), 36))
}

// isTemp tells whether a name is one that temps makes. Nothing else in the directory is ever removed.
func isTemp(name string) bool {
	id, number, ok := strings.Cut(name, ".")
	return ok && len(id) == idLength && strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == "" &&
		number != "" && strings.Trim(number, "0123456789abcdefghijklmnopqrstuvwxyz") == ""
}

// openTemps makes the directory of temporary files, finds out whether the server brings directories to disk, and
// removes files that are stale.
func (d *Driver) openTemps(ctx context.Context) error {
	if err := d.makeTempDir(ctx); err != nil {
		return err
	}
	d.can.syncDirs = d.can.fsync
	if err := d.syncDir(ctx, tempDir); err != nil {
		if isLost(err) || ctx.Err() != nil {
			return err
		}
		d.can.syncDirs = false
	}
	now, err := d.clock(ctx)
	if err != nil {
		return err
	}
	return d.removeStale(ctx, now)
}

func (d *Driver) makeTempDir(ctx context.Context) error {
	err := d.with(ctx, func(c *proto.Client) error {
		err := c.Mkdir(d.full(tempDir))
		if err == nil || isLost(err) {
			return err
		}
		fi, statErr := c.Lstat(d.full(tempDir))
		if statErr == nil && !fi.IsDir() {
			return fmt.Errorf("%s is no directory: %w", tempDir, drivers.ErrDenied) // a link could lead writes elsewhere
		}
		if statErr == nil {
			return nil
		}
		return parentLost(err)
	})
	d.temps.ready.Store(err == nil)
	return err
}

// clock is the server's time: that of a new file.
func (d *Driver) clock(ctx context.Context) (time.Time, error) {
	temp := d.temps.create()
	defer d.dropTemp(ctx, temp)
	var now time.Time
	err := d.with(ctx, func(c *proto.Client) error {
		f, err := c.OpenFile(d.full(temp), os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		if err != nil {
			return err
		}
		fi, err := f.Stat()
		if err == nil {
			now = fi.ModTime()
		}
		return errors.Join(err, f.Close())
	})
	return now, d.explainWrite(ctx, err)
}

// removeStale removes temporary files that are older than staleAfter. One that cannot be removed stays for the next
// time.
func (d *Driver) removeStale(ctx context.Context, now time.Time) error {
	return d.with(ctx, func(c *proto.Client) error {
		entries, err := c.ReadDirContext(ctx, d.full(tempDir))
		if err != nil {
			return parentLost(err)
		}
		cleaned := 0
		for _, fi := range entries {
			if !fi.Mode().IsRegular() || !isTemp(fi.Name()) || now.Sub(fi.ModTime()) <= staleAfter {
				continue
			}
			if cleaned++; cleaned > maxCleaned {
				break
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			_ = c.Remove(d.full(path.Join(tempDir, fi.Name())))
		}
		return nil
	})
}

// dropTemp removes a temporary file, whatever became of ctx. What cannot be removed is removed by an Open a day later.
func (d *Driver) dropTemp(ctx context.Context, temp string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	_ = d.remove(ctx, temp)
}
