package crash

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"trivium/tests/s3client"
)

// fetch reads a key whole through S3 and returns its state.
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
	return stateOf(body, resp.Header.Get("X-Amz-Meta-Mtime")), nil
}

// reader is how one door reads a key.
type reader func(context.Context, *process, *object) (string, error)

// readers are those of the doors that show a key. WebDAV shows no marker, and the native API not what lies below an
// unfinished upload.
func (w *worker) readers(o *object) map[string]reader {
	all := map[string]reader{"S3": fetch, "native": fetchNative}
	if !strings.HasSuffix(o.key, "/") {
		all["WebDAV"] = fetchDAV
	}
	if o == w.parts {
		all["native"] = func(ctx context.Context, p *process, o *object) (string, error) {
			state, err := fetchNative(ctx, p, o)
			if errors.Is(err, errUnfinished) {
				return fetch(ctx, p, o)
			}
			return state, err
		}
	}
	return all
}

// fetch reads a key through any door.
func (w *worker) fetch(ctx context.Context, p *process, o *object) (string, error) {
	all := w.readers(o)
	doors := slices.Sorted(maps.Keys(all))
	return all[doors[w.rnd.IntN(len(doors))]](ctx, p, o)
}

// verify reads every key back through all doors: all of them must be there as acknowledged, whole, and no others.
func verify(ctx context.Context, p *process, all []*worker) error {
	var wg sync.WaitGroup
	found := make([]error, len(all))
	for i, w := range all {
		wg.Go(func() { found[i] = w.verify(ctx, p) })
	}
	wg.Wait()
	return errors.Join(append(found, verifyLists(ctx, p, all))...)
}

// verify does so with the keys of one worker.
func (w *worker) verify(ctx context.Context, p *process) error {
	if w.unsure != nil {
		if done, err := w.resolve(ctx, p); err != nil || !done {
			return fmt.Errorf("%s: the last call was resolved: %t, %w", w.name, done, err)
		}
	}
	var errs []error
	for _, o := range w.objects {
		for door, read := range w.readers(o) {
			state, err := read(ctx, p, o)
			if err == nil {
				err = o.saw(state)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %s: %w", o.key, door, err))
			}
		}
		errs = append(errs, verifyVersions(ctx, p, o))
	}
	for _, f := range w.folders {
		_, _, err := p.dav(ctx, davRequest{method: "PROPFIND", bucket: plain, key: f.path, header: map[string]string{"Depth": "0"}})
		if there := err == nil; there != f.there() || status(err) != http.StatusNotFound && !there {
			errs = append(errs, fmt.Errorf("the folder %s: %w, it is there: %t", f.path, err, f.there()))
		}
	}
	if token, err := p.lockOf(ctx, w.locked); err != nil || token != w.locked.lock {
		errs = append(errs, fmt.Errorf("%s has the lock %q, %w, want %q", w.locked.key, token, err, w.locked.lock))
	}
	return errors.Join(errs...)
}

// verifyLists compares what S3 and the native API list with the ledger.
func verifyLists(ctx context.Context, p *process, all []*worker) error {
	page, err := p.client.List(ctx, plain, url.Values{})
	if err != nil {
		return err
	}
	listed := map[string]string{}
	for _, it := range page.Contents {
		if it.Key != longKey {
			listed[it.Key] = "S3"
		}
	}
	for _, w := range all {
		objects, err := p.api.Objects(ctx, p.packageID(plain, w.name))
		if err != nil {
			return err
		}
		for i := range objects {
			listed[w.name+"/"+objects[i].Path] += " native"
		}
		for _, o := range w.objects {
			switch got := listed[o.key]; {
			case o.bucket != plain, o.there() && got == "S3 native", !o.there() && got == "":
			case o == w.parts && strings.TrimSuffix(got, " native") == map[bool]string{true: "S3"}[o.there()]: // an upload
			default:
				return fmt.Errorf("%s is %s, and listed by: %s", o.key, o.state, got)
			}
			if o.bucket == plain {
				delete(listed, o.key)
			}
		}
	}
	if len(listed) > 0 {
		return fmt.Errorf("listed, and nobody has put it: %v", listed)
	}
	return nil
}

// verifyVersions reads every acknowledged version back.
func verifyVersions(ctx context.Context, p *process, o *object) error {
	for _, id := range slices.Sorted(maps.Keys(o.versions)) {
		resp, err := p.client.Do(ctx, s3client.Request{
			Method: http.MethodGet, Bucket: o.bucket, Key: o.key, Query: map[string][]string{"versionId": {id}},
		})
		if err != nil {
			return fmt.Errorf("%s/%s version %s: %w", o.bucket, o.key, id, err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if state := stateOf(body, resp.Header.Get("X-Amz-Meta-Mtime")); err != nil || state != o.versions[id] {
			return fmt.Errorf("%s/%s version %s is %s, want %s (%w)", o.bucket, o.key, id, state, o.versions[id], err)
		}
	}
	return nil
}
