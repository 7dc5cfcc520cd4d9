package server

import (
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestContinueWithoutABody asks with Expect and no body, twice on a connection: clients that have seen a final answer
// instead of the 100 take the next one for its head (boto3 on Debian 12), and then wait for a minute.
func TestContinueWithoutABody(t *testing.T) {
	const interim = `HTTP/1\.1 100 Continue\r\n\r\n`
	for _, tt := range []struct{ name, request, want string }{
		{"Content-Length 0", "PUT /b/k HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 0\r\n", interim},
		{"in other letters", "PUT /b/k HTTP/1.1\r\nHost: h\r\nexpect: 100-Continue\r\nContent-Length: 0\r\n", interim},
		{"no length", "POST /b/k HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n", interim},
		{"not asked for", "PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n", ""},
		{"HTTP/1.0", "PUT /b/k HTTP/1.0\r\nConnection: keep-alive\r\nExpect: 100-continue\r\nContent-Length: 0\r\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Door", "s3")
				w.WriteHeader(http.StatusNoContent)
			}, func(dial func() net.Conn) {
				c := dial()
				defer c.Close()
				go func() {
					_, _ = io.WriteString(c, tt.request+"\r\n")
					_, _ = io.WriteString(c, tt.request+"Connection: close\r\n\r\n")
				}()
				got, err := io.ReadAll(c)
				final := tt.want + `HTTP/1\.[01] 204 No Content\r\n(?:[^\r\n]+\r\n)*X-Door: s3\r\n(?:[^\r\n]+\r\n)*\r\n`
				if err != nil || !regexp.MustCompile("^"+final+final+"$").Match(got) {
					t.Errorf("answers %q, %v, want twice %s", got, err, final)
				}
			})
		})
	}
}

// TestContinueIsNotSentForARefusedBody: the 100 would ask for a body that nobody reads.
func TestContinueIsNotSentForARefusedBody(t *testing.T) {
	bubble(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
	}, func(dial func() net.Conn) {
		c := dial()
		defer c.Close()
		_, _ = io.WriteString(c, "PUT /b/k HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 9\r\nConnection: close\r\n\r\n")
		if got, err := io.ReadAll(c); err != nil || !regexp.MustCompile(`^HTTP/1\.1 403 `).Match(got) {
			t.Errorf("answer %q, %v, want 403 alone", got, err)
		}
	})
}

// TestRefusedUnderExpect: the connection of a request that was refused without its body is closed soon, whether the
// client sends the body all the same or not. Before the answer it has as long as ever.
func TestRefusedUnderExpect(t *testing.T) {
	const head = "PUT /b/k HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
	for _, tt := range []struct {
		name, request, body string
		refused             bool
		most                time.Duration // until the connection is closed
	}{
		{"length", head + "Content-Length: 9\r\n\r\n", "", true, 2 * time.Second},
		{"other letters", strings.ToUpper(head[:len("PUT /b/k HTTP/1.1\r\n")]) + "HOST: h\r\nEXPECT: 100-CONTINUE\r\nContent-Length: 9\r\n\r\n", "", true, 2 * time.Second},
		{"chunked", head + "Transfer-Encoding: chunked\r\n\r\n", "", true, 2 * time.Second},
		{"long", head + "Content-Length: 900000\r\n\r\n", "", true, 2 * time.Second},
		{"sent all the same", head + "Content-Length: 9\r\n\r\n", "123456789", true, 2 * time.Second},
		{"asked for, and not sent", head + "Content-Length: 9\r\nConnection: close\r\n\r\n", "", false, 80 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(w http.ResponseWriter, r *http.Request) {
				if !tt.refused {
					_, _ = io.Copy(io.Discard, r.Body)
				}
				w.WriteHeader(http.StatusForbidden)
			}, func(dial func() net.Conn) {
				c := dial()
				defer c.Close()
				go func() { _, _ = io.WriteString(c, tt.request+tt.body) }()
				start := time.Now()
				got, err := io.ReadAll(c)
				if took := time.Since(start); err != nil || !strings.Contains(string(got), "HTTP/1.1 403 ") || took > tt.most || !tt.refused && took < time.Minute {
					t.Errorf("answer %q, %v, closed after %v, want at most %v", got, err, took, tt.most)
				}
			})
		})
	}
}
