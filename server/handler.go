package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
)

// maxLoggedPath bounds what a log line keeps of a path: the longest key, escaped, would be three times that.
const maxLoggedPath = 1200

// drainShare is the part of the progress time that a client gets for the rest of a body that no handler read.
const drainShare = 6

// unaskedTime is what a client gets for a body that it was not asked for, and may have sent without waiting: the answer
// should still reach it (RFC 9112, section 9.6).
const unaskedTime = time.Second

// ServeHTTP gives the request its identity, watches its progress, hands it to its door and logs it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.running.Add(1)
	defer s.running.Add(-1)
	s.cfg.Metrics.begin()
	x := &exchange{id: newID(), start: time.Now()}
	rc := http.NewResponseController(w)
	past := time.Unix(1, 0)
	cutBody, cutAnswer := func() { _ = rc.SetReadDeadline(past) }, func() { _ = rc.SetWriteDeadline(past) }
	s.watcher.add(&x.writes, cutAnswer)
	defer s.watcher.drop(&x.writes)
	ctx := context.WithValue(r.Context(), exchangeKey{}, x)
	if s.cfg.Client != nil {
		ctx = s.cfg.Client(ctx, cutBody, cutAnswer)
	}
	r = r.WithContext(ctx) // a copy: believe may change it
	s.believe(x, r)
	answer := &response{ResponseWriter: w, x: x}
	c, _ := ctx.Value(connKey{}).(net.Conn)
	s.ln.idle.serves(c)
	if r.ProtoMajor == 1 {
		answer.conn, _ = c.(*conn) // below TLS there is no use for a cork
		if answer.conn != nil && answer.conn.head.ambiguous(r) {
			w.Header().Set("Connection", "close")
		}
	}
	if r.Body != nil && r.Body != http.NoBody {
		s.watcher.add(&x.reads, cutBody)
		b := &body{ReadCloser: r.Body, x: x, rc: rc, limit: s.cfg.Progress / drainShare, awaited: awaitsContinue(r)}
		r.Body = b
		if r.ProtoMajor == 1 {
			answer.unread = b
			b.drains, b.conn = s.ln.drains, c
		}
		defer func() {
			s.watcher.drop(&x.reads)
			b.allow()
		}()
	}
	if expectsNothing(r) {
		w.WriteHeader(http.StatusContinue)
	}
	door, h := s.route(r)
	x.door = door
	s.guard(answer, r, h)
	if r.ProtoMajor == 2 {
		// What is buffered is sent after this return, when nobody watches the stream any more.
		_ = rc.SetWriteDeadline(time.Now().Add(s.cfg.Progress))
	}
}

// expectsNothing tells a request that asks to be told to go on (RFC 9110, section 10.1.1) and has no body: net/http,
// which refuses other expectations, says so only when a body is read. A server may leave it out here, but there
// are clients that remember a final answer in its place and get confused with the next one on the connection.
func expectsNothing(r *http.Request) bool {
	return r.ProtoMajor == 1 && r.ProtoMinor >= 1 && r.ContentLength == 0 && r.Header.Get("Expect") != ""
}

// awaitsContinue tells a request whose client sends the body when it is told to go on, which the first Read does.
func awaitsContinue(r *http.Request) bool {
	return r.ProtoMajor == 1 && r.ProtoMinor >= 1 && r.ContentLength != 0 && strings.EqualFold(r.Header.Get("Expect"), "100-continue")
}

// guard runs h and logs the exchange, however h ends. A panic is logged and answered, or, when the answer has
// begun, cuts the connection; http.ErrAbortHandler passes.
func (s *Server) guard(w *response, r *http.Request, h http.Handler) {
	defer func() {
		p := recover()
		err, _ := p.(error)
		aborted := p != nil && errors.Is(err, http.ErrAbortHandler)
		if p != nil && !aborted {
			s.cfg.Log.Error().Str("req", w.x.id).Interface("panic", p).Bytes("stack", debug.Stack()).Msg("panic")
			if aborted = w.x.status != 0; !aborted {
				w.Header().Set("Connection", "close")
				writeText(w, http.StatusInternalServerError, "internal error, request "+w.x.id+"\n")
			}
		}
		s.cfg.Metrics.end(w.x, aborted)
		s.logLine(w.x, r, aborted)
		if aborted {
			panic(http.ErrAbortHandler)
		}
	}()
	h.ServeHTTP(w, r)
}

// logLine writes the exchange's line. The query is left out: presigned URLs carry signatures there.
func (s *Server) logLine(x *exchange, r *http.Request, aborted bool) {
	e := s.cfg.Log.Info()
	if !e.Enabled() {
		return
	}
	path := r.URL.EscapedPath()
	if len(path) > maxLoggedPath {
		path = path[:maxLoggedPath]
	}
	status := x.status
	if s.cutting.Load() && !aborted {
		// What the door said reached nobody, and the client is not at fault.
		aborted, x.code, x.reason = true, "", ""
		if status >= http.StatusBadRequest {
			status = 0
		}
	}
	if status == 0 && !aborted {
		status = http.StatusOK
	}
	e = e.Str("req", x.id).Str("remote", x.remote).Str("principal", x.principal).Str("door", x.door).
		Str("op", x.op).Str("method", r.Method).Str("path", path).Int("status", status).
		Int64("in", x.in).Int64("out", x.out).Dur("ms", time.Since(x.start))
	if x.proxy != "" {
		e = e.Str("proxy", x.proxy)
	}
	if x.code != "" {
		e = e.Str("code", x.code)
	}
	if x.key != "" {
		e = e.Str("key", x.key)
	}
	if x.reason != "" {
		e = e.Str("reason", x.reason)
	}
	if aborted {
		e = e.Bool("cut", true)
	}
	e.Msg("request")
}
