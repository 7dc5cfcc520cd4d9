package metatest

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"

	"trivium/core"
	"trivium/core/content"
)

// InlineRow is a row of inline data.
type InlineRow struct {
	Sum  uint64
	Data string
}

// State is everything that a store enumerates. Entries, packages, uploads and usage are those of buckets that
// have a row, versions those of entries, parts those of uploads.
type State struct {
	Stamp    core.Stamp
	Users    []core.User
	Keys     []core.AccessKey
	Buckets  []core.Bucket
	Grants   []core.Grant
	Packages []core.Package
	Usage    map[int64]core.Usage
	Entries  []core.Entry
	Versions map[int64][]core.Version // by object, newest first
	Inline   map[int64]InlineRow
	Lists    []core.List
	Blobs    []core.Blob
	Uploads  []core.Upload
	Parts    []core.UploadPart
	Garbage  []core.Garbage
	Repairs  []core.RepairRow
	Jobs     []core.Job
	Spaces   []core.Space
	Leases   []core.Lease
	Locks    []core.Lock               // of buckets that have a row
	Props    map[int64][]core.Property // of these buckets, by their negative IDs, and of entries
}

// page is how many rows are read at a time: few, so that paging is tested as well.
const page = 7

// Dump reads the whole state in one View.
func Dump(ctx context.Context, s core.MetaStore) (State, error) {
	var d State
	err := s.View(ctx, func(ctx context.Context, tx core.MetaTx) error {
		d = State{
			Usage: map[int64]core.Usage{}, Versions: map[int64][]core.Version{}, Inline: map[int64]InlineRow{},
			Props: map[int64][]core.Property{},
		}
		for _, step := range []func(context.Context, core.MetaTx) error{
			d.accounts, d.buckets, d.contents, d.blobs, d.upkeep,
		} {
			if err := step(ctx, tx); err != nil {
				return err
			}
		}
		for _, b := range d.Buckets {
			if err := d.bucket(ctx, tx, b.ID); err != nil {
				return err
			}
		}
		return nil
	})
	return d, err
}

// pages collects all pages of a listing; next is given the last row of the page before.
func pages[T any](next func(last *T) ([]T, error)) (all []T, err error) {
	for {
		var last *T
		if len(all) > 0 {
			last = &all[len(all)-1]
		}
		some, err := next(last)
		if err != nil || len(some) == 0 {
			return all, err
		}
		all = append(all, some...)
	}
}

func (d *State) accounts(ctx context.Context, tx core.MetaTx) (err error) {
	if d.Stamp, err = tx.Stamp(ctx); err != nil {
		return err
	}
	d.Users, err = pages(func(last *core.User) ([]core.User, error) {
		id := int64(math.MinInt64)
		if last != nil {
			id = last.ID
		}
		return tx.Users(ctx, id, page)
	})
	if err != nil {
		return err
	}
	d.Keys, err = tx.Keys(ctx, 0)
	return err
}

func (d *State) buckets(ctx context.Context, tx core.MetaTx) error {
	live, err := pages(func(last *core.Bucket) ([]core.Bucket, error) {
		name := ""
		if last != nil {
			name = last.Name
		}
		return tx.Buckets(ctx, name, page, false)
	})
	if err != nil {
		return err
	}
	byID, err := pages(func(last *core.Bucket) ([]core.Bucket, error) {
		id := int64(math.MinInt64)
		if last != nil {
			id = last.ID
		}
		return tx.BucketsByID(ctx, id, page)
	})
	if err != nil {
		return err
	}
	want := slices.SortedFunc(slices.Values(live), func(a, b core.Bucket) int { return cmp.Compare(a.ID, b.ID) })
	if !reflect.DeepEqual(want, byID) {
		return fmt.Errorf("BucketsByID() = %+v, want %+v", byID, want)
	}
	deleting, err := tx.Buckets(ctx, "", math.MaxInt32, true) // of which several may have one name
	d.Buckets = append(live, deleting...)
	return err
}

