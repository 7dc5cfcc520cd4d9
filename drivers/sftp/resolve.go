package sftp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	proto "github.com/pkg/sftp"

	"trivium/drivers"
)

// lstat describes a name without following it. Its directory is not outside of the root.
func (d *Driver) lstat(ctx context.Context, name string) (os.FileInfo, error) {
	if err := d.confine(ctx, parent(name)); err != nil {
		return nil, err
	}
	var fi os.FileInfo
	err := d.with(ctx, func(c *proto.Client) (err error) {
		fi, err = c.Lstat(d.full(name))
		return d.belowFile(c, name, err)
	})
	return fi, err
}

// belowFile makes of an unspecific failure at a name that would be below a file what it means: that it is missing.
func (d *Driver) belowFile(c *proto.Client, name string, err error) error {
	if !isFailure(err) {
		return err
	}
	for dir := parent(name); dir != ""; dir = parent(dir) {
		fi, statErr := c.Stat(d.full(dir))
		switch {
		case statErr == nil && fi.IsDir():
			return err
		case statErr == nil, errors.Is(statErr, fs.ErrNotExist):
			return fs.ErrNotExist
		case !isFailure(statErr):
			return err
		}
	}
	return err
}

// confine refuses a directory that symbolic links lead out of the root.
func (d *Driver) confine(ctx context.Context, dir string) error {
	if d.inside.Has(dir) {
		return nil
	}
	var real string
	err := d.with(ctx, func(c *proto.Client) (err error) {
		real, err = c.RealPath(d.full(dir))
		return d.belowFile(c, dir, err)
	})
	if err != nil {
		return err
	}
	if !d.contains(real) {
		return fmt.Errorf("a symbolic link leads out of the space: %w", drivers.ErrDenied)
	}
	if real == d.full(dir) {
		d.inside.Add(dir)
	}
	return nil
}

func (d *Driver) contains(real string) bool {
	return real == d.root || strings.HasPrefix(real, strings.TrimRight(d.root, "/")+"/")
}

// resolve returns the path of the file or directory that a name means, which may be behind a symbolic link, and what
// it is.
func (d *Driver) resolve(ctx context.Context, name string) (string, os.FileInfo, error) {
	fi, err := d.lstat(ctx, name)
	if err != nil || fi.Mode()&fs.ModeSymlink == 0 {
		return d.full(name), fi, err
	}
	var real string
	err = d.with(ctx, func(c *proto.Client) (err error) {
		if real, err = c.RealPath(d.full(name)); err != nil {
			return err
		}
		if !d.contains(real) {
			return fmt.Errorf("a symbolic link leads out of the space: %w", drivers.ErrDenied)
		}
		if fi, err = c.Lstat(real); err == nil && fi.Mode()&fs.ModeSymlink != 0 {
			// REALPATH of some servers looks at nothing. Only a link to nowhere leads to nothing outside for sure.
			if _, err = c.Stat(real); err == nil {
				err = fmt.Errorf("a symbolic link that the server does not resolve: %w", drivers.ErrDenied)
			}
		}
		return err
	})
	if isFailure(err) {
		err = fs.ErrNotExist // it leads below a file, or round in a circle
	}
	return real, fi, err
}
