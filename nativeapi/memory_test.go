package nativeapi_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"trivium/nativeapi"
)

// slowUpload is an upload whose client stops to send in the middle, for as long as the test wants.
type slowUpload struct {
	*httptest.ResponseRecorder
	text  io.Reader
	idle  chan struct{} // closed when the door waits for more
	rest  chan string   // what comes then
	cut   chan struct{} // closed when the door has had enough
	once  sync.Once
	ended chan struct{} // it is answered
}

// Read implements io.Reader, of the body.
func (u *slowUpload) Read(p []byte) (int, error) {
	n, err := u.text.Read(p)
	if n > 0 || err == nil {
		return n, nil
	}
	u.once.Do(func() { close(u.idle) })
	select {
	case <-u.cut:
		return 0, os.ErrDeadlineExceeded
	case more, ok := <-u.rest:
		if !ok {
			return 0, io.EOF
		}
		u.text = strings.NewReader(more)
		return u.text.Read(p)
	}
}

// SetReadDeadline is that of a server.
func (u *slowUpload) SetReadDeadline(time.Time) error {
	close(u.cut)
	return nil
}

// begin sends the head of an upload of files, all but the last bytes of which come, and waits until the door waits.
func (l *lab) begin(pkg int64, files int) (u *slowUpload, rest string) {
	l.t.Helper()
	parts := make([]filePart, files)
	for i := range parts {
		parts[i] = filePart{"files", fmt.Sprint(i), "", "content"}
	}
	kind, body := form(fmt.Sprintf(`{"packageID":%d}`, pkg), parts...)
	at := len(body) - len("t\r\n--boundary--\r\n")
	u = &slowUpload{
		ResponseRecorder: httptest.NewRecorder(), text: strings.NewReader(body[:at]), idle: make(chan struct{}), rest: make(chan string, 1),
		cut: make(chan struct{}), ended: make(chan struct{}),
	}
	r := l.request(call{method: http.MethodPost, target: "/v1/object/upload", user: "admin", kind: kind})
	r.Body, r.ContentLength = io.NopCloser(u), int64(len(body))
	go func() {
		defer close(u.ended)
		l.door.ServeHTTP(u, r)
	}()
	<-u.idle
	return u, body[at:]
}

// finish sends the rest.
func (u *slowUpload) finish(rest string) {
	u.rest <- rest
	close(u.rest)
	<-u.ended
}

// TestSlowUploads: uploads of many files that do not come keep nobody out. While others wait for the memory that they
// hold, one of those who were too slow for a minute is cut, whole, and the others go on; documents have their own.
func TestSlowUploads(t *testing.T) {
	l := newLab(t)
	b := l.bucket("bkt")
	slow, other := l.pkg(b, "slow"), l.pkg(b, "other")
	l.door = nativeapi.New(nativeapi.Config{
		Service: l.env.Service, UploadMemory: 25 * 2 << 10, Now: func() time.Time { return time.Unix(0, l.now.Load()) },
	})
	first, _ := l.begin(slow, 12)
	l.now.Add(int64(2 * time.Minute))
	second, rest := l.begin(slow, 10)
	l.want("a long document", l.post("bucket/create", `{"name":"`+strings.Repeat("x", 1<<20)+`"}`), 400, "BadArgument")
	files := make([]filePart, 5)
	for i := range files {
		files[i] = filePart{"files", fmt.Sprint("file-", i), "", "x"}
	}
	l.ok("five files", l.upload(fmt.Sprintf(`{"packageID":%d}`, other), files...))
	<-first.ended
	if first.Code != http.StatusTooManyRequests || first.Header().Get("Retry-After") == "" || !strings.Contains(first.Body.String(), "slower than 16 KiB/s") {
		t.Errorf("the slow upload: %d %v %s", first.Code, first.Header(), first.Body)
	}
	second.finish(rest)
	if second.Code != http.StatusOK {
		t.Errorf("the other upload: %d %s", second.Code, second.Body)
	}
	if _, paths, _ := l.list(fmt.Sprintf("packageID=%d&isPrefix=true", slow)); len(paths) != 10 {
		t.Errorf("stored %q, want the ten files of the second upload", paths)
	}
	third, rest := l.begin(slow, 20) // what was held is there again
	third.finish(rest)
	if third.Code != http.StatusOK {
		t.Errorf("a third upload: %d %s", third.Code, third.Body)
	}
}
