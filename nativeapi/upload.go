package nativeapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"trivium/core"
	v1 "trivium/nativeapi/v1"
)

const (
	maxInfo     = 64 << 10 // bytes of the part info
	maxPartHead = 64 << 10 // bytes from the end of a part to the beginning of the next one's content
	maxEpilogue = 64 << 10
	// itemMemory is what a file of an upload takes until all of them are there, in bytes.
	itemMemory = 2 << 10
)

// form reads a multipart/form-data body part by part. What stands between the contents of two parts is bounded.
type form struct {
	r     *request
	parts *multipart.Reader
	head  *headLimit
}

// headLimit bounds what is read while the head of a part is looked for. At the end of the body it adds a line break and
// then an error: mime/multipart takes the end within a head for that of the form, which only the last boundary is.
type headLimit struct {
	io.Reader
	left    int // bytes; meaningless unless limited
	limited bool
	last    byte   // that was read
	newline string // as the form has it; "": none was read yet
	tail    string
	ended   bool
}

// Read implements io.Reader.
func (l *headLimit) Read(p []byte) (int, error) {
	if l.limited {
		if l.left <= 0 {
			return 0, badArgument(fmt.Sprintf("the head of a part is longer than %d bytes", maxPartHead))
		}
		p = p[:min(len(p), l.left)]
	}
	if l.ended {
		return l.end(p)
	}
	n, err := l.Reader.Read(p)
	l.left -= n
	l.look(p[:n])
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	l.ended, l.tail = true, l.newline
	if n > 0 {
		return n, nil
	}
	return l.end(p)
}

// look finds out how lines end.
func (l *headLimit) look(b []byte) {
	if l.newline != "" || len(b) == 0 {
		return
	}
	i := bytes.IndexByte(b, '\n')
	if i > 0 {
		l.last = b[i-1]
	}
	switch {
	case i < 0:
		l.last = b[len(b)-1]
	case l.last == '\r':
		l.newline = "\r\n"
	default:
		l.newline = "\n"
	}
}

// end gives what stands behind the body.
func (l *headLimit) end(p []byte) (int, error) {
	if l.tail == "" {
		return 0, io.ErrUnexpectedEOF
	}
	n := copy(p, l.tail)
	l.tail = l.tail[n:]
	return n, nil
}

// form begins to read a body, whose Content-Type is judged already.
func (r *request) form(body io.Reader) (*form, error) {
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || params["boundary"] == "" || len(params["boundary"]) > 70 {
		return nil, badArgument("Content-Type: it has no boundary of 1 to 70 characters")
	}
	f := &form{r: r, head: &headLimit{Reader: body}}
	f.parts = multipart.NewReader(f.head, params["boundary"])
	return f, nil
}

// next returns the next part; nil at the end, which the body must have. What follows it is read, so that the hash of
// the body is checked.
func (f *form) next() (*formPart, error) {
	f.head.limited, f.head.left = true, maxPartHead
	p, err := f.parts.NextRawPart()
	if errors.Is(err, io.EOF) {
		f.head.left = maxEpilogue
		if _, err = io.Copy(io.Discard, f.head); f.head.ended && errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, nil
		}
	}
	if err != nil {
		return nil, cutBody(err)
	}
	f.head.limited = false
	return newFormPart(p)
}

// formPart is one part.
type formPart struct {
	*multipart.Part
	name     string
	filename string
	file     bool // there is a filename
}

// newFormPart reads what the head of a part says.
func newFormPart(p *multipart.Part) (*formPart, error) {
	kind, params, err := mime.ParseMediaType(p.Header.Get("Content-Disposition"))
	if err != nil || kind != "form-data" {
		return nil, badArgument("a part has no Content-Disposition: form-data that can be read")
	}
	out := &formPart{Part: p, name: params["name"]}
	out.filename, out.file = params["filename"]
	return out, nil
}

// path is the path of a file: its filename, percent-decoded once; "+" stays as it is.
func (p *formPart) path() (string, error) {
	if p.name != "files" && p.name != "file" {
		return "", badArgument(short(p.name) + ": a part behind info has the name files")
	}
	if p.filename == "" {
		return "", badArgument("files: a part has no filename")
	}
	return decodePath(p.filename)
}

// decodePath decodes a filename.
func decodePath(filename string) (string, error) {
	path, err := url.PathUnescape(filename)
	if err != nil || !utf8.ValidString(path) {
		return "", badArgument("filename: " + short(filename) + ": it is not UTF-8 in URL encoding")
	}
	return path, nil
}

// info reads the first part, which must be info, into a document.
func (f *form) info(into any) error {
	p, err := f.next()
	if err != nil {
		return err
	}
	if p == nil || p.name != "info" {
		return badArgument("info: it must be the first part")
	}
	text, err := io.ReadAll(io.LimitReader(p, maxInfo+1))
	if err != nil {
		return cutBody(err)
	}
	if len(text) > maxInfo {
		return badArgument(fmt.Sprintf("info: it is longer than %d bytes", maxInfo))
	}
	if err := f.r.decodeFrom(text, into); err != nil {
		if ref, ok := errors.AsType[*refusal](err); ok {
			return badArgument("info: " + ref.message)
		}
		return err
	}
	return nil
}

