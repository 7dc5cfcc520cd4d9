package core_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"trivium/core"
	"trivium/core/coretest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a time that tests move.
type clock struct{ ns atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.ns.Store(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.ns.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.ns.Add(int64(d)) }

// wantCode fails unless err carries code.
func wantCode(t *testing.T, what string, err error, code core.Code) {
	t.Helper()
	if err == nil || core.CodeOf(err) != code {
		t.Errorf("%s = %v, want code %d", what, err, code)
	}
}

// ok stops the test on an error.
func ok(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// user makes a user with a password and returns its session.
func user(t *testing.T, env *coretest.Env, name string) (core.User, *core.Session) {
	t.Helper()
	u, err := env.Admin.CreateUser(t.Context(), name, "", false)
	ok(t, "create user", err)
	return u, env.Service.Session(core.Principal{UserID: u.ID, Name: u.Name})
}

func TestLogin(t *testing.T) {
	clk := newClock()
	env := coretest.New(t, coretest.Options{Now: clk.now})
	ctx := t.Context()
	u, err := env.Admin.CreateUser(ctx, "alice", "correct horse", false)
	ok(t, "create user", err)
	if strings.Contains(u.Password, "correct horse") {
		t.Error("the row holds the password itself")
	}
	want := core.Principal{UserID: u.ID, Name: "alice"}
	for range 2 { // computed, then remembered
		p, err := env.Service.Login(ctx, "alice", "correct horse")
		if err != nil || p != want {
			t.Fatalf("Login = %+v, %v, want %+v", p, err, want)
		}
	}
	for _, tc := range [][2]string{
		{"alice", "correct horsf"}, {"alice", ""}, {"bob", "correct horse"}, {"", ""}, {"Alice", "correct horse"},
	} {
		_, err := env.Service.Login(ctx, tc[0], tc[1])
		wantCode(t, "Login("+tc[0]+")", err, core.Unauthorized)
	}
	clk.advance(6 * time.Minute)
	if _, err := env.Service.Login(ctx, "alice", "correct horse"); err != nil {
		t.Errorf("Login after the memory ended = %v", err)
	}
}

// What is remembered of a password ends at once with the password, or when the user is disabled.
func TestLoginForgetsChanges(t *testing.T) {
	env := coretest.New(t, coretest.Options{})
	ctx := t.Context()
	u, err := env.Admin.CreateUser(ctx, "alice", "first password", false)
	ok(t, "create user", err)
	_, err = env.Service.Login(ctx, "alice", "first password")
	ok(t, "login", err)

	ok(t, "set password", env.Admin.SetPassword(ctx, u.ID, "second password"))
	_, err = env.Service.Login(ctx, "alice", "first password")
	wantCode(t, "Login with the old password", err, core.Unauthorized)
	_, err = env.Service.Login(ctx, "alice", "second password")
	ok(t, "login with the new password", err)

	k, secret, err := env.Admin.CreateKey(ctx, u.ID, "", "")
	ok(t, "create key", err)
	ok(t, "disable", env.Admin.SetUserDisabled(ctx, u.ID, true))
	_, err = env.Service.Login(ctx, "alice", "second password")
	wantCode(t, "Login of a disabled user", err, core.Unauthorized)
	c, err := env.Service.KeyCredentials(ctx, k.ID)
	wantCode(t, "KeyCredentials of a disabled user", err, core.Unauthorized)
	if c.Secret == secret {
		t.Error("the secret of a disabled user is given out")
	}
	ok(t, "enable", env.Admin.SetUserDisabled(ctx, u.ID, false))
	_, err = env.Service.Login(ctx, "alice", "second password")
	ok(t, "login again", err)

	ok(t, "remove password", env.Admin.SetPassword(ctx, u.ID, ""))
	_, err = env.Service.Login(ctx, "alice", "")
	wantCode(t, "Login without a password", err, core.Unauthorized)
	wantCode(t, "disabling oneself", env.Admin.SetUserDisabled(ctx, coretest.AdminID, true), core.Conflict)
}

// A name that fails too often waits; remembered passwords and keys do not.
func TestLoginThrottle(t *testing.T) {
	clk := newClock()
	env := coretest.New(t, coretest.Options{Now: clk.now})
	ctx := t.Context()
	u, err := env.Admin.CreateUser(ctx, "alice", "correct horse", false)
	ok(t, "create user", err)
	k, secret, err := env.Admin.CreateKey(ctx, u.ID, "", "")
	ok(t, "create key", err)
	_, err = env.Service.Login(ctx, "alice", "correct horse")
	ok(t, "login", err)
	for _, name := range []string{"alice", k.ID, "nobody"} {
		for range 10 {
			_, err := env.Service.Login(ctx, name, "wrong")
			wantCode(t, "wrong password", err, core.Unauthorized)
		}
		_, err := env.Service.Login(ctx, name, "wrong")
		wantCode(t, "the eleventh failure", err, core.Overloaded)
	}
	_, err = env.Service.Login(ctx, "alice", "correct horse")
	ok(t, "remembered login in spite of failures", err)
	p, err := env.Service.Login(ctx, k.ID, secret)
	ok(t, "login by key in spite of failures", err)
	if p.KeyID != k.ID || p.UserID != u.ID {
		t.Errorf("Login by key = %+v, want user %d, key %s", p, u.ID, k.ID)
	}
	clk.advance(5*time.Minute + time.Second)
	_, err = env.Service.Login(ctx, "alice", "correct horse")
	ok(t, "login after the failures faded", err)
}

func TestKeyCredentials(t *testing.T) {
	env := coretest.New(t, coretest.Options{})
	ctx := t.Context()
	u, _ := user(t, env, "alice")
	k, secret, err := env.Admin.CreateKey(ctx, u.ID, "AKEXAMPLE", "a-secret-of-mine")
	ok(t, "create key", err)
	if secret != "a-secret-of-mine" || strings.Contains(string(k.Secret), secret) {
		t.Error("CreateKey changed the secret or does not seal it")
	}
	want := core.Credentials{
		Principal: core.Principal{UserID: u.ID, Name: "alice", KeyID: "AKEXAMPLE"}, Secret: "a-secret-of-mine",
	}
	for range 2 {
		c, err := env.Service.KeyCredentials(ctx, "AKEXAMPLE")
		if err != nil || c.Principal != want.Principal || c.Secret != want.Secret {
			t.Fatalf("KeyCredentials = %v, %v, want %v", c, err, want)
		}
	}
	// A dummy is stable, also after a restart, and differs by key.
	one, err := env.Service.KeyCredentials(ctx, "AKUNKNOWN")
	wantCode(t, "KeyCredentials(unknown)", err, core.Unauthorized)
	other, err := env.Service.KeyCredentials(ctx, "AKUNKNOWM")
	wantCode(t, "KeyCredentials(unknown)", err, core.Unauthorized)
	ok(t, "restart", env.Restart(context.WithoutCancel(ctx)))
	again, err := env.Service.KeyCredentials(ctx, "AKUNKNOWN")
	wantCode(t, "KeyCredentials(unknown)", err, core.Unauthorized)
	if one.Secret != again.Secret || one.Secret == other.Secret || len(one.Secret) != 40 {
		t.Error("dummy secrets are not stable, not distinct or not of 40 characters")
	}
	if one.Principal != (core.Principal{}) {
		t.Errorf("a dummy has the principal %+v", one.Principal)
	}
}

// Every change of a key shows at once.
func TestKeyChanges(t *testing.T) {
	env := coretest.New(t, coretest.Options{})
	ctx := t.Context()
	u, alice := user(t, env, "alice")
	_, bob := user(t, env, "bob")
	_, err := env.Service.KeyCredentials(ctx, "alices-key")
	wantCode(t, "before it is made", err, core.Unauthorized)
	_, _, err = alice.CreateKey(ctx, u.ID, "alices-key", "secret-of-alice")
	ok(t, "create own key", err)
	_, err = env.Service.KeyCredentials(ctx, "alices-key")
	ok(t, "credentials", err)

	_, _, err = bob.CreateKey(ctx, u.ID, "", "")
	wantCode(t, "a key for somebody else", err, core.Forbidden)
	_, _, err = alice.CreateKey(ctx, u.ID, "alices-key", "another-secret")
	wantCode(t, "a key that is there", err, core.Exists)
	_, _, err = env.Admin.CreateKey(ctx, 999, "", "")
	wantCode(t, "a key for nobody", err, core.NotFound)
	for _, bad := range [][2]string{{"ab", ""}, {"a/b/c", ""}, {"a b c", ""}, {"abc", "short"}, {strings.Repeat("a", 129), ""}, {"äöü", ""}} {
		_, _, err = alice.CreateKey(ctx, u.ID, bad[0], bad[1])
		wantCode(t, "CreateKey("+bad[0]+")", err, core.BadArgument)
	}
	wantCode(t, "somebody else's key", bob.DeleteKey(ctx, "alices-key"), core.NotFound)

	ok(t, "disable key", alice.SetKeyDisabled(ctx, "alices-key", true))
	_, err = env.Service.KeyCredentials(ctx, "alices-key")
	wantCode(t, "disabled", err, core.Unauthorized)
	ok(t, "enable key", alice.SetKeyDisabled(ctx, "alices-key", false))
	_, err = env.Service.KeyCredentials(ctx, "alices-key")
	ok(t, "enabled", err)

	keys, err := alice.Keys(ctx, u.ID)
	ok(t, "keys", err)
	if len(keys) != 1 || keys[0].ID != "alices-key" || keys[0].Secret != nil {
		t.Errorf("Keys = %v, want one without its secret", keys)
	}
	_, err = bob.Keys(ctx, u.ID)
	wantCode(t, "somebody else's keys", err, core.Forbidden)
	_, err = bob.Keys(ctx, 0)
	wantCode(t, "all keys", err, core.Forbidden)

	ok(t, "delete key", alice.DeleteKey(ctx, "alices-key"))
	_, err = env.Service.KeyCredentials(ctx, "alices-key")
	wantCode(t, "deleted", err, core.Unauthorized)
	wantCode(t, "deleting it again", alice.DeleteKey(ctx, "alices-key"), core.NotFound)
}

func TestGeneratedKeysDiffer(t *testing.T) {
	env := coretest.New(t, coretest.Options{})
	u, _ := user(t, env, "alice")
	seen := make(map[string]bool)
	for range 20 {
		k, secret, err := env.Admin.CreateKey(t.Context(), u.ID, "", "")
		ok(t, "create key", err)
		if len(k.ID) != 20 || len(secret) != 40 || seen[k.ID] || seen[secret] {
			t.Fatalf("id %q of %d, secret of %d characters, or drawn before", k.ID, len(k.ID), len(secret))
		}
		seen[k.ID], seen[secret] = true, true
	}
}

func TestUsers(t *testing.T) {
	env := coretest.New(t, coretest.Options{})
	ctx := t.Context()
	u, alice := user(t, env, "alice")
	user(t, env, "bob")
	for _, s := range []*core.Session{alice, env.Service.Session(core.Anonymous())} {
		_, err := s.CreateUser(ctx, "eve", "", false)
		wantCode(t, "CreateUser", err, core.Forbidden)
		_, err = s.Users(ctx, 0, 10)
		wantCode(t, "Users", err, core.Forbidden)
		wantCode(t, "SetUserDisabled", s.SetUserDisabled(ctx, u.ID, true), core.Forbidden)
		wantCode(t, "SetPassword of another", s.SetPassword(ctx, coretest.AdminID, "a password"), core.Forbidden)
	}
	_, err := env.Admin.CreateUser(ctx, "alice", "", false)
	wantCode(t, "a name that is taken", err, core.Exists)
	for _, name := range []string{"", "a:b", "a b", "a\n", "\xff", strings.Repeat("a", 65)} {
		_, err := env.Admin.CreateUser(ctx, name, "", false)
		wantCode(t, "CreateUser("+name+")", err, core.BadArgument)
	}
	for _, password := range []string{"1234567", strings.Repeat("a", 1025)} {
		err := alice.SetPassword(ctx, u.ID, password)
		wantCode(t, "SetPassword", err, core.BadArgument)
		if strings.Contains(err.Error(), password) {
			t.Error("the error shows the password")
		}
	}
	ok(t, "own password", alice.SetPassword(ctx, u.ID, "12345678"))
	wantCode(t, "password of nobody", env.Admin.SetPassword(ctx, 999, "12345678"), core.NotFound)
	users, err := env.Admin.Users(ctx, 0, 10)
	ok(t, "users", err)
	var names []string
	for _, u := range users {
		names = append(names, u.Name)
		if u.Password != "" {
			t.Errorf("Users shows the hash of %s", u.Name)
		}
	}
	if diff := cmp.Diff([]string{"alice", "bob", "admin"}, names); diff != "" {
		t.Errorf("Users (-want +got):\n%s", diff)
	}
	got, err := alice.User(ctx, "alice")
	if err != nil || got.ID != u.ID || got.Password != "" {
		t.Errorf("User = %+v, %v, want id %d and no hash", got, err, u.ID)
	}
	_, err = alice.User(ctx, "bob")
	wantCode(t, "another user", err, core.Forbidden)
	_, err = env.Admin.User(ctx, "eve")
	wantCode(t, "no user", err, core.NotFound)
}

func BenchmarkKeyCredentials(b *testing.B) {
	env := coretest.New(b, coretest.Options{})
	k, _, err := env.Admin.CreateKey(b.Context(), coretest.AdminID, "", "")
	if err != nil {
		b.Fatal(err)
	}
	ctx := b.Context()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := env.Service.KeyCredentials(ctx, k.ID); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkAuthorize(b *testing.B) {
	env := coretest.New(b, coretest.Options{})
	ctx := b.Context()
	if _, err := env.Admin.CreateBucket(ctx, "bucket", core.CreateBucketOptions{}); err != nil {
		b.Fatal(err)
	}
	u, err := env.Admin.CreateUser(ctx, "alice", "", false)
	if err != nil {
		b.Fatal(err)
	}
	err = env.Admin.SetGrants(ctx, "bucket", []core.Grant{{UserID: u.ID, Access: core.AccessRead}})
	if err != nil {
		b.Fatal(err)
	}
	alice := env.Service.Session(core.Principal{UserID: u.ID})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := alice.Bucket(ctx, "bucket"); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkLoginRemembered(b *testing.B) {
	env := coretest.New(b, coretest.Options{})
	ctx := b.Context()
	if _, err := env.Admin.CreateUser(ctx, "alice", "correct horse", false); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := env.Service.Login(ctx, "alice", "correct horse"); err != nil {
			b.Fatal(err)
		}
	}
}

// A client's many first requests share one verification; they are no attack.
func TestLoginsAtOnce(t *testing.T) {
	env := coretest.New(t, coretest.Options{})
	ctx := t.Context()
	_, err := env.Admin.CreateUser(ctx, "alice", "correct horse", false)
	ok(t, "create user", err)
	errs := make(chan error)
	for range 40 {
		go func() {
			_, err := env.Service.Login(ctx, "alice", "correct horse")
			errs <- err
		}()
	}
	for range 40 {
		if err := <-errs; err != nil {
			t.Errorf("Login beside others = %v", err)
		}
	}
}

// Whatever is wrong with a login takes the same work, so that time tells nothing of what exists.
func TestRefusalsCostTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := open(t, harness{})
		ctx := t.Context()
		admin := s.Session(core.System("t"))
		for _, name := range []string{"alice", "disabled"} {
			_, err := admin.CreateUser(ctx, name, "correct horse", false)
			ok(t, "create user", err)
		}
		u, err := admin.CreateUser(ctx, "keyonly", "", false)
		ok(t, "create user", err)
		_, _, err = admin.CreateKey(ctx, u.ID, "AKKEY", "secret-of-key")
		ok(t, "create key", err)
		off, err := admin.User(ctx, "disabled")
		ok(t, "user", err)
		ok(t, "disable", admin.SetUserDisabled(ctx, off.ID, true))
		_, err = s.Login(ctx, "alice", "correct horse")
		ok(t, "login", err)
		for _, tc := range []struct {
			name, password string
			works, right   bool
		}{
			{"alice", "wrong", true, false},
			{"nobody", "wrong", true, false},
			{"disabled", "correct horse", true, false},
			{"keyonly", "", true, false},
			{"keyonly", "secret-of-key", true, false},
			{"AKKEY", "wrong", true, false},
			{"AKKEX", "wrong", true, false},
			{"AKKEY", "secret-of-key", false, true},
			{"alice", "correct horse", false, true}, // remembered
		} {
			release := s.HoldPasswords()
			done := make(chan error, 1)
			go func() {
				_, err := s.Login(ctx, tc.name, tc.password)
				done <- err
			}()
			synctest.Wait()
			if worked := len(done) == 0; worked != tc.works {
				t.Errorf("Login(%s, %s) hashes: %v, want %v", tc.name, tc.password, worked, tc.works)
			}
			release()
			if err := <-done; (err == nil) != tc.right {
				t.Errorf("Login(%s, %s) = %v", tc.name, tc.password, err)
			}
		}
	})
}

