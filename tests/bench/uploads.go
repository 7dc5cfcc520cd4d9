package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"trivium/core/coretest"
	"trivium/tests/s3client"
)

// dropping starts a server whose space drops content, on data of its own. The caller ends it.
func (b *bench) dropping() (*server, error) {
	binary := filepath.Join(b.dir, "trivium-discard")
	if err := s3client.BuildDropping(b.ctx, binary); err != nil {
		return nil, err
	}
	s, err := b.launch(binary, filepath.Join(b.dir, "discard"))
	if err != nil {
		return nil, err
	}
	if err := s.api.CreateBucket(b.ctx, bucket); err != nil {
		return nil, errors.Join(err, s.end())
	}
	return s, nil
}

// rowUploads sends 100 parts at once to a server that drops them and watches its memory.
func (b *bench) rowUploads() (err error) {
	const uploads = 100
	size := b.pick(64<<20, 16<<20)
	s, err := b.dropping()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	ctx, cancel := context.WithCancel(b.ctx)
	peak := make(chan float64)
	go func() { peak <- s.peak(ctx) }()
	start := time.Now()
	data := coretest.Bytes(1, size)
	failed := make([]error, uploads)
	var wg sync.WaitGroup
	for i := range uploads {
		wg.Go(func() {
			failed[i] = s.api.UploadOne(b.ctx, bucket, fmt.Sprintf("upload/%d", i), bytes.NewReader(data), int64(len(data)))
		})
	}
	wg.Wait()
	took := time.Since(start)
	cancel()
	most := <-peak
	if err := errors.Join(failed...); err != nil {
		return err
	}
	what := fmt.Sprintf("%d parallel uploads of a %d MiB part", uploads, size>>20)
	b.table.print(figure{what: what + ", RssAnon", unit: mebibytes, value: most, aim: "≤ 512 MiB"})
	b.table.print(figure{what: what, unit: megabytes, value: rate(uploads, size, took)})
	return nil
}

// peak returns the most RssAnon that is seen, in MiB, until ctx ends.
func (s *server) peak(ctx context.Context) float64 {
	t := time.NewTicker(10 * time.Millisecond)
	defer t.Stop()
	most := 0.0
	for {
		now, err := s.memory("RssAnon")
		if err == nil {
			most = max(most, now)
		}
		select {
		case <-ctx.Done():
			return most
		case <-t.C:
		}
	}
}
