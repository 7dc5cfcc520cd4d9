package erasure_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trivium/core/erasure"
)

var update = flag.Bool("update", false, "write the golden files in testdata")

func schemes() []erasure.Scheme {
	return []erasure.Scheme{
		{Kind: erasure.Copies, K: 1, N: 1},
		{Kind: erasure.Copies, K: 1, N: 3},
		{Kind: erasure.ReedSolomon, K: 1, N: 3},
		{Kind: erasure.ReedSolomon, K: 2, N: 3},
		{Kind: erasure.ReedSolomon, K: 4, N: 6},
		{Kind: erasure.ReedSolomon, K: 6, N: 9},
		{Kind: erasure.ReedSolomon, K: 10, N: 14},
		{Kind: erasure.LRC, K: 4, N: 8, Groups: []int{2, 2}},
		{Kind: erasure.LRC, K: 5, N: 9, Groups: []int{2, 3}},
		{Kind: erasure.LRC, K: 6, N: 9, Groups: []int{3, 3}},
		{Kind: erasure.LRC, K: 6, N: 11, Groups: []int{2, 2, 2}},
		{Kind: erasure.LRC, K: 3, N: 5, Groups: []int{3}},
	}
}

func TestNewRefuses(t *testing.T) {
	for name, s := range map[string]erasure.Scheme{
		"zero":                 {},
		"unknown kind":         {Kind: 4, K: 1, N: 2},
		"copies of two":        {Kind: erasure.Copies, K: 2, N: 4},
		"no copies":            {Kind: erasure.Copies, K: 1},
		"copies with groups":   {Kind: erasure.Copies, K: 1, N: 2, Groups: []int{1}},
		"no data":              {Kind: erasure.ReedSolomon, N: 4},
		"no parity":            {Kind: erasure.ReedSolomon, K: 4, N: 4},
		"less than data":       {Kind: erasure.ReedSolomon, K: 4, N: 3},
		"too many":             {Kind: erasure.ReedSolomon, K: 200, N: 257},
		"groups beside":        {Kind: erasure.ReedSolomon, K: 4, N: 6, Groups: []int{2, 2}},
		"lrc without groups":   {Kind: erasure.LRC, K: 4, N: 8},
		"lrc groups not k":     {Kind: erasure.LRC, K: 4, N: 8, Groups: []int{2, 3}},
		"lrc with empty group": {Kind: erasure.LRC, K: 4, N: 8, Groups: []int{4, 0}},
		"lrc without global":   {Kind: erasure.LRC, K: 4, N: 6, Groups: []int{2, 2}},
	} {
		if c, err := erasure.New(s); !errors.Is(err, erasure.ErrScheme) || c != nil {
			t.Errorf("%s: New = %v, %v, want ErrScheme", name, c, err)
		}
	}
}

// TestAllLosses loses every subset of the shards of every scheme (of the largest, those around what it
// tolerates) and compares Decodable, Choose and Reconstruct with the data and with each other.
func TestAllLosses(t *testing.T) {
	for _, s := range schemes() {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			t.Parallel()
			c := newCode(t, s)
			full := encoded(t, c, 33, 1)
			for lost := range 1 << s.N {
				if n := bits.OnesCount(uint(lost)); s.N > 11 && (n < c.Tolerates() || n > c.Tolerates()+1) {
					continue
				}
				want := lost != 1<<s.N-1 && bits.OnesCount(uint(lost)) <= c.Tolerates()
				decodable := checkLoss(t, c, full, lost)
				if want && !decodable {
					t.Fatalf("loss %b of %d is fatal, Tolerates = %d", lost, s.N, c.Tolerates())
				}
				if decodable && bits.OnesCount(uint(lost)) > s.N-s.K {
					t.Fatalf("loss %b is decodable from fewer than k shards", lost)
				}
				if s.Kind != erasure.LRC && decodable != (bits.OnesCount(uint(lost)) <= s.N-s.K) {
					t.Fatalf("loss %b of %d: decodable %t", lost, s.N, decodable)
				}
			}
		})
	}
}

