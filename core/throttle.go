package core

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"math"
	"sync"
	"time"
)

// A name may fail to log in throttleBurst times from one network, then once each throttlePace; throttleAll times from
// all networks together, so that guesses from many are bounded and one alone locks nobody out elsewhere; and a network
// as often with all names. Names are forgotten when their failures have faded, and the least failing ones when there
// are too many.
const (
	throttleBurst = 10
	throttleAll   = 100
	throttlePace  = 6 * time.Second
	throttleNames = 4096
)

// attempt is whose password is tried, and from where: "" is not counted by itself.
type attempt struct{ name, network string }

// pair names both.
func (a attempt) pair() string { return a.network + " " + a.name }

// failedLogins counts those of each name from each network, of each name and of each network.
type failedLogins struct {
	pairs, names, networks throttle
}

// init makes f ready.
func (f *failedLogins) init() {
	f.names.burst, f.networks.burst = throttleAll, throttleAll
}

// admit is throttle.admit for all three counts; one that was refused counts in none.
func (f *failedLogins) admit(a attempt, now int64) error {
	if err := f.pairs.admit(a.pair(), now); err != nil {
		return err
	}
	if err := f.names.admit(a.name, now); err != nil {
		f.pairs.forgive(a.pair(), now)
		return err
	}
	if a.network == "" {
		return nil
	}
	err := f.networks.admit(a.network, now)
	if err != nil {
		f.pairs.forgive(a.pair(), now)
		f.names.forgive(a.name, now)
	}
	return err
}

// forgive is throttle.forgive for all three counts.
func (f *failedLogins) forgive(a attempt, now int64) {
	f.pairs.forgive(a.pair(), now)
	f.names.forgive(a.name, now)
	if a.network != "" {
		f.networks.forgive(a.network, now)
	}
}

// throttle counts failed logins by name. It keeps digests of the names, so that their length costs nothing.
type throttle struct {
	burst int // how many may fail; 0: throttleBurst
	mu    sync.Mutex
	names map[[16]byte]failures
}

// failures fade at throttlePace each.
type failures struct {
	count float64
	at    int64 // ns since 1970
}

// throttleName is the digest of a name.
func throttleName(name string) [16]byte {
	sum := sha256.Sum256([]byte(name))
	return [16]byte(sum[:16])
}

// faded returns the failures that are left at now.
func (f failures) faded(now int64) float64 {
	return max(0, f.count-float64(max(0, now-f.at))/float64(throttlePace))
}

// admit returns Overloaded when name failed too often. Else the attempt counts as failed until forgive, so that
// attempts at once cannot outrun the count.
func (t *throttle) admit(name string, now int64) error {
	key := throttleName(name)
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.names[key]
	if f.at > now { // the clock was set back: from here on they fade again
		f.at = now
		t.names[key] = f
	}
	left, burst := f.faded(now), float64(cmp.Or(t.burst, throttleBurst))
	if left+1 > burst {
		wait := time.Duration(math.Ceil((left+1-burst)*throttlePace.Seconds())) * time.Second
		return &Error{Code: Overloaded, Wait: wait, Msg: fmt.Sprintf("too many failed logins; try again in %v", wait)}
	}
	if _, ok := t.names[key]; !ok && len(t.names) >= throttleNames {
		t.makeRoom(now)
	}
	if t.names == nil {
		t.names = make(map[[16]byte]failures)
	}
	t.names[key] = failures{count: left + 1, at: now}
	return nil
}

// forgive takes back what admit counted: the login was right, or nobody can say.
func (t *throttle) forgive(name string, now int64) {
	key := throttleName(name)
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.names[key]
	if left := f.faded(now) - 1; left > 0 {
		t.names[key] = failures{count: left, at: now}
	} else {
		delete(t.names, key)
	}
}

// makeRoom forgets names without failures, or the one with the least.
func (t *throttle) makeRoom(now int64) {
	var least [16]byte
	best := math.Inf(1)
	for key, f := range t.names {
		left := f.faded(now)
		if left == 0 {
			delete(t.names, key)
		}
		if left < best {
			least, best = key, left
		}
	}
	if len(t.names) >= throttleNames {
		delete(t.names, least)
	}
}
