package content

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
)

// PutRequest says what is to be written where.
type PutRequest struct {
	Target Target
	// Size is the announced size in bytes; -1: unknown.
	Size int64
	// Inline: content of up to this many bytes is returned in Written.Inline and not stored. At most 256 KiB;
	// of unknown size it must also be shorter than a segment. The zero value stores everything but empty content.
	Inline int64
	// Digests that are wanted beside the CRC64NVME.
	Digests DigestSet
	// Verify, when not nil, judges the digests after the last byte and before the last segment counts as
	// durable. It is called on Put's goroutine; its error gives the write up and is returned wrapped.
	Verify func(Digests) error
}

// Written is content that is durable but not referred to by anything yet. Its owner calls Committed or
// Abandon, then always Close.
type Written struct {
	Size    int64
	Digests Digests
	// Inline is the content itself when it was short enough. It is valid until Close. nil for empty content.
	Inline []byte
	// Blobs hold the content in order; none for empty or inline content.
	Blobs []Blob
	// Repairs are the shards that were not durable when Put returned.
	Repairs []Repair

	s       *Store
	lane    *lane
	pieces  []*piece // that Inline lies in
	one     [1]*piece
	puts    sync.WaitGroup // Puts that outlive the answer
	settled bool
}

// Repair names a shard that must be written anew.
type Repair struct {
	Blob BlobID
	ShardRef
}

// Put stores body under new blobs. When it returns nil every segment is durable in a set of shards that
// outlives the loss of any one failure domain (Strict: all shards; DegradedWrites: at least a decodable set),
// and the rest of them is in Written.Repairs. It does not close body.
//
// The first bytes of a small body are read before memory is taken for it, those of a large one after (S18). Put
// returns only after the last Read of body has: see WithClient for clients that are too slow.
//
// Errors wrap ErrBodySize (body shorter or longer than Size), the body's or Verify's own error, ErrOverloaded,
// ErrTooSlow (then not the body's error), ErrUnavailable, ErrNoSpace, ErrPolicy, ErrKey or the context's error. After
// an error the shards that were written have been handed to Config.Garbage, or will be when the last Put has returned;
// nothing needs closing.
func (s *Store) Put(ctx context.Context, body io.Reader, req PutRequest) (*Written, error) {
	if err := req.Target.Policy.Validate(); err != nil {
		return nil, err
	}
	if req.Inline > BlockSize {
		return nil, fmt.Errorf("inline limit %d is over %d: %w", req.Inline, BlockSize, ErrPolicy)
	}
	u := s.upload(body, req)
	err := u.run(ctx)
	w := u.written
	s.recycle(u)
	s.hook("put.done")
	if err != nil {
		w.Blobs = slices.DeleteFunc(w.Blobs, func(b Blob) bool { return len(b.Layout.Base) == 0 })
		w.Abandon()
		w.Close()
		return nil, err
	}
	return w, nil
}

// Committed says that metadata refers to the blobs now.
func (w *Written) Committed() { w.settled = true }

// Abandon says that nothing will ever refer to the blobs: they go to Config.Garbage once every Put of theirs
// has returned. After Committed or a first Abandon it does nothing. It must not be called when the outcome of
// a commit is unknown.
func (w *Written) Abandon() {
	if w.settled {
		return
	}
	w.settled = true
	garbage, blobs := w.s.cfg.Garbage, w.Blobs
	if garbage == nil || len(blobs) == 0 {
		return
	}
	w.s.late.Go(func() {
		w.puts.Wait()
		for _, b := range blobs {
			garbage(b)
		}
	})
}

// Close gives buffers back; Inline is invalid afterwards. Without Committed or Abandon before it the shards
// stay where they are, as orphans. Close may be called twice.
func (w *Written) Close() {
	if w.lane != nil {
		w.lane.release(w.pieces)
	}
	w.pieces, w.lane, w.Inline = nil, nil, nil
}
