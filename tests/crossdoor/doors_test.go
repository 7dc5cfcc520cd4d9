// Package crossdoor runs random requests through all doors on one store, and compares what each of them shows with one
// model.
package crossdoor

import (
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"trivium/core"
	"trivium/core/coretest"
	"trivium/davfront"
	"trivium/nativeapi"
	"trivium/nativeapi/client"
	v1 "trivium/nativeapi/v1"
	"trivium/s3front"
	"trivium/tests/s3client"
)

const (
	access = "CROSSDOOR"
	secret = "secret-0123456789"
	bucket = "bucket"
	nobody = int64(1) << 50 // an id that nothing has
)

// doors are the doors of one store.
type doors struct {
	t        *testing.T
	core     *coretest.Env
	s3       *s3client.Client
	dav      string
	native   string // address of the native API
	api      client.API
	bucketID int64
	http     *http.Client
}

// open starts the doors on a store with a bucket.
func open(t *testing.T, v core.Versioning) *doors {
	t.Helper()
	env := coretest.New(t, coretest.Options{})
	ctx := context.WithoutCancel(t.Context())
	if _, _, err := env.Admin.CreateKey(ctx, coretest.AdminID, access, secret); err != nil {
		t.Fatal(err)
	}
	b, err := env.Bucket(ctx, bucket, v, core.BucketPolicy{})
	if err != nil {
		t.Fatal(err)
	}
	d := &doors{t: t, core: env, bucketID: b.ID, http: &http.Client{Transport: &http.Transport{}}}
	t.Cleanup(d.http.CloseIdleConnections)
	serve := func(h http.Handler) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s.URL
	}
	d.dav = serve(davfront.New(davfront.Config{Service: env.Service, InfiniteDepth: true})) + davfront.Prefix + "/" + bucket
	d.native = serve(nativeapi.New(nativeapi.Config{Service: env.Service}))
	d.s3 = &s3client.Client{
		Endpoint: serve(s3front.New(s3front.Config{Service: env.Service})), Access: access, Secret: secret, HTTP: d.http,
	}
	c, err := client.Remote(d.native, access, secret)
	if err != nil {
		t.Fatal(err)
	}
	d.api = c.API()
	return d
}

// address is that of a path of the bucket in the WebDAV door.
func (d *doors) address(p string) string { return d.dav + (&url.URL{Path: "/" + p}).EscapedPath() }

// send sends one request as the administrator, with pairs of header fields, and returns the status and the body.
func (d *doors) send(method, address, body string, headers ...string) (int, string) {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), method, address, strings.NewReader(body))
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

// davDo sends one request to the WebDAV door and returns the status and the body.
func (d *doors) davDo(method, p, body string, headers ...string) (int, string) {
	d.t.Helper()
	return d.send(method, d.address(p), body, headers...)
}

// s3Do sends one request to the S3 door and returns the header of its answer.
func (d *doors) s3Do(method, key, body string, h http.Header) (http.Header, string, error) {
	d.t.Helper()
	res, err := d.s3.Do(d.t.Context(), s3client.Request{
		Method: method, Bucket: bucket, Key: key, Header: h, Body: strings.NewReader(body), Size: int64(len(body)),
	})
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.Header, string(b), err
}

// nativeStatus is the status of an answer of the native API.
func nativeStatus(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return http.StatusOK
	}
	e, ok := errors.AsType[*client.Error](err)
	if !ok {
		t.Fatal(err)
	}
	return e.Status
}

// seen is what a door shows of an object. What a door cannot say is the zero value.
type seen struct {
	Size        int
	Kind, ETag  string
	MTime       int64 // ns; core.NoTime: none
	Updated     int64 // seconds
	Color       string
	FileHash    string
	ID          int64
	UpdatedNano int64
}

// s3Sees is HEAD through S3.
func (d *doors) s3Sees(k string) seen {
	d.t.Helper()
	h, _, err := d.s3Do(http.MethodHead, k, "", nil)
	if err != nil {
		d.t.Fatalf("S3 HEAD %s: %v", k, err)
	}
	size, err := strconv.Atoi(h.Get("Content-Length"))
	if err != nil {
		d.t.Fatalf("S3 HEAD %s: %v", k, err)
	}
	return seen{
		Size: size, Kind: h.Get("Content-Type"), ETag: strings.Trim(h.Get("Etag"), `"`), MTime: d.mtime(h.Get("X-Amz-Meta-Mtime")),
		Updated: d.date(h.Get("Last-Modified")), Color: h.Get("X-Amz-Meta-Color"),
	}
}

