package content

import (
	"context"
	"fmt"
	"io"

	"github.com/minio/crc64nvme"
)

// Digest computes digests over a body that is stored already, as Put does over one that comes: a body of its own
// runs of bytes (Reader) is not copied. The CRC64NVME is always among them. It returns body's error, or ctx's: no more is
// read once that has ended, though a stream that is open may have more.
func (s *Store) Digest(ctx context.Context, body io.WriterTo, set DigestSet) (Digests, error) {
	w := summer{ctx: ctx, d: newDigester(s.digests)}
	w.d.reset(set)
	if _, err := body.WriteTo(&w); err != nil {
		w.d.stop()
		return Digests{}, err
	}
	return w.d.sum(w.crc), nil
}

// summer digests what is written to it.
type summer struct {
	ctx context.Context //nolint:containedctx // io.Writer has no place for it; it lives as long as Digest
	d   *digester
	crc uint64
}

// Write implements io.Writer; it fails when ctx has ended.
func (w *summer) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, fmt.Errorf("digest: %w", err)
	}
	n := w.d.write(p)
	w.crc = crc64nvme.Update(w.crc, p)
	w.d.wait(n) // p is the caller's again
	return len(p), nil
}
