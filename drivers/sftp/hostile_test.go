package sftp_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	proto "github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"trivium/drivers"
	"trivium/drivers/sftp"
)

func put(t *testing.T, d drivers.Driver, name, content string, opts ...drivers.PutOptions) error {
	t.Helper()
	return d.Put(t.Context(), name, strings.NewReader(content), int64(len(content)), append(opts, drivers.PutOptions{})[0])
}

func read(t *testing.T, d drivers.Driver, name string) (string, error) {
	t.Helper()
	rc, err := d.Open(t.Context(), name, 0, -1)
	if err != nil {
		return "", err
	}
	defer rc.Close()
	p, err := io.ReadAll(rc)
	return string(p), err
}

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s = %v, want %v", what, err, want)
	}
	if err != nil && strings.Contains(err.Error(), "pass-w0rd") {
		t.Errorf("%s tells a secret: %v", what, err)
	}
}

// TestPlainServer runs the suite against a server without extensions.
func TestPlainServer(t *testing.T) {
	if err := proto.SetSFTPExtensions(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := proto.SetSFTPExtensions("hardlink@openssh.com", "posix-rename@openssh.com", "statvfs@openssh.com"); err != nil {
			t.Fatal(err)
		}
	})
	s := newGoServer(t, false)
	d := open(t, s.driverConfig(t.TempDir()), sftp.Options{})
	if d.Traits().AtomicPut {
		t.Error("Traits say that a Put replaces in one step, which plain renames cannot")
	}
	d.Close()
	suite(t, s.driverConfig)
}

