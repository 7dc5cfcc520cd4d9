package davfront

import (
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"strconv"

	"trivium/core"
)

// get serves a file, or a listing of a folder for people (RFC 4918 §9.4); HEAD the same without the body.
func get(w http.ResponseWriter, r *request, se *core.Session) error {
	if r.at.Key == "" {
		return getFolder(w, r, se)
	}
	opts := core.GetOptions{Conditions: conditions(r.Header)}
	if opts.Range = parseRange(r.Header); opts.Range != nil {
		opts.IfRange = parseIfRange(r.Header)
	}
	ctx := r.Context()
	if r.Method == http.MethodHead {
		o, err := se.StatObject(ctx, r.at.Bucket, r.at.Key, opts)
		if err != nil {
			return getError(w, r, se, err, &o)
		}
		w.WriteHeader(describe(w.Header(), &o))
		return nil
	}
	rd, err := se.OpenObject(ctx, r.at.Bucket, r.at.Key, opts)
	if rd != nil {
		defer func() { _ = rd.Body.Close() }()
	}
	if err != nil {
		var o *core.Object
		if rd != nil {
			o = &rd.Object
		}
		return getError(w, r, se, err, o)
	}
	w.WriteHeader(describe(w.Header(), &rd.Object))
	_, err = io.Copy(w, rd.Body)
	return r.cut(err)
}

// getError serves a folder where there is no file, and adds what a reply to a refused read tells about the file.
func getError(w http.ResponseWriter, r *request, se *core.Session, err error, o *core.Object) error {
	switch core.CodeOf(err) { //nolint:exhaustive // all other codes need nothing added
	case core.NoSuchKey:
		return getFolder(w, r, se)
	case core.NotModified:
		if o != nil {
			validators(w.Header(), &o.Entry.Version)
		}
	case core.InvalidRange:
		whole, statErr := se.StatObject(r.Context(), r.at.Bucket, r.at.Key, core.GetOptions{})
		if statErr == nil {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", whole.Entry.Version.Size))
		}
	}
	return err
}

// validators writes the entity tag and the time of a version. The latter is the client's, as in getlastmodified, but
// never later than the write.
func validators(h http.Header, v *core.Version) {
	h.Set("Etag", `"`+v.ETag+`"`)
	h.Set("Last-Modified", httpTime(v.FileTime()))
}

// describe writes the headers of a successful read and returns its status.
func describe(h http.Header, o *core.Object) int {
	v := &o.Entry.Version
	validators(h, v)
	h.Set("Accept-Ranges", "bytes")
	h.Set("Content-Type", typeOf(v))
	for name, value := range map[string]string{
		"Cache-Control": v.Attrs.CacheControl, "Content-Disposition": v.Attrs.ContentDisposition,
		"Content-Encoding": v.Attrs.ContentEncoding, "Content-Language": v.Attrs.ContentLanguage,
	} {
		if value != "" {
			h.Set(name, value)
		}
	}
	// Content of users shares an origin with the console: a browser must not run it as a page of that origin.
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox")
	h.Set("Content-Length", strconv.FormatInt(o.Length, 10))
	if !o.Ranged {
		return http.StatusOK
	}
	if o.Length > 0 {
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", o.Offset, o.Offset+o.Length-1, v.Size))
	}
	return http.StatusPartialContent
}

// getFolder answers with a plain list of a folder, in pages as propfind does.
func getFolder(w http.ResponseWriter, r *request, se *core.Session) error {
	ctx := r.Context()
	n, err := se.StatPath(ctx, r.at.Path)
	if err != nil {
		return err
	}
	if !n.Folder {
		return &core.Error{Code: core.NoSuchKey, Msg: "a file came to be here; ask again"}
	}
	l := folderList{w: w, se: se, path: n.Path}
	if r.Method != http.MethodHead || n.Path.Bucket == "" {
		if err := l.read(ctx, ""); err != nil {
			return err
		}
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	return r.cut(l.write(ctx))
}

// folderList is a folder's list for people.
type folderList struct {
	w    io.Writer
	se   *core.Session
	path core.Path
	page []core.TreeNode
	more bool
}

// read reads the page behind a cursor.
func (l *folderList) read(ctx context.Context, after string) (err error) {
	l.page, l.more, err = l.se.ListFolder(ctx, l.path, after, listPage)
	return err
}

// write writes all pages, the first of which was read.
func (l *folderList) write(ctx context.Context) error {
	title := html.EscapeString(l.path.Bucket + "/" + l.path.Key)
	_, err := fmt.Fprintf(l.w, "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>%s</title>\n<h1>%s</h1>\n<ul>\n", title, title)
	for err == nil {
		if err = l.members(); err != nil {
			return err
		}
		if !l.more || len(l.page) == 0 {
			_, err = io.WriteString(l.w, "</ul>\n</html>\n")
			return err
		}
		err = l.read(ctx, l.page[len(l.page)-1].Cursor())
	}
	return err
}

// members writes one page.
func (l *folderList) members() error {
	for i := range l.page {
		m := &l.page[i]
		name := m.Name()
		if m.Folder {
			name += "/"
		}
		at := html.EscapeString(href(m.Path, m.Folder))
		if _, err := fmt.Fprintf(l.w, "<li><a href=\"%s\">%s</a>\n", at, html.EscapeString(name)); err != nil {
			return err
		}
	}
	return nil
}
