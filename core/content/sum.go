package content

import (
	"io"

	"github.com/minio/crc64nvme"
)

// Digest computes digests over a body that is stored already, as Put does over one that comes: a body of its own
// runs of bytes (Reader) is not copied. The CRC64NVME is always among them. It returns body's error.
func (s *Store) Digest(body io.WriterTo, set DigestSet) (Digests, error) {
	w := summer{d: newDigester(s.digests)}
	w.d.reset(set)
	if _, err := body.WriteTo(&w); err != nil {
		w.d.stop()
		return Digests{}, err
	}
	return w.d.sum(w.crc), nil
}

// summer digests what is written to it.
type summer struct {
	d   *digester
	crc uint64
}

// Write implements io.Writer; it never fails.
func (w *summer) Write(p []byte) (int, error) {
	n := w.d.write(p)
	w.crc = crc64nvme.Update(w.crc, p)
	w.d.wait(n) // p is the caller's again
	return len(p), nil
}
