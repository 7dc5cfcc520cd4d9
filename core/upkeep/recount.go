package upkeep

import (
	"context"
	"fmt"
	"math"

	"trivium/core"
	"trivium/core/content"
)

// maxFound is how many wrong things a Recount or Verify names.
const maxFound = 100

// Recounted is what Recount found.
type Recounted struct {
	Objects, Versions, Lists, Blobs, Inline int64
	Wrong                                   int64
	Found                                   []string // what is wrong, in words; the first 100
}

// report notes something that is wrong.
func (r *Recounted) report(format string, args ...any) {
	r.Wrong++
	if len(r.Found) < maxFound {
		r.Found = append(r.Found, fmt.Sprintf(format, args...))
	}
}

// recountWindow is how many counters are kept in memory at a time: some 50 MB. Stores with more rows are read several
// times.
const recountWindow = 1 << 19

// Recount counts every reference, inline row and usage anew and compares them with what the store says. It reads all
// rows in one View, at worst several times, in bounded memory; a long View keeps the log from being emptied, so it is
// for a store on which no server runs. A list has one reference for each entry, version and part, a dead one none; a
// blob one for each extent of a list, and, as a pack, one for each member; an inline row belongs to exactly one entry,
// version, part or buffered blob; a bucket's usage is its live entries and the bytes of all its versions and parts, a space's
// the shards that blobs name.
func (r *Runner) Recount(ctx context.Context) (Recounted, error) {
	return recountIn(ctx, r.m.Meta, recountWindow)
}

// recountIn is Recount with a window of that many counters.
func recountIn(ctx context.Context, meta core.MetaStore, window int) (Recounted, error) {
	var rep Recounted
	err := meta.View(ctx, func(inner context.Context, tx core.MetaTx) error {
		rep = Recounted{}
		rc := &recount{rows: rows{tx, ctx}, rep: &rep, window: window}
		if err := rc.contents(inner); err != nil {
			return err
		}
		return rc.blobs(inner)
	})
	if err != nil {
		return rep, fmt.Errorf("recount: %w", err)
	}
	return rep, nil
}

// recount counts in one transaction.
type recount struct {
	rows   rows
	rep    *Recounted
	window int
}

// counter is what a row says of its references, and how many there are.
type counter struct{ says, has int64 }

// span is a window of ids: counters of all rows with after < id <= last.
type span struct {
	after, last int64
	rows        map[int64]counter
}

// holds tells whether an id belongs to the window.
func (s *span) holds(id int64) bool { return id > s.after && id <= s.last }

// contents compares lists, inline rows and usage, window by window.
func (rc *recount) contents(ctx context.Context) error {
	lists, inline := span{last: math.MinInt64}, span{last: math.MinInt64}
	for first := true; first || lists.last < math.MaxInt64 || inline.last < math.MaxInt64; first = false {
		if err := rc.nextLists(ctx, &lists); err != nil {
			return err
		}
		if err := rc.nextInline(ctx, &inline); err != nil {
			return err
		}
		if err := rc.referrers(ctx, &lists, &inline, first); err != nil {
			return err
		}
		for id, c := range lists.rows {
			if c.says != c.has {
				rc.rep.report("list %d has %d references, says %d", id, c.has, c.says)
			}
		}
		for id, c := range inline.rows {
			if c.has != 1 {
				rc.rep.report("inline row %d is referred to %d times", id, c.has)
			}
		}
	}
	return nil
}

// nextLists moves the window of lists on.
func (rc *recount) nextLists(ctx context.Context, s *span) error {
	s.after, s.rows = s.last, make(map[int64]counter)
	for len(s.rows) < rc.window {
		page, err := rc.rows.tx.Lists(ctx, s.last, batch/5)
		if err != nil || len(page) == 0 {
			s.last = math.MaxInt64
			return err
		}
		for _, l := range page {
			rc.rep.Lists++
			s.rows[l.ID], s.last = counter{says: l.Refs}, l.ID
			if l.Refs == 0 && len(l.Extents) == 0 {
				rc.rep.report("list %d is dead and has no extents", l.ID)
			}
		}
		if err := rc.rows.given.Err(); err != nil {
			return err
		}
	}
	return nil
}

// nextInline moves the window of inline rows on.
func (rc *recount) nextInline(ctx context.Context, s *span) error {
	s.after, s.rows = s.last, make(map[int64]counter)
	for len(s.rows) < rc.window {
		page, err := rc.rows.tx.Inlines(ctx, s.last, batch)
		if err != nil || len(page) == 0 {
			s.last = math.MaxInt64
			return err
		}
		for _, id := range page {
			rc.rep.Inline++
			s.rows[id], s.last = counter{}, id
		}
	}
	return nil
}

