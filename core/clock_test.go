package core

import (
	"context"
	"math"
	"testing"
	"time"
)

// steppedBack returns a Service whose clock the caller moves.
func steppedBack() (s *Service, shift *time.Duration) {
	shift = new(time.Duration)
	s = newService(Config{Volatile: true, CheapPasswords: true, Now: func() time.Time { return time.Unix(1<<30, 0).Add(*shift) }})
	return s, shift
}

// After the clock was set back the disk is asked as often as ever.
func TestReserveAfterTheClockIsSetBack(t *testing.T) {
	free := int64(math.MaxInt64)
	ask := func() (int64, error) { return free, nil }
	s, shift := steppedBack()
	s.reserve.init(0, 0, ask)
	if err := s.checkReserve(); err != nil {
		t.Fatalf("checkReserve = %v, want nil", err)
	}
	*shift = -time.Hour
	free = 0
	if err := s.checkReserve(); CodeOf(err) != NoSpace {
		t.Errorf("checkReserve of a full disk = %v, want NoSpace", err)
	}
	free = defaultReserve + 10
	*shift += time.Second
	if err := s.promise(20); CodeOf(err) != NoSpace {
		t.Errorf("promise of more than there is = %v, want NoSpace", err)
	}
	free = math.MaxInt64
	*shift -= time.Hour
	if err := s.promise(20); err != nil {
		t.Errorf("promise with room again = %v, want nil", err)
	}
}

// After the clock was set back failed logins fade as fast as ever.
func TestThrottleAfterTheClockIsSetBack(t *testing.T) {
	var th throttle
	now := int64(time.Hour)
	for range throttleBurst {
		_ = th.admit("alice", now)
	}
	now = 1
	if err := th.admit("alice", now); CodeOf(err) != Overloaded {
		t.Errorf("admit = %v, want Overloaded: setting the clock back forgives nothing", err)
	}
	now += int64(throttlePace)
	if err := th.admit("alice", now); err != nil {
		t.Errorf("admit after the pace = %v, want nil", err)
	}
}

// A password is not remembered for longer because the clock was set back.
func TestLoginAfterTheClockIsSetBack(t *testing.T) {
	s, shift := steppedBack()
	phc, err := s.logins.passwords.hash(t.Context(), "secret")
	if err != nil {
		t.Fatal(err)
	}
	sum := s.logins.mac("alice", "secret")
	if err := s.verifyLogin(context.Background(), User{Password: phc}, "secret", attempt{name: "alice"}, sum); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		shift time.Duration
		want  bool
	}{
		{loginMemory - 1, true},
		{loginMemory, false},
		{-time.Second, true},
		{-time.Hour, false},
	} {
		if *shift = tt.shift; s.remembered("alice", sum, phc) != tt.want {
			t.Errorf("remembered with the clock moved by %v = %v, want %v", tt.shift, !tt.want, tt.want)
		}
	}
}
