package nativeapi

import (
	"bufio"
	"bytes"
	"net/http"
)

// stream is an answer whose data is one array, written item by item. When something fails on the way the connection is
// cut: a client must never take a torso for the whole.
type stream struct {
	r     *request
	out   *bufio.Writer
	begun bool
}

// stream begins the answer {"code":"OK","message":"","data":{NAME:[...]}}.
func (r *request) stream(w http.ResponseWriter, name string) *stream {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	s := &stream{r: r, out: bufio.NewWriterSize(w, 32<<10)}
	_, err := s.out.WriteString(`{"code":"OK","message":"","data":{"` + name + `":[`)
	s.check(err)
	return s
}

// item adds one.
func (s *stream) item(doc any) {
	b, err := encode(doc)
	s.check(err)
	if s.begun {
		s.check(s.out.WriteByte(','))
	}
	s.begun = true
	_, err = s.out.Write(bytes.TrimSuffix(b, []byte("\n")))
	s.check(err)
}

// end ends the answer.
func (s *stream) end() {
	_, err := s.out.WriteString("]}}\n")
	s.check(err)
	s.check(s.out.Flush())
}

// check cuts the connection when err is not nil.
func (s *stream) check(err error) { s.r.cut(err) }

// cut ends the connection in the middle of an answer when err is not nil.
func (r *request) cut(err error) {
	if err == nil {
		return
	}
	if r.d.cfg.Observe != nil {
		r.d.cfg.Observe(r.Context(), Event{Op: r.op, RequestID: r.id, Status: http.StatusOK, Err: err, Cut: true})
	}
	panic(http.ErrAbortHandler)
}
