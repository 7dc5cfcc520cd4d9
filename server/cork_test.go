package server

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// sink is a connection that records what is written to it.
type sink struct {
	net.Conn
	writes []string
	err    error
}

func (s *sink) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	s.writes = append(s.writes, string(p))
	return len(p), nil
}

func corked() (*conn, *sink) {
	s := &sink{}
	w := newWatcher()
	c := &conn{Conn: s, l: &listener{watcher: w}}
	w.add(&c.writes, func() {})
	return c, s
}

func TestCork(t *testing.T) {
	long := strings.Repeat("x", corkSize+1)
	for _, tt := range []struct {
		name string
		do   func(c *conn)
		want []string
	}{
		{"off", func(c *conn) { mustWrite(t, c, "a"); mustWrite(t, c, "b") }, []string{"a", "b"}},
		{"on", func(c *conn) { c.cork.hold(); mustWrite(t, c, "a") }, nil},
		{"the next write", func(c *conn) { c.cork.hold(); mustWrite(t, c, "a"); mustWrite(t, c, "b"); mustWrite(t, c, "c") }, []string{"a", "b"}},
		{"a long write", func(c *conn) { c.cork.hold(); mustWrite(t, c, long) }, []string{long}},
		{"a long second", func(c *conn) { c.cork.hold(); mustWrite(t, c, "a"); mustWrite(t, c, long) }, []string{"a", long}},
		{"released", func(c *conn) { c.cork.hold(); mustWrite(t, c, "a"); mustRelease(t, c); mustWrite(t, c, "b") }, []string{"a", "b"}},
		{"nothing held", func(c *conn) { c.cork.hold(); mustRelease(t, c) }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, s := corked()
			tt.do(c)
			if got, want := fmt.Sprintf("%q", s.writes), fmt.Sprintf("%q", tt.want); got != want {
				t.Errorf("sent %.100s, want %.100s", got, want)
			}
			if since := c.writes.since.Load(); since != 0 {
				t.Errorf("a write is still watched, since %d", since)
			}
		})
	}
}

func mustWrite(t *testing.T, c *conn, p string) {
	t.Helper()
	if n, err := io.WriteString(c, p); n != len(p) || err != nil {
		t.Errorf("Write = %d, %v", n, err)
	}
}

func mustRelease(t *testing.T, c *conn) {
	t.Helper()
	if err := c.release(); err != nil {
		t.Errorf("release = %v", err)
	}
}

// TestCorkFails: what was held counts as written already, so its failure must reach everybody who comes later.
func TestCorkFails(t *testing.T) {
	gone := errors.New("gone")
	c, s := corked()
	c.cork.hold()
	mustWrite(t, c, "head")
	s.err = gone
	if n, err := io.WriteString(c, "body"); n != 0 || !errors.Is(err, gone) {
		t.Errorf("Write = %d, %v, want 0 and the failure", n, err)
	}
	s.err = nil
	if err := c.release(); !errors.Is(err, gone) {
		t.Errorf("release = %v, want the failure", err)
	}
	if n, err := io.WriteString(c, "more"); n != 0 || !errors.Is(err, gone) || len(s.writes) != 0 {
		t.Errorf("Write = %d, %v, sent %q, want nothing behind a gap", n, err, s.writes)
	}

	c, s = corked()
	c.cork.hold()
	mustWrite(t, c, "head")
	s.err = gone
	if err := c.release(); !errors.Is(err, gone) {
		t.Errorf("release = %v, want the failure", err)
	}
}

// TestNothingIsHeldBack lets a handler wait until the client has what it wrote: all of a body of known length, and of
// any other what net/http does not keep in its buffers of 2 and 4 KiB.
func TestNothingIsHeldBack(t *testing.T) {
	for _, size := range []int{1, 2048, 2049, 3000, 4096, 5000, 8 << 10, 128 << 10, 300 << 10} {
		for _, more := range []int{0, 1} {
			for _, flush := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d of %d, flush %v", size, size+more, flush), func(t *testing.T) {
					arrived := make(chan struct{})
					s := start(t, Config{}, func(w http.ResponseWriter, _ *http.Request) {
						w.Header()["Content-Length"] = []string{strconv.Itoa(size + more)}
						if n, err := w.Write(bytes.Repeat([]byte("x"), size)); n != size || err != nil {
							t.Errorf("Write = %d, %v", n, err)
						}
						if flush {
							if err := http.NewResponseController(w).Flush(); err != nil {
								t.Errorf("Flush = %v", err)
							}
						}
						awaited(t, arrived)
						_, _ = w.Write(bytes.Repeat([]byte("x"), more))
					})
					want := size
					switch {
					case flush:
					case size < headPiece, more > 0 && size < corkSize:
						want = -1 // not even the head
					case more > 0:
						want = size - corkSize
					}
					fetch(t, s, size+more, want, arrived)
				})
			}
		}
	}
}

