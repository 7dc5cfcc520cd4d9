package content

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"trivium/drivers"
)

const (
	// speedWindow is how many reads the 95th percentile of a space is of; it is unknown before speedLeast.
	speedWindow = 64
	speedLeast  = 16
	// breakAfter reads in a row that failed or were overtaken make a space one that is asked last.
	breakAfter = 3
	// probePause is how long a space that is asked last is left alone before one read tries it again.
	probePause = 5 * time.Second
	// heldMost reads that were given up, and the first heldLong ago or longer, show that a driver does not return.
	heldMost = 8
	heldLong = 10 * time.Second
	// One read in hedgeShare may be hedged, hedgeBurst at once.
	hedgeShare = 10
	hedgeBurst = 8
)

// speed is how reads of one space went: of those that open a stream, the time until its first block is there. All
// methods may be called concurrently; of reads that end at the same time one may not be counted, for none waits.
type speed struct {
	epoch  time.Time
	mean   atomic.Int64 // exponentially weighted, in nanoseconds; 0: unknown
	p95    atomic.Int64 // in nanoseconds; 0: unknown
	failed atomic.Int32 // reads in a row
	probe  atomic.Int64 // when the next probe is due, counted from epoch
	inside atomic.Int32 // reads that enter and have not left
	moved  atomic.Int64 // when the last of them did, counted from epoch
	held   atomic.Int32 // reads that were given up and have not returned
	since  atomic.Int64 // when there were none, counted from epoch

	mu   sync.Mutex
	last [speedWindow]int64 // a ring
	n    int64              // reads counted so far
}

// newSpeed returns that of a space nothing is known of.
func newSpeed() *speed { return &speed{epoch: time.Now()} }

// took counts a read that came. A probe counts more: it is one of few.
func (s *speed) took(d time.Duration, probe bool) {
	if s.failed.Load() != 0 {
		s.failed.Store(0)
	}
	weight := int64(5)
	if probe {
		weight = 2
	}
	s.sample(d, weight)
}

// came says that the space answered, whatever the answer was worth.
func (s *speed) came() {
	if s.failed.Load() != 0 {
		s.failed.Store(0)
	}
}

// broke counts a read that failed.
func (s *speed) broke() {
	s.rest()
	if s.failed.Load() < breakAfter {
		s.failed.Add(1)
	}
}

// overtaken counts a read that was late for so long that others came in its place.
func (s *speed) overtaken(after time.Duration) {
	s.broke()
	s.outlast(after)
}

// outlast counts a read that was ended and would have taken longer than that.
func (s *speed) outlast(after time.Duration) {
	if int64(after) > s.mean.Load() {
		s.sample(after, 5)
	}
}

// sample counts one duration, with one part in weight.
func (s *speed) sample(d time.Duration, weight int64) {
	if !s.mu.TryLock() {
		return
	}
	defer s.mu.Unlock()
	v, old := max(int64(d), 1), s.mean.Load()
	if old == 0 {
		s.mean.Store(v)
	} else {
		clipped := min(v, 3*old+int64(slowSlack)) // one hiccup says little
		s.mean.Store(max(1, old+(clipped-old)/weight))
	}
	s.last[s.n%speedWindow] = v
	if s.n++; s.n%speedLeast != 0 || s.n > speedWindow && s.n%(speedWindow/2) != 0 {
		return // sorting takes as long as a read of memory
	}
	sorted := s.last
	known := sorted[:min(s.n, speedWindow)]
	slices.Sort(known)
	s.p95.Store(known[len(known)*95/100])
}

// broken tells whether the space is asked last.
func (s *speed) broken() bool { return s.failed.Load() >= breakAfter }

// erred counts a read that failed: unless the space has answered, if only that the shard is not there or is damaged.
func (s *speed) erred(err error) {
	if errors.Is(err, ErrCorrupt) || errors.Is(err, drivers.ErrNotExist) {
		s.came()
		return
	}
	s.broke()
}

// fast tells whether the space has been answering at once, every time, and still does.
func (s *speed) fast() bool {
	p95 := s.p95.Load()
	if p95 <= 0 || p95 > int64(fastLimit) || s.failed.Load() != 0 {
		return false
	}
	if s.inside.Load() > 0 && time.Since(s.epoch)-time.Duration(s.moved.Load()) > lateUnknown {
		s.rest()
		s.failed.Store(breakAfter)
		return false
	}
	return true
}

// enter and leave surround a read that its reader cannot leave behind: when none of them ends for a while the space
// is not fast any more. leave returns how long the read took.
func (s *speed) enter() (at time.Duration) {
	at = time.Since(s.epoch)
	if s.inside.Add(1) == 1 {
		s.moved.Store(int64(at))
	}
	return at
}

func (s *speed) leave(entered time.Duration) time.Duration {
	now := time.Since(s.epoch)
	s.inside.Add(-1)
	s.moved.Store(int64(now))
	return now - entered
}

// abandon counts a read that was given up, returned its return.
func (s *speed) abandon() {
	if s.held.Add(1) == 1 {
		s.since.Store(int64(time.Since(s.epoch)))
	}
}

func (s *speed) returned() { s.held.Add(-1) }

// stuck tells whether reads that were given up do not return, as they must within 5 s. Each of them holds memory, so such
// a space is not asked any more until they do.
func (s *speed) stuck() bool {
	return s.held.Load() >= heldMost && time.Since(s.epoch)-time.Duration(s.since.Load()) > heldLong
}

// rest puts the next probe off.
func (s *speed) rest() { s.probe.Store(int64(time.Since(s.epoch) + probePause)) }

// due tells whether a space that is asked last may be tried, which is true for one caller.
func (s *speed) due() bool {
	at, now := s.probe.Load(), time.Since(s.epoch)
	return int64(now) >= at && s.held.Load() == 0 && s.probe.CompareAndSwap(at, int64(now+probePause))
}

// bucket lets one read in hedgeShare be hedged. The zero value lets hedgeBurst pass at once.
type bucket struct{ debt atomic.Int64 }

// earn counts a read.
func (b *bucket) earn() {
	if b.debt.Load() > 0 {
		b.debt.Add(-1)
	}
}

// spend takes n further reads out of the bucket and tells whether there was anything left in it.
func (b *bucket) spend(n int) bool {
	for {
		debt := b.debt.Load()
		if debt > (hedgeBurst-1)*hedgeShare {
			return false
		}
		if b.debt.CompareAndSwap(debt, max(0, debt)+int64(n)*hedgeShare) {
			return true
		}
	}
}
