package s3front

import (
	"context"
	"errors"
	"io"
	"strconv"
	"time"

	"golang.org/x/sync/semaphore"

	"trivium/core/admission"
	"trivium/s3front/s3xml"
)

const (
	documentMemory = 64 << 20 // bytes for all documents, from their coming until their operations are done
	documentWait   = 5 * time.Second
	// listingsAtOnce is how many listings there are at a time, from the reading of their rows until the client has taken
	// their document: one of 1,000 keys has 300 KiB, and with the longest keys 1.3 MiB.
	listingsAtOnce = 128
	firstRead      = 4 << 10 // bytes of a document that are not counted: a connection takes more than that
)

// NewListings makes the gate of Config.Listings.
func NewListings() *admission.Gate {
	return admission.New(listingsAtOnce, admission.Queue, admission.Patience)
}

// listingPlace is that of one request among the listings. It is not for concurrent use.
type listingPlace struct {
	gate *admission.Gate
	held bool
}

// take waits for a place; SlowDown when there is none.
func (p *listingPlace) take(ctx context.Context) error {
	if err := p.gate.Enter(ctx); err != nil {
		return &apiError{code: slowDown, err: err}
	}
	p.held = true
	return nil
}

// release gives the place back, if there is one.
func (p *listingPlace) release() {
	if p.held {
		p.held = false
		p.gate.Leave()
	}
}

// reservation is what one request holds of the memory of documents, in bytes. It is not for concurrent use.
type reservation struct {
	pool *semaphore.Weighted
	held int64
}

// take reserves n more; SlowDown when there is no room for them for 5 s.
func (m *reservation) take(ctx context.Context, n int64) error {
	if !m.pool.TryAcquire(n) {
		ctx, cancel := context.WithTimeout(ctx, documentWait)
		defer cancel()
		if err := m.pool.Acquire(ctx, n); err != nil {
			return &apiError{code: slowDown, err: err}
		}
	}
	m.held += n
	return nil
}

// give returns n.
func (m *reservation) give(n int64) {
	m.held -= n
	m.pool.Release(n)
}

// release returns everything.
func (m *reservation) release() { m.give(m.held) }

// slowDocument and documentRate bound the time for which a document may hold its memory: so long, and a second
// more for each of so many bytes.
const (
	slowDocument = 10 * time.Second
	documentRate = 16 << 10
)

// paced refuses a document that comes too slowly. It judges whenever bytes come; silence is the server's to cut.
type paced struct {
	io.Reader
	now   func() time.Time
	start time.Time
	n     int64
}

func (p *paced) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	p.n += int64(n)
	allowed := slowDocument + time.Duration(p.n)*time.Second/documentRate
	if err == nil && p.now().Sub(p.start) > allowed {
		return n, &apiError{code: requestTimeout}
	}
	return n, err
}

// readXML reads a document of at most limit bytes and verifies what was declared about it. The memory of the tree is
// reserved until the request is answered. The caller has made sure that whoever sends the document has the right to:
// everybody shares that memory.
func readXML(r *request, limit int64) (*s3xml.Node, error) {
	b, err := openBody(r, limit)
	if err != nil {
		if e := translate(err); e.code == entityTooLarge {
			return nil, &apiError{code: malformedXML, msg: "The document is longer than " + strconv.FormatInt(limit, 10) + " bytes.", err: err}
		}
		return nil, err
	}
	body := &paced{Reader: b, now: r.door.cfg.Now, start: r.door.cfg.Now()}
	data, err := readDocument(r.Context(), body, b.size, r.memory)
	if err != nil {
		return nil, err
	}
	got := digestsOf(data, b.declared.digests())
	if err := b.declared.verify(&got, b.chunks); err != nil {
		return nil, err
	}
	if err := r.memory.take(r.Context(), s3xml.Cost(data)); err != nil {
		return nil, err
	}
	root, err := s3xml.Parse(data)
	if err != nil {
		return nil, &apiError{code: malformedXML, err: err}
	}
	return root, nil
}

// readDocument reads size bytes. Memory is taken as they come, never more than twice of what is there already:
// announcing a document takes nothing from others.
func readDocument(ctx context.Context, body io.Reader, size int64, m *reservation) ([]byte, error) {
	data := make([]byte, min(size, firstRead))
	for n := 0; ; {
		if _, err := io.ReadFull(body, data[n:]); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = &apiError{code: incompleteBody, err: err}
			}
			return nil, err
		}
		if n = len(data); int64(n) == size {
			return data, nil
		}
		grown := min(size, 2*int64(n))
		if err := m.take(ctx, grown); err != nil {
			return nil, err
		}
		bigger := make([]byte, grown)
		copy(bigger, data)
		data = bigger
		if n > firstRead {
			m.give(int64(n))
		}
	}
}
