package core

import (
	"context"
	"slices"
	"strings"
)

// rootScan is how many common prefixes dropPackage looks past for a member of the root package. In a bucket
// with more packages than that the root's row may stay without a member until a later deletion finds room.
const rootScan = 1000

// ensurePackage makes the implied package of a key that becomes live, unless the package exists. Of a deletion of the
// package that is on its way it lets this one know.
func (m *mutation) ensurePackage(ctx context.Context, key string) error {
	name, _ := SplitKey(key)
	if m.inside != nil && m.inside.Name == name && m.inside.Ending == 0 {
		return nil
	}
	p, found, err := m.tx.PackageByName(ctx, m.bucket.ID, name)
	switch {
	case err != nil:
		return err
	case !found:
		return m.makePackage(ctx, name, false)
	case p.Ending != 0:
		p.Ending = 0
		return m.tx.PutPackage(ctx, p)
	}
	return nil
}

// makePackage makes a package. Its id is taken in the transaction: that a key needs a package shows only there, and
// is rare.
func (m *mutation) makePackage(ctx context.Context, name string, explicit bool) error {
	id, err := m.tx.ReserveIDs(ctx, "package", 1)
	if err != nil {
		return err
	}
	return m.tx.PutPackage(ctx, Package{
		ID: id, BucketID: m.bucket.ID, Name: name, Explicit: explicit, CreateTime: m.now,
	})
}

// leave remembers that the package of key lost a live member.
func (m *mutation) leave(key string) {
	name, _ := SplitKey(key)
	if n := len(m.emptied); n == 0 || m.emptied[n-1] != name {
		m.emptied = append(m.emptied, name)
	}
}

// dropPackage removes the package's row if it is implied and has no member: a seek, not a counter (S8).
func (m *mutation) dropPackage(ctx context.Context, name string) error {
	var member bool
	var err error
	if name == "" {
		member, err = m.rootHasMember(ctx)
	} else {
		member, err = hasMember(ctx, m.tx, m.bucket.ID, name+"/")
	}
	if err != nil || member {
		return err
	}
	p, found, err := m.tx.PackageByName(ctx, m.bucket.ID, name)
	if err != nil || !found || p.Explicit {
		return err
	}
	return m.tx.DeletePackage(ctx, p.ID)
}

// hasMember tells whether a key that the native API shows begins with prefix: a live one, or one under an unfinished
// upload.
func hasMember(ctx context.Context, tx MetaTx, bucketID int64, prefix string) (bool, error) {
	items, err := tx.List(ctx, ListQuery{BucketID: bucketID, Prefix: prefix, Limit: 1, Brief: true, Which: LiveAndUnfinished})
	return len(items) > 0, err
}

// hasLive tells whether the key of an object that doors show begins with prefix.
func (m *mutation) hasLive(ctx context.Context, prefix string) (bool, error) {
	return hasLive(ctx, m.tx, m.bucket.ID, prefix, m.now)
}

// hasLive tells whether the key of an object that doors show at time now begins with prefix. Of those that have expired
// few are there at a time: upkeep removes them.
func hasLive(ctx context.Context, tx MetaTx, bucketID int64, prefix string, now int64) (bool, error) {
	q := ListQuery{BucketID: bucketID, Prefix: prefix, Limit: 1, Brief: true}
	for {
		items, err := tx.List(ctx, q)
		if err != nil {
			return false, err
		}
		for i := range items {
			if isLive(&items[i].Entry, now) {
				return true, nil
			}
			q.after(items[i].name())
		}
		if len(items) < q.Limit {
			return false, nil
		}
		q.Limit = folderPage
	}
}

// rootHasMember tells whether a key that the native API shows has no "/" or a leading one. Prefixes of other packages
// are skipped by seeks; past rootScan of them the answer is yes.
func (m *mutation) rootHasMember(ctx context.Context) (bool, error) {
	items, err := m.tx.List(ctx, ListQuery{BucketID: m.bucket.ID, Delimiter: "/", Limit: 1, Brief: true, Which: LiveAndUnfinished})
	if err != nil || len(items) == 0 {
		return false, err
	}
	if isRootMember(items[0]) {
		return true, nil
	}
	items, err = m.tx.List(ctx, ListQuery{BucketID: m.bucket.ID, Delimiter: "/", Limit: rootScan, Brief: true, Which: LiveAndUnfinished})
	if err != nil {
		return false, err
	}
	return len(items) == rootScan || slices.ContainsFunc(items, isRootMember), nil
}

// isRootMember tells whether an item of a listing by "/" is, or folds, members of the root package.
func isRootMember(it ListItem) bool {
	return it.CommonPrefix == "" || strings.HasPrefix(it.CommonPrefix, "/")
}
