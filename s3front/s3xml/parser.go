package s3xml

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ErrMalformed is wrapped by every error of Parse: the document is not well-formed, or uses what S3's
// documents have no use for.
var ErrMalformed = errors.New("malformed XML")

const (
	maxDepth = 16
	// MaxElements bounds the memory of a tree: a completion of 10,000 parts with a checksum each has 40,001.
	MaxElements = 100_000
)

// Node is an element: its local name (a prefix is dropped), its text (of all its runs) and its children.
type Node struct {
	Name     string
	Text     string
	Children []Node
}

// Child returns the first child of that name, or nil.
func (n *Node) Child(name string) *Node {
	for i := range n.Children {
		if n.Children[i].Name == name {
			return &n.Children[i]
		}
	}
	return nil
}

// Repeats tells whether two children have one name: where each stands for one thing, nobody knows which is meant.
func (n *Node) Repeats() bool {
	for i := range n.Children {
		for j := range i {
			if n.Children[i].Name == n.Children[j].Name {
				return true
			}
		}
	}
	return false
}

// Value returns the text of the first child of that name without white space around it, "" if there is none.
func (n *Node) Value(name string) string {
	c := n.Child(name)
	if c == nil {
		return ""
	}
	return strings.TrimSpace(c.Text)
}

// Parse reads a document in UTF-8. It accepts elements, attributes (which are checked and dropped), text,
// CDATA, comments, processing instructions, the five entities and character references. Everything else, in
// particular a DOCTYPE, more than 16 levels or MaxElements elements, is an error that wraps ErrMalformed.
// The tree shares memory with a copy of body, which may be changed afterwards.
func Parse(body []byte) (*Node, error) {
	if !utf8.Valid(body) {
		return nil, malformed(0, "not UTF-8")
	}
	p := parser{s: strings.TrimPrefix(string(body), "\uFEFF"), open: make([]Node, 0, elements(body))}
	root := Node{}
	if err := p.children(&root, 0); err != nil {
		return nil, err
	}
	if len(root.Children) != 1 || strings.TrimSpace(root.Text) != "" {
		return nil, malformed(p.i, "expected one root element")
	}
	return &root.Children[0], nil
}

// Cost returns the most bytes that Parse allocates for body: a copy of it, its texts with two steps of decoding and
// one of joining them, what the allocator rounds up, and the nodes of the tree, each also in the list of those whose
// parent is still open.
func Cost(body []byte) int64 {
	const fixed, perByte, perElement = 1024, 6, 128
	return fixed + perByte*int64(len(body)) + perElement*int64(elements(body))
}

// elements returns how many elements body has at most, up to MaxElements.
func elements(body []byte) int {
	n := 0
	for n < MaxElements {
		at := bytes.IndexByte(body, '<')
		if at < 0 || at == len(body)-1 {
			break
		}
		body = body[at+1:]
		if c := body[0]; c != '/' && c != '!' && c != '?' {
			n++
		}
	}
	return n
}

func malformed(at int, what string) error {
	return fmt.Errorf("%w: %s at byte %d", ErrMalformed, what, at)
}

type parser struct {
	s     string
	i     int
	count int
	// open holds the children read so far of all elements that are not closed yet, those of the innermost last. It
	// never grows: appending to Children itself would allocate several times what is kept.
	open []Node
	// texts holds the texts of several runs of such elements in the same way; nil until there is one.
	texts []byte
}

// children reads the content of n up to its end tag, or to the end of the document at depth 0.
func (p *parser) children(n *Node, depth int) error {
	var t textRuns
	first := len(p.open)
	for {
		run, err := p.text()
		if err != nil {
			return err
		}
		p.add(&t, run)
		rest := p.s[p.i:]
		switch {
		case rest == "" && depth > 0:
			return malformed(p.i, "missing end tag")
		case rest == "":
			n.Text = p.whole(&t)
			p.close(n, first)
			return nil
		case strings.HasPrefix(rest, "</") && depth == 0:
			return malformed(p.i, "unexpected end tag")
		case strings.HasPrefix(rest, "</"):
			n.Text = p.whole(&t)
			p.close(n, first)
			return p.endTag(n)
		case strings.HasPrefix(rest, "<!") || strings.HasPrefix(rest, "<?"):
			run, err = p.special(depth)
			p.add(&t, run)
		default:
			err = p.element(depth)
		}
		if err != nil {
			return err
		}
	}
}

// close gives n the children that were read since there were first of them.
func (p *parser) close(n *Node, first int) {
	if len(p.open) > first {
		n.Children = make([]Node, len(p.open)-first)
		copy(n.Children, p.open[first:])
		p.open = p.open[:first]
	}
}

