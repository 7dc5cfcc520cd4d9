package erasure

import (
	"fmt"

	"github.com/klauspost/reedsolomon"
)

// newLRC builds the generator: row 0 of the parities of RS(K, g+1), split by group, makes the local
// parities; its rows 1 to g make the global ones. Any g+1 losses are survived, as with that RS code, since
// the sum of the local parities is its row 0. XOR as local parity beside RS rows loses that.
func newLRC(s Scheme) (*Code, error) {
	sum := 0
	for _, size := range s.Groups {
		if size < 1 {
			return nil, fmt.Errorf("%w: groups %v", ErrScheme, s.Groups)
		}
		sum += size
	}
	global := s.N - s.K - len(s.Groups)
	if len(s.Groups) == 0 || sum != s.K || global < 1 {
		return nil, fmt.Errorf("%w: %d of %d shards, groups %v", ErrScheme, s.K, s.N, s.Groups)
	}
	parity, err := parityRows(s.K, global+1)
	if err != nil {
		return nil, err
	}
	rows := identity(s.K)
	at := 0
	for _, size := range s.Groups {
		row := make([]byte, s.K)
		copy(row[at:at+size], parity[0][at:])
		rows = append(rows, row)
		at += size
	}
	return newEncoder(s, append(rows, parity[1:]...))
}

// parityRows returns the coefficients of the parities of RS(k, k+m), read off by encoding unit vectors.
func parityRows(k, m int) ([][]byte, error) {
	enc, err := reedsolomon.New(k, m)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrScheme, err)
	}
	shards := identity(k)
	for range m {
		shards = append(shards, make([]byte, k))
	}
	if err := enc.Encode(shards); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrScheme, err)
	}
	return shards[k:], nil
}

func identity(k int) [][]byte {
	rows := make([][]byte, k)
	for i := range rows {
		rows[i] = make([]byte, k)
		rows[i][i] = 1
	}
	return rows
}

// chooseLRC passes over shards that are combinations of those before them.
func (c *Code) chooseLRC(order []int) []int {
	b := basis{width: c.scheme.K}
	chosen := make([]int, 0, c.scheme.K)
	for _, i := range c.valid(order) {
		if b.add(c.rows[i], i) {
			chosen = append(chosen, i)
		}
		if len(chosen) == c.scheme.K {
			return chosen
		}
	}
	return nil
}

// plan expresses shard i by shards in order, by those of its own group alone if they suffice. It returns
// nil if shard i is no combination of them.
func (c *Code) plan(order []int, i int) []term {
	b := basis{width: c.scheme.K}
	group := c.group(i)
	var others []int
	for _, j := range order {
		if group >= 0 && c.group(j) == group {
			b.add(c.rows[j], j)
			continue
		}
		others = append(others, j)
	}
	if terms := b.express(c.rows[i]); terms != nil {
		return terms
	}
	for _, j := range others {
		b.add(c.rows[j], j)
	}
	return b.express(c.rows[i])
}

// group returns the local group of a data shard or local parity, -1 for a global parity.
func (c *Code) group(i int) int {
	if i >= c.scheme.K+len(c.scheme.Groups) {
		return -1
	}
	if i >= c.scheme.K {
		return i - c.scheme.K
	}
	end := 0
	for g, size := range c.scheme.Groups {
		if end += size; i < end {
			return g
		}
	}
	return -1
}

// rebuildLRC plans all missing shards by the present ones before it writes any.
func (c *Code) rebuildLRC(shards [][]byte, missing []int) error {
	size := 0
	var present []int
	for i, s := range shards {
		if len(s) > 0 {
			size = len(s)
			present = append(present, i)
		}
	}
	plans := make([][]term, len(missing))
	for n, i := range missing {
		if plans[n] = c.plan(present, i); plans[n] == nil {
			return fmt.Errorf("%w: %d of %d do not determine shard %d", ErrTooFew, len(present), c.scheme.N, i)
		}
	}
	var field reedsolomon.LowLevel
	for n, i := range missing {
		out := sized(shards[i], size)
		clear(out)
		for _, t := range plans[n] {
			field.GalMulSliceXor(t.factor, shards[t.shard], out)
		}
		shards[i] = out
	}
	return nil
}

// sized returns a slice of size bytes, in b's place if it has room.
func sized(b []byte, size int) []byte {
	if cap(b) >= size {
		return b[:size]
	}
	return make([]byte, size)
}
