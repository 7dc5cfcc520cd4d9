package s3front

import (
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"trivium/core"
)

const metaPrefix = "X-Amz-Meta-"

// refuseHeaders answers x-amz-* headers that ask for what this door does not do (yet), or not in this operation, and
// those it does not know. They must never be dropped in silence: a client that asked for encryption, a lock or a
// check would believe that it has it.
func refuseHeaders(r *request) error {
	for name, values := range r.Header {
		if !strings.HasPrefix(name, "X-Amz-") || len(values) == 0 {
			continue
		}
		if len(values) > 1 && !listHeader(name) {
			return badRequest("The header %s is given more than once.", strings.ToLower(name))
		}
		if err := refuseValue(name, values[0]); err != nil {
			return err
		}
		if !honoured(r.op, name) {
			return notImplementedFor("header " + strings.ToLower(name) + " of " + r.op)
		}
	}
	return nil
}

// listHeader tells whether several lines of a header count together; of all others only one would be looked at.
func listHeader(name string) bool {
	switch name {
	case "X-Amz-Object-Attributes", "X-Amz-Trailer", "X-Amz-Copy-Source-If-Match", "X-Amz-Copy-Source-If-None-Match":
		return true
	}
	return strings.HasPrefix(name, metaPrefix)
}

// refuseValue refuses headers of which only some values are honoured.
func refuseValue(name, value string) error {
	switch {
	case name == "X-Amz-Acl":
		return refuseACL(value)
	case strings.HasPrefix(name, "X-Amz-Grant-"):
		return &apiError{code: aclNotSupported}
	case name == "X-Amz-Object-Ownership" && value != "BucketOwnerEnforced",
		name == "X-Amz-Bucket-Object-Lock-Enabled" && !strings.EqualFold(value, "false"):
		return notImplementedFor("header " + strings.ToLower(name) + ": " + value)
	case name == "X-Amz-Security-Token" && value != "":
		return &apiError{code: invalidToken}
	}
	return nil
}

// honoured tells whether an operation does what the header asks for, or the header asks for nothing that could be
// missed.
func honoured(op, name string) bool {
	switch name {
	case "X-Amz-Acl", "X-Amz-Bucket-Object-Lock-Enabled", "X-Amz-Content-Sha256", "X-Amz-Date",
		"X-Amz-Decoded-Content-Length", "X-Amz-Metadata-Directive", "X-Amz-Object-Ownership",
		"X-Amz-Sdk-Checksum-Algorithm", "X-Amz-Security-Token", "X-Amz-Storage-Class", "X-Amz-Tagging-Directive",
		"X-Amz-Trailer":
		return true
	case "X-Amz-Bypass-Governance-Retention", // there are no locks to pass by
		"X-Amz-Cf-Id", "X-Amz-Optional-Object-Attributes", "X-Amz-Request-Payer", "X-Amz-Te", "X-Amz-User-Agent":
		return true
	case "X-Amz-Expected-Bucket-Owner":
		return op != "CreateBucket" && op != "ListBuckets"
	case "X-Amz-Copy-Source", "X-Amz-Copy-Source-If-Match", "X-Amz-Copy-Source-If-None-Match",
		"X-Amz-Copy-Source-If-Modified-Since", "X-Amz-Copy-Source-If-Unmodified-Since",
		"X-Amz-Source-Expected-Bucket-Owner":
		return op == "CopyObject" || op == "UploadPartCopy"
	case "X-Amz-Website-Redirect-Location":
		return op == "PutObject" || op == "CreateMultipartUpload" || op == "CopyObject"
	case "X-Amz-Tagging":
		return op == "PutObject" || op == "CreateMultipartUpload" || op == "CopyObject"
	case "X-Amz-Copy-Source-Range":
		return op == "UploadPartCopy"
	case "X-Amz-If-Match-Size", "X-Amz-If-Match-Last-Modified-Time":
		return op == "DeleteObject"
	case "X-Amz-Max-Parts", "X-Amz-Object-Attributes", "X-Amz-Part-Number-Marker":
		return op == "GetObjectAttributes"
	case "X-Amz-Mp-Object-Size":
		return op == "CompleteMultipartUpload"
	}
	// A copied part has no body that a checksum could speak of.
	return strings.HasPrefix(name, checksumHeader) && op != "UploadPartCopy" || len(name) > len(metaPrefix) && strings.HasPrefix(name, metaPrefix)
}

