package sftp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path"
	"slices"
	"strings"

	proto "github.com/pkg/sftp"

	"trivium/drivers"
)

// List implements drivers.Driver. Each directory is read whole before its first member is yielded. Members whose names
// no name can mean are skipped as symbolic links and special files are.
func (d *Driver) List(ctx context.Context, prefix string, opts drivers.ListOptions) iter.Seq2[drivers.Info, error] {
	return func(yield func(drivers.Info, error) bool) {
		if err := d.list(ctx, prefix, opts, yield); err != nil && !errors.Is(err, drivers.ErrStop) {
			yield(drivers.Info{}, d.fail("list", prefix, err))
		}
	}
}

func (d *Driver) list(ctx context.Context, prefix string, opts drivers.ListOptions, yield func(drivers.Info, error) bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if prefix != "" {
		if err := d.checkName(prefix); err != nil {
			return err
		}
	}
	fi, err := d.lstatRoot(ctx, prefix)
	switch {
	case prefix == "" && errors.Is(err, fs.ErrNotExist):
		// Passing for empty would be taken for the loss of everything.
		return fmt.Errorf("%w: the directory of the space is gone", drivers.ErrBroken)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !fi.IsDir():
		return nil
	}
	return drivers.Walk(ctx, prefix, opts, d.members, yield)
}

// lstatRoot is lstat that knows the root, which may be a symbolic link.
func (d *Driver) lstatRoot(ctx context.Context, name string) (fi os.FileInfo, err error) {
	if name != "" {
		return d.lstat(ctx, name)
	}
	err = d.with(ctx, func(c *proto.Client) (err error) {
		fi, err = c.Stat(d.root)
		return err
	})
	return fi, err
}

// members returns the members of a directory in the order of List: those that may come after start, or have members
// that may. A directory that went meanwhile has none.
func (d *Driver) members(ctx context.Context, dir, start string) ([]drivers.Info, error) {
	var entries []os.FileInfo
	err := d.with(ctx, func(c *proto.Client) (err error) {
		entries, err = c.ReadDirContext(ctx, d.full(dir))
		return d.belowFile(c, path.Join(dir, "x"), err)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	infos := make([]drivers.Info, 0, len(entries))
	for _, fi := range entries {
		if !fi.IsDir() && !fi.Mode().IsRegular() || strings.Contains(fi.Name(), "/") || drivers.CheckName(fi.Name()) != nil {
			continue
		}
		if dir == "" && strings.EqualFold(fi.Name(), tempDir) {
			continue
		}
		info := infoOf(path.Join(dir, fi.Name()), fi)
		if key := info.Key(); key > start || info.IsDir && strings.HasPrefix(start, key) {
			infos = append(infos, info)
		}
	}
	slices.SortFunc(infos, func(a, b drivers.Info) int { return cmp.Compare(a.Key(), b.Key()) })
	return infos, nil
}
