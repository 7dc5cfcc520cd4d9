package main

import (
	"context"
	"fmt"

	"trivium/core"
)

// prepareAccounts makes the first administrator with an access key, or brings a later start up to what the
// environment says. Everything is in the credentials file, durably, before the store knows it, so that a crash
// between the two loses nobody's only password. first tells that the accounts were made now.
func prepareAccounts(ctx context.Context, d *dataDir, svc *core.Service, env credentials) (creds credentials, first bool, err error) {
	users, err := svc.Session(core.System("start")).Users(ctx, 0, 1)
	if err != nil {
		return creds, false, fmt.Errorf("read users: %w", err)
	}
	creds, err = readCredentials(d)
	if err != nil {
		return creds, false, err
	}
	known := creds
	creds = creds.override(env)
	if first = len(users) == 0; first {
		creds.fill()
	}
	if creds != known {
		if err := d.write(d.credentials(), creds.marshal()); err != nil {
			return creds, false, err
		}
	}
	opts := core.BootstrapOptions{User: creds.User, Password: env.Password, AccessKey: env.AccessKey, SecretKey: env.SecretKey}
	if first {
		opts.Password, opts.AccessKey, opts.SecretKey = creds.Password, creds.AccessKey, creds.SecretKey
		opts.RecoveryKey = creds.RecoveryKey
	}
	if _, _, err := svc.Bootstrap(ctx, opts); err != nil {
		return creds, false, fmt.Errorf("accounts of TRIVIUM_ROOT_*: %w", err)
	}
	return creds, first, nil
}
