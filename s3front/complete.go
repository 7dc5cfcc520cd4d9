package s3front

import (
	"net/http"
	"strconv"
	"strings"

	"trivium/core"
	"trivium/s3front/s3xml"
)

const (
	maxCompleteBody = 4 << 20
	minPart         = 5 << 20 // bytes of every part but the last
)

// completeUpload is S3 CompleteMultipartUpload.
func completeUpload(w http.ResponseWriter, r *request, se *core.Session) error {
	opts, err := completeOptions(r)
	if err != nil {
		return err
	}
	root, err := readXMLOf(r, maxCompleteBody)
	if err != nil {
		return err
	}
	id := r.query.Get("uploadId")
	parts, err := completeParts(root)
	if err != nil {
		return err
	}
	named, whole, err := r.matchChecksums(se, id, parts)
	if err != nil {
		return err
	}
	opts.Checksum = whole
	res, err := se.CompleteUpload(r.Context(), r.path(), id, named, opts)
	if err != nil {
		return err
	}
	v := &res.Entry.Version
	if !v.Null {
		w.Header()["X-Amz-Version-Id"] = []string{v.VersionID()}
	}
	return r.writeXML(w, http.StatusOK, func(x *s3xml.Writer) {
		x.Start("CompleteMultipartUploadResult")
		x.Text("Location", r.location())
		x.Text("Bucket", r.bucket)
		x.Text("Key", r.key)
		x.ETag("ETag", v.ETag)
		writeChecksum(x, v.Attrs.Checksum)
		x.Close("CompleteMultipartUploadResult")
	})
}

// location is the address of the object as the client reached it.
func (r *request) location() string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + r.URL.EscapedPath()
}

func writeChecksum(x *s3xml.Writer, c core.Checksum) {
	if c.Value != "" {
		x.Text("Checksum"+c.Algorithm, c.Value)
		x.Text("ChecksumType", checksumType(c))
	}
}

func completeOptions(r *request) (core.CompleteOptions, error) {
	o := core.CompleteOptions{MinPart: minPart, Size: -1}
	var err error
	if o.Conditions, err = writeConditions(r); err != nil {
		return o, err
	}
	if s := r.Header.Get("X-Amz-Mp-Object-Size"); s != "" {
		if o.Size, err = strconv.ParseInt(s, 10, 64); err != nil || o.Size < 0 {
			return o, badArgument("x-amz-mp-object-size", s, "x-amz-mp-object-size is not a size")
		}
	}
	return o, nil
}

// readXMLOf reads a document whose x-amz-checksum-* headers speak of the object and not of the document.
func readXMLOf(r *request, limit int64) (*s3xml.Node, error) {
	shadow := *r
	shadow.Request = r.WithContext(r.Context())
	shadow.Header = r.Header.Clone()
	for name := range shadow.Header {
		if strings.HasPrefix(name, checksumHeader) || name == "X-Amz-Sdk-Checksum-Algorithm" {
			delete(shadow.Header, name)
		}
	}
	return readXML(&shadow, limit)
}

// namedPart is a part of the document with the checksum it names.
type namedPart struct {
	core.CompletePart
	algorithm string
}

func completeParts(root *s3xml.Node) ([]namedPart, error) {
	if root.Name != "CompleteMultipartUpload" {
		return nil, &apiError{code: malformedXML}
	}
	parts := make([]namedPart, 0, len(root.Children))
	for i := range root.Children {
		n := &root.Children[i]
		if n.Name != "Part" {
			continue
		}
		number, err := strconv.Atoi(n.Value("PartNumber"))
		if err != nil || len(parts) == core.MaxPartNumber {
			return nil, &apiError{code: malformedXML, err: err}
		}
		if number < 1 || number > core.MaxPartNumber {
			return nil, badArgument("PartNumber", strconv.Itoa(number), "PartNumber must be >= 1 and <= 10000")
		}
		p := namedPart{CompletePart: core.CompletePart{Number: number, ETag: unquote(n.Value("ETag"))}}
		if p.ETag == "" {
			return nil, &apiError{code: malformedXML}
		}
		for j := range n.Children {
			if a, ok := strings.CutPrefix(n.Children[j].Name, "Checksum"); ok {
				p.algorithm, p.Checksum = a, strings.TrimSpace(n.Children[j].Text)
			}
		}
		parts = append(parts, p)
	}
	if len(parts) == 0 {
		return nil, &apiError{code: malformedXML}
	}
	return parts, nil
}

// matchChecksums brings the checksums that the client names, of parts and of the whole, to the upload's
// algorithm: those of another were verified when the part came and say nothing here.
func (r *request) matchChecksums(se *core.Session, id string, parts []namedPart) ([]core.CompletePart, string, error) {
	var d declared
	if err := d.readHeaders(r.Header); err != nil {
		return nil, "", err
	}
	out := make([]core.CompletePart, len(parts))
	any := d.algorithm.name != "" || r.Header.Get("X-Amz-Checksum-Type") != ""
	for i := range parts {
		out[i] = parts[i].CompletePart
		any = any || out[i].Checksum != ""
	}
	if !any {
		return out, "", nil
	}
	u, err := se.Upload(r.Context(), r.path(), id)
	if err != nil {
		return nil, "", err
	}
	for i := range parts {
		if parts[i].algorithm != u.Checksum.Algorithm {
			out[i].Checksum = ""
		}
	}
	if kind := r.Header.Get("X-Amz-Checksum-Type"); kind != "" && kind != checksumType(u.Checksum) {
		return nil, "", badRequest("The upload was created using the %s checksum mode. The complete request must use the same checksum mode.", checksumType(u.Checksum))
	}
	if d.algorithm.name == "" {
		return out, "", nil
	}
	if d.algorithm.name != u.Checksum.Algorithm {
		return nil, "", badRequest("The upload was created using a %s checksum. The complete request must use the same checksum algorithm.", strings.ToLower(u.Checksum.Algorithm))
	}
	return out, r.Header.Get(checksumHeader + d.algorithm.suffix), nil
}
