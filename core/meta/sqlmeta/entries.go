package sqlmeta

import (
	"context"
	"slices"
	"strings"

	"trivium/core"
)

const (
	entryPlace   = `bucket_id, key, object_id, create_time, last_version, last_revision, unfinished, `
	briefEntry   = entryPlace + briefVersion
	wholeEntry   = entryPlace + wholeVersion
	versionStart = 7 // the column where a version begins

	liveByKey   = `SELECT ` + wholeEntry + ` FROM objects WHERE bucket_id = ?1 AND key = ?2`
	hiddenByKey = `SELECT ` + wholeEntry + ` FROM hidden WHERE bucket_id = ?1 AND key = ?2`
	liveByID    = `SELECT ` + wholeEntry + ` FROM objects WHERE object_id = ?1`
	hiddenByID  = `SELECT ` + wholeEntry + ` FROM hidden WHERE object_id = ?1`
	entryByKey  = liveByKey + ` UNION ALL ` + hiddenByKey + ` LIMIT 1`
	entryByID   = liveByID + ` UNION ALL ` + hiddenByID + ` LIMIT 1`

	// What lies at a key, and whether the other table has the object ID at another key.
	probeKey = `SELECT 0, object_id, flags FROM objects WHERE bucket_id = ?1 AND key = ?2
		UNION ALL SELECT 1, object_id, flags FROM hidden WHERE bucket_id = ?1 AND key = ?2`
	probeForLive = probeKey + `
		UNION ALL SELECT 2, object_id, 0 FROM hidden WHERE object_id = ?3 AND NOT (bucket_id = ?1 AND key = ?2)`
	probeForHidden = probeKey + `
		UNION ALL SELECT 2, object_id, 0 FROM objects WHERE object_id = ?3 AND NOT (bucket_id = ?1 AND key = ?2)`

	entryValues = ` (` + wholeEntry + `) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
		?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)
		ON CONFLICT (bucket_id, key) DO UPDATE SET object_id = excluded.object_id,
		create_time = excluded.create_time, last_version = excluded.last_version,
		last_revision = excluded.last_revision, unfinished = excluded.unfinished, ` + updateVersion
	putLive      = `INSERT INTO objects` + entryValues
	putHidden    = `INSERT INTO hidden` + entryValues
	deleteLive   = `DELETE FROM objects WHERE bucket_id = ?1 AND key = ?2`
	deleteHidden = `DELETE FROM hidden WHERE bucket_id = ?1 AND key = ?2`

	entryAttrs       = `SELECT attrs FROM entry_attrs WHERE object_id = ?1`
	putEntryAttrs    = `INSERT INTO entry_attrs (object_id, attrs) VALUES (?1, ?2) ON CONFLICT (object_id) DO UPDATE SET attrs = excluded.attrs`
	deleteEntryAttrs = `DELETE FROM entry_attrs WHERE object_id = ?1`

	expired = `SELECT ` + wholeEntry + ` FROM objects WHERE expiry > 0 AND expiry <= ?1
		ORDER BY expiry, bucket_id, key LIMIT ?2`

	// By the partial indexes of that flag.
	heldWhere  = ` WHERE bucket_id = ?1 AND key > ?2 AND flags & 64 = 64 ORDER BY key LIMIT ?3`
	heldLive   = `SELECT ` + wholeEntry + ` FROM objects` + heldWhere
	heldHidden = `SELECT ` + wholeEntry + ` FROM hidden` + heldWhere
)

// entryRow is an entry as it was read; side tells that its attributes must be read from the side table.
type entryRow struct {
	core.Entry
	side bool
}

// Entry implements core.EntryTx.
func (t *Tx) Entry(ctx context.Context, bucketID int64, key string) (core.Entry, bool, error) {
	return t.oneEntry(ctx, entryByKey, bucketID, Blob(key))
}

// EntryByID implements core.EntryTx.
func (t *Tx) EntryByID(ctx context.Context, objectID int64) (core.Entry, bool, error) {
	return t.oneEntry(ctx, entryByID, objectID)
}

func (t *Tx) oneEntry(ctx context.Context, text string, args ...any) (core.Entry, bool, error) {
	e, found, err := queryRow(ctx, t.conn, scanEntry, text, args...)
	if err == nil && e.side {
		err = t.sideAttrs(ctx, &e.Version.Attrs, entryAttrs, e.ObjectID)
	}
	return e.Entry, found, err
}

// Expired implements core.EntryTx.
func (t *Tx) Expired(ctx context.Context, now int64, limit int) ([]core.Entry, error) {
	return t.entries(ctx, expired, now, max(limit, 0))
}

// Held implements core.EntryTx.
func (t *Tx) Held(ctx context.Context, bucketID int64, afterKey string, limit int) ([]core.Entry, error) {
	var all []core.Entry
	for _, text := range []string{heldLive, heldHidden} {
		some, err := t.entries(ctx, text, bucketID, Blob(afterKey), max(limit, 0))
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b core.Entry) int { return strings.Compare(a.Key, b.Key) })
	return all[:min(len(all), max(limit, 0))], nil
}

