package core

import (
	"bytes"
	"context"
	"reflect"
	"slices"
	"strings"

	"trivium/core/content"
)

const (
	maxGrants  = 1000
	maxDocKind = 32
	maxDoc     = 1 << 20 // bytes: a thousand lifecycle rules fit
)

// Grants returns who else may use a bucket, by user. Errors: NoSuchBucket, Forbidden for all but its owner.
func (se *Session) Grants(ctx context.Context, bucket string) ([]Grant, error) {
	b, err := se.authorize(ctx, bucket, AccessOwner)
	if err != nil {
		return nil, err
	}
	var grants []Grant
	err = se.s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		var err error
		grants, err = tx.Grants(ctx, b.ID)
		return err
	})
	return grants, fail("grants", bucket, err)
}

// SetGrants replaces all grants of a bucket; their BucketID is filled in. Errors: NoSuchBucket, Forbidden;
// BadArgument for an unknown or no access, a user named twice, or too many; NotFound for an unknown user.
func (se *Session) SetGrants(ctx context.Context, bucket string, grants []Grant) error {
	return se.SetRules(ctx, bucket, BucketRules{Grants: &grants})
}

// putGrants replaces the grants of a bucket.
func putGrants(ctx context.Context, tx MetaTx, b *Bucket, grants []Grant) error {
	if len(grants) > maxGrants {
		return Errorf(BadArgument, b.Name, "grants: %d are given, at most %d are allowed", len(grants), maxGrants)
	}
	rows := make([]Grant, 0, len(grants))
	seen := make(map[int64]bool, len(grants))
	for _, g := range grants {
		if g.Access <= AccessNone || g.Access > AccessOwner || seen[g.UserID] {
			return Errorf(BadArgument, b.Name, "grants: one of read, write and owner for each user")
		}
		if _, err := userIn(ctx, tx, g.UserID); err != nil {
			return err
		}
		seen[g.UserID] = true
		rows = append(rows, Grant{BucketID: b.ID, UserID: g.UserID, Access: g.Access})
	}
	return tx.SetGrants(ctx, b.ID, rows)
}

// Policy returns what the owner of a bucket has set. Errors: NoSuchBucket, Forbidden for all but the owner.
func (se *Session) Policy(ctx context.Context, bucket string) (BucketPolicy, error) {
	b, err := se.authorize(ctx, bucket, AccessOwner)
	return b.Policy, err
}

// SetPolicy sets how new content of a bucket is kept, and whether everybody may read. Errors: NoSuchBucket,
// Forbidden; BadArgument for a policy that makes no sense, names spaces that the owner may not use, or needs
// more failure domains than those spaces have.
func (se *Session) SetPolicy(ctx context.Context, bucket string, p BucketPolicy) error {
	return se.SetRules(ctx, bucket, BucketRules{Policy: &p})
}

// checkPolicy judges a policy for a bucket.
func (s *Service) checkPolicy(b *Bucket, p *BucketPolicy) error {
	if err := p.Redundancy.Validate(); err != nil {
		return &Error{Code: BadArgument, Path: b.Name, Msg: "redundancy: " + err.Error(), Err: err}
	}
	spaces, _ := s.opened.usable(b.Owner, p.Spaces)
	if len(p.Spaces) > 0 && len(spaces) < len(p.Spaces) {
		return Errorf(BadArgument, b.Name, "spaces: the owner may use %d of the %d that are named", len(spaces), len(p.Spaces))
	}
	if n := s.opened.domains(spaces); n < p.Redundancy.Total() {
		return Errorf(BadArgument, b.Name,
			"redundancy: it needs %d spaces in distinct failure domains, the bucket may use %d", p.Redundancy.Total(), n)
	}
	return nil
}

// policyChanged leaves a job that converts what is in a bucket when p keeps content otherwise than the present policy.
func (s *Service) policyChanged(ctx context.Context, tx MetaTx, b *Bucket, p *BucketPolicy) error {
	if reflect.DeepEqual(b.Policy.Redundancy, p.Redundancy) && slices.Equal(b.Policy.Spaces, p.Spaces) {
		return nil
	}
	return putReclass(ctx, tx, ReclassState{BucketID: b.ID, Since: s.now()})
}

// BucketRules are what SetRules changes of a bucket; what is nil stays as it is in the transaction.
type BucketRules struct {
	// Policy is the whole of it; the three below are fields of it.
	Policy     *BucketPolicy
	Redundancy *content.Policy
	Spaces     *[]content.SpaceID
	PublicRead *bool
	Versioning *Versioning
	Grants     *[]Grant
}

