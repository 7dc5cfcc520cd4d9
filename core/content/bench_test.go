package content

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"syscall"
	"testing"

	"trivium/drivers/memory"
)

// plain hides everything but Read, as a network body does.
type plain struct{ io.Reader }

func benchLab(b *testing.B, p Policy, discard bool) *lab {
	l := newLab(b, p.Total())
	for _, sp := range l.cfg.Spaces.All() {
		sp.Driver = memory.New()
		if discard {
			sp.Driver = memory.NewDiscard()
		}
		l.cfg.Spaces.Set(sp)
	}
	return l
}

func benchPolicies() map[string]Policy {
	return map[string]Policy{"none": {}, "ec4of6": {Redundancy: ErasureCoded, K: 4, N: 6, Strict: true}}
}

// cpu reports what the process has spent since: on a machine that others use too the wall clock tells little.
func cpu(b *testing.B) func() {
	spent := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	before := spent()
	return func() { b.ReportMetric(float64(spent()-before)/float64(b.N), "cpu-ns/op") }
}

func benchSizes() []int { return []int{4 << 10, 128 << 10, 64 << 20} }

func BenchmarkPut(b *testing.B) {
	for _, set := range []DigestSet{0, MD5 | SHA256} {
		for _, where := range []string{"discard", "memory"} {
			for name, p := range benchPolicies() {
				for _, size := range benchSizes() {
					b.Run(fmt.Sprintf("digests=%d/%s/%s/%d", set, where, name, size), func(b *testing.B) {
						l := benchLab(b, p, where == "discard")
						benchPut(b, l, PutRequest{Target: l.target(p, 0), Size: int64(size), Digests: set})
					})
				}
			}
		}
	}
}

func benchPut(b *testing.B, l *lab, req PutRequest) {
	data := make([]byte, req.Size)
	b.SetBytes(req.Size)
	b.ReportAllocs()
	defer cpu(b)()
	for b.Loop() {
		w, err := l.Put(context.Background(), plain{bytes.NewReader(data)}, req)
		if err != nil {
			b.Fatal(err)
		}
		w.Committed()
		w.Close()
		if len(w.Blobs) == 0 {
			continue
		}
		for p := range w.Blobs[0].Layout.Places() { // memory must not fill up
			if err := l.RemoveShard(context.Background(), w.Blobs[0].ID, p); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkPutInline(b *testing.B) {
	l := benchLab(b, Policy{}, true)
	benchPut(b, l, PutRequest{Target: l.target(Policy{}, 0), Size: 4 << 10, Inline: 16 << 10, Digests: MD5 | SHA256})
}

func BenchmarkPutSealed(b *testing.B) {
	l := benchLab(b, Policy{}, true)
	benchPut(b, l, PutRequest{Target: l.target(Policy{}, 1), Size: 64 << 20, Digests: MD5 | SHA256})
}

func BenchmarkOpen(b *testing.B) {
	for name, p := range benchPolicies() {
		for _, key := range []uint32{0, 1} {
			for _, size := range benchSizes() {
				b.Run(fmt.Sprintf("%s/key=%d/%d", name, key, size), func(b *testing.B) {
					l := benchLab(b, p, false)
					w := l.put(make([]byte, size), l.target(p, key), true)
					list := pieces(w, 0, w.Size)
					b.SetBytes(int64(size))
					b.ReportAllocs()
					defer cpu(b)()
					for b.Loop() {
						r, err := l.Open(context.Background(), list, l.resolve)
						if err != nil {
							b.Fatal(err)
						}
						if n, err := r.WriteTo(io.Discard); err != nil || n != int64(size) {
							b.Fatal(n, err)
						}
						r.Close()
					}
				})
			}
		}
	}
}
