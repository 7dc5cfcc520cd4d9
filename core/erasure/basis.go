package erasure

import (
	"slices"

	"github.com/klauspost/reedsolomon"
)

// term is one summand of a shard expressed by others: factor times the shard.
type term struct {
	shard  int
	factor byte
}

// basis is a set of independent rows over GF(2^8) in echelon form. Beside each row's coefficients it
// keeps, one byte for each shard, how the row is made of the rows that were added.
type basis struct {
	width int // coefficients of a row
	rows  []vector
}

type vector struct {
	pivot int    // the first coefficient that is not 0; it is 1
	bytes []byte // coefficients, then factors by shard
}

// add takes the row of a shard in unless it is a combination of those added before, and reports whether.
func (b *basis) add(row []byte, shard int) bool {
	v := b.reduce(row)
	pivot := leading(v[:b.width])
	if pivot < 0 {
		return false
	}
	v[b.width+shard] = 1
	var field reedsolomon.LowLevel
	scaled := make([]byte, len(v))
	field.GalMulSlice(reedsolomon.Inv(v[pivot]), v, scaled)
	b.rows = append(b.rows, vector{pivot, scaled})
	return true
}

// express returns the terms that add up to row, nil if there are none.
func (b *basis) express(row []byte) []term {
	v := b.reduce(row)
	if leading(v[:b.width]) >= 0 {
		return nil
	}
	var terms []term
	for shard, factor := range v[b.width:] {
		if factor != 0 {
			terms = append(terms, term{shard, factor})
		}
	}
	return terms
}

// reduce subtracts from row what the basis makes of it: at every pivot the result is 0.
func (b *basis) reduce(row []byte) []byte {
	var field reedsolomon.LowLevel
	v := make([]byte, b.width+MaxShards)
	copy(v, row)
	for _, r := range b.rows {
		field.GalMulSliceXor(v[r.pivot], r.bytes, v)
	}
	return v
}

// leading returns the index of the first byte of v that is not 0, or -1.
func leading(v []byte) int {
	return slices.IndexFunc(v, func(c byte) bool { return c != 0 })
}
