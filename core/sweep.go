package core

import (
	"context"
	"fmt"
)

// doomedAtOnce is how many buckets a step looks at for something to do.
const doomedAtOnce = 100

// SweepBuckets does a step of emptying buckets that were deleted with force: it removes up to limit rows of one
// of them, in one transaction, and at last the bucket's own; each version of an object counts. It returns how many; 0
// means that nothing is left to do. Objects of which a version is under retention or legal hold stay where they are,
// with their bucket, until that ends; of those with more versions than one step may remove the others go.
func (m *Maintenance) SweepBuckets(ctx context.Context, limit int) (int, error) {
	var swept int
	err := m.Meta.Update(ctx, func(ctx context.Context, tx MetaTx) error {
		swept = 0
		if err := m.s.checkWriter(ctx, tx); err != nil {
			return err
		}
		doomed, err := tx.Buckets(ctx, "", doomedAtOnce, true)
		for _, b := range doomed {
			w := sweeper{m: mutation{s: m.s, tx: tx, bucket: b, now: m.s.now()}, left: limit, limit: limit}
			err = w.bucket(ctx)
			if swept = w.done; err != nil || swept > 0 {
				return err
			}
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("sweep bucket: %w", err)
	}
	return swept, nil
}

// sweeper removes rows of one bucket until it has done enough.
type sweeper struct {
	m     mutation // never finished: usage and packages go with the bucket
	limit int
	left  int  // rows that this step may remove yet,
	done  int  // and those it did
	held  bool // something may not be removed yet
}

// took counts n rows that were removed.
func (w *sweeper) took(n int) {
	w.left -= n
	w.done += n
}

// bucket removes rows in the order that keeps references whole, the bucket's own last.
func (w *sweeper) bucket(ctx context.Context) error {
	for _, step := range []func(context.Context) error{w.entries, w.uploads, w.packages} {
		if err := step(ctx); err != nil || w.left <= 0 {
			return err
		}
	}
	if w.held {
		return nil
	}
	w.took(1)
	return w.m.tx.DeleteBucket(ctx, w.m.bucket.ID)
}

// entries ends entries with all their versions, but for those that are held.
func (w *sweeper) entries(ctx context.Context) error {
	q := ListQuery{BucketID: w.m.bucket.ID, Limit: w.left, Which: LiveAndHidden}
	for q.Limit > 0 {
		items, err := w.m.tx.List(ctx, q)
		if err != nil {
			return err
		}
		for i := range items {
			if err := w.entry(ctx, items[i].Entry); err != nil {
				return err
			}
		}
		if len(items) < q.Limit {
			return nil
		}
		q.From, q.Limit = items[len(items)-1].Entry.Key+"\x00", w.left
	}
	return nil
}

// entry ends one entry with all its versions, unless one of them is held. Of one that is too large for a whole step it
// removes versions.
func (w *sweeper) entry(ctx context.Context, e Entry) error {
	if w.m.held(&e.Version) {
		w.held = true
		return nil
	}
	rows := 1
	if e.Older {
		older, err := w.m.tx.Versions(ctx, e.ObjectID, e.Version.Seq, w.left)
		if err != nil {
			return err
		}
		rows += len(older)
	}
	switch {
	case rows <= w.left:
		return w.purge(ctx, e, rows)
	case w.done > 0: // the next step begins with it
		w.left = 0
		return nil
	}
	return w.trim(ctx, &e)
}

// purge ends an entry of so many rows unless a version of it is held.
func (w *sweeper) purge(ctx context.Context, e Entry, rows int) error {
	err := w.m.mayPurge(ctx, &e)
	switch {
	case err == nil:
		w.took(rows)
		return w.m.purge(ctx, e)
	case CodeOf(err) == Forbidden:
		w.held = true
		return nil
	}
	return err
}

// trim removes older versions of e that are not held, newest first, until the step is over. So many that are held that
// it finds no other among maxVersions leave the rest alone.
func (w *sweeper) trim(ctx context.Context, e *Entry) error {
	before := e.Version.Seq
	for seen := 0; w.left > 0 && seen < maxVersions; {
		vs, err := w.m.tx.Versions(ctx, e.ObjectID, before, w.limit)
		if err != nil || len(vs) == 0 {
			return err
		}
		for i := range vs {
			before = vs[i].Seq
			if w.m.held(&vs[i]) {
				w.held = true
				continue
			}
			if w.left <= 0 {
				break
			}
			if err := w.m.dropVersion(ctx, &vs[i]); err != nil {
				return err
			}
			if err := w.m.tx.DeleteVersion(ctx, e.ObjectID, before); err != nil {
				return err
			}
			w.took(1)
		}
		seen += len(vs)
	}
	return nil
}

// uploads ends pending uploads.
func (w *sweeper) uploads(ctx context.Context) error {
	uploads, err := w.m.tx.Uploads(ctx, w.m.bucket.ID, "", "", "", w.left)
	if err != nil {
		return err
	}
	for _, u := range uploads {
		if err := w.parts(ctx, u.ID); err != nil || w.left <= 0 {
			return err
		}
		if err := w.m.tx.DeleteUpload(ctx, u.ID); err != nil {
			return err
		}
		w.took(1)
	}
	return nil
}

// parts ends parts of one upload; there may be more than may be done.
func (w *sweeper) parts(ctx context.Context, uploadID string) error {
	parts, err := w.m.tx.Parts(ctx, uploadID, -1, w.left)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if err := w.m.release(ctx, p.Content); err != nil {
			return err
		}
		if err := w.m.tx.DeletePart(ctx, uploadID, p.Number); err != nil {
			return err
		}
		w.took(1)
	}
	return nil
}

// packages removes rows of packages.
func (w *sweeper) packages(ctx context.Context) error {
	packages, err := w.m.tx.Packages(ctx, w.m.bucket.ID, 0, w.left)
	if err != nil {
		return err
	}
	for _, p := range packages {
		if err := w.m.tx.DeletePackage(ctx, p.ID); err != nil {
			return err
		}
		w.took(1)
	}
	return nil
}
