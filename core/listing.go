package core

import (
	"context"
	"slices"
	"strings"
)

// maxPage is the most items of one page of any listing (S5).
const maxPage = 1000

// ListObjects returns a page of the live objects of a bucket, with common prefixes when opts has a delimiter,
// in byte order of the keys (S3 ListObjectsV2). Its cost follows the page, whatever lies in the bucket or below
// the common prefixes. Errors: NoSuchBucket, Forbidden, BadArgument (limit), Internal.
func (se *Session) ListObjects(ctx context.Context, bucket string, opts ListOptions) (ListPage, error) {
	b, err := se.authorize(ctx, bucket, AccessRead)
	if err == nil {
		err = checkLimit(opts.Limit)
	}
	if err != nil {
		return ListPage{}, fail("list objects", bucket, err)
	}
	if opts.Limit == 0 {
		return ListPage{}, nil
	}
	page, err := se.s.listObjects(ctx, b.ID, &opts)
	return page, fail("list objects", bucket, err)
}

// checkLimit returns BadArgument for a page size outside 0..1000.
func checkLimit(limit int) error {
	if limit < 0 || limit > maxPage {
		return Errorf(BadArgument, "", "the limit %d is not within 0..%d", limit, maxPage)
	}
	return nil
}

// listObjects asks for one item more than the page holds: it tells whether there is a next page. Expired objects
// are left out, so that it may take several goes.
func (s *Service) listObjects(ctx context.Context, bucketID int64, opts *ListOptions) (ListPage, error) {
	now := s.now()
	q := ListQuery{
		BucketID: bucketID, Prefix: opts.Prefix, Delimiter: opts.Delimiter, Limit: opts.Limit + 1, Brief: !opts.Attrs,
	}
	q.after(opts.After, opts.AfterPrefix)
	var page ListPage
	for {
		items, err := s.list(ctx, q)
		if err != nil {
			return ListPage{}, err
		}
		last := len(items) < q.Limit
		if !last {
			q.after(items[len(items)-1].name())
		}
		items = slices.DeleteFunc(items, func(it ListItem) bool {
			return it.CommonPrefix == "" && expired(&it.Entry.Version, now)
		})
		if page.Items == nil {
			page.Items = items // items are long: no copies on the common path
		} else {
			page.Items = append(page.Items, items...)
		}
		if last || len(page.Items) > opts.Limit {
			page.cut(opts.Limit)
			return page, nil
		}
		q.Limit = opts.Limit + 1 - len(page.Items)
	}
}

// list runs one query in a View of its own.
func (s *Service) list(ctx context.Context, q ListQuery) ([]ListItem, error) {
	var items []ListItem
	err := s.meta.View(ctx, func(ctx context.Context, tx MetaTx) error {
		var err error
		items, err = tx.List(ctx, q)
		return err
	})
	return items, err
}

// after makes q go on behind a name: a key, or a common prefix with everything below it.
func (q *ListQuery) after(name string, prefix bool) {
	q.From, q.SkipPrefix = "", ""
	switch {
	case name == "":
	case prefix:
		q.From, q.SkipPrefix = name, name
	default:
		q.From = name + "\x00" // the least string greater than name
	}
}

// name returns the item's key or common prefix, and whether it is the latter.
func (it *ListItem) name() (string, bool) {
	if it.CommonPrefix != "" {
		return it.CommonPrefix, true
	}
	return it.Entry.Key, false
}

// cut keeps limit items and says where the next page begins.
func (p *ListPage) cut(limit int) {
	if len(p.Items) <= limit {
		return
	}
	p.Items = p.Items[:limit]
	p.Truncated = true
	p.Next, p.NextPrefix = p.Items[limit-1].name()
}

// fold returns the common prefix that a key belongs to, or "": the prefix and what follows up to the first
// delimiter behind it.
func fold(key, prefix, delimiter string) string {
	if delimiter == "" || !strings.HasPrefix(key, prefix) {
		return ""
	}
	i := strings.Index(key[len(prefix):], delimiter)
	if i < 0 {
		return ""
	}
	return key[:len(prefix)+i+len(delimiter)]
}
