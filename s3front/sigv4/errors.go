package sigv4

import "fmt"

// Reason says why a request or its body was refused. Doors translate it into their protocol's words.
type Reason int

// The reasons.
const (
	MalformedHeader    Reason = iota // the Authorization header does not parse, or contradicts itself
	MalformedQuery                   // the X-Amz-* parameters of a presigned request do not parse
	BadEncoding                      // the query is not valid percent-encoding
	MultipleMechanisms               // header and query, or two headers
	UnsupportedScheme                // an Authorization scheme that is not AWS's
	UnsupportedVersion               // AWS signature version 2
	UnsupportedVariant               // a known variant that is not implemented: SigV4A, its streams
	UnsupportedToken                 // a security token: there are no temporary credentials
	MissingDate                      // neither x-amz-date nor Date, or unreadable
	Skewed                           // the request's time is over 15 minutes away
	NotYetValid                      // a presigned request from the future
	Expired                          // a presigned request past its lifetime
	UnsignedHeaders                  // host or a sent x-amz-* header is not among the signed ones
	MissingPayloadHash               // no x-amz-content-sha256
	BadPayloadHash                   // x-amz-content-sha256 is neither a hash nor a known word
	Mismatch                         // the signature is wrong, or the key unknown
	ChunkMismatch                    // a chunk's or the trailer's signature is wrong
	ChunkFormat                      // the framing of an aws-chunked body is broken
	ChunkLength                      // more or fewer bytes than x-amz-decoded-content-length says
	Truncated                        // the body ends before its end
	BadTrailer                       // a trailer is malformed, missing, repeated or was not announced
)

// Error is every refusal of this package.
type Error struct {
	Reason Reason
	Msg    string // one sentence, safe for the client: it holds nothing but what the client sent
	// Key, Provided, StringToSign and CanonicalRequest are set for Mismatch: they let the client's author
	// compare what both sides signed. None of them is secret.
	Key, Provided, StringToSign, CanonicalRequest string
}

// Error returns the message.
func (e *Error) Error() string { return e.Msg }

func refuse(reason Reason, format string, args ...any) *Error {
	return &Error{Reason: reason, Msg: fmt.Sprintf(format, args...)}
}
