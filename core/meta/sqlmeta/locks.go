package sqlmeta

import (
	"context"

	"trivium/core"
)

const (
	putLock = `INSERT INTO locks (token, bucket_id, key, deep, shared, owner, expiry, doc)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
		ON CONFLICT (token) DO UPDATE SET bucket_id = excluded.bucket_id, key = excluded.key, deep = excluded.deep,
		shared = excluded.shared, owner = excluded.owner, expiry = excluded.expiry, doc = excluded.doc`
	selectLock   = `SELECT token, bucket_id, key, deep, shared, owner, expiry, doc FROM locks `
	lockByToken  = selectLock + `WHERE token = ?1`
	locksAt      = selectLock + `WHERE bucket_id = ?1 AND key = ?2 ORDER BY token`
	below        = `WHERE bucket_id = ?1 AND (key = ?2 OR key >= ?3 AND key < ?4)`
	locksIn      = selectLock + below + ` ORDER BY key, token LIMIT ?5`
	expiredLocks = selectLock + `WHERE expiry <= ?1 ORDER BY expiry, token LIMIT ?2`

	countLocks        = `SELECT count(*) FROM (SELECT 1 FROM locks WHERE bucket_id = ?1 LIMIT ?2)`
	countOwnLocks     = `SELECT count(*) FROM (SELECT 1 FROM locks WHERE owner = ?1 LIMIT ?2)`
	deleteLock        = `DELETE FROM locks WHERE token = ?1`
	deleteLocks       = `DELETE FROM locks ` + below
	deleteBucketLocks = `DELETE FROM locks WHERE bucket_id = ?1`

	putProperty = `INSERT INTO dead_properties (object_id, namespace, name, value) VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT (object_id, namespace, name) DO UPDATE SET value = excluded.value`
	properties     = `SELECT namespace, name, value FROM dead_properties WHERE object_id = ?1 ORDER BY namespace, name`
	deleteProperty = `DELETE FROM dead_properties WHERE object_id = ?1 AND namespace = ?2 AND name = ?3`
	dropProperties = `DELETE FROM dead_properties WHERE object_id = ?1`
	copyProperties = `INSERT INTO dead_properties (object_id, namespace, name, value)
		SELECT ?2, namespace, name, value FROM dead_properties WHERE object_id = ?1`
)

// PutLock implements core.LockTx.
func (t *Tx) PutLock(ctx context.Context, l core.Lock) error {
	return t.exec(ctx, putLock, l.Token, l.BucketID, Blob(l.Key), l.Deep, l.Shared, l.Owner, l.Expiry, l.Note)
}

// Lock implements core.LockTx.
func (t *Tx) Lock(ctx context.Context, token string) (core.Lock, bool, error) {
	return queryRow(ctx, t.conn, scanLock, lockByToken, token)
}

// LocksAt implements core.LockTx.
func (t *Tx) LocksAt(ctx context.Context, bucketID int64, key string) ([]core.Lock, error) {
	return queryRows(ctx, t.conn, scanLock, locksAt, bucketID, Blob(key))
}

// LocksIn implements core.LockTx.
func (t *Tx) LocksIn(ctx context.Context, bucketID int64, key string, limit int) ([]core.Lock, error) {
	low, high := belowKey(key)
	return queryRows(ctx, t.conn, scanLock, locksIn, bucketID, Blob(key), Blob(low), Blob(high), max(limit, 0))
}

// belowKey is the range of the keys below a key.
func belowKey(key string) (low, high string) {
	if key == "" {
		return "", after("")
	}
	return key + "/", after(key + "/")
}

// CountLocks implements core.LockTx.
func (t *Tx) CountLocks(ctx context.Context, bucketID, owner int64, limit int) (inBucket, ofOwner int, err error) {
	n, _, err := queryRow(ctx, t.conn, scanInt, countLocks, bucketID, max(limit, 0))
	if err != nil {
		return 0, 0, err
	}
	own, _, err := queryRow(ctx, t.conn, scanInt, countOwnLocks, owner, max(limit, 0))
	return int(n), int(own), err
}

// ExpiredLocks implements core.LockTx.
func (t *Tx) ExpiredLocks(ctx context.Context, now int64, limit int) ([]core.Lock, error) {
	return queryRows(ctx, t.conn, scanLock, expiredLocks, now, max(limit, 0))
}

// DeleteLock implements core.LockTx.
func (t *Tx) DeleteLock(ctx context.Context, token string) error {
	return t.exec(ctx, deleteLock, token)
}

// DeleteLocks implements core.LockTx.
func (t *Tx) DeleteLocks(ctx context.Context, bucketID int64, key string) error {
	low, high := belowKey(key)
	return t.exec(ctx, deleteLocks, bucketID, Blob(key), Blob(low), Blob(high))
}

func scanLock(r Rows) (core.Lock, error) {
	return core.Lock{
		Token: r.Text(0), BucketID: r.Int(1), Key: r.Text(2), Deep: r.Int(3) != 0, Shared: r.Int(4) != 0,
		Owner: r.Int(5), Expiry: r.Int(6), Note: r.Text(7),
	}, nil
}

// PutProperty implements core.PropertyTx.
func (t *Tx) PutProperty(ctx context.Context, owner int64, p core.Property) error {
	return t.exec(ctx, putProperty, owner, Blob(p.Name.Space), Blob(p.Name.Local), Blob(p.Value))
}

// Properties implements core.PropertyTx.
func (t *Tx) Properties(ctx context.Context, owner int64) ([]core.Property, error) {
	return queryRows(ctx, t.conn, func(r Rows) (core.Property, error) {
		return core.Property{Name: core.PropertyName{Space: r.Text(0), Local: r.Text(1)}, Value: r.Text(2)}, nil
	}, properties, owner)
}

// DeleteProperty implements core.PropertyTx.
func (t *Tx) DeleteProperty(ctx context.Context, owner int64, name core.PropertyName) error {
	return t.exec(ctx, deleteProperty, owner, Blob(name.Space), Blob(name.Local))
}

// DeleteProperties implements core.PropertyTx.
func (t *Tx) DeleteProperties(ctx context.Context, owner int64) error {
	return t.exec(ctx, dropProperties, owner)
}

// CopyProperties implements core.PropertyTx.
func (t *Tx) CopyProperties(ctx context.Context, from, to int64) error {
	return t.exec(ctx, copyProperties, from, to)
}
