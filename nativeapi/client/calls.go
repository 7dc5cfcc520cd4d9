package client

import (
	"context"
	"net/url"
	"strconv"

	"trivium/nativeapi/adminapi"
)

// Ping returns nil when the server answers calls. It looks at nothing, so it answers while a disk hangs.
func (c *Client) Ping(ctx context.Context) error {
	_, err := get[adminapi.Nothing](ctx, c, adminapi.PingCall, nil)
	return err
}

// Status tells which program serves, and whether it is ready.
func (c *Client) Status(ctx context.Context) (adminapi.Status, error) {
	return get[adminapi.Status](ctx, c, adminapi.StatusCall, nil)
}

// Users returns all users by id.
func (c *Client) Users(ctx context.Context) ([]adminapi.User, error) {
	all := []adminapi.User{}
	query := url.Values{}
	for {
		page, err := get[adminapi.UserPage](ctx, c, adminapi.UserListCall, query)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Users...)
		if !page.IsTruncated || len(page.Users) == 0 {
			return all, nil
		}
		query.Set("after", strconv.FormatInt(all[len(all)-1].ID, 10))
	}
}

// CreateUser makes a user.
func (c *Client) CreateUser(ctx context.Context, u adminapi.NewUser) (adminapi.User, error) {
	return post[adminapi.User](ctx, c, adminapi.UserCreateCall, u)
}

// SetUserDisabled locks a user out, keys included, or lets him in again.
func (c *Client) SetUserDisabled(ctx context.Context, name string, disabled bool) error {
	_, err := post[adminapi.Nothing](ctx, c, adminapi.UserDisableCall, adminapi.UserState{Name: name, Disabled: disabled})
	return err
}

// SetUserPassword sets a user's password.
func (c *Client) SetUserPassword(ctx context.Context, name, password string) error {
	_, err := post[adminapi.Nothing](ctx, c, adminapi.UserPasswordCall, adminapi.UserPassword{Name: name, Password: password})
	return err
}

// DeleteUser removes a user who owns no bucket, with his access keys.
func (c *Client) DeleteUser(ctx context.Context, name string) error {
	_, err := post[adminapi.Nothing](ctx, c, adminapi.UserDeleteCall, adminapi.UserName{Name: name})
	return err
}

// UserToken makes a bearer token of a user's.
func (c *Client) UserToken(ctx context.Context, name string) (adminapi.UserToken, error) {
	return post[adminapi.UserToken](ctx, c, adminapi.UserTokenCall, adminapi.UserName{Name: name})
}

// Keys returns the access keys of a user, of all with "", by access key and without secrets.
func (c *Client) Keys(ctx context.Context, user string) ([]adminapi.Key, error) {
	query := url.Values{}
	if user != "" {
		query.Set("user", user)
	}
	list, err := get[adminapi.KeyList](ctx, c, adminapi.KeyListCall, query)
	return list.Keys, err
}

// CreateKey makes an access key and returns its secret, which cannot be had again.
func (c *Client) CreateKey(ctx context.Context, k adminapi.NewKey) (adminapi.KeyPair, error) {
	return post[adminapi.KeyPair](ctx, c, adminapi.KeyCreateCall, k)
}

// RevokeKey removes an access key.
func (c *Client) RevokeKey(ctx context.Context, accessKey string) error {
	_, err := post[adminapi.Nothing](ctx, c, adminapi.KeyRevokeCall, adminapi.KeyName{AccessKey: accessKey})
	return err
}

// Buckets returns all buckets by name.
func (c *Client) Buckets(ctx context.Context) ([]adminapi.Bucket, error) {
	all := []adminapi.Bucket{}
	query := url.Values{}
	for {
		page, err := get[adminapi.BucketPage](ctx, c, adminapi.BucketListCall, query)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Buckets...)
		if !page.IsTruncated || len(page.Buckets) == 0 {
			return all, nil
		}
		query.Set("after", all[len(all)-1].Name)
	}
}

// CreateBucket makes an empty bucket.
func (c *Client) CreateBucket(ctx context.Context, b adminapi.NewBucket) (adminapi.Bucket, error) {
	return post[adminapi.Bucket](ctx, c, adminapi.BucketCreateCall, b)
}

// DeleteBucket removes an empty bucket, with force one with all it holds.
func (c *Client) DeleteBucket(ctx context.Context, name string, force bool) error {
	_, err := post[adminapi.Nothing](ctx, c, adminapi.BucketDeleteCall, adminapi.OldBucket{Name: name, Force: force})
	return err
}

// Collect runs one round of the collector and returns when it has ended.
func (c *Client) Collect(ctx context.Context, now bool) (adminapi.Collected, error) {
	return post[adminapi.Collected](ctx, c, adminapi.CollectCall, adminapi.Collect{Now: now})
}

// Doctor examines the store; deep: with all its content.
func (c *Client) Doctor(ctx context.Context, deep bool) (adminapi.Examined, error) {
	return post[adminapi.Examined](ctx, c, adminapi.DoctorCall, adminapi.Examine{Deep: deep})
}

// Scrub looks at all shards; deep: at every block of them. It returns when all are looked at.
func (c *Client) Scrub(ctx context.Context, deep bool) (adminapi.Scrubbed, error) {
	return post[adminapi.Scrubbed](ctx, c, adminapi.ScrubCall, adminapi.Scrub{Deep: deep})
}

// Repair works off all that is queued for repair and returns when it has ended.
func (c *Client) Repair(ctx context.Context) (adminapi.Repaired, error) {
	return post[adminapi.Repaired](ctx, c, adminapi.RepairCall, adminapi.Repair{})
}

// Progress tells how far a Scrub or Repair is.
func (c *Client) Progress(ctx context.Context) (adminapi.Progress, error) {
	return get[adminapi.Progress](ctx, c, adminapi.ProgressCall, nil)
}
