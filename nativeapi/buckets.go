package nativeapi

import (
	"context"
	"net/http"

	"trivium/core"
	"trivium/nativeapi/adminapi"
)

// listBuckets is GET bucket/list.
func (d *door) listBuckets(w http.ResponseWriter, r *http.Request, se *core.Session) error {
	q, err := query(r, "after", "limit")
	if err != nil {
		return err
	}
	limit, err := pageLimit(q)
	if err != nil {
		return err
	}
	buckets, more, err := se.Buckets(r.Context(), core.BucketListOptions{After: q["after"], Limit: limit})
	if err != nil {
		return err
	}
	page := adminapi.BucketPage{Buckets: []adminapi.Bucket{}, IsTruncated: more}
	names := userNames{se: se}
	for _, b := range buckets {
		doc, err := bucketDoc(r.Context(), se, &names, b)
		if core.CodeOf(err) == core.NoSuchBucket && err != nil {
			continue // it went meanwhile
		}
		if err != nil {
			return err
		}
		page.Buckets = append(page.Buckets, doc)
	}
	return answer(w, page)
}

// bucketDoc shows a bucket.
func bucketDoc(ctx context.Context, se *core.Session, names *userNames, b core.Bucket) (adminapi.Bucket, error) {
	owner, err := names.of(ctx, b.Owner)
	if err != nil {
		return adminapi.Bucket{}, err
	}
	use, err := se.Usage(ctx, b.Name)
	if err != nil {
		return adminapi.Bucket{}, err
	}
	doc := adminapi.Bucket{
		ID: b.ID, Name: b.Name, Owner: owner, Versioning: "off", Objects: use.Objects, Bytes: use.Bytes,
		CreateTime: timeOf(b.CreateTime),
	}
	switch b.Versioning {
	case core.VersioningOff:
	case core.VersioningEnabled:
		doc.Versioning = "enabled"
	case core.VersioningSuspended:
		doc.Versioning = "suspended"
	}
	return doc, nil
}

// createBucket is POST bucket/create.
func (d *door) createBucket(w http.ResponseWriter, r *http.Request, se *core.Session) error {
	var in adminapi.NewBucket
	if err := read(w, r, &in); err != nil {
		return err
	}
	u, err := userNamed(r.Context(), se, in.Owner)
	if err != nil {
		return err
	}
	b, err := se.CreateBucket(r.Context(), in.Name, core.CreateBucketOptions{Strict: true, Owner: u.ID})
	if err != nil {
		return err
	}
	doc, err := bucketDoc(r.Context(), se, &userNames{se: se}, b)
	if err != nil {
		return err
	}
	return answer(w, doc)
}

// deleteBucket is POST bucket/delete.
func (d *door) deleteBucket(w http.ResponseWriter, r *http.Request, se *core.Session) error {
	var in adminapi.OldBucket
	if err := read(w, r, &in); err != nil {
		return err
	}
	if err := se.DeleteBucket(r.Context(), in.Name, in.Force); err != nil {
		return err
	}
	return answer(w, adminapi.Nothing{})
}
