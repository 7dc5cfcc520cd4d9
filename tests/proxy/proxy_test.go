// Package proxy holds the tests of a server behind a real reverse proxy.
package proxy

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"trivium/core/coretest"
	"trivium/s3front"
	"trivium/s3front/sigv4"
	"trivium/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	accessKey, secret = "AKIAPROXY", "proxy-secret-0123456789"
	// clientIP is where requests come from, another address than the proxy's.
	clientIP = "127.0.0.9"
	proxyIP  = "127.0.0.1"
)

// logs keeps the lines of the log, each by the id of its request.
type logs struct {
	mu      sync.Mutex
	lines   map[string]map[string]any
	written *sync.Cond
}

func newLogs() *logs {
	l := &logs{lines: make(map[string]map[string]any)}
	l.written = sync.NewCond(&l.mu)
	return l
}

// Write takes one line.
func (l *logs) Write(p []byte) (int, error) {
	line := map[string]any{}
	if err := json.Unmarshal(p, &line); err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if id, ok := line["req"].(string); ok {
		l.lines[id] = line
		l.written.Broadcast()
	}
	return len(p), nil
}

// request waits for the line of the request that a answers: a long answer may be there before it. An answer without an
// id is not the server's, and has no line.
func (l *logs) request(t *testing.T, a answer) map[string]any {
	t.Helper()
	id := a.Header.Get("X-Amz-Request-Id")
	if id == "" {
		t.Fatalf("the answer %d %s is not the server's", a.StatusCode, a.body)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.lines[id] == nil {
		l.written.Wait()
	}
	return l.lines[id]
}

// house is a server with its S3 door.
type house struct {
	url    *url.URL
	log    *logs
	client *http.Client // comes from clientIP
}

// config is what of a house differs between tests.
type config struct {
	public  string
	trusted []netip.Prefix
}

// newHouse starts a server with the domain s3.test, one key and the bucket "bucket".
func newHouse(t *testing.T, c config) *house {
	t.Helper()
	e := coretest.New(t, coretest.Options{})
	ctx := context.WithoutCancel(t.Context())
	if _, _, err := e.Admin.CreateKey(ctx, coretest.AdminID, accessKey, secret); err != nil {
		t.Fatal(err)
	}
	l := newLogs()
	srv, err := server.Listen(ctx, server.Config{Address: proxyIP + ":0", Log: zerolog.New(l), TrustedProxies: c.trusted})
	if err != nil {
		t.Fatal(err)
	}
	domains := []string{"s3.test"}
	srv.Open(server.Doors{
		S3: s3front.New(s3front.Config{
			Service: e.Service, Domains: domains, PublicURL: c.public, RequestID: server.RequestID,
		}),
		S3Host: func(host string) bool { _, ok := s3front.BucketOfHost(host, domains); return ok },
	})
	serving, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- srv.Serve(serving) }()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(clientIP)}}
	client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableCompression: true}}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(srv.URL())
	if err != nil {
		t.Fatal(err)
	}
	h := &house{url: u, log: l, client: client}
	h.must(t, u, call{method: http.MethodPut, path: "/bucket", host: u.Host})
	return h
}

// startProxy starts a reverse proxy before h that changes what it hands on by rewrite.
func (h *house) startProxy(t *testing.T, rewrite func(p *httputil.ProxyRequest)) *url.URL {
	t.Helper()
	transport := &http.Transport{DisableCompression: true}
	p := httptest.NewServer(&httputil.ReverseProxy{Transport: transport, Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(h.url) // the host too
		rewrite(p)
	}})
	t.Cleanup(func() { h.client.CloseIdleConnections(); p.Close(); transport.CloseIdleConnections() })
	u, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// call is a request; it is signed for host.
type call struct {
	method, path, host, body string
	header                   http.Header // added, and signed
	late                     http.Header // added behind the signature
	sent                     string      // the host that it is sent with behind the signature; "": host
	presigned                bool
}

// answer is a reply with its body.
type answer struct {
	*http.Response
	body string
}

// send sends a call to the server or proxy at that address.
func (h *house) send(t *testing.T, to *url.URL, c call) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), c.method, to.String()+c.path, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = c.host
	maps.Copy(r.Header, c.header)
	signer := sigv4.Signer{AccessKey: accessKey, Secret: secret}
	if c.presigned {
		err = signer.Presign(r, time.Minute, time.Now())
	} else {
		_, err = signer.Sign(r, sigv4.UnsignedPayload, time.Now())
	}
	if err != nil {
		t.Fatal(err)
	}
	if c.sent != "" {
		r.Host = c.sent
	}
	maps.Copy(r.Header, c.late)
	res, err := h.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res, string(body)}
}

