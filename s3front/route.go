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
	hosted      bool   // the bucket is in the host
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
type subs uint64

// subOther is a sub-resource that no operation here knows.
const subOther subs = 1 << 63

// bySource stands in a route for x-amz-copy-source on a PUT: a header by the time when routes are looked for.
const bySource = "x-amz-copy-source"

// route is one operation: it runs when the sub-resources of a request are all of need and nothing but need and
// allow. Both are names of parameters, separated by spaces.
type route struct {
	op          string
	scope       scope
	method      string
	need, allow string
	run         handler
}

// routes are the operations there are. What is not among them is answered with 501 or 405.
func routes() []route {
	return []route{
		{"GetObject", onObject, http.MethodGet, "", "versionId partNumber", getObject},
		{"HeadObject", onObject, http.MethodHead, "", "versionId partNumber", headObject},
		{"GetObjectAttributes", onObject, http.MethodGet, "attributes", "versionId", getAttributes},
		{"GetObjectTagging", onObject, http.MethodGet, "tagging", "versionId", getTagging},
		{"PutObjectTagging", onObject, http.MethodPut, "tagging", "versionId", putTagging},
		{"DeleteObjectTagging", onObject, http.MethodDelete, "tagging", "versionId", deleteTagging},
		{"GetObjectAcl", onObject, http.MethodGet, "acl", "versionId", getObjectACL},
		{"PutObjectAcl", onObject, http.MethodPut, "acl", "versionId", putObjectACL},
		{"PutObject", onObject, http.MethodPut, "", "", putObject},
		{"DeleteObject", onObject, http.MethodDelete, "", "versionId", deleteObject},
		{"CopyObject", onObject, http.MethodPut, bySource, "", copyObject},
		{"UploadPart", onObject, http.MethodPut, "uploadId partNumber", "", uploadPart},
		{"UploadPartCopy", onObject, http.MethodPut, "uploadId partNumber " + bySource, "", uploadPartCopy},
		{"CreateMultipartUpload", onObject, http.MethodPost, "uploads", "", createUpload},
		{"CompleteMultipartUpload", onObject, http.MethodPost, "uploadId", "", completeUpload},
		{"AbortMultipartUpload", onObject, http.MethodDelete, "uploadId", "", abortUpload},
		{"ListParts", onObject, http.MethodGet, "uploadId", "", listParts},
		{"ListObjects", onBucket, http.MethodGet, "", "", listObjects},
		{"ListObjectsV2", onBucket, http.MethodGet, "list-type", "", listObjectsV2},
		{"ListObjectVersions", onBucket, http.MethodGet, "versions", "", listVersions},
		{"ListMultipartUploads", onBucket, http.MethodGet, "uploads", "", listUploads},
		{"DeleteObjects", onBucket, http.MethodPost, "delete", "", deleteObjects},
		{"HeadBucket", onBucket, http.MethodHead, "", "", headBucket},
		{"CreateBucket", onBucket, http.MethodPut, "", "", createBucket},
		{"DeleteBucket", onBucket, http.MethodDelete, "", "", deleteBucket},
		{"GetBucketLocation", onBucket, http.MethodGet, "location", "", getLocation},
		{"GetBucketAcl", onBucket, http.MethodGet, "acl", "", getBucketACL},
		{"PutBucketAcl", onBucket, http.MethodPut, "acl", "", putBucketACL},
		{"GetBucketVersioning", onBucket, http.MethodGet, "versioning", "", getVersioning},
		{"PutBucketVersioning", onBucket, http.MethodPut, "versioning", "", putVersioning},
		{"GetBucketTagging", onBucket, http.MethodGet, "tagging", "", getBucketTagging},
		{"PutBucketTagging", onBucket, http.MethodPut, "tagging", "", putBucketTagging},
		{"DeleteBucketTagging", onBucket, http.MethodDelete, "tagging", "", deleteBucketTagging},
		{"ListBuckets", onService, http.MethodGet, "", "", listBuckets},
	}
}

