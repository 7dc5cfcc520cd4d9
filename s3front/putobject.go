package s3front

import (
	"net/http"

	"trivium/core"
)

const (
	maxPut     = 5 << 30 // bytes of one PUT or part (S3 quotas)
	defaultSum = "CRC64NVME"
)

// putObject is S3 PutObject.
func putObject(w http.ResponseWriter, r *request, se *core.Session) error {
	opts, err := putOptions(r)
	if err != nil {
		return err
	}
	opts.Conditions = writeConditions(r)
	b, err := openBody(r, maxPut)
	if err != nil {
		return err
	}
	opts.Checksum = defaultSum
	if b.declared.algorithm.name != "" {
		opts.Checksum = b.declared.algorithm.name
	}
	opts.Digests = b.declared.digests()
	opts.Verify = b.verify
	res, err := se.PutObject(r.Context(), r.bucket, r.key, b, b.size, opts)
	if err != nil {
		return err
	}
	h := w.Header()
	writtenHeaders(h, &res.Entry.Version)
	checksumHeaders(h, res.Entry.Version.Attrs.Checksum)
	setLength(h, 0)
	w.WriteHeader(http.StatusOK)
	return nil
}

// writtenHeaders tells what a write has made: its ETag and, where versions are kept, its version.
func writtenHeaders(h http.Header, v *core.Version) {
	h["Etag"] = []string{`"` + v.ETag + `"`}
	if !v.Null {
		h["X-Amz-Version-Id"] = []string{v.VersionID()}
	}
}
