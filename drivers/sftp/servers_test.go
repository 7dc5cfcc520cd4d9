package sftp_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	proto "github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"trivium/drivers/sftp"
)

const sshdProgram = "/usr/sbin/sshd"

// sshd is a running OpenSSH server that lets in the user of the test with key.
type sshd struct {
	port     int
	pid      int
	user     string
	key      string // PEM
	hostKeys []ssh.PublicKey
}

// newSSHD starts one. Without the program the test is skipped, or fails where real servers are required.
func newSSHD(t *testing.T) *sshd {
	t.Helper()
	if _, err := os.Stat(sshdProgram); err != nil {
		if os.Getenv("TRIVIUM_TEST_CLIENTS") == "required" {
			t.Fatalf("%s is required: %v", sshdProgram, err)
		}
		t.Skipf("%s is not installed: .ci/run installs it", sshdProgram)
	}
	if os.Getuid() == 0 {
		// Where sshd runs as root it wants this directory; the Debian package leaves making it to systemd.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &sshd{user: me.Username}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s.key = pemOf(t, key)
	writeFile(t, filepath.Join(dir, "authorized_keys"), authorized(t, key)+readFile(t, "testdata/closed_key.pub"))
	_, hostEd, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	hostEC, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]any{"host_ed25519": hostEd, "host_ecdsa": hostEC} {
		writeFile(t, filepath.Join(dir, name), pemOf(t, key))
		s.hostKeys = append(s.hostKeys, signer(t, key).PublicKey())
	}
	const tries = 5 // somebody may take the port between our look and sshd's
	for range tries {
		// Without PAM sshd turns away users whose password is locked, and with it those whom PAM does not like.
		if s.start(t, dir, "no") || s.start(t, dir, "yes") {
			return s
		}
	}
	t.Fatal("sshd does not start, or lets nobody in")
	return nil
}

func (s *sshd) start(t *testing.T, dir, pam string) bool {
	t.Helper()
	s.port = freePort(t)
	conf := filepath.Join(dir, "sshd.conf")
	writeFile(t, conf, fmt.Sprintf(`Port %d
ListenAddress 127.0.0.1
HostKey %[2]s/host_ed25519
HostKey %[2]s/host_ecdsa
AuthorizedKeysFile %[2]s/authorized_keys
PidFile none
StrictModes no
UsePAM %[3]s
PermitRootLogin yes
PasswordAuthentication yes
MaxStartups 100
LoginGraceTime 60
Subsystem sftp internal-sftp
`, s.port, dir, pam))
	var log bytes.Buffer
	cmd := exec.Command(sshdProgram, "-D", "-e", "-f", conf)
	cmd.Stderr, cmd.Stdout = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.pid = cmd.Process.Pid
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	stop := func() {
		s.killChildren()
		_ = cmd.Process.Kill()
		<-exited
	}
	for range 600 {
		select {
		case <-exited:
			t.Logf("sshd on port %d: %s", s.port, log.String())
			return false
		case <-time.After(50 * time.Millisecond):
		}
		if banner(s.port) {
			break
		}
	}
	if err := s.login(t); err != nil {
		stop()
		t.Logf("sshd with UsePAM %s: %v: %s", pam, err, log.String())
		return false
	}
	t.Cleanup(stop)
	return true
}

// login tries whether the server lets the test in.
func (s *sshd) login(t *testing.T) error {
	t.Helper()
	key, err := ssh.ParsePrivateKey([]byte(s.key))
	if err != nil {
		t.Fatal(err)
	}
	c, err := ssh.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port), &ssh.ClientConfig{
		User: s.user, Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
	if err != nil {
		return err
	}
	_ = c.Close()
	_ = c.Wait()
	return nil
}

// banner tells whether an SSH server answers at a port.
func banner(port int) bool {
	conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	p := make([]byte, 8)
	_, err = io.ReadFull(conn, p)
	return err == nil && string(p) == "SSH-2.0-"
}

