package sqlmeta

import (
	"context"
)

const (
	countLive   = `SELECT count(*) FROM (SELECT 1 FROM objects` + inRange + ` LIMIT ?4)`
	countHidden = `SELECT count(*) FROM (SELECT 1 FROM hidden` + inRange + ` LIMIT ?4)`
)

// announced is how far entries are counted before they are moved: more than any Conn lets pass beside others.
const announced = 2000

// MoveEntries implements core.EntryTx.
func (t *Tx) MoveEntries(ctx context.Context, bucketID int64, from string, toBucket int64, to string) (int64, error) {
	count, err := t.CountEntries(ctx, bucketID, from, announced)
	if err != nil {
		return 0, err
	}
	if err := t.conn.Announce(int64(count)); err != nil {
		return 0, err
	}
	var moved int64
	for _, text := range []string{t.dialect.MoveLive, t.dialect.MoveHidden} {
		n, err := t.conn.Exec(ctx, text, toBucket, Blob(to), len(from)+1, bucketID, Blob(from), Blob(after(from)))
		if err != nil {
			return 0, err
		}
		moved += n
	}
	return moved, nil
}

// CountEntries implements core.EntryTx.
func (t *Tx) CountEntries(ctx context.Context, bucketID int64, prefix string, limit int) (int, error) {
	count := 0
	for _, text := range []string{countLive, countHidden} {
		n, _, err := queryRow(ctx, t.conn, scanInt, text, bucketID, Blob(prefix), Blob(after(prefix)), max(limit-count, 0))
		if err != nil {
			return 0, err
		}
		count += int(n)
	}
	return count, nil
}

// scanInt reads a single number.
func scanInt(r Rows) (int64, error) { return r.Int(0), nil }