// must sends a call that has to succeed.
func (h *house) must(t *testing.T, to *url.URL, c call) answer {
	t.Helper()
	a := h.send(t, to, c)
	if a.StatusCode >= 300 {
		t.Fatalf("%s %s for %s = %d %s", c.method, c.path, c.host, a.StatusCode, a.body)
	}
	return a
}

func keepHost(p *httputil.ProxyRequest)  { p.Out.Host = p.In.Host }
func forwarded(p *httputil.ProxyRequest) { p.SetXForwarded() }
func silent(*httputil.ProxyRequest)      {}

// appending hands on what the client says of itself, as proxies do that add to such headers.
func appending(p *httputil.ProxyRequest) {
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		p.Out.Header[name] = p.In.Header[name]
	}
	host, proto := p.In.Header["X-Forwarded-Host"], p.In.Header["X-Forwarded-Proto"]
	p.SetXForwarded() // it adds to the addresses alone
	p.Out.Header["X-Forwarded-Host"] = []string{strings.Join(append(host, p.In.Host), ", ")}
	p.Out.Header["X-Forwarded-Proto"] = append(proto, "http")
}

// TestBehindAProxy sends signed requests through proxies of all sorts, as path and as virtual-hosted style, in the
// header and presigned.
func TestBehindAProxy(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix(proxyIP + "/32")}
	const public, host, bucketHost = "https://s3.test", "s3.test", "bucket.s3.test"
	spoof := http.Header{"X-Forwarded-Host": {"evil.test"}, "X-Forwarded-For": {"1.1.1.1"}, "X-Forwarded-Proto": {"gopher"}}
	for _, tt := range []struct {
		name           string
		config         config
		proxy          func(p *httputil.ProxyRequest)
		late           http.Header
		byPath, byHost bool // which succeed
		client         string
		location       string // of a completed upload, by path; "": not looked at
	}{
		{name: "Host kept", proxy: keepHost, byPath: true, byHost: true, client: proxyIP, location: "http://s3.test/bucket/up"},
		{name: "Host kept, spoofed", proxy: keepHost, late: spoof, byPath: true, byHost: true, client: proxyIP, location: "http://s3.test/bucket/up"},
		{name: "Host rewritten", proxy: silent, client: proxyIP},
		{name: "Host rewritten, not trusted", proxy: forwarded, client: proxyIP},
		{name: "Host rewritten, public URL", config: config{public: public}, proxy: silent, byPath: true, client: proxyIP, location: "https://s3.test/bucket/up"},
		{name: "Host kept, public URL", config: config{public: public}, proxy: keepHost, byPath: true, byHost: true, client: proxyIP, location: "https://s3.test/bucket/up"},
		{name: "Host rewritten, trusted", config: config{trusted: trusted}, proxy: forwarded, byPath: true, byHost: true, client: clientIP, location: "http://s3.test/bucket/up"},
		{name: "Host rewritten, trusted and spoofed", config: config{trusted: trusted}, proxy: appending, late: spoof, byPath: true, byHost: true, client: clientIP, location: "http://s3.test/bucket/up"},
		{name: "trusted, with TLS before it", config: config{trusted: trusted}, proxy: func(p *httputil.ProxyRequest) {
			p.SetXForwarded()
			p.Out.Header.Set("X-Forwarded-Proto", "https")
		}, byPath: true, byHost: true, client: clientIP, location: "https://s3.test/bucket/up"},
		{name: "trusted and public URL", config: config{public: public, trusted: trusted}, proxy: forwarded, byPath: true, byHost: true, client: clientIP, location: "https://s3.test/bucket/up"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t, tt.config)
			at := h.startProxy(t, tt.proxy)
			for _, presigned := range []bool{false, true} {
				h.expect(t, at, call{method: http.MethodPut, path: "/bucket/dir//b%2Fc", host: host, body: "x", late: tt.late, presigned: presigned}, tt.byPath, tt.client)
				h.expect(t, at, call{method: http.MethodGet, path: "/dir//b%2Fc", host: bucketHost, late: tt.late, presigned: presigned}, tt.byHost, tt.client)
			}
			if tt.location != "" {
				h.expectLocation(t, at, call{host: host, late: tt.late}, tt.location)
			}
		})
	}
}

// expect sends a call that succeeds or not, from that address as the log has it. A refusal names the host.
func (h *house) expect(t *testing.T, at *url.URL, c call, ok bool, client string) {
	t.Helper()
	a := h.send(t, at, c)
	if (a.StatusCode == http.StatusOK) != ok {
		t.Errorf("%s %s for %s, presigned %t = %d %s, want success %t", c.method, c.path, c.host, c.presigned, a.StatusCode, a.body, ok)
	}
	if !ok && (a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, "checked for the host &quot;"+h.url.Host+"&quot;")) {
		t.Errorf("refusal %d %s, want one that names the host %s", a.StatusCode, a.body, h.url.Host)
	}
	line := h.log.request(t, a)
	remote, _ := line["remote"].(string)
	if remote != client && !strings.HasPrefix(remote, client+":") {
		t.Errorf("logged as %q, want %s", remote, client)
	}
}