// killChildren kills the processes of all connections, which may have children themselves.
func (s *sshd) killChildren() {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, stat := range stats {
		data, err := os.ReadFile(stat)
		if err != nil {
			continue // it ended
		}
		_, rest, _ := strings.Cut(string(data), ") ")
		fields := strings.Fields(rest)
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
		if err != nil || len(fields) < 2 {
			continue
		}
		if parent, err := strconv.Atoi(fields[1]); err == nil {
			children[parent] = append(children[parent], pid)
		}
	}
	for all := children[s.pid]; len(all) > 0; all = all[1:] {
		all = append(all, children[all[0]]...)
		_ = syscall.Kill(all[0], syscall.SIGKILL)
	}
}

func (s *sshd) config(path string) sftp.Config {
	return sftp.Config{Host: "127.0.0.1", Port: strconv.Itoa(s.port), Path: path, User: s.user, PrivateKey: s.key}
}

func open(t *testing.T, cfg sftp.Config, opts sftp.Options) *sftp.Driver {
	t.Helper()
	d, err := sftp.Open(t.Context(), "cloud", cfg, opts)
	if err != nil {
		t.Fatalf("Open = %v", err)
	}
	return d
}

func signer(t *testing.T, key any) ssh.Signer {
	t.Helper()
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func authorized(t *testing.T, key any) string {
	t.Helper()
	return string(ssh.MarshalAuthorizedKey(signer(t, key).PublicKey()))
}

// pemOf is a private key as OpenSSH writes it.
func pemOf(t *testing.T, key any) string {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(key, "test")
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block))
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	p, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(p)
}

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// goServer is an SFTP server in the process that takes ann's password "open sesame". Connections go through a front
// that can fall silent.
type goServer struct {
	t      *testing.T
	l      net.Listener
	config *ssh.ServerConfig
	silent atomic.Bool
	server []proto.ServerOption
	wg     sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
}

// newGoServer starts one; ask makes it ask for the password instead of taking it.
func newGoServer(t *testing.T, ask bool) *goServer {
	t.Helper()
	s := &goServer{t: t, config: &ssh.ServerConfig{}}
	check := func(c ssh.ConnMetadata, password string) error {
		if c.User() != "ann" || password != "open sesame" {
			return errors.New("no")
		}
		return nil
	}
	if ask {
		s.config.KeyboardInteractiveCallback = func(c ssh.ConnMetadata, client ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			answers, err := client("", "", []string{"Password: "}, []bool{false})
			if err != nil || len(answers) != 1 {
				return nil, errors.New("no answer")
			}
			return nil, check(c, answers[0])
		}
	} else {
		s.config.PasswordCallback = func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			return nil, check(c, string(password))
		}
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s.config.AddHostKey(signer(t, key))
	s.l, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.wg.Go(s.accept)
	t.Cleanup(func() {
		s.l.Close()
		s.cut()
		s.wg.Wait()
	})
	return s
}

func (s *goServer) accept() {
	for {
		conn, err := s.l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns = append(s.conns, conn)
		s.mu.Unlock()
		s.wg.Go(func() { s.serve(&silentConn{Conn: conn, s: s}) })
	}
}

// cut ends all connections.
func (s *goServer) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		c.Close()
	}
	s.conns = nil
}

func (s *goServer) serve(conn net.Conn) {
	defer conn.Close()
	c, channels, requests, err := ssh.NewServerConn(conn, s.config)
	if err != nil {
		return
	}
	s.wg.Go(func() { ssh.DiscardRequests(requests) })
	for ch := range channels {
		channel, requests, err := ch.Accept()
		if err != nil {
			break
		}
		s.wg.Go(func() {
			for r := range requests {
				_ = r.Reply(r.Type == "subsystem", nil)
			}
		})
		s.wg.Go(func() {
			defer channel.Close()
			if server, err := proto.NewServer(channel, s.server...); err == nil {
				_ = server.Serve()
			}
		})
	}
	_ = c.Wait()
}

// silentConn throws away what the server says while it is to be silent.
type silentConn struct {
	net.Conn
	s *goServer
}

func (c *silentConn) Write(p []byte) (int, error) {
	if c.s.silent.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (s *goServer) driverConfig(path string) sftp.Config {
	return sftp.Config{
		Host: "127.0.0.1", Port: strconv.Itoa(s.l.Addr().(*net.TCPAddr).Port), Path: path, User: "ann", Password: "open sesame",
	}
}
