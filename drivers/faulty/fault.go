package faulty

import (
	"context"
	"time"

	"trivium/drivers"
)

// Kind is a sort of fault.
type Kind int

// The sorts of faults; each has a function of its name that makes one.
const (
	KindNone Kind = iota
	KindFail
	KindLostAnswer
	KindSlow
	KindHang
	KindShortRead
	KindBrokenRead
	KindSlowRead
	KindHangRead
	KindFlipBit
	KindOtherObject
	KindStale
)

// String returns the name of k.
func (k Kind) String() string {
	names := []string{
		"none", "fail", "lost answer", "slow", "hang", "short read", "broken read", "slow read", "hanging read", "flipped bit",
		"other object", "stale",
	}
	if k < 0 || int(k) >= len(names) {
		return "unknown"
	}
	return names[k]
}

// Fault is what goes wrong in one call. Make one with the functions of this package.
type Fault struct {
	kind  Kind
	err   error
	delay time.Duration
}

// Fail refuses the call with err before anything happened. err should be a sentinel of package drivers.
func Fail(err error) Fault { return Fault{kind: KindFail, err: err} }

// LostAnswer lets the call take effect and then returns err: the caller cannot know. A call that failed by itself
// has its own error. A List breaks off half-way; an Open closes what it opened.
func LostAnswer(err error) Fault { return Fault{kind: KindLostAnswer, err: err} }

// Slow delays the call by delay.
func Slow(delay time.Duration) Fault { return Fault{kind: KindSlow, delay: delay} }

// Hang holds the call until its ctx ends and returns ctx's error.
func Hang() Fault { return Fault{kind: KindHang} }

// ShortRead ends the reader of an Open cleanly at a random place before its end.
func ShortRead() Fault { return Fault{kind: KindShortRead} }

// BrokenRead ends the reader of an Open with err at a random place before its end.
func BrokenRead(err error) Fault { return Fault{kind: KindBrokenRead, err: err} }

// SlowRead delays every Read of an Open's reader by delay.
func SlowRead(delay time.Duration) Fault { return Fault{kind: KindSlowRead, delay: delay} }

// HangRead holds the reader of an Open at a random place until the Open's ctx ends.
func HangRead() Fault { return Fault{kind: KindHangRead} }

// FlipBit turns one bit at a random place: of what an Open reads, or of what a Put stores.
func FlipBit() Fault { return Fault{kind: KindFlipBit} }

// OtherObject lets an Open read another file of the same directory, the next one that has bytes in the range. An
// Open without such a neighbour is left alone.
func OtherObject() Fault { return Fault{kind: KindOtherObject} }

// Stale lets an Open read what the name held before its last Put. Put remembers that, in memory, for as long as a
// rule can inject a Stale on the name. An Open of a name that was never replaced is left alone.
func Stale() Fault { return Fault{kind: KindStale} }

// in tells whether k can take place in op.
func (k Kind) in(op Op) bool {
	switch k {
	case KindFail, KindLostAnswer, KindSlow, KindHang:
		return true
	case KindShortRead, KindBrokenRead, KindSlowRead, KindHangRead, KindOtherObject, KindStale:
		return op == Open
	case KindFlipBit:
		return op == Open || op == Put
	case KindNone:
	}
	return false
}

func sleep(ctx context.Context, delay time.Duration) error {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// plan is the decision about one call.
type plan struct {
	op    Op
	name  string
	fault Fault
	draw  uint64 // a random number for what the fault leaves open
}

// offset returns a random place in size bytes.
func (p plan) offset(size int64) int64 {
	return int64((p.draw >> 3) % uint64(size))
}

func (p plan) fail(err error) error {
	return drivers.Fail("faulty", string(p.op), p.name, err)
}
