package sqlmeta

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	"trivium/core"
	"trivium/core/content"
)

const (
	blobColumns = `id, class, size, sha256, crc64, refs, state, pack, pack_offset, pack_live, buffer, layout`
	putBlob     = `INSERT INTO blobs (` + blobColumns + `, digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
		ON CONFLICT (id) DO UPDATE SET class = excluded.class, size = excluded.size, sha256 = excluded.sha256,
		crc64 = excluded.crc64, refs = excluded.refs, state = excluded.state, pack = excluded.pack,
		pack_offset = excluded.pack_offset, pack_live = excluded.pack_live, buffer = excluded.buffer,
		layout = excluded.layout, digest = excluded.digest`
	selectBlob   = `SELECT ` + blobColumns + ` FROM blobs `
	blobByID     = selectBlob + `WHERE id = ?1`
	blobs        = selectBlob + `WHERE id > ?1 ORDER BY id LIMIT ?2`
	unreferenced = selectBlob + `WHERE refs = 0 ORDER BY id LIMIT ?1`
	findBlob     = selectBlob + `WHERE class = ?1 AND size = ?2 AND digest = ?3 AND sha256 = ?4
		AND NOT EXISTS (SELECT 1 FROM repair_queue WHERE blob = blobs.id) ORDER BY id LIMIT 1`
	// Blobs of shards are the many: without a class they are walked, the others have an index.
	blobsStored = selectBlob + `WHERE state = 0 AND (?1 = 0 OR class = ?1) ORDER BY id LIMIT ?2`
	blobsOfAny  = selectBlob + `WHERE state = ?1 AND state <> 0 ORDER BY class, id LIMIT ?2`
	blobsOf     = selectBlob + `WHERE state = ?1 AND state <> 0 AND class = ?3 ORDER BY id LIMIT ?2`
	addBlobRefs = `UPDATE blobs SET refs = refs + ?2 WHERE id = ?1 RETURNING refs`
	deleteBlob  = `DELETE FROM blobs WHERE id = ?1`

	putClass    = `INSERT INTO classes (id, spec) VALUES (?1, ?2)`
	classByID   = `SELECT id, spec FROM classes WHERE id = ?1`
	classBySpec = `SELECT id, spec FROM classes WHERE spec = ?1`
)

// PutBlob implements core.BlobTx.
func (t *Tx) PutBlob(ctx context.Context, b core.Blob) error {
	layout, err := packLayout(&b.Layout)
	if err != nil {
		return fmt.Errorf("blob %s: %w", b.ID, err)
	}
	var sha, pack []byte
	var digest any
	if b.HasSHA256 {
		sha, digest = b.SHA256[:], digestOf(b.SHA256)
	}
	if !b.Pack.IsZero() {
		pack = blobKey(b.Pack)
	}
	return t.exec(ctx, putBlob, blobKey(b.ID), b.Class, b.Size, sha, int64(b.CRC64), b.Refs, int64(b.State), pack,
		b.PackOffset, b.PackLive, b.Buffer, layout, digest)
}

// Blob implements core.BlobTx.
func (t *Tx) Blob(ctx context.Context, id content.BlobID) (core.Blob, bool, error) {
	return queryRow(ctx, t.conn, scanBlob, blobByID, blobKey(id))
}

// FindBlob implements core.BlobTx.
func (t *Tx) FindBlob(ctx context.Context, class, size int64, sha256 [32]byte) (core.Blob, bool, error) {
	return queryRow(ctx, t.conn, scanBlob, findBlob, class, size, digestOf(sha256), sha256[:])
}

// Blobs implements core.BlobTx.
func (t *Tx) Blobs(ctx context.Context, afterID content.BlobID, limit int) ([]core.Blob, error) {
	return queryRows(ctx, t.conn, scanBlob, blobs, blobKey(afterID), max(limit, 0))
}

// Unreferenced implements core.BlobTx.
func (t *Tx) Unreferenced(ctx context.Context, limit int) ([]core.Blob, error) {
	return queryRows(ctx, t.conn, scanBlob, unreferenced, max(limit, 0))
}

