package s3front

import (
	"net/http"
	"time"

	"trivium/core"
)

// deleteObject is S3 DeleteObject.
func deleteObject(w http.ResponseWriter, r *request, se *core.Session) error {
	opts := core.DeleteOptions{VersionID: r.query.Get("versionId")}
	if opts.VersionID == "" && r.query.Has("versionId") {
		return badArgument("versionId", "", "Version id cannot be the empty string")
	}
	var err error
	if opts.Conditions, err = deleteConditions(r); err != nil {
		return err
	}
	res, err := se.DeleteObject(r.Context(), r.bucket, r.key, opts)
	if err != nil {
		return err
	}
	h := w.Header()
	if res.VersionID != "" {
		h["X-Amz-Version-Id"] = []string{res.VersionID}
	}
	if res.MarkerMade || res.WasMarker {
		h["X-Amz-Delete-Marker"] = []string{"true"}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func deleteConditions(r *request) (core.Conditions, error) {
	c := core.Conditions{IfMatch: etags(r.Header["If-Match"])}
	if s := r.Header.Get("X-Amz-If-Match-Size"); s != "" {
		n, ok := decimal(s)
		if !ok {
			return c, badArgument("x-amz-if-match-size", s, "x-amz-if-match-size is not a size")
		}
		c.IfSize = &n
	}
	if s := r.Header.Get("X-Amz-If-Match-Last-Modified-Time"); s != "" {
		if c.IfUpdateTime = anyTime(s); c.IfUpdateTime == 0 {
			return c, badArgument("x-amz-if-match-last-modified-time", s, "x-amz-if-match-last-modified-time is not a time")
		}
	}
	return c, nil
}

// anyTime reads an HTTP date or an ISO 8601 time as ns since 1970; 0 for anything else.
func anyTime(s string) int64 {
	if t, err := http.ParseTime(s); err == nil {
		return nanos(t)
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return nanos(t)
	}
	return 0
}
