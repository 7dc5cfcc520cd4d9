package crash

import (
	"bytes"
	"context"
	"net/http"

	"trivium/core"
	"trivium/core/coretest"
	"trivium/tests/s3client"
)

// s3Call sends a call of S3.
func (w *worker) s3Call(ctx context.Context, p *process) error {
	o := w.pick()
	switch n := w.rnd.IntN(85); {
	case n < 42:
		return w.s3Put(ctx, p, o)
	case n < 57:
		return w.settle(p, "DeleteObject", p.client.Delete(ctx, o.bucket, o.key), change{o, absent})
	case n < 70:
		from := w.choose(true)
		if o.bucket != plain || from == nil || from == o {
			return w.s3Put(ctx, p, o)
		}
		return w.settle(p, "CopyObject", p.client.Copy(ctx, plain, from.key, o.key), change{o, from.state})
	}
	return w.multipart(ctx, p, o)
}

func (w *worker) s3Put(ctx context.Context, p *process, o *object) error {
	body, mtime := w.body(), w.mtime()
	h := http.Header{}
	if mtime != "" {
		h.Set("X-Amz-Meta-Mtime", mtime)
	}
	resp, err := p.client.Do(ctx, s3client.Request{
		Method: http.MethodPut, Bucket: o.bucket, Key: o.key, Header: h, Body: bytes.NewReader(body), Size: int64(len(body)),
	})
	state := stateOf(body, mtime)
	if err == nil {
		_ = resp.Body.Close()
		if version := resp.Header.Get("X-Amz-Version-Id"); version != "" {
			o.versions[version] = state
		}
	}
	return w.settle(p, "PutObject", err, change{o, state})
}

// multipart goes one or more steps on with an upload: parts that were acknowledged before a crash count.
func (w *worker) multipart(ctx context.Context, p *process, o *object) error {
	if o.upload == nil {
		id, err := p.client.CreateUpload(ctx, o.bucket, o.key)
		if err != nil {
			return w.settle(p, "CreateMultipartUpload", err)
		}
		body := coretest.Bytes(w.rnd.Uint64(), minPart+w.rnd.IntN(1<<20))
		o.upload = &upload{id: id, body: body, size: minPart}
	}
	u := o.upload
	for len(u.etags) < u.parts() {
		part := u.part(len(u.etags))
		etag, err := p.client.PutPart(ctx, s3client.Part{
			Bucket: o.bucket, Key: o.key, UploadID: u.id, Number: len(u.etags) + 1,
		}, bytes.NewReader(part), int64(len(part)))
		if err != nil {
			return w.settle(p, "UploadPart", err)
		}
		w.calls++
		u.etags = append(u.etags, etag)
		if w.rnd.IntN(3) == 0 {
			return nil // goes on later, perhaps in another life of the server
		}
	}
	o.upload = nil // completed, or nobody knows
	return w.settle(p, "CompleteMultipartUpload", p.client.Complete(ctx, o.bucket, o.key, u.id, u.etags), change{o, stateOf(u.body, "")})
}

// longList completes an upload of more parts than a list keeps in its row and deletes it again: what the collector
// takes apart by itself. Nobody reads it; inspect counts the references that are left.
func longList(ctx context.Context, p *process) error {
	body := coretest.Bytes(1, minPart)
	id, err := p.client.CreateUpload(ctx, plain, longKey)
	var etags []string
	for n := 1; err == nil && n <= core.ShortList+1; n++ {
		var etag string
		part := s3client.Part{Bucket: plain, Key: longKey, UploadID: id, Number: n}
		etag, err = p.client.PutPart(ctx, part, bytes.NewReader(body), minPart)
		etags = append(etags, etag)
	}
	if err == nil {
		err = p.client.Complete(ctx, plain, longKey, id, etags)
	}
	if err == nil {
		err = p.client.Delete(ctx, plain, longKey)
	}
	return answered(err) // where there was none the server died at another point on the way
}

// longKey is the key of longList.
const longKey = "long"
