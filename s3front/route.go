package s3front

import (
	"net/http"
	"strings"

	"trivium/s3front/sigv4"
)

// scope is what a path names.
type scope uint8

const (
	onService scope = iota
	onBucket
	onObject
)

// place is what a path names, percent-encoded as it was sent.
type place struct {
	bucket, key string // "": the path has none
	nowhere     bool   // the path has no form that anything here answers to
}

// cutPath cuts an escaped path as the router's patterns do: / is the service, /bucket and /bucket/ a bucket,
// /bucket/key an object. ok is false for all other paths.
func cutPath(path string) (at place, ok bool) {
	if path == "" || path[0] != '/' {
		return at, false
	}
	path = path[1:]
	slash := strings.IndexByte(path, '/')
	switch {
	case slash < 0:
		return place{bucket: path}, true
	case slash == 0:
		return at, false // an empty name of a bucket
	}
	return place{bucket: path[:slash], key: path[slash+1:]}, true
}

// subs is a set of sub-resources: parameters that select another operation.
type subs uint32

const (
	subACL subs = 1 << iota
	subAttributes
	subDelete
	subListType
	subLocation
	subPartNumber
	subTagging
	subUploadID
	subUploads
	subVersionID
	subVersioning
	subVersions
	subCopySource // x-amz-copy-source on a PUT, a header by the time when routes are looked for
	subOther      // a sub-resource that no operation here knows
)

// route is one operation: it runs when the sub-resources of a request are all of need and nothing but need and
// allow.
type route struct {
	op          string
	scope       scope
	method      string
	need, allow subs
	run         handler
}

// routes is the whitelist of operations. What is not in it is answered with 501 or 405.
func routes() []route {
	return []route{
		{"GetObject", onObject, http.MethodGet, 0, subVersionID | subPartNumber, getObject},
		{"HeadObject", onObject, http.MethodHead, 0, subVersionID | subPartNumber, headObject},
		{"GetObjectAttributes", onObject, http.MethodGet, subAttributes, subVersionID, getAttributes},
		{"GetObjectTagging", onObject, http.MethodGet, subTagging, subVersionID, getTagging},
		{"PutObjectTagging", onObject, http.MethodPut, subTagging, subVersionID, putTagging},
		{"DeleteObjectTagging", onObject, http.MethodDelete, subTagging, subVersionID, deleteTagging},
		{"GetObjectAcl", onObject, http.MethodGet, subACL, subVersionID, getObjectACL},
		{"PutObjectAcl", onObject, http.MethodPut, subACL, subVersionID, putObjectACL},
		{"PutObject", onObject, http.MethodPut, 0, 0, putObject},
		{"DeleteObject", onObject, http.MethodDelete, 0, subVersionID, deleteObject},
		{"CopyObject", onObject, http.MethodPut, subCopySource, 0, copyObject},
		{"UploadPart", onObject, http.MethodPut, subUploadID | subPartNumber, 0, uploadPart},
		{"UploadPartCopy", onObject, http.MethodPut, subUploadID | subPartNumber | subCopySource, 0, uploadPartCopy},
		{"CreateMultipartUpload", onObject, http.MethodPost, subUploads, 0, createUpload},
		{"CompleteMultipartUpload", onObject, http.MethodPost, subUploadID, 0, completeUpload},
		{"AbortMultipartUpload", onObject, http.MethodDelete, subUploadID, 0, abortUpload},
		{"ListParts", onObject, http.MethodGet, subUploadID, 0, listParts},
		{"ListObjects", onBucket, http.MethodGet, 0, 0, listObjects},
		{"ListObjectsV2", onBucket, http.MethodGet, subListType, 0, listObjectsV2},
		{"ListObjectVersions", onBucket, http.MethodGet, subVersions, 0, listVersions},
		{"ListMultipartUploads", onBucket, http.MethodGet, subUploads, 0, listUploads},
		{"DeleteObjects", onBucket, http.MethodPost, subDelete, 0, deleteObjects},
		{"HeadBucket", onBucket, http.MethodHead, 0, 0, headBucket},
		{"CreateBucket", onBucket, http.MethodPut, 0, 0, createBucket},
		{"DeleteBucket", onBucket, http.MethodDelete, 0, 0, deleteBucket},
		{"GetBucketLocation", onBucket, http.MethodGet, subLocation, 0, getLocation},
		{"GetBucketAcl", onBucket, http.MethodGet, subACL, 0, getBucketACL},
		{"PutBucketAcl", onBucket, http.MethodPut, subACL, 0, putBucketACL},
		{"GetBucketVersioning", onBucket, http.MethodGet, subVersioning, 0, getVersioning},
		{"PutBucketVersioning", onBucket, http.MethodPut, subVersioning, 0, putVersioning},
		{"ListBuckets", onService, http.MethodGet, 0, 0, listBuckets},
	}
}