// textRuns is the text of an element as it is read; a single run is not copied.
type textRuns struct {
	first  string
	joined bool // the runs are in the parser's texts, from at on
	at     int
}

// add appends a run to t, in time linear to it.
func (p *parser) add(t *textRuns, run string) {
	switch {
	case run == "":
	case t.first == "":
		t.first = run
	case !t.joined:
		if p.texts == nil {
			p.texts = make([]byte, 0, len(p.s))
		}
		t.joined, t.at = true, len(p.texts)
		p.texts = append(append(p.texts, t.first...), run...)
	default:
		p.texts = append(p.texts, run...)
	}
}

// whole returns the text of t, to which nothing is added any more.
func (p *parser) whole(t *textRuns) string {
	if !t.joined {
		return t.first
	}
	s := string(p.texts[t.at:])
	p.texts = p.texts[:t.at]
	return s
}

// element reads a start tag with its content and end tag, or an empty-element tag.
func (p *parser) element(depth int) error {
	start := p.i
	p.i++
	name, err := p.name()
	if err != nil {
		return err
	}
	if depth >= maxDepth {
		return malformed(start, "too many levels")
	}
	if p.count++; p.count > MaxElements {
		return malformed(start, "too many elements")
	}
	empty, err := p.attributes()
	if err != nil {
		return err
	}
	// The full name is kept until the end tag was compared.
	n := Node{Name: name}
	if !empty {
		if err := p.children(&n, depth+1); err != nil {
			return err
		}
	}
	if _, local, ok := strings.Cut(name, ":"); ok {
		n.Name = local
	}
	p.open = append(p.open, n)
	return nil
}

func (p *parser) endTag(n *Node) error {
	p.i += 2
	name, err := p.name()
	if err != nil {
		return err
	}
	p.space()
	if name != n.Name || !p.take(">") {
		return malformed(p.i, "end tag does not match")
	}
	return nil
}

// attributes reads attributes up to the end of the start tag and tells whether that is an empty-element tag.
func (p *parser) attributes() (empty bool, err error) {
	for {
		spaced := p.space()
		switch {
		case p.take(">"):
			return false, nil
		case p.take("/>"):
			return true, nil
		case !spaced:
			return false, malformed(p.i, "malformed tag")
		}
		if _, err := p.name(); err != nil {
			return false, err
		}
		p.space()
		if !p.take("=") {
			return false, malformed(p.i, "attribute without value")
		}
		p.space()
		if err := p.attributeValue(); err != nil {
			return false, err
		}
	}
}

func (p *parser) attributeValue() error {
	if p.i >= len(p.s) || p.s[p.i] != '"' && p.s[p.i] != '\'' {
		return malformed(p.i, "attribute without quotes")
	}
	end := strings.IndexByte(p.s[p.i+1:], p.s[p.i])
	if end < 0 {
		return malformed(p.i, "attribute without end")
	}
	value := p.s[p.i+1 : p.i+1+end]
	if strings.IndexByte(value, '<') >= 0 {
		return malformed(p.i, "< in an attribute")
	}
	if _, err := unescape(value, p.i); err != nil {
		return err
	}
	p.i += end + 2
	return nil
}

// special reads a comment, CDATA, whose text it returns, or a processing instruction.
func (p *parser) special(depth int) (string, error) {
	start := p.i
	switch {
	case p.take("<!--"):
		body, ok := p.until("-->")
		if !ok || strings.Contains(body, "--") || strings.HasSuffix(body, "-") || !chars(body) {
			return "", malformed(start, "malformed comment")
		}
		return "", nil
	case depth > 0 && p.take("<![CDATA["):
		body, ok := p.until("]]>")
		if !ok || !chars(body) {
			return "", malformed(start, "malformed CDATA")
		}
		return lines(body), nil
	case p.take("<?"):
		name, err := p.name()
		if err != nil {
			return "", err
		}
		ended := strings.HasPrefix(p.s[p.i:], "?>") || p.space()
		body, ok := p.until("?>")
		if !ok || !ended || !chars(body) || strings.EqualFold(name, "xml") && (start > 0 || !declaration(body)) {
			return "", malformed(start, "malformed processing instruction")
		}
		return "", nil
	}
	return "", malformed(start, "document types are not accepted")
}

// declaration tells whether the body of <?xml ... ?> names version 1.0 and, if any, UTF-8 as the encoding.
func declaration(body string) bool {
	body = strings.ReplaceAll(body, "'", `"`)
	if !strings.Contains(body, `version="1.0"`) {
		return false
	}
	_, encoding, ok := strings.Cut(body, `encoding="`)
	return !ok || len(encoding) >= 6 && strings.EqualFold(encoding[:6], `utf-8"`)
}

