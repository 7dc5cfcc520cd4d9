package upkeep

import (
	"context"
	"math"

	"trivium/core"
	"trivium/core/content"
)

// rows reads all rows of a sort, page by page, in one transaction.
type rows struct {
	tx core.MetaTx
	// given is the caller's, to be asked whether he still waits: that of a transaction is not cancelled.
	given context.Context //nolint:containedctx // it lives as long as the transaction
}

// buckets calls fn for every bucket, those that are being deleted last.
func (r rows) buckets(ctx context.Context, fn func(core.Bucket) error) error {
	for after := ""; ; {
		page, err := r.tx.Buckets(ctx, after, batch, false)
		if err != nil {
			return err
		}
		for _, b := range page {
			if err := fn(b); err != nil {
				return err
			}
			after = b.Name
		}
		if len(page) < batch {
			break
		}
	}
	deleting, err := r.tx.Buckets(ctx, "", math.MaxInt32, true) // of which several may have one name
	for i := 0; err == nil && i < len(deleting); i++ {
		err = fn(deleting[i])
	}
	return err
}

// entries calls fn for every entry of a bucket, live and hidden.
func (r rows) entries(ctx context.Context, bucketID int64, fn func(*core.Entry) error) error {
	q := core.ListQuery{BucketID: bucketID, Limit: batch, Which: core.LiveAndHidden, Brief: true}
	for {
		page, err := r.tx.List(ctx, q)
		if err != nil {
			return err
		}
		for i := range page {
			if err := fn(&page[i].Entry); err != nil {
				return err
			}
			q.From = page[i].Entry.Key + "\x00"
		}
		if len(page) < batch {
			return nil
		}
		if err := r.given.Err(); err != nil {
			return err
		}
	}
}

// versions calls fn for every older version of an entry.
func (r rows) versions(ctx context.Context, e *core.Entry, fn func(*core.Version)) error {
	if !e.Older {
		return nil
	}
	for before := int64(math.MaxInt64); ; {
		page, err := r.tx.Versions(ctx, e.ObjectID, before, batch)
		if err != nil {
			return err
		}
		for i := range page {
			fn(&page[i])
			before = page[i].Seq
		}
		if len(page) < batch {
			return nil
		}
	}
}

// parts calls fn for every part of a bucket's uploads.
func (r rows) parts(ctx context.Context, bucketID int64, fn func(*core.Upload, *core.UploadPart)) error {
	for key, id := "", ""; ; {
		uploads, err := r.tx.Uploads(ctx, bucketID, "", key, id, batch)
		if err != nil {
			return err
		}
		for i := range uploads {
			u := &uploads[i]
			key, id = u.Key, u.ID
			for number, more := -1, true; more; {
				parts, err := r.tx.Parts(ctx, u.ID, number, batch)
				if err != nil {
					return err
				}
				for j := range parts {
					fn(u, &parts[j])
					number = parts[j].Number
				}
				more = len(parts) == batch
			}
		}
		if len(uploads) < batch {
			return nil
		}
	}
}

// lists calls fn for every list, dead ones among them.
func (r rows) lists(ctx context.Context, fn func(*core.List)) error {
	for after := int64(math.MinInt64); ; {
		page, err := r.tx.Lists(ctx, after, batch/5) // one has up to 10,000 extents
		if err != nil || len(page) == 0 {
			return err
		}
		for i := range page {
			fn(&page[i])
			after = page[i].ID
		}
		if err := r.given.Err(); err != nil {
			return err
		}
	}
}

// blobs calls fn for every blob.
func (r rows) blobs(ctx context.Context, fn func(*core.Blob)) error {
	for after := (content.BlobID{}); ; {
		page, err := r.tx.Blobs(ctx, after, batch)
		if err != nil || len(page) == 0 {
			return err
		}
		for i := range page {
			fn(&page[i])
			after = page[i].ID
		}
		if err := r.given.Err(); err != nil {
			return err
		}
	}
}
