package s3front

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"trivium/core"
	"trivium/s3front/sigv4"
)

// xmlOps are the operations whose body is a document, with a good one.
func xmlOps() map[string]string {
	return map[string]string{
		"PutObjectTagging":        "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
		"PutBucketTagging":        "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
		"CompleteMultipartUpload": "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>a</ETag></Part></CompleteMultipartUpload>",
		"DeleteObjects":           "<Delete><Object><Key>secret</Key></Object></Delete>",
		"CreateBucket":            "<CreateBucketConfiguration><LocationConstraint>eu</LocationConstraint></CreateBucketConfiguration>",
		"PutBucketVersioning":     "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>",
		"PutBucketAcl":            "<AccessControlPolicy><AccessControlList><Grant><Grantee><ID>$O</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>",
		"PutObjectAcl":            "<AccessControlPolicy><AccessControlList><Grant><Grantee><ID>$O</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>",
	}
}

// badDocuments are what becomes of a good document in the hands of somebody who means no good.
func badDocuments(good string) map[string]string {
	inside := strings.Index(good, "><") + 1
	insert := func(s string) string { return good[:inside] + s + good[inside:] }
	bomb := "<!DOCTYPE z [<!ENTITY a \"aaaaaaaaaa\">"
	for c := 'b'; c < 'l'; c++ {
		bomb += fmt.Sprintf("<!ENTITY %c \"%s\">", c, strings.Repeat("&"+string(c-1)+";", 10))
	}
	utf16 := []byte{0xff, 0xfe}
	for _, c := range []byte(good) {
		utf16 = append(utf16, c, 0)
	}
	return map[string]string{
		"a bomb of entities": bomb + "]>" + insert("<x>&k;</x>"), "an external entity": `<!DOCTYPE z [<!ENTITY x SYSTEM "file:///etc/passwd">]>` + insert("<x>&x;</x>"),
		"a parameter entity": `<!DOCTYPE z [<!ENTITY % x SYSTEM "http://169.254.169.254/"> %x;]>` + good, "an unknown entity": insert("<x>&x;</x>"),
		"a document type": "<!DOCTYPE z>" + good, "an external document type": `<!DOCTYPE z SYSTEM "http://169.254.169.254/">` + good,
		"17 levels": insert(strings.Repeat("<x>", 17) + strings.Repeat("</x>", 17)), "UTF-16": string(utf16), "no UTF-8": insert("<x>\xff</x>"),
		"NUL": insert("<x>\x00</x>"), "a reference to NUL": insert("<x>&#0;</x>"), "cut": good[:len(good)-3], "two roots": good + good, "text behind": good + "x",
		"another encoding": `<?xml version="1.0" encoding="UTF-7"?>` + good, "an open comment": insert("<!--"), "an open CDATA": insert("<![CDATA["),
		"an attribute without end": insert("<x a=\"" + strings.Repeat("a", 1000) + ">"), "no document": "hello", "JSON": `{"Delete":{}}`, "another root": "<Other/>",
		"spaces alone": strings.Repeat(" ", 1000), "another namespace's end": strings.Replace(good, "</", "</x:", 1),
	}
}

// TestBadDocuments sends each bad document to each operation that takes one.
func TestBadDocuments(t *testing.T) {
	h := newHeist(t)
	before := h.look()
	for op, good := range xmlOps() {
		c, _ := h.booty(op)
		c.headers = ""
		for name, doc := range badDocuments(good) {
			c.body = doc
			if op == "DeleteObjects" || op == "PutBucketTagging" {
				c.headers = "X-Amz-Checksum-Crc32: " + crcOf(doc)
			}
			w := h.fire(h.signed(c, "alice"))
			if got := verdict(c.method, w, ""); got != "400 MalformedXML" {
				t.Errorf("%s with %s = %s, want 400 MalformedXML: %s", op, name, got, w.Body)
			}
			before = h.same(op+" with "+name, before, false)
		}
	}
}

