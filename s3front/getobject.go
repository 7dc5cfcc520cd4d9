package s3front

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"

	"trivium/core"
)

// getObject is S3 GetObject.
func getObject(w http.ResponseWriter, r *request, se *core.Session) error {
	opts, err := readOptions(r)
	if err != nil {
		return err
	}
	rd, err := se.OpenObject(r.Context(), r.bucket, r.key, opts)
	if rd != nil {
		defer func() { _ = rd.Body.Close() }()
	}
	if err != nil {
		return readError(w, r, se, err, objectOf(rd))
	}
	status := describe(w.Header(), r, &rd.Object)
	w.WriteHeader(status)
	if to, ok := rd.Body.(io.WriterTo); ok {
		_, err = to.WriteTo(w)
	} else {
		_, err = io.Copy(w, rd.Body)
	}
	return r.cut(err)
}

// ifRange reads If-Range: an HTTP date or, as anything else is taken for one, an entity tag. A weak one keeps its mark,
// so that no content has it.
func ifRange(r *request) *core.Validator {
	value := r.Header.Get("If-Range")
	if value == "" {
		return nil
	}
	if t, err := http.ParseTime(value); err == nil {
		return &core.Validator{UpdateTime: nanos(t)}
	}
	return &core.Validator{ETag: unquote(value)}
}

func objectOf(rd *core.Reader) *core.Object {
	if rd == nil {
		return nil
	}
	return &rd.Object
}

// headObject is S3 HeadObject.
func headObject(w http.ResponseWriter, r *request, se *core.Session) error {
	opts, err := readOptions(r)
	if err != nil {
		return err
	}
	o, err := se.StatObject(r.Context(), r.bucket, r.key, opts)
	if err != nil {
		return readError(w, r, se, err, &o)
	}
	w.WriteHeader(describe(w.Header(), r, &o))
	return nil
}

// versionOptions reads which version is asked for, under which conditions.
func versionOptions(r *request) (core.GetOptions, error) {
	o := core.GetOptions{VersionID: r.query.Get("versionId"), Conditions: conditions(r.Header, "")}
	if o.VersionID == "" && r.query.Has("versionId") {
		return o, badArgument("versionId", "", "Version id cannot be the empty string")
	}
	return o, nil
}

// readOptions reads which version and bytes are asked for, under which conditions.
func readOptions(r *request) (core.GetOptions, error) {
	o, err := versionOptions(r)
	if err != nil {
		return o, err
	}
	if r.principal.Anonymous {
		for i := range r.query {
			if strings.HasPrefix(r.query[i].Name, "response-") {
				return o, badRequest("Request specific response headers cannot be used for anonymous GET requests.")
			}
		}
	}
	if r.query.Has("partNumber") {
		if o.PartNumber, err = partNumber(r); err != nil {
			return o, err
		}
	}
	if values := r.Header["Range"]; len(values) == 1 {
		o.Range = parseRange(values[0])
		o.IfRange = ifRange(r)
	}
	if o.Range != nil && o.PartNumber != 0 {
		return o, badRequest("Cannot specify both Range header and partNumber query parameter")
	}
	return o, nil
}

// parseRange reads one byte range. What is malformed, has another unit or several ranges is no range at all
// (RFC 9110 §14.2): the whole is answered.
func parseRange(s string) *core.Range {
	spec, ok := strings.CutPrefix(s, "bytes=")
	if !ok {
		return nil
	}
	first, last, ok := strings.Cut(strings.TrimSpace(spec), "-")
	if !ok {
		return nil
	}
	if first == "" {
		n, ok := decimal(last)
		if !ok {
			return nil
		}
		if n == 0 {
			return &core.Range{First: math.MaxInt64, Last: -1} // the last 0 bytes: not satisfiable
		}
		return &core.Range{First: -n, Last: -1}
	}
	from, ok := decimal(first)
	if !ok {
		return nil
	}
	if last == "" {
		return &core.Range{First: from, Last: -1}
	}
	to, ok := decimal(last)
	if !ok || to < from {
		return nil
	}
	return &core.Range{First: from, Last: to}
}

// decimal reads digits alone; what an int64 cannot hold is a number near a tenth of the largest one.
func decimal(s string) (int64, bool) {
	if s == "" {
		return 0, false
	}
	var n int64
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		if n > (math.MaxInt64-9)/10 {
			n = math.MaxInt64 / 10
			continue
		}
		n = n*10 + int64(s[i]-'0')
	}
	return n, true
}

// readError adds what a reply to a refused read tells about the object.
func readError(w http.ResponseWriter, r *request, se *core.Session, err error, o *core.Object) error {
	switch core.CodeOf(err) { //nolint:exhaustive // all other codes need nothing added
	case core.NotModified:
		if o != nil {
			objectHeaders(w.Header(), o, &r.door.fixed)
			delete(w.Header(), "Content-Type")
		}
	case core.InvalidRange:
		whole, statErr := se.StatObject(r.Context(), r.bucket, r.key, core.GetOptions{VersionID: r.query.Get("versionId")})
		if statErr != nil {
			return err
		}
		size := strconv.FormatInt(whole.Entry.Version.Size, 10)
		if r.query.Has("partNumber") {
			return &apiError{code: invalidPartNumber, err: err, fields: []field{
				{"PartNumberRequested", r.query.Get("partNumber")}, {"ActualPartCount", strconv.Itoa(max(1, whole.Entry.Version.PartCount))},
			}}
		}
		w.Header()["Content-Range"] = []string{"bytes */" + size}
		return &apiError{code: invalidRange, err: err, fields: []field{
			{"RangeRequested", r.Header.Get("Range")}, {"ActualObjectSize", size},
		}}
	}
	return err
}

// describe writes the headers of a successful read and returns its status.
func describe(h http.Header, r *request, o *core.Object) int {
	objectHeaders(h, o, &r.door.fixed)
	// Content of users shares an origin with the console: a browser must not run it as a page of that origin.
	h["X-Content-Type-Options"] = r.door.fixed.nosniff
	h["Content-Security-Policy"] = r.door.fixed.sandbox
	override(h, r)
	if strings.EqualFold(r.Header.Get("X-Amz-Checksum-Mode"), "ENABLED") {
		checksumHeaders(h, servedChecksum(r, o))
	}
	if r.query.Has("partNumber") && o.Entry.Version.PartCount > 0 {
		h["X-Amz-Mp-Parts-Count"] = []string{strconv.Itoa(o.Entry.Version.PartCount)}
	}
	setLength(h, o.Length)
	if !o.Ranged {
		return http.StatusOK
	}
	if o.Length > 0 {
		h["Content-Range"] = []string{fmt.Sprintf("bytes %d-%d/%d", o.Offset, o.Offset+o.Length-1, o.Entry.Version.Size)}
	}
	return http.StatusPartialContent
}

// servedChecksum is the stored checksum of exactly the bytes that are served: the whole, or one part.
func servedChecksum(r *request, o *core.Object) core.Checksum {
	c := o.Entry.Version.Attrs.Checksum
	if r.query.Has("partNumber") && o.Entry.Version.PartCount > 0 {
		c.Value = o.Part.Checksum
		return c
	}
	if o.Length != o.Entry.Version.Size {
		c.Value = ""
	}
	return c
}

// override honours response-content-type and its like.
func override(h http.Header, r *request) {
	for i := range r.query {
		name, ok := strings.CutPrefix(r.query[i].Name, "response-")
		if !ok {
			continue
		}
		switch name {
		case "content-type", "content-language", "expires", "cache-control", "content-disposition", "content-encoding":
			h.Set(name, r.query[i].Value)
		}
	}
}
