package core

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"trivium/core/content"
)

// classCache keeps class rows by what makes them equal. Rows never change, so it outlives config epochs.
type classCache struct {
	limited[string, Class]
}

// resolvedClass is a bucket's class and where its new content goes.
type resolvedClass struct {
	class  Class
	target content.Target
}

// classFor returns the class of new content of b (S13) and the spaces it goes to: the policy's, or all that the
// owner may use. The class keeps the policy's spaces as they are named, so that "all" stays one class when a
// space joins. It may need a transaction of its own and must be called outside of one. Errors: Unavailable
// when the owner may use no space.
func (s *Service) classFor(ctx context.Context, b Bucket) (Class, content.Target, error) {
	st, err := s.bucketState(ctx, b.Name)
	if err == nil && st.bucket.ID == b.ID {
		if r := st.class.Load(); r != nil {
			return r.class, r.target, nil
		}
	}
	r, err := s.resolveClass(ctx, b)
	if err != nil {
		return Class{}, content.Target{}, err
	}
	if st != nil && st.bucket.ID == b.ID {
		st.class.Store(r)
	}
	return r.class, r.target, nil
}

// resolveClass finds or makes the class row.
func (s *Service) resolveClass(ctx context.Context, b Bucket) (*resolvedClass, error) {
	spaces, sealed := s.opened.usable(b.Owner, b.Policy.Spaces)
	if len(spaces) == 0 {
		return nil, &Error{Code: Unavailable, Path: b.Name, Msg: "the bucket may use no space; add one"}
	}
	want := Class{
		Owner: b.Owner, Policy: b.Policy.Redundancy,
		Spaces: slices.Sorted(slices.Values(b.Policy.Spaces)),
	}
	if sealed {
		want.KeyID = s.keys.Current()
	}
	class, err := s.class(ctx, want)
	if err != nil {
		return nil, fmt.Errorf("class of %s: %w", b.Name, err)
	}
	target := content.Target{Policy: class.Policy, Spaces: spaces, KeyID: class.KeyID}
	return &resolvedClass{class: class, target: target}, nil
}

// class returns the row that equals want but for its ID.
func (s *Service) class(ctx context.Context, want Class) (Class, error) {
	name, err := json.Marshal(want)
	if err != nil {
		return Class{}, err
	}
	if c, ok := s.classes.get(string(name)); ok {
		return c, nil
	}
	if want.ID, err = s.nextID(ctx, "class"); err != nil {
		return Class{}, err
	}
	var c Class
	err = s.update(ctx, func(ctx context.Context, tx MetaTx) error {
		var err error
		c, err = tx.PutClass(ctx, want)
		return err
	})
	if err != nil {
		return Class{}, err
	}
	s.classes.put(string(name), c)
	return c, nil
}