// checkLoss returns whether the data survive, having rebuilt all shards if so.
func checkLoss(t *testing.T, c *erasure.Code, full [][]byte, lost int) bool {
	t.Helper()
	s := c.Scheme()
	left, present, order := make([][]byte, s.N), make([]bool, s.N), []int(nil)
	var missing []int
	for i := range s.N {
		if lost>>i&1 == 1 {
			missing = append(missing, i)
			continue
		}
		left[i], present[i], order = slices.Clone(full[i]), true, append(order, i)
	}
	decodable, chosen := c.Decodable(present), c.Choose(order)
	if decodable != (len(chosen) == s.K) || !decodable && chosen != nil {
		t.Fatalf("loss %b: Decodable = %t, Choose = %v", lost, decodable, chosen)
	}
	err := c.Reconstruct(left, missing)
	if !decodable {
		if !errors.Is(err, erasure.ErrTooFew) || !slices.EqualFunc(left, full, unchanged) {
			t.Fatalf("loss %b: Reconstruct = %v, %x, want ErrTooFew and nothing rebuilt", lost, err, left)
		}
		return false
	}
	if err != nil {
		t.Fatalf("loss %b: Reconstruct: %v", lost, err)
	}
	if !slices.EqualFunc(full, left, bytes.Equal) {
		t.Fatalf("loss %b: rebuilt %x, want %x", lost, left, full)
	}
	fromChosen(t, c, full, chosen)
	return true
}

// unchanged: missing, or as it was.
func unchanged(left, full []byte) bool { return len(left) == 0 || bytes.Equal(left, full) }

// fromChosen decodes the data from nothing but the chosen shards.
func fromChosen(t *testing.T, c *erasure.Code, full [][]byte, chosen []int) {
	t.Helper()
	left := make([][]byte, len(full))
	for _, i := range chosen {
		left[i] = slices.Clone(full[i])
	}
	k := c.Scheme().K
	if err := c.Reconstruct(left, seq(k)); err != nil {
		t.Fatalf("Reconstruct from %v: %v", chosen, err)
	}
	if !slices.EqualFunc(full[:k], left[:k], bytes.Equal) {
		t.Fatalf("data rebuilt from %v: %x, want %x", chosen, left[:k], full[:k])
	}
	for i := k; i < len(left); i++ {
		if !slices.Contains(chosen, i) && len(left[i]) > 0 {
			t.Fatalf("shard %d was rebuilt, nobody wanted it", i)
		}
	}
}

func TestLRCSurvives(t *testing.T) {
	c := newCode(t, erasure.Scheme{Kind: erasure.LRC, K: 4, N: 8, Groups: []int{2, 2}})
	var survived, patterns [9]int
	for lost := range 1 << 8 {
		present := make([]bool, 8)
		for i := range present {
			present[i] = lost>>i&1 == 0
		}
		patterns[bits.OnesCount(uint(lost))]++
		if c.Decodable(present) {
			survived[bits.OnesCount(uint(lost))]++
		}
	}
	t.Logf("survived %v of %v", survived, patterns)
	if survived[3] != 56 || survived[4] < 60 || survived[5] != 0 {
		t.Errorf("of the losses of 3, 4, 5 shards %v survive, want 56, at least 60, 0", survived[3:6])
	}
}

