package local

import (
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"trivium/drivers"
)

// List implements drivers.Driver. Each directory is read whole before its first member is yielded. Files whose
// names are no valid UTF-8, which no name can mean, are skipped as symbolic links and special files are.
func (d *Driver) List(ctx context.Context, prefix string, opts drivers.ListOptions) iter.Seq2[drivers.Info, error] {
	return func(yield func(drivers.Info, error) bool) {
		w := walk{ctx: ctx.Err, opts: opts, yield: yield}
		if err := d.list(prefix, &w); err != nil && !errors.Is(err, errStop) {
			yield(drivers.Info{}, d.fail("list", prefix, err))
		}
	}
}

// errStop ends a walk whose caller has broken off.
var errStop = errors.New("stopped")

type walk struct {
	ctx   func() error
	opts  drivers.ListOptions
	yield func(drivers.Info, error) bool
}

func (d *Driver) list(prefix string, w *walk) error {
	if err := w.ctx(); err != nil {
		return err
	}
	dir := "."
	if prefix != "" {
		if err := checkName(prefix); err != nil {
			return err
		}
		dir = prefix
	}
	if fi, err := d.root.Lstat(dir); missing(err) || err == nil && !fi.IsDir() {
		return nil
	} else if err != nil {
		return err
	}
	root, err := d.root.OpenRoot(dir)
	if err != nil {
		return ignoreMissing(err)
	}
	return w.dir(root, prefix)
}

// dir walks the directory root, whose full name is name, and closes it.
func (w *walk) dir(root *os.Root, name string) error {
	defer func() { _ = root.Close() }()
	entries, err := readDir(root)
	if err != nil {
		return ignoreMissing(err)
	}
	for _, e := range entries {
		if err := w.ctx(); err != nil {
			return err
		}
		full := path.Join(name, e.Name())
		if name == "" && strings.EqualFold(full, tempDir) {
			continue
		}
		if err := w.member(root, full, e); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) member(root *os.Root, full string, e os.DirEntry) error {
	key := keyOf(full, e)
	inside := e.IsDir() && w.opts.Recursive && (w.opts.StartAfter < key || strings.HasPrefix(w.opts.StartAfter, key))
	if key > w.opts.StartAfter {
		fi, err := root.Lstat(e.Name())
		if missing(err) || err == nil && !fi.IsDir() && !fi.Mode().IsRegular() || err == nil && fi.IsDir() != e.IsDir() {
			return nil // it went or changed since the directory was read
		}
		if err != nil {
			return err
		}
		if !w.yield(infoOf(full, fi), nil) {
			return errStop
		}
	}
	if !inside {
		return nil
	}
	sub, err := root.OpenRoot(e.Name())
	if err != nil {
		return ignoreMissing(err)
	}
	return w.dir(sub, full)
}

func keyOf(name string, e os.DirEntry) string {
	if e.IsDir() {
		return name + "/"
	}
	return name
}

// readDir returns the files and directories of root in the order of List.
func readDir(root *os.Root) ([]os.DirEntry, error) {
	f, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	entries, err := f.ReadDir(-1)
	_ = f.Close()
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool {
		return !e.IsDir() && !e.Type().IsRegular() || !utf8.ValidString(e.Name())
	})
	slices.SortFunc(entries, func(a, b os.DirEntry) int {
		return cmp.Compare(keyOf(a.Name(), a), keyOf(b.Name(), b))
	})
	return entries, nil
}

func ignoreMissing(err error) error {
	if missing(err) {
		return nil
	}
	return err
}
