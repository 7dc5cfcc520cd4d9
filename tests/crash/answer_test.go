package crash

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// TestAnswer kills the server at each door in the moment before its answer: nobody heard that it was done, and it is.
func TestAnswer(t *testing.T) {
	s := newSuite(t, 0)
	folder := davRequest{method: "MKCOL", bucket: plain, key: "made"}
	for _, tt := range []struct {
		door       string
		make, find func(ctx context.Context, p *process) error
		again      int // status of what is made a second time
	}{
		{
			"S3",
			func(ctx context.Context, p *process) error { return p.client.CreateBucket(ctx, "made") },
			func(ctx context.Context, p *process) error { _, err := p.api.Bucket(ctx, "made"); return err },
			http.StatusOK,
		},
		{
			"WebDAV",
			func(ctx context.Context, p *process) error { _, _, err := p.dav(ctx, folder); return err },
			func(ctx context.Context, p *process) error { _, err := p.api.Package(ctx, plain, "made"); return err },
			http.StatusMethodNotAllowed,
		},
		{
			"native",
			func(ctx context.Context, p *process) error {
				b, err := p.api.Bucket(ctx, plain)
				if err == nil {
					_, err = p.api.CreatePackage(ctx, b.BucketID, "made")
				}
				return err
			},
			func(ctx context.Context, p *process) error {
				_, _, err := p.dav(ctx, davRequest{method: "PROPFIND", bucket: plain, key: "made", header: map[string]string{"Depth": "0"}})
				return err
			},
			http.StatusConflict,
		},
	} {
		t.Run(tt.door, func(t *testing.T) {
			t.Parallel()
			data := filepath.Join(t.TempDir(), "data")
			if err := copyTree(s.template, data); err != nil {
				t.Fatal(err)
			}
			at := "answer.before:1"
			if tt.door == "native" {
				at = "answer.before:2" // that of bucket/getByName goes before it
			}
			log := filepath.Join(t.TempDir(), "log")
			p, err := start(t.Context(), s.binary, data, at, log)
			if err != nil || p.ready == 0 {
				t.Fatalf("start: %v\n%s", err, p.out)
			}
			if err := tt.make(t.Context(), p); err == nil || status(err) != 0 {
				t.Errorf("a server that dies before its answer answers: %v", err)
			}
			p.kill()
			if text, err := os.ReadFile(log); err != nil || string(text) != "crash answer.before\n" {
				t.Errorf("the server died at %q, %v", text, err)
			}
			if p, err = start(t.Context(), s.binary, data, "", ""); err != nil || p.ready == 0 {
				t.Fatalf("start again: %v\n%s", err, p.out)
			}
			defer p.kill()
			if err := tt.find(t.Context(), p); err != nil {
				t.Errorf("what was made before the answer is gone: %v", err)
			}
			if got := status(tt.make(t.Context(), p)); got != tt.again {
				t.Errorf("it is made a second time: %d, want %d", got, tt.again)
			}
		})
	}
}
