package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

type clientKey struct{}

// TestClientIsCut lets a door end the Read and the Write that wait for a silent client, long before the watcher does.
func TestClientIsCut(t *testing.T) {
	type cuts struct{ body, answer func() }
	synctest.Test(t, func(t *testing.T) {
		pipes := newPipes()
		s := newServer(Config{Client: func(ctx context.Context, cutBody, cutAnswer func()) context.Context {
			return context.WithValue(ctx, clientKey{}, cuts{cutBody, cutAnswer})
		}}, pipes, nil)
		var read, written error
		var took time.Duration
		s.Open(Doors{S3: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			start := time.Now()
			c, _ := r.Context().Value(clientKey{}).(cuts)
			if RequestID(r.Context()) == "" {
				t.Error("the request has lost its identity")
			}
			cut := time.AfterFunc(time.Second, c.body)
			_, read = io.Copy(io.Discard, r.Body)
			cut.Stop()
			cut = time.AfterFunc(time.Second, c.answer)
			_, written = w.Write(make([]byte, 1<<20))
			cut.Stop()
			took = time.Since(start)
		})})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Serve(ctx) }()
		c := pipes.dial(t)
		_, _ = io.WriteString(c, "PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf")
		time.Sleep(3 * time.Second)
		_ = c.Close()
		stop()
		if err := <-done; err != nil {
			t.Errorf("Serve = %v, want nil", err)
		}
		if !errors.Is(read, os.ErrDeadlineExceeded) || !errors.Is(written, os.ErrDeadlineExceeded) || took != 2*time.Second {
			t.Errorf("Read = %v, Write = %v after %v, want deadline errors after 2s", read, written, took)
		}
	})
}

// bubble runs a server with door on in-memory connections, in fake time, and f as its client.
func bubble(t *testing.T, door http.HandlerFunc, f func(dial func() net.Conn)) {
	t.Helper()
	bubbleTLS(t, nil, door, f)
}

// bubbleTLS is bubble with TLS unless files is nil.
func bubbleTLS(t *testing.T, files *certFiles, door http.HandlerFunc, f func(dial func() net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		pipes := newPipes()
		s := newServer(Config{Log: zerolog.Nop()}, pipes, files)
		s.Open(Doors{S3: door})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Serve(ctx) }()
		f(func() net.Conn { return pipes.dial(t) })
		stop()
		if err := <-done; err != nil {
			t.Errorf("Serve = %v, want nil", err)
		}
	})
}

func TestStalledBodyIsCut(t *testing.T) {
	var took time.Duration
	var got error
	bubble(t, func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		_, got = io.Copy(io.Discard, r.Body)
		took = time.Since(start)
		w.WriteHeader(http.StatusRequestTimeout)
	}, func(dial func() net.Conn) {
		c := dial()
		_, _ = io.WriteString(c, "PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf")
		answer, _ := io.ReadAll(c)
		if !strings.HasPrefix(string(answer), "HTTP/1.1 408 ") {
			t.Errorf("answer %q, want 408", answer)
		}
	})
	if !errors.Is(got, os.ErrDeadlineExceeded) {
		t.Errorf("Read of a stalled body = %v, want a deadline error", got)
	}
	if took < time.Minute || took > 72*time.Second {
		t.Errorf("a stalled body was cut after %v, want 60 s to 72 s", took)
	}
}

// answers are ways to end a request whose body nobody has read: net/http sends some of them from inside the
// handler, and reads on there before it does.
func answers() map[string]http.HandlerFunc {
	send := func(pieces ...int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			for _, n := range pieces {
				_, _ = w.Write(make([]byte, n))
			}
		}
	}
	return map[string]http.HandlerFunc{
		"head alone": send(), "buffered": send(2048), "in one write": send(2049), "in many writes": send(2047, 1, 1, 1),
		"long": send(1, 1<<20),
		"flushed": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			_ = http.NewResponseController(w).Flush()
		},
		"closed": func(w http.ResponseWriter, r *http.Request) {
			_ = r.Body.Close()
			w.WriteHeader(http.StatusForbidden)
		},
	}
}

