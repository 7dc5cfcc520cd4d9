package server

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestAmbiguousBodies: a connection is closed behind the answer to a request whose body others may see end elsewhere,
// so that what is behind it never becomes a request. All others stay open.
func TestAmbiguousBodies(t *testing.T) {
	const (
		chunks = "5\r\nhello\r\n0\r\n\r\n"
		te     = "Transfer-Encoding: chunked\r\n"
		cl     = "Content-Length: 15\r\n"
		put    = "PUT /b/k HTTP/1.1\r\nHost: h\r\n"
		get    = "GET /b/smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
	)
	long := "X-Long: " + strings.Repeat("content-length: ", 600) + "\r\n"
	for _, tt := range []struct {
		name  string
		sent  []string // each in one piece
		want  int      // answers
		piece int      // bytes of a piece; 0: all at once
	}{
		{"both", []string{put + te + cl + "\r\n" + chunks, get}, 1, 0},
		{"both in one write with what is behind", []string{put + te + cl + "\r\n" + chunks + get}, 1, 0},
		{"both, the other way round", []string{put + cl + te + "\r\n" + chunks, get}, 1, 0},
		{"both in other letters", []string{put + "transfer-ENCODING: chunked\r\ncontent-LENGTH: 4\r\n\r\n" + chunks, get}, 1, 0},
		{"both in small pieces", []string{put + te + cl + "\r\n" + chunks, get}, 1, 1},
		{"both with lines ended by LF", []string{"PUT /b/k HTTP/1.1\nHost: h\nTransfer-Encoding: chunked\nContent-Length: 4\n\n" + chunks, get}, 1, 0},
		{"both behind a long line", []string{put + long + te + cl + "\r\n" + chunks, get}, 1, 0},
		{"both in the second request", []string{put + te + "\r\n" + chunks, put + te + cl + "\r\n" + chunks, get}, 2, 0},
		{"both together with the request before", []string{put + cl + "\r\n" + chunks + put + te + cl + "\r\n" + chunks, get}, 2, 0},
		{"chunked together with the request before", []string{put + cl + "\r\n" + chunks + put + te + "\r\n" + chunks, get}, 2, 0},
		{"a head in the chunks of one that was missed", []string{put + cl + "\r\n" + chunks + put + te + cl + "\r\n", "6\r\na:\r\n\r\n\r\n0\r\n\r\n", get}, 2, 0},
		{"coding in HTTP/1.0", []string{"PUT /b/k HTTP/1.0\r\nConnection: keep-alive\r\n" + te + cl + "\r\n" + chunks, get}, 1, 0},

		{"chunked", []string{put + te + "\r\n" + chunks, put + te + "\r\n" + chunks, get}, 3, 0},
		{"chunked in small pieces", []string{put + te + "\r\n" + chunks, put + te + "\r\n" + chunks, get}, 3, 1},
		{"length", []string{put + cl + "\r\n" + chunks, put + cl + "\r\n" + chunks, get}, 3, 0},
		{"length together", []string{put + cl + "\r\n" + chunks + put + cl + "\r\n" + chunks + get}, 3, 0},
		{"length in HTTP/1.0", []string{"PUT /b/k HTTP/1.0\r\nConnection: keep-alive\r\n" + cl + "\r\n" + chunks, get}, 2, 0},
		{"a length in the chunks", []string{put + te + "\r\n17\r\n\r\nContent-Length: 5\r\n\r\n\r\n0\r\n\r\n", get}, 2, 0},
		{"a length in a long line", []string{put + long + te + "\r\n" + chunks, get}, 2, 0},
		{"a header that begins so", []string{put + "Content-Length-Hint: 5\r\nX-Content-Length: 5\r\n" + te + "\r\n" + chunks, get}, 2, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.WriteHeader(http.StatusNoContent)
			}, func(dial func() net.Conn) {
				c := dial()
				defer c.Close()
				go func() {
					for i, s := range tt.sent {
						if i == len(tt.sent)-1 {
							s = strings.Replace(s, "Host: h\r\n\r\n", "Host: h\r\nConnection: close\r\n\r\n", 1)
						}
						size := len(s)
						if tt.piece > 0 {
							size = tt.piece
						}
						for ; s != ""; s = s[min(size, len(s)):] {
							_, _ = io.WriteString(c, s[:min(size, len(s))])
						}
					}
				}()
				got, err := io.ReadAll(c)
				if n := strings.Count(string(got), " 204 No Content\r\n"); err != nil || n != tt.want {
					t.Errorf("%d answers, %v, want %d: %q", n, err, tt.want, got)
				}
			})
		})
	}
}
