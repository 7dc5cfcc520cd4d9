package sigv4

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"hash"
	"io"
)

const (
	chunkAlgorithm   = "AWS4-HMAC-SHA256-PAYLOAD"
	trailerAlgorithm = "AWS4-HMAC-SHA256-TRAILER"
	chunkSignature   = ";chunk-signature="
	maxChunkLine     = 256
)

// ChunkReader decodes an aws-chunked body (S3, "Signature calculations for the Authorization header:
// transferring payload in multiple chunks"). Its memory is one buffer of 4 KiB, whatever the chunks' sizes,
// and at the end the trailers, up to 16 KiB.
//
// Bytes are handed on while their chunk is still arriving, but the last bytes of a chunk only after its
// signature was verified, and the last bytes of the body only after the final chunk, the trailers and the end
// of the underlying body were. So whoever has read all announced bytes holds a verified body, even if it does
// not wait for io.EOF. Any failure is an *Error (errors of the underlying reader are passed on) and is
// repeated by every later Read.
type ChunkReader struct {
	src       *bufio.Reader
	payload   Payload
	announced []string
	left      int64 // decoded bytes still to come
	chunk     int64 // of them in the current chunk
	err       error
	sig       *chain // nil when chunks are unsigned
	want      [64]byte
	trailer   Query
}

// Body decodes the aws-chunked body of an Auth whose Payload is Chunked. size is x-amz-decoded-content-length,
// trailers are the lower-case names that x-amz-trailer announced: exactly those must come.
func (a *Auth) Body(body io.Reader, size int64, trailers []string) *ChunkReader {
	c := &ChunkReader{src: bufio.NewReaderSize(body, 4096), payload: a.Payload, announced: trailers, left: size}
	if a.Payload != StreamUnsignedTrailer {
		c.sig = &chain{key: a.key, stamp: a.stamp, scope: a.scope, hash: sha256.New()}
		copy(c.sig.last[:], a.seed)
	}
	return c
}

// Trailer returns the value of a trailer; only after the last byte was read.
func (c *ChunkReader) Trailer(name string) (string, bool) { return c.trailer.Lookup(name) }

// Read implements io.Reader.
func (c *ChunkReader) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	if c.left == 0 {
		if c.err = c.finish(); c.err == nil {
			c.err = io.EOF
		}
		return 0, c.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := c.read(p)
	if err != nil {
		c.err = err
		return 0, err
	}
	if c.left == 0 {
		if c.err = c.finish(); c.err != nil {
			return 0, c.err
		}
		c.err = io.EOF
	}
	return n, nil
}

// read delivers bytes of one chunk, at most. The bytes that complete it are delivered verified.
func (c *ChunkReader) read(p []byte) (int, error) {
	if c.chunk == 0 {
		size, err := c.header()
		switch {
		case err != nil:
			return 0, err
		case size == 0:
			return 0, refuse(ChunkLength, "The body ended %d bytes before x-amz-decoded-content-length.", c.left)
		case size > c.left:
			return 0, refuse(ChunkLength, "The body is longer than x-amz-decoded-content-length.")
		}
		c.chunk = size
	}
	n, err := c.src.Read(p[:min(int64(len(p)), c.chunk)])
	if n == 0 && err != nil {
		return 0, cut(err)
	}
	if c.sig != nil {
		c.sig.hash.Write(p[:n])
	}
	c.chunk -= int64(n)
	c.left -= int64(n)
	if c.chunk > 0 {
		return n, nil
	}
	if err := c.lineEnd(); err != nil {
		return 0, err
	}
	return n, c.verify()
}

// header reads "size" or "size;chunk-signature=..." and keeps the signature.
func (c *ChunkReader) header() (int64, error) {
	line, err := c.src.ReadSlice('\n')
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		return 0, cut(err)
	}
	if err != nil || len(line) > maxChunkLine {
		return 0, refuse(ChunkFormat, "The header of a chunk is too long.")
	}
	line, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok {
		return 0, refuse(ChunkFormat, "The header of a chunk does not end in CR LF.")
	}
	number := line
	if c.sig != nil {
		var signature []byte
		number, signature, ok = bytes.Cut(line, []byte(chunkSignature))
		if !ok || !hexHash(string(signature)) {
			return 0, refuse(ChunkFormat, "A chunk carries no valid chunk-signature.")
		}
		copy(c.want[:], signature)
	}
	return chunkSize(number)
}

