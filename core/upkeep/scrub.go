package upkeep

import (
	"context"
	"fmt"
	"math"
	"slices"

	"trivium/core"
	"trivium/core/content"
)

// A page of a pass, after which it notes how far it is, has so many blobs at most, and ends with the one that exceeds so
// many bytes that are read.
const (
	scrubPage  = 100
	scrubBytes = 1 << 30
)

// ScrubOptions say how Scrub looks at shards. The zero value looks whether each is there, as fast as it can.
type ScrubOptions struct {
	Deep bool // read and verify every block, too
	// Shards and Bytes bound how many shards, and with Deep how many bytes of them, are looked at in a second; 0: no bound.
	Shards, Bytes int64
	// Progress, when not nil, is told after each blob how far the pass is, from one goroutine.
	Progress func(Scrubbed)
}

// Scrubbed is what a pass, or a part of one, has found.
type Scrubbed struct {
	Blobs   int64 `json:"blobs"`
	Checked int64 `json:"checked"` // shards that were looked at
	Bytes   int64 `json:"bytes"`   // of these shards
	Missing int64 `json:"missing"` // shards
	Corrupt int64 `json:"corrupt"` // shards that are damaged
	Queued  int64 `json:"queued"`  // of the missing and the damaged, those that were not queued for repair yet
	Unsure  int64 `json:"unsure"`  // shards whose space is down or failed: nobody knows
	Lost    int64 `json:"lost"`    // blobs of which too many shards are missing or damaged to read them
	// Names are some of the blobs of which shards are missing or damaged, for the log and for people.
	Names []string `json:"-"`
}

// add counts q in.
func (p *Scrubbed) add(q *Scrubbed) {
	p.Blobs += q.Blobs
	p.Checked += q.Checked
	p.Bytes += q.Bytes
	p.Missing += q.Missing
	p.Corrupt += q.Corrupt
	p.Queued += q.Queued
	p.Unsure += q.Unsure
	p.Lost += q.Lost
	p.Names = append(p.Names, q.Names[:min(len(q.Names), maxFound-len(p.Names))]...)
}

// Scrub looks at every shard of every blob once and queues for repair what is missing or damaged. A space that is down
// makes nothing missing. It may run beside the passes of the background, which begin anew when it is through.
func (r *Runner) Scrub(ctx context.Context, opts ScrubOptions) (Scrubbed, error) {
	var sum Scrubbed
	p := newPace(r, opts)
	began := r.m.Now()
	for after := (content.BlobID{}); ; {
		next, more, err := r.scrubFrom(ctx, after, p, func(one *Scrubbed) {
			if sum.add(one); opts.Progress != nil {
				opts.Progress(sum)
			}
		})
		if err != nil {
			return sum, fmt.Errorf("scrub: %w", err)
		}
		if after = next; !more {
			break
		}
	}
	kinds := []bool{false}
	if opts.Deep {
		kinds = append(kinds, true) // who has read all shards has seen that they are there
	}
	for _, deep := range kinds {
		if err := r.putScrub(ctx, deep, scrubState{Start: began, End: r.m.Now(), Found: sum}); err != nil {
			return sum, fmt.Errorf("scrub: %w", err)
		}
	}
	return sum, nil
}

// scrubFrom looks at a page of blobs behind after, tells found of each, and returns the last one; more: it was not the last
// page.
func (r *Runner) scrubFrom(ctx context.Context, after content.BlobID, p *pace, found func(*Scrubbed)) (last content.BlobID, more bool, err error) {
	var page []core.Blob
	err = r.view(ctx, func(ctx context.Context, tx core.MetaTx) error {
		page, err = tx.Blobs(ctx, after, scrubPage)
		return err
	})
	if err != nil || len(page) == 0 {
		return after, false, err
	}
	for i, read := 0, int64(0); i < len(page); i++ {
		if page[i].State == core.BlobStored {
			one, err := r.scrubBlob(ctx, page[i].ID, p)
			if err != nil {
				return after, false, err
			}
			found(&one)
			read += one.Bytes
		}
		if after = page[i].ID; p.deep && read >= p.page {
			return after, true, nil
		}
	}
	return after, len(page) == scrubPage, nil
}

