package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"trivium/server"
)

// TestExampleConfig reads docs/trivium.yaml: it has every option, each with its default.
func TestExampleConfig(t *testing.T) {
	var c config
	all := options(&c)
	values, err := readConfigFile("../../docs/trivium.yaml", "--config", all)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range all {
		if v, there := values[o.flag]; !there || v != o.value {
			t.Errorf("%s: %q (there: %v), want the default %q", o.flag, v, there, o.value)
		}
		delete(values, o.flag)
	}
	if len(values) > 0 {
		t.Errorf("the example has %v, which are no options", values)
	}
}

// writeConfig writes a configuration file.
func writeConfig(t *testing.T, path, text string) string {
	t.Helper()
	if path == "" {
		path = filepath.Join(t.TempDir(), "trivium.yaml")
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfigFilePrecedence(t *testing.T) {
	file := writeConfig(t, "", "listen: :3\nlog-level: warn\ntls-cert: \"\"\n")
	other := writeConfig(t, "", "listen: :4\n")
	for _, tt := range []struct {
		name        string
		args, env   []string
		listen, log string
	}{
		{"file", []string{"--config", file}, nil, ":3", "warn"},
		{"variable over file", []string{"--config", file}, []string{"TRIVIUM_LISTEN=:2"}, ":2", "warn"},
		{"flag over variable", []string{"--config", file, "--listen", ":1"}, []string{"TRIVIUM_LISTEN=:2"}, ":1", "warn"},
		{"empty variable", []string{"--config", file}, []string{"TRIVIUM_LISTEN="}, ":3", "warn"},
		{"file of the variable", nil, []string{"TRIVIUM_CONFIG=" + file}, ":3", "warn"},
		{"file of the flag", []string{"--config", other}, []string{"TRIVIUM_CONFIG=" + file}, ":4", "info"},
		{"no file", nil, nil, "127.0.0.1:7070", "info"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := parse(t, tt.args, tt.env)
			if err != nil || c.listen != tt.listen || c.logLevel != tt.log {
				t.Errorf("listen %q, log-level %q, %v, want %q and %q", c.listen, c.logLevel, err, tt.listen, tt.log)
			}
		})
	}
}

func TestConfigFileErrors(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"unknown option", "lisen: :1", "unknown option lisen: did you mean listen?"},
		{"option far off", "port: 1", "unknown option port: there are data, listen, "},
		{"option of another program", "Listen: :1", "unknown option Listen: did you mean listen?"},
		{"group", "tls:\n  cert: x", "unknown option tls: did you mean tls-cert?"},
		{"list", "listen: [a, b]", "listen: it must be one value"},
		{"group in an option", "listen:\n  host: a", "listen: it must be one value"},
		{"twice", "listen: :1\nlisten: :2", "already defined"},
		{"no YAML", "listen: \"", "it is made of lines such as"},
		{"a list", "- a", "it is made of lines such as"},
		{"value that cannot be", "listen: 7070", "listen in "},
		{"log level", "log-level: loud", `trivium.yaml "loud": use debug`},
		{"long", "# " + strings.Repeat("x", maxConfigFile), "is longer than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := writeConfig(t, "", tt.text)
			_, err := parse(t, []string{"--config", file}, nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), file) {
				t.Errorf("error = %v, want %q and the file", err, tt.want)
			}
		})
	}
	if _, err := parse(t, []string{"--config", filepath.Join(t.TempDir(), "none")}, nil); err == nil || !strings.Contains(err.Error(), "name another with --config") {
		t.Errorf("a file that is missing: %v", err)
	}
}