// TestTwiceInADocument: where a document says two things of one, nobody knows which is meant.
func TestTwiceInADocument(t *testing.T) {
	h := newHeist(t)
	alice := canonicalID(userID(t, h.env, "alice"))
	single := map[string]string{
		"PutObjectTagging": "Key TagSet Value", "PutBucketTagging": "Key TagSet Value", "CompleteMultipartUpload": "PartNumber ETag", "DeleteObjects": "Key", "CreateBucket": "LocationConstraint",
		"PutBucketVersioning": "Status", "PutBucketAcl": "AccessControlList Grantee ID Permission", "PutObjectAcl": "AccessControlList Grantee ID Permission",
	}
	before := h.look()
	for op, good := range xmlOps() {
		good = strings.Replace(good, "$O", alice, 1)
		c, _ := h.booty(op)
		for element := range strings.FieldsSeq(single[op]) {
			from, to := strings.Index(good, "<"+element+">"), strings.Index(good, "</"+element+">")+len(element)+3
			c.body, c.headers = good[:to]+good[from:to]+good[to:], ""
			if op == "DeleteObjects" || op == "PutBucketTagging" {
				c.headers = "X-Amz-Checksum-Crc32: " + crcOf(c.body)
			}
			w := h.fire(h.signed(c, "alice"))
			if got := verdict(c.method, w, ""); got != "400 MalformedXML" {
				t.Errorf("%s with %s twice = %s, want 400 MalformedXML: %s", op, element, got, w.Body)
			}
			h.same(op+" with "+element+" twice", before, false)
		}
	}
}

// userID finds a user.
func userID(t *testing.T, e *env, name string) int64 {
	t.Helper()
	users, err := e.core.Admin.Users(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range users {
		if u.Name == name {
			return u.ID
		}
	}
	t.Fatalf("no user %s", name)
	return 0
}

// TestBadChunks: what is no size of a chunk is none, and the line of a chunk has an end.
func TestBadChunks(t *testing.T) {
	e := newEnv(t)
	e.must(put("/bucket", ""))
	long := strings.Repeat("x", 2<<20)
	for first, code := range map[string]string{
		"0": "IncompleteBody", "6": "IncompleteBody", "4": "InvalidRequest", "ffffffffffffffff": "InvalidRequest", "7fffffffffffffff": "InvalidRequest",
		"fffffffffffffff": "IncompleteBody", "-5": "InvalidRequest", "+5": "InvalidRequest", "0x5": "InvalidRequest", " 5": "InvalidRequest", "5 ": "InvalidRequest",
		"05": "InvalidRequest", "": "InvalidRequest", "5;": "InvalidRequest", "5;x=y": "InvalidRequest", "5;x=" + long: "InvalidRequest",
		"5;chunk-signature=" + strings.Repeat("0", 64): "InvalidRequest", "5\r": "InvalidRequest", "\r\n5": "InvalidRequest", long: "InvalidRequest",
	} {
		c := put("/bucket/k", "hello").stream(sigv4.StreamUnsignedPayload, crcTrailer(helloCRC)...).then(func(*http.Request, []byte) []byte {
			return []byte(first + "\r\nhello\r\n0\r\nx-amz-checksum-crc32:" + helloCRC + "\r\n\r\n")
		})
		a := e.do(c)
		if a.StatusCode != http.StatusBadRequest || a.code() != code {
			t.Errorf("a chunk of %.40q = %d %s, want 400 %s", first, a.StatusCode, a.code(), code)
		}
		if left := e.keys("bucket"); left != "" {
			t.Fatalf("a chunk of %.40q left %s", first, left)
		}
	}
}

// TestHeadersTwice: of a header that is given twice nobody knows which is meant, unless it is a list.
func TestHeadersTwice(t *testing.T) {
	e := newEnv(t)
	e.must(put("/bucket", ""))
	for _, name := range []string{
		"X-Amz-Acl", "X-Amz-Storage-Class", "X-Amz-Tagging", "X-Amz-Checksum-Crc32", "X-Amz-Sdk-Checksum-Algorithm", "X-Amz-Expected-Bucket-Owner",
	} {
		a := e.do(put("/bucket/k", "hello", name+": private", name+": b"))
		if a.StatusCode != http.StatusBadRequest {
			t.Errorf("%s twice = %d %s, want 400", name, a.StatusCode, a.body)
		}
	}
	for _, lines := range []string{"Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: 5, 6\r\n", "Content-Length: -5\r\n", "Content-Length: 5x\r\n", "Content-Length: 5\r\nHost: a\r\n"} {
		r := e.request(put("/bucket/k", "hello"))
		conn := e.dial()
		fmt.Fprintf(conn, "PUT /bucket/k HTTP/1.1\r\nHost: s3.test\r\n%sAuthorization: %s\r\nX-Amz-Date: %s\r\nX-Amz-Content-Sha256: %s\r\n\r\nhello",
			lines, r.Header.Get("Authorization"), r.Header.Get("X-Amz-Date"), r.Header.Get("X-Amz-Content-Sha256"))
		if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 400") {
			t.Errorf("%q = %q, %v, want 400", lines, line, err)
		}
	}
	if left := e.keys("bucket"); left != "" {
		t.Errorf("left %s", left)
	}
}

