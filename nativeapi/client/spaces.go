package client

import (
	"context"

	v1 "trivium/nativeapi/v1"
)

// Spaces returns the caller's spaces, to administrators all, by id.
func (a API) Spaces(ctx context.Context) ([]v1.UserSpace, error) {
	out, err := read[v1.AllUserSpaces](ctx, a, "userSpace/list", nil)
	return out.UserSpaces, err
}

// SpaceKinds returns the types of storage that the caller may use.
func (a API) SpaceKinds(ctx context.Context) ([]v1.SpaceKind, error) {
	out, err := read[v1.SpaceKinds](ctx, a, "userSpace/kinds", nil)
	return out.Kinds, err
}

// CreateSpace makes a space.
func (a API) CreateSpace(ctx context.Context, n v1.NewUserSpace) (v1.UserSpace, error) {
	out, err := write[v1.OneUserSpace](ctx, a, "userSpace/create", n)
	return out.UserSpace, err
}

// UpdateSpace changes a space.
func (a API) UpdateSpace(ctx context.Context, c v1.UserSpaceChange) (v1.UserSpace, error) {
	out, err := write[v1.OneUserSpace](ctx, a, "userSpace/update", c)
	return out.UserSpace, err
}

// DeleteSpace removes a space that holds nothing; with force it gives one up that holds something.
func (a API) DeleteSpace(ctx context.Context, id int64, force bool) error {
	_, err := write[done](ctx, a, "userSpace/delete", v1.OldUserSpace{UserSpaceID: id, Force: force})
	return err
}

// TestSpace tries a space, for up to 30 s.
func (a API) TestSpace(ctx context.Context, t v1.UserSpaceTest) error {
	_, err := write[done](ctx, a, "userSpace/test", t)
	return err
}

// SpaceStatus tells how a space is doing.
func (a API) SpaceStatus(ctx context.Context, id int64) (v1.UserSpaceStatus, error) {
	out, err := read[v1.OneUserSpaceStatus](ctx, a, "userSpace/status", values("userSpaceID", id))
	return out.Status, err
}

// RedundancyStatus tells how the content of an object is kept.
func (a API) RedundancyStatus(ctx context.Context, objectID int64) (v1.RedundancyStatus, error) {
	return read[v1.RedundancyStatus](ctx, a, "redundancy/status", values("objectID", objectID))
}
