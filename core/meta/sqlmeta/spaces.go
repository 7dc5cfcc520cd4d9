package sqlmeta

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"trivium/core"
	"trivium/core/content"
)

const (
	putSpace = `INSERT INTO spaces (id, name, secrets, doc) VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, secrets = excluded.secrets, doc = excluded.doc`
	spaces      = `SELECT id, name, secrets, doc FROM spaces ORDER BY id`
	deleteSpace = `DELETE FROM spaces WHERE id = ?1`

	putLease = `INSERT INTO leases (incarnation, holder, start_time, renew_time, dead) VALUES (?1, ?2, ?3, ?4, ?5)
		ON CONFLICT (incarnation) DO UPDATE SET holder = excluded.holder, start_time = excluded.start_time,
		renew_time = excluded.renew_time, dead = excluded.dead`
	selectLease = `SELECT incarnation, holder, start_time, renew_time, dead FROM leases `
	leaseByID   = selectLease + `WHERE incarnation = ?1`
	deleteLease = `DELETE FROM leases WHERE incarnation = ?1`
)

// spaceDoc is a space without what has columns.
type spaceDoc struct {
	Owner      int64               `json:"owner,omitempty"`
	Kind       string              `json:"kind"`
	Config     map[string]string   `json:"config,omitempty"`
	WorkingDir string              `json:"workingDir,omitempty"`
	Domain     string              `json:"domain,omitempty"`
	Weight     float64             `json:"weight,omitempty"`
	State      string              `json:"state,omitempty"`
	Sealed     bool                `json:"sealed,omitempty"`
	NoShards   bool                `json:"noShards,omitempty"`
	MaxSize    int64               `json:"maxSize,omitempty"`
	Features   []core.SpaceFeature `json:"features,omitempty"`
	Revision   int64               `json:"revision,omitempty"`
	Fresh      bool                `json:"fresh,omitempty"`
}

// PutSpace implements core.SpaceTx.
func (t *Tx) PutSpace(ctx context.Context, s core.Space) error {
	doc, err := json.Marshal(&spaceDoc{
		s.Owner, s.Kind, s.Config, s.WorkingDir, s.Domain, s.Weight, s.State, s.Sealed, s.NoShards, s.MaxSize, s.Features,
		s.Revision, s.Fresh,
	})
	if err != nil {
		return fmt.Errorf("space %d: %w", s.ID, err)
	}
	return t.exec(ctx, putSpace, int64(s.ID), Blob(s.Name), s.Secrets, string(doc))
}

// Spaces implements core.SpaceTx.
func (t *Tx) Spaces(ctx context.Context) ([]core.Space, error) {
	return queryRows(ctx, t.conn, func(r Rows) (core.Space, error) {
		var d spaceDoc
		err := fromJSON(r, 3, &d)
		return core.Space{
			ID: content.SpaceID(r.Int(0)), Name: r.Text(1), Secrets: r.Bytes(2),
			Owner: d.Owner, Kind: d.Kind, Config: d.Config, WorkingDir: d.WorkingDir, Domain: d.Domain,
			Weight: d.Weight, State: d.State, Sealed: d.Sealed, NoShards: d.NoShards, MaxSize: d.MaxSize,
			Features: d.Features, Revision: d.Revision, Fresh: d.Fresh,
		}, err
	}, spaces)
}

// DeleteSpace implements core.SpaceTx.
func (t *Tx) DeleteSpace(ctx context.Context, id content.SpaceID) error {
	return t.exec(ctx, deleteSpace, int64(id))
}

// PutLease implements core.SpaceTx.
func (t *Tx) PutLease(ctx context.Context, l core.Lease) error {
	return t.exec(ctx, putLease, int64(l.Incarnation), l.Holder, l.StartTime, l.RenewTime, l.Dead)
}

// Lease implements core.SpaceTx.
func (t *Tx) Lease(ctx context.Context, incarnation uint64) (core.Lease, bool, error) {
	return queryRow(ctx, t.conn, scanLease, leaseByID, int64(incarnation))
}

// Leases implements core.SpaceTx.
func (t *Tx) Leases(ctx context.Context) ([]core.Lease, error) {
	all, err := queryRows(ctx, t.conn, scanLease, selectLease)
	slices.SortFunc(all, func(a, b core.Lease) int { return cmp.Compare(a.Incarnation, b.Incarnation) })
	return all, err
}

// DeleteLease implements core.SpaceTx.
func (t *Tx) DeleteLease(ctx context.Context, incarnation uint64) error {
	return t.exec(ctx, deleteLease, int64(incarnation))
}

func scanLease(r Rows) (core.Lease, error) {
	return core.Lease{
		Incarnation: uint64(r.Int(0)), Holder: r.Text(1), StartTime: r.Int(2), RenewTime: r.Int(3), Dead: r.Int(4) != 0,
	}, nil
}
