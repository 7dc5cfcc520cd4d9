package s3front

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
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
	// Who may not complete it shall not make the server hold a large document.
	if err := se.May(r.Context(), r.bucket, core.AccessWrite); err != nil {
		return err
	}
	id := r.query.Get("uploadId")
	u, uploadErr := se.Upload(r.Context(), r.path(), id)
	if uploadErr != nil && core.CodeOf(uploadErr) != core.NoSuchUpload {
		return uploadErr
	}
	parts, err := readParts(r)
	if err != nil {
		return err
	}
	if uploadErr != nil {
		return answerAgain(w, r, se, completed{parts, uploadErr})
	}
	if opts.Checksum, err = matchChecksums(r.Header, u.Checksum, parts); err != nil {
		return err
	}
	res, err := se.CompleteUpload(r.Context(), r.path(), id, named(parts), opts)
	switch {
	case core.CodeOf(err) == core.NoSuchUpload: // another completion was faster
		return answerAgain(w, r, se, completed{parts, err})
	case err != nil:
		return err
	}
	return writeCompleted(w, r, &res.Entry.Version, !res.Entry.Version.Null)
}

func writeCompleted(w http.ResponseWriter, r *request, v *core.Version, versioned bool) error {
	if versioned {
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

// completed is a completion whose upload is gone.
type completed struct {
	parts []namedPart
	err   error // NoSuchUpload
}

// answerAgain answers a completion that is repeated because its first answer was lost: if the object at the key
// is made of exactly these parts, with success (S3 CompleteMultipartUpload is idempotent).
func answerAgain(w http.ResponseWriter, r *request, se *core.Session, c completed) error {
	sum := md5.New()
	for i := range c.parts {
		raw, err := hex.DecodeString(c.parts[i].ETag)
		if err != nil {
			return c.err
		}
		sum.Write(raw)
	}
	o, err := se.StatObject(r.Context(), r.bucket, r.key, core.GetOptions{})
	if err != nil || o.Entry.Version.ETag != fmt.Sprintf("%x-%d", sum.Sum(nil), len(c.parts)) {
		return c.err
	}
	return writeCompleted(w, r, &o.Entry.Version, o.Bucket.EverVersioned)
}

func writeChecksum(x *s3xml.Writer, c core.Checksum) {
	if c.Value != "" {
		x.Text("Checksum"+c.Algorithm, c.Value)
		x.Text("ChecksumType", checksumType(c))
	}
}

func completeOptions(r *request) (core.CompleteOptions, error) {
	o := core.CompleteOptions{MinPart: minPart, Size: -1, Conditions: writeConditions(r)}
	if s := r.Header.Get("X-Amz-Mp-Object-Size"); s != "" {
		var ok bool
		if o.Size, ok = decimal(s); !ok {
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

// named are the parts as core takes them.
func named(parts []namedPart) []core.CompletePart {
	out := make([]core.CompletePart, len(parts))
	for i := range parts {
		out[i] = parts[i].CompletePart
	}
	return out
}

// readParts reads the document of a completion.
func readParts(r *request) ([]namedPart, error) {
	root, err := readXMLOf(r, maxCompleteBody)
	if err != nil {
		return nil, err
	}
	return completeParts(root)
}

func completeParts(root *s3xml.Node) ([]namedPart, error) {
	if root.Name != "CompleteMultipartUpload" {
		return nil, &apiError{code: malformedXML}
	}
	parts := make([]namedPart, 0, min(len(root.Children), core.MaxPartNumber))
	for i := range root.Children {
		n := &root.Children[i]
		if n.Name != "Part" {
			continue
		}
		number, ok := decimal(n.Value("PartNumber"))
		if !ok || len(parts) == core.MaxPartNumber || ambiguous(n) {
			return nil, &apiError{code: malformedXML}
		}
		if number < 1 || number > core.MaxPartNumber {
			return nil, badArgument("PartNumber", strconv.FormatInt(number, 10), "PartNumber must be >= 1 and <= 10000")
		}
		p := namedPart{CompletePart: core.CompletePart{Number: int(number), ETag: unquote(n.Value("ETag"))}}
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

// matchChecksums brings the checksums that the client names to the upload's: those of parts in another algorithm
// were verified when the part came and are dropped from parts. It returns the one named for the whole object, "" if
// none.
func matchChecksums(h http.Header, upload core.Checksum, parts []namedPart) (whole string, err error) {
	for i := range parts {
		if parts[i].algorithm != upload.Algorithm {
			parts[i].Checksum = ""
		}
	}
	if kind := h.Get("X-Amz-Checksum-Type"); kind != "" && kind != checksumType(upload) {
		return "", badRequest("The upload was created using the %s checksum mode. The complete request must use the same checksum mode.", checksumType(upload))
	}
	for _, a := range algorithms() {
		values := h[checksumHeader+a.suffix]
		if len(values) == 0 {
			continue
		}
		if a.name != upload.Algorithm {
			return "", badRequest("The upload was created using a %s checksum. The complete request must use the same checksum algorithm.", strings.ToLower(upload.Algorithm))
		}
		whole = values[0]
	}
	return whole, nil
}
