package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rs/zerolog"

	"trivium/server"
)

// TestExampleConfig reads docs/trivium.yaml: it has every option, each with its default.
func TestExampleConfig(t *testing.T) {
	var c config
	all := options(&c)
	values, err := readConfigFile("../../docs/trivium.yaml", all)
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
	r := &reloader{now: c, srv: srv, log: zerolog.New(&out)}
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
