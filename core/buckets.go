package core

import (
	"context"
	"net/netip"
	"slices"
	"strings"
)

// CreateBucketOptions modify CreateBucket. The zero value is the common case.
type CreateBucketOptions struct {
	// Strict asks for S3's rules of names (S3 "Bucket naming rules") instead of the wider ones of the native API.
	Strict bool
	// Owner is the user the bucket will belong to; 0: the caller. Only administrators name somebody else.
	Owner int64
}

// CreateBucket makes an empty bucket that belongs to the caller. Errors: BadName; BucketOwned when the owner has
// one of this name already, BucketExists when somebody else has; Forbidden for anonymous callers and for a
// foreign owner; NotFound when there is no such owner.
func (se *Session) CreateBucket(ctx context.Context, name string, opts CreateBucketOptions) (Bucket, error) {
	if err := checkBucketName(name, opts.Strict); err != nil {
		return Bucket{}, err
	}
	if opts.Owner == 0 {
		opts.Owner = se.p.UserID
	}
	if err := se.requireUser(opts.Owner); err != nil {
		return Bucket{}, err
	}
	if opts.Owner == 0 {
		return Bucket{}, Errorf(BadArgument, name, "owner: name the user the bucket shall belong to")
	}
	id, err := se.s.nextID(ctx, "bucket")
	if err != nil {
		return Bucket{}, fail("create bucket", name, err)
	}
	b := Bucket{ID: id, Name: name, Owner: opts.Owner, CreateTime: se.s.now()}
	err = se.updateConfig(ctx, func(ctx context.Context, tx MetaTx) error {
		if _, err := userIn(ctx, tx, b.Owner); err != nil {
			return err
		}
		if err := bucketFree(ctx, tx, name, b.Owner); err != nil {
			return err
		}
		return tx.PutBucket(ctx, b)
	})
	if err != nil {
		return Bucket{}, fail("create bucket", name, err)
	}
	return b, nil
}

// bucketFree returns BucketOwned or BucketExists when a bucket has the name.
func bucketFree(ctx context.Context, tx MetaTx, name string, owner int64) error {
	old, taken, err := tx.BucketByName(ctx, name)
	if err != nil || !taken {
		return err
	}
	if old.Owner == owner {
		return &Error{Code: BucketOwned, Path: name, Msg: "there is a bucket of this name already, of the same owner"}
	}
	return &Error{Code: BucketExists, Path: name, Msg: "another user has a bucket of this name"}
}

// checkBucketName returns BadName unless name follows the rules of spec/native.md §1 and, when strict, those of
// S3. dav, generic and koodrive are prefixes of routes.
func checkBucketName(name string, strict bool) error {
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	}
	switch {
	case len(name) < 3 || len(name) > 63:
		return badBucketName("it must have 3 to 63 characters")
	case strings.ContainsFunc(name, odd):
		return badBucketName("it may have letters, digits, dots, dashes and underscores")
	case slices.Contains([]string{"dav", "generic", "koodrive"}, name):
		return badBucketName("it is the prefix of a door's addresses")
	case strict:
		return checkStrictName(name)
	}
	return nil
}

// checkStrictName adds the rules of S3 to those of checkBucketName.
func checkStrictName(name string) error {
	_, notAddress := netip.ParseAddr(name)
	switch {
	case strings.ContainsAny(name, "_ABCDEFGHIJKLMNOPQRSTUVWXYZ"):
		return badBucketName("it may have lower-case letters, digits, dots and dashes")
	case strings.ContainsAny(name[:1]+name[len(name)-1:], ".-"):
		return badBucketName("it must begin and end with a letter or digit")
	case strings.Contains(name, ".."):
		return badBucketName("it must not have two dots in a row")
	case notAddress == nil:
		return badBucketName("it must not be an IP address")
	case strings.HasPrefix(name, "xn--"), strings.HasPrefix(name, "sthree-"),
		strings.HasSuffix(name, "-s3alias"), strings.HasSuffix(name, "--ol-s3"):
		return badBucketName("its prefix or suffix is reserved")
	}
	return nil
}

