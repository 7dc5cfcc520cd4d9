package nativeapi_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
)

// putNamed stores by object/putByPath without packageID.
func (l *lab) putNamed(user, path, data string) answer {
	l.t.Helper()
	return l.do(call{method: http.MethodPut, target: "/v1/object/putByPath?path=" + url.QueryEscape(path), user: user, body: data})
}

// TestPutNamed stores by bucket and key: into the root package, which is there while it holds objects, into packages that
// are there and such that come to be, and over an unfinished upload.
func TestPutNamed(t *testing.T) {
	l := newLab(t)
	b := l.bucket("bkt")
	p := l.pkg(b, "made")
	l.unfinished(p, "u")
	hash := ""
	for path, want := range map[string]string{"bkt/top": "top", "/bkt/made/a/b": "a/b", "bkt/new/c": "c", "bkt//lead": "/lead", "bkt/made/u": "u"} {
		a := l.ok(path, l.putNamed("admin", path, "same"))
		if str(a, "object", "path") != want || num(a, "object", "packageID") == 0 || str(a, "object", "redundancy", "type") != "none" {
			t.Errorf("%s: %s", path, a.body)
		}
		if got := str(a, "object", "fileHash"); hash != "" && got != hash {
			t.Errorf("%s: fileHash %s, want %s", path, got, hash)
		} else {
			hash = got
		}
		if text := l.get("object/downloadByPath?path=" + url.QueryEscape(path)); text.StatusCode != http.StatusOK || text.body != "same" {
			t.Errorf("%s: %d %q", path, text.StatusCode, text.body)
		}
	}
	root := l.ok("root", l.get("package/getByFullName?bucketName=bkt&packageName="))
	l.ok("by its id", l.get(fmt.Sprintf("object/info?packageID=%d&path=top", num(root, "package", "packageID"))))
	for _, bad := range []string{"", "bkt", "bkt/", "bkt/made/", "/"} {
		l.want(bad, l.putNamed("admin", bad, "x"), 400, "BadArgument")
	}
	l.want("no bucket", l.putNamed("admin", "nope/x", "x"), 404, "DataNotFound")
	l.want("no right", l.putNamed("ann", "bkt/x", "x"), 404, "DataNotFound")
}

// TestInfoNamed describes by bucket and key, with deleted also what a delete marker hides.
func TestInfoNamed(t *testing.T) {
	l := newLab(t)
	b := l.bucket("bkt")
	l.ok("versioning", l.post("bucket/setPolicy", fmt.Sprintf(`{"bucketID":%d,"policy":{"versioning":"Enabled"}}`, b)))
	id := num(l.ok("put", l.putNamed("admin", "bkt/p/x", "one")), "object", "objectID")
	if got := num(l.ok("info", l.get("object/info?path=bkt/p/x")), "object", "objectID"); got != id {
		t.Errorf("object %d, want %d", got, id)
	}
	version := str(l.ok("info", l.get("object/info?path=bkt/p/x&deleted=true")), "info", "versionID")
	l.ok("delete", l.post("object/delete", fmt.Sprintf(`{"objectIDs":[%d]}`, id)))
	for _, query := range []string{"path=bkt/p/x", fmt.Sprintf("objectID=%d", id)} {
		l.want(query, l.get("object/info?"+query), 404, "DataNotFound")
		if got := num(l.ok(query, l.get("object/info?deleted=1&"+query)), "object", "objectID"); got != id {
			t.Errorf("%s: object %d, want %d", query, got, id)
		}
	}
	l.ok("restore", l.post("object/restoreVersion", fmt.Sprintf(`{"objectID":%d,"versionID":%q}`, id, version)))
	l.ok("restored", l.get("object/info?path=bkt/p/x"))
	for query, code := range map[string]string{
		"path=bkt&deleted=true": "BadArgument", "deleted=true": "BadArgument", "path=bkt/p/x&deleted=yes": "BadArgument",
		"path=bkt/none&deleted=true": "DataNotFound", "path=nope/x&deleted=true": "DataNotFound", "packageID=1&path=x&deleted=true": "BadArgument",
	} {
		if a := l.get("object/info?" + query); a.Code != code {
			t.Errorf("%s: %d %s, want %s", query, a.StatusCode, a.body, code)
		}
	}
	a := l.do(call{method: "GET", target: "/v1/object/info?deleted=true&path=bkt/p/x", user: "ann"})
	l.want("of somebody else", a, 404, "DataNotFound")
}

// TestUnknownCalls: the answer names the call that is meant, or those on the same noun, or the nouns.
func TestUnknownCalls(t *testing.T) {
	l := newLab(t)
	for path, want := range map[string]string{
		"bucket/lstAll": "did you mean /v1/bucket/listAll?",
		"bucket/remove": "there are /v1/bucket/create, bucket/delete, bucket/getByName, bucket/getPolicy, bucket/listAll, bucket/setPolicy",
		"nothing":       "there are /v1/bucket/..., object/..., package/..., redundancy/..., system/..., user/..., userSpace/...",
	} {
		a := l.want(path, l.get(path), 404, "DataNotFound")
		if a.Message != "/v1/"+path+": there is no such call: "+want {
			t.Errorf("%s: %q, want %q", path, a.Message, want)
		}
	}
}