// TestHostileSymlinks puts links that lead out of the root where names lead through.
func TestHostileSymlinks(t *testing.T) {
	root, outside := filepath.Join(t.TempDir(), "root"), t.TempDir()
	d := open(t, newSSHD(t).config(root), sftp.Options{})
	defer d.Close()
	secret := filepath.Join(outside, "secret")
	writeFile(t, secret, "secret")
	for name, target := range map[string]string{
		"abs": outside, "file": secret, "twice": "abs", "proc": "/proc/self/root", "beside": root + "2",
	} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(root+"2", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"abs/secret", "file", "twice/secret", "proc/etc/passwd", "beside", "beside/x"} {
		rc, err := d.Open(t.Context(), name, 0, -1)
		if err == nil {
			rc.Close()
		}
		wantErr(t, "Open of "+name, err, drivers.ErrDenied)
		_, err = d.Stat(t.Context(), name)
		wantErr(t, "Stat of "+name, err, drivers.ErrDenied)
	}
	for _, name := range []string{"abs/new", "abs/secret", "twice/newdir/new", "beside/new"} {
		wantErr(t, "Put of "+name, put(t, d, name, "evil"), drivers.ErrDenied)
		wantErr(t, "Delete of "+name, d.Delete(t.Context(), name), drivers.ErrDenied)
		wantErr(t, "Mkdir of "+name+"dir", d.Mkdir(t.Context(), name+"dir"), drivers.ErrDenied)
	}
	for _, prefix := range []string{"", "abs", "twice", "abs/x"} {
		for info := range d.List(t.Context(), prefix, drivers.ListOptions{Recursive: true}) {
			if info.Name != "" {
				t.Errorf("List(%q) shows %+v", prefix, info)
			}
		}
	}
	if err := put(t, d, "file", "mine"); err != nil {
		t.Errorf("Put over a link = %v", err)
	}
	if got, err := os.ReadFile(secret); string(got) != "secret" || err != nil {
		t.Errorf("outside there is now %q, %v", got, err)
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 1 {
		t.Errorf("outside there is now %v, %v", entries, err)
	}
}

// TestSpecialFiles looks at what is no content; the server must not be made to wait at the FIFO.
func TestSpecialFiles(t *testing.T) {
	root := t.TempDir()
	d := open(t, newSSHD(t).config(root), sftp.Options{})
	defer d.Close()
	if err := syscall.Mkfifo(filepath.Join(root, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := d.Open(t.Context(), "fifo", 0, -1)
	wantErr(t, "Open of a FIFO", err, drivers.ErrNotExist)
	_, err = d.Stat(t.Context(), "fifo")
	wantErr(t, "Stat of a FIFO", err, drivers.ErrNotExist)
	if err := os.WriteFile(filepath.Join(root, "bad\xffname"), nil, 0o600); err == nil {
		for info, err := range d.List(t.Context(), "", drivers.ListOptions{}) {
			t.Errorf("List shows %+v, %v, want neither the FIFO nor the name that is no UTF-8", info, err)
		}
	}
}

func TestLogin(t *testing.T) {
	s := newSSHD(t)
	taking, asking := newGoServer(t, false), newGoServer(t, true)
	root := t.TempDir()
	_, other, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	closed := readFile(t, "testdata/closed_key") // with the passphrase pass-w0rd, as the server lets it in
	with := func(cfg sftp.Config, change func(*sftp.Config)) sftp.Config {
		cfg.PrivateKey, cfg.Password = "", ""
		change(&cfg)
		return cfg
	}
	for name, tt := range map[string]struct {
		cfg  sftp.Config
		want error
	}{
		"key":            {s.config(root), nil},
		"closed key":     {with(s.config(root), func(c *sftp.Config) { c.PrivateKey, c.Passphrase = closed, "pass-w0rd" }), nil},
		"password":       {taking.driverConfig(root), nil},
		"password asked": {asking.driverConfig(root), nil},
		"key, then password": {with(taking.driverConfig(root), func(c *sftp.Config) {
			c.PrivateKey, c.Password = s.key, "open sesame"
		}), nil},
		"wrong key":               {with(s.config(root), func(c *sftp.Config) { c.PrivateKey = pemOf(t, other) }), drivers.ErrDenied},
		"wrong password":          {with(s.config(root), func(c *sftp.Config) { c.Password = "pass-w0rd" }), drivers.ErrDenied},
		"wrong password, again":   {with(taking.driverConfig(root), func(c *sftp.Config) { c.Password = "pass-w0rd" }), drivers.ErrDenied},
		"wrong answer":            {with(asking.driverConfig(root), func(c *sftp.Config) { c.Password = "pass-w0rd" }), drivers.ErrDenied},
		"unknown user":            {with(taking.driverConfig(root), func(c *sftp.Config) { c.User, c.Password = "bob", "pass-w0rd" }), drivers.ErrDenied},
		"path that is a file":     {with(s.config(sshdProgram), func(c *sftp.Config) { c.PrivateKey = s.key }), drivers.ErrDenied},
		"a port that is not open": {with(s.config(root), func(c *sftp.Config) { c.PrivateKey, c.Port = s.key, strconv.Itoa(freePort(t)) }), drivers.ErrTransient},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := sftp.Open(t.Context(), "cloud", tt.cfg, sftp.Options{})
			wantErr(t, "Open", err, tt.want)
			if err == nil {
				d.Close()
			} else if errors.Is(err, drivers.ErrDenied) && !strings.HasPrefix(name, "path") && !strings.Contains(err.Error(), "does not accept the user name") {
				t.Errorf("Open = %v, want words", err)
			}
		})
	}
}

func TestHostKey(t *testing.T) {
	s := newSSHD(t)
	root := t.TempDir()
	var learned []string
	opts := sftp.Options{Learned: func(space, hostKey string) error {
		learned = append(learned, space+" "+hostKey)
		return nil
	}}
	open(t, s.config(root), opts).Close()
	if len(learned) != 1 || !strings.HasPrefix(learned[0], "cloud ") {
		t.Fatalf("learned %q, want one key", learned)
	}
	first := strings.TrimPrefix(learned[0], "cloud ")
	accepted := []string{first, first + " comment\n"}
	for _, key := range s.hostKeys {
		accepted = append(accepted, ssh.FingerprintSHA256(key), string(ssh.MarshalAuthorizedKey(key)))
	}
	for _, key := range accepted {
		cfg := s.config(root)
		cfg.HostKey = key
		d, err := sftp.Open(t.Context(), "cloud", cfg, opts)
		if err != nil {
			t.Errorf("Open with hostKey %q = %v", key, err)
			continue
		}
		d.Close()
	}
	if len(learned) != 1 {
		t.Errorf("learned %q though a key was configured", learned)
	}
	_, other, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{authorized(t, other), ssh.FingerprintSHA256(signer(t, other).PublicKey())} {
		cfg := s.config(root)
		cfg.HostKey = key
		_, err := sftp.Open(t.Context(), "cloud", cfg, opts)
		wantErr(t, "Open of another server", err, drivers.ErrDenied)
		if err == nil || !strings.Contains(err.Error(), "shows the host key SHA256:") {
			t.Errorf("Open of another server = %v, want words", err)
		}
	}
	broken := errors.New("the configuration cannot be written")
	_, err = sftp.Open(t.Context(), "cloud", s.config(root), sftp.Options{Learned: func(string, string) error { return broken }})
	wantErr(t, "Open whose key cannot be kept", err, broken)
}

// TestHostKeyKept changes the server behind a driver that has learned its key by itself.
func TestHostKeyKept(t *testing.T) {
	first, second := newGoServer(t, false), newGoServer(t, false)
	var moved atomic.Bool
	d := open(t, first.driverConfig(t.TempDir()), sftp.Options{Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if moved.Load() {
			addr = second.l.Addr().String()
		}
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}})
	defer d.Close()
	moved.Store(true)
	first.cut()
	for range 100 { // the loss may be noticed late
		err := put(t, d, "x", "content")
		if errors.Is(err, drivers.ErrDenied) {
			return
		}
		wantErr(t, "Put", err, drivers.ErrTransient)
	}
	t.Error("the driver went on with another server")
}

