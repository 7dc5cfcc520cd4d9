package sigv4

import (
	"slices"
	"strings"
)

// Param is one decoded parameter of a query.
type Param struct {
	Name, Value string
	// Bare: there was no "=" (?acl rather than ?acl=).
	Bare bool
}

// Query holds the parameters of a request in the order they were sent.
type Query []Param

// ParseQuery decodes a raw query once: "+" is a space, "&" alone separates, empty pieces are skipped. Broken
// percent-encoding is a BadEncoding *Error.
func ParseQuery(raw string) (Query, error) {
	if raw == "" {
		return nil, nil
	}
	q := make(Query, 0, strings.Count(raw, "&")+1)
	for piece := range strings.SplitSeq(raw, "&") {
		if piece == "" {
			continue
		}
		name, value, found := strings.Cut(piece, "=")
		name, ok1 := unescape(name)
		value, ok2 := unescape(value)
		if !ok1 || !ok2 {
			return nil, refuse(BadEncoding, "The query string is not valid percent-encoding.")
		}
		q = append(q, Param{Name: name, Value: value, Bare: !found})
	}
	return q, nil
}

// Get returns the first value of name, "" when there is none.
func (q Query) Get(name string) string {
	v, _ := q.Lookup(name)
	return v
}

// Lookup returns the first value of name and whether there is one.
func (q Query) Lookup(name string) (string, bool) {
	for i := range q {
		if q[i].Name == name {
			return q[i].Value, true
		}
	}
	return "", false
}

// Has tells whether name is there, with a value or not.
func (q Query) Has(name string) bool {
	_, ok := q.Lookup(name)
	return ok
}

func (q Query) count(name string) int {
	n := 0
	for i := range q {
		if q[i].Name == name {
			n++
		}
	}
	return n
}

// unescape decodes percent-encoding and "+"; without either it returns s itself.
func unescape(s string) (string, bool) {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s, true
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '+':
			out = append(out, ' ')
		case '%':
			if i+2 >= len(s) {
				return "", false
			}
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi < 0 || lo < 0 {
				return "", false
			}
			out = append(out, byte(hi<<4|lo))
			i += 2
		default:
			out = append(out, s[i])
		}
	}
	return string(out), true
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '_' || c == '.' || c == '~'
}

// appendEncoded appends AWS's UriEncode(s): everything but the unreserved characters as %XX.
func appendEncoded(dst []byte, s string) []byte {
	for i := range len(s) {
		dst = appendOctet(dst, s[i])
	}
	return dst
}

func appendOctet(dst []byte, c byte) []byte {
	const digits = "0123456789ABCDEF"
	if unreserved(c) {
		return append(dst, c)
	}
	return append(dst, '%', digits[c>>4], digits[c&15])
}

// appendPath appends the canonical form of an escaped path: each octet encoded once, whether the client did
// so or not, slashes as they were sent.
func appendPath(dst []byte, escaped string) []byte {
	if escaped == "" {
		return append(dst, '/')
	}
	for i := 0; i < len(escaped); i++ {
		c := escaped[i]
		if c == '/' {
			dst = append(dst, c)
			continue
		}
		if c == '%' && i+2 < len(escaped) && unhex(escaped[i+1]) >= 0 && unhex(escaped[i+2]) >= 0 {
			c = byte(unhex(escaped[i+1])<<4 | unhex(escaped[i+2]))
			i += 2
		}
		dst = appendOctet(dst, c)
	}
	return dst
}

// appendTwice appends the canonical form of an escaped path for services that have it encoded once more.
func appendTwice(dst []byte, escaped string) []byte {
	for _, c := range appendPath(nil, escaped) {
		if c == '/' {
			dst = append(dst, c)
		} else {
			dst = appendOctet(dst, c)
		}
	}
	return dst
}

// appendQuery appends the canonical query: encoded, sorted by name, then by value, without the signature.
func appendQuery(dst []byte, q Query) []byte {
	if len(q) == 0 {
		return dst
	}
	type pair struct{ name, value string }
	var stack [16]pair
	pairs := stack[:0]
	for i := range q {
		if q[i].Name != paramSignature {
			pairs = append(pairs, pair{encoded(q[i].Name), encoded(q[i].Value)})
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	for i, p := range pairs {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(dst, p.name...)
		dst = append(dst, '=')
		dst = append(dst, p.value...)
	}
	return dst
}

// encoded is appendEncoded on strings; s itself when nothing needs encoding.
func encoded(s string) string {
	for i := range len(s) {
		if !unreserved(s[i]) {
			return string(appendEncoded(make([]byte, 0, len(s)+16), s))
		}
	}
	return s
}
