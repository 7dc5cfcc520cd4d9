package sigv4

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm      = "AWS4-HMAC-SHA256"
	terminator     = "aws4_request"
	timeFormat     = "20060102T150405Z"
	maxSkew        = 15 * time.Minute
	maxExpires     = 7 * 24 * 60 * 60 // seconds
	maxKeyLength   = 128
	paramAlgorithm = "X-Amz-Algorithm"
	paramKey       = "X-Amz-Credential"
	paramDate      = "X-Amz-Date"
	paramExpires   = "X-Amz-Expires"
	paramXExpires  = "X-Expires"
	paramSigned    = "X-Amz-SignedHeaders"
	paramSignature = "X-Amz-Signature"
	paramSession   = "X-Amz-Security-Token"
	paramPayload   = "X-Amz-Content-Sha256"
)

// claim is what a request says about its signature, before anything of it is believed.
type claim struct {
	accessKey, date, region, service string // of the credential
	scope                            string // date/region/service/aws4_request
	signed                           string // "host;x-amz-date"
	signature                        string // 64 hex digits
	stamp                            string // the request's time in timeFormat
	time                             time.Time
	expires                          time.Duration
	presigned                        bool
}

// kindOf tells how the request authenticates and refuses mixtures and foreign schemes.
func kindOf(r *http.Request, q Query) (Kind, error) {
	query := q.Has(paramAlgorithm) || q.Has(paramSignature) || q.Has(paramKey)
	version2 := q.Has("Signature") && q.Has("AWSAccessKeyId")
	header := r.Header["Authorization"]
	mechanisms := len(header)
	if query {
		mechanisms++
	}
	if version2 {
		mechanisms++
	}
	if mechanisms > 1 {
		return Anonymous, refuse(MultipleMechanisms, "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified")
	}
	switch {
	case version2:
		return Anonymous, errVersion2()
	case query:
		return Presigned, nil
	case len(header) == 0:
		return Anonymous, nil
	}
	scheme, _, _ := strings.Cut(header[0], " ")
	switch {
	case scheme == algorithm:
		return Header, nil
	case scheme == "AWS":
		return Anonymous, errVersion2()
	case strings.HasPrefix(scheme, "AWS4-"):
		return Anonymous, refuse(UnsupportedVariant, "The signing algorithm is not supported. Please use %s.", algorithm)
	}
	return Anonymous, refuse(UnsupportedScheme, "Unsupported Authorization Type")
}

func errVersion2() *Error {
	return refuse(UnsupportedVersion, "The authorization mechanism you have provided is not supported. Please use %s.", algorithm)
}

// parseHeader reads "AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=..." and the request's
// date. The three fields may come in any order, each once, nothing else.
func (v *Verifier) parseHeader(r *http.Request) (claim, error) {
	c := claim{}
	var credential string
	rest := strings.TrimPrefix(r.Header.Get("Authorization"), algorithm+" ")
	for field := range strings.SplitSeq(rest, ",") {
		name, value, ok := strings.Cut(strings.Trim(field, " "), "=")
		var to *string
		switch name {
		case "Credential":
			to = &credential
		case "SignedHeaders":
			to = &c.signed
		case "Signature":
			to = &c.signature
		}
		if !ok || to == nil || *to != "" || value == "" {
			return c, refuse(MalformedHeader, "The authorization header is malformed; it must hold Credential, SignedHeaders and Signature once each.")
		}
		*to = value
	}
	if err := v.parseCredential(&c, credential, MalformedHeader); err != nil {
		return c, err
	}
	if err := checkForm(&c, MalformedHeader); err != nil {
		return c, err
	}
	if r.Header.Get("X-Amz-Security-Token") != "" {
		return c, errToken()
	}
	if err := headerDate(r, &c); err != nil {
		return c, err
	}
	if c.stamp[:8] != c.date {
		return c, refuse(MalformedHeader, "The authorization header is malformed; the credential date %q is not the date %q of the request.", c.date, c.stamp[:8])
	}
	return c, nil
}

func errToken() *Error {
	return refuse(UnsupportedToken, "The provided token is malformed or otherwise invalid.")
}

func errDate() *Error {
	return refuse(MissingDate, "AWS authentication requires a valid Date or x-amz-date header")
}

// headerDate takes the time from x-amz-date, else from Date.
func headerDate(r *http.Request, c *claim) error {
	if stamp := r.Header.Get("X-Amz-Date"); stamp != "" {
		t, ok := parseStamp(stamp)
		if !ok || len(r.Header["X-Amz-Date"]) > 1 {
			return errDate()
		}
		c.stamp, c.time = stamp, t
		return nil
	}
	t, err := http.ParseTime(r.Header.Get("Date"))
	if err != nil {
		return errDate()
	}
	c.time = t.UTC()
	c.stamp = c.time.Format(timeFormat)
	return nil
}

// parseStamp reads yyyymmddThhmmssZ, and nothing that time.Parse accepts beyond it.
func parseStamp(s string) (time.Time, bool) {
	if len(s) != len(timeFormat) {
		return time.Time{}, false
	}
	t, err := time.Parse(timeFormat, s)
	return t, err == nil
}

