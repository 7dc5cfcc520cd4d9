package e2e

import (
	"encoding/base64"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/minio/crc64nvme"
)

// goSDK is aws-sdk-go-v2 with the settings that it gives itself: the endpoint is an address, so it takes path
// style; checksums are those of an unset configuration.
type goSDK struct{ *s3.Client }

func newGo(t *testing.T, s *instance, k keys) *goSDK {
	t.Helper()
	return &goSDK{s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: &s.url,
		HTTPClient: awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) {
			tr.TLSClientConfig.RootCAs = trusted(t)
		}),
		Credentials: credentials.NewStaticCredentialsProvider(k.access, k.secret, ""),
		// What LoadDefaultConfig puts here.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
	})}
}

func (c *goSDK) makeBucket(t *testing.T, bucket string) {
	t.Helper()
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
}

func (c *goSDK) upload(t *testing.T, file, bucket, key string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := &transfermanager.UploadObjectInput{Bucket: &bucket, Key: &key, Body: f}
	if _, err := transfermanager.New(c.Client).UploadObject(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

func (c *goSDK) download(t *testing.T, bucket, key, file string) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	in := &transfermanager.DownloadObjectInput{Bucket: &bucket, Key: &key, WriterAt: f}
	_, err = transfermanager.New(c.Client).DownloadObject(t.Context(), in)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func (c *goSDK) list(t *testing.T, bucket string) (string, error) {
	t.Helper()
	var found []string
	for pages := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: &bucket}); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			return err.Error(), err
		}
		for _, o := range page.Contents {
			found = append(found, *o.Key)
		}
	}
	return strings.Join(found, "\n"), nil
}

// read returns an object whole, its checksum compared by the SDK on the way.
func (c *goSDK) read(t *testing.T, bucket, key string) string {
	t.Helper()
	o, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		t.Fatalf("GetObject(%q): %v", key, err)
	}
	defer o.Body.Close()
	b, err := io.ReadAll(o.Body)
	if err != nil {
		t.Fatalf("GetObject(%q): %v", key, err)
	}
	return string(b)
}

// codeOf returns the code of an API error, or the text of another.
func codeOf(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestGoSDK walks through what programs in Go do.
func TestGoSDK(t *testing.T) {
	for _, w := range []struct {
		name string
		walk func(t *testing.T, s *instance, c *goSDK)
	}{
		{"put", goPut},
		{"stream", goStream},
		{"errors", goErrors},
		{"pages", goPages},
		{"conditions", goConditions},
		{"copy", goCopy},
		{"presign", goPresign},
		{"multipart", goMultipart},
		{"delete", goDelete},
	} {
		t.Run(w.name, func(t *testing.T) {
			schemes(t, func(t *testing.T, s *instance) {
				c := newGo(t, s, goodKeys())
				c.makeBucket(t, "walk")
				w.walk(t, s, c)
			})
		})
	}
}

// goPut stores content of every way of keeping with the default checksum, and with each that can be named.
func goPut(t *testing.T, _ *instance, c *goSDK) {
	for _, a := range append([]types.ChecksumAlgorithm{""},
		types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc32c, types.ChecksumAlgorithmCrc64nvme,
		types.ChecksumAlgorithmSha1, types.ChecksumAlgorithmSha256) {
		for name, text := range contents() {
			key := string(a) + name
			put, err := c.PutObject(t.Context(), &s3.PutObjectInput{
				Bucket: aws.String("walk"), Key: &key, Body: strings.NewReader(text), ChecksumAlgorithm: a,
				ContentType: aws.String("text/x-walk"), Metadata: map[string]string{"colour": "blau"},
			})
			if err != nil {
				t.Fatalf("PutObject(%q): %v", key, err)
			}
			head, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{
				Bucket: aws.String("walk"), Key: &key, ChecksumMode: types.ChecksumModeEnabled,
			})
			if err != nil {
				t.Fatalf("HeadObject(%q): %v", key, err)
			}
			if *head.ContentLength != int64(len(text)) || *head.ContentType != "text/x-walk" || head.Metadata["colour"] != "blau" ||
				*head.ETag != *put.ETag {
				t.Errorf("HeadObject(%q) = %d bytes of %s, %v", key, *head.ContentLength, *head.ContentType, head.Metadata)
			}
			want := map[types.ChecksumAlgorithm]*string{
				"": head.ChecksumCRC32, types.ChecksumAlgorithmCrc32: head.ChecksumCRC32,
				types.ChecksumAlgorithmCrc32c: head.ChecksumCRC32C, types.ChecksumAlgorithmCrc64nvme: head.ChecksumCRC64NVME,
				types.ChecksumAlgorithmSha1: head.ChecksumSHA1, types.ChecksumAlgorithmSha256: head.ChecksumSHA256,
			}[a]
			if want == nil {
				t.Errorf("HeadObject(%q) has no checksum of the algorithm", key)
			}
			if got := c.read(t, "walk", key); got != text {
				t.Errorf("%q came back with %d bytes, want %d", key, len(got), len(text))
			}
		}
	}
}

