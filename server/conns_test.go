package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// audited is the server's end of a connection. It counts the writes that come after one has failed.
type audited struct {
	net.Conn
	failed atomic.Bool
	late   atomic.Int32
}

func (a *audited) Write(p []byte) (int, error) {
	if a.failed.Load() {
		a.late.Add(1)
	}
	n, err := a.Conn.Write(p)
	if err != nil {
		a.failed.Store(true)
	}
	return n, err
}

// TestNothingIsSentAfterAFailedWrite cuts the answer to a client that takes nothing of it. What net/http does then
// from inside the handler's Write, which is to close the connection, must not wait for that client again: TLS
// would like to send its farewell, and gives it 5 s.
func TestNothingIsSentAfterAFailedWrite(t *testing.T) {
	cert, key := writeCert(t, t.TempDir(), 1)
	for _, secure := range []bool{false, true} {
		for _, length := range []string{"", "1048576"} {
			t.Run(fmt.Sprintf("TLS %v, length %q", secure, length), func(t *testing.T) {
				var files *certFiles
				if secure {
					var err error
					if files, err = loadCert(cert, key, zerolog.Nop()); err != nil {
						t.Fatal(err)
					}
				}
				synctest.Test(t, func(t *testing.T) { cutAnswer(t, files, length) })
			})
		}
	}
}

// cutAnswer cuts an answer of 1 MiB, of which nothing is taken, after a second.
func cutAnswer(t *testing.T, files *certFiles, length string) {
	pipes := newPipes()
	s := newServer(Config{Client: func(ctx context.Context, _, cutAnswer func()) context.Context {
		time.AfterFunc(time.Second, cutAnswer)
		return ctx
	}}, pipes, files)
	var written error
	var took time.Duration
	s.Open(Doors{S3: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		start := time.Now()
		if length != "" {
			w.Header().Set("Content-Length", length)
		}
		_, written = w.Write(make([]byte, 1<<20))
		took = time.Since(start)
	})})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()

	c, inner := net.Pipe()
	srv := &audited{Conn: inner}
	pipes.conns <- srv
	if files != nil {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	}
	if _, err := io.WriteString(c, "GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(30 * time.Second)
	stop()
	if err := <-done; err != nil {
		t.Errorf("Serve = %v, want nil", err)
	}
	_ = c.Close()
	if !errors.Is(written, os.ErrDeadlineExceeded) || took != time.Second {
		t.Errorf("Write = %v after %v, want a deadline error after 1s", written, took)
	}
	if n := srv.late.Load(); n != 0 {
		t.Errorf("%d writes after one that failed, want none", n)
	}
}
