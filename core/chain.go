package core

import (
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"hash"
	"io"
)

// A part of a native upload that comes when the one before it is there, as parts mostly do, continues the SHA-256 of
// all before it. Its row keeps the state behind it, so that a completion in the same order knows the digest of the
// whole without reading a byte (S14). Part.Chain is the id of the content of the part before (0: it is the first) and
// that state, as crypto/sha256 marshals it.

// chain is the running SHA-256 of the parts up to the one that is received.
type chain struct {
	before int64
	sum    hash.Hash
}

// newChain continues the chain of the part before number, nil where there is none to continue.
func (s *Service) newChain(ctx context.Context, u *Upload, number int) (*chain, error) {
	var first []UploadPart
	var before UploadPart
	err := s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		var err error
		if first, err = tx.Parts(ctx, u.ID, -1, 1); err == nil {
			before, _, err = tx.Part(ctx, u.ID, number-1)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(first) == 0 || first[0].Number >= number {
		return &chain{sum: sha256.New()}, nil
	}
	if sum := chained(&before); sum != nil && before.Content.Kind == ContentList {
		return &chain{before.Content.ID, sum}, nil
	}
	return nil, nil
}

// chained returns the SHA-256 of the parts up to p as a running hash; nil where it is not known.
func chained(p *UploadPart) hash.Hash {
	if len(p.Chain) <= 8 {
		return nil
	}
	sum := sha256.New()
	if u, ok := sum.(encoding.BinaryUnmarshaler); !ok || u.UnmarshalBinary(p.Chain[8:]) != nil {
		return nil // of another Go version
	}
	return sum
}

// reader adds what is read of body to the chain.
func (c *chain) reader(body io.Reader) io.Reader {
	if c == nil {
		return body
	}
	return io.TeeReader(body, c.sum)
}

// row returns what the part keeps.
func (c *chain) row() []byte {
	if c == nil {
		return nil
	}
	m, ok := c.sum.(encoding.BinaryMarshaler)
	if !ok {
		return nil
	}
	state, err := m.MarshalBinary()
	if err != nil {
		return nil
	}
	return append(binary.BigEndian.AppendUint64(nil, uint64(c.before)), state...)
}

// chainSum returns the SHA-256 of parts joined in this order, nil where their chain does not tell.
func chainSum(parts []UploadPart) []byte {
	before := int64(0)
	for i := range parts {
		p := &parts[i]
		if len(p.Chain) <= 8 || int64(binary.BigEndian.Uint64(p.Chain)) != before || p.Content.Kind != ContentList {
			return nil
		}
		before = p.Content.ID
	}
	if len(parts) == 0 {
		return nil
	}
	if sum := chained(&parts[len(parts)-1]); sum != nil {
		return sum.Sum(nil)
	}
	return nil
}
