package server

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func TestLogLine(t *testing.T) {
	s, l := bare(t)
	var id string
	s.Open(Doors{S3: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id = RequestID(r.Context())
		Note(r.Context(), "ann", "")
		Note(r.Context(), "", "PutObject")
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "seven b")
	})})
	r := httptest.NewRequest(http.MethodPut, "/b/a%20key?X-Amz-Signature=5ec3e7&X-Amz-Credential=AKID", strings.NewReader("12345"))
	r.Header.Set("X-Amz-Request-Id", "FORGED")
	r.Header.Set("X-Request-Id", "FORGED")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Signature=5ec3e7")
	s.ServeHTTP(httptest.NewRecorder(), r)

	if !regexp.MustCompile(`^[0-9A-F]{16}$`).MatchString(id) {
		t.Errorf("request id %q is not 16 hex digits", id)
	}
	lines := l.lines(t, "request")
	if len(lines) != 1 {
		t.Fatalf("%d lines for one request: %s", len(lines), l)
	}
	for k, want := range map[string]any{
		"req": id, "principal": "ann", "door": "s3", "op": "PutObject", "status": 202.0, "in": 5.0, "out": 7.0,
		"method": "PUT", "path": "/b/a%20key",
	} {
		if got := lines[0][k]; got != want {
			t.Errorf("log %s = %v, want %v", k, got, want)
		}
	}
	for _, secret := range []string{"5ec3e7", "AKID", "FORGED", "AWS4"} {
		if strings.Contains(l.String(), secret) {
			t.Errorf("the log holds %q: %s", secret, l)
		}
	}
	first := id
	s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/"+strings.Repeat("k", 5000), nil))
	if id == first {
		t.Error("two requests have one id")
	}
	if got, _ := l.lines(t, "request")[1]["path"].(string); len(got) != maxLoggedPath {
		t.Errorf("a path of 5001 bytes is logged with %d, want %d", len(got), maxLoggedPath)
	}
}

func TestLogLineOfARefusal(t *testing.T) {
	s, l := bare(t)
	s.Open(Doors{S3: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			return
		}
		NoteCode(r.Context(), "NoSuchKey")
		w.WriteHeader(http.StatusNotFound)
	})})
	want := []any{"NoSuchKey", nil, "NotImplemented"}
	for i, r := range []*http.Request{
		httptest.NewRequest(http.MethodGet, "/b/k", nil),
		httptest.NewRequest(http.MethodPut, "/b/k", nil),
		httptest.NewRequest(http.MethodGet, "/v1/buckets", nil),
	} {
		s.ServeHTTP(httptest.NewRecorder(), r)
		if got := l.lines(t, "request")[i]["code"]; got != want[i] {
			t.Errorf("log code of %s %s = %v, want %v", r.Method, r.URL, got, want[i])
		}
	}
}

// A refused signature has its key and reason in the line; others have neither.
func TestLogLineOfARefusedSignature(t *testing.T) {
	s, l := bare(t)
	s.Open(Doors{S3: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			NoteReason(r.Context(), "AKIA", "expired")
		}
	})})
	for _, method := range []string{http.MethodPut, http.MethodGet} {
		s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, "/b/k", nil))
	}
	lines := l.lines(t, "request")
	if lines[0]["key"] != "AKIA" || lines[0]["reason"] != "expired" {
		t.Errorf("line of a refused signature: %v", lines[0])
	}
	if lines[1]["key"] != nil || lines[1]["reason"] != nil {
		t.Errorf("line of a request that was served: %v", lines[1])
	}
}

func TestNoteOutsideOfARequest(t *testing.T) {
	NoteCode(t.Context(), "code")
	NoteReason(t.Context(), "key", "reason")
	Note(t.Context(), "ann", "op")
	if id := RequestID(t.Context()); id != "" {
		t.Errorf("RequestID without a request = %q", id)
	}
}

func TestPanics(t *testing.T) {
	for _, tt := range []struct {
		name   string
		door   http.HandlerFunc
		abort  bool // the connection is cut
		status int
		logged bool // with a stack
	}{
		{"before the answer", func(http.ResponseWriter, *http.Request) { panic("oops") }, false, 500, true},
		{"with an error", func(http.ResponseWriter, *http.Request) { panic(errors.New("oops")) }, false, 500, true},
		{"in mid-answer", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("x")); panic("oops") }, true, 200, true},
		{"abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, true, 0, false},
		{"abort in mid-answer", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusPartialContent)
			panic(http.ErrAbortHandler)
		}, true, 206, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, l := bare(t)
			s.Open(Doors{S3: tt.door})
			w := httptest.NewRecorder()
			passed := func() (p any) {
				defer func() { p = recover() }()
				s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/b/k", nil))
				return nil
			}()
			if cut := passed == http.ErrAbortHandler; cut != tt.abort { //nolint:errorlint // recover gives the value itself
				t.Errorf("handler ended with %v, want a cut: %v", passed, tt.abort)
			}
			line := l.lines(t, "request")[0]
			if line["status"] != float64(tt.status) || (line["cut"] == true) != tt.abort {
				t.Errorf("log line %v, want status %d and cut %v", line, tt.status, tt.abort)
			}
			if got := len(l.lines(t, "panic")) == 1; got != tt.logged {
				t.Errorf("panic logged: %v, want %v", got, tt.logged)
			}
			if strings.Contains(w.Body.String(), "oops") {
				t.Errorf("the answer tells the panic: %s", w.Body)
			}
			if n := s.running.Load(); n != 0 {
				t.Errorf("%d handlers still counted", n)
			}
		})
	}
}