// text reads character data up to the next tag.
func (p *parser) text() (string, error) {
	start := p.i
	if end := strings.IndexByte(p.s[p.i:], '<'); end >= 0 {
		p.i += end
	} else {
		p.i = len(p.s)
	}
	raw := p.s[start:p.i]
	if strings.Contains(raw, "]]>") {
		return "", malformed(start, "]]> in text")
	}
	return unescape(raw, start)
}

// name reads a name of ASCII letters, digits and "-_.:" that begins with a letter or "_". At most one colon, not at
// either end. XML allows characters beyond ASCII too; no document of S3 has such names.
func (p *parser) name() (string, error) {
	start := p.i
	for p.i < len(p.s) && nameByte(p.s[p.i], p.i == start) {
		p.i++
	}
	name := p.s[start:p.i]
	if name == "" || strings.Count(name, ":") > 1 || strings.HasSuffix(name, ":") {
		return "", malformed(start, "malformed name")
	}
	return name, nil
}

func nameByte(c byte, first bool) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_':
		return true
	}
	return !first && ('0' <= c && c <= '9' || c == '-' || c == '.' || c == ':')
}

func (p *parser) space() bool {
	start := p.i
	for p.i < len(p.s) && strings.IndexByte(" \t\r\n", p.s[p.i]) >= 0 {
		p.i++
	}
	return p.i > start
}

func (p *parser) take(prefix string) bool {
	if !strings.HasPrefix(p.s[p.i:], prefix) {
		return false
	}
	p.i += len(prefix)
	return true
}

func (p *parser) until(end string) (string, bool) {
	at := strings.Index(p.s[p.i:], end)
	if at < 0 {
		return "", false
	}
	body := p.s[p.i : p.i+at]
	p.i += at + len(end)
	return body, true
}

// chars tells whether s holds only characters of XML 1.0.
func chars(s string) bool {
	for i, r := range s {
		if r < ' ' || r >= 0xd800 {
			return allChars(s[i:])
		}
	}
	return true
}

func allChars(s string) bool {
	for _, r := range s {
		if !char(r) {
			return false
		}
	}
	return true
}

func char(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || ' ' <= r && r <= 0xd7ff || 0xe000 <= r && r <= 0xfffd ||
		0x10000 <= r && r <= utf8.MaxRune
}

// lines makes every end of line a line feed (XML 1.0 §2.11).
func lines(s string) string {
	at := strings.IndexByte(s, '\r')
	if at < 0 {
		return s
	}
	var out strings.Builder
	out.Grow(len(s))
	for ; at >= 0; at = strings.IndexByte(s, '\r') {
		out.WriteString(s[:at])
		out.WriteByte('\n')
		s = strings.TrimPrefix(s[at+1:], "\n")
	}
	out.WriteString(s)
	return out.String()
}

// unescape resolves entities and character references of a run of text that begins at byte at.
func unescape(s string, at int) (string, error) {
	if !chars(s) {
		return "", malformed(at, "forbidden character")
	}
	s = lines(s)
	amp := strings.IndexByte(s, '&')
	if amp < 0 {
		return s, nil
	}
	var out strings.Builder
	out.Grow(len(s))
	for amp >= 0 {
		out.WriteString(s[:amp])
		s = s[amp+1:]
		ref, rest, ok := strings.Cut(s, ";")
		r := reference(ref)
		if !ok || r < 0 {
			return "", malformed(at, "unknown entity")
		}
		out.WriteRune(r)
		s = rest
		amp = strings.IndexByte(s, '&')
	}
	out.WriteString(s)
	return out.String(), nil
}

// reference returns the character an entity stands for, -1 for any but the five of XML and references to
// control characters: those S3 takes, since a key may hold them and its own listings name them so. NUL and
// what is no character at all are -1.
func reference(name string) rune {
	switch name {
	case "lt":
		return '<'
	case "gt":
		return '>'
	case "amp":
		return '&'
	case "quot":
		return '"'
	case "apos":
		return '\''
	}
	digits, ok := strings.CutPrefix(name, "#")
	if !ok {
		return -1
	}
	base := 10
	if hex, ok := strings.CutPrefix(digits, "x"); ok {
		digits, base = hex, 16
	}
	v, err := strconv.ParseUint(digits, base, 32)
	if err != nil || v == 0 || v > utf8.MaxRune || !utf8.ValidRune(rune(v)) {
		return -1
	}
	return rune(v)
}
