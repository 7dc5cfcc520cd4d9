package server

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// heard hands on each line of a log.
type heard chan string

func (h heard) Write(p []byte) (int, error) {
	h <- string(p)
	return len(p), nil
}

// A client that speaks HTTP to a TLS port, which a wrong URL makes it do, has a line at level info.
func TestHTTPAgainstTLS(t *testing.T) {
	cert, key := writeCert(t, t.TempDir(), 1)
	lines := make(heard, 100)
	s := start(t, Config{CertFile: cert, KeyFile: key, Log: zerolog.New(lines).Level(zerolog.InfoLevel)}, nil)
	res, err := http.Get("http://" + s.Addr() + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	if line := <-lines; !strings.Contains(line, "its URL must begin with https") {
		t.Errorf("log line %s", line)
	}
}

// Such lines come once a minute at most; other handshakes that fail have none at this level.
func TestHTTPAgainstTLSPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lines := make(heard, 100)
		h := &httpLog{log: zerolog.New(lines).Level(zerolog.InfoLevel)}
		write := func(line string) { _, _ = io.WriteString(h, line) }
		const plain = "http: TLS handshake error from 1.2.3.4:5: client sent an HTTP request to an HTTPS server\n"
		for i, want := range []int{1, 1, 2} {
			write(plain)
			write("http: TLS handshake error from 1.2.3.4:5: EOF\n")
			if got := len(lines); got != want {
				t.Errorf("%d lines after %d times half a minute, want %d", got, i, want)
			}
			time.Sleep(plainPace / 2)
		}
		write("http: Accept error: too many open files\n")
		if got := len(lines); got != 3 {
			t.Errorf("%d lines after one of another kind, want 3", got)
		}
	})
}
