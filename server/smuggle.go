package server

import (
	"bytes"
	"net/http"
	"sync"
)

// headWatch looks at the head of each request on a connection for the two headers that say how long a body is.
// net/http drops Content-Length when Transfer-Encoding is there too, so that no handler ever knows. Somebody before
// this server may have gone by the other one: what he takes for the rest of this body would be a request here.
type headWatch struct {
	mu     sync.Mutex
	state  headState
	line   [len("transfer-encoding:")]byte // the beginning of the line that is being read
	n      int                             // bytes of it
	longer bool                            // the line is longer than that
	done   bool                            // the head has ended
	length bool                            // Content-Length is in it
	coding bool                            // Transfer-Encoding is in it
}

// headState says where in the stream of bytes a headWatch is.
type headState uint8

const (
	headReading headState = iota // all bytes of the head pass here
	headIdle                     // the request before has ended
	headAwaited                  // net/http waits for the first bytes, if it has not read them already
	headMissed                   // it had
)

// idle says that a request has ended.
func (h *headWatch) idle() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state = headIdle
}

// deadline says that net/http sets one for reading: before it waits for the first bytes of a request, and when it has
// them. If it did not read in between they came together with the request before.
func (h *headWatch) deadline() {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch h.state {
	case headIdle:
		h.state = headAwaited
	case headAwaited:
		h.state = headMissed
	case headReading, headMissed:
	}
}

// read looks at bytes that were read.
func (h *headWatch) read(p []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state == headAwaited && len(p) > 0 {
		h.state, h.n, h.longer, h.done, h.length, h.coding = headReading, 0, false, false, false, false
	}
	if h.state != headReading {
		return
	}
	for len(p) > 0 && !h.done {
		line, rest, ended := bytes.Cut(p, []byte{'\n'})
		taken := copy(h.line[h.n:], line)
		h.n += taken
		h.longer = h.longer || taken < len(line)
		if ended {
			h.endLine()
		}
		p = rest
	}
}

// endLine judges the line that has ended.
func (h *headWatch) endLine() {
	line := h.line[:h.n]
	if !h.longer {
		line = bytes.TrimSuffix(line, []byte{'\r'})
	}
	switch {
	case len(line) == 0:
		h.done = true
	case isHeader(line, "content-length:"):
		h.length = true
	case isHeader(line, "transfer-encoding:"):
		h.coding = true
	}
	h.n, h.longer = 0, false
}

// isHeader tells whether a line is of that header.
func isHeader(line []byte, name string) bool {
	return len(line) >= len(name) && bytes.EqualFold(line[:len(name)], []byte(name))
}

// ambiguous tells whether others may see another end of r's body than net/http: it has both headers, or is of HTTP/1.0,
// which has no Transfer-Encoding. Its connection is to be closed then (RFC 9112, sections 6.1 and 6.3). A head that was
// missed counts as such a one, if it could be. Below TLS nobody can look: there net/http's way is kept.
func (h *headWatch) ambiguous(r *http.Request) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	old := !r.ProtoAtLeast(1, 1)
	if h.state != headReading || !h.done {
		return old || len(r.TransferEncoding) > 0
	}
	return h.coding && (old || h.length)
}
