package s3_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"trivium/drivers"
	"trivium/drivers/s3"
)

// recorder keeps the head of every request.
type recorder struct {
	http.Handler
	mu   sync.Mutex
	seen []*http.Request
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.seen = append(r.seen, req)
	r.mu.Unlock()
	r.Handler.ServeHTTP(w, req)
}

func (r *recorder) last() *http.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen[len(r.seen)-1]
}

// everywhere dials addr, whatever name is asked for, and keeps the names.
func everywhere(addr string, names *[]string) func(ctx context.Context, network, name string) (net.Conn, error) {
	return func(ctx context.Context, network, name string) (net.Conn, error) {
		*names = append(*names, name)
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
}

// TestPlaces opens each provider and looks where it goes, how the bucket is told, and for which region it signs.
func TestPlaces(t *testing.T) {
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"x"`)
		_, _ = io.Copy(io.Discard, r.Body)
	})
	for _, tt := range []struct {
		kind   string
		cfg    drivers.Config
		addr   string
		path   string
		region string
	}{
		{"S3", config(""), "s3.us-east-1.amazonaws.com:443", "/space/dir/x", "us-east-1"},
		{"S3", config("", "region", "eu-west-3"), "s3.eu-west-3.amazonaws.com:443", "/space/dir/x", "eu-west-3"},
		{"S3", config("", "region", "cn-north-1"), "s3.cn-north-1.amazonaws.com.cn:443", "/space/dir/x", "cn-north-1"},
		{"S3", config("https://s3.eu-north-1.amazonaws.com", "pathStyle", "false"), "space.s3.eu-north-1.amazonaws.com:443", "/dir/x", "eu-north-1"},
		{"S3", config("https://s3.cn-north-1.amazonaws.com.cn"), "s3.cn-north-1.amazonaws.com.cn:443", "/space/dir/x", "cn-north-1"},
		{"S3", config("https://minio.example:9000"), "minio.example:9000", "/space/dir/x", "us-east-1"},
		{"S3", config("https://minio.example:9000/below/"), "minio.example:9000", "/below/space/dir/x", "us-east-1"},
		{"S3", config("https://s3.us-west-004.backblazeb2.com"), "s3.us-west-004.backblazeb2.com:443", "/space/dir/x", "us-west-004"},
		{"S3", config("https://0123.r2.cloudflarestorage.com"), "0123.r2.cloudflarestorage.com:443", "/space/dir/x", "auto"},
		{"S3", config("https://oss-cn-hangzhou.aliyuncs.com"), "space.oss-cn-hangzhou.aliyuncs.com:443", "/dir/x", "cn-hangzhou"},
		{"OBS", config("", "region", "cn-north-4"), "space.obs.cn-north-4.myhuaweicloud.com:443", "/dir/x", "cn-north-4"},
		{"OSS", config("", "region", "cn-hangzhou"), "space.oss-cn-hangzhou.aliyuncs.com:443", "/dir/x", "cn-hangzhou"},
		{"OSS", config("", "region", "oss-cn-hangzhou"), "space.oss-cn-hangzhou.aliyuncs.com:443", "/dir/x", "cn-hangzhou"},
		{"OSS", config("https://oss-cn-shanghai-internal.aliyuncs.com"), "space.oss-cn-shanghai-internal.aliyuncs.com:443", "/dir/x", "cn-shanghai"},
		{"OSS", config("https://s3.oss-cn-beijing.aliyuncs.com"), "space.s3.oss-cn-beijing.aliyuncs.com:443", "/dir/x", "cn-beijing"},
		{"COS", config("", "region", "ap-guangzhou"), "space.cos.ap-guangzhou.myqcloud.com:443", "/dir/x", "ap-guangzhou"},
		{"COS", config("https://cos.ap-paris.myqcloud.com"), "space.cos.ap-paris.myqcloud.com:443", "/dir/x", "ap-paris"},
	} {
		t.Run(tt.addr, func(t *testing.T) {
			rec := &recorder{Handler: answer}
			srv := httptest.NewTLSServer(rec)
			defer srv.Close()
			var names []string
			opts := s3.Options{Dial: everywhere(srv.Listener.Addr().String(), &names), TLS: &tls.Config{InsecureSkipVerify: true}}
			d, err := kind(t, tt.kind, opts).Open(t.Context(), "cloud", tt.cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			if err := put(t, d, "dir/x", "content"); err != nil {
				t.Fatalf("Put = %v", err)
			}
			r := rec.last()
			if len(names) != 1 || names[0] != tt.addr || r.URL.Path != tt.path {
				t.Errorf("Put went to %q, path %s, want %s, path %s", names, r.URL.Path, tt.addr, tt.path)
			}
			if auth := r.Header.Get("Authorization"); !strings.Contains(auth, "/"+tt.region+"/s3/aws4_request") {
				t.Errorf("signed as %q, want for %s", auth, tt.region)
			}
		})
	}
}

// TestHeaders looks at what goes along with content.
func TestHeaders(t *testing.T) {
	for _, tt := range []struct {
		provider string
		ifAbsent bool
		tls      bool
		want     map[string]string // "+": something, "": nothing
	}{
		{"AWS", true, true, map[string]string{"X-Amz-Checksum-Crc64nvme": "+", "Content-Md5": "", "If-None-Match": "*", "X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD"}},
		{"AWS", false, false, map[string]string{"X-Amz-Checksum-Crc64nvme": "+", "If-None-Match": "", "X-Amz-Content-Sha256": "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"}},
		{"MinIO", true, true, map[string]string{"X-Amz-Checksum-Crc32": "+", "Content-Md5": "", "If-None-Match": "*"}},
		{"", false, true, map[string]string{"If-None-Match": ""}},
		{"R2", true, true, map[string]string{"Content-Md5": "+", "If-None-Match": "*"}},
		{"B2", true, true, map[string]string{"Content-Md5": "+", "If-None-Match": ""}},
		{"OBS", true, true, map[string]string{"Content-Md5": "+", "If-None-Match": ""}},
		{"OSS", true, true, map[string]string{"Content-Md5": "+", "If-None-Match": "", "X-Oss-Forbid-Overwrite": "true"}},
		{"OSS", false, true, map[string]string{"X-Oss-Forbid-Overwrite": ""}},
		{"COS", true, true, map[string]string{"Content-Md5": "+", "X-Cos-Forbid-Overwrite": "true"}},
		{"", true, true, map[string]string{"Content-Md5": "+", "If-None-Match": "*", "X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD"}},
	} {
		t.Run(fmt.Sprint(tt.provider, tt.ifAbsent, tt.tls), func(t *testing.T) {
			rec := &recorder{Handler: newFake(t)}
			srv := httptest.NewUnstartedServer(rec)
			opts := s3.Options{}
			if tt.tls {
				srv.StartTLS()
				pool := x509.NewCertPool()
				pool.AddCert(srv.Certificate())
				opts.TLS = &tls.Config{RootCAs: pool}
			} else {
				srv.Start()
			}
			defer srv.Close()
			d, err := kind(t, "S3", opts).Open(t.Context(), "cloud", config(srv.URL, "provider", tt.provider, "pathStyle", "true"))
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			opt := drivers.PutOptions{IfAbsent: tt.ifAbsent}
			if err := d.Put(t.Context(), "x", strings.NewReader("content"), 7, opt); err != nil {
				t.Fatalf("Put = %v", err)
			}
			r := rec.last()
			for name, want := range tt.want {
				if got := r.Header.Get(name); got != want && (want != "+" || got == "") {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			for _, name := range []string{"X-Amz-Trailer", "X-Amz-Sdk-Checksum-Algorithm", "Content-Encoding", "X-Amz-Decoded-Content-Length"} {
				if got := r.Header.Get(name); got != "" {
					t.Errorf("%s is %q, want none", name, got)
				}
			}
			if r.ContentLength != 7 {
				t.Errorf("Content-Length is %d, want 7", r.ContentLength)
			}
			if tt.ifAbsent {
				err := d.Put(t.Context(), "x", strings.NewReader("again"), 5, opt)
				want(t, "Put(IfAbsent) of what is there", err, drivers.ErrExist)
			}
		})
	}
}

// TestAnonymous signs nothing.
func TestAnonymous(t *testing.T) {
	rec := &recorder{Handler: newFake(t)}
	srv := httptest.NewServer(rec)
	defer srv.Close()
	d := open(t, srv.URL, "accessKeyId", "", "secretAccessKey", "")
	defer d.Close()
	if err := put(t, d, "x", "content"); err != nil {
		t.Errorf("Put = %v", err)
	}
	if auth := rec.last().Header.Get("Authorization"); auth != "" {
		t.Errorf("an anonymous Put is signed: %q", auth)
	}
	_, err := d.Presign(t.Context(), http.MethodGet, "x", time.Minute)
	want(t, "Presign", err, drivers.ErrDenied, "anonymous")
}

// TestPresign uses the URLs without the driver.
func TestPresign(t *testing.T) {
	f := newFake(t)
	d := open(t, f.URL)
	defer d.Close()
	for _, step := range []struct {
		method, body string
		want         int
	}{{"PUT", "content of a third party", 200}, {"GET", "", 200}, {"HEAD", "", 200}, {"DELETE", "", 204}, {"GET", "", 404}} {
		url, err := d.Presign(t.Context(), step.method, "dir/a b", time.Minute)
		if err != nil {
			t.Fatalf("Presign(%s) = %v", step.method, err)
		}
		r, err := http.NewRequestWithContext(t.Context(), step.method, url, strings.NewReader(step.body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := f.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != step.want || step.method == "GET" && step.want == 200 && string(got) != "content of a third party" {
			t.Errorf("%s = %d %q, want %d", step.method, resp.StatusCode, got, step.want)
		}
	}
	for _, lifetime := range []time.Duration{0, -time.Hour, 8 * 24 * time.Hour} {
		_, err := d.Presign(t.Context(), "GET", "x", lifetime)
		want(t, "Presign", err, drivers.ErrDenied)
	}
	_, err := d.Presign(t.Context(), "POST", "x", time.Minute)
	want(t, "Presign(POST)", err, drivers.ErrDenied)
	_, err = d.Presign(t.Context(), "GET", "../x", time.Minute)
	want(t, "Presign(../x)", err, drivers.ErrName)
}

// TestAddressRefused lets a dialer refuse an address after its name was resolved.
func TestAddressRefused(t *testing.T) {
	dialer := &net.Dialer{Control: func(_, address string, _ syscall.RawConn) error {
		return fmt.Errorf("%w: %s is an address of this machine", drivers.ErrDenied, address)
	}}
	d, err := kind(t, "S3", s3.Options{Dial: dialer.DialContext}).Open(t.Context(), "cloud", config("http://127.0.0.1:9"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	want(t, "Put", put(t, d, "x", "content"), drivers.ErrDenied, "127.0.0.1:9 is an address of this machine")
}

// TestNoServer tells refused connections, unknown names and certificates apart.
func TestNoServer(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of the client
	srv.StartTLS()
	defer srv.Close()
	unknown := open(t, srv.URL)
	defer unknown.Close()
	want(t, "Put to a server of an unknown authority", put(t, unknown, "x", "content"), drivers.ErrBroken, "certificate")
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	noTLS := open(t, strings.Replace(plain.URL, "http:", "https:", 1))
	defer noTLS.Close()
	want(t, "Put to a server without TLS", put(t, noTLS, "x", "content"), drivers.ErrBroken, "does not speak TLS")
	for what, failure := range map[string]error{
		"is not found":  &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "storage.example", IsNotFound: true}},
		"no connection": &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED},
	} {
		dial := func(context.Context, string, string) (net.Conn, error) { return nil, failure }
		d, err := kind(t, "S3", s3.Options{Dial: dial}).Open(t.Context(), "cloud", config("https://storage.example"))
		if err != nil {
			t.Fatal(err)
		}
		want(t, "Put", put(t, d, "x", "content"), drivers.ErrTransient, what, "storage.example")
		d.Close()
	}
}

// silent dials a server that answers a GET with what say writes and is silent then, in a bubble of time.
func silent(served *sync.WaitGroup, say func(w io.Writer)) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		served.Go(func() {
			defer there.Close()
			buf := make([]byte, 64<<10)
			if n, err := there.Read(buf); err != nil || !bytes.HasPrefix(buf[:n], []byte("GET ")) {
				return
			}
			say(there)
			_, _ = io.Copy(io.Discard, there)
		})
		return here, nil
	}
}

const beginning = "HTTP/1.1 200 OK\r\nETag: \"x\"\r\nContent-Length: 20\r\n\r\n"

// TestStall waits for a server that went silent: before its answer and within it.
func TestStall(t *testing.T) {
	for name, say := range map[string]string{"before": "", "within": beginning + "begin"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var served sync.WaitGroup
				dial := silent(&served, func(w io.Writer) { _, _ = io.WriteString(w, say) })
				d, err := kind(t, "S3", s3.Options{Dial: dial}).Open(t.Context(), "cloud", config("http://storage.example"))
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				_, err = read(t, d, "x", 0, -1)
				want(t, "reading", err, drivers.ErrTransient, "in time")
				if took := time.Since(start); took < time.Minute || took > 5*time.Minute {
					t.Errorf("a silent server was given up after %v", took)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				rc, err := d.Open(ctx, "x", 0, -1)
				if err == nil {
					_, err = io.ReadAll(rc)
					err = errors.Join(err, rc.Close())
				}
				want(t, "reading with a deadline", err, context.DeadlineExceeded)
				d.Close()
				served.Wait()
			})
		})
	}
}

// TestSlowServer reads from one that gives a byte a minute: it is slow, not silent.
func TestSlowServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var served sync.WaitGroup
		dial := silent(&served, func(w io.Writer) {
			_, _ = io.WriteString(w, beginning)
			for range 20 {
				time.Sleep(time.Minute)
				_, _ = io.WriteString(w, "x")
			}
		})
		d, err := kind(t, "S3", s3.Options{Dial: dial}).Open(t.Context(), "cloud", config("http://storage.example"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := read(t, d, "x", 0, -1); len(got) != 20 || err != nil {
			t.Errorf("read %q, %v, want 20 bytes", got, err)
		}
		d.Close()
		served.Wait()
	})
}

// TestBodyIsLeftAlone: once Put has returned nobody reads its body, though the transport was still sending it.
func TestBodyIsLeftAlone(t *testing.T) {
	d, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = r.Body.Read(make([]byte, 1)) // the client may send on
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	for range 20 {
		body := &handed{Reader: bytes.NewReader(make([]byte, 40<<20))}
		err := d.Put(t.Context(), "x", body, 40<<20, drivers.PutOptions{})
		want(t, "Put", err, drivers.ErrTransient)
		body.Reader = nil // what still reads panics, or is seen by the race detector
	}
}

// handed is a body whose owner takes it back.
type handed struct{ *bytes.Reader }

func (h *handed) Read(p []byte) (int, error) { return h.Reader.Read(p) }

func (h *handed) Seek(offset int64, whence int) (int64, error) { return h.Reader.Seek(offset, whence) }

// shifty is a body that is another one when it is read again.
type shifty struct {
	now   *bytes.Reader
	again []byte
	seeks int
}

func (s *shifty) Read(p []byte) (int, error) { return s.now.Read(p) }

func (s *shifty) Seek(offset int64, whence int) (int64, error) {
	if offset == 0 && whence == io.SeekStart {
		if s.seeks++; s.seeks == 2 { // after the first pass
			s.now = bytes.NewReader(s.again)
		}
	}
	return s.now.Seek(offset, whence)
}

// TestBodyChanges changes a body between its first reading and its second: nothing of it is stored.
func TestBodyChanges(t *testing.T) {
	f := newFake(t)
	d := open(t, f.URL)
	defer d.Close()
	for again, sentinel := range map[string]error{"the": drivers.ErrBody, "the CONTENT": drivers.ErrTransient, "": drivers.ErrBody} {
		body := &shifty{now: bytes.NewReader([]byte("the content")), again: []byte(again)}
		err := d.Put(t.Context(), "x", body, 11, drivers.PutOptions{})
		want(t, fmt.Sprintf("Put of a body that became %q", again), err, sentinel)
		_, err = d.Stat(t.Context(), "x")
		want(t, "Stat", err, drivers.ErrNotExist)
	}
}
