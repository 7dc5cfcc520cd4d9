package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"

	s3 "trivium/tests/s3client"
)

// TestParallelUploads sends 100 parts at once to a server that drops content: while all of them stand in the middle,
// and at every MiB that one of them sends, its own memory stays below 512 MiB; every part is taken at the first try.
// With TRIVIUM_SOAK parts have 64 MiB.
func TestParallelUploads(t *testing.T) {
	const uploads, most = 100, 512 << 10 // KiB
	if runtime.GOOS != "linux" {
		t.Skip("memory is read from /proc")
	}
	size := int64(12 << 20) // of which the server may not keep all: 1,200 MiB
	if os.Getenv("TRIVIUM_SOAK") != "" {
		size = 64 << 20
	}
	dropping := filepath.Join(t.TempDir(), "trivium")
	if err := s3.BuildDropping(t.Context(), dropping); err != nil {
		t.Fatal(err)
	}
	srv := start(t, startOptions{program: dropping})
	api := &s3.Client{Endpoint: srv.url, Access: accessKey, Secret: secretKey, HTTP: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: uploads}}}
	defer api.HTTP.CloseIdleConnections()
	if err := api.CreateBucket(t.Context(), "uploads"); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var peak int64
	sample := func() {
		now, err := s3.Memory(srv.cmd.Process.Pid, "RssAnon")
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		peak = max(peak, now)
	}
	var half sync.WaitGroup
	half.Add(uploads)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		half.Wait()
		sample()
		cancel()
	}()
	failed := make([]error, uploads)
	var all sync.WaitGroup
	for i := range uploads {
		all.Go(func() {
			body := &partBody{size: size, wait: size / 2, sent: sample, half: sync.OnceFunc(half.Done), all: ctx.Done()}
			defer body.half() // who fails keeps nobody waiting
			failed[i] = api.UploadOne(t.Context(), "uploads", fmt.Sprintf("key-%d", i), body, size)
		})
	}
	all.Wait()
	if err := errors.Join(failed...); err != nil {
		t.Error(err)
	}
	t.Logf("RssAnon: %d MiB at most", peak>>10)
	if peak > most {
		t.Errorf("RssAnon = %d KiB, want at most %d", peak, most)
	}
	srv.stop(syscall.SIGTERM)
	start(t, startOptions{dir: srv.dir, program: dropping}) // ready, though nothing of its content is there
}

// partBody is a body of size bytes that stops after wait of them until all others are as far.
type partBody struct {
	size, wait, n int64
	sent, half    func()
	all           <-chan struct{}
}

// Read implements io.Reader.
func (b *partBody) Read(p []byte) (int, error) {
	if b.n == b.size {
		return 0, io.EOF
	}
	if b.n == b.wait {
		b.half()
		<-b.all
	}
	if b.n%(1<<20) == 0 {
		b.sent()
	}
	end := (b.n/(1<<20) + 1) << 20
	n := min(int64(len(p)), end-b.n, b.size-b.n)
	for i := range p[:n] {
		p[i] = byte(b.n + int64(i))
	}
	b.n += n
	return int(n), nil
}
