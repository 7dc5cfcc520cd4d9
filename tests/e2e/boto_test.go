package e2e

import (
	"os"
	"strings"
	"testing"
)

// botoScript is boto3 behind testdata/boto.py.
type botoScript struct {
	tool
	endpoint string
}

// newBoto returns boto3 of Debian.
func newBoto(t *testing.T, s *instance, k keys) *botoScript {
	t.Helper()
	return newBotoOf(t, s, append(clientEnv(t, k), "AWS_CA_BUNDLE="+certFile))
}

// newBotoNext returns boto3 of the next Debian, which sends checksums by default. TRIVIUM_TEST_BOTO names the
// folder that .ci/boto.sh prints.
func newBotoNext(t *testing.T, s *instance, k keys) *botoScript {
	t.Helper()
	dir := os.Getenv("TRIVIUM_TEST_BOTO")
	if dir == "" {
		dir = "/TRIVIUM_TEST_BOTO-is-not-set"
	}
	need(t, "/usr/bin/test", "-d", dir+"/boto3")
	return newBotoOf(t, s, append(clientEnv(t, k), "AWS_CA_BUNDLE="+certFile, "PYTHONPATH="+dir))
}

func newBotoOf(t *testing.T, s *instance, env []string) *botoScript {
	t.Helper()
	need(t, "/usr/bin/python3", "-c", "import boto3")
	return &botoScript{tool{"/usr/bin/python3", append(env, "PYTHONDONTWRITEBYTECODE=1")}, s.url}
}

// do runs a command of the script that must succeed.
func (c *botoScript) do(t *testing.T, args ...string) string {
	t.Helper()
	return c.run(t, append([]string{"testdata/boto.py", c.endpoint}, args...)...)
}

// feed is do with an input.
func (c *botoScript) feed(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	out, err := c.try(t, stdin, append([]string{"testdata/boto.py", c.endpoint}, args...)...)
	if err != nil {
		t.Fatalf("boto3 %q: %v\n%s", args, err, tail(out, 3000))
	}
	return strings.TrimSpace(out)
}

func (c *botoScript) makeBucket(t *testing.T, bucket string) {
	t.Helper()
	c.do(t, "make_bucket", bucket)
}

func (c *botoScript) upload(t *testing.T, file, bucket, key string) {
	t.Helper()
	c.do(t, "upload", file, bucket, key)
}

func (c *botoScript) download(t *testing.T, bucket, key, file string) {
	t.Helper()
	c.do(t, "download", bucket, key, file)
}

func (c *botoScript) list(t *testing.T, bucket string) (string, error) {
	t.Helper()
	return c.try(t, "", "testdata/boto.py", c.endpoint, "list", bucket)
}

// TestBoto3 walks through what programs in Python do, with both ages of boto3. The script compares what comes
// back.
func TestBoto3(t *testing.T) {
	for _, age := range []struct {
		name string
		open func(*testing.T, *instance, keys) *botoScript
	}{{"debian", newBoto}, {"next", newBotoNext}} {
		t.Run(age.name, func(t *testing.T) {
			schemes(t, func(t *testing.T, s *instance) {
				c := age.open(t, s, goodKeys())
				if v := c.do(t, "version"); age.name == "next" && strings.HasPrefix(v, "1.26.") {
					t.Fatalf("the next boto3 is %s", v)
				}
				c.do(t, "walk", "walk")
			})
		})
	}
}
