package server

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// drained runs a server for few connections, whose door refuses every PUT by refuse, without a look at its body, and
// answers all else. client is called with a function that makes connections, over TLS if files is not nil.
func drained(t *testing.T, files *certFiles, refuse http.HandlerFunc, client func(dial func() net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		pipes := newPipes()
		s := newServer(Config{MaxConns: 3}, pipes, files)
		s.Open(Doors{S3: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut {
				refuse(w, r)
			}
		})})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Serve(ctx) }()
		client(func() net.Conn {
			c := pipes.dial(t)
			t.Cleanup(func() { _ = c.Close() })
			if files != nil {
				return tls.Client(c, &tls.Config{InsecureSkipVerify: true})
			}
			return c
		})
		stop()
		if err := <-done; err != nil {
			t.Errorf("Serve = %v, want nil", err)
		}
		synctest.Wait()
		d := s.ln.drains
		d.mu.Lock()
		defer d.mu.Unlock()
		if n := len(d.at); n > 0 || d.order.Len() > 0 {
			t.Errorf("%d connections are listed in the end", n)
		}
	})
}

// TestRefusedBodiesMakeRoom opens three times as many connections as there may be, on each of which a PUT was refused
// whose body does not come: they are answered all the same, and a client after them has hardly to wait.
func TestRefusedBodiesMakeRoom(t *testing.T) {
	cert, key := writeCert(t, t.TempDir(), 1)
	files, err := loadCert(cert, key, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	const most = 3 * (drainTime + lingerTime + silentTime/4) // for each time that all of them make room
	for secure, certs := range map[string]*certFiles{"plain": nil, "TLS": files} {
		for name, refuse := range answers() {
			for _, length := range []string{"Content-Length: 200000", "Transfer-Encoding: chunked"} {
				t.Run(secure+" "+name+" "+length, func(t *testing.T) {
					drained(t, certs, refuse, func(dial func() net.Conn) {
						begin := time.Now()
						answered := make(chan string)
						const n = 9
						for range n {
							c := dial()
							go func() {
								_, _ = io.WriteString(c, "PUT /b/k HTTP/1.1\r\nHost: h\r\n"+length+"\r\n\r\n")
								answer, _ := io.ReadAll(c)
								answered <- string(answer)
							}()
						}
						c := dial()
						_, _ = io.WriteString(c, "GET /b/k HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
						answer, _ := io.ReadAll(c)
						if took := time.Since(begin); took > most || !strings.HasPrefix(string(answer), "HTTP/1.1 200 ") {
							t.Errorf("answer %.40q after %v, want 200 within %v", answer, took, most)
						}
						for range n {
							if answer := <-answered; !strings.HasPrefix(answer, "HTTP/1.1 403 ") {
								t.Errorf("the refused one gets %.40q, want 403", answer)
							}
						}
					})
				})
			}
		}
	}
}

// TestRefusedClientThatSendsOn sends the body slower than there is time when connections are short: it gets its answer,
// and time to see it.
func TestRefusedClientThatSendsOn(t *testing.T) {
	drained(t, nil, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, func(dial func() net.Conn) {
		c := dial()
		_, _ = io.WriteString(c, "PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n")
		go func() {
			for err := error(nil); err == nil; time.Sleep(drainTime / 10) {
				_, err = c.Write([]byte("x"))
			}
		}()
		var others sync.WaitGroup
		defer others.Wait()
		for range 3 { // one more than there is room for
			others.Go(func() { _, _ = io.WriteString(dial(), "GET /b/k HTTP/1.1\r\n") })
		}
		head := make([]byte, len("HTTP/1.1 403"))
		if _, err := io.ReadFull(c, head); err != nil || string(head) != "HTTP/1.1 403" {
			t.Errorf("answer %q, %v, want 403", head, err)
		}
		begin := time.Now()
		_, _ = io.ReadAll(c)
		if took := time.Since(begin); took != lingerTime {
			t.Errorf("the connection is closed %v after the answer, want %v", took, lingerTime)
		}
	})
}
