package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// s3cmdCLI is s3cmd of Debian. What its configuration file holds names the server; everything else is left as it
// comes.
type s3cmdCLI struct {
	tool
	flags []string
}

func newS3cmd(t *testing.T, s *instance, k keys) *s3cmdCLI {
	t.Helper()
	need(t, "/usr/bin/s3cmd", "--version")
	scheme, host, _ := strings.Cut(s.url, "://")
	config := filepath.Join(t.TempDir(), "s3cfg")
	text := fmt.Sprintf("[default]\naccess_key = %s\nsecret_key = %s\nhost_base = %s\nhost_bucket = %s\nuse_https = %[5]t\n"+
		"signurl_use_https = %[5]t\n", k.access, k.secret, host, host, scheme == "https")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	// The keys are in the file: those of the environment would win.
	env := []string{"PATH=/usr/bin:/bin", "HOME=" + t.TempDir(), "LANG=C.UTF-8"}
	return &s3cmdCLI{tool{"/usr/bin/s3cmd", env}, []string{"--config", config, "--ca-certs", certFile, "--no-progress"}}
}

// do runs a command that must succeed.
func (c *s3cmdCLI) do(t *testing.T, args ...string) string {
	t.Helper()
	return c.run(t, append(slices.Clip(c.flags), args...)...)
}

func (c *s3cmdCLI) makeBucket(t *testing.T, bucket string) {
	t.Helper()
	c.do(t, "mb", "s3://"+bucket)
}

func (c *s3cmdCLI) upload(t *testing.T, file, bucket, key string) {
	t.Helper()
	c.do(t, "put", file, "s3://"+bucket+"/"+key)
}

func (c *s3cmdCLI) download(t *testing.T, bucket, key, file string) {
	t.Helper()
	c.do(t, "get", "--force", "s3://"+bucket+"/"+key, file)
}

func (c *s3cmdCLI) list(t *testing.T, bucket string) (string, error) {
	t.Helper()
	return c.try(t, "", append(slices.Clip(c.flags), "ls", "s3://"+bucket)...)
}

// TestS3cmd walks through what people do with s3cmd.
func TestS3cmd(t *testing.T) {
	schemes(t, func(t *testing.T, s *instance) {
		c := newS3cmd(t, s, goodKeys())
		dir := t.TempDir()
		c.do(t, "mb", "s3://walk")
		c.do(t, "mb", "s3://other")
		if out := c.do(t, "ls"); !strings.Contains(out, "s3://walk\n") || !strings.Contains(out, "s3://other\n") {
			t.Errorf("ls = %q, want both buckets", out)
		}
		s3cmdParts(t, c, dir)
		s3cmdMoves(t, c, dir)
		s3cmdHeaders(t, c)
		s3cmdSigned(t, c, s)
		s3cmdSync(t, c)
		if out, err := c.try(t, "", append(c.flags, "rb", "s3://walk")...); err == nil || !strings.Contains(out, "BucketNotEmpty") {
			t.Errorf("rb of a bucket that holds objects = %v %q, want BucketNotEmpty", err, out)
		}
		c.do(t, "del", "--recursive", "--force", "s3://walk")
		c.do(t, "rb", "s3://walk")
		c.do(t, "rb", "--recursive", "--force", "s3://other")
		if out := c.do(t, "ls"); out != "" {
			t.Errorf("ls after rb = %q, want nothing", out)
		}
	})
}

// s3cmdParts sends a file in parts, copies it, and gets both back whole and from the middle on.
func s3cmdParts(t *testing.T, c *s3cmdCLI, dir string) {
	t.Helper()
	file, digest := sample(t, dir, 20<<20)
	if out := c.do(t, "put", "--progress", "--multipart-chunk-size-mb=5", file, "s3://walk/parts"); !strings.Contains(out, "part 4 of 4") {
		t.Errorf("put = %q, want 4 parts", out)
	}
	c.do(t, "cp", "s3://walk/parts", "s3://other/copied parts")
	back := filepath.Join(dir, "back")
	for _, from := range []string{"s3://walk/parts", "s3://other/copied parts"} {
		c.do(t, "get", "--force", from, back)
		if got := digestOf(t, back); got != digest {
			t.Errorf("%s came back with SHA-256 %s, want %s", from, got, digest)
		}
	}
	if err := os.Truncate(back, 11<<20+3); err != nil {
		t.Fatal(err)
	}
	c.do(t, "get", "--continue", "s3://walk/parts", back)
	if got := digestOf(t, back); got != digest {
		t.Errorf("after --continue SHA-256 is %s, want %s", got, digest)
	}
	if out, want := c.do(t, "du", "s3://walk"), fmt.Sprint(20<<20); !strings.HasPrefix(strings.TrimSpace(out), want) {
		t.Errorf("du = %q, want %s", out, want)
	}
}

