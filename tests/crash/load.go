package crash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"trivium/core"
	"trivium/core/coretest"
	"trivium/tests/s3client"
)

const (
	workers       = 6
	keysPerWorker = 5
	minPart       = 5 << 20
	plain         = "plain"
	versioned     = "versioned"
)

// worker sends one call after the other on keys of its own.
type worker struct {
	rnd     *rand.Rand
	objects []*object
	calls   int // acknowledged
}

// newWorkers makes the workers of one data directory with all their keys absent.
func newWorkers(seed uint64) []*worker {
	all := make([]*worker, workers)
	for i := range all {
		all[i] = &worker{rnd: rand.New(rand.NewPCG(seed, uint64(i)))}
		for k := range keysPerWorker {
			o := &object{bucket: plain, key: fmt.Sprintf("w%d/k%d", i, k), may: []string{absent}, versions: map[string]string{}}
			if k == 0 {
				o.bucket = versioned
			}
			all[i].objects = append(all[i].objects, o)
		}
	}
	return all
}

// run sends calls of all workers until the process dies, limit is over or a worker finds a difference. It returns
// the differences.
func run(ctx context.Context, p *process, all []*worker, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var wg sync.WaitGroup
	found := make([]error, len(all))
	for i, w := range all {
		wg.Go(func() {
			for ctx.Err() == nil && !p.dead() && found[i] == nil {
				// A call that was begun is waited for: the limit ends the load, not the calls.
				found[i] = w.call(context.WithoutCancel(ctx), p)
			}
		})
	}
	wg.Wait()
	return errors.Join(found...)
}

// call sends one random call and keeps the ledger. An error is a difference, or an answer nobody may get.
func (w *worker) call(ctx context.Context, p *process) error {
	o := w.objects[w.rnd.IntN(len(w.objects))]
	if len(o.may) > 1 {
		return w.read(ctx, p, o) // find out first, so that unknown outcomes do not pile up
	}
	switch n := w.rnd.IntN(100); {
	case n < 45:
		return w.put(ctx, p, o)
	case n < 60:
		return w.read(ctx, p, o)
	case n < 75:
		return w.remove(ctx, p, o)
	case n < 87:
		return w.copy(ctx, p, o)
	default:
		return w.multipart(ctx, p, o)
	}
}

// settle books the outcome of a call that wanted to give the key that sum. An error of the server is a failure of
// the test as long as the server was alive: nothing in the traffic asks for one.
func (w *worker) settle(p *process, o *object, err error, sum, version string) error {
	switch {
	case err == nil:
		w.calls++
		o.acknowledged(sum, version)
		return nil
	case s3client.Status(err) == 0:
		o.cutOff(sum)
		return nil
	}
	return fmt.Errorf("%s/%s: %w (server dead: %v)", o.bucket, o.key, err, p.dead())
}

// body draws content: mostly short, some of it shared between workers so that blobs are, rarely long.
func (w *worker) body() []byte {
	sizes := []struct{ chance, from, to int }{
		{40, 0, 16<<10 + 2}, {25, 16<<10 + 1, 100 << 10}, {27, 100 << 10, 1 << 20}, {8, 1 << 20, 10 << 20},
	}
	n := w.rnd.IntN(100)
	for _, s := range sizes {
		if n -= s.chance; n < 0 {
			if s.from > 0 && w.rnd.IntN(4) == 0 {
				return coretest.Bytes(uint64(w.rnd.IntN(3)), s.from) // shared: dedup meets the collector
			}
			return coretest.Bytes(w.rnd.Uint64(), s.from+w.rnd.IntN(s.to-s.from))
		}
	}
	return nil
}

func (w *worker) put(ctx context.Context, p *process, o *object) error {
	body := w.body()
	version, err := p.client.Put(ctx, o.bucket, o.key, bytes.NewReader(body), int64(len(body)))
	return w.settle(p, o, err, sumOf(body), version)
}

func (w *worker) remove(ctx context.Context, p *process, o *object) error {
	return w.settle(p, o, p.client.Delete(ctx, o.bucket, o.key), absent, "")
}

