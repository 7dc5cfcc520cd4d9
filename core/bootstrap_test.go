package core_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trivium/core"
)

func TestBootstrap(t *testing.T) {
	s, _ := open(t, harness{})
	ctx := t.Context()
	made, first, err := s.Bootstrap(ctx, core.BootstrapOptions{})
	if err != nil || !made {
		t.Fatalf("Bootstrap = %v, %v, want made", made, err)
	}
	if first.User != "root" || len(first.Password) < 16 || first.AccessKey == "" || first.SecretKey == "" {
		t.Fatalf("the first start did not make up everything: user %q, key %q", first.User, first.AccessKey)
	}
	if _, err := core.ParseRecoveryKey(first.RecoveryKey); err != nil {
		t.Errorf("recovery key: %v", err)
	}
	p, err := s.Login(ctx, "root", first.Password)
	if err != nil || !p.Admin || p.Name != "root" {
		t.Fatalf("Login = %+v, %v, want an administrator", p, err)
	}
	c, err := s.KeyCredentials(ctx, first.AccessKey)
	if err != nil || c.Secret != first.SecretKey || c.Principal.UserID != p.UserID {
		t.Fatalf("KeyCredentials = %v, %v, want root's", c, err)
	}
	made, res, err := s.Bootstrap(ctx, core.BootstrapOptions{})
	if err != nil || made || res != (core.BootstrapResult{}) {
		t.Errorf("second Bootstrap = %v, %v, want nothing made", made, err)
	}
}

func TestBootstrapGiven(t *testing.T) {
	s, h := open(t, harness{})
	ctx := t.Context()
	recovery := core.NewRecoveryKey()
	opts := core.BootstrapOptions{
		User: "admin", Password: "a good password", AccessKey: "AKGIVEN", SecretKey: "secret-given",
		RecoveryKey: recovery.Reveal(),
	}
	made, res, err := s.Bootstrap(ctx, opts)
	want := core.BootstrapResult{
		User: "admin", Password: opts.Password, AccessKey: opts.AccessKey, SecretKey: opts.SecretKey,
		RecoveryKey: opts.RecoveryKey,
	}
	if err != nil || !made || res != want {
		t.Fatalf("Bootstrap = %v, %v, want what was given", made, err)
	}
	wrapped := h.setting(t, "recovery.wrapped")
	keys, err := recovery.Unwrap(wrapped)
	if err != nil || keys.Current() != h.keys.Current() {
		t.Errorf("the recovery key opens %v, %v, want the master keys", keys, err)
	}
	// An unchanged environment changes nothing.
	made, res, err = s.Bootstrap(ctx, opts)
	if err != nil || made || res.PasswordChanged || res.KeyAdded || res.SecretChanged || res.Password != "" {
		t.Errorf("unchanged Bootstrap = %v, %+v, %v", made, res.User, err)
	}
}

// What the environment says on a later start wins, and the result says what changed.
func TestBootstrapLater(t *testing.T) {
	s, _ := open(t, harness{})
	ctx := t.Context()
	given := core.BootstrapOptions{Password: "first password", AccessKey: "AKONE", SecretKey: "secret-one"}
	_, _, err := s.Bootstrap(ctx, given)
	ok(t, "first start", err)

	_, res, err := s.Bootstrap(ctx, core.BootstrapOptions{Password: "second password"})
	if err != nil || !res.PasswordChanged || res.KeyAdded || res.SecretChanged {
		t.Errorf("another password: %v, %v", res, err)
	}
	_, err = s.Login(ctx, "root", "first password")
	wantCode(t, "the old password", err, core.Unauthorized)
	_, err = s.Login(ctx, "root", "second password")
	ok(t, "the new password", err)

	_, res, err = s.Bootstrap(ctx, core.BootstrapOptions{AccessKey: "AKTWO", SecretKey: "secret-two"})
	if err != nil || res.PasswordChanged || !res.KeyAdded || res.SecretChanged {
		t.Errorf("another key: %v, %v", res, err)
	}
	_, res, err = s.Bootstrap(ctx, core.BootstrapOptions{AccessKey: "AKTWO", SecretKey: "secret-2.1"})
	if err != nil || res.KeyAdded || !res.SecretChanged {
		t.Errorf("another secret: %v, %v", res, err)
	}
	for key, secret := range map[string]string{"AKONE": "secret-one", "AKTWO": "secret-2.1"} {
		c, err := s.KeyCredentials(ctx, key)
		if err != nil || c.Secret != secret {
			t.Errorf("KeyCredentials(%s) = %v, %v, want its secret", key, c, err)
		}
	}
	_, res, err = s.Bootstrap(ctx, core.BootstrapOptions{AccessKey: "AKTWO"})
	if err != nil || res.KeyAdded || res.SecretChanged {
		t.Errorf("a key without its secret: %v, %v, want nothing changed", res, err)
	}
}

