package metatest

import (
	"context"
	"errors"
	"fmt"

	"trivium/core"
	"trivium/core/content"
)

// Recount counts every reference, inline row and usage anew and returns what the store says otherwise; nil when
// all is as it should be. A list has one reference for each entry, version and part, a dead one none; a blob one for
// each extent of a list, dead or not, and, as a pack, one for each member; an inline row belongs to exactly one entry,
// version, part or buffered blob; a bucket's usage is its live entries and the bytes of all its versions and parts.
func Recount(ctx context.Context, s core.MetaStore) error {
	d, err := Dump(ctx, s)
	if err != nil {
		return err
	}
	c := counts{lists: map[int64]int64{}, inline: map[int64]int64{}, usage: map[int64]core.Usage{}}
	for _, e := range d.Entries {
		c.version(e.BucketID, &e.Version)
		for _, v := range d.Versions[e.ObjectID] {
			c.version(e.BucketID, &v)
		}
		if !e.Version.Marker {
			c.use(e.BucketID, core.Usage{Objects: 1})
		}
	}
	bucketOf := map[string]int64{}
	for _, u := range d.Uploads {
		bucketOf[u.ID] = u.BucketID
	}
	for _, p := range d.Parts {
		c.refer(p.Content)
		c.use(bucketOf[p.UploadID], core.Usage{Bytes: p.Size})
	}
	return errors.Join(c.checkBlobs(&d), c.checkLists(&d), c.checkInline(&d), c.checkUsage(&d))
}

// counts are the references that were found.
type counts struct {
	lists, inline map[int64]int64
	usage         map[int64]core.Usage
}

func (c *counts) version(bucketID int64, v *core.Version) {
	c.refer(v.Content)
	c.use(bucketID, core.Usage{Bytes: v.Size})
}

func (c *counts) refer(ref core.ContentRef) {
	switch ref.Kind {
	case core.ContentInline:
		c.inline[ref.ID]++
	case core.ContentList:
		c.lists[ref.ID]++
	case core.ContentNone:
	}
}

func (c *counts) use(bucketID int64, u core.Usage) {
	have := c.usage[bucketID]
	c.usage[bucketID] = core.Usage{Objects: have.Objects + u.Objects, Bytes: have.Bytes + u.Bytes}
}

// checkBlobs compares the references of blobs and counts the inline rows of buffered ones.
func (c *counts) checkBlobs(d *State) error {
	want := map[content.BlobID]int64{}
	for _, l := range d.Lists {
		for _, x := range l.Extents {
			want[x.Blob]++
		}
	}
	var errs []error
	for _, b := range d.Blobs {
		if b.State == core.BlobPacked {
			want[b.Pack]++
		}
		if b.State == core.BlobBuffered && b.Buffer != 0 {
			c.inline[b.Buffer]++
		}
	}
	for _, b := range d.Blobs {
		if b.Refs != want[b.ID] {
			errs = append(errs, fmt.Errorf("blob %s has %d references, says %d", b.ID, want[b.ID], b.Refs))
		}
		delete(want, b.ID)
	}
	for id, n := range want {
		errs = append(errs, fmt.Errorf("blob %s is missing but has %d references", id, n))
	}
	return errors.Join(errs...)
}

func (c *counts) checkLists(d *State) error {
	var errs []error
	for _, l := range d.Lists {
		if l.Refs != c.lists[l.ID] || l.Refs == 0 && len(l.Extents) == 0 {
			errs = append(errs, fmt.Errorf("list %d has %d references, says %d", l.ID, c.lists[l.ID], l.Refs))
		}
		delete(c.lists, l.ID)
	}
	for id, n := range c.lists {
		errs = append(errs, fmt.Errorf("list %d is missing but has %d references", id, n))
	}
	return errors.Join(errs...)
}

func (c *counts) checkInline(d *State) error {
	var errs []error
	for id := range d.Inline {
		if n := c.inline[id]; n != 1 {
			errs = append(errs, fmt.Errorf("inline row %d is referred to %d times", id, n))
		}
		delete(c.inline, id)
	}
	for id, n := range c.inline {
		errs = append(errs, fmt.Errorf("inline row %d is missing but referred to %d times", id, n))
	}
	return errors.Join(errs...)
}

func (c *counts) checkUsage(d *State) error {
	var errs []error
	for _, b := range d.Buckets {
		if have, want := d.Usage[b.ID], c.usage[b.ID]; have != want {
			errs = append(errs, fmt.Errorf("bucket %d (%s) holds %+v, says %+v", b.ID, b.Name, want, have))
		}
	}
	return errors.Join(errs...)
}
