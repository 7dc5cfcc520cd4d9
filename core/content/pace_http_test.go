package content

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// age lets so much time go by for the clients of a lane that are at their turn.
func age(l *lane, by time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.holders {
		p.mu.Lock()
		if p.turns {
			p.since -= by
		}
		p.mu.Unlock()
	}
}

// TestDeadlinesWake: the deadlines of net/http are what a door needs to cut its clients, in both versions: the
// call that waits returns at once, and one whose body was cut is answered.
func TestDeadlinesWake(t *testing.T) {
	for _, version := range []int{1, 2} {
		t.Run(fmt.Sprint("http", version), func(t *testing.T) {
			l := newLab(t, 1, func(c *Config) { c.Budget = NewBudget(16 << 20) })
			data := random(4 << 20)
			req := PutRequest{Target: l.target(Policy{ChunkSize: 64 << 10}, 0), Size: int64(len(data))}
			stored := l.put(data, l.target(Policy{}, 0), true)
			ends := make(chan error, 2)
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
				for err == nil { // more than any buffer below takes
					rd.ready = [][]byte{data}
					_, err = rd.WriteTo(w)
				}
				ends <- err
			}))
			srv.EnableHTTP2 = version == 2
			srv.StartTLS()
			defer srv.Close()

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

			large := &l.cfg.Budget.large
			admitted := make(chan error)
			go func() {
				all, err := large.acquire(t.Context(), nil, large.total)
				large.release(all)
				admitted <- err
			}()
			for waits := true; waits; {
				select {
				case err = <-admitted:
					waits = false
				case <-time.After(20 * time.Millisecond): // which are minutes to the clients
					age(large, 2*paceWindow)
				}
			}
			if err != nil {
				t.Fatalf("acquire of everything = %v, want nil", err)
			}
			for range 2 {
				if err := <-ends; !errors.Is(err, ErrTooSlow) {
					t.Errorf("transfer = %v, want ErrTooSlow", err)
				}
			}
			if got := <-answers; got != "503 Service Unavailable" {
				t.Errorf("answer to the upload = %q, want 503", got)
			}
		})
	}
}
