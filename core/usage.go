package core

import "context"

// UsageOfAll returns what all buckets hold together that the caller may read. Forbidden for anonymous callers.
func (se *Session) UsageOfAll(ctx context.Context) (Usage, error) {
	var all Usage
	for opts := (BucketListOptions{Limit: maxPage}); ; {
		page, more, err := se.Buckets(ctx, opts)
		if err != nil {
			return Usage{}, err
		}
		var sum Usage
		err = se.s.viewPage(ctx, func(ctx context.Context, tx MetaTx) error {
			sum = Usage{}
			for i := range page {
				u, err := tx.Usage(ctx, page[i].ID)
				if err != nil {
					return err
				}
				sum.Objects, sum.Bytes = sum.Objects+u.Objects, sum.Bytes+u.Bytes
			}
			return nil
		})
		if err != nil {
			return Usage{}, fail("usage", "", err)
		}
		all.Objects, all.Bytes = all.Objects+sum.Objects, all.Bytes+sum.Bytes
		if !more || len(page) == 0 {
			return all, nil
		}
		opts.After = page[len(page)-1].Name
	}
}
