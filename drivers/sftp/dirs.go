package sftp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	proto "github.com/pkg/sftp"

	"trivium/drivers"
)

// makeDirs makes dir and its parents as far as they are not known to be there, durably where the server can. A file in
// the way is ErrDenied, as is a symbolic link that leads out of the root.
func (d *Driver) makeDirs(ctx context.Context, dir string) error {
	if d.known.Has(dir) {
		return nil
	}
	err := d.makeDir(ctx, dir)
	if parent(dir) != "" && (errors.Is(err, fs.ErrNotExist) || isFailure(err)) {
		d.known.Forget(parent(dir))
		if err := d.makeDirs(ctx, parent(dir)); err != nil {
			return err
		}
		err = d.makeDir(ctx, dir)
	}
	if err != nil {
		return parentLost(d.explainWrite(ctx, err))
	}
	if err := d.confine(ctx, dir); err != nil {
		return parentLost(err)
	}
	// One that was there may be another call's that has not synced its parent yet.
	if err := d.syncDir(ctx, parent(dir)); err != nil {
		return err
	}
	d.known.Add(dir)
	return nil
}

// makeDir makes one directory or finds it there. Its parent is confined first: a link must not lead the MKDIR outside.
func (d *Driver) makeDir(ctx context.Context, dir string) error {
	if err := d.confine(ctx, parent(dir)); err != nil {
		return err
	}
	return d.with(ctx, func(c *proto.Client) error {
		err := c.Mkdir(d.full(dir))
		if err == nil || isLost(err) || errors.Is(err, fs.ErrNotExist) {
			return err
		}
		fi, statErr := c.Stat(d.full(dir))
		switch {
		case statErr == nil && fi.IsDir():
			return nil
		case statErr == nil:
			return fmt.Errorf("a file is where directory %q has to be: %w", dir, drivers.ErrDenied)
		}
		return err
	})
}

// syncDir brings the entries of a directory to disk, where the server can: OpenSSH opens directories like files.
func (d *Driver) syncDir(ctx context.Context, dir string) error {
	if !d.can.syncDirs {
		return nil
	}
	return d.with(ctx, func(c *proto.Client) error {
		f, err := c.Open(d.full(dir))
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
}

// syncAfterRemove is syncDir for a removal: if dir itself has gone, nothing in it can come back.
func (d *Driver) syncAfterRemove(ctx context.Context, dir string) error {
	if err := d.syncDir(ctx, dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Mkdir implements drivers.Mkdirer.
func (d *Driver) Mkdir(ctx context.Context, name string) error {
	if err := d.check(ctx, name); err != nil {
		return d.fail("mkdir", name, err)
	}
	d.known.Forget(name) // somebody else may have removed it
	return d.fail("mkdir", name, d.makeDirs(ctx, name))
}

// Rmdir implements drivers.Mkdirer.
func (d *Driver) Rmdir(ctx context.Context, name string) error {
	if err := d.check(ctx, name); err != nil {
		return d.fail("rmdir", name, err)
	}
	return d.fail("rmdir", name, d.rmdir(ctx, name))
}

func (d *Driver) rmdir(ctx context.Context, name string) error {
	fi, err := d.lstat(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !fi.IsDir() {
		return fmt.Errorf("a file: %w", drivers.ErrDenied)
	}
	d.known.Forget(name)
	d.inside.Forget(name)
	err = d.with(ctx, func(c *proto.Client) error {
		err := c.RemoveDirectory(d.full(name))
		if !isFailure(err) {
			return err
		}
		if members, listErr := c.ReadDirContext(ctx, d.full(name)); listErr == nil && len(members) > 0 {
			return fmt.Errorf("it has %d members: %w", len(members), drivers.ErrExist)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return d.syncAfterRemove(ctx, parent(name))
}

// Delete implements drivers.Driver.
func (d *Driver) Delete(ctx context.Context, name string) error {
	if err := d.check(ctx, name); err != nil {
		return d.fail("delete", name, err)
	}
	return d.fail("delete", name, d.delete(ctx, name))
}

func (d *Driver) delete(ctx context.Context, name string) error {
	fi, err := d.lstat(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case fi.IsDir():
		return fmt.Errorf("a directory: %w", drivers.ErrDenied)
	default:
		if err := d.remove(ctx, name); err != nil {
			return err
		}
	}
	return d.syncAfterDelete(ctx, parent(name))
}

// syncAfterDelete is syncAfterRemove where dir may also be a file.
func (d *Driver) syncAfterDelete(ctx context.Context, dir string) error {
	fi, err := d.lstatRoot(ctx, dir)
	if err != nil || !fi.IsDir() {
		return nil //nolint:nilerr // nothing is there that could come back
	}
	return d.syncAfterRemove(ctx, dir)
}

// remove removes a file; a missing one is no error.
func (d *Driver) remove(ctx context.Context, name string) error {
	err := d.with(ctx, func(c *proto.Client) error { return c.Remove(d.full(name)) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