func TestUnreadBodyIsCut(t *testing.T) {
	for _, request := range []string{
		"PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nxx",
		"PUT /b/k HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxx\r\n",
		"PUT /b/k HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n",
		"PUT /b/k HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\nContent-Length: 100\r\n\r\n",
	} {
		for name, answer := range answers() {
			bubble(t, answer, func(dial func() net.Conn) {
				c := dial()
				_ = c.SetReadDeadline(time.Now().Add(time.Hour))
				start := time.Now()
				_, _ = io.WriteString(c, request)
				answer, _ := io.ReadAll(c)
				if took := time.Since(start); took > 11*time.Second {
					t.Errorf("%s, %q: connection with an unread body ended after %v, want 10 s", name, request, took)
				}
				if !strings.HasPrefix(string(answer), "HTTP/1.1 403 ") && !strings.HasPrefix(string(answer), "HTTP/1.0 403 ") {
					t.Errorf("%s, %q: answer %.80q, want 403", name, request, answer)
				}
				_ = c.Close()
			})
		}
	}
}

// TestLongAnswerToAnUnreadBodyIsNotCut answers for minutes when the body that nobody read came at once.
func TestLongAnswerToAnUnreadBodyIsNotCut(t *testing.T) {
	const pieces = 20
	bubble(t, func(w http.ResponseWriter, r *http.Request) {
		for range pieces {
			_, _ = w.Write(make([]byte, 4096))
			_ = http.NewResponseController(w).Flush()
			time.Sleep(30 * time.Second)
		}
		if err := r.Context().Err(); err != nil {
			t.Errorf("context of a long answer: %v", err)
		}
	}, func(dial func() net.Conn) {
		c := dial()
		go func() {
			_, _ = io.WriteString(c, "PUT /b/k HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\nbody")
		}()
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		n, err := io.Copy(io.Discard, answer.Body)
		if n != pieces*4096 || err != nil {
			t.Errorf("long answer = %d bytes, %v, want %d", n, err, pieces*4096)
		}
		_ = c.Close()
	})
}

func TestUnreadBodyThatComesKeepsTheConnection(t *testing.T) {
	bubble(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
	}, func(dial func() net.Conn) {
		c := dial()
		for range 3 {
			_, _ = io.WriteString(c, "PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody")
			answer, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil || answer.StatusCode != http.StatusForbidden {
				t.Fatalf("answer = %v, %v, want 403 on the same connection", answer, err)
			}
			_ = answer.Body.Close()
			time.Sleep(30 * time.Second) // longer than an unread body may take, shorter than idle
		}
		_ = c.Close()
	})
}

func TestSlowButLivingBodyIsServed(t *testing.T) {
	var n int64
	var err error
	bubble(t, func(_ http.ResponseWriter, r *http.Request) {
		n, err = io.Copy(io.Discard, r.Body)
	}, func(dial func() net.Conn) {
		c := dial()
		go func() {
			_, _ = io.WriteString(c, "PUT /b/k HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 10\r\n\r\n")
			for range 10 {
				time.Sleep(50 * time.Second)
				_, _ = c.Write([]byte("x"))
			}
		}()
		_, _ = io.ReadAll(c)
	})
	if n != 10 || err != nil {
		t.Errorf("body of 500 s = %d bytes, %v, want 10 bytes", n, err)
	}
}

func TestServersOwnWorkIsNotCut(t *testing.T) {
	const body = "0123456789"
	bubble(t, func(w http.ResponseWriter, r *http.Request) {
		half := make([]byte, 5)
		_, _ = io.ReadFull(r.Body, half)
		time.Sleep(time.Hour) // between two reads
		rest, err := io.ReadAll(r.Body)
		time.Sleep(time.Hour) // between the body and the answer
		if r.Context().Err() != nil || err != nil {
			t.Errorf("after the server's own work: read %v, context %v", err, r.Context().Err())
		}
		_, _ = w.Write(half)
		_ = http.NewResponseController(w).Flush()
		time.Sleep(time.Hour) // between two writes
		_, _ = w.Write(rest)
	}, func(dial func() net.Conn) {
		c := dial()
		go func() { _, _ = io.WriteString(c, "PUT /b/k HTTP/1.0\r\nContent-Length: 10\r\n\r\n"+body) }()
		answer, err := io.ReadAll(c)
		if err != nil || !strings.HasSuffix(string(answer), body) {
			t.Errorf("answer %q, %v, want the body", answer, err)
		}
	})
}