// interrupted calls then once after so many bytes.
type interrupted struct {
	io.Reader
	after int
	then  func()
}

func (i *interrupted) Read(p []byte) (int, error) {
	n, err := i.Reader.Read(p[:min(len(p), 32<<10)])
	if i.after -= n; i.after <= 0 && i.then != nil {
		i.then()
		i.then = nil
	}
	return n, err
}

// TestConnectionLost kills the server's processes in the middle of a Put, in the middle of a read, and between calls.
func TestConnectionLost(t *testing.T) {
	s := newSSHD(t)
	root := t.TempDir()
	d := open(t, s.config(root), sftp.Options{})
	defer d.Close()
	const size = 8 << 20
	if err := put(t, d, "x", strings.Repeat("old ", size/4)); err != nil {
		t.Fatal(err)
	}
	body := &interrupted{Reader: bytes.NewReader(make([]byte, size)), after: size / 2, then: s.killChildren}
	wantErr(t, "Put", d.Put(t.Context(), "x", body, size, drivers.PutOptions{}), drivers.ErrTransient)
	rc := again(t, func() (io.ReadCloser, error) { return d.Open(t.Context(), "x", 0, -1) })
	defer rc.Close()
	r := &interrupted{Reader: rc, after: size / 2, then: s.killChildren}
	p, err := io.ReadAll(r)
	wantErr(t, "reading", err, drivers.ErrTransient)
	if strings.Trim(string(p), "old ") != "" || len(p) >= size {
		t.Errorf("read %d bytes, want fewer than %d of the old content", len(p), size)
	}
	again(t, func() (struct{}, error) { return struct{}{}, put(t, d, "x", "new") })
	if got, err := read(t, d, "x"); got != "new" || err != nil {
		t.Errorf("read %.20q, %v", got, err)
	}
	s.killChildren()
	again(t, func() (drivers.Info, error) { return d.Stat(t.Context(), "x") })
	wantTemps(t, root)
}