// mtime reads a client's time as S3 has it: seconds with decimals.
func (d *doors) mtime(s string) int64 {
	d.t.Helper()
	if s == "" {
		return core.NoTime
	}
	whole, frac, _ := strings.Cut(s, ".")
	ns, err := strconv.ParseInt(whole+(frac + "000000000")[:9], 10, 64)
	if err != nil {
		d.t.Fatalf("mtime %q: %v", s, err)
	}
	return ns
}

// date reads an HTTP date.
func (d *doors) date(s string) int64 {
	d.t.Helper()
	at, err := http.ParseTime(s)
	if err != nil {
		d.t.Fatal(err)
	}
	return at.Unix()
}

// davResponse is what PROPFIND says of one resource.
type davResponse struct {
	Href string `xml:"DAV: href"`
	Prop struct {
		Length   int    `xml:"DAV: getcontentlength"`
		Kind     string `xml:"DAV: getcontenttype"`
		ETag     string `xml:"DAV: getetag"`
		Modified string `xml:"DAV: getlastmodified"`
		Windows  string `xml:"urn:schemas-microsoft-com: Win32LastModifiedTime"`
	} `xml:"DAV: propstat>prop"`
}

// propfind returns what is below a folder, by path, and the folder itself under its own; folders end in "/".
func (d *doors) propfind(p, depth string) map[string]*davResponse {
	d.t.Helper()
	status, body := d.davDo("PROPFIND", p, "", "Depth", depth)
	var doc struct {
		Responses []*davResponse `xml:"DAV: response"`
	}
	if err := xml.Unmarshal([]byte(body), &doc); err != nil || status != http.StatusMultiStatus {
		d.t.Fatalf("PROPFIND %s = %d, %v: %s", p, status, err, body)
	}
	all := map[string]*davResponse{}
	for _, r := range doc.Responses {
		plain, err := url.PathUnescape(strings.TrimPrefix(r.Href, davfront.Prefix+"/"+bucket+"/"))
		if err != nil {
			d.t.Fatal(err)
		}
		all[plain] = r
	}
	return all
}

// davSees is what a PROPFIND has said.
func (d *doors) davSees(r *davResponse) seen {
	d.t.Helper()
	s := seen{Size: r.Prop.Length, Kind: r.Prop.Kind, ETag: strings.Trim(r.Prop.ETag, `"`), MTime: core.NoTime}
	if at := d.date(r.Prop.Modified); r.Prop.Windows == "" {
		s.Updated = at
	} else if s.MTime = d.date(r.Prop.Windows) * 1e9; s.MTime != at*1e9 {
		d.t.Errorf("%s: Win32LastModifiedTime is %s, getlastmodified %s", r.Href, r.Prop.Windows, r.Prop.Modified)
	}
	return s
}

// nativeSees is object/info.
func (d *doors) nativeSees(info v1.ObjectInfo) seen {
	d.t.Helper()
	for name := range maps.Keys(info.Info.Metadata) {
		if !slices.Contains([]string{"color", "mtime"}, name) {
			d.t.Errorf("object/info of %s has the metadata %q", info.Object.Path, name)
		}
	}
	at := info.Object.UpdateTime
	return seen{
		Size: int(info.Object.Size), Kind: info.Info.ContentType, ETag: info.Info.ETag, MTime: d.mtime(info.Info.Metadata["mtime"]),
		Updated: at.Unix(), Color: info.Info.Metadata["color"], FileHash: info.Object.FileHash, ID: info.Object.ObjectID,
		UpdatedNano: at.UnixNano(),
	}
}

// wants is what the doors should show of f, whose time of the server is updated.
func (f *file) wants(updated int64) (s3, dav, native seen) {
	whole := seen{
		Size: len(f.content), Kind: cmp.Or(f.kind, octets), ETag: f.etag, MTime: f.mtime, Updated: updated / int64(time.Second), Color: f.color,
	}
	s3, dav, native = whole, whole, whole
	s3.Kind = cmp.Or(f.kind, "binary/octet-stream") // S3's default
	dav.Color = ""
	if f.mtime != core.NoTime {
		dav.MTime -= dav.MTime % int64(time.Second)
		dav.Updated = 0 // the client's time goes before it
	}
	return s3, dav, native
}
