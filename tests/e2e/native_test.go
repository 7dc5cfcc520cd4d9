package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// curl sends the requests of the native API's specification as they stand there.
type curl struct {
	tool
	url  string
	auth []string
}

func newCurl(t *testing.T, s *instance, auth ...string) curl {
	t.Helper()
	need(t, "/usr/bin/curl", "--version")
	return curl{tool{"/usr/bin/curl", []string{"PATH=/usr/bin:/bin", "HOME=" + t.TempDir()}}, s.url, auth}
}

// do makes a call and returns the data of its answer.
func (c curl) do(t *testing.T, call string, args ...string) (data struct {
	Bucket  struct{ BucketID int64 }
	Package struct{ PackageID int64 }
	Object  nativeObject
	Objects []nativeObject

	Uploadeds []nativeObject
	Versions  []struct{ VersionID string }
	URL       string
	Token     string
},
) {
	t.Helper()
	out := c.run(t, append(append([]string{"-sS"}, c.auth...), append([]string{c.url + "/v1/" + call}, args...)...)...)
	var doc struct {
		Code, Message string
		Data          json.RawMessage
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil || doc.Code != "OK" {
		t.Fatalf("curl %s %q = %s, %v", call, args, out, err)
	}
	if len(doc.Data) > 0 {
		if err := json.Unmarshal(doc.Data, &data); err != nil {
			t.Fatalf("curl %s: %v in %s", call, err, out)
		}
	}
	return data
}

// nativeObject is the record of an object.
type nativeObject struct {
	ObjectID       int64
	Path, Size     string
	FileHash       string
	Redundancy     struct{ Type string }
	CreateTime     string
	UpdateTime     string
	CommonPrefixes []string
}

// TestNativeExamples sends the examples of the specification's section 6 by curl.
func TestNativeExamples(t *testing.T) {
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			s := start(t, startOptions{tls: scheme == "https"})
			auths := map[string][]string{
				"password":  {"-u", rootUser + ":" + rootPassword},
				"signature": {"--aws-sigv4", "aws:amz:any:jcs", "-u", accessKey + ":" + secretKey},
				"s3":        {"--aws-sigv4", "aws:amz:us-east-1:s3", "-u", accessKey + ":" + secretKey},
			}
			for name, auth := range auths {
				c := newCurl(t, s, append([]string{"--cacert", certFile}, auth...)...)
				nativeExamples(t, c, "bkt-"+name)
			}
		})
	}
}

