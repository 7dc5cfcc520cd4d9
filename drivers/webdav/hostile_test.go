package webdav_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	dav "golang.org/x/net/webdav"

	"trivium/drivers"
	"trivium/drivers/webdav"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is golang.org/x/net/webdav behind a front that can be told to misbehave.
type server struct {
	*httptest.Server
	dir   string
	front atomic.Pointer[front]
}

// front answers a request itself, or hands it on to next.
type front func(w http.ResponseWriter, r *http.Request, next http.Handler)

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{dir: t.TempDir()}
	h := &dav.Handler{Prefix: "/dav/", FileSystem: dav.Dir(s.dir), LockSystem: dav.NewMemLS()}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := s.front.Load(); f != nil {
			(*f)(w, r, h)
			return
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) misbehave(f front) { s.front.Store(&f) }

func (s *server) open(t *testing.T, opts webdav.Options) *webdav.Driver {
	t.Helper()
	d := open(t, webdav.Config{URL: s.URL + "/dav/", User: "ann", Password: "pass-w0rd"}, opts)
	t.Cleanup(func() { d.Close() })
	return d
}

// patience dials connections whose deadlines do not pass, until it ends: then they pass at once.
type patience struct{ over atomic.Bool }

func (p *patience) options() webdav.Options {
	return webdav.Options{Idle: time.Hour, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		return &patientConn{Conn: conn, p: p}, err
	}}
}

type patientConn struct {
	net.Conn
	p *patience
}

func (c *patientConn) SetReadDeadline(at time.Time) error {
	if c.p.over.Load() {
		at = time.Now().Add(100 * time.Millisecond)
	}
	return c.Conn.SetReadDeadline(at)
}

// temps are the temporary files that are there.
func (s *server) temps(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.dir, ".trivium-tmp"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func put(t *testing.T, d drivers.Driver, name, content string, opts ...drivers.PutOptions) error {
	t.Helper()
	return d.Put(t.Context(), name, strings.NewReader(content), int64(len(content)), append(opts, drivers.PutOptions{})[0])
}

func read(t *testing.T, d drivers.Driver, name string, offset, length int64) (string, error) {
	t.Helper()
	rc, err := d.Open(t.Context(), name, offset, length)
	if err != nil {
		return "", err
	}
	defer rc.Close()
	p, err := io.ReadAll(rc)
	return string(p), err
}

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s = %v, want %v", what, err, want)
	}
	if err != nil && (strings.Contains(err.Error(), "pass-w0rd") || strings.Contains(err.Error(), "YW5u")) {
		t.Errorf("%s tells the password: %v", what, err)
	}
}

// answer answers requests of one method and hands on all others.
func answer(method string, f http.HandlerFunc) front {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == method {
			f(w, r)
			return
		}
		next.ServeHTTP(w, r)
	}
}

func html(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	w.Header().Set("ETag", `"1"`)
	fmt.Fprint(w, "<html>Please log in</html>")
}

