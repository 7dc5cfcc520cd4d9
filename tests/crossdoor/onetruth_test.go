package crossdoor

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trivium/core"
	"trivium/nativeapi/client"
	v1 "trivium/nativeapi/v1"
	"trivium/tests/s3client"
)

// putFunc puts content through one door at a path of the package "pkg", whose id is given, and returns what it has put.
type putFunc func(t *testing.T, d *doors, pkg int64, path, content string) *file

// puts are the ways in.
func puts() map[string]putFunc {
	return map[string]putFunc{
		"S3 PUT": func(t *testing.T, d *doors, _ int64, path, content string) *file {
			f := &file{content: content, kind: "text/x-s3", color: "bleu", mtime: 1500000000_250000000, etag: md5Of(content)}
			d.s3Put(t, "pkg/"+path, f)
			return f
		},
		"S3 PUT, nothing said": func(t *testing.T, d *doors, _ int64, path, content string) *file {
			f := newFile(content)
			d.s3Put(t, "pkg/"+path, f)
			return f
		},
		"S3 multipart": func(t *testing.T, d *doors, _ int64, path, content string) *file {
			f := newFile(content)
			f.etag = etagOfParts(content)
			if err := d.s3.UploadOne(t.Context(), bucket, "pkg/"+path, strings.NewReader(content), int64(len(content))); err != nil {
				t.Fatal(err)
			}
			return f
		},
		"WebDAV PUT": func(t *testing.T, d *doors, _ int64, path, content string) *file {
			f := &file{content: content, kind: "text/x-dav", mtime: 1500000001_000000000, etag: md5Of(content)}
			d.davPut(t, "pkg/"+path, content, "X-OC-Mtime", "1500000001", "Content-Type", f.kind)
			return f
		},
		"WebDAV PUT, nothing said": func(t *testing.T, d *doors, _ int64, path, content string) *file {
			d.davPut(t, "pkg/"+path, content)
			return newFile(content)
		},
		"WebDAV PUT and PROPPATCH": func(t *testing.T, d *doors, _ int64, path, content string) *file {
			f := newFile(content)
			d.davPut(t, "pkg/"+path, content)
			f.mtime = 1500000002_000000000
			if status := d.patchTime("pkg/"+path, f.mtime); status != http.StatusMultiStatus {
				t.Fatalf("PROPPATCH = %d", status)
			}
			return f
		},
		"native upload": func(t *testing.T, d *doors, pkg int64, path, content string) *file {
			f := newFile(content)
			f.kind = "text/x-native"
			all, err := d.api.Upload(t.Context(), pkg, []client.File{
				{Path: path, Body: strings.NewReader(content), ContentType: f.kind},
				{Path: path + " beside it", Body: strings.NewReader("beside it")},
			})
			if err != nil || len(all) != 2 || all[0].Path != path {
				t.Fatalf("upload = %+v, %v", all, err)
			}
			return f
		},
		"native putByPath": func(t *testing.T, d *doors, pkg int64, path, content string) *file {
			f := newFile(content)
			f.kind = octets
			if _, err := d.api.Put(t.Context(), pkg, path, strings.NewReader(content), int64(len(content))); err != nil {
				t.Fatal(err)
			}
			return f
		},
		"native multipart": func(t *testing.T, d *doors, pkg int64, path, content string) *file {
			f, half := newFile(content), len(content)/2
			f.kind, f.etag = octets, etagOfParts(content[:half], content[half:])
			o, err := d.api.NewUpload(t.Context(), pkg, path)
			for i, part := range []string{content[half:], content[:half]} {
				if err == nil {
					err = d.api.UploadPart(t.Context(), o.ObjectID, 7-i, strings.NewReader(part))
				}
			}
			if err == nil {
				_, err = d.api.CompleteUpload(t.Context(), o.ObjectID, []int{6, 7})
			}
			if err != nil {
				t.Fatal(err)
			}
			return f
		},
	}
}

// etagOfParts is the entity tag of a completed upload.
func etagOfParts(parts ...string) string {
	all := md5.New()
	for _, part := range parts {
		sum := md5.Sum([]byte(part))
		all.Write(sum[:])
	}
	return fmt.Sprintf("%s-%d", hex.EncodeToString(all.Sum(nil)), len(parts))
}