// nativeExamples walks through the examples in a bucket of its own.
func nativeExamples(t *testing.T, c curl, bucket string) {
	dir := t.TempDir()
	file := func(name, data string) string {
		full := filepath.Join(dir, name)
		if err := os.WriteFile(full, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		return full
	}
	const asJSON = "Content-Type: application/json"
	b := c.do(t, "bucket/create", "-H", asJSON, "-d", fmt.Sprintf(`{"userID":1,"name":%q}`, bucket)).Bucket.BucketID
	if got := c.do(t, "bucket/getByName?name="+bucket).Bucket.BucketID; got != b {
		t.Errorf("bucket %d, want %d", got, b)
	}
	p := c.do(t, "package/create", "-H", asJSON, "-d", fmt.Sprintf(`{"bucketID":%d,"name":"t1"}`, b)).Package.PackageID
	up := c.do(t, "object/upload", "-F", fmt.Sprintf(`info={"packageID":%d};type=application/json`, p),
		"-F", "files=@"+file("test.txt", "testdata")+";filename=test.txt",
		"-F", "files=@"+file("test2.txt", "testdata2")+";filename=a%2Fb%2Ftest2.txt").Uploadeds
	if len(up) != 2 || up[0].Path != "test.txt" || up[1].Path != "a/b/test2.txt" || up[1].Size != "9" {
		t.Fatalf("uploaded %+v", up)
	}
	part := filepath.Join(dir, "part.bin")
	query := fmt.Sprintf("objectID=%d&offset=0&length=100", up[0].ObjectID)
	if strings.Contains(strings.Join(c.auth, " "), "sigv4") { // this curl signs the parameters in the order they stand in
		query = fmt.Sprintf("length=100&objectID=%d&offset=0", up[0].ObjectID)
	}
	c.run(t, append(append([]string{"-sS"}, c.auth...), c.url+"/v1/object/download?"+query, "-o", part)...)
	if got, err := os.ReadFile(part); err != nil || string(got) != "testdata" {
		t.Errorf("downloaded %q, %v", got, err)
	}
	multi := c.do(t, "object/newMultipartUpload", "-H", asJSON, "-d", fmt.Sprintf(`{"packageID":%d,"path":"multi"}`, p)).Object
	for i, data := range []string{"0123456789", "abcdefghij", "KLMNOPQRST"} {
		c.do(t, "object/uploadPart", "-F", fmt.Sprintf(`info={"objectID":%d,"index":%d}`, multi.ObjectID, i+1), "-F", "file=@"+file("part1", data))
	}
	whole := c.do(t, "object/completeMultipartUpload", "-d", fmt.Sprintf(`{"objectID":%d,"indexes":[2,3,1]}`, multi.ObjectID), "-H", asJSON).Object
	if whole.FileHash != "Full29F76ED12944F16134D7E5C37E6AD7B76F55EE7F4803FFE0EDC85B3E9A4E503A" || whole.Size != "30" || whole.Redundancy.Type != "none" {
		t.Errorf("completed %+v", whole)
	}
	c.do(t, fmt.Sprintf("object/putByPath?packageID=%d&path=%s", p, "x%20y.txt"), "-T", file("put", "by path"))
	signed := c.do(t, "object/presign", "-H", asJSON, "-d", fmt.Sprintf(`{"operation":"download","packageID":%d,"path":"x y.txt"}`, p)).URL
	if out := c.run(t, "-sS", "--cacert", certFile, signed); out != "by path" {
		t.Errorf("%s = %q", signed, out)
	}
	if all := c.do(t, fmt.Sprintf("object/getPackageObjects?packageID=%d", p)).Objects; len(all) != 4 {
		t.Errorf("objects of the package: %+v", all)
	}
}

// TestNativeLogin logs in by a password, or takes a token from the command line, and goes on with the token.
func TestNativeLogin(t *testing.T) {
	s := start(t, startOptions{})
	token := newCurl(t, s).do(t, "user/login", "-H", "Content-Type: application/json", "-d", fmt.Sprintf(`{"value":%q,"password":%q}`, rootUser, rootPassword)).Token
	newCurl(t, s, "-H", "Authorization: Bearer "+token).do(t, "bucket/listAll")
	token, until, _ := strings.Cut(newAdmin(s.dir).do(t, "user", "token", "--user", rootUser), "\n")
	newCurl(t, s, "-H", "Authorization: Bearer "+token).do(t, "bucket/listAll")
	if !strings.HasPrefix(until, "# good for "+rootUser+" until 20") {
		t.Errorf("user token: %q", until)
	}
}

// TestObjectCommands stores and fetches objects beside a server and without one.
func TestObjectCommands(t *testing.T) {
	s := start(t, startOptions{})
	a := newAdmin(s.dir)
	dir := t.TempDir()
	file, digest := sample(t, dir, 9<<20)
	a.do(t, "bucket", "create", "bkt")
	for i, where := range []string{"beside a server", "without a server"} {
		if i == 1 {
			if code := s.stop(syscall.SIGTERM); code != 0 {
				t.Fatalf("exit code %d", code)
			}
		}
		key := fmt.Sprintf("bkt/pkg%d/a/b", i)
		a.do(t, "object", "put", file, key)
		back := filepath.Join(dir, fmt.Sprint("back", i))
		a.do(t, "object", "get", key, back)
		if got := digestOf(t, back); got != digest {
			t.Errorf("%s: SHA-256 %s, want %s", where, got, digest)
		}
		if out, err := a.try(t, "from stdin", "object", "put", "-", key, "--data", a.dir); err != nil {
			t.Errorf("%s: put -: %v %s", where, err, out)
		}
		if out := a.do(t, "object", "get", key, "-"); out != "from stdin" {
			t.Errorf("%s: get - = %q", where, out)
		}
		if out := a.do(t, "object", "ls", "bkt"); !strings.Contains(out, fmt.Sprintf("pkg%d/", i)) {
			t.Errorf("%s: ls = %q", where, out)
		}
		if out := a.do(t, "object", "ls", fmt.Sprintf("bkt/pkg%d", i)); !strings.Contains(out, "a/") || strings.Contains(out, "a/b") {
			t.Errorf("%s: ls of a package = %q", where, out)
		}
		var found struct{ Objects []nativeObject }
		if err := json.Unmarshal([]byte(a.do(t, "object", "ls", fmt.Sprintf("bkt/pkg%d/", i), "--recursive", "--json")), &found); err != nil || len(found.Objects) != 1 || found.Objects[0].Path != "a/b" || found.Objects[0].Size != "10" {
			t.Errorf("%s: ls --json = %+v, %v", where, found, err)
		}
		if out := a.do(t, "object", "versions", key); !strings.Contains(out, "null") {
			t.Errorf("%s: versions = %q", where, out)
		}
		a.do(t, "object", "restore", key, "null")
		a.do(t, "object", "rm", key)
		a.refuse(t, "there is no", "object", "get", key)
		a.refuse(t, "there is no such bucket", "object", "put", file, "nothing/pkg/x")
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}