// chunkSize reads a hexadecimal number of 1 to 15 digits without sign, prefix or leading zeros.
func chunkSize(digits []byte) (int64, error) {
	bad := len(digits) == 0 || len(digits) > 15 || digits[0] == '0' && len(digits) > 1
	var size int64
	for _, d := range digits {
		v := unhex(d)
		bad = bad || v < 0
		size = size<<4 | int64(v)
		if bad {
			return 0, refuse(ChunkFormat, "The size of a chunk is not a hexadecimal number.")
		}
	}
	if bad {
		return 0, refuse(ChunkFormat, "The size of a chunk is missing.")
	}
	return size, nil
}

func (c *ChunkReader) lineEnd() error {
	var end [2]byte
	if _, err := io.ReadFull(c.src, end[:]); err != nil {
		return cut(err)
	}
	if end != [2]byte{'\r', '\n'} {
		return refuse(ChunkFormat, "A chunk is longer than its size says.")
	}
	return nil
}

// verify compares the signature of the chunk that has just ended.
func (c *ChunkReader) verify() error {
	if c.sig == nil {
		return nil
	}
	if !c.sig.chunk(c.want) {
		return refuse(ChunkMismatch, "The signature of a chunk does not match its content.")
	}
	return nil
}

// finish reads and verifies everything behind the last data byte, up to the end of the underlying body.
func (c *ChunkReader) finish() error {
	size, err := c.header()
	if err != nil {
		return err
	}
	if size != 0 {
		return refuse(ChunkLength, "The body is longer than x-amz-decoded-content-length.")
	}
	if err := c.verify(); err != nil {
		return err
	}
	if c.payload != StreamSigned {
		return c.readTrailer()
	}
	if err := c.lineEnd(); err != nil {
		return err
	}
	switch n, err := io.ReadFull(c.src, make([]byte, 1)); {
	case n > 0:
		return refuse(ChunkFormat, "There are bytes behind the last chunk.")
	case !errors.Is(err, io.EOF):
		return cut(err)
	}
	return nil
}

// cut turns the end of the underlying body in a wrong place into a refusal. Other errors are passed on.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return refuse(Truncated, "The body ended in the middle of a chunk.")
	}
	return err
}

// chain is the chain of signatures: each covers the one before.
type chain struct {
	key          [32]byte
	stamp, scope string
	last         [64]byte
	hash         hash.Hash // over the current chunk
	buf          []byte
}

// chunk advances over the chunk written to hash and tells whether want is its signature.
func (s *chain) chunk(want [64]byte) bool {
	got := s.next()
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

// next returns the signature of the chunk written to hash, and begins the next one.
func (s *chain) next() [64]byte {
	s.buf = appendStringToSign(appendPad(s.buf[:0]), chunkAlgorithm, s.stamp, s.scope)
	s.buf = append(s.buf, s.last[:]...)
	s.buf = append(s.buf, "\n"+EmptyHash+"\n"...)
	s.appendSum()
	s.last = sign(&s.key, s.buf)
	return s.last
}

// trailer returns the signature of the trailers in their canonical form.
func (s *chain) trailer(canonical []byte) [64]byte {
	s.buf = appendStringToSign(appendPad(s.buf[:0]), trailerAlgorithm, s.stamp, s.scope)
	s.buf = append(s.buf, s.last[:]...)
	s.buf = append(s.buf, '\n')
	s.hash.Write(canonical)
	s.appendSum()
	s.last = sign(&s.key, s.buf)
	return s.last
}

func (s *chain) appendSum() {
	var raw [32]byte
	s.buf = hex.AppendEncode(s.buf, s.hash.Sum(raw[:0]))
	s.hash.Reset()
}
