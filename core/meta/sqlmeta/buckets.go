package sqlmeta

import (
	"context"
	"encoding/json"
	"fmt"

	"trivium/core"
)

const (
	putBucket = `INSERT INTO buckets (id, name, owner, create_time, versioning, ever_versioned, deleting, policy)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, owner = excluded.owner,
		create_time = excluded.create_time, versioning = excluded.versioning,
		ever_versioned = excluded.ever_versioned, deleting = excluded.deleting, policy = excluded.policy`
	selectBucket = `SELECT id, name, owner, create_time, versioning, ever_versioned, deleting, policy FROM buckets `
	bucketByID   = selectBucket + `WHERE id = ?1`
	bucketByName = selectBucket + `WHERE name = ?1 AND deleting = 0`
	liveBuckets  = selectBucket + `WHERE name > ?1 AND deleting = 0 ORDER BY name LIMIT ?2`
	goneBuckets  = selectBucket + `WHERE name > ?1 AND deleting = 1 ORDER BY name, id LIMIT ?2`
	bucketsByID  = selectBucket + `WHERE id > ?1 AND deleting = 0 ORDER BY id LIMIT ?2`
	deleteBucket = `DELETE FROM buckets WHERE id = ?1`
	deleteDocs   = `DELETE FROM docs WHERE bucket_id = ?1`
	deleteUsage  = `DELETE FROM usage WHERE bucket_id = ?1`

	putPackage = `INSERT INTO packages (id, bucket_id, name, explicit, create_time) VALUES (?1, ?2, ?3, ?4, ?5)
		ON CONFLICT (id) DO UPDATE SET bucket_id = excluded.bucket_id, name = excluded.name,
		explicit = excluded.explicit, create_time = excluded.create_time`
	selectPackage = `SELECT id, bucket_id, name, explicit, create_time FROM packages `
	packageByID   = selectPackage + `WHERE id = ?1`
	packageByName = selectPackage + `WHERE bucket_id = ?1 AND name = ?2`
	packages      = selectPackage + `WHERE bucket_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3`
	packagesFrom  = selectPackage + `WHERE bucket_id = ?1 AND name >= ?2 ORDER BY name LIMIT ?3`
	deletePackage = `DELETE FROM packages WHERE id = ?1`
)

// What the column explicit of packages holds: whether the package is, and above that bit its Ending.
const (
	packageExplicit = 1
	packageEnding   = 1 // bits
)

// PutBucket implements core.BucketTx.
func (t *Tx) PutBucket(ctx context.Context, b core.Bucket) error {
	policy, err := json.Marshal(b.Policy)
	if err != nil {
		return fmt.Errorf("policy of bucket %d: %w", b.ID, err)
	}
	return t.exec(ctx, putBucket, b.ID, Blob(b.Name), b.Owner, b.CreateTime, int64(b.Versioning), b.EverVersioned,
		b.Deleting, string(policy))
}

// Bucket implements core.BucketTx.
func (t *Tx) Bucket(ctx context.Context, id int64) (core.Bucket, bool, error) {
	return queryRow(ctx, t.conn, scanBucket, bucketByID, id)
}

// BucketByName implements core.BucketTx.
func (t *Tx) BucketByName(ctx context.Context, name string) (core.Bucket, bool, error) {
	return queryRow(ctx, t.conn, scanBucket, bucketByName, Blob(name))
}

// Buckets implements core.BucketTx.
func (t *Tx) Buckets(ctx context.Context, after string, limit int, deleting bool) ([]core.Bucket, error) {
	text := liveBuckets
	if deleting {
		text = goneBuckets
	}
	return queryRows(ctx, t.conn, scanBucket, text, Blob(after), max(limit, 0))
}

// BucketsByID implements core.BucketTx.
func (t *Tx) BucketsByID(ctx context.Context, afterID int64, limit int) ([]core.Bucket, error) {
	return queryRows(ctx, t.conn, scanBucket, bucketsByID, afterID, max(limit, 0))
}

func scanBucket(r Rows) (core.Bucket, error) {
	b := core.Bucket{
		ID: r.Int(0), Name: r.Text(1), Owner: r.Int(2), CreateTime: r.Int(3),
		Versioning: core.Versioning(r.Int(4)), EverVersioned: r.Int(5) != 0, Deleting: r.Int(6) != 0,
	}
	return b, fromJSON(r, 7, &b.Policy)
}

// DeleteBucket implements core.BucketTx.
func (t *Tx) DeleteBucket(ctx context.Context, id int64) error {
	if err := t.DeleteProperties(ctx, -id); err != nil {
		return err
	}
	for _, text := range []string{deleteGrants, deleteDocs, deleteUsage, deleteBucketLocks, deleteBucket} {
		if err := t.exec(ctx, text, id); err != nil {
			return err
		}
	}
	if t.deltas != nil {
		t.deltas.drop(id)
	}
	return nil
}

// PutPackage implements core.BucketTx.
func (t *Tx) PutPackage(ctx context.Context, p core.Package) error {
	flags := p.Ending << packageEnding
	if p.Explicit {
		flags |= packageExplicit
	}
	return t.exec(ctx, putPackage, p.ID, p.BucketID, Blob(p.Name), flags, p.CreateTime)
}

// Package implements core.BucketTx.
func (t *Tx) Package(ctx context.Context, id int64) (core.Package, bool, error) {
	return queryRow(ctx, t.conn, scanPackage, packageByID, id)
}

// PackageByName implements core.BucketTx.
func (t *Tx) PackageByName(ctx context.Context, bucketID int64, name string) (core.Package, bool, error) {
	return queryRow(ctx, t.conn, scanPackage, packageByName, bucketID, Blob(name))
}

// Packages implements core.BucketTx.
func (t *Tx) Packages(ctx context.Context, bucketID, afterID int64, limit int) ([]core.Package, error) {
	return queryRows(ctx, t.conn, scanPackage, packages, bucketID, afterID, max(limit, 0))
}

// PackagesFrom implements core.BucketTx.
func (t *Tx) PackagesFrom(ctx context.Context, bucketID int64, name string, limit int) ([]core.Package, error) {
	return queryRows(ctx, t.conn, scanPackage, packagesFrom, bucketID, Blob(name), max(limit, 0))
}

// DeletePackage implements core.BucketTx.
func (t *Tx) DeletePackage(ctx context.Context, id int64) error {
	return t.exec(ctx, deletePackage, id)
}

func scanPackage(r Rows) (core.Package, error) {
	return core.Package{
		ID: r.Int(0), BucketID: r.Int(1), Name: r.Text(2), Explicit: r.Int(3)&packageExplicit != 0, Ending: r.Int(3) >> packageEnding,
		CreateTime: r.Int(4),
	}, nil
}

// fromJSON decodes a column into v; NULL leaves v alone.
func fromJSON(r Rows, col int, v any) error {
	b := r.Bytes(col)
	if len(b) == 0 {
		return nil
	}
	if err := json.Unmarshal(b, v); err != nil {
		return &core.Error{Code: core.Corrupt, Msg: "a row of the metadata store is damaged", Err: err}
	}
	return nil
}
