package webdav

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"trivium/drivers"
)

// makeDirs makes dir and its parents as far as they are not known to be there. A file in the way is ErrDenied.
func (d *Driver) makeDirs(ctx context.Context, dir string) error {
	if d.known.Has(dir) {
		return nil
	}
	unlock, err := d.locks.Lock(ctx, dir+"/")
	if err != nil {
		return err
	}
	defer unlock()
	if d.known.Has(dir) {
		return nil
	}
	err = d.mkcol(ctx, dir)
	if s := statusOf(err); (s == http.StatusConflict || s == http.StatusNotFound) && parent(dir) != "" {
		d.known.Forget(parent(dir))
		if err := d.makeDirs(ctx, parent(dir)); err != nil {
			return err
		}
		err = d.mkcol(ctx, dir)
	}
	if err != nil {
		return parentLost(err)
	}
	d.known.Add(dir)
	return nil
}

// mkcol makes one directory or finds it there.
func (d *Driver) mkcol(ctx context.Context, dir string) error {
	_, err := d.client.send(ctx, request{method: methodMkcol, path: d.client.url(dir, true)}, http.StatusCreated)
	switch s := statusOf(err); {
	case err == nil, s == 0, s == http.StatusConflict, s == http.StatusNotFound, errors.Is(err, drivers.ErrTransient):
		return err
	}
	m, statErr := d.client.stat(ctx, dir, true)
	switch {
	case statErr == nil && m.dir:
		return nil
	case statErr == nil:
		return fmt.Errorf("a file is where directory %q has to be: %w", dir, drivers.ErrDenied)
	case !errors.Is(statErr, drivers.ErrNotExist):
		return statErr
	case statusOf(err) == http.StatusMethodNotAllowed, statusOf(err) == http.StatusBadRequest:
		return fmt.Errorf("something is where directory %q has to be, or above it: %w", dir, drivers.ErrDenied)
	}
	return err
}

// parentLost keeps a missing parent from passing for a missing name.
func parentLost(err error) error {
	if errors.Is(err, drivers.ErrNotExist) || errors.Is(err, drivers.ErrExist) {
		return fmt.Errorf("%w: %s", drivers.ErrBroken, err.Error())
	}
	return err
}

// Mkdir implements drivers.Mkdirer.
func (d *Driver) Mkdir(ctx context.Context, name string) error {
	if err := check(ctx, name); err != nil {
		return d.fail("mkdir", name, err)
	}
	return d.fail("mkdir", name, d.mkdir(ctx, name))
}

func (d *Driver) mkdir(ctx context.Context, name string) error {
	if err := d.tree.Acquire(ctx, 1); err != nil {
		return err
	}
	defer d.tree.Release(1)
	// What is known may have been removed by somebody else.
	d.known.Forget(name)
	return d.makeDirs(ctx, name)
}

// Rmdir implements drivers.Mkdirer. A DELETE takes a directory with all in it: what another process puts there between
// the look that finds it empty and the DELETE is lost with it.
func (d *Driver) Rmdir(ctx context.Context, name string) error {
	if err := check(ctx, name); err != nil {
		return d.fail("rmdir", name, err)
	}
	return d.fail("rmdir", name, d.rmdir(ctx, name))
}

func (d *Driver) rmdir(ctx context.Context, name string) error {
	if err := d.tree.Acquire(ctx, wholeTree); err != nil {
		return err
	}
	defer d.tree.Release(wholeTree)
	m, err := d.client.stat(ctx, name, false)
	if errors.Is(err, drivers.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !m.dir {
		return fmt.Errorf("a file: %w", drivers.ErrDenied)
	}
	c := d.collector(name, "")
	if err := d.collect(ctx, c); err != nil {
		return err
	}
	members, err := c.infos()
	if err != nil {
		return err
	}
	if n := len(members) + c.other; n > 0 {
		return fmt.Errorf("it has %d members: %w", n, drivers.ErrExist)
	}
	d.known.Forget(name)
	return d.remove(ctx, d.client.url(name, true))
}