func (d *State) contents(ctx context.Context, tx core.MetaTx) error {
	ids, err := pages(func(last *int64) ([]int64, error) {
		id := int64(math.MinInt64)
		if last != nil {
			id = *last
		}
		return tx.Inlines(ctx, id, page)
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		data, sum, _, err := tx.Inline(ctx, id)
		if err != nil {
			return err
		}
		d.Inline[id] = InlineRow{sum, string(data)}
	}
	d.Lists, err = pages(func(last *core.List) ([]core.List, error) {
		id := int64(math.MinInt64)
		if last != nil {
			id = last.ID
		}
		return tx.Lists(ctx, id, page)
	})
	return err
}

func (d *State) blobs(ctx context.Context, tx core.MetaTx) (err error) {
	d.Blobs, err = pages(func(last *core.Blob) ([]core.Blob, error) {
		var id content.BlobID
		if last != nil {
			id = last.ID
		}
		return tx.Blobs(ctx, id, page)
	})
	return err
}

func (d *State) upkeep(ctx context.Context, tx core.MetaTx) (err error) {
	d.Garbage, err = pages(func(last *core.Garbage) ([]core.Garbage, error) {
		q := core.GarbageQuery{Due: math.MaxInt64, AfterID: math.MinInt64, Limit: page}
		if last != nil {
			q.AfterID = last.ID
		}
		return tx.Garbage(ctx, q)
	})
	if err != nil {
		return err
	}
	if d.Repairs, err = tx.Repairs(ctx, core.RepairQuery{Due: math.MaxInt64, Limit: math.MaxInt32}); err != nil {
		return err
	}
	if d.Jobs, err = tx.Jobs(ctx, "", math.MaxInt32); err != nil {
		return err
	}
	if d.Spaces, err = tx.Spaces(ctx); err != nil {
		return err
	}
	d.Leases, err = tx.Leases(ctx)
	return err
}

// bucket reads what is in one bucket.
func (d *State) bucket(ctx context.Context, tx core.MetaTx, id int64) error {
	grants, err := tx.Grants(ctx, id)
	if err != nil {
		return err
	}
	d.Grants = append(d.Grants, grants...)
	if d.Usage[id], err = tx.Usage(ctx, id); err != nil {
		return err
	}
	packages, err := pages(func(last *core.Package) ([]core.Package, error) {
		after := int64(math.MinInt64)
		if last != nil {
			after = last.ID
		}
		return tx.Packages(ctx, id, after, page)
	})
	if err != nil {
		return err
	}
	d.Packages = append(d.Packages, packages...)
	locks, err := tx.LocksIn(ctx, id, "", math.MaxInt32)
	if err != nil {
		return err
	}
	d.Locks = append(d.Locks, locks...)
	if err := d.props(ctx, tx, -id); err != nil {
		return err
	}
	if err := d.entries(ctx, tx, id); err != nil {
		return err
	}
	return d.uploads(ctx, tx, id)
}

// props reads the properties of one owner.
func (d *State) props(ctx context.Context, tx core.MetaTx, owner int64) error {
	all, err := tx.Properties(ctx, owner)
	if len(all) > 0 {
		d.Props[owner] = all
	}
	return err
}

func (d *State) entries(ctx context.Context, tx core.MetaTx, bucketID int64) error {
	items, err := pages(func(last *core.ListItem) ([]core.ListItem, error) {
		q := core.ListQuery{BucketID: bucketID, Limit: page, Which: core.LiveAndHidden}
		if last != nil {
			q.From = last.Entry.Key + "\x00"
		}
		return tx.List(ctx, q)
	})
	if err != nil {
		return err
	}
	for _, it := range items {
		d.Entries = append(d.Entries, it.Entry)
		if err := d.props(ctx, tx, it.Entry.ObjectID); err != nil {
			return err
		}
		versions, err := pages(func(last *core.Version) ([]core.Version, error) {
			before := int64(math.MaxInt64)
			if last != nil {
				before = last.Seq
			}
			return tx.Versions(ctx, it.Entry.ObjectID, before, page)
		})
		if err != nil {
			return err
		}
		if len(versions) > 0 {
			d.Versions[it.Entry.ObjectID] = versions
		}
	}
	return nil
}

func (d *State) uploads(ctx context.Context, tx core.MetaTx, bucketID int64) error {
	uploads, err := pages(func(last *core.Upload) ([]core.Upload, error) {
		key, id := "", ""
		if last != nil {
			key, id = last.Key, last.ID
		}
		return tx.Uploads(ctx, bucketID, "", key, id, page)
	})
	if err != nil {
		return err
	}
	d.Uploads = append(d.Uploads, uploads...)
	for _, u := range uploads {
		parts, err := pages(func(last *core.UploadPart) ([]core.UploadPart, error) {
			number := -1
			if last != nil {
				number = last.Number
			}
			return tx.Parts(ctx, u.ID, number, page)
		})
		if err != nil {
			return err
		}
		d.Parts = append(d.Parts, parts...)
	}
	return nil
}
