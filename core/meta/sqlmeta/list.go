package sqlmeta

import (
	"context"
	"slices"
	"strings"

	"trivium/core"
)

const (
	inRange     = ` WHERE bucket_id = ?1 AND key >= ?2 AND key < ?3`
	inOrder     = inRange + ` ORDER BY key LIMIT ?4`
	listLive    = `SELECT ` + wholeEntry + ` FROM objects` + inOrder
	listHidden  = `SELECT ` + wholeEntry + ` FROM hidden` + inOrder
	briefLive   = `SELECT ` + briefEntry + ` FROM objects` + inOrder
	briefHidden = `SELECT ` + briefEntry + ` FROM hidden` + inOrder
	summaryLive = `SELECT key, size, etag, update_time, expiry, class, flags FROM objects` + inOrder
	firstLive   = `SELECT key FROM objects` + inRange + ` ORDER BY key LIMIT 1`
	firstHidden = `SELECT key FROM hidden` + inRange + ` ORDER BY key LIMIT 1`

	unfinished      = ` AND unfinished IS NOT NULL ORDER BY key LIMIT `
	listUnfinished  = `SELECT ` + wholeEntry + ` FROM hidden` + inRange + unfinished + `?4`
	briefUnfinished = `SELECT ` + briefEntry + ` FROM hidden` + inRange + unfinished + `?4`
	firstUnfinished = `SELECT key FROM hidden` + inRange + unfinished + `1`
)

// List implements core.EntryTx.
func (t *Tx) List(ctx context.Context, q core.ListQuery) ([]core.ListItem, error) {
	if q.Limit <= 0 {
		return nil, nil
	}
	second := core.Hidden
	switch q.Which {
	case core.Live, core.Hidden:
		return t.listTable(ctx, &q, q.Which)
	case core.LiveAndUnfinished:
		second = core.LiveAndUnfinished
	case core.LiveAndHidden:
	}
	live, err := t.listTable(ctx, &q, core.Live)
	if err != nil {
		return nil, err
	}
	hidden, err := t.listTable(ctx, &q, second)
	if err != nil {
		return nil, err
	}
	return merge(live, hidden, q.Limit), nil
}

// Summaries implements core.EntryTx.
func (t *Tx) Summaries(ctx context.Context, q core.ListQuery) ([]core.Summary, error) {
	to := summaries{limit: q.Limit}
	err := t.walk(ctx, newLister(&q, summaryLive, firstLive), &to)
	return to.all, err
}

// listTable lists live entries, hidden ones, or, with LiveAndUnfinished, the unfinished of these.
func (t *Tx) listTable(ctx context.Context, q *core.ListQuery, which core.Which) ([]core.ListItem, error) {
	first := firstLive
	switch which {
	case core.Hidden:
		first = firstHidden
	case core.LiveAndUnfinished:
		first = firstUnfinished
	case core.Live, core.LiveAndHidden:
	}
	to := items{limit: q.Limit, brief: q.Brief}
	if err := t.walk(ctx, newLister(q, listText(q.Brief, which), first), &to); err != nil {
		return nil, err
	}
	for _, i := range to.side {
		e := &to.all[i].Entry
		if err := t.sideAttrs(ctx, &e.Version.Attrs, entryAttrs, e.ObjectID); err != nil {
			return nil, err
		}
	}
	return to.all, nil
}

// merge joins two listings in bytewise order; a common prefix of both is named once.
func merge(a, b []core.ListItem, limit int) []core.ListItem {
	if len(b) == 0 {
		return a
	}
	all := make([]core.ListItem, 0, min(limit, len(a)+len(b)))
	for len(all) < limit && len(a)+len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && name(&a[0]) < name(&b[0]):
			all, a = append(all, a[0]), a[1:]
		case len(a) == 0 || name(&b[0]) < name(&a[0]):
			all, b = append(all, b[0]), b[1:]
		default: // only common prefixes can be in both
			all, a, b = append(all, a[0]), a[1:], b[1:]
		}
	}
	return all
}

// name is the place of an item in the order of a listing.
func name(it *core.ListItem) string {
	if it.CommonPrefix != "" {
		return it.CommonPrefix
	}
	return it.Entry.Key
}

// gatherer takes what a lister finds, in order.
type gatherer interface {
	// room is how many more there may be.
	room() int
	prefix(common string)
	// entry takes the row of a scan, whose key is read already.
	entry(r Rows, key string) error
	// keyColumn is where a scan has the key.
	keyColumn() int
}

// items gathers whole entries or brief ones.
type items struct {
	limit int
	brief bool
	all   []core.ListItem
	side  []int // those whose attributes lie in the side table
}

func (t *items) room() int      { return t.limit - len(t.all) }
func (t *items) keyColumn() int { return 1 }

func (t *items) prefix(common string) { next(&t.all, t.limit).CommonPrefix = common }