func TestBootstrapRefuses(t *testing.T) {
	s, _ := open(t, harness{})
	ctx := t.Context()
	for _, opts := range []core.BootstrapOptions{
		{SecretKey: "a-secret-alone"},
		{Password: "short"},
		{User: "a:b"},
		{AccessKey: "a/b"},
		{AccessKey: "AKGOOD", SecretKey: "short"},
		{RecoveryKey: "nonsense"},
	} {
		wantCode(t, "Validate", opts.Validate(), core.BadArgument)
		_, _, err := s.Bootstrap(ctx, opts)
		wantCode(t, "Bootstrap", err, core.BadArgument)
	}
	for _, opts := range []core.BootstrapOptions{
		{},
		{User: "ann"},
		{AccessKey: "AKALONE"},
		{Password: "12345678", AccessKey: "AK1", SecretKey: "12345678"},
		{RecoveryKey: core.NewRecoveryKey().Reveal()},
	} {
		ok(t, "Validate", opts.Validate())
	}
	made, _, err := s.Bootstrap(ctx, core.BootstrapOptions{})
	if err != nil || !made {
		t.Fatalf("Bootstrap after refusals = %v, %v: a refused one left something", made, err)
	}
	admin := s.Session(core.System("test"))
	u, err := admin.CreateUser(ctx, "alice", "a password", false)
	ok(t, "create user", err)
	_, _, err = admin.CreateKey(ctx, u.ID, "ALICES", "secret-of-alice")
	ok(t, "create key", err)
	for _, opts := range []core.BootstrapOptions{
		{User: "alice", Password: "another password"},
		{User: "nobody", Password: "another password"},
		{AccessKey: "ALICES", SecretKey: "another-secret"},
	} {
		_, _, err := s.Bootstrap(ctx, opts)
		wantCode(t, "Bootstrap of "+opts.User+opts.AccessKey, err, core.Conflict)
	}
}

// After a rotation the recovery key opens the new master keys as well as the old ones.
func TestRotationIsWrappedAgain(t *testing.T) {
	s, h := open(t, harness{})
	ctx := t.Context()
	_, res, err := s.Bootstrap(ctx, core.BootstrapOptions{})
	ok(t, "bootstrap", err)
	ok(t, "close", s.Close(ctx))
	h.keys = h.keys.Rotate()
	s, err = h.start(t)
	ok(t, "open with rotated keys", err)
	_, _, err = s.Bootstrap(ctx, core.BootstrapOptions{})
	ok(t, "bootstrap again", err)
	recovery, err := core.ParseRecoveryKey(res.RecoveryKey)
	ok(t, "recovery key", err)
	keys, err := recovery.Unwrap(h.setting(t, core.SettingWrappedKeys))
	ok(t, "unwrap", err)
	if diff := cmp.Diff(h.keys.IDs(), keys.IDs()); diff != "" {
		t.Errorf("wrapped keys (-want +got):\n%s", diff)
	}
	c, err := s.KeyCredentials(ctx, res.AccessKey)
	if err != nil || c.Secret != res.SecretKey {
		t.Errorf("KeyCredentials after the rotation = %v, %v", c, err)
	}
	ok(t, "close", s.Close(ctx))
	h.keys = core.GenerateMasterKeys()
	if _, err := h.start(t); !errors.Is(err, core.ErrOtherMasterKey) || !errors.Is(err, core.ErrMasterKey) {
		t.Errorf("Open with another store's key = %v, want an error that says so", err)
	}
}
