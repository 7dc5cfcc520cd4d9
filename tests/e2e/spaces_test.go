package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"trivium/core/coretest"
	s3 "trivium/tests/s3client"
)

// keeper returns a client of a server with the known access key.
func keeper(s *instance) *s3.Client {
	return &s3.Client{Endpoint: s.url, Access: accessKey, Secret: secretKey, HTTP: &http.Client{Timeout: time.Minute}}
}

// TestSpaces keeps content in the buckets of other servers by ec(2,3), loses one of them, and reads on.
func TestSpaces(t *testing.T) {
	t.Parallel()
	clouds := make([]*instance, 3)
	for i := range clouds {
		clouds[i] = start(t, startOptions{})
		if err := keeper(clouds[i]).CreateBucket(t.Context(), "shards"); err != nil {
			t.Fatal(err)
		}
	}
	s := start(t, startOptions{})
	a := newAdmin(s.dir)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(secretKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	add := func(name, url string, more ...string) []string {
		return append([]string{
			"space", "add", name, "S3", "endpoint=" + url, "bucket=shards", "accessKeyId=" + accessKey, "secretAccessKey=@" + secret,
		}, more...)
	}
	a.refuse(t, "unknown type S4 of a space: did you mean S3?", "space", "add", "x", "S4")
	a.refuse(t, "has no setting buckt: did you mean bucket?", "space", "add", "x", "S3", "buckt=b")
	a.refuse(t, "bucket: it is missing", "space", "add", "x", "S3", "endpoint="+clouds[0].url)
	a.refuse(t, "so it was not added", add("x", clouds[0].url, "bucket=none")...)
	if err := keeper(s).CreateBucket(t.Context(), "data"); err != nil {
		t.Fatal(err)
	}
	a.refuse(t, "it needs 3 spaces in distinct failure domains, the bucket may use 1", "policy", "set", "data", "ec(2,3)")
	for i, c := range clouds {
		out := a.do(t, add(fmt.Sprintf("cloud%d", i), c.url, "--working-dir", "trivium")...)
		if !strings.Contains(out, "added with id") || strings.Contains(out, "not in use yet") {
			t.Fatalf("space add: %s", out)
		}
	}
	a.refuse(t, "another space of this store is there", add("again", clouds[0].url, "--working-dir", "trivium")...)
	spacesKeepContent(t, s, a, clouds)
}

// spacesKeepContent is TestSpaces once the spaces are there.
func spacesKeepContent(t *testing.T, s *instance, a admin, clouds []*instance) {
	t.Helper()
	ctx, c := t.Context(), keeper(s)
	out := a.do(t, "policy", "set", "data", "ec(2,3)", "--spaces", "cloud0,cloud1,cloud2")
	if !strings.Contains(out, "a write waits until all 3 are durable") {
		t.Errorf("policy set says %q", out)
	}
	want := coretest.Bytes(1, 9<<20)
	if _, err := c.Put(ctx, "data", "big", bytes.NewReader(want), int64(len(want))); err != nil {
		t.Fatal(err)
	}
	for i, cloud := range clouds {
		page, err := keeper(cloud).List(ctx, "shards", nil)
		if err != nil || len(page.Contents) < 2 { // the marker and a shard
			t.Errorf("cloud %d holds %v, %v", i, page.Contents, err)
		}
	}
	var list []struct {
		Name   string
		Status struct {
			State     string
			Pieces    int64
			UsedBytes int64
		}
	}
	if err := json.Unmarshal([]byte(a.do(t, "space", "list", "--json")), &list); err != nil {
		t.Fatal(err)
	}
	for _, sp := range list[1:] {
		if sp.Status.State != "ok" || sp.Status.Pieces != 1 || sp.Status.UsedBytes < int64(len(want))/2 {
			t.Errorf("space %+v", sp)
		}
	}
	a.refuse(t, "1 shards", "space", "remove", "cloud1")
	clouds[1].stop(syscall.SIGKILL)
	r, err := c.Get(ctx, "data", "big", "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if got, err := io.ReadAll(r.Body); err != nil || !bytes.Equal(got, want) {
		t.Errorf("with a cloud down: %d bytes, %v, want %d", len(got), err, len(want))
	}
}

// TestSpaceOnWebDAV keeps content on the WebDAV door of another server.
func TestSpaceOnWebDAV(t *testing.T) {
	t.Parallel()
	far := start(t, startOptions{})
	if err := keeper(far).CreateBucket(t.Context(), "shards"); err != nil {
		t.Fatal(err)
	}
	s := start(t, startOptions{})
	a, ctx, c := newAdmin(s.dir), t.Context(), keeper(s)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(secretKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := a.do(t, "space", "add", "far", "WebDAV", "url="+far.url+"/dav/shards/pieces", "user="+accessKey, "password=@"+secret)
	if !strings.Contains(out, "added with id") || strings.Contains(out, "not in use yet") {
		t.Fatalf("space add: %s", out)
	}
	if err := c.CreateBucket(ctx, "data"); err != nil {
		t.Fatal(err)
	}
	a.do(t, "policy", "set", "data", "none", "--spaces", "far")
	want := coretest.Bytes(1, 3<<20)
	if _, err := c.Put(ctx, "data", "big", bytes.NewReader(want), int64(len(want))); err != nil {
		t.Fatal(err)
	}
	page, err := keeper(far).List(ctx, "shards", nil)
	if err != nil || len(page.Contents) < 2 { // the marker and a shard
		t.Errorf("the far server holds %v, %v", page.Contents, err)
	}
	r, err := c.Get(ctx, "data", "big", "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if got, err := io.ReadAll(r.Body); err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d bytes, %v, want %d", len(got), err, len(want))
	}
	if out := a.do(t, "space", "list", "--json"); strings.Contains(out, secretKey) || !strings.Contains(out, "WebDAV") {
		t.Errorf("space list: %s", out)
	}
}
