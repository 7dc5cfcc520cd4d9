package content

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// sealer encrypts and decrypts the data blocks of one encoding of one blob (S12): AES-256-GCM under a key that
// nothing else uses, each block bound to its place, its length and the end of its segment. nil: not sealed.
type sealer struct {
	aead     cipher.AEAD
	id       BlobID
	encoding uint32
}

// newSealer derives the key of a blob: HKDF-SHA256(content key, info = blob id and encoding number).
func newSealer(key []byte, id BlobID, encoding uint32) (*sealer, error) {
	if len(key) != 32 {
		return nil, fmt.Errorf("%d bytes: %w", len(key), ErrKey)
	}
	raw := id.Bytes()
	info := binary.BigEndian.AppendUint32(raw[:], encoding)
	derived, err := hkdf.Key(sha256.New, key, nil, string(info), 32)
	if err != nil {
		return nil, fmt.Errorf("derive: %w: %w", ErrKey, err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, fmt.Errorf("derive: %w: %w", ErrKey, err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("derive: %w: %w", ErrKey, err)
	}
	return &sealer{aead: aead, id: id, encoding: encoding}, nil
}

// sealer returns the sealer of a blob, nil if it is not sealed.
func (s *Store) sealer(id BlobID, keyID, encoding uint32) (*sealer, error) {
	if keyID == 0 {
		return nil, nil //nolint:nilnil // no key, no sealer: both callers mean it
	}
	if s.cfg.Key == nil {
		return nil, fmt.Errorf("%w %d: there are none", ErrKey, keyID)
	}
	key, err := s.cfg.Key(keyID)
	if err != nil {
		return nil, fmt.Errorf("%w %d: %w", ErrKey, keyID, err)
	}
	return newSealer(key, id, encoding)
}

// blockPlace is where a data block stands: in which segment, as which of its data blocks, how many bytes of it
// are content, and whether it is the segment's last.
type blockPlace struct {
	segment, block, length int
	last                   bool
}

// seal encrypts block in place; it must have room for 16 bytes more.
func (c *sealer) seal(at blockPlace, block []byte) []byte {
	nonce, bound := c.nonce(at), c.bound(at)
	return c.aead.Seal(block[:0], nonce[:], block, bound[:])
}

// open decrypts block in place and returns the content with its padding.
func (c *sealer) open(at blockPlace, block []byte) ([]byte, error) {
	nonce, bound := c.nonce(at), c.bound(at)
	plain, err := c.aead.Open(block[:0], nonce[:], block, bound[:])
	if err != nil {
		return nil, fmt.Errorf("block %d of segment %d: %w does not open it", at.block, at.segment, ErrKey)
	}
	return plain, nil
}

// nonce is unique under the key: segment and block.
func (c *sealer) nonce(at blockPlace) (n [12]byte) {
	binary.BigEndian.PutUint32(n[:], uint32(at.segment))
	binary.BigEndian.PutUint64(n[4:], uint64(at.block))
	return n
}

// bound is the additional data: blob, encoding, segment, block, length of the content, last flag.
func (c *sealer) bound(at blockPlace) (b [37]byte) {
	binary.BigEndian.PutUint64(b[0:], c.id.Incarnation)
	binary.BigEndian.PutUint64(b[8:], c.id.Counter)
	binary.BigEndian.PutUint32(b[16:], c.encoding)
	binary.BigEndian.PutUint32(b[20:], uint32(at.segment))
	binary.BigEndian.PutUint64(b[24:], uint64(at.block))
	binary.BigEndian.PutUint32(b[32:], uint32(at.length))
	if at.last {
		b[36] = 1
	}
	return b
}
