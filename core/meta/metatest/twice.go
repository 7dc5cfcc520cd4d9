package metatest

import (
	"context"
	"errors"
	"fmt"

	"trivium/core"
)

// errAgain rolls the first run back.
var errAgain = errors.New("run again")

// Twice is s with every function run twice, an Update's first run rolled back, as core.MetaStore allows a store
// to do at any time. Functions that are not pure, or do not reset what they put out, fail tests with it.
func Twice(s core.MetaStore) core.MetaStore { return twice{s} }

type twice struct{ core.MetaStore }

// View implements core.MetaStore.
func (s twice) View(ctx context.Context, fn func(ctx context.Context, tx core.MetaTx) error) error {
	return s.MetaStore.View(ctx, func(ctx context.Context, tx core.MetaTx) error {
		if err := fn(ctx, tx); err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}

// Update implements core.MetaStore.
func (s twice) Update(ctx context.Context, fn func(ctx context.Context, tx core.MetaTx) error) error {
	var first error
	err := s.MetaStore.Update(ctx, func(ctx context.Context, tx core.MetaTx) error {
		first = fn(ctx, tx)
		return errAgain
	})
	if !errors.Is(err, errAgain) {
		return err
	}
	err = s.MetaStore.Update(ctx, fn)
	if first != nil && err == nil {
		return fmt.Errorf("the first run failed, the second did not: %w", first)
	}
	return err
}
