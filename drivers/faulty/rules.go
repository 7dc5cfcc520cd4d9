package faulty

import (
	"hash/fnv"
	"math/rand/v2"
	"regexp"
	"strings"
)

// rule is a Rule at work.
type rule struct {
	Rule
	name    *regexp.Regexp // nil: every name
	matches int
}

func compile(r Rule) *rule {
	c := &rule{Rule: r}
	if r.Name != "" {
		pattern := strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(r.Name))
		c.name = regexp.MustCompile(`^(?s:` + pattern + `)$`)
	}
	return c
}

func (r *rule) covers(op Op, name string) bool {
	return (r.Op == Any || r.Op == op) && r.Fault.kind.in(op) && (r.name == nil || r.name.MatchString(name))
}

// plan decides about one call.
func (d *Driver) plan(op Op, name string) plan {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := plan{op: op, name: name}
	if d.off || len(d.rules) == 0 {
		return p
	}
	key := string(op) + " " + name
	d.met[key]++
	draws := rand.New(rand.NewPCG(d.seed, hash(key)+d.met[key])) //nolint:gosec // faults need no secrets
	p.draw = draws.Uint64()
	for _, r := range d.rules {
		if !r.covers(op, name) {
			continue
		}
		r.matches++
		fires := r.Nth == 0 && r.Chance == 0 || r.Nth > 0 && r.Nth == r.matches || r.Chance > 0 && draws.Float64() < r.Chance
		if fires && p.fault.kind == KindNone {
			p.fault = r.Fault
		}
	}
	return p
}

func hash(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	return h.Sum64()
}

// keepsOlder tells whether a rule may ask for what name held before.
func (d *Driver) keepsOlder(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.rules {
		if r.Fault.kind == KindStale && r.covers(Open, name) {
			return true
		}
	}
	return false
}