// whitelist finds operations.
type whitelist struct {
	entries []entry
	params  map[string]subs // sub-resources of routes, by name
	source  subs            // of bySource
}

// entry is a route with its names as sets.
type entry struct {
	route
	needs, allows subs
}

// newWhitelist makes the whitelist of these routes, whose names are at most 62.
func newWhitelist(all []route) *whitelist {
	l := &whitelist{params: make(map[string]subs)}
	set := func(names string) (set subs) {
		for name := range strings.FieldsSeq(names) {
			bit, known := l.params[name]
			if !known {
				bit = 1 << len(l.params)
				l.params[name] = bit
			}
			set |= bit
		}
		return set
	}
	for _, rt := range all {
		l.entries = append(l.entries, entry{rt, set(rt.need), set(rt.allow)})
	}
	l.source = set(bySource)
	delete(l.params, bySource) // no parameter
	return l
}

// find returns the operation that r asks for, or why there is none.
func (l *whitelist) find(r *request) (*entry, error) {
	set, other := l.subsOf(r.query, r.Method)
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
		set |= l.source
	}
	for i := range l.entries {
		e := &l.entries[i]
		if e.scope == where && e.method == r.Method && set&e.needs == e.needs && set&^(e.needs|e.allows) == 0 {
			return e, nil
		}
	}
	return nil, noRoute(r, where, set)
}

// noRoute says why nothing serves the request.
func noRoute(r *request, where scope, set subs) error {
	switch {
	case set != 0:
		return notImplementedFor("this combination of method and sub-resources")
	case where == onBucket && r.Method == http.MethodPost:
		return notImplementedFor("upload by a form (POST policy)")
	}
	e := &apiError{code: methodNotAllowed, fields: []field{{"Method", r.Method}, {"ResourceType", where.String()}}}
	switch r.Method {
	case "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK":
		e.msg = "this is the S3 door: " + otherDoors
	}
	return e
}

// otherDoors says where the doors are whose languages some speak here.
const otherDoors = "WebDAV is at /dav/, the JSON API at /v1/"

// String names the scope as AWS's MethodNotAllowed does.
func (s scope) String() string { return [...]string{"SERVICE", "BUCKET", "OBJECT"}[s] }

// subsOf collects the sub-resources of a query and the name of one that is not known. Parameters that select
// nothing are allowed everywhere, as AWS ignores them; a parameter nobody knows is taken for a sub-resource
// unless it has a value and the request only reads.
func (l *whitelist) subsOf(q sigv4.Query, method string) (set subs, other string) {
	for i := range q {
		bit, known := l.classify(q[i].Name)
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
func (l *whitelist) classify(name string) (subs, bool) {
	if bit, served := l.params[name]; served {
		return bit, true
	}
	switch name {
	case "prefix", "delimiter", "marker", "max-keys", "encoding-type", "continuation-token", "start-after",
		"fetch-owner", "key-marker", "version-id-marker", "upload-id-marker", "max-uploads", "max-parts",
		"part-number-marker", "max-buckets", "bucket-region":
		return 0, true
	case "accelerate", "abac", "analytics", "append", "cors", "encryption", "id", "intelligent-tiering", "inventory",
		"legal-hold", "lifecycle", "logging", "metadataConfiguration", "metadataInventoryTable", "metadataJournalTable",
		"metadataTable", "metrics", "notification", "object-lock", "ownershipControls", "policy", "policyStatus",
		"publicAccessBlock", "renameObject", "replication", "requestPayment", "restore", "retention", "select",
		"select-type", "session", "torrent", "website":
		return subOther, true
	}
	// x-id names the operation, custom parameters begin with x- as well; x-amz-* are the signature's or headers.
	if len(name) > 2 && strings.EqualFold(name[:2], "x-") || strings.HasPrefix(name, "response-") {
		return 0, true
	}
	return 0, false
}
