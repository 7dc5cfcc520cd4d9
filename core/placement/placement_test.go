package placement_test

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"trivium/core/placement"
)

var update = flag.Bool("update", false, "write the golden files in testdata")

// TestGoldenOrder pins the hash: a store looks for its shards where the order of its first day put them.
func TestGoldenOrder(t *testing.T) {
	spaces := []placement.Space{
		{ID: 1, Domain: "home", Weight: 1},
		{ID: 2, Domain: "home", Weight: 0.5},
		{ID: 3, Domain: "s3-eu", Weight: 3},
		{ID: 4, Domain: "s3-us", Weight: 2.25},
		{ID: 5, Domain: "s3-us", Weight: 1.75},
		{ID: 6, Domain: "dav", Weight: 1e-3},
		{ID: math.MaxInt64, Domain: "sftp", Weight: 1},
		{ID: -8, Domain: "azure", Weight: 0},
	}
	var got strings.Builder
	for n := range uint64(40) {
		s := seed(n)
		fmt.Fprintf(&got, "%x %v\n", s, placement.Order(s, spaces))
	}
	const path = "testdata/orders.golden"
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
		t.Errorf("shards would be looked for elsewhere (-want +got):\n%s", diff)
	}
}

func TestOrderProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spaces, s := drawSpaces(t), drawSeed(t)
		order := placement.Order(s, spaces)

		shuffled := rapid.Permutation(spaces).Draw(t, "shuffled")
		if diff := cmp.Diff(order, placement.Order(s, shuffled)); diff != "" {
			t.Fatalf("the order of the input matters: %s", diff)
		}
		usable := usableDomains(spaces)
		sorted, want := slices.Sorted(slices.Values(order)), []int64(nil)
		for _, sp := range spaces {
			if sp.Weight > 0 {
				want = append(want, sp.ID)
			}
		}
		slices.Sort(want)
		if !slices.Equal(sorted, want) {
			t.Fatalf("Order = %v, want each of %v once", sorted, want)
		}
		seen := map[string]bool{}
		for _, id := range order[:len(usable)] {
			d := domainOf(spaces, id)
			if seen[d] {
				t.Fatalf("Order = %v: domain %s twice among the first %d", order, d, len(usable))
			}
			seen[d] = true
		}
		for n := range len(usable) + 1 {
			chosen, err := placement.Choose(s, n, spaces)
			if err != nil || !slices.Equal(chosen, order[:n]) {
				t.Fatalf("Choose(%d) = %v, %v, want the first of %v", n, chosen, err, order)
			}
		}
	})
}

func TestRemovingASpaceMovesOnlyItsShards(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spaces, s := drawSpaces(t), drawSeed(t)
		usable := usableDomains(spaces)
		n := rapid.IntRange(0, len(usable)).Draw(t, "n")
		before, err := placement.Choose(s, n, spaces)
		if err != nil {
			t.Fatal(err)
		}
		gone := rapid.SampledFrom(spaces).Draw(t, "gone")
		left := slices.DeleteFunc(slices.Clone(spaces), func(sp placement.Space) bool { return sp.ID == gone.ID })
		after, err := placement.Choose(s, n, left)
		if err != nil {
			if n <= len(usableDomains(left)) {
				t.Fatal(err)
			}
			return
		}
		if !slices.Contains(before, gone.ID) {
			if !slices.Equal(before, after) {
				t.Fatalf("without unused space %d: %v, was %v", gone.ID, after, before)
			}
			return
		}
		stay := slices.DeleteFunc(slices.Clone(before), func(id int64) bool { return id == gone.ID })
		came := slices.DeleteFunc(slices.Clone(after), func(id int64) bool { return slices.Contains(stay, id) })
		stayed := slices.DeleteFunc(slices.Clone(after), func(id int64) bool { return !slices.Contains(stay, id) })
		if !slices.Equal(stay, stayed) || len(came) != 1 {
			t.Fatalf("without %d: %v, was %v", gone.ID, after, before)
		}
	})
}

