// Package placement decides which spaces get the shards of a segment. It is a pure function of a seed and
// the spaces, so that nothing but the exceptions to it has to be stored.
//
// The method is weighted rendezvous hashing: each space draws a number that depends on the seed and its id
// alone, and the greatest weighted draw wins. Spaces are chosen in proportion to their weights, and a space
// that comes or goes moves only the shards that it gains or loses. (D. Thaler and C. V. Ravishankar, "Using
// name-based mappings to increase hit rates", 1998; the logarithmic weights: C. Schindelhauer and
// G. Schomaker, "Weighted distributed hash tables", 2005.)
package placement

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// ErrDomains is returned when there are fewer failure domains than shards; its text names both numbers.
var ErrDomains = errors.New("too few failure domains")

// Space is what placement knows of a space.
type Space struct {
	ID     int64   // its identity in the hash; distinct
	Domain string  // what fails together: spaces of equal Domain never get two shards of a segment
	Weight float64 // its share relative to the others; a space with none (0, negative, NaN, infinite) is never chosen
}

// Order returns the ids of all spaces with weight in order of preference. The best space of each domain
// comes first: for every n up to the number of domains, the first n entries lie in n distinct domains. After
// them come the other spaces, each as a substitute within its own domain. The order depends on nothing but
// the seed and the set of spaces, on every machine alike; nothing of spaces is changed.
func Order(seed [16]byte, spaces []Space) []int64 {
	ids, _ := order(seed, spaces)
	return ids
}

// Choose returns the ids of n spaces in n distinct domains, best first: shard i belongs on entry i. The
// error wraps ErrDomains and names n and the number of domains that have a space with weight.
//
// Without one of the chosen spaces the result holds the n - 1 others, in the same relative order, and one more.
func Choose(seed [16]byte, n int, spaces []Space) ([]int64, error) {
	ids, domains := order(seed, spaces)
	if n < 0 || n > domains {
		return nil, fmt.Errorf("%w: %d wanted, %d available", ErrDomains, n, domains)
	}
	return ids[:n:n], nil
}

type draw struct {
	Space
	late float64 // the less, the better: exponentially distributed with rate Weight
}

// order returns all ids in order of preference and how many of them, at the front, lie in distinct domains.
func order(seed [16]byte, spaces []Space) (ids []int64, domains int) {
	draws := make([]draw, 0, len(spaces))
	for _, s := range spaces {
		if s.Weight > 0 && !math.IsInf(s.Weight, 1) {
			draws = append(draws, draw{s, lateness(seed, s)})
		}
	}
	slices.SortFunc(draws, func(a, b draw) int {
		return cmp.Or(cmp.Compare(a.late, b.late), cmp.Compare(a.ID, b.ID))
	})
	seen := make(map[string]bool, len(draws))
	ids = make([]int64, 0, len(draws))
	var rest []int64
	for _, d := range draws {
		if seen[d.Domain] {
			rest = append(rest, d.ID)
			continue
		}
		seen[d.Domain] = true
		ids = append(ids, d.ID)
	}
	return append(ids, rest...), len(ids)
}

// lateness is -log2(u) / weight for a u in (0, 1) drawn by the hash. The first of several such draws falls
// to each with the probability of its share of the weights, to a domain with the sum of its spaces' shares.
func lateness(seed [16]byte, s Space) float64 {
	var buf [24]byte
	copy(buf[:], seed[:])
	binary.BigEndian.PutUint64(buf[16:], uint64(s.ID))
	sum := sha256.Sum256(buf[:])
	return float64(negLog2(binary.BigEndian.Uint64(sum[:]))) / s.Weight
}

// negLog2 returns -log2((u + 1) / 2^64) in units of 2^-32, exact to a few units. It works on integers, because
// math.Log may differ in its last bit between architectures and a placement must not.
func negLog2(u uint64) uint64 {
	if u == math.MaxUint64 {
		return 0
	}
	u++
	shift := bits.LeadingZeros64(u)
	m := u << shift // the mantissa, in [1, 2) with 63 bits of fraction
	whole, fraction := uint64(63-shift), uint64(0)
	for range 32 { // squaring the mantissa yields the logarithm's next bit
		fraction <<= 1
		if hi, lo := bits.Mul64(m, m); hi>>63 == 1 {
			fraction |= 1
			m = hi
		} else {
			m = hi<<1 | lo>>63
		}
	}
	return 64<<32 - (whole<<32 | fraction)
}