// again calls until it succeeds; only losses that were not noticed yet may fail.
func again[T any](t *testing.T, call func() (T, error)) T {
	t.Helper()
	var got T
	var err error
	for range 100 {
		if got, err = call(); err == nil {
			return got
		}
		wantErr(t, "a call after the loss", err, drivers.ErrTransient)
	}
	t.Fatalf("no call works after the loss: %v", err)
	return got
}

func wantTemps(t *testing.T, root string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(root, ".trivium-tmp"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if !slices.Equal(names, want) {
		t.Errorf("temporary files %q, want %q", names, want)
	}
}

// TestSilentServer ends the ctx of calls to a server that does not answer.
func TestSilentServer(t *testing.T) {
	for name, call := range map[string]func(ctx context.Context, d *sftp.Driver) error{
		"Put": func(ctx context.Context, d *sftp.Driver) error {
			return d.Put(ctx, "y", bytes.NewReader(make([]byte, 3<<20)), 3<<20, drivers.PutOptions{})
		},
		"Open":   func(ctx context.Context, d *sftp.Driver) error { _, err := d.Open(ctx, "x", 0, -1); return err },
		"Stat":   func(ctx context.Context, d *sftp.Driver) error { _, err := d.Stat(ctx, "x"); return err },
		"Delete": func(ctx context.Context, d *sftp.Driver) error { return d.Delete(ctx, "x") },
		"Mkdir":  func(ctx context.Context, d *sftp.Driver) error { return d.Mkdir(ctx, "d") },
		"List": func(ctx context.Context, d *sftp.Driver) error {
			for _, err := range d.List(ctx, "", drivers.ListOptions{}) {
				return err
			}
			return nil
		},
		"Usage": func(ctx context.Context, d *sftp.Driver) error { _, _, err := d.Usage(ctx); return err },
	} {
		t.Run(name, func(t *testing.T) {
			s := newGoServer(t, false)
			d := open(t, s.driverConfig(t.TempDir()), sftp.Options{})
			defer d.Close()
			if err := put(t, d, "x", "content"); err != nil {
				t.Fatal(err)
			}
			s.silent.Store(true)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error, 1)
			go func() { done <- call(ctx, d) }()
			runtime.Gosched()
			cancel()
			select {
			case err := <-done:
				wantErr(t, name, err, context.Canceled)
			case <-time.After(20 * time.Second): // 5 s, but for a loaded machine
				t.Fatalf("%s goes on after its ctx ended", name)
			}
		})
	}
}

// TestSilence lets the patience with a server that says nothing more end, without a ctx that does.
func TestSilence(t *testing.T) {
	s := newGoServer(t, false)
	var over atomic.Bool
	opts := sftp.Options{Idle: time.Hour, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		return &patientConn{Conn: conn, over: &over}, err
	}}
	d := open(t, s.driverConfig(t.TempDir()), opts)
	defer d.Close()
	over.Store(true)
	// The deadline is set when a read begins, so one more answer has to come.
	if _, err := d.Stat(t.Context(), "x"); err == nil {
		t.Error("Stat of a missing name succeeds")
	}
	s.silent.Store(true)
	_, err := d.Stat(t.Context(), "x")
	wantErr(t, "Stat", err, drivers.ErrTransient)
}

// patientConn has deadlines that do not pass until patience is over; then they pass at once.
type patientConn struct {
	net.Conn
	over *atomic.Bool
}

func (c *patientConn) SetReadDeadline(at time.Time) error {
	if c.over.Load() {
		at = time.Now().Add(100 * time.Millisecond)
	}
	return c.Conn.SetReadDeadline(at)
}