// badBucketName says which rule a name breaks. The name is not repeated: it may be anything.
func badBucketName(rule string) error {
	return &Error{Code: BadName, Msg: "the bucket name is not allowed: " + rule}
}

// Bucket returns a bucket that the caller may read. Errors: NoSuchBucket, Forbidden.
func (se *Session) Bucket(ctx context.Context, name string) (Bucket, error) {
	return se.authorize(ctx, name, AccessRead)
}

// BucketListOptions select a page of buckets.
type BucketListOptions struct {
	Prefix, After string
	Limit         int // 1..10,000; 0 gives an empty page
	// Owned leaves out what belongs to somebody else, for administrators too (S3 ListBuckets).
	Owned bool
}

// Buckets lists the buckets that the caller may read, by name, and tells whether there are more. Forbidden for
// anonymous callers.
func (se *Session) Buckets(ctx context.Context, opts BucketListOptions) ([]Bucket, bool, error) {
	if se.p.Anonymous {
		return nil, false, &Error{Code: Forbidden, Msg: "log in to list buckets"}
	}
	var found []Bucket
	after := opts.After
	if opts.Prefix > after {
		// The greatest name below the prefix: no name has a NUL.
		after = opts.Prefix[:len(opts.Prefix)-1] + string([]byte{opts.Prefix[len(opts.Prefix)-1] - 1, 0xff})
	}
	for {
		page, next, err := se.bucketPage(ctx, after, opts)
		if err != nil {
			return nil, false, fail("list buckets", "", err)
		}
		found = append(found, page...)
		if len(found) > opts.Limit {
			return found[:opts.Limit], true, nil
		}
		if next == "" {
			return found, false, nil
		}
		after = next
	}
}

// bucketPage reads up to 1,000 rows and keeps what the caller may read; next is "" at the end.
func (se *Session) bucketPage(ctx context.Context, after string, opts BucketListOptions) (kept []Bucket, next string, err error) {
	const rows = 1000
	err = se.s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		kept, next = nil, ""
		page, err := tx.Buckets(ctx, after, rows, false)
		if err != nil {
			return err
		}
		for _, b := range page {
			if !strings.HasPrefix(b.Name, opts.Prefix) {
				if b.Name > opts.Prefix {
					return nil
				}
				continue
			}
			ok, err := se.lists(ctx, tx, b, opts.Owned)
			if err != nil {
				return err
			}
			if ok {
				kept = append(kept, b)
			}
		}
		if len(page) == rows {
			next = page[rows-1].Name
		}
		return nil
	})
	return kept, next, err
}

// BucketPage is a page of a list of buckets. Next is what the list goes on after; 0: it ends here.
type BucketPage struct {
	Buckets []Bucket
	Next    int64
}

// BucketsByID reads up to limit buckets by id, after that one, and returns those that the caller may read: a page may be
// empty and not the last. Errors: Forbidden for anonymous callers, BadArgument (limit), Overloaded.
func (se *Session) BucketsByID(ctx context.Context, after int64, limit int) (p BucketPage, err error) {
	if se.p.Anonymous {
		return p, &Error{Code: Forbidden, Msg: "log in to list buckets"}
	}
	if err := checkLimit(limit); err != nil {
		return p, err
	}
	err = se.s.viewPage(ctx, func(ctx context.Context, tx MetaTx) error {
		p = BucketPage{}
		rows, err := tx.BucketsByID(ctx, after, limit)
		if err != nil {
			return err
		}
		for _, b := range rows {
			shown, err := se.lists(ctx, tx, b, false)
			if err != nil {
				return err
			}
			if shown {
				p.Buckets = append(p.Buckets, b)
			}
		}
		if n := len(rows); n > 0 && n == limit {
			p.Next = rows[n-1].ID
		}
		return nil
	})
	return p, fail("list buckets", "", err)
}

