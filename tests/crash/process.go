package crash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"trivium/nativeapi/client"
	"trivium/tests/s3client"
)

// packageIDs are the ids of the packages by bucket/name.
type packageIDs map[string]int64

// The credentials of the servers under test.
const (
	accessKey = "CRASHTESTKEY00000001"
	secretKey = "crash-test-secret-key-0000000000000000001"
)

// callLimit is how long a call may take.
const callLimit = 30 * time.Second

// process is one life of a server.
type process struct {
	cmd    *exec.Cmd
	client *s3client.Client
	api    client.API
	// packages are those of the workers.
	packages packageIDs
	out      *bytes.Buffer
	ended    chan struct{} // closed when the process is gone
	err      error         // of Wait, after ended
	ready    time.Duration // from the start to ready; 0: it died before
}

// start starts a server on data that kills itself at the point, "" for nowhere, and waits until it is ready or
// dead. log gets the point when it did.
func start(ctx context.Context, binary, data, point, log string) (*process, error) {
	addr, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	p := &process{out: new(bytes.Buffer), ended: make(chan struct{})}
	p.cmd = exec.Command(binary, "serve", "--data", data, "--listen", addr, "--log-level", "warn")
	p.cmd.Env = append(cleanEnv(),
		"TRIVIUM_ROOT_ACCESS_KEY="+accessKey, "TRIVIUM_ROOT_SECRET_KEY="+secretKey, "TRIVIUM_ROOT_PASSWORD=crash-test-password",
		"TRIVIUM_TEST_UPKEEP_INTERVAL=100ms", "TRIVIUM_CRASH="+point, "TRIVIUM_CRASH_LOG="+log)
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	p.client = &s3client.Client{
		Endpoint: "http://" + addr, Access: accessKey, Secret: secretKey,
		HTTP: &http.Client{Timeout: callLimit, Transport: &http.Transport{MaxIdleConnsPerHost: 32, DisableCompression: true}},
	}
	c, err := client.Remote(p.client.Endpoint, accessKey, secretKey)
	if err != nil {
		return nil, err
	}
	p.api = c.API()
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, p.waitReady(ctx, began)
}

// cleanEnv is the environment without variables of the suites.
func cleanEnv() []string {
	var env []string
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "TRIVIUM_") {
			env = append(env, pair)
		}
	}
	return env
}

// freeAddress finds a port nobody listens on.
func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// errNotReady is a server that is neither ready nor dead after a long time.
var errNotReady = errors.New("the server does not get ready")

// waitReady asks until the server says that it is ready, or has died.
func (p *process) waitReady(ctx context.Context, began time.Time) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for time.Since(began) < time.Minute {
		select {
		case <-p.ended:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.client.Endpoint+"/-/health/ready", http.NoBody)
		if err != nil {
			return err
		}
		resp, err := p.client.HTTP.Do(req)
		if err != nil {
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			p.ready = time.Since(began)
			return nil
		}
	}
	p.kill()
	return fmt.Errorf("%w:\n%s", errNotReady, p.out)
}

// dead tells whether the process has ended.
func (p *process) dead() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// kill ends the process as a power cut would and waits for it.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
	p.disconnect()
}

// disconnect closes the connections that no call uses. The client of the native API has the default transport.
func (p *process) disconnect() {
	p.client.HTTP.CloseIdleConnections()
	http.DefaultClient.CloseIdleConnections()
}

// killed tells whether the process ended by SIGKILL, as it does at a named point, and not in a way of its own.
func (p *process) killed() bool {
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// stop ends the process in order.
func (p *process) stop() error {
	p.disconnect()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(30 * time.Second):
		p.kill()
		return fmt.Errorf("the server did not stop within 30 s of SIGTERM:\n%s", p.out)
	}
	if p.err != nil {
		return fmt.Errorf("the server stopped with %w:\n%s", p.err, p.out)
	}
	return nil
}

// build compiles the server with its named points into dir.
func build(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "trivium")
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", "crashpoints", "-o", binary, "trivium/cmd/trivium")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return binary, nil
}

// packageID is the id of a worker's package.
func (p *process) packageID(bucket, name string) int64 { return p.packages[bucket+"/"+name] }
