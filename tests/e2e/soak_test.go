package e2e

import (
	"bytes"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// soaking tells whether the long runs are asked for.
func soaking() bool { return os.Getenv("TRIVIUM_SOAK") != "" }

// needSoak skips the test unless the long runs are asked for.
func needSoak(t *testing.T) {
	t.Helper()
	if !soaking() {
		t.Skip("TRIVIUM_SOAK is not set: make soak sets it")
	}
}

// inTurn runs f over http and then over https, each on a server of its own.
func inTurn(t *testing.T, f func(t *testing.T, s *instance)) {
	t.Helper()
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) { f(t, start(t, startOptions{tls: scheme == "https"})) })
	}
}

// bigRound sends 1 GiB up and down; dir is where the client finds files, under the name seen.
func bigRound(t *testing.T, c s3client, dir, seen string) {
	t.Helper()
	const size = 1 << 30
	file, want := sample(t, dir, size)
	seenAs := func(name string) string { return filepath.Join(seen, filepath.Base(name)) }
	rate := func(begin time.Time) string {
		took := time.Since(begin)
		return fmt.Sprintf("%.1f s, %.0f MiB/s", took.Seconds(), size/took.Seconds()/(1<<20))
	}
	begin := time.Now()
	c.upload(t, seenAs(file), "big", "folder/big")
	t.Logf("1 GiB up: %s", rate(begin))
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	begin = time.Now()
	c.download(t, "big", "folder/big", seenAs(file))
	t.Logf("1 GiB down: %s", rate(begin))
	if got := digestOf(t, file); got != want {
		t.Errorf("1 GiB came back with SHA-256 %s, want %s", got, want)
	}
}

// TestSoakBig sends 1 GiB up and down with aws and rclone.
func TestSoakBig(t *testing.T) {
	needSoak(t)
	for _, name := range []string{"aws", "rclone"} {
		t.Run(name, func(t *testing.T) {
			inTurn(t, func(t *testing.T, s *instance) {
				c := newClient(t, name, s, goodKeys())
				c.makeBucket(t, "big")
				dir := t.TempDir()
				bigRound(t, c, dir, dir)
			})
		})
	}
}

