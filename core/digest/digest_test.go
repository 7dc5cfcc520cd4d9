package digest

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"hash"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
)

// kinds are the two digests with and without the pool.
func kinds() map[string][2]func(*Pool) hash.Hash {
	return map[string][2]func(*Pool) hash.Hash{
		"md5":    {(*Pool).MD5, func(*Pool) hash.Hash { return md5.New() }},
		"sha256": {(*Pool).SHA256, func(*Pool) hash.Hash { return sha256.New() }},
	}
}

// forced is a pool that uses the lanes wherever they are, SHA instructions or not.
func forced(tb testing.TB, leaders int) *Pool {
	if !lanesSupported() {
		tb.Skip("no lanes on this processor")
	}
	return &Pool{md5: newGroup(md5Algorithm(), leaders), sha256: newGroup(sha256Algorithm(), leaders)}
}

func TestSelfTestPasses(t *testing.T) {
	p := forced(t, 1)
	if !p.md5.works() {
		t.Error("md5: self-test failed")
	}
	if !p.sha256.works() {
		t.Error("sha256: self-test failed")
	}
}

func TestSelfTestCatchesABrokenLane(t *testing.T) {
	for name, g := range map[string]*group{"md5": forced(t, 1).md5, "sha256": forced(t, 1).sha256} {
		block := g.block
		g.block = func(state *[8][lanes]uint32, msgs *[lanes]*byte, blocks int) {
			block(state, msgs, blocks)
			state[1][15] ^= 1
		}
		if g.works() {
			t.Errorf("%s: self-test passed with a broken lane", name)
		}
	}
}

// TestStreams writes many streams of random lengths in random runs at once and compares with the standard
// library.
func TestStreams(t *testing.T) {
	for _, leaders := range []int{1, 2, 5} {
		for name, mk := range kinds() {
			t.Run(fmt.Sprintf("%s/%d", name, leaders), func(t *testing.T) {
				p := forced(t, leaders)
				var wg sync.WaitGroup
				for i := range 24 {
					wg.Go(func() {
						r := rand.New(rand.NewPCG(uint64(i), 7))
						got, want := mk[0](p), mk[1](p)
						for range 2 { // once more after Reset
							got.Reset()
							want.Reset()
							write(r, got, want)
							if a, b := got.Sum(nil), want.Sum(nil); !bytes.Equal(a, b) {
								t.Errorf("stream %d: %x, want %x", i, a, b)
							}
						}
					})
				}
				wg.Wait()
				for _, g := range []*group{p.md5, p.sha256} {
					if g.leaders != 0 || len(g.waiting) != 0 {
						t.Errorf("%d leaders and %d jobs left", g.leaders, len(g.waiting))
					}
				}
			})
		}
	}
}

// write gives both digests the same random runs.
func write(r *rand.Rand, got, want hash.Hash) {
	for range r.IntN(8) {
		run := make([]byte, []int{0, 1, 63, 64, 65, pooled - 1, pooled, pooled + 1, r.IntN(100 << 10)}[r.IntN(9)])
		for i := range run {
			run[i] = byte(r.Uint32())
		}
		got.Write(run)
		want.Write(run)
		clear(run) // Write is done with it
	}
}

func cpuTime() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// BenchmarkStreams shows CPU seconds for a gigabyte and the rate, by the number of streams; std is the floor.
func BenchmarkStreams(b *testing.B) {
	p := NewPool()
	for name, mk := range kinds() {
		for i, which := range []string{"pool", "std"} {
			for _, n := range []int{1, 2, 4, 8, 16} {
				b.Run(fmt.Sprintf("%s/%s/%d", name, which, n), func(b *testing.B) {
					run := make([]byte, 256<<10)
					b.SetBytes(int64(n * len(run)))
					from := cpuTime()
					var wg sync.WaitGroup
					for range n {
						wg.Go(func() {
							h := mk[i](p)
							for range b.N {
								h.Write(run)
							}
							h.Sum(nil)
						})
					}
					wg.Wait()
					b.ReportMetric((cpuTime()-from)/(float64(b.N*n*len(run))/1e9), "cpu-s/GB")
				})
			}
		}
	}
}