// referrers counts what entries, versions, parts and buffered blobs refer to in the windows; the first time usage, too.
func (rc *recount) referrers(ctx context.Context, lists, inline *span, first bool) error {
	refer := func(ref core.ContentRef, where func() string) {
		s, what := lists, "list"
		switch ref.Kind {
		case core.ContentNone:
			return
		case core.ContentInline:
			s, what = inline, "inline row"
		case core.ContentList:
		}
		if !s.holds(ref.ID) {
			return
		}
		c, there := s.rows[ref.ID]
		if !there {
			rc.rep.report("%s: its %s %d is missing", where(), what, ref.ID)
			return
		}
		c.has++
		s.rows[ref.ID] = c
	}
	err := rc.rows.buckets(ctx, func(b core.Bucket) error {
		use, err := rc.bucket(ctx, b, refer, first)
		if err != nil || !first {
			return err
		}
		says, err := rc.rows.tx.Usage(ctx, b.ID)
		if err == nil && says != use {
			rc.rep.report("bucket %s holds %d objects and %d bytes, says %d and %d", b.Name, use.Objects, use.Bytes, says.Objects, says.Bytes)
		}
		return err
	})
	if err != nil {
		return err
	}
	return rc.rows.blobs(ctx, func(b *core.Blob) {
		if b.State == core.BlobBuffered && b.Buffer != 0 {
			refer(core.ContentRef{Kind: core.ContentInline, ID: b.Buffer}, func() string { return "blob " + b.ID.String() })
		}
	})
}

// bucket hands what a bucket refers to to refer, and returns its usage.
func (rc *recount) bucket(ctx context.Context, b core.Bucket, refer func(core.ContentRef, func() string), first bool) (core.Usage, error) {
	var use core.Usage
	version := func(key string, v *core.Version) {
		use.Bytes += v.Size
		refer(v.Content, func() string { return fmt.Sprintf("%s/%s version %s", b.Name, key, v.VersionID()) })
	}
	err := rc.rows.entries(ctx, b.ID, func(e *core.Entry) error {
		version(e.Key, &e.Version)
		n := int64(1)
		if !e.Version.Marker {
			use.Objects++
		}
		err := rc.rows.versions(ctx, e, func(v *core.Version) {
			n++
			version(e.Key, v)
		})
		if first {
			rc.rep.Objects++
			rc.rep.Versions += n
		}
		return err
	})
	if err != nil {
		return use, err
	}
	return use, rc.rows.parts(ctx, b.ID, func(u *core.Upload, p *core.UploadPart) {
		use.Bytes += p.Size
		refer(p.Content, func() string { return fmt.Sprintf("%s/%s upload %s part %d", b.Name, u.Key, u.ID, p.Number) })
	})
}

// blobs compares the references of blobs, window by window.
func (rc *recount) blobs(ctx context.Context) error {
	stored := make(map[content.SpaceID]core.Usage)
	var last content.BlobID
	for ended := false; !ended; {
		after := last
		rows := make(map[content.BlobID]counter)
		for len(rows) < rc.window && !ended {
			page, err := rc.rows.tx.Blobs(ctx, last, batch)
			if err != nil {
				return err
			}
			ended = len(page) == 0
			for i := range page {
				rc.rep.Blobs++
				rows[page[i].ID], last = counter{says: page[i].Refs}, page[i].ID
				for _, in := range page[i].Layout.Stored() {
					use := stored[in.Space]
					stored[in.Space] = core.Usage{Objects: use.Objects + in.Shards, Bytes: use.Bytes + in.Bytes}
				}
			}
		}
		inside := func(id content.BlobID) bool { return later(id, after) && (ended || !later(id, last)) }
		if err := rc.blobReferrers(ctx, rows, inside); err != nil {
			return err
		}
		for id, c := range rows {
			if c.says != c.has {
				rc.rep.report("blob %s has %d references, says %d", id, c.has, c.says)
			}
		}
	}
	return rc.spaces(ctx, stored)
}

// spaces compares what blobs have in the spaces with what the store says.
func (rc *recount) spaces(ctx context.Context, stored map[content.SpaceID]core.Usage) error {
	rows, err := rc.rows.tx.Spaces(ctx)
	if err != nil {
		return err
	}
	for i := range rows {
		says, err := core.SpaceUsage(ctx, rc.rows.tx, rows[i].ID)
		if err != nil {
			return err
		}
		if use := stored[rows[i].ID]; says != use {
			rc.rep.report("space %s holds %d shards and %d bytes, says %d and %d", rows[i].Name, use.Objects, use.Bytes, says.Objects, says.Bytes)
		}
	}
	return nil
}

// later tells whether a comes after b in the order of Blobs.
func later(a, b content.BlobID) bool {
	if a.Incarnation != b.Incarnation {
		return a.Incarnation > b.Incarnation
	}
	return a.Counter > b.Counter
}

// blobReferrers counts what lists and packed blobs refer to among the rows.
func (rc *recount) blobReferrers(ctx context.Context, rows map[content.BlobID]counter, inside func(content.BlobID) bool) error {
	refer := func(id content.BlobID, where func() string) {
		if !inside(id) {
			return
		}
		c, there := rows[id]
		if !there {
			rc.rep.report("%s: its blob %s is missing", where(), id)
			return
		}
		c.has++
		rows[id] = c
	}
	err := rc.rows.lists(ctx, func(l *core.List) {
		for i := range l.Extents {
			refer(l.Extents[i].Blob, func() string { return fmt.Sprintf("list %d", l.ID) })
		}
	})
	if err != nil {
		return err
	}
	return rc.rows.blobs(ctx, func(b *core.Blob) {
		if b.State == core.BlobPacked {
			refer(b.Pack, func() string { return "blob " + b.ID.String() })
		}
	})
}
