package content

import (
	"context"
	"errors"
	"io"
)

// Piece is a run of bytes of one blob, as core's extents name it.
type Piece struct {
	Blob           BlobID
	Offset, Length int64
}

// Located says where a blob's bytes are at present.
type Located struct {
	Blob Blob  // the blob itself, or the one it is packed in
	Base int64 // offset in Blob at which the wanted blob begins
	// Data, when not nil, is the whole wanted blob: buffered content, already verified. No shard is read.
	Data []byte
}

// Resolver tells where a blob is. It is called once for each piece, and a second time when what it said could
// not be read, because the blob may have been repaired, moved or packed in between.
type Resolver func(ctx context.Context, id BlobID) (Located, error)

// Reader delivers verified content in order. It is for one goroutine.
type Reader struct{ s *Store }

// Open starts reading the pieces in order. It returns when the first bytes are there and verified, so that
// most failures show before anything is answered. Only the blocks that the pieces touch are read. The caller
// closes the reader. ctx governs the reads as well: when it ends they fail.
//
// Errors of Open and of the Reader wrap ErrCorrupt (too few intact shards), ErrUnavailable (too few spaces
// answer), ErrKey, ErrOverloaded, ErrFormat (a piece outside its blob), the resolver's or the context's error.
func (s *Store) Open(ctx context.Context, pieces []Piece, resolve Resolver) (*Reader, error) {
	return nil, errors.New("not yet")
}

// Read implements io.Reader. After an error that is not io.EOF the reader is of no more use.
func (r *Reader) Read(p []byte) (int, error) { return 0, io.EOF }

// WriteTo implements io.WriterTo: it writes whole verified blocks. It returns the number of bytes written and
// nil when everything was.
func (r *Reader) WriteTo(w io.Writer) (int64, error) { return 0, nil }

// Close ends the reads and gives the buffer back. It may be called twice and returns nil.
func (r *Reader) Close() error { return nil }
