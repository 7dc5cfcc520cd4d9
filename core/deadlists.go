package core

import "context"

// ReleaseLists takes dead lists apart: in one transaction it gives up the references of up to limit extents to
// their blobs, and removes the lists of which none is left. It returns how many extents that were; 0 means that
// no list is dead. Upkeep calls it until then, before it collects.
//
// A dead list holds its blobs as a live one does. Dedup may hand out a blob that only dead lists hold: it adds a
// reference of its own, the list gives up no more than its own, all of it in the one order of the writing
// transactions; so the count is 0 only when nobody refers to the blob, and only then it can be claimed (S23).
func (m *Maintenance) ReleaseLists(ctx context.Context, limit int) (int, error) {
	var n int
	err := m.Meta.View(ctx, func(ctx context.Context, tx MetaTx) error {
		dead, err := tx.DeadLists(ctx, 1)
		n = len(dead)
		return err
	})
	if err != nil || n == 0 {
		return 0, fail("release lists", "", err)
	}
	m.s.hook("lists.commit.before")
	err = m.Meta.Update(ctx, func(ctx context.Context, tx MetaTx) error {
		n = 0
		if err := m.s.checkWriter(ctx, tx); err != nil {
			return err
		}
		for n < limit {
			dead, err := tx.DeadLists(ctx, 1)
			if err != nil || len(dead) == 0 {
				return err
			}
			did, err := releaseExtents(ctx, tx, dead[0], limit-n)
			if err != nil {
				return err
			}
			n += did
		}
		return nil
	})
	m.s.hook("lists.commit.after")
	if err != nil {
		return 0, fail("release lists", "", err)
	}
	return n, nil
}

// releaseExtents takes up to limit extents off the end of a dead list, or the whole list, and returns how many.
func releaseExtents(ctx context.Context, tx MetaTx, l List, limit int) (int, error) {
	left := max(0, len(l.Extents)-limit)
	for _, x := range l.Extents[left:] {
		if _, err := tx.AddBlobRefs(ctx, x.Blob, -1); err != nil {
			return 0, err
		}
	}
	n := len(l.Extents) - left
	if left == 0 {
		return n, tx.DeleteList(ctx, l.ID)
	}
	l.Extents = l.Extents[:left]
	return n, tx.PutList(ctx, l)
}
