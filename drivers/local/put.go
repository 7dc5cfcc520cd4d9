package local

import (
	"context"
	"errors"
	"io"
	"os"
	"path"
	"syscall"
	"time"

	"trivium/drivers"
)

// Put implements drivers.Driver: temporary file, fsync, rename (with IfAbsent: link), fsync of the directory, which
// concurrent Puts into one directory share.
func (d *Driver) Put(ctx context.Context, name string, body io.Reader, size int64, opts drivers.PutOptions) error {
	return d.fail("put", name, d.put(ctx, name, opts, func(f *os.File) error {
		buf, _ := d.buffers.Get().(*[]byte)
		defer d.buffers.Put(buf)
		return drivers.NewBody(ctx, body, size).CopyTo(f, *buf)
	}))
}

// Copy implements drivers.Copier. The system copies, sharing blocks where the file system can.
func (d *Driver) Copy(ctx context.Context, from, to string) error {
	if err := check(ctx, from); err != nil {
		return d.fail("copy", from, err)
	}
	if err := check(ctx, to); err != nil {
		return d.fail("copy", to, err)
	}
	src, err := d.openFile(from)
	if err != nil {
		return d.fail("copy", from, err)
	}
	defer func() { _ = src.f.Close() }()
	return d.fail("copy", to, d.put(ctx, to, drivers.PutOptions{}, func(f *os.File) error {
		return copyFile(ctx, f, src)
	}))
}

func copyFile(ctx context.Context, f *os.File, src source) error {
	const step = 64 << 20 // between two looks at ctx
	for done := int64(0); done < src.size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := f.ReadFrom(&io.LimitedReader{R: src.f, N: min(step, src.size-done)})
		if err == nil && n == 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		done += n
	}
	return nil
}

func (d *Driver) put(ctx context.Context, name string, opts drivers.PutOptions, write func(*os.File) error) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	if opts.IfAbsent {
		if _, err := d.root.Lstat(name); err == nil {
			return drivers.ErrExist
		}
	}
	f, temp, err := d.temps.create()
	if err != nil {
		return inTheWay(err)
	}
	defer func() { _ = f.Close() }()
	if err := d.fill(f, temp, opts.ModTime, write); err != nil {
		return errors.Join(err, d.temps.remove(temp))
	}
	if err := ctx.Err(); err != nil {
		return errors.Join(err, d.temps.remove(temp))
	}
	return d.publish(f, temp, name, opts.IfAbsent)
}

// fill writes the content of a temporary file and brings it to disk. A file whose fsync failed once is never tried
// again: the kernel may have dropped the pages that it could not write and call the next fsync a success.
func (d *Driver) fill(f *os.File, temp string, modTime time.Time, write func(*os.File) error) error {
	if err := write(f); err != nil {
		return err
	}
	if !modTime.IsZero() {
		if err := d.root.Chtimes(temp, modTime, modTime); err != nil {
			return inTheWay(err)
		}
	}
	return d.syncFile(f)
}

// publish gives a temporary file its name and makes that durable.
func (d *Driver) publish(f *os.File, temp, name string, ifAbsent bool) error {
	if err := d.place(temp, name, ifAbsent); err != nil {
		return errors.Join(err, d.temps.remove(temp))
	}
	if d.renamed != nil {
		d.renamed(name)
	}
	// Sync the directory as well: without it a crash can forget the rename, and the caller counts on the name.
	err := d.sync.wait(path.Dir(name))
	if err != nil {
		d.withdraw(f, name)
	}
	if ifAbsent {
		_ = d.temps.remove(temp) // a second link to the content, removed at the next Open at the latest
	}
	return err
}

// place moves temp to name, making missing directories; when it returns nil, all entries above name are on disk.
func (d *Driver) place(temp, name string, ifAbsent bool) error {
	d.tree.RLock()
	defer d.tree.RUnlock()
	dir := path.Dir(name)
	if err := d.makeDirs(dir); err != nil {
		return inTheWay(err)
	}
	err := d.move(temp, name, ifAbsent)
	if errors.Is(err, syscall.ENOENT) {
		// Somebody else removed a directory that was known.
		d.known.forget(dir)
		if err := d.makeDirs(dir); err != nil {
			return inTheWay(err)
		}
		err = d.move(temp, name, ifAbsent)
	}
	if ifAbsent && errors.Is(err, syscall.EEXIST) {
		return drivers.ErrExist
	}
	return inTheWay(err)
}

func (d *Driver) move(temp, name string, ifAbsent bool) error {
	if ifAbsent {
		return d.root.Link(temp, name)
	}
	return d.root.Rename(temp, name)
}

// withdraw takes back a name whose directory could not be synced: it must not be found later and taken for durable.
// A name that another Put has replaced since is left to that Put.
func (d *Driver) withdraw(f *os.File, name string) {
	mine, err := f.Stat()
	if err != nil {
		return
	}
	if there, err := d.root.Lstat(name); err == nil && os.SameFile(mine, there) {
		_ = d.root.Remove(name) // the disk fails already, the caller learns of that
	}
}
