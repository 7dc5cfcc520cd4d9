package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"trivium/core"
)

// openTestStore opens a store on a fresh directory until the test ends.
func openTestStore(t *testing.T) (*dataDir, *core.Service) {
	t.Helper()
	d := open(t, filepath.Join(t.TempDir(), "data"))
	st, err := openStore(t.Context(), &config{data: d.path}, d, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.close(t.Context()) })
	return d, st.service
}

// original are the credentials of the first start in these tests.
func original() credentials {
	return credentials{
		User: "admin", Password: "first password", AccessKey: "AKFIRST", SecretKey: "first-secret",
		RecoveryKey: core.NewRecoveryKey().Reveal(),
	}
}

// writeFile makes c the credentials file; nil removes it.
func writeFile(t *testing.T, d *dataDir, c *credentials) {
	t.Helper()
	err := os.Remove(d.credentials())
	if c != nil {
		err = d.write(d.credentials(), c.marshal())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// wantFile compares the credentials file; all empty means that there is none.
func wantFile(t *testing.T, d *dataDir, want credentials) {
	t.Helper()
	got, err := readCredentials(d)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("credentials file: %v (-want +got):\n%s", err, diff)
	}
	if _, err := os.Stat(d.credentials()); want == (credentials{}) && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a credentials file: %v", err)
	}
}

// wantIn checks that the store takes what c holds.
func wantIn(t *testing.T, svc *core.Service, c credentials) {
	t.Helper()
	user, err := svc.Session(core.System("test")).User(t.Context(), c.User)
	if err != nil || !user.Admin {
		t.Errorf("user %q = %+v, %v, want an administrator", c.User, user, err)
	}
	if c.Password != "" {
		if p, err := svc.Login(t.Context(), c.User, c.Password); err != nil || p.UserID != user.ID {
			t.Errorf("login with the password of %q: %v", c.User, err)
		}
	}
	if c.AccessKey != "" {
		k, err := svc.KeyCredentials(t.Context(), c.AccessKey)
		if err != nil || k.Secret != c.SecretKey || k.Principal.UserID != user.ID {
			t.Errorf("access key %s: %v, want the secret and the user of the file", c.AccessKey, err)
		}
	}
}

func TestFirstAccounts(t *testing.T) {
	whole := original()
	for _, tt := range []struct {
		name string
		left *credentials // what an earlier start left in the file
		env  credentials
		want credentials // what is not empty
	}{
		{"nothing is given", nil, credentials{}, credentials{User: "admin"}},
		{"all is given", nil, whole, whole},
		{"a user is given", nil, credentials{User: "boss"}, credentials{User: "boss"}},
		{"a start was killed before its commit", &whole, credentials{}, whole},
		{"it was killed, now a password is given", &whole, credentials{Password: "another password"}, whole.override(credentials{Password: "another password"})},
		{"the file is no good", &credentials{User: "a b", AccessKey: "abc", SecretKey: "abc"}, credentials{}, credentials{User: "admin"}},
		{"the file is no good, a user is given", &credentials{Password: "x"}, credentials{User: "boss"}, credentials{User: "boss"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, svc := openTestStore(t)
			if tt.left != nil {
				if err := d.write(d.credentials(), tt.left.marshal()); err != nil {
					t.Fatal(err)
				}
			}
			got, err := prepareAccounts(t.Context(), d, svc, tt.env)
			if err != nil || !got.first || got.given != tt.env || got.changed != nil {
				t.Fatalf("prepareAccounts = first %v, changed %q, %v, want a first start", got.first, got.changed, err)
			}
			creds := got.creds
			if diff := cmp.Diff(creds.override(tt.want), creds); diff != "" {
				t.Errorf("made (-want +got):\n%s", diff)
			}
			wantFile(t, d, creds)
			wantIn(t, svc, creds)
		})
	}
}

// TestFirstAccountsAreInTheFileFirst lets the file fail: the store must not have users then, whose password nobody
// would know.
func TestFirstAccountsAreInTheFileFirst(t *testing.T) {
	d, svc := openTestStore(t)
	if err := os.RemoveAll(d.tmp()); err != nil {
		t.Fatal(err)
	}
	if _, err := prepareAccounts(t.Context(), d, svc, credentials{}); err == nil {
		t.Error("prepareAccounts = nil when the file cannot be written")
	}
	users, err := svc.Session(core.System("test")).Users(t.Context(), 0, 1)
	if len(users) != 0 || err != nil {
		t.Errorf("users = %+v, %v, want none", users, err)
	}
	_, err = prepareAccounts(t.Context(), d, svc, credentials{Password: "x"})
	if core.CodeOf(err) != core.BadArgument {
		t.Errorf("prepareAccounts with a bad password = %v, want BadArgument", err)
	}
	wantFile(t, d, credentials{})
}

