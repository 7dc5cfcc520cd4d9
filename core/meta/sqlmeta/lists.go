package sqlmeta

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"trivium/core"
)

const (
	addList = `INSERT INTO lists (id, refs, long, parts, sole, extents) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
		ON CONFLICT (id) DO NOTHING`
	selectList  = `SELECT id, refs, long, parts, extents FROM lists `
	listByID    = selectList + `WHERE id = ?1`
	lists       = selectList + `WHERE id > ?1 ORDER BY id LIMIT ?2`
	deadLists   = selectList + `WHERE refs = 0 ORDER BY id LIMIT ?1`
	addListRefs = `UPDATE lists SET refs = refs + ?2 WHERE id = ?1 RETURNING refs, long`
	deleteList  = `DELETE FROM lists WHERE id = ?1 RETURNING long, parts`

	addExtents    = `INSERT INTO list_extents (list_id, bound, extents) VALUES (?1, ?2, ?3)`
	extentsFrom   = `SELECT bound, extents FROM list_extents WHERE list_id = ?1 AND bound > ?2 ORDER BY bound`
	deleteExtents = `DELETE FROM list_extents WHERE list_id = ?1`

	addParts    = `INSERT INTO list_parts (list_id, parts) VALUES (?1, ?2)`
	partsOfList = `SELECT parts FROM list_parts WHERE list_id = ?1`
	deleteParts = `DELETE FROM list_parts WHERE list_id = ?1`
)

const (
	extentSize   = 32  // bytes of a packed extent: blob, offset, length
	extentsInRow = 128 // of list_extents: 4 KiB
)

// listHead is a row of lists.
type listHead struct {
	core.List
	long, parts bool
}

// PutList implements core.ContentTx.
func (t *Tx) PutList(ctx context.Context, l core.List) error {
	long := len(l.Extents) > core.ShortList
	var sole, extents []byte
	if len(l.Extents) == 1 {
		sole = blobKey(l.Extents[0].Blob)
	}
	if !long {
		extents = packExtents(l.Extents)
	}
	args := []any{l.ID, l.Refs, long, len(l.Parts), sole, extents}
	n, err := t.conn.Exec(ctx, addList, args...)
	if err == nil && n == 0 { // replaced
		if err = t.DeleteList(ctx, l.ID); err == nil {
			err = t.exec(ctx, addList, args...)
		}
	}
	if err == nil && long {
		err = t.putExtents(ctx, l.ID, l.Extents)
	}
	if err == nil && len(l.Parts) > 0 {
		err = t.exec(ctx, addParts, l.ID, packParts(l.Parts))
	}
	return err
}

// putExtents writes the extents of a long list.
func (t *Tx) putExtents(ctx context.Context, id int64, all []core.Extent) error {
	var bound int64
	for some := range slices.Chunk(all, extentsInRow) {
		for _, x := range some {
			bound += x.Length
		}
		if err := t.exec(ctx, addExtents, id, bound, packExtents(some)); err != nil {
			return err
		}
	}
	return nil
}

// ListByID implements core.ContentTx.
func (t *Tx) ListByID(ctx context.Context, id int64, read core.ListRead) (core.List, bool, error) {
	h, found, err := queryRow(ctx, t.conn, scanList, listByID, id)
	if err == nil && found {
		err = t.readList(ctx, &h, read)
	}
	return h.List, found, err
}

// Lists implements core.ContentTx.
func (t *Tx) Lists(ctx context.Context, afterID int64, limit int) ([]core.List, error) {
	return t.lists(ctx, core.ListRead{Length: -1, Parts: true}, lists, afterID, max(limit, 0))
}

// DeadLists implements core.ContentTx.
func (t *Tx) DeadLists(ctx context.Context, limit int) ([]core.List, error) {
	return t.lists(ctx, core.ListRead{Length: -1}, deadLists, max(limit, 0))
}

func (t *Tx) lists(ctx context.Context, read core.ListRead, text string, args ...any) ([]core.List, error) {
	heads, err := queryRows(ctx, t.conn, scanList, text, args...)
	if err != nil {
		return nil, err
	}
	all := make([]core.List, 0, len(heads))
	for i := range heads {
		if err := t.readList(ctx, &heads[i], read); err != nil {
			return nil, err
		}
		all = append(all, heads[i].List)
	}
	return all, nil
}

// scanList reads a row of lists; Extents are those of a short one.
func scanList(r Rows) (h listHead, err error) {
	h.ID, h.Refs, h.long, h.parts = r.Int(0), r.Int(1), r.Int(2) != 0, r.Int(3) != 0
	h.Extents, err = unpackExtents(nil, r.Bytes(4))
	return h, err
}

