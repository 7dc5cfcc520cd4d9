package core

import (
	"context"
	"strings"
)

// maxPage is the most items of one page of any listing (S5).
const maxPage = 1000

// ListObjects returns a page of the live objects of a bucket, with common prefixes when opts has a delimiter,
// in byte order of the keys (S3 ListObjectsV2). Its cost follows the page, whatever lies in the bucket or below
// the common prefixes. Errors: NoSuchBucket, Forbidden, BadArgument (limit), Internal.
func (se *Session) ListObjects(ctx context.Context, bucket string, opts ListOptions) (ListPage, error) {
	q, err := se.listQuery(ctx, bucket, &opts)
	if err != nil {
		return ListPage{}, err
	}
	p := pager[ListItem]{MetaTx.List, (*ListItem).name, func(it *ListItem) int64 { return it.Entry.Version.Expiry }}
	page, err := p.page(ctx, se.s, q)
	return page, fail("list objects", bucket, err)
}

// ListSummaries is ListObjects with less about each object, at less than half of its cost; opts.Attrs has no effect.
func (se *Session) ListSummaries(ctx context.Context, bucket string, opts ListOptions) (SummaryPage, error) {
	q, err := se.listQuery(ctx, bucket, &opts)
	if err != nil {
		return SummaryPage{}, err
	}
	p := pager[Summary]{MetaTx.Summaries, (*Summary).name, func(it *Summary) int64 { return it.Expiry }}
	page, err := p.page(ctx, se.s, q)
	return page, fail("list objects", bucket, err)
}

// listQuery authorizes a listing and returns its query, whose Limit is that of the page.
func (se *Session) listQuery(ctx context.Context, bucket string, opts *ListOptions) (ListQuery, error) {
	b, err := se.authorize(ctx, bucket, AccessRead)
	if err == nil {
		err = checkLimit(opts.Limit)
	}
	q := ListQuery{
		BucketID: b.ID, Prefix: opts.Prefix, Delimiter: opts.Delimiter, Limit: opts.Limit, Brief: !opts.Attrs,
	}
	q.after(opts.After, opts.AfterPrefix)
	return q, fail("list objects", bucket, err)
}

// checkLimit returns BadArgument for a page size outside 0..1000.
func checkLimit(limit int) error {
	if limit < 0 || limit > maxPage {
		return Errorf(BadArgument, "", "the limit %d is not within 0..%d", limit, maxPage)
	}
	return nil
}

// pager makes pages of one kind of items.
type pager[T any] struct {
	read   func(tx MetaTx, ctx context.Context, q ListQuery) ([]T, error)
	place  func(it *T) (name string, prefix bool) // the key, or a common prefix
	expiry func(it *T) int64                      // 0: never, as of a common prefix
}

// page asks for one item more than the page of q.Limit holds: it tells whether there is a next page. Expired objects
// are left out, so that it may take several goes.
func (p *pager[T]) page(ctx context.Context, s *Service, q ListQuery) (Page[T], error) {
	now, limit := s.now(), q.Limit
	var page Page[T]
	for limit > 0 {
		q.Limit = limit + 1 - len(page.Items)
		items, err := p.query(ctx, s, q)
		if err != nil {
			return Page[T]{}, err
		}
		last := len(items) < q.Limit
		if !last {
			q.after(p.place(&items[len(items)-1]))
		}
		items = p.live(items, now)
		if page.Items == nil {
			page.Items = items // no copies on the common path
		} else {
			page.Items = append(page.Items, items...)
		}
		if last || len(page.Items) > limit {
			break
		}
	}
	if len(page.Items) > limit {
		page.Items, page.Truncated = page.Items[:limit], true
		page.Next, page.NextPrefix = p.place(&page.Items[limit-1])
	}
	return page, nil
}

// live drops what has expired.
func (p *pager[T]) live(items []T, now int64) []T {
	n := 0
	for i := range items {
		if past(p.expiry(&items[i]), now) {
			continue
		}
		if n < i {
			items[n] = items[i]
		}
		n++
	}
	return items[:n]
}

// query runs one query in a View of its own.
func (p *pager[T]) query(ctx context.Context, s *Service, q ListQuery) (items []T, err error) {
	err = s.viewPage(ctx, func(ctx context.Context, tx MetaTx) error {
		items, err = p.read(tx, ctx, q)
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

// name is that of an item.
func (it *Summary) name() (string, bool) {
	if it.CommonPrefix != "" {
		return it.CommonPrefix, true
	}
	return it.Key, false
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
