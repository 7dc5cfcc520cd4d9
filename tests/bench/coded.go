package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"trivium/core"
	"trivium/core/content"
	"trivium/core/coretest"
)

// rowCoded compares ec(4,6) with policy none, both on spaces in memory, without HTTP.
func (b *bench) rowCoded() error {
	const size = 64 << 20
	policies := []core.BucketPolicy{
		{}, {Redundancy: content.Policy{Redundancy: content.ErasureCoded, K: 4, N: 6}},
	}
	put, get := make([][]float64, 2), make([][]float64, 2)
	for range b.rounds {
		for i, p := range policies {
			var failed error
			testing.Benchmark(func(tb *testing.B) { // an Env belongs to a test
				if failed != nil || len(put[i]) > len(get[1-i])+1 {
					return
				}
				var w, r float64
				if w, r, failed = inMemory(tb, p, size); failed == nil {
					put[i], get[i] = append(put[i], w), append(get[i], r)
				}
				tb.SkipNow() // measured already: once is enough
			})
			if failed != nil {
				return failed
			}
		}
	}
	b.table.print(figure{"PUT 64 MiB ec(4,6), spaces in memory", megabytes, median(put[1]), "none", median(put[0]), "≥ 0.9"})
	b.table.print(figure{"GET 64 MiB ec(4,6), spaces in memory", megabytes, median(get[1]), "none", median(get[0]), "≥ 0.9"})
	return nil
}

// inMemory writes and reads some objects and returns MB/s of both.
func inMemory(tb *testing.B, p core.BucketPolicy, size int) (put, get float64, err error) {
	const count = 4
	ctx := context.Background()
	env := coretest.New(tb, coretest.Options{Spaces: 6})
	if _, err := env.Bucket(ctx, bucket, core.VersioningOff, p); err != nil {
		return 0, 0, err
	}
	bodies := make([][]byte, count)
	for i := range bodies {
		bodies[i] = coretest.Bytes(uint64(i), size)
	}
	start := time.Now()
	for i, body := range bodies {
		_, err := env.Admin.PutObject(ctx, bucket, fmt.Sprint(i), bytes.NewReader(body), int64(size), core.PutOptions{})
		if err != nil {
			return 0, 0, err
		}
	}
	put = rate(count, size, time.Since(start))
	start = time.Now()
	for i := range bodies {
		if err := drain(ctx, env, fmt.Sprint(i)); err != nil {
			return 0, 0, err
		}
	}
	return put, rate(count, size, time.Since(start)), nil
}

// drain reads one object as a door would.
func drain(ctx context.Context, env *coretest.Env, key string) error {
	r, err := env.Admin.OpenObject(ctx, bucket, key, core.GetOptions{})
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(onlyWriter{io.Discard}, r.Body, make([]byte, 256<<10))
	return errors.Join(err, r.Body.Close())
}
