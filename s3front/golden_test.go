package s3front

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trivium/core/coretest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// step is one request of a story and the golden file that holds it with its reply.
type step struct {
	golden string // file below testdata/golden without .txt; "": not kept
	call
	status int
	save   string // name under which an element of the reply is kept for later targets and bodies: $NAME
	from   string // the element
}

// TestGolden runs the stories: each on a new Service whose clock goes one second per request.
func TestGolden(t *testing.T) {
	for name, steps := range stories() {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t, configs()[name]...)
			saved := map[string]string{}
			for i, s := range steps {
				e.now.Add(int64(time.Second))
				for k, v := range saved {
					s.target = strings.ReplaceAll(s.target, k, v)
					s.body = strings.ReplaceAll(s.body, k, v)
					s.headers = strings.ReplaceAll(s.headers, k, v)
				}
				a := e.do(s.call)
				if a.StatusCode != s.status {
					t.Errorf("step %d: %s %s = %d %s, want %d", i, s.method, s.target, a.StatusCode, a.body, s.status)
				}
				if s.save != "" {
					saved[s.save] = value(a.body, s.from)
					if saved[s.save] == "" {
						saved[s.save] = a.Header.Get(s.from)
					}
				}
				if s.golden != "" {
					compareGolden(t, s.golden, transcript(s, a, saved))
				}
			}
		})
	}
}

// transcript writes a request without its signature and its reply, with saved values by their names.
func transcript(s step, a answer, saved map[string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "> %s %s\n", s.method, s.target)
	for line := range strings.Lines(s.headers) {
		fmt.Fprintf(&b, "> %s\n", strings.TrimRight(line, "\n"))
	}
	if s.key != "" {
		fmt.Fprintf(&b, "> (as %s)\n", s.key)
	}
	if s.body != "" {
		body := s.body
		if len(body) > 600 {
			body = fmt.Sprintf("(%d bytes)", len(body))
		}
		fmt.Fprintf(&b, ">\n> %s\n", strings.ReplaceAll(body, "\n", "\n> "))
	}
	fmt.Fprintf(&b, "< %d\n", a.StatusCode)
	var names []string
	for name := range a.Header {
		if name != "Date" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, "< %s: %s\n", name, strings.Join(a.Header[name], ", "))
	}
	if a.body != "" {
		fmt.Fprintf(&b, "<\n%s\n", strings.ReplaceAll(strings.ReplaceAll(a.body, "><", ">\n<"), "\n\n", "\n"))
	}
	out := b.String()
	for k, v := range saved {
		if v != "" {
			out = strings.ReplaceAll(out, v, k)
		}
	}
	return out
}

func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-golden +got):\n%s", name, diff)
	}
}