// goStream stores readers that cannot be rewound. The SDK sends them over https alone, with a trailer.
func goStream(t *testing.T, s *instance, c *goSDK) {
	for name, text := range contents() {
		in := &s3.PutObjectInput{
			Bucket: aws.String("walk"), Key: &name, Body: io.MultiReader(strings.NewReader(text)), ContentLength: aws.Int64(int64(len(text))),
		}
		_, err := c.PutObject(t.Context(), in)
		if strings.HasPrefix(s.url, "http:") {
			if err == nil && text != "" {
				t.Errorf("the SDK sent %d bytes of a stream over http: their way back belongs into this test", len(text))
			}
		} else if err != nil {
			t.Errorf("PutObject of a stream: %v", err)
		} else if got := c.read(t, "walk", name); got != text {
			t.Errorf("%q came back with %d bytes, want %d", name, len(got), len(text))
		}
		// The manager splits what it reads, whatever the scheme.
		up := &transfermanager.UploadObjectInput{Bucket: aws.String("walk"), Key: &name, Body: io.MultiReader(strings.NewReader(text))}
		if _, err := transfermanager.New(c.Client).UploadObject(t.Context(), up); err != nil {
			t.Errorf("UploadObject of a stream: %v", err)
		} else if got := c.read(t, "walk", name); got != text {
			t.Errorf("%q came back from the manager with %d bytes, want %d", name, len(got), len(text))
		}
	}
	text := strings.Repeat("a stream of unknown length\n", 1<<20)
	up := &transfermanager.UploadObjectInput{Bucket: aws.String("walk"), Key: aws.String("parts"), Body: io.MultiReader(strings.NewReader(text))}
	if _, err := transfermanager.New(c.Client).UploadObject(t.Context(), up); err != nil {
		t.Fatalf("UploadObject of parts: %v", err)
	}
	down := &transfermanager.GetObjectInput{Bucket: aws.String("walk"), Key: aws.String("parts")}
	o, err := transfermanager.New(c.Client).GetObject(t.Context(), down)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(o.Body); err != nil || string(got) != text {
		t.Errorf("the manager's GetObject = %d bytes, %v, want %d", len(got), err, len(text))
	}
}

// goErrors provokes the errors that programs tell apart.
func goErrors(t *testing.T, _ *instance, c *goSDK) {
	walk, nobody, key := aws.String("walk"), aws.String("no-such-bucket"), aws.String("no such key")
	_, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: walk, Key: key})
	if _, ok := errors.AsType[*types.NoSuchKey](err); !ok {
		t.Errorf("GetObject of nothing = %v, want NoSuchKey", err)
	}
	_, err = c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: walk, Key: key})
	if _, ok := errors.AsType[*types.NotFound](err); !ok {
		t.Errorf("HeadObject of nothing = %v, want NotFound", err)
	}
	_, err = c.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: nobody})
	if _, ok := errors.AsType[*types.NotFound](err); !ok {
		t.Errorf("HeadBucket of nothing = %v, want NotFound", err)
	}
	_, err = c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: nobody})
	if _, ok := errors.AsType[*types.NoSuchBucket](err); !ok {
		t.Errorf("ListObjectsV2 of nothing = %v, want NoSuchBucket", err)
	}
	_, err = c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: nobody, Key: key, Body: strings.NewReader("x")})
	if code := codeOf(err); code != "NoSuchBucket" {
		t.Errorf("PutObject into nothing = %q, want NoSuchBucket", code)
	}
	_, err = c.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: walk, Key: key, UploadId: aws.String("none")})
	if _, ok := errors.AsType[*types.NoSuchUpload](err); !ok {
		t.Errorf("AbortMultipartUpload of nothing = %v, want NoSuchUpload", err)
	}
	_, err = c.GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: walk})
	if code := codeOf(err); code == "" {
		t.Error("GetBucketPolicy of a bucket that has none = nil, want an error with a code")
	}
}

