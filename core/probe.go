package core

import (
	"context"
	"sync"
	"time"

	"trivium/core/content"
)

const (
	// probePace is the least time from the end of a probe of a space to the next one, probePatience how long one may
	// take.
	probePace     = 3 * time.Second
	probePatience = 3 * time.Second
)

// probes remember whether spaces take files. A space is probed when somebody asks, once in a while, and never by two
// at a time.
type probes struct {
	ask chan content.Space // to serveProbes

	mu    sync.Mutex
	last  map[content.SpaceID]*probe
	ended chan struct{} // closed, and made anew, when a probe ends
}

// probe is the last one of a space.
type probe struct {
	start time.Time
	end   time.Time // zero: it is not over
	err   error
}

// over tells whether the probe has an outcome.
func (p *probe) over() bool { return !p.end.IsZero() }

// init makes the probes ready for use.
func (p *probes) init() {
	p.ask = make(chan content.Space)
	p.last = make(map[content.SpaceID]*probe)
	p.ended = make(chan struct{})
}

// state returns the last probe of a space, or a new one that the caller has to ask for. ended is closed when any
// probe ends after this.
func (p *probes) state(id content.SpaceID) (now probe, fresh bool, ended <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.last[id]
	if last == nil || last.over() && time.Since(last.end) >= probePace {
		last, fresh = &probe{start: time.Now()}, true
		p.last[id] = last
	}
	return *last, fresh, p.ended
}

// known returns the last probe of a space, the zero probe if there was none.
func (p *probes) known(id content.SpaceID) probe {
	p.mu.Lock()
	defer p.mu.Unlock()
	if last := p.last[id]; last != nil {
		return *last
	}
	return probe{}
}

// end notes the outcome of the probe of a space.
func (p *probes) end(id content.SpaceID, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.last[id]
	last.end, last.err = time.Now(), err
	close(p.ended)
	p.ended = make(chan struct{})
}

// serveProbes does the probes that are asked for until ctx ends, and returns when none runs any more.
func (s *Service) serveProbes(ctx context.Context) {
	var wait sync.WaitGroup
	defer wait.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case sp := <-s.probes.ask:
			wait.Go(func() {
				ctx, cancel := context.WithTimeout(ctx, probePatience)
				defer cancel()
				shard, err := s.knownShard(ctx, sp)
				if err == nil {
					err = content.Probe(ctx, sp, s.claim(), shard)
				}
				s.probes.end(sp.ID, err)
			})
		}
	}
}

// knownShard names a shard that must be in a space; "" when the first blobs have none there.
func (s *Service) knownShard(ctx context.Context, sp content.Space) (name string, err error) {
	const looked = 16
	err = s.meta.View(ctx, func(ctx context.Context, tx MetaTx) error {
		name = ""
		blobs, err := tx.Blobs(ctx, content.BlobID{}, looked)
		for i := 0; i < len(blobs) && name == ""; i++ {
			if blobs[i].Buffer != 0 || blobs[i].Pack != (content.BlobID{}) {
				continue
			}
			for p := range blobs[i].Layout.Places() {
				if p.Space == sp.ID {
					name = content.ShardName(sp.WorkingDir, blobs[i].ID, p)
					break
				}
			}
		}
		return err
	})
	return name, err
}

// takesFiles returns nil when one of the spaces took a file the last time it was tried, which was just now or a few
// seconds ago. One that is being tried is waited for, for probePatience from when that began.
func (s *Service) takesFiles(ctx context.Context, spaces []content.Space) error {
	for {
		var failed error
		var waits <-chan struct{}
		patience := time.Duration(0)
		for _, sp := range spaces {
			p, fresh, ended := s.probes.state(sp.ID)
			if fresh {
				select {
				case s.probes.ask <- sp:
				case <-ctx.Done():
					s.probes.end(sp.ID, ctx.Err())
					return ctx.Err()
				}
			}
			left := probePatience - time.Since(p.start)
			switch {
			case p.over() && p.err == nil:
				return nil
			case p.over():
				failed = p.err
			case left > 0:
				if waits == nil {
					waits = ended
				}
				patience = max(patience, left)
			}
		}
		if waits == nil {
			return &Error{Code: Unavailable, Msg: "no space takes files", Err: failed}
		}
		if err := waitFor(ctx, waits, patience); err != nil {
			return err
		}
	}
}

// waitFor returns when ready is closed or the time is over, and ctx's error when that ends first.
func waitFor(ctx context.Context, ready <-chan struct{}, limit time.Duration) error {
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-ready:
	case <-t.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}
