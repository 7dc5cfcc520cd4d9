package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// document runs the shell lines of a document as they are printed: a server of the test's stands in for the one of
// `make run`, and the working directory has README.md and docs.
type document struct {
	t      *testing.T
	blocks []string
	script strings.Builder
	s      *instance
}

// readDocument takes the shell blocks of a file of this repository, and starts a server that has drawn its credentials.
func readDocument(t *testing.T, file string) *document {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", file))
	if err != nil {
		t.Fatal(err)
	}
	d := &document{t: t, s: start(t, startOptions{env: []string{}})}
	for i, part := range strings.Split(string(text), "\n```") {
		if block, shell := strings.CutPrefix(part, "sh\n"); shell && i%2 == 1 {
			d.blocks = append(d.blocks, block+"\n")
		}
	}
	return d
}

// block returns the shell block that has a text.
func (d *document) block(has string) string {
	d.t.Helper()
	for _, b := range d.blocks {
		if strings.Contains(b, has) {
			return b
		}
	}
	d.t.Fatalf("no shell block has %q", has)
	return ""
}

// run runs lines in one shell, which ends at the first that fails: a request that is refused is one. It returns what
// they wrote.
func (d *document) run(lines ...string) string {
	d.t.Helper()
	cwd := d.t.TempDir()
	if err := os.CopyFS(filepath.Join(cwd, "docs"), os.DirFS("../../docs")); err != nil {
		d.t.Fatal(err)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cwd, "README.md"), readme, 0o600); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Symlink(d.s.dir, filepath.Join(cwd, "data")); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Symlink(filepath.Dir(binary), filepath.Join(cwd, "bin")); err != nil {
		d.t.Fatal(err)
	}
	d.script.WriteString(`set -e
curl() {
  local out
  if ! out=$(command curl -sS --fail-with-body "$@"); then echo "$out"; return 22; fi
  echo "$out"
  for name in token versionID objectID; do # the last of an answer, for the lines behind it
    value=$(printf %s "$out" | sed -n "s/.*\"$name\":\"\{0,1\}\([^\",}]*\).*/\1/p")
    if [ -n "$value" ]; then declare -g "$name=$value"; fi
  done
}
`)
	for _, text := range lines {
		d.script.WriteString(strings.ReplaceAll(text, "http://127.0.0.1:7070", d.s.url))
	}
	cmd := exec.CommandContext(d.t.Context(), "/bin/bash", "-x", "-c", d.script.String())
	cmd.Dir = cwd
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + d.t.TempDir(), "LANG=C.UTF-8"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		d.t.Fatalf("%v\n%s", err, tail(string(out), 8000))
	}
	return string(out)
}

// TestAPILines runs the lines of docs/api.md one after the other, with the ids that stand there.
func TestAPILines(t *testing.T) {
	t.Parallel()
	need(t, "/usr/bin/curl", "--version")
	d := readDocument(t, "docs/api.md")
	for i := range d.blocks {
		d.blocks[i] = strings.NewReplacer(
			"Bearer TOKEN", "Bearer $token", `"VERSION"`, `"'"$versionID"'"`, `:UPLOAD`, `:'"$objectID"'`, "=UPLOAD", "=$objectID",
		).Replace(d.blocks[i])
	}
	d.run(d.blocks...)
}

// TestREADMELines runs the first lines of README.md, for aws, rclone and the program itself; the URL that aws signs last
// works.
func TestREADMELines(t *testing.T) {
	t.Parallel()
	need(t, "/usr/bin/aws", "--version")
	need(t, "/usr/bin/rclone", "version")
	d := readDocument(t, "README.md")
	out := d.run(d.block("export AWS_ACCESS_KEY_ID"), d.block("s3 presign"), d.block("rclone check"), "bin/trivium object put README.md first/docs/\n",
		`curl -o got "$(aws --endpoint-url http://127.0.0.1:7070 s3 presign s3://first/README.md)" && cmp got README.md`)
	if !strings.Contains(out, "\n"+d.s.url+"/first/README.md?X-Amz-Algorithm=AWS4-HMAC-SHA256") {
		t.Errorf("aws signs no URL of version 4: %s", tail(out, 4000))
	}
}

// TestWebDAVLines runs the lines of docs/webdav.md for curl and rclone.
func TestWebDAVLines(t *testing.T) {
	t.Parallel()
	need(t, "/usr/bin/curl", "--version")
	need(t, "/usr/bin/rclone", "version")
	d := readDocument(t, "docs/webdav.md")
	d.run(d.block("-X MKCOL"), d.block("rclone config create"))
}
