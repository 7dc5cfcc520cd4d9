package core

import (
	"context"
	"io"

	"trivium/core/content"
)

// HiddenMember is MemberNamed, but finds an object that a delete marker hides, too: it has versions.
func (se *Session) HiddenMember(ctx context.Context, at Path) (Member, error) {
	if err := CheckKey(at.Key); err != nil {
		return Member{}, err
	}
	b, err := se.authorize(ctx, at.Bucket, AccessRead)
	if err != nil {
		return Member{}, err
	}
	return se.memberOf(ctx, b, at.Key, true)
}

// InPackage is a path in a package.
type InPackage struct {
	PackageID int64
	Path      string
}

// PutInPackage stores the body at a path of a package, as a Batch of one does. Errors: those of Batch.
func (se *Session) PutInPackage(ctx context.Context, at InPackage, body io.Reader, size int64, opts PutOptions) (Member, error) {
	b, err := se.NewBatch(ctx, at.PackageID)
	if err != nil {
		return Member{}, err
	}
	defer b.Close()
	if err := b.Add(ctx, at.Path, body, size, opts); err != nil {
		return Member{}, err
	}
	members, err := b.Commit(ctx)
	if err != nil {
		return Member{}, err
	}
	return members[0], nil
}

// PutNamed stores the body at a key of a bucket, as PutInPackage does, also where the key's package is not there: it
// comes to be, as by a PUT of any other door. So the root package gets its first object. Errors: NoSuchBucket, and those
// of PutInPackage and PutObject.
func (se *Session) PutNamed(ctx context.Context, at Path, body io.Reader, size int64, opts PutOptions) (Member, error) {
	name, path := SplitKey(at.Key)
	if path == "" {
		return Member{}, Errorf(BadArgument, "", "path: the key names a package alone")
	}
	p, err := se.PackageNamed(ctx, at.Bucket, name)
	if err == nil {
		return se.PutInPackage(ctx, InPackage{p.ID, path}, body, size, opts)
	}
	if CodeOf(err) != NotFound {
		return Member{}, err
	}
	opts.Digests |= content.SHA256
	res, err := se.PutObject(ctx, at.Bucket, at.Key, body, size, opts)
	if err != nil {
		return Member{}, err
	}
	return se.packaged(ctx, written(at.Bucket, 0, res.Entry))
}
