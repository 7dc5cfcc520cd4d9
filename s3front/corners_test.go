package s3front

import (
	"crypto/md5"
	"encoding/base64"
	"strings"
)

// The stories of this file are the corners of operations whose plain form is in golden_test.go.

// versioningDocument is the document of PutBucketVersioning.
func versioningDocument(status string) string {
	return "<VersioningConfiguration><Status>" + status + "</Status></VersioningConfiguration>"
}

// deletion is DeleteObjects of these Object elements.
func deletion(objects string) call {
	body := "<Delete>" + objects + "</Delete>"
	sum := md5.Sum([]byte(body))
	return post("/bucket?delete", body, "Content-Md5: "+base64.StdEncoding.EncodeToString(sum[:]))
}

func headerStory() []step {
	all := []string{
		"Content-Type: text/html; charset=utf-8", "Cache-Control: max-age=60, public", `Content-Disposition: attachment; filename="a.txt"`,
		"Content-Language: de, en", "Content-Encoding: gzip", "Expires: 0", "X-Amz-Website-Redirect-Location: https://example.com/a",
		"X-Amz-Meta-Plain: a b", "X-Amz-Meta-Latin: caf\xe9", "X-Amz-Meta-Utf: \u00fcber", "X-Amz-Meta-Word: =?UTF-8?Q?=C3=BCber?=",
		"X-Amz-Meta-Ascii-Word: =?UTF-8?Q?uber?=", "X-Amz-Meta-Empty: ", "X-Amz-Acl: bucket-owner-full-control",
		"X-Amz-Storage-Class: REDUCED_REDUNDANCY",
	}
	const overrides = "response-content-type=a%2Fb&response-content-language=fr&response-expires=never&response-cache-control=no-store" +
		"&response-content-disposition=inline&response-content-encoding=br"
	return []step{
		{call: put("/bucket", ""), status: 200},
		{golden: "PutObject-headers", call: put("/bucket/k", "x", all...), status: 200},
		{golden: "GetObject-headers", call: get("/bucket/k"), status: 200},
		{golden: "HeadObject-override", call: head("/bucket/k?" + overrides), status: 200},
		{golden: "PutObject-redirect", call: put("/bucket/r", "x", "X-Amz-Website-Redirect-Location: elsewhere"), status: 400},
		{golden: "CopyObject-headers", call: put("/bucket/copy", "", "X-Amz-Copy-Source: bucket/k"), status: 200},
		{golden: "HeadObject-copied-headers", call: head("/bucket/copy"), status: 200},
		{golden: "CopyObject-self-redirect", call: put("/bucket/copy", "", "X-Amz-Copy-Source: bucket/copy", "X-Amz-Website-Redirect-Location: /b"), status: 200},
		{golden: "CopyObject-self-class", call: put("/bucket/copy", "", "X-Amz-Copy-Source: bucket/copy", "X-Amz-Storage-Class: STANDARD_IA"), status: 200},
		{golden: "CopyObject-self-standard", call: put("/bucket/k", "", "X-Amz-Copy-Source: bucket/k", "X-Amz-Storage-Class: STANDARD"), status: 200},
		{golden: "HeadObject-class", call: head("/bucket/copy"), status: 200},
		{golden: "CopyObject-directive", call: put("/bucket/copy", "", "X-Amz-Copy-Source: bucket/k", "X-Amz-Metadata-Directive: MERGE"), status: 400},
		{golden: "CopyObject-ignored-meta", call: put("/bucket/copy", "", "X-Amz-Copy-Source: bucket/k", "X-Amz-Meta-New: 1", "Content-Type: a/b"), status: 200},
		{golden: "HeadObject-ignored-meta", call: head("/bucket/copy"), status: 200},
		{golden: "CopyObject-source", call: put("/bucket/copy", "", "X-Amz-Copy-Source: bucket"), status: 400},
		{call: put("/bucket/plain", "", "Content-Encoding: aws-chunked"), status: 200},
		{golden: "HeadObject-chunked", call: head("/bucket/plain"), status: 200},
	}
}

