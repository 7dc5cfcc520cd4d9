package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"trivium/tests/s3client"
)

const (
	accessKey = "BENCHKEY000000000001"
	secretKey = "bench-secret-key-00000000000000000000001"
	userName  = "bench"
	password  = "bench-password-0000001"
	// hostHeader is the name all requests go to, so that one signature is good for every server.
	hostHeader = "bench.test"
	bucket     = "bench"
)

// bench is the running servers.
type bench struct {
	options
	ctx    context.Context //nolint:containedctx // of the whole program
	dir    string
	binary string
	server *server
	before *server // of another build; nil: there is none
	floor  target
	bare   *exec.Cmd
	signer *s3client.Client
	table  table
	filled map[string]int
}

// server is one running server.
type server struct {
	cmd   *exec.Cmd
	addr  string
	data  string
	ready time.Duration
	api   *s3client.Client
}

// newBench builds the server and starts it and the floor.
func newBench(ctx context.Context, o options, dir string) (*bench, error) {
	b := &bench{
		options: o, ctx: ctx, dir: dir, binary: filepath.Join(dir, "trivium"), table: table{os.Stdout}, filled: map[string]int{},
		signer: &s3client.Client{Endpoint: "http://" + hostHeader, Access: accessKey, Secret: secretKey},
	}
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", b.binary, "trivium/cmd/trivium").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build: %w\n%s", err, out)
	}
	err := b.startFloor()
	if err == nil {
		b.server, err = b.start(filepath.Join(dir, "data"))
	}
	if err == nil {
		err = b.server.api.CreateBucket(ctx, bucket)
	}
	if err == nil && o.against != "" {
		err = b.startBefore()
	}
	if err != nil {
		b.stop()
		return nil, err
	}
	return b, nil
}

// startBefore starts the server of another build.
func (b *bench) startBefore() (err error) {
	if b.before, err = b.launch(b.against, filepath.Join(b.dir, "before")); err != nil {
		return err
	}
	return b.before.api.CreateBucket(b.ctx, bucket)
}

// startFloor starts this program as a floor.
func (b *bench) startFloor() error {
	dir := filepath.Join(b.dir, "floor")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	b.bare = exec.CommandContext(b.ctx, self, "floor", dir)
	b.bare.Stderr = os.Stderr
	out, err := b.bare.StdoutPipe()
	if err != nil {
		return err
	}
	if err := b.bare.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	b.floor = target{name: "file", addr: strings.TrimSpace(line)}
	return err
}

// start starts the server on data and waits until it is ready.
func (b *bench) start(data string) (*server, error) { return b.launch(b.binary, data) }

// launch starts a server of that binary on data and waits until it is ready.
func (b *bench) launch(binary, data string) (*server, error) {
	l, err := new(net.ListenConfig).Listen(b.ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{data: data, addr: l.Addr().String()} // free a moment later
	if err := l.Close(); err != nil {
		return nil, err
	}
	s.api = &s3client.Client{
		Endpoint: "http://" + s.addr, Access: accessKey, Secret: secretKey, HTTP: &http.Client{Timeout: 10 * time.Minute},
	}
	s.cmd = exec.CommandContext(b.ctx, binary, "serve", "--data", data, "--listen", s.addr, "--log-level", "warn")
	s.cmd.Env = append(os.Environ(), "TRIVIUM_ROOT_ACCESS_KEY="+accessKey, "TRIVIUM_ROOT_SECRET_KEY="+secretKey,
		"TRIVIUM_ROOT_USER="+userName, "TRIVIUM_ROOT_PASSWORD="+password)
	s.cmd.Stderr = os.Stderr
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for time.Since(began) < time.Minute {
		if isReady(b.ctx, s.addr) {
			s.ready = time.Since(began)
			return s, nil
		}
		time.Sleep(2 * time.Millisecond)
	}
	return nil, errors.Join(errors.New("the server does not get ready"), s.end())
}

// isReady asks the server.
func isReady(ctx context.Context, addr string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/-/health/ready", http.NoBody)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// end stops the server in order.
func (s *server) end() error {
	http.DefaultClient.CloseIdleConnections()
	s.api.HTTP.CloseIdleConnections()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return s.cmd.Wait()
}

// stop ends everything.
func (b *bench) stop() {
	if b.bare != nil && b.bare.Process != nil {
		_ = b.bare.Process.Kill()
		_ = b.bare.Wait()
	}
	for _, s := range []*server{b.server, b.before} {
		if s == nil {
			continue
		}
		if err := s.end(); err != nil {
			fmt.Fprintln(os.Stderr, "bench: stop:", err)
		}
	}
}

// restart stops the server, calls between and starts it again.
func (b *bench) restart(between func() error) error {
	data := b.server.data
	if err := b.server.end(); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	err := between()
	s, startErr := b.start(data)
	if startErr == nil {
		b.server = s
	}
	return errors.Join(err, startErr)
}

// trivium is the server as a target.
func (b *bench) trivium() target { return target{name: "trivium", addr: b.server.addr} }

// nowhere is the floor that drops what it is sent.
func (b *bench) nowhere() target {
	return target{name: "nowhere", addr: b.floor.addr, path: "/nowhere"}
}

// signed makes a request with a presigned URL. The same bytes go to the floor, which ignores the signature.
func (b *bench) signed(method, bucket, key string, query url.Values, body []byte) request {
	u, err := url.Parse(b.signer.Presign(method, bucket, key, query, time.Now()))
	if err != nil {
		panic(err) // a URL that this program made
	}
	want := http.StatusOK
	return request{method: method, target: u.RequestURI(), body: body, want: want}
}

// memory reads a line of the server's status, in MiB.
func (s *server) memory(line string) (float64, error) {
	kib, err := s3client.Memory(s.cmd.Process.Pid, line)
	return float64(kib) / 1024, err
}

// cpu is the processor time that the server has used, to 10 ms.
func (s *server) cpu() (time.Duration, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(s.cmd.Process.Pid) + "/stat")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), ") ") // behind the name
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("processor time: %q", text)
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * (time.Second / 100), err
}
