package s3front

import (
	"encoding/base64"
	"net/http"
	"strings"

	"trivium/core"
	"trivium/s3front/s3xml"
)

// createUpload is S3 CreateMultipartUpload. Without an algorithm the parts are checked with CRC64NVME over the
// whole object, as AWS does.
func createUpload(w http.ResponseWriter, r *request, se *core.Session) error {
	opts, err := putOptions(r)
	if err != nil {
		return err
	}
	sum := core.Checksum{Algorithm: defaultSum}
	if name := r.Header.Get("X-Amz-Checksum-Algorithm"); name != "" {
		if sum, err = uploadChecksum(name, r.Header.Get("X-Amz-Checksum-Type")); err != nil {
			return err
		}
		w.Header()["X-Amz-Checksum-Algorithm"] = []string{sum.Algorithm}
		w.Header()["X-Amz-Checksum-Type"] = []string{checksumType(sum)}
	} else if r.Header.Get("X-Amz-Checksum-Type") != "" {
		return badRequest("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
	}
	u, err := se.CreateUpload(r.Context(), r.path(), opts, sum)
	if err != nil {
		return err
	}
	return r.writeXML(w, http.StatusOK, func(x *s3xml.Writer) {
		x.Start("InitiateMultipartUploadResult")
		x.Text("Bucket", r.bucket)
		x.Text("Key", r.key)
		x.Text("UploadId", u.ID)
		x.Close("InitiateMultipartUploadResult")
	})
}

// uploadChecksum reads the algorithm and type; CRC64NVME covers the whole, the others are composite unless the
// type says otherwise.
func uploadChecksum(name, kind string) (core.Checksum, error) {
	a, err := algorithmNamed(name)
	if err != nil {
		return core.Checksum{}, err
	}
	c := core.Checksum{Algorithm: a.name, Composite: a.name != defaultSum}
	switch strings.ToUpper(kind) {
	case "":
	case "COMPOSITE":
		c.Composite = true
	case "FULL_OBJECT":
		c.Composite = false
	default:
		return c, badRequest("Value for x-amz-checksum-type header is invalid.")
	}
	if sha := a.name == "SHA1" || a.name == "SHA256"; sha && !c.Composite || a.name == defaultSum && c.Composite {
		return c, badRequest("The %s checksum type cannot be used with the %s checksum algorithm.", checksumType(c), strings.ToLower(a.name))
	}
	return c, nil
}

// partNumber reads ?partNumber.
func partNumber(r *request) (int, error) {
	s := r.query.Get("partNumber")
	n, ok := decimal(s)
	if !ok || n < 1 || n > core.MaxPartNumber {
		return 0, badArgument("partNumber", s, "Part number must be an integer between 1 and 10000, inclusive")
	}
	return int(n), nil
}

// uploadPart is S3 UploadPart.
func uploadPart(w http.ResponseWriter, r *request, se *core.Session) error {
	if err := refuseCopySource(r); err != nil {
		return err
	}
	number, err := partNumber(r)
	if err != nil {
		return err
	}
	b, err := openBody(r, maxPut)
	if err != nil {
		return err
	}
	id := r.query.Get("uploadId")
	if err := checkPartChecksum(r, se, id, b.declared.algorithm.name); err != nil {
		return err
	}
	part, digests, err := se.PutPart(r.Context(), r.path(), id, core.PartRequest{
		Number: number, Body: b, Size: b.size, Digests: b.declared.digests(), Verify: b.verify,
	})
	if err != nil {
		return err
	}
	h := w.Header()
	h["Etag"] = []string{`"` + part.ETag + `"`}
	partChecksum(h, &b.declared, part.Checksum, &digests)
	setLength(h, 0)
	w.WriteHeader(http.StatusOK)
	return nil
}

// partChecksum shows the checksum that the client declared, else the stored one, which is of the upload's
// algorithm: whichever of the digests it equals.
func partChecksum(h http.Header, d *declared, stored string, got *core.Digests) {
	for _, a := range algorithms() {
		if d.algorithm.name != "" && d.algorithm.name != a.name || !got.Set.Has(a.set) {
			continue
		}
		value := base64.StdEncoding.EncodeToString(a.sum(got))
		if d.algorithm.name != "" || value == stored {
			h[checksumHeader+a.suffix] = []string{value}
		}
	}
}

// checkPartChecksum refuses a part whose checksum is of another algorithm than its upload's. CRC64NVME may
// be the default that the client never asked for: then any is taken, and verified.
func checkPartChecksum(r *request, se *core.Session, id, name string) error {
	if name == "" || name == defaultSum {
		return nil
	}
	u, err := se.Upload(r.Context(), r.path(), id)
	if err != nil {
		return err
	}
	if want := u.Checksum.Algorithm; want != name && want != defaultSum {
		return badRequest("Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s",
			strings.ToLower(want), strings.ToLower(name))
	}
	return nil
}

// abortUpload is S3 AbortMultipartUpload.
func abortUpload(w http.ResponseWriter, r *request, se *core.Session) error {
	if err := se.AbortUpload(r.Context(), r.path(), r.query.Get("uploadId")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