// copy copies another key of the worker, in the plain bucket, onto o.
func (w *worker) copy(ctx context.Context, p *process, o *object) error {
	from := w.objects[1+w.rnd.IntN(len(w.objects)-1)]
	if o.bucket != plain || from == o || len(from.may) > 1 || from.may[0] == absent {
		return w.put(ctx, p, o)
	}
	return w.settle(p, o, p.client.Copy(ctx, plain, from.key, o.key), from.may[0], "")
}

// multipart goes one or more steps on with an upload: parts that were acknowledged before a crash count.
func (w *worker) multipart(ctx context.Context, p *process, o *object) error {
	if o.upload == nil {
		id, err := p.client.CreateUpload(ctx, o.bucket, o.key)
		if err != nil {
			return w.settle(p, o, err, o.may[0], "")
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
			return w.settle(p, o, err, o.may[0], "")
		}
		w.calls++
		u.etags = append(u.etags, etag)
		if w.rnd.IntN(3) == 0 {
			return nil // goes on later, perhaps in another life of the server
		}
	}
	o.upload = nil // completed, or nobody knows
	return w.settle(p, o, p.client.Complete(ctx, o.bucket, o.key, u.id, u.etags), sumOf(u.body), "")
}

// longList completes an upload of more parts than a list keeps in its row and deletes it again: what the collector
// takes apart by itself. Nobody reads it; inspect counts the references that are left.
func longList(ctx context.Context, p *process) error {
	const key = "long"
	body := coretest.Bytes(1, minPart)
	id, err := p.client.CreateUpload(ctx, plain, key)
	var etags []string
	for n := 1; err == nil && n <= core.ShortList+1; n++ {
		var etag string
		part := s3client.Part{Bucket: plain, Key: key, UploadID: id, Number: n}
		etag, err = p.client.PutPart(ctx, part, bytes.NewReader(body), minPart)
		etags = append(etags, etag)
	}
	if err == nil {
		err = p.client.Complete(ctx, plain, key, id, etags)
	}
	if err == nil {
		err = p.client.Delete(ctx, plain, key)
	}
	if s3client.Status(err) == 0 {
		return nil // done, or the server died at another point on the way
	}
	return err
}

// read compares a key with the ledger. An answer that broke off says nothing.
func (w *worker) read(ctx context.Context, p *process, o *object) error {
	sum, err := fetch(ctx, p, o)
	if err != nil {
		if s3client.Status(err) != 0 {
			return fmt.Errorf("read %s/%s: %w", o.bucket, o.key, err)
		}
		return nil
	}
	return o.saw(sum)
}

// fetch reads a key whole and returns its sum.
func fetch(ctx context.Context, p *process, o *object) (string, error) {
	resp, err := p.client.Get(ctx, o.bucket, o.key, "")
	if s3client.Status(err) == http.StatusNotFound {
		return absent, nil
	}
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	return sumOf(body), nil
}

// verify reads every key back: all of them must be there as acknowledged, whole.
func verify(ctx context.Context, p *process, all []*worker) error {
	var wg sync.WaitGroup
	found := make([]error, len(all))
	for i, w := range all {
		wg.Go(func() {
			for _, o := range w.objects {
				sum, err := fetch(ctx, p, o)
				if err == nil {
					err = o.saw(sum)
				}
				found[i] = errors.Join(found[i], err, verifyVersions(ctx, p, o))
			}
		})
	}
	wg.Wait()
	return errors.Join(found...)
}

// verifyVersions reads every acknowledged version back.
func verifyVersions(ctx context.Context, p *process, o *object) error {
	ids := make([]string, 0, len(o.versions))
	for id := range o.versions {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		resp, err := p.client.Do(ctx, s3client.Request{
			Method: http.MethodGet, Bucket: o.bucket, Key: o.key, Query: map[string][]string{"versionId": {id}},
		})
		if err != nil {
			return fmt.Errorf("%s/%s version %s: %w", o.bucket, o.key, id, err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || sumOf(body) != o.versions[id] {
			return fmt.Errorf("%s/%s version %s is %s, want %s (%w)", o.bucket, o.key, id, sumOf(body), o.versions[id], err)
		}
	}
	return nil
}
