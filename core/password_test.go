package core

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func newPasswords() *passwords {
	p := new(passwords)
	p.init(leastCost())
	return p
}

func TestPasswordHash(t *testing.T) {
	p, ctx := newPasswords(), t.Context()
	a, err := p.hash(ctx, "correct horse")
	if err != nil || !strings.HasPrefix(a, "$argon2id$v=19$m=8,t=1,p=1$") {
		t.Fatalf("hash = %q, %v, want the PHC form", a, err)
	}
	if b, _ := p.hash(ctx, "correct horse"); a == b {
		t.Error("two hashes of one password are equal: no salt")
	}
	for _, tc := range []struct {
		phc, password string
		want          bool
	}{
		{a, "correct horse", true},
		{a, "correct horsf", false},
		{a, "", false},
		{"", "correct horse", false},
		{"", "", false},
		{p.dummy, "", false},
	} {
		if got, err := p.verify(ctx, line{}, tc.phc, tc.password); got != tc.want || err != nil {
			t.Errorf("verify(%q, %q) = %v, %v, want %v", tc.phc, tc.password, got, err, tc.want)
		}
	}
}

func TestParsePHC(t *testing.T) {
	good, _ := newPasswords().hash(t.Context(), "x")
	parts := strings.Split(good, "$")
	with := func(i int, s string) string {
		p := append([]string(nil), parts...)
		p[i] = s
		return strings.Join(p, "$")
	}
	for _, bad := range []string{
		"plain", "$", with(0, "x"), with(1, "argon2i"), with(2, "v=16"), with(3, "m=8,t=1"),
		with(3, "m=4294967295,t=1,p=1"), with(3, "m=8,t=0,p=1"), with(3, "m=8,t=1,p=0"), with(3, "m=0,t=1,p=1"),
		with(4, "!"), with(4, ""), with(5, "!"), with(5, "AAAA"), good + "$x",
	} {
		if _, err := newPasswords().verify(t.Context(), line{}, bad, "x"); !errors.Is(err, errPHC) {
			t.Errorf("verify(%q) = %v, want errPHC", bad, err)
		}
	}
}

func TestThrottle(t *testing.T) {
	var th throttle
	now := int64(1)
	for i := range throttleBurst {
		if err := th.admit("alice", now); err != nil {
			t.Fatalf("attempt %d = %v, want nil", i+1, err)
		}
	}
	if err := th.admit("alice", now); CodeOf(err) != Overloaded {
		t.Fatalf("attempt %d = %v, want Overloaded", throttleBurst+1, err)
	}
	if err := th.admit("bob", now); err != nil {
		t.Errorf("another name = %v, want nil", err)
	}
	now += int64(throttlePace) - 1
	if err := th.admit("alice", now); CodeOf(err) != Overloaded {
		t.Errorf("just before the pace = %v, want Overloaded", err)
	}
	now++
	if err := th.admit("alice", now); err != nil {
		t.Errorf("after the pace = %v, want nil", err)
	}
	if err := th.admit("alice", now); CodeOf(err) != Overloaded {
		t.Errorf("a second one after the pace = %v, want Overloaded", err)
	}
	th.forgive("alice", now)
	if err := th.admit("alice", now); err != nil {
		t.Errorf("after forgive = %v, want nil", err)
	}
}

// A flood of names neither grows the memory nor pushes out the one that is being attacked.
func TestThrottleIsBounded(t *testing.T) {
	var th throttle
	now := int64(time.Hour)
	for range throttleBurst {
		_ = th.admit("victim", now)
	}
	for i := range throttleNames + 300 {
		if err := th.admit(strings.Repeat("x", i%7)+string(rune('a'+i%26))+time.Duration(i).String(), now); err != nil {
			t.Fatalf("name %d = %v", i, err)
		}
	}
	if n := len(th.names); n > throttleNames {
		t.Errorf("%d names are kept, want at most %d", n, throttleNames)
	}
	if err := th.admit("victim", now); CodeOf(err) != Overloaded {
		t.Errorf("the attacked name = %v after the flood, want Overloaded", err)
	}
	_ = th.admit("later", now+int64(time.Hour))
	if n := len(th.names); n > 2 {
		t.Errorf("%d names are kept after they faded, want them gone", n)
	}
}
