package s3front

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"trivium/core"
	"trivium/s3front/sigv4"
)

// handler runs one operation: decode, what core does for it (one call where it can be), encode. An error that it
// returns must come before the first byte of its reply; later ones go through request.cut.
type handler func(w http.ResponseWriter, r *request, se *core.Session) error

// request is what handlers work on.
type request struct {
	*http.Request
	bucket, key string // decoded; "" where the path has none
	hosted      bool   // the bucket is in the host
	query       sigv4.Query
	auth        sigv4.Auth
	principal   core.Principal
	id, op      string
	unknownKey  bool // the signature was made with a key that nobody has

	door *door
	rec  *recorder
	// memory is that of the document, listing the place among the listings; both until the request is answered.
	memory  *reservation
	listing *listingPlace
	code    string // of the error reply
	err     error
	torn    bool // the reply was cut
}

// path is the object that the request is about.
func (r *request) path() core.Path { return core.Path{Bucket: r.bucket, Key: r.key} }

// parse takes bucket and key from their place and decodes the query.
func (r *request) parse(at place) error {
	if at.nowhere {
		return &apiError{code: invalidURI}
	}
	var err error
	r.bucket = at.bucket
	// Percent-decoded exactly once: a key may hold percent signs itself.
	if r.key, err = url.PathUnescape(at.key); err != nil {
		return &apiError{code: invalidURI}
	}
	if r.bucket != "" {
		if rule := brokenRule(r.bucket); rule != "" {
			return &apiError{code: invalidBucketName, msg: "The specified bucket is not valid: " + rule + "."}
		}
	}
	if err := checkKey(r.key); err != nil {
		return err
	}
	r.query, err = sigv4.ParseQuery(r.URL.RawQuery)
	return err
}

// brokenRule says by which rule no bucket of any door could have this name; "" when one could.
func brokenRule(bucket string) string {
	if len(bucket) < 3 || len(bucket) > 63 {
		return "its name must have 3 to 63 characters"
	}
	for i := range len(bucket) {
		c := bucket[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return "its name may have letters, digits, dots, dashes and underscores"
		}
	}
	return ""
}

// checkKey refuses, before anything else is looked at, keys that no object can have.
func checkKey(key string) error {
	switch {
	case len(key) > core.MaxKey:
		return &apiError{code: keyTooLong, fields: []field{
			{"Size", strconv.Itoa(len(key))}, {"MaxSizeAllowed", strconv.Itoa(core.MaxKey)},
		}}
	case !utf8.ValidString(key) || strings.IndexByte(key, 0) >= 0:
		return &apiError{code: invalidURI}
	}
	return nil
}

// event is what Observe hears of the request.
func (r *request) event(took time.Duration) Event {
	return Event{
		Op: r.op, Bucket: r.bucket, Key: r.key, Principal: r.principal.Name, RequestID: r.id,
		Status: r.rec.status, Code: r.code, Sent: r.rec.sent, Duration: took, Err: r.err, Cut: r.torn && !r.rec.gone,
	}
}

// cut ends the connection when err, an error after the reply has begun, is not nil: a client must never take a
// torso for the whole. It returns nil.
func (r *request) cut(err error) error {
	if err != nil {
		r.err, r.torn = fmt.Errorf("reply: %w", err), true
		panic(http.ErrAbortHandler)
	}
	return nil
}

// intParam reads a parameter that is a number from 0 on, fallback when it is absent or empty.
func (r *request) intParam(name string, fallback int) (int, error) {
	s := r.query.Get(name)
	if s == "" {
		return fallback, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 1<<31-1 || s[0] == '+' {
		return 0, badArgument(name, s, "Provided %s not an integer or within integer range", name)
	}
	return n, nil
}

// limitParam is intParam for the size of a page: more than 1,000 is 1,000.
func (r *request) limitParam(name string) (int, error) {
	n, err := r.intParam(name, 1000)
	return min(n, 1000), err
}

// setLength sets Content-Length.
func setLength(h http.Header, n int64) { h["Content-Length"] = []string{strconv.FormatInt(n, 10)} }

// canonicalID is how S3 shows a user: 64 hexadecimal digits.
func canonicalID(userID int64) string { return fmt.Sprintf("%064x", userID) }
