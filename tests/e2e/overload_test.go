package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"trivium/core/admission"
	s3 "trivium/tests/s3client"
)

// TestClientsSlowDown: real clients that are told to slow down come again by themselves, with their default settings,
// and nobody who uses them sees an error.
func TestClientsSlowDown(t *testing.T) {
	for _, name := range []string{"aws", "boto3"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := start(t, startOptions{})
			r, direct := newRelay(t, srv), srv.url
			srv.url = r.url
			c := newClient(t, name, srv, goodKeys())
			srv.url = direct
			c.makeBucket(t, "busy")
			file, digest := sample(t, t.TempDir(), 1000)
			h := &holders{srv: srv, bucket: "busy"}
			// The client runs already when the server becomes busy, and the server has room again before the client
			// reads that it had none: how fast either is does not matter.
			r.first, r.refused = sync.OnceFunc(func() { h.occupy(t) }), sync.OnceFunc(func() { h.release(t) })
			r.armed.Store(true)
			c.upload(t, file, "busy", "late")
			r.armed.Store(false)
			if !h.released.Load() {
				t.Error("the upload was not told to slow down")
			}
			back := filepath.Join(t.TempDir(), "back")
			if c.download(t, "busy", "late", back); digestOf(t, back) != digest {
				t.Error("what came back is not what was sent")
			}
		})
	}
}

// relay hands bytes on between clients and a server. Once armed it calls first before it hands a connection on, and
// refused before it hands on an answer 503.
type relay struct {
	url            string
	to             string
	first, refused func()
	armed          atomic.Bool
}

// newRelay starts a relay that ends with the test.
func newRelay(t *testing.T, srv *instance) *relay {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{url: "http://" + l.Addr().String(), to: strings.TrimPrefix(srv.url, "http://")}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { r.serve(t, conn) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	return r
}

// serve hands one connection on, until one side ends it or the test is over.
func (r *relay) serve(t *testing.T, client net.Conn) {
	defer client.Close()
	if r.armed.Load() {
		r.first()
	}
	server, err := new(net.Dialer).DialContext(t.Context(), "tcp", r.to)
	if err != nil {
		return // the client sees it
	}
	defer server.Close()
	over := make(chan struct{})
	var both sync.WaitGroup
	both.Go(func() {
		select {
		case <-over:
		case <-t.Context().Done():
		}
		_, _ = client.Close(), server.Close()
	})
	both.Go(func() { _, _ = io.Copy(server, client); _ = server.Close() })
	_, _ = io.Copy(writerFunc(func(b []byte) (int, error) {
		if bytes.HasPrefix(b, []byte("HTTP/1.1 503")) && r.armed.Load() {
			r.refused()
		}
		return client.Write(b)
	}), server)
	close(over)
	both.Wait()
}

// writerFunc is an io.Writer.
type writerFunc func(b []byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// holders are small uploads that stop half-way, as many as may be at work and wait.
type holders struct {
	srv      *instance
	bucket   string
	conns    []net.Conn
	released atomic.Bool
}

const (
	holdersInside, holdersWaiting = admission.Slots, admission.Queue
	holderSize, holderHalf        = 12000, 6000 // what is behind 4 KiB is read with memory of the budget alone
)

// occupy begins the uploads and returns when the server has no memory for more of them. It may run beside the test.
func (h *holders) occupy(t *testing.T) {
	for i := range holdersInside + holdersWaiting {
		conn, err := h.begin(t, i)
		if err != nil {
			t.Errorf("upload %d that holds memory: %v", i, err)
			return
		}
		h.conns = append(h.conns, conn)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		full, err := h.full(t)
		if full || err != nil {
			if err != nil {
				t.Errorf("metrics: %v", err)
			}
			return
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			return
		}
	}
}

// begin sends the first half of one upload.
func (h *holders) begin(t *testing.T, i int) (net.Conn, error) {
	signer := &s3.Client{Endpoint: h.srv.url, Access: accessKey, Secret: secretKey}
	u, err := url.Parse(signer.Presign(http.MethodPut, h.bucket, fmt.Sprintf("half/%d", i), nil, time.Now()))
	if err != nil {
		return nil, err
	}
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", u.Host)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = conn.Close() })
	head := fmt.Sprintf("PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", u.RequestURI(), u.Host, holderSize)
	_, err = io.WriteString(conn, head+strings.Repeat("x", holderHalf))
	return conn, err
}

// full tells whether an upload waits for memory, or was refused because there is none.
func (h *holders) full(t *testing.T) (bool, error) {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.srv.url+"/-/metrics", nil)
	if err != nil {
		return false, err
	}
	r.SetBasicAuth(rootUser, rootPassword)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	for _, name := range []string{"trivium_budget_waiting", "trivium_budget_refused_total"} {
		_, rest, found := strings.Cut(string(page), "\n"+name+" ")
		if found && !strings.HasPrefix(rest, "0\n") {
			return true, err
		}
	}
	return false, err
}

// release ends the uploads, all at once: those that were let in succeed. Some that wait may have waited for too long.
func (h *holders) release(t *testing.T) {
	h.released.Store(true)
	var all sync.WaitGroup
	var served atomic.Int64
	for _, conn := range h.conns {
		all.Go(func() {
			defer conn.Close()
			if _, err := io.WriteString(conn, strings.Repeat("x", holderSize-holderHalf)); err != nil {
				return
			}
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				return
			}
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				served.Add(1)
			}
		})
	}
	all.Wait()
	if n := served.Load(); n < holdersInside {
		t.Errorf("%d of the uploads that were let in succeed, want %d", n, holdersInside)
	}
}
