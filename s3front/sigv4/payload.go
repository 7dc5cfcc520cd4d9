package sigv4

import "net/http"

// Payload says how a request's body is covered by its signature: the value of x-amz-content-sha256.
type Payload int

// The forms.
const (
	Unsigned              Payload = iota // UNSIGNED-PAYLOAD, or nothing said in a presigned or anonymous request
	Hashed                               // the hex SHA-256 of the body
	StreamSigned                         // STREAMING-AWS4-HMAC-SHA256-PAYLOAD
	StreamSignedTrailer                  // STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER
	StreamUnsignedTrailer                // STREAMING-UNSIGNED-PAYLOAD-TRAILER
)

// The words of x-amz-content-sha256.
const (
	UnsignedPayload       = "UNSIGNED-PAYLOAD"
	StreamPayload         = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	StreamPayloadTrailer  = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	StreamUnsignedPayload = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	// EmptyHash is the SHA-256 of nothing.
	EmptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// Chunked tells whether the body is in an aws-chunked form.
func (p Payload) Chunked() bool { return p >= StreamSigned }

// payloadOf reads the announcement of the body: from the header, else from the query, else the kind's default.
func payloadOf(r *http.Request, q Query, kind Kind) (Payload, string, error) {
	word := r.Header.Get("X-Amz-Content-Sha256")
	if word == "" && kind == Presigned {
		word = q.Get(paramPayload)
	}
	switch {
	case word == "" && kind == Header:
		return 0, "", refuse(MissingPayloadHash, "Missing required header for this request: x-amz-content-sha256")
	case word == "" || word == UnsignedPayload:
		return Unsigned, UnsignedPayload, nil
	case word == StreamPayload && kind != Anonymous:
		return StreamSigned, word, nil
	case word == StreamPayloadTrailer && kind != Anonymous:
		return StreamSignedTrailer, word, nil
	case word == StreamUnsignedPayload:
		return StreamUnsignedTrailer, word, nil
	case hexHash(word):
		return Hashed, word, nil
	case word == "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD" || word == "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER":
		return 0, "", refuse(UnsupportedVariant, "The payload form %s is not supported.", word)
	}
	return 0, "", refuse(BadPayloadHash, "x-amz-content-sha256 must be %s, %s, %s, %s or a valid sha256 value.",
		UnsignedPayload, StreamUnsignedPayload, StreamPayload, StreamPayloadTrailer)
}
