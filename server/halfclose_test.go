package server

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// halfClosed is the server's end of a connection whose client sends nothing after its first message.
type halfClosed struct {
	net.Conn
	reads atomic.Int32
}

func (h *halfClosed) Read(p []byte) (int, error) {
	if h.reads.Add(1) > 1 {
		return 0, io.EOF
	}
	return h.Conn.Read(p)
}

// halfClose runs door for one request of a client that then closes its sending side, and client on the rest.
func halfClose(t *testing.T, request string, door http.HandlerFunc, client func(c net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		pipes := newPipes()
		s := newServer(Config{}, pipes, nil)
		s.Open(Doors{S3: door})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Serve(ctx) }()
		c, srv := net.Pipe()
		pipes.conns <- &halfClosed{Conn: srv}
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
		client(c)
		_ = c.Close()
		stop()
		if err := <-done; err != nil {
			t.Errorf("Serve = %v, want nil", err)
		}
	})
}

// TestHalfClosedClientIsAnswered: a client may close its sending side when it has sent its request (RFC 9112, section
// 9.6). That is no reason to give up the request.
func TestHalfClosedClientIsAnswered(t *testing.T) {
	for name, request := range map[string]string{
		"GET": "GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.0": "GET /b/k HTTP/1.0\r\n\r\n",
		"PUT": "PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody",
	} {
		halfClose(t, request, func(w http.ResponseWriter, r *http.Request) {
			n, err := io.Copy(io.Discard, r.Body)
			if n != max(0, r.ContentLength) || err != nil {
				t.Errorf("%s: body of %d bytes, %v, want %d", name, n, err, r.ContentLength)
			}
			select {
			case <-r.Context().Done():
				t.Errorf("%s: the request was cancelled", name)
			case <-time.After(time.Minute):
			}
			_, _ = io.WriteString(w, strings.Repeat("x", 100_000))
		}, func(c net.Conn) {
			br := bufio.NewReader(c)
			answer, err := http.ReadResponse(br, nil)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(answer.Body)
			if len(b) != 100_000 || err != nil {
				t.Errorf("%s: answer of %d bytes, %v", name, len(b), err)
			}
			_ = answer.Body.Close()
			start := time.Now()
			if rest, err := io.ReadAll(br); len(rest) != 0 || err != nil || time.Since(start) != 0 {
				t.Errorf("%s: after the answer %q, %v in %v, want a closed connection", name, rest, err, time.Since(start))
			}
		})
	}
}

// TestGoneClientIsNoticed: one who closed both sides looks the same until something is written to him.
func TestGoneClientIsNoticed(t *testing.T) {
	halfClose(t, "GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n", func(w http.ResponseWriter, r *http.Request) {
		var err error
		for err == nil {
			_, err = w.Write(make([]byte, 64<<10))
		}
		if r.Context().Err() == nil {
			t.Error("the request goes on after a write that failed")
		}
	}, func(net.Conn) {})
}

// TestHalfClosedClientIsCut: neither an unfinished body nor the end of the server waits for more.
func TestHalfClosedClientIsCut(t *testing.T) {
	start := make(chan time.Time, 1)
	halfClose(t, "PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf", func(_ http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		if _, err := io.Copy(io.Discard, r.Body); err == nil || time.Since(begin) != 0 {
			t.Errorf("half a body = %v after %v, want an error at once", err, time.Since(begin))
		}
	}, func(c net.Conn) { _, _ = io.ReadAll(c) })
	halfClose(t, "GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n", func(_ http.ResponseWriter, r *http.Request) {
		start <- time.Now()
		<-r.Context().Done()
		if took := time.Since(<-start); took != 30*time.Second {
			t.Errorf("the end of the server cancelled the request after %v, want 30s", took)
		}
	}, func(net.Conn) { synctest.Wait() })
}

// TestGoneClientEndsWhatIsAttended: work that writes nothing before its end goes on for a while behind the client's, and
// no longer. A handler that does not say so works on, as does one that has said that it is done.
func TestGoneClientEndsWhatIsAttended(t *testing.T) {
	for name, tt := range map[string]struct{ before, attended, want time.Duration }{
		"before the end":   {0, time.Hour, goneTime},
		"long after it":    {time.Minute, time.Hour, time.Minute + goneTime},
		"ends before that": {time.Minute, goneTime - 1, time.Hour},
		"not at all":       {0, 0, time.Hour},
	} {
		for kind, request := range map[string]string{
			"GET": "GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n", "PUT": "PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody",
		} {
			halfClose(t, request, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				ctx, begin := r.Context(), time.Now()
				sleep := func(d time.Duration) {
					select {
					case <-ctx.Done():
					case <-time.After(d):
					}
				}
				sleep(tt.before)
				done := Attend(ctx)
				sleep(tt.attended)
				done()
				sleep(time.Hour - time.Since(begin))
				if took := time.Since(begin); took != tt.want || (ctx.Err() != nil) != (tt.want < time.Hour) {
					t.Errorf("%s, %s: ended after %v with %v, want %v", name, kind, took, ctx.Err(), tt.want)
				}
				_, _ = io.WriteString(w, "answer")
			}, func(c net.Conn) {
				if got, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(got), "answer") {
					t.Errorf("%s, %s: answer %q, %v", name, kind, got, err)
				}
			})
		}
	}
}

// TestAttendedClientThatStays: a client that may send more is there, however long the work takes.
func TestAttendedClientThatStays(t *testing.T) {
	bubble(t, func(w http.ResponseWriter, r *http.Request) {
		defer Attend(r.Context())()
		time.Sleep(time.Hour)
		if err := r.Context().Err(); err != nil {
			t.Errorf("the request ended: %v", err)
		}
		w.WriteHeader(http.StatusNoContent)
	}, func(dial func() net.Conn) {
		c := dial()
		_, _ = io.WriteString(c, "GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n")
		line, err := bufio.NewReader(c).ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "HTTP/1.1 204 ") {
			t.Errorf("answer %q, %v, want 204", line, err)
		}
		_ = c.Close()
	})
}
