package davfront

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"trivium/core"
	"trivium/davfront/davxml"
)

const (
	listPage = 250 // members that are read at once: many clients may ask at a time
	deepPage = 50  // where pages of all levels are held at once
	flushAt  = 32 << 10
)

// propfind tells properties of a file or folder and its members (RFC 4918 §9.1). Members are read and written page by
// page: what is in memory does not grow with their number.
func propfind(w http.ResponseWriter, r *request, se *core.Session) error {
	d, err := parseDepth(r.Header, depthZero, depthOne, depthInfinity)
	if err != nil {
		return err
	}
	ctx := r.Context()
	n, err := se.StatPath(ctx, r.at.Path)
	if err != nil {
		return err
	}
	if n.Path.Bucket == "" && r.principal.Anonymous {
		return &core.Error{Code: core.Forbidden, Msg: "log in to list buckets"}
	}
	q, err := readPropfind(r)
	if err != nil {
		return err
	}
	if d == depthInfinity && !r.door.cfg.InfiniteDepth {
		return &refusal{
			status: http.StatusForbidden, condition: "propfind-finite-depth",
			msg: "Depth: infinity is not answered here; ask with 1, folder by folder",
		}
	}
	m, err := newMultistatus(ctx, w, r, se, q)
	if err != nil {
		return err
	}
	m.begin()
	return r.cut(m.tree(ctx, &n, d, r.at.above))
}

// tree writes the node and, as deep as asked for, what is below, and ends the document. above: it is the root of the
// server that was asked for, of which the tree is a member.
func (m *multistatus) tree(ctx context.Context, n *core.TreeNode, d depth, above bool) error {
	if above {
		m.write("/", &core.TreeNode{Folder: true})
		if d == depthZero {
			return m.end()
		}
	}
	err := m.node(ctx, n, nil)
	if err == nil && n.Folder && d != depthZero && !above {
		err = m.members(ctx, n, d == depthInfinity)
	}
	if err == nil {
		err = m.end()
	}
	return err
}

// readPropfind reads the document of the request.
func readPropfind(r *request) (davxml.Propfind, error) {
	body, err := readDocument(r)
	if err != nil {
		return davxml.Propfind{}, err
	}
	q, err := davxml.ParsePropfind(body)
	if err != nil {
		return q, malformed(err)
	}
	return q, r.parsed(slices.Concat(q.Props, q.Include), 0)
}

// multistatus writes the answers to one propfind.
type multistatus struct {
	w       http.ResponseWriter
	se      *core.Session
	q       davxml.Propfind
	live    []live
	shown   []bool  // which of live are wanted where they are there
	there   []bool  // which of live the last answer has
	named   []named // what an answer tells to be missing
	now     time.Time
	buf     bytes.Buffer
	quotas  map[string]*quota // by bucket; nil: nobody asked
	locking bool              // there may be locks
}

// named is a property that a client has named.
type named struct {
	name davxml.Name
	live int // its place in multistatus.live; -1: it is none of those
}

// newMultistatus looks up what holds for all answers.
func newMultistatus(ctx context.Context, w http.ResponseWriter, r *request, se *core.Session, q davxml.Propfind) (*multistatus, error) {
	m := &multistatus{w: w, se: se, q: q, live: r.door.live, now: r.door.cfg.Now()}
	m.choose(strings.EqualFold(r.Header.Get("Brief"), "t") || strings.Contains(r.Header.Get("Prefer"), "return=minimal"))
	if m.asks("quota-used-bytes") || m.asks("quota-available-bytes") || q.Names {
		m.quotas = make(map[string]*quota)
	}
	if r.at.Bucket == "" || !q.All && !m.asks("lockdiscovery") {
		m.locking = q.All || m.asks("lockdiscovery")
		return m, nil
	}
	var err error
	m.locking, err = se.AnyLocks(ctx, r.at.Bucket)
	return m, err
}

// choose settles what each answer is made of. brief: what is missing is left out.
func (m *multistatus) choose(brief bool) {
	wanted := m.q.Props
	if m.q.All {
		wanted = m.q.Include
	}
	m.shown, m.there = make([]bool, len(m.live)), make([]bool, len(m.live))
	for i := range m.live {
		p := &m.live[i]
		m.shown[i] = m.q.All && !p.asked || slices.Contains(wanted, p.name)
	}
	for _, name := range wanted {
		if !brief {
			m.named = append(m.named, named{name, slices.IndexFunc(m.live, func(p live) bool { return p.name == name })})
		}
	}
}

// asks tells whether a property of WebDAV is named.
func (m *multistatus) asks(local string) bool {
	name := davxml.Name{Space: davxml.DAV, Local: local}
	return slices.Contains(m.q.Props, name) || slices.Contains(m.q.Include, name)
}

// begin writes the head.
func (m *multistatus) begin() {
	h := m.w.Header()
	h.Set("Content-Type", `application/xml; charset="utf-8"`)
	h.Set("X-Content-Type-Options", "nosniff")
	m.w.WriteHeader(http.StatusMultiStatus)
	m.buf.WriteString(xmlHead + `<D:multistatus xmlns:D="DAV:">`)
}

