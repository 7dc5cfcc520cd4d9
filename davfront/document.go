package davfront

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"trivium/davfront/davxml"
)

const (
	// documentMemory is what all documents take, in bytes, from their coming until they are parsed, and strangerMemory
	// those of callers who do not say who they are: they keep nobody else out.
	documentMemory = 56 << 20
	strangerMemory = 8 << 20
	// strangerBytes is the longest document of such a caller.
	strangerBytes = 16 << 10
	firstRead     = 512 // bytes of a document that are expected
	// answerMemory is for the names and values of requests that have more than smallAnswer bytes of them, until they are
	// answered.
	answerMemory = 32 << 20
	smallAnswer  = 8 << 10
	// slowDocument and documentRate bound the time for which a document may hold its memory: so long, and a second more
	// for each of so many bytes.
	slowDocument = 10 * time.Second
	documentRate = 16 << 10
)

// memory is what requests hold of what their door has for all.
type memory struct {
	pool *semaphore.Weighted
	n    int64
}

// set makes n what is held; 503 when there is no room.
func (m *memory) set(n int64) error {
	if n > m.n && !m.pool.TryAcquire(n-m.n) {
		return &refusal{status: http.StatusServiceUnavailable, msg: "too many documents at once; try again soon"}
	}
	if n < m.n {
		m.pool.Release(m.n - n)
	}
	m.n = n
	return nil
}

// release ends what is held.
func (m *memory) release() {
	if m.pool != nil {
		_ = m.set(0)
	}
}

// cost is the most memory that a document of n bytes takes: its bytes, copied and decoded, and the nodes of its tree.
func cost(n int64) int64 { return 4<<10 + 8*n + min(64*n, 6<<20) }

// readDocument reads an XML body of at most 1 MiB. Memory is reserved as bytes come, since announcing a document takes
// nothing from others, until parsed is called.
func readDocument(r *request) ([]byte, error) {
	if r.ContentLength == 0 {
		return nil, nil
	}
	most := davxml.MaxBytes
	r.document.pool = r.door.documents
	if r.principal.Anonymous {
		r.document.pool, most = r.door.strangers, strangerBytes
	}
	if r.ContentLength > int64(most) {
		return nil, tooLarge(most)
	}
	body := &paced{Reader: r.Body, now: r.door.cfg.Now}
	body.start = body.now()
	data := make([]byte, 0, firstRead)
	err := r.document.set(cost(firstRead))
	for err == nil {
		if len(data) == cap(data) {
			grown := min(2*cap(data), most+1)
			if err = r.document.set(cost(int64(grown))); err != nil {
				return nil, err
			}
			data = append(make([]byte, 0, grown), data...)
		}
		var n int
		n, err = body.Read(data[len(data):cap(data)])
		if data = data[:len(data)+n]; len(data) > most {
			return nil, tooLarge(most)
		}
	}
	if _, ours := errors.AsType[*refusal](err); ours {
		return nil, err
	}
	if !errors.Is(err, io.EOF) {
		return nil, &refusal{status: http.StatusBadRequest, msg: "the body ends too early", err: err}
	}
	return data, nil
}

// parsed gives back what the document holds. Its names are in each answer, and it has so many bytes of values: if that is
// much it stays counted until the request is answered.
func (r *request) parsed(names []davxml.Name, values int) error {
	r.document.release()
	n := int64(values)
	for _, name := range names {
		// Characters of an address may be written as entities.
		const element, entity = 32, 6
		n += element + int64(len(name.Local)+len(name.Space))
		for _, c := range []string{"&", "<", ">", `"`, "\r", "\n", "\t"} {
			n += entity * int64(strings.Count(name.Space, c))
		}
	}
	if n <= smallAnswer {
		return nil
	}
	r.answer.pool = r.door.answers
	return r.answer.set(2 * n) // in memory, and in the answer
}

func tooLarge(most int) error {
	return &refusal{status: http.StatusRequestEntityTooLarge, msg: fmt.Sprintf("a document has at most %d KiB here", most>>10)}
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
