package core

import (
	"context"
	"fmt"
	"strings"
)

// copyFolder is one try of copyTree; errGrew when there are more objects than it has ids for. Conflict also for
// more than 64 MiB of dead properties.
func (se *Session) copyFolder(ctx context.Context, src, dst Path, opts folderOptions) (made bool, err error) {
	paths, err := checkFolders(src, dst)
	if err != nil {
		return false, err
	}
	from, err := se.authorize(ctx, src.Bucket, AccessRead)
	if err != nil {
		return false, err
	}
	to, err := se.writable(ctx, dst)
	if err != nil {
		return false, err
	}
	w, err := se.s.newFolderWork(ctx, from, to, paths)
	if err != nil {
		return false, err
	}
	w.opts = opts
	if w.objects, err = se.s.nextIDs(ctx, "object", w.n); err != nil {
		return false, err
	}
	if w.contents, err = se.s.nextIDs(ctx, "inline", w.n); err != nil {
		return false, err
	}
	se.s.hook("put.commit.before")
	err = se.update(ctx, func(ctx context.Context, tx MetaTx) error {
		a, err := se.beginRead(ctx, tx, from)
		if err != nil {
			return err
		}
		b, err := se.begin(ctx, tx, to)
		if err != nil {
			return err
		}
		made, err = w.copy(ctx, a, b)
		return err
	})
	se.s.hook("put.commit.after")
	return made, err
}

// copy does the work of copyFolder.
func (w *folderWork) copy(ctx context.Context, a, b *mutation) (made bool, err error) {
	if made, err = w.prepare(ctx, a, b); err != nil {
		return false, err
	}
	var n int64
	room := b.s.folderProperties
	err = w.eachSource(ctx, a, func(e Entry) error {
		if !isLive(&e, a.now) {
			return nil
		}
		if room, err = a.lessProperties(ctx, room, &e); err != nil {
			return err
		}
		n++
		return w.copyEntry(ctx, b, e, n-1)
	})
	if err != nil {
		return false, err
	}
	src := strings.TrimSuffix(w.src, "/")
	explicit := n == 0
	if !strings.Contains(src, "/") {
		p, found, err := a.tx.PackageByName(ctx, a.bucket.ID, src)
		if err != nil {
			return false, err
		}
		explicit = explicit || found && p.Explicit && !strings.Contains(strings.TrimSuffix(w.dst, "/"), "/")
	}
	if explicit {
		if err := b.makeFolder(ctx, strings.TrimSuffix(w.dst, "/"), w.ids); err != nil {
			return false, err
		}
	}
	if err := b.replaced(ctx, strings.TrimSuffix(w.dst, "/")); err != nil {
		return false, err
	}
	return made, b.finish(ctx)
}

// lessProperties takes the bytes of the dead properties of e from those that one folder operation may write: all others
// who write wait for it.
func (m *mutation) lessProperties(ctx context.Context, room int, e *Entry) (int, error) {
	if !e.Props {
		return room, nil
	}
	all, err := m.tx.Properties(ctx, e.ObjectID)
	if room -= propertyBytes(all); err == nil && room < 0 {
		err = Errorf(Conflict, e.Key, "the properties of the folder's files have more than %d MiB; work on its members", m.s.folderProperties>>20)
	}
	return room, err
}

// eachSource calls fn for what is to be copied.
func (w *folderWork) eachSource(ctx context.Context, a *mutation, fn func(Entry) error) error {
	if !w.opts.shallow {
		return a.eachEntry(ctx, w.src, Live, fn)
	}
	e, found, err := a.tx.Entry(ctx, a.bucket.ID, w.src)
	if err != nil || !found || e.Version.Size > 0 {
		return err
	}
	return fn(e)
}

// copyEntry copies the i-th object to its place below the target.
func (w *folderWork) copyEntry(ctx context.Context, b *mutation, e Entry, i int64) error {
	if i >= w.n {
		return errGrew
	}
	key := w.dst + e.Key[len(w.src):]
	if len(key) > MaxKey {
		return Errorf(KeyTooLong, e.Key, "its key would have more than %d bytes", MaxKey)
	}
	old, had, err := b.tx.Entry(ctx, b.bucket.ID, key)
	if err != nil {
		return err
	}
	c := copying{class: w.class, ids: newIDs{object: w.objects + i, content: w.contents + i}}
	copied, err := c.install(ctx, b, e.Version, place{&old, had, key})
	if err == nil {
		err = b.copyProperties(ctx, &e, &copied)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", e.Key, err)
	}
	return nil
}