// BlobsIn implements core.BlobTx.
func (t *Tx) BlobsIn(ctx context.Context, state core.BlobState, class int64, limit int) ([]core.Blob, error) {
	limit = max(limit, 0)
	switch {
	case state == core.BlobStored:
		return queryRows(ctx, t.conn, scanBlob, blobsStored, class, limit)
	case class == 0:
		return queryRows(ctx, t.conn, scanBlob, blobsOfAny, int64(state), limit)
	default:
		return queryRows(ctx, t.conn, scanBlob, blobsOf, int64(state), limit, class)
	}
}

// AddBlobRefs implements core.BlobTx.
func (t *Tx) AddBlobRefs(ctx context.Context, id content.BlobID, delta int64) (int64, error) {
	return t.addRefs(ctx, "blob "+id.String(), scanInt, addBlobRefs, blobKey(id), delta)
}

// DeleteBlob implements core.BlobTx.
func (t *Tx) DeleteBlob(ctx context.Context, id content.BlobID) error {
	return t.exec(ctx, deleteBlob, blobKey(id))
}

// scanBlob reads blobColumns from the first column on.
func scanBlob(r Rows) (core.Blob, error) { return scanBlobAt(r, 0) }

// scanBlobAt reads blobColumns from column base on.
func scanBlobAt(r Rows, base int) (b core.Blob, err error) {
	if b.ID, err = blobID(r.Bytes(base)); err != nil {
		return b, err
	}
	b.Class, b.Size = r.Int(base+1), r.Int(base+2)
	if sha := r.Bytes(base + 3); sha != nil {
		b.HasSHA256 = copy(b.SHA256[:], sha) == len(b.SHA256)
	}
	b.CRC64, b.Refs, b.State = uint64(r.Int(base+4)), r.Int(base+5), core.BlobState(r.Int(base+6))
	if pack := r.Bytes(base + 7); pack != nil {
		if b.Pack, err = blobID(pack); err != nil {
			return b, err
		}
	}
	b.PackOffset, b.PackLive, b.Buffer = r.Int(base+8), r.Int(base+9), r.Int(base+10)
	return b, unpackLayout(r.Bytes(base+11), &b.Layout)
}

// PutClass implements core.BlobTx.
func (t *Tx) PutClass(ctx context.Context, c core.Class) (core.Class, error) {
	spec := c
	spec.ID = 0
	spec.Spaces = slices.Clone(c.Spaces)
	slices.Sort(spec.Spaces)
	text, err := json.Marshal(&spec)
	if err != nil {
		return core.Class{}, fmt.Errorf("class %d: %w", c.ID, err)
	}
	old, found, err := queryRow(ctx, t.conn, scanClass, classBySpec, text)
	if err != nil || found {
		return old, err
	}
	if err := t.exec(ctx, putClass, c.ID, text); err != nil {
		return core.Class{}, err
	}
	spec.ID = c.ID
	return spec, nil
}

// Class implements core.BlobTx.
func (t *Tx) Class(ctx context.Context, id int64) (core.Class, bool, error) {
	return queryRow(ctx, t.conn, scanClass, classByID, id)
}

func scanClass(r Rows) (c core.Class, err error) {
	err = fromJSON(r, 1, &c)
	c.ID = r.Int(0)
	return c, err
}

// blobKey is a blob's ID as an argument.
func blobKey(id content.BlobID) []byte {
	b := id.Bytes()
	return b[:]
}

// blobID reads the ID of a blob in a row.
func blobID(b []byte) (content.BlobID, error) {
	id, err := content.ParseBlobID(b)
	if err != nil {
		return id, &core.Error{Code: core.Corrupt, Msg: "a blob id in the metadata store is damaged", Err: err}
	}
	return id, nil
}

// digestOf is what the digest index keeps of a SHA-256.
func digestOf(sha256 [32]byte) int64 { return int64(binary.BigEndian.Uint64(sha256[:8])) }

// packLayout is a layout's binary form; of the zero layout, which a buffered blob has, it is empty.
func packLayout(l *content.Layout) ([]byte, error) {
	if l.N == 0 && l.K == 0 && len(l.Runs) == 0 {
		return []byte{}, nil
	}
	return l.MarshalBinary()
}

func unpackLayout(b []byte, l *content.Layout) error {
	if len(b) == 0 {
		return nil
	}
	if err := l.UnmarshalBinary(b); err != nil {
		return &core.Error{Code: core.Corrupt, Msg: "a layout in the metadata store is damaged", Err: err}
	}
	return nil
}
