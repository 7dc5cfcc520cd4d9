package main

import (
	"context"
	"fmt"
	"slices"

	"trivium/core"
)

// accounts is what makes the accounts of a start, and brings them up to what the environment says.
type accounts struct {
	dir   *dataDir
	svc   *core.Service
	env   credentials // TRIVIUM_ROOT_*
	known credentials // the file
}

// prepareAccounts makes the first administrator with an access key, or brings a later start up to what the
// environment says. It returns what the credentials file holds then; first tells that the accounts were made now.
func prepareAccounts(ctx context.Context, d *dataDir, svc *core.Service, env credentials) (creds credentials, first bool, err error) {
	a := &accounts{dir: d, svc: svc, env: env}
	if a.known, err = readCredentials(d); err != nil {
		return creds, false, err
	}
	used, admins, err := a.users(ctx)
	if err != nil {
		return creds, false, err
	}
	if !used {
		creds, err = a.first(ctx)
		return creds, true, err
	}
	creds, err = a.later(ctx, admins)
	return creds, false, err
}

// users tells whether the store has users, and the names of its administrators, the oldest first.
func (a *accounts) users(ctx context.Context) (used bool, admins []string, err error) {
	const page = 100
	se := a.svc.Session(core.System("start"))
	for after := int64(0); ; {
		users, err := se.Users(ctx, after, page)
		if err != nil {
			return used, nil, fmt.Errorf("read users: %w", err)
		}
		for _, u := range users {
			used, after = true, u.ID
			if u.Admin {
				admins = append(admins, u.Name)
			}
		}
		if len(users) < page {
			return used, admins, nil
		}
	}
}

// first makes everything. It is in the file, durably, before the store knows it, so that a crash between the two
// loses nobody's only password. What such a start left in the file is taken up again, if it can be.
func (a *accounts) first(ctx context.Context) (credentials, error) {
	creds := a.known.override(a.env)
	creds.fill()
	if creds.options().Validate() != nil {
		creds = a.env
		creds.fill()
	}
	if err := creds.options().Validate(); err != nil {
		return creds, fmt.Errorf("TRIVIUM_ROOT_*: %w", err)
	}
	if err := a.note(creds); err != nil {
		return creds, err
	}
	if _, _, err := a.svc.Bootstrap(ctx, creds.options()); err != nil {
		return creds, fmt.Errorf("make the first accounts: %w", err)
	}
	return creds, nil
}

// later gives the store what the environment says, then the file.
func (a *accounts) later(ctx context.Context, admins []string) (credentials, error) {
	opts := a.env.options()
	switch {
	case opts.User != "" && !slices.Contains(admins, opts.User):
		return a.known, fmt.Errorf("TRIVIUM_ROOT_USER=%s: the store has no such administrator (it has %q): name one of them, or leave it out",
			opts.User, admins)
	case opts.User == "" && slices.Contains(admins, a.known.User):
		opts.User = a.known.User
	case opts.User == "" && len(admins) > 0:
		opts.User = admins[0]
	}
	if _, _, err := a.svc.Bootstrap(ctx, opts); err != nil {
		return a.known, fmt.Errorf("TRIVIUM_ROOT_*: %w", err)
	}
	creds := a.known
	switch {
	case creds.User == opts.User:
		creds = creds.override(a.env)
	case creds.User == "" && (opts.Password != "" || opts.AccessKey != ""):
		creds = a.env
		creds.User, creds.RecoveryKey = opts.User, a.known.RecoveryKey
	}
	// The file of one user never takes up what belongs to another.
	return creds, a.note(creds)
}

// note makes creds the content of the file, if they are not.
func (a *accounts) note(creds credentials) error {
	if creds == a.known {
		return nil
	}
	return a.dir.write(a.dir.credentials(), creds.marshal())
}
