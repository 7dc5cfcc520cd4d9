package s3front

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"trivium/core"
	"trivium/core/coretest"
	"trivium/s3front/s3xml"
	"trivium/s3front/sigv4"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	adminKey, adminSecret = "AKIAADMIN", "admin-secret-0123456789"
	aliceKey, aliceSecret = "AKIAALICE", "alice-secret-0123456789"
)

// env is the door on a real Service behind a real server.
type env struct {
	tb     testing.TB
	core   *coretest.Env
	srv    *httptest.Server
	client *http.Client
	now    atomic.Int64 // ns since 1970
	events chan Event
}

// newEnv starts a door with the keys of an administrator and of alice, whose clock stands still.
func newEnv(tb testing.TB, configure ...func(*Config)) *env {
	tb.Helper()
	return newEnvOn(tb, coretest.Options{}, configure...)
}

// newEnvOn is newEnv on a Service of that kind.
func newEnvOn(tb testing.TB, opts coretest.Options, configure ...func(*Config)) *env {
	tb.Helper()
	e := &env{tb: tb, events: make(chan Event, 1000)}
	e.now.Store(time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC).UnixNano())
	clock := func() time.Time { return time.Unix(0, e.now.Load()).UTC() }
	opts.Now = clock
	e.core = coretest.New(tb, opts)
	ctx := context.WithoutCancel(tb.Context())
	alice, err := e.core.Admin.CreateUser(ctx, "alice", "", false)
	if err != nil {
		tb.Fatal(err)
	}
	for _, k := range []struct {
		user       int64
		id, secret string
	}{{coretest.AdminID, adminKey, adminSecret}, {alice.ID, aliceKey, aliceSecret}} {
		if _, _, err := e.core.Admin.CreateKey(ctx, k.user, k.id, k.secret); err != nil {
			tb.Fatal(err)
		}
	}
	cfg := Config{
		Service: e.core.Service, Now: clock,
		RequestID: func(context.Context) string { return "REQUEST1" },
		Observe: func(_ context.Context, ev Event) {
			select {
			case e.events <- ev:
			default:
			}
		},
	}
	for _, f := range configure {
		f(&cfg)
	}
	e.srv = httptest.NewServer(New(cfg))
	e.client = &http.Client{Transport: &http.Transport{DisableCompression: true}}
	tb.Cleanup(func() {
		e.client.CloseIdleConnections()
		e.srv.Close()
	})
	return e
}

// call is one request as a table writes it.
type call struct {
	method, target string
	headers        string // "Name: value\n..."
	body           string
	host           string        // "": s3.test
	key            string        // "": the administrator's; "anonymous"
	signer         *sigv4.Signer // in place of key; nil: that
	payload        string        // x-amz-content-sha256; "": the body's hash
	trailers       []sigv4.Param // of a streaming payload
	chunk          int           // bytes of a chunk; 0: all in one
	mutate         func(r *http.Request, body []byte) []byte
}

// answer is a reply with its body read.
type answer struct {
	*http.Response
	body string
	err  error // of reading the body
}

// code is the S3 error code in the body.
func (a answer) code() string {
	root, err := s3xml.Parse([]byte(a.body))
	if err != nil || root.Name != "Error" {
		return ""
	}
	return root.Value("Code")
}

