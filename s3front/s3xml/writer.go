package s3xml

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// Namespace is the default namespace of S3's documents.
const Namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// TimeFormat is how S3 writes times in XML, in UTC.
const TimeFormat = "2006-01-02T15:04:05.000Z"

// Writer builds a document. The zero value is ready. Names of elements are taken as they are.
type Writer struct {
	buf []byte
}

// Bytes returns the document so far; it is valid until the next call.
func (w *Writer) Bytes() []byte { return w.buf }

// Reset empties the writer and keeps its memory.
func (w *Writer) Reset() { w.buf = w.buf[:0] }

// Start writes the XML declaration and opens the root element in S3's namespace.
func (w *Writer) Start(root string) {
	w.Declare()
	w.buf = append(w.buf, '<')
	w.buf = append(w.buf, root...)
	w.buf = append(w.buf, ` xmlns="`+Namespace+`">`...)
}

// Declare writes the XML declaration.
func (w *Writer) Declare() {
	w.buf = append(w.buf, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"...)
}

// Open opens an element.
func (w *Writer) Open(name string) {
	w.buf = append(w.buf, '<')
	w.buf = append(w.buf, name...)
	w.buf = append(w.buf, '>')
}

// Close closes an element.
func (w *Writer) Close(name string) {
	w.buf = append(w.buf, '<', '/')
	w.buf = append(w.buf, name...)
	w.buf = append(w.buf, '>')
}

// Text writes an element with text, also when that is empty.
func (w *Writer) Text(name, value string) {
	w.Open(name)
	w.buf = appendEscaped(w.buf, value)
	w.Close(name)
}

// Escaped writes text inside the element that is open.
func (w *Writer) Escaped(value string) { w.buf = appendEscaped(w.buf, value) }

// TextOpt writes an element with text, or nothing when value is empty.
func (w *Writer) TextOpt(name, value string) {
	if value != "" {
		w.Text(name, value)
	}
}

// Int writes an element with a number.
func (w *Writer) Int(name string, value int64) {
	w.Open(name)
	w.buf = strconv.AppendInt(w.buf, value, 10)
	w.Close(name)
}

// Bool writes an element with true or false.
func (w *Writer) Bool(name string, value bool) {
	w.Open(name)
	w.buf = strconv.AppendBool(w.buf, value)
	w.Close(name)
}

// Time writes an element with a time in ns since 1970.
func (w *Writer) Time(name string, ns int64) {
	w.Open(name)
	w.buf = appendTime(w.buf, ns)
	w.Close(name)
}

// appendTime appends a time in ns since 1970 in TimeFormat, without AppendFormat, which reads the format anew
// for every time. An int64 of ns reaches from 1677 to 2262: years have four digits.
func appendTime(dst []byte, ns int64) []byte {
	t := time.Unix(0, ns).UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	dst = append(dst, byte('0'+year/1000), byte('0'+year/100%10))
	dst = append(appendTwo(dst, year%100), '-')
	dst = append(appendTwo(dst, int(month)), '-')
	dst = append(appendTwo(dst, day), 'T')
	dst = append(appendTwo(dst, hour), ':')
	dst = append(appendTwo(dst, minute), ':')
	dst = append(appendTwo(dst, second), '.')
	milli := t.Nanosecond() / 1e6
	return append(dst, byte('0'+milli/100), byte('0'+milli/10%10), byte('0'+milli%10), 'Z')
}

// appendTwo appends two digits.
func appendTwo(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

// ETag writes an element with a quoted ETag.
func (w *Writer) ETag(name, etag string) {
	w.Open(name)
	w.buf = append(w.buf, "&quot;"...)
	w.buf = appendEscaped(w.buf, etag)
	w.buf = append(w.buf, "&quot;"...)
	w.Close(name)
}

// appendEscaped escapes as AWS does: markup by entities, control characters by hexadecimal references. Of
// those XML 1.0 allows only tab, line feed and carriage return; keys with others come out as references that
// strict parsers refuse, as they do from AWS: clients ask for encoding-type=url, which has none of them. Bytes
// that are not UTF-8 become U+FFFD (keys never hold any).
func appendEscaped(dst []byte, s string) []byte {
	clean := 0 // start of what is not copied yet
	for i := 0; i < len(s); {
		if plain(s[i]) {
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		esc := escape(r, n)
		if esc == "" {
			i += n
			continue
		}
		dst = append(append(dst, s[clean:i]...), esc...)
		i += n
		clean = i
	}
	return append(dst, s[clean:]...)
}

// plain tells whether a byte is a character that stands as it is: a bit of two words for each of ASCII's.
func plain(c byte) bool {
	const (
		low  uint64 = (1<<64 - 1<<' ') &^ (1<<'<' | 1<<'>' | 1<<'&' | 1<<'"')
		high uint64 = 1<<63 - 1 // all but DEL
	)
	switch c >> 6 {
	case 0:
		return low>>c&1 != 0
	case 1:
		return high>>(c&63)&1 != 0
	}
	return false
}

// escape returns what stands for r, a rune of n bytes; "" when it may stand as it is.
func escape(r rune, n int) string {
	switch {
	case r == '<':
		return "&lt;"
	case r == '>':
		return "&gt;"
	case r == '&':
		return "&amp;"
	case r == '"':
		return "&quot;"
	case r == utf8.RuneError && n == 1:
		return "\uFFFD"
	case r < ' ', r == 0x7f, r == 0xfffe, r == 0xffff:
		return "&#x" + strconv.FormatInt(int64(r), 16) + ";"
	}
	return ""
}

// AppendURL appends s as encoding-type=url shows keys: percent-encoded but for the unreserved characters, "/" and
// "*". A space is %20, which decoders of forms and of paths read alike ("+" only the former).
func AppendURL(dst []byte, s string) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '-', c == '_', c == '.', c == '~', c == '/', c == '*':
			dst = append(dst, c)
		default:
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		}
	}
	return dst
}

// URL writes an element with text in the form of AppendURL.
func (w *Writer) URL(name, value string) {
	w.Open(name)
	w.buf = AppendURL(w.buf, value)
	w.Close(name)
}
