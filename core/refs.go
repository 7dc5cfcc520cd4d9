package core

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/minio/crc64nvme"

	"trivium/core/content"
)

// inlineSum returns the checksum of an inline row: CRC64NVME over (id, big-endian) ‖ digest ‖ data, so that the
// bytes of another row do not pass, nor those of the row that a wrong reference names (P2). digest is the SHA-256
// of the version that the row belongs to, nil where it is not known and for buffered blobs.
func inlineSum(id int64, digest, data []byte) uint64 {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(id))
	return crc64nvme.Update(crc64nvme.Update(crc64nvme.Update(0, b[:]), digest), data)
}

// errInlineSum: one object's content is damaged, and nothing is known of the rest.
var errInlineSum = errors.New("a wrong checksum")

// checkInline returns Corrupt unless data is what was stored under id for a content of that size and digest.
func checkInline(id int64, sum uint64, data []byte, size int64, digest []byte) error {
	if int64(len(data)) != size || inlineSum(id, digest, data) != sum {
		return &Error{
			Code: Corrupt, Msg: "the stored content does not match its checksum",
			Err: fmt.Errorf("inline row %d: %d bytes, want %d, or %w", id, len(data), size, errInlineSum),
		}
	}
	return nil
}

// retain adds a reference to content that another version holds: a list is shared, an inline row is copied
// under the new id. It returns the reference of the new version.
func (m *mutation) retain(ctx context.Context, v *Version, newID int64) (ContentRef, error) {
	switch v.Content.Kind {
	case ContentList:
		_, _, err := m.tx.AddListRefs(ctx, v.Content.ID, 1)
		return v.Content, err
	case ContentInline:
		data, sum, found, err := m.tx.Inline(ctx, v.Content.ID)
		if err != nil {
			return ContentRef{}, err
		}
		if !found {
			return ContentRef{}, missing("inline row", v.Content.ID)
		}
		if err := checkInline(v.Content.ID, sum, data, v.Size, v.SHA256); err != nil {
			return ContentRef{}, err
		}
		return ContentRef{Kind: ContentInline, ID: newID}, m.tx.PutInline(ctx, newID, inlineSum(newID, v.SHA256, data), data)
	case ContentNone:
	}
	return ContentRef{}, nil
}

// release gives up one reference. The last one to a short list releases its blobs; a blob that nothing refers to
// stays with Refs = 0 until the collector claims it (S23). A long list without references is dead and waits for
// ReleaseLists, so that ending an object costs the same whatever its size.
func (m *mutation) release(ctx context.Context, ref ContentRef) error {
	switch ref.Kind {
	case ContentInline:
		return m.tx.DeleteInline(ctx, ref.ID)
	case ContentList:
		refs, long, err := m.tx.AddListRefs(ctx, ref.ID, -1)
		if err != nil || refs > 0 || long {
			return err
		}
		return m.dropList(ctx, ref.ID)
	case ContentNone:
	}
	return nil
}

// dropList removes a list that has no reference left, and its references to blobs: one for each extent.
func (m *mutation) dropList(ctx context.Context, id int64) error {
	l, found, err := m.tx.ListByID(ctx, id, ListRead{Length: -1})
	if err != nil {
		return err
	}
	if !found {
		return missing("list", id)
	}
	for _, x := range l.Extents {
		if _, err := m.tx.AddBlobRefs(ctx, x.Blob, -1); err != nil {
			return err
		}
	}
	return m.tx.DeleteList(ctx, id)
}

// adopt makes the blobs of w part of the metadata: each gets a row and one reference, unless the class has an
// equal blob already. Then that one is referred to and the new shards are garbage that no commit ever
// referred to (S13, S24). It returns the extents in order.
func (m *mutation) adopt(ctx context.Context, class int64, w *content.Written, garbage int64) ([]Extent, error) {
	extents := make([]Extent, 0, len(w.Blobs))
	for i, b := range w.Blobs {
		id, err := m.adoptBlob(ctx, class, b, garbage+int64(i))
		if err != nil {
			return nil, err
		}
		extents = append(extents, Extent{Blob: id, Length: b.Size})
		if id != b.ID {
			continue
		}
		for _, r := range w.Repairs {
			if r.Blob == b.ID {
				if err := m.queueRepair(ctx, r); err != nil {
					return nil, err
				}
			}
		}
	}
	return extents, nil
}

// adoptBlob refers to one new blob, or to an equal older one, and returns the ID of the one it took.
func (m *mutation) adoptBlob(ctx context.Context, class int64, b content.Blob, garbage int64) (content.BlobID, error) {
	if b.HasSHA256 {
		old, found, err := m.tx.FindBlob(ctx, class, b.Size, b.SHA256)
		if err != nil {
			return b.ID, err
		}
		if found {
			if _, err := m.tx.AddBlobRefs(ctx, old.ID, 1); err != nil {
				return b.ID, err
			}
			return old.ID, m.tx.QueueGarbage(ctx, Garbage{
				ID: garbage, Blob: b.ID, Layout: b.Layout, QueuedAt: m.now, NotBefore: m.now, NeverReferred: true,
			})
		}
	}
	if err := m.s.addStored(ctx, m.tx, &b.Layout, 1); err != nil {
		return b.ID, err
	}
	return b.ID, m.tx.PutBlob(ctx, Blob{Blob: b, Class: class, Refs: 1, State: BlobStored})
}

// queueRepair asks for a shard that was not durable when the write was acknowledged.
func (m *mutation) queueRepair(ctx context.Context, r content.Repair) error {
	return m.tx.PutRepair(ctx, RepairRow{
		Blob: r.Blob, Segment: r.Segment, Index: r.Index, Reason: RepairLate, QueuedAt: m.now, NotBefore: m.now,
	})
}

// missing is the error of a reference into nothing: the store contradicts itself.
func missing(what string, id int64) error {
	return &Error{
		Code: Corrupt, Msg: "the metadata store contradicts itself",
		Err: fmt.Errorf("%s %d is referred to but not there", what, id),
	}
}
