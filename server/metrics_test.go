package server

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// scrape returns the page of the metrics.
func scrape(t *testing.T, s *Server) string {
	t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/-/metrics", nil))
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		t.Fatalf("GET /-/metrics = %d %s", w.Code, w.Header().Get("Content-Type"))
	}
	return w.Body.String()
}

// open is a guard that lets everybody in.
func open(page http.Handler) http.Handler { return page }

// TestMetricsAreGuarded: a listener shows them to nobody unless the guard lets him in, a socket to the operator.
func TestMetricsAreGuarded(t *testing.T) {
	s, _ := bare(t)
	s.cfg.Metrics = NewMetrics()
	ask := func() int {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/-/metrics", nil))
		return w.Code
	}
	if got := ask(); got != http.StatusServiceUnavailable {
		t.Errorf("while starting: %d, want 503", got)
	}
	s.Open(Doors{S3: named("s3")})
	if got := ask(); got != http.StatusNotFound {
		t.Errorf("without a guard: %d, want 404", got)
	}
	s.Open(Doors{S3: named("s3"), Guard: func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	}})
	if got := ask(); got != http.StatusUnauthorized {
		t.Errorf("with a guard: %d, want its 401", got)
	}
	s.socket = true
	if got := ask(); got != http.StatusOK {
		t.Errorf("on the socket: %d, want 200", got)
	}
}

func TestMetrics(t *testing.T) {
	s, _ := bare(t)
	s.cfg.Metrics = NewMetrics()
	s.Open(Doors{Guard: open, S3: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Note(r.Context(), "ann", "PutObject")
		_, _ = io.Copy(io.Discard, r.Body)
		switch r.URL.Path {
		case "/b/refused":
			w.WriteHeader(http.StatusForbidden)
		case "/b/cut":
			panic(http.ErrAbortHandler)
		case "/b/panic":
			panic("a bug")
		}
		_, _ = io.WriteString(w, "seven b")
	})})
	for _, path := range []string{"/b/secret-key", "/b/k", "/b/refused", "/b/cut", "/b/panic"} {
		func() {
			defer func() { _ = recover() }()
			s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPut, path, strings.NewReader("12345")))
		}()
	}
	page := scrape(t, s)
	for _, line := range []string{
		`trivium_requests_total{door="s3",op="PutObject",status="200"} 2`,
		`trivium_requests_total{door="s3",op="PutObject",status="403"} 1`,
		`trivium_requests_total{door="s3",op="PutObject",status="500"} 1`,
		`trivium_requests_total{door="s3",op="PutObject",status="0"} 1`,
		`trivium_request_bytes_total{direction="in",door="s3",op="PutObject"} 25`,
		`trivium_request_seconds_count{door="s3",op="PutObject"} 5`,
		"trivium_requests_running 1", // this one
		"go_goroutines ",
		"process_open_fds ",
	} {
		if !strings.Contains(page, "\n"+line) {
			t.Errorf("the page lacks %s", line)
		}
	}
	for _, name := range []string{"ann", "secret-key"} {
		if strings.Contains(page, name) {
			t.Errorf("the page shows %s", name)
		}
	}
	if page = scrape(t, s); !strings.Contains(page, `trivium_requests_total{door="server",op="",status="200"} 1`) {
		t.Error("the scrape before is not counted")
	}
	if err := s.cfg.Metrics.Register(prometheus.NewGauge(prometheus.GaugeOpts{Name: "trivium_requests_running"})); err == nil {
		t.Error("Register of a name that is there = nil")
	}
}

// TestNoMetrics: without them there is no page, and nothing breaks.
func TestNoMetrics(t *testing.T) {
	s, _ := bare(t)
	s.Open(Doors{S3: named("s3")})
	w := httptest.NewRecorder()
	if s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/-/metrics", nil)); w.Code != http.StatusNotFound {
		t.Errorf("GET /-/metrics = %d, want 404", w.Code)
	}
}

// BenchmarkMetrics is what counting costs a request.
func BenchmarkMetrics(b *testing.B) {
	m := NewMetrics()
	x := &exchange{door: "s3", op: "GetObject", status: http.StatusOK, out: 4096}
	b.ReportAllocs()
	for b.Loop() {
		m.begin()
		m.end(x, false)
	}
}
