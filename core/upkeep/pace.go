package upkeep

import (
	"context"
	"time"
)

const (
	// crowdRest is how long a scrub rests while transfers wait for memory, crowdRests how often in a row.
	crowdRest  = 100 * time.Millisecond
	crowdRests = 20
)

// pace holds a scrub to what it may do in a second, and back while others need what it uses.
type pace struct {
	shards, bytes int64 // in a second; 0: no bound
	deep          bool
	page          int64 // bytes that end a page
	crowded       func() bool
	ready         time.Time // when what was done until now is paid for
}

// newPace makes the pace of a scrub.
func newPace(r *Runner, opts ScrubOptions) *pace {
	p := &pace{shards: opts.Shards, bytes: opts.Bytes, deep: opts.Deep, page: scrubBytes}
	if !p.deep {
		p.bytes = 0 // none are read
	}
	p.crowded = func() bool { return r.m.Budget().Waiting > 0 }
	return p
}

// atOnce is how many shards are looked at between two waits: few when each is read to its end.
func (p *pace) atOnce() int {
	if p.deep {
		return 8
	}
	return 32
}

// spent waits until that many more shards and bytes are within the bounds. Time that was not used is not saved up.
func (p *pace) spent(ctx context.Context, shards, bytes int64) error {
	now := time.Now()
	if p.ready.Before(now) {
		p.ready = now
	}
	p.ready = p.ready.Add(max(cost(shards, p.shards), cost(bytes, p.bytes)))
	if err := rest(ctx, p.ready.Sub(now)); err != nil {
		return err
	}
	for range crowdRests {
		if !p.crowded() {
			break
		}
		if err := rest(ctx, crowdRest); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// cost is the time that n takes at so many in a second.
func cost(n, inSecond int64) time.Duration {
	if inSecond <= 0 {
		return 0
	}
	return time.Duration(float64(n) / float64(inSecond) * float64(time.Second))
}

// rest waits, unless ctx ends first.
func rest(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
