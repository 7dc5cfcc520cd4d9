package nativeapi

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"trivium/core"
	v1 "trivium/nativeapi/v1"
)

// hashOf shows the digest of content: Full and its SHA-256, or Comp and that of the parts' digests; "" where neither is
// known.
func hashOf(sha256, parts []byte) string {
	switch {
	case sha256 != nil:
		return fmt.Sprintf("Full%X", sha256)
	case parts != nil:
		return fmt.Sprintf("Comp%X", parts)
	}
	return ""
}

// versionHash is hashOf a version.
func versionHash(v *core.Version) string {
	if v.Marker {
		return ""
	}
	return hashOf(v.SHA256, v.Attrs.PartsSHA256)
}

// objectDoc shows an object.
func objectDoc(m *core.Member) v1.Object {
	doc := v1.Object{
		ObjectID: m.Entry.ObjectID, PackageID: m.PackageID, Path: m.Path, Size: v1.Size(m.Size),
		FileHash: hashOf(m.SHA256, m.PartsSHA256), Redundancy: v1.Redundancy{Type: v1.RedundancyNone},
		CreateTime: timeOf(m.Entry.CreateTime), UpdateTime: timeOf(m.UpdateTime),
	}
	if m.Unfinished {
		doc.Redundancy.Type = v1.RedundancyUpload
		if doc.FileHash == "" {
			doc.FileHash = "Full" + strings.Repeat("0", 64)
		}
	}
	return doc
}

// packageDoc shows a package.
func packageDoc(p *core.Package) v1.Package {
	return v1.Package{PackageID: p.ID, Name: p.Name, BucketID: p.BucketID, CreateTime: timeOf(p.CreateTime)}
}

// bucketRecord shows a bucket.
func bucketRecord(b *core.Bucket) v1.Bucket { return v1.Bucket{BucketID: b.ID, Name: b.Name} }

// optionalTime is a time that may be never: 0.
func optionalTime(ns int64) *time.Time {
	if ns == 0 {
		return nil
	}
	t := timeOf(ns)
	return &t
}

// reply sends data.
func (r *request) reply(w http.ResponseWriter, data any) error {
	write(w, http.StatusOK, v1.Answer[any]{Code: v1.OK, Data: data})
	return nil
}