// s3cmdMoves copies and moves between keys and buckets.
func s3cmdMoves(t *testing.T, c *s3cmdCLI, dir string) {
	t.Helper()
	small := filepath.Join(dir, "small")
	if err := os.WriteFile(small, []byte("meow\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.do(t, "put", small, "s3://walk/dir/a b+ü%20")
	c.do(t, "cp", "s3://walk/dir/a b+ü%20", "s3://walk/copy")
	c.do(t, "mv", "s3://walk/copy", "s3://other/moved")
	if out := c.do(t, "ls", "--recursive", "s3://walk"); strings.Contains(out, "s3://walk/copy") || !strings.Contains(out, "s3://walk/dir/a b+ü%20\n") {
		t.Errorf("ls after cp and mv = %q", out)
	}
	if out := c.do(t, "ls", "s3://walk/"); !strings.Contains(out, "DIR  s3://walk/dir/\n") {
		t.Errorf("ls = %q, want the folder", out)
	}
	if out := c.do(t, "get", "--quiet", "s3://other/moved", "-"); out != "meow\n" {
		t.Errorf("what was moved holds %q", out)
	}
	if out := c.do(t, "info", "s3://other/moved"); !strings.Contains(out, "File size: 5") {
		t.Errorf("info = %q, want 5 bytes", out)
	}
	c.do(t, "del", "s3://other/moved")
	if out, err := c.try(t, "", append(c.flags, "info", "s3://other/moved")...); err == nil || !strings.Contains(out, "404") {
		t.Errorf("info of what was deleted = %v %q, want 404", err, out)
	}
}

// s3cmdHeaders changes the headers of an object in place.
func s3cmdHeaders(t *testing.T, c *s3cmdCLI) {
	t.Helper()
	c.do(t, "modify", "--add-header=x-amz-meta-colour:blau", "--mime-type=text/x-walk", "s3://walk/dir/a b+ü%20")
	out := c.do(t, "info", "s3://walk/dir/a b+ü%20")
	for _, want := range []string{"x-amz-meta-colour: blau", "MIME type: text/x-walk", "x-amz-meta-s3cmd-attrs:"} {
		if !strings.Contains(out, want) {
			t.Errorf("info after modify = %q, want %q in it", out, want)
		}
	}
	if out := c.do(t, "get", "--quiet", "s3://walk/dir/a b+ü%20", "-"); out != "meow\n" {
		t.Errorf("after modify the object holds %q", out)
	}
}

// s3cmdSigned asks for a URL. s3cmd 2.3 signs requests with version 4 but URLs with version 2, whatever its
// settings: the answer names the version that is spoken.
func s3cmdSigned(t *testing.T, c *s3cmdCLI, s *instance) {
	t.Helper()
	url := strings.TrimSpace(c.do(t, "signurl", "s3://walk/dir/a b+ü%20", "+600"))
	if !strings.HasPrefix(url, s.url+"/walk/dir/") {
		t.Fatalf("signurl = %q, want a URL of %s", url, s.url)
	}
	resp, err := client(t).Get(url)
	if err != nil {
		t.Fatalf("GET %s: %v", url, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		t.Fatal(err)
	case strings.Contains(url, "X-Amz-Signature="): // a newer s3cmd
		if resp.StatusCode != http.StatusOK || string(body) != "meow\n" {
			t.Errorf("GET %s = %d %q, want the content", url, resp.StatusCode, body)
		}
	case resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), "Please use AWS4-HMAC-SHA256"):
		t.Errorf("GET %s = %d %q, want 400 and the version that is spoken", url, resp.StatusCode, body)
	}
}

// s3cmdSync syncs a tree up, sees no work left, syncs deletions, and syncs it down.
func s3cmdSync(t *testing.T, c *s3cmdCLI) {
	t.Helper()
	up, down := tree(t), t.TempDir()
	if out := c.do(t, "sync", up+"/", "s3://walk/tree/"); strings.Count(out, "upload: ") != 12 {
		t.Errorf("first sync: %q, want 12 uploads", out)
	}
	if out := c.do(t, "sync", up+"/", "s3://walk/tree/"); strings.Contains(out, "upload: ") {
		t.Errorf("second sync: %q, want nothing to do", out)
	}
	if err := os.RemoveAll(filepath.Join(up, "d0")); err != nil {
		t.Fatal(err)
	}
	if out := c.do(t, "sync", "--delete-removed", up+"/", "s3://walk/tree/"); strings.Count(out, "delete: ") != 4 {
		t.Errorf("sync --delete-removed: %q, want 4 deletions", out)
	}
	c.do(t, "sync", "s3://walk/tree/", down+"/")
	sameTree(t, up, down)
}
