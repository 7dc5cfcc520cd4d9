package memory

import (
	"context"
	"iter"
	"slices"
	"strings"

	"trivium/drivers"
)

// List implements drivers.Driver. It shows the names of its beginning that are still there when their turn comes.
func (d *Driver) List(ctx context.Context, prefix string, opts drivers.ListOptions) iter.Seq2[drivers.Info, error] {
	return func(yield func(drivers.Info, error) bool) {
		if prefix != "" {
			if err := drivers.CheckName(prefix); err != nil {
				yield(drivers.Info{}, d.fail("list", prefix, err))
				return
			}
		}
		if err := d.list(ctx, prefix, opts, yield); err != nil {
			yield(drivers.Info{}, d.fail("list", prefix, err))
		}
	}
}

func (d *Driver) list(ctx context.Context, prefix string, opts drivers.ListOptions, yield func(drivers.Info, error) bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	under := prefix
	if under != "" {
		under += "/"
	}
	names := d.s.names()
	i, _ := slices.BinarySearch(names, max(under, opts.StartAfter))
	for i < len(names) && strings.HasPrefix(names[i], under) {
		if err := ctx.Err(); err != nil {
			return err
		}
		info, next := d.member(names, i, under, opts.Recursive)
		if info.Name != "" && info.Key() > opts.StartAfter && !yield(info, nil) {
			return nil
		}
		i = next
	}
	return nil
}

// member describes what names[i] shows in a listing of under, nothing if it has gone, and tells where to go on.
func (d *Driver) member(names []string, i int, under string, recursive bool) (drivers.Info, int) {
	name := names[i]
	slash := strings.IndexByte(name[len(under):], '/')
	if slash >= 0 && !recursive {
		dir := name[:len(under)+slash]
		past, _ := slices.BinarySearch(names[i:], dir+"0") // "0" follows "/"
		return drivers.Info{Name: dir, IsDir: true}, i + past
	}
	e, ok := d.s.get(name)
	if !ok {
		return drivers.Info{}, i + 1
	}
	return drivers.Info{Name: name, Size: e.size, ModTime: e.modTime}, i + 1
}