// Who is locked out while his login waits does not get in by it, nor do those who come meanwhile, and it leaves nothing
// that lets him in later.
func TestLockedOutInMidLogin(t *testing.T) {
	type change func(t *testing.T, admin *core.Session, u core.User)
	for name, lockOut := range map[string]change{
		"deleted": func(t *testing.T, admin *core.Session, u core.User) {
			ok(t, "delete", admin.DeleteUser(t.Context(), u.ID))
		},
		"disabled": func(t *testing.T, admin *core.Session, u core.User) {
			ok(t, "disable", admin.SetUserDisabled(t.Context(), u.ID, true))
		},
		"without a password": func(t *testing.T, admin *core.Session, u core.User) {
			ok(t, "remove password", admin.SetPassword(t.Context(), u.ID, ""))
		},
		"another of the name": func(t *testing.T, admin *core.Session, u core.User) {
			ok(t, "delete", admin.DeleteUser(t.Context(), u.ID))
			_, err := admin.CreateUser(t.Context(), u.Name, "", true)
			ok(t, "create", err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _ := open(t, harness{})
				admin := s.Session(core.System("t"))
				u, err := admin.CreateUser(t.Context(), "alice", "correct horse", false)
				ok(t, "create user", err)
				release := s.HoldPasswords()
				errs := make(chan error, 2)
				login := func() {
					go func() {
						_, err := s.Login(t.Context(), "alice", "correct horse")
						errs <- err
					}()
					synctest.Wait()
				}
				login()
				lockOut(t, admin, u)
				login()
				if len(errs) != 0 {
					t.Fatal("a login did not wait for its verification")
				}
				release()
				for range 2 {
					wantCode(t, "login", <-errs, core.Unauthorized)
				}
				_, err = s.Login(t.Context(), "alice", "correct horse")
				wantCode(t, "login later", err, core.Unauthorized)
			})
		})
	}
}

