// Package clouds tests the drivers of clouds against real doors: those of another Trivium.
package clouds

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"trivium/core"
	"trivium/core/coretest"
	"trivium/drivers"
	"trivium/drivers/drivertest"
	"trivium/drivers/meter"
	"trivium/drivers/retry"
	"trivium/drivers/s3"
	"trivium/s3front"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	keyID  = "KEYOFTHEOTHERSTORE"
	secret = "secretOfTheOtherStore+/0123456789abcdef"
)

// cloud is a Trivium that passes for a cloud.
type cloud struct {
	*httptest.Server
	core    *coretest.Env
	buckets atomic.Int64
}

// newCloud starts one, with TLS or without.
func newCloud(t *testing.T, secure bool) *cloud {
	t.Helper()
	c := &cloud{core: coretest.New(t, coretest.Options{})}
	if _, _, err := c.core.Admin.CreateKey(t.Context(), coretest.AdminID, keyID, secret); err != nil {
		t.Fatal(err)
	}
	c.Server = httptest.NewUnstartedServer(s3front.New(s3front.Config{Service: c.core.Service}))
	if secure {
		c.StartTLS()
	} else {
		c.Start()
	}
	t.Cleanup(c.Close)
	return c
}

// space opens a driver on a new bucket, with pairs of further settings.
func (c *cloud) space(t *testing.T, more ...string) *s3.Driver {
	t.Helper()
	bucket := fmt.Sprintf("bucket-%d", c.buckets.Add(1))
	if _, err := c.core.Bucket(t.Context(), bucket, core.VersioningOff, core.BucketPolicy{}); err != nil {
		t.Fatal(err)
	}
	return c.open(t, bucket, more...)
}

func (c *cloud) open(t *testing.T, bucket string, more ...string) *s3.Driver {
	t.Helper()
	cfg := drivers.Config{"endpoint": c.URL, "bucket": bucket, "accessKeyId": keyID, "secretAccessKey": secret}
	for i := 0; i < len(more); i += 2 {
		cfg[more[i]] = more[i+1]
	}
	opts := s3.Options{}
	if cert := c.Certificate(); cert != nil {
		pool := x509.NewCertPool()
		pool.AddCert(cert)
		opts.TLS = &tls.Config{RootCAs: pool}
	}
	d, err := s3.Kinds(opts)[0].Open(context.WithoutCancel(t.Context()), "cloud", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d.(*s3.Driver)
}

// TestS3 passes the suite on the S3 door: as a provider that nothing is known of with small parts, as one that takes
// everything that AWS takes, and below the decorators.
func TestS3(t *testing.T) {
	for _, tt := range []struct {
		name   string
		secure bool
		more   []string
		above  func(drivers.Driver) drivers.Driver
	}{
		{"other", false, []string{"maxPartSize", "5242880"}, nil},
		{"AWS over TLS", true, []string{"provider", "AWS"}, nil},
		{"decorated", false, []string{"provider", "MinIO", "maxPartSize", "5242880"}, func(d drivers.Driver) drivers.Driver {
			return retry.New(meter.New(d), retry.Options{})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCloud(t, tt.secure)
			drivertest.Run(t, func(t *testing.T) drivers.Driver {
				if tt.above == nil {
					return c.space(t, tt.more...)
				}
				return tt.above(c.space(t, tt.more...))
			}, drivertest.Options{})
		})
	}
}

// want checks that err wraps the sentinel and says all of the words.
func want(t *testing.T, what string, err, sentinel error, words ...string) {
	t.Helper()
	if !errors.Is(err, sentinel) {
		t.Errorf("%s = %v, want %v", what, err, sentinel)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s = %v, want it to say %q", what, err, w)
		}
	}
}

func read(t *testing.T, d drivers.Driver, name string) []byte {
	t.Helper()
	rc, err := d.Open(t.Context(), name, 0, -1)
	if err != nil {
		t.Fatalf("Open(%q) = %v", name, err)
	}
	defer rc.Close()
	got, err := io.ReadAll(rc)
	if err != nil {
		t.Fatalf("reading %q = %v", name, err)
	}
	return got
}

