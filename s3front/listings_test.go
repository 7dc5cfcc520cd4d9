package s3front

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"trivium/core/admission"
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

// TestListingsAreBounded: a listing has its place until its document is written; few wait for one, the others are told
// to slow down at once, and other requests are not.
func TestListingsAreBounded(t *testing.T) {
	e := newEnv(t)
	const queue = 2
	gate := admission.New(1, queue, time.Hour)
	d := newDoor(Config{Service: e.core.Service, Listings: gate, Now: func() time.Time { return time.Unix(0, e.now.Load()) }})
	e.must(put("/bucket", ""), put("/bucket/key", "content"))
	send := func(target string, took func()) *writing {
		r := e.request(call{method: "GET", target: target})
		r.RequestURI = r.URL.RequestURI()
		w := &writing{httptest.NewRecorder(), took}
		d.ServeHTTP(w, r)
		return w
	}
	listings := []string{"/bucket?list-type=2", "/bucket", "/bucket?versions", "/bucket?uploads"}
	for _, target := range listings {
		w := send(target, func() {
			if n := gate.Stats().Inside; n != 1 {
				t.Errorf("GET %s has %d places while it is written, want 1", target, n)
			}
		})
		if w.Code != http.StatusOK {
			t.Errorf("GET %s = %d, want 200", target, w.Code)
		}
	}
	if n := gate.Stats().Inside; n != 0 {
		t.Fatalf("listings keep %d places after their answers", n)
	}
	if err := gate.Enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for range queue {
		wait.Go(func() {
			if w := send("/bucket", func() {}); w.Code != http.StatusOK {
				t.Errorf("GET of a listing that waited = %d, want 200", w.Code)
			}
		})
	}
	for gate.Stats().Waiting < queue {
		runtime.Gosched()
	}
	for _, target := range listings {
		w := send(target, func() {})
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "<Code>SlowDown</Code>") {
			t.Errorf("GET %s = %d %s, want SlowDown", target, w.Code, w.Body)
		}
	}
	if w := send("/bucket/key", func() {}); w.Code != http.StatusOK {
		t.Errorf("GET of an object = %d, want 200", w.Code)
	}
	gate.Leave()
	wait.Wait()
}
