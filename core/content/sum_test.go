package content

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"hash/crc32"
	"io"
	"testing"

	"github.com/minio/crc64nvme"
)

// TestDigest computes digests of bodies that are short, and long enough for goroutines.
func TestDigest(t *testing.T) {
	l := newLab(t, 1)
	for _, n := range []int{0, 1, inlineDigests, 3*BlockSize + 5} {
		data := random(n)
		for _, set := range []DigestSet{0, MD5, MD5 | SHA256 | SHA1 | CRC32 | CRC32C} {
			want := Digests{Size: int64(n), Set: set | CRC64NVME, CRC64NVME: crc64nvme.Checksum(data)}
			if set != 0 {
				want.MD5 = md5.Sum(data)
			}
			if set.Has(SHA1) {
				want.SHA256, want.SHA1 = sha256.Sum256(data), sha1.Sum(data)
				want.CRC32, want.CRC32C = crc32.ChecksumIEEE(data), crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
			}
			if got, err := l.Digest(t.Context(), bytes.NewReader(data), set); err != nil || got != want {
				t.Errorf("Digest(%d bytes, %b) = %+v, %v, want %+v", n, set, got, err, want)
			}
		}
	}
	if got, err := l.Digest(t.Context(), torn{}, MD5|SHA256); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Digest of what breaks off = %+v, %v", got, err)
	}
}

// torn is a body that ends in an error, behind what is digested without goroutines.
type torn struct{}

func (torn) WriteTo(w io.Writer) (int64, error) {
	n, _ := w.Write(random(inlineDigests + 1))
	return int64(n), io.ErrUnexpectedEOF
}

// TestDigestEndsWithItsContext: it reads no further than the block that is read when the context ends, though the
// stream is open.
func TestDigestEndsWithItsContext(t *testing.T) {
	l := newLab(t, 3)
	data := random(20 * BlockSize)
	for _, p := range []Policy{{}, {Redundancy: ErasureCoded, K: 2, N: 3}} {
		w := l.put(data, l.target(p, 0), true)
		ctx, cancel := context.WithCancel(t.Context())
		r, err := l.Open(ctx, pieces(w, 0, w.Size), l.resolve)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := l.Digest(ctx, r, MD5); !errors.Is(err, context.Canceled) {
			t.Errorf("Digest = %v, want that it was canceled", err)
		}
		_ = r.Close()
	}
}
