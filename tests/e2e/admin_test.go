package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// admin runs commands of trivium on a data directory.
type admin struct {
	tool
	dir string
}

func newAdmin(dir string) admin {
	return admin{tool{program: binary, env: []string{"PATH=/usr/bin:/bin"}}, dir}
}

// do runs a command that succeeds.
func (a admin) do(t *testing.T, args ...string) string {
	t.Helper()
	return a.run(t, append(args, "--data", a.dir)...)
}

// refuse runs a command that fails and says want.
func (a admin) refuse(t *testing.T, want string, args ...string) {
	t.Helper()
	if out, err := a.try(t, "", append(args, "--data", a.dir)...); err == nil || !strings.Contains(out, want) {
		t.Errorf("trivium %q = %v %q, want an error with %q", args, err, out, want)
	}
}

// TestAdministration gives the same commands beside a server and without one.
func TestAdministration(t *testing.T) {
	s := start(t, startOptions{})
	a := newAdmin(s.dir)
	for i, where := range []string{"beside a server", "without a server"} {
		if i == 1 {
			if code := s.stop(syscall.SIGTERM); code != 0 {
				t.Fatalf("exit code %d", code)
			}
		}
		name := fmt.Sprintf("ann%d", i)
		if out, err := a.try(t, "password of ann\n", "user", "add", name, "--data", s.dir); err != nil {
			t.Fatalf("%s: user add: %v %s", where, err, out)
		}
		a.refuse(t, "there is a user of this name already", "user", "add", name, "--no-password")
		a.refuse(t, "stdin has no password: type it on a terminal, or pipe it in", "user", "passwd", name)
		a.refuse(t, "nobody: there is no such user", "user", "disable", "nobody")
		slip := strings.Replace(name, "ann", "amn", 1)
		bucket := "bucket-of-" + name
		a.do(t, "bucket", "create", bucket, "--owner", name)
		for _, args := range []string{
			"user enable " + slip, "user disable " + slip, "user delete " + slip, "user passwd " + slip, "key create --user " + slip,
			"key list --user " + slip, "bucket create other --owner " + slip, "bucket delete bucket-of-" + slip,
		} {
			a.refuse(t, ": did you mean ", strings.Fields(args)...)
		}
		a.do(t, "bucket", "delete", bucket)
		a.do(t, "key", "create", "--user", name, "--access-key", "KEY"+name, "--secret-key", "secret of ann")
		a.refuse(t, "for which user? Name one with --user: there are ", "key", "create")
		a.do(t, "bucket", "create", "bucket-"+name, "--owner", name)
		a.refuse(t, "lower-case", "bucket", "create", "Bucket", "--owner", name)
		if out := a.do(t, "bucket", "list"); !strings.Contains(out, "bucket-"+name+"  "+name) {
			t.Errorf("%s: bucket list = %s", where, out)
		}
		var users []struct {
			Name            string
			Admin, Disabled bool
		}
		if err := json.Unmarshal([]byte(a.do(t, "user", "list", "--json")), &users); err != nil || len(users) != i+2 || users[i+1].Name != name || users[i+1].Admin {
			t.Errorf("%s: user list --json = %+v, %v", where, users, err)
		}
		if out := a.do(t, "gc", "--now"); out != "deleted 0 blobs and 0 orphaned shards (0 files)\n" {
			t.Errorf("%s: gc --now = %q", where, out)
		}
	}

	s = start(t, startOptions{dir: s.dir})
	for i := range 2 {
		name := fmt.Sprintf("ann%d", i)
		k := keys{"KEY" + name, "secret of ann"}
		if status, body := s.call(t, k, http.MethodPut, "/bucket-"+name+"/key", "content"); status != http.StatusOK {
			t.Errorf("PUT by %s: %d %s", name, status, body)
		}
		a.refuse(t, "is not empty (request ", "bucket", "delete", "bucket-"+name)
		a.do(t, "user", "disable", name)
		if status, _ := s.call(t, k, http.MethodGet, "/bucket-"+name+"/key", ""); status != http.StatusForbidden {
			t.Errorf("GET by a disabled user: %d, want 403", status)
		}
		a.do(t, "user", "enable", name)
		if status, _ := s.call(t, k, http.MethodGet, "/bucket-"+name+"/key", ""); status != http.StatusOK {
			t.Errorf("GET by a user who is let in again: %d", status)
		}
		a.do(t, "key", "revoke", "KEY"+name)
		if status, _ := s.call(t, k, http.MethodGet, "/bucket-"+name+"/key", ""); status != http.StatusForbidden {
			t.Errorf("GET with a revoked key: %d, want 403", status)
		}
		a.do(t, "bucket", "delete", "bucket-"+name, "--force")
	}
	if strings.Contains(s.stderr.String(), "secret of ann") || strings.Contains(s.stderr.String(), "password of ann") {
		t.Error("the log shows a secret")
	}
}

