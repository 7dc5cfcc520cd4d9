package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// api runs an operation of s3api and decodes its answer into v; nil: there is none to look at. An answer that holds
// nothing is printed as nothing and leaves v as it is.
func (c *awsCLI) api(t *testing.T, v any, args ...string) {
	t.Helper()
	out := c.do(t, append([]string{"s3api", "--output", "json"}, args...)...)
	if v == nil || out == "" {
		return
	}
	if err := json.Unmarshal([]byte(out), v); err != nil {
		t.Fatalf("%q: %v in %q", args, err, out)
	}
}

// refused runs an operation of s3api that must fail with that code.
func (c *awsCLI) refused(t *testing.T, code string, args ...string) {
	t.Helper()
	if out, err := c.try(t, "", c.args(append([]string{"s3api"}, args...)...)...); err == nil || !strings.Contains(out, "("+code+")") {
		t.Errorf("%q = %v %q, want %s", args, err, out, code)
	}
}

// write makes a file of that text and returns its name.
func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestAWSMoves moves files, keys and whole trees, within a bucket and between two.
func TestAWSMoves(t *testing.T) {
	schemes(t, func(t *testing.T, s *instance) {
		c := newAWS(t, s, goodKeys())
		c.do(t, "s3", "mb", "s3://moves-from")
		c.do(t, "s3", "mb", "s3://moves-to")
		// Above the client's threshold of 8 MiB it copies in parts and deletes the source.
		file, digest := sample(t, t.TempDir(), 17<<20)
		c.do(t, "s3", "mv", "--no-progress", file, "s3://moves-from/big")
		if _, err := os.Stat(file); !os.IsNotExist(err) {
			t.Errorf("mv left the file: %v", err)
		}
		c.do(t, "s3", "mv", "s3://moves-from/big", "s3://moves-to/dir/big")
		c.do(t, "s3", "mv", "--no-progress", "s3://moves-to/dir/big", file)
		if got := digestOf(t, file); got != digest {
			t.Errorf("what was moved has SHA-256 %s, want %s", got, digest)
		}
		up, down := tree(t), t.TempDir()
		c.do(t, "s3", "cp", "--recursive", "--no-progress", up, "s3://moves-from/tree")
		c.do(t, "s3", "mv", "--recursive", "s3://moves-from/tree", "s3://moves-from/moved")
		c.do(t, "s3", "mv", "--recursive", "s3://moves-from/moved", "s3://moves-to/moved")
		for _, bucket := range []string{"moves-from", "moves-to"} {
			want := map[string]int{"moves-from": 0, "moves-to": 12}[bucket]
			// ls fails where it finds nothing.
			if out, _ := c.try(t, "", c.args("s3", "ls", "--recursive", "s3://"+bucket)...); strings.Count(out, "\n") != want {
				t.Errorf("after the moves %s holds %q, want %d objects", bucket, out, want)
			}
		}
		c.do(t, "s3", "rm", "--recursive", "--exclude", "*", "--include", "moved/d0/*", "s3://moves-to")
		c.do(t, "s3", "mv", "--recursive", "--no-progress", "s3://moves-to/moved", down)
		if err := os.RemoveAll(filepath.Join(up, "d0")); err != nil {
			t.Fatal(err)
		}
		sameTree(t, up, down)
		c.do(t, "s3", "rb", "s3://moves-to")
		c.do(t, "s3", "cp", write(t, "x"), "s3://moves-from/x")
		c.do(t, "s3", "rb", "--force", "s3://moves-from")
	})
}

