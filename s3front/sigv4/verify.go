package sigv4

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Kind says how a request authenticates.
type Kind int

// The kinds.
const (
	Anonymous Kind = iota // no credentials at all
	Header                // the Authorization header
	Presigned             // X-Amz-* parameters in the query
)

// Lookup finds the secret of an access key. For an unknown key it returns known = false with any stable
// secret: the signature is then checked against that, so that an unknown key and a wrong secret take the same
// path and time. An error ends the verification and is returned as it is.
type Lookup func(ctx context.Context, accessKey string) (secret string, known bool, err error)

// Config says what a Verifier accepts. The zero value verifies for S3.
type Config struct {
	Services []string         // allowed in the credential's scope; empty: "s3"
	Now      func() time.Time // nil: time.Now
	Keys     int              // how many derived keys are remembered; 0: 1024
	// Unsaid returns what may stand for the hash of the payload in the signature of a request that announces none, in
	// the header or the query; each is tried. nil: S3's rules, which demand the header and take UNSIGNED-PAYLOAD in a
	// presigned request.
	Unsaid func(r *http.Request, kind Kind) ([]string, error)
	// Twice are services whose clients may have encoded the path twice, as AWS's do for all but S3.
	Twice []string
	// XExpires: X-Expires stands for X-Amz-Expires where that is absent.
	XExpires bool
}

// Verifier verifies requests. It is safe for concurrent use.
type Verifier struct {
	services []string
	now      func() time.Time
	keys     *keyCache
	buffers  sync.Pool // *[]byte, of canonical requests
	derive   func(secret, date, region, service string) [32]byte
	cfg      Config
}

// New makes a Verifier.
func New(cfg Config) *Verifier {
	v := &Verifier{cfg: cfg, services: cfg.Services, now: cfg.Now, keys: newKeyCache(cfg.Keys), derive: signingKey}
	if len(v.services) == 0 {
		v.services = []string{"s3"}
	}
	if v.now == nil {
		v.now = time.Now
	}
	v.buffers.New = func() any {
		b := make([]byte, 0, 2048)
		return &b
	}
	return v
}

// Auth is what a verified request has proved, and how its body is to be read.
type Auth struct {
	Kind        Kind
	AccessKey   string // "" when anonymous
	Region      string // of the scope
	Payload     Payload
	PayloadHash string // of Hashed: 64 hex digits, still to be compared with the body's
	PayloadWord string // x-amz-content-sha256 as it counts: where none was sent, that of Unsigned

	stamp, scope, seed string
	key                [32]byte
}

// Verify judges the request's signature; q is its parsed query. Beside the request's own host the signature may have
// been made for one of hosts, as a Host header has them: a proxy on the way may have set another. Without any
// credentials it returns an Auth of kind Anonymous. The body is not read: what Auth says about it is left to Auth.Body
// and, for Hashed, to the caller. Every refusal is an *Error; errors of lookup are returned as they are.
func (v *Verifier) Verify(r *http.Request, q Query, lookup Lookup, hosts ...string) (Auth, error) {
	kind, err := kindOf(r, q)
	if err != nil {
		return Auth{}, err
	}
	payload, hash, err := payloadOf(r, q, kind)
	unsaid := v.cfg.Unsaid != nil && kind != Anonymous && silent(r, q, kind)
	if unsaid {
		payload, hash, err = Unsigned, "", nil
	}
	if err != nil {
		return Auth{}, err
	}
	a := Auth{Kind: kind, Payload: payload, PayloadWord: hash}
	if payload == Hashed {
		a.PayloadHash = hash
	}
	if kind == Anonymous {
		return a, nil
	}
	var c claim
	if kind == Header {
		c, err = v.parseHeader(r)
	} else {
		c, err = v.parseQuery(q)
	}
	if err != nil {
		return Auth{}, err
	}
	if err := c.checkTime(v.now()); err != nil {
		return Auth{}, err
	}
	if err := checkSigned(r, c.signed); err != nil {
		return Auth{}, err
	}
	a.AccessKey, a.Region, a.stamp, a.scope, a.seed = c.accessKey, c.region, c.stamp, c.scope, c.signature
	s := signing{claim: c, hash: hash, hosts: hosts}
	if s.secret, s.known, err = lookup(r.Context(), c.accessKey); err != nil {
		return Auth{}, err
	}
	hashes := []string{hash}
	if unsaid {
		if hashes, err = v.cfg.Unsaid(r, kind); err != nil {
			return Auth{}, err
		}
	}
	a.key, err = v.compareAll(r, q, &s, hashes)
	return a, err
}

// silent tells whether a request announces no hash of its payload.
func silent(r *http.Request, q Query, kind Kind) bool {
	return r.Header.Get("X-Amz-Content-Sha256") == "" && (kind != Presigned || q.Get(paramPayload) == "")
}

// signing is what compare works on.
type signing struct {
	claim  claim
	hash   string
	hosts  []string // beside the request's own
	twice  bool     // the path is encoded twice
	secret string
	known  bool
}

// compareAll compares the signature with that of each hash and, where the service has it, of the path encoded twice.
func (v *Verifier) compareAll(r *http.Request, q Query, s *signing, hashes []string) (key [32]byte, err error) {
	forms := []bool{false}
	if slices.Contains(v.cfg.Twice, s.claim.service) {
		forms = append(forms, true)
	}
	var first error
	for _, s.twice = range forms {
		for _, s.hash = range hashes {
			if key, err = v.compare(r, q, s); err == nil {
				return key, nil
			}
			if first == nil {
				first = err
			}
		}
	}
	return key, first
}