func TestChooseNamesBothNumbers(t *testing.T) {
	spaces := []placement.Space{
		{ID: 1, Domain: "a", Weight: 1},
		{ID: 2, Domain: "a", Weight: 1},
		{ID: 3, Domain: "b", Weight: 1},
		{ID: 4, Domain: "c", Weight: 0},
		{ID: 5, Domain: "d", Weight: -1},
		{ID: 6, Domain: "e", Weight: math.NaN()},
		{ID: 7, Domain: "f", Weight: math.Inf(1)},
	}
	got, err := placement.Choose(seed(1), 3, spaces)
	if got != nil || !errors.Is(err, placement.ErrDomains) {
		t.Fatalf("Choose(3) = %v, %v, want ErrDomains", got, err)
	}
	if diff := cmp.Diff("too few failure domains: 3 wanted, 2 available", err.Error()); diff != "" {
		t.Error(diff)
	}
	if _, err := placement.Choose(seed(1), -1, spaces); !errors.Is(err, placement.ErrDomains) {
		t.Errorf("Choose(-1) = %v, want ErrDomains", err)
	}
	if got := placement.Order(seed(1), nil); len(got) != 0 {
		t.Errorf("Order of nothing = %v", got)
	}
}

func TestDistributionFollowsWeights(t *testing.T) {
	const seeds = 10_000
	spaces := []placement.Space{
		{ID: 1, Domain: "a", Weight: 1},
		{ID: 2, Domain: "b", Weight: 2},
		{ID: 3, Domain: "c", Weight: 3},
		{ID: 4, Domain: "d", Weight: 1},
		{ID: 5, Domain: "d", Weight: 3}, // one domain: it counts 4
	}
	first := map[int64]float64{}
	for n := range uint64(seeds) {
		order := placement.Order(seed(n), spaces)
		first[order[0]]++
		if n < 5 && domainOf(spaces, order[4]) != "d" {
			t.Errorf("Order = %v: the substitute is not last", order)
		}
	}
	for _, s := range spaces {
		share, want := first[s.ID]/seeds, s.Weight/10
		if math.Abs(share-want) > 0.015 {
			t.Errorf("space %d of weight %v is first in %.3f, want %.3f", s.ID, s.Weight, share, want)
		}
	}
}

// TestEqualSpacesAreUsedEqually: 4 of 6 shards, what a policy ec(2, 4) over six clouds would see.
func TestEqualSpacesAreUsedEqually(t *testing.T) {
	const seeds, n = 10_000, 4
	var spaces []placement.Space
	for id := range int64(6) {
		spaces = append(spaces, placement.Space{ID: id, Domain: fmt.Sprint(id), Weight: 7})
	}
	used := map[int64]float64{}
	for i := range uint64(seeds) {
		chosen, err := placement.Choose(seed(i), n, spaces)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range chosen {
			used[id]++
		}
	}
	for id, count := range used {
		if want := float64(seeds*n) / 6; math.Abs(count/want-1) > 0.03 {
			t.Errorf("space %d has %v shards, want about %.0f", id, count, want)
		}
	}
}

func BenchmarkChoose(b *testing.B) {
	var spaces []placement.Space
	for id := range int64(12) {
		spaces = append(spaces, placement.Space{ID: id, Domain: fmt.Sprint(id), Weight: 1})
	}
	for b.Loop() {
		if _, err := placement.Choose(seed(1), 6, spaces); err != nil {
			b.Fatal(err)
		}
	}
}

func seed(n uint64) [16]byte {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	sum := sha256.Sum256(b[:])
	return [16]byte(sum[:16])
}

func usableDomains(spaces []placement.Space) map[string]bool {
	domains := map[string]bool{}
	for _, s := range spaces {
		if s.Weight > 0 {
			domains[s.Domain] = true
		}
	}
	return domains
}

func domainOf(spaces []placement.Space, id int64) string {
	return spaces[slices.IndexFunc(spaces, func(s placement.Space) bool { return s.ID == id })].Domain
}

func drawSeed(t *rapid.T) [16]byte { return seed(rapid.Uint64().Draw(t, "seed")) }

func drawSpaces(t *rapid.T) []placement.Space {
	ids := rapid.SliceOfNDistinct(rapid.Int64(), 1, 12, rapid.ID[int64]).Draw(t, "ids")
	spaces := make([]placement.Space, len(ids))
	for i, id := range ids {
		spaces[i] = placement.Space{
			ID:     id,
			Domain: rapid.SampledFrom([]string{"", "a", "b", "c", "d", "e"}).Draw(t, "domain"),
			Weight: rapid.SampledFrom([]float64{0, 1, 1, 0.25, 10}).Draw(t, "weight"),
		}
	}
	return spaces
}
