package server

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// start serves door on a real listener until the test ends.
func start(t *testing.T, cfg Config, door http.HandlerFunc) *Server {
	t.Helper()
	cfg.Address = "127.0.0.1:0"
	s, err := Listen(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.Open(Doors{S3: door})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Serve = %v", err)
		}
	})
	return s
}

func TestListenRefusals(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	cert, key := writeCert(t, dir, 1)
	other, otherKey := t.TempDir(), ""
	_, otherKey = writeCert(t, other, 2)
	for _, tt := range []struct {
		name string
		cfg  Config
		want string
		is   error
	}{
		{"port in use", Config{Address: taken.Addr().String()}, "choose another --listen", ErrInUse},
		{"no such address", Config{Address: "nonsense"}, "listen on nonsense", nil},
		{"half of TLS", Config{Address: "127.0.0.1:0", CertFile: cert}, "--tls-key", nil},
		{"missing certificate", Config{Address: "127.0.0.1:0", CertFile: cert + "x", KeyFile: key}, "cert.pemx", os.ErrNotExist},
		{"key of another certificate", Config{Address: "127.0.0.1:0", CertFile: cert, KeyFile: otherKey}, "cert.pem", nil},
		{"no PEM", Config{Address: "127.0.0.1:0", CertFile: key, KeyFile: key}, "key.pem", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Listen(t.Context(), tt.cfg)
			if err == nil {
				_ = s.Close()
				t.Fatal("Listen = nil")
			}
			if !strings.Contains(err.Error(), tt.want) || (tt.is != nil && !errors.Is(err, tt.is)) {
				t.Errorf("Listen = %q, want %q", err, tt.want)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key := writeCert(t, dir, 1)
	s := start(t, Config{CertFile: cert, KeyFile: key}, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
	})
	if !strings.HasPrefix(s.URL(), "https://127.0.0.1:") {
		t.Errorf("URL = %s", s.URL())
	}
	get := func(h2 bool) (proto string, serial int64) {
		t.Helper()
		tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: h2}
		defer tr.CloseIdleConnections()
		resp, err := (&http.Client{Transport: tr}).Get(s.URL() + "/b/k")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return string(b), resp.TLS.PeerCertificates[0].SerialNumber.Int64()
	}
	if p, n := get(true); p != "HTTP/2.0" || n != 1 {
		t.Errorf("with HTTP/2: %s, serial %d, want HTTP/2.0 and 1", p, n)
	}
	if p, _ := get(false); p != "HTTP/1.1" {
		t.Errorf("without HTTP/2: %s, want HTTP/1.1", p)
	}
	recheck := func() { s.tls.mu.Lock(); s.tls.checked = time.Time{}; s.tls.mu.Unlock() }

	// Half a change: the certificate is new, the key is old.
	fresh := t.TempDir()
	newCert, newKey := writeCert(t, fresh, 2)
	if err := os.Rename(newCert, filepath.Join(dir, "cert.pem")); err != nil {
		t.Fatal(err)
	}
	recheck()
	if _, n := get(true); n != 1 {
		t.Errorf("with half of a new pair: serial %d, want the old 1", n)
	}
	if err := os.Rename(newKey, filepath.Join(dir, "key.pem")); err != nil {
		t.Fatal(err)
	}
	recheck()
	if _, n := get(true); n != 2 {
		t.Errorf("after the change: serial %d, want 2", n)
	}
}

func TestConnectionLimit(t *testing.T) {
	release := make(chan struct{})
	s := start(t, Config{MaxConns: 2}, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/b/wait" {
			<-release
		}
	})
	open := func(path string) net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_, _ = io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: h\r\n\r\n")
		return c
	}
	answered := func(c net.Conn) bool {
		_ = c.SetReadDeadline(time.Now().Add(2 * time.Minute)) // no test waits that long
		n, err := c.Read(make([]byte, 4096))
		return n > 0 && err == nil
	}
	idle := open("/b/k")
	if !answered(idle) {
		t.Fatal("no answer on the first connection")
	}
	busy := open("/b/wait")
	third := open("/b/k") // the idle one makes room
	if !answered(third) {
		t.Error("no answer on a third connection while one was idle")
	}
	if answered(idle) {
		t.Error("the idle connection is still open")
	}
	fourth := open("/b/k")
	if !answered(fourth) {
		t.Error("no answer on a fourth connection after the third fell idle")
	}
	close(release)
	if !answered(busy) {
		t.Error("a busy connection was closed to make room")
	}
	if n := len(s.ln.slots); n > 2 {
		t.Errorf("%d connections are open, want at most 2", n)
	}
}

// TestSilentConnectionsMakeRoom: who opens connections and sends no request keeps nobody out. In fake time nothing
// may pass before the answer; a connection with a running request stays.
func TestSilentConnectionsMakeRoom(t *testing.T) {
	for _, sent := range []string{"", "GET /b/k HT", "GET /b/k HTTP/1.1\r\nHost: h\r\n"} {
		t.Run(strconv.Quote(sent), func(t *testing.T) {
			var release chan struct{} // of the bubble: else time would stand still
			bubble(t, func(_ http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/b/wait" {
					<-release
				}
			}, func(dial func() net.Conn) {
				release = make(chan struct{})
				busy := dial()
				_, _ = io.WriteString(busy, "GET /b/wait HTTP/1.1\r\nHost: h\r\n\r\n")
				var silent []net.Conn
				for range 2048 { // more than fit beside the busy one
					c := dial()
					if sent != "" {
						_, _ = io.WriteString(c, sent)
					}
					silent = append(silent, c)
				}
				time.Sleep(silentTime)
				begin := time.Now()
				c := dial()
				_, _ = io.WriteString(c, "GET /b/k HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
				answer, err := io.ReadAll(c)
				if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200 ") || time.Since(begin) != 0 {
					t.Errorf("answer %.20q, %v after %v, want 200 at once", answer, err, time.Since(begin))
				}
				close(release)
				if _, err := busy.Read(make([]byte, 12)); err != nil {
					t.Errorf("the answer to the running request: %v", err)
				}
				for _, c := range append(silent, busy) {
					_ = c.Close()
				}
			})
		})
	}
}