// lists tells whether a bucket belongs into the caller's list.
func (se *Session) lists(ctx context.Context, tx MetaTx, b Bucket, owned bool) (bool, error) {
	if b.Owner == se.p.UserID {
		return true, nil
	}
	if owned || se.p.Admin {
		return !owned, nil
	}
	st, err := loadBucketState(ctx, tx, b)
	if err != nil {
		return false, err
	}
	return se.accessTo(st) >= AccessRead, nil
}

// DeleteBucket removes a bucket: an empty one, or with force one with all it holds, which is gone from all doors
// at once and emptied in the background (S6). Older versions and delete markers make a bucket not empty, and Msg says
// so; pending uploads, which end with it (S3 DeleteBucket), and explicit packages without members do not. Errors:
// NoSuchBucket, Forbidden, BucketNotEmpty; Conflict when something in it is under retention or legal hold.
func (se *Session) DeleteBucket(ctx context.Context, name string, force bool) error {
	b, err := se.authorize(ctx, name, AccessOwner)
	if err != nil {
		return err
	}
	return se.deleteBucket(ctx, b, func(b *Bucket) (bool, error) { return force, b.called(name) })
}

// DeleteBucketByID is DeleteBucket with force of the bucket of that id, whatever its name is by then. Errors: as
// BucketByID, Conflict.
func (se *Session) DeleteBucketByID(ctx context.Context, id int64) error {
	b, err := se.BucketByID(ctx, id, AccessOwner)
	if err != nil {
		return err
	}
	err = se.deleteBucket(ctx, b, func(*Bucket) (bool, error) { return true, nil })
	return unknown(err, noSuchBucketID(id))
}

// called returns NoSuchBucket unless the bucket has that name: it may have got another one since it was found by it.
func (b *Bucket) called(name string) error {
	if b.Name != name {
		return noSuchBucket(name)
	}
	return nil
}

// deleteBucket is DeleteBucket of a bucket that the caller owns. judge is asked in the transaction whether it may be
// deleted, and with force.
func (se *Session) deleteBucket(ctx context.Context, b Bucket, judge func(b *Bucket) (force bool, err error)) error {
	name := b.Name
	err := se.updateConfig(MakingRoom(ctx), func(ctx context.Context, tx MetaTx) error {
		b, err := se.authorizeIn(ctx, tx, b, AccessOwner)
		if err != nil {
			return err
		}
		force, err := judge(&b)
		if err != nil {
			return err
		}
		if err := se.releaseBucket(ctx, tx, b); err != nil {
			return err
		}
		bare, err := bucketBare(ctx, tx, b.ID, se.s.now())
		if err != nil {
			return err
		}
		switch {
		case bare == bucketFull && !force:
			return &Error{Code: BucketNotEmpty, Path: name, Msg: "The bucket you tried to delete is not empty"}
		case bare == bucketPast && !force:
			return &Error{
				Code: BucketNotEmpty, Path: name,
				Msg: "The bucket you tried to delete is not empty. You must delete all versions in the bucket.",
			}
		case bare == bucketEmpty:
			return tx.DeleteBucket(ctx, b.ID)
		}
		m := mutation{s: se.s, se: se, tx: tx, bucket: b, now: se.s.now()}
		if err := m.nothingHeld(ctx); err != nil {
			return err
		}
		b.Deleting = true
		return tx.PutBucket(ctx, b)
	})
	return fail("delete bucket", name, err)
}

// nothingHeld returns Conflict when a version of an object in the bucket is under retention or legal hold (S6).
func (m *mutation) nothingHeld(ctx context.Context) error {
	for after, n := "", 0; ; {
		page, err := m.tx.Held(ctx, m.bucket.ID, after, folderPage)
		if err != nil {
			return err
		}
		for i := range page {
			after = page[i].Key
			if err := m.mayPurge(ctx, &page[i]); err != nil {
				return &Error{Code: Conflict, Path: m.bucket.Name + "/" + after, Msg: "the bucket cannot be deleted: the object " + after + " is under retention or legal hold", Err: err}
			}
		}
		if n += len(page); n > m.s.folderLimit {
			return Errorf(Conflict, m.bucket.Name, "more than %d objects were under retention or legal hold: delete those first", m.s.folderLimit)
		}
		if len(page) < folderPage {
			return nil
		}
	}
}

