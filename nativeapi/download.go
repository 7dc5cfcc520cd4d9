package nativeapi

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"trivium/core"
)

// download is GET object/download.
func download(w http.ResponseWriter, r *request) error {
	id, err := r.number("objectID")
	if err != nil {
		return err
	}
	version, given, err := r.text("versionID")
	if err != nil {
		return err
	}
	if given && version == "" {
		return badArgument("versionID: it is empty")
	}
	return serve(w, r, id, version)
}

// downloadByPath is GET object/downloadByPath.
func downloadByPath(w http.ResponseWriter, r *request) error {
	m, err := r.byPath()
	if err != nil {
		return err
	}
	return serve(w, r, m.Entry.ObjectID, "")
}

// byPath finds the object that packageID and path name or, without packageID, path alone: bucket/key.
func (r *request) byPath() (core.Member, error) {
	path, err := r.needText("path")
	if err != nil {
		return core.Member{}, err
	}
	id, given, err := r.optional("packageID")
	if err != nil {
		return core.Member{}, err
	}
	if given {
		return r.se.MemberAt(r.Context(), id, path)
	}
	bucket, key, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !ok || key == "" {
		return core.Member{}, badArgument("path: without packageID it is bucket/key")
	}
	return r.se.MemberNamed(r.Context(), core.Path{Bucket: bucket, Key: key})
}

// slice is which bytes offset and length ask for.
type slice struct {
	given          bool
	offset, length int64 // length -1: to the end
}

// slice reads offset and length.
func (r *request) slice() (slice, error) {
	s := slice{length: -1}
	offset, a, err := r.optional("offset")
	if err != nil {
		return s, err
	}
	length, b, err := r.optional("length")
	if b {
		s.length = length
	}
	s.offset, s.given = offset, a || b
	return s, err
}

// serve answers with the content of a version of an object.
func serve(w http.ResponseWriter, r *request, id int64, version string) error {
	s, err := r.slice()
	if err != nil {
		return err
	}
	opts := core.GetOptions{VersionID: version}
	o, err := r.se.StatMember(r.Context(), id, opts)
	if err != nil {
		return err
	}
	v := &o.Entry.Version
	if err := judge(r.Header, v); err != nil {
		if core.CodeOf(err) == core.NotModified {
			describe(w.Header(), &o)
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
		return err
	}
	empty := false
	if s.given {
		if s.offset > v.Size {
			return &core.Error{Code: core.InvalidRange, Msg: fmt.Sprintf("offset: the object has %d bytes", v.Size)}
		}
		if empty = s.offset == v.Size || s.length == 0; !empty {
			opts.Range = s.bytes()
		}
	} else if values := r.Header["Range"]; len(values) == 1 && sameContent(r.Header.Get("If-Range"), v) {
		opts.Range = parseRange(values[0])
	}
	if empty || r.Method == http.MethodHead {
		err = answerHead(w, r, &o, opts.Range, answerForm{s.given, empty})
	} else {
		err = answerContent(w, r, id, opts, s.given)
	}
	if core.CodeOf(err) == core.InvalidRange && err != nil {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", v.Size)) // RFC 9110 §15.5.17
	}
	return err
}

// answerForm: whole, a part of the content is an answer of its own; empty, nothing is sent.
type answerForm struct{ whole, empty bool }

// bytes is the range that s stands for; it has bytes.
func (s *slice) bytes() *core.Range {
	last := int64(-1)
	if s.length > 0 && s.offset <= math.MaxInt64-s.length {
		last = s.offset + s.length - 1
	}
	return &core.Range{First: s.offset, Last: last}
}

// answerHead answers without content: to HEAD, and where there is none to send.
func answerHead(w http.ResponseWriter, r *request, o *core.Object, asked *core.Range, form answerForm) error {
	if form.empty {
		o.Length = 0
	}
	if asked != nil {
		version := core.GetOptions{VersionID: o.Entry.Version.VersionID(), Range: asked}
		ranged, err := r.se.StatMember(r.Context(), o.Entry.ObjectID, version)
		if err != nil {
			return err
		}
		o = &ranged
	}
	w.WriteHeader(describeLength(w.Header(), o, form.whole))
	return nil
}

// answerContent opens the object and sends what was asked for.
func answerContent(w http.ResponseWriter, r *request, id int64, opts core.GetOptions, whole bool) error {
	rd, err := r.se.OpenMember(r.Context(), id, opts)
	if err != nil {
		return err
	}
	defer func() { _ = rd.Body.Close() }()
	w.WriteHeader(describeLength(w.Header(), &rd.Object, whole))
	if to, ok := rd.Body.(io.WriterTo); ok {
		_, err = to.WriteTo(w)
	} else {
		_, err = io.Copy(w, rd.Body)
	}
	r.cut(err)
	return nil
}

// describe writes what a download tells of an object, whatever its content type is: nothing here is shown by a browser.
func describe(h http.Header, o *core.Object) {
	v := &o.Entry.Version
	h.Set("Content-Type", "application/octet-stream")
	_, path := core.SplitKey(o.Entry.Key)
	h.Set("Content-Disposition", disposition(path))
	if hash := versionHash(v); hash != "" {
		h.Set("ETag", `"`+hash+`"`)
	}
	h.Set("Last-Modified", timeOf(v.UpdateTime).Format(http.TimeFormat))
	h.Set("Accept-Ranges", "bytes")
}

// describeLength is describe with the length, and returns the status. whole: a part of the content is an answer of its
// own.
func describeLength(h http.Header, o *core.Object, whole bool) int {
	describe(h, o)
	h.Set("Content-Length", strconv.FormatInt(o.Length, 10))
	if !o.Ranged || whole {
		return http.StatusOK
	}
	h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", o.Offset, o.Offset+o.Length-1, o.Entry.Version.Size))
	return http.StatusPartialContent
}

// disposition names the file after the last segment of its path (RFC 6266).
func disposition(path string) string {
	name := path[strings.LastIndexByte(path, '/')+1:]
	if name == "" {
		name = "download"
	}
	plain := strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' || c == '"' || c == '\\' || c == '%' {
			return '_'
		}
		return c
	}, name)
	return `attachment; filename="` + plain + `"; filename*=UTF-8''` + strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
}