// do signs and sends a call.
func (e *env) do(c call) answer {
	e.tb.Helper()
	r := e.request(c)
	res, err := e.client.Do(r)
	if err != nil {
		e.tb.Fatalf("%s %s: %v", c.method, c.target, err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	return answer{res, string(data), err}
}

// request builds and signs the request of a call.
func (e *env) request(c call) *http.Request {
	e.tb.Helper()
	u, err := url.Parse(e.srv.URL + c.target)
	if err != nil {
		e.tb.Fatal(err)
	}
	r := (&http.Request{Method: c.method, URL: u, Header: http.Header{}, Host: "s3.test"}).WithContext(e.tb.Context())
	if c.host != "" {
		r.Host = c.host
	}
	for line := range strings.SplitSeq(c.headers, "\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			r.Header.Add(strings.TrimSpace(name), value)
		}
	}
	data := []byte(c.body)
	if c.payload == "" {
		sum := sha256.Sum256(data)
		c.payload = hex.EncodeToString(sum[:])
	}
	if strings.HasPrefix(c.payload, "STREAMING-") && r.Header.Get("X-Amz-Decoded-Content-Length") == "" {
		r.Header.Set("X-Amz-Decoded-Content-Length", itoa(len(data)))
	}
	if r.Header.Get("X-Amz-Decoded-Content-Length") == "none" {
		r.Header.Del("X-Amz-Decoded-Content-Length")
	}
	data = e.sign(r, c, data)
	if c.mutate != nil {
		data = c.mutate(r, data)
	}
	r.Body = io.NopCloser(bytes.NewReader(data))
	r.ContentLength = int64(len(data))
	if r.Header.Get("Test-Chunked") != "" {
		r.Header.Del("Test-Chunked")
		r.ContentLength = -1
	}
	if len(data) == 0 && r.ContentLength == 0 {
		r.Body = http.NoBody
	}
	return r
}

// sign signs r with the key of c and returns the body as it goes over the wire.
func (e *env) sign(r *http.Request, c call, data []byte) []byte {
	s := sigv4.Signer{AccessKey: adminKey, Secret: adminSecret}
	switch c.key {
	case "anonymous":
		return data
	case "alice":
		s = sigv4.Signer{AccessKey: aliceKey, Secret: aliceSecret}
	case "":
	default:
		s.AccessKey = c.key
	}
	if c.signer != nil {
		s = *c.signer
	}
	a, err := s.Sign(r, c.payload, time.Unix(0, e.now.Load()))
	if err != nil {
		e.tb.Fatal(err)
	}
	chunk := c.chunk
	if chunk == 0 {
		chunk = len(data) + 1
	}
	switch c.payload {
	case sigv4.StreamPayload:
		return a.Encode(data, sigv4.StreamSigned, chunk, nil)
	case sigv4.StreamPayloadTrailer:
		return a.Encode(data, sigv4.StreamSignedTrailer, chunk, c.trailers)
	case sigv4.StreamUnsignedPayload:
		return a.Encode(data, sigv4.StreamUnsignedTrailer, chunk, c.trailers)
	}
	return data
}

// must sends calls that have to succeed.
func (e *env) must(calls ...call) answer {
	e.tb.Helper()
	var a answer
	for _, c := range calls {
		if a = e.do(c); a.StatusCode >= 300 || a.err != nil {
			e.tb.Fatalf("%s %s = %d %s, %v", c.method, c.target, a.StatusCode, a.body, a.err)
		}
	}
	return a
}

// keys lists everything a bucket holds, versions and uploads too.
func (e *env) keys(bucket string) string {
	e.tb.Helper()
	ctx := e.tb.Context()
	var out []string
	page, err := e.core.Admin.ListVersions(ctx, bucket, core.VersionListOptions{Limit: 1000})
	if err != nil {
		e.tb.Fatal(err)
	}
	for _, it := range page.Items {
		out = append(out, it.Key)
	}
	uploads, err := e.core.Admin.Uploads(ctx, bucket, core.UploadListOptions{Limit: 1000})
	if err != nil {
		e.tb.Fatal(err)
	}
	for _, u := range uploads.Uploads {
		out = append(out, "upload of "+u.Key)
	}
	return strings.Join(out, " ")
}

func itoa(n int) string { return strconv.Itoa(n) }

// value takes the text of the first element of that name from a document.
func value(doc, name string) string {
	m := regexp.MustCompile("<" + name + ">([^<]*)</" + name + ">").FindStringSubmatch(doc)
	if m == nil {
		return ""
	}
	return m[1]
}
