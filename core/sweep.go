package core

import (
	"context"
	"fmt"
)

// doomedAtOnce is how many rows of buckets Doomed reads at once.
const doomedAtOnce = 1000

// Doomed returns the ids of the buckets that were deleted with force and are there yet, by name.
func (m *Maintenance) Doomed(ctx context.Context) ([]int64, error) {
	var ids []int64
	for after, limit := "", doomedAtOnce; ; {
		var page []Bucket
		err := m.Meta.View(ctx, func(ctx context.Context, tx MetaTx) error {
			var err error
			page, err = tx.Buckets(ctx, after, limit, true)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("deleted buckets: %w", err)
		}
		whole := len(page)
		if whole == limit { // others of the last one's name may come behind it
			for last := page[whole-1].Name; whole > 0 && page[whole-1].Name == last; {
				whole--
			}
		}
		for _, b := range page[:whole] {
			ids, after = append(ids, b.ID), b.Name
		}
		switch {
		case len(page) < limit:
			return ids, nil
		case whole == 0: // so many have one name
			limit *= 2
		default:
			limit = doomedAtOnce
		}
	}
}

// SweepPlace is how far the sweep of a bucket has come. The zero value is the beginning.
type SweepPlace struct {
	key    string // of the entry that comes next
	within bool   // its versions are being removed: only those with a Seq below before are to be looked at
	before int64
	held   bool // something before it may not be removed yet
}

// SweepStep is what a step of SweepBucket did.
type SweepStep struct {
	Removed int        // rows; each version of an object counts
	Next    SweepPlace // where the next step begins
	Over    bool       // there is no next step: the bucket is gone, or what is left of it is held
	Held    bool       // something may not be removed yet
}

// SweepBucket does a step of emptying a bucket that was deleted with force, from that place on: it looks at up to limit
// rows, in one transaction, and removes those that it may, at last the bucket's own. Objects of which a version is
// under retention or legal hold stay where they are, with their bucket, until that ends; of those with more versions
// than one step may remove the others go.
func (m *Maintenance) SweepBucket(ctx context.Context, id int64, at SweepPlace, limit int) (SweepStep, error) {
	var step SweepStep
	err := m.Meta.Update(ctx, func(ctx context.Context, tx MetaTx) error {
		step = SweepStep{Over: true}
		if err := m.s.checkWriter(ctx, tx); err != nil {
			return err
		}
		b, found, err := tx.Bucket(ctx, id)
		if err != nil || !found || !b.Deleting {
			return err
		}
		w := sweeper{m: mutation{s: m.s, tx: tx, bucket: b, now: m.s.now()}, left: limit, limit: limit, at: at}
		over, err := w.bucket(ctx)
		step = SweepStep{Removed: w.done, Next: w.at, Over: over, Held: w.at.held}
		return err
	})
	if err != nil {
		return SweepStep{}, fmt.Errorf("sweep bucket: %w", err)
	}
	return step, nil
}

// sweeper removes rows of one bucket until it has done enough.
type sweeper struct {
	m     mutation // never finished: usage and packages go with the bucket
	limit int
	left  int // rows that this step may look at yet,
	done  int // and those it removed
	at    SweepPlace
}

// took counts n rows that were removed.
func (w *sweeper) took(n int) {
	w.left -= n
	w.done += n
}

// kept counts n rows that are held, or stay because of one that is.
func (w *sweeper) kept(n int) {
	w.left -= n
	w.at.held = true
}

// bucket removes rows in the order that keeps references whole, the bucket's own last, and tells whether all is done.
func (w *sweeper) bucket(ctx context.Context) (over bool, err error) {
	for _, step := range []func(context.Context) error{w.entries, w.uploads, w.packages} {
		if err := step(ctx); err != nil || w.left <= 0 {
			return false, err
		}
	}
	if w.at.held {
		return true, nil
	}
	w.took(1)
	return true, w.m.tx.DeleteBucket(ctx, w.m.bucket.ID)
}

// entries ends entries with all their versions, but for those that are held.
func (w *sweeper) entries(ctx context.Context) error {
	for w.left > 0 {
		q := ListQuery{BucketID: w.m.bucket.ID, From: w.at.key, Limit: w.left, Which: LiveAndHidden}
		items, err := w.m.tx.List(ctx, q)
		if err != nil {
			return err
		}
		for i := range items {
			if err := w.entry(ctx, &items[i].Entry); err != nil || w.left <= 0 {
				return err
			}
		}
		if len(items) < q.Limit {
			return nil
		}
	}
	return nil
}

// entry ends one entry with all its versions, unless one of them is held. Of one that is too large for a whole step it
// removes versions.
func (w *sweeper) entry(ctx context.Context, e *Entry) error {
	if e.Key != w.at.key {
		w.at.key, w.at.within = e.Key, false
	}
	switch {
	case w.m.held(&e.Version):
		w.kept(1)
		w.pass()
		return nil
	case w.at.within:
		return w.trim(ctx, e)
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
	case w.left < w.limit: // the next step begins with it
		w.left = 0
		return nil
	}
	w.at.within, w.at.before = true, e.Version.Seq
	return w.trim(ctx, e)
}

// pass goes on to the next entry.
func (w *sweeper) pass() {
	w.at.key, w.at.within = w.at.key+"\x00", false
}

// purge ends an entry of so many rows unless a version of it is held.
func (w *sweeper) purge(ctx context.Context, e *Entry, rows int) error {
	err := w.m.mayPurge(ctx, e)
	switch {
	case err == nil:
		w.took(rows)
		gone := *e
		gone.Unfinished = "" // the upload goes with the bucket
		err = w.m.purge(ctx, gone)
	case CodeOf(err) == Forbidden:
		w.kept(rows)
		err = nil
	}
	w.pass()
	return err
}

// trim removes older versions of e that are not held, newest first, until the step is over. It ends e when none is
// left.
func (w *sweeper) trim(ctx context.Context, e *Entry) error {
	for w.left > 0 {
		vs, err := w.m.tx.Versions(ctx, e.ObjectID, w.at.before, w.left)
		if err != nil {
			return err
		}
		for i := range vs {
			if err := w.trimVersion(ctx, e, &vs[i]); err != nil {
				return err
			}
		}
		if len(vs) == 0 {
			break
		}
	}
	if w.left <= 0 {
		return nil
	}
	older, err := w.m.tx.Versions(ctx, e.ObjectID, e.Version.Seq, 1)
	if err != nil {
		return err
	}
	if len(older) > 0 {
		w.kept(1)
		w.pass()
		return nil
	}
	return w.purge(ctx, e, 1)
}

// trimVersion removes an older version of e unless it is held.
func (w *sweeper) trimVersion(ctx context.Context, e *Entry, v *Version) error {
	w.at.before = v.Seq
	if w.m.held(v) {
		w.kept(1)
		return nil
	}
	if err := w.m.dropVersion(ctx, v); err != nil {
		return err
	}
	w.took(1)
	return w.m.tx.DeleteVersion(ctx, e.ObjectID, v.Seq)
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
