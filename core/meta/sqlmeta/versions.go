package sqlmeta

import (
	"context"

	"trivium/core"
)

const (
	putVersion = `INSERT INTO versions (object_id, ` + wholeVersion + `) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,
		?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
		ON CONFLICT (object_id, seq) DO UPDATE SET ` + updateVersion
	selectVersion = `SELECT object_id, ` + wholeVersion + ` FROM versions WHERE object_id = ?1 `
	versionByID   = selectVersion + `AND version_id = ?2`
	nullVersion   = selectVersion + `AND flags & 1 = 1`
	versionsBelow = selectVersion + `AND seq < ?2 ORDER BY seq DESC LIMIT ?3`
	versionsAll   = selectVersion + `ORDER BY seq DESC LIMIT ?2`
	deleteVersion = `DELETE FROM versions WHERE object_id = ?1 AND seq = ?2`
	moveVersions  = `UPDATE versions SET object_id = ?2, seq = seq + ?3 WHERE object_id = ?1`

	versionAttrs       = `SELECT attrs FROM version_attrs WHERE object_id = ?1 AND seq = ?2`
	putVersionAttrs    = `INSERT INTO version_attrs (object_id, seq, attrs) VALUES (?1, ?2, ?3) ON CONFLICT (object_id, seq) DO UPDATE SET attrs = excluded.attrs`
	deleteVersionAttrs = `DELETE FROM version_attrs WHERE object_id = ?1 AND seq = ?2`
	moveVersionAttrs   = `UPDATE version_attrs SET object_id = ?2, seq = seq + ?3 WHERE object_id = ?1`
)

// versionRow is a version as it was read; side tells that its attributes must be read from the side table.
type versionRow struct {
	core.Version
	objectID int64
	side     bool
}

// PutVersion implements core.VersionTx.
func (t *Tx) PutVersion(ctx context.Context, objectID int64, v core.Version) error {
	args, side, err := versionArgs(append(make([]any, 0, 17), objectID), &v, 0)
	if err != nil {
		return err
	}
	if side == "" {
		err = t.exec(ctx, deleteVersionAttrs, objectID, v.Seq)
	} else {
		err = t.exec(ctx, putVersionAttrs, objectID, v.Seq, side)
	}
	if err != nil {
		return err
	}
	return t.exec(ctx, putVersion, args...)
}

// Version implements core.VersionTx.
func (t *Tx) Version(ctx context.Context, objectID, versionID int64) (core.Version, bool, error) {
	return t.oneVersion(ctx, versionByID, objectID, versionID)
}

// NullVersion implements core.VersionTx.
func (t *Tx) NullVersion(ctx context.Context, objectID int64) (core.Version, bool, error) {
	return t.oneVersion(ctx, nullVersion, objectID)
}

func (t *Tx) oneVersion(ctx context.Context, text string, args ...any) (core.Version, bool, error) {
	all, err := t.versions(ctx, text, args...)
	if err != nil || len(all) == 0 {
		return core.Version{}, false, err
	}
	return all[0], true, nil
}

// Versions implements core.VersionTx.
func (t *Tx) Versions(ctx context.Context, objectID, beforeSeq int64, limit int) ([]core.Version, error) {
	return t.versions(ctx, versionsBelow, objectID, beforeSeq, max(limit, 0))
}

// VersionsOf implements core.VersionTx.
func (t *Tx) VersionsOf(ctx context.Context, objectIDs []int64, limit int) (map[int64][]core.Version, error) {
	all := make(map[int64][]core.Version, len(objectIDs))
	for _, id := range objectIDs {
		some, err := t.versions(ctx, versionsAll, id, max(limit, 0))
		if err != nil {
			return nil, err
		}
		if len(some) > 0 {
			all[id] = some
		}
	}
	return all, nil
}

func (t *Tx) versions(ctx context.Context, text string, args ...any) ([]core.Version, error) {
	rows, err := queryRows(ctx, t.conn, scanVersionRow, text, args...)
	if err != nil {
		return nil, err
	}
	all := make([]core.Version, 0, len(rows))
	for i := range rows {
		if rows[i].side {
			err := t.sideAttrs(ctx, &rows[i].Attrs, versionAttrs, rows[i].objectID, rows[i].Seq)
			if err != nil {
				return nil, err
			}
		}
		all = append(all, rows[i].Version)
	}
	return all, nil
}

func scanVersionRow(r Rows) (v versionRow, err error) {
	v.objectID = r.Int(0)
	v.side = scanVersion(r, 1, &v.Version)&flagSide != 0
	return v, scanAttrs(r, 1+attrsColumn, &v.Attrs)
}

// DeleteVersion implements core.VersionTx.
func (t *Tx) DeleteVersion(ctx context.Context, objectID, seq int64) error {
	if err := t.exec(ctx, deleteVersionAttrs, objectID, seq); err != nil {
		return err
	}
	return t.exec(ctx, deleteVersion, objectID, seq)
}

// MoveVersions implements core.VersionTx.
func (t *Tx) MoveVersions(ctx context.Context, fromObject, toObject, addSeq int64) error {
	if fromObject != toObject {
		return t.moveVersions(ctx, fromObject, toObject, addSeq)
	}
	// Row by row a new seq may be one that a later row still has, so go by way of an ID that nobody has.
	if err := t.moveVersions(ctx, fromObject, -fromObject, addSeq); err != nil {
		return err
	}
	return t.moveVersions(ctx, -fromObject, toObject, 0)
}

func (t *Tx) moveVersions(ctx context.Context, from, to, addSeq int64) error {
	if err := t.exec(ctx, moveVersionAttrs, from, to, addSeq); err != nil {
		return err
	}
	return t.exec(ctx, moveVersions, from, to, addSeq)
}
