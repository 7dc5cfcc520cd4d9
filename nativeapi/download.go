package nativeapi

import (
	"context"
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
	return serve(w, r, source{id: id, version: version})
}

// downloadByPath is GET object/downloadByPath.
func downloadByPath(w http.ResponseWriter, r *request) error {
	at, err := r.place()
	if err != nil {
		return err
	}
	return serve(w, r, source{at: at})
}

// place is where packageID and path say that an object is or, without packageID, path alone: bucket/key.
func (r *request) place() (core.Path, error) {
	path, err := r.needText("path")
	if err != nil {
		return core.Path{}, err
	}
	id, given, err := r.optional("packageID")
	if err != nil {
		return core.Path{}, err
	}
	if given {
		return r.se.MemberPath(r.Context(), id, path)
	}
	return bucketAndKey(path)
}

// source is what a download reads: the object of an id, in a version, or the one at a key.
type source struct {
	id      int64
	version string // "": the current one
	at      core.Path
}

// stat describes it.
func (s *source) stat(ctx context.Context, se *core.Session, opts core.GetOptions) (core.Object, error) {
	if s.at != (core.Path{}) {
		return se.StatMemberAt(ctx, s.at, opts)
	}
	opts.VersionID = s.version
	return se.StatMember(ctx, s.id, opts)
}

// open opens it.
func (s *source) open(ctx context.Context, se *core.Session, opts core.GetOptions) (*core.Reader, error) {
	if s.at != (core.Path{}) {
		return se.OpenMemberAt(ctx, s.at, opts)
	}
	opts.VersionID = s.version
	return se.OpenMember(ctx, s.id, opts)
}

// wish is what a download asks of an object: which bytes, and under which conditions.
type wish struct {
	header         http.Header
	given          bool  // offset or length: what they name is an answer of its own, not a part of one
	offset, length int64 // length -1: to the end

	size    int64 // of the version that was found
	partial bool  // a Range asks for a part of it
}

// wish reads offset and length.
func (r *request) wish() (*wish, error) {
	a := &wish{header: r.Header, length: -1, size: -1}
	offset, from, err := r.optional("offset")
	if err != nil {
		return a, err
	}
	length, to, err := r.optional("length")
	if to {
		a.length = length
	}
	a.offset, a.given = offset, from || to
	return a, err
}

// choose judges a version and says which of its bytes are wanted.
func (a *wish) choose(v *core.Version) (core.Slice, error) {
	a.size, a.partial = v.Size, false
	if err := judge(a.header, v); err != nil {
		return core.Slice{}, err
	}
	if a.given {
		if a.offset > v.Size {
			return core.Slice{}, &core.Error{Code: core.InvalidRange, Msg: fmt.Sprintf("offset: the object has %d bytes", v.Size)}
		}
		s := core.Slice{Offset: a.offset, Length: v.Size - a.offset}
		if a.length >= 0 {
			s.Length = min(s.Length, a.length)
		}
		return s, nil
	}
	if values := a.header["Range"]; len(values) == 1 && sameContent(a.header.Get("If-Range"), v) {
		if rng := parseRange(values[0]); rng != nil {
			offset, length, err := rng.Clip(v.Size)
			a.partial = err == nil
			return core.Slice{Offset: offset, Length: length}, err
		}
	}
	return core.Slice{Length: v.Size}, nil
}

// serve answers with the content of an object.
func serve(w http.ResponseWriter, r *request, from source) error {
	a, err := r.wish()
	if err != nil {
		return err
	}
	opts := core.GetOptions{Choose: a.choose}
	if r.Method == http.MethodHead {
		o, err := from.stat(r.Context(), r.se, opts)
		if err != nil {
			return a.refuse(w, &o, err)
		}
		w.WriteHeader(a.describe(w.Header(), &o))
		return nil
	}
	rd, err := from.open(r.Context(), r.se, opts)
	if rd != nil {
		defer func() { _ = rd.Body.Close() }()
	}
	if err != nil {
		o := new(core.Object)
		if rd != nil {
			o = &rd.Object
		}
		return a.refuse(w, o, err)
	}
	w.WriteHeader(a.describe(w.Header(), &rd.Object))
	if to, ok := rd.Body.(io.WriterTo); ok {
		_, err = to.WriteTo(w)
	} else {
		_, err = io.Copy(w, rd.Body)
	}
	r.cut(err)
	return nil
}

// refuse adds what an answer without content tells of an object, and answers where nothing was modified.
func (a *wish) refuse(w http.ResponseWriter, o *core.Object, err error) error {
	switch core.CodeOf(err) { //nolint:exhaustive // all other codes need nothing added
	case core.NotModified:
		describe(w.Header(), o)
		w.WriteHeader(http.StatusNotModified)
		return nil
	case core.InvalidRange:
		if a.size >= 0 {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", a.size)) // RFC 9110 §15.5.17
		}
	}
	return err
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

// describe is describe with the length, and returns the status.
func (a *wish) describe(h http.Header, o *core.Object) int {
	describe(h, o)
	h.Set("Content-Length", strconv.FormatInt(o.Length, 10))
	if !a.partial {
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
	tag := ""
	if h["If-Match"] != nil || h["If-None-Match"] != nil {
		tag = `"` + versionHash(v) + `"`
	}
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
	if h[name] == nil {
		return 0, false
	}
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
