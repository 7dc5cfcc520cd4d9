package core

import (
	"context"
	"errors"
	"maps"
	"slices"
)

// errElsewhere: the object at a key is not the one that was found there by its id; it moved meanwhile.
var errElsewhere = errors.New("another object is at the key")

// unfinished is the error of an operation that an unfinished native upload is in the way of.
func unfinished(key string) error {
	return Errorf(Conflict, key, "an unfinished multipart upload lies there; complete or abort it first")
}

// noSuchPackage is the error for a missing package, and for one in a bucket that the caller may not know of.
func noSuchPackage(id int64) error { return Errorf(NotFound, "", "there is no package %d", id) }

// BucketByID returns a bucket on which the caller has that right. Errors: NoSuchBucket, also where the caller has no
// right at all; Forbidden.
func (se *Session) BucketByID(ctx context.Context, id int64, need Access) (Bucket, error) {
	name, err := se.s.bucketName(ctx, id)
	if err != nil {
		return Bucket{}, fail("bucket", "", err)
	}
	got, err := se.authorize(ctx, name, need)
	if err == nil && got.ID != id { // renamed meanwhile, and the name is another's
		err = noSuchBucketID(id)
	}
	if err != nil {
		return got, unknown(err, noSuchBucketID(id))
	}
	return got, nil
}

// bucketName returns the name of a bucket, from the cache or the store; NoSuchBucket, Overloaded.
func (s *Service) bucketName(ctx context.Context, id int64) (string, error) {
	gen := s.cache.current()
	if name, ok := gen.names.get(id); ok {
		return name, nil
	}
	var b Bucket
	err := s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		var found bool
		var err error
		if b, found, err = tx.Bucket(ctx, id); err == nil && (!found || b.Deleting) {
			err = noSuchBucketID(id)
		}
		return err
	})
	if err == nil {
		gen.names.put(id, b.Name)
	}
	return b.Name, err
}

// BucketWithGrants is BucketByID for the owner, with who else may use the bucket, by user.
func (se *Session) BucketWithGrants(ctx context.Context, id int64) (Bucket, []Grant, error) {
	st, err := se.bucketStateByID(ctx, id, AccessOwner)
	if err != nil {
		return Bucket{}, nil, err
	}
	grants := make([]Grant, 0, len(st.grants))
	for _, user := range slices.Sorted(maps.Keys(st.grants)) {
		grants = append(grants, Grant{BucketID: id, UserID: user, Access: st.grants[user]})
	}
	return st.bucket, grants, nil
}

// bucketStateByID finds a bucket on which the caller has that right, with its grants.
func (se *Session) bucketStateByID(ctx context.Context, id int64, need Access) (st *bucketState, err error) {
	gen := se.s.cache.current()
	err = se.s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		b, found, err := tx.Bucket(ctx, id)
		if err == nil && (!found || b.Deleting) {
			err = noSuchBucketID(id)
		}
		if err == nil {
			st, err = stateIn(ctx, tx, gen, b)
		}
		if err != nil {
			return err
		}
		return se.permit(st, need)
	})
	return st, fail("bucket", "", unknown(err, noSuchBucketID(id)))
}

func noSuchBucketID(id int64) error { return Errorf(NoSuchBucket, "", "there is no bucket %d", id) }

// unknown is err, but missing where the caller has no right at all on the bucket that it is about.
func unknown(err, missing error) error {
	if e, ok := errors.AsType[*Error](err); ok && (e.Code == Forbidden && e.Hidden || e.Code == NoSuchBucket) {
		return missing
	}
	return err
}

// Package returns a package with its bucket, on which the caller must have that right. Errors: NotFound, also where
// the caller has no right on the bucket at all; Forbidden.
func (se *Session) Package(ctx context.Context, id int64, need Access) (Package, Bucket, error) {
	var p Package
	err := se.s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		var found bool
		var err error
		if p, found, err = tx.Package(ctx, id); err == nil && !found {
			err = noSuchPackage(id)
		}
		return err
	})
	if err != nil {
		return Package{}, Bucket{}, fail("package", "", err)
	}
	b, err := se.BucketByID(ctx, p.BucketID, need)
	if err != nil {
		err = unknown(err, noSuchPackage(id))
	}
	return p, b, err
}

