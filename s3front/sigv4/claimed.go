package sigv4

import (
	"net/http"
	"strings"
)

// String says in a few words, for a log, why a request was refused; of Mismatch only that the signature is wrong.
func (r Reason) String() string {
	return [...]string{
		MalformedHeader:    "malformed Authorization header",
		MalformedQuery:     "malformed query authentication",
		BadEncoding:        "malformed query",
		MultipleMechanisms: "several ways of authentication at once",
		UnsupportedScheme:  "unsupported authentication scheme",
		UnsupportedVersion: "signature version 2",
		UnsupportedVariant: "unsupported signature variant",
		UnsupportedToken:   "session token",
		MissingDate:        "missing date",
		Skewed:             "clock skew",
		NotYetValid:        "not yet valid",
		Expired:            "expired",
		UnsignedHeaders:    "unsigned header",
		MissingPayloadHash: "missing x-amz-content-sha256",
		BadPayloadHash:     "bad x-amz-content-sha256",
		Mismatch:           "wrong signature",
		ChunkMismatch:      "wrong signature of a chunk",
		ChunkFormat:        "malformed chunk",
		ChunkLength:        "wrong x-amz-decoded-content-length",
		Truncated:          "truncated body",
		BadTrailer:         "bad trailer",
	}[r]
}

// ClaimedKey returns the access key that a request names, whatever its signature is worth, in version 4 or 2, at most
// 128 bytes of it; "" when it names none. It never returns anything that stands where a secret or a signature does.
func ClaimedKey(r *http.Request, q Query) string {
	scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case scheme == "AWS": // key:signature
		key, _, ok := strings.Cut(rest, ":")
		if !ok {
			return ""
		}
		return bounded(key)
	case strings.HasPrefix(scheme, "AWS4-"):
		for field := range strings.SplitSeq(rest, ",") {
			if credential, ok := strings.CutPrefix(strings.Trim(field, " "), "Credential="); ok {
				return keyOf(credential)
			}
		}
		return ""
	}
	if credential := q.Get(paramKey); credential != "" {
		return keyOf(credential)
	}
	return bounded(q.Get("AWSAccessKeyId"))
}

// keyOf cuts the scope off a credential; the key may hold slashes, and the scope be incomplete.
func keyOf(credential string) string {
	if strings.Count(credential, "/") >= 4 && strings.HasSuffix(credential, "/"+terminator) {
		for range 4 {
			credential = credential[:strings.LastIndexByte(credential, '/')]
		}
		return bounded(credential)
	}
	key, _, _ := strings.Cut(credential, "/")
	return bounded(key)
}

// bounded is the beginning of a key that is longer than any.
func bounded(key string) string { return key[:min(len(key), maxKeyLength)] }
