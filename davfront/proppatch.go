package davfront

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"trivium/core"
	"trivium/davfront/davxml"
)

// proppatch sets and removes properties, all or none (RFC 4918 §9.2).
func proppatch(w http.ResponseWriter, r *request, se *core.Session) error {
	if r.at.Bucket == "" {
		return &refusal{status: http.StatusForbidden, msg: "the root of the tree has no properties of its own"}
	}
	if err := se.May(r.Context(), r.at.Bucket, core.AccessWrite); err != nil {
		return err
	}
	p, err := readPatching(r)
	if err != nil {
		return err
	}
	if p.refused == 0 && p.status == http.StatusOK {
		err = se.PatchProperties(r.Context(), r.at.Path, p.patch)
		switch {
		case core.CodeOf(err) == core.MetadataTooLarge && err != nil:
			p.status = http.StatusInsufficientStorage
		case err != nil:
			return err
		}
	} else if err := refusedPatch(r, se); err != nil {
		return err
	}
	n, err := se.StatPath(r.Context(), r.at.Path)
	if err != nil {
		n.Path = r.at.Path // gone meanwhile: what was done is told all the same
	}
	writeXML(w, http.StatusMultiStatus, p.answer(href(n.Path, n.Folder)))
	return nil
}

// refusedPatch judges a request of which nothing is done: what is not there, or not as If says, is told before what is
// wrong with the properties.
func refusedPatch(r *request, se *core.Session) error {
	if err := se.Holds(r.Context()); err != nil {
		return err
	}
	_, err := se.StatPath(r.Context(), r.at.Path)
	return err
}

// readPatching reads the document of the request.
func readPatching(r *request) (*patching, error) {
	body, err := readDocument(r)
	if err != nil {
		return nil, err
	}
	changes, err := davxml.ParseUpdate(body)
	if err != nil {
		return nil, malformed(err)
	}
	p := newPatching(changes, r.at.Key == "")
	return p, r.parsed(p.names, p.bytes)
}

// patching is what becomes of the changes that a client wants.
type patching struct {
	patch   core.PropertyPatch
	names   []davxml.Name // of all changes, each once
	bad     []davxml.Name // protected, or with a value that cannot be read
	refused int
	bytes   int // of all values
	status  int // of all, when none is bad
}

// newPatching judges changes by their names and values.
func newPatching(changes []davxml.Change, bucket bool) *patching {
	p := &patching{status: http.StatusOK}
	all := liveProperties()
	for _, c := range changes {
		if !slices.Contains(p.names, c.Name) {
			p.names = append(p.names, c.Name)
		}
		if p.time(c, bucket) {
			continue
		}
		i := slices.IndexFunc(all, func(l live) bool { return l.name == c.Name })
		if i >= 0 && !all[i].settable {
			p.refuse(c.Name)
			continue
		}
		dead := core.PropertyChange{Property: core.Property{Name: core.PropertyName(c.Name)}, Remove: c.Value == nil}
		if c.Value != nil && p.bytes <= davxml.MaxFragment { // more than core keeps of any resource
			dead.Value = davxml.Fragment(c.Value)
			if p.bytes += len(dead.Value); p.bytes > davxml.MaxFragment {
				p.status = http.StatusInsufficientStorage
			}
		}
		p.patch.Changes = append(p.patch.Changes, dead)
	}
	return p
}

// refuse makes a property one that cannot be changed so.
func (p *patching) refuse(name davxml.Name) {
	p.refused++
	if !slices.Contains(p.bad, name) {
		p.bad = append(p.bad, name)
	}
}

// time takes a change of the client's time: Windows and rclone set it so. A bucket has none: there it is a property
// like any other.
func (p *patching) time(c davxml.Change, bucket bool) bool {
	windows := c.Name == davxml.Name{Space: microsoft, Local: "Win32LastModifiedTime"}
	if bucket || !windows && c.Name != (davxml.Name{Space: davxml.DAV, Local: "lastmodified"}) {
		return false
	}
	ns := core.NoTime
	if c.Value != nil {
		text := strings.TrimSpace(c.Value.Content())
		given, ok := parseTime(text)
		if !ok && !windows {
			given, ok = parseMTime(text)
		}
		if !ok {
			p.refuse(c.Name)
			return true
		}
		ns = given
	}
	p.patch.MTime = &ns
	return true
}

// parseTime reads a time as HTTP or RFC 3339 write it; false: it is malformed, or none that can be kept.
func parseTime(text string) (ns int64, ok bool) {
	t, err := http.ParseTime(text)
	if err != nil {
		t, err = time.Parse(time.RFC3339, text)
	}
	if err != nil {
		return 0, false
	}
	const most = 1 << 33 // seconds, as for parseMTime
	if s := t.Unix(); s > most || s < -most {
		return 0, false
	}
	return t.UnixNano(), true
}

// answer writes the outcome: of a refused whole the bad properties have 403 or 409, and all others 424.
func (p *patching) answer(at string) []byte {
	var b bytes.Buffer
	b.WriteString(xmlHead + `<D:multistatus xmlns:D="DAV:"><D:response><D:href>`)
	davxml.Escape(&b, at)
	b.WriteString("</D:href>")
	if p.refused == 0 {
		propstat(&b, p.names, p.status, "")
	} else {
		good := slices.DeleteFunc(slices.Clone(p.names), func(n davxml.Name) bool { return slices.Contains(p.bad, n) })
		propstat(&b, p.bad, http.StatusForbidden, "cannot-modify-protected-property")
		propstat(&b, good, http.StatusFailedDependency, "")
	}
	b.WriteString("</D:response></D:multistatus>\n")
	return b.Bytes()
}

// propstat writes what became of some properties.
func propstat(b *bytes.Buffer, names []davxml.Name, status int, condition string) {
	if len(names) == 0 {
		return
	}
	b.WriteString("<D:propstat><D:prop>")
	for _, n := range names {
		davxml.Empty(b, n)
	}
	b.WriteString("</D:prop><D:status>HTTP/1.1 " + strconv.Itoa(status) + " " + http.StatusText(status) + "</D:status>")
	if condition != "" {
		b.WriteString("<D:error><D:" + condition + "/></D:error>")
	}
	b.WriteString("</D:propstat>")
}
