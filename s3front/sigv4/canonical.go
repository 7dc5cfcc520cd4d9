package sigv4

import (
	"net/http"
	"strconv"
	"strings"
)

const maxHeaderName = 128

// canonicalParts are the parts of a canonical request that are not in the request itself.
type canonicalParts struct {
	host, signed, payload string
	twice                 bool // the path is encoded twice
}

// appendCanonical appends the canonical request of r (AWS General Reference, "Create a canonical request").
func appendCanonical(dst []byte, r *http.Request, q Query, parts canonicalParts) ([]byte, error) {
	dst = append(dst, r.Method...)
	dst = append(dst, '\n')
	if parts.twice {
		dst = appendTwice(dst, r.URL.EscapedPath())
	} else {
		dst = appendPath(dst, r.URL.EscapedPath())
	}
	dst = append(dst, '\n')
	dst = appendQuery(dst, q)
	dst = append(dst, '\n')
	for name := range strings.SplitSeq(parts.signed, ";") {
		dst = append(dst, name...)
		dst = append(dst, ':')
		var ok bool
		if name == "host" {
			dst, ok = append(dst, parts.host...), true
		} else {
			dst, ok = appendHeader(dst, r, name)
		}
		if !ok {
			return dst, refuse(Mismatch, "The signed header %q is not in the request.", name)
		}
		dst = append(dst, '\n')
	}
	dst = append(dst, '\n')
	dst = append(dst, parts.signed...)
	dst = append(dst, '\n')
	return append(dst, parts.payload...), nil
}

// appendHeader appends the trimmed values of a header, joined by commas, and whether there are any. What
// net/http moves out of the header map is put back.
func appendHeader(dst []byte, r *http.Request, name string) ([]byte, bool) {
	if name == "transfer-encoding" {
		return append(dst, strings.Join(r.TransferEncoding, ",")...), len(r.TransferEncoding) > 0
	}
	var key [maxHeaderName]byte
	values := r.Header[string(canonicalKey(key[:0], name))]
	if len(values) == 0 {
		switch {
		case name == "content-length" && r.ContentLength >= 0:
			return strconv.AppendInt(dst, r.ContentLength, 10), true
		case name == "expect" && r.ProtoMajor >= 2: // taken out there, and only when it is this
			return append(dst, "100-continue"...), true
		}
	}
	for i, value := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendTrimmed(dst, value)
	}
	return dst, len(values) > 0
}

// canonicalKey appends name as net/http spells it in a Header: Content-Type. It saves the allocation that
// http.Header.Get makes for rare names in lower case.
func canonicalKey(dst []byte, name string) []byte {
	upper := true
	for i := range len(name) {
		c := name[i]
		if upper && 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		dst = append(dst, c)
		upper = c == '-'
	}
	return dst
}

// appendTrimmed appends value without spaces around it and with each run of spaces inside as one.
func appendTrimmed(dst []byte, value string) []byte {
	value = strings.Trim(value, " \t")
	if !strings.Contains(value, "  ") {
		return append(dst, value...)
	}
	for i := range len(value) {
		if value[i] != ' ' || value[i-1] != ' ' {
			dst = append(dst, value[i])
		}
	}
	return dst
}

// appendStringToSign appends all of a string to sign but its hash.
func appendStringToSign(dst []byte, algorithm, stamp, scope string) []byte {
	dst = append(dst, algorithm...)
	dst = append(dst, '\n')
	dst = append(dst, stamp...)
	dst = append(dst, '\n')
	dst = append(dst, scope...)
	return append(dst, '\n')
}
