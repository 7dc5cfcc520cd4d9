package core_test

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"trivium/core"
	"trivium/core/coretest"
)

// clients is how many goroutines for each core the benchmarks run: 16 on the machine the budgets are for.
const clients = 8

func benchEnv(b *testing.B) *coretest.Env {
	env := coretest.New(b, coretest.Options{})
	if _, err := env.Bucket(b.Context(), "bench", core.VersioningOff, core.BucketPolicy{}); err != nil {
		b.Fatal(err)
	}
	return env
}

func BenchmarkPut4K(b *testing.B) {
	env := benchEnv(b)
	data := coretest.Bytes(1, 4096)
	var n atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(clients)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			key := "pkg/" + strconv.FormatInt(n.Add(1), 10)
			if _, err := env.Admin.PutObject(b.Context(), "bench", key, bytes.NewReader(data), 4096, core.PutOptions{}); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkGet4K(b *testing.B) { benchGet(b, 4<<10, core.GetOptions{}) }

// BenchmarkGet128K reads content that lies in one shard.
func BenchmarkGet128K(b *testing.B) { benchGet(b, 128<<10, core.GetOptions{}) }

// BenchmarkGetRange reads 128 KiB that lie in two blocks.
func BenchmarkGetRange(b *testing.B) {
	benchGet(b, 4<<20, core.GetOptions{Range: &core.Range{First: 200 << 10, Last: 328<<10 - 1}})
}

func benchGet(b *testing.B, size int64, opts core.GetOptions) {
	env := benchEnv(b)
	data := coretest.Bytes(1, int(size))
	count := max(4, min(1000, (64<<20)/size))
	for i := range count {
		if _, err := env.Admin.PutObject(b.Context(), "bench", fmt.Sprintf("pkg/%d", i), bytes.NewReader(data), size, core.PutOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.SetParallelism(clients)
	b.ResetTimer()
	var n atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r, err := env.Admin.OpenObject(b.Context(), "bench", "pkg/"+strconv.FormatInt(n.Add(1)%count, 10), opts)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			r.Body.Close()
		}
	})
}

