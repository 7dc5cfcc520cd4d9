package davfront

import (
	"errors"
	"io"
	"net/http"
	"time"

	"trivium/davfront/davxml"
)

const (
	documentMemory = 64 << 20 // bytes for all documents, from their coming until their requests are answered
	// slowDocument and documentRate bound the time for which a document may hold its memory: so long, and a second more
	// for each of so many bytes.
	slowDocument = 10 * time.Second
	documentRate = 16 << 10
)

// cost is the most memory that a document of n bytes takes: its bytes, copied and decoded, and the nodes of its tree.
func cost(n int64) int64 { return 4<<10 + 8*n + min(64*n, 6<<20) }

// readDocument reads an XML body of at most 1 MiB. The memory it takes is reserved until the request is answered.
func readDocument(r *request) ([]byte, error) {
	n := r.ContentLength
	if n == 0 {
		return nil, nil
	}
	if n > davxml.MaxBytes {
		return nil, tooLarge()
	}
	if n < 0 {
		n = davxml.MaxBytes
	}
	if !r.door.documents.TryAcquire(cost(n)) {
		return nil, &refusal{status: http.StatusServiceUnavailable, msg: "too many documents at once; try again soon"}
	}
	r.held = cost(n)
	body := &paced{Reader: r.Body, now: r.door.cfg.Now}
	body.start = body.now()
	b, err := io.ReadAll(io.LimitReader(body, davxml.MaxBytes+1))
	if err != nil {
		if _, ours := errors.AsType[*refusal](err); ours {
			return nil, err
		}
		return nil, &refusal{status: http.StatusBadRequest, msg: "the body ends too early", err: err}
	}
	if len(b) > davxml.MaxBytes {
		return nil, tooLarge()
	}
	return b, nil
}

func tooLarge() error {
	return &refusal{status: http.StatusRequestEntityTooLarge, msg: "a document has at most 1 MiB"}
}

// malformed makes an error of davxml one of the protocol.
func malformed(err error) error {
	if errors.Is(err, davxml.ErrMalformed) {
		return &refusal{status: http.StatusBadRequest, msg: err.Error(), err: err}
	}
	return err
}

// paced refuses a document that comes too slowly. It judges whenever bytes come; silence is the server's to cut.
type paced struct {
	io.Reader
	now   func() time.Time
	start time.Time
	n     int64
}

// Read implements io.Reader.
func (p *paced) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	p.n += int64(n)
	allowed := slowDocument + time.Duration(p.n)*time.Second/documentRate
	if err == nil && p.now().Sub(p.start) > allowed {
		return n, &refusal{status: http.StatusRequestTimeout, msg: "the document came too slowly"}
	}
	return n, err
}

// noBody refuses a body where none has a meaning.
func noBody(r *request) error {
	if r.ContentLength == 0 {
		return nil
	}
	var one [1]byte
	n, err := io.ReadFull(r.Body, one[:])
	if n == 0 && errors.Is(err, io.EOF) {
		return nil
	}
	return &refusal{status: http.StatusUnsupportedMediaType, msg: "a body has no meaning here"}
}
