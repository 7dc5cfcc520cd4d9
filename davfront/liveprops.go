package davfront

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"trivium/core"
	"trivium/davfront/davxml"
)

// The namespaces of live properties beside WebDAV's.
const (
	microsoft = "urn:schemas-microsoft-com:"
	owncloud  = "http://owncloud.org/ns"
)

// live is a property that the door makes itself.
type live struct {
	name davxml.Name
	// write writes the value as an element's content; false: the resource does not have the property.
	write func(b *bytes.Buffer, x *resource) bool
	// asked: it is not part of allprop. settable: a client may set it.
	asked, settable bool

	open, end, empty string // its element
}

// element writes the property, if x has it, and tells whether it has.
func (p *live) element(b *bytes.Buffer, x *resource) bool {
	begin := b.Len()
	b.WriteString(p.open)
	value := b.Len()
	switch there := p.write(b, x); {
	case !there:
		b.Truncate(begin)
		return false
	case b.Len() == value:
		b.Truncate(begin)
		b.WriteString(p.empty)
	default:
		b.WriteString(p.end)
	}
	return true
}

// of tells whether x has the property. What is in b stays.
func (p *live) of(b *bytes.Buffer, x *resource) bool {
	begin := b.Len()
	defer b.Truncate(begin)
	return p.write(b, x)
}

// resource is what properties are asked of.
type resource struct {
	*core.TreeNode
	now   time.Time
	locks []core.Lock
	// foreign: whoever asks may not write here, so that tokens and what owners say of themselves are not his to see.
	foreign bool
	quota   *quota // nil: not asked for, or not known
}

// quota are the properties of RFC 4331, in bytes.
type quota struct{ used, available int64 }

// liveProperties are in the order of their answer.
func liveProperties() []live {
	dav := func(local string) davxml.Name { return davxml.Name{Space: davxml.DAV, Local: local} }
	all := []live{
		{name: dav("resourcetype"), write: resourceType},
		{name: dav("displayname"), write: displayName, settable: true},
		{name: dav("getcontentlength"), write: contentLength},
		{name: dav("getcontenttype"), write: contentType},
		{name: dav("getcontentlanguage"), write: contentLanguage},
		{name: dav("getetag"), write: entityTag},
		{name: dav("getlastmodified"), write: lastModified},
		{name: dav("creationdate"), write: creationDate},
		{name: dav("supportedlock"), write: supportedLock},
		{name: dav("lockdiscovery"), write: lockDiscovery},
		{name: dav("quota-used-bytes"), write: quotaUsed, asked: true},
		{name: dav("quota-available-bytes"), write: quotaAvailable, asked: true},
		{name: davxml.Name{Space: microsoft, Local: "Win32LastModifiedTime"}, write: clientTime, settable: true},
		{name: davxml.Name{Space: owncloud, Local: "checksums"}, write: checksums, asked: true},
	}
	for i := range all {
		p := &all[i]
		tag, declare := "D:"+p.name.Local, ""
		if p.name.Space != davxml.DAV {
			tag, declare = "n:"+p.name.Local, ` xmlns:n="`+p.name.Space+`"`
		}
		p.open, p.end, p.empty = "<"+tag+declare+">", "</"+tag+">", "<"+tag+declare+"/>"
	}
	return all
}

func resourceType(b *bytes.Buffer, x *resource) bool {
	if x.Folder {
		b.WriteString("<D:collection/>")
	}
	return true
}

func displayName(b *bytes.Buffer, x *resource) bool {
	name := x.Name()
	if x.Path.Bucket == "" {
		name = "Trivium"
	}
	davxml.Escape(b, name)
	return true
}

func contentLength(b *bytes.Buffer, x *resource) bool {
	if !x.Folder {
		b.WriteString(strconv.FormatInt(x.Entry.Version.Size, 10))
	}
	return !x.Folder
}

// defaultType is for content of which nobody said what it is.
const defaultType = "application/octet-stream"

func contentType(b *bytes.Buffer, x *resource) bool {
	if x.Folder {
		return false
	}
	davxml.Escape(b, typeOf(&x.Entry.Version))
	return true
}

func typeOf(v *core.Version) string {
	if v.Attrs.ContentType == "" {
		return defaultType
	}
	return v.Attrs.ContentType
}

func contentLanguage(b *bytes.Buffer, x *resource) bool {
	language := x.Entry.Version.Attrs.ContentLanguage
	davxml.Escape(b, language)
	return !x.Folder && language != ""
}