// find returns the route of r, or why there is none.
func (d *door) find(r *request) (*route, error) {
	set, other := subsOf(r.query, r.Method)
	if set&subOther != 0 {
		return nil, notImplementedFor("sub-resource " + other)
	}
	where := onService
	switch {
	case r.key != "":
		where = onObject
	case r.bucket != "":
		where = onBucket
	}
	if where == onObject && r.Method == http.MethodPut && r.Header["X-Amz-Copy-Source"] != nil {
		set |= subCopySource
	}
	for i := range d.routes {
		rt := &d.routes[i]
		if rt.scope == where && rt.method == r.Method && set&rt.need == rt.need && set&^(rt.need|rt.allow) == 0 {
			return rt, nil
		}
	}
	return nil, d.noRoute(r, where, set)
}

// noRoute says why nothing serves the request.
func (d *door) noRoute(r *request, where scope, set subs) error {
	switch {
	case set != 0:
		return notImplementedFor("this combination of method and sub-resources")
	case where == onBucket && r.Method == http.MethodPost:
		return notImplementedFor("upload by a form (POST policy)")
	}
	return &apiError{code: methodNotAllowed, fields: []field{{"Method", r.Method}, {"ResourceType", where.String()}}}
}

// String names the scope as AWS's MethodNotAllowed does.
func (s scope) String() string { return [...]string{"SERVICE", "BUCKET", "OBJECT"}[s] }

// subsOf collects the sub-resources of a query and the name of one that is not known. Parameters that select
// nothing are allowed everywhere, as AWS ignores them; a parameter nobody knows is taken for a sub-resource
// unless it has a value and the request only reads.
func subsOf(q sigv4.Query, method string) (set subs, other string) {
	for i := range q {
		bit, known := classify(q[i].Name)
		harmless := q[i].Value != "" && (method == http.MethodGet || method == http.MethodHead)
		if !known && !harmless {
			bit = subOther
		}
		if bit == subOther {
			other = q[i].Name
		}
		set |= bit
	}
	return set, other
}

// classify returns the bit of a sub-resource, or 0 for other parameters, and whether the name is known.
func classify(name string) (subs, bool) {
	switch name {
	case "acl":
		return subACL, true
	case "attributes":
		return subAttributes, true
	case "delete":
		return subDelete, true
	case "list-type":
		return subListType, true
	case "location":
		return subLocation, true
	case "partNumber":
		return subPartNumber, true
	case "tagging":
		return subTagging, true
	case "uploadId":
		return subUploadID, true
	case "uploads":
		return subUploads, true
	case "versionId":
		return subVersionID, true
	case "versioning":
		return subVersioning, true
	case "versions":
		return subVersions, true
	case "prefix", "delimiter", "marker", "max-keys", "encoding-type", "continuation-token", "start-after",
		"fetch-owner", "key-marker", "version-id-marker", "upload-id-marker", "max-uploads", "max-parts",
		"part-number-marker", "max-buckets", "bucket-region":
		return 0, true
	case "accelerate", "abac", "analytics", "append", "cors", "encryption", "id",
		"intelligent-tiering", "inventory", "legal-hold", "lifecycle", "logging", "metadataConfiguration",
		"metadataInventoryTable", "metadataJournalTable", "metadataTable", "metrics", "notification",
		"object-lock", "ownershipControls", "policy", "policyStatus", "publicAccessBlock", "renameObject",
		"replication", "requestPayment", "restore", "retention", "select", "select-type", "session",
		"torrent", "website":
		return subOther, true
	}
	// x-id names the operation, custom parameters begin with x- as well; x-amz-* are the signature's or headers.
	if len(name) > 2 && strings.EqualFold(name[:2], "x-") || strings.HasPrefix(name, "response-") {
		return 0, true
	}
	return 0, false
}