// entries reads whole entries.
func (t *Tx) entries(ctx context.Context, text string, args ...any) ([]core.Entry, error) {
	rows, err := queryRows(ctx, t.conn, scanEntry, text, args...)
	if err != nil {
		return nil, err
	}
	all := make([]core.Entry, 0, len(rows))
	for i := range rows {
		if rows[i].side {
			if err := t.sideAttrs(ctx, &rows[i].Version.Attrs, entryAttrs, rows[i].ObjectID); err != nil {
				return nil, err
			}
		}
		all = append(all, rows[i].Entry)
	}
	return all, nil
}

// scanEntry reads a wholeEntry.
func scanEntry(r Rows) (e entryRow, err error) {
	e.side = scanBrief(r, 0, &e.Entry)
	return e, scanAttrs(r, versionStart+attrsColumn, &e.Version.Attrs)
}

// scanBrief reads a briefEntry whose columns begin at base and tells whether its attributes lie in the side
// table.
func scanBrief(r Rows, base int, e *core.Entry) (side bool) {
	return scanKeyed(r, base, r.Text(base+1), e)
}

// scanKeyed is scanBrief of an entry whose key is known.
func scanKeyed(r Rows, base int, key string, e *core.Entry) (side bool) {
	e.BucketID, e.Key, e.ObjectID, e.CreateTime = r.Int(base), key, r.Int(base+2), r.Int(base+3)
	e.LastVersion, e.LastRevision, e.Unfinished = r.Int(base+4), r.Int(base+5), r.Text(base+6)
	flags := scanVersion(r, base+versionStart, &e.Version)
	e.Older, e.Props, e.Held = flags&flagOlder != 0, flags&flagProps != 0, flags&flagHeld != 0
	return flags&flagSide != 0
}

// occupant is what lies at a key.
type occupant struct {
	live, hidden bool
	objectID     int64
	side         bool
	elsewhere    bool // the object ID that was asked for is at another key
}

// probe looks at a key before it is written.
func (t *Tx) probe(ctx context.Context, text string, args ...any) (o occupant, err error) {
	rows, err := t.conn.Query(ctx, text, args...)
	if err != nil {
		return o, err
	}
	for rows.Next() {
		switch rows.Int(0) {
		case 0:
			o.live = true
		case 1:
			o.hidden = true
		default:
			o.elsewhere = true
			continue
		}
		o.objectID, o.side = rows.Int(1), rows.Int(2)&flagSide != 0
	}
	return o, rows.Close()
}

// PutEntry implements core.EntryTx.
func (t *Tx) PutEntry(ctx context.Context, e core.Entry) error {
	key := Blob(e.Key)
	probe, put, otherTable := probeForLive, putLive, deleteHidden
	if e.Version.Marker {
		probe, put, otherTable = probeForHidden, putHidden, deleteLive
	}
	old, err := t.probe(ctx, probe, e.BucketID, key, e.ObjectID)
	if err != nil {
		return err
	}
	if old.elsewhere {
		return core.Errorf(core.Exists, e.Key, "object %d is at another key", e.ObjectID)
	}
	if old.live && e.Version.Marker || old.hidden && !e.Version.Marker {
		if err := t.exec(ctx, otherTable, e.BucketID, key); err != nil {
			return err
		}
	}
	args := make([]any, 0, 23)
	args = append(args, e.BucketID, key, e.ObjectID, e.CreateTime, e.LastVersion, e.LastRevision, nullText(e.Unfinished))
	var flags int64
	if e.Older {
		flags = flagOlder
	}
	if e.Props {
		flags |= flagProps
	}
	if e.Held {
		flags |= flagHeld
	}
	args, side, err := versionArgs(args, &e.Version, flags)
	if err != nil {
		return err
	}
	if err := t.putSide(ctx, old, e.ObjectID, side); err != nil {
		return err
	}
	return t.exec(ctx, put, args...)
}

// putSide makes the side row of the entry that replaces old be as it must.
func (t *Tx) putSide(ctx context.Context, old occupant, objectID int64, side string) error {
	if old.side && (side == "" || old.objectID != objectID) {
		if err := t.exec(ctx, deleteEntryAttrs, old.objectID); err != nil {
			return err
		}
	}
	if side == "" {
		return nil
	}
	return t.exec(ctx, putEntryAttrs, objectID, side)
}

// DeleteEntry implements core.EntryTx.
func (t *Tx) DeleteEntry(ctx context.Context, bucketID int64, key string) error {
	old, err := t.probe(ctx, probeKey, bucketID, Blob(key))
	if err != nil {
		return err
	}
	if old.side {
		if err := t.exec(ctx, deleteEntryAttrs, old.objectID); err != nil {
			return err
		}
	}
	if old.live {
		if err := t.exec(ctx, deleteLive, bucketID, Blob(key)); err != nil {
			return err
		}
	}
	if old.hidden {
		return t.exec(ctx, deleteHidden, bucketID, Blob(key))
	}
	return nil
}
