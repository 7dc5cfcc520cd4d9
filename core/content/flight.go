package content

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"trivium/drivers"
)

const (
	// maxGrace bounds how long an upload waits for the last shards once enough are durable. minGrace keeps a
	// scheduler's hiccup on fast spaces from being taken for a slow one.
	maxGrace = time.Second
	minGrace = 100 * time.Millisecond
	// A Put of one of several shards counts as failed after putTimeout and the time that its bytes take at putPace
	// bytes per second, whatever the driver hopes for.
	putTimeout = 2 * time.Minute
	putPace    = 64 << 10
)

// flight is one segment on its way into the spaces. run returns when enough shards are durable; Puts that are
// still running then are landed by land.
type flight struct {
	s      *Store
	seg    *segment
	policy Policy
	pick   *picker
	spaces []Space // by index; the zero Space has none
	done   chan struct{}

	durable []bool
	flying  []bool
	events  chan putEvent
	running int
	took    []time.Duration // of the Puts that succeeded
	failed  []error
	err     error // of run
}

// putEvent is the end of one Put.
type putEvent struct {
	index int
	took  time.Duration
	err   error
}

// newFlight prepares the segment, which must be finished. spaces says where to try first and is not kept.
func (s *Store) newFlight(seg *segment, policy Policy, pick *picker, spaces []Space) (*flight, error) {
	if err := seg.prepare(); err != nil {
		return nil, err
	}
	n := seg.layout.N
	f := &flight{s: s, seg: seg, policy: policy, pick: pick, spaces: slices.Clone(spaces)}
	flags := make([]bool, 2*n)
	f.durable, f.flying = flags[:n:n], flags[n:]
	return f, nil
}

// run puts the shards and returns when enough are durable, or with the reason why they cannot be.
func (f *flight) run(ctx context.Context) error {
	if len(f.spaces) == 1 {
		f.err = f.runOne(ctx)
		return f.err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // late Puts end within 5 s; land waits for them
	f.events = make(chan putEvent, len(f.spaces))
	for i := range f.spaces {
		if f.spaces[i].ID != 0 {
			f.launch(ctx, i)
		}
	}
	f.collect(ctx)
	f.err = f.verdict(ctx)
	return f.err
}

// runOne puts the only shard, trying the spaces in order.
func (f *flight) runOne(ctx context.Context) error {
	for {
		if f.spaces[0].ID == 0 {
			return f.verdict(ctx)
		}
		err := f.s.putShard(ctx, f.spaces[0], f.seg, 0)
		if err == nil {
			f.durable[0] = true
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("put segment %d: %w", f.seg.number, err)
		}
		f.lose(0, err)
		f.seg.again(0)
	}
}

// launch starts the Put of a shard.
func (f *flight) launch(ctx context.Context, index int) {
	sp := f.spaces[index]
	patience := putTimeout + time.Duration(f.seg.bodies[index].size)*time.Second/putPace
	f.flying[index] = true
	f.running++
	go func() {
		start := time.Now()
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		err := f.s.putShard(ctx, sp, f.seg, index)
		f.events <- putEvent{index, time.Since(start), err}
	}()
}

// putShard writes one shard of the segment.
func (s *Store) putShard(ctx context.Context, sp Space, seg *segment, index int) error {
	body := seg.bodies[index]
	name := ShardName(sp.WorkingDir, seg.id, Place{ShardRef: ShardRef{seg.number, index}})
	s.hook("shard.put.before")
	err := sp.Driver.Put(ctx, name, body, body.size, drivers.PutOptions{Immutable: true})
	s.hook("shard.put.after")
	return err
}

// lose takes the failure of a shard and moves the shard to the next space, the zero Space if there is none.
func (f *flight) lose(index int, err error) {
	f.failed = append(f.failed, err)
	f.pick.fail(f.spaces[index].ID)
	f.spaces[index] = Space{}
	if sp, ok := f.pick.next(f.spaces); ok {
		f.spaces[index] = sp
	}
}

// collect takes the ends of Puts until all have ended, or enough are durable and the others had their grace.
func (f *flight) collect(ctx context.Context) {
	var grace <-chan time.Time
	for f.running > 0 {
		select {
		case e := <-f.events:
			f.ended(ctx, e)
		case <-grace:
			return
		case <-ctx.Done():
			return
		}
		if grace == nil && f.running > 0 && f.enough() {
			timer := time.NewTimer(f.grace())
			defer timer.Stop()
			grace = timer.C
		}
	}
}

// ended takes the end of one Put.
func (f *flight) ended(ctx context.Context, e putEvent) {
	f.running--
	f.flying[e.index] = false
	if e.err == nil {
		f.durable[e.index] = true
		f.took = append(f.took, e.took)
		return
	}
	if ctx.Err() != nil {
		f.failed = append(f.failed, e.err)
		return
	}
	f.lose(e.index, e.err)
	if f.spaces[e.index].ID == 0 {
		return
	}
	f.seg.again(e.index)
	f.launch(ctx, e.index)
}

// enough tells whether what is durable may be acknowledged while other Puts are still running.
func (f *flight) enough() bool {
	return !f.policy.Strict && safe(f.seg.code, f.durable, f.spaces)
}

// grace returns how long the others may still take: twice the median of those that are durable, at most 1 s.
func (f *flight) grace() time.Duration {
	sorted := slices.Sorted(slices.Values(f.took))
	return max(minGrace, min(maxGrace, 2*sorted[len(sorted)/2]))
}

// verdict returns nil if what is durable may be acknowledged, and else why not.
func (f *flight) verdict(ctx context.Context) error {
	switch {
	case f.policy.Strict && !slices.Contains(f.durable, false), f.enough():
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("put segment %d: %w", f.seg.number, ctx.Err())
	case f.policy.DegradedWrites && !f.policy.Strict && decodable(f.seg.code, f.durable):
		return nil
	}
	count := 0
	for _, d := range f.durable {
		if d {
			count++
		}
	}
	reason := ErrUnavailable
	if full(f.failed) {
		reason = ErrNoSpace
	}
	return fmt.Errorf("put segment %d: %d of %d shards durable: %w",
		f.seg.number, count, len(f.durable), errors.Join(append([]error{reason}, f.failed...)...))
}

// full tells whether the failures are all for want of room.
func full(failures []error) bool {
	return len(failures) > 0 && !slices.ContainsFunc(failures, func(err error) bool {
		return !errors.Is(err, drivers.ErrNoSpace)
	})
}

// land waits for the Puts that are still running and takes the memory back from the drivers.
func (f *flight) land() {
	for ; f.running > 0; f.running-- {
		<-f.events
	}
	f.seg.revoke()
}

// late tells whether Puts are still running after run.
func (f *flight) late() bool { return f.running > 0 }