func conditionStory() []step {
	const (
		etag  = `"9dd4e461268c8034f5c8564e155c67a6"` // of "x"
		other = `"415290769594460e2e485922904f345d"`
		one   = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>$P1</ETag></Part></CompleteMultipartUpload>"
		early = "Thu, 01 Jan 1970 00:00:00 GMT"
		late  = "Mon, 01 Jan 2300 00:00:00 GMT"
	)
	copyIf := func(condition string) call {
		return put("/bucket/copy", "", "X-Amz-Copy-Source: bucket/k", "X-Amz-Copy-Source-"+condition)
	}
	return []step{
		{call: put("/bucket", ""), status: 200},
		{call: put("/bucket/k", "x"), status: 200},
		{golden: "GetObject-if-modified-since", call: get("/bucket/k").with("If-Modified-Since: " + late), status: 304},
		{golden: "GetObject-if-unmodified-since", call: get("/bucket/k").with("If-Unmodified-Since: " + early), status: 412},
		{golden: "GetObject-if-match-wins", call: get("/bucket/k").with("If-Match: "+etag, "If-Unmodified-Since: "+early), status: 200},
		{golden: "GetObject-if-none-match-wins", call: get("/bucket/k").with("If-None-Match: "+etag, "If-Modified-Since: "+early), status: 304},
		{golden: "HeadObject-not-modified", call: head("/bucket/k").with("If-None-Match: " + etag), status: 304},
		{golden: "HeadObject-precondition", call: head("/bucket/k").with("If-Match: " + other), status: 412},
		{golden: "CopyObject-if-match", call: copyIf("If-Match: " + other), status: 412},
		{golden: "CopyObject-if-none-match", call: copyIf("If-None-Match: " + etag), status: 412},
		{golden: "CopyObject-if-modified-since", call: copyIf("If-Modified-Since: " + late), status: 412},
		{golden: "CopyObject-if-unmodified-since", call: copyIf("If-Unmodified-Since: " + early), status: 412},
		{golden: "CopyObject-if-true", call: copyIf("If-Unmodified-Since: " + late).with("X-Amz-Copy-Source-If-Match: " + etag), status: 200},
		{golden: "CopyObject-onto", call: copyIf("If-Match: " + etag).with("If-None-Match: *"), status: 412},
		{golden: "PutObject-if-match-missing", call: put("/bucket/none", "x", "If-Match: "+etag), status: 404},
		{golden: "PutObject-if-match-other", call: put("/bucket/k", "y", "If-Match: "+other), status: 412},
		{call: post("/bucket/k?uploads", ""), status: 200, save: "$UPLOAD", from: "UploadId"},
		{call: put("/bucket/k?partNumber=1&uploadId=$UPLOAD", "part"), status: 200, save: "$P1", from: "Etag"},
		{golden: "CompleteMultipartUpload-exists", call: post("/bucket/k?uploadId=$UPLOAD", one, "If-None-Match: *"), status: 412},
		{golden: "CompleteMultipartUpload-match", call: post("/bucket/k?uploadId=$UPLOAD", one, "If-Match: "+etag), status: 200},
		{golden: "DeleteObject-match-other", call: del("/bucket/k").with("If-Match: " + etag), status: 412},
		{golden: "DeleteObject-match", call: del("/bucket/copy").with("If-Match: " + etag), status: 204},
		{golden: "DeleteObjects-conditions", call: deletion("<Object><Key>k</Key><ETag>" + other + "</ETag></Object><Object><Key>k</Key><Size>5</Size></Object><Object><Key>k</Key><Size>4</Size></Object>"), status: 200},
	}
}

