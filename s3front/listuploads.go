package s3front

import (
	"net/http"
	"strconv"

	"trivium/core"
	"trivium/s3front/s3xml"
)

// listParts is S3 ListParts.
func listParts(w http.ResponseWriter, r *request, se *core.Session) error {
	l, err := readListing(r, "max-parts")
	if err != nil {
		return err
	}
	after, err := r.intParam("part-number-marker", 0)
	if err != nil {
		return err
	}
	id := r.query.Get("uploadId")
	u, err := se.Upload(r.Context(), r.path(), id)
	if err != nil {
		return err
	}
	parts, more, err := se.Parts(r.Context(), r.path(), id, after, l.limit)
	if err != nil {
		return err
	}
	return r.writeXML(w, http.StatusOK, func(x *s3xml.Writer) {
		x.Start("ListPartsResult")
		x.Text("Bucket", r.bucket)
		l.text(x, "Key", r.key)
		writeUpload(x, &u)
		x.Int("PartNumberMarker", int64(after))
		if len(parts) > 0 {
			x.Int("NextPartNumberMarker", int64(parts[len(parts)-1].Number))
		}
		x.Int("MaxParts", int64(l.limit))
		x.Bool("IsTruncated", more)
		if l.url {
			x.Text("EncodingType", "url")
		}
		x.TextOpt("ChecksumAlgorithm", u.Checksum.Algorithm)
		x.Text("ChecksumType", checksumType(u.Checksum))
		for i := range parts {
			writePart(x, &parts[i], u.Checksum.Algorithm)
		}
		x.Close("ListPartsResult")
	})
}

// writeUpload writes what both listings show of an upload.
func writeUpload(x *s3xml.Writer, u *core.Upload) {
	owner := canonicalID(u.Owner)
	x.Text("UploadId", u.ID)
	writeInitiator(x, owner)
	writeOwner(x, owner)
	x.Text("StorageClass", classOf(u.Class))
}

func writePart(x *s3xml.Writer, p *core.UploadPart, algorithm string) {
	x.Open("Part")
	x.Text("PartNumber", strconv.Itoa(p.Number))
	x.Time("LastModified", p.UpdateTime)
	x.ETag("ETag", p.ETag)
	x.Int("Size", p.Size)
	if p.Checksum != "" {
		x.Text("Checksum"+algorithm, p.Checksum)
	}
	x.Close("Part")
}

func writeInitiator(x *s3xml.Writer, id string) {
	x.Open("Initiator")
	x.Text("ID", id)
	x.Close("Initiator")
}

func classOf(class string) string {
	if class == "" {
		return "STANDARD"
	}
	return class
}

// listUploads is S3 ListMultipartUploads.
func listUploads(w http.ResponseWriter, r *request, se *core.Session) error {
	l, err := readListing(r, "max-uploads")
	if err != nil {
		return err
	}
	key, id := r.query.Get("key-marker"), r.query.Get("upload-id-marker")
	if key == "" {
		id = "" // S3: without a key marker it is ignored
	}
	page, err := se.Uploads(r.Context(), r.bucket, core.UploadListOptions{
		Prefix: l.prefix, Delimiter: l.delimiter, AfterKey: key, AfterID: id, Limit: l.limit,
	})
	if err != nil {
		return err
	}
	return r.writeXML(w, http.StatusOK, func(x *s3xml.Writer) {
		x.Start("ListMultipartUploadsResult")
		x.Text("Bucket", r.bucket)
		l.text(x, "KeyMarker", key)
		x.Text("UploadIdMarker", id)
		if page.Truncated {
			l.text(x, "NextKeyMarker", page.NextKey)
			x.Text("NextUploadIdMarker", page.NextID)
		}
		l.text(x, "Prefix", l.prefix)
		l.textOpt(x, "Delimiter", l.delimiter)
		x.Int("MaxUploads", int64(l.limit))
		if l.url {
			x.Text("EncodingType", "url")
		}
		x.Bool("IsTruncated", page.Truncated)
		for i := range page.Uploads {
			l.upload(x, &page.Uploads[i])
		}
		for _, p := range page.CommonPrefixes {
			l.commonPrefix(x, p)
		}
		x.Close("ListMultipartUploadsResult")
	})
}

func (l *listing) upload(x *s3xml.Writer, u *core.Upload) {
	x.Open("Upload")
	l.text(x, "Key", u.Key)
	writeUpload(x, u)
	x.Time("Initiated", u.CreateTime)
	x.TextOpt("ChecksumAlgorithm", u.Checksum.Algorithm)
	x.Text("ChecksumType", checksumType(u.Checksum))
	x.Close("Upload")
}
