package webdav_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	dav "golang.org/x/net/webdav"

	"trivium/drivers/webdav"
)

// newXNet starts golang.org/x/net/webdav on a directory and returns the address of its root.
func newXNet(t *testing.T, dir string) string {
	t.Helper()
	h := &dav.Handler{Prefix: "/dav/", FileSystem: dav.Dir(dir), LockSystem: dav.NewMemLS()}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL + "/dav/"
}

func open(t *testing.T, cfg webdav.Config, opts webdav.Options) *webdav.Driver {
	t.Helper()
	d, err := webdav.Open(t.Context(), "cloud", cfg, opts)
	if err != nil {
		t.Fatalf("Open(%s) = %v", cfg.URL, err)
	}
	return d
}

const (
	apacheProgram = "/usr/sbin/apache2"
	apacheModules = "/usr/lib/apache2/modules"
)

// apache is a running Apache with mod_dav: /dav/ is open, /locked/ wants ann's password "open sesame".
type apache struct {
	url string // without a slash at its end
	dir string // of /dav/
}

// newApache starts one. Without the program the test is skipped, or fails where real servers are required.
func newApache(t *testing.T) *apache {
	t.Helper()
	if out, err := exec.Command(apacheProgram, "-v").CombinedOutput(); err != nil {
		if os.Getenv("TRIVIUM_TEST_CLIENTS") == "required" {
			t.Fatalf("%s is required but does not work: %v %s", apacheProgram, err, out)
		}
		t.Skipf("%s is not installed (%v): .ci/run installs it", apacheProgram, err)
	}
	// Below the system's own directory: Apache's user has to reach it, and others may not see a test's.
	dir, err := os.MkdirTemp("/tmp", "trivium-apache") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, sub := range []string{".", "dav", "locked", "run"} {
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, sub), 0o777), os.Chmod(filepath.Join(dir, sub), 0o777)); err != nil {
			t.Fatal(err)
		}
	}
	const tries = 5 // somebody may take the port between our look and Apache's
	for range tries {
		if port, ok := startApache(t, dir); ok {
			return &apache{url: fmt.Sprintf("http://127.0.0.1:%d", port), dir: filepath.Join(dir, "dav")}
		}
	}
	out, _ := os.ReadFile(filepath.Join(dir, "run", "error.log"))
	t.Fatalf("Apache does not start: %s", out)
	return nil
}

func startApache(t *testing.T, dir string) (port int, ok bool) {
	t.Helper()
	port = freePort(t)
	conf := filepath.Join(dir, "apache.conf")
	users := filepath.Join(dir, "users")
	writeFile(t, users, "ann:{SHA}W8r/fyL/UzygmbNAjq2HbA67qac=\n") // "open sesame"
	writeFile(t, conf, apacheConf(dir, port))
	var out bytes.Buffer
	cmd := exec.Command(apacheProgram, "-D", "FOREGROUND", "-f", conf)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	stop := func() {
		_ = cmd.Process.Signal(os.Interrupt)
		select {
		case <-exited:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			<-exited
		}
	}
	for range 600 {
		select {
		case <-exited:
			t.Logf("Apache on port %d: %s", port, out.String())
			return 0, false
		case <-time.After(50 * time.Millisecond):
		}
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/dav/", port))
		if err != nil {
			continue
		}
		resp.Body.Close()
		if strings.HasPrefix(resp.Header.Get("Server"), "Apache") {
			t.Cleanup(stop)
			http.DefaultClient.CloseIdleConnections()
			return port, true
		}
	}
	stop()
	return 0, false
}

func apacheConf(dir string, port int) string {
	var b strings.Builder
	for _, m := range []string{
		"mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic", "dav", "dav_fs", "dir", "autoindex", "mime",
	} {
		fmt.Fprintf(&b, "LoadModule %s_module %s/mod_%s.so\n", m, apacheModules, m)
	}
	if os.Getuid() == 0 {
		b.WriteString("User www-data\nGroup www-data\n")
	}
	fmt.Fprintf(&b, `
ServerName localhost
Listen 127.0.0.1:%d
PidFile %[2]s/run/pid
ErrorLog %[2]s/run/error.log
DefaultRuntimeDir %[2]s/run
DocumentRoot %[2]s
TypesConfig /dev/null
LimitRequestBody 0
KeepAliveTimeout 60
DavLockDB %[2]s/run/lock
<Directory %[2]s>
  Require all granted
  Options Indexes
  Dav On
</Directory>
<Location /locked/>
  AuthType Basic
  AuthName locked
  AuthUserFile %[2]s/users
  Require valid-user
</Location>
<Location /run/>
  Require all denied
</Location>
`, port, dir)
	return b.String()
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

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := errors.Join(os.WriteFile(name, []byte(content), 0o644), os.Chmod(name, 0o644)); err != nil {
		t.Fatal(err)
	}
}
