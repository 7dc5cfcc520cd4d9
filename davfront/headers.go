package davfront

import (
	"math"
	"net/http"
	"strings"
	"time"

	"trivium/core"
)

// depth is the header Depth (RFC 4918 §10.2).
type depth int

const (
	depthZero depth = iota
	depthOne
	depthInfinity
)

// parseDepth reads Depth, which must be one of the allowed; absent it is the last of them.
func parseDepth(h http.Header, allowed ...depth) (depth, error) {
	values := h.Values("Depth")
	if len(values) == 0 {
		return allowed[len(allowed)-1], nil
	}
	for _, d := range allowed {
		if len(values) == 1 && strings.EqualFold(strings.TrimSpace(values[0]), d.String()) {
			return d, nil
		}
	}
	names := make([]string, len(allowed))
	for i, d := range allowed {
		names[i] = d.String()
	}
	return 0, badRequest("Depth: it must be " + strings.Join(names, " or ") + " here")
}

// String is how the header is written.
func (d depth) String() string {
	switch d {
	case depthZero:
		return "0"
	case depthOne:
		return "1"
	case depthInfinity:
	}
	return "infinity"
}

// parseOverwrite reads Overwrite (§10.6); absent it is T.
func parseOverwrite(h http.Header) (bool, error) {
	values := h.Values("Overwrite")
	switch {
	case len(values) == 0, len(values) == 1 && strings.EqualFold(values[0], "T"):
		return true, nil
	case len(values) == 1 && strings.EqualFold(values[0], "F"):
		return false, nil
	}
	return false, badRequest("Overwrite: it must be T or F")
}

// defaultLockTime is for a client that does not say for how long.
const defaultLockTime = time.Hour

// parseTimeout reads Timeout (§10.7): the first value that can be read. It is a wish; what is given is in the answer.
func parseTimeout(h http.Header) time.Duration {
	for value := range strings.SplitSeq(h.Get("Timeout"), ",") {
		value = strings.TrimSpace(value)
		if strings.EqualFold(value, "infinite") {
			return core.MaxLockTime
		}
		if len(value) <= len("Second-") || !strings.EqualFold(value[:len("Second-")], "Second-") {
			continue
		}
		if n, ok := decimal(value[len("Second-"):]); ok {
			return time.Duration(min(n, int64(core.MaxLockTime/time.Second))) * time.Second
		}
	}
	return defaultLockTime
}

// decimal reads digits alone; what an int64 cannot hold is a number near a tenth of the largest one.
func decimal(s string) (int64, bool) {
	if s == "" {
		return 0, false
	}
	var n int64
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		if n > (math.MaxInt64-9)/10 {
			n = math.MaxInt64 / 10
			continue
		}
		n = n*10 + int64(s[i]-'0')
	}
	return n, true
}

// parseRange reads one byte range. What is malformed, has another unit or several ranges is no range at all
// (RFC 9110 §14.2): the whole is answered.
func parseRange(h http.Header) *core.Range {
	values := h.Values("Range")
	if len(values) != 1 {
		return nil
	}
	spec, ok := strings.CutPrefix(values[0], "bytes=")
	first, last, dash := strings.Cut(strings.TrimSpace(spec), "-")
	if !ok || !dash {
		return nil
	}
	if first == "" {
		n, ok := decimal(last)
		switch {
		case !ok:
			return nil
		case n == 0:
			return &core.Range{First: math.MaxInt64, Last: -1} // the last 0 bytes: not satisfiable
		}
		return &core.Range{First: -n, Last: -1}
	}
	from, ok := decimal(first)
	if !ok {
		return nil
	}
	if last == "" {
		return &core.Range{First: from, Last: -1}
	}
	to, ok := decimal(last)
	if !ok || to < from {
		return nil
	}
	return &core.Range{First: from, Last: to}
}

// parseIfRange reads If-Range: an HTTP date or, as anything else is taken for one, an entity tag. A weak one keeps its
// mark, so that no content has it. A date is compared with the time of the write: the client's own, which Last-Modified
// shows, may be the same for different content, so it is no strong validator (RFC 9110 §13.1.5) and the whole is sent.
func parseIfRange(h http.Header) *core.Validator {
	value := h.Get("If-Range")
	if value == "" {
		return nil
	}
	if t, err := http.ParseTime(value); err == nil {
		return &core.Validator{UpdateTime: nanos(t)}
	}
	return &core.Validator{ETag: unquote(value)}
}

// conditions reads the preconditions of RFC 9110 §13. Those on times hold for the time that Last-Modified shows.
func conditions(h http.Header) core.Conditions {
	return core.Conditions{
		IfMatch: etags(h.Values("If-Match")), IfNoneMatch: etags(h.Values("If-None-Match")),
		IfModifiedSince: httpDate(h.Get("If-Modified-Since")), IfUnmodifiedSince: httpDate(h.Get("If-Unmodified-Since")),
		FileTime: true,
	}
}

// writeConditions are those that hold for writes: of the dates If-Modified-Since is not (RFC 9110 §13.1.3).
func writeConditions(h http.Header) core.Conditions {
	c := conditions(h)
	c.IfModifiedSince = 0
	return c
}

// etags reads a list of entity tags: quotes are dropped, a weak tag keeps its mark.
func etags(values []string) []string {
	var out []string
	for item := range strings.SplitSeq(strings.Join(values, ","), ",") {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, unquote(item))
		}
	}
	return out
}

// unquote drops the quotes of an entity tag. They stay where without them it would be another thing: * stands for any
// file, and a folder has no tag.
func unquote(etag string) string {
	if len(etag) >= 2 && etag[0] == '"' && etag[len(etag)-1] == '"' && etag != `"*"` && etag != `""` {
		return etag[1 : len(etag)-1]
	}
	return etag
}

// httpDate reads an HTTP date as ns since 1970; 0 when there is none or it does not parse (RFC 9110 §13.1.3).
func httpDate(value string) int64 {
	t, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return nanos(t)
}

// nanos is t in ns since 1970, or the nearest that can be said: 0 is no time at all, and an int64 reaches from 1677 to
// 2262.
func nanos(t time.Time) int64 {
	const most = math.MaxInt64/int64(time.Second) - 1
	switch s := t.Unix(); {
	case s == 0:
		return 1
	case s > most:
		return math.MaxInt64
	case s < -most:
		return math.MinInt64 + 1
	}
	return t.UnixNano()
}

// httpTime writes ns since 1970 as an HTTP date.
func httpTime(ns int64) string { return time.Unix(0, ns).UTC().Format(http.TimeFormat) }

// parseMTime reads X-OC-Mtime: seconds since 1970, with decimals from some clients. false: it is malformed.
func parseMTime(s string) (ns int64, ok bool) { return core.ParseMTime(strings.TrimSpace(s)) }
