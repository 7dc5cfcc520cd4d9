package sqlmeta

import (
	"context"

	"trivium/core"
)

const (
	stamp    = `SELECT format, store_id, epoch, config_epoch FROM meta WHERE id = 1`
	setStamp = `INSERT INTO meta (id, format, store_id, epoch, config_epoch) VALUES (1, ?1, ?2, ?3, ?4)
		ON CONFLICT (id) DO UPDATE SET format = excluded.format, store_id = excluded.store_id,
		epoch = excluded.epoch, config_epoch = excluded.config_epoch`
	bumpConfig = `UPDATE meta SET config_epoch = config_epoch + 1 WHERE id = 1`

	reserveIDs = `INSERT INTO sequences (name, next) VALUES (?1, 1 + ?2)
		ON CONFLICT (name) DO UPDATE SET next = sequences.next + ?2 RETURNING next - ?2`

	addUsage = `INSERT INTO usage (bucket_id, objects, bytes) VALUES (?1, ?2, ?3)
		ON CONFLICT (bucket_id) DO UPDATE SET objects = usage.objects + excluded.objects,
		bytes = usage.bytes + excluded.bytes`
	usage = `SELECT objects, bytes FROM usage WHERE bucket_id = ?1`

	putDoc = `INSERT INTO docs (bucket_id, kind, body) VALUES (?1, ?2, ?3)
		ON CONFLICT (bucket_id, kind) DO UPDATE SET body = excluded.body`
	doc       = `SELECT body FROM docs WHERE bucket_id = ?1 AND kind = ?2`
	deleteDoc = `DELETE FROM docs WHERE bucket_id = ?1 AND kind = ?2`

	putSetting = `INSERT INTO settings (name, value) VALUES (?1, ?2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`
	setting       = `SELECT value FROM settings WHERE name = ?1`
	deleteSetting = `DELETE FROM settings WHERE name = ?1`
)

// Stamp implements core.SystemTx.
func (t *Tx) Stamp(ctx context.Context) (core.Stamp, error) {
	s, found, err := queryRow(ctx, t.conn, func(r Rows) (s core.Stamp, err error) {
		s.Format, s.Epoch, s.ConfigEpoch = int(r.Int(0)), r.Int(2), r.Int(3)
		if copy(s.StoreID[:], r.Bytes(1)) != len(s.StoreID) {
			err = core.Errorf(core.Corrupt, "", "the stamp of the metadata store is damaged")
		}
		return s, err
	}, stamp)
	if err == nil && !found {
		err = core.Errorf(core.Corrupt, "", "the metadata store has no stamp")
	}
	return s, err
}

// SetStamp implements core.SystemTx.
func (t *Tx) SetStamp(ctx context.Context, s core.Stamp) error {
	return t.exec(ctx, setStamp, s.Format, s.StoreID[:], s.Epoch, s.ConfigEpoch)
}

// BumpConfig implements core.SystemTx.
func (t *Tx) BumpConfig(ctx context.Context) error { return t.exec(ctx, bumpConfig) }

// ReserveIDs implements core.SystemTx.
func (t *Tx) ReserveIDs(ctx context.Context, sequence string, n int64) (int64, error) {
	first, _, err := queryRow(ctx, t.conn, scanInt, reserveIDs, sequence, n)
	return first, err
}

// AddUsage implements core.SystemTx. The deltas of all members of a batch become one row change per bucket:
// see Deltas.
func (t *Tx) AddUsage(_ context.Context, bucketID int64, delta core.Usage) error {
	if t.deltas == nil {
		return core.Errorf(core.Internal, "", "a View cannot write")
	}
	t.deltas.add(bucketID, delta)
	return nil
}

// Usage implements core.SystemTx.
func (t *Tx) Usage(ctx context.Context, bucketID int64) (core.Usage, error) {
	u, _, err := queryRow(ctx, t.conn, func(r Rows) (core.Usage, error) {
		return core.Usage{Objects: r.Int(0), Bytes: r.Int(1)}, nil
	}, usage, bucketID)
	if t.deltas != nil {
		u = plus(u, t.deltas.of(bucketID))
	}
	return u, err
}

// PutDoc implements core.SystemTx.
func (t *Tx) PutDoc(ctx context.Context, bucketID int64, kind string, body []byte) error {
	if body == nil {
		return t.exec(ctx, deleteDoc, bucketID, kind)
	}
	return t.exec(ctx, putDoc, bucketID, kind, body)
}

// Doc implements core.SystemTx.
func (t *Tx) Doc(ctx context.Context, bucketID int64, kind string) ([]byte, bool, error) {
	return queryRow(ctx, t.conn, scanBytes, doc, bucketID, kind)
}

// PutSetting implements core.SystemTx.
func (t *Tx) PutSetting(ctx context.Context, name string, value []byte) error {
	if value == nil {
		return t.exec(ctx, deleteSetting, name)
	}
	return t.exec(ctx, putSetting, name, value)
}

// Setting implements core.SystemTx.
func (t *Tx) Setting(ctx context.Context, name string) ([]byte, bool, error) {
	return queryRow(ctx, t.conn, scanBytes, setting, name)
}

// scanBytes reads a single byte string.
func scanBytes(r Rows) ([]byte, error) { return r.Bytes(0), nil }

func plus(a, b core.Usage) core.Usage {
	return core.Usage{Objects: a.Objects + b.Objects, Bytes: a.Bytes + b.Bytes}
}