// PackageNamed returns the package of that name, "" being the root package. Errors: NoSuchBucket, Forbidden, NotFound.
func (se *Session) PackageNamed(ctx context.Context, bucket, name string) (Package, error) {
	b, err := se.authorize(ctx, bucket, AccessRead)
	if err != nil {
		return Package{}, err
	}
	var p Package
	err = se.s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		var found bool
		var err error
		if p, found, err = tx.PackageByName(ctx, b.ID, name); err == nil && !found {
			err = Errorf(NotFound, "", "the bucket has no package of the name %q", name)
		}
		return err
	})
	return p, fail("package", bucket, err)
}

// Packages lists a bucket's packages by id, after that one, up to limit. Errors: NoSuchBucket, Forbidden.
func (se *Session) Packages(ctx context.Context, bucketID, after int64, limit int) ([]Package, error) {
	if _, err := se.BucketByID(ctx, bucketID, AccessRead); err != nil {
		return nil, err
	}
	var page []Package
	err := se.s.viewPage(ctx, func(ctx context.Context, tx MetaTx) error {
		var err error
		page, err = tx.Packages(ctx, bucketID, after, limit)
		return err
	})
	return page, fail("list packages", "", err)
}

// CreatePackage makes an explicit package. Errors: NoSuchBucket, Forbidden, BadName, Exists, NoSpace.
func (se *Session) CreatePackage(ctx context.Context, bucketID int64, name string) (Package, error) {
	if err := checkPackageName(name); err != nil {
		return Package{}, err
	}
	b, err := se.BucketByID(ctx, bucketID, AccessWrite)
	if err == nil {
		err = se.s.checkReserve()
	}
	if err != nil {
		return Package{}, err
	}
	var p Package
	err = se.update(ctx, func(ctx context.Context, tx MetaTx) error {
		m, err := se.begin(ctx, tx, b)
		if err != nil {
			return err
		}
		if _, found, err := tx.PackageByName(ctx, b.ID, name); err != nil || found {
			if found {
				err = Errorf(Exists, name, "the bucket has a package of this name already")
			}
			return err
		}
		if err := m.makePackage(ctx, name, true); err != nil {
			return err
		}
		p, _, err = tx.PackageByName(ctx, b.ID, name)
		return err
	})
	return p, fail("create package", b.Name, err)
}

// packageStep is how many objects of a package, and other packages between them, one transaction goes through. The last one
// looks behind them for members that came meanwhile.
const packageStep = 500

// DeletePackage deletes the objects of a package as DeleteMembers does, some in each transaction, and with the last of
// them the package, under whatever name and in whatever bucket it is by then. Where only other packages lie before the
// next object of the root package, those are passed by reads alone: nobody's writes wait for that. After an error some may
// be gone; a repetition goes on. Errors: NotFound, Forbidden (also: retention), Overloaded when the package keeps moving,
// ReadOnly, Internal.
func (se *Session) DeletePackage(ctx context.Context, id int64) error {
	for try, begun := 1, false; ; try++ {
		p, b, err := se.Package(ctx, id, AccessWrite)
		if err != nil {
			if begun && CodeOf(err) == NotFound {
				return nil // an implied one went with its last object
			}
			return err
		}
		d := packageDeletion{se: se, pkg: p, bucket: b}
		err = d.run(MakingRoom(ctx))
		switch {
		case !errors.Is(err, errElsewhere):
			return fail("delete package", b.Name, err)
		case try == resolveTries:
			return Errorf(Overloaded, "", "package %d keeps moving; try again", id)
		}
		begun = true
	}
}

// run deletes the package in as many transactions as it takes; errElsewhere when it is not where it was.
func (d *packageDeletion) run(ctx context.Context) (err error) {
	for !d.gone && err == nil {
		if len(d.left) == 0 { // at the beginning, and when members came where nobody looks any more
			d.left, d.token = memberRanges(&d.pkg, "", ""), 0
		} else {
			d.left, err = d.se.nextMember(ctx, &d.bucket, d.left)
		}
		if err == nil {
			err = d.step(ctx)
		}
	}
	return err
}

// packageDeletion is how far DeletePackage is.
type packageDeletion struct {
	se     *Session
	pkg    Package
	bucket Bucket
	left   []memberRange // where members may be that are to be deleted
	token  int64         // names the deletion since its last beginning; 0: it begins
	gone   bool          // the package is deleted
	begun  bool          // a transaction deleted some of it
}

