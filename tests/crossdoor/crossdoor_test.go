// Package crossdoor runs random requests through several doors on one store, and compares what each of them shows with
// one model.
package crossdoor

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"trivium/core"
	"trivium/core/coretest"
	"trivium/davfront"
	"trivium/s3front"
	"trivium/tests/s3client"
)

const (
	access = "CROSSDOOR"
	secret = "secret-0123456789"
	bucket = "bucket"
)

// doors are the doors of one store.
type doors struct {
	t    *testing.T
	core *coretest.Env
	s3   *s3client.Client
	dav  string
	http *http.Client
}

// open starts the doors on a store with a bucket.
func open(t *testing.T, v core.Versioning) *doors {
	t.Helper()
	env := coretest.New(t, coretest.Options{})
	ctx := context.WithoutCancel(t.Context())
	if _, _, err := env.Admin.CreateKey(ctx, coretest.AdminID, access, secret); err != nil {
		t.Fatal(err)
	}
	if _, err := env.Bucket(ctx, bucket, v, core.BucketPolicy{}); err != nil {
		t.Fatal(err)
	}
	s3 := httptest.NewServer(s3front.New(s3front.Config{Service: env.Service}))
	dav := httptest.NewServer(davfront.New(davfront.Config{Service: env.Service, InfiniteDepth: true}))
	d := &doors{t: t, core: env, dav: dav.URL + davfront.Prefix + "/" + bucket, http: &http.Client{Transport: &http.Transport{}}}
	d.s3 = &s3client.Client{Endpoint: s3.URL, Access: access, Secret: secret, HTTP: d.http}
	t.Cleanup(func() {
		d.http.CloseIdleConnections()
		s3.Close()
		dav.Close()
	})
	return d
}

// address is that of a path of the bucket in the WebDAV door.
func (d *doors) address(p string) string { return d.dav + (&url.URL{Path: "/" + p}).EscapedPath() }

// davDo sends one request to the WebDAV door and returns the status and the body.
func (d *doors) davDo(method, p, body string, headers ...string) (int, string) {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), method, d.address(p), strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	r.SetBasicAuth(access, secret)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := d.http.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// step makes one random request and returns what it was, its status and the wanted one.
func (d *doors) step(r *rand.Rand, w *world, i int) (what string, got, want int) {
	d.t.Helper()
	p, content := path(r), fmt.Sprintf("content %d", i)
	switch n := r.IntN(12); n {
	case 0, 1:
		_, err := d.s3.Put(d.t.Context(), bucket, p, strings.NewReader(content), int64(len(content)))
		w.s3Put(p, content)
		return "S3 PUT " + p, s3client.Status(err), http.StatusOK
	case 2:
		marker := p + "/"
		_, err := d.s3.Put(d.t.Context(), bucket, marker, nil, 0)
		w.s3Put(marker, "")
		return "S3 PUT " + marker, s3client.Status(err), http.StatusOK
	case 3:
		if r.IntN(2) == 0 {
			p += "/"
		}
		err := d.s3.Delete(d.t.Context(), bucket, p)
		w.s3Delete(p)
		return "S3 DELETE " + p, s3client.Status(err), http.StatusOK
	case 4, 5:
		got, _ = d.davDo(http.MethodPut, p, content)
		return "PUT " + p, got, w.davPut(p, content)
	case 6, 7:
		got, _ = d.davDo("MKCOL", p, "")
		return "MKCOL " + p, got, w.davMkcol(p)
	case 8:
		got, _ = d.davDo(http.MethodDelete, p, "")
		return "DELETE " + p, got, w.davDelete(p)
	default:
		dst, overwrite, method := path(r), r.IntN(2) == 0, map[bool]string{false: "COPY", true: "MOVE"}[n == 11]
		flag := map[bool]string{false: "F", true: "T"}[overwrite]
		got, _ = d.davDo(method, p, "", "Destination", d.address(dst), "Overwrite", flag)
		return fmt.Sprintf("%s %s to %s, %s", method, p, dst, flag), got, w.davCopy(p, dst, overwrite, n == 11)
	}
}

// path is a random path of few names.
func path(r *rand.Rand) string {
	segments := make([]string, 1+r.IntN(3))
	for i := range segments {
		segments[i] = []string{"a", "a-", "b", "ä b"}[r.IntN(4)]
	}
	return strings.Join(segments, "/")
}

// compare compares what each door shows with the model.
func (d *doors) compare(w *world) {
	d.t.Helper()
	page, err := d.s3.List(d.t.Context(), bucket, url.Values{"list-type": {"2"}})
	if err != nil {
		d.t.Fatal(err)
	}
	var keys []string
	for _, it := range page.Contents {
		keys = append(keys, it.Key)
	}
	if diff := cmp.Diff(w.below(""), keys, cmpopts.EquateEmpty()); diff != "" {
		d.t.Fatalf("S3 (-want +got):\n%s", diff)
	}
	status, body := d.davDo("PROPFIND", "", "")
	var doc struct {
		Hrefs []string `xml:"DAV: response>href"`
	}
	if err := xml.Unmarshal([]byte(body), &doc); err != nil || status != http.StatusMultiStatus {
		d.t.Fatalf("PROPFIND = %d, %v", status, err)
	}
	var tree []string
	for _, h := range doc.Hrefs[1:] {
		plain, err := url.PathUnescape(strings.TrimPrefix(h, davfront.Prefix+"/"+bucket+"/"))
		if err != nil {
			d.t.Fatal(err)
		}
		tree = append(tree, plain)
	}
	slices.Sort(tree)
	if diff := cmp.Diff(w.tree(), tree, cmpopts.EquateEmpty()); diff != "" {
		d.t.Fatalf("WebDAV (-want +got):\n%s\nkeys: %q, packages: %v", diff, w.below(""), w.packages)
	}
	for _, k := range w.below("") {
		d.content(w, k)
	}
}

// content reads a key through each door that shows it.
func (d *doors) content(w *world, k string) {
	d.t.Helper()
	res, err := d.s3.Get(d.t.Context(), bucket, k, "")
	if err != nil {
		d.t.Fatalf("S3 GET %s: %v", k, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || string(b) != w.keys[k] {
		d.t.Fatalf("S3 GET %s = %q, %v, want %q", k, b, err, w.keys[k])
	}
	if strings.HasSuffix(k, "/") {
		return
	}
	if status, body := d.davDo(http.MethodGet, k, ""); status != http.StatusOK || body != w.keys[k] {
		d.t.Fatalf("GET %s = %d %q, want %q", k, status, body, w.keys[k])
	}
}

// TestDoors runs the same history through all doors at once: what one writes all show.
func TestDoors(t *testing.T) {
	for _, v := range []core.Versioning{core.VersioningOff, core.VersioningEnabled} {
		for seed := range uint64(6) {
			t.Run(fmt.Sprintf("versioning %d seed %d", v, seed), func(t *testing.T) {
				t.Parallel()
				d, w, r := open(t, v), newWorld(), rand.New(rand.NewPCG(seed, 7))
				var history []string
				for i := range 300 {
					what, got, want := d.step(r, w, i)
					history = append(history, what)
					if s3 := strings.HasPrefix(what, "S3 "); got != want && (!s3 || got/100 != want/100) {
						t.Fatalf("%s = %d, want %d; before it: %q", what, got, want, history[max(0, i-15):i])
					}
					if i%25 == 24 {
						d.compare(w)
					}
				}
			})
		}
	}
}
