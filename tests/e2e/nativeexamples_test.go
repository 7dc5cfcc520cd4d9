package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whose the examples are. The specification's password is too short to be one here.
const (
	exampleUser, examplePassword = "alice", "secret-of-alice"
	exampleKey, exampleSecret    = "AKEXAMPLE", "SKEXAMPLE"
)

// exampleLab sends commands to a server of its own, in a shell, where T is its address.
type exampleLab struct {
	t     *testing.T
	shell tool
	dir   string
	files int // fillers so far
}

func newExampleLab(t *testing.T) *exampleLab {
	t.Helper()
	need(t, "/usr/bin/curl", "--version")
	s := start(t, startOptions{env: []string{
		"TRIVIUM_ROOT_USER=" + exampleUser, "TRIVIUM_ROOT_PASSWORD=" + examplePassword,
		"TRIVIUM_ROOT_ACCESS_KEY=" + exampleKey, "TRIVIUM_ROOT_SECRET_KEY=" + exampleSecret,
	}})
	l := &exampleLab{t: t, dir: t.TempDir()}
	address := strings.Replace(s.url, "127.0.0.1", "localhost", 1)
	l.shell = tool{"/bin/sh", []string{"PATH=/usr/bin:/bin", "HOME=" + l.dir, "T=" + address}}
	for name, data := range map[string]string{"test.txt": "testdata", "test2.txt": "testdata2", "part1": "0123456789"} {
		l.file(name, data)
	}
	return l
}