// grow adds files of all sizes to a tree: many small ones, some of megabytes.
func grow(t *testing.T, dir string, seed uint64) {
	t.Helper()
	var key [32]byte
	key[0] = byte(seed)
	source, r := mrand.NewChaCha8(key), mrand.New(mrand.NewPCG(seed, 0))
	for i := range 2000 {
		size := r.IntN(40 << 10)
		if i%200 == 0 {
			size = r.IntN(24 << 20)
		}
		b := make([]byte, size)
		_, _ = source.Read(b)
		name := filepath.Join(dir, fmt.Sprintf("d%d", r.IntN(30)), fmt.Sprintf("f %d-%d", seed, i))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSoakRestic keeps backups of a tree with Debian's restic: two of them, checked to the last byte, restored,
// forgotten and pruned.
func TestSoakRestic(t *testing.T) {
	needSoak(t)
	need(t, "/usr/bin/restic", "version")
	inTurn(t, func(t *testing.T, s *instance) {
		env := append(clientEnv(t, goodKeys()), "RESTIC_PASSWORD=x", "RESTIC_REPOSITORY=s3:"+s.url+"/backups/repo")
		restic := tool{"/usr/bin/restic", env}
		do := func(args ...string) string {
			t.Helper()
			begin := time.Now()
			out := restic.run(t, append([]string{"--cacert", certFile}, args...)...)
			t.Logf("restic %s: %.1f s", args[0], time.Since(begin).Seconds())
			return out
		}
		tree := t.TempDir()
		restored := func() {
			t.Helper()
			target := t.TempDir()
			do("restore", "latest", "--target", target)
			sameTree(t, tree, filepath.Join(target, tree))
		}
		grow(t, tree, 1)
		do("init")
		do("backup", tree)
		restored()
		if err := os.RemoveAll(filepath.Join(tree, "d0")); err != nil {
			t.Fatal(err)
		}
		grow(t, tree, 2)
		do("backup", tree)
		do("check", "--read-data")
		restored()
		if out := do("snapshots"); !strings.Contains(out, "2 snapshots") {
			t.Errorf("snapshots = %q, want 2", out)
		}
		do("forget", "--keep-last", "1", "--prune")
		do("check", "--read-data")
		restored()
	})
}

// nextAWS is the aws of the next Debian in a directory of that system.
type nextAWS struct {
	*awsCLI
	root string
}

// newNextAWS makes the system, once for a test, and returns a client for each server.
func newNextAWS(t *testing.T) func(s *instance) *nextAWS {
	t.Helper()
	if os.Getuid() != 0 {
		if os.Getenv("TRIVIUM_TEST_CLIENTS") == "required" {
			t.Fatal("the next aws is required, but debootstrap and chroot need root")
		}
		t.Skip("debootstrap and chroot, which the next aws needs, need root")
	}
	need(t, "/usr/sbin/debootstrap", "--version")
	root := filepath.Join(t.TempDir(), "root")
	if out, err := exec.Command("../../.ci/awscli.sh", root).CombinedOutput(); err != nil {
		t.Fatalf(".ci/awscli.sh: %v\n%s", err, tail(string(out), 3000))
	} else {
		t.Logf("%s", out[bytes.LastIndexByte(bytes.TrimSpace(out), '\n')+1:])
	}
	pem, err := os.ReadFile(certFile)
	if err == nil {
		err = os.WriteFile(filepath.Join(root, "cert.pem"), pem, 0o644)
	}
	script := filepath.Join(t.TempDir(), "aws")
	if err == nil {
		err = os.WriteFile(script, []byte("#!/bin/sh\nexec /usr/sbin/chroot '"+root+"' /usr/bin/aws \"$@\"\n"), 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func(s *instance) *nextAWS {
		env := append(clientEnv(t, goodKeys()), "HOME=/root", "AWS_CA_BUNDLE=/cert.pem")
		return &nextAWS{&awsCLI{tool{script, env}, s.url}, root}
	}
}

// folder makes a directory in the system, with an empty one called tree in it, and returns its name here and there.
func (c *nextAWS) folder(t *testing.T) (here, there string) {
	t.Helper()
	there = "/files"
	here = filepath.Join(c.root, there)
	if err := os.MkdirAll(filepath.Join(here, "tree"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(here) })
	return here, there
}

// TestSoakNextAWS uses the aws of the next Debian, which sends checksums by default and knows conditional writes.
func TestSoakNextAWS(t *testing.T) {
	needSoak(t)
	open := newNextAWS(t)
	inTurn(t, func(t *testing.T, s *instance) {
		c := open(s)
		here, there := c.folder(t)
		c.makeBucket(t, "big")
		bigRound(t, c, here, there)
		if err := os.WriteFile(filepath.Join(here, "small"), []byte("small\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		c.do(t, "s3", "cp", there+"/small", "s3://big/small")
		if out, err := c.try(t, "streamed", c.args("s3", "cp", "-", "s3://big/stream")...); err != nil {
			t.Errorf("cp from stdin: %v %s", err, out)
		}
		if out := c.do(t, "s3", "cp", "s3://big/stream", "-"); out != "streamed" {
			t.Errorf("cp to stdout = %q", out)
		}
		put := []string{"put-object", "--bucket", "big", "--key", "small", "--body", there + "/small"}
		c.refused(t, "PreconditionFailed", append(put, "--if-none-match", "*")...)
		var head struct{ ETag, ChecksumCRC32, ChecksumCRC64NVME string }
		c.api(t, &head, "head-object", "--bucket", "big", "--key", "small", "--checksum-mode", "ENABLED")
		if head.ChecksumCRC32+head.ChecksumCRC64NVME == "" {
			t.Errorf("head-object = %+v, want a checksum by default", head)
		}
		c.api(t, nil, append(put, "--if-match", head.ETag)...)
		grow(t, filepath.Join(here, "tree"), 3)
		c.do(t, "s3", "sync", "--no-progress", there+"/tree", "s3://big/tree")
		if out := c.do(t, "s3", "sync", there+"/tree", "s3://big/tree"); out != "" {
			t.Errorf("second sync: %q, want nothing to do", tail(out, 500))
		}
		c.do(t, "s3", "sync", "--no-progress", "s3://big/tree", there+"/back")
		sameTree(t, filepath.Join(here, "tree"), filepath.Join(here, "back"))
		c.do(t, "s3", "rb", "--force", "s3://big")
	})
}
