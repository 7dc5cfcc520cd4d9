package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Credentials of the servers under test.
const (
	rootUser     = "root"
	rootPassword = "correct horse"
	accessKey    = "E2ETESTKEY0001"
	secretKey    = "e2e-secret/with+signs=0123456789abcdef"
)

// startLimit is how long a server may take to be ready before a test gives up.
const startLimit = 20 * time.Second

// output collects what a process writes, and lets others wait for a part of it.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// instance is a running server.
type instance struct {
	t              *testing.T
	dir            string
	url            string
	cmd            *exec.Cmd
	stdout, stderr *output
	done           chan struct{}
	err            error // of the process, after done
}

// startOptions modify start. The zero value is plain http on a fresh directory with known credentials.
type startOptions struct {
	dir      string // "": a fresh one
	cwd      string // that of the server; "": the test's
	program  string // "": the one that all tests share
	tls      bool
	env      []string // beside nothing but PATH; nil: the known credentials
	noReady  bool     // do not wait for it
	log      *os.File // stderr; nil: kept
	terminal bool     // stdout is one
}

// rootEnv are the variables that set the known credentials.
func rootEnv() []string {
	return []string{
		"TRIVIUM_ROOT_USER=" + rootUser, "TRIVIUM_ROOT_PASSWORD=" + rootPassword,
		"TRIVIUM_ROOT_ACCESS_KEY=" + accessKey, "TRIVIUM_ROOT_SECRET_KEY=" + secretKey,
	}
}

// start runs a server on a free port until the test ends.
func start(t *testing.T, o startOptions, args ...string) *instance {
	t.Helper()
	s := &instance{t: t, dir: o.dir, stdout: &output{}, stderr: &output{}, done: make(chan struct{})}
	if s.dir == "" {
		s.dir = filepath.Join(t.TempDir(), "data")
	}
	if o.env == nil {
		o.env = rootEnv()
	}
	all := append([]string{"serve", "--data", s.dir, "--listen", "127.0.0.1:0"}, args...)
	if o.tls {
		all = append(all, "--tls-cert", certFile, "--tls-key", keyFile)
	}
	if o.program == "" {
		o.program = binary
	}
	s.cmd = exec.Command(o.program, all...)
	s.cmd.Env = append([]string{"PATH=/usr/bin:/bin"}, o.env...)
	if o.cwd != "" { // as a shell does that came here
		s.cmd.Dir, s.cmd.Env = o.cwd, append(s.cmd.Env, "PWD="+o.cwd)
	}
	s.cmd.Stdout, s.cmd.Stderr = s.stdout, s.stderr
	if o.log != nil {
		s.cmd.Stderr = o.log
	}
	if o.terminal {
		s.cmd.Stdout = openTerminal(t, s.stdout)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.err = s.cmd.Wait(); close(s.done) }()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		<-s.done
		if t.Failed() {
			t.Logf("server's output: %s\n%s", s.stdout, tail(s.stderr.String(), 4000))
		}
	})
	if !o.noReady {
		s.waitReady()
	}
	return s
}

// tail returns the last n bytes of s.
func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// waitReady returns when the server says that it is ready.
func (s *instance) waitReady() {
	s.t.Helper()
	s.waitBanner()
	s.poll("ready", func() bool {
		status, _ := s.get("/-/health/ready")
		return status == http.StatusOK
	})
}

// waitBanner returns when the server has printed where it is.
func (s *instance) waitBanner() {
	s.t.Helper()
	s.poll("banner", func() bool {
		_, rest, _ := strings.Cut(s.stdout.String(), "S3 at ")
		var ok bool
		s.url, _, ok = strings.Cut(rest, ",")
		return ok
	})
}

// poll returns when there is what it waits for. The end of the process or of the patience fails the test.
func (s *instance) poll(what string, there func() bool) {
	s.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(startLimit); !there(); <-tick.C {
		select {
		case <-s.done:
			s.t.Fatalf("server ended while waiting for %s: %v\n%s", what, s.err, s.stderr)
		default:
		}
		if time.Now().After(end) {
			s.t.Fatalf("no %s after %v", what, startLimit)
		}
	}
}

// trusted holds the test's certificate.
func trusted(t *testing.T) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	pem, err := os.ReadFile(certFile)
	if err != nil || !pool.AppendCertsFromPEM(pem) {
		t.Fatalf("certificate: %v", err)
	}
	return pool
}

// client returns an HTTP client that trusts the test's certificate and keeps no connection.
func client(t *testing.T) *http.Client {
	t.Helper()
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: trusted(t)}, DisableKeepAlives: true,
	}}
}

