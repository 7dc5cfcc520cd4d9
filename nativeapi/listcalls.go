package nativeapi

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"net/http"
	"strconv"

	"trivium/core"
	v1 "trivium/nativeapi/v1"
)

// listing is what object/listByPath asks for.
type listing struct {
	packageID int64
	path      string
	prefix    bool
	flat      bool // everything below the prefix; else what has a slash behind it is folded
	limit     int
	token     string
}

// listing reads the parameters.
func (r *request) listing() (l listing, err error) {
	if l.packageID, err = r.number("packageID"); err != nil {
		return l, err
	}
	if l.prefix, err = r.flag("isPrefix"); err != nil {
		return l, err
	}
	var given bool
	if l.path, given, err = r.text("path"); err != nil {
		return l, err
	}
	if !l.prefix && !given {
		return l, badArgument("path: it is missing")
	}
	folded, err := r.flag("noRecursive")
	if err != nil {
		return l, err
	}
	l.flat = !folded
	if l.limit, err = r.limit(); err != nil {
		return l, err
	}
	l.token, _, err = r.text("continuationToken")
	return l, err
}

// limit reads maxKeys: 0 or absent is a whole page, and so is more.
func (r *request) limit() (int, error) {
	n, _, err := r.optional("maxKeys")
	if n == 0 || n > v1.MaxPage {
		n = v1.MaxPage
	}
	return int(n), err
}

// listByPath is GET object/listByPath.
func listByPath(w http.ResponseWriter, r *request) error {
	l, err := r.listing()
	if err != nil {
		return err
	}
	out := v1.ObjectPage{CommonPrefixes: []string{}, Objects: []v1.Object{}}
	if !l.prefix {
		return r.listExact(w, &l, out)
	}
	opts := core.MemberListOptions{Prefix: l.path, Limit: l.limit}
	if !l.flat {
		opts.Delimiter = "/"
	}
	if l.token != "" {
		if opts.After, err = l.place(l.token); err != nil {
			return err
		}
	}
	page, err := r.se.Members(r.Context(), l.packageID, opts)
	if err != nil {
		return err
	}
	for i := range page.Items {
		it := &page.Items[i]
		if it.CommonPrefix != "" {
			out.CommonPrefixes = append(out.CommonPrefixes, it.CommonPrefix)
		} else {
			out.Objects = append(out.Objects, objectDoc(&it.Member))
		}
	}
	if out.IsTruncated = page.Next != nil; out.IsTruncated {
		out.NextContinuationToken = l.mark(page.Next)
	}
	return r.reply(w, out)
}

// listExact answers with the one object of a path, or none.
func (r *request) listExact(w http.ResponseWriter, l *listing, out v1.ObjectPage) error {
	m, err := r.se.MemberAt(r.Context(), l.packageID, l.path)
	switch {
	case err == nil:
		out.Objects = append(out.Objects, objectDoc(&m))
	case core.CodeOf(err) != core.NoSuchKey:
		return err
	}
	return r.reply(w, out)
}

// A continuation token is the place where a page ended, with a checksum over that and what was listed: whoever sends it
// with other parameters, or one that was never given, is refused.
const (
	tokenKey    = 'k'
	tokenPrefix = 'p'
)

// sum is the checksum of a place.
func (l *listing) sum(place []byte) uint32 {
	b := binary.BigEndian.AppendUint64(nil, uint64(l.packageID))
	b = binary.BigEndian.AppendUint32(b, uint32(len(l.path)))
	b = append(append(b, l.path...), strconv.FormatBool(l.flat)...)
	return crc32.ChecksumIEEE(append(b, place...))
}

// mark makes a token.
func (l *listing) mark(at *core.MemberPlace) string {
	b := []byte{tokenKey}
	if at.Prefix {
		b[0] = tokenPrefix
	}
	b = append(b, at.Path...)
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(b, l.sum(b)))
}

// place reads a token.
func (l *listing) place(token string) (*core.MemberPlace, error) {
	bad := badArgument("continuationToken: it is none of this listing")
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) < 5 || len(b) > core.MaxKey+5 {
		return nil, bad
	}
	place := b[:len(b)-4]
	if binary.BigEndian.Uint32(b[len(place):]) != l.sum(place) || place[0] != tokenKey && place[0] != tokenPrefix {
		return nil, bad
	}
	return &core.MemberPlace{Path: string(place[1:]), Prefix: place[0] == tokenPrefix}, nil
}

// packageObjects is GET object/getPackageObjects: all of them, streamed.
func packageObjects(w http.ResponseWriter, r *request) error {
	id, err := r.number("packageID")
	if err != nil {
		return err
	}
	opts := core.MemberListOptions{Limit: v1.MaxPage}
	page, err := r.se.Members(r.Context(), id, opts)
	if err != nil {
		return err
	}
	s := r.stream(w, "objects")
	for {
		for i := range page.Items {
			s.item(objectDoc(&page.Items[i].Member))
		}
		if page.Next == nil {
			break
		}
		opts.After = page.Next
		page, err = r.se.Members(r.Context(), id, opts)
		s.check(err)
	}
	s.end()
	return nil
}