func TestChangedBehind(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	d := open(t, newSSHD(t).config(root), sftp.Options{})
	defer d.Close()
	for i, gone := range []string{"a", ".trivium-tmp", "a/b"} {
		if err := put(t, d, "a/b/x", "1"); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Join(root, gone)); err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("a/b/y%d", i)
		if err := put(t, d, name, "2"); err != nil {
			t.Errorf("Put after somebody removed %s = %v", gone, err)
		}
	}
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	for _, err := range d.List(t.Context(), "", drivers.ListOptions{}) {
		wantErr(t, "List of a root that is gone", err, drivers.ErrBroken)
	}
}

// TestStaleTemps opens a space in which broken off Puts have left something.
func TestStaleTemps(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, ".trivium-tmp")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-25 * time.Hour)
	id := strings.Repeat("A", 26)
	for name, at := range map[string]time.Time{id + ".1": old, id + ".2": time.Now(), "notes.txt": old, id + ".UP": old} {
		writeFile(t, filepath.Join(dir, name), "x")
		if err := os.Chtimes(filepath.Join(dir, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	open(t, newSSHD(t).config(root), sftp.Options{}).Close()
	wantTemps(t, root, id+".2", id+".UP", "notes.txt")
}

func TestHostileTempDir(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(root, ".trivium-tmp")); err != nil {
		t.Fatal(err)
	}
	d := open(t, newSSHD(t).config(root), sftp.Options{})
	defer d.Close()
	err := put(t, d, "x", "content")
	if entries, _ := os.ReadDir(outside); len(entries) > 0 || err == nil {
		t.Errorf("Put = %v, and outside there is %v", err, entries)
	}
}

// TestReadOnly reads where nothing can be written.
func TestReadOnly(t *testing.T) {
	s := newGoServer(t, false)
	s.server = []proto.ServerOption{proto.ReadOnly()}
	root := t.TempDir()
	writeFile(t, filepath.Join(root, "x"), "content")
	d := open(t, s.driverConfig(root), sftp.Options{})
	defer d.Close()
	if got, err := read(t, d, "x"); got != "content" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	wantErr(t, "Put", put(t, d, "y", "1"), drivers.ErrDenied)
	wantErr(t, "Delete", d.Delete(t.Context(), "x"), drivers.ErrDenied)
	wantErr(t, "Mkdir", d.Mkdir(t.Context(), "d"), drivers.ErrDenied)
}

// TestFullDisk writes more than there is room for.
func TestFullDisk(t *testing.T) {
	root := t.TempDir()
	if err := syscall.Mount("tmpfs", root, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("no file system can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(root, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	for name, cfg := range map[string]sftp.Config{"OpenSSH": newSSHD(t).config(root), "Go": newGoServer(t, false).driverConfig(root)} {
		t.Run(name, func(t *testing.T) {
			d := open(t, cfg, sftp.Options{})
			defer d.Close()
			err := d.Put(t.Context(), "x", bytes.NewReader(make([]byte, 8<<20)), 8<<20, drivers.PutOptions{})
			wantErr(t, "Put", err, drivers.ErrNoSpace)
			wantTemps(t, root)
			if err := put(t, d, "y", "small"); err != nil {
				t.Errorf("Put of what fits = %v", err)
			}
		})
	}
}

// TestFewConnections has many readers open on few connections.
func TestFewConnections(t *testing.T) {
	var dialed atomic.Int64
	opts := sftp.Options{Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		dialed.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}}
	d := open(t, newSSHD(t).config(t.TempDir()), opts)
	defer d.Close()
	if err := put(t, d, "x", "content"); err != nil {
		t.Fatal(err)
	}
	for range 60 {
		rc, err := d.Open(t.Context(), "x", 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		defer rc.Close()
		if p, err := io.ReadAll(rc); string(p) != "content" || err != nil {
			t.Fatalf("read %q, %v", p, err)
		}
	}
	if n := dialed.Load(); n > 4 {
		t.Errorf("%d connections, want 4 at most", n)
	}
}

// TestDial refuses an address as a program does that takes addresses from strangers.
func TestDial(t *testing.T) {
	var asked string
	opts := sftp.Options{Dial: func(_ context.Context, _, addr string) (net.Conn, error) {
		asked = addr
		return nil, fmt.Errorf("%w: private addresses are not allowed", drivers.ErrDenied)
	}}
	_, err := sftp.Kind(opts).Open(t.Context(), "cloud", drivers.Config{"host": "::1", "path": "p", "user": "ann", "password": "pass-w0rd"})
	wantErr(t, "Open", err, drivers.ErrDenied)
	if asked != "[::1]:22" {
		t.Errorf("asked to dial %q", asked)
	}
}

func TestKind(t *testing.T) {
	kind := sftp.Kind(sftp.Options{})
	if got := fmt.Sprint(kind.Secrets()); got != "[password privateKey passphrase]" || kind.Trusted {
		t.Errorf("secrets %s, trusted %v", got, kind.Trusted)
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	closed := readFile(t, "testdata/closed_key")
	good := drivers.Config{"host": "host", "path": "dir", "user": "ann", "password": "pass-w0rd"}
	for _, tt := range []struct {
		field, value string
		want         string // in the error; "": none
	}{
		{"host", "host", ""},
		{"host", "", "host"},
		{"host", "ann@host", "host"},
		{"host", "host/dir", "host"},
		{"port", "2222", ""},
		{"port", "0", "port"},
		{"port", "65536", "port"},
		{"port", "ssh", "port"},
		{"path", "", "path"},
		{"user", "", "user"},
		{"password", "", "password"},
		{"hostKey", authorized(t, key), ""},
		{"hostKey", ssh.FingerprintSHA256(signer(t, key).PublicKey()), ""},
		{"hostKey", "SHA256:short", "hostKey"},
		{"hostKey", "host " + authorized(t, key), ""}, // options come before a key in authorized_keys
		{"hostKey", "MD5:00:11", "hostKey"},
		{"privateKey", pemOf(t, key), ""},
		{"privateKey", closed, "passphrase"},
		{"privateKey", "pass-w0rd", "privateKey"},
		{"passphrase", "pass-w0rd", "passphrase"},
	} {
		cfg := maps.Clone(good)
		cfg[tt.field] = tt.value
		err := kind.Validate(cfg)
		if (err != nil) != (tt.want != "") || err != nil && !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("Validate with %s %.30q = %v, want an error about %q", tt.field, tt.value, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "pass-w0rd") {
			t.Errorf("Validate tells a secret: %v", err)
		}
	}
	wrong := drivers.Config{"host": "h", "path": "p", "user": "u", "privateKey": closed, "passphrase": "other pass-w0rd"}
	if err := kind.Validate(wrong); err == nil || !strings.HasPrefix(err.Error(), "passphrase") {
		t.Errorf("Validate with a wrong passphrase = %v", err)
	}
}

// TestHostKeyOfAKind opens a space as core does: what it learns is told to whoever keeps the settings, and to nobody when
// the space is only tried.
func TestHostKeyOfAKind(t *testing.T) {
	s := newSSHD(t)
	c := s.config(t.TempDir())
	cfg := drivers.Config{"host": c.Host, "port": c.Port, "path": c.Path, "user": c.User, "password": c.Password, "privateKey": c.PrivateKey}
	kind := sftp.Kind(sftp.Options{})
	var learned []string
	ctx := drivers.Learning(t.Context(), func(field, value string) error {
		learned = append(learned, field)
		cfg[field] = value
		return nil
	})
	for _, ctx := range []context.Context{t.Context(), ctx, ctx} {
		d, err := kind.Open(ctx, "cloud", cfg)
		if err != nil {
			t.Fatal(err)
		}
		d.Close()
	}
	if len(learned) != 1 || learned[0] != "hostKey" || !strings.Contains(cfg["hostKey"], " AAAA") {
		t.Errorf("learned %q and keeps %q, want a hostKey once", learned, cfg["hostKey"])
	}
}
