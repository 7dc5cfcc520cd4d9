package core

import "context"

// pastIDs is greater than every upload id, and "\xff" than every byte of a key, which is UTF-8.
const (
	pastIDs    = "~"
	pastPrefix = "\xff"
)

// Uploads returns a page of the unfinished uploads of a bucket: by key in byte order, by age within a key, with
// common prefixes when opts has a delimiter (S3 ListMultipartUploads). An AfterKey without AfterID stands for
// all uploads of that key, and for everything below it when it is a common prefix. Uploads and CommonPrefixes
// count together towards the limit. Errors: NoSuchBucket, Forbidden, BadArgument (limit), Internal.
func (se *Session) Uploads(ctx context.Context, bucket string, opts UploadListOptions) (UploadPage, error) {
	b, err := se.authorize(ctx, bucket, AccessWrite)
	if err == nil {
		err = checkLimit(opts.Limit)
	}
	if err != nil || opts.Limit == 0 {
		return UploadPage{}, fail("list uploads", bucket, err)
	}
	w := &uploadWalk{s: se.s, bucketID: b.ID, opts: &opts, key: opts.AfterKey, id: opts.AfterID}
	if w.id == "" && w.key != "" {
		w.id = pastIDs
		if fold(w.key, opts.Prefix, opts.Delimiter) == w.key {
			w.key += pastPrefix
		}
	}
	if err := w.run(ctx); err != nil {
		return UploadPage{}, fail("list uploads", bucket, err)
	}
	return w.page, nil
}

// uploadWalk gathers one page.
type uploadWalk struct {
	s        *Service
	bucketID int64
	opts     *UploadListOptions
	key, id  string // go on behind these
	page     UploadPage
}

func (w *uploadWalk) run(ctx context.Context) error {
	for {
		rows, err := w.rows(ctx)
		if err != nil || len(rows) == 0 {
			return err
		}
		for i := range rows {
			if rows[i].Ended || rows[i].Native {
				w.key, w.id = rows[i].Key, rows[i].ID
				continue
			}
			if len(w.page.Uploads)+len(w.page.CommonPrefixes) == w.opts.Limit {
				w.page.Truncated = true
				return nil
			}
			if w.add(&rows[i]) {
				break // rows below the common prefix are of no interest: seek behind it
			}
		}
	}
}

// rows reads the next uploads, one more than there is room for.
func (w *uploadWalk) rows(ctx context.Context) ([]Upload, error) {
	var rows []Upload
	err := w.s.viewPage(ctx, func(ctx context.Context, tx MetaTx) error {
		var err error
		room := w.opts.Limit - len(w.page.Uploads) - len(w.page.CommonPrefixes)
		rows, err = tx.Uploads(ctx, w.bucketID, w.opts.Prefix, w.key, w.id, room+1)
		return err
	})
	return rows, err
}

// add takes one upload or the common prefix it belongs to; folded tells which.
func (w *uploadWalk) add(u *Upload) (folded bool) {
	if cp := fold(u.Key, w.opts.Prefix, w.opts.Delimiter); cp != "" {
		w.page.CommonPrefixes = append(w.page.CommonPrefixes, cp)
		w.page.NextKey, w.page.NextID = cp, ""
		w.key, w.id = cp+pastPrefix, pastIDs
		return true
	}
	w.page.Uploads = append(w.page.Uploads, *u)
	w.page.NextKey, w.page.NextID = u.Key, u.ID
	w.key, w.id = u.Key, u.ID
	return false
}
