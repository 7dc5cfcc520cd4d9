package server

import (
	"io"
	"net"
	"net/http"
	"regexp"
	"testing"
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