// parseRange reads one byte range. What is malformed, has another unit or several ranges is no range at all (RFC 9110
// §14.2): the whole is answered.
func parseRange(s string) *core.Range {
	spec, ok := strings.CutPrefix(s, "bytes=")
	first, last, dash := strings.Cut(strings.TrimSpace(spec), "-")
	if !ok || !dash {
		return nil
	}
	from, okFrom := decimal(first)
	to, okTo := decimal(last)
	switch {
	case first == "" && okTo && to == 0:
		return &core.Range{First: math.MaxInt64, Last: -1} // the last 0 bytes: not satisfiable
	case first == "" && okTo:
		return &core.Range{First: -to, Last: -1}
	case okFrom && last == "":
		return &core.Range{First: from, Last: -1}
	case okFrom && okTo && to >= from:
		return &core.Range{First: from, Last: to}
	}
	return nil
}

// decimal reads digits; what is too large for a number is the largest.
func decimal(s string) (int64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		n = math.MaxInt64
	}
	return n, true
}

// judge judges the conditions of a read in the order of RFC 9110 §13.2.2, on the fileHash as the entity tag:
// NotModified or PreconditionFailed.
func judge(h http.Header, v *core.Version) error {
	failed := func(name string) error {
		return &core.Error{Code: core.PreconditionFailed, Msg: "the condition " + name + " is false"}
	}
	tag := `"` + versionHash(v) + `"`
	if match := h.Values("If-Match"); len(match) > 0 {
		if !hasTag(match, tag, false) {
			return failed("If-Match")
		}
	} else if since, ok := headerTime(h, "If-Unmodified-Since"); ok && v.UpdateTime/1e9 > since {
		return failed("If-Unmodified-Since")
	}
	if none := h.Values("If-None-Match"); len(none) > 0 {
		if hasTag(none, tag, true) {
			return &core.Error{Code: core.NotModified}
		}
	} else if since, ok := headerTime(h, "If-Modified-Since"); ok && v.UpdateTime/1e9 <= since {
		return &core.Error{Code: core.NotModified}
	}
	return nil
}

// hasTag tells whether a list of entity tags has tag; weak ones count only when weak is true.
func hasTag(values []string, tag string, weak bool) bool {
	for _, value := range values {
		for item := range strings.SplitSeq(value, ",") {
			item = strings.TrimSpace(item)
			if weak {
				item = strings.TrimPrefix(item, "W/")
			}
			if item == "*" || item == tag {
				return true
			}
		}
	}
	return false
}

// headerTime reads an HTTP date in seconds; what is none is no condition.
func headerTime(h http.Header, name string) (int64, bool) {
	t, err := http.ParseTime(h.Get(name))
	return t.Unix(), err == nil
}

// sameContent tells whether If-Range names v; absent it does.
func sameContent(ifRange string, v *core.Version) bool {
	if ifRange == "" {
		return true
	}
	if t, err := http.ParseTime(ifRange); err == nil {
		return t.Unix() == v.UpdateTime/1e9
	}
	return ifRange == `"`+versionHash(v)+`"`
}
