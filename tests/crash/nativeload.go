package crash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"trivium/core/coretest"
	"trivium/nativeapi/client"
	v1 "trivium/nativeapi/v1"
)

// nativeCall sends a call of the native API.
func (w *worker) nativeCall(ctx context.Context, p *process) error {
	switch w.rnd.IntN(12) {
	case 0, 1:
		return w.nativePut(ctx, p, w.pick())
	case 2, 3, 4:
		return w.nativeUpload(ctx, p)
	case 5:
		return w.nativeDelete(ctx, p, w.pick())
	case 6, 7:
		return w.nativeMove(ctx, p)
	case 8:
		return w.nativeClone(ctx, p)
	case 9:
		return w.restore(ctx, p)
	}
	return w.nativeParts(ctx, p)
}

// path is a key in its package.
func (o *object) path() string {
	_, path, _ := strings.Cut(o.key, "/")
	return path
}

// nativePut is putByPath, sometimes of unknown length.
func (w *worker) nativePut(ctx context.Context, p *process, o *object) error {
	body := w.body()
	size := int64(len(body))
	if w.rnd.IntN(3) == 0 {
		size = -1
	}
	_, err := p.api.Put(ctx, p.packageID(o.bucket, w.name), o.path(), bytes.NewReader(body), size)
	return w.settle(p, "putByPath", err, change{o, stateOf(body, "")})
}

// nativeUpload is object/upload of some files, which appear together or not at all.
func (w *worker) nativeUpload(ctx context.Context, p *process) error {
	targets := slices.Clone(w.files)
	w.rnd.Shuffle(len(targets), func(i, j int) { targets[i], targets[j] = targets[j], targets[i] })
	targets = targets[:2+w.rnd.IntN(len(targets)-1)]
	files, changes := make([]client.File, len(targets)), make([]change, len(targets))
	for i, o := range targets {
		body := w.body()
		files[i] = client.File{Path: o.path(), Body: bytes.NewReader(body)}
		changes[i] = change{o, stateOf(body, "")}
	}
	all, err := p.api.Upload(ctx, p.packageID(plain, w.name), files)
	if err == nil && len(all) != len(files) {
		return fmt.Errorf("upload of %d files answers with %d", len(files), len(all))
	}
	return w.settle(p, "upload", err, changes...)
}

// identify finds the objectID of a key, which must be there.
func (w *worker) identify(ctx context.Context, p *process, o *object) (int64, error) {
	info, err := p.api.InfoAt(ctx, p.packageID(o.bucket, w.name), o.path())
	if err != nil && status(err) != 0 {
		return 0, fmt.Errorf("object/info of %s/%s: %w", o.bucket, o.key, err)
	}
	return info.Object.ObjectID, err
}

func (w *worker) nativeDelete(ctx context.Context, p *process, o *object) error {
	if !o.there() {
		return w.nativePut(ctx, p, o)
	}
	id, err := w.identify(ctx, p, o)
	if err != nil {
		return answered(err)
	}
	return w.settle(p, "delete", p.api.Delete(ctx, id), change{o, absent})
}

func (w *worker) nativeMove(ctx context.Context, p *process) error {
	from, to := w.choose(true), w.choose(false)
	if from == nil || to == nil {
		return w.nativePut(ctx, p, w.pick())
	}
	id, err := w.identify(ctx, p, from)
	if err != nil {
		return answered(err)
	}
	moved, err := p.api.Move(ctx, []v1.Moving{{ObjectID: id, PackageID: p.packageID(to.bucket, w.name), Path: to.path()}})
	if err == nil && !slices.Equal(moved, []int64{id}) {
		return fmt.Errorf("move of %s to %s: %v were moved", from.key, to.key, moved)
	}
	return w.settle(p, "move", err, change{from, absent}, change{to, from.state})
}

