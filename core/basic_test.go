package core_test

import (
	"fmt"
	"strings"
	"testing"

	"trivium/core"
	"trivium/core/coretest"
)

// Places that requests come from.
const (
	loopback = "127.0.0.1:4711"
	lan      = "192.0.2.7:4711"
	lanToo   = "192.0.2.8:4711"
)

func TestBasic(t *testing.T) {
	env := coretest.New(t, coretest.Options{})
	ctx := t.Context()
	u, err := env.Admin.CreateUser(ctx, "alice", "correct horse", false)
	ok(t, "create user", err)
	k, secret, err := env.Admin.CreateKey(ctx, u.ID, "", "")
	ok(t, "create key", err)
	for _, tc := range []struct {
		name, password string
		want           core.Principal
		code           core.Code // of the error; 0: none
	}{
		{"alice", "correct horse", core.Principal{UserID: u.ID, Name: "alice"}, 0},
		{k.ID, secret, core.Principal{UserID: u.ID, Name: "alice", KeyID: k.ID}, 0},
		{"alice", secret, core.Principal{}, core.Unauthorized},
		{k.ID, "correct horse", core.Principal{}, core.Unauthorized},
		{"alice", "", core.Principal{}, core.Unauthorized},
		{"", "", core.Principal{}, core.Unauthorized},
		{"bob", "correct horse", core.Principal{}, core.Unauthorized},
	} {
		for range 2 { // as it is the first time, and remembered
			p, err := env.Service.Basic(ctx, tc.name, tc.password, core.RemoteOf(loopback, false))
			if p != tc.want || (err != nil) != (tc.code != 0) || err != nil && core.CodeOf(err) != tc.code {
				t.Errorf("Basic(%q, %q) = %+v, %v, want %+v, code %v", tc.name, tc.password, p, err, tc.want, tc.code)
			}
		}
	}
}

// A user who is made under a name that was unknown a moment ago gets in at once.
func TestBasicOfNewUser(t *testing.T) {
	env := coretest.New(t, coretest.Options{})
	_, err := env.Service.Basic(t.Context(), "alice", "correct horse", core.RemoteOf(loopback, false))
	wantCode(t, "before", err, core.Unauthorized)
	_, err = env.Admin.CreateUser(t.Context(), "alice", "correct horse", false)
	ok(t, "create user", err)
	_, err = env.Service.Basic(t.Context(), "alice", "correct horse", core.RemoteOf(loopback, false))
	ok(t, "after", err)
}

// Right credentials are not looked at where anybody on the way could have read them.
func TestBasicNeedsEncryption(t *testing.T) {
	env := coretest.New(t, coretest.Options{})
	_, err := env.Admin.CreateUser(t.Context(), "alice", "correct horse", false)
	ok(t, "create user", err)
	for _, tc := range []struct {
		addr string
		tls  bool
		good bool
	}{
		{"127.0.0.1:1", false, true},
		{"127.9.9.9:1", false, true},
		{"[::1]:1", false, true},
		{"[::ffff:127.0.0.1]:1", false, true},
		{lan, false, false},
		{lan, true, true},
		{"[2001:db8::1]:1", false, false},
		{"[2001:db8::1]:1", true, true},
		{"[fe80::1%eth0]:1", false, false},
		{"[fe80::1%eth0]:1", true, true},
		{"0.0.0.0:1", false, false},
		{"localhost:1", false, false}, // no address
		{"127.0.0.1", false, true},    // without a port, as of a client that a proxy names
		{"192.0.2.7", false, false},
		{"192.0.2.7", true, true},
		{"2001:db8::1", true, true},
		{"unknown", false, false},
		{"", false, false},
		{"", true, true},
	} {
		from := core.RemoteOf(tc.addr, tc.tls)
		_, err := env.Service.Basic(t.Context(), "alice", "correct horse", from)
		ask := env.Service.MayAsk(from)
		if tc.good && (err != nil || ask != nil) {
			t.Errorf("from %q, TLS %v: Basic = %v, MayAsk = %v, want nil", tc.addr, tc.tls, err, ask)
		}
		if !tc.good && (core.CodeOf(err) != core.Forbidden || core.CodeOf(ask) != core.Forbidden) {
			t.Errorf("from %q, TLS %v: Basic = %v, MayAsk = %v, want Forbidden", tc.addr, tc.tls, err, ask)
		}
		if named := ask != nil && strings.Contains(ask.Error(), "--trusted-proxies"); !tc.good && named != (!from.Addr.IsValid()) {
			t.Errorf("from %q: %v: names the option for proxies: %v", tc.addr, ask, named)
		}
	}
}

func TestBasicOverHTTPByChoice(t *testing.T) {
	env := coretest.New(t, coretest.Options{PlainBasic: true})
	_, err := env.Admin.CreateUser(t.Context(), "alice", "correct horse", false)
	ok(t, "create user", err)
	_, err = env.Service.Basic(t.Context(), "alice", "correct horse", core.RemoteOf(lan, false))
	ok(t, "Basic", err)
}

// Who guesses from one network keeps nobody out elsewhere; guesses from many, or at many names, are bounded.
func TestBasicThrottle(t *testing.T) {
	clk := newClock()
	env := coretest.New(t, coretest.Options{Now: clk.now})
	ctx := t.Context()
	_, err := env.Admin.CreateUser(ctx, "alice", "correct horse", false)
	ok(t, "create user", err)
	fail := func(n int, name func(i int) string, from func(i int) string) (refused int) {
		for i := range n {
			_, err := env.Service.Basic(ctx, name(i), fmt.Sprint("wrong ", i), core.RemoteOf(from(i), true))
			if core.CodeOf(err) == core.Overloaded {
				refused++
			} else {
				wantCode(t, "wrong password", err, core.Unauthorized)
			}
		}
		return refused
	}
	always := func(s string) func(int) string { return func(int) string { return s } }

	if n := fail(12, always("alice"), always(lan)); n != 2 {
		t.Errorf("%d of 12 from one network were refused, want 2", n)
	}
	_, err = env.Service.Basic(ctx, "alice", "correct horse", core.RemoteOf(lan, true))
	wantCode(t, "the right password from there", err, core.Overloaded)
	if after := core.RetryAfter(err); after != "6" || !strings.Contains(err.Error(), "try again in "+after+"s") {
		t.Errorf("RetryAfter(%v) = %s, want the 6 s of the message", err, after)
	}
	_, err = env.Service.Basic(ctx, "alice", "correct horse", core.RemoteOf(lanToo, true))
	ok(t, "the right password from elsewhere", err)

	// 10 failed from the first network; 90 more of the name may fail from anywhere.
	many := func(i int) string { return fmt.Sprintf("198.51.100.%d:1", i) }
	if n := fail(95, always("alice"), many); n != 5 {
		t.Errorf("%d of 95 from as many networks were refused, want 5", n)
	}
	names := func(i int) string { return fmt.Sprint("user", i) }
	if n := fail(103, names, always("203.0.113.1:1")); n != 3 {
		t.Errorf("%d of 103 names from one network were refused, want 3", n)
	}
	if n := fail(103, func(i int) string { return fmt.Sprint("local", i) }, always(loopback)); n != 0 {
		t.Errorf("%d of 103 names from this machine were refused, want none: a proxy may be there", n)
	}
	// A caller of IPv6 has a whole /64.
	six := func(i int) string { return fmt.Sprintf("[2001:db8::%x]:1", i+1) }
	if n := fail(12, always("bob"), six); n != 2 {
		t.Errorf("%d of 12 from one /64 were refused, want 2", n)
	}
}
