// Package erasure makes parity shards and rebuilds lost ones. It works on byte slices and does no I/O.
//
// Which bytes a parity has is part of the format on disk: the parities of fixed data are pinned in testdata.
package erasure

import (
	"errors"
	"fmt"
	"slices"

	"github.com/klauspost/reedsolomon"
)

// MaxShards is the greatest N of a scheme: the codes work over GF(2^8).
const MaxShards = 256

var (
	// ErrScheme is returned by New for a scheme that cannot be; its text says why.
	ErrScheme = errors.New("impossible erasure scheme")
	// ErrShards is returned for shards of the wrong number or of unequal or no length, and for wrong indices.
	ErrShards = errors.New("wrong shards")
	// ErrTooFew is returned when the shards that are left do not determine the ones wanted.
	ErrTooFew = errors.New("too few shards")
)

// Kind is a family of codes.
type Kind uint8

const (
	// Copies makes every shard equal to the first; K is 1.
	Copies Kind = 1
	// ReedSolomon makes N - K parities; any K shards suffice.
	ReedSolomon Kind = 2
	// LRC makes one local parity for each group of data shards, which rebuilds one lost member by reading
	// the group alone, and global parities over all data (C. Huang, M. Chen and J. Li, "Pyramid codes",
	// 2007).
	LRC Kind = 3
)

// Scheme names a code. Shards 0 to K-1 are the data; with LRC the local parities follow in the order of
// their groups, then the global ones.
type Scheme struct {
	Kind   Kind
	K, N   int   // data shards; all shards
	Groups []int // LRC: data shards of each local group, which add up to K; else nil
}

// Code encodes and decodes one scheme. It is made by New, immutable and safe for concurrent use; keep it,
// since it holds the tables of its matrix.
type Code struct {
	scheme  Scheme
	encoder reedsolomon.Encoder // nil for Copies
	rows    [][]byte            // LRC: the N rows of the generator, K coefficients each
}

// New returns the Code of a scheme. The error wraps ErrScheme.
func New(s Scheme) (*Code, error) {
	s.Groups = slices.Clone(s.Groups)
	if s.K < 1 || s.N < s.K || s.N > MaxShards || (s.Kind != LRC && len(s.Groups) > 0) {
		return nil, fmt.Errorf("%w: %d of %d shards, groups %v", ErrScheme, s.K, s.N, s.Groups)
	}
	switch s.Kind {
	case Copies:
		if s.K != 1 {
			return nil, fmt.Errorf("%w: copies of %d data shards", ErrScheme, s.K)
		}
		return &Code{scheme: s}, nil
	case ReedSolomon:
		if s.N == s.K {
			return nil, fmt.Errorf("%w: %d data shards without parity", ErrScheme, s.K)
		}
		return newEncoder(s, nil)
	case LRC:
		return newLRC(s)
	default:
		return nil, fmt.Errorf("%w: kind %d", ErrScheme, s.Kind)
	}
}

// newEncoder uses the matrix of reedsolomon's New, or the rows given.
func newEncoder(s Scheme, rows [][]byte) (*Code, error) {
	// One goroutine: a block of 256 KiB is coded in less time than it takes to share the work out, and
	// transfers already run in parallel.
	opts := []reedsolomon.Option{reedsolomon.WithMaxGoroutines(1)}
	if rows != nil {
		opts = append(opts, reedsolomon.WithCustomMatrix(rows[s.K:]))
	}
	enc, err := reedsolomon.New(s.K, s.N-s.K, opts...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrScheme, err)
	}
	return &Code{scheme: s, encoder: enc, rows: rows}, nil
}

// Scheme returns the scheme of the code.
func (c *Code) Scheme() Scheme {
	s := c.scheme
	s.Groups = slices.Clone(s.Groups)
	return s
}

// Encode fills shards K to N-1 with the parities of shards 0 to K-1. All N slices are the caller's and of
// one length above 0, else the error wraps ErrShards and nothing is written. The slices must not overlap.
func (c *Code) Encode(shards [][]byte) error {
	if err := c.check(shards, false); err != nil {
		return err
	}
	if c.encoder == nil {
		for _, s := range shards[1:] {
			copy(s, shards[0])
		}
		return nil
	}
	return c.encoder.Encode(shards)
}