// get fetches a path without credentials; status 0 when there is no answer.
func (s *instance) get(path string) (status int, body string) {
	resp, err := client(s.t).Get(s.url + path)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

// stop ends the server by a signal and returns its exit code; -1 when a signal ended it.
func (s *instance) stop(sig syscall.Signal) int {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
	return s.wait()
}

// wait waits for the end of the process.
func (s *instance) wait() int {
	s.t.Helper()
	select {
	case <-s.done:
	case <-time.After(time.Minute):
		s.t.Fatal("server did not end within a minute")
	}
	return s.cmd.ProcessState.ExitCode()
}

// tool runs a client's command and returns its output. It never inherits the environment.
type tool struct {
	program string
	env     []string
}

// run fails the test unless the command succeeds.
func (c tool) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c.try(t, "", args...)
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", filepath.Base(c.program), args, err, tail(out, 3000))
	}
	return out
}

// try runs the command with stdin and returns stdout and stderr together. A client that breaks down by itself
// (Debian's aws does so now and then, in libcrypto) has said nothing about the server: it is run again.
func (c tool) try(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	for again := 2; ; again-- {
		out, err := c.once(t, stdin, args...)
		if again == 0 || !brokeDown(err) {
			return out, err
		}
		t.Logf("%s broke down and is run again: %v", filepath.Base(c.program), err)
	}
}

// brokeDown tells whether a command ended by an access to memory that is not there.
func brokeDown(err error) bool {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGSEGV
}

// once is one run of try.
func (c tool) once(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	limit := 3 * time.Minute
	if soaking() {
		limit = time.Hour
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.program, args...)
	cmd.Env = c.env
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = fmt.Errorf("%w after %v", ctx.Err(), limit)
	}
	return string(out), err
}

// TestToolThatBreaksDown is run again twice, and no other failure is.
func TestToolThatBreaksDown(t *testing.T) {
	sh := tool{program: "/bin/sh"}
	for _, tt := range []struct {
		name, end string
		breaks    int // times, before it ends well
		runs      int
		good      bool
	}{
		{"once", "kill -SEGV $$", 1, 2, true},
		{"always", "kill -SEGV $$", 9, 3, false},
		{"killed", "kill -KILL $$", 1, 1, false},
		{"an error", "exit 139", 1, 1, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			log := filepath.Join(t.TempDir(), "runs")
			_, err := sh.try(t, "", "-c", fmt.Sprintf("echo x >>%s; [ $(wc -l <%s) -gt %d ] || %s", log, log, tt.breaks, tt.end))
			runs, readErr := os.ReadFile(log)
			if readErr != nil || len(runs) != 2*tt.runs || (err == nil) != tt.good {
				t.Errorf("try = %v after %d runs, %v, want %d and success: %v", err, len(runs)/2, readErr, tt.runs, tt.good)
			}
		})
	}
}

// TestHTTP2 keeps, reads and refuses over HTTP/2, many requests at once on one connection.
func TestHTTP2(t *testing.T) {
	s := start(t, startOptions{tls: true})
	c := client(t)
	c.Transport.(*http.Transport).ForceAttemptHTTP2, c.Transport.(*http.Transport).DisableKeepAlives = true, false
	defer c.CloseIdleConnections()
	send := func(method, path, text string, k keys) (int, string, error) {
		r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(text))
		if err != nil {
			return 0, "", err
		}
		sign(r, k)
		resp, err := c.Do(r)
		if err != nil {
			return 0, "", err
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if resp.ProtoMajor != 2 {
			err = errors.Join(err, fmt.Errorf("answered by %s", resp.Proto))
		}
		return resp.StatusCode, string(b), err
	}
	want := func(status int, method, path, text string, k keys) string {
		got, body, err := send(method, path, text, k)
		if err != nil || got != status {
			t.Errorf("%s %s = %d %.200s, %v, want %d", method, path, got, body, err, status)
		}
		return body
	}
	want(200, http.MethodPut, "/bucket", "", goodKeys())
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			path, text := fmt.Sprintf("/bucket/k%d", i), strings.Repeat(fmt.Sprint(i%10), 300_000)
			want(200, http.MethodPut, path, text, goodKeys())
			if got := want(200, http.MethodGet, path, "", goodKeys()); got != text {
				t.Errorf("GET %s has %d bytes, want the %d that were put", path, len(got), len(text))
			}
		})
	}
	all.Wait()
	want(404, http.MethodGet, "/bucket/none", "", goodKeys())
	want(403, http.MethodPut, "/bucket/k1", strings.Repeat("x", 300_000), keys{accessKey, "another secret"})
}
