package webdav

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"trivium/drivers"
)

// Delete implements drivers.Driver. It looks first: a DELETE would take a directory with all in it.
func (d *Driver) Delete(ctx context.Context, name string) error {
	if err := check(ctx, name); err != nil {
		return d.fail("delete", name, err)
	}
	return d.fail("delete", name, d.delete(ctx, name))
}

func (d *Driver) delete(ctx context.Context, name string) error {
	unlock, err := d.locks.Lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	m, err := d.client.stat(ctx, name, false)
	switch {
	case errors.Is(err, drivers.ErrNotExist):
		return nil
	case err != nil:
		return err
	case m.dir:
		return fmt.Errorf("a directory: %w", drivers.ErrDenied)
	}
	return d.remove(ctx, d.client.url(name, false))
}

// remove sends a DELETE; a path that is missing is no error.
func (d *Driver) remove(ctx context.Context, path string) error {
	_, err := d.client.send(ctx, request{method: http.MethodDelete, path: path}, http.StatusOK, http.StatusNoContent)
	if errors.Is(err, drivers.ErrNotExist) {
		return nil
	}
	return err
}