func entityTag(b *bytes.Buffer, x *resource) bool {
	if !x.Folder {
		b.WriteString("&quot;")
		davxml.Escape(b, x.Entry.Version.ETag)
		b.WriteString("&quot;")
	}
	return !x.Folder
}

// modified is the time of the client where it gave one, else that of the last write; a folder that is only implied has
// its bucket's.
func modified(n *core.TreeNode) int64 {
	switch {
	case n.HasEntry && n.Entry.Version.MTime != core.NoTime:
		return n.Entry.Version.MTime
	case n.UpdateTime != 0:
		return n.UpdateTime
	}
	return n.Bucket.CreateTime
}

func lastModified(b *bytes.Buffer, x *resource) bool {
	writeTime(b, modified(x.TreeNode), http.TimeFormat)
	return x.Path.Bucket != ""
}

func creationDate(b *bytes.Buffer, x *resource) bool {
	ns := x.CreateTime
	if ns == 0 {
		ns = x.Bucket.CreateTime
	}
	writeTime(b, ns, "2006-01-02T15:04:05Z")
	return x.Path.Bucket != ""
}

// writeTime writes ns since 1970.
func writeTime(b *bytes.Buffer, ns int64, layout string) {
	b.Write(time.Unix(0, ns).UTC().AppendFormat(b.AvailableBuffer(), layout))
}

const lockEntries = "<D:lockentry><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>" +
	"<D:lockentry><D:lockscope><D:shared/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>"

func supportedLock(b *bytes.Buffer, x *resource) bool {
	if x.Path.Bucket != "" {
		b.WriteString(lockEntries)
	}
	return true
}

func lockDiscovery(b *bytes.Buffer, x *resource) bool {
	for i := range x.locks {
		l := &x.locks[i]
		folder := l.Key != x.Path.Key || x.Folder
		if x.foreign {
			l = &core.Lock{Key: l.Key, Deep: l.Deep, Shared: l.Shared, Expiry: l.Expiry}
		}
		writeLock(b, l, x.now, href(core.Path{Bucket: x.Path.Bucket, Key: l.Key}, folder))
	}
	return true
}

// writeLock writes an activelock (RFC 4918 §14.1). root is the address that was locked. What is left of its time is
// told in whole seconds, rounded up.
func writeLock(b *bytes.Buffer, l *core.Lock, now time.Time, root string) {
	scope, deep := "exclusive", "0"
	if l.Shared {
		scope = "shared"
	}
	if l.Deep {
		deep = "infinity"
	}
	rest := max(0, time.Unix(0, l.Expiry).Sub(now)+time.Second-1)
	b.WriteString("<D:activelock><D:locktype><D:write/></D:locktype><D:lockscope><D:" + scope + "/></D:lockscope><D:depth>" + deep + "</D:depth>")
	b.WriteString(l.Note)
	fmt.Fprintf(b, "<D:timeout>Second-%d</D:timeout>", int64(rest/time.Second))
	if l.Token != "" {
		b.WriteString("<D:locktoken><D:href>" + l.Token + "</D:href></D:locktoken>")
	}
	b.WriteString("<D:lockroot><D:href>")
	davxml.Escape(b, root)
	b.WriteString("</D:href></D:lockroot></D:activelock>")
}

func quotaUsed(b *bytes.Buffer, x *resource) bool {
	if x.quota == nil || !x.Folder {
		return false
	}
	b.WriteString(strconv.FormatInt(x.quota.used, 10))
	return true
}

func quotaAvailable(b *bytes.Buffer, x *resource) bool {
	if x.quota == nil || !x.Folder || x.quota.available < 0 {
		return false
	}
	b.WriteString(strconv.FormatInt(x.quota.available, 10))
	return true
}

func clientTime(b *bytes.Buffer, x *resource) bool {
	if !x.HasEntry || x.Entry.Version.MTime == core.NoTime {
		return false
	}
	writeTime(b, x.Entry.Version.MTime, http.TimeFormat)
	return true
}

// checksums tells the MD5 in the way of ownCloud; rclone and others compare files by it.
func checksums(b *bytes.Buffer, x *resource) bool {
	etag := x.Entry.Version.ETag
	if x.Folder || len(etag) != 32 || strings.Contains(etag, "-") {
		return false
	}
	b.WriteString(`<c:checksum xmlns:c="` + owncloud + `">MD5:` + etag + `</c:checksum>`)
	return true
}
