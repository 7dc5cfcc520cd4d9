package e2e

import (
	"database/sql"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	_ "modernc.org/sqlite" // the driver of sqlExec

	"trivium/core/meta/sqlite"
)

// sqlExec runs one statement on a database file, by way of a VFS.
func sqlExec(t *testing.T, file, vfs, text string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file+"?vfs="+vfs)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(text); err != nil {
		t.Fatal(err)
	}
}

// usedDir returns a data directory on which a server ran.
func usedDir(t *testing.T) string {
	t.Helper()
	s := start(t, startOptions{})
	s.stop(syscall.SIGTERM)
	return s.dir
}

// TestRefusals starts servers that must not start, and wants the reason and the next step.
func TestRefusals(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	write := func(t *testing.T, name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name    string
		prepare func(t *testing.T, dir string) string // returns the data directory; nil: a fresh one
		args    []string
		env     []string
		want    []string
	}{
		{name: "port in use", args: []string{"--listen", taken.Addr().String()}, want: []string{taken.Addr().String(), "--listen"}},
		{name: "data directory is a file", prepare: func(t *testing.T, dir string) string {
			write(t, filepath.Join(dir, "file"), "")
			return filepath.Join(dir, "file")
		}, want: []string{"file", "--data"}},
		{name: "metadata is no database", prepare: func(t *testing.T, _ string) string {
			dir := usedDir(t)
			write(t, filepath.Join(dir, "meta", "trivium.db"), strings.Repeat("not a database ", 1000))
			return dir
		}, want: []string{"trivium.db", "restore"}},
		{name: "metadata of a newer version", prepare: func(t *testing.T, _ string) string {
			dir := usedDir(t)
			vfs, err := sqlite.VFS()
			if err != nil {
				t.Fatal(err)
			}
			sqlExec(t, filepath.Join(dir, "meta", "trivium.db"), vfs, "PRAGMA user_version = 99")
			return dir
		}, want: []string{"trivium.db", "format 99", "newer"}},
		{name: "database of another program", prepare: func(t *testing.T, dir string) string {
			if err := os.Mkdir(filepath.Join(dir, "meta"), 0o700); err != nil {
				t.Fatal(err)
			}
			sqlExec(t, filepath.Join(dir, "meta", "trivium.db"), "unix", "CREATE TABLE theirs (x)")
			write(t, filepath.Join(dir, "master.key"), strings.Repeat("ab", 32)+"\n")
			return dir
		}, want: []string{"trivium.db", "another program"}},
		{name: "metadata is gone", prepare: func(t *testing.T, _ string) string {
			dir := usedDir(t)
			if err := os.RemoveAll(filepath.Join(dir, "meta")); err != nil {
				t.Fatal(err)
			}
			return dir
		}, want: []string{"trivium.db is missing", "space holds the content", "restore meta"}},
		{name: "metadata is empty", prepare: func(t *testing.T, _ string) string {
			dir := usedDir(t)
			write(t, filepath.Join(dir, "meta", "trivium.db"), "")
			return dir
		}, want: []string{"trivium.db is empty, which is damage", "restore meta"}},
		{name: "master key is gone", prepare: func(t *testing.T, _ string) string {
			dir := usedDir(t)
			if err := os.Remove(filepath.Join(dir, "master.key")); err != nil {
				t.Fatal(err)
			}
			return dir
		}, want: []string{"master.key is missing", "--master-key-file"}},
		{
			name: "named master key is not there", args: []string{"--master-key-file", "/nonexistent/key"},
			want: []string{"/nonexistent/key is missing", "leave --master-key-file out"},
		},
		{name: "master key of another store", prepare: func(t *testing.T, _ string) string {
			dir := usedDir(t)
			write(t, filepath.Join(dir, "master.key"), strings.Repeat("ab", 32)+"\n")
			return dir
		}, want: []string{"is not the key of this metadata store", "--master-key-file"}},
		{name: "master key is garbage", prepare: func(t *testing.T, dir string) string {
			write(t, filepath.Join(dir, "master.key"), "hello")
			return dir
		}, want: []string{"master.key", "64 hex digits"}},
		{
			name: "no certificate", args: []string{"--tls-cert", "/nonexistent/cert.pem", "--tls-key", "/nonexistent/key.pem"},
			want: []string{"/nonexistent/cert.pem", "--tls-cert"},
		},
		{name: "half of TLS", args: []string{"--tls-cert", "x.pem"}, want: []string{"--tls-key"}},
		{name: "unknown flag", args: []string{"--lisen", ":1"}, want: []string{"--lisen", "did you mean --listen?"}},
		{name: "unknown variable", env: []string{"TRIVIUM_LISEN=:1"}, want: []string{"TRIVIUM_LISEN", "TRIVIUM_LISTEN?"}},
		{name: "unknown log level", args: []string{"--log-level", "loud"}, want: []string{"loud", "warn"}},
		{name: "half of a key", env: []string{"TRIVIUM_ROOT_ACCESS_KEY=ABCDEFGH"}, want: []string{"TRIVIUM_ROOT_SECRET_KEY"}},
		{name: "crash points in a plain build", env: []string{"TRIVIUM_CRASH=x:1"}, want: []string{"crashpoints"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if tt.prepare != nil {
				dir = tt.prepare(t, dir)
			}
			if tt.env == nil {
				tt.env = []string{}
			}
			s := start(t, startOptions{dir: dir, env: tt.env, noReady: true}, tt.args...)
			if code := s.wait(); code != 1 {
				t.Errorf("exit code = %d, want 1", code)
			}
			for _, want := range tt.want {
				if !strings.Contains(s.stderr.String(), want) {
					t.Errorf("the refusal does not say %q: %s", want, s.stderr)
				}
			}
			if strings.Contains(s.stdout.String(), "S3 at") {
				t.Errorf("the refused server prints a banner: %s", s.stdout)
			}
		})
	}
}

