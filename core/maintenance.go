package core

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"

	"trivium/core/admission"
	"trivium/core/content"
)

// Maintenance is what core/upkeep works with: rows and content without sessions.
type Maintenance struct {
	Meta        MetaStore
	Content     *content.Store
	Spaces      *content.Spaces
	Pins        *content.Pins
	Log         *slog.Logger
	StoreID     [16]byte
	Epoch       int64
	Incarnation uint64

	s *Service
}

// Maintenance returns what upkeep needs. It is valid until Close.
func (s *Service) Maintenance() *Maintenance {
	return &Maintenance{
		Meta: s.meta, Content: s.content, Spaces: s.spaces, Pins: s.pins, Log: s.log,
		StoreID: s.stamp.StoreID, Epoch: s.stamp.Epoch, Incarnation: s.incarnation, s: s,
	}
}

// Now returns the time in ns since 1970 by the Service's clock.
func (m *Maintenance) Now() int64 { return m.s.now() }

// NextIDs reserves n ids of the named sequence in a row and returns the first. Not inside a transaction.
func (m *Maintenance) NextIDs(ctx context.Context, seq string, n int64) (int64, error) {
	return m.s.nextIDs(ctx, seq, n)
}

// CheckWriter returns ReadOnly when this process may not change anything that refers to content (S16). Every
// transaction of upkeep calls it.
func (m *Maintenance) CheckWriter(ctx context.Context, tx MetaTx) error {
	return m.s.checkWriter(ctx, tx)
}

// CheckMarkers reads the marker of every space again (S25) and returns ReadOnly when one belongs to another
// store or a newer epoch, then and ever after: nothing may be deleted. Collect calls it before each batch.
func (m *Maintenance) CheckMarkers(ctx context.Context) error {
	m.s.rereadMarkers(ctx)
	return m.s.checkMarkers()
}

// Hook marks a named point for crash and fault tests.
func (m *Maintenance) Hook(point string) { m.s.hook(point) }

// Budget describes the memory of transfers.
func (m *Maintenance) Budget() content.BudgetStats { return m.s.budget.Stats() }

// Gates describes what requests wait at before they reach the metadata, by name: writes, reads, pages of listings,
// landed, the commits of content that is in spaces, copies, those that read their source, and digests, completions of
// native uploads that read the parts.
func (m *Maintenance) Gates() map[string]admission.Stats {
	g := &m.s.gates
	return map[string]admission.Stats{
		"writes": g.writes.Stats(), "reads": g.reads.Stats(), "pages": g.pages.Stats(), "landed": g.landed.Stats(),
		"copies": g.copies.Stats(), "digests": g.digests.Stats(),
	}
}

// Reserve returns NoSpace when the metadata disk has less than its reserve left (S20).
func (m *Maintenance) Reserve() error { return m.s.checkReserve() }

// System returns a session of an administrator in the name of upkeep.
func (m *Maintenance) System() *Session { return m.s.Session(System("upkeep")) }

// Buffered reads the bytes of a buffered blob. damage says that they are not there or not what they were, which is
// about this blob alone; err is that of tx.
func (m *Maintenance) Buffered(ctx context.Context, tx MetaTx, b *Blob) (data []byte, damage, err error) {
	data, sum, found, err := tx.Inline(ctx, b.Buffer)
	switch {
	case err != nil:
		return nil, nil, err
	case !found:
		return nil, missing("buffer", b.Buffer), nil
	case b.HasSHA256 && sha256.Sum256(data) != b.SHA256:
		return nil, fmt.Errorf("inline row %d: another SHA-256 than that of the blob", b.Buffer), nil
	}
	return data, checkInline(b.Buffer, sum, data, b.Size, nil), nil
}

// Target returns where new content of a class goes at present: the class may name no spaces, which means all
// that its owner may use. Spaces is empty when there is none.
func (m *Maintenance) Target(c Class) content.Target {
	spaces, _ := m.s.opened.usable(c.Owner, c.Spaces)
	return content.Target{Policy: c.Policy, Spaces: spaces, KeyID: c.KeyID}
}

// AbortIdle aborts an upload if nobody has touched it since before, which is judged in the transaction. It returns
// whether it did; an upload that ended by itself is no error.
func (m *Maintenance) AbortIdle(ctx context.Context, u Upload, before int64) (bool, error) {
	steps := 0
	se := m.System()
	err := m.s.endUpload(ctx, m.s.meta.Update, u.ID, func(ctx context.Context, tx MetaTx, now *Upload) (*mutation, error) {
		if now.ActiveTime >= before {
			return nil, nil
		}
		b, found, err := tx.Bucket(ctx, now.BucketID)
		if err != nil || !found || b.Deleting {
			return nil, err // a bucket that is being deleted is swept whole
		}
		return se.begin(ctx, tx, b)
	}, &steps)
	if err != nil && CodeOf(err) == NoSuchUpload {
		err = nil
	}
	return steps > 0, fail("abort idle upload", u.ID, err)
}
