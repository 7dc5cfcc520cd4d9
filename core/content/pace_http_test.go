package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// wire is a listener on connections in memory, so that a bubble of fake time sees through them.
type wire struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newWire() *wire { return &wire{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (l *wire) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *wire) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *wire) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (l *wire) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	c, srv := net.Pipe()
	select {
	case l.conns <- srv:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TestDeadlinesWake: the deadlines of net/http are what a door needs to cut its clients, in both versions: the
// call that waits returns at once, and one whose body was cut is answered.
func TestDeadlinesWake(t *testing.T) {
	for _, version := range []int{1, 2} {
		t.Run(fmt.Sprint("http", version), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { deadlinesWake(t, version) })
		})
	}
}

// deadlinesWake lets a client of each direction fall silent for minutes, and another want the memory of both.
func deadlinesWake(t *testing.T, version int) {
	l := newLab(t, 1, func(c *Config) { c.Budget = NewBudget(16 << 20) })
	data := random(4 << 20)
	ends := make(chan error, 2)
	srv := serveWire(t, version, transfers(t, l, data, ends))
	body, feed := io.Pipe()
	defer feed.Close()
	put, err := http.NewRequestWithContext(t.Context(), http.MethodPut, srv.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	put.ContentLength = int64(len(data))
	answers := make(chan string, 1)
	go func() {
		resp, err := srv.Client().Do(put)
		if err != nil {
			answers <- err.Error()
			return
		}
		resp.Body.Close()
		answers <- resp.Status
	}()
	if _, err := io.Copy(feed, bytes.NewReader(data[:1<<20])); err != nil {
		t.Fatal(err)
	}
	resp, err := srv.Client().Get(srv.URL) // its body is never read
	if err != nil || resp.ProtoMajor != version {
		t.Fatal(resp, err)
	}
	defer resp.Body.Close()

	time.Sleep(2 * paceWindow)
	large, start := &l.cfg.Budget.large, time.Now()
	all, err := large.acquire(t.Context(), nil, large.total)
	if took := time.Since(start); err != nil || took != 0 {
		t.Fatalf("acquire of everything = %v after %v, want nil at once", err, took)
	}
	large.release(all)
	for range 2 {
		if err := <-ends; !errors.Is(err, ErrTooSlow) {
			t.Errorf("transfer = %v, want ErrTooSlow", err)
		}
	}
	if got := <-answers; got != "503 Service Unavailable" {
		t.Errorf("answer to the upload = %q, want 503", got)
	}
}

// serveWire serves h in memory until the test ends, in that version of HTTP.
func serveWire(t *testing.T, version int, h http.Handler) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	_ = srv.Listener.Close()
	inner := newWire()
	srv.Listener = inner
	protocols := new(http.Protocols)
	protocols.SetHTTP1(version == 1)
	protocols.SetUnencryptedHTTP2(version == 2)
	srv.Config.Protocols = protocols
	srv.Start()
	t.Cleanup(srv.Close)
	srv.Client().Transport = &http.Transport{DialContext: inner.dial, Protocols: protocols}
	return srv
}

// transfers answers a PUT by storing its body, and a GET with more than any buffer takes. How they ended it tells.
func transfers(t *testing.T, l *lab, data []byte, ends chan<- error) http.Handler {
	t.Helper()
	req := PutRequest{Target: l.target(Policy{ChunkSize: 64 << 10}, 0), Size: int64(len(data))}
	stored := l.put(data, l.target(Policy{}, 0), true)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		ctx := WithClient(r.Context(), Client{
			CutBody:   func() { _ = rc.SetReadDeadline(time.Unix(1, 0)) },
			CutAnswer: func() { _ = rc.SetWriteDeadline(time.Unix(1, 0)) },
		})
		if r.Method == http.MethodPut {
			_, err := l.Put(ctx, r.Body, req)
			ends <- err
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		rd, err := l.Open(ctx, pieces(stored, 0, stored.Size), l.resolve)
		if err != nil {
			t.Error(err)
			return
		}
		defer rd.Close()
		for err == nil {
			rd.ready = [][]byte{data}
			_, err = rd.WriteTo(w)
		}
		ends <- err
	})
}