// end writes the rest.
func (m *multistatus) end() error {
	m.buf.WriteString("</D:multistatus>\n")
	return m.flush(0)
}

// flush sends what is buffered when it is more than n bytes.
func (m *multistatus) flush(n int) error {
	if m.buf.Len() <= n {
		return nil
	}
	_, err := m.buf.WriteTo(m.w)
	return err
}

// members writes the answers of what is in a folder; deep: and below.
func (m *multistatus) members(ctx context.Context, n *core.TreeNode, deep bool) error {
	limit := listPage
	if deep {
		limit = deepPage
	}
	for after := ""; ; {
		page, more, err := m.se.ListFolder(ctx, n.Path, after, limit)
		if err != nil {
			return err
		}
		var locks *core.FolderLocks
		if m.locking {
			if locks, err = m.se.FolderLocks(ctx, n); err != nil {
				return err
			}
		}
		for i := range page {
			if err := m.node(ctx, &page[i], locks); err != nil {
				return err
			}
			if deep && page[i].Folder {
				if err := m.members(ctx, &page[i], deep); err != nil {
					return err
				}
			}
		}
		if !more || len(page) == 0 {
			return nil
		}
		after = page[len(page)-1].Cursor()
	}
}

// node writes the answer of one file or folder. locks are those of the folder that it is in, nil: they are not known.
func (m *multistatus) node(ctx context.Context, n *core.TreeNode, locks *core.FolderLocks) error {
	x := resource{TreeNode: n, now: m.now}
	var err error
	switch {
	case !m.locking:
	case locks != nil:
		x.locks = locks.Of(n)
	default:
		if x.locks, err = m.se.Locks(ctx, n); err != nil {
			return err
		}
	}
	if len(x.locks) > 0 {
		x.foreign = m.se.May(ctx, n.Path.Bucket, core.AccessWrite) != nil
	}
	if x.quota, err = m.quotaOf(ctx, n); err != nil {
		return err
	}
	dead, err := m.se.Properties(ctx, n)
	if err != nil {
		return err
	}
	m.response(href(n.Path, n.Folder), &x, dead)
	return m.flush(flushAt)
}

// write writes the answer for what is no part of the tree.
func (m *multistatus) write(at string, n *core.TreeNode) {
	m.response(at, &resource{TreeNode: n}, nil)
}

// quotaOf returns the quota of a folder; that of a bucket holds for all in it, and that of the root is what all its
// buckets hold.
func (m *multistatus) quotaOf(ctx context.Context, n *core.TreeNode) (*quota, error) {
	if m.quotas == nil || !n.Folder {
		return nil, nil
	}
	if n.Path.Bucket == "" {
		u, err := m.se.UsageOfAll(ctx)
		return &quota{used: u.Bytes, available: m.se.Room()}, err
	}
	if q, ok := m.quotas[n.Path.Bucket]; ok {
		return q, nil
	}
	u, err := m.se.Usage(ctx, n.Path.Bucket)
	if err != nil {
		return nil, err
	}
	q := &quota{used: u.Bytes, available: m.se.Room()}
	clear(m.quotas)
	m.quotas[n.Path.Bucket] = q
	return q, nil
}

// response writes one response element.
func (m *multistatus) response(at string, x *resource, dead []core.Property) {
	b := &m.buf
	b.WriteString("<D:response><D:href>")
	davxml.Escape(b, at)
	b.WriteString("</D:href>")
	if m.q.Names {
		m.names(x, dead)
	} else {
		m.found(x, dead)
		m.missing(dead)
	}
	b.WriteString("</D:response>")
}

// found writes the wanted properties that there are.
func (m *multistatus) found(x *resource, dead []core.Property) {
	b := &m.buf
	b.WriteString("<D:propstat><D:prop>")
	for i := range m.live {
		p := &m.live[i]
		m.there[i] = m.shown[i] && !has(dead, p.name) && p.element(b, x)
	}
	for _, p := range dead {
		if m.q.All || slices.Contains(m.q.Props, davxml.Name(p.Name)) {
			b.WriteString(p.Value)
		}
	}
	b.WriteString("</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>")
}

// has tells whether there is a dead property of that name.
func has(dead []core.Property, name davxml.Name) bool {
	return slices.ContainsFunc(dead, func(p core.Property) bool { return davxml.Name(p.Name) == name })
}

// missing writes which of the named properties there are not, after found.
func (m *multistatus) missing(dead []core.Property) {
	b := &m.buf
	some := false
	for _, n := range m.named {
		if n.live >= 0 && m.there[n.live] || has(dead, n.name) {
			continue
		}
		if !some {
			b.WriteString("<D:propstat><D:prop>")
			some = true
		}
		davxml.Empty(b, n.name)
	}
	if some {
		b.WriteString("</D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>")
	}
}

// names writes the names of all properties.
func (m *multistatus) names(x *resource, dead []core.Property) {
	b := &m.buf
	b.WriteString("<D:propstat><D:prop>")
	for i := range m.live {
		if p := &m.live[i]; !has(dead, p.name) && p.of(b, x) {
			davxml.Empty(b, p.name)
		}
	}
	for _, p := range dead {
		davxml.Empty(b, davxml.Name(p.Name))
	}
	b.WriteString("</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>")
}
