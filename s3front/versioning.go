package s3front

import (
	"net/http"

	"trivium/core"
	"trivium/s3front/s3xml"
)

// getVersioning is S3 GetBucketVersioning; a bucket that never had versions shows no status.
func getVersioning(w http.ResponseWriter, r *request, se *core.Session) error {
	b, err := se.Bucket(r.Context(), r.bucket)
	if err != nil {
		return err
	}
	return r.writeXML(w, http.StatusOK, func(x *s3xml.Writer) {
		x.Start("VersioningConfiguration")
		switch b.Versioning {
		case core.VersioningOff:
		case core.VersioningEnabled:
			x.Text("Status", "Enabled")
		case core.VersioningSuspended:
			x.Text("Status", "Suspended")
		}
		x.Close("VersioningConfiguration")
	})
}

// putVersioning is S3 PutBucketVersioning.
func putVersioning(w http.ResponseWriter, r *request, se *core.Session) error {
	if err := se.May(r.Context(), r.bucket, core.AccessOwner); err != nil {
		return err
	}
	root, err := readXML(r, maxDocument)
	if err != nil {
		return err
	}
	if root.Name != "VersioningConfiguration" || ambiguous(root) {
		return &apiError{code: malformedXML}
	}
	if root.Value("MfaDelete") == "Enabled" {
		return notImplementedFor("MfaDelete")
	}
	var v core.Versioning
	switch root.Value("Status") {
	case "Enabled":
		v = core.VersioningEnabled
	case "Suspended":
		v = core.VersioningSuspended
	default:
		return &apiError{code: malformedXML}
	}
	if err := se.SetVersioning(r.Context(), r.bucket, v); err != nil {
		return err
	}
	setLength(w.Header(), 0)
	w.WriteHeader(http.StatusOK)
	return nil
}
