package core

import (
	"context"
)

// The bounds of the dead properties of one bucket, file or folder.
const (
	maxProperties    = 200
	maxPropertyBytes = 64 << 10 // names and values together
)

// PropertyChange sets a dead property, or removes it.
type PropertyChange struct {
	Property
	Remove bool // Value does not matter; that there is no such property is no error
}

// PropertyPatch is a change of the properties of one node.
type PropertyPatch struct {
	Changes []PropertyChange // made in order
	// MTime, when not nil, is the client's time of a file or folder in ns since 1970, or NoTime; a bucket has none.
	MTime *int64
}

// PatchProperties changes the dead properties of a bucket, file or folder, and its mtime, all or nothing (RFC 4918
// §9.2). A folder that is only implied gets its marker; Conflict where an object with content has the marker's key. Properties go with an object wherever it moves, are copied
// with it by CopyPath, and end with it. Errors: NoSuchBucket, NoSuchKey, Forbidden, BadKey, MetadataTooLarge for more
// than 200 properties or 64 KiB, Locked, PreconditionFailed, NoSpace.
func (se *Session) PatchProperties(ctx context.Context, p Path, patch PropertyPatch) error {
	if p.Key != "" {
		if err := checkTreePath(p.Key); err != nil {
			return err
		}
	}
	b, err := se.authorize(ctx, p.Bucket, AccessWrite)
	if err != nil {
		return err
	}
	if err := se.s.checkReserve(); err != nil {
		return err
	}
	ids, err := se.s.newIDs(ctx, ContentNone)
	if err != nil {
		return fail("change properties", p.String(), err)
	}
	err = se.update(ctx, func(ctx context.Context, tx MetaTx) error {
		m, err := se.begin(ctx, tx, b)
		if err != nil {
			return err
		}
		if err := se.guarding(tx).write(ctx, m.bucket, p.Key); err != nil {
			return err
		}
		if p.Key == "" {
			_, err := changeProperties(ctx, tx, -m.bucket.ID, patch.Changes)
			return err
		}
		e, err := m.bearer(ctx, p.Key, ids)
		if err != nil {
			return err
		}
		if err := m.patch(ctx, &e, &patch); err != nil {
			return err
		}
		return m.finish(ctx)
	})
	return fail("change properties", p.String(), err)
}

// bearer returns the entry that the properties of a file or folder hang on: its own, or its marker, which is made if
// need be.
func (m *mutation) bearer(ctx context.Context, key string, ids newIDs) (Entry, error) {
	e, had, err := m.tx.Entry(ctx, m.bucket.ID, key)
	if err != nil || m.live(&e, had) != nil {
		return e, err
	}
	there, err := m.folderExists(ctx, key)
	if err != nil {
		return e, err
	}
	if !there {
		return e, noSuchKey(key)
	}
	e, had, err = m.tx.Entry(ctx, m.bucket.ID, key+"/")
	if v := m.live(&e, had); err == nil && v != nil && v.Size > 0 {
		return e, Errorf(Conflict, key, "an object with content lies where the folder's properties would be kept")
	} else if err != nil || v != nil {
		return e, err
	}
	return m.install(ctx, &e, had, m.emptyVersion(), entryAt{key + "/", ids})
}

// patch changes the properties and the mtime of e.
func (m *mutation) patch(ctx context.Context, e *Entry, patch *PropertyPatch) error {
	left, err := changeProperties(ctx, m.tx, e.ObjectID, patch.Changes)
	if err != nil {
		return err
	}
	was := *e
	e.Props = left > 0
	if patch.MTime != nil {
		e.Version.setMTime(*patch.MTime)
	}
	if e.Props == was.Props && e.Version.MTime == was.Version.MTime {
		return nil
	}
	return m.tx.PutEntry(ctx, *e)
}

// changeProperties makes changes in order and returns how many properties there are then.
func changeProperties(ctx context.Context, tx MetaTx, owner int64, changes []PropertyChange) (left int, err error) {
	for _, c := range changes {
		if c.Remove {
			err = tx.DeleteProperty(ctx, owner, c.Name)
		} else {
			err = tx.PutProperty(ctx, owner, c.Property)
		}
		if err != nil {
			return 0, err
		}
	}
	all, err := tx.Properties(ctx, owner)
	size := propertyBytes(all)
	if err == nil && (len(all) > maxProperties || size > maxPropertyBytes) {
		err = Errorf(MetadataTooLarge, "", "it would have %d properties of %d bytes, at most %d of %d are kept", len(all), size, maxProperties, maxPropertyBytes)
	}
	return len(all), err
}

// propertyBytes is the length of names and values.
func propertyBytes(all []Property) (n int) {
	for _, p := range all {
		n += len(p.Name.Space) + len(p.Name.Local) + len(p.Value)
	}
	return n
}

// Properties returns the dead properties of a node, by name. The node comes from StatPath or ListFolder of the same
// session.
func (se *Session) Properties(ctx context.Context, n *TreeNode) (all []Property, err error) {
	owner := -n.Bucket.ID
	switch {
	case n.Path.Bucket == "" || n.Path.Key != "" && !n.Entry.Props:
		return nil, nil
	case n.Path.Key != "":
		owner = n.Entry.ObjectID
	}
	err = se.s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		all, err = tx.Properties(ctx, owner)
		return err
	})
	return all, fail("properties", n.Path.String(), err)
}

// dropProperties ends the dead properties of e, whose row is the caller's.
func (m *mutation) dropProperties(ctx context.Context, e *Entry) error {
	if !e.Props {
		return nil
	}
	e.Props = false
	return m.tx.DeleteProperties(ctx, e.ObjectID)
}

// copyProperties gives to the dead properties of from, in place of its own.
func (m *mutation) copyProperties(ctx context.Context, from, to *Entry) error {
	if !from.Props && !to.Props {
		return nil
	}
	if err := m.dropProperties(ctx, to); err != nil {
		return err
	}
	if to.Props = from.Props; to.Props {
		if err := m.tx.CopyProperties(ctx, from.ObjectID, to.ObjectID); err != nil {
			return err
		}
	}
	return m.tx.PutEntry(ctx, *to)
}
