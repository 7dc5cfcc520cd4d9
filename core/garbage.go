package core

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"trivium/core/content"
)

const (
	queueBatch = 1000             // rows of one transaction
	queueLimit = 100_000          // rows that wait in memory; more are left to the collector and the scrub
	queuePause = 5 * time.Second  // before the next try after a failed one
	repairWait = 10 * time.Second // a damaged shard is given this long: a space in trouble often recovers
	knownTime  = time.Minute      // about how long a shard that was queued is not looked at again
	knownLimit = 50_000           // shards that are remembered, twice
)

// queue holds rows that are found where nobody can wait for a transaction: shards that no commit will refer
// to, and damage that a reader met. Losing them is safe: the first are orphans of an incarnation that ends with
// the process (S22), the second is met again.
type queue struct {
	mu      sync.Mutex
	garbage []content.Blob
	damage  []RepairRow
	// known and older are what was queued of late: hot reads meet the same shard again and again. known takes the
	// place of older when it is old or full.
	known, older map[content.Repair]bool
	knownSince   int64
	lost         int
	wake         chan struct{} // of capacity 1
}

// init makes the queue ready.
func (q *queue) init() {
	q.wake = make(chan struct{}, 1)
	q.known = make(map[content.Repair]bool)
}

// signal wakes the writer.
func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// queueGarbage takes shards of a blob that no commit refers to or ever will, after all Puts of it have returned.
// They become rows of the gc queue soon. It does not block.
func (s *Service) queueGarbage(b content.Blob) {
	q := &s.queue
	q.mu.Lock()
	if len(q.garbage) < queueLimit {
		q.garbage = append(q.garbage, b)
	} else {
		q.lost++
	}
	q.mu.Unlock()
	q.signal()
}

// remember tells whether a shard was queued of late already, and remembers it. Under mu.
func (q *queue) remember(key content.Repair, now int64) bool {
	if now-q.knownSince >= int64(knownTime) || len(q.known) >= knownLimit {
		q.older, q.known, q.knownSince = q.known, make(map[content.Repair]bool), now
	}
	if q.known[key] || q.older[key] {
		return true
	}
	q.known[key] = true
	return false
}

// queueDamage takes a shard that a reader could not use. It becomes a repair row soon, unless it has one: that
// stays as it is, with its attempts and its time. It does not block.
func (s *Service) queueDamage(id content.BlobID, ref content.ShardRef, cause error) {
	now := s.now()
	key := content.Repair{Blob: id, ShardRef: ref}
	q := &s.queue
	q.mu.Lock()
	if len(q.damage) < queueLimit && !q.remember(key, now) {
		q.damage = append(q.damage, RepairRow{
			Blob: id, Segment: ref.Segment, Index: ref.Index, Reason: "read", QueuedAt: now,
			NotBefore: now + int64(repairWait), LastError: fmt.Sprint(cause),
		})
	}
	q.mu.Unlock()
	q.signal()
}

// take removes up to a batch of each kind.
func (q *queue) take() (garbage []content.Blob, damage []RepairRow, lost int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, m := min(len(q.garbage), queueBatch), min(len(q.damage), queueBatch)
	garbage, q.garbage = q.garbage[:n:n], q.garbage[n:]
	damage, q.damage = q.damage[:m:m], q.damage[m:]
	lost, q.lost = q.lost, 0
	return garbage, damage, lost
}

// giveBack puts a batch that could not be written in front again.
func (q *queue) giveBack(garbage []content.Blob, damage []RepairRow) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.garbage = append(garbage, q.garbage...)
	q.damage = append(damage, q.damage...)
}

// drainQueue writes what is queued until ctx ends.
func (s *Service) drainQueue(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.queue.wake:
		}
		if err := s.flushQueue(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("queued rows not written, will be tried again", "error", err)
			s.pauseQueue(ctx)
		}
	}
}

// pauseQueue waits before the next try.
func (s *Service) pauseQueue(ctx context.Context) {
	pause := time.NewTimer(queuePause)
	defer pause.Stop()
	select {
	case <-ctx.Done():
	case <-pause.C:
		s.queue.signal()
	}
}

// flushQueue writes all that is queued, in batches. What fails stays queued.
func (s *Service) flushQueue(ctx context.Context) error {
	for {
		garbage, damage, lost := s.queue.take()
		if lost > 0 {
			s.log.Warn("too much garbage at once; the collector will find the rest", "blobs", lost)
		}
		if len(garbage) == 0 && len(damage) == 0 {
			return nil
		}
		if err := s.writeQueue(ctx, garbage, damage); err != nil {
			s.queue.giveBack(garbage, damage)
			return fmt.Errorf("write queued rows: %w", err)
		}
	}
}

// writeQueue writes one batch in one transaction; none is made if there is nothing to write.
func (s *Service) writeQueue(ctx context.Context, garbage []content.Blob, damage []RepairRow) error {
	ctx = MakingRoom(ctx)
	var first int64
	var err error
	if len(garbage) > 0 {
		first, err = s.nextIDs(ctx, "gc", int64(len(garbage)))
	} else {
		var fresh []RepairRow
		err = s.meta.View(ctx, func(ctx context.Context, tx MetaTx) error {
			var err error
			fresh, err = newDamage(ctx, tx, damage)
			return err
		})
		damage = fresh
	}
	if err != nil || len(garbage)+len(damage) == 0 {
		return err
	}
	now := s.now()
	return s.meta.Update(ctx, func(ctx context.Context, tx MetaTx) error {
		for i, b := range garbage {
			g := Garbage{
				ID: first + int64(i), Blob: b.ID, Layout: b.Layout,
				QueuedAt: now, NotBefore: now, NeverReferred: true,
			}
			if err := tx.QueueGarbage(ctx, g); err != nil {
				return err
			}
		}
		fresh, err := newDamage(ctx, tx, damage)
		for _, r := range fresh {
			if err == nil {
				err = tx.PutRepair(ctx, r)
			}
		}
		return err
	})
}

// newDamage returns those rows whose blob is there and whose shard has no row yet.
func newDamage(ctx context.Context, tx MetaTx, damage []RepairRow) ([]RepairRow, error) {
	var fresh []RepairRow
	known := make(map[content.Repair]bool)
	there := make(map[content.BlobID]bool)
	for _, r := range damage {
		if _, ok := there[r.Blob]; !ok {
			_, found, err := tx.Blob(ctx, r.Blob)
			if err != nil {
				return nil, err
			}
			rows, err := tx.Repairs(ctx, RepairQuery{Due: math.MaxInt64, Blob: r.Blob, Limit: math.MaxInt32})
			if err != nil {
				return nil, err
			}
			there[r.Blob] = found
			for i := range rows {
				known[rows[i].shard()] = true
			}
		}
		if there[r.Blob] && !known[r.shard()] {
			fresh = append(fresh, r)
		}
	}
	return fresh, nil
}

// shard names the shard that the row is about.
func (r *RepairRow) shard() content.Repair {
	return content.Repair{Blob: r.Blob, ShardRef: content.ShardRef{Segment: r.Segment, Index: r.Index}}
}
