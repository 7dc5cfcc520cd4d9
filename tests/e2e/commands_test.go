package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAWSCommands walks through what people do with `aws s3`.
func TestAWSCommands(t *testing.T) {
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			s := start(t, startOptions{tls: scheme == "https"})
			c := newAWS(t, s, goodKeys())
			dir := t.TempDir()
			file, digest := sample(t, dir, 9<<20)
			if err := os.WriteFile(filepath.Join(dir, "small"), []byte("small"), 0o600); err != nil {
				t.Fatal(err)
			}

			c.do(t, "s3", "mb", "s3://walk")
			if out, err := c.try(t, "", c.args("s3", "mb", "s3://koodrive")...); err == nil || !strings.Contains(out, "the door of /koodrive is not built yet") {
				t.Errorf("mb of a door's name = %v %q, want the reason", err, out)
			}
			if out := c.do(t, "s3", "ls"); !strings.Contains(out, "walk") {
				t.Errorf("ls = %q, want the bucket", out)
			}
			c.do(t, "s3", "cp", file, "s3://walk/a")
			// Above the client's threshold of 8 MiB it copies in parts, and asks for the tags.
			c.do(t, "s3", "cp", "s3://walk/a", "s3://walk/parts")
			c.do(t, "s3", "cp", "s3://walk/parts", filepath.Join(dir, "parts"))
			if got := digestOf(t, filepath.Join(dir, "parts")); got != digest {
				t.Errorf("content copied in parts has SHA-256 %s, want %s", got, digest)
			}
			c.do(t, "s3", "cp", filepath.Join(dir, "small"), "s3://walk/small")
			c.do(t, "s3", "cp", "s3://walk/small", "s3://walk/b")
			c.do(t, "s3", "mv", "s3://walk/b", "s3://walk/dir/c")
			out := c.do(t, "s3", "ls", "--recursive", "s3://walk")
			if !strings.Contains(out, " a\n") || strings.Contains(out, " b\n") || !strings.Contains(out, " dir/c\n") {
				t.Errorf("after cp and mv: %q", out)
			}
			if out := c.do(t, "s3", "ls", "s3://walk/"); !strings.Contains(out, "PRE dir/") {
				t.Errorf("ls without --recursive = %q, want PRE dir/", out)
			}
			back := filepath.Join(dir, "back")
			c.do(t, "s3", "mv", "s3://walk/dir/c", back)
			if got, want := digestOf(t, back), digestOf(t, filepath.Join(dir, "small")); got != want {
				t.Errorf("moved content has SHA-256 %s, want %s", got, want)
			}
			awsStream(t, c, digest, file)
			awsPresign(t, c, digest)
			awsSync(t, c)
			awsAPI(t, c, file)

			c.do(t, "s3", "rm", "--recursive", "s3://walk")
			c.do(t, "s3", "rb", "s3://walk")
			if out := c.do(t, "s3", "ls"); strings.Contains(out, "walk") {
				t.Errorf("after rb: %q", out)
			}
		})
	}
}

// awsStream uploads from stdin and downloads to stdout.
func awsStream(t *testing.T, c *awsCLI, digest, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := c.try(t, string(b), c.args("s3", "cp", "-", "s3://walk/stream")...); err != nil {
		t.Fatalf("cp from stdin: %v %s", err, out)
	}
	back := filepath.Join(t.TempDir(), "back")
	c.do(t, "s3", "cp", "s3://walk/stream", back)
	if got := digestOf(t, back); got != digest {
		t.Errorf("streamed content has SHA-256 %s, want %s", got, digest)
	}
	if out := c.do(t, "s3", "cp", "s3://walk/stream", "-"); out != string(b) {
		t.Errorf("cp to stdout gave %d bytes, want the %d that were stored", len(out), len(b))
	}
}