// TestAWSObjects uses the operations on single objects.
func TestAWSObjects(t *testing.T) {
	schemes(t, func(t *testing.T, s *instance) {
		c := newAWS(t, s, goodKeys())
		c.api(t, nil, "create-bucket", "--bucket", "walk")
		text := write(t, "hello")
		at := func(op, key string, more ...string) []string {
			return append([]string{op, "--bucket", "walk", "--key", key}, more...)
		}
		var put, head struct {
			ContentLength                int64
			ContentType, ETag            string
			ChecksumSHA256, CacheControl string
			Metadata                     map[string]string
		}
		c.api(t, &put, at("put-object", "a", "--body", text, "--content-type", "text/x-walk", "--metadata", "colour=blau",
			"--cache-control", "no-cache", "--checksum-algorithm", "SHA256", "--tagging", "k=1")...)
		c.api(t, &head, at("head-object", "a", "--checksum-mode", "ENABLED")...)
		if head.ContentLength != 5 || head.ContentType != "text/x-walk" || head.Metadata["colour"] != "blau" || head.CacheControl != "no-cache" ||
			head.ETag != put.ETag || head.ChecksumSHA256 == "" || head.ChecksumSHA256 != put.ChecksumSHA256 {
			t.Errorf("head-object = %+v after put-object = %+v", head, put)
		}
		back := filepath.Join(t.TempDir(), "back")
		c.api(t, nil, at("get-object", "a", "--checksum-mode", "ENABLED", back)...)
		if digestOf(t, back) != digestOf(t, text) {
			t.Error("get-object came back changed")
		}
		c.api(t, nil, at("copy-object", "b", "--copy-source", "walk/a", "--metadata-directive", "REPLACE", "--metadata", "colour=rot")...)
		head.Metadata = nil
		c.api(t, &head, at("head-object", "b")...)
		if head.Metadata["colour"] != "rot" || head.ETag != put.ETag {
			t.Errorf("the copy is %+v, want another colour and the same content", head)
		}
		var tags struct{ TagSet []struct{ Key, Value string } }
		c.api(t, &tags, at("get-object-tagging", "b")...)
		if len(tags.TagSet) != 1 || tags.TagSet[0].Key != "k" {
			t.Errorf("tags of the copy = %+v, want those of its source", tags)
		}
		c.refused(t, "412", at("head-object", "a", "--if-match", `"other"`)...)
		c.refused(t, "PreconditionFailed", at("get-object", "a", "--if-match", `"other"`, back)...)
		c.refused(t, "304", at("get-object", "a", "--if-none-match", put.ETag, back)...)
		c.refused(t, "PreconditionFailed", at("copy-object", "c", "--copy-source", "walk/a", "--copy-source-if-none-match", put.ETag)...)
		c.api(t, nil, at("delete-object", "a")...)
		c.refused(t, "404", at("head-object", "a")...)
		c.refused(t, "NoSuchKey", at("get-object", "a", back)...)
		c.refused(t, "NoSuchBucket", "list-objects-v2", "--bucket", "no-such-bucket")
	})
}

// TestAWSPages lists by few, deletes many, and keeps versions.
func TestAWSPages(t *testing.T) {
	schemes(t, func(t *testing.T, s *instance) {
		c := newAWS(t, s, goodKeys())
		c.do(t, "s3", "mb", "s3://walk")
		c.api(t, nil, "put-bucket-versioning", "--bucket", "walk", "--versioning-configuration", "Status=Enabled")
		var want []string
		for i := range 12 {
			want = append(want, fmt.Sprintf("d%d/f %d+%%", i%3, i))
		}
		slices.Sort(want)
		up := tree(t)
		c.do(t, "s3", "sync", "--no-progress", up, "s3://walk")
		var list struct {
			Contents       []struct{ Key string }
			CommonPrefixes []struct{ Prefix string }
			NextToken      string
		}
		c.api(t, &list, "list-objects-v2", "--bucket", "walk", "--page-size", "5")
		if len(list.Contents) != 12 {
			t.Errorf("listed %+v by five, want 12", list)
		}
		var got []string
		for n, token := 0, ""; n < 4; n++ {
			list.Contents, list.NextToken = nil, ""
			more := []string{"list-objects-v2", "--bucket", "walk", "--max-items", "5"}
			if token != "" {
				more = append(more, "--starting-token", token)
			}
			c.api(t, &list, more...)
			for _, o := range list.Contents {
				got = append(got, o.Key)
			}
			if token = list.NextToken; token == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("listed %q, want %q", got, want)
		}
		c.api(t, &list, "list-objects-v2", "--bucket", "walk", "--delimiter", "/", "--page-size", "1")
		if len(list.CommonPrefixes) != 3 || list.CommonPrefixes[2].Prefix != "d2/" {
			t.Errorf("common prefixes = %+v, want d0/ to d2/", list.CommonPrefixes)
		}
		awsVersions(t, c, want)
	})
}

// awsVersions deletes the keys under markers, looks at the versions, and deletes these too.
func awsVersions(t *testing.T, c *awsCLI, all []string) {
	t.Helper()
	type object struct {
		Key       string
		VersionID string `json:"VersionId"`
	}
	remove := func(objects []object) {
		t.Helper()
		text, err := json.Marshal(map[string]any{"Objects": objects})
		if err != nil {
			t.Fatal(err)
		}
		var gone struct{ Deleted, Errors []any }
		c.api(t, &gone, "delete-objects", "--bucket", "walk", "--delete", "file://"+write(t, string(text)))
		if len(gone.Deleted) != len(objects) || len(gone.Errors) != 0 {
			t.Errorf("delete-objects of %d = %+v", len(objects), gone)
		}
	}
	var list struct{ Versions, DeleteMarkers []object }
	versions := func(live, markers int) {
		t.Helper()
		list.Versions, list.DeleteMarkers = nil, nil
		c.api(t, &list, "list-object-versions", "--bucket", "walk", "--page-size", "7")
		if len(list.Versions) != live || len(list.DeleteMarkers) != markers {
			t.Fatalf("list-object-versions = %+v, want %d and %d markers", list, live, markers)
		}
	}
	c.do(t, "s3", "cp", write(t, "another"), "s3://walk/"+all[0])
	c.do(t, "s3", "rm", "--recursive", "s3://walk")
	versions(13, 12)
	back := filepath.Join(t.TempDir(), "back")
	c.api(t, nil, "get-object", "--bucket", "walk", "--key", all[0], "--version-id", list.Versions[0].VersionID, back)
	if text, err := os.ReadFile(back); err != nil || string(text) != "another" {
		t.Errorf("the newest version of %q holds %q, %v", all[0], text, err)
	}
	remove(list.DeleteMarkers)
	versions(13, 0)
	remove(list.Versions)
	versions(0, 0)
	c.api(t, nil, "delete-bucket", "--bucket", "walk")
}