// goPages lists page by page: keys, common prefixes, versions, uploads and parts.
func goPages(t *testing.T, _ *instance, c *goSDK) {
	var want []string
	for i := range 11 {
		key := "dir" + strconv.Itoa(i%3) + "/k " + strconv.Itoa(100+i)
		want = append(want, key)
		if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("walk"), Key: &key, Body: strings.NewReader(key)}); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(want)
	var got []string
	pages := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: aws.String("walk"), MaxKeys: aws.Int32(3)})
	n := 0
	for ; pages.HasMorePages(); n++ {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			got = append(got, *o.Key)
		}
	}
	if !slices.Equal(got, want) || n != 4 {
		t.Errorf("listed %q in %d pages, want %q in 4", got, n, want)
	}
	got = nil
	dirs := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: aws.String("walk"), Delimiter: aws.String("/"), MaxKeys: aws.Int32(1)})
	for dirs.HasMorePages() {
		page, err := dirs.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.CommonPrefixes {
			got = append(got, *p.Prefix)
		}
	}
	if want := []string{"dir0/", "dir1/", "dir2/"}; !slices.Equal(got, want) {
		t.Errorf("common prefixes %q, want %q", got, want)
	}
	n = 0
	versions := s3.NewListObjectVersionsPaginator(c, &s3.ListObjectVersionsInput{Bucket: aws.String("walk"), MaxKeys: aws.Int32(4)})
	for versions.HasMorePages() {
		page, err := versions.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n += len(page.Versions)
	}
	if n != len(want) {
		t.Errorf("%d versions listed, want %d", n, len(want))
	}
}

// goConditions writes only where there is nothing, or what was seen.
func goConditions(t *testing.T, _ *instance, c *goSDK) {
	put := func(text string, change func(*s3.PutObjectInput)) (*s3.PutObjectOutput, error) {
		in := &s3.PutObjectInput{Bucket: aws.String("walk"), Key: aws.String("once"), Body: strings.NewReader(text)}
		change(in)
		return c.PutObject(t.Context(), in)
	}
	absent := func(in *s3.PutObjectInput) { in.IfNoneMatch = aws.String("*") }
	first, err := put("first", absent)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := put("second", absent); codeOf(err) != "PreconditionFailed" {
		t.Errorf("If-None-Match: * over an object = %v, want PreconditionFailed", err)
	}
	seen := func(in *s3.PutObjectInput) { in.IfMatch = first.ETag }
	if _, err := put("third", seen); err != nil {
		t.Errorf("If-Match of what is there = %v", err)
	}
	if _, err := put("fourth", seen); codeOf(err) != "PreconditionFailed" {
		t.Errorf("If-Match of what was there = %v, want PreconditionFailed", err)
	}
	if got := c.read(t, "walk", "once"); got != "third" {
		t.Errorf("the object holds %q, want third", got)
	}
	_, err = c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("walk"), Key: aws.String("once"), IfMatch: first.ETag})
	if codeOf(err) != "PreconditionFailed" {
		t.Errorf("GetObject with the old If-Match = %v, want PreconditionFailed", err)
	}
	id := goUpload(t, c, "once", "parted")
	_, err = c.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{
		Bucket: aws.String("walk"), Key: aws.String("once"), IfNoneMatch: aws.String("*"),
		UploadId: &id, MultipartUpload: goParts(t, c, "once", id),
	})
	if codeOf(err) != "PreconditionFailed" {
		t.Errorf("CompleteMultipartUpload over an object = %v, want PreconditionFailed", err)
	}
}

// goUpload makes an upload of one part and returns its id.
func goUpload(t *testing.T, c *goSDK, key, text string) string {
	t.Helper()
	up, err := c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: aws.String("walk"), Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.UploadPart(t.Context(), &s3.UploadPartInput{
		Bucket: aws.String("walk"), Key: &key, UploadId: up.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader(text),
	})
	if err != nil {
		t.Fatal(err)
	}
	return *up.UploadId
}

