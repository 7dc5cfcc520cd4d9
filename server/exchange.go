package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// exchange is one request while it runs: what its log line will say and what watches its progress.
type exchange struct {
	id            string
	start         time.Time
	door          string
	remote, proxy string // addresses: of the client, and of the trusted proxy that names it, if one does
	principal, op string
	code          string // of the error that was answered
	key, reason   string // of a refused signature; a reason alone: what is not implemented
	status        int
	in, out       int64 // bytes of bodies
	reads, writes stall
}

type exchangeKey struct{}

// exchangeOf returns the running exchange of ctx, or nil outside of this server's requests.
func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// RequestID returns the identity the server gave to the request of ctx: 16 upper-case hex digits, or "" when
// ctx belongs to no request. It is never taken from the client.
func RequestID(ctx context.Context) string {
	if x := exchangeOf(ctx); x != nil {
		return x.id
	}
	return ""
}

// Note tells the log who makes the request of ctx and what it does ("PutObject"). A door calls it on the
// goroutine of its handler; an empty string leaves what was noted before.
func Note(ctx context.Context, principal, op string) {
	x := exchangeOf(ctx)
	if x == nil {
		return
	}
	if principal != "" {
		x.principal = principal
	}
	if op != "" {
		x.op = op
	}
}

// NoteCode tells the log with which error code of its protocol the request of ctx is refused ("NoSuchKey"). A door
// calls it on the goroutine of its handler; the last one counts.
func NoteCode(ctx context.Context, code string) {
	if x := exchangeOf(ctx); x != nil {
		x.code = code
	}
}

// NoteReason tells the log why the request of ctx is refused, where the answer does not, and the access key that it
// names; "" for none. Neither may be a secret, and the door bounds both. A door calls it on the goroutine of its
// handler; the last one counts.
func NoteReason(ctx context.Context, key, reason string) {
	if x := exchangeOf(ctx); x != nil {
		x.key, x.reason = key, reason
	}
}

// newID makes a request id.
func newID() string {
	var b [8]byte
	// Read of crypto/rand never fails: it ends the process instead.
	_, _ = rand.Read(b[:])
	return strings.ToUpper(hex.EncodeToString(b[:]))
}

// body counts what the client sends and lets the watcher see a Read that waits. What no handler reads, net/http
// reads itself, up to 256 KiB, before it sends the answer's head: that nobody watches, so it gets a deadline.
type body struct {
	io.ReadCloser
	x     *exchange
	rc    *http.ResponseController
	limit time.Duration // for what no handler reads
	// drains has conn while net/http reads the rest; nil: it does not, as with HTTP/2.
	drains *drains
	conn   net.Conn
	ended  bool // Read has returned an error, EOF among them, or the limit is over
	// awaited: the client waits to be told to go on, and was not. As a rule it sends nothing any more.
	awaited bool
}

// Read reads from the client.
func (b *body) Read(p []byte) (int, error) {
	b.awaited = false
	b.x.reads.enter()
	n, err := b.ReadCloser.Read(p)
	b.x.reads.leave()
	b.x.in += int64(n)
	b.ended = b.ended || err != nil
	return n, err
}

// Close ends the body; below, net/http reads the rest of it.
func (b *body) Close() error {
	defer b.during()()
	return b.ReadCloser.Close()
}

// allow gives the client a last time for the rest, if there is one.
func (b *body) allow() {
	if b.ended {
		return
	}
	limit := b.limit
	if b.awaited {
		limit = min(limit, unaskedTime)
	}
	_ = b.rc.SetReadDeadline(time.Now().Add(limit))
	if b.drains != nil {
		b.drains.begin(b.conn)
	}
}

// during bounds what net/http reads from now until the returned function is called.
func (b *body) during() (end func()) {
	if b.ended {
		return func() {}
	}
	begin := time.Now()
	b.allow()
	return func() {
		if b.drains != nil {
			b.drains.end(b.conn)
		}
		if time.Since(begin) >= b.limit {
			b.ended = true // the deadline stays: net/http would try again to read the rest
			return
		}
		// It must not end an answer that takes longer: after the body net/http reads ahead, and an error there
		// cancels the request.
		_ = b.rc.SetReadDeadline(time.Time{})
	}
}

// writePiece is the most that one watched write hands on: a client at 64 KiB/s takes it well within the
// progress time, so a slow but living one is not cut.
const writePiece = 256 << 10

// headPiece is how much of an answer net/http keeps back, with the head, and one more: what makes it send both.
const headPiece = 2048 + 1

// response counts what is sent and lets the watcher see a Write that waits. It is no Flusher or Hijacker by
// type: http.NewResponseController finds what is below.
type response struct {
	http.ResponseWriter
	x      *exchange
	unread *body // HTTP/1: what net/http reads to its end when the head is sent; nil: nothing
	conn   *conn // HTTP/1 without TLS; else nil
}

// Unwrap returns the writer below, for http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader sends the head. Informational ones are not the answer's status.
func (w *response) WriteHeader(status int) {
	if status >= 200 && w.x.status == 0 {
		w.x.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write sends p in pieces, each of which must make progress.
func (w *response) Write(p []byte) (int, error) {
	if w.x.status == 0 {
		w.x.status = http.StatusOK
	}
	sent := 0
	for {
		n, err := w.piece(p[sent:min(len(p), sent+writePiece)])
		sent += n
		if err != nil || sent == len(p) {
			return sent, err
		}
	}
}

// piece sends p or its beginning: one that sends the head goes alone, since a client may take long for the rest.
func (w *response) piece(p []byte) (int, error) {
	if w.unread != nil && w.x.out < headPiece {
		p = p[:min(int64(len(p)), headPiece-w.x.out)]
		defer w.unread.during()()
	}
	write := w.ResponseWriter.Write
	if w.conn != nil && w.unread == nil && w.x.out == 0 && len(p) >= headPiece {
		write = w.first
	}
	w.x.writes.enter()
	n, err := write(p)
	w.x.writes.leave()
	w.x.out += int64(n)
	return n, err
}

// FlushError sends what is buffered.
func (w *response) FlushError() error {
	if w.x.status == 0 {
		w.x.status = http.StatusOK
	}
	if w.unread != nil {
		defer w.unread.during()()
	}
	w.x.writes.enter()
	defer w.x.writes.leave()
	return http.NewResponseController(w.ResponseWriter).Flush()
}