// TestReload changes the file under a running server. It changes the level of the whole program, so it does not run
// beside other tests.
func TestReload(t *testing.T) {
	defer zerolog.SetGlobalLevel(zerolog.GlobalLevel())
	file := writeConfig(t, "", "log-level: info\ndata: a\n")
	c, err := parse(t, []string{"--config", file, "--listen", "127.0.0.1:0"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	srv, err := server.Listen(t.Context(), server.Config{Address: c.listen})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	var out bytes.Buffer
	r := &reloader{now: c, srv: srv, token: new(scrapeToken), log: zerolog.New(&out)}
	for _, tt := range []struct{ text, want string }{
		{"log-level: info\ndata: a\n", `"changed":[],"needs_restart":[],`},
		{"log-level: error\ndata: b\n", `"changed":["log-level"],"needs_restart":["data"],`},
		{"log-level: error\ndata: a\nlisten: :7\n", `"changed":[],"needs_restart":[],`}, // the flag goes before
		{"log-level: warn\nlisen: :1\n", "unknown option lisen"},
		{"log-level: loud\n", "use debug, info"},
		{"log-level: error\ndata: a\ntls-cert: c\ntls-key: k\n", `"needs_restart":["tls-cert","tls-key"]`},
	} {
		out.Reset()
		writeConfig(t, file, tt.text)
		if r.reload(nil); !strings.Contains(out.String(), tt.want) {
			t.Errorf("reload of %q logs %s, want %s", tt.text, out.String(), tt.want)
		}
	}
	// What is read but once, such as the pipe of another program, must not hold the server, nor its end.
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(file, 0o600); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if r.reload(nil); !strings.Contains(out.String(), "cannot be read again") {
		t.Errorf("reload of a FIFO logs %s", out.String())
	}
	if got := zerolog.GlobalLevel(); got != zerolog.ErrorLevel {
		t.Errorf("level = %v, want error", got)
	}
}

// TestReloadSecrets changes the files that the configuration names, and not itself.
func TestReloadSecrets(t *testing.T) {
	defer zerolog.SetGlobalLevel(zerolog.GlobalLevel())
	dir := t.TempDir()
	token, cert := filepath.Join(dir, "token"), filepath.Join(dir, "cert.pem")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(token, "token-of-sixteen\n")
	certText := testCert(t)
	write(cert, certText)
	c, err := parse(t, []string{"--metrics-token-file", token, "--tls-cert", cert, "--tls-key", cert, "--listen", "127.0.0.1:0"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	srv, err := server.Listen(t.Context(), server.Config{Address: c.listen, CertFile: cert, KeyFile: cert})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	var out bytes.Buffer
	r := &reloader{now: c, srv: srv, token: new(scrapeToken), log: zerolog.New(&out)}
	if _, err := r.token.read(&c); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, token, cert, want, notWant, holds string }{
		{"nothing", "token-of-sixteen\n", certText, `"configuration reloaded"`, "not reloaded", "token-of-sixteen"},
		{"another token", "token-of-rotation\n", certText, `"changed":["metrics-token-file"]`, "not reloaded", "token-of-rotation"},
		{"short token", "short\n", certText, "token of metrics not reloaded", `"configuration reloaded"`, "token-of-rotation"},
		{"broken certificate", "token-of-rotation\n", "no PEM", "certificate not reloaded", `"configuration reloaded"`, "token-of-rotation"},
		{"mended", "token-of-rotation\n", certText, `"configuration reloaded"`, "not reloaded", "token-of-rotation"},
	} {
		out.Reset()
		write(token, tt.token)
		write(cert, tt.cert)
		if r.reload(nil); !strings.Contains(out.String(), tt.want) || strings.Contains(out.String(), tt.notWant) {
			t.Errorf("%s: reload logs %s, want %s and not %s", tt.name, out.String(), tt.want, tt.notWant)
		}
		if got := r.token.get(); got != tt.holds {
			t.Errorf("%s: the token is %q, want %q", tt.name, got, tt.holds)
		}
		if strings.Contains(out.String(), "token-of") {
			t.Errorf("%s: the log shows a token: %s", tt.name, out.String())
		}
	}
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if r.reload(nil); !strings.Contains(out.String(), "certificate not reloaded") || strings.Contains(out.String(), `"configuration reloaded"`) {
		t.Errorf("reload without the certificate logs %s", out.String())
	}
}

// testCert makes a certificate with its key, as one PEM text.
func testCert(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}
