package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	s3 "trivium/tests/s3client"
)

// TestClientsSlowDown: real clients that are told to slow down come again by themselves, with their default settings,
// and nobody who uses them sees an error.
func TestClientsSlowDown(t *testing.T) {
	for _, name := range []string{"aws", "boto3"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := start(t, startOptions{})
			c := newClient(t, name, srv, goodKeys())
			c.makeBucket(t, "busy")
			file, digest := sample(t, t.TempDir(), 1000)
			release := occupy(t, srv, "busy")
			done := make(chan struct{})
			go func() {
				defer close(done)
				defer release()
				tick := time.NewTicker(5 * time.Millisecond)
				defer tick.Stop()
				for end := time.Now().Add(time.Minute); !refusal(srv, "/busy/late") && time.Now().Before(end); {
					<-tick.C
				}
			}()
			defer func() { <-done }() // whatever comes
			c.upload(t, file, "busy", "late")
			<-done
			if !refusal(srv, "/busy/late") {
				t.Error("the upload was not told to slow down")
			}
			back := filepath.Join(t.TempDir(), "back")
			if c.download(t, "busy", "late", back); digestOf(t, back) != digest {
				t.Error("what came back is not what was sent")
			}
		})
	}
}

// refusal tells whether the log has a refused upload of that path.
func refusal(s *instance, path string) bool {
	for line := range strings.Lines(s.stderr.String()) {
		if strings.Contains(line, `"path":"`+path+`"`) && strings.Contains(line, `"code":"SlowDown"`) {
			return true
		}
	}
	return false
}

// occupy sends small uploads that stop half-way until as many as may are at work and wait. They end when release is
// called.
func occupy(t *testing.T, srv *instance, bucket string) (release func()) {
	t.Helper()
	const inside, waiting, size, half = 256, 64, 12000, 6000 // what is behind 4 KiB is read with memory of the budget alone
	signer := &s3.Client{Endpoint: srv.url, Access: accessKey, Secret: secretKey}
	host := strings.TrimPrefix(srv.url, "http://")
	var conns []net.Conn
	for i := range inside + waiting {
		u, err := url.Parse(signer.Presign(http.MethodPut, bucket, fmt.Sprintf("half/%d", i), nil, time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		head := fmt.Sprintf("PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", u.RequestURI(), host, size)
		if _, err := io.WriteString(conn, head+strings.Repeat("x", half)); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	srv.poll("uploads that wait", func() bool {
		_, page := srv.getAs("/-/metrics", basicAuth(rootUser, rootPassword))
		return strings.Contains(page, fmt.Sprintf("\ntrivium_budget_waiting %d\n", waiting))
	})
	return func() {
		served := 0
		for _, conn := range conns {
			if _, err := io.WriteString(conn, strings.Repeat("x", size-half)); err != nil {
				continue // it waited for too long
			}
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err == nil {
				_ = resp.Body.Close()
			}
			if err == nil && resp.StatusCode == http.StatusOK {
				served++
			}
		}
		if served < inside {
			t.Errorf("%d of the uploads that were let in succeed, want %d", served, inside)
		}
	}
}
