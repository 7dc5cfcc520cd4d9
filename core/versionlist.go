package core

import (
	"context"
	"math"
	"strings"
)

// ListVersions returns a page of all versions of a bucket's objects, delete markers included: by key in byte
// order, newest first within a key, with common prefixes when opts has a delimiter (S3 ListObjectVersions).
// Errors: NoSuchBucket, Forbidden, BadArgument (limit, version id), Internal.
func (se *Session) ListVersions(ctx context.Context, bucket string, opts VersionListOptions) (VersionPage, error) {
	b, err := se.authorize(ctx, bucket, AccessRead)
	if err == nil {
		err = checkLimit(opts.Limit)
	}
	if err != nil {
		return VersionPage{}, fail("list versions", bucket, err)
	}
	if opts.Limit == 0 {
		return VersionPage{}, nil
	}
	var w *versionWalk
	err = se.s.viewPage(ctx, func(ctx context.Context, tx MetaTx) error {
		w = &versionWalk{tx: tx, bucketID: b.ID, opts: &opts, want: opts.Limit + 1, now: se.s.now()}
		return w.run(ctx)
	})
	if err != nil {
		return VersionPage{}, fail("list versions", bucket, err)
	}
	return w.page(), nil
}

// versionWalk gathers one page and one item more.
type versionWalk struct {
	tx       MetaTx
	bucketID int64
	opts     *VersionListOptions
	want     int
	now      int64
	items    []VersionItem
}

func (w *versionWalk) run(ctx context.Context) error {
	if w.opts.AfterVersionID != "" {
		if err := w.rest(ctx); err != nil {
			return err
		}
	}
	q := ListQuery{
		BucketID: w.bucketID, Prefix: w.opts.Prefix, Delimiter: w.opts.Delimiter,
		Which: LiveAndHidden, Brief: true,
	}
	q.after(w.opts.AfterKey, w.opts.AfterPrefix)
	for len(w.items) < w.want {
		q.Limit = w.want - len(w.items)
		items, err := w.tx.List(ctx, q)
		if err != nil {
			return err
		}
		for i := range items {
			if err := w.add(ctx, &items[i]); err != nil {
				return err
			}
		}
		if len(items) < q.Limit {
			return nil
		}
		q.after(items[len(items)-1].name())
	}
	return nil
}

// add takes an item of the listing with its versions, as far as there is room.
func (w *versionWalk) add(ctx context.Context, it *ListItem) error {
	if len(w.items) >= w.want {
		return nil
	}
	if it.CommonPrefix != "" {
		w.items = append(w.items, VersionItem{CommonPrefix: it.CommonPrefix})
		return nil
	}
	e := &it.Entry
	w.version(e, e.Version, true)
	return w.older(ctx, e, e.Version.Seq, math.MaxInt64)
}

// older takes the versions of e before seq whose number is under id, as far as there is room.
func (w *versionWalk) older(ctx context.Context, e *Entry, seq, id int64) error {
	// Only where versions are left out does the first read not fill the room.
	for limit := w.want - len(w.items); e.Older && len(w.items) < w.want; limit = maxPage {
		vs, err := w.tx.Versions(ctx, e.ObjectID, seq, limit)
		if err != nil {
			return err
		}
		for i := range vs {
			if seq = vs[i].Seq; vs[i].ID < id && len(w.items) < w.want {
				w.version(e, vs[i], false)
			}
		}
		if len(vs) < limit {
			return nil
		}
	}
	return nil
}

// version takes one version unless it has expired.
func (w *versionWalk) version(e *Entry, v Version, latest bool) {
	if !expired(&v, w.now) && !v.placeholder() {
		w.items = append(w.items, VersionItem{Key: e.Key, ObjectID: e.ObjectID, Version: v, Latest: latest})
	}
}

// rest takes what AfterKey has behind AfterVersionID. A version that was deleted since the last page still marks
// the place by its number; the null one has none to show, so that the next key comes.
func (w *versionWalk) rest(ctx context.Context) error {
	ref, err := parseVersionID(w.opts.AfterVersionID)
	if err != nil {
		return err
	}
	key := w.opts.AfterKey
	if !strings.HasPrefix(key, w.opts.Prefix) || fold(key, w.opts.Prefix, w.opts.Delimiter) != "" {
		return nil
	}
	e, had, err := w.tx.Entry(ctx, w.bucketID, key)
	if err != nil || !had {
		return err
	}
	if ref.is(&e.Version) {
		return w.older(ctx, &e, e.Version.Seq, math.MaxInt64)
	}
	v, found, err := ref.older(ctx, w.tx, &e)
	if err != nil {
		return err
	}
	if found {
		return w.older(ctx, &e, v.Seq, math.MaxInt64)
	}
	if ref.null {
		return nil
	}
	return w.below(ctx, &e, ref.id)
}

// below takes the versions of e with a number under id.
func (w *versionWalk) below(ctx context.Context, e *Entry, id int64) error {
	if e.Version.ID < id {
		w.version(e, e.Version, true)
	}
	return w.older(ctx, e, e.Version.Seq, id)
}

// page returns what was gathered, without the item that only tells of a next page.
func (w *versionWalk) page() VersionPage {
	if len(w.items) <= w.opts.Limit {
		return VersionPage{Items: w.items}
	}
	p := VersionPage{Items: w.items[:w.opts.Limit], Truncated: true}
	last := &p.Items[w.opts.Limit-1]
	if last.CommonPrefix != "" {
		p.NextKey, p.NextPrefix = last.CommonPrefix, true
		return p
	}
	p.NextKey, p.NextVersionID = last.Key, last.Version.VersionID()
	return p
}
