package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"

	"trivium/core/coretest"
	"trivium/nativeapi/client"
	v1 "trivium/nativeapi/v1"
)

// native is a server as clients of its native API see it.
type native struct {
	target

	pkg     int64            // a package of the bucket
	objects map[string]int64 // ids of what lies in it, by path
}

// nativePackage is the name of the package.
const nativePackage = "native"

// native logs in and finds the package, which it makes, and what lies in it.
func (b *bench) native(name string, s *server) (n native, err error) {
	c, err := client.Remote("http://"+s.addr, userName, password)
	if err != nil {
		return n, err
	}
	api := c.API()
	in, err := api.Login(b.ctx, userName, password)
	if err != nil {
		return n, err
	}
	home, err := api.Bucket(b.ctx, bucket)
	if err != nil {
		return n, err
	}
	pkg, err := api.Package(b.ctx, bucket, nativePackage)
	if err != nil {
		if pkg, err = api.CreatePackage(b.ctx, home.BucketID, nativePackage); err != nil {
			return n, err
		}
	}
	objects, err := api.Objects(b.ctx, pkg.PackageID)
	if err != nil {
		return n, err
	}
	n = native{pkg: pkg.PackageID, objects: map[string]int64{}}
	n.target = target{name: name, addr: s.addr, header: "Authorization: Bearer " + in.Token + "\r\n"}
	for _, o := range objects {
		n.objects[o.Path] = o.ObjectID
	}
	return n, nil
}

// nativeRow is what a row about objects of one size needs.
type nativeRow struct {
	b              *bench
	size, clients  int
	count          int
	files          int // in one request of object/upload
	servers        map[string]native
	bearer, signed []target // the first of each is measured, the others are what it is measured beside
}

// nativeRow begins a row. count is a multiple of files.
func (b *bench) nativeRow(size, clients, count, files int) (*nativeRow, error) {
	r := &nativeRow{b: b, size: size, clients: clients, count: count, files: files, servers: map[string]native{}}
	s3 := target{name: "S3, SigV4", addr: b.server.addr}
	if err := b.nativeStock(size, b.server); err != nil {
		return nil, err
	}
	n, err := b.native("native", b.server)
	if err != nil {
		return nil, err
	}
	r.servers[n.name], r.bearer = n, []target{n.target, s3}
	r.signed = []target{{name: n.name, addr: n.addr}, s3}
	if b.before == nil {
		return r, nil
	}
	if err := b.nativeStock(size, b.before); err != nil {
		return nil, err
	}
	if n, err = b.native("before", b.before); err != nil {
		return nil, err
	}
	r.servers[n.name], r.bearer = n, append(r.bearer, n.target)
	r.signed = append(r.signed, target{name: n.name, addr: n.addr})
	return r, nil
}

// nativeStock puts objects into the package.
func (b *bench) nativeStock(size int, s *server) error {
	name := "native" + strconv.Itoa(size) + s.addr
	if b.filled[name] > 0 {
		return nil
	}
	b.filled[name] = stock(size)
	_, _, err := send(b.ctx, target{addr: s.addr}, 4, stock(size), func(i int) request {
		return b.signed(http.MethodPut, bucket, nativePackage+"/"+stockPath(size, i), nil, coretest.Bytes(uint64(i), size))
	})
	return err
}

// stockPath is the path of an object that is read.
func stockPath(size, i int) string { return fmt.Sprintf("get%d/%04d", size, i%stock(size)) }

// how is how requests for a target of the native API are authenticated, in a word.
func (t target) how() string {
	if t.header == "" {
		return "signed"
	}
	return "bearer"
}

// call makes the request of a call of the native API for a target.
func (r *nativeRow) call(t target, method, call string, query url.Values, body []byte) request {
	if t.header == "" {
		return r.b.signed(method, "v1", call, query, body)
	}
	return request{method: method, target: v1.Prefix + call + "?" + query.Encode(), body: body, want: http.StatusOK}
}

// content is what is stored, each time another.
func (r *nativeRow) content(t target, what string, round, i int) []byte {
	body := coretest.Bytes(uint64(i), r.size)
	copy(body, fmt.Sprint(what, t.name, round))
	return body
}

// put measures object/putByPath beside S3 PUT.
func (r *nativeRow) put(what, aim string, all []target) error {
	return r.b.contrast(figure{what: what, unit: unitOf(r.size), aim: aim}, all, func(t target, round int) (float64, error) {
		took, _, err := send(r.b.ctx, t, r.clients, r.count, func(i int) request {
			path, body := fmt.Sprintf("put%d/%s%d/%06d", r.size, all[0].how(), round, i), r.content(t, what, round, i)
			n, ok := r.servers[t.name]
			if !ok {
				return r.b.signed(http.MethodPut, bucket, "s3-"+path, nil, body)
			}
			query := url.Values{"packageID": {strconv.FormatInt(n.pkg, 10)}, "path": {path}}
			return r.call(t, http.MethodPut, "object/putByPath", query, body)
		})
		return rate(r.count, r.size, took), err
	})
}

