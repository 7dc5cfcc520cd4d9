package core

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The limits of names and secrets, in bytes.
const (
	maxUserName = 64
	minPassword = 8
	maxPassword = 1024
	minKeyID    = 3
	maxKeyID    = 128
	minSecret   = 8
	maxSecret   = 128
)

// checkUserName refuses names that Basic authentication or a log line could not carry (RFC 7617 §2: no colon).
func checkUserName(name string) error {
	bad := func(r rune) bool { return r == ':' || unicode.IsControl(r) || unicode.IsSpace(r) }
	if name == "" || len(name) > maxUserName || !utf8.ValidString(name) || strings.ContainsFunc(name, bad) {
		return Errorf(BadArgument, "", "name: a user name is 1 to %d bytes of UTF-8 without colon, blanks and control characters", maxUserName)
	}
	return nil
}

// checkPassword bounds a password; the error does not show it.
func checkPassword(password string) error {
	if len(password) < minPassword || len(password) > maxPassword {
		return Errorf(BadArgument, "", "password: it must have %d to %d bytes", minPassword, maxPassword)
	}
	return nil
}

// checkKeyPair bounds a key pair: an id is what a credential scope of Signature Version 4 can carry.
func checkKeyPair(id, secret string) error {
	odd := func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-", r)
	}
	if len(id) < minKeyID || len(id) > maxKeyID || strings.ContainsFunc(id, odd) {
		return Errorf(BadArgument, "", "accessKey: it must have %d to %d letters, digits, dots, dashes or underscores", minKeyID, maxKeyID)
	}
	if len(secret) < minSecret || len(secret) > maxSecret {
		return Errorf(BadArgument, "", "secretKey: it must have %d to %d bytes", minSecret, maxSecret)
	}
	return nil
}

// CreateUser makes a user; with password "" one that has only keys. Administrators only. Errors: Forbidden,
// BadArgument, Exists.
func (se *Session) CreateUser(ctx context.Context, name, password string, admin bool) (User, error) {
	if err := se.requireAdmin(); err != nil {
		return User{}, err
	}
	u, err := se.s.newUser(ctx, name, password, admin)
	if err != nil {
		return User{}, err
	}
	err = se.updateConfig(ctx, func(ctx context.Context, tx MetaTx) error {
		_, taken, err := tx.UserByName(ctx, name)
		if err != nil {
			return err
		}
		if taken {
			return &Error{Code: Exists, Path: name, Msg: "there is a user of this name already"}
		}
		return tx.PutUser(ctx, u)
	})
	if err != nil {
		return User{}, fail("create user", name, err)
	}
	return u, nil
}

// newUser checks and hashes; password "" stays none.
func (s *Service) newUser(ctx context.Context, name, password string, admin bool) (User, error) {
	if err := checkUserName(name); err != nil {
		return User{}, err
	}
	phc := ""
	if password != "" {
		var err error
		if phc, err = s.newPassword(ctx, password); err != nil {
			return User{}, err
		}
	}
	id, err := s.nextID(ctx, "user")
	if err != nil {
		return User{}, fail("create user", name, err)
	}
	return User{ID: id, Name: name, Password: phc, Admin: admin, CreateTime: s.now()}, nil
}

// newPassword checks and hashes.
func (s *Service) newPassword(ctx context.Context, password string) (string, error) {
	if err := checkPassword(password); err != nil {
		return "", err
	}
	return s.logins.passwords.hash(ctx, password)
}

// SetPassword sets a user's password, of one's own or, as an administrator, of anybody; "" removes it. Errors:
// Forbidden, BadArgument, NotFound.
func (se *Session) SetPassword(ctx context.Context, userID int64, password string) error {
	if err := se.requireUser(userID); err != nil {
		return err
	}
	phc := ""
	if password != "" {
		var err error
		if phc, err = se.s.newPassword(ctx, password); err != nil {
			return err
		}
	}
	return se.changeUser(ctx, userID, func(_ context.Context, _ MetaTx, u *User) error {
		u.Password = phc
		return nil
	})
}

// SetUserDisabled locks a user out of every door, keys included, or lets him in again. Administrators only.
// Errors: Forbidden, NotFound, Conflict for the caller himself and for the last administrator who is let in.
func (se *Session) SetUserDisabled(ctx context.Context, userID int64, disabled bool) error {
	if err := se.requireAdmin(); err != nil {
		return err
	}
	if disabled && userID == se.p.UserID {
		return &Error{Code: Conflict, Msg: "you cannot disable yourself"}
	}
	return se.changeUser(ctx, userID, func(ctx context.Context, tx MetaTx, u *User) error {
		if disabled {
			if err := replaceable(ctx, tx, *u); err != nil {
				return err
			}
		}
		u.Disabled = disabled
		return nil
	})
}