// upload is POST object/upload: all files become visible together, or none.
func upload(w http.ResponseWriter, r *request) error {
	r.sender = r.d.uploads.sender(w, r.Body, r.d.cfg.Now)
	f, err := r.form(r.sender)
	if err != nil {
		return err
	}
	var in v1.UploadInfo
	if err := f.info(&in); err != nil {
		return err
	}
	b, err := r.se.NewBatch(r.Context(), in.PackageID)
	if err != nil {
		return err
	}
	defer b.Close()
	for {
		p, err := f.next()
		if err != nil {
			return err
		}
		if p == nil {
			break
		}
		if err := r.addFile(b, p); err != nil {
			return err
		}
	}
	members, err := b.Commit(r.Context())
	if err != nil {
		return err
	}
	out := v1.Uploaded{Uploadeds: make([]v1.Object, len(members))}
	for i := range members {
		out.Uploadeds[i] = objectDoc(&members[i])
	}
	return r.reply(w, out)
}

// addFile receives one file.
func (r *request) addFile(b *core.Batch, p *formPart) error {
	path, err := p.path()
	if err == nil {
		err = r.sender.take(r.Context(), itemMemory)
	}
	if err != nil {
		return err
	}
	return b.Add(r.Context(), path, p, -1, core.PutOptions{
		Attrs: core.Attrs{ContentType: contentType(p.Header.Get("Content-Type"), path)},
	})
}

// putByPath is PUT object/putByPath. Without packageID, path is bucket/key, as for object/downloadByPath.
func putByPath(w http.ResponseWriter, r *request) error {
	if r.ProtoMajor == 1 && r.ProtoMinor == 0 && r.Header.Get("Content-Length") == "" {
		// Its body would go on to the end of the connection, where nobody sees whether it is whole: net/http shows none.
		return &refusal{http.StatusLengthRequired, "BadArgument", "Content-Length: HTTP/1.0 needs it"}
	}
	id, given, err := r.optional("packageID")
	if err != nil {
		return err
	}
	path, err := r.needText("path")
	if err != nil {
		return err
	}
	if _, _, err := r.optional("affinity"); err != nil {
		return err
	}
	opts := core.PutOptions{Attrs: core.Attrs{ContentType: contentType(r.Header.Get("Content-Type"), path)}}
	var m core.Member
	if given {
		m, err = r.se.PutInPackage(r.Context(), core.InPackage{PackageID: id, Path: path}, r.Body, r.ContentLength, opts)
	} else {
		var at core.Path
		if at, err = bucketAndKey(path); err == nil {
			m, err = r.se.PutNamed(r.Context(), at, r.Body, r.ContentLength, opts)
		}
	}
	if err != nil {
		return err
	}
	return r.reply(w, v1.OneObject{Object: objectDoc(&m)})
}

// bucketAndKey reads a path that stands without packageID; one leading slash is ignored.
func bucketAndKey(path string) (core.Path, error) {
	bucket, key, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !ok || key == "" {
		return core.Path{}, badArgument("path: without packageID it is bucket/key")
	}
	return core.Path{Bucket: bucket, Key: key}, nil
}

// defaultType is for content of which nobody said what it is.
const defaultType = "application/octet-stream"

// contentType is what a client says content is, or what the extension of its path says where that is nothing.
func contentType(said, path string) string {
	if kind, _, _ := strings.Cut(said, ";"); said != "" && !strings.EqualFold(strings.TrimSpace(kind), defaultType) {
		return said
	}
	dot := strings.LastIndexByte(path, '.')
	if dot < 0 || strings.IndexByte(path[dot:], '/') >= 0 {
		return defaultType
	}
	if known, ok := extensions()[strings.ToLower(path[dot+1:])]; ok {
		return known
	}
	return defaultType
}

// extensions are the content types of usual extensions. The system's table is another one on each machine.
func extensions() map[string]string {
	return map[string]string{
		"avi": "video/x-msvideo", "avif": "image/avif", "bmp": "image/bmp", "bz2": "application/x-bzip2", "css": "text/css; charset=utf-8",
		"csv": "text/csv; charset=utf-8", "doc": "application/msword", "epub": "application/epub+zip", "flac": "audio/flac",
		"docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
		"gif":  "image/gif", "gz": "application/gzip", "htm": "text/html; charset=utf-8", "html": "text/html; charset=utf-8",
		"ico": "image/x-icon", "jpeg": "image/jpeg", "jpg": "image/jpeg", "js": "text/javascript; charset=utf-8",
		"json": "application/json", "m4a": "audio/mp4", "md": "text/markdown; charset=utf-8", "mjs": "text/javascript; charset=utf-8",
		"mkv": "video/x-matroska", "mov": "video/quicktime", "mp3": "audio/mpeg", "mp4": "video/mp4", "ogg": "audio/ogg",
		"parquet": "application/vnd.apache.parquet", "pdf": "application/pdf", "png": "image/png",
		"pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation", "svg": "image/svg+xml",
		"tar": "application/x-tar", "tif": "image/tiff", "tiff": "image/tiff", "txt": "text/plain; charset=utf-8",
		"wasm": "application/wasm", "wav": "audio/wav", "webm": "video/webm", "webp": "image/webp", "woff2": "font/woff2",
		"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xml": "application/xml",
		"yaml": "application/yaml", "yml": "application/yaml", "zip": "application/zip", "zst": "application/zstd",
	}
}
