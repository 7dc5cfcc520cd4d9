package webdav

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"trivium/drivers"
)

// member is what one response of a multistatus tells (RFC 4918 §14.24).
type member struct {
	path       []string // decoded segments of its address; nil if they cannot be a name
	status     int      // of the whole response; 0 where it has properties
	dir        bool
	size       int64 // -1 where it is not told
	modTime    time.Time
	used, free int64 // quota; -1 where it is not told
}

// info describes a member under its full name.
func (m *member) info(name string) (drivers.Info, error) {
	if m.dir {
		return drivers.Info{Name: name, ModTime: m.modTime, IsDir: true}, nil
	}
	if m.size < 0 {
		return drivers.Info{}, fmt.Errorf("%w: the server tells no size of the file", drivers.ErrBroken)
	}
	return drivers.Info{Name: name, Size: m.size, ModTime: m.modTime}, nil
}

// Properties that a PROPFIND asks for.
const (
	fileProperties  = "<resourcetype/><getcontentlength/><getlastmodified/>"
	quotaProperties = "<resourcetype/><quota-used-bytes/><quota-available-bytes/>"
)

func propfindDocument(properties string) string {
	return `<?xml version="1.0" encoding="utf-8"?>` + "\n" + `<propfind xmlns="DAV:"><prop>` + properties + `</prop></propfind>`
}

// xmlResponse is a DAV:response. What else a server puts into it is skipped.
type xmlResponse struct {
	Href     []string `xml:"DAV: href"`
	Status   string   `xml:"DAV: status"`
	Propstat []struct {
		Status string `xml:"DAV: status"`
		Prop   struct {
			Collection []struct{} `xml:"DAV: resourcetype>collection"`
			Size       string     `xml:"DAV: getcontentlength"`
			Modified   string     `xml:"DAV: getlastmodified"`
			Used       string     `xml:"DAV: quota-used-bytes"`
			Free       string     `xml:"DAV: quota-available-bytes"`
		} `xml:"DAV: prop"`
	} `xml:"DAV: propstat"`
}

// maxResponse bounds one response of a multistatus in bytes, and with it what reading takes of memory.
const maxResponse = 1 << 20

// readMultistatus calls each for every response of a multistatus as it comes in. A document that ends before its root
// element does, or is another one, is an error that wraps ErrBroken, unless the reader failed. Errors of each end it.
func readMultistatus(r io.Reader, each func(member) error) error {
	p := &pace{r: r}
	dec := xml.NewDecoder(p)
	root, end, err := nextElement(dec)
	if err == nil && (end || root.Name != xml.Name{Space: "DAV:", Local: "multistatus"}) {
		err = fmt.Errorf("its root is %.40q", root.Name.Local)
	}
	for err == nil {
		var t xml.StartElement
		if t, end, err = nextElement(dec); err != nil {
			break
		}
		if end {
			return nil
		}
		p.taken = 0
		if (t.Name != xml.Name{Space: "DAV:", Local: "response"}) {
			err = dec.Skip()
			continue
		}
		var x xmlResponse
		if err = dec.DecodeElement(&x, &t); err == nil {
			if err := x.each(each); err != nil {
				return err
			}
		}
	}
	if p.err != nil {
		return p.err
	}
	return fmt.Errorf("%w: the answer is no multistatus: %s", drivers.ErrBroken, err.Error())
}

// nextElement returns the next element that begins; end tells that the one around it ended instead.
func nextElement(dec *xml.Decoder) (e xml.StartElement, end bool, err error) {
	for {
		token, err := dec.Token()
		if err != nil {
			return e, false, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			return t, false, nil
		case xml.EndElement:
			return e, true, nil
		}
	}
}

// each turns a response into members: as a rule one.
func (x *xmlResponse) each(each func(member) error) error {
	m := member{size: -1, used: -1, free: -1, status: parseStatus(x.Status)}
	for _, ps := range x.Propstat {
		if parseStatus(ps.Status)/100 != 2 {
			continue
		}
		m.dir = m.dir || len(ps.Prop.Collection) > 0
		m.size = max(m.size, parseSize(ps.Prop.Size))
		m.used = max(m.used, parseSize(ps.Prop.Used))
		m.free = max(m.free, parseSize(ps.Prop.Free))
		if t, err := http.ParseTime(strings.TrimSpace(ps.Prop.Modified)); err == nil {
			m.modTime = t.UTC()
		}
	}
	for _, href := range x.Href {
		m.path = splitHref(strings.TrimSpace(href))
		if err := each(m); err != nil {
			return err
		}
	}
	return nil
}

// parseStatus reads "HTTP/1.1 200 OK"; 0 if it is none.
func parseStatus(s string) int {
	_, s, _ = strings.Cut(strings.TrimSpace(s), " ")
	s, _, _ = strings.Cut(strings.TrimSpace(s), " ")
	n, err := strconv.Atoi(s)
	if err != nil || n < 100 || n > 999 {
		return 0
	}
	return n
}

// parseSize reads a number of bytes; -1 if it is none. Servers write negative ones for "unknown" and "no limit".
func parseSize(s string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// splitHref returns the segments of an address or path, each percent-decoded once; nil if one of them cannot be a
// segment of a name.
func splitHref(href string) []string {
	if _, rest, ok := strings.Cut(href, "://"); ok && !strings.HasPrefix(href, "/") {
		_, href, _ = strings.Cut(rest, "/")
	}
	segments := []string{}
	for seg := range strings.SplitSeq(href, "/") {
		if seg == "" {
			continue
		}
		if decoded, err := url.PathUnescape(seg); err == nil {
			seg = decoded // else the server does not encode
		}
		if strings.Contains(seg, "/") || drivers.CheckName(seg) != nil {
			return nil
		}
		segments = append(segments, seg)
	}
	return segments
}

// pace fails when more than maxResponse bytes come before taken is set back, and remembers why reading failed.
type pace struct {
	r     io.Reader
	taken int
	err   error // of r, but io.EOF
}

var errTooLarge = errors.New("one of its elements is too large")

// Read implements io.Reader.
func (p *pace) Read(b []byte) (int, error) {
	if p.taken > maxResponse {
		return 0, errTooLarge
	}
	n, err := p.r.Read(b)
	p.taken += n
	if err != nil && !errors.Is(err, io.EOF) {
		p.err = err
	}
	return n, err
}