func TestSources(t *testing.T) {
	lrc := newCode(t, erasure.Scheme{Kind: erasure.LRC, K: 4, N: 8, Groups: []int{2, 2}})
	rs := newCode(t, erasure.Scheme{Kind: erasure.ReedSolomon, K: 4, N: 6})
	all := seq(8)
	for _, test := range []struct {
		name    string
		code    *erasure.Code
		order   []int
		missing int
		want    []int
	}{
		{"group of shard 0", lrc, all, 0, []int{1, 4}},
		{"group of shard 3", lrc, all, 3, []int{2, 5}},
		{"local parity", lrc, all, 5, []int{2, 3}},
		{"global parity", lrc, all, 6, []int{0, 1, 2, 3}},
		{"group broken", lrc, []int{7, 6, 4, 2, 3}, 0, []int{2, 4, 6, 7}},
		{"too few", lrc, []int{1, 2, 3}, 0, nil},
		{"rs takes the first", rs, []int{5, 4, 0, 3, 2}, 1, []int{5, 4, 0, 3}},
		{"rs passes over", rs, []int{1, 5, 5, -1, 6, 4, 0, 3}, 1, []int{5, 4, 0, 3}},
		{"rs too few", rs, []int{5, 4, 0, 1}, 1, nil},
		{"no such shard", rs, all, 6, nil},
	} {
		got := test.code.Sources(test.order, test.missing)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got): %s", test.name, diff)
			continue
		}
		if got == nil {
			continue
		}
		full := encoded(t, test.code, 20, 3)
		left := make([][]byte, len(full))
		for _, i := range got {
			left[i] = slices.Clone(full[i])
		}
		err := test.code.Reconstruct(left, []int{test.missing})
		if err != nil || !bytes.Equal(left[test.missing], full[test.missing]) {
			t.Errorf("%s: shard %d from %v: %v, or differs", test.name, test.missing, got, err)
		}
	}
}

func TestChooseTakesTheFirstThatSuffice(t *testing.T) {
	lrc := newCode(t, erasure.Scheme{Kind: erasure.LRC, K: 4, N: 8, Groups: []int{2, 2}})
	// 4 is determined by 0 and 1: it adds nothing.
	if diff := cmp.Diff([]int{1, 0, 7, 5}, lrc.Choose([]int{1, 0, 1, 4, 99, -1, 7, 5, 2})); diff != "" {
		t.Error(diff)
	}
}

func TestWrongShards(t *testing.T) {
	for _, s := range schemes() {
		if s.N == 1 {
			continue
		}
		c := newCode(t, s)
		full := encoded(t, c, 10, 5)
		short := slices.Clone(full)
		short[s.N-1] = short[s.N-1][:9]
		for name, shards := range map[string][][]byte{
			"one short": short, "one missing": full[:s.N-1], "one more": append(slices.Clone(full), full[0]), "none": nil,
		} {
			if err := c.Encode(shards); !errors.Is(err, erasure.ErrShards) {
				t.Errorf("%v, %s: Encode = %v, want ErrShards", s, name, err)
			}
			if err := c.Reconstruct(shards, nil); !errors.Is(err, erasure.ErrShards) {
				t.Errorf("%v, %s: Reconstruct = %v, want ErrShards", s, name, err)
			}
		}
		if err := c.Encode(make([][]byte, s.N)); !errors.Is(err, erasure.ErrShards) {
			t.Errorf("%v: Encode of nothing = %v, want ErrShards", s, err)
		}
		for _, i := range []int{-1, s.N} {
			if err := c.Reconstruct(full, []int{i}); !errors.Is(err, erasure.ErrShards) {
				t.Errorf("%v: Reconstruct(%d) = %v, want ErrShards", s, i, err)
			}
		}
	}
}

// TestReconstructInPlace: a missing shard with room is rebuilt there, and no byte beside it is touched.
func TestReconstructInPlace(t *testing.T) {
	for _, s := range schemes() {
		if s.N == 1 {
			continue
		}
		c := newCode(t, s)
		full := encoded(t, c, 100, 7)
		slab := bytes.Repeat([]byte{0xee}, 100*s.N)
		left := make([][]byte, s.N)
		for i := range left {
			left[i] = slab[i*100 : (i+1)*100]
			copy(left[i], full[i])
		}
		copy(left[0], bytes.Repeat([]byte{0xee}, 100))
		left[0] = left[0][:0]
		if err := c.Reconstruct(left, []int{0, 0, 1}); err != nil {
			t.Fatalf("%v: %v", s, err)
		}
		if &left[0][0] != &slab[0] {
			t.Errorf("%v: shard 0 is rebuilt elsewhere", s)
		}
		if !bytes.Equal(slab, bytes.Join(full, nil)) {
			t.Errorf("%v: rebuilt shard or its neighbours differ", s)
		}
	}
}

