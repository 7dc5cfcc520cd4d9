package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"reflect"
	"slices"
	"strconv"

	v1 "trivium/nativeapi/v1"
)

// API makes the calls of /v1 that are not the administration's. All methods may be called concurrently; errors are
// those of Client.
type API struct{ c *Client }

// API returns the native API of the server.
func (c *Client) API() API { return API{c} }

// read makes a GET.
func read[T any](ctx context.Context, a API, call string, query url.Values) (T, error) {
	var none T
	r, err := a.c.request(ctx, http.MethodGet, v1.Prefix+call+"?"+query.Encode(), nil)
	if err != nil {
		return none, fmt.Errorf("%s: %w", call, err)
	}
	return answerOf[T](a.c, r)
}

// write makes a POST with a document.
func write[T any](ctx context.Context, a API, call string, doc any) (T, error) {
	var none T
	body, err := json.Marshal(doc)
	if err != nil {
		return none, fmt.Errorf("%s: %w", call, err)
	}
	r, err := a.c.request(ctx, http.MethodPost, v1.Prefix+call, bytes.NewReader(body))
	if err != nil {
		return none, fmt.Errorf("%s: %w", call, err)
	}
	r.Header.Set("Content-Type", "application/json")
	return answerOf[T](a.c, r)
}

// done is the data of calls that answer none.
type done = *struct{}

// values makes a query of names and values; numbers that are 0, false and empty texts are left out, and no other texts.
func values(pairs ...any) url.Values {
	q := url.Values{}
	for pair := range slices.Chunk(pairs, 2) {
		if !reflect.ValueOf(pair[1]).IsZero() {
			q.Set(fmt.Sprint(pair[0]), fmt.Sprint(pair[1]))
		}
	}
	return q
}

// UpdateMetadata changes metadata or content type of an object.
func (a API) UpdateMetadata(ctx context.Context, in v1.UpdateMetadata) (v1.Object, error) {
	out, err := write[v1.OneObject](ctx, a, "object/updateMetadata", in)
	return out.Object, err
}

// Login returns a token of a user.
func (a API) Login(ctx context.Context, user, password string) (v1.LoggedIn, error) {
	return write[v1.LoggedIn](ctx, a, "user/login", v1.Login{Value: user, Password: password})
}

// Health tells whether the server is ready.
func (a API) Health(ctx context.Context) (v1.Health, error) {
	return read[v1.Health](ctx, a, "system/health", nil)
}

// CreateBucket makes a bucket of the caller's.
func (a API) CreateBucket(ctx context.Context, name string) (v1.Bucket, error) {
	out, err := write[v1.OneBucket](ctx, a, "bucket/create", v1.NewBucket{Name: name})
	return out.Bucket, err
}

// Bucket finds a bucket by its name.
func (a API) Bucket(ctx context.Context, name string) (v1.Bucket, error) {
	out, err := read[v1.OneBucket](ctx, a, "bucket/getByName", url.Values{"name": {name}})
	return out.Bucket, err
}

// Buckets returns the buckets that the caller may read, by id.
func (a API) Buckets(ctx context.Context) ([]v1.Bucket, error) {
	out, err := read[v1.AllBuckets](ctx, a, "bucket/listAll", nil)
	return out.Buckets, err
}

// DeleteBucket removes a bucket with all it holds.
func (a API) DeleteBucket(ctx context.Context, id int64) error {
	_, err := write[done](ctx, a, "bucket/delete", v1.BucketRef{BucketID: id})
	return err
}

// Policy returns what the owner of a bucket has set.
func (a API) Policy(ctx context.Context, bucket int64) (v1.Policy, error) {
	out, err := read[v1.OnePolicy](ctx, a, "bucket/getPolicy", values("bucketID", bucket))
	return out.Policy, err
}

// SetPolicy changes it; what is nil stays.
func (a API) SetPolicy(ctx context.Context, bucket int64, change v1.PolicyChange) (v1.Policy, error) {
	out, err := write[v1.OnePolicy](ctx, a, "bucket/setPolicy", v1.NewPolicy{BucketID: bucket, Policy: change})
	return out.Policy, err
}

// CreatePackage makes a package.
func (a API) CreatePackage(ctx context.Context, bucket int64, name string) (v1.Package, error) {
	out, err := write[v1.OnePackage](ctx, a, "package/create", v1.NewPackage{BucketID: bucket, Name: name})
	return out.Package, err
}

// Package finds a package by its name and that of its bucket; "" is the root package.
func (a API) Package(ctx context.Context, bucket, name string) (v1.Package, error) {
	out, err := read[v1.OnePackage](ctx, a, "package/getByFullName", url.Values{"bucketName": {bucket}, "packageName": {name}})
	return out.Package, err
}

// PackageByID finds a package.
func (a API) PackageByID(ctx context.Context, id int64) (v1.Package, error) {
	out, err := read[v1.OnePackage](ctx, a, "package/getByID", values("packageID", id))
	return out.Package, err
}