func BenchmarkHead(b *testing.B) {
	env := benchEnv(b)
	if _, err := env.Admin.PutObject(b.Context(), "bench", "pkg/1", bytes.NewReader(nil), 0, core.PutOptions{}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetParallelism(clients)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := env.Admin.StatObject(b.Context(), "bench", "pkg/1", core.GetOptions{}); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkDeleteObjects1000(b *testing.B) {
	env := benchEnv(b)
	data := coretest.Bytes(1, 100)
	items := make([]core.DeleteItem, 1000)
	for i := range items {
		items[i].Key = fmt.Sprintf("pkg/%d", i)
	}
	for b.Loop() {
		b.StopTimer()
		for i := range items {
			if _, err := env.Admin.PutObject(b.Context(), "bench", items[i].Key, bytes.NewReader(data), 100, core.PutOptions{}); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		if _, err := env.Admin.DeleteObjects(b.Context(), "bench", items); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkList1000(b *testing.B) {
	env := benchEnv(b)
	for i := range 3000 {
		if _, err := env.Admin.PutObject(b.Context(), "bench", fmt.Sprintf("d%04d/x", i), bytes.NewReader(nil), 0, core.PutOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	for _, delimiter := range []string{"", "/"} {
		b.Run("delimiter="+delimiter, func(b *testing.B) {
			for b.Loop() {
				p, err := env.Admin.ListObjects(b.Context(), "bench", core.ListOptions{Limit: 1000, Delimiter: delimiter})
				if err != nil || len(p.Items) != 1000 {
					b.Fatal(len(p.Items), err)
				}
			}
		})
	}
}

func BenchmarkComplete(b *testing.B) {
	for _, parts := range []int{200, 10_000} {
		b.Run(strconv.Itoa(parts), func(b *testing.B) {
			env := benchEnv(b)
			p := core.Path{Bucket: "bench"}
			for b.Loop() {
				b.StopTimer()
				p.Key += "k"
				id, named := benchUpload(b, env, p, parts)
				b.StartTimer()
				if _, err := env.Admin.CompleteUpload(b.Context(), p, id, named, core.CompleteOptions{Size: -1}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func benchUpload(b *testing.B, env *coretest.Env, p core.Path, parts int) (string, []core.CompletePart) {
	u, err := env.Admin.CreateUpload(b.Context(), p, core.PutOptions{}, core.Checksum{Algorithm: "CRC32C"})
	if err != nil {
		b.Fatal(err)
	}
	named := make([]core.CompletePart, parts)
	var n atomic.Int64
	b.SetParallelism(clients)
	done := make(chan error, 16)
	for range cap(done) {
		go func() {
			for {
				i := int(n.Add(1))
				if i > parts {
					done <- nil
					return
				}
				part, _, err := env.Admin.PutPart(b.Context(), p, u.ID, core.PartRequest{
					Number: i, Body: bytes.NewReader(coretest.Bytes(uint64(i), 100)), Size: 100,
				})
				if err != nil {
					done <- err
					return
				}
				named[i-1] = core.CompletePart{Number: i, ETag: part.ETag}
			}
		}()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	return u.ID, named
}

// BenchmarkParts describes objects of few and of many parts of 256 KiB, and reads 128 KiB in their middle.
func BenchmarkParts(b *testing.B) {
	const size = 256 << 10
	for _, parts := range []int{1, 17, 10_000} {
		env := benchEnv(b)
		p := core.Path{Bucket: "bench", Key: "k"}
		u, err := env.Admin.CreateUpload(b.Context(), p, core.PutOptions{}, core.Checksum{Algorithm: "CRC32C"})
		if err != nil {
			b.Fatal(err)
		}
		_, _, err = env.Admin.PutPart(b.Context(), p, u.ID, core.PartRequest{Number: 1, Body: bytes.NewReader(coretest.Bytes(1, size)), Size: size})
		if err != nil {
			b.Fatal(err)
		}
		named := slices.Repeat([]core.CompletePart{{Number: 1}}, parts)
		if _, err := env.Admin.CompleteUpload(b.Context(), p, u.ID, named, core.CompleteOptions{Size: -1, AnyOrder: true}); err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("head/%d", parts), func(b *testing.B) {
			for b.Loop() {
				if _, err := env.Admin.StatObject(b.Context(), p.Bucket, p.Key, core.GetOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
		middle := core.Range{First: int64(parts) / 2 * size, Last: int64(parts)/2*size + 128<<10 - 1}
		for name, opts := range map[string]core.GetOptions{"range": {Range: &middle}, "part": {PartNumber: (parts + 1) / 2}} {
			b.Run(fmt.Sprintf("%s/%d", name, parts), func(b *testing.B) {
				for b.Loop() {
					r, err := env.Admin.OpenObject(b.Context(), p.Bucket, p.Key, opts)
					if err != nil {
						b.Fatal(err)
					}
					if _, err := io.Copy(io.Discard, r.Body); err != nil {
						b.Fatal(err)
					}
					r.Body.Close()
				}
			})
		}
	}
}

// BenchmarkOpenParts opens an object of 10,000 parts and reads one byte in its middle, or the first of all.
func BenchmarkOpenParts(b *testing.B) {
	env := benchEnv(b)
	p := core.Path{Bucket: "bench", Key: "k"}
	id, named := benchUpload(b, env, p, 10_000)
	if _, err := env.Admin.CompleteUpload(b.Context(), p, id, named, core.CompleteOptions{Size: -1}); err != nil {
		b.Fatal(err)
	}
	for name, r := range map[string]*core.Range{"range": {First: 500_000, Last: 500_000}, "whole": nil} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				r, err := env.Admin.OpenObject(b.Context(), p.Bucket, p.Key, core.GetOptions{Range: r})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.CopyN(io.Discard, r.Body, 1); err != nil {
					b.Fatal(err)
				}
				r.Body.Close()
			}
		})
	}
}

// BenchmarkDeleteParts deletes 50 objects of 10,000 parts, and measures how long a small write takes meanwhile.
func BenchmarkDeleteParts(b *testing.B) {
	const parts, objects = 10_000, 50
	env := benchEnv(b)
	for b.Loop() {
		b.StopTimer()
		items := make([]core.DeleteItem, objects)
		for i := range items {
			items[i].Key = fmt.Sprintf("k%d", i)
			p := core.Path{Bucket: "bench", Key: items[i].Key}
			u, err := env.Admin.CreateUpload(b.Context(), p, core.PutOptions{}, core.Checksum{})
			if err != nil {
				b.Fatal(err)
			}
			if _, _, err = env.Admin.PutPart(b.Context(), p, u.ID, core.PartRequest{Number: 1, Body: bytes.NewReader([]byte("x")), Size: 1}); err != nil {
				b.Fatal(err)
			}
			named := slices.Repeat([]core.CompletePart{{Number: 1}}, parts)
			if _, err := env.Admin.CompleteUpload(b.Context(), p, u.ID, named, core.CompleteOptions{Size: -1, AnyOrder: true}); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		done := make(chan error, 1)
		go func() {
			_, err := env.Admin.DeleteObjects(b.Context(), "bench", items)
			done <- err
		}()
		start := time.Now()
		_, err := env.Admin.PutObject(b.Context(), "bench", "small", bytes.NewReader([]byte("x")), 1, core.PutOptions{})
		b.ReportMetric(float64(time.Since(start).Microseconds())/1000, "put-ms")
		if derr := <-done; err != nil || derr != nil {
			b.Fatal(err, derr)
		}
	}
}
