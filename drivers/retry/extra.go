package retry

import (
	"context"

	"trivium/drivers"
)

// extra is the optional calls of the driver below, retried. Those that are not below are never asked for.
type extra struct {
	d      *Driver
	copier drivers.Copier
	batch  drivers.BatchDeleter
	dirs   drivers.Mkdirer
	usage  drivers.Usage
	drivers.Presigner
}

// Copy implements drivers.Copier.
func (x *extra) Copy(ctx context.Context, from, to string) error {
	return x.d.do(ctx, "copy", to, func() error { return x.copier.Copy(ctx, from, to) })
}

// DeleteBatch implements drivers.BatchDeleter; a retry asks for all names again.
func (x *extra) DeleteBatch(ctx context.Context, names []string) error {
	return x.d.do(ctx, "delete", "", func() error { return x.batch.DeleteBatch(ctx, names) })
}

// Mkdir implements drivers.Mkdirer.
func (x *extra) Mkdir(ctx context.Context, name string) error {
	return x.d.do(ctx, "mkdir", name, func() error { return x.dirs.Mkdir(ctx, name) })
}

// Rmdir implements drivers.Mkdirer.
func (x *extra) Rmdir(ctx context.Context, name string) error {
	return x.d.do(ctx, "rmdir", name, func() error { return x.dirs.Rmdir(ctx, name) })
}

// Usage implements drivers.Usage.
func (x *extra) Usage(ctx context.Context) (used, free int64, err error) {
	err = x.d.do(ctx, "usage", "", func() error {
		used, free, err = x.usage.Usage(ctx)
		return err
	})
	return used, free, err
}