// replaceable refuses to do without the last administrator who is not disabled.
func replaceable(ctx context.Context, tx MetaTx, u User) error {
	if !u.Admin || u.Disabled {
		return nil
	}
	const page = 100
	for after := int64(0); ; {
		users, err := tx.Users(ctx, after, page)
		if err != nil {
			return err
		}
		for _, other := range users {
			if after = other.ID; other.Admin && !other.Disabled && other.ID != u.ID {
				return nil
			}
		}
		if len(users) < page {
			return &Error{
				Code: Conflict, Path: u.Name,
				Msg: "this is the last administrator who is not disabled: make another one first, or enable one",
			}
		}
	}
}

// DeleteUser removes a user who owns no bucket, with his access keys and the grants that he has. His id is not given
// again; what he wrote into the buckets of others stays. Administrators only. Errors: Forbidden, NotFound; Conflict for
// the caller himself, for the last administrator who is let in, and for an owner of buckets.
func (se *Session) DeleteUser(ctx context.Context, userID int64) error {
	if err := se.requireAdmin(); err != nil {
		return err
	}
	if userID == se.p.UserID {
		return &Error{Code: Conflict, Msg: "you cannot delete yourself"}
	}
	err := se.updateConfig(ctx, func(ctx context.Context, tx MetaTx) error {
		u, err := userIn(ctx, tx, userID)
		if err != nil {
			return err
		}
		if err := replaceable(ctx, tx, u); err != nil {
			return err
		}
		if err := leaveBuckets(ctx, tx, u); err != nil {
			return err
		}
		keys, err := tx.Keys(ctx, u.ID)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if err := tx.DeleteKey(ctx, k.ID); err != nil {
				return err
			}
		}
		return tx.DeleteUser(ctx, u.ID)
	})
	return fail("delete user", fmt.Sprint(userID), err)
}

// leaveBuckets removes what a user may do in the buckets of others; Conflict when one is his.
func leaveBuckets(ctx context.Context, tx MetaTx, u User) error {
	const page = 100
	for after := ""; ; {
		buckets, err := tx.Buckets(ctx, after, page, false)
		if err != nil {
			return err
		}
		for _, b := range buckets {
			after = b.Name
			if b.Owner == u.ID {
				return &Error{
					Code: Conflict, Path: u.Name,
					Msg: "the bucket " + b.Name + " belongs to this user: delete it, or disable the user in place of deleting",
				}
			}
			grants, err := tx.Grants(ctx, b.ID)
			if err != nil {
				return err
			}
			left := slices.DeleteFunc(slices.Clone(grants), func(g Grant) bool { return g.UserID == u.ID })
			if len(left) == len(grants) {
				continue
			}
			if err := tx.SetGrants(ctx, b.ID, left); err != nil {
				return err
			}
		}
		if len(buckets) < page {
			return nil
		}
	}
}

// changeUser changes one row.
func (se *Session) changeUser(
	ctx context.Context, userID int64, change func(context.Context, MetaTx, *User) error,
) error {
	err := se.updateConfig(ctx, func(ctx context.Context, tx MetaTx) error {
		u, err := userIn(ctx, tx, userID)
		if err != nil {
			return err
		}
		if err := change(ctx, tx, &u); err != nil {
			return err
		}
		return tx.PutUser(ctx, u)
	})
	return fail("change user", fmt.Sprint(userID), err)
}

// userIn reads a user who must be there.
func userIn(ctx context.Context, tx MetaTx, id int64) (User, error) {
	u, ok, err := tx.User(ctx, id)
	if err != nil {
		return User{}, err
	}
	if !ok {
		return User{}, Errorf(NotFound, "", "there is no user %d", id)
	}
	return u, nil
}

// User returns one user by name, without the password's hash. Errors: NotFound; Forbidden unless it is the caller
// or the caller an administrator.
func (se *Session) User(ctx context.Context, name string) (User, error) {
	if !se.p.Admin && (se.p.Anonymous || se.p.Name != name) {
		return User{}, &Error{Code: Forbidden, Msg: "only the user and administrators may do this"}
	}
	var u User
	err := se.s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		var ok bool
		var err error
		u, ok, err = tx.UserByName(ctx, name)
		if err == nil && !ok {
			return &Error{Code: NotFound, Path: name, Msg: "there is no such user"}
		}
		return err
	})
	u.Password = ""
	return u, fail("user", name, err)
}

