package core

import (
	"context"
)

// authorize is the one place where it is decided who may do what in a bucket: administrators and the owner
// everything, others what a grant allows, everybody reading where PublicRead is set. It returns the bucket as
// of the cache's config epoch; a commit judges again with authorizeIn.
//
// Errors: NoSuchBucket; Forbidden, with Hidden set if the caller has no right on the bucket at all; Overloaded.
func (se *Session) authorize(ctx context.Context, bucketName string, need Access) (Bucket, error) {
	st, err := se.s.bucketState(ctx, bucketName)
	if err != nil {
		return Bucket{}, err
	}
	if err := se.permit(st, need); err != nil {
		return Bucket{}, err
	}
	return st.bucket, nil
}

// May returns nil if the caller has that right on the bucket now, else what an operation that needs it would
// return. Doors ask before they take up memory for a request; the operation judges again.
func (se *Session) May(ctx context.Context, bucket string, need Access) error {
	_, err := se.authorize(ctx, bucket, need)
	return err
}

// MayCreateBuckets is May for making a bucket of one's own: whoever is known may.
func (se *Session) MayCreateBuckets() error { return se.requireUser(se.p.UserID) }

// permit returns Forbidden unless the caller has the right on the bucket.
func (se *Session) permit(st *bucketState, need Access) error {
	have := se.accessTo(st)
	if have >= need {
		return nil
	}
	return &Error{
		Code: Forbidden, Path: st.bucket.Name, Hidden: have == AccessNone,
		Msg: "you have no right to do this in the bucket; its owner can grant it",
	}
}

// authorizeIn is authorize inside a transaction, for a bucket that was authorized before: what is decided holds at
// the moment of the commit, whatever changed while a body came in, the caller's own account included. The cache
// serves if it is of the transaction's config epoch. It returns the bucket as the transaction sees it; NoSuchBucket
// when it went.
func (se *Session) authorizeIn(ctx context.Context, tx MetaTx, b Bucket, need Access) (Bucket, error) {
	gen, err := se.confirmIn(ctx, tx)
	if err != nil {
		return Bucket{}, err
	}
	if st, ok := gen.buckets.get(b.Name); ok && st.bucket.ID == b.ID {
		return st.bucket, se.permit(st, need)
	}
	if b, err = se.s.bucketIn(ctx, tx, b); err != nil {
		return Bucket{}, err
	}
	st, err := loadBucketState(ctx, tx, b)
	if err != nil {
		return Bucket{}, err
	}
	return b, se.permit(st, need)
}

// confirmIn is confirm on the configuration of a transaction, of which it returns what is remembered.
func (se *Session) confirmIn(ctx context.Context, tx MetaTx) (*generation, error) {
	stamp, err := tx.Stamp(ctx)
	if err != nil {
		return nil, err
	}
	gen := se.s.cache.current()
	if gen.epoch != stamp.ConfigEpoch {
		gen = new(generation) // of no use to anybody else
	}
	return gen, se.confirm(ctx, tx, gen)
}

// confirm returns Forbidden when the caller's user or access key was disabled or went since he was let in. gen is of
// the transaction's config epoch.
func (se *Session) confirm(ctx context.Context, tx MetaTx, gen *generation) error {
	if se.p.Anonymous || se.p.UserID == 0 { // System is no user
		return nil
	}
	c := caller{userID: se.p.UserID, keyID: se.p.KeyID, admin: se.p.Admin}
	may, known := gen.callers.get(c)
	if !known {
		u, found, err := tx.User(ctx, c.userID)
		if err != nil {
			return err
		}
		may = found && !u.Disabled && (u.Admin || !c.admin)
		if may && c.keyID != "" {
			k, found, err := tx.Key(ctx, c.keyID)
			if err != nil {
				return err
			}
			may = found && !k.Disabled && k.UserID == c.userID
		}
		gen.callers.put(c, may)
	}
	if !may {
		return &Error{Code: Forbidden, Msg: "the user or the access key was disabled meanwhile"}
	}
	return nil
}

// accessTo returns the caller's right on a bucket.
func (se *Session) accessTo(st *bucketState) Access {
	have := AccessNone
	switch {
	case se.p.Anonymous:
	case se.p.Admin, se.p.UserID == st.bucket.Owner:
		return AccessOwner
	default:
		have = st.grants[se.p.UserID]
	}
	if have == AccessNone && st.bucket.Policy.PublicRead {
		have = AccessRead
	}
	return have
}

// requireAdmin refuses everybody but administrators.
func (se *Session) requireAdmin() error {
	if se.p.Admin && !se.p.Anonymous {
		return nil
	}
	return &Error{Code: Forbidden, Msg: "only administrators may do this"}
}

// requireUser refuses everybody but that user and administrators.
func (se *Session) requireUser(userID int64) error {
	if !se.p.Anonymous && (se.p.Admin || se.p.UserID == userID) {
		return nil
	}
	return &Error{Code: Forbidden, Msg: "only the user and administrators may do this"}
}

// bucketState returns the named bucket with its grants, from the cache or the store; NoSuchBucket, Overloaded.
func (s *Service) bucketState(ctx context.Context, name string) (*bucketState, error) {
	gen := s.cache.current()
	if st, ok := gen.buckets.get(name); ok {
		return st, nil
	}
	var st *bucketState
	err := s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		b, ok, err := tx.BucketByName(ctx, name)
		if err != nil {
			return err
		}
		if !ok {
			return noSuchBucket(name)
		}
		st, err = loadBucketState(ctx, tx, b)
		return err
	})
	if err != nil {
		return nil, err
	}
	gen.buckets.put(name, st)
	return st, nil
}

// stateIn is bucketState of a bucket that a View has read. gen was the cache's before that.
func stateIn(ctx context.Context, tx MetaTx, gen *generation, b Bucket) (*bucketState, error) {
	if st, ok := gen.buckets.get(b.Name); ok && st.bucket.ID == b.ID {
		return st, nil
	}
	st, err := loadBucketState(ctx, tx, b)
	if err == nil {
		gen.buckets.put(b.Name, st)
	}
	return st, err
}

// loadBucketState adds the grants to a bucket.
func loadBucketState(ctx context.Context, tx MetaTx, b Bucket) (*bucketState, error) {
	grants, err := tx.Grants(ctx, b.ID)
	if err != nil {
		return nil, err
	}
	st := &bucketState{bucket: b, grants: make(map[int64]Access, len(grants))}
	for _, g := range grants {
		st.grants[g.UserID] = g.Access
	}
	return st, nil
}

// bucketIn returns b as the transaction sees it: a bucket that went since it was authorized is NoSuchBucket, so
// that nothing is ever written into one that is being deleted.
func (s *Service) bucketIn(ctx context.Context, tx MetaTx, b Bucket) (Bucket, error) {
	now, ok, err := tx.Bucket(ctx, b.ID)
	if err != nil {
		return Bucket{}, err
	}
	if !ok || now.Deleting {
		return Bucket{}, noSuchBucket(b.Name)
	}
	return now, nil
}

// noSuchBucket is the error for a missing bucket.
func noSuchBucket(name string) error {
	return &Error{Code: NoSuchBucket, Path: name, Msg: "there is no such bucket"}
}
