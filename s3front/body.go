package s3front

import (
	"io"
	"net/http"
	"strconv"
	"strings"

	"trivium/core"
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
	err := refuseFraming(r.Request, r.auth.Payload)
	if err != nil {
		return b, err
	}
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

// refuseFraming refuses a body that is announced as aws-chunked while nobody says in which form: it would be stored
// with its framing. S3 refuses the pair with this message. Under a hash the body is stored as it was sent and signed.
func refuseFraming(r *http.Request, p sigv4.Payload) error {
	if p != sigv4.Unsigned || !namesChunked(r.Header["Content-Encoding"]) {
		return nil
	}
	if r.Header.Get("X-Amz-Content-Sha256") == "" && r.Header.Get("X-Amz-Decoded-Content-Length") == "" {
		return nil // a presigned or anonymous request, which says nothing of the kind
	}
	return badArgument("Content-Encoding", strings.Join(r.Header["Content-Encoding"], ", "),
		"aws-chunked encoding is not supported when x-amz-content-sha256 UNSIGNED-PAYLOAD is supplied.")
}

// bodySize is the length of the payload: of the decoded one where it is framed.
func bodySize(r *request) (int64, error) {
	if r.ProtoMajor == 1 && r.ProtoMinor == 0 && r.Header.Get("Content-Length") == "" {
		// Its body would go on to the end of the connection, where nobody sees whether it is whole: net/http shows none.
		return 0, &apiError{code: missingLength}
	}
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