// s3Put puts f through S3.
func (d *doors) s3Put(t *testing.T, key string, f *file) {
	t.Helper()
	h := http.Header{"X-Amz-Content-Sha256": {"UNSIGNED-PAYLOAD"}}
	if f.kind != "" {
		h.Set("Content-Type", f.kind)
	}
	if f.color != "" {
		h.Set("X-Amz-Meta-Color", f.color)
	}
	if f.mtime != core.NoTime {
		h.Set("X-Amz-Meta-Mtime", core.FormatMTime(f.mtime))
	}
	if _, _, err := d.s3Do(http.MethodPut, key, f.content, h); err != nil {
		t.Fatal(err)
	}
}

// davPut puts content through WebDAV.
func (d *doors) davPut(t *testing.T, p, content string, headers ...string) {
	t.Helper()
	if status, body := d.davDo(http.MethodPut, p, content, headers...); status/100 != 2 {
		t.Fatalf("PUT %s = %d %s", p, status, body)
	}
}

// patchTime sets a file's time in the way of Windows, rounded down to seconds, and returns the status.
func (d *doors) patchTime(p string, mtime int64) int {
	status, _ := d.davDo("PROPPATCH", p, `<D:propertyupdate xmlns:D="DAV:" xmlns:Z="urn:schemas-microsoft-com:"><D:set><D:prop>`+
		`<Z:Win32LastModifiedTime>`+time.Unix(0, mtime).UTC().Format(http.TimeFormat)+`</Z:Win32LastModifiedTime></D:prop></D:set></D:propertyupdate>`)
	return status
}

// getFunc reads the content of a path of the package "pkg".
type getFunc func(t *testing.T, d *doors, info v1.ObjectInfo) (string, error)

// gets are the ways out.
func gets() map[string]getFunc {
	key := func(info v1.ObjectInfo) string { return "pkg/" + info.Object.Path }
	plain := func(status int, body string) (string, error) {
		if status != http.StatusOK {
			return "", fmt.Errorf("status %d", status)
		}
		return body, nil
	}
	return map[string]getFunc{
		"S3 GET": func(_ *testing.T, d *doors, info v1.ObjectInfo) (string, error) {
			_, body, err := d.s3Do(http.MethodGet, key(info), "", nil)
			return body, err
		},
		"WebDAV GET": func(_ *testing.T, d *doors, info v1.ObjectInfo) (string, error) {
			return plain(d.send(http.MethodGet, d.address(key(info)), ""))
		},
		"native download": func(t *testing.T, d *doors, info v1.ObjectInfo) (string, error) {
			return d.download(info.Object.ObjectID, "")
		},
		"native downloadByPath": func(_ *testing.T, d *doors, info v1.ObjectInfo) (string, error) {
			return plain(d.send(http.MethodGet, d.native+"/v1/object/downloadByPath?"+url.Values{
				"packageID": {strconv.FormatInt(info.Object.PackageID, 10)}, "path": {info.Object.Path},
			}.Encode(), ""))
		},
		"native downloadByPath, bucket and key": func(_ *testing.T, d *doors, info v1.ObjectInfo) (string, error) {
			return plain(d.send(http.MethodGet, d.native+"/v1/object/downloadByPath?"+url.Values{"path": {bucket + "/" + key(info)}}.Encode(), ""))
		},
	}
}

// download reads an object through the native API.
func (d *doors) download(id int64, version string) (string, error) {
	c, err := d.api.Download(d.t.Context(), id, version)
	if err != nil {
		return "", err
	}
	defer c.Close()
	var b bytes.Buffer
	_, err = io.Copy(&b, c)
	return b.String(), err
}

// TestOneTruth: what is put through one door, all doors show: content, size, type, metadata, entity tag and the two
// times. It is put on a new key and over what another door has put.
func TestOneTruth(t *testing.T) {
	d := open(t, core.VersioningOff)
	pkg, err := d.api.CreatePackage(t.Context(), d.bucketID, "pkg")
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := d.davDo("MKCOL", "pkg/a", ""); status != http.StatusCreated {
		t.Fatalf("MKCOL = %d", status)
	}
	contents := map[string]string{"empty": "", "short": "0123456789", "long": strings.Repeat("0123456789abcdef", 3000)}
	for name, put := range puts() {
		for size, content := range contents {
			t.Run(name+"/"+size, func(t *testing.T) {
				path := "a/" + name + " " + size
				d.sameEverywhere(t, pkg.PackageID, path, put(t, d, pkg.PackageID, path, content))
			})
		}
	}
}

