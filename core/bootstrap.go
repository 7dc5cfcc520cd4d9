package core

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// SettingWrappedKeys is the setting that holds all master keys, wrapped by the recovery key: what backups carry
// (S30).
const SettingWrappedKeys = "recovery.wrapped"

// settingRecovery is the setting that holds the recovery key, sealed by the master key, to wrap later master keys.
const settingRecovery = "recovery.sealed"

// BootstrapOptions name the first administrator, as given by flags or the environment. What is empty is generated
// on the first start and left alone on later ones.
type BootstrapOptions struct {
	User      string // "": root
	Password  string
	AccessKey string
	SecretKey string
	// RecoveryKey is used on the first start only; its printed form.
	RecoveryKey string
}

// Validate checks what is given by the rules of Bootstrap, so that a caller can write it down before. Errors:
// BadArgument, which shows nothing of a secret.
func (o BootstrapOptions) Validate() error {
	if o.SecretKey != "" && o.AccessKey == "" {
		return Errorf(BadArgument, "", "secretKey: it needs an access key beside it")
	}
	if o.User != "" {
		if err := checkUserName(o.User); err != nil {
			return err
		}
	}
	if o.Password != "" {
		if err := checkPassword(o.Password); err != nil {
			return err
		}
	}
	if o.AccessKey != "" {
		secret := o.SecretKey
		if secret == "" {
			secret = strings.Repeat("x", minSecret) // one will be generated
		}
		if err := checkKeyPair(o.AccessKey, secret); err != nil {
			return err
		}
	}
	if o.RecoveryKey != "" {
		if _, err := ParseRecoveryKey(o.RecoveryKey); err != nil {
			return &Error{Code: BadArgument, Msg: "recoveryKey: " + err.Error()}
		}
	}
	return nil
}

// BootstrapResult says what was made or changed. Secrets are there only when this call made them up or took
// them over; show them once. They never show in formatted output.
type BootstrapResult struct {
	User            string
	Password        string
	AccessKey       string
	SecretKey       string
	RecoveryKey     string // printed form, on the first start only
	PasswordChanged bool   // a later start gave another password than the stored one
	KeyAdded        bool   // a later start gave a key that was not there
	SecretChanged   bool   // a later start gave another secret for a key that was there
}

// String hides the secrets.
func (r BootstrapResult) String() string { return "bootstrap of " + r.User }

// Format hides the secrets from every verb.
func (r BootstrapResult) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// LogValue hides the secrets.
func (r BootstrapResult) LogValue() slog.Value { return slog.StringValue(r.String()) }

// Bootstrap makes the first administrator, an access key and the recovery key when the store has no user, in one
// transaction, and tells so by made. On a later start what opts names wins over what is stored, as operators
// expect of an environment: another password is set, a missing key is added, another secret is set; the result
// says which. What opts leaves empty is not touched, so an unchanged start changes nothing. Errors: BadArgument;
// Conflict when the named user is missing, no administrator, or the key is somebody else's.
func (s *Service) Bootstrap(ctx context.Context, opts BootstrapOptions) (made bool, res BootstrapResult, err error) {
	if opts.User == "" {
		opts.User = "root"
	}
	if err := opts.Validate(); err != nil {
		return false, res, fail("bootstrap", "", err)
	}
	var first bool
	err = s.meta.View(ctx, func(ctx context.Context, tx MetaTx) error {
		users, err := tx.Users(ctx, 0, 1)
		first = len(users) == 0
		return err
	})
	if err != nil {
		return false, res, fail("bootstrap", "", err)
	}
	if first {
		res, made, err = s.firstStart(ctx, opts)
		if made || err != nil {
			return made, res, fail("bootstrap", opts.User, err)
		}
	}
	if err := s.rewrapKeys(ctx); err != nil {
		return false, res, fail("bootstrap", "", err)
	}
	res, err = s.laterStart(ctx, opts)
	return false, res, fail("bootstrap", opts.User, err)
}

// firstStart makes everything; made is false when somebody else was faster.
func (s *Service) firstStart(ctx context.Context, opts BootstrapOptions) (res BootstrapResult, made bool, err error) {
	if opts.Password == "" {
		opts.Password = secretText(20)
	}
	user, err := s.newUser(ctx, opts.User, opts.Password, true)
	if err != nil {
		return res, false, err
	}
	key, secret, err := s.newKey(user.ID, opts.AccessKey, opts.SecretKey)
	if err != nil {
		return res, false, err
	}
	recovery := NewRecoveryKey()
	if opts.RecoveryKey != "" {
		if recovery, err = ParseRecoveryKey(opts.RecoveryKey); err != nil {
			return res, false, err // Validate has seen it
		}
	}
	wrapped, sealed := recovery.Wrap(s.keys), s.keys.Seal(settingRecovery, recovery.secret[:])
	err = s.updateConfig(ctx, s.meta.Update, func(ctx context.Context, tx MetaTx) error {
		users, err := tx.Users(ctx, 0, 1)
		if err != nil {
			return err
		}
		if made = len(users) == 0; !made {
			return nil
		}
		if err := tx.PutUser(ctx, user); err != nil {
			return err
		}
		if err := tx.PutKey(ctx, key); err != nil {
			return err
		}
		if err := tx.PutSetting(ctx, SettingWrappedKeys, wrapped); err != nil {
			return err
		}
		return tx.PutSetting(ctx, settingRecovery, sealed)
	})
	if err != nil || !made {
		return res, false, err
	}
	return BootstrapResult{
		User: user.Name, Password: opts.Password, AccessKey: key.ID, SecretKey: secret,
		RecoveryKey: recovery.Reveal(),
	}, true, nil
}

