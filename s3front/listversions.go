package s3front

import (
	"net/http"

	"trivium/core"
	"trivium/s3front/s3xml"
)

// listVersions is S3 ListObjectVersions.
func listVersions(w http.ResponseWriter, r *request, se *core.Session) error {
	l, err := readListing(r, "max-keys")
	if err != nil {
		return err
	}
	key, version := r.query.Get("key-marker"), r.query.Get("version-id-marker")
	if key == "" && version != "" {
		return badArgument("version-id-marker", version, "A version-id marker cannot be specified without a key marker.")
	}
	page, err := se.ListVersions(r.Context(), r.bucket, core.VersionListOptions{
		Prefix: l.prefix, Delimiter: l.delimiter, AfterKey: key, AfterVersionID: version,
		AfterPrefix: version == "" && isCommonPrefix(key, l.prefix, l.delimiter), Limit: l.limit,
	})
	if err != nil {
		return err
	}
	b, err := se.Bucket(r.Context(), r.bucket)
	if err != nil {
		return err
	}
	return r.writeXML(w, http.StatusOK, func(x *s3xml.Writer) {
		x.Start("ListVersionsResult")
		l.head(x, r.bucket, "MaxKeys")
		l.text(x, "KeyMarker", key)
		x.Text("VersionIdMarker", version)
		if page.Truncated {
			l.text(x, "NextKeyMarker", page.NextKey)
			x.TextOpt("NextVersionIdMarker", page.NextVersionID)
		}
		x.Bool("IsTruncated", page.Truncated)
		l.versions(x, page, canonicalID(b.Owner))
		x.Close("ListVersionsResult")
	})
}

func (l *listing) versions(x *s3xml.Writer, page core.VersionPage, owner string) {
	for i := range page.Items {
		it := &page.Items[i]
		if it.CommonPrefix != "" {
			continue
		}
		name := "Version"
		if it.Version.Marker {
			name = "DeleteMarker"
		}
		x.Open(name)
		l.text(x, "Key", it.Key)
		x.Text("VersionId", it.Version.VersionID())
		x.Bool("IsLatest", it.Latest)
		if it.Version.Marker {
			x.Time("LastModified", it.Version.UpdateTime)
		} else {
			l.state(x, it.Version.UpdateTime, it.Version.ETag, it.Version.Class)
			sum := &it.Version.Attrs.Checksum
			l.checksum(x, sum.Algorithm, sum.Composite)
			x.Int("Size", it.Version.Size)
		}
		writeOwner(x, owner)
		x.Close(name)
	}
	for i := range page.Items {
		if p := page.Items[i].CommonPrefix; p != "" {
			l.commonPrefix(x, p)
		}
	}
}