// compare computes the signature and compares it in constant time. It returns the signing key.
func (v *Verifier) compare(r *http.Request, q Query, s *signing) (key [32]byte, err error) {
	c := &s.claim
	key, cached := v.keys.get(c, s.secret)
	if !cached {
		key = v.derive(s.secret, c.date, c.region, c.service)
	}
	refused, err := v.match(r, q, s, &key, r.Host)
	for i := 0; i < len(s.hosts) && err == nil && refused != nil; i++ {
		var again *Error
		if again, err = v.match(r, q, s, &key, s.hosts[i]); again == nil {
			refused = nil
		}
	}
	switch {
	case err != nil:
		return key, err
	case refused != nil:
		if cached { // a refusal costs the same for every key: only those of users are remembered
			v.derive(s.secret, c.date, c.region, c.service)
		}
		return key, refused
	}
	if !cached {
		v.keys.put(c, s.secret, key)
	}
	return key, nil
}

// match tells whether the signature is the request's if its host is host: nil, or what to say of it. An unknown key
// matches nothing.
func (v *Verifier) match(r *http.Request, q Query, s *signing, key *[32]byte, host string) (*Error, error) {
	c := &s.claim
	buf, _ := v.buffers.Get().(*[]byte)
	defer v.buffers.Put(buf)
	canonical, err := appendCanonical((*buf)[:0], r, q, canonicalParts{host: host, signed: c.signed, payload: s.hash, twice: s.twice})
	if err != nil {
		return nil, err
	}
	n := len(canonical)
	all := appendStringToSign(appendPad(canonical), algorithm, c.stamp, c.scope)
	sum := sha256.Sum256(canonical[:n])
	all = hex.AppendEncode(all, sum[:])
	*buf = all
	want := sign(key, all[n:])
	if subtle.ConstantTimeCompare(want[:], []byte(c.signature)) == 1 && s.known {
		return nil, nil //nolint:nilnil // it matches, and nothing went wrong
	}
	return &Error{
		Reason: Mismatch, Key: c.accessKey, Provided: c.signature, Msg: mismatch(r.Host, s.hosts),
		StringToSign: string(all[n+padSize:]), CanonicalRequest: string(all[:n]),
	}, nil
}

// mismatch says that a signature is wrong, in AWS's words, and for which hosts it would have been right: a proxy on the
// way that sets another one is the usual reason when key and clock are right.
func mismatch(host string, others []string) string {
	var msg strings.Builder
	fmt.Fprintf(&msg, "The request signature we calculated does not match the signature you provided. Check your key and signing method. "+
		"The signature was checked for the host %.255q", host)
	for _, other := range others {
		fmt.Fprintf(&msg, " and for %.255q", other)
	}
	return msg.String() + "."
}

// checkSigned refuses a request whose host or x-amz-* headers are not all covered by the signature. Whoever
// is on the way could add or change the others.
func checkSigned(r *http.Request, signed string) error {
	if !signs(signed, "host") {
		return refuse(UnsignedHeaders, "There were headers present in the request which were not signed: host")
	}
	for name := range r.Header {
		if len(name) > 6 && strings.EqualFold(name[:6], "X-Amz-") && !signs(signed, name) {
			return refuse(UnsignedHeaders, "There were headers present in the request which were not signed: %s", strings.ToLower(name))
		}
	}
	return nil
}

// signs tells whether the list holds name, in any case.
func signs(signed, name string) bool {
	for len(signed) >= len(name) {
		item, rest, _ := strings.Cut(signed, ";")
		if len(item) == len(name) && strings.EqualFold(item, name) {
			return true
		}
		signed = rest
	}
	return false
}

// signingKey derives the key of one day, region and service.
func signingKey(secret, date, region, service string) [32]byte {
	k := sum([]byte("AWS4"+secret), date)
	k = sum(k[:], region)
	k = sum(k[:], service)
	return sum(k[:], terminator)
}

func sum(key []byte, s string) (out [32]byte) {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(s))
	h.Sum(out[:0])
	return out
}

// padSize is the length of what sign needs before a text: a block of SHA-256.
const padSize = sha256.BlockSize

// appendPad appends the room that sign needs.
func appendPad(dst []byte) []byte { return append(dst, make([]byte, padSize)...) }

// sign returns the signature of a text as 64 hex digits: its HMAC-SHA256 (RFC 2104) under key. The text stands behind
// an appendPad, whose bytes are used up. Written out it needs no memory; crypto/hmac takes seven pieces.
func sign(key *[32]byte, padded []byte) (out [64]byte) {
	pad := padded[:padSize]
	var outer [padSize + sha256.Size]byte
	for i := range padSize {
		k := byte(0)
		if i < len(key) {
			k = key[i]
		}
		pad[i], outer[i] = k^0x36, k^0x5c
	}
	inner := sha256.Sum256(padded)
	copy(outer[padSize:], inner[:])
	clear(pad) // it is as good as the key
	raw := sha256.Sum256(outer[:])
	hex.Encode(out[:], raw[:])
	return out
}
