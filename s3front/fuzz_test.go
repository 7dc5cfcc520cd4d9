package s3front

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"trivium/core"
	"trivium/s3front/s3xml"
	"trivium/s3front/sigv4"
)

// FuzzCopySource: what x-amz-copy-source names is a key that an object can have, and written down it is read as the
// same again.
func FuzzCopySource(f *testing.F) {
	for _, s := range []string{
		"", "/", "bucket", "bucket/", "bucket/key", "/bucket/key", "//bucket/key", "bucket//key", "/bucket/a%2Fb%3FversionId=1",
		"bucket/key?versionId=1", "bucket/key?versionId=", "bucket/key?versionId", "bucket/key?other=1", "bucket/k?versionId=1&a=b",
		"bucket/a+b", "bucket/%zz", "bucket/%FF", "bucket/%00", "bucket/ä", "b%2Fk", "arn:aws:s3:::bucket/key", "bucket/../x",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		src, err := parseCopySource(s)
		if err != nil {
			return
		}
		if core.CheckKey(src.Key) != nil || brokenRule(src.Bucket) != "" {
			t.Errorf("parseCopySource(%q) = %+v, which is no object", s, src)
		}
		again := url.PathEscape(src.Bucket) + "/" + url.PathEscape(src.Key)
		if src.version != "" {
			again += "?versionId=" + url.QueryEscape(src.version)
		}
		if got, err := parseCopySource(again); err != nil || got != src {
			t.Errorf("parseCopySource(%q) = %+v, %v, want %+v as of %q", again, got, err, src, s)
		}
	})
}

// FuzzRange: a range is one of the three forms, with its borders in order; what names a range of a copy is the same
// range of a read.
func FuzzRange(f *testing.F) {
	for _, s := range []string{
		"", "bytes=", "bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0", "bytes=5-2", "bytes=0-1,3-4", "bytes= 1-2", "bytes=1-2 ",
		"bytes=9223372036854775807-", "bytes=0-99999999999999999999", "bytes=-99999999999999999999", "items=0-1", "bytes=+1-2", "bytes=1--2",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := parseRange(s)
		if r != nil && r.Last != -1 && (r.First < 0 || r.Last < r.First) {
			t.Errorf("parseRange(%q) = %+v", s, *r)
		}
		c, err := copyRange(s)
		if err == nil && c != nil && (r == nil || *r != *c) {
			t.Errorf("copyRange(%q) = %+v, parseRange %v", s, *c, r)
		}
	})
}

// FuzzSubs: whatever a query says, it finds an operation of the whitelist by parameters that this operation needs or
// allows, or none.
func FuzzSubs(f *testing.F) {
	for _, q := range routeQueries() {
		f.Add("GET", strings.TrimPrefix(q, "?"))
		f.Add("PUT", strings.TrimPrefix(q, "?"))
	}
	for _, q := range []string{"attributes&versionId=1", "tagging&acl", "uploadId=1&partNumber=1&x-amz-copy-source=b/k", "%61cl", "a%63l=", "ACL", "=", "&&", "x-%ff"} {
		f.Add("PUT", q)
	}
	l := newWhitelist(routes())
	f.Fuzz(func(t *testing.T, method, raw string) {
		q, err := sigv4.ParseQuery(raw)
		if err != nil {
			return
		}
		for _, at := range []place{{}, {bucket: "bucket"}, {bucket: "bucket", key: "key"}} {
			r := &request{Request: &http.Request{Method: method, Header: http.Header{}}, bucket: at.bucket, key: at.key, query: q}
			rt, err := l.find(r)
			if (rt == nil) == (err == nil) {
				t.Fatalf("%s %q at %+v = %v, %v", method, raw, at, rt, err)
			}
			if rt == nil {
				continue
			}
			for i := range q {
				if bit, _ := l.classify(q[i].Name); bit&^(rt.needs|rt.allows) != 0 {
					t.Errorf("%s %q at %+v is %s in spite of %q", method, raw, at, rt.op, q[i].Name)
				}
			}
		}
	})
}

// FuzzDocuments: whatever document comes, what each operation takes of it is what it may work on.
func FuzzDocuments(f *testing.F) {
	for _, doc := range xmlOps() {
		f.Add([]byte(doc))
		f.Add([]byte(strings.ReplaceAll(doc, "><", "> <")))
	}
	f.Add([]byte("<Delete><Quiet>true</Quiet><Object><Key> k </Key><VersionId>1</VersionId><ETag>\"a\"</ETag><Size>1</Size></Object></Delete>"))
	f.Add([]byte("<CompleteMultipartUpload><Part><PartNumber>10000</PartNumber><ETag>&quot;a&quot;</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part></CompleteMultipartUpload>"))
	f.Add([]byte("<Tagging><TagSet><Tag><Key>aws:a</Key><Value></Value></Tag><Tag><Key>\u00fc</Key><Value>=</Value></Tag></TagSet></Tagging>"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		root, err := s3xml.Parse(doc)
		if err != nil {
			return
		}
		if parts, err := completeParts(root); err == nil {
			checkParts(t, doc, parts)
		}
		if items, err := deleteItems(root); err == nil && (len(items) == 0 || len(items) > maxDeleteItems) {
			t.Errorf("%d deletions of %q", len(items), doc)
		}
		tags, err := tagsOf(root, objectTags)
		for key, value := range tags {
			if err == nil && (key == "" || len(tags) > int(objectTags) || strings.HasPrefix(key, "aws:") || !tagText(key+value)) {
				t.Errorf("tag %q = %q of %q", key, value, doc)
			}
		}
		const owner = "0123456789"
		if checkACL(root, owner) == nil && !strings.Contains(string(doc), "FULL_CONTROL") && !strings.Contains(string(doc), "&") && !strings.Contains(string(doc), "<!") {
			t.Errorf("an ACL without FULL_CONTROL is one for the owner: %q", doc)
		}
		_ = checkBucketConfiguration(root)
	})
}

// checkParts judges the parts that were read of a completion.
func checkParts(t *testing.T, doc []byte, parts []namedPart) {
	t.Helper()
	if len(parts) == 0 || len(parts) > core.MaxPartNumber {
		t.Errorf("%d parts of %q", len(parts), doc)
	}
	for _, p := range parts {
		if p.Number < 1 || p.Number > core.MaxPartNumber || p.ETag == "" {
			t.Errorf("part %+v of %q", p, doc)
		}
	}
}