// TestOneTruthOver: the same, of what is written over something that had every metadata.
func TestOneTruthOver(t *testing.T) {
	for name, put := range puts() {
		t.Run(name, func(t *testing.T) {
			d := open(t, core.VersioningOff)
			old := &file{content: "old", kind: "text/x-old", color: "old", mtime: 1400000000_000000000}
			d.s3Put(t, "pkg/a/over", old)
			pkg, err := d.api.Package(t.Context(), bucket, "pkg")
			if err != nil {
				t.Fatal(err)
			}
			was, err := d.api.InfoAt(t.Context(), pkg.PackageID, "a/over")
			if err != nil {
				t.Fatal(err)
			}
			f := put(t, d, pkg.PackageID, "a/over", "new content")
			d.sameEverywhere(t, pkg.PackageID, "a/over", f)
			if is, err := d.api.InfoAt(t.Context(), pkg.PackageID, "a/over"); err != nil || is.Object.ObjectID != was.Object.ObjectID {
				t.Errorf("objectID is %d, %v, was %d", is.Object.ObjectID, err, was.Object.ObjectID)
			}
		})
	}
}

// sameEverywhere compares what every door shows of a path with f.
func (d *doors) sameEverywhere(t *testing.T, pkg int64, path string, f *file) {
	t.Helper()
	d = &doors{t, d.core, d.s3, d.dav, d.native, d.api, d.bucketID, d.http}
	info, err := d.api.InfoAt(t.Context(), pkg, path)
	if err != nil {
		t.Fatal(err)
	}
	key := "pkg/" + path
	inS3, inDAV, inNative := f.wants(info.Object.UpdateTime.UnixNano())
	inNative.FileHash, inNative.ID, inNative.UpdatedNano = info.Object.FileHash, info.Object.ObjectID, info.Object.UpdateTime.UnixNano()
	for door, pair := range map[string][2]seen{
		"S3": {inS3, d.s3Sees(key)}, "WebDAV": {inDAV, d.davSees(d.propfind(key, "0")[key])}, "native": {inNative, d.nativeSees(info)},
	} {
		if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
			t.Errorf("%s shows of %s (-want +got):\n%s", door, key, diff)
		}
	}
	for name, get := range gets() {
		if got, err := get(t, d, info); err != nil || got != f.content {
			t.Errorf("%s = %.40q, %v, want %.40q", name, got, err, f.content)
		}
	}
	page, err := d.s3.List(t.Context(), bucket, url.Values{"prefix": {key}, "max-keys": {"1"}})
	if err != nil || len(page.Contents) != 1 || page.Contents[0] != (s3client.Item{
		Key: key, Size: int64(len(f.content)), ETag: `"` + f.etag + `"`, LastModified: page.Contents[0].LastModified,
	}) || page.Contents[0].LastModified.Unix() != inNative.Updated {
		t.Errorf("S3 lists %+v, %v, want size %d, ETag %s, %d", page.Contents, err, len(f.content), f.etag, inNative.Updated)
	}
	exact, err := d.api.Objects(t.Context(), pkg)
	found := 0
	for i := range exact {
		if exact[i].Path == path && cmp.Equal(exact[i], info.Object) {
			found++
		}
	}
	if err != nil || found != 1 {
		t.Errorf("getPackageObjects has the object of object/info %d times, %v", found, err)
	}
}

// TestTimeTakenAway: a time that one door takes away, or sets anew, is no longer shown as another had spelled it.
func TestTimeTakenAway(t *testing.T) {
	d := open(t, core.VersioningOff)
	put := http.Header{"X-Amz-Meta-Mtime": {"1500000000.250"}, "X-Amz-Content-Sha256": {"UNSIGNED-PAYLOAD"}}
	if _, _, err := d.s3Do(http.MethodPut, "pkg/k", "x", put); err != nil {
		t.Fatal(err)
	}
	pkg, err := d.api.Package(t.Context(), bucket, "pkg")
	if err != nil {
		t.Fatal(err)
	}
	remove := `<D:propertyupdate xmlns:D="DAV:" xmlns:Z="urn:schemas-microsoft-com:"><D:remove><D:prop><Z:Win32LastModifiedTime/></D:prop></D:remove></D:propertyupdate>`
	if status, body := d.davDo("PROPPATCH", "pkg/k", remove); status != http.StatusMultiStatus {
		t.Fatalf("PROPPATCH = %d %s", status, body)
	}
	d.sameEverywhere(t, pkg.PackageID, "k", newFile("x"))
}