// SetRules is SetPolicy, SetVersioning and SetGrants at once, all or nothing. Errors: theirs. Where new content is kept
// is judged only when it changes.
func (se *Session) SetRules(ctx context.Context, bucket string, r BucketRules) error {
	return se.changeBucket(ctx, bucket, func(ctx context.Context, tx MetaTx, b *Bucket) error { return r.apply(ctx, se.s, tx, b) })
}

// SetRulesByID is SetRules of the bucket of that id, whatever its name is by then. Errors: also those of BucketByID.
func (se *Session) SetRulesByID(ctx context.Context, id int64, r BucketRules) error {
	b, err := se.BucketByID(ctx, id, AccessOwner)
	if err != nil {
		return err
	}
	err = se.changeFound(ctx, b, func(ctx context.Context, tx MetaTx, b *Bucket) error { return r.apply(ctx, se.s, tx, b) })
	return unknown(err, noSuchBucketID(id))
}

// apply makes the changes.
func (r *BucketRules) apply(ctx context.Context, s *Service, tx MetaTx, b *Bucket) error {
	p := r.policy(b.Policy)
	if r.Policy != nil || r.Redundancy != nil || r.Spaces != nil {
		if err := s.checkPolicy(b, &p); err != nil {
			return err
		}
		if err := s.policyChanged(ctx, tx, b, &p); err != nil {
			return err
		}
	}
	b.Policy = p
	if r.Versioning != nil {
		if err := b.setVersioning(*r.Versioning); err != nil {
			return err
		}
	}
	if r.Grants != nil {
		return putGrants(ctx, tx, b, *r.Grants)
	}
	return nil
}

// policy is p with the changes.
func (r *BucketRules) policy(p BucketPolicy) BucketPolicy {
	if r.Policy != nil {
		p = *r.Policy
	}
	if r.Redundancy != nil {
		p.Redundancy = *r.Redundancy
	}
	if r.Spaces != nil {
		p.Spaces = *r.Spaces
	}
	if r.PublicRead != nil {
		p.PublicRead = *r.PublicRead
	}
	return p
}

// Doc returns a document of a bucket, such as its CORS rules, by the kind it was stored under, and whether there
// is one. The bytes must not be changed. Errors: NoSuchBucket; Forbidden for all but the owner: a door that
// applies a document on behalf of anybody reads it in a System session.
func (se *Session) Doc(ctx context.Context, bucket, kind string) ([]byte, bool, error) {
	b, err := se.authorize(ctx, bucket, AccessOwner)
	if err != nil {
		return nil, false, err
	}
	gen, name := se.s.cache.current(), docName{b.ID, kind}
	if body, ok := gen.docs.get(name); ok {
		return body, body != nil, nil
	}
	var body []byte
	err = se.s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		var found bool
		var err error
		if body, found, err = tx.Doc(ctx, b.ID, kind); !found {
			body = nil
		} else if body == nil {
			body = []byte{}
		}
		return err
	})
	if err != nil {
		return nil, false, fail("document", bucket, err)
	}
	gen.docs.put(name, body)
	return body, body != nil, nil
}

// SetDoc stores a document of a bucket; nil deletes it. The kind is a word of a-z. Errors: NoSuchBucket,
// Forbidden for all but the owner; BadArgument; TooLarge over 1 MiB.
func (se *Session) SetDoc(ctx context.Context, bucket, kind string, body []byte) error {
	odd := func(r rune) bool { return r < 'a' || r > 'z' }
	if kind == "" || len(kind) > maxDocKind || strings.ContainsFunc(kind, odd) {
		return Errorf(BadArgument, bucket, "kind: a document's kind is a word of a to z")
	}
	if len(body) > maxDoc {
		return Errorf(TooLarge, bucket, "the document has %d bytes, at most %d are allowed", len(body), maxDoc)
	}
	if body == nil {
		ctx = MakingRoom(ctx)
	}
	return se.changeBucket(ctx, bucket, func(ctx context.Context, tx MetaTx, b *Bucket) error {
		old, found, err := tx.Doc(ctx, b.ID, kind)
		if err != nil {
			return err
		}
		if found == (body != nil) && bytes.Equal(old, body) {
			return errUnchanged
		}
		return tx.PutDoc(ctx, b.ID, kind, bytes.Clone(body))
	})
}
