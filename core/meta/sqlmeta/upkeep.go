package sqlmeta

import (
	"context"
	"fmt"

	"trivium/core"
	"trivium/core/content"
)

const (
	queueGarbage = `INSERT INTO gc_queue (id, blob, layout, queued_at, not_before, never_referred)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6)
		ON CONFLICT (id) DO UPDATE SET blob = excluded.blob, layout = excluded.layout,
		queued_at = excluded.queued_at, not_before = excluded.not_before, never_referred = excluded.never_referred`
	selectGarbage = `SELECT id, blob, layout, queued_at, not_before, never_referred FROM gc_queue
		WHERE id > ?2 AND not_before <= ?1 `
	// The bounds come from the index by due time, so that rows which are not due are not walked through.
	garbage = selectGarbage + `AND id >= (SELECT min(id) FROM gc_queue WHERE not_before <= ?1)
		AND id <= (SELECT max(id) FROM gc_queue WHERE not_before <= ?1) ORDER BY id LIMIT ?3`
	garbageOf     = selectGarbage + `AND blob = ?4 ORDER BY id LIMIT ?3`
	deleteGarbage = `DELETE FROM gc_queue WHERE id = ?1`

	putRepair = `INSERT INTO repair_queue (blob, segment, shard, reason, queued_at, not_before, attempts, last_error)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
		ON CONFLICT (blob, segment, shard) DO UPDATE SET reason = excluded.reason, queued_at = excluded.queued_at,
		not_before = excluded.not_before, attempts = excluded.attempts, last_error = excluded.last_error`
	selectRepair = `SELECT blob, segment, shard, reason, queued_at, not_before, attempts, last_error FROM repair_queue `
	dueRepairs   = selectRepair + `WHERE not_before <= ?1 ORDER BY not_before, blob, segment, shard LIMIT ?2`
	repairsOf    = selectRepair + `WHERE not_before <= ?1 AND blob = ?3 ORDER BY segment, shard LIMIT ?2`
	deleteRepair = `DELETE FROM repair_queue WHERE blob = ?1 AND segment = ?2 AND shard = ?3`

	putJob = `INSERT INTO jobs (name, incarnation, state, update_time) VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT (name) DO UPDATE SET incarnation = excluded.incarnation, state = excluded.state,
		update_time = excluded.update_time`
	selectJob = `SELECT name, incarnation, state, update_time FROM jobs `
	jobByName = selectJob + `WHERE name = ?1`
	jobs      = selectJob + `WHERE name >= ?1 AND name < ?2 ORDER BY name LIMIT ?3`
	deleteJob = `DELETE FROM jobs WHERE name = ?1`
)

// QueueGarbage implements core.UpkeepTx.
func (t *Tx) QueueGarbage(ctx context.Context, g core.Garbage) error {
	layout, err := packLayout(&g.Layout)
	if err != nil {
		return fmt.Errorf("garbage %d: %w", g.ID, err)
	}
	return t.exec(ctx, queueGarbage, g.ID, blobKey(g.Blob), layout, g.QueuedAt, g.NotBefore, g.NeverReferred)
}

// Garbage implements core.UpkeepTx.
func (t *Tx) Garbage(ctx context.Context, q core.GarbageQuery) ([]core.Garbage, error) {
	if q.Blob.IsZero() {
		return queryRows(ctx, t.conn, scanGarbage, garbage, q.Due, q.AfterID, max(q.Limit, 0))
	}
	return queryRows(ctx, t.conn, scanGarbage, garbageOf, q.Due, q.AfterID, max(q.Limit, 0), blobKey(q.Blob))
}

func scanGarbage(r Rows) (g core.Garbage, err error) {
	g.ID, g.QueuedAt, g.NotBefore, g.NeverReferred = r.Int(0), r.Int(3), r.Int(4), r.Int(5) != 0
	if g.Blob, err = blobID(r.Bytes(1)); err != nil {
		return g, err
	}
	return g, unpackLayout(r.Bytes(2), &g.Layout)
}

// DeleteGarbage implements core.UpkeepTx.
func (t *Tx) DeleteGarbage(ctx context.Context, id int64) error {
	return t.exec(ctx, deleteGarbage, id)
}

// PutRepair implements core.UpkeepTx.
func (t *Tx) PutRepair(ctx context.Context, r core.RepairRow) error {
	return t.exec(ctx, putRepair, blobKey(r.Blob), r.Segment, r.Index, r.Reason, r.QueuedAt, r.NotBefore, r.Attempts,
		r.LastError)
}

// Repairs implements core.UpkeepTx.
func (t *Tx) Repairs(ctx context.Context, q core.RepairQuery) ([]core.RepairRow, error) {
	if q.Blob.IsZero() {
		return queryRows(ctx, t.conn, scanRepair, dueRepairs, q.Due, max(q.Limit, 0))
	}
	return queryRows(ctx, t.conn, scanRepair, repairsOf, q.Due, max(q.Limit, 0), blobKey(q.Blob))
}

func scanRepair(r Rows) (core.RepairRow, error) {
	id, err := blobID(r.Bytes(0))
	return core.RepairRow{
		Blob: id, Segment: int(r.Int(1)), Index: int(r.Int(2)), Reason: r.Text(3), QueuedAt: r.Int(4),
		NotBefore: r.Int(5), Attempts: int(r.Int(6)), LastError: r.Text(7),
	}, err
}

// DeleteRepair implements core.UpkeepTx.
func (t *Tx) DeleteRepair(ctx context.Context, blob content.BlobID, segment, index int) error {
	return t.exec(ctx, deleteRepair, blobKey(blob), segment, index)
}

// PutJob implements core.UpkeepTx.
func (t *Tx) PutJob(ctx context.Context, j core.Job) error {
	return t.exec(ctx, putJob, Blob(j.Name), int64(j.Incarnation), j.State, j.UpdateTime)
}

// Job implements core.UpkeepTx.
func (t *Tx) Job(ctx context.Context, name string) (core.Job, bool, error) {
	return queryRow(ctx, t.conn, scanJob, jobByName, Blob(name))
}

// Jobs implements core.UpkeepTx.
func (t *Tx) Jobs(ctx context.Context, prefix string, limit int) ([]core.Job, error) {
	return queryRows(ctx, t.conn, scanJob, jobs, Blob(prefix), Blob(after(prefix)), max(limit, 0))
}

// DeleteJob implements core.UpkeepTx.
func (t *Tx) DeleteJob(ctx context.Context, name string) error {
	return t.exec(ctx, deleteJob, Blob(name))
}

func scanJob(r Rows) (core.Job, error) {
	return core.Job{
		Name: r.Text(0), Incarnation: uint64(r.Int(1)), State: r.Bytes(2), UpdateTime: r.Int(3),
	}, nil
}
