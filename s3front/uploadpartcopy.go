package s3front

import (
	"net/http"
	"strings"

	"trivium/core"
	"trivium/s3front/s3xml"
)

// uploadPartCopy is S3 UploadPartCopy.
func uploadPartCopy(w http.ResponseWriter, r *request, se *core.Session) error {
	number, err := partNumber(r)
	if err != nil {
		return err
	}
	src, err := parseCopySource(r.Header.Get("X-Amz-Copy-Source"))
	if err != nil {
		return err
	}
	req := core.PartCopy{
		Number: number, Source: src.Path, SourceVersionID: src.version,
		SourceConditions: conditions(r.Header, "X-Amz-Copy-Source-"),
	}
	if req.Range, err = copyRange(r.Header.Get("X-Amz-Copy-Source-Range")); err != nil {
		return err
	}
	done := r.door.cfg.Attend(r.Context()) // it may read the source
	part, err := se.CopyPart(r.Context(), r.path(), r.query.Get("uploadId"), req)
	done()
	if err != nil {
		return copyPartError(r, err)
	}
	setOpt(w.Header(), "X-Amz-Copy-Source-Version-Id", part.SourceVersionID)
	return r.writeXML(w, http.StatusOK, func(x *s3xml.Writer) {
		x.Start("CopyPartResult")
		x.Time("LastModified", part.UpdateTime)
		x.ETag("ETag", part.ETag)
		if part.Checksum != "" {
			x.Text("Checksum"+part.Algorithm, part.Checksum)
		}
		x.Close("CopyPartResult")
	})
}

// copyRange reads x-amz-copy-source-range, nil when there is none. Unlike a Range it has one form only, and what is
// malformed is refused: the whole in place of a part would be another object.
func copyRange(s string) (*core.Range, error) {
	if s == "" {
		return nil, nil //nolint:nilnil // no range, no error
	}
	first, last, _ := strings.Cut(strings.TrimPrefix(s, "bytes="), "-")
	from, ok := decimal(first)
	to, okTo := decimal(last)
	if !strings.HasPrefix(s, "bytes=") || !ok || !okTo || to < from {
		return nil, badArgument("x-amz-copy-source-range", s, "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy")
	}
	return &core.Range{First: from, Last: to}, nil
}

// copyPartError says in AWS's words what is wrong with the range, which are not those of a read.
func copyPartError(r *request, err error) error {
	switch core.CodeOf(err) { //nolint:exhaustive // all other codes are said as everywhere
	case core.InvalidRange:
		s := r.Header.Get("X-Amz-Copy-Source-Range")
		e := badArgument("x-amz-copy-source-range", s, "Range specified is not valid for source object")
		e.err = err
		return e
	}
	return copyError(err)
}
