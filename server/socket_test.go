package server

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// startSocket serves door on a socket at path until the test ends or stop is called.
func startSocket(t *testing.T, path string, door http.Handler) (stop func()) {
	t.Helper()
	s, err := ListenSocket(t.Context(), path, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if door != nil {
		s.Open(Doors{Admin: door})
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve = %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// getSocket fetches a path over the socket that is reached by path.
func getSocket(t *testing.T, path, target string) (status int, body string) {
	t.Helper()
	at, err := SocketPath(path)
	if err != nil {
		t.Fatal(err)
	}
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", at)
	}}}
	resp, err := c.Get("http://localhost" + target)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// shortDir makes a directory with a short path.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "tv") //nolint:usetesting // its paths are too long for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func TestSocket(t *testing.T) {
	temp := shortDir(t)
	t.Setenv("TMPDIR", temp)
	long := filepath.Join(shortDir(t), strings.Repeat("x", 120))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"short path": shortDir(t), "long path": long} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, "admin.sock")
			stop := startSocket(t, path, named("admin"))
			for target, want := range map[string]string{
				"/v1/admin/status": "admin", "/v1/bucket": "admin", "/": "no such page", "/bucket": "no such page",
				"/-/health/live": `"status":"live"`, "/debug/pprof/": "goroutine", "/debug/pprof/goroutine?debug=1": "goroutine profile",
				"/debug/pprof/cmdline": "no such page",
			} {
				if _, body := getSocket(t, path, target); !strings.Contains(body, want) {
					t.Errorf("GET %s = %.200s, want %q", target, body, want)
				}
			}
			at, err := SocketPath(path)
			if err != nil {
				t.Fatal(err)
			}
			if info, err := os.Stat(at); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("socket: %v, %v, want mode 0600", info.Mode(), err)
			}
			stop()
			if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the socket is left behind: %v", err)
			}
			if left, err := os.ReadDir(temp); err != nil || len(left) != 0 {
				t.Errorf("left behind for temporary files: %v, %v", left, err)
			}
		})
	}
}

// TestSocketOfAKilledProcess binds over what one has left.
func TestSocketOfAKilledProcess(t *testing.T) {
	temp := shortDir(t)
	t.Setenv("TMPDIR", temp)
	long := filepath.Join(shortDir(t), strings.Repeat("x", 120))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"short path": shortDir(t), "long path": long} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, "admin.sock")
			if old, err := bindSocket(t.Context(), path); err == nil {
				u, _ := old.(*net.UnixListener)
				u.SetUnlinkOnClose(false)
				_ = old.Close()
			} else if old, err := bindElsewhere(t.Context(), path); err == nil {
				l, _ := old.(linked)
				u, _ := l.Listener.(*net.UnixListener)
				u.SetUnlinkOnClose(false)
				_ = u.Close()
			}
			at, err := SocketPath(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := net.Dial("unix", at); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Fatalf("dial what is left = %v, want ECONNREFUSED", err)
			}
			startSocket(t, path, named("admin"))
			if _, body := getSocket(t, path, "/v1/admin/x"); body != "admin" {
				t.Errorf("GET = %q, want the new server", body)
			}
			if left, err := os.ReadDir(temp); err != nil || len(left) > 1 {
				t.Errorf("for temporary files there are %v, %v, want at most that of the new socket", left, err)
			}
		})
	}
}

// TestSocketPathRefusals: a link leads neither to where others may have put a socket, nor, copied with the whole
// directory, to the server of the original.
func TestSocketPathRefusals(t *testing.T) {
	t.Setenv("TMPDIR", shortDir(t))
	path := filepath.Join(shortDir(t), "admin.sock")
	if _, err := SocketPath(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("SocketPath of nothing = %v, want ErrNotExist", err)
	}
	ln, err := bindElsewhere(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	short, err := SocketPath(path)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(shortDir(t), "admin.sock")
	if err := os.Symlink(short, copied); err != nil {
		t.Fatal(err)
	}
	if at, err := SocketPath(copied); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("SocketPath of a copied link = %q, %v, want ErrNotExist", at, err)
	}
	if err := removeSocket(copied); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(short); err != nil {
		t.Errorf("after the copy of a link was removed: %v, want the socket of the original", err)
	}
	if err := os.Chmod(filepath.Dir(short), 0o755); err != nil {
		t.Fatal(err)
	}
	if at, err := SocketPath(path); err == nil || !strings.Contains(err.Error(), "not for the owner of the link alone") {
		t.Errorf("SocketPath into a directory that others read = %q, %v, want a refusal", at, err)
	}
}

func TestSocketWhileStarting(t *testing.T) {
	path := filepath.Join(shortDir(t), "admin.sock")
	startSocket(t, path, nil)
	status, body := getSocket(t, path, "/v1/admin/status")
	if status != http.StatusServiceUnavailable || !strings.Contains(body, `"code":"Starting"`) || !strings.Contains(body, `"requestId":"`) {
		t.Errorf("GET = %d %s, want 503 Starting", status, body)
	}
}

// TestSocketClientThatGoes: who waits for a long work and goes ends it.
func TestSocketClientThatGoes(t *testing.T) {
	path := filepath.Join(shortDir(t), "admin.sock")
	began, ended := make(chan struct{}), make(chan struct{})
	startSocket(t, path, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(began)
		<-r.Context().Done()
		close(ended)
	}))
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "POST /v1/admin/gc HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"); err != nil {
		t.Fatal(err)
	}
	<-began
	_ = c.Close()
	<-ended
}

// TestSocketKeepsFiles: what is no socket is not removed to make room for one.
func TestSocketKeepsFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if srv, err := ListenSocket(t.Context(), path, Config{}); err == nil {
		_ = srv.Close()
		t.Error("ListenSocket in the place of a file = nil, want an error")
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "text" {
		t.Errorf("the file holds %q, %v", got, err)
	}
}
