package main

import (
	"context"
	"math"
	"sync"

	"trivium/core"
	"trivium/core/upkeep"
	"trivium/nativeapi/adminapi"
)

// askedWork is the scrub or repair that somebody asked for, of which one is under way at a time.
type askedWork struct {
	mu  sync.Mutex
	now adminapi.Progress
}

// begin notes that work begins. Errors: Conflict when another one has not ended.
func (w *askedWork) begin(work string, total int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.now.Work != "" {
		return core.Errorf(core.Conflict, "", "a %s is under way; it has done %d of about %d shards", w.now.Work, w.now.Done, w.now.Total)
	}
	w.now = adminapi.Progress{Work: work, Total: total}
	return nil
}

// did notes how far it is.
func (w *askedWork) did(done int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now.Done = done
}

// end notes that it has ended.
func (w *askedWork) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = adminapi.Progress{}
}

// progress is how far it is.
func (w *askedWork) progress() adminapi.Progress {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// scrub looks at all shards.
func (st *store) scrub(ctx context.Context, deep bool) (adminapi.Scrubbed, error) {
	stored, err := st.upkeep.Stored(ctx)
	if err != nil {
		return adminapi.Scrubbed{}, err
	}
	if err := st.asked.begin(adminapi.ScrubCall, stored.Objects); err != nil {
		return adminapi.Scrubbed{}, err
	}
	defer st.asked.end()
	got, err := st.upkeep.Scrub(ctx, upkeep.ScrubOptions{
		Deep: deep, Progress: func(s upkeep.Scrubbed) { st.asked.did(s.Checked) },
	})
	return adminapi.Scrubbed{
		Blobs: got.Blobs, Shards: got.Checked, Bytes: got.Bytes, Missing: got.Missing, Corrupt: got.Corrupt, Queued: got.Queued,
		Unsure: got.Unsure, Lost: got.Lost, Found: append([]string{}, got.Names...),
	}, err
}

// repair works off what is queued for repair.
func (st *store) repair(ctx context.Context) (adminapi.Repaired, error) {
	_, queued, err := st.upkeep.Queues(ctx, math.MaxInt32)
	if err != nil {
		return adminapi.Repaired{}, err
	}
	if err := st.asked.begin(adminapi.RepairCall, int64(queued)); err != nil {
		return adminapi.Repaired{}, err
	}
	defer st.asked.end()
	rep, err := st.upkeep.RepairAll(ctx, st.asked.did)
	if err != nil {
		return adminapi.Repaired{}, err
	}
	_, left, err := st.upkeep.Queues(ctx, queueLimit)
	return adminapi.Repaired{Shards: rep.Repaired, Failed: rep.Failed, Queued: left}, err
}