// TestGoldenParities pins the matrices: parities that lie on disk were made with them.
func TestGoldenParities(t *testing.T) {
	var got strings.Builder
	for _, s := range schemes() {
		shards := make([][]byte, s.N)
		for i := range shards {
			shards[i] = make([]byte, s.K)
			if i < s.K {
				shards[i][i] = 1 // unit vectors: parities are rows of the matrix
			}
		}
		if err := newCode(t, s).Encode(shards); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&got, "kind %d, %d of %d, groups %v\n", s.Kind, s.K, s.N, s.Groups)
		for _, row := range shards[s.K:] {
			fmt.Fprintf(&got, "  %x\n", row)
		}
	}
	const path = "testdata/matrices.golden"
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("parities on disk would no longer decode (-want +got):\n%s", diff)
	}
}

func TestCodeIsShared(t *testing.T) {
	for _, s := range schemes() {
		c := newCode(t, s)
		full := encoded(t, c, 64, 9)
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				left := make([][]byte, s.N)
				copy(left, full)
				if s.N > 1 {
					left[g%s.N] = nil
				}
				if err := c.Reconstruct(left, []int{g % s.N}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
}

func TestSchemeIsACopy(t *testing.T) {
	groups := []int{2, 2}
	c := newCode(t, erasure.Scheme{Kind: erasure.LRC, K: 4, N: 8, Groups: groups})
	groups[0] = 4
	c.Scheme().Groups[1] = 7
	if diff := cmp.Diff([]int{2, 2}, c.Scheme().Groups); diff != "" {
		t.Error(diff)
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, s := range []erasure.Scheme{
		{Kind: erasure.ReedSolomon, K: 4, N: 6},
		{Kind: erasure.ReedSolomon, K: 10, N: 14},
		{Kind: erasure.LRC, K: 4, N: 8, Groups: []int{2, 2}},
	} {
		b.Run(fmt.Sprint(s), func(b *testing.B) {
			c := newCode(b, s)
			shards := encoded(b, c, 256<<10, 1)
			b.SetBytes(int64(s.K) * 256 << 10)
			for b.Loop() {
				if err := c.Encode(shards); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkReconstruct(b *testing.B) {
	for _, s := range []erasure.Scheme{
		{Kind: erasure.ReedSolomon, K: 4, N: 6},
		{Kind: erasure.LRC, K: 4, N: 8, Groups: []int{2, 2}},
	} {
		b.Run(fmt.Sprint(s), func(b *testing.B) {
			c := newCode(b, s)
			shards := encoded(b, c, 256<<10, 1)
			b.SetBytes(int64(s.K) * 256 << 10)
			for b.Loop() {
				shards[0], shards[2] = shards[0][:0], shards[2][:0]
				if err := c.Reconstruct(shards, []int{0, 2}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func newCode(t testing.TB, s erasure.Scheme) *erasure.Code {
	t.Helper()
	c, err := erasure.New(s)
	if err != nil {
		t.Fatalf("New(%v): %v", s, err)
	}
	return c
}

// encoded returns shards of random data with their parities.
func encoded(t testing.TB, c *erasure.Code, size int, seed uint64) [][]byte {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 0))
	shards := make([][]byte, c.Scheme().N)
	for i := range shards {
		shards[i] = make([]byte, size)
		for j := range shards[i] {
			shards[i][j] = byte(r.Uint32())
		}
	}
	if err := c.Encode(shards); err != nil {
		t.Fatalf("Encode: %v", err)
	}
	return shards
}

func seq(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}