func suspendedStory() []step {
	return []step{
		{call: put("/bucket", ""), status: 200},
		{call: put("/bucket?versioning", versioningDocument("Enabled")), status: 200},
		{call: put("/bucket/k", "one"), status: 200, save: "$ONE", from: "X-Amz-Version-Id"},
		{call: put("/bucket?versioning", versioningDocument("Suspended")), status: 200},
		{golden: "GetBucketVersioning-suspended", call: get("/bucket?versioning"), status: 200},
		{golden: "PutObject-null", call: put("/bucket/k", "null"), status: 200},
		{golden: "GetObject-null", call: get("/bucket/k?versionId=null"), status: 200},
		{golden: "PutObject-null-again", call: put("/bucket/k", "null again"), status: 200},
		{golden: "ListObjectVersions-null", call: get("/bucket?versions"), status: 200},
		{golden: "DeleteObject-null-marker", call: del("/bucket/k"), status: 204},
		{golden: "HeadObject-marker", call: head("/bucket/k"), status: 404},
		{golden: "HeadObject-marker-version", call: head("/bucket/k?versionId=null"), status: 405},
		{golden: "GetObject-null-marker", call: get("/bucket/k?versionId=null"), status: 405},
		{golden: "DeleteObject-null", call: del("/bucket/k?versionId=null"), status: 204},
		{golden: "HeadObject-after-null", call: head("/bucket/k"), status: 200},
		{golden: "DeleteObject-last-version", call: del("/bucket/k?versionId=$ONE"), status: 204},
		{golden: "DeleteObject-no-version", call: del("/bucket/k?versionId=$ONE"), status: 204},
		{golden: "GetObject-empty-version", call: get("/bucket/k?versionId="), status: 400},
		{golden: "ListObjectVersions-empty", call: get("/bucket?versions"), status: 200},
	}
}

func checksumStory() []step {
	const two = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>$P1</ETag></Part><Part><PartNumber>2</PartNumber><ETag>$P2</ETag></Part></CompleteMultipartUpload>"
	steps := []step{{call: put("/bucket", ""), status: 200}}
	for _, a := range algorithms() {
		lower := strings.ToLower(a.name)
		steps = append(
			steps,
			step{golden: "CopyObject-to-" + lower, call: put("/bucket/"+lower, "", "X-Amz-Copy-Source: bucket/k", "X-Amz-Checksum-Algorithm: "+a.name), status: 200},
			step{golden: "HeadObject-" + lower, call: head("/bucket/" + lower).with("X-Amz-Checksum-Mode: ENABLED"), status: 200},
			step{golden: "GetObjectAttributes-" + lower, call: get("/bucket/" + lower + "?attributes").with("X-Amz-Object-Attributes: Checksum"), status: 200},
		)
	}
	steps = append(steps[:1], append([]step{{call: put("/bucket/k", "hello"), status: 200}}, steps[1:]...)...)
	for _, kind := range []string{"CRC32 COMPOSITE", "CRC32C FULL_OBJECT", "SHA1 COMPOSITE", "SHA256 COMPOSITE", "CRC64NVME FULL_OBJECT"} {
		name, form, _ := strings.Cut(kind, " ")
		lower := strings.ToLower(name)
		key := "/bucket/parts-" + lower
		steps = append(
			steps,
			step{call: post(key+"?uploads", "", "X-Amz-Checksum-Algorithm: "+name, "X-Amz-Checksum-Type: "+form), status: 200, save: "$UPLOAD", from: "UploadId"},
			step{call: put(key+"?partNumber=1&uploadId=$UPLOAD", fivePart()), status: 200, save: "$P1", from: "Etag"},
			step{call: put(key+"?partNumber=2&uploadId=$UPLOAD", "tail"), status: 200, save: "$P2", from: "Etag"},
			step{golden: "CompleteMultipartUpload-" + lower, call: post(key+"?uploadId=$UPLOAD", two), status: 200},
			step{golden: "HeadObject-part-" + lower, call: head(key + "?partNumber=2").with("X-Amz-Checksum-Mode: ENABLED"), status: 206},
			step{golden: "GetObjectAttributes-parts-" + lower, call: get(key + "?attributes").with(allAttributes), status: 200},
		)
	}
	return append(
		steps,
		step{golden: "CreateMultipartUpload-sha256-full", call: post("/bucket/no?uploads", "", "X-Amz-Checksum-Algorithm: SHA256", "X-Amz-Checksum-Type: FULL_OBJECT"), status: 400},
		step{golden: "ListObjectsV2-checksums", call: get("/bucket?list-type=2&prefix=parts-"), status: 200},
		step{golden: "ListObjectVersions-checksums", call: get("/bucket?versions&prefix=parts-&max-keys=2"), status: 200},
		step{golden: "CopyObject-parts-to-sha256", call: put("/bucket/whole", "", "X-Amz-Copy-Source: bucket/parts-sha256", "X-Amz-Checksum-Algorithm: SHA256"), status: 200},
		step{golden: "GetObjectAttributes-whole", call: get("/bucket/whole?attributes").with(allAttributes), status: 200},
		step{golden: "CopyObject-self-checksum", call: put("/bucket/k", "", "X-Amz-Copy-Source: bucket/k", "X-Amz-Checksum-Algorithm: sha1"), status: 200},
		step{golden: "CopyObject-unknown-checksum", call: put("/bucket/k", "", "X-Amz-Copy-Source: bucket/sha1", "X-Amz-Checksum-Algorithm: MD5000"), status: 400},
		step{golden: "PutObject-two-checksums", call: put("/bucket/k", "hello", "X-Amz-Checksum-Crc32: NhCmhg==", "X-Amz-Checksum-Sha1: qvTGHdzF6KLavt4PO0gs2a6pQ00="), status: 400},
		step{golden: "PutObject-wrong-checksum", call: put("/bucket/k", "hello", "X-Amz-Checksum-Crc32: AAAAAA=="), status: 400},
		step{golden: "PutObject-broken-checksum", call: put("/bucket/k", "hello", "X-Amz-Checksum-Crc32: bad"), status: 400},
		step{golden: "PutObject-wrong-md5", call: put("/bucket/k", "hello", "Content-Md5: AAAAAAAAAAAAAAAAAAAAAA=="), status: 400},
		step{golden: "PutObject-broken-md5", call: put("/bucket/k", "hello", "Content-Md5: bad"), status: 400},
	)
}

