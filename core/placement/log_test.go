package placement

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestNegLog2(t *testing.T) {
	for u, want := range map[uint64]uint64{
		0:              64 << 32,
		1:              63 << 32,
		1<<62 - 1:      2 << 32,
		1<<63 - 1:      1 << 32,
		3<<62 - 1:      1<<32 - 2512394810, // log2(1.5) = 0.58496250072
		1<<64 - 1<<32:  1,
		math.MaxUint64: 0,
	} {
		if got := negLog2(u); got-want+3 > 6 {
			t.Errorf("negLog2(%d) = %d, want %d", u, got, want)
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 10_000 {
		u := r.Uint64() >> r.UintN(64)
		got, want := float64(negLog2(u))/(1<<32), 64-math.Log2(float64(u)+1)
		if math.Abs(got-want) > 1e-9 {
			t.Fatalf("negLog2(%d) = %v, want %v", u, got, want)
		}
	}
}