// bareness says what a bucket holds.
type bareness int

const (
	bucketEmpty  bareness = iota // no row hangs on it
	bucketBarren                 // pending uploads, packages without members, expired objects: empty to all doors
	bucketPast                   // older versions or delete markers, which listings do not show
	bucketFull                   // objects, none of which has older versions
)

// bucketBare looks by a few seeks whether a bucket is empty.
func bucketBare(ctx context.Context, tx MetaTx, id, now int64) (bareness, error) {
	const look = 100
	items, err := tx.List(ctx, ListQuery{BucketID: id, Limit: look, Which: LiveAndHidden, Brief: true})
	if err != nil {
		return bucketFull, err
	}
	bare := bucketEmpty
	for _, it := range items {
		switch e := &it.Entry; {
		case e.Version.placeholder():
			bare = max(bare, bucketBarren)
		case e.Older, e.Version.Marker:
			return bucketPast, nil
		case !expired(&e.Version, now):
			bare = bucketFull
		default:
			bare = max(bare, bucketBarren)
		}
	}
	if bare == bucketFull || len(items) == look {
		return bucketFull, nil
	}
	uploads, err := tx.Uploads(ctx, id, "", "", "", 1)
	if err != nil {
		return bucketFull, err
	}
	packages, err := tx.Packages(ctx, id, 0, 1)
	if err == nil && len(uploads)+len(packages) > 0 {
		bare = bucketBarren
	}
	return bare, err
}

// bucketChange alters the row of a bucket and what hangs on it.
type bucketChange func(ctx context.Context, tx MetaTx, b *Bucket) error

// changeBucket changes the row of the bucket of that name, which the caller must own.
func (se *Session) changeBucket(ctx context.Context, name string, change bucketChange) error {
	b, err := se.authorize(ctx, name, AccessOwner)
	if err != nil {
		return err
	}
	return se.changeFound(ctx, b, func(ctx context.Context, tx MetaTx, b *Bucket) error {
		if err := b.called(name); err != nil {
			return err
		}
		return change(ctx, tx, b)
	})
}

// changeFound changes the row of a bucket that was found, whatever its name is by then.
func (se *Session) changeFound(ctx context.Context, b Bucket, change bucketChange) error {
	err := se.updateConfig(ctx, func(ctx context.Context, tx MetaTx) error {
		b, err := se.authorizeIn(ctx, tx, b, AccessOwner)
		if err != nil {
			return err
		}
		if err := change(ctx, tx, &b); err != nil {
			return err
		}
		return tx.PutBucket(ctx, b)
	})
	return fail("change bucket", b.Name, err)
}

// SetVersioning switches a bucket's versioning. It never returns to VersioningOff: BadArgument (S3
// PutBucketVersioning). Errors: NoSuchBucket, Forbidden.
func (se *Session) SetVersioning(ctx context.Context, bucket string, v Versioning) error {
	return se.SetRules(ctx, bucket, BucketRules{Versioning: &v})
}

// setVersioning is SetVersioning on the row.
func (b *Bucket) setVersioning(v Versioning) error {
	if v < VersioningOff || v > VersioningSuspended || v == VersioningOff && b.Versioning != v {
		return Errorf(BadArgument, b.Name, "versioning: it can be enabled or suspended, not switched off again")
	}
	b.Versioning = v
	b.EverVersioned = b.EverVersioned || v == VersioningEnabled
	return nil
}

// Usage returns what a bucket holds. Errors: NoSuchBucket, Forbidden.
func (se *Session) Usage(ctx context.Context, bucket string) (Usage, error) {
	b, err := se.authorize(ctx, bucket, AccessRead)
	if err != nil {
		return Usage{}, err
	}
	var u Usage
	err = se.s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		var err error
		u, err = tx.Usage(ctx, b.ID)
		return err
	})
	return u, fail("usage", bucket, err)
}
