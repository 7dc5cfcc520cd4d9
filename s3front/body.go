package s3front

import (
	"context"
	"errors"
	"io"
	"strconv"
	"time"

	"trivium/core"
	"trivium/s3front/s3xml"
	"trivium/s3front/sigv4"
)

// body is the payload of a request without its framing.
type body struct {
	io.Reader
	size     int64
	chunks   *sigv4.ChunkReader // nil unless aws-chunked
	declared declared
}

// openBody judges everything that headers say about the body, which must not be longer than limit bytes. It
// reads nothing, so that a client that waits for 100 Continue never sends a body that is refused.
func openBody(r *request, limit int64) (body, error) {
	b := body{Reader: r.Body}
	var err error
	if b.declared, err = declaredDigests(r); err != nil {
		return b, err
	}
	if b.size, err = bodySize(r); err != nil {
		return b, err
	}
	if b.size > limit {
		return b, &apiError{code: entityTooLarge, fields: []field{
			{"ProposedSize", strconv.FormatInt(b.size, 10)}, {"MaxSizeAllowed", strconv.FormatInt(limit, 10)},
		}}
	}
	trailers := trailerNames(r.Header)
	switch {
	case r.auth.Payload.Chunked():
		b.chunks = r.auth.Body(r.Body, b.size, trailers)
		b.Reader = b.chunks
	case len(trailers) > 0:
		return b, badRequest("x-amz-trailer needs a streaming payload")
	}
	return b, nil
}

// bodySize is the length of the payload: of the decoded one where it is framed.
func bodySize(r *request) (int64, error) {
	if !r.auth.Payload.Chunked() {
		if r.ContentLength < 0 {
			return 0, &apiError{code: missingLength}
		}
		return r.ContentLength, nil
	}
	s := r.Header.Get("X-Amz-Decoded-Content-Length")
	if s == "" {
		return 0, &apiError{code: missingLength}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || s[0] == '+' {
		return 0, badArgument("x-amz-decoded-content-length", s, "x-amz-decoded-content-length is not a length")
	}
	return n, nil
}

// verify is the Verify of core's options.
func (b *body) verify(d core.Digests) error { return b.declared.verify(&d, b.chunks) }

const (
	documentMemory = 64 << 20 // bytes for all documents that are being read
	treeFactor     = 4        // a document and its tree take about this many times its length
	documentWait   = 5 * time.Second
)

// admitDocument reserves the memory of a document before it is read; SlowDown when there is none for 5 s.
func (d *door) admitDocument(ctx context.Context, size int64) (release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, documentWait)
	defer cancel()
	size *= treeFactor
	if err := d.documents.Acquire(ctx, size); err != nil {
		return nil, &apiError{code: slowDown, err: err}
	}
	return func() { d.documents.Release(size) }, nil
}

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

// readXML reads a document of at most limit bytes and verifies what was declared about it. The caller has made
// sure that whoever sends it has the right to: documents take memory that everybody shares.
func readXML(r *request, limit int64) (*s3xml.Node, error) {
	b, err := openBody(r, limit)
	if err != nil {
		if e := translate(err); e.code == entityTooLarge {
			return nil, &apiError{code: malformedXML, msg: "The document is longer than " + strconv.FormatInt(limit, 10) + " bytes.", err: err}
		}
		return nil, err
	}
	release, err := r.door.admitDocument(r.Context(), b.size)
	if err != nil {
		return nil, err
	}
	defer release()
	data := make([]byte, b.size)
	body := &paced{Reader: b, now: r.door.cfg.Now, start: r.door.cfg.Now()}
	if _, err := io.ReadFull(body, data); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, &apiError{code: incompleteBody, err: err}
		}
		return nil, err
	}
	got := digestsOf(data, b.declared.digests())
	if err := b.declared.verify(&got, b.chunks); err != nil {
		return nil, err
	}
	root, err := s3xml.Parse(data)
	if err != nil {
		return nil, &apiError{code: malformedXML, err: err}
	}
	return root, nil
}
