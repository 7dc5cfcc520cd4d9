package davxml

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

// Fragment writes an element so that it stands for itself: every namespace it needs is declared in it, and xml:lang
// that was in scope is an attribute of it. Prefixes are the client's. Of what has more than MaxFragment bytes only a
// beginning is written, which is longer than that and no element.
func Fragment(n *Node) string {
	var b bytes.Buffer
	w := fragments{b: &b}
	w.element(n, n.Lang)
	return b.String()
}

// fragments writes elements.
type fragments struct {
	b     *bytes.Buffer
	scope []binding
}

// element writes n. lang, when not empty, is written where n has no xml:lang of its own.
func (w *fragments) element(n *Node, lang string) {
	if w.b.Len() > MaxFragment {
		return
	}
	if n.Name.Local == "" {
		Escape(w.b, n.Text)
		return
	}
	mark := len(w.scope)
	w.b.WriteByte('<')
	w.name(n.Prefix, n.Name.Local)
	w.need(n.Prefix, n.Name.Space)
	for _, a := range n.Attrs {
		if a.Prefix != "" {
			w.need(a.Prefix, a.Name.Space)
		}
		if a.Prefix == "xml" && a.Name.Local == "lang" {
			lang = ""
		}
		w.b.WriteByte(' ')
		w.name(a.Prefix, a.Name.Local)
		w.b.WriteString(`="`)
		Escape(w.b, a.Value)
		w.b.WriteByte('"')
	}
	if lang != "" {
		w.b.WriteString(` xml:lang="`)
		Escape(w.b, lang)
		w.b.WriteByte('"')
	}
	if len(n.Children) == 0 {
		w.b.WriteString("/>")
	} else {
		w.b.WriteByte('>')
		for _, c := range n.Children {
			w.element(c, "")
		}
		w.b.WriteString("</")
		w.name(n.Prefix, n.Name.Local)
		w.b.WriteByte('>')
	}
	w.scope = w.scope[:mark]
}

// name writes a qualified name.
func (w *fragments) name(prefix, local string) {
	if prefix != "" {
		w.b.WriteString(prefix)
		w.b.WriteByte(':')
	}
	w.b.WriteString(local)
}

// need declares a prefix unless it stands for that namespace already.
func (w *fragments) need(prefix, space string) {
	if prefix == "xml" {
		return
	}
	for _, b := range slices.Backward(w.scope) {
		if b.prefix == prefix {
			if b.space == space {
				return
			}
			break
		}
	}
	if prefix == "" && space == "" && len(w.scope) == 0 {
		return
	}
	w.scope = append(w.scope, binding{prefix, space})
	if prefix == "" {
		w.b.WriteString(` xmlns="`)
	} else {
		w.b.WriteString(` xmlns:` + prefix + `="`)
	}
	Escape(w.b, space)
	w.b.WriteByte('"')
}

// Escape writes text as content of an element or of an attribute in double quotes. What XML 1.0 cannot carry becomes
// U+FFFD.
func Escape(b *bytes.Buffer, s string) {
	last := 0
	for i := 0; i < len(s); {
		if plain(s[i]) {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		repl := ""
		switch {
		case r == '<':
			repl = "&lt;"
		case r == '>':
			repl = "&gt;"
		case r == '&':
			repl = "&amp;"
		case r == '"':
			repl = "&quot;"
		case r == '\r':
			repl = "&#13;"
		case r == '\n' || r == '\t':
		case r < ' ', r == 0xfffe, r == 0xffff, r == utf8.RuneError && size == 1:
			repl = "\uFFFD"
		}
		if repl != "" {
			b.WriteString(s[last:i])
			b.WriteString(repl)
			last = i + size
		}
		i += size
	}
	b.WriteString(s[last:])
}

// plain tells whether a byte is a character that is written as it is.
func plain(c byte) bool {
	return c >= ' ' && c < utf8.RuneSelf && c != '<' && c != '>' && c != '&' && c != '"'
}