func listingCornerStory() []step {
	steps := []step{{call: put("/bucket", ""), status: 200}}
	for _, key := range []string{"a", "b--1", "b--2", "b-3", "c--d--1", "x/%01%09%0D%0A%7F", "x/%22%26%3C%3E'", "x/%20+%25", "x/%EF%BF%BF%F0%9F%98%80", "x//y", "x/z"} {
		steps = append(steps, step{call: put("/bucket/"+key, "1"), status: 200})
	}
	return append(
		steps,
		step{golden: "ListObjects-max-keys-0", call: get("/bucket?max-keys=0&delimiter=--"), status: 200},
		step{golden: "ListObjects-long-delimiter", call: get("/bucket?delimiter=--"), status: 200},
		step{golden: "ListObjects-long-delimiter-prefix", call: get("/bucket?delimiter=--&prefix=c--"), status: 200},
		step{golden: "ListObjects-marker-inside", call: get("/bucket?delimiter=--&marker=b--1"), status: 200},
		step{golden: "ListObjects-marker-prefix", call: get("/bucket?delimiter=--&marker=b--"), status: 200},
		step{golden: "ListObjects-marker-before-prefix", call: get("/bucket?prefix=b&marker=a"), status: 200},
		step{golden: "ListObjects-marker-behind-prefix", call: get("/bucket?prefix=b&marker=c"), status: 200},
		step{golden: "ListObjects-empty-parameters", call: get("/bucket?delimiter=&prefix=&marker=&max-keys=&encoding-type="), status: 200},
		step{golden: "ListObjects-controls", call: get("/bucket?prefix=x/"), status: 200},
		step{golden: "ListObjects-controls-url", call: get("/bucket?prefix=x/&encoding-type=url"), status: 200},
		step{golden: "ListObjects-max-keys-many", call: get("/bucket?max-keys=100000&prefix=a"), status: 200},
		step{golden: "ListObjects-max-keys-text", call: get("/bucket?max-keys=many"), status: 400},
		step{golden: "ListObjectsV2-start-after-inside", call: get("/bucket?list-type=2&delimiter=--&start-after=b--1"), status: 200},
		step{golden: "ListObjectsV2-start-after-prefix", call: get("/bucket?list-type=2&delimiter=--&start-after=b--"), status: 200},
		step{golden: "ListObjectsV2-delimiter-page", call: get("/bucket?list-type=2&delimiter=--&max-keys=2"), status: 200, save: "$TOKEN", from: "NextContinuationToken"},
		step{golden: "ListObjectsV2-delimiter-next", call: get("/bucket?list-type=2&delimiter=--&max-keys=2&continuation-token=$TOKEN&start-after=z"), status: 200},
		step{golden: "ListObjectsV2-delimiter-slash", call: get("/bucket?list-type=2&delimiter=/&prefix=x/"), status: 200},
		step{golden: "ListObjectsV2-type", call: get("/bucket?list-type=3"), status: 400},
		step{golden: "ListObjectsV2-empty-token", call: get("/bucket?list-type=2&continuation-token=&max-keys=1"), status: 200},
		step{golden: "ListObjectVersions-delimiter", call: get("/bucket?versions&delimiter=--&max-keys=2"), status: 200},
		step{golden: "ListObjectVersions-marker-prefix", call: get("/bucket?versions&delimiter=--&key-marker=b--"), status: 200},
		step{golden: "ListObjectVersions-url", call: get("/bucket?versions&prefix=x/&encoding-type=url"), status: 200},
		step{golden: "ListObjectVersions-max-keys-0", call: get("/bucket?versions&max-keys=0"), status: 200},
		step{golden: "ListObjectVersions-marker-alone", call: get("/bucket?versions&version-id-marker=1"), status: 400},
		step{golden: "ListBuckets-token", call: get("/?continuation-token=abc"), status: 400},
		step{golden: "ListBuckets-zero", call: get("/?max-buckets=0"), status: 400},
	)
}