// TestBodyLongerThanItsLength: what is behind the length is no part of the object, and not the one that was signed.
func TestBodyLongerThanItsLength(t *testing.T) {
	e := newEnv(t)
	e.must(put("/bucket", ""))
	r := e.request(put("/bucket/k", "hello"))
	r.Header.Set("Content-Length", "3")
	answers := e.raw(r, "hello")
	res, err := http.ReadResponse(answers, r)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if a := (answer{res, string(body), nil}); res.StatusCode != http.StatusBadRequest || a.code() != "XAmzContentSHA256Mismatch" {
		t.Errorf("= %d %s, want XAmzContentSHA256Mismatch", res.StatusCode, body)
	}
	if left := e.keys("bucket"); left != "" {
		t.Errorf("left %s", left)
	}
}

// TestSlowDocument: a document that comes in drops is given up, one at a fair pace is not.
func TestSlowDocument(t *testing.T) {
	for _, tt := range []struct {
		bytes int           // of a drop
		pause time.Duration // before it
		drops int
		slow  bool
	}{
		{1, time.Second, 9, false}, {1, time.Second, 12, true}, {32 << 10, time.Second, 60, false}, {8 << 10, time.Second, 60, true}, {100, 11 * time.Second, 1, true},
	} {
		now := time.Unix(0, 0)
		var drops []io.Reader
		for range tt.drops {
			drops = append(drops, bytes.NewReader(make([]byte, tt.bytes)))
		}
		p := &paced{Reader: io.MultiReader(drops...), now: func() time.Time { return now }, start: now}
		var err error
		for range tt.drops {
			now = now.Add(tt.pause)
			if _, err = p.Read(make([]byte, tt.bytes)); err != nil {
				break
			}
		}
		if slow := err != nil && translate(err).code == requestTimeout; slow != tt.slow || err != nil && !slow {
			t.Errorf("%d drops of %d bytes each %v: %v, want slow %t", tt.drops, tt.bytes, tt.pause, err, tt.slow)
		}
	}
}

// TestParts10001: a part beyond the last number is refused, whatever it holds.
func TestParts10001(t *testing.T) {
	e := newEnv(t)
	e.must(put("/bucket", ""))
	id := value(e.must(post("/bucket/k?uploads", "")).body, "UploadId")
	for _, number := range []string{"0", "10001", "-1", "2147483648", "1e3", ""} {
		for _, c := range []call{put("/bucket/k?uploadId="+id+"&partNumber="+number, "x"), put("/bucket/k?uploadId="+id+"&partNumber="+number, "", "X-Amz-Copy-Source: bucket/k")} {
			if a := e.do(c); a.StatusCode != http.StatusBadRequest || a.code() != "InvalidArgument" {
				t.Errorf("part %q = %d %s, want 400 InvalidArgument", number, a.StatusCode, a.body)
			}
		}
	}
	parts, _, err := e.core.Admin.Parts(t.Context(), core.Path{Bucket: "bucket", Key: "k"}, id, -1, 10)
	if err != nil || len(parts) != 0 {
		t.Errorf("parts %+v, %v, want none", parts, err)
	}
}

// dial connects to the server.
func (e *env) dial() net.Conn {
	e.tb.Helper()
	conn, err := net.Dial("tcp", e.srv.Listener.Addr().String())
	if err != nil {
		e.tb.Fatal(err)
	}
	e.tb.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		e.tb.Fatal(err)
	}
	return conn
}

// TestPutOfHTTP10: before HTTP/1.1 a body without Content-Length is one that is not seen: nothing is stored.
func TestPutOfHTTP10(t *testing.T) {
	e := newEnv(t)
	e.do(put("/bucket", ""))
	if a := e.do(put("/bucket/k", "the old content")); a.StatusCode != http.StatusOK {
		t.Fatal(a.body)
	}
	for _, tc := range []struct {
		proto, header string
		status        int
		content       string
	}{
		{"HTTP/1.0", "", http.StatusLengthRequired, "the old content"},
		{"HTTP/1.0", "Content-Length: 0\r\n", http.StatusOK, ""},
		{"HTTP/1.1", "", http.StatusOK, ""},
	} {
		conn := e.dial()
		r := e.request(call{method: http.MethodPut, target: "/bucket/k"})
		text := "PUT /bucket/k " + tc.proto + "\r\nHost: s3.test\r\nConnection: close\r\n" + tc.header
		for name := range r.Header {
			text += name + ": " + r.Header.Get(name) + "\r\n"
		}
		if _, err := io.WriteString(conn, text+"\r\n"); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != tc.status {
			t.Errorf("%s %q = %d, want %d", tc.proto, tc.header, res.StatusCode, tc.status)
		}
		if a := e.do(call{method: http.MethodGet, target: "/bucket/k"}); a.body != tc.content {
			t.Errorf("%s %q leaves %q, want %q", tc.proto, tc.header, a.body, tc.content)
		}
	}
}
