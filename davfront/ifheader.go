package davfront

import (
	"strings"

	"trivium/core"
)

// The bounds of an If header.
const (
	maxIf       = 32 << 10 // bytes
	maxIfStates = 500
)

// parseIf reads the header If (RFC 4918 §10.4).
func parseIf(r *request) (core.Guard, error) {
	values := r.Header.Values("If")
	if len(values) == 0 {
		return core.Guard{}, nil
	}
	text := strings.Join(values, " ")
	if len(text) > maxIf {
		return core.Guard{}, badRequest("If: it is too long")
	}
	p := ifParser{rest: text, resolve: r.resolve}
	g, ok, err := p.header(r.at.Path)
	if err == nil && !ok {
		err = badRequest("If: it cannot be read")
	}
	return g, err
}

// ifParser reads an If header from its rest.
type ifParser struct {
	rest    string
	resolve func(ref string) (place, bool, error)
	states  int
}

// header reads the whole: lists that are all tagged, or all not, which are about at. ok is false for what is malformed.
func (p *ifParser) header(at core.Path) (g core.Guard, ok bool, err error) {
	p.space()
	about := core.GuardList{Path: at}
	tagged := strings.HasPrefix(p.rest, "<")
	for p.rest != "" {
		if ref, is := p.coded(); is {
			if !tagged {
				return g, false, nil
			}
			var where place
			if where, about.Elsewhere, err = p.resolve(ref); err != nil {
				return g, false, err
			}
			about.Path = where.Path
			p.space()
			if !strings.HasPrefix(p.rest, "(") {
				return g, false, nil
			}
		}
		list := about
		if list.States, ok = p.list(); !ok {
			return g, false, nil
		}
		g.Lists = append(g.Lists, list)
		p.space()
	}
	return g, len(g.Lists) > 0, nil
}

// list reads a list of conditions in parentheses.
func (p *ifParser) list() (states []core.GuardState, ok bool) {
	if !p.take("(") {
		return nil, false
	}
	for {
		p.space()
		if p.take(")") {
			return states, len(states) > 0
		}
		if p.states++; p.states > maxIfStates {
			return nil, false
		}
		s, ok := p.state()
		if !ok {
			return nil, false
		}
		states = append(states, s)
	}
}

// state reads one condition.
func (p *ifParser) state() (s core.GuardState, ok bool) {
	if len(p.rest) >= 3 && strings.EqualFold(p.rest[:3], "Not") {
		s.Not = true
		p.rest = p.rest[3:]
		p.space()
	}
	if s.Token, ok = p.coded(); ok {
		return s, s.Token != ""
	}
	if !p.take("[") {
		return s, false
	}
	tag, rest, ok := strings.Cut(p.rest, "]")
	plain := strings.TrimPrefix(tag, "W/")
	if !ok || len(plain) < 2 || plain[0] != '"' || plain[len(plain)-1] != '"' {
		return s, false
	}
	p.rest = rest
	s.ETag = unquote(tag)
	return s, true
}

// coded reads what stands in angle brackets, if that is next.
func (p *ifParser) coded() (string, bool) {
	if !strings.HasPrefix(p.rest, "<") {
		return "", false
	}
	s, rest, ok := strings.Cut(p.rest[1:], ">")
	if !ok || strings.ContainsAny(s, " \t<") {
		return "", false
	}
	p.rest = rest
	return s, true
}

// take drops what is next if it is s.
func (p *ifParser) take(s string) (ok bool) {
	p.rest, ok = strings.CutPrefix(p.rest, s)
	return ok
}

func (p *ifParser) space() { p.rest = strings.TrimLeft(p.rest, " \t") }
