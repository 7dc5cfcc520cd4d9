package e2e

import (
	"os"
	"os/exec"
	"testing"
)

// s3client is one of the real clients, bound to a server.
type s3client interface {
	makeBucket(t *testing.T, bucket string)
	upload(t *testing.T, file, bucket, key string)
	download(t *testing.T, bucket, key, file string)
	// list returns the output of the client's listing of a bucket.
	list(t *testing.T, bucket string) (string, error)
}

// clients are the names of all, in the order of the tests.
func clients() []string { return []string{"aws", "rclone", "boto3", "boto3-next", "go", "js", "s3cmd"} }

// keys are the credentials a client uses.
type keys struct{ access, secret string }

func goodKeys() keys { return keys{accessKey, secretKey} }

// newClient returns the client of that name for s. A client that is not installed skips the test, or fails it
// when all are required.
func newClient(t *testing.T, name string, s *instance, k keys) s3client {
	t.Helper()
	switch name {
	case "aws":
		return newAWS(t, s, k)
	case "rclone":
		return newRclone(t, s, k)
	case "boto3":
		return newBoto(t, s, k)
	case "boto3-next":
		return newBotoNext(t, s, k)
	case "go":
		return newGo(t, s, k)
	case "js":
		return newJS(t, s, k)
	case "s3cmd":
		return newS3cmd(t, s, k)
	}
	t.Fatalf("no client is called %q", name)
	return nil
}

// need skips or fails the test unless the program is there and the probe succeeds.
func need(t *testing.T, program string, probe ...string) {
	t.Helper()
	if out, err := exec.Command(program, probe...).CombinedOutput(); err != nil {
		if os.Getenv("TRIVIUM_TEST_CLIENTS") == "required" {
			t.Fatalf("client %s is required but does not work: %q: %v %s", program, probe, err, out)
		}
		t.Skipf("client %s is not installed (%q: %v): .ci/run installs it", program, probe, err)
	}
}

// clientEnv is the environment of a client: a home of its own and the keys.
func clientEnv(t *testing.T, k keys) []string {
	t.Helper()
	return []string{
		"PATH=/usr/bin:/bin", "HOME=" + t.TempDir(), "LANG=C.UTF-8",
		"AWS_ACCESS_KEY_ID=" + k.access, "AWS_SECRET_ACCESS_KEY=" + k.secret, "AWS_DEFAULT_REGION=us-east-1",
		"AWS_EC2_METADATA_DISABLED=true",
	}
}

// awsCLI is the aws command line of Debian.
type awsCLI struct {
	tool
	endpoint string
}

func newAWS(t *testing.T, s *instance, k keys) *awsCLI {
	t.Helper()
	// A shim of the same name may come first in PATH; the client of the tests is Debian's.
	need(t, "/usr/bin/aws", "--version")
	return &awsCLI{tool{"/usr/bin/aws", append(clientEnv(t, k), "AWS_CA_BUNDLE="+certFile)}, s.url}
}

// args puts the endpoint before a command.
func (c *awsCLI) args(args ...string) []string {
	return append([]string{"--endpoint-url", c.endpoint}, args...)
}

// do runs a command that must succeed.
func (c *awsCLI) do(t *testing.T, args ...string) string {
	t.Helper()
	return c.run(t, c.args(args...)...)
}

func (c *awsCLI) makeBucket(t *testing.T, bucket string) {
	t.Helper()
	c.do(t, "s3", "mb", "s3://"+bucket)
}

func (c *awsCLI) upload(t *testing.T, file, bucket, key string) {
	t.Helper()
	c.do(t, "s3", "cp", "--no-progress", file, "s3://"+bucket+"/"+key)
}

func (c *awsCLI) download(t *testing.T, bucket, key, file string) {
	t.Helper()
	c.do(t, "s3", "cp", "--no-progress", "s3://"+bucket+"/"+key, file)
}

func (c *awsCLI) list(t *testing.T, bucket string) (string, error) {
	t.Helper()
	return c.try(t, "", c.args("s3", "ls", "s3://"+bucket)...)
}

// rcloneCLI is rclone of Debian with a remote named by its flags.
type rcloneCLI struct {
	tool
	flags []string
}

func newRclone(t *testing.T, s *instance, k keys) *rcloneCLI {
	t.Helper()
	need(t, "/usr/bin/rclone", "version")
	// AWS_CA_BUNDLE is not for rclone: it refuses to start with it and has --ca-cert instead.
	return &rcloneCLI{
		tool{"/usr/bin/rclone", clientEnv(t, k)},
		[]string{
			"--s3-provider", "Other", "--s3-env-auth", "--s3-endpoint", s.url, "--ca-cert", certFile,
			"--config", "", "--retries", "1", "--low-level-retries", "1",
		},
	}
}

// do runs a command that must succeed.
func (c *rcloneCLI) do(t *testing.T, args ...string) string {
	t.Helper()
	return c.run(t, append(args, c.flags...)...)
}

func (c *rcloneCLI) makeBucket(t *testing.T, bucket string) {
	t.Helper()
	c.do(t, "mkdir", ":s3:"+bucket)
}

func (c *rcloneCLI) upload(t *testing.T, file, bucket, key string) {
	t.Helper()
	c.do(t, "copyto", file, ":s3:"+bucket+"/"+key)
}

func (c *rcloneCLI) download(t *testing.T, bucket, key, file string) {
	t.Helper()
	c.do(t, "copyto", ":s3:"+bucket+"/"+key, file)
}

func (c *rcloneCLI) list(t *testing.T, bucket string) (string, error) {
	t.Helper()
	return c.try(t, "", append([]string{"lsf", ":s3:" + bucket}, c.flags...)...)
}