// TestMarkerOfPackage: the marker of a package lies at the empty path, where it is found as it is listed.
func TestMarkerOfPackage(t *testing.T) {
	d := open(t, core.VersioningOff)
	f := newFile("")
	d.s3Put(t, "pkg/", f)
	pkg, err := d.api.Package(t.Context(), bucket, "pkg")
	if err != nil {
		t.Fatal(err)
	}
	info, err := d.api.InfoAt(t.Context(), pkg.PackageID, "")
	if err != nil || info.Object.Path != "" || info.Object.PackageID != pkg.PackageID {
		t.Errorf("object/info of the empty path = %+v, %v", info, err)
	}
	at := fmt.Sprintf("%s/v1/object/%%s?packageID=%d&path=", d.native, pkg.PackageID)
	for _, call := range []string{"listByPath", "downloadByPath"} {
		status, body := d.send(http.MethodGet, fmt.Sprintf(at, call), "")
		if status != http.StatusOK || call == "listByPath" && !strings.Contains(body, fmt.Sprintf(`"objectID":%d,`, info.Object.ObjectID)) {
			t.Errorf("%s of the empty path = %d %s", call, status, body)
		}
	}
	if _, err := d.api.Put(t.Context(), pkg.PackageID, "", strings.NewReader("x"), 1); nativeStatus(t, err) != http.StatusBadRequest {
		t.Errorf("putByPath of the empty path = %v, want 400", err)
	}
	status, body := d.send(http.MethodGet, fmt.Sprintf("%s/v1/object/listByPath?packageID=%d", d.native, pkg.PackageID), "")
	if status != http.StatusBadRequest {
		t.Errorf("listByPath without a path = %d %s, want 400", status, body)
	}
}

// TestUploadIsNoFolder: a package that only an unfinished upload keeps is no folder, whether it is looked for in its
// bucket or at its address.
func TestUploadIsNoFolder(t *testing.T) {
	d := open(t, core.VersioningOff)
	d.s3Put(t, "pkg/k", newFile("x"))
	pkg, err := d.api.Package(t.Context(), bucket, "pkg")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.api.NewUpload(t.Context(), pkg.PackageID, "later"); err != nil {
		t.Fatal(err)
	}
	if status, _ := d.davDo(http.MethodDelete, "pkg", ""); status != http.StatusNoContent {
		t.Fatalf("DELETE = %d", status)
	}
	if status, _ := d.davDo("PROPFIND", "pkg", "", "Depth", "0"); status != http.StatusNotFound {
		t.Errorf("PROPFIND of what was deleted = %d, want 404", status)
	}
	if status, _ := d.davDo(http.MethodPut, "pkg/k", "y"); status != http.StatusConflict {
		t.Errorf("PUT into what was deleted = %d, want 409", status)
	}
	if status, _ := d.davDo("MKCOL", "pkg", ""); status != http.StatusCreated {
		t.Errorf("MKCOL of what was deleted = %d, want 201", status)
	}
	if all := d.propfind("", "1"); all["pkg/"] == nil {
		t.Errorf("what was made is not listed: %v", all)
	}
	if again, err := d.api.Package(t.Context(), bucket, "pkg"); err != nil || again.PackageID != pkg.PackageID {
		t.Errorf("the package of the upload is %+v, %v, want %+v", again, err, pkg)
	}
}

// TestRootPackagePrefix: the root package has none of the objects of the package that a prefix names.
func TestRootPackagePrefix(t *testing.T) {
	d := open(t, core.VersioningOff)
	for _, key := range []string{"pk", "pkg/k", "pkg/a/b", "/pkg/k"} {
		d.s3Put(t, key, newFile(key))
	}
	root, err := d.api.Package(t.Context(), bucket, "")
	if err != nil {
		t.Fatal(err)
	}
	for prefix, want := range map[string][]string{
		"": {"/pkg/k", "pk"}, "pk": {"pk"}, "pkg": nil, "pkg/": nil, "pkg/k": nil, "pkg/a": nil, "/": {"/pkg/k"}, "/pkg/": {"/pkg/k"},
	} {
		page, err := d.api.List(t.Context(), root.PackageID, client.ListOptions{Prefix: prefix})
		var got []string
		for i := range page.Objects {
			got = append(got, page.Objects[i].Path)
		}
		if err != nil || !slices.Equal(got, want) || len(page.CommonPrefixes) > 0 {
			t.Errorf("the root package's objects below %q are %q and %q, %v, want %q", prefix, got, page.CommonPrefixes, err, want)
		}
	}
}
