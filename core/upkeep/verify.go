package upkeep

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"trivium/core"
	"trivium/core/content"
)

// verifyPage is how many blobs Verify reads under one pin: garbage waits meanwhile.
const verifyPage = 16

// Verified is what Verify found.
type Verified struct {
	Blobs, Shards int64 // that were read
	Bytes         int64 // of content in them
	Damaged       int64 // blobs with shards that are missing or damaged
	Lost          int64 // of these, blobs that cannot be read any more
	Unsure        int64 // blobs of which a space did not answer
	Found         []string
	// Objects are names of what refers to lost blobs, "bucket/key", the first 100.
	Objects []string
}

// note keeps a line about a blob.
func (v *Verified) note(format string, args ...any) {
	if len(v.Found) < maxFound {
		v.Found = append(v.Found, fmt.Sprintf(format, args...))
	}
}

// Verify reads every shard of every stored blob, parity included, and compares each block with its checksum, beside
// everybody's work. A blob with damage is read, as a client would, which tells whether the rest suffices and queues
// repairs. Buffered content lies in the metadata store and is not looked at. The error is ctx's or the metadata
// store's; what a space does not answer is counted. With objects it also finds what the lost content belongs to, in one
// View over all rows; a long View keeps the log from being emptied, so that is for a store on which no server runs.
func (r *Runner) Verify(ctx context.Context, objects bool) (Verified, error) {
	var v Verified
	lost := make(map[content.BlobID]bool)
	for after := (content.BlobID{}); ; {
		page, err := r.verifyPage(ctx, after, &v, lost)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return v, fmt.Errorf("verify: %w", err)
		}
		if len(page) == 0 {
			break
		}
		after = page[len(page)-1].ID
	}
	if len(lost) == 0 || !objects {
		return v, nil
	}
	var err error
	if v.Objects, err = r.objectsOf(ctx, lost); err != nil {
		return v, fmt.Errorf("find the objects of lost content: %w", err)
	}
	return v, nil
}

// verifyPage verifies the blobs after one and returns them.
func (r *Runner) verifyPage(ctx context.Context, after content.BlobID, v *Verified, lost map[content.BlobID]bool) (page []core.Blob, err error) {
	pin := r.m.Pins.Begin() // before the rows are read: what they name stays
	defer pin.Release()
	err = r.view(ctx, func(ctx context.Context, tx core.MetaTx) error {
		page, err = tx.Blobs(ctx, after, verifyPage)
		return err
	})
	for i := 0; err == nil && ctx.Err() == nil && i < len(page); i++ {
		if page[i].State == core.BlobStored {
			err = r.verifyBlob(ctx, page[i], v, lost)
		}
	}
	return page, err
}

// verifyBlob verifies one blob. What seems wrong is judged by the row as it is then: repair may have moved shards.
func (r *Runner) verifyBlob(ctx context.Context, b core.Blob, v *Verified, lost map[content.BlobID]bool) error {
	gone, unsure := r.m.Content.Check(ctx, b.Blob, true)
	for tries := 0; (len(gone) > 0 || unsure != nil) && ctx.Err() == nil && tries < 3; tries++ {
		now, there, err := r.blobRow(ctx, b.ID)
		if err != nil || !there || now.State != core.BlobStored {
			return err
		}
		if reflect.DeepEqual(now.Layout, b.Layout) {
			break
		}
		b = now
		gone, unsure = r.m.Content.Check(ctx, b.Blob, true)
	}
	v.Blobs++
	v.Bytes += b.Size
	v.Shards += int64(b.Layout.Segments()) * int64(b.Layout.N)
	if unsure != nil && ctx.Err() == nil {
		v.Unsure++
		v.note("blob %s: %v", b.ID, unsure)
	}
	if len(gone) == 0 {
		return nil
	}
	v.Damaged++
	if err := ctx.Err(); err != nil {
		return err
	}
	state := "the rest suffices to read it"
	if !r.readable(ctx, &b) {
		v.Lost++
		state = "the content cannot be read any more"
		if len(lost) < maxFound {
			lost[b.ID] = true
		}
	}
	v.note("blob %s: missing or damaged shards %s: %s", b.ID, shardNames(gone), state)
	return nil
}

// readable tells whether the content of a blob can be read all the same. What is damaged is queued for repair by that.
func (r *Runner) readable(ctx context.Context, b *core.Blob) bool {
	whole := []content.Piece{{Blob: b.ID, Length: b.Size}}
	rd, err := r.m.Content.Open(ctx, whole, func(context.Context, content.BlobID) (content.Located, error) {
		return content.Located{Blob: b.Blob}, nil
	})
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, rd)
	return errors.Join(err, rd.Close()) == nil
}

// shardNames names shards as segment.index, the first ten.
func shardNames(refs []content.ShardRef) string {
	const most = 10
	var names []string
	for _, ref := range refs[:min(most, len(refs))] {
		names = append(names, fmt.Sprintf("%d.%d", ref.Segment, ref.Index))
	}
	if len(refs) > most {
		names = append(names, fmt.Sprintf("and %d more", len(refs)-most))
	}
	return strings.Join(names, ", ")
}

// blobRow reads a blob's row.
func (r *Runner) blobRow(ctx context.Context, id content.BlobID) (b core.Blob, there bool, err error) {
	err = r.view(ctx, func(ctx context.Context, tx core.MetaTx) error {
		b, there, err = tx.Blob(ctx, id)
		return err
	})
	return b, there, err
}

// maxLists bounds how many lists objectsOf remembers.
const maxLists = 10_000

// errEnough ends a search.
var errEnough = errors.New("enough was found")

// objectsOf names what refers to blobs, by itself or in a pack: "bucket/key", the first 100 by bucket and key. It reads
// all rows, in one View.
func (r *Runner) objectsOf(ctx context.Context, blobs map[content.BlobID]bool) ([]string, error) {
	var names []string
	err := r.view(ctx, func(inner context.Context, tx core.MetaTx) error {
		names = nil
		wanted, all := maps.Clone(blobs), rows{tx, ctx}
		err := all.blobs(inner, func(b *core.Blob) {
			if b.State == core.BlobPacked && blobs[b.Pack] && len(wanted) < maxLists {
				wanted[b.ID] = true
			}
		})
		if err != nil {
			return err
		}
		lists := make(map[int64]bool)
		err = all.lists(inner, func(l *core.List) {
			hit := slices.ContainsFunc(l.Extents, func(x core.Extent) bool { return wanted[x.Blob] })
			if hit && len(lists) < maxLists {
				lists[l.ID] = true
			}
		})
		if err != nil {
			return err
		}
		err = all.buckets(inner, func(b core.Bucket) error {
			return all.entries(inner, b.ID, func(e *core.Entry) error {
				hit := func(v *core.Version) bool { return v.Content.Kind == core.ContentList && lists[v.Content.ID] }
				found := hit(&e.Version)
				err := all.versions(inner, e, func(v *core.Version) { found = found || hit(v) })
				if found {
					names = append(names, b.Name+"/"+e.Key)
				}
				if err == nil && len(names) >= maxFound {
					err = errEnough
				}
				return err
			})
		})
		if errors.Is(err, errEnough) {
			return nil
		}
		return err
	})
	return names, err
}
