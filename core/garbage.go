package core

import (
	"context"
	"fmt"
	"sync"
	"time"

	"trivium/core/content"
)

const (
	queueBatch = 1000             // rows of one transaction
	queueLimit = 100_000          // rows that wait in memory; more are left to the collector and the scrub
	queuePause = 5 * time.Second  // before the next try after a failed one
	repairWait = 10 * time.Second // a damaged shard is given this long: a space in trouble often recovers
)

// queue holds rows that are found where nobody can wait for a transaction: shards that no commit will refer
// to, and damage that a reader met. Losing them is safe: the first are orphans of an incarnation that ends with
// the process (S22), the second is met again.
type queue struct {
	mu      sync.Mutex
	garbage []content.Blob
	damage  []RepairRow
	known   map[content.Repair]bool // in damage: hot reads meet the same shard again and again
	lost    int
	wake    chan struct{} // of capacity 1
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

// queueDamage takes a shard that a reader could not use. It becomes a repair row soon. It does not block.
func (s *Service) queueDamage(id content.BlobID, ref content.ShardRef, cause error) {
	now := s.now()
	key := content.Repair{Blob: id, ShardRef: ref}
	q := &s.queue
	q.mu.Lock()
	if len(q.damage) < queueLimit && !q.known[key] {
		q.known[key] = true
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

// written forgets damage that is in rows now.
func (q *queue) written(damage []RepairRow) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range damage {
		delete(q.known, content.Repair{
			Blob: r.Blob, ShardRef: content.ShardRef{Segment: r.Segment, Index: r.Index},
		})
	}
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
		s.queue.written(damage)
	}
}

// writeQueue writes one batch in one transaction.
func (s *Service) writeQueue(ctx context.Context, garbage []content.Blob, damage []RepairRow) error {
	var first int64
	if len(garbage) > 0 {
		var err error
		if first, err = s.nextIDs(ctx, "gc", int64(len(garbage))); err != nil {
			return err
		}
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
		return putDamage(ctx, tx, damage)
	})
}

// putDamage writes repair rows of blobs that are still there.
func putDamage(ctx context.Context, tx MetaTx, damage []RepairRow) error {
	for _, r := range damage {
		_, ok, err := tx.Blob(ctx, r.Blob)
		if err == nil && ok {
			err = tx.PutRepair(ctx, r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