// rewrapKeys wraps the master keys again when they are not the ones that were wrapped: after a rotation.
func (s *Service) rewrapKeys(ctx context.Context) error {
	var wrapped, sealed []byte
	var found bool
	err := s.meta.View(ctx, func(ctx context.Context, tx MetaTx) error {
		var err error
		if wrapped, _, err = tx.Setting(ctx, SettingWrappedKeys); err != nil {
			return err
		}
		sealed, found, err = tx.Setting(ctx, settingRecovery)
		return err
	})
	if err != nil || !found {
		return err
	}
	secret, err := s.keys.Unseal(settingRecovery, sealed)
	if err != nil {
		return err
	}
	var r RecoveryKey
	copy(r.secret[:], secret)
	if old, err := r.Unwrap(wrapped); err == nil && bytes.Equal(old.Marshal(), s.keys.Marshal()) {
		return nil
	}
	wrapped, sealed = r.Wrap(s.keys), s.keys.Seal(settingRecovery, r.secret[:])
	return s.meta.Update(ctx, func(ctx context.Context, tx MetaTx) error {
		if err := tx.PutSetting(ctx, SettingWrappedKeys, wrapped); err != nil {
			return err
		}
		return tx.PutSetting(ctx, settingRecovery, sealed)
	})
}

// laterStart brings a named user and key up to what opts says.
func (s *Service) laterStart(ctx context.Context, opts BootstrapOptions) (BootstrapResult, error) {
	if opts.Password == "" && opts.AccessKey == "" {
		return BootstrapResult{}, nil
	}
	user, key, err := s.bootstrapRows(ctx, opts)
	if err != nil {
		return BootstrapResult{}, err
	}
	res := BootstrapResult{User: user.Name}
	if opts.Password != "" {
		same, err := s.logins.passwords.verify(ctx, line{ahead: true}, user.Password, opts.Password)
		if err != nil {
			return res, err
		}
		if !same {
			if user.Password, err = s.newPassword(ctx, opts.Password); err != nil {
				return res, err
			}
			res.PasswordChanged, res.Password = true, opts.Password
		}
	}
	if opts.AccessKey != "" {
		if err := s.bootstrapKey(opts, user.ID, &key, &res); err != nil {
			return res, err
		}
	}
	if !res.PasswordChanged && !res.KeyAdded && !res.SecretChanged {
		return res, nil
	}
	return res, s.putBootstrap(ctx, user, key, res)
}

// bootstrapRows reads the user, who must be an administrator, and the key if it is there.
func (s *Service) bootstrapRows(ctx context.Context, opts BootstrapOptions) (user User, key AccessKey, err error) {
	err = s.meta.View(ctx, func(ctx context.Context, tx MetaTx) error {
		var ok bool
		var err error
		if user, ok, err = tx.UserByName(ctx, opts.User); err != nil {
			return err
		}
		if !ok || !user.Admin {
			return &Error{Code: Conflict, Path: opts.User, Msg: "the store has users, but this one is no administrator among them"}
		}
		key, _, err = tx.Key(ctx, opts.AccessKey)
		return err
	})
	return user, key, err
}

// bootstrapKey makes key what opts says; a key without a given secret is only made if it is missing.
func (s *Service) bootstrapKey(opts BootstrapOptions, userID int64, key *AccessKey, res *BootstrapResult) error {
	if key.ID != "" && key.UserID != userID {
		return &Error{Code: Conflict, Path: opts.AccessKey, Msg: "the access key belongs to another user"}
	}
	if key.ID != "" {
		if opts.SecretKey == "" {
			return nil
		}
		stored, err := s.keys.Unseal(keySecret(key.ID), key.Secret)
		if err == nil && bytes.Equal(stored, []byte(opts.SecretKey)) {
			return nil
		}
	}
	fresh, secret, err := s.newKey(userID, opts.AccessKey, opts.SecretKey)
	if err != nil {
		return err
	}
	res.KeyAdded, res.SecretChanged = key.ID == "", key.ID != ""
	res.AccessKey, res.SecretKey = fresh.ID, secret
	if key.ID != "" {
		fresh.CreateTime, fresh.Disabled = key.CreateTime, key.Disabled
	}
	*key = fresh
	return nil
}

// putBootstrap writes what changed.
func (s *Service) putBootstrap(ctx context.Context, user User, key AccessKey, res BootstrapResult) error {
	return s.updateConfig(ctx, s.meta.Update, func(ctx context.Context, tx MetaTx) error {
		if res.PasswordChanged {
			if err := tx.PutUser(ctx, user); err != nil {
				return err
			}
		}
		if res.KeyAdded || res.SecretChanged {
			return tx.PutKey(ctx, key)
		}
		return nil
	})
}
