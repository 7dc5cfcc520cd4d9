package s3front

import (
	"net/http"
	"strconv"
	"strings"

	"trivium/core"
	"trivium/s3front/s3xml"
)

// attributes are what GetObjectAttributes is asked for.
type attributes struct {
	etag, checksum, parts, class, size bool
	after, limit                       int // of the parts
}

// getAttributes is S3 GetObjectAttributes. Parts are numbered from 1 in the order of the object, as partNumber of
// GetObject counts them: a completed upload does not keep the numbers that its parts had.
func getAttributes(w http.ResponseWriter, r *request, se *core.Session) error {
	want, err := wantedAttributes(r)
	if err != nil {
		return err
	}
	opts, err := versionOptions(r)
	if err != nil {
		return err
	}
	opts.Parts = want.parts
	o, err := se.StatObject(r.Context(), r.bucket, r.key, opts)
	if err != nil {
		return readError(w, r, se, err, &o)
	}
	v := &o.Entry.Version
	h := w.Header()
	h["Last-Modified"] = []string{httpTime(v.UpdateTime)}
	if o.Bucket.EverVersioned {
		h["X-Amz-Version-Id"] = []string{v.VersionID()}
	}
	return r.writeXML(w, http.StatusOK, func(x *s3xml.Writer) { want.write(x, &o) })
}

// wantedAttributes reads x-amz-object-attributes and which of the parts are meant.
func wantedAttributes(r *request) (attributes, error) {
	const name = "x-amz-object-attributes"
	var a attributes
	value := strings.Join(r.Header["X-Amz-Object-Attributes"], ",")
	if value == "" {
		return a, badRequest("The %s header specifying the attributes to be retrieved is either missing or empty", name)
	}
	for item := range strings.SplitSeq(value, ",") {
		switch strings.TrimSpace(item) {
		case "ETag":
			a.etag = true
		case "Checksum":
			a.checksum = true
		case "ObjectParts":
			a.parts = true
		case "StorageClass":
			a.class = true
		case "ObjectSize":
			a.size = true
		default:
			return a, badArgument(name, value, "Invalid attribute name specified.")
		}
	}
	var err error
	if a.after, err = intHeader(r, "X-Amz-Part-Number-Marker", 0); err != nil {
		return a, err
	}
	a.limit, err = intHeader(r, "X-Amz-Max-Parts", 1000)
	a.limit = min(a.limit, 1000)
	return a, err
}

// intHeader reads a header that is a number from 0 on, fallback when it is absent or empty.
func intHeader(r *request, name string, fallback int) (int, error) {
	s := r.Header.Get(name)
	if s == "" {
		return fallback, nil
	}
	n, ok := decimal(s)
	if !ok || n > 1<<31-1 {
		return 0, badArgument(strings.ToLower(name), s, "Provided %s not an integer or within integer range", strings.ToLower(name))
	}
	return int(n), nil
}

// write writes the document. The ETag has no quotes there, unlike everywhere else.
func (a *attributes) write(x *s3xml.Writer, o *core.Object) {
	v := &o.Entry.Version
	x.Start("GetObjectAttributesResponse")
	if a.etag {
		x.Text("ETag", v.ETag)
	}
	if a.checksum && v.Attrs.Checksum.Value != "" {
		x.Open("Checksum")
		writeChecksum(x, v.Attrs.Checksum)
		x.Close("Checksum")
	}
	if a.parts && v.PartCount > 0 {
		a.writeParts(x, o)
	}
	if a.class {
		x.Text("StorageClass", classOf(v.Class))
	}
	if a.size {
		x.Int("ObjectSize", v.Size)
	}
	x.Close("GetObjectAttributesResponse")
}

func (a *attributes) writeParts(x *s3xml.Writer, o *core.Object) {
	first := min(a.after, len(o.Parts))
	page := o.Parts[first:min(first+a.limit, len(o.Parts))]
	x.Open("ObjectParts")
	x.Bool("IsTruncated", first+len(page) < len(o.Parts))
	x.Int("MaxParts", int64(a.limit))
	x.Int("NextPartNumberMarker", int64(first+len(page)))
	x.Int("PartNumberMarker", int64(a.after))
	for i := range page {
		x.Open("Part")
		x.Text("PartNumber", strconv.Itoa(first+i+1))
		x.Int("Size", page[i].Size)
		if page[i].Checksum != "" {
			x.Text("Checksum"+o.Entry.Version.Attrs.Checksum.Algorithm, page[i].Checksum)
		}
		x.Close("Part")
	}
	x.Int("PartsCount", int64(len(o.Parts)))
	x.Close("ObjectParts")
}