// TestForeignSpaceIsReadOnly puts another store's marker into the space: the server starts, writes nothing and says
// why.
func TestForeignSpaceIsReadOnly(t *testing.T) {
	t.Parallel()
	dir, other := usedDir(t), usedDir(t)
	if err := os.Rename(filepath.Join(other, "space", "trivium.json"), filepath.Join(dir, "space", "trivium.json")); err != nil {
		t.Fatal(err)
	}
	s := start(t, startOptions{dir: dir, noReady: true})
	s.waitBanner()
	if status, body := s.get("/-/health/ready"); status != http.StatusServiceUnavailable || !strings.Contains(body, "unavailable") {
		t.Errorf("ready = %d %s, want 503 unavailable", status, body)
	}
	s.poll("log line", func() bool { return strings.Contains(s.stderr.String(), "not ready") })
	if strings.Contains(s.stderr.String(), `"message":"ready"`) {
		t.Errorf("the log says ready: %s", s.stderr)
	}
	if !strings.Contains(s.stdout.String(), "belongs to another store") {
		t.Errorf("the banner does not say why:\n%s", s.stdout)
	}
	if status := s.put(t, "/bucket", ""); status != http.StatusServiceUnavailable && status != http.StatusForbidden {
		t.Errorf("make a bucket on a foreign space = %d, want a refusal", status)
	}
}

// TestDamagedLog starts on an older state of the metadata whose log is damaged: that is refused, and goes on without
// what is lost when it is told to, also though the lease of the last process is among it.
func TestDamagedLog(t *testing.T) {
	t.Parallel()
	dir := usedDir(t)
	meta := filepath.Join(dir, "meta", "trivium.db")
	old, err := os.ReadFile(meta)
	if err != nil {
		t.Fatal(err)
	}
	start(t, startOptions{dir: dir}).stop(syscall.SIGTERM)
	for name, b := range map[string][]byte{meta: old, meta + "-wal": []byte(strings.Repeat("no longer a log ", 10_000))} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := start(t, startOptions{dir: dir, noReady: true})
	if code := s.wait(); code != 1 || !strings.Contains(s.stderr.String(), "--drop-damaged-log") {
		t.Errorf("exit code = %d, want 1 and what to do: %s", code, s.stderr)
	}
	s = start(t, startOptions{dir: dir}, "--drop-damaged-log")
	if status := s.put(t, "/bucket", ""); status != http.StatusOK {
		t.Errorf("make a bucket = %d", status)
	}
	if !strings.Contains(s.stderr.String(), "trivium.db-wal.damaged-") {
		t.Errorf("the log does not say where the damaged one is kept: %s", s.stderr)
	}
	s.stop(syscall.SIGTERM)
	start(t, startOptions{dir: dir})
}