// A key that was deleted after its secret was right is of no use as a password, remembered or not.
func TestDeletedKeyIsNoPassword(t *testing.T) {
	env := coretest.New(t, coretest.Options{})
	ctx := t.Context()
	u, _ := user(t, env, "alice")
	for _, remove := range []func(id string) error{
		func(id string) error { return env.Admin.SetKeyDisabled(ctx, id, true) },
		func(id string) error { return env.Admin.DeleteKey(ctx, id) },
	} {
		k, secret, err := env.Admin.CreateKey(ctx, u.ID, "", "")
		ok(t, "create key", err)
		_, err = env.Service.Login(ctx, k.ID, secret)
		ok(t, "login", err)
		ok(t, "remove", remove(k.ID))
		_, err = env.Service.Login(ctx, k.ID, secret)
		wantCode(t, "login with a key that is gone", err, core.Unauthorized)
	}
}

// A flood of names from one network keeps nobody out who comes from another, nor from the same one who was let in
// before, though that is no longer remembered. Clients that went away wait no longer.
func TestLoginFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := open(t, harness{})
		ctx := t.Context()
		admin := s.Session(core.System("t"))
		for _, name := range []string{"alice", "bob", "carol"} {
			_, err := admin.CreateUser(ctx, name, "correct horse", false)
			ok(t, "create user", err)
		}
		login := func(ctx context.Context, name, password, from string) chan error {
			done := make(chan error, 1)
			go func() {
				_, err := s.Basic(ctx, name, password, core.RemoteOf(from, true))
				done <- err
			}()
			return done
		}
		ok(t, "login", <-login(ctx, "alice", "correct horse", loopback))
		time.Sleep(6 * time.Minute)
		release := s.HoldPasswords()
		gone, leave := context.WithCancel(ctx)
		var flood []chan error
		for i := range core.LoginPlaces + 20 {
			flood = append(flood, login(gone, fmt.Sprint("user", i), "wrong", loopback))
			if i%16 == 0 { // the store takes only so many at once
				synctest.Wait()
			}
		}
		synctest.Wait()
		refused := 0
		for _, done := range flood {
			refused += len(done)
		}
		if refused != 20 {
			t.Errorf("%d of the flood were refused, want 20", refused)
		}
		alice := login(ctx, "alice", "correct horse", loopback)
		bob := login(ctx, "bob", "correct horse", lan)
		synctest.Wait()
		if len(alice)+len(bob) != 0 {
			t.Fatal("a login was refused or did not wait, want both to have a place")
		}
		release()
		ok(t, "login of one who was let in before", <-alice)
		ok(t, "login from another network", <-bob)
		leave()
		for _, done := range flood {
			<-done
		}

		release = s.HoldPasswords()
		gone, leave = context.WithCancel(ctx)
		for i := range core.LoginPlaces {
			login(gone, fmt.Sprint("later", i), "wrong", loopback)
			if i%16 == 0 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		leave()
		synctest.Wait()
		stranger := login(ctx, "carol", "correct horse", loopback)
		synctest.Wait()
		release()
		ok(t, "login after the flood went", <-stranger)
	})
}