// step deletes some members and, when there are no more, the package.
func (d *packageDeletion) step(ctx context.Context) error {
	se := d.se
	first, err := se.s.nextIDs(ctx, "object", packageStep)
	if err != nil {
		return err
	}
	token := d.token
	if token == 0 {
		token = first
	}
	var rest []memberRange
	var gone bool
	se.s.hook("delete.commit.before")
	err = se.update(ctx, func(ctx context.Context, tx MetaTx) error {
		m, err := se.begin(ctx, tx, d.bucket)
		if err == nil {
			rest, gone, err = d.stepIn(ctx, m, first)
		}
		return err
	})
	se.s.hook("delete.commit.after")
	d.left, d.token, d.gone = rest, token, gone
	d.begun = d.begun || err == nil
	return err
}

// stepIn is step in its transaction. It returns what is left to look through, and whether the package is gone.
func (d *packageDeletion) stepIn(ctx context.Context, m *mutation, first int64) (rest []memberRange, gone bool, err error) {
	p, found, err := m.tx.Package(ctx, d.pkg.ID)
	switch {
	case err != nil:
		return nil, false, err
	case !found && !d.begun:
		return nil, false, noSuchPackage(d.pkg.ID)
	case !found:
		return nil, true, nil
	case p.BucketID != d.bucket.ID || p.Name != d.pkg.Name:
		return nil, false, errElsewhere
	}
	if rest, err = m.dropMembers(ctx, d.left, first); err != nil {
		return nil, false, err
	}
	if err := m.finish(ctx); err != nil {
		return nil, false, err
	}
	if len(rest) == 0 && (d.token == 0 || d.token == p.Ending) {
		return rest, true, m.tx.DeletePackage(ctx, p.ID)
	}
	if d.token == 0 {
		return rest, false, m.mark(ctx, p.ID, first)
	}
	return rest, false, nil
}

// mark names a deletion that begins, unless the package went with its last member.
func (m *mutation) mark(ctx context.Context, id, token int64) error {
	p, found, err := m.tx.Package(ctx, id)
	if err != nil || !found {
		return err
	}
	p.Ending = token
	return m.tx.PutPackage(ctx, p)
}

// nextMember passes over the other packages that lie before the next object of the root package.
func (se *Session) nextMember(ctx context.Context, b *Bucket, left []memberRange) ([]memberRange, error) {
	for len(left) > 0 && left[0].drop {
		r := left[0]
		r.q.BucketID, r.q.Limit, r.q.Brief = b.ID, maxPage, true
		var items []ListItem
		err := se.s.viewPage(ctx, func(ctx context.Context, tx MetaTx) error {
			var err error
			items, err = tx.List(ctx, r.q)
			return err
		})
		if err != nil {
			return nil, err
		}
		for i := range items {
			if items[i].CommonPrefix == "" {
				return append([]memberRange{r.whole()}, left[1:]...), nil
			}
			r.q.after(items[i].name())
		}
		if left = left[1:]; len(items) == maxPage {
			left = append([]memberRange{r.whole()}, left...)
		}
	}
	return left, nil
}

// whole is r for whole entries.
func (r memberRange) whole() memberRange {
	r.q.Brief = false
	return r
}

// dropMembers deletes members of a package in the first packageStep items of its ranges, and returns what is left of
// these.
func (m *mutation) dropMembers(ctx context.Context, ranges []memberRange, firstID int64) ([]memberRange, error) {
	left := packageStep
	for len(ranges) > 0 && left > 0 {
		r := ranges[0]
		r.q.BucketID, r.q.Limit = m.bucket.ID, left
		items, err := m.tx.List(ctx, r.q)
		if err != nil {
			return nil, err
		}
		for i := range items {
			r.q.after(items[i].name())
			left--
			if items[i].CommonPrefix != "" {
				continue
			}
			if err := m.dropMember(ctx, &items[i].Entry, newIDs{object: firstID + int64(left)}); err != nil {
				return nil, err
			}
		}
		if len(items) == r.q.Limit {
			return append([]memberRange{r}, ranges[1:]...), nil
		}
		ranges = ranges[1:]
	}
	return ranges, nil
}

// inPackage returns NotFound unless the package is there and key belongs to it; 0 is any package.
func (m *mutation) inPackage(ctx context.Context, id int64, key string) error {
	if id == 0 {
		return nil
	}
	name, _ := SplitKey(key)
	if m.inside != nil && m.inside.ID == id && m.inside.Name == name {
		return nil
	}
	p, found, err := m.tx.Package(ctx, id)
	if err != nil {
		return err
	}
	if !found || p.BucketID != m.bucket.ID || p.Name != name {
		return noSuchPackage(id)
	}
	m.inside = &p
	return nil
}