// TestS3CopyInParts copies more than goes in one request.
func TestS3CopyInParts(t *testing.T) {
	c := newCloud(t, false)
	d := c.space(t, "maxPartSize", "5242880")
	defer d.Close()
	content := coretest.Bytes(1, 12<<20+5)
	// Not a seeker: it goes part by part through memory.
	if err := d.Put(t.Context(), "from", io.MultiReader(bytes.NewReader(content)), int64(len(content)), drivers.PutOptions{}); err != nil {
		t.Fatalf("Put = %v", err)
	}
	if err := d.Copy(t.Context(), "from", "dir/to"); err != nil {
		t.Fatalf("Copy = %v", err)
	}
	if got := read(t, d, "dir/to"); !bytes.Equal(got, content) {
		t.Errorf("the copy has %d bytes, want %d equal ones", len(got), len(content))
	}
	err := d.Put(t.Context(), "dir/to", bytes.NewReader(content), int64(len(content)), drivers.PutOptions{IfAbsent: true})
	want(t, "Put(IfAbsent) in parts", err, drivers.ErrExist)
	if n, err := d.AbortStale(t.Context(), "", time.Now().Add(time.Hour)); n != 0 || err != nil {
		t.Errorf("AbortStale = %d, %v, want nothing left behind", n, err)
	}
}

// TestS3Refusals meets a real door with wrong settings.
func TestS3Refusals(t *testing.T) {
	c := newCloud(t, false)
	c.space(t).Close()
	for _, tt := range []struct {
		name  string
		more  []string
		want  error
		words []string
	}{
		{"no bucket", []string{"bucket", "nowhere"}, drivers.ErrBroken, []string{`no bucket "nowhere"`}},
		{"wrong secret", []string{"secretAccessKey", "wrong"}, drivers.ErrDenied, []string{keyID}},
		{"unknown key", []string{"accessKeyId", "NOBODY"}, drivers.ErrDenied, []string{"NOBODY"}},
		{"anonymous", []string{"accessKeyId", "", "secretAccessKey", ""}, drivers.ErrDenied, []string{"anonymous"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := c.open(t, "bucket-1", tt.more...)
			defer d.Close()
			err := d.Put(t.Context(), "x", strings.NewReader("content"), 7, drivers.PutOptions{})
			want(t, "Put", err, tt.want, tt.words...)
			_, err = d.Stat(t.Context(), "x")
			want(t, "Stat", err, tt.want, tt.words...)
			_, err = d.Open(t.Context(), "x", 0, -1)
			want(t, "Open", err, tt.want, tt.words...)
			want(t, "Delete", d.Delete(t.Context(), "x"), tt.want, tt.words...)
			want(t, "DeleteBatch", d.DeleteBatch(t.Context(), []string{"x"}), tt.want, tt.words...)
			for _, err := range d.List(t.Context(), "", drivers.ListOptions{}) {
				want(t, "List", err, tt.want, tt.words...)
			}
		})
	}
}

// TestS3Presign gives a third party one name to write and to read.
func TestS3Presign(t *testing.T) {
	c := newCloud(t, false)
	d := c.space(t)
	defer d.Close()
	for _, step := range []struct {
		method string
		want   int
	}{{http.MethodPut, 200}, {http.MethodGet, 200}, {http.MethodDelete, 204}, {http.MethodGet, 404}} {
		url, err := d.Presign(t.Context(), step.method, "dir/ä b+c", time.Minute)
		if err != nil {
			t.Fatalf("Presign = %v", err)
		}
		r, err := http.NewRequestWithContext(t.Context(), step.method, url, strings.NewReader("content"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != step.want {
			t.Errorf("%s = %d, want %d", step.method, resp.StatusCode, step.want)
		}
		if step.method == http.MethodPut {
			if got := read(t, d, "dir/ä b+c"); string(got) != "content" {
				t.Errorf("what a third party wrote is %q", got)
			}
		}
	}
}

// TestTriviumOnTrivium keeps the content of one store in buckets of another.
func TestTriviumOnTrivium(t *testing.T) {
	c := newCloud(t, false)
	upper := coretest.New(t, coretest.Options{Spaces: 3, Wrap: func(string, drivers.Driver) drivers.Driver {
		return retry.New(c.space(t), retry.Options{})
	}})
	if _, err := upper.Bucket(t.Context(), "data", core.VersioningOff, core.BucketPolicy{}); err != nil {
		t.Fatal(err)
	}
	for i, size := range []int{1, 100_000, 5 << 20} {
		key, content := fmt.Sprint("object", i), coretest.Bytes(uint64(i), size)
		_, err := upper.Admin.PutObject(t.Context(), "data", key, bytes.NewReader(content), int64(size), core.PutOptions{})
		if err != nil {
			t.Fatalf("PutObject of %d bytes = %v", size, err)
		}
		r, err := upper.Admin.OpenObject(t.Context(), "data", key, core.GetOptions{})
		if err != nil {
			t.Fatalf("OpenObject of %d bytes = %v", size, err)
		}
		got, err := io.ReadAll(r.Body)
		if err := errors.Join(err, r.Body.Close()); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes came back as %d, %v", size, len(got), err)
		}
	}
}