// meddling is a body during which something happens.
type meddling struct {
	io.Reader
	do func()
}

func (m *meddling) Read(p []byte) (int, error) {
	if m.do != nil {
		m.do()
		m.do = nil
	}
	return m.Reader.Read(p)
}

// Who is locked out while his body comes in stores nothing; who is let in again goes on.
func TestLockedOutInMidUpload(t *testing.T) {
	env := coretest.New(t, coretest.Options{})
	ctx := t.Context()
	u, _ := user(t, env, "alice")
	key, _, err := env.Admin.CreateKey(ctx, u.ID, "", "")
	ok(t, "create key", err)
	other, _, err := env.Admin.CreateKey(ctx, u.ID, "", "")
	ok(t, "create key", err)
	alice := env.Service.Session(core.Principal{UserID: u.ID, Name: u.Name, KeyID: key.ID})
	_, err = alice.CreateBucket(ctx, "alices", core.CreateBucketOptions{})
	ok(t, "create bucket", err)
	put := func(do func() error) error {
		body := &meddling{Reader: strings.NewReader("x"), do: func() { ok(t, "meddle", do()) }}
		_, err := alice.PutObject(ctx, "alices", "key", body, 1, core.PutOptions{})
		return err
	}
	nothing := func() error { return nil }
	for name, c := range map[string]struct{ do, undo func() error }{
		"user": {
			func() error { return env.Admin.SetUserDisabled(ctx, u.ID, true) },
			func() error { return env.Admin.SetUserDisabled(ctx, u.ID, false) },
		},
		"key": {
			func() error { return env.Admin.SetKeyDisabled(ctx, key.ID, true) },
			func() error { return env.Admin.SetKeyDisabled(ctx, key.ID, false) },
		},
	} {
		ok(t, "put", put(nothing))
		wantCode(t, name+" disabled in mid-upload", put(c.do), core.Forbidden)
		wantCode(t, name+" disabled", put(nothing), core.Forbidden)
		ok(t, "put when enabled again in mid-upload", put(c.undo))
	}
	ok(t, "another key is deleted", put(func() error { return env.Admin.DeleteKey(ctx, other.ID) }))
	wantCode(t, "key deleted in mid-upload", put(func() error { return env.Admin.DeleteKey(ctx, key.ID) }), core.Forbidden)
}
