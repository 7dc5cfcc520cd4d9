package s3front

import (
	"net/http"
	"net/url"
	"strings"

	"trivium/core"
	"trivium/s3front/s3xml"
)

// copySource is where CopyObject and UploadPartCopy read.
type copySource struct {
	core.Path
	version string // "" the current one
}

// copyObject is S3 CopyObject.
func copyObject(w http.ResponseWriter, r *request, se *core.Session) error {
	src, err := parseCopySource(r.Header.Get("X-Amz-Copy-Source"))
	if err != nil {
		return err
	}
	opts, err := copyOptions(r)
	if err != nil {
		return err
	}
	if src.Path == r.path() && src.version == "" && !changes(r, &opts) {
		return badRequest("This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
	}
	opts.SourceVersionID = src.version
	done := r.door.cfg.Attend(r.Context()) // it may read the source, for its checksum
	res, err := se.CopyObject(r.Context(), src.Path, r.path(), opts)
	done()
	if err != nil {
		return copyError(err)
	}
	v := &res.Entry.Version
	if !v.Null {
		w.Header()["X-Amz-Version-Id"] = []string{v.VersionID()}
	}
	setOpt(w.Header(), "X-Amz-Copy-Source-Version-Id", res.SourceVersionID)
	return r.writeXML(w, http.StatusOK, func(x *s3xml.Writer) {
		x.Start("CopyObjectResult")
		x.Time("LastModified", v.UpdateTime)
		x.ETag("ETag", v.ETag)
		writeChecksum(x, v.Attrs.Checksum)
		x.Close("CopyObjectResult")
	})
}

// parseCopySource reads [/]bucket/key[?versionId=...]; bucket and key are percent-encoded.
func parseCopySource(s string) (copySource, error) {
	bad := badArgument("x-amz-copy-source", s, "Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
	path, query, _ := strings.Cut(s, "?")
	path, err := url.PathUnescape(path)
	if err != nil {
		return copySource{}, bad
	}
	bucket, key, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !ok || key == "" || brokenRule(bucket) != "" {
		return copySource{}, bad
	}
	if err := checkKey(key); err != nil {
		return copySource{}, err
	}
	src := copySource{Path: core.Path{Bucket: bucket, Key: key}}
	if query == "" {
		return src, nil
	}
	version, ok := strings.CutPrefix(query, "versionId=")
	if src.version, err = url.QueryUnescape(version); !ok || err != nil || src.version == "" {
		return copySource{}, bad
	}
	return src, nil
}

// sourceError says in AWS's words that the source is a delete marker; all other errors are said as everywhere.
func sourceError(err error) error {
	if core.CodeOf(err) == core.IsDeleteMarker {
		return badRequest("The source of a copy request may not specifically refer to a delete marker by version id.")
	}
	return err
}

// copyError says in AWS's words what a copy refuses.
func copyError(err error) error {
	if core.CodeOf(err) != core.TooLarge {
		return sourceError(err)
	}
	e := badRequest("The specified copy source is larger than the maximum allowable size for a copy source: %d", core.MaxPart)
	e.err = err
	return e
}

func copyOptions(r *request) (core.CopyOptions, error) {
	o := core.CopyOptions{SourceConditions: conditions(r.Header, "X-Amz-Copy-Source-")}
	var err error
	if o.Put, err = putOptions(r); err != nil {
		return o, err
	}
	o.ReplaceClass = true // without a header it is STANDARD, whatever the source's is
	o.Put.Conditions = writeConditions(r)
	if o.Replace, err = directive(r, "X-Amz-Metadata-Directive"); err != nil {
		return o, err
	}
	if o.ReplaceTags, err = directive(r, "X-Amz-Tagging-Directive"); err != nil {
		return o, err
	}
	if len(o.Put.Attrs.Tags) > 0 && !o.ReplaceTags {
		return o, badRequest("The header x-amz-tagging needs x-amz-tagging-directive: REPLACE.")
	}
	if name := r.Header.Get("X-Amz-Checksum-Algorithm"); name != "" {
		a, err := algorithmNamed(name)
		if err != nil {
			return o, err
		}
		o.Checksum = a.name
	}
	return o, nil
}

// changes tells whether a copy of an object onto itself asks for another one. A storage class counts, also the same:
// that is how people touch objects.
func changes(r *request, o *core.CopyOptions) bool {
	return o.Replace || o.ReplaceTags || r.Header.Get("X-Amz-Storage-Class") != "" || o.Put.Attrs.WebsiteRedirect != "" || o.Checksum != ""
}

// directive reads COPY (false) or REPLACE (true).
func directive(r *request, name string) (bool, error) {
	switch v := r.Header.Get(name); v {
	case "", "COPY":
		return false, nil
	case "REPLACE":
		return true, nil
	default:
		return false, badArgument(strings.ToLower(name), v, "Unknown metadata directive.")
	}
}
