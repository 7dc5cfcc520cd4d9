package davxml

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// DAV is the namespace of WebDAV.
const DAV = "DAV:"

// The bounds of a document.
const (
	MaxBytes = 1 << 20 // of a document
	maxDepth = 64
	maxNodes = 20_000 // elements, attributes and runs of text
	maxName  = 1024   // bytes of a name, or of the address of a namespace
	maxScope = 256    // declarations in force at once
	maxProps = 500    // properties that are asked for, or changed
	// MaxFragment is about the most bytes that Fragment writes: a declaration that a short element needs may be long.
	MaxFragment = 128 << 10
)

// ErrMalformed is wrapped by errors of Parse: not well-formed (XML 1.0), not namespace-well-formed, or more than
// WebDAV has any use for.
var ErrMalformed = errors.New("malformed XML")

// Name is an expanded name.
type Name struct {
	Space, Local string
}

// String writes the name as {space}local.
func (n Name) String() string { return "{" + n.Space + "}" + n.Local }

// Attr is an attribute that declares no namespace.
type Attr struct {
	Name   Name
	Prefix string
	Value  string
}

// Node is an element, or a run of text when its Name is empty.
type Node struct {
	Name     Name
	Prefix   string // as the client wrote it; not part of the name, but kept (RFC 4918 §4.3)
	Attrs    []Attr
	Children []*Node
	Text     string
	Lang     string // xml:lang in scope, "" where there is none
}

// Is tells whether n is that element of WebDAV.
func (n *Node) Is(local string) bool { return n.Name == Name{DAV, local} }

// Elements returns the children that are elements.
func (n *Node) Elements() []*Node {
	var all []*Node
	for _, c := range n.Children {
		if c.Name.Local != "" {
			all = append(all, c)
		}
	}
	return all
}

// Child returns the first child of that name in WebDAV's namespace, or nil.
func (n *Node) Child(local string) *Node {
	for _, c := range n.Children {
		if c.Is(local) {
			return c
		}
	}
	return nil
}

// Content returns the text of n and all below it.
func (n *Node) Content() string {
	if n.Name.Local == "" {
		return n.Text
	}
	var b strings.Builder
	n.content(&b)
	return b.String()
}

// content writes what Content returns.
func (n *Node) content(b *strings.Builder) {
	b.WriteString(n.Text)
	for _, c := range n.Children {
		c.content(b)
	}
}

// Parse reads a document in UTF-8 or UTF-16. A DOCTYPE, and entities but the five of XML, are refused, and so are
// more than 64 levels or 20,000 nodes. Errors wrap ErrMalformed.
func Parse(body []byte) (*Node, error) {
	text, err := decode(body)
	if err != nil {
		return nil, err
	}
	p := &parser{dec: xml.NewDecoder(bytes.NewReader(text))}
	// The bytes are UTF-8 by now, whatever the declaration says that they were.
	p.dec.CharsetReader = func(label string, r io.Reader) (io.Reader, error) {
		if strings.HasPrefix(strings.ToLower(label), "utf-16") {
			return r, nil
		}
		return nil, fmt.Errorf("encoding %.40q is not supported", label)
	}
	if err := p.document(); err != nil {
		return nil, err
	}
	return p.root, nil
}

