package core

import (
	"context"
	"fmt"

	"trivium/core/content"
)

// settingSpacesCounted says that the usage of spaces is kept: stores from before that count it once.
const settingSpacesCounted = "spaces.counted"

// spaceUsageID is where the usage of a space is kept among those of buckets, whose ids are greater than 0.
func spaceUsageID(id content.SpaceID) int64 { return -int64(id) }

// addStored counts the shards of a layout as content of their spaces, Objects being the number of shards; with sign -1
// it takes them out. It is called in the transaction that makes a blob's row name that layout or no more. Unavailable
// when one of the spaces is being removed.
func (s *Service) addStored(ctx context.Context, tx MetaTx, l *content.Layout, sign int64) error {
	for _, in := range l.Stored() {
		if sign > 0 && s.opened.leaving(in.Space) {
			return spaceLeaves(in.Space)
		}
		if err := tx.AddUsage(ctx, spaceUsageID(in.Space), Usage{Objects: sign * in.Shards, Bytes: sign * in.Bytes}); err != nil {
			return err
		}
	}
	return nil
}

// AddStored counts the shards of a layout as content of their spaces; with sign -1 it takes them out. It is called in
// the transaction that makes a blob's row name that layout, or no more.
func (m *Maintenance) AddStored(ctx context.Context, tx MetaTx, l *content.Layout, sign int64) error {
	return m.s.addStored(ctx, tx, l, sign)
}

// MoveStored counts that a blob's row names the layout now in the place of old. Unavailable when a space that is being
// removed would get more by it; what a blob has left there already is not in the way.
func (m *Maintenance) MoveStored(ctx context.Context, tx MetaTx, old, now *content.Layout) error {
	change := make(map[content.SpaceID]Usage)
	for _, in := range old.Stored() {
		change[in.Space] = Usage{Objects: -in.Shards, Bytes: -in.Bytes}
	}
	for _, in := range now.Stored() {
		u := change[in.Space]
		change[in.Space] = Usage{Objects: u.Objects + in.Shards, Bytes: u.Bytes + in.Bytes}
	}
	for id, u := range change {
		if u.Objects > 0 && m.s.opened.leaving(id) {
			return spaceLeaves(id)
		}
		if err := tx.AddUsage(ctx, spaceUsageID(id), u); err != nil {
			return err
		}
	}
	return nil
}

// spaceLeaves is the error of a commit that refers to a space which is being removed.
func spaceLeaves(id content.SpaceID) error {
	return &Error{Code: Unavailable, Msg: "a space is being removed; try again", Err: fmt.Errorf("space %d", id)}
}

// SpaceUsage is what blobs have in a space: the number of shards, and their bytes. What waits for its deletion does not
// count.
func SpaceUsage(ctx context.Context, tx MetaTx, id content.SpaceID) (Usage, error) {
	return tx.Usage(ctx, spaceUsageID(id))
}

// countSpaces counts the usage of spaces in a store that does not keep it yet, before anybody writes to it.
func (s *Service) countSpaces(ctx context.Context) error {
	var counted bool
	sums := make(map[content.SpaceID]Usage)
	err := s.meta.View(ctx, func(ctx context.Context, tx MetaTx) error {
		clear(sums)
		var err error
		if _, counted, err = tx.Setting(ctx, settingSpacesCounted); err != nil || counted {
			return err
		}
		return eachBlob(ctx, tx, func(b *Blob) {
			for _, in := range b.Layout.Stored() {
				u := sums[in.Space]
				sums[in.Space] = Usage{Objects: u.Objects + in.Shards, Bytes: u.Bytes + in.Bytes}
			}
		})
	})
	if err != nil || counted {
		return err
	}
	return s.meta.Update(MakingRoom(ctx), func(ctx context.Context, tx MetaTx) error {
		for id, u := range sums {
			if err := tx.AddUsage(ctx, spaceUsageID(id), u); err != nil {
				return err
			}
		}
		return tx.PutSetting(ctx, settingSpacesCounted, []byte("1"))
	})
}

// eachBlob hands every blob's row to fn.
func eachBlob(ctx context.Context, tx MetaTx, fn func(*Blob)) error {
	const page = 500
	for last := (content.BlobID{}); ; {
		blobs, err := tx.Blobs(ctx, last, page)
		if err != nil {
			return err
		}
		for i := range blobs {
			fn(&blobs[i])
			last = blobs[i].ID
		}
		if len(blobs) < page {
			return ctx.Err()
		}
	}
}