// goParts lists the parts of an upload as its completion names them.
func goParts(t *testing.T, c *goSDK, key, id string) *types.CompletedMultipartUpload {
	t.Helper()
	m := &types.CompletedMultipartUpload{}
	pages := s3.NewListPartsPaginator(c, &s3.ListPartsInput{
		Bucket: aws.String("walk"), Key: &key, UploadId: &id, MaxParts: aws.Int32(2),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.Parts {
			m.Parts = append(m.Parts, types.CompletedPart{
				PartNumber: p.PartNumber, ETag: p.ETag, ChecksumCRC32: p.ChecksumCRC32, ChecksumCRC64NVME: p.ChecksumCRC64NVME,
			})
		}
	}
	return m
}

// goCopy copies with metadata, with other metadata, and a range as a part.
func goCopy(t *testing.T, _ *instance, c *goSDK) {
	const text = "to be copied"
	_, err := c.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: aws.String("walk"), Key: aws.String("dir/a b+ü"), Body: strings.NewReader(text), Metadata: map[string]string{"old": "1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	source := aws.String("walk/" + url.PathEscape("dir/a b+ü"))
	for _, replace := range []bool{false, true} {
		in := &s3.CopyObjectInput{Bucket: aws.String("walk"), Key: aws.String("copy"), CopySource: source}
		want := map[string]string{"old": "1"}
		if replace {
			want = map[string]string{"new": "2"}
			in.MetadataDirective, in.Metadata = types.MetadataDirectiveReplace, want
		}
		if _, err := c.CopyObject(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		head, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("walk"), Key: aws.String("copy")})
		if err != nil || !maps.Equal(head.Metadata, want) {
			t.Errorf("metadata of the copy = %v, %v, want %v", head.Metadata, err, want)
		}
		if got := c.read(t, "walk", "copy"); got != text {
			t.Errorf("the copy holds %q", got)
		}
	}
	id := goUpload(t, c, "pieces", "")
	_, err = c.UploadPartCopy(t.Context(), &s3.UploadPartCopyInput{
		Bucket: aws.String("walk"), Key: aws.String("pieces"), UploadId: &id, PartNumber: aws.Int32(1),
		CopySource: source, CopySourceRange: aws.String("bytes=3-4"),
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{
		Bucket: aws.String("walk"), Key: aws.String("pieces"), UploadId: &id, MultipartUpload: goParts(t, c, "pieces", id),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.read(t, "walk", "pieces"); got != "be" {
		t.Errorf("a part copied from a range holds %q, want be", got)
	}
}

// goPresign uses presigned URLs without credentials: PUT, GET, and GET with another name for the browser.
func goPresign(t *testing.T, _ *instance, c *goSDK) {
	p := s3.NewPresignClient(c.Client)
	ask := func(r *v4.PresignedHTTPRequest, err error, body string) (int, http.Header, string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), r.Method, r.URL, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(req.Header, r.SignedHeader)
		resp, err := client(t).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, resp.Header, string(b)
	}
	key, text := aws.String("presigned ü"), "put by a URL"
	put, err := p.PresignPutObject(t.Context(), &s3.PutObjectInput{
		Bucket: aws.String("walk"), Key: key, ContentType: aws.String("text/x-walk"), ContentLength: aws.Int64(int64(len(text))),
	})
	if status, _, body := ask(put, err, text); status != http.StatusOK {
		t.Fatalf("presigned PUT = %d %s", status, body)
	}
	get, err := p.PresignGetObject(t.Context(), &s3.GetObjectInput{
		Bucket: aws.String("walk"), Key: key, ResponseContentDisposition: aws.String("attachment; filename=x"),
	}, s3.WithPresignExpires(time.Hour))
	status, header, body := ask(get, err, "")
	if body != text || header.Get("Content-Type") != "text/x-walk" || header.Get("Content-Disposition") != "attachment; filename=x" {
		t.Errorf("presigned GET = %d %q %v", status, body, header)
	}
	get.URL = strings.Replace(get.URL, "presigned", "other", 1)
	if status, _, body := ask(get, nil, ""); status != http.StatusForbidden {
		t.Errorf("a presigned URL moved to another key = %d %s, want 403", status, body)
	}
}

// goMultipart completes uploads with checksums of the parts and of the whole.
func goMultipart(t *testing.T, _ *instance, c *goSDK) {
	parts := []string{strings.Repeat("first ", 1<<20), strings.Repeat("second ", 1<<20), "last"}
	whole := strings.Join(parts, "")
	h := crc64nvme.New()
	_, _ = io.WriteString(h, whole)
	sum := h.Sum(nil)
	for _, tt := range []struct {
		key    string
		create s3.CreateMultipartUploadInput
		done   s3.CompleteMultipartUploadInput
	}{
		{key: "by default"},
		{key: "parts", create: s3.CreateMultipartUploadInput{ChecksumAlgorithm: types.ChecksumAlgorithmCrc32, ChecksumType: types.ChecksumTypeComposite}},
		{
			key:    "whole",
			create: s3.CreateMultipartUploadInput{ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme, ChecksumType: types.ChecksumTypeFullObject},
			done: s3.CompleteMultipartUploadInput{
				ChecksumType: types.ChecksumTypeFullObject, ChecksumCRC64NVME: aws.String(base64.StdEncoding.EncodeToString(sum)),
				MpuObjectSize: aws.Int64(int64(len(whole))),
			},
		},
	} {
		t.Run(tt.key, func(t *testing.T) {
			tt.create.Bucket, tt.create.Key = aws.String("walk"), &tt.key
			up, err := c.CreateMultipartUpload(t.Context(), &tt.create)
			if err != nil {
				t.Fatal(err)
			}
			for i, text := range parts {
				_, err := c.UploadPart(t.Context(), &s3.UploadPartInput{
					Bucket: aws.String("walk"), Key: &tt.key, UploadId: up.UploadId, PartNumber: aws.Int32(int32(2*i + 1)),
					Body: strings.NewReader(text), ChecksumAlgorithm: tt.create.ChecksumAlgorithm,
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			in := tt.done
			in.Bucket, in.Key, in.UploadId = aws.String("walk"), &tt.key, up.UploadId
			in.MultipartUpload = goParts(t, c, tt.key, *up.UploadId)
			for _, p := range in.MultipartUpload.Parts {
				if tt.create.ChecksumAlgorithm != "" && p.ChecksumCRC32 == nil && p.ChecksumCRC64NVME == nil {
					t.Errorf("part %d is listed without a checksum", *p.PartNumber)
				}
			}
			if _, err := c.CompleteMultipartUpload(t.Context(), &in); err != nil {
				t.Fatal(err)
			}
			if got := c.read(t, "walk", tt.key); got != whole {
				t.Errorf("%d bytes came back, want %d", len(got), len(whole))
			}
			about, err := c.GetObjectAttributes(t.Context(), &s3.GetObjectAttributesInput{
				Bucket: aws.String("walk"), Key: &tt.key,
				ObjectAttributes: []types.ObjectAttributes{types.ObjectAttributesObjectParts, types.ObjectAttributesObjectSize, types.ObjectAttributesChecksum},
			})
			if err != nil || *about.ObjectSize != int64(len(whole)) || about.ObjectParts == nil || *about.ObjectParts.TotalPartsCount != 3 {
				t.Errorf("GetObjectAttributes = %+v, %v, want %d bytes in 3 parts", about, err, len(whole))
			}
			if tt.done.ChecksumCRC64NVME != nil && (about.Checksum == nil || aws.ToString(about.Checksum.ChecksumCRC64NVME) != *tt.done.ChecksumCRC64NVME) {
				t.Errorf("checksum of the whole = %+v, want %s", about.Checksum, *tt.done.ChecksumCRC64NVME)
			}
		})
	}
}

// goDelete deletes one and many, under versions too.
func goDelete(t *testing.T, _ *instance, c *goSDK) {
	put := func(key, text string) {
		if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("walk"), Key: &key, Body: strings.NewReader(text)}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := c.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: aws.String("walk"), VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	if err != nil {
		t.Fatal(err)
	}
	put("a", "one")
	put("a", "two")
	put("b", "three")
	gone, err := c.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{
		Bucket: aws.String("walk"), Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: aws.String("a")}, {Key: aws.String("b")}}},
	})
	if err != nil || len(gone.Deleted) != 2 || len(gone.Errors) != 0 {
		t.Fatalf("DeleteObjects = %+v, %v", gone, err)
	}
	_, err = c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("walk"), Key: aws.String("a")})
	if _, ok := errors.AsType[*types.NoSuchKey](err); !ok {
		t.Errorf("GetObject under a marker = %v, want NoSuchKey", err)
	}
	list, err := c.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: aws.String("walk")})
	if err != nil || len(list.Versions) != 3 || len(list.DeleteMarkers) != 2 {
		t.Fatalf("ListObjectVersions = %+v, %v, want 3 versions and 2 markers", list, err)
	}
	var all []types.ObjectIdentifier
	for _, v := range list.Versions {
		all = append(all, types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
	}
	for _, m := range list.DeleteMarkers {
		all = append(all, types.ObjectIdentifier{Key: m.Key, VersionId: m.VersionId})
	}
	if _, err := c.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: aws.String("walk"), Delete: &types.Delete{Objects: all}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: aws.String("walk")}); err != nil {
		t.Errorf("DeleteBucket of what is empty: %v", err)
	}
}
