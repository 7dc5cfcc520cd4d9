package faulty

import (
	"context"

	"trivium/drivers"
)

// extra is the optional calls of the driver below with faults. Those that are not below are never asked for.
type extra struct {
	d      *Driver
	copier drivers.Copier
	batch  drivers.BatchDeleter
	dirs   drivers.Mkdirer
	drivers.Usage
	drivers.Presigner
}

// Copy implements drivers.Copier; rules match the name copied to.
func (x *extra) Copy(ctx context.Context, from, to string) error {
	return x.d.around(ctx, x.d.plan(Copy, to), func() error { return x.copier.Copy(ctx, from, to) })
}

// DeleteBatch implements drivers.BatchDeleter: names whose fault comes before the deletion stay.
func (x *extra) DeleteBatch(ctx context.Context, names []string) error {
	var first error
	var pass []string
	var after []plan
	for _, name := range names {
		p := x.d.plan(Delete, name)
		if err := x.d.before(ctx, p); err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		if p.fault.kind == KindLostAnswer {
			after = append(after, p)
		}
		pass = append(pass, name)
	}
	if err := x.batch.DeleteBatch(ctx, pass); err != nil && first == nil {
		first = err
	}
	for _, p := range after {
		if err := x.d.inject(p); first == nil {
			first = err
		}
	}
	return first
}

// Mkdir implements drivers.Mkdirer.
func (x *extra) Mkdir(ctx context.Context, name string) error {
	return x.d.around(ctx, x.d.plan(Mkdir, name), func() error { return x.dirs.Mkdir(ctx, name) })
}

// Rmdir implements drivers.Mkdirer.
func (x *extra) Rmdir(ctx context.Context, name string) error {
	return x.d.around(ctx, x.d.plan(Rmdir, name), func() error { return x.dirs.Rmdir(ctx, name) })
}
