package sqlmeta

import (
	"context"

	"trivium/core"
)

const (
	putInline = `INSERT INTO inline_data (id, sum, data) VALUES (?1, ?2, ?3)
		ON CONFLICT (id) DO UPDATE SET sum = excluded.sum, data = excluded.data`
	inline       = `SELECT sum, data FROM inline_data WHERE id = ?1`
	deleteInline = `DELETE FROM inline_data WHERE id = ?1`
	inlines      = `SELECT id FROM inline_data WHERE id > ?1 ORDER BY id LIMIT ?2`
)

// inlineRow is a row of inline data.
type inlineRow struct {
	sum  uint64
	data []byte
}

// PutInline implements core.ContentTx.
func (t *Tx) PutInline(ctx context.Context, id int64, sum uint64, data []byte) error {
	return t.exec(ctx, putInline, id, int64(sum), notNull(data))
}

// Inline implements core.ContentTx.
//
//nolint:revive // four results are the contract's
func (t *Tx) Inline(ctx context.Context, id int64) (data []byte, sum uint64, found bool, err error) {
	row, found, err := queryRow(ctx, t.conn, func(r Rows) (inlineRow, error) {
		return inlineRow{uint64(r.Int(0)), r.Bytes(1)}, nil
	}, inline, id)
	return row.data, row.sum, found, err
}

// DeleteInline implements core.ContentTx.
func (t *Tx) DeleteInline(ctx context.Context, id int64) error { return t.exec(ctx, deleteInline, id) }

// Inlines implements core.ContentTx.
func (t *Tx) Inlines(ctx context.Context, afterID int64, limit int) ([]int64, error) {
	return queryRows(ctx, t.conn, scanInt, inlines, afterID, max(limit, 0))
}

// addRefs runs an update of a count of references and returns the count.
func (t *Tx) addRefs(
	ctx context.Context, what string, scan func(Rows) (int64, error), text string, args ...any,
) (int64, error) {
	refs, found, err := queryRow(ctx, t.conn, scan, text, args...)
	switch {
	case err != nil:
		return 0, err
	case !found:
		return 0, core.Errorf(core.Corrupt, "", "%s is referred to but not there", what)
	case refs < 0:
		return 0, core.Errorf(core.Corrupt, "", "%s has fewer references than were given up", what)
	}
	return refs, nil
}