// Reconstruct rebuilds the wanted ones of the missing shards from the others. A shard is missing if its
// slice is empty; where a missing one has the capacity it is rebuilt in place, else in a new slice. Missing
// shards that are not wanted may be overwritten up to their capacity but stay empty; present ones are never
// changed, so a wrong present shard makes the rebuilt ones wrong: verify before.
//
// Errors wrap ErrShards (number or lengths of shards, indices) or ErrTooFew; then nothing is rebuilt.
func (c *Code) Reconstruct(shards [][]byte, want []int) error {
	if err := c.check(shards, true); err != nil {
		return err
	}
	missing, err := c.missing(shards, want)
	if err != nil || len(missing) == 0 {
		return err
	}
	switch c.scheme.Kind {
	case Copies:
		return rebuildCopies(shards, missing)
	case LRC:
		return c.rebuildLRC(shards, missing)
	case ReedSolomon:
	}
	required := make([]bool, c.scheme.N)
	for _, i := range missing {
		required[i] = true
	}
	err = c.encoder.ReconstructSome(shards, required)
	if errors.Is(err, reedsolomon.ErrTooFewShards) {
		return ErrTooFew
	}
	return err
}

// Decodable reports whether the shards marked present, N of them, determine the data.
func (c *Code) Decodable(present []bool) bool {
	order := make([]int, 0, len(present))
	for i, p := range present {
		if p {
			order = append(order, i)
		}
	}
	return c.Choose(order) != nil
}

// Choose returns K of the shards in order, best first, that determine all data: each is the earliest that
// adds something to those before it. It returns nil if they do not suffice. Indices out of range and
// repeated ones are passed over.
func (c *Code) Choose(order []int) []int {
	if c.scheme.Kind == LRC {
		return c.chooseLRC(order)
	}
	if order = c.valid(order); len(order) < c.scheme.K {
		return nil
	}
	return order[:c.scheme.K]
}

// Sources returns which of the shards in order, best first, have to be read to rebuild the missing one:
// with LRC those of its local group if they suffice, else at most K. It returns nil if the shards do not
// determine the missing one. Indices out of range, repeated ones and the missing one are passed over.
func (c *Code) Sources(order []int, missing int) []int {
	order = slices.DeleteFunc(c.valid(order), func(i int) bool { return i == missing })
	if missing < 0 || missing >= c.scheme.N {
		return nil
	}
	if c.scheme.Kind != LRC {
		return c.Choose(order)
	}
	var sources []int
	for _, t := range c.plan(order, missing) {
		sources = append(sources, t.shard)
	}
	return sources
}

// valid returns the indices in order that are shards, each once.
func (c *Code) valid(order []int) []int {
	list := make([]int, 0, len(order))
	for _, i := range order {
		if i >= 0 && i < c.scheme.N && !slices.Contains(list, i) {
			list = append(list, i)
		}
	}
	return list
}

// Tolerates returns how many shards can be lost whichever they are. Some greater losses can be survived
// with LRC: Decodable tells.
func (c *Code) Tolerates() int {
	return c.scheme.N - c.scheme.K - max(0, len(c.scheme.Groups)-1)
}

// check refuses shards of the wrong number, of unequal lengths or without a length. With holes, empty ones
// are missing.
func (c *Code) check(shards [][]byte, holes bool) error {
	if len(shards) != c.scheme.N {
		return fmt.Errorf("%w: %d of %d", ErrShards, len(shards), c.scheme.N)
	}
	size := 0
	for i, s := range shards {
		if size == 0 {
			size = len(s)
		}
		if len(s) != size && (!holes || len(s) > 0) || (!holes && size == 0) {
			return fmt.Errorf("%w: shard %d has %d bytes beside %d", ErrShards, i, len(s), size)
		}
	}
	if size == 0 {
		return fmt.Errorf("%w: none present", ErrTooFew)
	}
	return nil
}

// missing returns those of want that are empty, each once.
func (c *Code) missing(shards [][]byte, want []int) ([]int, error) {
	var list []int
	for _, i := range want {
		if i < 0 || i >= c.scheme.N {
			return nil, fmt.Errorf("%w: index %d of %d", ErrShards, i, c.scheme.N)
		}
		if len(shards[i]) == 0 && !slices.Contains(list, i) {
			list = append(list, i)
		}
	}
	return list, nil
}

func rebuildCopies(shards [][]byte, missing []int) error {
	from := slices.IndexFunc(shards, func(s []byte) bool { return len(s) > 0 })
	for _, i := range missing {
		shards[i] = append(shards[i][:0], shards[from]...)
	}
	return nil
}
