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
	firstLive   = `SELECT key FROM objects` + inRange + ` ORDER BY key LIMIT 1`
	firstHidden = `SELECT key FROM hidden` + inRange + ` ORDER BY key LIMIT 1`
)

// List implements core.EntryTx.
func (t *Tx) List(ctx context.Context, q core.ListQuery) ([]core.ListItem, error) {
	if q.Limit <= 0 {
		return nil, nil
	}
	if q.Which != core.LiveAndHidden {
		return t.listTable(ctx, &q, q.Which)
	}
	live, err := t.listTable(ctx, &q, core.Live)
	if err != nil {
		return nil, err
	}
	hidden, err := t.listTable(ctx, &q, core.Hidden)
	if err != nil {
		return nil, err
	}
	return merge(live, hidden, q.Limit), nil
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

// lister walks one table.
type lister struct {
	*core.ListQuery
	scan, first string // the statements
	lo, hi      string // what is still to be listed: [lo, hi)
	items       []core.ListItem
	side        []int // items whose attributes lie in the side table
}

// listTable lists live or hidden entries. Runs of entries come from one range scan, runs of common prefixes
// from a seek each.
func (t *Tx) listTable(ctx context.Context, q *core.ListQuery, which core.Which) ([]core.ListItem, error) {
	l := lister{ListQuery: q, first: firstLive, lo: max(q.Prefix, q.From), hi: after(q.Prefix)}
	l.scan = listText(q.Brief, which)
	if which == core.Hidden {
		l.first = firstHidden
	}
	if q.Before != "" {
		l.hi = min(l.hi, q.Before)
	}
	for len(l.items) < q.Limit && l.lo < l.hi {
		if err := t.listRun(ctx, &l); err != nil {
			return nil, err
		}
	}
	for _, i := range l.side {
		e := &l.items[i].Entry
		if err := t.sideAttrs(ctx, &e.Version.Attrs, entryAttrs, e.ObjectID); err != nil {
			return nil, err
		}
	}
	return l.items, nil
}

// room makes room for one more item. Items are long: a short listing gets a little, a longer one all that it may
// need at once instead of being copied each time it doubles.
func (l *lister) room() {
	switch n := len(l.items); {
	case n < cap(l.items):
	case n == 0:
		l.items = make([]core.ListItem, 0, min(l.Limit, 32))
	default:
		l.items = slices.Grow(l.items, min(l.Limit-n, max(n, 1024)))
	}
}

func listText(brief bool, which core.Which) string {
	switch {
	case which == core.Live && brief:
		return briefLive
	case which == core.Live:
		return listLive
	case brief:
		return briefHidden
	default:
		return listHidden
	}
}

// listRun appends entries and the common prefixes behind them, and moves lo to where the next entry may be.
func (t *Tx) listRun(ctx context.Context, l *lister) error {
	rows, err := t.conn.Query(ctx, l.scan, l.BucketID, Blob(l.lo), Blob(l.hi), l.Limit-len(l.items))
	if err != nil {
		return err
	}
	folding := l.SkipPrefix != "" || l.Delimiter != ""
	for rows.Next() {
		if folding && l.fold(rows.Text(1)) {
			if err := rows.Close(); err != nil {
				return err
			}
			return t.listPrefixes(ctx, l)
		}
		if err := l.addEntry(rows); err != nil {
			return closeWith(rows, err)
		}
	}
	l.lo = l.hi
	return rows.Close()
}

// listPrefixes appends common prefixes up to the next key that stands for itself, and moves lo to it.
func (t *Tx) listPrefixes(ctx context.Context, l *lister) error {
	for len(l.items) < l.Limit && l.lo < l.hi {
		key, found, err := queryRow(ctx, t.conn, scanText, l.first, l.BucketID, Blob(l.lo), Blob(l.hi))
		if err != nil {
			return err
		}
		if !found {
			l.lo = l.hi
			return nil
		}
		if !l.fold(key) {
			l.lo = key
			return nil
		}
	}
	return nil
}

// scanText reads a single string.
func scanText(r Rows) (string, error) { return r.Text(0), nil }

// fold tells whether key stands for many, and moves lo behind them then.
func (l *lister) fold(key string) bool {
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
	l.room()
	l.items = append(l.items, core.ListItem{CommonPrefix: common})
	l.lo = after(common)
	return true
}

// addEntry appends a row as an entry.
func (l *lister) addEntry(r Rows) error {
	l.room()
	l.items = l.items[:len(l.items)+1] // zero, as room left it
	e := &l.items[len(l.items)-1].Entry
	side := scanBrief(r, 0, e)
	if l.Brief {
		return nil
	}
	if side {
		l.side = append(l.side, len(l.items)-1)
	}
	return fromJSON(r, versionStart+attrsColumn, &e.Version.Attrs)
}
