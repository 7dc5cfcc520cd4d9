package nativeapi_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"trivium/core"
)

// TestUpdateMetadata: metadata is replaced, or merged; it makes no version and leaves updateTime as it is, and all doors
// see it.
func TestUpdateMetadata(t *testing.T) {
	l := newLab(t)
	b := l.bucket("bkt")
	l.ok("versioning", l.post("bucket/setPolicy", fmt.Sprintf(`{"bucketID":%d,"policy":{"versioning":"Enabled"}}`, b)))
	p := l.pkg(b, "pkg")
	id := l.put(p, "x.txt", "content")
	info := func() answer { return l.ok("info", l.get(fmt.Sprintf("object/info?objectID=%d", id))) }
	before := info()
	for _, c := range []struct {
		change, contentType string
		want                map[string]string
	}{
		{`"metadata":{"a":"1","b":"ä"}`, "text/plain; charset=utf-8", map[string]string{"a": "1", "b": "ä"}},
		{`"metadata":{"b":null,"c":"3","none":null},"merge":true`, "text/plain; charset=utf-8", map[string]string{"a": "1", "c": "3"}},
		{`"contentType":"text/html"`, "text/html", map[string]string{"a": "1", "c": "3"}},
		{`"metadata":null,"contentType":null,"merge":true`, "text/html", map[string]string{"a": "1", "c": "3"}},
		{`"metadata":{"mtime":"1000000000.5"},"merge":true`, "text/html", map[string]string{"a": "1", "c": "3", "mtime": "1000000000.5"}},
		{`"metadata":{"a":null},"merge":true`, "text/html", map[string]string{"c": "3", "mtime": "1000000000.5"}},
		{`"metadata":{"d":"4","e":null}`, "text/html", map[string]string{"d": "4"}},
		{`"metadata":{"mtime":"yesterday"}`, "text/html", map[string]string{"mtime": "yesterday"}},
		{`"metadata":{},"contentType":""`, "application/octet-stream", map[string]string{}},
	} {
		a := l.ok(c.change, l.post("object/updateMetadata", fmt.Sprintf(`{"objectID":%d,%s}`, id, c.change)))
		now := info()
		got := map[string]string{}
		for name, value := range at(now, "info", "metadata").(map[string]any) {
			got[name] = value.(string)
		}
		if !maps.Equal(got, c.want) || str(now, "info", "contentType") != c.contentType {
			t.Errorf("%s: %v, %s, want %v, %s", c.change, got, str(now, "info", "contentType"), c.want, c.contentType)
		}
		for _, same := range [][]string{{"object", "updateTime"}, {"object", "createTime"}, {"object", "fileHash"}, {"info", "versionID"}, {"info", "etag"}} {
			if at(before, same...) != at(now, same...) {
				t.Errorf("%s: %v was %v, is %v", c.change, same, at(before, same...), at(now, same...))
			}
		}
		if str(a, "object", "updateTime") != str(before, "object", "updateTime") || num(a, "object", "packageID") != p || str(a, "object", "path") != "x.txt" {
			t.Errorf("%s: %s", c.change, a.body)
		}
		o, err := l.env.Admin.StatObject(t.Context(), "bkt", "pkg/x.txt", core.GetOptions{})
		if err != nil || !maps.Equal(o.Entry.Version.ClientMetadata(), c.want) || (o.Entry.Version.MTime == 1_000_000_000_500_000_000) != (c.want["mtime"] == "1000000000.5") {
			t.Errorf("%s: the other doors have %+v, %v", c.change, o.Entry.Version, err)
		}
	}
	if n := len(l.get(fmt.Sprintf("object/listVersions?objectID=%d", id)).Data["versions"].([]any)); n != 1 {
		t.Errorf("%d versions, want 1", n)
	}
}

// TestUpdateMetadataRefuses: what cannot be metadata changes nothing.
func TestUpdateMetadataRefuses(t *testing.T) {
	l := newLab(t)
	p := l.pkg(l.bucket("bkt"), "pkg")
	id := l.put(p, "x", "content")
	l.ok("metadata", l.post("object/updateMetadata", fmt.Sprintf(`{"objectID":%d,"metadata":{"a":"1"}}`, id)))
	var many strings.Builder
	for i := range 8192 {
		fmt.Fprintf(&many, `"%d":null,`, i)
	}
	for change, names := range map[string]string{
		`"metadata":1`: "metadata", `"metadata":[]`: "metadata", `"metadata":{"a":1}`: "metadata", `"metadata":{"a":{}}`: "metadata", `"metadata":{"":"x"}`: "metadata",
		`"metadata":{"a":"` + strings.Repeat("x", 8192) + `"}`: "metadata", `"metadata":{` + many.String() + `"more":null}`: "metadata",
		`"contentType":1`: "contentType", `"contentType":"a\nb"`: "contentType", `"contentType":"ä"`: "contentType",
		`"contentType":"` + strings.Repeat("x", 9000) + `"`: "content type", `"merge":"yes"`: "merge",
	} {
		a := l.want(fmt.Sprintf("%.60s", change), l.post("object/updateMetadata", fmt.Sprintf(`{"objectID":%d,%s}`, id, change)), 400, "BadArgument")
		if !strings.Contains(a.Message, names) {
			t.Errorf("%.60s: %s", change, a.Message)
		}
	}
	l.want("no object", l.post("object/updateMetadata", `{"objectID":999}`), 404, "DataNotFound")
	up := l.unfinished(p, "up")
	l.want("an unfinished upload", l.post("object/updateMetadata", fmt.Sprintf(`{"objectID":%d,"contentType":"x"}`, up)), 409, "Conflict")
	a := l.get(fmt.Sprintf("object/info?objectID=%d", id))
	if str(a, "info", "metadata", "a") != "1" || str(a, "info", "contentType") != "application/octet-stream" {
		t.Errorf("changed: %s", a.body)
	}
}