// TestAWSMultipart makes uploads by hand: parts, a copied part, lists, attributes, and one given up.
func TestAWSMultipart(t *testing.T) {
	schemes(t, func(t *testing.T, s *instance) {
		c := newAWS(t, s, goodKeys())
		c.do(t, "s3", "mb", "s3://walk")
		file, digest := sample(t, t.TempDir(), 6<<20)
		on := func(op, id string, more ...string) []string {
			return append([]string{op, "--bucket", "walk", "--key", "parts", "--upload-id", id}, more...)
		}
		var up struct {
			UploadID string `json:"UploadId"`
		}
		c.api(t, &up, "create-multipart-upload", "--bucket", "walk", "--key", "parts", "--checksum-algorithm", "CRC32")
		c.api(t, nil, on("upload-part", up.UploadID, "--part-number", "2", "--body", file, "--checksum-algorithm", "CRC32")...)
		c.api(t, nil, on("upload-part", up.UploadID, "--part-number", "9", "--body", write(t, "tail"), "--checksum-algorithm", "CRC32")...)
		var parts struct {
			Parts []map[string]any
		}
		c.api(t, &parts, on("list-parts", up.UploadID, "--page-size", "1")...)
		var uploads struct{ Uploads []struct{ Key string } }
		c.api(t, &uploads, "list-multipart-uploads", "--bucket", "walk")
		if len(parts.Parts) != 2 || len(uploads.Uploads) != 1 || uploads.Uploads[0].Key != "parts" {
			t.Fatalf("%+v listed of uploads %+v, want 2 parts of one", parts, uploads)
		}
		for _, p := range parts.Parts {
			delete(p, "LastModified")
			delete(p, "Size")
		}
		text, err := json.Marshal(parts)
		if err != nil {
			t.Fatal(err)
		}
		c.api(t, nil, on("complete-multipart-upload", up.UploadID, "--multipart-upload", "file://"+write(t, string(text)))...)
		var about struct {
			ObjectSize  int64
			ObjectParts struct{ TotalPartsCount int }
			Checksum    struct{ ChecksumCRC32 string }
		}
		c.api(t, &about, "get-object-attributes", "--bucket", "walk", "--key", "parts", "--object-attributes", "ObjectSize", "ObjectParts", "Checksum")
		if about.ObjectSize != 6<<20+4 || about.ObjectParts.TotalPartsCount != 2 || about.Checksum.ChecksumCRC32 == "" {
			t.Errorf("get-object-attributes = %+v, want 6 MiB and 4 bytes in 2 parts with a checksum", about)
		}
		c.api(t, &up, "create-multipart-upload", "--bucket", "walk", "--key", "parts")
		c.api(t, nil, on("upload-part-copy", up.UploadID, "--part-number", "1", "--copy-source", "walk/parts", "--copy-source-range", fmt.Sprintf("bytes=0-%d", 6<<20-1))...)
		c.api(t, &parts, on("list-parts", up.UploadID)...)
		list := fmt.Sprintf(`{"Parts":[{"PartNumber":1,"ETag":%q}]}`, parts.Parts[0]["ETag"])
		c.api(t, nil, on("complete-multipart-upload", up.UploadID, "--multipart-upload", list)...)
		back := filepath.Join(t.TempDir(), "back")
		c.do(t, "s3", "cp", "--no-progress", "s3://walk/parts", back)
		if got := digestOf(t, back); got != digest {
			t.Errorf("the copied part has SHA-256 %s, want %s", got, digest)
		}
		c.api(t, &up, "create-multipart-upload", "--bucket", "walk", "--key", "parts")
		c.api(t, nil, on("abort-multipart-upload", up.UploadID)...)
		c.refused(t, "NoSuchUpload", on("list-parts", up.UploadID)...)
	})
}