func (t *items) entry(r Rows, key string) error {
	e := &next(&t.all, t.limit).Entry
	side := scanKeyed(r, 0, key, e)
	if t.brief {
		return nil
	}
	if side {
		t.side = append(t.side, len(t.all)-1)
	}
	return scanAttrs(r, versionStart+attrsColumn, &e.Version.Attrs)
}

// summaries gathers what listings show.
type summaries struct {
	limit int
	all   []core.Summary
}

func (t *summaries) room() int      { return t.limit - len(t.all) }
func (t *summaries) keyColumn() int { return 0 }

func (t *summaries) prefix(common string) { next(&t.all, t.limit).CommonPrefix = common }

func (t *summaries) entry(r Rows, key string) error {
	s := next(&t.all, t.limit)
	s.Key, s.Size, s.ETag, s.UpdateTime = key, r.Int(1), r.Text(2), r.Int(3)
	s.Expiry, s.Class = r.Int(4), r.Text(5)
	sum := checksumKind(r.Int(6))
	s.ChecksumAlgorithm, s.ChecksumComposite = sum.Algorithm, sum.Composite
	return nil
}

// next appends a zero item of at most limit and returns it. Items are long: a short listing gets room for a few,
// a longer one for all that it may need at once instead of being copied each time it doubles.
func next[T any](all *[]T, limit int) *T {
	switch n := len(*all); {
	case n < cap(*all):
	case n == 0:
		*all = make([]T, 0, min(limit, 32))
	default:
		*all = slices.Grow(*all, min(limit-n, max(n, 1024)))
	}
	*all = (*all)[:len(*all)+1] // zero: nobody had that memory before
	return &(*all)[len(*all)-1]
}

// lister walks one table.
type lister struct {
	*core.ListQuery
	scan, first string // the statements: rows from a place on, and the first key there
	lo, hi      string // what is still to be listed: [lo, hi)
	args        [4]any // of the statements; two of them never change
}

func newLister(q *core.ListQuery, scan, first string) *lister {
	l := &lister{ListQuery: q, scan: scan, first: first, lo: max(q.Prefix, q.From), hi: after(q.Prefix)}
	if q.Before != "" {
		l.hi = min(l.hi, q.Before)
	}
	l.args[0], l.args[2] = q.BucketID, Blob(l.hi)
	return l
}

// walk gathers entries in runs, each from one range scan, and runs of common prefixes from a seek each.
func (t *Tx) walk(ctx context.Context, l *lister, to gatherer) error {
	for to.room() > 0 && l.lo < l.hi {
		if err := t.run(ctx, l, to); err != nil {
			return err
		}
	}
	return nil
}

// run gathers entries up to a common prefix and that, and moves lo to where the next key may be. Where a common
// prefix comes first, more of them are likely to follow.
func (t *Tx) run(ctx context.Context, l *lister, to gatherer) error {
	l.args[1], l.args[3] = Blob(l.lo), to.room()
	rows, err := t.conn.Query(ctx, l.scan, l.args[:]...)
	if err != nil {
		return err
	}
	folding, column := l.SkipPrefix != "" || l.Delimiter != "", to.keyColumn()
	for begun := false; rows.Next(); begun = true {
		key := rows.Text(column)
		if folding && l.fold(key, to) {
			if err := rows.Close(); err != nil || begun {
				return err
			}
			return t.prefixes(ctx, l, to)
		}
		if err := to.entry(rows, key); err != nil {
			return closeWith(rows, err)
		}
	}
	l.lo = l.hi
	return rows.Close()
}

// prefixes gathers common prefixes up to the next key that stands for itself, and moves lo to it.
func (t *Tx) prefixes(ctx context.Context, l *lister, to gatherer) error {
	for to.room() > 0 && l.lo < l.hi {
		l.args[1] = Blob(l.lo)
		key, found, err := queryRow(ctx, t.conn, scanText, l.first, l.args[:3]...)
		if err != nil {
			return err
		}
		if !found {
			l.lo = l.hi
			return nil
		}
		if !l.fold(key, to) {
			l.lo = key
			return nil
		}
	}
	return nil
}

// scanText reads a single string.
func scanText(r Rows) (string, error) { return r.Text(0), nil }

// fold tells whether key stands for many, which are gathered then, and moves lo behind them.
func (l *lister) fold(key string, to gatherer) bool {
	if l.SkipPrefix != "" && strings.HasPrefix(key, l.SkipPrefix) {
		l.lo = after(l.SkipPrefix)
		return true
	}
	if l.Delimiter == "" {
		return false
	}
	i := strings.Index(key[len(l.Prefix):], l.Delimiter)
	if i < 0 {
		return false
	}
	common := key[:len(l.Prefix)+i+len(l.Delimiter)]
	to.prefix(common)
	l.lo = after(common)
	return true
}

func listText(brief bool, which core.Which) string {
	switch {
	case which == core.Live && brief:
		return briefLive
	case which == core.Live:
		return listLive
	case which == core.LiveAndUnfinished && brief:
		return briefUnfinished
	case which == core.LiveAndUnfinished:
		return listUnfinished
	case brief:
		return briefHidden
	default:
		return listHidden
	}
}