// TestGoldenForEveryRoute: an operation without a golden pair is an operation whose replies nobody watches.
func TestGoldenForEveryRoute(t *testing.T) {
	have := map[string]bool{}
	for _, steps := range stories() {
		for _, s := range steps {
			have[s.golden] = true
		}
	}
	for _, rt := range routes() {
		if !have[rt.op] {
			t.Errorf("%s has no golden pair", rt.op)
		}
	}
	files, err := os.ReadDir(filepath.Join("testdata", "golden"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !have[strings.TrimSuffix(f.Name(), ".txt")] {
			t.Errorf("testdata/golden/%s belongs to no step", f.Name())
		}
	}
}

func get(target string) call  { return call{method: http.MethodGet, target: target} }
func head(target string) call { return call{method: http.MethodHead, target: target} }
func del(target string) call  { return call{method: http.MethodDelete, target: target} }
func put(target, body string, headers ...string) call {
	return call{method: http.MethodPut, target: target, body: body, headers: strings.Join(headers, "\n")}
}

func post(target, body string, headers ...string) call {
	return call{method: http.MethodPost, target: target, body: body, headers: strings.Join(headers, "\n")}
}

func (c call) with(headers ...string) call {
	c.headers = strings.TrimPrefix(c.headers+"\n"+strings.Join(headers, "\n"), "\n")
	return c
}

func (c call) as(key string) call { c.key = key; return c }

// allAttributes asks GetObjectAttributes for everything.
const allAttributes = "X-Amz-Object-Attributes: ETag,Checksum,ObjectParts,StorageClass,ObjectSize"

// fivePart is a part of the least size that another may follow.
func fivePart() string { return strings.Repeat("0123456789abcdef", 5<<20/16) }

func stories() map[string][]step {
	return map[string][]step{
		"buckets": bucketStory(), "objects": objectStory(), "listings": listingStory(), "versions": versionStory(),
		"uploads": uploadStory(), "errors": errorStory(), "tags": tagStory(), "proxy": proxyStory(), "bucket-tags": bucketTagStory(),
		"headers": headerStory(), "conditions": conditionStory(), "suspended": suspendedStory(), "checksums": checksumStory(),
		"corners": listingCornerStory(), "uploadlists": uploadListStory(),
	}
}

// configs are the settings of stories that need some.
func configs() map[string][]func(*Config) {
	return map[string][]func(*Config){"proxy": {func(c *Config) {
		c.PublicURL, c.Domains = "https://s3.example.com", []string{"s3.example.com"}
	}}}
}

// proxyStory is behind a proxy that puts s3.test in place of the host that clients ask for.
func proxyStory() []step {
	const one = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>$P1</ETag></Part></CompleteMultipartUpload>"
	behind := func(c call, host string) call {
		c.host = host
		return c.then(func(r *http.Request, body []byte) []byte {
			r.Host = "s3.test"
			return body
		})
	}
	return []step{
		{call: behind(put("/bucket", ""), "s3.example.com"), status: 200},
		{call: behind(post("/bucket/a//b?uploads", ""), "s3.example.com"), status: 200, save: "$UPLOAD", from: "UploadId"},
		{call: behind(put("/bucket/a//b?partNumber=1&uploadId=$UPLOAD", "x"), "s3.example.com:443"), status: 200, save: "$P1", from: "Etag"},
		{golden: "CompleteMultipartUpload-proxy", call: behind(post("/bucket/a//b?uploadId=$UPLOAD", one), "s3.example.com"), status: 200},
		{golden: "error-signature-proxy", call: behind(get("/bucket/a//b"), "other.example.com"), status: 403},
	}
}

func bucketStory() []step {
	const location = `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>eu-central-1</LocationConstraint></CreateBucketConfiguration>`
	return []step{
		{golden: "CreateBucket", call: put("/bucket", "", "X-Amz-Acl: private"), status: 200},
		{golden: "CreateBucket-location", call: put("/second/", location), status: 200},
		{golden: "CreateBucket-again", call: put("/bucket", ""), status: 200},
		{golden: "CreateBucket-taken", call: put("/bucket", "").as("alice"), status: 409},
		{golden: "CreateBucket-name", call: put("/Bucket", ""), status: 400},
		{golden: "CreateBucket-lock", call: put("/third", "", "X-Amz-Bucket-Object-Lock-Enabled: true"), status: 501},
		{golden: "CreateBucket-acl", call: put("/third", "", "X-Amz-Acl: public-read"), status: 400},
		{golden: "ListBuckets", call: get("/"), status: 200},
		{golden: "ListBuckets-page", call: get("/?max-buckets=1"), status: 200, save: "$TOKEN", from: "ContinuationToken"},
		{golden: "ListBuckets-next", call: get("/?max-buckets=1&continuation-token=$TOKEN"), status: 200},
		{golden: "ListBuckets-prefix", call: get("/?prefix=se&bucket-region=us-east-1"), status: 200},
		{golden: "ListBuckets-region", call: get("/?bucket-region=eu-central-1"), status: 200},
		{golden: "ListBuckets-max", call: get("/?max-buckets=10001"), status: 400},
		{golden: "HeadBucket", call: head("/bucket"), status: 200},
		{golden: "HeadBucket-missing", call: head("/missing"), status: 404},
		{golden: "GetBucketLocation", call: get("/bucket?location"), status: 200},
		{golden: "GetBucketAcl", call: get("/bucket?acl"), status: 200},
		{golden: "PutBucketAcl", call: put("/bucket?acl", "", "X-Amz-Acl: private"), status: 200},
		{golden: "PutBucketAcl-document", call: put("/bucket?acl", "<AccessControlPolicy><AccessControlList><Grant><Grantee><ID>"+canonicalID(coretest.AdminID)+"</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>"), status: 200},
		{golden: "PutBucketAcl-grant", call: put("/bucket?acl", "<AccessControlPolicy><AccessControlList><Grant><Grantee><URI>http://acs.amazonaws.com/groups/global/AllUsers</URI></Grantee><Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>"), status: 400},
		{golden: "PutBucketAcl-public", call: put("/bucket?acl", "", "X-Amz-Acl: public-read"), status: 400},
		{golden: "PutBucketAcl-unknown", call: put("/bucket?acl", "", "X-Amz-Acl: public-ready"), status: 400},
		{golden: "PutBucketAcl-nothing", call: put("/bucket?acl", ""), status: 400},
		{golden: "PutBucketAcl-forbidden", call: put("/bucket?acl", "", "X-Amz-Acl: private").as("alice"), status: 403},
		{golden: "GetBucketVersioning", call: get("/bucket?versioning"), status: 200},
		{golden: "PutBucketVersioning", call: put("/bucket?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"), status: 200},
		{golden: "GetBucketVersioning-enabled", call: get("/bucket?versioning"), status: 200},
		{call: put("/second/k", "x"), status: 200},
		{golden: "DeleteBucket-full", call: del("/second"), status: 409},
		{golden: "DeleteBucket", call: del("/bucket"), status: 204},
		{golden: "DeleteBucket-missing", call: del("/bucket"), status: 404},
	}
}

func objectStory() []step {
	meta := []string{
		"Content-Type: text/plain", "Cache-Control: no-cache", "Content-Disposition: attachment", "Content-Language: de",
		"Content-Encoding: aws-chunked,gzip", "Expires: Thu, 01 Dec 2026 16:00:00 GMT", "X-Amz-Meta-Color: =?UTF-8?B?w7xiZXI=?=",
		"X-Amz-Meta-Mtime: 1700000000.5", "X-Amz-Storage-Class: STANDARD_IA",
	}
	return []step{
		{call: put("/bucket", ""), status: 200},
		{golden: "PutObject", call: put("/bucket/hello.txt", "hello, world", meta...), status: 200},
		{golden: "PutObject-sha256", call: put("/bucket/sum", "hello", "X-Amz-Checksum-Sha256: LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="), status: 200},
		{golden: "PutObject-exists", call: put("/bucket/sum", "again", "If-None-Match: *"), status: 412},
		{golden: "PutObject-same", call: put("/bucket/sum", "again", `If-None-Match: "5d41402abc4b2a76b9719d911017c592"`), status: 412},
		{golden: "PutObject-match", call: put("/bucket/sum", "again", `If-Match: "5d41402abc4b2a76b9719d911017c592"`), status: 200},
		{golden: "GetObject", call: get("/bucket/hello.txt").with("X-Amz-Checksum-Mode: ENABLED"), status: 200},
		{golden: "GetObject-range", call: get("/bucket/hello.txt").with("Range: bytes=7-"), status: 206},
		{golden: "GetObject-if-range", call: get("/bucket/hello.txt").with("Range: bytes=7-", `If-Range: "e4d7f1b4ed2e42d15898f4b27b019da4"`), status: 206},
		{golden: "GetObject-if-range-other", call: get("/bucket/hello.txt").with("Range: bytes=7-", `If-Range: "e4d7f1b4ed2e42d15898f4b27b019da5"`), status: 200},
		{golden: "GetObject-range-behind", call: get("/bucket/hello.txt").with("Range: bytes=12-"), status: 416},
		{golden: "GetObject-not-modified", call: get("/bucket/hello.txt").with(`If-None-Match: "e4d7f1b4ed2e42d15898f4b27b019da4"`), status: 304},
		{golden: "GetObject-precondition", call: get("/bucket/hello.txt").with(`If-Match: "0"`), status: 412},
		{golden: "GetObject-override", call: get("/bucket/hello.txt?response-content-type=a%2Fb&response-expires=never&x-id=GetObject"), status: 200},
		{golden: "GetObject-missing", call: get("/bucket/nothing"), status: 404},
		{golden: "HeadObject", call: head("/bucket/hello.txt"), status: 200},
		{golden: "HeadObject-missing", call: head("/bucket/nothing"), status: 404},
		{golden: "GetObjectAttributes", call: get("/bucket/hello.txt?attributes").with(allAttributes), status: 200},
		{golden: "GetObjectAttributes-some", call: get("/bucket/sum?attributes").with("X-Amz-Object-Attributes: ObjectSize", "X-Amz-Object-Attributes: Checksum"), status: 200},
		{golden: "GetObjectAttributes-none", call: get("/bucket/sum?attributes"), status: 400},
		{golden: "GetObjectAttributes-unknown", call: get("/bucket/sum?attributes").with("X-Amz-Object-Attributes: Color"), status: 400},
		{golden: "GetObjectAttributes-not-modified", call: get("/bucket/hello.txt?attributes").with(allAttributes, `If-None-Match: "e4d7f1b4ed2e42d15898f4b27b019da4"`), status: 304},
		{golden: "GetObjectAttributes-precondition", call: get("/bucket/hello.txt?attributes").with(allAttributes, `If-Match: "0"`), status: 412},
		{golden: "GetObjectAttributes-missing", call: get("/bucket/nothing?attributes").with(allAttributes), status: 404},
		{golden: "CopyObject", call: put("/bucket/copy", "", "X-Amz-Copy-Source: /bucket/hello%2Etxt"), status: 200},
		{golden: "CopyObject-replace", call: put("/bucket/copy", "", "X-Amz-Copy-Source: bucket/copy", "X-Amz-Metadata-Directive: REPLACE", "X-Amz-Meta-A: b"), status: 200},
		{golden: "HeadObject-replaced", call: head("/bucket/copy"), status: 200},
		{golden: "CopyObject-self", call: put("/bucket/copy", "", "X-Amz-Copy-Source: bucket/copy"), status: 400},
		{golden: "CopyObject-missing", call: put("/bucket/copy", "", "X-Amz-Copy-Source: bucket/nothing"), status: 404},
		{golden: "GetObjectAcl", call: get("/bucket/sum?acl"), status: 200},
		{golden: "GetObjectAcl-missing", call: get("/bucket/nothing?acl"), status: 404},
		{golden: "PutObjectAcl", call: put("/bucket/sum?acl", "", "X-Amz-Acl: bucket-owner-full-control"), status: 200},
		{golden: "PutObjectAcl-missing", call: put("/bucket/nothing?acl", "", "X-Amz-Acl: private"), status: 404},
		{golden: "PutObjectAcl-public", call: put("/bucket/sum?acl", "", "X-Amz-Acl: public-read"), status: 400},
		{golden: "DeleteObject", call: del("/bucket/copy"), status: 204},
		{golden: "DeleteObject-missing", call: del("/bucket/copy"), status: 204},
		{golden: "DeleteObjects", call: post("/bucket?delete", "<Delete><Object><Key>sum</Key></Object><Object><Key>no &lt;such&gt;</Key></Object></Delete>",
			"X-Amz-Checksum-Crc32: egzgiQ=="), status: 200},
		{golden: "DeleteObjects-quiet", call: post("/bucket?delete", "<Delete><Quiet>true</Quiet><Object><Key>hello.txt</Key></Object></Delete>",
			"Content-Md5: JIqqQBeA0ENXLJSsIqG0zw=="), status: 200},
	}
}

func listingStory() []step {
	steps := []step{{call: put("/bucket", ""), status: 200}}
	for _, key := range []string{"a", "b/1", "b/2", "c%20d/%C3%BC", "c%20d/x", "e&%01"} {
		steps = append(steps, step{call: put("/bucket/"+key, key), status: 200})
	}
	return append(steps,
		step{golden: "ListObjects", call: get("/bucket"), status: 200},
		step{golden: "ListObjects-delimiter", call: get("/bucket?delimiter=/&max-keys=2"), status: 200},
		step{golden: "ListObjects-marker", call: get("/bucket?delimiter=/&max-keys=2&marker=b/"), status: 200},
		step{golden: "ListObjectsV2", call: get("/bucket?list-type=2&delimiter=/&max-keys=2&fetch-owner=true"), status: 200, save: "$TOKEN", from: "NextContinuationToken"},
		step{golden: "ListObjectsV2-next", call: get("/bucket?list-type=2&delimiter=/&encoding-type=url&continuation-token=$TOKEN"), status: 200},
		step{golden: "ListObjectsV2-prefix", call: get("/bucket?list-type=2&prefix=c%20d/&start-after=c%20d/x&encoding-type=url"), status: 200},
		step{golden: "ListObjectsV2-zero", call: get("/bucket?list-type=2&max-keys=0"), status: 200},
		step{golden: "ListObjectsV2-token", call: get("/bucket?list-type=2&continuation-token=abc"), status: 400},
		step{golden: "ListObjectsV2-max-keys", call: get("/bucket?list-type=2&max-keys=-1"), status: 400},
		step{golden: "ListObjectsV2-encoding", call: get("/bucket?list-type=2&encoding-type=base64"), status: 400},
		step{golden: "ListObjectsV2-missing", call: get("/missing?list-type=2"), status: 404},
	)
}

func versionStory() []step {
	const enabled = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
	return []step{
		{call: put("/bucket", ""), status: 200},
		{call: put("/bucket/k", "null version"), status: 200},
		{call: put("/bucket?versioning", enabled), status: 200},
		{golden: "PutObject-version", call: put("/bucket/k", "one"), status: 200, save: "$ONE", from: "X-Amz-Version-Id"},
		{golden: "DeleteObject-marker", call: del("/bucket/k"), status: 204, save: "$MARKER", from: "X-Amz-Version-Id"},
		{golden: "GetObject-marker", call: get("/bucket/k"), status: 404},
		{golden: "GetObject-marker-version", call: get("/bucket/k?versionId=$MARKER"), status: 405},
		{golden: "GetObject-version", call: get("/bucket/k?versionId=$ONE"), status: 200},
		{golden: "GetObjectAttributes-version", call: get("/bucket/k?attributes&versionId=$ONE").with(allAttributes), status: 200},
		{golden: "GetObjectAttributes-marker", call: get("/bucket/k?attributes").with(allAttributes), status: 404},
		{golden: "GetObjectAttributes-marker-version", call: get("/bucket/k?attributes&versionId=$MARKER").with(allAttributes), status: 405},
		{golden: "GetObject-no-version", call: get("/bucket/k?versionId=1"), status: 404},
		{golden: "GetObject-bad-version", call: get("/bucket/k?versionId=x"), status: 400},
		{golden: "ListObjectVersions", call: get("/bucket?versions"), status: 200},
		{golden: "ListObjectVersions-page", call: get("/bucket?versions&max-keys=1&key-marker=k&version-id-marker=$MARKER"), status: 200},
		{golden: "CopyObject-version", call: put("/bucket/copy", "", "X-Amz-Copy-Source: bucket/k?versionId=$ONE"), status: 200, save: "$COPY", from: "X-Amz-Version-Id"},
		{golden: "CopyObject-current-version", call: put("/bucket/again", "", "X-Amz-Copy-Source: bucket/copy"), status: 200, save: "$AGAIN", from: "X-Amz-Version-Id"},
		{golden: "CopyObject-marker", call: put("/bucket/copy", "", "X-Amz-Copy-Source: bucket/k"), status: 404},
		{golden: "CopyObject-marker-version", call: put("/bucket/copy", "", "X-Amz-Copy-Source: bucket/k?versionId=$MARKER"), status: 400},
		{golden: "DeleteObject-version", call: del("/bucket/k?versionId=$MARKER"), status: 204},
		{golden: "HeadObject-revived", call: head("/bucket/k"), status: 200},
	}
}

func uploadStory() []step {
	const two = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>$P1</ETag></Part><Part><PartNumber>3</PartNumber><ETag>$P3</ETag></Part></CompleteMultipartUpload>"
	return []step{
		{call: put("/bucket", ""), status: 200},
		{golden: "CreateMultipartUpload", call: post("/bucket/big?uploads", "", "Content-Type: a/b", "X-Amz-Checksum-Algorithm: CRC32"), status: 200, save: "$UPLOAD", from: "UploadId"},
		{golden: "UploadPart", call: put("/bucket/big?partNumber=1&uploadId=$UPLOAD", fivePart()), status: 200, save: "$P1", from: "Etag"},
		{call: put("/bucket/big?partNumber=3&uploadId=$UPLOAD", "tail", "X-Amz-Checksum-Crc32: fDe0XQ=="), status: 200, save: "$P3", from: "Etag"},
		{golden: "UploadPart-algorithm", call: put("/bucket/big?partNumber=3&uploadId=$UPLOAD", "tail", "X-Amz-Checksum-Sha1: AAAAAAAAAAAAAAAAAAAAAAAAAAA="), status: 400},
		{golden: "UploadPart-number", call: put("/bucket/big?partNumber=0&uploadId=$UPLOAD", "x"), status: 400},
		{golden: "UploadPart-missing", call: put("/bucket/big?partNumber=1&uploadId=abc", "x"), status: 404},
		{golden: "UploadPartCopy-missing", call: put("/bucket/big?partNumber=2&uploadId=$UPLOAD", "", "X-Amz-Copy-Source: bucket/big"), status: 404},
		{golden: "ListParts", call: get("/bucket/big?uploadId=$UPLOAD&max-parts=1"), status: 200},
		{golden: "ListMultipartUploads", call: get("/bucket?uploads"), status: 200},
		{golden: "CompleteMultipartUpload-order", call: post("/bucket/big?uploadId=$UPLOAD", strings.ReplaceAll(two, ">1<", ">4<")), status: 400},
		{golden: "CompleteMultipartUpload-part", call: post("/bucket/big?uploadId=$UPLOAD", strings.ReplaceAll(two, ">1<", ">2<")), status: 400},
		{golden: "CompleteMultipartUpload", call: post("/bucket/big?uploadId=$UPLOAD", two), status: 200},
		{golden: "CompleteMultipartUpload-again", call: post("/bucket/big?uploadId=$UPLOAD", two), status: 200},
		{golden: "CompleteMultipartUpload-other", call: post("/bucket/big?uploadId=$UPLOAD", strings.ReplaceAll(two, "$P1", "$P3")), status: 404},
		{golden: "CompleteMultipartUpload-unknown", call: post("/bucket/other?uploadId=$UPLOAD", two), status: 404},
		{golden: "GetObjectAttributes-parts", call: get("/bucket/big?attributes").with(allAttributes), status: 200},
		{golden: "GetObjectAttributes-page", call: get("/bucket/big?attributes").with("X-Amz-Object-Attributes: ObjectParts", "X-Amz-Max-Parts: 1"), status: 200},
		{golden: "GetObjectAttributes-next", call: get("/bucket/big?attributes").with("X-Amz-Object-Attributes: ObjectParts", "X-Amz-Max-Parts: 1", "X-Amz-Part-Number-Marker: 1"), status: 200},
		{golden: "GetObjectAttributes-behind", call: get("/bucket/big?attributes").with("X-Amz-Object-Attributes: ObjectParts", "X-Amz-Part-Number-Marker: 7"), status: 200},
		{golden: "GetObjectAttributes-limit", call: get("/bucket/big?attributes").with("X-Amz-Object-Attributes: ObjectParts", "X-Amz-Max-Parts: many"), status: 400},
		{golden: "HeadObject-part", call: head("/bucket/big?partNumber=2").with("X-Amz-Checksum-Mode: ENABLED"), status: 206},
		{golden: "GetObject-part-behind", call: get("/bucket/big?partNumber=3"), status: 416},
		{golden: "HeadObject-composed", call: head("/bucket/big").with("X-Amz-Checksum-Mode: ENABLED"), status: 200},
		{call: post("/bucket/joined?uploads", "", "X-Amz-Checksum-Algorithm: CRC32"), status: 200, save: "$COPY", from: "UploadId"},
		{golden: "UploadPartCopy", call: put("/bucket/joined?partNumber=1&uploadId=$COPY", "", "X-Amz-Copy-Source: bucket/big"), status: 200},
		{golden: "UploadPartCopy-range", call: put("/bucket/joined?partNumber=2&uploadId=$COPY", "", "X-Amz-Copy-Source: /bucket/big", "X-Amz-Copy-Source-Range: bytes=5242878-5242881"), status: 200},
		{golden: "UploadPartCopy-range-behind", call: put("/bucket/joined?partNumber=3&uploadId=$COPY", "", "X-Amz-Copy-Source: bucket/big", "X-Amz-Copy-Source-Range: bytes=5242878-5242884"), status: 400},
		{golden: "UploadPartCopy-range-open", call: put("/bucket/joined?partNumber=3&uploadId=$COPY", "", "X-Amz-Copy-Source: bucket/big", "X-Amz-Copy-Source-Range: bytes=5-"), status: 400},
		{golden: "UploadPartCopy-upload", call: put("/bucket/joined?partNumber=3&uploadId=abc", "", "X-Amz-Copy-Source: bucket/big"), status: 404},
		{golden: "UploadPartCopy-precondition", call: put("/bucket/joined?partNumber=3&uploadId=$COPY", "", "X-Amz-Copy-Source: bucket/big", `X-Amz-Copy-Source-If-Match: "0"`), status: 412},
		{golden: "ListParts-copied", call: get("/bucket/joined?uploadId=$COPY"), status: 200},
		{call: post("/bucket/small?uploads", ""), status: 200, save: "$SMALL", from: "UploadId"},
		{call: put("/bucket/small?partNumber=1&uploadId=$SMALL", "a"), status: 200, save: "$P1", from: "Etag"},
		{call: put("/bucket/small?partNumber=3&uploadId=$SMALL", "b"), status: 200, save: "$P3", from: "Etag"},
		{golden: "CompleteMultipartUpload-small", call: post("/bucket/small?uploadId=$SMALL", two), status: 400},
		{golden: "AbortMultipartUpload", call: del("/bucket/small?uploadId=$SMALL"), status: 204},
		{golden: "AbortMultipartUpload-missing", call: del("/bucket/small?uploadId=$SMALL"), status: 404},
	}
}

func tagStory() []step {
	const (
		enabled = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
		two     = "<Tagging><TagSet><Tag><Key>b c</Key><Value></Value></Tag><Tag><Key>a</Key><Value>\u00fcber/1</Value></Tag></TagSet></Tagging>"
		parts   = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>$P1</ETag></Part></CompleteMultipartUpload>"
	)
	return []step{
		{call: put("/bucket", ""), status: 200},
		{call: put("/bucket/k", "x"), status: 200},
		{golden: "GetObjectTagging-none", call: get("/bucket/k?tagging"), status: 200},
		{golden: "PutObjectTagging", call: put("/bucket/k?tagging", two), status: 200},
		{golden: "GetObjectTagging", call: get("/bucket/k?tagging"), status: 200},
		{golden: "HeadObject-tags", call: head("/bucket/k"), status: 200},
		{golden: "PutObjectTagging-twice", call: put("/bucket/k?tagging", strings.Replace(two, "b c", "a", 1)), status: 400},
		{golden: "PutObjectTagging-missing", call: put("/bucket/nothing?tagging", two), status: 404},
		{golden: "PutObjectTagging-xml", call: put("/bucket/k?tagging", "<Tagging><Tag><Key>a</Key></Tag></Tagging>"), status: 400},
		{golden: "PutObjectTagging-forbidden", call: put("/bucket/k?tagging", two).as("alice"), status: 403},
		{golden: "CopyObject-tags", call: put("/bucket/copy", "", "X-Amz-Copy-Source: bucket/k", "X-Amz-Metadata-Directive: REPLACE"), status: 200},
		{golden: "GetObjectTagging-copy", call: get("/bucket/copy?tagging"), status: 200},
		{golden: "CopyObject-replaced-tags", call: put("/bucket/copy", "", "X-Amz-Copy-Source: bucket/copy", "X-Amz-Tagging-Directive: REPLACE", "X-Amz-Tagging: n=1"), status: 200},
		{golden: "GetObjectTagging-replaced", call: get("/bucket/copy?tagging"), status: 200},
		{golden: "CopyObject-lost-tags", call: put("/bucket/copy", "", "X-Amz-Copy-Source: bucket/k", "X-Amz-Tagging: n=1"), status: 400},
		{golden: "DeleteObjectTagging", call: del("/bucket/k?tagging"), status: 204},
		{golden: "GetObjectTagging-deleted", call: get("/bucket/k?tagging"), status: 200},
		{golden: "PutObject-tags", call: put("/bucket/t", "x", "X-Amz-Tagging: foo=b%20r&bar"), status: 200},
		{golden: "GetObjectTagging-put", call: get("/bucket/t?tagging"), status: 200},
		{golden: "PutObject-bad-tags", call: put("/bucket/t", "x", "X-Amz-Tagging: a=1&a=2"), status: 400},
		{call: post("/bucket/m?uploads", "", "X-Amz-Tagging: m=1"), status: 200, save: "$UPLOAD", from: "UploadId"},
		{call: put("/bucket/m?partNumber=1&uploadId=$UPLOAD", "part"), status: 200, save: "$P1", from: "Etag"},
		{call: post("/bucket/m?uploadId=$UPLOAD", parts), status: 200},
		{golden: "GetObjectTagging-upload", call: get("/bucket/m?tagging"), status: 200},
		{call: put("/bucket?versioning", enabled), status: 200},
		{call: put("/bucket/v", "one", "X-Amz-Tagging: v=1"), status: 200, save: "$ONE", from: "X-Amz-Version-Id"},
		{call: put("/bucket/v", "two"), status: 200},
		{golden: "PutObjectTagging-version", call: put("/bucket/v?tagging&versionId=$ONE", two), status: 200},
		{golden: "GetObjectTagging-version", call: get("/bucket/v?tagging&versionId=$ONE"), status: 200},
		{golden: "DeleteObjectTagging-version", call: del("/bucket/v?tagging&versionId=$ONE"), status: 204},
		{call: del("/bucket/v"), status: 204, save: "$MARKER", from: "X-Amz-Version-Id"},
		{golden: "GetObjectTagging-marker", call: get("/bucket/v?tagging"), status: 404},
		{golden: "PutObjectTagging-marker", call: put("/bucket/v?tagging&versionId=$MARKER", two), status: 405},
	}
}

func bucketTagStory() []step {
	const two = "<Tagging><TagSet><Tag><Key>b c</Key><Value></Value></Tag><Tag><Key>a</Key><Value>\u00fcber/1</Value></Tag></TagSet></Tagging>"
	return []step{
		{call: put("/bucket", ""), status: 200},
		{golden: "GetBucketTagging-none", call: get("/bucket?tagging"), status: 404},
		{golden: "GetBucketTagging-missing", call: get("/missing?tagging"), status: 404},
		{golden: "PutBucketTagging", call: checked(put("/bucket?tagging", two)), status: 204},
		{golden: "GetBucketTagging", call: get("/bucket?tagging"), status: 200},
		{golden: "GetBucketTagging-forbidden", call: get("/bucket?tagging").as("alice"), status: 403},
		{golden: "PutBucketTagging-md5", call: put("/bucket?tagging", "<Tagging><TagSet><Tag><Key>n</Key><Value>1</Value></Tag></TagSet></Tagging>", "Content-Md5: lDIiz3rUC6XqWwf1ljNgCg=="), status: 204},
		{golden: "GetBucketTagging-replaced", call: get("/bucket?tagging"), status: 200},
		{golden: "PutBucketTagging-digest", call: put("/bucket?tagging", two, "X-Amz-Checksum-Crc32: AAAAAA=="), status: 400},
		{golden: "PutBucketTagging-no-digest", call: put("/bucket?tagging", two), status: 400},
		{golden: "PutBucketTagging-twice", call: checked(put("/bucket?tagging", strings.Replace(two, "b c", "a", 1))), status: 400},
		{golden: "PutBucketTagging-xml", call: checked(put("/bucket?tagging", "<Tagging/>")), status: 400},
		{golden: "PutBucketTagging-forbidden", call: checked(put("/bucket?tagging", two)).as("alice"), status: 403},
		{golden: "PutBucketTagging-missing", call: checked(put("/missing?tagging", two)), status: 404},
		{golden: "DeleteBucketTagging-forbidden", call: del("/bucket?tagging").as("alice"), status: 403},
		{golden: "GetBucketTagging-kept", call: get("/bucket?tagging"), status: 200},
		{golden: "DeleteBucketTagging", call: del("/bucket?tagging"), status: 204},
		{golden: "DeleteBucketTagging-again", call: del("/bucket?tagging"), status: 204},
		{golden: "DeleteBucketTagging-missing", call: del("/missing?tagging"), status: 404},
		{call: get("/bucket?tagging"), status: 404},
	}
}

func errorStory() []step {
	return []step{
		{call: put("/bucket", ""), status: 200},
		{golden: "error-anonymous", call: get("/bucket/k").as("anonymous"), status: 403},
		{golden: "error-forbidden", call: get("/bucket/k").as("alice"), status: 403},
		{golden: "error-sub-resource", call: put("/bucket?policy", "{}"), status: 501},
		{golden: "error-unknown-sub-resource", call: del("/bucket?future"), status: 501},
		{golden: "error-method", call: call{method: "PATCH", target: "/bucket/k"}, status: 405},
		{golden: "error-form", call: post("/bucket", "x"), status: 501},
		{golden: "error-header", call: put("/bucket/k", "x", "X-Amz-Server-Side-Encryption: AES256"), status: 501},
		{golden: "error-combination", call: put("/bucket?attributes", "x"), status: 501},
		{golden: "error-key", call: put("/bucket/"+strings.Repeat("k", 1025), "x"), status: 400},
		{golden: "error-uri", call: get("/bucket/%FF"), status: 400},
		{golden: "error-path", call: get("//bucket/k"), status: 400},
		{golden: "error-owner", call: head("/bucket").with("X-Amz-Expected-Bucket-Owner: somebody"), status: 403},
		{golden: "error-xml", call: put("/bucket?versioning", "<VersioningConfiguration>"), status: 400},
		{golden: "error-class", call: put("/bucket/k", "x", "X-Amz-Storage-Class: CHEAP"), status: 400},
	}
}
