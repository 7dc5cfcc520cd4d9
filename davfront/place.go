package davfront

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"trivium/core"
)

// place is a path of the tree. No bucket is its root.
type place struct {
	core.Path
	above bool // "/", above the tree
	slash bool // it was written with a slash at its end, as folders are
}

// parsePlace reads the path of a request, still escaped. Each segment is unescaped once, and by itself: what would
// become a slash, dots or nothing that way is refused, since no spelling of a path may lead out of its folder.
func parsePlace(escaped string) (place, error) {
	if escaped == "/" || escaped == "" {
		return place{above: true, slash: true}, nil
	}
	rest, ok := belowPrefix(escaped)
	if !ok {
		return place{}, &refusal{status: http.StatusNotFound, msg: "the tree of WebDAV begins at " + Prefix + "/"}
	}
	var p place
	rest, p.slash = strings.CutSuffix(rest, "/")
	if rest == "" {
		return p, nil
	}
	segments := strings.Split(rest, "/")[1:]
	if len(segments) == 0 {
		return place{}, badPath()
	}
	for i, s := range segments {
		plain, err := url.PathUnescape(s)
		if err != nil || plain == "" || plain == "." || plain == ".." || !utf8.ValidString(plain) ||
			strings.ContainsAny(plain, "/\x00") {
			return place{}, badPath()
		}
		segments[i] = plain
	}
	p.Bucket, p.Key = segments[0], strings.Join(segments[1:], "/")
	return p, nil
}

// belowPrefix returns what follows Prefix in an escaped path: nothing, or a slash and more. Like every segment, that of
// Prefix may be escaped too.
func belowPrefix(escaped string) (rest string, ok bool) {
	first, _, _ := strings.Cut(strings.TrimPrefix(escaped, "/"), "/")
	if plain, err := url.PathUnescape(first); err != nil || "/"+plain != Prefix || escaped[0] != '/' {
		return "", false
	}
	return escaped[1+len(first):], true
}

func badPath() error {
	return &refusal{
		status: http.StatusBadRequest,
		msg:    "the path has a segment that is empty, dots, no UTF-8 or hides a slash: no file or folder has such a name",
	}
}

// href writes the address of a path, escaped; folders end in a slash.
func href(p core.Path, folder bool) string {
	var b strings.Builder
	b.WriteString(Prefix)
	if p.Bucket != "" {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(p.Bucket))
	}
	if p.Key != "" {
		for s := range strings.SplitSeq(p.Key, "/") {
			b.WriteByte('/')
			b.WriteString(url.PathEscape(s))
		}
	}
	if folder {
		b.WriteByte('/')
	}
	return b.String()
}

// resolve reads a URI that a header names: absolute, or a path of this host (RFC 4918 §8.3). elsewhere tells that it is
// of another server, or of another door of this one.
func (r *request) resolve(ref string) (p place, elsewhere bool, err error) {
	bad := &refusal{status: http.StatusBadRequest, msg: "a header names an address that cannot be read"}
	for i := range len(ref) {
		if ref[i] <= ' ' || ref[i] == 0x7f {
			return p, false, bad
		}
	}
	u, err := url.Parse(ref)
	if err != nil || u.Opaque != "" || u.Fragment != "" || u.RawQuery != "" || u.User != nil || ref == "" {
		return p, false, bad
	}
	if u.Scheme == "" && (u.Host != "" || !strings.HasPrefix(ref, "/")) {
		return p, false, bad // relative, or without a scheme: neither is allowed
	}
	if u.Scheme != "" && (u.Scheme != "http" && u.Scheme != "https" || !r.sameHost(u)) {
		return p, true, nil
	}
	path := u.EscapedPath()
	if _, ok := belowPrefix(path); !ok {
		return p, true, nil
	}
	p, err = parsePlace(path)
	return p, false, err
}

// sameHost tells whether u is an address of the host that the request was sent to, or of the one that clients know. Its
// scheme does not matter: a proxy may speak TLS to the client and none to us.
func (r *request) sameHost(u *url.URL) bool {
	host := withoutPort(u.Host)
	if strings.EqualFold(host, withoutPort(r.Host)) {
		return true
	}
	public, err := url.Parse(r.door.cfg.PublicURL)
	return err == nil && public.Host != "" && strings.EqualFold(host, withoutPort(public.Host))
}

// withoutPort drops the port of a scheme, which one side may write and the other leave out.
func withoutPort(host string) string {
	return strings.TrimSuffix(strings.TrimSuffix(host, ":80"), ":443")
}
