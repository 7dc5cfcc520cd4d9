package s3front

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// writing is a reply whose client takes its time: took is called while a document is being written.
type writing struct {
	*httptest.ResponseRecorder
	took func()
}

func (w *writing) Write(p []byte) (int, error) {
	w.took()
	return w.ResponseRecorder.Write(p)
}

// TestListingsAreBounded: a listing has its place until its document is written; without a free one it is told to slow
// down, and other requests are not.
func TestListingsAreBounded(t *testing.T) {
	e := newEnv(t)
	d := newDoor(Config{Service: e.core.Service, Now: func() time.Time { return time.Unix(0, e.now.Load()) }})
	e.must(put("/bucket", ""), put("/bucket/key", "content"))
	ctx, cancel := context.WithCancel(t.Context())
	send := func(target string, took func()) *writing {
		r := e.request(call{method: "GET", target: target})
		r.RequestURI = r.URL.RequestURI()
		w := &writing{httptest.NewRecorder(), took}
		d.ServeHTTP(w, r.WithContext(ctx))
		return w
	}
	listings := []string{"/bucket?list-type=2", "/bucket", "/bucket?versions", "/bucket?uploads"}
	for _, target := range listings {
		w := send(target, func() {
			if d.listings.TryAcquire(listingsAtOnce) {
				t.Errorf("GET %s has no place while it is written", target)
				d.listings.Release(listingsAtOnce)
			}
		})
		if w.Code != http.StatusOK {
			t.Errorf("GET %s = %d, want 200", target, w.Code)
		}
	}
	if !d.listings.TryAcquire(listingsAtOnce) {
		t.Fatal("a listing keeps its place after its answer")
	}
	if w := send("/bucket/key", func() {}); w.Code != http.StatusOK {
		t.Errorf("GET of an object = %d, want 200", w.Code)
	}
	cancel() // who waits would do so for 5 s
	for _, target := range listings {
		w := send(target, func() {})
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "<Code>SlowDown</Code>") {
			t.Errorf("GET %s = %d %s, want SlowDown", target, w.Code, w.Body)
		}
	}
}