func TestHeaderLimit(t *testing.T) {
	s := start(t, Config{}, func(http.ResponseWriter, *http.Request) {})
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/b/k", nil)
	req.Header.Set("X-Amz-Meta-Long", strings.Repeat("x", maxHeader+8192))
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a header of 72 KiB = %d, want 431", resp.StatusCode)
	}
}

func TestReloadTLS(t *testing.T) {
	cert, key := writeCert(t, t.TempDir(), 1)
	otherCert, otherKey := writeCert(t, t.TempDir(), 2)
	s := start(t, Config{CertFile: cert, KeyFile: key}, func(http.ResponseWriter, *http.Request) {})
	serial := func() int64 {
		c, err := tls.Dial("tcp", s.Addr(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	for _, tt := range []struct {
		name, cert, key string
		ok              bool
		want            int64
	}{
		{"as it was", cert, key, true, 1},
		{"missing file", otherCert + "x", otherKey, false, 1},
		{"key of another", otherCert, key, false, 1},
		{"other files", otherCert, otherKey, true, 2},
		{"TLS off", "", "", false, 2},
	} {
		if err := s.ReloadTLS(tt.cert, tt.key); (err == nil) != tt.ok {
			t.Errorf("%s: ReloadTLS = %v, want success: %v", tt.name, err, tt.ok)
		}
		if got := serial(); got != tt.want {
			t.Errorf("%s: certificate %d, want %d", tt.name, got, tt.want)
		}
	}
	plain := start(t, Config{}, func(http.ResponseWriter, *http.Request) {})
	if err := plain.ReloadTLS(cert, key); err == nil {
		t.Error("ReloadTLS switches TLS on")
	}
	if err := plain.ReloadTLS("", ""); err != nil {
		t.Errorf("ReloadTLS of nothing = %v", err)
	}
}

// TestCertificateOfTheSameSecond: a pair that replaces another is seen even where it is as long and has the same time,
// as one that was made at once after it on a file system with coarse times.
func TestCertificateOfTheSameSecond(t *testing.T) {
	dir := t.TempDir()
	cert, key := writeCert(t, dir, 1)
	c, err := loadCert(cert, key, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	before, err := c.stat()
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{cert, key} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.WriteFile(name+".new", content, 0o600), os.Chtimes(name+".new", info.ModTime(), info.ModTime()), os.Rename(name+".new", name)); err != nil {
			t.Fatal(err)
		}
		after, err := c.stat()
		if err != nil || after[i].is(before[i]) || !after[1-i].is(before[1-i]) && i == 0 {
			t.Errorf("replaced file %d: %+v, %v, before %+v, want another", i, after, err, before)
		}
	}
}

// TestUnreadableTLSFiles: the error names the file and who may not read it.
func TestUnreadableTLSFiles(t *testing.T) {
	err := &fs.PathError{Op: "open", Path: "/etc/key.pem", Err: syscall.EACCES}
	got := tlsAdvice(err)
	me, known := user.Current()
	if known == nil && !strings.Contains(got, "let user "+me.Username+",") || !strings.Contains(got, "read it") {
		t.Errorf("advice for %v = %q, want who must be able to read it", err, got)
	}
	if os.Geteuid() == 0 {
		return // root reads all
	}
	cert, key := writeCert(t, t.TempDir(), 1)
	if err := os.Chmod(key, 0); err != nil {
		t.Fatal(err)
	}
	_, loadErr := loadCert(cert, key, zerolog.Nop())
	if loadErr == nil || !strings.Contains(loadErr.Error(), key) || !strings.Contains(loadErr.Error(), got) {
		t.Errorf("loadCert of a closed key = %v, want %q", loadErr, got)
	}
}

// TestCertificateIsWatched: a pair that does not fit is told within a minute, once, though nobody connects.
func TestCertificateIsWatched(t *testing.T) {
	cert, key := writeCert(t, t.TempDir(), 1)
	otherCert, otherKey := writeCert(t, t.TempDir(), 2)
	synctest.Test(t, func(t *testing.T) {
		var out logs
		c, err := loadCert(cert, key, zerolog.New(&out))
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); c.watch(ctx) }()
		minute := func() string {
			time.Sleep(time.Minute) // of the bubble
			synctest.Wait()
			return out.take()
		}
		if got := minute(); got != "" {
			t.Errorf("files that are as they were: %s", got)
		}
		if err := os.Rename(otherCert, cert); err != nil {
			t.Fatal(err)
		}
		if got := minute(); strings.Count(got, "certificate not reloaded") != 1 {
			t.Errorf("half a change: %s", got)
		}
		if got := minute(); got != "" {
			t.Errorf("half a change a minute later: %s", got)
		}
		if err := os.Rename(otherKey, key); err != nil {
			t.Fatal(err)
		}
		if got := minute(); !strings.Contains(got, "certificate reloaded") {
			t.Errorf("the whole change: %s", got)
		}
		stop()
		<-ended
	})
}
