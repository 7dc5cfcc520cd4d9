package core

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"trivium/core/content"
)

// readBody is the Body of a Reader.
type readBody interface {
	io.ReadCloser
	io.WriterTo
}

// memoryBody is content that is at hand, verified.
type memoryBody struct {
	rest []byte
}

// Read implements io.Reader.
func (b *memoryBody) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// WriteTo implements io.WriterTo.
func (b *memoryBody) WriteTo(w io.Writer) (int64, error) {
	if len(b.rest) == 0 {
		return 0, nil
	}
	n, err := w.Write(b.rest)
	b.rest = b.rest[n:]
	return int64(n), err
}

// Close implements io.Closer.
func (b *memoryBody) Close() error { return nil }

// pinnedBody reads blobs and keeps them from being deleted until it is closed.
type pinnedBody struct {
	r   *content.Reader
	pin *content.Pin
}

// Read implements io.Reader.
func (b *pinnedBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	return n, fail("read object", "", err)
}

// WriteTo implements io.WriterTo.
func (b *pinnedBody) WriteTo(w io.Writer) (int64, error) {
	n, err := b.r.WriteTo(w)
	return n, fail("read object", "", err)
}

// Close implements io.Closer.
func (b *pinnedBody) Close() error {
	err := b.r.Close()
	b.pin.Release()
	return err
}

// locator tells the content store where blobs are. It remembers the rows from before the reading began: when
// the object is overwritten meanwhile its rows may end, but the pin keeps the shards.
type locator struct {
	s      *Service
	pieces []content.Piece
	known  map[content.BlobID]Blob
	fresh  content.BlobID // whose row was read just now; served without another look, once
}

// locatePage is how many blob rows one View reads (S5).
const locatePage = 1000

// locate finds the pieces that make up what r covers, pins their blobs and reads their rows.
func (s *Service) locate(ctx context.Context, r *resolved, pin *content.Pin) (*locator, error) {
	o := &r.object
	l := &locator{s: s}
	offset := o.Offset
	if r.extents == nil {
		var err error
		if r.extents, err = s.extents(ctx, o); err != nil {
			return nil, err
		}
		offset = 0
	}
	var err error
	if l.pieces, err = cut(r.extents, offset, o.Length); err != nil {
		return nil, err
	}
	l.fresh = l.pieces[0].Blob
	l.known = make(map[content.BlobID]Blob, len(l.pieces))
	ids := make([]content.BlobID, 0, len(l.pieces))
	for _, p := range l.pieces {
		if _, ok := l.known[p.Blob]; !ok {
			l.known[p.Blob] = Blob{}
			ids = append(ids, p.Blob)
		}
	}
	pin.Set(ids)
	if err := r.checkBlob(); err != nil {
		return nil, err
	}
	if b := r.blob; b != nil && len(ids) == 1 && b.ID == ids[0] && b.State == BlobStored {
		l.known[b.ID] = *b
		return l, nil
	}
	for page := range slices.Chunk(ids, locatePage) {
		if err := l.load(ctx, page, pin); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// checkBlob returns Corrupt when the version and the only blob of its content know different digests: then one of
// the rows refers to what it never had (P2).
func (r *resolved) checkBlob() error {
	v := &r.object.Entry.Version
	b := r.blob
	if b == nil || !b.HasSHA256 || v.SHA256 == nil || b.Size != v.Size || bytes.Equal(b.SHA256[:], v.SHA256) {
		return nil
	}
	return &Error{
		Code: Corrupt, Msg: "the metadata store contradicts itself: the object and its content have different digests",
		Err: fmt.Errorf("blob %s of content %d", b.ID, v.Content.ID),
	}
}

// extents reads those that hold the bytes that o covers, clipped to them.
func (s *Service) extents(ctx context.Context, o *Object) ([]Extent, error) {
	var l List
	err := s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		id := o.Entry.Version.Content.ID
		var found bool
		var err error
		l, found, err = tx.ListByID(ctx, id, ListRead{Offset: o.Offset, Length: o.Length})
		if err == nil && (!found || l.Refs == 0) {
			err = &Error{Code: Corrupt, Msg: "the metadata store contradicts itself: a list is missing", Err: errMoved}
		}
		return err
	})
	return l.Extents, err
}

// load reads the rows of ids, and pins the packs that they lie in.
func (l *locator) load(ctx context.Context, ids []content.BlobID, pin *content.Pin) error {
	rows := make([]Blob, 0, len(ids))
	err := l.s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		rows = rows[:0]
		for _, id := range ids {
			b, found, err := tx.Blob(ctx, id)
			if err != nil {
				return err
			}
			if !found {
				return &Error{Code: Corrupt, Msg: "the metadata store contradicts itself: a blob is missing", Err: errMoved}
			}
			rows = append(rows, b)
		}
		return nil
	})
	for _, b := range rows {
		l.known[b.ID] = b
		if b.State == BlobPacked {
			pin.Set([]content.BlobID{b.Pack})
		}
	}
	return err
}

// resolve is a content.Resolver.
func (l *locator) resolve(ctx context.Context, id content.BlobID) (content.Located, error) {
	b := l.known[id]
	if id == l.fresh && b.State == BlobStored {
		l.fresh = content.BlobID{}
		return content.Located{Blob: b.Blob}, nil
	}
	var loc content.Located
	err := l.s.meta.View(ctx, func(ctx context.Context, tx MetaTx) error {
		now, found, err := tx.Blob(ctx, id)
		if err != nil {
			return err
		}
		if !found {
			now = b
		}
		loc, err = locateBlob(ctx, tx, &now)
		return err
	})
	return loc, err
}

// locateBlob says where b's bytes are: in shards of its own, in another blob's, or in the metadata store.
func locateBlob(ctx context.Context, tx MetaTx, b *Blob) (content.Located, error) {
	switch b.State {
	case BlobBuffered:
		data, sum, found, err := tx.Inline(ctx, b.Buffer)
		if err != nil {
			return content.Located{}, err
		}
		if !found {
			return content.Located{}, missing("buffer", b.Buffer)
		}
		return content.Located{Blob: b.Blob, Data: data}, checkInline(b.Buffer, sum, data, b.Size, nil)
	case BlobPacked:
		pack, found, err := tx.Blob(ctx, b.Pack)
		if err != nil {
			return content.Located{}, err
		}
		if !found {
			return content.Located{}, &Error{Code: Corrupt, Msg: "the metadata store contradicts itself: a pack is missing"}
		}
		return content.Located{Blob: pack.Blob, Base: b.PackOffset}, nil
	case BlobStored:
	}
	return content.Located{Blob: b.Blob}, nil
}
