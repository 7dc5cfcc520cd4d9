package nativeapi

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"trivium/core/coretest"
)

// looking calls look before each read.
type looking struct {
	io.Reader
	look func()
}

// Read implements io.Reader.
func (l looking) Read(p []byte) (int, error) {
	l.look()
	return l.Reader.Read(p)
}

// TestNobodyTakesNoMemory: bodies of callers who have not shown who they are take nothing of what users share.
func TestNobodyTakesNoMemory(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	d := newNative(Config{Service: coretest.New(t, coretest.Options{}).Service, Now: func() time.Time { return now }}, nil)
	door := d.router()
	long := bytes.Repeat([]byte(" "), 5<<20)
	signature := "AWS4-HMAC-SHA256 Credential=NOBODY/20260301/any/jcs/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + strings.Repeat("0", 64)
	for name, tc := range map[string]struct {
		target, authorization string
		n                     int
		status                int
		message               string
	}{
		"login":                 {"user/login", "", 4096, 400, "no JSON object"},
		"a long login":          {"user/login", "", 4097, 400, "longer than 4096 bytes"},
		"an endless login":      {"user/login", "", len(long), 400, "longer than 4096 bytes"},
		"a signature of no key": {"object/delete", signature, len(long), 401, ""},
		"no credentials":        {"object/delete", "", len(long), 401, ""},
		"a wrong token":         {"object/delete", "Bearer x", len(long), 401, ""},
		"a wrong password":      {"object/delete", "Basic QTpC", len(long), 401, ""},
	} {
		t.Run(name, func(t *testing.T) {
			read := looking{bytes.NewReader(long[:tc.n]), func() {
				if !d.documents.TryAcquire(documentMemory) {
					t.Fatal("it takes what users share")
				}
				d.documents.Release(documentMemory)
			}}
			r := httptest.NewRequest(http.MethodPost, "/v1/"+tc.target, read)
			r.RemoteAddr, r.ContentLength = "127.0.0.1:4711", int64(tc.n)
			if tc.authorization != "" {
				r.Header.Set("Authorization", tc.authorization)
				r.Header.Set("X-Amz-Date", "20260301T120000Z")
			}
			w := httptest.NewRecorder()
			door.ServeHTTP(w, r)
			if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.message) {
				t.Errorf("= %d %s, want %d", w.Code, w.Body, tc.status)
			}
			for name, m := range map[string]*memory{fmt.Sprint(documentMemory): d.documents, fmt.Sprint(unprovenMemory): d.unproven} {
				var n int64
				if _, err := fmt.Sscan(name, &n); err != nil || !m.TryAcquire(n) {
					t.Errorf("of %s bytes some are not given back", name)
				}
				m.Release(n)
			}
		})
	}
}
