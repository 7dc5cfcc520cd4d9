package local

import (
	"context"
	"fmt"
	"path"

	"trivium/drivers"
)

// Delete implements drivers.Driver. It is durable when it returns nil, also when the name was missing already.
func (d *Driver) Delete(ctx context.Context, name string) error {
	if err := check(ctx, name); err != nil {
		return d.fail("delete", name, err)
	}
	if err := d.unlink(name); err != nil {
		return d.fail("delete", name, err)
	}
	return d.fail("delete", name, d.syncAfterRemove(path.Dir(name)))
}

// DeleteBatch implements drivers.BatchDeleter with one sync for each directory.
func (d *Driver) DeleteBatch(ctx context.Context, names []string) error {
	var first error
	note := func(name string, err error) {
		if err != nil && first == nil {
			first = d.fail("delete", name, err)
		}
	}
	touched := map[string]string{}
	for _, name := range names {
		err := check(ctx, name)
		if err == nil {
			err = d.unlink(name)
		}
		if err == nil {
			touched[path.Dir(name)] = name
		}
		note(name, err)
	}
	for dir, name := range touched {
		note(name, d.syncAfterRemove(dir))
	}
	return first
}

// unlink removes a name that is no directory. os.Root.Remove would remove an empty directory too, hence the look
// before it.
func (d *Driver) unlink(name string) error {
	fi, err := d.root.Lstat(name)
	if err == nil && fi.IsDir() {
		return fmt.Errorf("a directory: %w", drivers.ErrDenied)
	}
	if err == nil {
		err = d.root.Remove(name)
	}
	if missing(err) {
		return nil
	}
	return err
}

// syncAfterRemove makes a removal from dir durable. If dir itself has gone, or is no directory, nothing in it can
// come back.
func (d *Driver) syncAfterRemove(dir string) error {
	if err := d.sync.wait(dir); err != nil && !missing(err) {
		return err
	}
	return nil
}