// knownClass tells whether an object may be of that storage class. It is kept and shown; none changes where content
// goes. GLACIER and DEEP_ARCHIVE may not: clients pass over such objects until they are restored, which cannot be done.
func knownClass(class string) bool {
	switch class {
	case "", "STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING",
		"GLACIER_IR", "EXPRESS_ONEZONE", "OUTPOSTS", "SNOW", "FSX_OPENZFS", "FSX_ONTAP":
		return true
	}
	return false
}

// putOptions reads what the headers say about a new object.
func putOptions(r *request) (core.PutOptions, error) {
	h := r.Header
	o := core.PutOptions{Class: h.Get("X-Amz-Storage-Class")}
	if !knownClass(o.Class) {
		return o, &apiError{code: invalidStorageClass}
	}
	if o.Class == "STANDARD" {
		o.Class = ""
	}
	o.Attrs = core.Attrs{
		ContentType: h.Get("Content-Type"), CacheControl: h.Get("Cache-Control"),
		ContentDisposition: h.Get("Content-Disposition"), ContentEncoding: contentEncoding(h["Content-Encoding"]),
		ContentLanguage: h.Get("Content-Language"), Expires: h.Get("Expires"),
	}
	var err error
	if o.Attrs.WebsiteRedirect, err = redirectLocation(h.Get("X-Amz-Website-Redirect-Location")); err != nil {
		return o, err
	}
	if o.Attrs.Tags, err = headerTags(h); err != nil {
		return o, err
	}
	for name, values := range h {
		if len(name) <= len(metaPrefix) || !strings.HasPrefix(name, metaPrefix) {
			continue
		}
		key, value := strings.ToLower(name[len(metaPrefix):]), decodeMeta(strings.Join(values, ","))
		if ns, ok := core.ParseMTime(value); ok && key == core.MTimeKey {
			o.MTime, o.MTimeSet = ns, true
			if core.FormatMTime(ns) == value {
				continue // what is spelled otherwise comes back as it was sent
			}
		}
		if o.Attrs.Metadata == nil {
			o.Attrs.Metadata = make(map[string]string)
		}
		o.Attrs.Metadata[key] = value
	}
	return o, nil
}

// maxRedirect is the longest place that S3 lets a website redirect to, in bytes.
const maxRedirect = 2048

// redirectLocation checks where a website redirects to. It is kept and shown, and redirects nobody: there are no
// websites.
func redirectLocation(s string) (string, error) {
	if s == "" || strings.HasPrefix(s, "/") || strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") {
		if len(s) <= maxRedirect {
			return s, nil
		}
		return "", &apiError{code: invalidRedirect, msg: "The length of website redirect location cannot exceed 2,048 characters."}
	}
	return "", &apiError{code: invalidRedirect}
}

// awsChunked is the coding that names the framing of streaming payloads.
const awsChunked = "aws-chunked"

// namesChunked tells whether aws-chunked is among the codings.
func namesChunked(values []string) bool {
	for _, v := range values {
		for item := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(item), awsChunked) {
				return true
			}
		}
	}
	return false
}

// contentEncoding drops aws-chunked, which is the framing of the request and no property of the object.
func contentEncoding(values []string) string {
	if len(values) == 0 {
		return ""
	}
	var kept []string
	all := strings.Join(values, ", ")
	for item := range strings.SplitSeq(all, ",") {
		if item = strings.TrimSpace(item); item != "" && !strings.EqualFold(item, awsChunked) {
			kept = append(kept, item)
		}
	}
	if len(kept) == strings.Count(all, ",")+1 {
		return all
	}
	return strings.Join(kept, ", ")
}

// decodeMeta undoes RFC 2047, in which clients write what is not ASCII; a value that says nothing beyond ASCII
// stays as it is. Bytes that are not UTF-8 are taken for Latin-1, as HTTP once had it.
func decodeMeta(value string) string {
	if !utf8.ValidString(value) {
		runes := make([]rune, len(value))
		for i := range len(value) {
			runes[i] = rune(value[i])
		}
		return string(runes)
	}
	if !strings.Contains(value, "=?") {
		return value
	}
	decoded, err := new(mime.WordDecoder).DecodeHeader(value)
	if err != nil || !utf8.ValidString(decoded) || ascii(decoded) {
		return value
	}
	return decoded
}