// upload measures object/upload of some files in a request beside as many S3 PUTs.
func (r *nativeRow) upload(what, aim string, all []target) error {
	return r.b.contrast(figure{what: what, unit: unitOf(r.size), aim: aim}, all, func(t target, round int) (float64, error) {
		n, ok := r.servers[t.name]
		count, one := r.count/r.files, func(i int) request { return r.form(t, n.pkg, what, round, i) }
		if !ok {
			count, one = r.count, func(i int) request {
				key := fmt.Sprintf("s3-upload%d/%d/%06d", r.size, round, i)
				return r.b.signed(http.MethodPut, bucket, key, nil, r.content(t, what, round, i))
			}
		}
		took, _, err := send(r.b.ctx, t, min(r.clients, count), count, one)
		return rate(r.count, r.size, took), err
	})
}

// form makes a request of object/upload.
func (r *nativeRow) form(t target, pkg int64, what string, round, i int) request {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	info, err := json.Marshal(v1.UploadInfo{PackageID: pkg})
	err = errors.Join(err, w.WriteField("info", string(info)))
	for k := range r.files {
		path := fmt.Sprintf("upload%d/%d/%06d-%d", r.size, round, i, k)
		part, partErr := w.CreateFormFile("files", url.PathEscape(path))
		if partErr == nil {
			_, partErr = part.Write(r.content(t, what, round, i*r.files+k))
		}
		err = errors.Join(err, partErr)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		panic(err) // nothing of this can fail
	}
	req := r.call(t, http.MethodPost, "object/upload", nil, body.Bytes())
	req.header = "Content-Type: " + w.FormDataContentType() + "\r\n"
	return req
}

// get measures object/download, or object/downloadByPath, beside S3 GET.
func (r *nativeRow) get(what, aim string, byPath bool, all []target) error {
	return r.b.contrast(figure{what: what, unit: unitOf(r.size), aim: aim}, all, func(t target, _ int) (float64, error) {
		n, ok := r.servers[t.name]
		took, got, err := send(r.b.ctx, t, r.clients, 2*r.count, func(i int) request {
			path := stockPath(r.size, i)
			switch {
			case !ok:
				return r.b.signed(http.MethodGet, bucket, nativePackage+"/"+path, nil, nil)
			case byPath:
				query := url.Values{"packageID": {strconv.FormatInt(n.pkg, 10)}, "path": {path}}
				return r.call(t, http.MethodGet, "object/downloadByPath", query, nil)
			}
			query := url.Values{"objectID": {strconv.FormatInt(n.objects[path], 10)}}
			return r.call(t, http.MethodGet, "object/download", query, nil)
		})
		if err == nil && got != int64(2*r.count)*int64(r.size) {
			err = fmt.Errorf("%d bytes, want %d", got, int64(2*r.count)*int64(r.size))
		}
		return rate(2*r.count, r.size, took), err
	})
}

// rowNativeSmall stores and reads small objects through the native API, beside S3.
func (b *bench) rowNativeSmall() error {
	r, err := b.nativeRow(4<<10, 16, b.pick(4000, 1000), 50)
	if err != nil {
		return err
	}
	return errors.Join(
		r.put("putByPath 4 KiB, Bearer, 16 clients", "≥ 0.9", r.bearer),
		r.put("putByPath 4 KiB, SigV4, 16 clients", "≥ 0.9", r.signed),
		r.upload("upload 50 x 4 KiB, Bearer, 16 clients", "≥ 0.9", r.bearer),
		r.get("download 4 KiB, Bearer, 16 clients", "≥ 0.9", false, r.bearer),
		r.get("download 4 KiB, SigV4, 16 clients", "≥ 0.9", false, r.signed),
		r.get("downloadByPath 4 KiB, Bearer, 16 clients", "≥ 0.9", true, r.bearer),
	)
}

// rowNativeLarge does that with large ones.
func (b *bench) rowNativeLarge() error {
	r, err := b.nativeRow(64<<20, 1, b.pick(8, 4), 2)
	if err != nil {
		return err
	}
	return errors.Join(
		r.put("putByPath 64 MiB, Bearer, 1 stream", "≥ 0.9", r.bearer),
		r.upload("upload 2 x 64 MiB, Bearer, 1 stream", "≥ 0.9", r.bearer),
		r.get("download 64 MiB, Bearer, 1 stream", "≥ 0.9", false, r.bearer),
	)
}

// fetch makes a request and returns the body of its answer.
func fetch(r *http.Request) ([]byte, error) {
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}
