package sqlmeta

import (
	"context"
	"encoding/binary"
	"fmt"

	"trivium/core"
	"trivium/core/content"
)

const (
	putInline = `INSERT INTO inline_data (id, sum, data) VALUES (?1, ?2, ?3)
		ON CONFLICT (id) DO UPDATE SET sum = excluded.sum, data = excluded.data`
	inline       = `SELECT sum, data FROM inline_data WHERE id = ?1`
	deleteInline = `DELETE FROM inline_data WHERE id = ?1`
	inlines      = `SELECT id FROM inline_data WHERE id > ?1 ORDER BY id LIMIT ?2`

	putList = `INSERT INTO lists (id, refs, sole, extents) VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT (id) DO UPDATE SET refs = excluded.refs, sole = excluded.sole, extents = excluded.extents`
	selectList  = `SELECT id, refs, extents FROM lists `
	listByID    = selectList + `WHERE id = ?1`
	lists       = selectList + `WHERE id > ?1 ORDER BY id LIMIT ?2`
	addListRefs = `UPDATE lists SET refs = refs + ?2 WHERE id = ?1 RETURNING refs`
	deleteList  = `DELETE FROM lists WHERE id = ?1`
)

// extentSize is the length of a packed extent: blob, offset, length.
const extentSize = 32

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

// PutList implements core.ContentTx.
func (t *Tx) PutList(ctx context.Context, l core.List) error {
	var sole []byte
	if len(l.Extents) == 1 {
		id := l.Extents[0].Blob.Bytes()
		sole = id[:]
	}
	return t.exec(ctx, putList, l.ID, l.Refs, sole, packExtents(l.Extents))
}

// ListByID implements core.ContentTx.
func (t *Tx) ListByID(ctx context.Context, id int64) (core.List, bool, error) {
	return queryRow(ctx, t.conn, scanList, listByID, id)
}

// Lists implements core.ContentTx.
func (t *Tx) Lists(ctx context.Context, afterID int64, limit int) ([]core.List, error) {
	return queryRows(ctx, t.conn, scanList, lists, afterID, max(limit, 0))
}

func scanList(r Rows) (l core.List, err error) {
	l.ID, l.Refs = r.Int(0), r.Int(1)
	l.Extents, err = unpackExtents(r.Bytes(2))
	return l, err
}

// AddListRefs implements core.ContentTx.
func (t *Tx) AddListRefs(ctx context.Context, id, delta int64) (int64, error) {
	return t.addRefs(ctx, fmt.Sprintf("list %d", id), addListRefs, id, delta)
}

// addRefs runs an update of a count of references and returns the count.
func (t *Tx) addRefs(ctx context.Context, what, text string, id any, delta int64) (int64, error) {
	refs, found, err := queryRow(ctx, t.conn, scanInt, text, id, delta)
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

// DeleteList implements core.ContentTx.
func (t *Tx) DeleteList(ctx context.Context, id int64) error { return t.exec(ctx, deleteList, id) }

func packExtents(all []core.Extent) []byte {
	b := make([]byte, 0, extentSize*len(all))
	for _, e := range all {
		id := e.Blob.Bytes()
		b = append(b, id[:]...)
		b = binary.BigEndian.AppendUint64(b, uint64(e.Offset))
		b = binary.BigEndian.AppendUint64(b, uint64(e.Length))
	}
	return b
}

func unpackExtents(b []byte) ([]core.Extent, error) {
	if len(b)%extentSize != 0 {
		return nil, core.Errorf(core.Corrupt, "", "a list of extents is damaged")
	}
	if len(b) == 0 {
		return nil, nil
	}
	all := make([]core.Extent, 0, len(b)/extentSize)
	for ; len(b) > 0; b = b[extentSize:] {
		id, err := content.ParseBlobID(b[:16])
		if err != nil {
			return nil, err
		}
		all = append(all, core.Extent{
			Blob:   id,
			Offset: int64(binary.BigEndian.Uint64(b[16:])), Length: int64(binary.BigEndian.Uint64(b[24:])),
		})
	}
	return all, nil
}
