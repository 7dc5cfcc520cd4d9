// Package e2e drives the built program with the clients that people use, with their default settings, over http
// and https: aws, rclone, s3cmd and boto3 as Debian ships them, boto3 of the next Debian, aws-sdk-go-v2,
// @aws-sdk/client-s3. A client that is not installed skips its tests, or fails them when
// TRIVIUM_TEST_CLIENTS=required.
package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	mrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Shared by all tests: the built program and the certificate.
var (
	binary            string
	certFile, keyFile string
)

// seed makes the content of the samples.
const seed = 20

func TestMain(m *testing.M) {
	code, err := prepare(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

// prepare builds what all tests share, runs them and removes it.
func prepare(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "trivium-e2e-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "trivium")
	build := exec.Command("go", "build", "-o", binary, "trivium/cmd/trivium")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return 0, fmt.Errorf("build: %w", err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if err := makeCert(); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// makeCert writes a self-signed certificate for 127.0.0.1.
func makeCert() error {
	priv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	tpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tpl, tpl, &priv.PublicKey, priv)
	if err != nil {
		return err
	}
	pkcs, err := x509.MarshalPKCS8PrivateKey(priv)
	if err != nil {
		return err
	}
	if err := os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs}), 0o600)
}

// sizes are the borders of the ways in which content is kept and sent.
func sizes() []int64 {
	return []int64{
		0, 1, 16<<10 - 1, 16 << 10, 16<<10 + 1, 8<<20 - 1, 8 << 20, 8<<20 + 1, 100 << 20,
	}
}

// sample writes a file of that size, the same bytes in every run, and returns its name and SHA-256.
func sample(t *testing.T, dir string, size int64) (name, digest string) {
	t.Helper()
	name = filepath.Join(dir, fmt.Sprintf("sample-%d", size))
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	var key [32]byte
	key[0], key[1] = seed, byte(size)
	if _, err := io.CopyN(io.MultiWriter(f, h), mrand.NewChaCha8(key), size); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return name, hex.EncodeToString(h.Sum(nil))
}

// digestOf returns a file's SHA-256.
func digestOf(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// tree makes a directory of 12 files in 3 folders, the first of them empty.
func tree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for i := range 12 {
		name := filepath.Join(dir, fmt.Sprintf("d%d", i%3), fmt.Sprintf("f %d+%%", i))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, bytes.Repeat([]byte{'x'}, i*3000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// filesOf returns the digests of the files below dir by their names in it.
func filesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		all[rel] = digestOf(t, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// sameTree fails the test unless got has the files of want, all of them and no others.
func sameTree(t *testing.T, want, got string) {
	t.Helper()
	if diff := cmp.Diff(filesOf(t, want), filesOf(t, got)); diff != "" {
		t.Errorf("files came back changed (-want +got):\n%s", diff)
	}
}
