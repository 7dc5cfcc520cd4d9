package nativeapi_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"trivium/s3front/sigv4"
)

// sendHashed sends a call of the administrator, signed with x-amz-content-sha256 of a body.
func (l *lab) sendHashed(c call, body string) answer {
	l.t.Helper()
	l.now.Add(int64(time.Second))
	sum := sha256.Sum256([]byte(body))
	r := l.request(c)
	s := sigv4.Signer{AccessKey: l.keys["admin"][0], Secret: l.keys["admin"][1], Service: "jcs"}
	if _, err := s.Sign(r, hex.EncodeToString(sum[:]), time.Unix(0, l.now.Load())); err != nil {
		l.t.Fatal(err)
	}
	return l.send(r)
}

// TestBodyHashOfContent: content whose SHA-256 is not that of x-amz-content-sha256 is refused by every call that takes
// content, and leaves what was there before as it was; with the right one it is taken.
func TestBodyHashOfContent(t *testing.T) {
	l := newLab(t)
	p := l.pkg(l.bucket("bkt"), "pkg")
	l.put(p, "old", "before")
	id := num(l.ok("begin", l.post("object/newMultipartUpload", fmt.Sprintf(`{"packageID":%d,"path":"multi"}`, p))), "object", "objectID")
	kind, two := form(fmt.Sprintf(`{"packageID":%d}`, p), filePart{"files", "new", "", "content"}, filePart{"files", "old", "", "after"})
	_, part := form(fmt.Sprintf(`{"objectID":%d,"index":1}`, id), filePart{"file", "part", "", "content"})
	raw := func(path string) call {
		return call{method: "PUT", target: fmt.Sprintf("/v1/object/putByPath?packageID=%d&path=%s", p, path), body: "content"}
	}
	named := call{method: "PUT", target: "/v1/object/putByPath?path=bkt/pkg/named", body: "content"}
	state := func() string {
		return l.get(fmt.Sprintf("object/getPackageObjects?packageID=%d", p)).body + l.get(fmt.Sprintf("object/listParts?objectID=%d", id)).body
	}
	for name, c := range map[string]call{
		"upload":             {method: "POST", target: "/v1/object/upload", kind: kind, body: two},
		"uploadPart":         {method: "POST", target: "/v1/object/uploadPart", kind: kind, body: part},
		"putByPath":          raw("raw"),
		"putByPath replaces": raw("old"),
		"putByPath by name":  named,
		"putByPath, nothing": {method: "PUT", target: raw("empty").target},
	} {
		before := state()
		for _, other := range []string{c.body + "x", "\n" + c.body} {
			a := l.want(name+" of another body", l.sendHashed(c, other), 400, "BadArgument")
			if !strings.Contains(a.Message, "x-amz-content-sha256") {
				t.Errorf("%s of another body: %s", name, a.Message)
			}
		}
		if after := state(); after != before {
			t.Errorf("%s of another body: it was\n%s\nand is\n%s", name, before, after)
		}
		l.ok(name, l.sendHashed(c, c.body))
		if state() == before {
			t.Errorf("%s changed nothing", name)
		}
	}
}
