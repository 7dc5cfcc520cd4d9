package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"sync"

	"github.com/minio/crc64nvme"

	"trivium/drivers"
)

// source gives the body of one Put in parts whose digests are known before they are sent, so that the provider can
// refuse what was changed on its way and nothing is sent of a body that is too short or too long to be one part. A body
// that is an io.Seeker is read twice, any other is kept in memory part by part. Not safe for concurrent use.
type source struct {
	body   *drivers.Body // the first pass: it counts
	seeker io.ReadSeeker // nil: parts are kept in buf
	at     int64         // where in seeker the next part begins
	buf    []byte
}

// digests are the ones that a request needs of its content.
type digests struct {
	md5, crc64, crc32, sha256 bool
}

// newSource starts to read body. A body that says that it seeks but does not, as a pipe, counts as one that does not.
func newSource(ctx context.Context, body io.Reader, size int64) *source {
	s := &source{body: drivers.NewBody(ctx, body, size)}
	if seeker, ok := body.(io.ReadSeeker); ok {
		if at, err := seeker.Seek(0, io.SeekCurrent); err == nil {
			s.seeker, s.at = seeker, at
		}
	}
	return s
}

// part is content of known digests that can be read more than once. A digest that was not planned is nil.
type part struct {
	*window
	md5, crc64, crc32, sha256 []byte
}

// next returns the next size bytes with those digests, as the last part after making sure that the body ends there. The
// part before it is not valid any more.
func (s *source) next(size int64, last bool, plan digests) (*part, error) {
	p := &part{}
	var all []io.Writer
	var sums []func()
	add := func(wanted bool, fresh func() hash.Hash, to *[]byte) {
		if wanted {
			h := fresh()
			all = append(all, h)
			sums = append(sums, func() { *to = h.Sum(nil) })
		}
	}
	add(plan.md5, md5.New, &p.md5)
	add(plan.sha256, sha256.New, &p.sha256)
	add(plan.crc32, func() hash.Hash { return crc32.NewIEEE() }, &p.crc32)
	add(plan.crc64, func() hash.Hash { return crc64nvme.New() }, &p.crc64)
	if err := s.firstPass(io.MultiWriter(all...), size, last); err != nil {
		return nil, err
	}
	for _, sum := range sums {
		sum()
	}
	p.window = &window{src: bytes.NewReader(s.buf), size: size}
	if s.seeker != nil {
		p.window = &window{src: s.seeker, start: s.at, size: size}
		s.at += size
	}
	if _, err := p.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return p, nil
}

// firstPass digests the part, and keeps it where it cannot be read again.
func (s *source) firstPass(w io.Writer, size int64, last bool) error {
	if s.seeker != nil {
		if _, err := s.seeker.Seek(s.at, io.SeekStart); err != nil {
			return fmt.Errorf("%w: %w", drivers.ErrBody, err)
		}
	} else {
		if int64(cap(s.buf)) < size {
			s.buf = make([]byte, 0, max(size, 0))
		}
		s.buf = s.buf[:0]
		w = io.MultiWriter(w, (*appender)(&s.buf))
	}
	buf := make([]byte, min(max(size, 1), 64<<10))
	if last {
		return s.body.CopyTo(w, buf)
	}
	_, err := io.CopyBuffer(w, io.LimitReader(s.body, size), buf)
	return err
}

// appender is a writer to a slice with room for what is announced and no more.
type appender []byte

func (a *appender) Write(p []byte) (int, error) {
	if len(p) > cap(*a)-len(*a) {
		return 0, fmt.Errorf("%w: it goes on", drivers.ErrBody)
	}
	*a = append(*a, p...)
	return len(p), nil
}

// window is size bytes of src from start. The transport may still hold it when the request is over: after close no
// byte of src is read.
type window struct {
	src         io.ReadSeeker
	start, size int64

	mu     sync.Mutex
	pos    int64
	closed bool
	err    error // what src answered that it should not have
}

// Read implements io.Reader.
func (w *window) Read(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed:
		return 0, errors.New("the request is over")
	case w.pos == w.size:
		return 0, io.EOF
	}
	n, err := w.src.Read(p[:min(int64(len(p)), w.size-w.pos)])
	w.pos += int64(n)
	switch {
	case errors.Is(err, io.EOF) && w.pos < w.size:
		w.err = fmt.Errorf("%w: it was shorter when it was read again", drivers.ErrBody)
		return n, w.err
	case err != nil && !errors.Is(err, io.EOF):
		w.err = fmt.Errorf("%w: %w", drivers.ErrBody, err)
		return n, w.err
	}
	return n, nil
}

// Seek implements io.Seeker.
func (w *window) Seek(offset int64, whence int) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		offset += w.pos
	case io.SeekEnd:
		offset += w.size
	}
	if offset < 0 || offset > w.size || w.closed {
		return 0, errors.New("seek outside the part")
	}
	if _, err := w.src.Seek(w.start+offset, io.SeekStart); err != nil {
		w.err = fmt.Errorf("%w: %w", drivers.ErrBody, err)
		return 0, w.err
	}
	w.pos = offset
	return offset, nil
}

// close ends the use of src, waiting for a Read on its way, and returns what src did wrong.
func (w *window) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	return w.err
}

func base64Of(sum []byte) *string {
	if sum == nil {
		return nil
	}
	s := base64.StdEncoding.EncodeToString(sum)
	return &s
}

// wrongETag tells whether etag has the form of an MD5 and is not that of the part.
func (p *part) wrongETag(etag string) bool {
	got, err := hex.DecodeString(etag)
	return err == nil && len(got) == md5.Size && p.md5 != nil && !bytes.Equal(got, p.md5)
}
