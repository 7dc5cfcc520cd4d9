package e2e

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// largestFile returns the path of the largest file below dir.
func largestFile(t *testing.T, dir string) string {
	t.Helper()
	best, most := "", int64(-1)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Size() > most {
			best, most = path, info.Size()
		}
		return err
	})
	if err != nil || best == "" {
		t.Fatalf("no file below %s: %v", dir, err)
	}
	return best
}

// TestDoctor examines a whole store, then one with a damaged shard, beside a server and without.
func TestDoctor(t *testing.T) {
	s := start(t, startOptions{})
	a := newAdmin(s.dir)
	s.call(t, goodKeys(), http.MethodPut, "/first", "")
	for _, key := range []string{"good", "spoiled"} {
		body := strings.Repeat(key, (100<<10)/len(key)) + strings.Repeat("x", len(key)*100)
		if status, answer := s.call(t, goodKeys(), http.MethodPut, "/first/"+key, body); status != http.StatusOK {
			t.Fatalf("PUT: %d %s", status, answer)
		}
	}
	if out := a.do(t, "doctor", "--deep"); strings.Contains(out, "BAD") || !strings.Contains(out, "skip  references") ||
		!strings.Contains(out, "ok    content: 2 blobs, 2 shards") || !strings.Contains(out, "ok    store: the server on 127.0.0.1:") {
		t.Errorf("doctor --deep beside a server = %s", out)
	}
	s.stop(syscall.SIGTERM)
	if out := a.do(t, "doctor", "--deep"); strings.Contains(out, "BAD") || !strings.Contains(out, "ok    references: 2 objects, 2 versions, 2 lists, 2 blobs: ") {
		t.Errorf("doctor --deep without a server = %s", out)
	}

	shard := largestFile(t, filepath.Join(s.dir, "space"))
	content, err := os.ReadFile(shard)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 1
	if err := os.WriteFile(shard, content, 0o600); err != nil {
		t.Fatal(err)
	}
	a.refuse(t, "lost content belongs to first/spoiled", "doctor", "--deep")
	a.refuse(t, "trivium: 1 of 9 checks found something wrong", "doctor", "--deep")
	if out := a.do(t, "doctor"); strings.Contains(out, "BAD") {
		t.Errorf("doctor, which does not read content = %s", out)
	}
	s = start(t, startOptions{dir: s.dir})
	a.refuse(t, "BAD   content: 1 of 2 blobs, 2 shards, 0 MiB cannot be read", "doctor", "--deep")

	// What the next start will miss.
	if err := os.Rename(filepath.Join(s.dir, "master.key"), filepath.Join(s.dir, "moved")); err != nil {
		t.Fatal(err)
	}
	a.refuse(t, "from your copy now", "doctor")
	s.stop(syscall.SIGTERM)
	out, err := a.try(t, "", "doctor", "--json", "--data", s.dir)
	doc, _, _ := strings.Cut(out, "\n")
	var found struct {
		Checks []struct{ Name, State, Message string }
	}
	if jsonErr := json.Unmarshal([]byte(doc), &found); err == nil || jsonErr != nil || len(found.Checks) != 1 || found.Checks[0].State != "bad" ||
		!strings.Contains(found.Checks[0].Message, "master key file") {
		t.Errorf("doctor --json of a store that does not open = %v %s", err, out)
	}
}

// TestScrub finds a damaged shard and a missing one of content in two copies, beside a server and without, and repairs
// them.
func TestScrub(t *testing.T) {
	s := start(t, startOptions{})
	a := newAdmin(s.dir)
	disk := t.TempDir()
	a.do(t, "space", "add", "disk0", "Local", "path="+disk)
	a.do(t, "space", "add", "disk1", "Local", "path="+t.TempDir())
	s.call(t, goodKeys(), http.MethodPut, "/first", "")
	a.do(t, "policy", "set", "first", "rep(2)", "--spaces", "disk0,disk1")
	for _, key := range []string{"good", "spoiled"} {
		if status, answer := s.call(t, goodKeys(), http.MethodPut, "/first/"+key, strings.Repeat(key, 50<<10)); status != http.StatusOK {
			t.Fatalf("PUT: %d %s", status, answer)
		}
	}
	scrubbed(t, a, "looked at 4 shards of 2 blobs, 1 MiB: 0 missing, 0 damaged\n", "--deep")
	shard := largestFile(t, disk)
	content, err := os.ReadFile(shard)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 1
	if err := os.WriteFile(shard, content, 0o600); err != nil {
		t.Fatal(err)
	}
	scrubbed(t, a, "looked at 4 shards of 2 blobs, 1 MiB: 0 missing, 0 damaged\n")
	s.stop(syscall.SIGTERM) // so that nobody else repairs
	a.refuse(t, "looked at 4 shards of 2 blobs, 1 MiB: 0 missing, 1 damaged", "scrub", "--deep")
	if out := a.do(t, "repair"); out != "rebuilt 1 shard\n" {
		t.Errorf("repair = %q", out)
	}
	scrubbed(t, a, "looked at 4 shards of 2 blobs, 1 MiB: 0 missing, 0 damaged\n", "--deep")
	a.do(t, "gc", "--now") // the damaged one
	if err := os.Remove(largestFile(t, disk)); err != nil {
		t.Fatal(err)
	}
	out, err := a.try(t, "", "scrub", "--json", "--data", s.dir)
	doc, _, _ := strings.Cut(out, "\n")
	var found struct{ Blobs, Shards, Missing, Corrupt, Queued, Unsure, Lost int64 }
	if jsonErr := json.Unmarshal([]byte(doc), &found); jsonErr != nil || err == nil || found.Missing != 1 || found.Queued != 1 || found.Shards != 4 || found.Lost != 0 {
		t.Errorf("scrub --json = %v %s", err, out)
	}
	if out := a.do(t, "object", "status", "first/spoiled"); !strings.HasPrefix(out, "degraded: kept as rep(2)\nPIECE  SPACE") || !strings.Contains(out, "missing") {
		t.Errorf("object status = %s", out)
	}
	start(t, startOptions{dir: s.dir})
	if out := a.do(t, "repair", "--json"); !strings.Contains(out, `"failed":0,"queued":0}`) {
		t.Errorf("repair --json = %q", out)
	}
	scrubbed(t, a, "looked at 4 shards of 2 blobs, 1 MiB: 0 missing, 0 damaged\n", "--deep")
}

// scrubbed is a scrub that finds nothing.
func scrubbed(t *testing.T, a admin, want string, args ...string) {
	t.Helper()
	if out := a.do(t, append([]string{"scrub"}, args...)...); out != want {
		t.Errorf("scrub %q = %q, want %q", args, out, want)
	}
}
