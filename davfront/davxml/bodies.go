package davxml

import "bytes"

// Propfind says which properties a client asks for (RFC 4918 §14.20).
type Propfind struct {
	Names   bool // propname: the names alone
	All     bool // allprop
	Props   []Name
	Include []Name // beside those of allprop
}

// ParsePropfind reads a propfind document; an empty body is allprop (§9.1).
func ParsePropfind(body []byte) (Propfind, error) {
	var q Propfind
	if len(body) == 0 {
		q.All = true
		return q, nil
	}
	root, err := Parse(body)
	if err != nil {
		return q, err
	}
	if !root.Is("propfind") {
		return q, malformed("the root element is not propfind")
	}
	kinds := 0
	for _, c := range root.Elements() { // unknown ones are ignored (§17)
		switch {
		case c.Is("propname"):
			q.Names = true
			kinds++
		case c.Is("allprop"):
			q.All = true
			kinds++
		case c.Is("prop"):
			q.Props, err = names(c)
			kinds++
		case c.Is("include"):
			q.Include, err = names(c)
		}
		if err != nil {
			return q, err
		}
	}
	if kinds != 1 || q.Include != nil && !q.All {
		return q, malformed("one of propname, allprop and prop is wanted")
	}
	return q, nil
}

// names returns the names of the child elements, each once.
func names(n *Node) ([]Name, error) {
	all := make([]Name, 0, len(n.Children))
	seen := make(map[Name]bool)
	for _, c := range n.Elements() {
		if !seen[c.Name] {
			seen[c.Name] = true
			all = append(all, c.Name)
		}
	}
	if len(all) > maxProps {
		return nil, malformed("more than %d properties", maxProps)
	}
	return all, nil
}

// Change is one instruction of a propertyupdate: to set the property to Value, or to remove it where that is nil.
type Change struct {
	Name  Name
	Value *Node
}

// ParseUpdate reads a propertyupdate document (RFC 4918 §14.19): the changes in the order of the document.
func ParseUpdate(body []byte) ([]Change, error) {
	root, err := Parse(body)
	if err != nil {
		return nil, err
	}
	if !root.Is("propertyupdate") {
		return nil, malformed("the root element is not propertyupdate")
	}
	var all []Change
	for _, op := range root.Elements() {
		set := op.Is("set")
		if !set && !op.Is("remove") {
			continue
		}
		for _, prop := range op.Elements() {
			if !prop.Is("prop") {
				continue
			}
			for _, p := range prop.Elements() {
				c := Change{Name: p.Name}
				if set {
					c.Value = p
				}
				all = append(all, c)
			}
		}
	}
	if len(all) == 0 || len(all) > maxProps {
		return nil, malformed("a propertyupdate changes 1 to %d properties", maxProps)
	}
	return all, nil
}

// Lockinfo is what a client asks for with LOCK (RFC 4918 §14.11).
type Lockinfo struct {
	Shared bool
	Owner  string // the owner element as a fragment; "" where there is none
}

// ParseLockinfo reads a lockinfo document.
func ParseLockinfo(body []byte) (Lockinfo, error) {
	var l Lockinfo
	root, err := Parse(body)
	if err != nil {
		return l, err
	}
	if !root.Is("lockinfo") {
		return l, malformed("the root element is not lockinfo")
	}
	scope, kind := root.Child("lockscope"), root.Child("locktype")
	if scope == nil || kind == nil || kind.Child("write") == nil {
		return l, malformed("lockscope, and locktype with write, are wanted")
	}
	l.Shared = scope.Child("shared") != nil
	if l.Shared == (scope.Child("exclusive") != nil) {
		return l, malformed("lockscope is exclusive or shared")
	}
	if owner := root.Child("owner"); owner != nil {
		if l.Owner = Fragment(owner); len(l.Owner) > MaxFragment {
			return l, malformed("the owner has more than %d bytes", MaxFragment)
		}
	}
	return l, nil
}

// Empty writes an empty element of that name, which stands for itself.
func Empty(b *bytes.Buffer, n Name) {
	switch n.Space {
	case DAV:
		b.WriteString("<D:" + n.Local + "/>")
	case "":
		b.WriteString("<" + n.Local + ` xmlns=""/>`)
	default:
		b.WriteString("<n:" + n.Local + ` xmlns:n="`)
		Escape(b, n.Space)
		b.WriteString(`"/>`)
	}
}