// scrubBlob looks at the shards of a blob, some at a time, and queues those that are lost.
func (r *Runner) scrubBlob(ctx context.Context, id content.BlobID, p *pace) (Scrubbed, error) {
	var found Scrubbed
	pin := r.m.Pins.Begin() // before the row is read: what it names stays
	defer pin.Release()
	b, there, err := r.blobRow(ctx, id)
	if err != nil || !there || b.State != core.BlobStored {
		return found, err
	}
	pin.Set([]content.BlobID{id})
	var refs, gone []content.ShardRef
	found.Blobs = 1
	look := func() error {
		looks, err := r.m.Content.Look(ctx, b.Blob, refs, p.deep)
		if err != nil {
			return err
		}
		before := found.Bytes
		lost := found.count(looks)
		if len(lost) > 0 {
			n, err := r.queueLost(ctx, &b, lost)
			if err != nil {
				return err
			}
			found.Queued += int64(n)
		}
		for _, l := range lost {
			gone = append(gone, l.ShardRef)
		}
		n := int64(len(refs))
		refs = refs[:0]
		bytes := found.Bytes - before
		return p.spent(ctx, n, bytes)
	}
	for place := range b.Layout.Places() {
		if refs = append(refs, place.ShardRef); len(refs) == p.atOnce() {
			if err := look(); err != nil {
				return found, err
			}
		}
	}
	if err := look(); err != nil {
		return found, err
	}
	if len(gone) > 0 {
		if enough, err := r.m.Content.Suffices(b.Blob, gone); err != nil || !enough {
			found.Lost = 1
		}
		found.Names = []string{fmt.Sprintf("blob %s: missing or damaged shards %s", id, shardNames(gone))}
	}
	return found, nil
}

// Stored sums up what all spaces hold: the shards that a pass looks at, and their bytes.
func (r *Runner) Stored(ctx context.Context) (core.Usage, error) {
	var sum core.Usage
	err := r.view(ctx, func(ctx context.Context, tx core.MetaTx) error {
		sum = core.Usage{}
		for _, sp := range r.m.Spaces.All() {
			use, err := core.SpaceUsage(ctx, tx, sp.ID)
			if err != nil {
				return err
			}
			sum.Objects += use.Objects
			sum.Bytes += use.Bytes
		}
		return nil
	})
	return sum, err
}

// count counts what was found and returns the shards that are lost.
func (p *Scrubbed) count(looks []content.Look) []content.Look {
	var lost []content.Look
	for _, l := range looks {
		p.Checked++
		p.Bytes += l.Size
		switch l.State {
		case content.Intact:
		case content.Missing:
			p.Missing++
			lost = append(lost, l)
		case content.Damaged:
			p.Corrupt++
			lost = append(lost, l)
		case content.Unknown:
			p.Unsure++
		}
	}
	return lost
}

// queueLost queues shards for repair, unless they are, or lie elsewhere by now, and returns how many it has queued.
func (r *Runner) queueLost(ctx context.Context, b *core.Blob, lost []content.Look) (queued int, err error) {
	err = r.update(ctx, func(ctx context.Context, tx core.MetaTx) error {
		queued = 0
		now, there, err := tx.Blob(ctx, b.ID)
		if err != nil || !there || now.State != core.BlobStored {
			return err
		}
		rows, err := tx.Repairs(ctx, core.RepairQuery{Due: math.MaxInt64, Blob: b.ID, Limit: math.MaxInt32})
		if err != nil {
			return err
		}
		for _, l := range lost {
			known := slices.ContainsFunc(rows, func(row core.RepairRow) bool { return row.Segment == l.Segment && row.Index == l.Index })
			if known || l.Segment >= now.Layout.Segments() || l.Index >= now.Layout.N || now.Layout.Place(l.Segment, l.Index) != l.Place {
				continue
			}
			queued++
			row := core.RepairRow{
				Blob: b.ID, Segment: l.Segment, Index: l.Index, Reason: lostReason(l.State), QueuedAt: r.m.Now(), NotBefore: r.m.Now(),
			}
			if err := tx.PutRepair(ctx, row); err != nil {
				return err
			}
		}
		return nil
	})
	return queued, err
}

// lostReason is why a shard that a scrub has found is queued.
func lostReason(state content.ShardState) string {
	if state == content.Missing {
		return core.RepairMissing
	}
	return core.RepairDamaged
}
