package sqlmeta

import (
	"context"
	"encoding/json"
	"fmt"

	"trivium/core"
)

const (
	putUpload = `INSERT INTO uploads (id, bucket_id, key, active_time, native, doc) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
		ON CONFLICT (id) DO UPDATE SET bucket_id = excluded.bucket_id, key = excluded.key,
		active_time = excluded.active_time, native = excluded.native, doc = excluded.doc`
	selectUpload = `SELECT id, bucket_id, key, active_time, native, doc FROM uploads `
	uploadByID   = selectUpload + `WHERE id = ?1`
	uploads      = selectUpload + `WHERE bucket_id = ?1 AND key >= ?2 AND key < ?3 AND (key, id) > (?4, ?5)
		ORDER BY key, id LIMIT ?6`
	idleUploads  = selectUpload + `WHERE active_time < ?1 ORDER BY active_time, id LIMIT ?2`
	deleteUpload = `DELETE FROM uploads WHERE id = ?1`

	putPart = `INSERT INTO parts (upload_id, number, size, etag, sha256, checksum, crc64, update_time, content_kind,
		content_id, chain) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
		ON CONFLICT (upload_id, number) DO UPDATE SET size = excluded.size, etag = excluded.etag,
		sha256 = excluded.sha256, checksum = excluded.checksum, crc64 = excluded.crc64,
		update_time = excluded.update_time, content_kind = excluded.content_kind, content_id = excluded.content_id,
		chain = excluded.chain`
	selectPart = `SELECT upload_id, number, size, etag, sha256, checksum, crc64, update_time, content_kind, content_id, chain
		FROM parts WHERE upload_id = ?1 `
	partByNumber = selectPart + `AND number = ?2`
	parts        = selectPart + `AND number > ?2 ORDER BY number LIMIT ?3`
	deletePart   = `DELETE FROM parts WHERE upload_id = ?1 AND number = ?2`
)

// uploadDoc is what SQL need not see of an upload.
type uploadDoc struct {
	Owner      int64         `json:"o,omitempty"`
	CreateTime int64         `json:"c,omitempty"`
	Checksum   core.Checksum `json:"cs,omitzero"`
	Class      string        `json:"cl,omitempty"`
	Ended      bool          `json:"e,omitempty"`
	MTime      *int64        `json:"m,omitempty"` // nil: core.NoTime
	Attrs      core.Attrs    `json:"a,omitzero"`
}

// PutUpload implements core.UploadTx.
func (t *Tx) PutUpload(ctx context.Context, u core.Upload) error {
	doc := uploadDoc{Owner: u.Owner, CreateTime: u.CreateTime, Checksum: u.Checksum, Class: u.Class, Ended: u.Ended, Attrs: u.Attrs}
	if u.MTime != core.NoTime {
		doc.MTime = &u.MTime
	}
	text, err := json.Marshal(&doc)
	if err != nil {
		return fmt.Errorf("upload %s: %w", u.ID, err)
	}
	return t.exec(ctx, putUpload, u.ID, u.BucketID, Blob(u.Key), u.ActiveTime, u.Native, string(text))
}

// Upload implements core.UploadTx.
func (t *Tx) Upload(ctx context.Context, id string) (core.Upload, bool, error) {
	return queryRow(ctx, t.conn, scanUpload, uploadByID, id)
}

// Uploads implements core.UploadTx.
//
//nolint:revive // six parameters are the contract's
func (t *Tx) Uploads(ctx context.Context, bucketID int64, prefix, afterKey, afterID string, limit int) ([]core.Upload, error) {
	return queryRows(ctx, t.conn, scanUpload, uploads, bucketID, Blob(max(prefix, afterKey)), Blob(after(prefix)),
		Blob(afterKey), afterID, max(limit, 0))
}

// IdleUploads implements core.UploadTx.
func (t *Tx) IdleUploads(ctx context.Context, before int64, limit int) ([]core.Upload, error) {
	return queryRows(ctx, t.conn, scanUpload, idleUploads, before, max(limit, 0))
}

// DeleteUpload implements core.UploadTx.
func (t *Tx) DeleteUpload(ctx context.Context, id string) error { return t.exec(ctx, deleteUpload, id) }

func scanUpload(r Rows) (core.Upload, error) {
	var doc uploadDoc
	if err := fromJSON(r, 5, &doc); err != nil {
		return core.Upload{}, err
	}
	u := core.Upload{
		ID: r.Text(0), BucketID: r.Int(1), Key: r.Text(2), ActiveTime: r.Int(3), Native: r.Int(4) != 0,
		Owner: doc.Owner, CreateTime: doc.CreateTime, Checksum: doc.Checksum, Class: doc.Class, Ended: doc.Ended,
		MTime: core.NoTime, Attrs: doc.Attrs,
	}
	if doc.MTime != nil {
		u.MTime = *doc.MTime
	}
	return u, nil
}

// PutPart implements core.UploadTx.
func (t *Tx) PutPart(ctx context.Context, p core.UploadPart) error {
	return t.exec(ctx, putPart, p.UploadID, p.Number, p.Size, nullText(p.ETag), p.SHA256, nullText(p.Checksum),
		int64(p.CRC64), p.UpdateTime, int64(p.Content.Kind), p.Content.ID, p.Chain)
}

// Part implements core.UploadTx.
func (t *Tx) Part(ctx context.Context, uploadID string, number int) (core.UploadPart, bool, error) {
	return queryRow(ctx, t.conn, scanPart, partByNumber, uploadID, number)
}

// Parts implements core.UploadTx.
func (t *Tx) Parts(ctx context.Context, uploadID string, afterNumber, limit int) ([]core.UploadPart, error) {
	return queryRows(ctx, t.conn, scanPart, parts, uploadID, afterNumber, max(limit, 0))
}

// DeletePart implements core.UploadTx.
func (t *Tx) DeletePart(ctx context.Context, uploadID string, number int) error {
	return t.exec(ctx, deletePart, uploadID, number)
}

func scanPart(r Rows) (core.UploadPart, error) {
	return core.UploadPart{
		UploadID: r.Text(0), Number: int(r.Int(1)), Size: r.Int(2), ETag: r.Text(3), SHA256: r.Bytes(4),
		Checksum: r.Text(5), CRC64: uint64(r.Int(6)), UpdateTime: r.Int(7),
		Content: core.ContentRef{Kind: core.ContentKind(r.Int(8)), ID: r.Int(9)}, Chain: r.Bytes(10),
	}, nil
}
