package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// jsScript is @aws-sdk/client-s3 behind testdata/js/s3.cjs, in the node of Debian. TRIVIUM_TEST_JS names the
// folder in which `npm ci` has put the modules of testdata/js/package-lock.json.
type jsScript struct {
	tool
	endpoint string
}

func newJS(t *testing.T, s *instance, k keys) *jsScript {
	t.Helper()
	const node = "/usr/bin/node"
	modules := filepath.Join(os.Getenv("TRIVIUM_TEST_JS"), "node_modules")
	need(t, "/usr/bin/env", "NODE_PATH="+modules, node, "-e", `require("@aws-sdk/client-s3")`)
	env := append(clientEnv(t, k), "AWS_REGION=us-east-1", "NODE_PATH="+modules, "NODE_EXTRA_CA_CERTS="+certFile)
	return &jsScript{tool{node, env}, s.url}
}

// do runs commands of the script, divided by commas, that must succeed.
func (c *jsScript) do(t *testing.T, args ...string) string {
	t.Helper()
	return c.run(t, append([]string{"testdata/js/s3.cjs", c.endpoint}, args...)...)
}

func (c *jsScript) makeBucket(t *testing.T, bucket string) {
	t.Helper()
	c.do(t, "make_bucket", bucket)
}

func (c *jsScript) upload(t *testing.T, file, bucket, key string) {
	t.Helper()
	c.do(t, "upload", file, bucket, key)
}

func (c *jsScript) download(t *testing.T, bucket, key, file string) {
	t.Helper()
	c.do(t, "download", bucket, key, file)
}

func (c *jsScript) list(t *testing.T, bucket string) (string, error) {
	t.Helper()
	return c.try(t, "", "testdata/js/s3.cjs", c.endpoint, "list", bucket)
}

// TestJS walks through what programs in JavaScript do. The script compares what comes back.
func TestJS(t *testing.T) {
	schemes(t, func(t *testing.T, s *instance) {
		c := newJS(t, s, goodKeys())
		c.do(t, "make_bucket,bodies,parts,pages,conditions,presigned", "walk")
		// The SDK sends no stream without a length: it fails by itself. One that does finds it stored.
		out := strings.TrimSpace(c.do(t, "unsized", "walk"))
		if out != "stored" && !strings.Contains(out, `Invalid value "undefined" for header "x-amz-decoded-content-length"`) {
			t.Errorf("a stream without a length: %q, want it stored or held back", out)
		}
		c.do(t, "remove", "walk")
	})
}