// parseCredential splits accessKey/date/region/service/aws4_request from the right: the key may hold slashes.
func (v *Verifier) parseCredential(c *claim, credential string, reason Reason) error {
	bad := func(what string) error {
		return refuse(reason, "The credential is malformed; %s, expected <key>/YYYYMMDD/<region>/<service>/%s.", what, terminator)
	}
	rest := credential
	var parts [4]string
	for i := 3; i >= 0; i-- {
		slash := strings.LastIndexByte(rest, '/')
		if slash < 0 {
			return bad("it has too few parts")
		}
		parts[i], rest = rest[slash+1:], rest[:slash]
	}
	c.accessKey, c.date, c.region, c.service = rest, parts[0], parts[1], parts[2]
	c.scope = credential[len(rest)+1:]
	switch {
	case !keyForm(c.accessKey):
		return bad("the access key is not 1 to 128 printable characters")
	case !digits(c.date, 8):
		return bad("the date is not 8 digits")
	case c.region == "" || len(c.region) > 64:
		return bad("the region is missing")
	case !v.allowed(c.service):
		return bad("the service is not one of this server")
	case parts[3] != terminator:
		return bad("the end is wrong")
	}
	return nil
}

// allowed tells whether the service may stand in the scope.
func (v *Verifier) allowed(service string) bool {
	return slices.Contains(v.services, service)
}

func keyForm(s string) bool {
	if s == "" || len(s) > maxKeyLength {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func digits(s string, n int) bool {
	if len(s) != n {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// checkForm judges the signature's and the list of headers' form: 64 lower-case hex digits; lower-case names
// in strictly ascending order.
func checkForm(c *claim, reason Reason) error {
	if !hexHash(c.signature) {
		return refuse(reason, "The signature is malformed; expected 64 lower-case hex digits.")
	}
	last := ""
	for name := range strings.SplitSeq(c.signed, ";") {
		if !headerName(name) || name <= last {
			return refuse(reason, "SignedHeaders is malformed; expected lower-case header names in ascending order, separated by semicolons.")
		}
		last = name
	}
	return nil
}

func headerName(s string) bool {
	if s == "" || len(s) > maxHeaderName {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || 'A' <= c && c <= 'Z' || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return true
}

// hexHash tells whether s is 64 lower-case hex digits.
func hexHash(s string) bool {
	if len(s) != 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// parseQuery reads the X-Amz-* parameters of a presigned request, each exactly once.
func (v *Verifier) parseQuery(q Query) (claim, error) {
	c := claim{presigned: true, signed: q.Get(paramSigned), signature: q.Get(paramSignature), stamp: q.Get(paramDate)}
	expires := paramExpires
	if v.cfg.XExpires && !q.Has(paramExpires) {
		expires = paramXExpires
	}
	for _, name := range []string{paramAlgorithm, paramKey, paramSignature, paramDate, paramSigned, expires} {
		if q.count(name) != 1 {
			return c, refuse(MalformedQuery, "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
		}
	}
	if q.Get(paramAlgorithm) != algorithm {
		return c, refuse(MalformedQuery, "X-Amz-Algorithm only supports %q", algorithm)
	}
	if err := v.parseCredential(&c, q.Get(paramKey), MalformedQuery); err != nil {
		return c, err
	}
	if err := checkForm(&c, MalformedQuery); err != nil {
		return c, err
	}
	if q.Has(paramSession) {
		return c, errToken()
	}
	var ok bool
	if c.time, ok = parseStamp(c.stamp); !ok {
		return c, refuse(MalformedQuery, "X-Amz-Date must be in the ISO8601 Long Format %q", "yyyyMMdd'T'HHmmss'Z'")
	}
	if c.stamp[:8] != c.date {
		return c, refuse(MalformedQuery, "Invalid credential date %q. This date is not the same as X-Amz-Date: %q.", c.date, c.stamp[:8])
	}
	return c, parseExpires(&c, q.Get(expires))
}

func parseExpires(c *claim, s string) error {
	seconds, err := strconv.ParseInt(s, 10, 64)
	switch {
	case err != nil || s[0] == '+':
		return refuse(MalformedQuery, "X-Amz-Expires should be a number")
	case seconds < 1:
		return refuse(MalformedQuery, "X-Amz-Expires must be at least 1 second")
	case seconds > maxExpires:
		return refuse(MalformedQuery, "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than %d seconds", maxExpires)
	}
	c.expires = time.Duration(seconds) * time.Second
	return nil
}

// checkTime judges the request's time against now.
func (c *claim) checkTime(now time.Time) error {
	switch {
	case !c.presigned && (now.Sub(c.time) > maxSkew || c.time.Sub(now) > maxSkew):
		return refuse(Skewed, "The difference between the request time and the current time is too large.")
	case c.presigned && c.time.Sub(now) > maxSkew:
		return refuse(NotYetValid, "Request is not yet valid")
	case c.presigned && now.After(c.time.Add(c.expires)):
		return refuse(Expired, "Request has expired")
	}
	return nil
}
