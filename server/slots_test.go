package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// A connection that falls idle is closed for an Accept that waits, and for none that has found its slot otherwise.
func TestIdleConnectionStaysOnceTheSlotIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipes := newPipes()
		l := newListener(pipes, 2, newWatcher())
		conns := make(chan net.Conn)
		go func() {
			defer close(conns)
			for {
				c, err := l.Accept()
				if err != nil {
					if !errors.Is(err, net.ErrClosed) {
						t.Errorf("Accept = %v, want %v", err, net.ErrClosed)
					}
					return
				}
				conns <- c
			}
		}()
		accept := func() net.Conn {
			c := pipes.dial(t)
			t.Cleanup(func() { _ = c.Close() })
			return <-conns
		}
		open := func(want int) {
			t.Helper()
			synctest.Wait()
			if n := len(l.slots); n != want {
				t.Errorf("%d slots are taken, want %d", n, want)
			}
		}
		one, two := accept(), accept()
		l.idle.state(two, http.StateIdle)
		open(2)
		if len(l.idle.at) != 1 {
			t.Error("a connection that is idle is closed while nobody waits")
		}
		three := accept() // in place of the idle one
		open(2)
		waiting := pipes.dial(t) // nobody is idle
		t.Cleanup(func() { _ = waiting.Close() })
		open(2)
		_ = one.Close()
		four := <-conns
		l.idle.state(four, http.StateIdle)
		open(2)
		if len(l.idle.at) != 1 {
			t.Error("a connection that fell idle is closed for an Accept that has found its slot")
		}
		l.idle.serves(four)
		again := pipes.dial(t)
		t.Cleanup(func() { _ = again.Close() })
		open(2)
		l.idle.state(three, http.StateIdle)
		<-conns
		open(2)
		if len(l.idle.at) > 0 {
			t.Error("a connection that fell idle is kept while an Accept waits")
		}
		_ = l.Close()
		<-conns
	})
}

// TestRoomIsMadeAtOnceOverTLS closes an idle connection whose client takes nothing any more: TLS would send it a
// farewell and wait 5 s for that, with everybody who wants the list of idle connections.
func TestRoomIsMadeAtOnceOverTLS(t *testing.T) {
	cert, key := writeCert(t, t.TempDir(), 1)
	files, err := loadCert(cert, key, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		pipes := newPipes()
		s := newServer(Config{MaxConns: 1}, pipes, files)
		s.Open(Doors{S3: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Serve(ctx) }()
		get := func() {
			t.Helper()
			c := tls.Client(pipes.dial(t), &tls.Config{InsecureSkipVerify: true})
			t.Cleanup(func() { _ = c.NetConn().Close() })
			_, _ = io.WriteString(c, "GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n")
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			synctest.Wait() // until it is idle
		}
		get()
		begin := time.Now()
		get()
		if took := time.Since(begin); took != 0 {
			t.Errorf("a connection waited %v for an idle one to be closed, want no time", took)
		}
		stop()
		if err := <-done; err != nil {
			t.Errorf("Serve = %v, want nil", err)
		}
	})
}
