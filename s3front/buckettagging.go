package s3front

import (
	"encoding/json"
	"fmt"
	"net/http"

	"trivium/core"
)

// taggingDoc is the kind under which the tags of a bucket are kept: as a JSON object, by key.
const taggingDoc = "tagging"

// maxBucketTagging holds the longest tags there may be, each of their characters written as a reference.
const maxBucketTagging = 256 << 10

// getBucketTagging is S3 GetBucketTagging: the tags of a bucket, by key.
func getBucketTagging(w http.ResponseWriter, r *request, se *core.Session) error {
	doc, found, err := se.Doc(r.Context(), r.bucket, taggingDoc)
	if err != nil {
		return err
	}
	if !found {
		return &apiError{code: noSuchTagSet}
	}
	var tags map[string]string
	if err := json.Unmarshal(doc, &tags); err != nil {
		return fmt.Errorf("tags of bucket %s: %w", r.bucket, err)
	}
	return r.writeTagging(w, tags)
}

// putBucketTagging is S3 PutBucketTagging: these tags in place of all that a bucket has.
func putBucketTagging(w http.ResponseWriter, r *request, se *core.Session) error {
	if err := needDigest(r); err != nil {
		return err
	}
	if err := se.May(r.Context(), r.bucket, core.AccessOwner); err != nil {
		return err
	}
	root, err := readXML(r, maxBucketTagging)
	if err != nil {
		return err
	}
	tags, err := tagsOf(root, bucketTags)
	if err != nil {
		return err
	}
	var doc []byte // of an empty set: none, as after its deletion
	if len(tags) > 0 {
		if doc, err = json.Marshal(tags); err != nil {
			return fmt.Errorf("tags of bucket %s: %w", r.bucket, err)
		}
	}
	return setBucketTags(w, r, se, doc)
}

// deleteBucketTagging is S3 DeleteBucketTagging.
func deleteBucketTagging(w http.ResponseWriter, r *request, se *core.Session) error {
	return setBucketTags(w, r, se, nil)
}

// setBucketTags keeps the document of a bucket's tags, nil for none, and answers.
func setBucketTags(w http.ResponseWriter, r *request, se *core.Session, doc []byte) error {
	if err := se.SetDoc(r.Context(), r.bucket, taggingDoc, doc); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