func TestLaterAccounts(t *testing.T) {
	was := original()
	pair := credentials{AccessKey: "AKSECOND", SecretKey: "second-secret"}
	password := credentials{Password: "second password"}
	both := pair.override(password)
	ann, bob, boss := credentials{User: "ann"}, credentials{User: "bob"}, credentials{User: "boss"}
	for _, tt := range []struct {
		name string
		file *credentials // nil: lost
		env  credentials
		want credentials // file
		err  string
	}{
		{"nothing is given", &was, credentials{}, was, ""},
		{"the same again", &was, was, was, ""},
		{"password", &was, password, was.override(password), ""},
		{"key", &was, pair, was.override(pair), ""},
		{"both, for the user by name", &was, both.override(credentials{User: "admin"}), was.override(both), ""},
		{"bad password", &was, credentials{Password: "x"}, was, "password: it must"},
		{"bad key", &was, credentials{AccessKey: "abc", SecretKey: "abc"}, was, "secretKey: it must"},
		{"key of another user", &was, credentials{AccessKey: "AKANN", SecretKey: "another-secret"}, was, "belongs to another user"},
		{"user that is not there", &was, boss, was, `TRIVIUM_ROOT_USER=boss: the store has no such administrator (there are admin, ann)`},
		{"user that is not there, with a password", &was, boss.override(password), was, "no such administrator"},
		{"user that is no administrator", &was, bob.override(both), was, "no such administrator"},
		{"another administrator", &was, ann, was, ""},
		{"another administrator with all", &was, ann.override(both), was, ""},
		{"lost", nil, credentials{}, credentials{}, ""},
		{"lost, key", nil, pair, credentials{User: "admin"}.override(pair), ""},
		{"lost, password", nil, password, credentials{User: "admin"}.override(password), ""},
		{"lost, user alone", nil, credentials{User: "admin"}, credentials{}, ""},
		{"lost, key of another administrator", nil, ann.override(pair), ann.override(pair), ""},
		{"lost, bad key", nil, credentials{AccessKey: "abc", SecretKey: "abc"}, credentials{}, "secretKey: it must"},
		{"keys that were refused", &credentials{AccessKey: "AKNO", SecretKey: "no-such-secret"}, password, credentials{User: "admin"}.override(password), ""},
		{"file of nobody", &boss, pair, boss, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, svc := openTestStore(t)
			if _, err := prepareAccounts(t.Context(), d, svc, was); err != nil {
				t.Fatal(err)
			}
			addUsers(t, svc)
			writeFile(t, d, tt.file)
			got, err := prepareAccounts(t.Context(), d, svc, tt.env)
			if got.first || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("prepareAccounts = first %v, %v, want %q", got.first, err, tt.err)
			}
			wantFile(t, d, tt.want)
			if err != nil {
				wantIn(t, svc, was)
				return
			}
			if got.creds != tt.want {
				t.Error("prepareAccounts returns other credentials than the file holds")
			}
			given := tt.env
			if given.User == "" {
				given.User = "admin"
			}
			wantIn(t, svc, given)
			if tt.want.User == "admin" || tt.want.User == "ann" {
				wantIn(t, svc, tt.want)
			}
		})
	}
}

// TestLaterAccountsTellWhatChanged starts again and again on one store.
func TestLaterAccountsTellWhatChanged(t *testing.T) {
	d, svc := openTestStore(t)
	if _, err := prepareAccounts(t.Context(), d, svc, original()); err != nil {
		t.Fatal(err)
	}
	addUsers(t, svc)
	key := func(id, secret string) credentials { return credentials{AccessKey: id, SecretKey: secret} }
	const revoke = " (`trivium key revoke` removes keys)"
	for _, step := range []struct {
		name string
		env  credentials
		want []string
	}{
		{"nothing is given", credentials{}, nil},
		{"what is there", credentials{Password: original().Password, AccessKey: "AKFIRST", SecretKey: "first-secret"}, nil},
		{"password", credentials{Password: "second password"}, []string{"password of admin replaced"}},
		{"the same again", credentials{Password: "second password"}, nil},
		{"key", key("AKSECOND", "second-secret"), []string{"access key AKSECOND of admin added; 1 older key stays valid" + revoke}},
		{"secret", key("AKSECOND", "another-secret"), []string{"secret of access key AKSECOND replaced"}},
		{"both", key("AKTHIRD", "third-secret").override(credentials{Password: "third password"}), []string{
			"password of admin replaced", "access key AKTHIRD of admin added; 2 older keys stay valid" + revoke,
		}},
		{"another administrator", key("AKANN2", "second-of-ann").override(credentials{User: "ann"}), []string{
			"access key AKANN2 of ann added; 1 older key stays valid" + revoke,
		}},
	} {
		got, err := prepareAccounts(t.Context(), d, svc, step.env)
		if diff := cmp.Diff(step.want, got.changed); err != nil || diff != "" {
			t.Errorf("%s: %v, changed (-want +got):\n%s", step.name, err, diff)
		}
	}
	if err := svc.Session(core.System("test")).SetKeyDisabled(t.Context(), "AKANN", true); err != nil {
		t.Fatal(err)
	}
	env := key("AKANN3", "third-of-ann").override(credentials{User: "ann"})
	got, err := prepareAccounts(t.Context(), d, svc, env)
	if want := []string{"access key AKANN3 of ann added; 1 older key stays valid" + revoke}; err != nil || !cmp.Equal(want, got.changed) {
		t.Errorf("with a key that is switched off: %q, %v, want %q", got.changed, err, want)
	}
}

// addUsers makes ann, an administrator with a key, and bob, who is none.
func addUsers(t *testing.T, svc *core.Service) {
	t.Helper()
	se := svc.Session(core.System("test"))
	ann, err := se.CreateUser(t.Context(), "ann", "", true)
	if err == nil {
		_, _, err = se.CreateKey(t.Context(), ann.ID, "AKANN", "secret-of-ann")
	}
	if err == nil {
		_, err = se.CreateUser(t.Context(), "bob", "", false)
	}
	if err != nil {
		t.Fatal(err)
	}
}