// Packages returns the packages of a bucket, by id.
func (a API) Packages(ctx context.Context, bucket int64) ([]v1.Package, error) {
	out, err := read[v1.AllPackages](ctx, a, "package/listBucketPackages", values("bucketID", bucket))
	return out.Packages, err
}

// DeletePackage removes a package with its objects.
func (a API) DeletePackage(ctx context.Context, id int64) error {
	_, err := write[done](ctx, a, "package/delete", v1.PackageRef{PackageID: id})
	return err
}

// Info describes an object.
func (a API) Info(ctx context.Context, object int64) (v1.ObjectInfo, error) {
	return read[v1.ObjectInfo](ctx, a, "object/info", values("objectID", object))
}

// InfoAt describes the object at a path of a package.
func (a API) InfoAt(ctx context.Context, pkg int64, path string) (v1.ObjectInfo, error) {
	return read[v1.ObjectInfo](ctx, a, "object/info", url.Values{"packageID": {strconv.FormatInt(pkg, 10)}, "path": {path}})
}

// InfoNamed describes the object at a key of a bucket; with deleted it may be one that a delete marker hides.
func (a API) InfoNamed(ctx context.Context, bucket, key string, deleted bool) (v1.ObjectInfo, error) {
	return read[v1.ObjectInfo](ctx, a, "object/info", values("path", "/"+bucket+"/"+key, "deleted", deleted))
}

// ListOptions select a page of the objects of a package whose paths have the prefix. Folded: what has a slash behind
// the prefix is a common prefix.
type ListOptions struct {
	Prefix  string
	Folded  bool
	MaxKeys int    // 0: as many as a page has
	Token   string // of the page before; "": the first page
}

// List returns a page of the objects of a package.
func (a API) List(ctx context.Context, pkg int64, o ListOptions) (v1.ObjectPage, error) {
	return read[v1.ObjectPage](ctx, a, "object/listByPath", values(
		"packageID", pkg, "path", o.Prefix, "isPrefix", true, "noRecursive", o.Folded, "maxKeys", o.MaxKeys, "continuationToken", o.Token,
	))
}

// Objects returns all objects of a package, by path. Large packages are listed in pages.
func (a API) Objects(ctx context.Context, pkg int64) ([]v1.Object, error) {
	out, err := read[v1.AllObjects](ctx, a, "object/getPackageObjects", values("packageID", pkg))
	return out.Objects, err
}

// Move moves objects and returns the ids of those that were moved.
func (a API) Move(ctx context.Context, items []v1.Moving) ([]int64, error) {
	out, err := write[v1.Moved](ctx, a, "object/move", v1.Move{Movings: items})
	return out.Successes, err
}

// Delete deletes objects; those that are not there are no error.
func (a API) Delete(ctx context.Context, objects ...int64) error {
	_, err := write[done](ctx, a, "object/delete", v1.Delete{ObjectIDs: objects})
	return err
}

// Clone copies objects; nil stands where no copy was made.
func (a API) Clone(ctx context.Context, items []v1.Cloning) ([]*v1.Object, error) {
	out, err := write[v1.Cloned](ctx, a, "object/clone", v1.Clone{Clonings: items})
	return out.Objects, err
}

// NewUpload begins a multipart upload.
func (a API) NewUpload(ctx context.Context, pkg int64, path string) (v1.Object, error) {
	out, err := write[v1.OneObject](ctx, a, "object/newMultipartUpload", v1.NewUpload{PackageID: pkg, Path: path})
	return out.Object, err
}

// CompleteUpload joins parts in the order of the indexes.
func (a API) CompleteUpload(ctx context.Context, object int64, indexes []int) (v1.Object, error) {
	out, err := write[v1.OneObject](ctx, a, "object/completeMultipartUpload", v1.Complete{ObjectID: object, Indexes: indexes})
	return out.Object, err
}

// AbortUpload ends a multipart upload.
func (a API) AbortUpload(ctx context.Context, object int64) error {
	_, err := write[done](ctx, a, "object/abortMultipartUpload", v1.ObjectRef{ObjectID: object})
	return err
}

// Parts returns the parts of a multipart upload.
func (a API) Parts(ctx context.Context, object int64) ([]v1.Part, error) {
	out, err := read[v1.AllParts](ctx, a, "object/listParts", values("objectID", object))
	return out.Parts, err
}

// Presign makes a URL that allows one download or upload.
func (a API) Presign(ctx context.Context, p v1.Presign) (v1.Presigned, error) {
	return write[v1.Presigned](ctx, a, "object/presign", p)
}

// Versions returns all versions of an object, newest first.
func (a API) Versions(ctx context.Context, object int64) ([]v1.Version, error) {
	all := []v1.Version{}
	for token := ""; ; {
		page, err := read[v1.VersionPage](ctx, a, "object/listVersions", values("objectID", object, "continuationToken", token))
		if err != nil {
			return nil, err
		}
		all = append(all, page.Versions...)
		if token = page.NextContinuationToken; !page.IsTruncated || token == "" {
			return all, nil
		}
	}
}

