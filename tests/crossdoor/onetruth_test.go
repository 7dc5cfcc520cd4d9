package crossdoor

import (
	"net/http"
	"strings"
	"testing"

	"trivium/core"
	"trivium/tests/s3client"
)

// TestOneTruth: what one door says of an object, its type, entity tag and the client's time, the others say too.
func TestOneTruth(t *testing.T) {
	d := open(t, core.VersioningOff)
	put := http.Header{
		"Content-Type": {"text/x-one"}, "X-Amz-Meta-Mtime": {"1500000000.25"}, "X-Amz-Content-Sha256": {"UNSIGNED-PAYLOAD"},
	}
	res, err := d.s3.Do(t.Context(), s3client.Request{
		Method: http.MethodPut, Bucket: bucket, Key: "by-s3", Header: put, Body: strings.NewReader("one"), Size: 3,
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	etag := res.Header.Get("Etag")
	_, body := d.davDo("PROPFIND", "by-s3", "", "Depth", "0")
	for _, want := range []string{
		"<D:getetag>" + strings.ReplaceAll(etag, `"`, "&quot;") + "</D:getetag>", "<D:getcontenttype>text/x-one</D:getcontenttype>",
		"<D:getlastmodified>Fri, 14 Jul 2017 02:40:00 GMT</D:getlastmodified>", "<D:getcontentlength>3</D:getcontentlength>",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("PROPFIND of what came by S3 has no %s: %s", want, body)
		}
	}
	if status, _ := d.davDo(http.MethodPut, "by-dav", "two!", "X-OC-Mtime", "1500000001", "Content-Type", "text/x-two"); status != http.StatusCreated {
		t.Fatalf("PUT = %d", status)
	}
	head, err := d.s3.Do(t.Context(), s3client.Request{Method: http.MethodHead, Bucket: bucket, Key: "by-dav"})
	if err != nil {
		t.Fatal(err)
	}
	_ = head.Body.Close()
	for name, want := range map[string]string{
		"X-Amz-Meta-Mtime": "1500000001", "Content-Type": "text/x-two", "Content-Length": "4",
	} {
		if got := head.Header.Get(name); got != want {
			t.Errorf("HEAD by S3 of what came by WebDAV: %s = %q, want %q", name, got, want)
		}
	}
	patch := `<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><D:lastmodified>1500000002</D:lastmodified></D:prop></D:set></D:propertyupdate>`
	if status, _ := d.davDo("PROPPATCH", "by-dav", patch); status != http.StatusMultiStatus {
		t.Errorf("PROPPATCH = %d", status)
	}
	o, err := d.core.Admin.StatObject(t.Context(), bucket, "by-dav", core.GetOptions{})
	if err != nil || o.Entry.Version.MTime != 1500000002_000000000 {
		t.Errorf("mtime = %d, %v, want 1500000002 s", o.Entry.Version.MTime, err)
	}
}
