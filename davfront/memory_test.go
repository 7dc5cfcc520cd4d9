package davfront

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"trivium/core"
)

// watchedBody calls look with how many bytes were read, before each read, and gives few at a time.
type watchedBody struct {
	io.Reader
	n    int
	look func(n int)
}

// Read implements io.Reader.
func (b *watchedBody) Read(p []byte) (int, error) {
	b.look(b.n)
	n, err := b.Reader.Read(p[:min(len(p), 1000)])
	b.n += n
	return n, err
}

// watchedAnswer calls look at the first byte of an answer.
type watchedAnswer struct {
	*httptest.ResponseRecorder
	look func()
}

// Write implements io.Writer.
func (a *watchedAnswer) Write(p []byte) (int, error) {
	if a.look != nil {
		a.look()
		a.look = nil
	}
	return a.ResponseRecorder.Write(p)
}

// TestDocumentMemory: a document takes memory as it comes and gives it back once it is parsed, before anybody waits for
// the client to take the answer; of many long names what they need stays counted. Callers who do not say who they are
// take nothing from those who do.
func TestDocumentMemory(t *testing.T) {
	e := newEnv(t)
	if err := e.core.Admin.SetPolicy(t.Context(), "bucket", core.BucketPolicy{PublicRead: true}); err != nil {
		t.Fatal(err)
	}
	d, _ := New(Config{Service: e.core.Service, Now: func() time.Time { return time.Unix(0, e.now.Load()) }}).(*door)
	all := map[string]func() int64{
		"documents": func() int64 { return taken(d.documents, documentMemory) },
		"strangers": func() int64 { return taken(d.strangers, strangerMemory) },
		"answers":   func() int64 { return taken(d.answers, answerMemory) },
	}
	space := `"` + strings.Repeat("&amp;", 900) + `"`
	many := strings.Builder{}
	many.WriteString(`<D:propfind xmlns:D="DAV:" xmlns:Z=` + space + `><D:prop>`)
	for i := range 400 {
		fmt.Fprintf(&many, "<Z:a%d/>", i)
	}
	many.WriteString("</D:prop></D:propfind>")
	few := `<D:propfind xmlns:D="DAV:"><D:prop><D:getetag/></D:prop></D:propfind>`
	for name, tc := range map[string]struct {
		method, user, body string
		status             int
		answers            int64 // bytes that must stay counted
	}{
		"propfind":             {"PROPFIND", "", few, 207, 0},
		"a long propfind":      {"PROPFIND", "", few + strings.Repeat(" ", 900<<10), 207, 0},
		"a propfind too long":  {"PROPFIND", "", few + strings.Repeat(" ", 1<<20), 413, 0},
		"names":                {"PROPFIND", "", many.String(), 207, 100 << 10},
		"anonymous":            {"PROPFIND", "anonymous", few, 207, 0},
		"anonymous, long":      {"PROPFIND", "anonymous", few + strings.Repeat(" ", 17<<10), 413, 0},
		"anonymous, and names": {"PROPFIND", "anonymous", many.String(), 207, 100 << 10},
		"lock":                 {"LOCK", "", lockBody, 201, 0},
		"proppatch":            {"PROPPATCH", "", winBody, 207, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := e.request(call{method: tc.method, target: "/dav/bucket/" + map[string]string{"LOCK": "new"}[tc.method], user: tc.user, headers: "Depth: 0"})
			r.URL.Opaque, r.URL.Path, r.ContentLength = "", r.URL.Opaque, -1
			r.RemoteAddr = "127.0.0.1:4711"
			body := &watchedBody{Reader: strings.NewReader(tc.body), look: func(n int) {
				own, others := "documents", "strangers"
				if tc.user != "" {
					own, others = others, own
				}
				if most := cost(int64(2*n + firstRead)); all[own]() > most || all[others]() != 0 {
					t.Errorf("after %d bytes %d are taken, want at most %d; and of others %d", n, all[own](), most, all[others]())
				}
			}}
			r.Body = io.NopCloser(body)
			w := &watchedAnswer{httptest.NewRecorder(), func() {
				if tc.status < 300 && (all["documents"]() != 0 || all["strangers"]() != 0) {
					t.Error("the document is held while it is answered")
				}
				if got := all["answers"](); tc.status < 300 && (got < tc.answers || tc.answers == 0 && got > 0) {
					t.Errorf("%d bytes are counted for the answer, want %d", got, tc.answers)
				}
			}}
			d.ServeHTTP(w, r)
			if w.Code != tc.status {
				t.Errorf("= %d %s, want %d", w.Code, w.Body, tc.status)
			}
			if size := int64(w.Body.Len()); w.Code == http.StatusMultiStatus && tc.answers > 0 && size < tc.answers {
				t.Errorf("the answer has %d bytes", size)
			}
			for name, n := range all {
				if n() != 0 {
					t.Errorf("%d bytes of %s are not given back", n(), name)
				}
			}
		})
	}
}

// taken is how many bytes of a semaphore are taken.
func taken(s interface {
	TryAcquire(n int64) bool
	Release(n int64)
}, size int64,
) int64 {
	low, high := int64(0), size // so many can be had, and so many at most
	for low < high {
		mid := (low + high + 1) / 2
		if s.TryAcquire(mid) {
			s.Release(mid)
			low = mid
		} else {
			high = mid - 1
		}
	}
	return size - low
}