// file makes a file for commands.
func (l *exampleLab) file(name, data string) {
	l.t.Helper()
	if err := os.WriteFile(filepath.Join(l.dir, name), []byte(data), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

// sh runs a command as it stands, but for the password, and returns what it prints. Every part of want must be in that.
func (l *exampleLab) sh(command string, want ...string) string {
	l.t.Helper()
	command = strings.ReplaceAll(command, "alice:secret", exampleUser+":"+examplePassword)
	out := l.shell.run(l.t, "-c", "cd "+l.dir+" && "+strings.Replace(command, "curl ", "curl -sS ", 1))
	for _, w := range want {
		if !strings.Contains(out, w) {
			l.t.Fatalf("%s\n= %s, want %s in it", command, out, w)
		}
	}
	return out
}

// post sends a document of the reference, call gets one.
func (l *exampleLab) post(call, body string, want ...string) string {
	l.t.Helper()
	return l.sh("curl -u alice:secret $T/v1/"+call+" -H 'Content-Type: application/json' -d '"+body+"'", want...)
}

func (l *exampleLab) get(call string, want ...string) string {
	l.t.Helper()
	return l.sh(`curl -u alice:secret "$T/v1/`+call+`"`, want...)
}

// id reads an id of an answer.
func (l *exampleLab) id(answer, noun string) int64 {
	l.t.Helper()
	var doc struct {
		Data map[string]map[string]any
	}
	if err := json.Unmarshal([]byte(answer), &doc); err != nil {
		l.t.Fatalf("%v in %s", err, answer)
	}
	id, _ := doc.Data[noun][noun+"ID"].(float64)
	return int64(id)
}

// packages makes packages until the one of that id is there.
func (l *exampleLab) packages(want int64) {
	l.t.Helper()
	for i := 0; ; i++ {
		id := l.id(l.post("package/create", fmt.Sprintf(`{"bucketID":1,"name":"p%d-%d"}`, want, i)), "package")
		if id == want {
			return
		}
		if id > want {
			l.t.Fatalf("package %d came without a package %d", id, want)
		}
	}
}

// before makes objects in a package until the next one that is made has that id.
func (l *exampleLab) before(want, pkg int64) {
	l.t.Helper()
	filler := func() int64 {
		l.files++
		return l.id(l.sh(fmt.Sprintf(`curl -u alice:secret -T part1 "$T/v1/object/putByPath?packageID=%d&path=filler%d"`, pkg, l.files)), "object")
	}
	last := filler()
	if many := want - 2 - last; many > 10 {
		var b strings.Builder
		fmt.Fprintf(&b, "--fillers\r\nContent-Disposition: form-data; name=\"info\"\r\n\r\n{\"packageID\":%d}\r\n", pkg)
		for range many {
			l.files++
			fmt.Fprintf(&b, "--fillers\r\nContent-Disposition: form-data; name=\"files\"; filename=\"filler%d\"\r\n\r\n\r\n", l.files)
		}
		l.file("fillers", b.String()+"--fillers--\r\n")
		l.sh("curl -u alice:secret $T/v1/object/upload -H 'Content-Type: multipart/form-data; boundary=fillers' --data-binary @fillers", `"code":"OK"`)
	}
	for last < want-1 {
		last = filler()
	}
	if last != want-1 {
		l.t.Fatalf("object %d came without an object %d", last, want-1)
	}
}

// TestSpecificationExamples sends the examples of the specification's section 6 as they stand there, with their ids, in a
// store that is brought to the point where these come.
func TestSpecificationExamples(t *testing.T) {
	l := newExampleLab(t)
	l.sh(`curl -u alice:secret $T/v1/bucket/create -H 'Content-Type: application/json' -d '{"userID":1,"name":"bkt1"}'`,
		`{"code":"OK","message":"","data":{"bucket":{"bucketID":1,"name":"bkt1"}}}`)
	l.sh(`curl --aws-sigv4 aws:amz:any:jcs -u AKEXAMPLE:SKEXAMPLE "$T/v1/bucket/getByName?name=bkt1"`,
		`{"code":"OK","message":"","data":{"bucket":{"bucketID":1,"name":"bkt1"}}}`)
	l.packages(3)
	l.packages(32)
	l.before(7, 32)
	l.sh(`curl -u alice:secret $T/v1/object/upload \
  -F 'info={"packageID":32};type=application/json' \
  -F 'files=@test.txt;filename=test.txt' -F 'files=@test2.txt;filename=a%2Fb%2Ftest2.txt'`,
		`{"objectID":7,"packageID":32,"path":"test.txt","size":"8","fileHash":"Full`, `{"objectID":8,"packageID":32,"path":"a/b/test2.txt","size":"9"`)
	l.sh(`curl -u alice:secret "$T/v1/object/download?objectID=7&offset=0&length=100" -o part.bin`)
	if got, err := os.ReadFile(filepath.Join(l.dir, "part.bin")); err != nil || string(got) != "testdata" {
		t.Errorf("part.bin = %q, %v", got, err)
	}
	l.before(1039, 3)
	l.post("object/newMultipartUpload", `{"packageID":3,"path":"multi"}`, `"objectID":1039,"packageID":3,"path":"multi","size":"0","fileHash":"Full`+strings.Repeat("0", 64))
	if out := l.sh(`curl -u alice:secret $T/v1/object/uploadPart -F 'info={"objectID":1039,"index":1}' -F 'file=@part1'`); strings.TrimSpace(out) != `{"code":"OK","message":""}` {
		t.Errorf("uploadPart = %s", out)
	}
	for i, data := range []string{"abcdefghij", "KLMNOPQRST"} {
		l.file("part", data)
		l.sh(fmt.Sprintf(`curl -u alice:secret $T/v1/object/uploadPart -F 'info={"objectID":1039,"index":%d}' -F 'file=@part'`, i+2), `"OK"`)
	}
	out := l.sh(`curl -u alice:secret $T/v1/object/completeMultipartUpload -d '{"objectID":1039,"indexes":[2,3,1]}' -H 'Content-Type: application/json'`,
		`{"code":"OK","message":"","data":{"object":{"objectID":1039,"packageID":3,"path":"multi","size":"30",`,
		`"fileHash":"Full29F76ED12944F16134D7E5C37E6AD7B76F55EE7F4803FFE0EDC85B3E9A4E503A"`, `"redundancy":{"type":"none"},"createTime":"20`)
	if n := strings.Count(out, `":`); n != 13 { // the names of the example, and no others
		t.Errorf("the answer of the completion has %d names: %s", n, out)
	}
	// The policy is about three spaces and another user.
	l.sh(`curl -u alice:secret $T/v1/admin/user/create -H 'Content-Type: application/json' -d '{"name":"bob"}'`, `"userId":2,`)
	for id := 2; id <= 3; id++ {
		l.post("userSpace/create", fmt.Sprintf(`{"name":"s%d","storage":{"type":"Local"},"credential":{"type":"Local"},"shardStore":{"maxSize":0}}`, id),
			fmt.Sprintf(`{"userSpaceID":%d,"name":"s%d"`, id, id))
	}
	l.post("bucket/setPolicy", `{"bucketID":1,"policy":{"redundancy":{"type":"ec","k":2,"n":3,"chunkSize":5242880},"spaces":[1,2,3],
 "versioning":"Enabled","publicRead":false,"grants":[{"userID":2,"access":"read"}]}}`,
		`{"policy":{"redundancy":{"type":"ec","k":2,"n":3,"chunkSize":5242880},"spaces":[1,2,3],`+
			`"versioning":"Enabled","publicRead":false,"grants":[{"userID":2,"access":"read"}]}}`)
}

// TestReferenceExamples sends the bodies of the reference text as they stand there, but for its comments, and the queries
// that it describes.
func TestReferenceExamples(t *testing.T) {
	l := newExampleLab(t)
	l.post("bucket/create", "{\n\"userID\": 1,\n\"name\": \"bkt1\"\n}", "{\"code\":\"OK\",\"message\":\"\",\"data\":{\"bucket\":{\"bucketID\":1,\"name\":\"bkt1\"}}}")
	l.get("bucket/getByName?name=bkt1", `{"bucketID":1,"name":"bkt1"}`)
	l.get("bucket/listAll", `"data":{"buckets":[{"bucketID":1,"name":"bkt1"}]}`)
	l.post("package/create", "{\n\"bucketID\":1,\n\"name\": \"\"\n}", `"code":"BadArgument"`, `name`) // the reference leaves the name open
	l.packages(3)
	for id := int64(1); id <= 3; id++ {
		l.get(fmt.Sprintf("package/getByID?packageID=%d", id), `"code":"OK"`)
	}
	l.post("package/create", `{"bucketID":1,"name":"t1"}`, `"package":{"packageID":4,"name":"t1","bucketID":1,"createTime":"20`)
	l.get("package/getByFullName?bucketName=bkt1&packageName=t1", `"package":{"packageID":4,"name":"t1","bucketID":1,"createTime":"20`)
	l.get("package/listBucketPackages?bucketID=1", `"packages":[{"packageID":1,`, `{"packageID":4,"name":"t1"`)
	// Object 1 is an upload, 7 and 8 are the two files, 4 is what is moved, cloned and deleted.
	l.post("object/newMultipartUpload", `{"packageID":2,"path":"upload"}`, `"objectID":1,`)
	l.sh(`curl -u alice:secret $T/v1/object/uploadPart -F 'info={
"objectID": 1,
"index": 1
}' -F 'file=@part1'`, `{"code":"OK","message":""}`)
	l.before(7, 2)
	l.sh(`curl -u alice:secret $T/v1/object/upload -F 'info={
"userID": 1,
"packageID": 1
}' -F 'files=@test.txt;filename=test.txt;type=text/plain' -F 'files=@test2.txt;filename=a%2Fb%2Ftest2.txt'`,
		`"uploadeds":[{"objectID":7,"packageID":1,"path":"test.txt","size":"8","fileHash":"Full`, `"redundancy":{"type":"none"},"createTime":"20`, `{"objectID":8,"packageID":1,"path":"a/b/test2.txt"`)
	l.sh(`curl -u alice:secret $T/object/upload -F 'info={"packageID":1}' -F 'files=@test.txt;filename=no'`, "<Error>") // without /v1 it is S3's
	l.sh(`curl -u alice:secret $T/v1/object/upload -F 'info={
"packageID": 1,
"affinity": 1
}'`, `"uploadeds":[]`)
	for query, want := range map[string]string{
		"download?objectID=7": "testdata", "download?objectID=7&offset=4": "data", "download?objectID=7&offset=1&length=2": "es",
		"downloadByPath?path=bkt1/p3-0/a/b/test2.txt&offset=8": "2", "download?objectID=7&offset=9": `"code":"InvalidRange"`, "download?objectID=999": `"code":"DataNotFound"`,
	} {
		if out := l.get("object/"+query, want); len(want) < 10 && out != want {
			t.Errorf("%s = %q, want %q", query, out, want)
		}
	}
	l.get("object/listByPath?packageID=1&path=&isPrefix=true&noRecursive=true&maxKeys=10&continuationToken=",
		`"data":{"nextContinuationToken":"","isTruncated":false,"commonPrefixes":["a/"],"objects":[{"objectID":7,`)
	l.get("object/getPackageObjects?packageID=1", `"objects":[{"objectID":8,`)
	l.post("object/move", "{\n\"movings\":[\n{\n\"objectID\":4,\n\"packageID\":3,\n\"path\":\"trace2.txt\"\n}\n]\n}", `"data":{"successes":[4]}`)
	l.post("object/clone", "{\n\"clonings\": [\n{\n\"objectID\": 4,\n\"newPath\": \"trace3.txt\",\n\"newPackageID\": 3\n}\n]\n}", `"path":"trace3.txt"`, `"packageID":3`)
	for range 2 { // also when it is gone
		l.post("object/delete", "{\n\"objectIDs\":[\n4\n]\n}", `{"code":"OK","message":"","data":null}`)
	}
	l.before(1039, 2)
	l.post("object/newMultipartUpload", "{\n\"packageID\": 3,\n\"path\": \"multi\"\n}", `"objectID":1039,"packageID":3,"path":"multi","size":"0"`, `"redundancy":{"type":"multipartUpload"}`)
	l.get("object/listByPath?packageID=3&path=multi", `"objects":[{"objectID":1039,`)
	for _, n := range []int{3, 1, 2} {
		l.sh(fmt.Sprintf(`curl -u alice:secret $T/v1/object/uploadPart -F 'info={"objectID":1039,"index":%d}' -F 'file=@part1'`, n), `{"code":"OK","message":""}`)
	}
	l.post("object/completeMultipartUpload", "{\n\"objectID\": 1039,\n\"indexes\": [2,3,1]\n}", `"objectID":1039,`, `"size":"30"`, `"fileHash":"Full`)
	l.post("package/delete", "{\n\"packageID\":1\n}", `{"code":"OK","message":"","data":null}`)
	l.post("bucket/delete", "{\n\"bucketID\":1\n}", `{"code":"OK","message":"","data":null}`)
}
