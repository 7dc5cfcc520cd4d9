package upkeep

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"trivium/core"
	"trivium/core/content"
)

const (
	// packSize is the most content, in bytes, that one pack holds (S19), packRows the most blobs.
	packSize = 16 << 20
	packRows = 1000
	// maxDamaged is how many damaged blobs are passed by.
	maxDamaged = 10_000
)

// member is a buffered blob with its bytes.
type member struct {
	blob   core.Blob
	data   []byte
	offset int64 // in the pack
}

// Pack moves buffered blobs from the metadata store into packs on spaces: blobs of one class, up to 16 MiB in
// each. Only the rows of the blobs change, by compare-and-set; whoever refers to them notices nothing. Damaged blobs
// stay as they are, are logged once and count as Failed.
func (r *Runner) Pack(ctx context.Context) (Report, error) {
	r.packing.Lock()
	defer r.packing.Unlock()
	var rep Report
	damaged := make(map[content.BlobID]error)
	defer func() { r.damaged = damaged }()
	for {
		p, err := r.nextPack(ctx, damaged)
		if err != nil {
			return rep, fmt.Errorf("next pack: %w", err)
		}
		rep.Failed += len(p.damaged)
		r.noteDamaged(damaged, p.damaged)
		if len(p.members) == 0 {
			if len(p.damaged) == 0 {
				return rep, nil
			}
			continue
		}
		n, err := r.packMembers(ctx, p.class, p.members)
		rep.Packed += n
		if err != nil {
			return rep, fmt.Errorf("pack: %w", err)
		}
		for _, m := range p.members {
			rep.Bytes += m.blob.Size
		}
		if n == 0 {
			return rep, nil // all of them went away meanwhile
		}
	}
}

// noteDamaged adds found to all, and logs what the last Pack did not know.
func (r *Runner) noteDamaged(all, found map[content.BlobID]error) {
	for id, why := range found {
		all[id] = why
		if r.damaged[id] == nil {
			r.m.Log.Error("buffered blob is damaged", "blob", id.String(), "err", why)
		}
	}
}

// pack is what goes into one: blobs of a class. Those that are damaged were met on the way.
type pack struct {
	class   core.Class
	members []member
	damaged map[content.BlobID]error
}

// nextPack reads the buffered blobs that make the next pack: the class of the first and what fits of it. Those in skip
// are left out.
func (r *Runner) nextPack(ctx context.Context, skip map[content.BlobID]error) (p pack, err error) {
	if len(skip) > maxDamaged {
		return p, fmt.Errorf("more than %d buffered blobs are damaged", maxDamaged)
	}
	buffered := func(ctx context.Context, tx core.MetaTx, class int64, n int) ([]core.Blob, error) {
		blobs, err := tx.BlobsIn(ctx, core.BlobBuffered, class, n+len(skip))
		return slices.DeleteFunc(blobs, func(b core.Blob) bool { return skip[b.ID] != nil }), err
	}
	err = r.view(ctx, func(ctx context.Context, tx core.MetaTx) error {
		p = pack{damaged: make(map[content.BlobID]error)}
		first, err := buffered(ctx, tx, 0, 1)
		if err != nil || len(first) == 0 {
			return err
		}
		if p.class, _, err = tx.Class(ctx, first[0].Class); err != nil {
			return err
		}
		blobs, err := buffered(ctx, tx, p.class.ID, packRows)
		if err != nil {
			return err
		}
		return r.readMembers(ctx, tx, &p, blobs)
	})
	return p, err
}

// readMembers reads the bytes of blobs, up to the size of a pack, and checks them: packing must not carry
// damage on under a new checksum.
func (r *Runner) readMembers(ctx context.Context, tx core.MetaTx, p *pack, blobs []core.Blob) error {
	var size int64
	for _, b := range blobs {
		if size+b.Size > packSize && len(p.members) > 0 {
			break
		}
		data, damage, err := r.m.Buffered(ctx, tx, &b)
		if err != nil {
			return err
		}
		if damage != nil {
			p.damaged[b.ID] = damage
			continue
		}
		p.members = append(p.members, member{blob: b, data: bytes.Clone(data), offset: size})
		size += b.Size
	}
	return nil
}

// packMembers writes one pack and flips the rows of its members. It returns how many were flipped.
func (r *Runner) packMembers(ctx context.Context, class core.Class, members []member) (int, error) {
	var size int64
	parts := make([]io.Reader, len(members))
	for i, m := range members {
		parts[i] = bytes.NewReader(m.data)
		size += m.blob.Size
	}
	w, err := r.m.Content.Put(ctx, io.MultiReader(parts...), content.PutRequest{
		Target: r.m.Target(class), Size: size,
	})
	if err != nil {
		return 0, err
	}
	defer w.Close()
	if len(w.Blobs) != 1 {
		w.Abandon()
		return 0, errors.New("a pack is one blob")
	}
	flipped, err := r.flip(ctx, w, class, members)
	if err != nil || flipped == 0 {
		w.Abandon()
		return 0, err
	}
	w.Committed()
	return flipped, nil
}

// flip makes members point into the pack, those that are still buffered as they were read.
func (r *Runner) flip(ctx context.Context, w *content.Written, class core.Class, members []member) (int, error) {
	flipped := 0
	r.m.Hook("pack.commit.before")
	err := r.update(ctx, func(ctx context.Context, tx core.MetaTx) error {
		flipped = 0
		pack := core.Blob{Blob: w.Blobs[0], Class: class.ID, State: core.BlobStored}
		pack.HasSHA256 = false // a pack is nobody's content: dedup must not find it
		for _, m := range members {
			b, ok, err := tx.Blob(ctx, m.blob.ID)
			if err != nil {
				return err
			}
			if !ok || b.State != core.BlobBuffered || b.Buffer != m.blob.Buffer {
				continue
			}
			if err := tx.DeleteInline(ctx, b.Buffer); err != nil {
				return err
			}
			b.State, b.Buffer, b.Pack, b.PackOffset = core.BlobPacked, 0, pack.ID, m.offset
			if err := tx.PutBlob(ctx, b); err != nil {
				return err
			}
			flipped++
			pack.Refs++
			pack.PackLive += b.Size
		}
		if flipped == 0 {
			return nil
		}
		if err := queueRepairs(ctx, tx, w.Repairs, r.m.Now()); err != nil {
			return err
		}
		if err := r.m.AddStored(ctx, tx, &pack.Layout, 1); err != nil {
			return err
		}
		return tx.PutBlob(ctx, pack)
	})
	r.m.Hook("pack.commit.after")
	return flipped, err
}

// queueRepairs queues the shards that were not durable at the answer.
func queueRepairs(ctx context.Context, tx core.MetaTx, repairs []content.Repair, now int64) error {
	for _, p := range repairs {
		err := tx.PutRepair(ctx, core.RepairRow{
			Blob: p.Blob, Segment: p.Segment, Index: p.Index, Reason: core.RepairLate, QueuedAt: now, NotBefore: now,
		})
		if err != nil {
			return err
		}
	}
	return nil
}