func uploadListStory() []step {
	steps := []step{{call: put("/bucket", ""), status: 200}}
	for i, key := range []string{"a", "a", "b/1", "b/2", "c%20"} {
		steps = append(steps, step{call: post("/bucket/"+key+"?uploads", "", "X-Amz-Checksum-Algorithm: SHA256"), status: 200, save: []string{"$UA", "$UB", "$UC", "$UD", "$UE"}[i], from: "UploadId"})
	}
	for _, n := range []string{"1", "2", "5"} {
		steps = append(steps, step{call: put("/bucket/c%20?partNumber="+n+"&uploadId=$UE", "part "+n), status: 200})
	}
	return append(
		steps,
		step{golden: "ListMultipartUploads-page", call: get("/bucket?uploads&max-uploads=1"), status: 200},
		step{golden: "ListMultipartUploads-next", call: get("/bucket?uploads&max-uploads=1&key-marker=a&upload-id-marker=$UA"), status: 200},
		step{golden: "ListMultipartUploads-delimiter", call: get("/bucket?uploads&delimiter=/"), status: 200},
		step{golden: "ListMultipartUploads-delimiter-page", call: get("/bucket?uploads&delimiter=/&max-uploads=1&key-marker=a"), status: 200},
		step{golden: "ListMultipartUploads-prefix", call: get("/bucket?uploads&prefix=b/&encoding-type=url"), status: 200},
		step{golden: "ListMultipartUploads-marker", call: get("/bucket?uploads&key-marker=b/1&upload-id-marker="), status: 200},
		step{golden: "ListMultipartUploads-zero", call: get("/bucket?uploads&max-uploads=0"), status: 200},
		step{golden: "ListParts-page", call: get("/bucket/c%20?uploadId=$UE&max-parts=2"), status: 200},
		step{golden: "ListParts-next", call: get("/bucket/c%20?uploadId=$UE&max-parts=2&part-number-marker=2"), status: 200},
		step{golden: "ListParts-behind", call: get("/bucket/c%20?uploadId=$UE&part-number-marker=9"), status: 200},
		step{golden: "ListParts-url", call: get("/bucket/c%20?uploadId=$UE&encoding-type=url&max-parts=0"), status: 200},
		step{golden: "ListParts-unknown", call: get("/bucket/c%20?uploadId=abc"), status: 404},
	)
}
