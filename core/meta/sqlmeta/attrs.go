package sqlmeta

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"trivium/core"
)

// Attributes are read with every object and written with most: their JSON is the same as encoding/json's, but as long
// as all strings are plain ASCII, which is nearly always, it is read and written here, in a third of the time.

// attrsJSON returns the JSON of a. The result is appended to buf.
func attrsJSON(buf []byte, a *core.Attrs) ([]byte, error) {
	if b, ok := appendAttrs(buf, a); ok {
		return b, nil
	}
	all := *a
	b, err := json.Marshal(&all)
	if err != nil {
		return nil, fmt.Errorf("attributes: %w", err)
	}
	return append(buf, b...), nil
}

// scanAttrs decodes a column into a, which is empty; NULL leaves it so.
func scanAttrs(r Rows, col int, a *core.Attrs) error { return parseAttrs(r.Text(col), a) }

// parseAttrs is the reverse of attrsJSON; "" leaves a alone.
func parseAttrs(text string, a *core.Attrs) error {
	if text == "" {
		return nil
	}
	p := attrsParser{rest: text}
	p.attrs(a)
	if !p.strange && p.rest == "" {
		return nil
	}
	var all core.Attrs // not a itself: what encoding/json gets cannot lie on a stack
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return &core.Error{Code: core.Corrupt, Msg: "a row of the metadata store is damaged", Err: err}
	}
	*a = all
	return nil
}

// attrsParser reads what appendAttrs writes. Whatever else it meets is strange and left to encoding/json.
type attrsParser struct {
	rest    string
	strange bool
}

func (p *attrsParser) attrs(a *core.Attrs) {
	for name := range p.members {
		switch name {
		case "ct":
			a.ContentType = p.text()
		case "cc":
			a.CacheControl = p.text()
		case "cd":
			a.ContentDisposition = p.text()
		case "ce":
			a.ContentEncoding = p.text()
		case "cl":
			a.ContentLanguage = p.text()
		case "ex":
			a.Expires = p.text()
		case "wr":
			a.WebsiteRedirect = p.text()
		case "m":
			p.texts(&a.Metadata)
		case "t":
			p.texts(&a.Tags)
		case "cs":
			p.checksum(&a.Checksum)
		case "ps":
			p.raw(&a.PartsSHA256)
		default:
			p.strange = true
		}
	}
}

// raw reads bytes, which are base64.
func (p *attrsParser) raw(b *[]byte) {
	var err error
	if *b, err = base64.StdEncoding.Strict().DecodeString(p.text()); err != nil {
		p.strange = true
	}
}

func (p *attrsParser) checksum(c *core.Checksum) {
	for name := range p.members {
		switch name {
		case "a":
			c.Algorithm = p.text()
		case "c":
			if c.Composite = p.take("true"); !c.Composite {
				p.strange = true
			}
		case "v":
			c.Value = p.text()
		default:
			p.strange = true
		}
	}
}

func (p *attrsParser) texts(m *map[string]string) {
	if *m != nil {
		p.strange = true // encoding/json joins what comes twice
	}
	*m = make(map[string]string)
	for name := range p.members {
		(*m)[name] = p.text()
	}
}

// members reads an object: the names of its members, whose values the loop reads.
func (p *attrsParser) members(yield func(name string) bool) {
	if !p.take("{") {
		p.strange = true
		return
	}
	for first := true; !p.take("}"); first = false {
		if !first && !p.take(",") {
			p.strange = true
		}
		name := p.text()
		if !p.take(":") {
			p.strange = true
		}
		if p.strange || !yield(name) || p.strange {
			return
		}
	}
}

// text reads a string of plain characters.
func (p *attrsParser) text() string {
	if p.take(`"`) {
		for i := range len(p.rest) {
			switch c := p.rest[i]; {
			case c == '"':
				s := p.rest[:i]
				p.rest = p.rest[i+1:]
				return s
			case c < ' ' || c >= utf8.RuneSelf || c == '\\':
				p.strange = true
				return ""
			}
		}
	}
	p.strange = true
	return ""
}

func (p *attrsParser) take(s string) bool {
	rest, ok := strings.CutPrefix(p.rest, s)
	p.rest = rest
	return ok
}

// attrsWriter writes an object as encoding/json does. Strings that it would escape are strange.
type attrsWriter struct {
	buf     []byte
	strange bool
}

// appendAttrs appends the JSON of a; false for attributes that are rare or need escapes.
func appendAttrs(buf []byte, a *core.Attrs) ([]byte, bool) {
	if a.RetainUntil != 0 || a.RetainMode != "" || a.LegalHold || a.CreateReason != "" || a.ClientCreated != 0 {
		return buf, false
	}
	w := attrsWriter{buf: buf}
	first := len(buf)
	w.member("ct", a.ContentType)
	w.member("cc", a.CacheControl)
	w.member("cd", a.ContentDisposition)
	w.member("ce", a.ContentEncoding)
	w.member("cl", a.ContentLanguage)
	w.member("ex", a.Expires)
	w.member("wr", a.WebsiteRedirect)
	w.texts("m", a.Metadata)
	w.texts("t", a.Tags)
	if a.Checksum != (core.Checksum{}) {
		w.name("cs")
		start := len(w.buf)
		w.member("a", a.Checksum.Algorithm)
		if a.Checksum.Composite {
			w.name("c")
			w.buf = append(w.buf, "true"...)
		}
		w.member("v", a.Checksum.Value)
		w.close(start)
	}
	if len(a.PartsSHA256) > 0 {
		w.member("ps", base64.StdEncoding.EncodeToString(a.PartsSHA256))
	}
	w.close(first)
	return w.buf, !w.strange
}

// name begins a member; the comma before the first of an object becomes its brace in close.
func (w *attrsWriter) name(name string) {
	w.buf = append(w.buf, ',')
	w.text(name)
	w.buf = append(w.buf, ':')
}

// member writes a member unless it is empty.
func (w *attrsWriter) member(name, value string) {
	if value != "" {
		w.name(name)
		w.text(value)
	}
}

// texts writes a map in the order of its keys, unless it is empty.
func (w *attrsWriter) texts(name string, m map[string]string) {
	if len(m) == 0 {
		return
	}
	w.name(name)
	start := len(w.buf)
	var few [8]string
	keys := few[:0]
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		w.name(key)
		w.text(m[key])
	}
	w.close(start)
}

// close ends the object whose members were written from start on.
func (w *attrsWriter) close(start int) {
	if len(w.buf) == start {
		w.buf = append(w.buf, '{')
	} else {
		w.buf[start] = '{'
	}
	w.buf = append(w.buf, '}')
}

func (w *attrsWriter) text(s string) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			w.strange = true
			return
		}
	}
	w.buf = append(append(append(w.buf, '"'), s...), '"')
}