// awsPresign fetches a presigned URL without credentials, then a changed one.
func awsPresign(t *testing.T, c *awsCLI, digest string) {
	t.Helper()
	url := strings.TrimSpace(c.do(t, "s3", "presign", "s3://walk/a"))
	resp, err := client(t).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	back := filepath.Join(t.TempDir(), "presigned")
	f, err := os.Create(back)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(f, resp.Body); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got := digestOf(t, back); resp.StatusCode != http.StatusOK || got != digest {
		t.Errorf("presigned GET = %d with SHA-256 %s, want 200 and %s", resp.StatusCode, got, digest)
	}
	other, err := client(t).Get(strings.Replace(url, "/walk/a", "/walk/stream", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Body.Close()
	if other.StatusCode != http.StatusForbidden {
		t.Errorf("a presigned URL moved to another key = %d, want 403", other.StatusCode)
	}
}

// awsSync syncs a tree up, sees no work left, and syncs deletions.
func awsSync(t *testing.T, c *awsCLI) {
	t.Helper()
	tree := tree(t)
	if out := c.do(t, "s3", "sync", tree, "s3://walk/tree"); strings.Count(out, "upload: ") != 12 {
		t.Errorf("first sync: %q, want 12 uploads", out)
	}
	if out := c.do(t, "s3", "sync", tree, "s3://walk/tree"); out != "" {
		t.Errorf("second sync: %q, want nothing to do", out)
	}
	if err := os.RemoveAll(filepath.Join(tree, "d0")); err != nil {
		t.Fatal(err)
	}
	if out := c.do(t, "s3", "sync", "--delete", tree, "s3://walk/tree"); strings.Count(out, "delete: ") != 4 {
		t.Errorf("sync --delete: %q, want 4 deletions", out)
	}
	back := t.TempDir()
	c.do(t, "s3", "sync", "s3://walk/tree", back)
	sameTree(t, tree, back)
}

// awsAPI uses single operations: head, ranges, a multipart upload by hand, and tags of objects and buckets.
func awsAPI(t *testing.T, c *awsCLI, file string) {
	t.Helper()
	var head struct {
		ContentLength int64
		ETag          string
	}
	api := func(v any, args ...string) { t.Helper(); c.api(t, v, args...) }
	api(&head, "head-object", "--bucket", "walk", "--key", "a")
	if head.ContentLength != 9<<20 || !strings.HasSuffix(head.ETag, `-2"`) {
		t.Errorf("head-object = %+v, want 9 MiB of two parts", head)
	}
	part := filepath.Join(t.TempDir(), "range")
	api(nil, "get-object", "--bucket", "walk", "--key", "a", "--range", "bytes=100-299", part)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(part); err != nil || string(got) != string(whole[100:300]) {
		t.Errorf("range 100-299: %d bytes, %v, want those of the file", len(got), err)
	}
	var up struct {
		UploadID string `json:"UploadId"`
	}
	api(&up, "create-multipart-upload", "--bucket", "walk", "--key", "by hand")
	var put struct{ ETag string }
	api(&put, "upload-part", "--bucket", "walk", "--key", "by hand", "--upload-id", up.UploadID, "--part-number", "7", "--body", file)
	list, err := json.Marshal(map[string]any{"Parts": []any{map[string]any{"ETag": put.ETag, "PartNumber": 7}}})
	if err != nil {
		t.Fatal(err)
	}
	api(nil, "complete-multipart-upload", "--bucket", "walk", "--key", "by hand", "--upload-id", up.UploadID, "--multipart-upload", string(list))
	api(&head, "head-object", "--bucket", "walk", "--key", "by hand")
	if head.ContentLength != 9<<20 || !strings.HasSuffix(head.ETag, `-1"`) {
		t.Errorf("after a completion by hand: %+v, want 9 MiB of one part", head)
	}
	before := head
	api(nil, "put-object-tagging", "--bucket", "walk", "--key", "a", "--tagging", "TagSet=[{Key=k,Value=v}]")
	var tags struct{ TagSet []struct{ Key, Value string } }
	api(&tags, "get-object-tagging", "--bucket", "walk", "--key", "a")
	if len(tags.TagSet) != 1 || tags.TagSet[0].Key != "k" || tags.TagSet[0].Value != "v" {
		t.Errorf("tags = %+v, want k=v", tags)
	}
	api(&head, "head-object", "--bucket", "walk", "--key", "a")
	if head.ContentLength != before.ContentLength {
		t.Errorf("put-object-tagging changed the object: %+v", head)
	}
	api(nil, "put-bucket-tagging", "--bucket", "walk", "--tagging", "TagSet=[{Key=a,Value=b c},{Key=d,Value=e}]")
	api(&tags, "get-bucket-tagging", "--bucket", "walk")
	if len(tags.TagSet) != 2 || tags.TagSet[0].Value != "b c" || tags.TagSet[1].Key != "d" {
		t.Errorf("tags of the bucket = %+v, want a=b c and d=e", tags)
	}
	api(nil, "delete-bucket-tagging", "--bucket", "walk")
}

// TestRcloneCommands walks through what people do with rclone.
func TestRcloneCommands(t *testing.T) {
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			s := start(t, startOptions{tls: scheme == "https"})
			c := newRclone(t, s, goodKeys())
			dir := t.TempDir()
			file, digest := sample(t, dir, 11<<20)
			c.do(t, "mkdir", ":s3:walk")
			c.do(t, "copy", dir, ":s3:walk/tree")
			c.do(t, "check", dir, ":s3:walk/tree")
			c.do(t, "copyto", file, ":s3:walk/a b")
			c.do(t, "copyto", ":s3:walk/a b", ":s3:walk/copy") // CopyObject, by metadata alone
			c.do(t, "moveto", ":s3:walk/copy", ":s3:walk/moved")
			var items []struct {
				Path    string
				Size    int64
				ModTime string
			}
			if err := json.Unmarshal([]byte(c.do(t, "lsjson", ":s3:walk")), &items); err != nil {
				t.Fatal(err)
			}
			sizes := make(map[string]int64)
			for _, i := range items {
				sizes[i.Path] = i.Size
			}
			if len(items) != 3 || sizes["a b"] != 11<<20 || sizes["moved"] != 11<<20 {
				t.Errorf("lsjson = %+v, want tree, a b, moved", items)
			}
			back := filepath.Join(t.TempDir(), "back")
			c.do(t, "copyto", ":s3:walk/moved", back)
			if got := digestOf(t, back); got != digest {
				t.Errorf("moved content has SHA-256 %s, want %s", got, digest)
			}
			rcloneModTime(t, c, file, back)
			small := filepath.Join(dir, "small")
			if err := os.WriteFile(small, []byte("meow\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			c.do(t, "sync", dir, ":s3:walk/tree")
			if out := c.do(t, "cat", ":s3:walk/tree/small"); out != "meow\n" {
				t.Errorf("cat = %q", out)
			}
			rcloneStreams(t, c, dir, file, digest)
			c.do(t, "purge", ":s3:walk")
			if out := c.do(t, "lsf", ":s3:"); strings.Contains(out, "walk") {
				t.Errorf("after purge: %q", out)
			}
		})
	}
}

// rcloneStreams copies an object of parts in the server, uploads stdin, whose size nobody knows, and reads a part.
func rcloneStreams(t *testing.T, c *rcloneCLI, dir, file, digest string) {
	t.Helper()
	// A cutoff below the size makes it an upload of parts.
	c.do(t, "copyto", "--s3-upload-cutoff", "5Mi", "--s3-chunk-size", "5Mi", file, ":s3:walk/parts")
	c.do(t, "copyto", ":s3:walk/parts", ":s3:walk/parts too")
	back := filepath.Join(t.TempDir(), "back")
	c.do(t, "copyto", ":s3:walk/parts too", back)
	if got := digestOf(t, back); got != digest {
		t.Errorf("the copy of an object of parts has SHA-256 %s, want %s", got, digest)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"stdin": string(b), "short": "short", "nothing": ""} {
		if out, err := c.try(t, text, append([]string{"rcat", ":s3:walk/" + name}, c.flags...)...); err != nil {
			t.Fatalf("rcat: %v %s", err, out)
		}
		if out := c.do(t, "cat", ":s3:walk/"+name); out != text {
			t.Errorf("rcat of %d bytes: %d came back", len(text), len(out))
		}
	}
	if out := c.do(t, "cat", "--offset", "5242870", "--count", "20", ":s3:walk/stdin"); out != string(b[5242870:5242890]) {
		t.Errorf("cat --offset --count = %q, want the bytes of the file", out)
	}
	c.do(t, "sync", dir, ":s3:walk/tree") // nothing to do
	if err := os.Remove(filepath.Join(dir, "small")); err != nil {
		t.Fatal(err)
	}
	c.do(t, "move", ":s3:walk/tree", ":s3:walk/moved tree")
	c.do(t, "sync", dir, ":s3:walk/moved tree") // deletes small
	c.do(t, "check", dir, ":s3:walk/moved tree")
	var size struct{ Count, Bytes int64 }
	if err := json.Unmarshal([]byte(c.do(t, "size", "--json", ":s3:walk/moved tree")), &size); err != nil {
		t.Fatal(err)
	}
	if size.Count != 1 || size.Bytes != int64(len(b)) {
		t.Errorf("size = %+v, want the one file", size)
	}
}

// rcloneModTime compares the times that rclone keeps in metadata.
func rcloneModTime(t *testing.T, c *rcloneCLI, file, back string) {
	t.Helper()
	want, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.Stat(back)
	if err != nil {
		t.Fatal(err)
	}
	if !got.ModTime().Equal(want.ModTime()) {
		t.Errorf("time after a copy and a move = %v, want %v", got.ModTime(), want.ModTime())
	}
	c.do(t, "check", "--download", filepath.Dir(file), ":s3:walk/tree")
}

// TestWrongCredentials shows that no client gets in with a wrong secret, an unknown key or none.
func TestWrongCredentials(t *testing.T) {
	matrix(t, func(t *testing.T, s *instance, name string) {
		newClient(t, name, s, goodKeys()).makeBucket(t, "locked")
		// An unknown key is answered like a wrong secret: nobody learns which keys exist.
		for what, k := range map[string]keys{
			"wrong secret": {accessKey, secretKey + "x"}, "unknown key": {"NOSUCHKEY0000001", secretKey},
		} {
			out, err := newClient(t, name, s, k).list(t, "locked")
			if err == nil || !strings.Contains(out, "SignatureDoesNotMatch") {
				t.Errorf("%s: %v %q, want SignatureDoesNotMatch", what, err, out)
			}
		}
		if status, body := s.get("/locked"); status != http.StatusForbidden || !strings.Contains(body, "AccessDenied") {
			t.Errorf("no credentials: %d %s, want 403 AccessDenied", status, body)
		}
	})
}
