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
	if err := refuseCopySource(r); err != nil {
		return err
	}
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

// refuseCopySource refuses what names a source to copy in an operation that stores its body. Routing sends no such
// request there; if it ever did, the body, which is empty, would replace the target.
func refuseCopySource(r *request) error {
	if r.Header["X-Amz-Copy-Source"] != nil {
		return notImplementedFor("header x-amz-copy-source here")
	}
	return nil
}

// writtenHeaders tells what a write has made: its ETag and, where versions are kept, its version.
func writtenHeaders(h http.Header, v *core.Version) {
	h["Etag"] = []string{`"` + v.ETag + `"`}
	if !v.Null {
		h["X-Amz-Version-Id"] = []string{v.VersionID()}
	}
}