func TestStalledReaderIsCut(t *testing.T) {
	for _, size := range []int{1, 4096, 1 << 20} { // sent at the handler's end, in its last Write, in mid-answer
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			bubble(t, func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write(make([]byte, size))
			}, func(dial func() net.Conn) {
				c := dial()
				_, _ = io.WriteString(c, "GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n")
				time.Sleep(73 * time.Second)
				answer, err := io.ReadAll(c)
				if len(answer) != 0 || err != nil {
					t.Errorf("after 73 s of not reading: %d bytes, %v, want a closed connection", len(answer), err)
				}
			})
		})
	}
}

func TestHTTP2StalledReaderIsCut(t *testing.T) {
	cert, key := writeCert(t, t.TempDir(), 1)
	files, err := loadCert(cert, key, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	var took time.Duration
	var cut error
	bubbleTLS(t, files, func(w http.ResponseWriter, _ *http.Request) {
		start := time.Now()
		for cut == nil {
			_, cut = w.Write(make([]byte, 1<<20))
		}
		took = time.Since(start)
	}, func(dial func() net.Conn) {
		tr := &http.Transport{
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true,
			DialContext: func(context.Context, string, string) (net.Conn, error) { return dial(), nil },
		}
		defer tr.CloseIdleConnections()
		resp, err := (&http.Client{Transport: tr}).Get("https://127.0.0.1/b/k")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		if resp.ProtoMajor != 2 {
			t.Errorf("answered by %s, want HTTP/2", resp.Proto)
		}
		_ = resp.Body.Close()
	})
	if cut == nil || took < time.Minute || took > 72*time.Second {
		t.Errorf("a client that takes nothing was cut after %v with %v, want 60 s to 72 s", took, cut)
	}
}

func TestSlowHeaderIsCut(t *testing.T) {
	bubble(t, func(http.ResponseWriter, *http.Request) { t.Error("reached the door") }, func(dial func() net.Conn) {
		c := dial()
		start := time.Now()
		_, _ = io.WriteString(c, "GET /b/k HTTP/1.1\r\nHost: h\r\n")
		_, _ = io.ReadAll(c)
		if took := time.Since(start); took != headerTimeout {
			t.Errorf("half a header was cut after %v, want %v", took, headerTimeout)
		}
	})
}

func TestDrain(t *testing.T) {
	for _, tt := range []struct {
		name     string
		work     time.Duration
		want     string
		tookLess time.Duration
	}{
		{"waits for the running request", 20 * time.Second, "200 OK", 21 * time.Second},
		{"cuts after its limit", time.Hour, "", 36 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pipes := newPipes()
				l := &logs{}
				s := newServer(Config{Log: zerolog.New(l)}, pipes, nil)
				s.Open(Doors{S3: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					select {
					case <-time.After(tt.work):
					case <-r.Context().Done():
						NoteCode(r.Context(), "IncompleteBody")
						w.WriteHeader(http.StatusBadRequest)
					}
				})})
				ctx, stop := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- s.Serve(ctx) }()
				c := pipes.dial(t)
				_, _ = io.WriteString(c, "GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n")
				synctest.Wait()
				start := time.Now()
				stop()
				synctest.Wait()
				if s.readiness(t.Context()) != "stopping" {
					t.Error("ready while draining")
				}
				select {
				case <-pipes.closed:
				default:
					t.Error("still accepting while draining")
				}
				if n := len(l.lines(t, "stopping: waiting for running requests")); n != 1 {
					t.Errorf("%d log lines say what is waited for, want one", n)
				}
				answer, _ := io.ReadAll(c)
				if !strings.Contains(string(answer), tt.want) || (tt.want == "") != (len(answer) == 0) {
					t.Errorf("answer %q, want %q", answer, tt.want)
				}
				if err := <-done; err != nil {
					t.Errorf("Serve = %v, want nil", err)
				}
				if took := time.Since(start); took > tt.tookLess {
					t.Errorf("drained in %v, want less than %v", took, tt.tookLess)
				}
				if n := s.running.Load(); n != 0 {
					t.Errorf("%d handlers run after Serve", n)
				}
				line := l.lines(t, "request")[0]
				if cut := line["cut"] == true; cut != (tt.want == "") || line["code"] != nil {
					t.Errorf("log line %v, want it cut %v, and by no fault of the client", line, tt.want == "")
				}
			})
		})
	}
}