// TestCommandsAfterAKill: what a killed server has left stands in nobody's way.
func TestCommandsAfterAKill(t *testing.T) {
	for name, dir := range map[string]string{
		"data": "", "data with a long name": filepath.Join(t.TempDir(), strings.Repeat("long", 30)),
	} {
		t.Run(name, func(t *testing.T) {
			temp := t.TempDir()
			s := start(t, startOptions{dir: dir, env: append(rootEnv(), "TMPDIR="+temp)})
			a := newAdmin(s.dir)
			a.do(t, "user", "list")
			if code := s.stop(syscall.SIGKILL); code != -1 {
				t.Fatalf("exit code %d", code)
			}
			if out := a.do(t, "key", "list"); !strings.Contains(out, accessKey) {
				t.Errorf("key list = %s", out)
			}
			s = start(t, startOptions{dir: s.dir, env: append(rootEnv(), "TMPDIR="+temp)})
			a.do(t, "bucket", "list")
			s.stop(syscall.SIGTERM)
			if left, err := filepath.Glob(filepath.Join(temp, "trivium-*")); err != nil || len(left) != 0 {
				t.Errorf("left behind: %q, %v", left, err)
			}
		})
	}
}

// TestCommandWhileStarting waits for a server that begins at the same time.
func TestCommandWhileStarting(t *testing.T) {
	s := start(t, startOptions{})
	s.stop(syscall.SIGTERM)
	a := newAdmin(s.dir)
	for range 3 {
		s = start(t, startOptions{dir: s.dir, noReady: true})
		if out := a.do(t, "user", "list"); !strings.Contains(out, rootUser) {
			t.Errorf("user list = %s", out)
		}
		s.waitReady()
		s.stop(syscall.SIGTERM)
	}
}

// TestPasswordPrompt types a password on a terminal.
func TestPasswordPrompt(t *testing.T) {
	s := start(t, startOptions{})
	screen := &output{}
	person, program := newTerminal(t, screen)
	cmd := exec.Command(binary, "user", "passwd", rootUser, "--data", s.dir)
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for _, prompt := range []string{"password: ", "password again: "} {
		s.poll(prompt, func() bool { return strings.Contains(screen.String(), prompt) })
		if _, err := person.WriteString("typed password\n"); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("user passwd: %v %s", err, screen)
		}
	case <-time.After(startLimit):
		_ = cmd.Process.Kill()
		t.Fatalf("user passwd does not end: %s", screen)
	}
	s.poll("the answer", func() bool { return strings.Contains(screen.String(), "password of "+rootUser+" set") })
}