// expectLocation completes an upload and looks at the address in the answer.
func (h *house) expectLocation(t *testing.T, at *url.URL, c call, want string) {
	t.Helper()
	step := func(method, path, body string) answer {
		c.method, c.path, c.body = method, path, body
		return h.must(t, at, c)
	}
	between := func(s, open, end string) string {
		_, s, _ = strings.Cut(s, open)
		s, _, _ = strings.Cut(s, end)
		return s
	}
	id := between(step(http.MethodPost, "/bucket/up?uploads", "").body, "<UploadId>", "<")
	etag := step(http.MethodPut, "/bucket/up?partNumber=1&uploadId="+id, "x").Header.Get("Etag")
	done := step(http.MethodPost, "/bucket/up?uploadId="+id,
		"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"+etag+"</ETag></Part></CompleteMultipartUpload>")
	if got := between(done.body, "<Location>", "<"); got != want {
		t.Errorf("Location %q, want %q", got, want)
	}
}

// TestSpoofedHeaders: who is no proxy may say what he likes. The headers change neither which host a signature counts
// for, nor the bucket, nor the log.
func TestSpoofedHeaders(t *testing.T) {
	h := newHouse(t, config{trusted: []netip.Prefix{netip.MustParsePrefix(proxyIP + "/32")}})
	h.must(t, h.url, call{method: http.MethodPut, path: "/bucket/k", host: "s3.test", body: "x"})
	spoof := func(host string) http.Header {
		return http.Header{"X-Forwarded-Host": {host}, "X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Proto": {"https"}, "Forwarded": {"host=" + host}}
	}
	for _, tt := range []struct {
		name string
		call
		ok bool
	}{
		{"signed for the host that is spoofed", call{method: http.MethodGet, path: "/bucket/k", host: "elsewhere.test", sent: "s3.test", late: spoof("elsewhere.test")}, false},
		{"the host of a bucket", call{method: http.MethodGet, path: "/bucket/k", host: "s3.test", late: spoof("bucket.s3.test")}, true},
		{"signed spoof", call{method: http.MethodGet, path: "/bucket/k", host: "s3.test", header: spoof("bucket.s3.test")}, true},
		{"the path of the spoofed bucket", call{method: http.MethodGet, path: "/k", host: "s3.test", late: spoof("bucket.s3.test")}, false},
	} {
		a := h.send(t, h.url, tt.call)
		if (a.StatusCode == http.StatusOK) != tt.ok {
			t.Errorf("%s = %d %s, want success %t", tt.name, a.StatusCode, a.body, tt.ok)
		}
		line := h.log.request(t, a)
		if remote, _ := line["remote"].(string); !strings.HasPrefix(remote, clientIP+":") || line["proxy"] != nil {
			t.Errorf("%s: logged as %v by %v, want %s", tt.name, line["remote"], line["proxy"], clientIP)
		}
	}
}

// TestPublicHostIsNoBucket: what was signed for the public host as /bucket/key is not the key of another bucket when
// somebody sends it to that one's host.
func TestPublicHostIsNoBucket(t *testing.T) {
	h := newHouse(t, config{public: "http://s3.test"})
	h.must(t, h.url, call{method: http.MethodPut, path: "/other", host: "s3.test"})
	redirected := h.startProxy(t, func(p *httputil.ProxyRequest) { p.Out.Host = "other.s3.test" })
	a := h.send(t, redirected, call{method: http.MethodPut, path: "/bucket/k", host: "s3.test", body: "x"})
	if a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, "SignatureDoesNotMatch") {
		t.Errorf("redirected to the host of another bucket = %d %s, want a refused signature", a.StatusCode, a.body)
	}
	// Everywhere else the public host counts: the path names the bucket.
	elsewhere := h.startProxy(t, func(p *httputil.ProxyRequest) { p.Out.Host = "[::1]:7070" })
	h.must(t, elsewhere, call{method: http.MethodPut, path: "/bucket/k", host: "s3.test", body: "x"})
	h.must(t, elsewhere, call{method: http.MethodPut, path: "/bucket/k", host: "s3.test:80", body: "x"})
	if a := h.send(t, elsewhere, call{method: http.MethodPut, path: "/bucket/k", host: "s3.test:81", body: "x"}); a.StatusCode != http.StatusForbidden {
		t.Errorf("signed for another port = %d %s", a.StatusCode, a.body)
	}
}