// decode returns the document in UTF-8.
func decode(body []byte) ([]byte, error) {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(body, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	case bytes.HasPrefix(body, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	default:
		if !utf8.Valid(body) {
			return nil, malformed("not UTF-8")
		}
		return bytes.TrimPrefix(body, []byte("\uFEFF")), nil
	}
	if len(body)%2 != 0 {
		return nil, malformed("half a character of UTF-16")
	}
	units := make([]uint16, 0, len(body)/2)
	for i := 2; i < len(body); i += 2 {
		units = append(units, order.Uint16(body[i:]))
	}
	return []byte(string(utf16.Decode(units))), nil
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// parser makes the tree. It reads raw tokens: encoding/xml lets undeclared prefixes pass.
type parser struct {
	dec   *xml.Decoder
	root  *Node
	open  []*Node   // from the root to the element that is read
	scope []binding // declarations in force, the innermost last
	marks []int     // len(scope) before each open element
	nodes int
	run   []byte // the text that is read: comments and CDATA do not end it
}

// binding declares a prefix; "" is the default namespace.
type binding struct{ prefix, space string }

// document reads all tokens.
func (p *parser) document() error {
	for {
		tok, err := p.dec.RawToken()
		if errors.Is(err, io.EOF) {
			if p.root == nil || len(p.open) > 0 {
				return malformed("the document ends too early")
			}
			return nil
		}
		if err != nil {
			return malformed("%v", err)
		}
		if err := p.token(tok); err != nil {
			return err
		}
	}
}

// token takes one token.
func (p *parser) token(tok xml.Token) error {
	switch t := tok.(type) {
	case xml.StartElement:
		p.endText()
		return p.start(t)
	case xml.EndElement:
		p.endText()
		return p.end(t)
	case xml.CharData:
		return p.text(t)
	case xml.Directive:
		return malformed("a document type is not allowed")
	case xml.ProcInst:
		if t.Target == "xml" && (p.root != nil || p.nodes > 0) {
			return malformed("an XML declaration stands at the beginning alone")
		}
	}
	return nil
}

// count counts one node more.
func (p *parser) count() error {
	if p.nodes++; p.nodes > maxNodes {
		return malformed("more than %d nodes", maxNodes)
	}
	return nil
}

// start opens an element.
func (p *parser) start(t xml.StartElement) error {
	if len(p.open) == 0 && p.root != nil {
		return malformed("more than one root element")
	}
	if len(p.open) >= maxDepth {
		return malformed("more than %d levels", maxDepth)
	}
	if err := p.count(); err != nil {
		return err
	}
	mark := len(p.scope)
	for _, a := range t.Attr {
		if err := p.declare(a, mark); err != nil {
			return err
		}
	}
	n := &Node{Prefix: t.Name.Space}
	if len(p.open) > 0 {
		n.Lang = p.open[len(p.open)-1].Lang
	}
	var err error
	if n.Name, err = p.expand(t.Name, false); err != nil {
		return err
	}
	if err := p.attributes(n, t.Attr); err != nil {
		return err
	}
	if len(p.open) == 0 {
		p.root = n
	} else {
		parent := p.open[len(p.open)-1]
		parent.Children = append(parent.Children, n)
	}
	p.open, p.marks = append(p.open, n), append(p.marks, mark)
	return nil
}

// attributes adds what is no declaration.
func (p *parser) attributes(n *Node, all []xml.Attr) error {
	seen := make(map[Name]bool, len(all))
	for _, a := range all {
		if declares(a.Name) {
			continue
		}
		if err := p.count(); err != nil {
			return err
		}
		name, err := p.expand(a.Name, true)
		if err != nil {
			return err
		}
		if seen[name] {
			return malformed("an attribute is given twice")
		}
		seen[name] = true
		if a.Name.Space == "xml" && a.Name.Local == "lang" {
			n.Lang = a.Value
		}
		n.Attrs = append(n.Attrs, Attr{Name: name, Prefix: a.Name.Space, Value: a.Value})
	}
	return nil
}

// declares tells whether an attribute is the declaration of a namespace.
func declares(n xml.Name) bool { return n.Space == "xmlns" || n.Space == "" && n.Local == "xmlns" }

const (
	xmlSpace   = "http://www.w3.org/XML/1998/namespace"
	xmlnsSpace = "http://www.w3.org/2000/xmlns/"
)

// declare takes a declaration of a namespace (Namespaces in XML 1.0 §3, §5); other attributes are none. mark is where
// those of this element begin.
func (p *parser) declare(a xml.Attr, mark int) error {
	if !declares(a.Name) {
		return nil
	}
	if err := p.count(); err != nil {
		return err
	}
	b := binding{space: a.Value}
	if a.Name.Space == "xmlns" {
		b.prefix = a.Name.Local
	}
	switch {
	case len(p.scope) >= maxScope:
		return malformed("more than %d declarations of namespaces", maxScope)
	case len(b.space) > maxName:
		return malformed("the address of a namespace has more than %d bytes", maxName)
	case b.prefix != "" && b.space == "":
		return malformed("the prefix %.40q is bound to nothing", b.prefix)
	case b.prefix == "xmlns" || (b.prefix == "xml") != (b.space == xmlSpace) || b.space == xmlnsSpace:
		return malformed("a reserved prefix or namespace is declared")
	}
	for _, other := range p.scope[mark:] {
		if other.prefix == b.prefix {
			return malformed("a prefix is declared twice")
		}
	}
	p.scope = append(p.scope, b)
	return nil
}

// expand finds the namespace of a name. Attributes without a prefix have none.
func (p *parser) expand(n xml.Name, attr bool) (Name, error) {
	if n.Local == "" || len(n.Local) > maxName || strings.Contains(n.Local, ":") {
		return Name{}, malformed("a name is empty, too long or has two colons")
	}
	if n.Space == "xml" {
		return Name{xmlSpace, n.Local}, nil
	}
	if n.Space == "" && attr {
		return Name{"", n.Local}, nil
	}
	for _, b := range slices.Backward(p.scope) {
		if b.prefix == n.Space {
			return Name{b.space, n.Local}, nil
		}
	}
	if n.Space == "" {
		return Name{"", n.Local}, nil
	}
	return Name{}, malformed("the prefix %.40q is not declared", n.Space)
}

// end closes the innermost element.
func (p *parser) end(t xml.EndElement) error {
	if len(p.open) == 0 {
		return malformed("an element ends that did not begin")
	}
	last := len(p.open) - 1
	if n := p.open[last]; n.Prefix != t.Name.Space || n.Name.Local != t.Name.Local {
		return malformed("the element %.40q ends as %.40q", n.Name.Local, t.Name.Local)
	}
	p.scope = p.scope[:p.marks[last]]
	p.open, p.marks = p.open[:last], p.marks[:last]
	return nil
}

// text adds to a run of text. Each piece counts as a node.
func (p *parser) text(piece []byte) error {
	if len(p.open) == 0 {
		if len(bytes.Trim(piece, " \t\r\n")) > 0 {
			return malformed("text outside of the root element")
		}
		return nil
	}
	p.run = append(p.run, piece...)
	return p.count()
}

// endText ends a run of text, if there is one.
func (p *parser) endText() {
	if len(p.run) == 0 {
		return
	}
	parent := p.open[len(p.open)-1]
	parent.Children = append(parent.Children, &Node{Text: string(p.run)})
	p.run = p.run[:0]
}