// readList adds to a row what is asked for beside it.
func (t *Tx) readList(ctx context.Context, h *listHead, read core.ListRead) (err error) {
	first, last := read.Offset, int64(math.MaxInt64)
	if read.Length >= 0 && read.Length < last-first {
		last = first + read.Length
	}
	var start int64 // of the first extent, in the content
	if h.long && last > first {
		start, err = t.readExtents(ctx, h, first, last)
	}
	h.Extents = clip(h.Extents, first-start, last-start)
	if err != nil || !h.parts || !read.Parts {
		return err
	}
	var found bool
	h.Parts, found, err = queryRow(ctx, t.conn, func(r Rows) ([]core.Part, error) {
		return unpackParts(r.Bytes(0))
	}, partsOfList, h.ID)
	if err == nil && !found {
		err = core.Errorf(core.Corrupt, "", "the parts of list %d are missing", h.ID)
	}
	return err
}

// readExtents reads the rows of a long list that hold the bytes from first to before last, and returns where
// in the content the first extent begins.
func (t *Tx) readExtents(ctx context.Context, h *listHead, first, last int64) (start int64, err error) {
	rows, err := t.conn.Query(ctx, extentsFrom, h.ID, first)
	if err != nil {
		return 0, err
	}
	for rows.Next() {
		none := len(h.Extents) == 0
		if h.Extents, err = unpackExtents(h.Extents, rows.Bytes(1)); err != nil {
			return 0, closeWith(rows, err)
		}
		bound := rows.Int(0)
		if none {
			start = bound
			for _, x := range h.Extents {
				start -= x.Length
			}
		}
		if bound >= last {
			break
		}
	}
	return start, rows.Close()
}

// clip cuts extents to the bytes from first to before last of what they hold.
func clip(all []core.Extent, first, last int64) []core.Extent {
	var at int64
	kept := all[:0]
	for _, x := range all {
		from, to := max(first-at, 0), min(last-at, x.Length)
		at += x.Length
		if from < to {
			kept = append(kept, core.Extent{Blob: x.Blob, Offset: x.Offset + from, Length: to - from})
		}
	}
	return kept
}

// AddListRefs implements core.ContentTx.
func (t *Tx) AddListRefs(ctx context.Context, id, delta int64) (refs int64, long bool, err error) {
	refs, err = t.addRefs(ctx, fmt.Sprintf("list %d", id), func(r Rows) (int64, error) {
		long = r.Int(1) != 0
		return r.Int(0), nil
	}, addListRefs, id, delta)
	return refs, long, err
}

// DeleteList implements core.ContentTx.
func (t *Tx) DeleteList(ctx context.Context, id int64) error {
	h, _, err := queryRow(ctx, t.conn, func(r Rows) (listHead, error) {
		return listHead{long: r.Int(0) != 0, parts: r.Int(1) != 0}, nil
	}, deleteList, id)
	if err == nil && h.long {
		err = t.exec(ctx, deleteExtents, id)
	}
	if err == nil && h.parts {
		err = t.exec(ctx, deleteParts, id)
	}
	return err
}

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

// unpackExtents appends the extents in b to all.
func unpackExtents(all []core.Extent, b []byte) ([]core.Extent, error) {
	if len(b)%extentSize != 0 {
		return nil, core.Errorf(core.Corrupt, "", "a list of extents is damaged")
	}
	all = slices.Grow(all, len(b)/extentSize)
	for ; len(b) > 0; b = b[extentSize:] {
		id, err := blobID(b[:16])
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

// packParts packs each part as its size, the length of its checksum, both varints, and the checksum.
func packParts(all []core.Part) []byte {
	b := make([]byte, 0, 16*len(all))
	for _, p := range all {
		b = binary.AppendUvarint(b, uint64(p.Size))
		b = binary.AppendUvarint(b, uint64(len(p.Checksum)))
		b = append(b, p.Checksum...)
	}
	return b
}

func unpackParts(b []byte) ([]core.Part, error) {
	all := make([]core.Part, 0, len(b)/16)
	text := string(b) // one string for all checksums
	for at := 0; at < len(b); {
		size, n := binary.Uvarint(b[at:])
		length, m := binary.Uvarint(b[at+max(n, 0):])
		at += n + m
		if n <= 0 || m <= 0 || length > uint64(len(b)-at) {
			return nil, core.Errorf(core.Corrupt, "", "a list of parts is damaged")
		}
		end := at + int(length)
		all = append(all, core.Part{Size: int64(size), Checksum: text[at:end]})
		at = end
	}
	return all, nil
}
