package davfront

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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

// TestFailureInMidBody: the client sees a broken connection, never a short success, and the log hears of it.
func TestFailureInMidBody(t *testing.T) {
	var broken atomic.Bool
	e := newEnvOn(t, coretest.Options{Wrap: func(_ string, d drivers.Driver) drivers.Driver { return breaking{d, &broken} }})
	e.put("/dav/bucket/big", strings.Repeat("0123456789abcdef", 4<<20/16))
	broken.Store(true)
	res, err := e.client.Do(e.request(call{method: http.MethodGet, target: "/dav/bucket/big"}))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusOK || !errors.Is(err, io.ErrUnexpectedEOF) || len(body) >= 4<<20 {
		t.Errorf("GET = %d, %d bytes, %v, want a cut connection", res.StatusCode, len(body), err)
	}
	select {
	case ev := <-e.events:
		if ev.Op != "Get" || ev.Err == nil || !ev.Cut || ev.Status != http.StatusOK {
			t.Errorf("event = %+v, want a Get that was cut", ev)
		}
	case <-time.After(10 * time.Second):
		t.Error("the cut request was not observed")
	}
}

// TestNotes: the log hears who does what, and the code of an error.
func TestNotes(t *testing.T) {
	var mu sync.Mutex
	var noted []string
	note := func(_ context.Context, words ...string) {
		mu.Lock()
		defer mu.Unlock()
		noted = append(noted, strings.Join(words, " "))
	}
	e := newEnv(t, func(c *Config) {
		c.Note = func(ctx context.Context, principal, op string) { note(ctx, principal, op) }
		c.NoteCode = func(ctx context.Context, code string) { note(ctx, code) }
	})
	e.want(404, call{method: http.MethodGet, target: "/dav/bucket/none"})
	e.want(401, call{method: "PROPFIND", target: "/dav/", headers: "Depth: 0", user: "anonymous"})
	e.want(405, call{method: "SEARCH", target: "/dav/"})
	e.want(403, call{method: "PROPFIND", target: "/dav/bucket/"})
	want := []string{
		"admin Get", "NotFound", "anonymous Propfind", "Unauthorized", "admin Unknown", "MethodNotAllowed", "admin Propfind",
		"propfind-finite-depth",
	}
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(noted, want) {
		t.Errorf("noted %q, want %q", noted, want)
	}
}
