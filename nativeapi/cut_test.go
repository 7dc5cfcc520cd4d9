package nativeapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"trivium/core/coretest"
	"trivium/drivers"
)

// breaking is a driver that reads nothing behind the first MiB of a shard once it is told to.
type breaking struct {
	drivers.Driver
	broken *atomic.Bool
}

// Open implements drivers.Driver.
func (b breaking) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	rc, err := b.Driver.Open(ctx, name, offset, length)
	if err != nil || !b.broken.Load() {
		return rc, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(io.LimitReader(rc, max(0, 1<<20-offset)), failing{}), rc}, nil
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("disk is gone") }

// TestRuleFailureInMidBody: a download or an archive that cannot go on cuts the connection; it never ends as if it were
// whole.
func TestRuleFailureInMidBody(t *testing.T) {
	var broken atomic.Bool
	l := newLabOn(t, "", coretest.Options{Wrap: func(_ string, d drivers.Driver) drivers.Driver { return breaking{d, &broken} }})
	p := l.pkg(l.bucket("bkt"), "pkg")
	id := l.put(p, "big", strings.Repeat("0123456789abcdef", 4<<20/16))
	broken.Store(true)
	srv := httptest.NewServer(l.door)
	defer srv.Close()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for _, target := range []string{
		fmt.Sprintf("object/download?objectID=%d", id), fmt.Sprintf("object/download?objectID=%d&offset=1", id), "object/downloadByPath?path=bkt/pkg/big",
		fmt.Sprintf("package/download?packageID=%d", p), fmt.Sprintf("package/download?packageID=%d&format=tar", p),
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/v1/"+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth(l.keys["admin"][0], l.keys["admin"][1])
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != http.StatusOK || !errors.Is(err, io.ErrUnexpectedEOF) || len(body) >= 4<<20 {
			t.Errorf("%s = %d, %d bytes, %v, want a cut connection", target, res.StatusCode, len(body), err)
		}
	}
	srv.Close()
	last := l.events[len(l.events)-1]
	if len(l.events) != 5 || !last.Cut || last.Err == nil || last.Op != "DownloadPackage" {
		t.Errorf("%d events, the last one %+v", len(l.events), last)
	}
}