// Restore makes an older version the current one again.
func (a API) Restore(ctx context.Context, object int64, version string) (v1.Object, error) {
	out, err := write[v1.OneObject](ctx, a, "object/restoreVersion", v1.Restore{ObjectID: object, VersionID: version})
	return out.Object, err
}

// Put stores the body, of size bytes, -1 if that is not known, at a path of a package. It does not close body.
func (a API) Put(ctx context.Context, pkg int64, path string, body io.Reader, size int64) (v1.Object, error) {
	return a.put(ctx, url.Values{"packageID": {strconv.FormatInt(pkg, 10)}, "path": {path}}, body, size)
}

// PutNamed is Put to a key of a bucket, whose package comes to be where there is none.
func (a API) PutNamed(ctx context.Context, bucket, key string, body io.Reader, size int64) (v1.Object, error) {
	return a.put(ctx, url.Values{"path": {"/" + bucket + "/" + key}}, body, size)
}

func (a API) put(ctx context.Context, q url.Values, body io.Reader, size int64) (v1.Object, error) {
	if size == 0 {
		body = http.NoBody
	}
	r, err := a.c.request(ctx, http.MethodPut, v1.Prefix+"object/putByPath?"+q.Encode(), io.NopCloser(body))
	if err != nil {
		return v1.Object{}, fmt.Errorf("put: %w", err)
	}
	r.ContentLength = size
	out, err := answerOf[v1.OneObject](a.c, r)
	return out.Object, err
}

// File is one file of Upload.
type File struct {
	Path        string
	Body        io.Reader
	ContentType string // "": the server guesses it
}

// Upload stores files that become visible together. It does not close their bodies.
func (a API) Upload(ctx context.Context, pkg int64, files []File) ([]v1.Object, error) {
	out, err := form[v1.Uploaded](ctx, a, "object/upload", v1.UploadInfo{PackageID: pkg}, files)
	return out.Uploadeds, err
}

// UploadPart stores a part of a multipart upload.
func (a API) UploadPart(ctx context.Context, object int64, index int, body io.Reader) error {
	_, err := form[done](ctx, a, "object/uploadPart", v1.PartInfo{ObjectID: object, Index: index}, []File{{Path: "part", Body: body}})
	return err
}

// form sends a multipart form, as it is read.
func form[T any](ctx context.Context, a API, call string, info any, files []File) (T, error) {
	var none T
	out, pipe := io.Pipe()
	w := multipart.NewWriter(pipe)
	r, err := a.c.request(ctx, http.MethodPost, v1.Prefix+call, out)
	if err != nil {
		return none, fmt.Errorf("%s: %w", call, err)
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	written := make(chan error, 1)
	go func() {
		err := writeForm(w, info, files)
		pipe.CloseWithError(err)
		written <- err
	}()
	data, err := answerOf[T](a.c, r)
	_ = out.Close()
	if werr := <-written; werr != nil && !errors.Is(werr, io.ErrClosedPipe) {
		return data, werr
	}
	return data, err
}

// writeForm writes info and files.
func writeForm(w *multipart.Writer, info any, files []File) error {
	part, err := w.CreateFormField("info")
	if err == nil {
		err = json.NewEncoder(part).Encode(info)
	}
	for i := 0; i < len(files) && err == nil; i++ {
		f := &files[i]
		h := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="files"; filename="` + url.PathEscape(f.Path) + `"`}}
		if f.ContentType != "" {
			h.Set("Content-Type", f.ContentType)
		}
		if part, err = w.CreatePart(h); err == nil {
			_, err = io.Copy(part, f.Body)
		}
	}
	if err != nil {
		return err
	}
	return w.Close()
}

// Content is an opened download. An error in mid-read means that the rest is missing.
type Content struct {
	io.ReadCloser
	Size int64 // -1: not known before the end
}

// Download opens the content of an object; version "" is the current one. The caller closes it.
func (a API) Download(ctx context.Context, object int64, version string) (*Content, error) {
	return a.content(ctx, "object/download", values("objectID", object, "versionID", version))
}

// DownloadPackage opens an archive of a package's objects whose paths have the prefix: zip or tar. The caller closes
// it.
func (a API) DownloadPackage(ctx context.Context, pkg int64, format, prefix string) (*Content, error) {
	return a.content(ctx, "package/download", values("packageID", pkg, "format", format, "prefix", prefix))
}

// content opens an answer that is content.
func (a API) content(ctx context.Context, call string, query url.Values) (*Content, error) {
	r, err := a.c.request(ctx, http.MethodGet, v1.Prefix+call+"?"+query.Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", call, err)
	}
	resp, err := a.c.send(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return &Content{resp.Body, resp.ContentLength}, nil
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return nil, a.c.refused(resp.StatusCode, text)
}