// encodeMeta is the reverse of decodeMeta.
func encodeMeta(value string) string {
	if ascii(value) {
		return value
	}
	return mime.BEncoding.Encode("UTF-8", value)
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// conditions reads the preconditions of a request; prefix is that of the headers: "" or "X-Amz-Copy-Source-".
func conditions(h http.Header, prefix string) core.Conditions {
	return core.Conditions{
		IfMatch: etags(h[prefix+"If-Match"]), IfNoneMatch: etags(h[prefix+"If-None-Match"]),
		IfModifiedSince: httpDate(h[prefix+"If-Modified-Since"]), IfUnmodifiedSince: httpDate(h[prefix+"If-Unmodified-Since"]),
	}
}

// etags reads a list of entity tags: quotes are dropped, a weak tag keeps its mark.
func etags(values []string) []string {
	if len(values) == 0 {
		return nil
	}
	var out []string
	for item := range strings.SplitSeq(strings.Join(values, ","), ",") {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, unquote(item))
		}
	}
	return out
}

func unquote(etag string) string {
	if len(etag) >= 2 && etag[0] == '"' && etag[len(etag)-1] == '"' {
		return etag[1 : len(etag)-1]
	}
	return etag
}

// httpDate reads an HTTP date as ns since 1970; 0 when there is none or it does not parse (RFC 9110 §13.1.3).
func httpDate(values []string) int64 {
	if len(values) == 0 {
		return 0
	}
	t, err := http.ParseTime(values[0])
	if err != nil {
		return 0
	}
	return nanos(t)
}

// nanos is t in ns since 1970, or the nearest that says something: 0 is no time at all, and an int64 ends in 2262.
func nanos(t time.Time) int64 {
	switch s := t.Unix(); {
	case s <= 0:
		return 1
	case s > math.MaxInt64/int64(time.Second)-1:
		return math.MaxInt64
	}
	return t.UnixNano()
}

// writeConditions reads the preconditions of a write. AWS knows If-None-Match with "*" alone there; an entity tag
// is judged as RFC 9110 §13.1.2 says.
func writeConditions(r *request) core.Conditions {
	return core.Conditions{IfMatch: etags(r.Header["If-Match"]), IfNoneMatch: etags(r.Header["If-None-Match"])}
}

// objectHeaders writes the headers that describe a version.
func objectHeaders(h http.Header, o *core.Object, fixed *fixedHeaders) {
	v := &o.Entry.Version
	a := &v.Attrs
	// One array for the values of all headers: this is the hot path of GET and HEAD.
	values := make([]string, 0, 13)
	put := func(name, value string) {
		values = append(values, value)
		h[name] = values[len(values)-1 : len(values) : len(values)]
	}
	set := func(name, value string) {
		if value != "" {
			put(name, value)
		}
	}
	set("Etag", `"`+v.ETag+`"`)
	set("Last-Modified", httpTime(v.UpdateTime))
	h["Accept-Ranges"] = fixed.ranges
	if o.Bucket.EverVersioned {
		set("X-Amz-Version-Id", v.VersionID())
	}
	set("X-Amz-Storage-Class", v.Class)
	h["Content-Type"] = fixed.defaultType
	set("Content-Type", a.ContentType)
	set("Cache-Control", a.CacheControl)
	set("Content-Disposition", a.ContentDisposition)
	set("Content-Encoding", a.ContentEncoding)
	set("Content-Language", a.ContentLanguage)
	set("Expires", a.Expires)
	set("X-Amz-Website-Redirect-Location", a.WebsiteRedirect)
	if n := len(a.Tags); n > 0 {
		put("X-Amz-Tagging-Count", strconv.Itoa(n))
	}
	// Lower case on the wire, as AWS sends it: clients take the names of metadata from there as they are.
	missing := 0
	for key, value := range a.Metadata {
		if !fieldName(key) {
			missing++ // of another door
			continue
		}
		put("x-amz-meta-"+key, encodeMeta(value))
	}
	if missing > 0 {
		put("X-Amz-Missing-Meta", strconv.Itoa(missing))
	}
	if text := v.UnspelledMTime(); text != "" {
		put("x-amz-meta-mtime", text)
	}
}

// fieldName tells whether s can be part of a header's name (RFC 9110 §5.6.2).
func fieldName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}

func setOpt(h http.Header, name, value string) {
	if value != "" {
		h[name] = []string{value}
	}
}