// Users lists users by ID, after that one, up to limit, without the hashes of their passwords. Administrators
// only.
func (se *Session) Users(ctx context.Context, afterID int64, limit int) ([]User, error) {
	if err := se.requireAdmin(); err != nil {
		return nil, err
	}
	var users []User
	err := se.s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		var err error
		users, err = tx.Users(ctx, afterID, limit)
		return err
	})
	for i := range users {
		users[i].Password = ""
	}
	return users, fail("list users", "", err)
}

// CreateKey makes an access key for a user: of oneself or, as an administrator, of anybody. An empty id or secret
// is generated. The secret is returned here and never again. Errors: Forbidden, BadArgument, NotFound, Exists.
func (se *Session) CreateKey(ctx context.Context, userID int64, id, secret string) (AccessKey, string, error) {
	if err := se.requireUser(userID); err != nil {
		return AccessKey{}, "", err
	}
	k, secret, err := se.s.newKey(userID, id, secret)
	if err != nil {
		return AccessKey{}, "", err
	}
	err = se.updateConfig(ctx, func(ctx context.Context, tx MetaTx) error {
		if _, err := userIn(ctx, tx, userID); err != nil {
			return err
		}
		_, taken, err := tx.Key(ctx, k.ID)
		if err != nil {
			return err
		}
		if taken {
			return &Error{Code: Exists, Path: k.ID, Msg: "there is an access key of this id already"}
		}
		return tx.PutKey(ctx, k)
	})
	if err != nil {
		return AccessKey{}, "", fail("create key", k.ID, err)
	}
	return k, secret, nil
}

// newKey checks or generates a pair and seals the secret.
func (s *Service) newKey(userID int64, id, secret string) (AccessKey, string, error) {
	if id == "" {
		id = "TV" + secretText(18)
	}
	if secret == "" {
		secret = secretText(40)
	}
	if err := checkKeyPair(id, secret); err != nil {
		return AccessKey{}, "", err
	}
	sealed := s.keys.Seal(keySecret(id), []byte(secret))
	return AccessKey{ID: id, UserID: userID, Secret: sealed, CreateTime: s.now()}, secret, nil
}

// Keys lists a user's access keys by id, without secrets: one's own or, as an administrator, anybody's; userID 0
// lists those of all. Errors: Forbidden.
func (se *Session) Keys(ctx context.Context, userID int64) ([]AccessKey, error) {
	if err := se.requireUser(userID); err != nil {
		return nil, err
	}
	if userID == 0 && !se.p.Admin {
		return nil, se.requireAdmin()
	}
	var keys []AccessKey
	err := se.s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		var err error
		keys, err = tx.Keys(ctx, userID)
		return err
	})
	for i := range keys {
		keys[i].Secret = nil
	}
	return keys, fail("list keys", "", err)
}

// DeleteKey removes an access key: one's own or, as an administrator, anybody's. A key that is missing or somebody
// else's is NotFound.
func (se *Session) DeleteKey(ctx context.Context, id string) error {
	return se.changeKey(ctx, id, func(ctx context.Context, tx MetaTx, _ AccessKey) error {
		return tx.DeleteKey(ctx, id)
	})
}

// SetKeyDisabled switches an access key off or on again; rights and errors as in DeleteKey.
func (se *Session) SetKeyDisabled(ctx context.Context, id string, disabled bool) error {
	return se.changeKey(ctx, id, func(ctx context.Context, tx MetaTx, k AccessKey) error {
		k.Disabled = disabled
		return tx.PutKey(ctx, k)
	})
}

// changeKey changes one row that the caller may change.
func (se *Session) changeKey(
	ctx context.Context, id string, change func(context.Context, MetaTx, AccessKey) error,
) error {
	err := se.updateConfig(ctx, func(ctx context.Context, tx MetaTx) error {
		k, ok, err := tx.Key(ctx, id)
		if err != nil {
			return err
		}
		if !ok || se.requireUser(k.UserID) != nil {
			return &Error{Code: NotFound, Path: id, Msg: "there is no such access key"}
		}
		return change(ctx, tx, k)
	})
	return fail("change key", id, err)
}