// TestConfigFile starts from a file and changes it under the server.
func TestConfigFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "trivium.yaml")
	write := func(level string) {
		t.Helper()
		text := "data: " + filepath.Join(dir, "data") + "\nlisten: 127.0.0.1:1\nlog-level: " + level + "\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("error")
	s := start(t, startOptions{dir: filepath.Join(dir, "data")}, "--config", file)
	if log := s.stderr.String(); log != "" {
		t.Errorf("the log at level error: %s", log)
	}
	write("info")
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.poll("the reload", func() bool { return strings.Contains(s.stderr.String(), `"changed":["log-level"]`) })
	s.get("/-/health/live")
	s.poll("a line per request", func() bool { return strings.Contains(s.stderr.String(), `"path":"/-/health/live"`) })
	out := tool{program: binary, env: []string{"TRIVIUM_CONFIG=" + file}}.run(t, "user", "list")
	if !strings.Contains(out, rootUser) {
		t.Errorf("user list by the file of the variable = %s", out)
	}
	if code := s.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// basicAuth is a value of Authorization.
func basicAuth(name, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

// getAs fetches a path with a value of Authorization.
func (s *instance) getAs(path, authorization string) (status int, body string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", authorization)
	resp, err := client(s.t).Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// TestRemoteAdministration gives commands to a server by its URL, as an administrator.
func TestRemoteAdministration(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls=%v", secure), func(t *testing.T) {
			s := start(t, startOptions{tls: secure})
			as := func(name, password string) tool {
				return tool{program: binary, env: []string{
					"PATH=/usr/bin:/bin", "SSL_CERT_FILE=" + certFile, "TRIVIUM_USER=" + name, "TRIVIUM_PASSWORD=" + password,
				}}
			}
			boss := as(rootUser, rootPassword)
			refuse := func(a tool, want string, args ...string) {
				t.Helper()
				if out, err := a.try(t, "", args...); err == nil || !strings.Contains(out, want) {
					t.Errorf("trivium %q = %v %q, want an error with %q", args, err, out, want)
				}
			}
			boss.run(t, "user", "add", "ann", "--no-password", "--server", s.url)
			boss.run(t, "key", "create", "--user", "ann", "--access-key", "KEYann", "--secret-key", "secret of ann", "--server", s.url)
			boss.run(t, "bucket", "create", "first", "--owner", "ann", "--server", s.url)
			boss.run(t, "gc", "--now", "--server", s.url)
			if out := boss.run(t, "doctor", "--server", s.url); !strings.Contains(out, "has it open") {
				t.Errorf("doctor = %s", out)
			}
			byKey := as(accessKey, secretKey)
			byKey.env = append(byKey.env, "TRIVIUM_SERVER="+s.url)
			if out := byKey.run(t, "bucket", "list"); !strings.Contains(out, "first") {
				t.Errorf("bucket list = %s", out)
			}
			refuse(byKey, "there is no directory", "bucket", "list", "--data", filepath.Join(t.TempDir(), "none"))
			refuse(boss, "give one of them", "bucket", "list", "--data", s.dir, "--server", s.url)
			refuse(as("KEYann", "secret of ann"), "only administrators may do this", "user", "list", "--server", s.url)
			refuse(as(rootUser, "wrong"), "the credentials are not valid", "user", "list", "--server", s.url)
			refuse(as("", ""), "TRIVIUM_USER and TRIVIUM_PASSWORD must be set", "user", "list", "--server", s.url)
			refuse(boss, "does not go over plain http", "user", "list", "--server", "http://store.example:7070")
			if log := s.stderr.String(); strings.Contains(log, rootPassword) || strings.Contains(log, "secret of ann") {
				t.Error("the log shows a secret")
			}
		})
	}
}

// TestMetrics reads what a server counts.
func TestMetrics(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("token-of-sixteen\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, startOptions{}, "--metrics-token-file", token)
	s.call(t, goodKeys(), http.MethodPut, "/first", "")
	s.call(t, goodKeys(), http.MethodPut, "/first/key", strings.Repeat("x", 100<<10))
	newAdmin(s.dir).do(t, "bucket", "list")
	if status, _ := s.get("/-/metrics"); status != http.StatusUnauthorized {
		t.Errorf("GET /-/metrics by nobody = %d, want 401", status)
	}
	for _, authorization := range []string{"Bearer token-of-sixteen", basicAuth(rootUser, rootPassword), basicAuth(accessKey, secretKey)} {
		if status, _ := s.getAs("/-/metrics", authorization); status != http.StatusOK {
			t.Errorf("GET /-/metrics with %.6s = %d, want 200", authorization, status)
		}
	}
	_, page := s.getAs("/-/metrics", "Bearer token-of-sixteen")
	for _, want := range []string{
		`trivium_requests_total{door="s3",op="PutObject",status="200"} 1`,
		`trivium_requests_total{door="admin",op="ListBuckets",status="200"} 1`,
		`trivium_request_bytes_total{direction="in",door="s3",op="PutObject"} 102400`,
		`trivium_space_calls_total{op="put",space="local"} `,
		`trivium_gate_inside{gate="writes"} `, `trivium_gate_waiting{gate="landed"} `, `trivium_gate_refused_total{gate="listings"} `,
		`trivium_budget_bytes{what="total"} `, "trivium_commit_updates_count ", "trivium_commit_seconds_sum ",
		`trivium_queue_length{queue="gc"} 0`, `trivium_queue_length{queue="repair"} 0`, "trivium_degraded_blobs 0", `trivium_spaces{state="draining"} 0`,
		`trivium_spaces{state="active"} 1`, "trivium_metadata_free_bytes ",
		"trivium_build_info{", "go_goroutines ",
	} {
		if !strings.Contains(page, "\n"+want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if status, _ := s.get("/debug/pprof/"); status == http.StatusOK {
		t.Error("the listener serves profiles")
	}
}