// fetch reads an answer of size bytes, and tells when it has the first ones. want < 0: not even the head has come.
func fetch(t *testing.T, s *Server, size, want int, arrived chan struct{}) {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	_, _ = io.WriteString(c, "GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n")
	r := bufio.NewReader(c)
	if want < 0 {
		close(arrived)
		want = 0
	}
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body := make([]byte, size)
	if _, err := io.ReadFull(resp.Body, body[:want]); err != nil {
		t.Fatalf("the first %d bytes: %v", want, err)
	}
	select {
	case <-arrived:
	default:
		close(arrived)
	}
	if _, err := io.ReadFull(resp.Body, body[want:]); err != nil || strings.Trim(string(body), "x") != "" {
		t.Errorf("the rest: %v, or other bytes than were written", err)
	}
	if n, err := resp.Body.Read(body); n > 0 || !errors.Is(err, io.EOF) {
		t.Errorf("behind the body: %d bytes, %v", n, err)
	}
	_, _ = io.WriteString(c, "HEAD /b/k HTTP/1.1\r\nHost: h\r\n\r\n")
	next, err := http.ReadResponse(r, &http.Request{Method: http.MethodHead})
	if err != nil {
		t.Fatalf("the next answer on the connection: %v", err)
	}
	defer next.Body.Close()
	if next.ContentLength != int64(size) {
		t.Errorf("the next answer announces %d bytes, want %d", next.ContentLength, size)
	}
}

// awaited returns when c is closed.
func awaited(t *testing.T, c chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(time.Minute):
		t.Error("the client did not get what was written")
	}
}

// TestStalledFirstPieceIsCut: a client that takes nothing is cut in the first piece as in any other.
func TestStalledFirstPieceIsCut(t *testing.T) {
	var took time.Duration
	var got error
	bubble(t, func(w http.ResponseWriter, _ *http.Request) {
		begin := time.Now()
		_, got = w.Write(make([]byte, 128<<10))
		took = time.Since(begin)
	}, func(dial func() net.Conn) {
		c := dial()
		_, _ = io.WriteString(c, "GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n")
		time.Sleep(5 * time.Minute)
		_ = c.Close()
	})
	if !errors.Is(got, os.ErrDeadlineExceeded) || took < time.Minute || took > 72*time.Second {
		t.Errorf("Write to a silent client = %v after %v, want a deadline error after 1m to 1m12s", got, took)
	}
}

// BenchmarkFirstPiece answers with 128 KiB over TCP: one system call where net/http alone makes two.
func BenchmarkFirstPiece(b *testing.B) {
	const size = 128 << 10
	body := make([]byte, size)
	for _, corked := range []bool{false, true} {
		b.Run(fmt.Sprint("corked=", corked), func(b *testing.B) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			s := newServer(Config{}, ln, nil)
			if !corked {
				s.http.ConnContext = nil
			}
			s.Open(Doors{S3: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Length"] = []string{strconv.Itoa(size)}
				_, _ = w.Write(body)
			})})
			done := make(chan error, 1)
			go func() { done <- s.Serve(b.Context()) }()
			c, err := net.Dial("tcp", s.Addr())
			if err != nil {
				b.Fatal(err)
			}
			r := bufio.NewReaderSize(c, 64<<10)
			b.SetBytes(size)
			for b.Loop() {
				_, _ = io.WriteString(c, "GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n")
				resp, err := http.ReadResponse(r, nil)
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, resp.Body); n != size || err != nil {
					b.Fatal(n, err)
				}
				_ = resp.Body.Close()
			}
			_ = c.Close()
			_ = s.http.Close()
			<-done
		})
	}
}