func (w *worker) nativeClone(ctx context.Context, p *process) error {
	from, to := w.choose(true), w.choose(false)
	if w.rnd.IntN(4) == 0 && !w.history.there() {
		to = w.history
	}
	if from == nil || to == nil {
		return w.nativePut(ctx, p, w.pick())
	}
	id, err := w.identify(ctx, p, from)
	if err != nil {
		return answered(err)
	}
	all, err := p.api.Clone(ctx, []v1.Cloning{{ObjectID: id, NewPackageID: p.packageID(to.bucket, w.name), NewPath: to.path()}})
	if err == nil && (len(all) != 1 || all[0] == nil) {
		return fmt.Errorf("clone of %s to %s: %v", from.key, to.key, all)
	}
	return w.settle(p, "clone", err, change{to, from.state})
}

// restore makes an acknowledged version the current one again.
func (w *worker) restore(ctx context.Context, p *process) error {
	o := w.history
	ids := slices.Sorted(maps.Keys(o.versions))
	if len(ids) == 0 || !o.there() {
		return w.nativePut(ctx, p, o)
	}
	version := ids[w.rnd.IntN(len(ids))]
	id, err := w.identify(ctx, p, o)
	if err != nil {
		return answered(err)
	}
	_, err = p.api.Restore(ctx, id, version)
	return w.settle(p, "restoreVersion", err, change{o, o.versions[version]})
}

// nativeParts goes a step on with a multipart upload: it is begun, gets a part, is completed in some order of its parts
// or aborted. Parts that were acknowledged before a crash count.
func (w *worker) nativeParts(ctx context.Context, p *process) error {
	o := w.parts
	u := o.native
	if u == nil {
		begun, err := p.api.NewUpload(ctx, p.packageID(o.bucket, w.name), o.path())
		if err != nil {
			return w.settle(p, "newMultipartUpload", err) // another one takes its place in any case
		}
		o.native = &nativeUpload{id: begun.ObjectID}
		w.calls++
		return nil
	}
	if len(u.parts) == 0 || len(u.parts) < 4 && w.rnd.IntN(3) > 0 {
		part := coretest.Bytes(w.rnd.Uint64(), w.rnd.IntN(200<<10))
		err := p.api.UploadPart(ctx, u.id, len(u.parts), bytes.NewReader(part))
		if err == nil {
			u.parts = append(u.parts, part)
		}
		return w.settle(p, "uploadPart", err)
	}
	o.native = nil // completed or aborted, or nobody knows
	if w.rnd.IntN(5) == 0 {
		return w.settle(p, "abortMultipartUpload", p.api.AbortUpload(ctx, u.id))
	}
	indexes := make([]int, len(u.parts))
	for i := range indexes {
		indexes[i] = i
	}
	if w.rnd.IntN(2) == 0 {
		w.rnd.Shuffle(len(indexes), func(i, j int) { indexes[i], indexes[j] = indexes[j], indexes[i] })
	}
	var whole []byte
	for _, i := range indexes {
		whole = append(whole, u.parts[i]...)
	}
	_, err := p.api.CompleteUpload(ctx, u.id, indexes)
	return w.settle(p, "completeMultipartUpload", err, change{o, stateOf(whole, "")})
}

// errUnfinished: the native API shows an unfinished upload there.
var errUnfinished = errors.New("an unfinished upload lies over it")

// fetchNative reads a key through the native API.
func fetchNative(ctx context.Context, p *process, o *object) (string, error) {
	pkg, _, _ := strings.Cut(o.key, "/")
	info, err := p.api.InfoAt(ctx, p.packageID(o.bucket, pkg), o.path())
	switch {
	case status(err) == http.StatusNotFound:
		return absent, nil
	case err != nil:
		return "", err
	case info.Object.Redundancy.Type == v1.RedundancyUpload:
		return "", errUnfinished
	}
	c, err := p.api.Download(ctx, info.Object.ObjectID, "")
	if err != nil {
		return "", err
	}
	defer c.Close()
	body, err := readAll(c, c.Size)
	return stateOf(body, info.Info.Metadata["mtime"]), err
}
