package davfront

import (
	"context"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"trivium/core"
	"trivium/core/coretest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Access keys of the administrator and of alice, with their secrets.
const (
	adminKey, aliceKey = "AKIAADMIN", "AKIAALICE"
	secret             = "secret-0123456789"
)

// env is the door on a real Service behind a real server, with a bucket of the administrator's.
type env struct {
	tb     testing.TB
	core   *coretest.Env
	srv    *httptest.Server
	client *http.Client
	now    atomic.Int64 // ns since 1970
	events chan Event
}

// newEnv starts a door whose clock stands still.
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
	for id, user := range map[string]int64{adminKey: coretest.AdminID, aliceKey: alice.ID} {
		if _, _, err := e.core.Admin.CreateKey(ctx, user, id, secret); err != nil {
			tb.Fatal(err)
		}
	}
	if _, err := e.core.Bucket(ctx, "bucket", core.VersioningOff, core.BucketPolicy{}); err != nil {
		tb.Fatal(err)
	}
	cfg := Config{
		Service: e.core.Service, Now: clock, RequestID: func(context.Context) string { return "REQUEST1" },
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
	e.client = &http.Client{
		Transport:     &http.Transport{DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	tb.Cleanup(func() {
		e.client.CloseIdleConnections()
		e.srv.Close()
	})
	return e
}

// call is one request as a table writes it.
type call struct {
	method, target string
	headers        string // "Name: value\n..."; $HOST stands for the server
	body           string
	user           string // access key; "": the administrator's, "anonymous"
}

// answer is a reply with its body read.
type answer struct {
	*http.Response
	body string
}

// do sends a call.
func (e *env) do(c call) answer {
	e.tb.Helper()
	r := e.request(c)
	res, err := e.client.Do(r)
	if err != nil {
		e.tb.Fatalf("%s %s: %v", c.method, c.target, err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		e.tb.Fatalf("%s %s: %v", c.method, c.target, err)
	}
	return answer{res, string(data)}
}

// request builds the request of a call; the target goes out as it is written.
func (e *env) request(c call) *http.Request {
	e.tb.Helper()
	u, err := url.Parse(e.srv.URL)
	if err != nil {
		e.tb.Fatal(err)
	}
	u.Opaque = c.target
	r := (&http.Request{Method: c.method, URL: u, Header: http.Header{}, Host: u.Host}).WithContext(e.tb.Context())
	for line := range strings.SplitSeq(c.headers, "\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			r.Header.Add(name, strings.ReplaceAll(value, "$HOST", u.Host))
		}
	}
	if c.body != "" {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(c.body)), int64(len(c.body))
	}
	switch c.user {
	case "anonymous":
	case "":
		r.SetBasicAuth(adminKey, secret)
	default:
		r.SetBasicAuth(c.user, secret)
	}
	return r
}

// want sends a call and compares the status.
func (e *env) want(status int, c call) answer {
	e.tb.Helper()
	a := e.do(c)
	if a.StatusCode != status {
		e.tb.Errorf("%s %s %s = %d, want %d: %s", c.method, c.target, strings.ReplaceAll(c.headers, "\n", "; "), a.StatusCode, status, a.body)
	}
	return a
}

// put stores a file.
func (e *env) put(target, text string) {
	e.tb.Helper()
	a := e.do(call{method: http.MethodPut, target: target, body: text})
	if a.StatusCode != http.StatusCreated && a.StatusCode != http.StatusNoContent {
		e.tb.Fatalf("PUT %s = %d: %s", target, a.StatusCode, a.body)
	}
}

// mkcol makes a folder.
func (e *env) mkcol(target string) {
	e.tb.Helper()
	e.want(http.StatusCreated, call{method: "MKCOL", target: target})
}

// content reads a file; false: there is none.
func (e *env) content(target string) (string, bool) {
	e.tb.Helper()
	a := e.do(call{method: http.MethodGet, target: target})
	return a.body, a.StatusCode == http.StatusOK
}

// hrefs are the addresses in a multistatus, in order.
func hrefs(tb testing.TB, a answer) []string {
	tb.Helper()
	var doc struct {
		Responses []struct {
			Href string `xml:"DAV: href"`
		} `xml:"DAV: response"`
	}
	if err := xml.Unmarshal([]byte(a.body), &doc); err != nil {
		tb.Fatalf("%v in %s", err, a.body)
	}
	var all []string
	for _, r := range doc.Responses {
		all = append(all, r.Href)
	}
	return all
}
