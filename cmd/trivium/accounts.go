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

// outcome is what a start did to the accounts.
type outcome struct {
	creds   credentials // what the credentials file holds now
	given   credentials // what of it TRIVIUM_ROOT_* gave
	first   bool        // the accounts were made by this start
	changed []string    // what a later start replaced or added, in words; no secrets
}

// prepareAccounts makes the first administrator with an access key, or brings a later start up to what the
// environment says.
func prepareAccounts(ctx context.Context, d *dataDir, svc *core.Service, env credentials) (outcome, error) {
	a := &accounts{dir: d, svc: svc, env: env}
	var err error
	if a.known, err = readCredentials(d); err != nil {
		return outcome{}, err
	}
	used, admins, err := a.users(ctx)
	if err != nil {
		return outcome{}, err
	}
	if !used {
		creds, err := a.first(ctx)
		return outcome{creds: creds, given: env, first: true}, err
	}
	creds, changed, err := a.later(ctx, admins)
	return outcome{creds: creds, given: env, changed: changed}, err
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

// later gives the store what the environment says, then the file. changed says what the store did not have before.
func (a *accounts) later(ctx context.Context, admins []string) (creds credentials, changed []string, err error) {
	opts := a.env.options()
	switch {
	case opts.User != "" && !slices.Contains(admins, opts.User):
		there := "there are " + some(admins)
		if len(admins) == 1 {
			there = "there is " + admins[0]
		}
		return a.known, nil, fmt.Errorf("TRIVIUM_ROOT_USER=%s: the store has no such administrator (%s): name one of them, or leave it out",
			opts.User, there)
	case opts.User == "" && slices.Contains(admins, a.known.User):
		opts.User = a.known.User
	case opts.User == "" && len(admins) > 0:
		opts.User = admins[0]
	}
	_, res, err := a.svc.Bootstrap(ctx, opts)
	if err != nil {
		return a.known, nil, fmt.Errorf("TRIVIUM_ROOT_*: %w", err)
	}
	if changed, err = a.changes(ctx, res); err != nil {
		return a.known, nil, err
	}
	creds = a.known
	switch {
	case creds.User == opts.User:
		creds = creds.override(a.env)
	case creds.User == "" && (opts.Password != "" || opts.AccessKey != ""):
		creds = a.env
		creds.User, creds.RecoveryKey = opts.User, a.known.RecoveryKey
	}
	// The file of one user never takes up what belongs to another.
	return creds, changed, a.note(creds)
}

// changes puts into words what Bootstrap did. Who gives another key means to replace the one before, as a rule, and
// must learn that it stays.
func (a *accounts) changes(ctx context.Context, res core.BootstrapResult) ([]string, error) {
	var changed []string
	if res.PasswordChanged {
		changed = append(changed, fmt.Sprintf("password of %s replaced", res.User))
	}
	if res.SecretChanged {
		changed = append(changed, fmt.Sprintf("secret of access key %s replaced", res.AccessKey))
	}
	if !res.KeyAdded {
		return changed, nil
	}
	older, err := a.otherKeys(ctx, res.User, res.AccessKey)
	added := fmt.Sprintf("access key %s of %s added", res.AccessKey, res.User)
	switch older {
	case 0:
	case 1:
		added += "; 1 older key stays valid (`trivium key revoke` removes keys)"
	default:
		added += fmt.Sprintf("; %d older keys stay valid (`trivium key revoke` removes keys)", older)
	}
	return append(changed, added), err
}

// otherKeys counts the access keys that let the user in, but for the one.
func (a *accounts) otherKeys(ctx context.Context, user, but string) (int, error) {
	se := a.svc.Session(core.System("start"))
	u, err := se.User(ctx, user)
	if err != nil {
		return 0, fmt.Errorf("read user: %w", err)
	}
	keys, err := se.Keys(ctx, u.ID)
	if err != nil {
		return 0, fmt.Errorf("read access keys: %w", err)
	}
	n := 0
	for _, k := range keys {
		if k.ID != but && !k.Disabled {
			n++
		}
	}
	return n, nil
}

// note makes creds the content of the file, if they are not.
func (a *accounts) note(creds credentials) error {
	if creds == a.known {
		return nil
	}
	return a.dir.write(a.dir.credentials(), creds.marshal())
}
