package sqlmeta

import (
	"context"

	"trivium/core"
)

const (
	putUser = `INSERT INTO users (id, name, password, admin, disabled, create_time) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, password = excluded.password, admin = excluded.admin,
		disabled = excluded.disabled, create_time = excluded.create_time`
	selectUser = `SELECT id, name, password, admin, disabled, create_time FROM users `
	userByID   = selectUser + `WHERE id = ?1`
	userByName = selectUser + `WHERE name = ?1`
	users      = selectUser + `WHERE id > ?1 ORDER BY id LIMIT ?2`
	deleteUser = `DELETE FROM users WHERE id = ?1`

	putKey = `INSERT INTO access_keys (id, user_id, secret, disabled, create_time) VALUES (?1, ?2, ?3, ?4, ?5)
		ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id, secret = excluded.secret,
		disabled = excluded.disabled, create_time = excluded.create_time`
	selectKey = `SELECT id, user_id, secret, disabled, create_time FROM access_keys `
	keyByID   = selectKey + `WHERE id = ?1`
	keysOf    = selectKey + `WHERE user_id = ?1 ORDER BY id`
	allKeys   = selectKey + `ORDER BY id`
	deleteKey = `DELETE FROM access_keys WHERE id = ?1`

	deleteGrants = `DELETE FROM grants WHERE bucket_id = ?1`
	putGrant     = `INSERT INTO grants (bucket_id, user_id, access) VALUES (?1, ?2, ?3)`
	grants       = `SELECT bucket_id, user_id, access FROM grants WHERE bucket_id = ?1 ORDER BY user_id`
)

// PutUser implements core.AccountTx.
func (t *Tx) PutUser(ctx context.Context, u core.User) error {
	return t.exec(ctx, putUser, u.ID, Blob(u.Name), nullText(u.Password), u.Admin, u.Disabled, u.CreateTime)
}

// User implements core.AccountTx.
func (t *Tx) User(ctx context.Context, id int64) (core.User, bool, error) {
	return queryRow(ctx, t.conn, scanUser, userByID, id)
}

// UserByName implements core.AccountTx.
func (t *Tx) UserByName(ctx context.Context, name string) (core.User, bool, error) {
	return queryRow(ctx, t.conn, scanUser, userByName, Blob(name))
}

// Users implements core.AccountTx.
func (t *Tx) Users(ctx context.Context, afterID int64, limit int) ([]core.User, error) {
	return queryRows(ctx, t.conn, scanUser, users, afterID, max(limit, 0))
}

// DeleteUser implements core.AccountTx.
func (t *Tx) DeleteUser(ctx context.Context, id int64) error { return t.exec(ctx, deleteUser, id) }

func scanUser(r Rows) (core.User, error) {
	return core.User{
		ID: r.Int(0), Name: r.Text(1), Password: r.Text(2), Admin: r.Int(3) != 0, Disabled: r.Int(4) != 0,
		CreateTime: r.Int(5),
	}, nil
}

// PutKey implements core.AccountTx.
func (t *Tx) PutKey(ctx context.Context, k core.AccessKey) error {
	return t.exec(ctx, putKey, k.ID, k.UserID, notNull(k.Secret), k.Disabled, k.CreateTime)
}

// Key implements core.AccountTx.
func (t *Tx) Key(ctx context.Context, id string) (core.AccessKey, bool, error) {
	return queryRow(ctx, t.conn, scanKey, keyByID, id)
}

// Keys implements core.AccountTx.
func (t *Tx) Keys(ctx context.Context, userID int64) ([]core.AccessKey, error) {
	if userID == 0 {
		return queryRows(ctx, t.conn, scanKey, allKeys)
	}
	return queryRows(ctx, t.conn, scanKey, keysOf, userID)
}

// DeleteKey implements core.AccountTx.
func (t *Tx) DeleteKey(ctx context.Context, id string) error { return t.exec(ctx, deleteKey, id) }

func scanKey(r Rows) (core.AccessKey, error) {
	return core.AccessKey{
		ID: r.Text(0), UserID: r.Int(1), Secret: r.Bytes(2), Disabled: r.Int(3) != 0, CreateTime: r.Int(4),
	}, nil
}

// SetGrants implements core.BucketTx.
func (t *Tx) SetGrants(ctx context.Context, bucketID int64, all []core.Grant) error {
	if err := t.exec(ctx, deleteGrants, bucketID); err != nil {
		return err
	}
	for _, g := range all {
		if err := t.exec(ctx, putGrant, bucketID, g.UserID, int64(g.Access)); err != nil {
			return err
		}
	}
	return nil
}

// Grants implements core.BucketTx.
func (t *Tx) Grants(ctx context.Context, bucketID int64) ([]core.Grant, error) {
	return queryRows(ctx, t.conn, func(r Rows) (core.Grant, error) {
		return core.Grant{BucketID: r.Int(0), UserID: r.Int(1), Access: core.Access(r.Int(2))}, nil
	}, grants, bucketID)
}

// nullText is s as an argument, "" as NULL.
func nullText(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// notNull is b as an argument of a column that is never NULL.
func notNull(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