func TestMisreads(t *testing.T) {
	const content = "0123456789abcdefghij"
	s := newServer(t)
	var p patience
	d := s.open(t, p.options())
	if err := put(t, d, "dir/x", content); err != nil {
		t.Fatal(err)
	}
	headed := func(status int, headers ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"1"`)
			for _, h := range headers {
				name, value, _ := strings.Cut(h, ": ")
				w.Header().Set(name, value)
			}
			w.WriteHeader(status)
			io.WriteString(w, content[:10])
		}
	}
	for _, tt := range []struct {
		name           string
		get            http.HandlerFunc
		offset, length int64
		want           string // "": an error
		err            error
	}{
		{"short", headed(200, "Content-Length: 20"), 0, -1, "", drivers.ErrTransient},
		{"short and clean", func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush() // chunks, without a length
			io.WriteString(w, content[:10])
		}, 0, -1, "", drivers.ErrTransient},
		{"of another size", headed(200, "Content-Length: 10", "Content-Type: text/html"), 0, -1, "", drivers.ErrTransient},
		{"range of unknown size", headed(206, "Content-Range: bytes 0-9/*"), 0, 10, content[:10], nil},
		{"range of unknown size, short", headed(206, "Content-Range: bytes 0-9/*"), 0, 11, "", drivers.ErrBroken},
		{"range ignored", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, content) }, 5, 10, content[5:15], nil},
		{"range ignored, all", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, content) }, 20, 10, "", nil},
		{"range ignored, far", headed(200, "Content-Length: 99999999999"), 99999999990, 1, "", drivers.ErrBroken},
		{"another range", headed(206, "Content-Range: bytes 5-14/20"), 4, 10, "", drivers.ErrBroken},
		{"earlier range", headed(206, "Content-Range: bytes 0-9/20"), 4, 6, content[4:10], nil},
		{"shorter range", headed(206, "Content-Range: bytes 0-9/20"), 0, 12, "", drivers.ErrBroken},
		{"no range", headed(206), 0, 10, "", drivers.ErrBroken},
		{"multipart", headed(206, "Content-Type: multipart/byteranges; boundary=x"), 0, 10, "", drivers.ErrBroken},
		{"impossible range", headed(206, "Content-Range: bytes 9-0/20"), 0, 10, "", drivers.ErrBroken},
		{"range past its end", headed(206, "Content-Range: bytes 0-9/5"), 0, 10, "", drivers.ErrBroken},
		{"416 without need", headed(416), 5, 10, "", drivers.ErrBroken},
		{"login page", html, 0, -1, "", drivers.ErrTransient},
		{"500", headed(500), 0, -1, "", drivers.ErrTransient},
		{"403", headed(403), 0, -1, "", drivers.ErrDenied},
		{"401", headed(401), 0, -1, "", drivers.ErrDenied},
		{"redirect", headed(302, "Location: http://elsewhere.example/x?token=pass-w0rd"), 0, -1, "", drivers.ErrBroken},
		{"silence", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 0, -1, "", drivers.ErrTransient},
		{"silence in the middle", func(w http.ResponseWriter, r *http.Request) {
			headed(200, "Content-Length: 20")(w, r)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, 0, -1, "", drivers.ErrTransient},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.misbehave(answer(http.MethodGet, tt.get))
			p.over.Store(strings.HasPrefix(tt.name, "silence"))
			got, err := read(t, d, "dir/x", tt.offset, tt.length)
			wantErr(t, "reading", err, tt.err)
			if err == nil && got != tt.want {
				t.Errorf("read %q, want %q", got, tt.want)
			}
		})
	}
}

func TestMiswrites(t *testing.T) {
	const content = "new content"
	status := func(n int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(n)
		}
	}
	for _, tt := range []struct {
		name  string
		front front
		want  error
		after string // what is under the name
	}{
		{"201 for half", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.Method == http.MethodPut {
				r.Body = io.NopCloser(io.LimitReader(r.Body, 5))
			}
			next.ServeHTTP(w, r)
		}, drivers.ErrBroken, "old"},
		{"201 for nothing", answer(http.MethodPut, status(201)), drivers.ErrBroken, "old"},
		{"login page for PUT", answer(http.MethodPut, html), drivers.ErrBroken, "old"},
		{"login page for MOVE", answer("MOVE", html), drivers.ErrBroken, "old"},
		{"login page for PROPFIND", answer("PROPFIND", html), drivers.ErrBroken, "old"},
		{"401", answer(http.MethodPut, status(401)), drivers.ErrDenied, "old"},
		{"403", answer(http.MethodPut, status(403)), drivers.ErrDenied, "old"},
		{"413", answer(http.MethodPut, status(413)), drivers.ErrNoSpace, "old"},
		{"423", answer(http.MethodPut, status(423)), drivers.ErrTransient, "old"},
		{"429", answer(http.MethodPut, status(429)), drivers.ErrTransient, "old"},
		{"501", answer(http.MethodPut, status(501)), drivers.ErrBroken, "old"},
		{"503", answer(http.MethodPut, status(503)), drivers.ErrTransient, "old"},
		{"507", answer(http.MethodPut, status(507)), drivers.ErrNoSpace, "old"},
		{"507 for MOVE", answer("MOVE", status(507)), drivers.ErrNoSpace, "old"},
		{"MOVE that failed in a 207", answer("MOVE", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusMultiStatus)
			fmt.Fprint(w, `<D:multistatus xmlns:D="DAV:"><D:response><D:href>/dav/x</D:href><D:status>HTTP/1.1 507 No</D:status></D:response></D:multistatus>`)
		}), drivers.ErrNoSpace, "old"},
		{"MOVE whose answer is lost", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.Method == "MOVE" {
				next.ServeHTTP(httptest.NewRecorder(), r)
				if r.Header.Get("Overwrite") == "T" {
					panic(http.ErrAbortHandler)
				}
				w.WriteHeader(http.StatusPreconditionFailed)
				return
			}
			next.ServeHTTP(w, r)
		}, nil, content},
		{"MOVE that never came", answer("MOVE", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), drivers.ErrTransient, "old"},
		{"silence", answer(http.MethodPut, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}), drivers.ErrTransient, "old"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t)
			var p patience
			d := s.open(t, p.options())
			if err := put(t, d, "dir/x", "old"); err != nil {
				t.Fatal(err)
			}
			s.misbehave(tt.front)
			p.over.Store(tt.name == "silence")
			err := put(t, d, "dir/x", content)
			wantErr(t, "Put", err, tt.want)
			p.over.Store(false)
			s.front.Store(nil)
			if got, err := read(t, d, "dir/x", 0, -1); got != tt.after || err != nil {
				t.Errorf("afterwards there is %q, %v, want %q", got, err, tt.after)
			}
			if left := s.temps(t); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

func TestMislistings(t *testing.T) {
	const ok = `<D:response><D:href>/dav/d/</D:href><D:propstat><D:prop><D:resourcetype><D:collection/></D:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>`
	file := func(href, size string) string {
		return `<D:response><D:href>` + href + `</D:href><D:propstat><D:prop><D:resourcetype/><D:getcontentlength>` + size + `</D:getcontentlength></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>`
	}
	status := func(href, s string) string {
		return `<D:response><D:href>` + href + `</D:href><D:status>` + s + `</D:status></D:response>`
	}
	for _, tt := range []struct {
		name, body string
		want       []string
		err        error
	}{
		{"plain", ok + file("/dav/d/b", "1") + file("/dav/d/a%2525", "1"), []string{"d/a%25", "d/b"}, nil},
		{"absolute", ok + file("https://other.example:8/dav/d/a%20b", "1"), []string{"d/a b"}, nil},
		{"another prefix", strings.ReplaceAll(ok, "/dav/", "/remote/x/") + file("/remote/x/d/a", "1"), []string{"d/a"}, nil},
		{"not encoded", ok + file("/dav/d/100% é", "1"), []string{"d/100% é"}, nil},
		{"without itself", file("/dav/d/a", "1"), []string{"d/a"}, nil},
		{"gone meanwhile", ok + status("/dav/d/a", "HTTP/1.1 404 Not Found") + file("/dav/d/b", "1"), []string{"d/b"}, nil},
		{"names that no name can mean", ok + file("/dav/d/a%2Fb", "1") + file("/dav/d/..", "1") + file("/dav/d/%FF", "1") + file("/dav/d/%00", "1"), nil, nil},
		{"told twice", ok + file("/dav/d/a", "1") + file("/dav/d/a", "1"), []string{"d/a"}, nil},
		{"forbidden member", ok + status("/dav/d/a", "HTTP/1.1 403 Forbidden"), nil, drivers.ErrDenied},
		{"failing member", ok + status("/dav/d/a", "HTTP/1.1 500 Oops"), nil, drivers.ErrTransient},
		{"member without a size", ok + file("/dav/d/a", "many"), nil, drivers.ErrBroken},
		{"deeper than asked", ok + file("/dav/d/a/b", "1"), nil, drivers.ErrBroken},
		{"of elsewhere", ok + file("/dav/secret", "1"), nil, drivers.ErrBroken},
		{"cut", ok + file("/dav/d/a", "1") + "<D:resp", nil, drivers.ErrBroken},
		{"huge", ok + file("/dav/d/"+strings.Repeat("a", 2<<20), "1"), nil, drivers.ErrBroken},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t)
			d := s.open(t, webdav.Options{})
			s.misbehave(answer("PROPFIND", func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusMultiStatus)
				body := tt.body
				if r.Header.Get("Depth") == "0" {
					body = ok
				}
				io.WriteString(w, `<?xml version="1.0"?><D:multistatus xmlns:D="DAV:">`+body)
				if tt.name != "cut" {
					io.WriteString(w, `</D:multistatus>`)
				}
			}))
			var got []string
			var last error
			for info, err := range d.List(t.Context(), "d", drivers.ListOptions{}) {
				if last = err; err == nil {
					got = append(got, info.Name)
				}
			}
			wantErr(t, "List", last, tt.err)
			if !slices.Equal(got, tt.want) {
				t.Errorf("List shows %q, want %q", got, tt.want)
			}
			if tt.name == "names that no name can mean" {
				wantErr(t, "Rmdir", d.Rmdir(t.Context(), "d"), drivers.ErrExist)
			}
		})
	}
}

// TestLostRoot wants an error: an empty listing would be taken for the loss of everything.
func TestLostRoot(t *testing.T) {
	s := newServer(t)
	d := s.open(t, webdav.Options{})
	if err := os.RemoveAll(s.dir); err != nil {
		t.Fatal(err)
	}
	for _, err := range d.List(t.Context(), "", drivers.ListOptions{}) {
		wantErr(t, "List of a root that is gone", err, drivers.ErrBroken)
	}
}

// TestChangedBehind removes directories that the driver knows.
func TestChangedBehind(t *testing.T) {
	s := newServer(t)
	d := s.open(t, webdav.Options{})
	if err := put(t, d, "a/b/x", "1"); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(s.dir, "a")); err != nil {
		t.Fatal(err)
	}
	if err := put(t, d, "a/b/y", "2"); err != nil {
		t.Errorf("Put into a directory that somebody removed = %v", err)
	}
	if err := os.RemoveAll(filepath.Join(s.dir, ".trivium-tmp")); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "Put without the directory of temporary files", put(t, d, "a/b/z", "3"), drivers.ErrTransient)
	if err := put(t, d, "a/b/z", "3"); err != nil {
		t.Errorf("the Put after that = %v", err)
	}
}

// TestStaleTemps opens a space in which broken off Puts have left something.
func TestStaleTemps(t *testing.T) {
	s := newServer(t)
	dir := filepath.Join(s.dir, ".trivium-tmp")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-25 * time.Hour)
	id := strings.Repeat("A", 26)
	for name, at := range map[string]time.Time{id + ".1": old, id + ".2": time.Now(), "notes.txt": old, id + ".UP": old} {
		p := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(p, []byte("x"), 0o600), os.Chtimes(p, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	s.open(t, webdav.Options{})
	if got := s.temps(t); !slices.Equal(got, []string{id + ".2", id + ".UP", "notes.txt"}) {
		t.Errorf("after Open there is %q", got)
	}
}

// TestReadOnly reads where nothing can be written.
func TestReadOnly(t *testing.T) {
	s := newServer(t)
	if err := os.WriteFile(filepath.Join(s.dir, "x"), []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.misbehave(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodGet || r.Method == "PROPFIND" {
			next.ServeHTTP(w, r)
			return
		}
		w.WriteHeader(http.StatusForbidden)
	})
	d := s.open(t, webdav.Options{})
	if got, err := read(t, d, "x", 0, -1); got != "content" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	wantErr(t, "Put", put(t, d, "y", "1"), drivers.ErrDenied)
	wantErr(t, "Delete", d.Delete(t.Context(), "x"), drivers.ErrDenied)
	wantErr(t, "Mkdir", d.Mkdir(t.Context(), "d"), drivers.ErrDenied)
}

// TestOpenRefuses opens what is no WebDAV collection.
func TestOpenRefuses(t *testing.T) {
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(other.Close)
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		want    error
		words   string
	}{
		"web site":     {html, drivers.ErrBroken, "WebDAV server"},
		"file server":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusMethodNotAllowed) }, drivers.ErrBroken, "WebDAV server"},
		"unauthorised": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, drivers.ErrDenied, "refuses the user name and password"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+"/dav/", http.StatusTemporaryRedirect)
		}, drivers.ErrBroken, "redirects are not followed"},
		"down": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, drivers.ErrTransient, "503"},
		"a file": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusMultiStatus)
			io.WriteString(w, `<multistatus xmlns="DAV:"><response><href>/dav/</href><propstat><prop><getcontentlength>1</getcontentlength></prop><status>HTTP/1.1 200 OK</status></propstat></response></multistatus>`)
		}, drivers.ErrBroken, "file"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(tt.handler)
			t.Cleanup(srv.Close)
			d, err := webdav.Open(t.Context(), "cloud", webdav.Config{URL: srv.URL + "/dav/", User: "ann", Password: "pass-w0rd"}, webdav.Options{})
			wantErr(t, "Open", err, tt.want)
			if err == nil {
				d.Close()
			} else if !strings.Contains(err.Error(), tt.words) {
				t.Errorf("Open = %v, want words of %q", err, tt.words)
			}
		})
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("%d requests followed the redirect", n)
	}
	other.Close()
	_, err := webdav.Open(t.Context(), "cloud", webdav.Config{URL: other.URL}, webdav.Options{})
	wantErr(t, "Open of a server that is off", err, drivers.ErrTransient)
	secure := httptest.NewUnstartedServer(http.HandlerFunc(html))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	_, err = webdav.Open(t.Context(), "cloud", webdav.Config{URL: secure.URL}, webdav.Options{})
	wantErr(t, "Open with an unknown certificate", err, drivers.ErrBroken)
}

// TestDial refuses an address as a program does that takes addresses from strangers.
func TestDial(t *testing.T) {
	s := newServer(t)
	var asked string
	opts := webdav.Options{Dial: func(_ context.Context, _, addr string) (net.Conn, error) {
		asked = addr
		return nil, fmt.Errorf("%w: private addresses are not allowed", drivers.ErrDenied)
	}}
	_, err := webdav.Kind(opts).Open(t.Context(), "cloud", drivers.Config{"url": s.URL})
	wantErr(t, "Open", err, drivers.ErrDenied)
	if want := strings.TrimPrefix(s.URL, "http://"); asked != want {
		t.Errorf("asked to dial %q, want %q", asked, want)
	}
}

// TestCancelled cancels a Put, a read and a Stat whose server is silent.
func TestCancelled(t *testing.T) {
	s := newServer(t)
	d := s.open(t, webdav.Options{})
	arrived := make(chan struct{})
	s.misbehave(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case arrived <- struct{}{}:
		default: // a DELETE of what was left
		}
		<-r.Context().Done()
	})
	for name, call := range map[string]func(ctx context.Context) error{
		"Put": func(ctx context.Context) error {
			return d.Put(ctx, "x", bytes.NewReader(make([]byte, 1000)), 1000, drivers.PutOptions{})
		},
		"Open": func(ctx context.Context) error { _, err := d.Open(ctx, "x", 0, -1); return err },
		"Stat": func(ctx context.Context) error { _, err := d.Stat(ctx, "x"); return err },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- call(ctx) }()
		<-arrived
		cancel()
		select {
		case err := <-done:
			wantErr(t, name, err, context.Canceled)
		case <-time.After(20 * time.Second): // 5 s, but for a loaded machine
			t.Fatalf("%s goes on after its ctx ended", name)
		}
	}
}
