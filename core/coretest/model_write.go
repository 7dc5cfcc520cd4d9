package coretest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"trivium/core"
)

// conditions makes conditions of a write and tells what they should give on v (nil: no live object).
func (m *Model) conditions(v *modelVersion) (c core.Conditions, want core.Code, fails bool) {
	switch m.rnd.IntN(12) {
	case 0:
		c.IfNoneMatch = []string{"*"}
		return c, core.PreconditionFailed, v != nil
	case 1:
		c.IfMatch = []string{"*"}
		return c, core.NoSuchKey, v == nil
	case 2:
		c.IfMatch = []string{"0123"}
		if v == nil {
			return c, core.NoSuchKey, true
		}
		return c, core.PreconditionFailed, true
	case 3:
		if v == nil {
			return c, 0, false
		}
		c.IfMatch = []string{"0123", v.etag}
	case 4:
		if v == nil {
			return c, 0, false
		}
		c.IfNoneMatch = []string{v.etag}
		return c, core.PreconditionFailed, true
	}
	return c, 0, false
}

// options makes options of a write with some metadata.
func (m *Model) options() (core.PutOptions, string) {
	meta := fmt.Sprint(m.rnd.IntN(1000))
	if m.rnd.IntN(10) == 0 {
		meta += string(bytes.Repeat([]byte("m"), 600)) // into the side row
	}
	return core.PutOptions{Attrs: core.Attrs{ContentType: "x/y", Metadata: map[string]string{"m": meta}}}, meta
}

func (m *Model) put(ctx context.Context) error {
	b, key, content := m.bucket(), m.key(), m.content()
	opts, meta := m.options()
	var want core.Code
	var fails bool
	opts.Conditions, want, fails = m.conditions(b.live(key))
	m.begin("put %s %q, %d bytes, %+v", b.name, key, content.Size(), opts.Conditions)
	data := content.Bytes()
	size := int64(len(data))
	if m.rnd.IntN(3) == 0 {
		size = -1
	}
	res, err := m.env.Admin.PutObject(ctx, b.name, key, bytes.NewReader(data), size, opts)
	if done, err := m.outcome(err, want, fails); done {
		return err
	}
	v := &modelVersion{content: content, etag: md5Hex(data), meta: meta}
	if err := m.entry(b, key, &res.Entry, v); err != nil {
		return err
	}
	b.install(key, v, &res.Entry)
	return nil
}

func (m *Model) remove(ctx context.Context) error {
	b := m.bucket()
	key := m.existing(b)
	m.begin("delete %s %q", b.name, key)
	res, err := m.env.Admin.DeleteObject(ctx, b.name, key, core.DeleteOptions{})
	if done, err := m.outcome(err, 0, false); done {
		return err
	}
	return m.removed(ctx, b, key, res)
}

// removed brings the model to the state after a deletion without a version.
func (m *Model) removed(ctx context.Context, b *modelBucket, key string, res core.DeleteResult) error {
	if b.versioning == core.VersioningOff {
		delete(b.objects, key)
		if res != (core.DeleteResult{}) {
			return m.differ("result is %+v", res)
		}
		return nil
	}
	if !res.MarkerMade || (res.VersionID == "null") != (b.versioning == core.VersioningSuspended) {
		return m.differ("result is %+v, want a marker", res)
	}
	e, err := m.hidden(ctx, b, key)
	if err != nil {
		return err
	}
	if o := b.objects[key]; o != nil && o.id != e.ObjectID {
		return m.differ("objectID is %d, want %d", e.ObjectID, o.id)
	}
	b.install(key, &modelVersion{marker: true}, &e)
	return nil
}

// hidden reads the entry of a key from the store.
func (m *Model) hidden(ctx context.Context, b *modelBucket, key string) (e core.Entry, err error) {
	err = m.env.Meta.View(ctx, func(ctx context.Context, tx core.MetaTx) error {
		var found bool
		var err error
		if e, found, err = tx.Entry(ctx, b.id, key); err == nil && !found {
			err = m.differ("the entry of %q is gone", key)
		}
		return err
	})
	return e, err
}

func (m *Model) removeVersion(ctx context.Context) error {
	b := m.bucket()
	key := m.existing(b)
	id := m.versionID(b.objects[key])
	m.begin("delete %s %q version %s", b.name, key, id)
	res, err := m.env.Admin.DeleteObject(ctx, b.name, key, core.DeleteOptions{VersionID: id})
	if done, err := m.outcome(err, 0, false); done {
		return err
	}
	v := b.objects[key].version(id)
	if want := (core.DeleteResult{VersionID: id, WasMarker: v != nil && v.marker}); res != want {
		return m.differ("result is %+v, want %+v", res, want)
	}
	if v != nil {
		b.drop(key, v)
	}
	return nil
}

// versionID picks a version of o, or one that is not there.
func (m *Model) versionID(o *modelObject) string {
	if o == nil || m.rnd.IntN(6) == 0 {
		return []string{"null", "1"}[m.rnd.IntN(2)]
	}
	return o.versions[m.rnd.IntN(len(o.versions))].id
}

func (m *Model) removeMany(ctx context.Context) error {
	b := m.bucket()
	var items []core.DeleteItem
	for range 1 + m.rnd.IntN(5) {
		it := core.DeleteItem{Key: m.existing(b)}
		if m.rnd.IntN(4) == 0 {
			it.Conditions.IfMatch = []string{"0123"}
		}
		items = append(items, it)
	}
	m.begin("delete many %s %+v", b.name, items)
	res, err := m.env.Admin.DeleteObjects(ctx, b.name, items)
	if done, err := m.outcome(err, 0, false); done {
		return err
	}
	last := make(map[string]int) // a key that comes twice is compared after the last time
	for i, it := range items {
		last[it.Key] = i
	}
	for i, it := range items {
		if err := m.removedOne(ctx, b, it, res[i], last[it.Key] == i); err != nil {
			return err
		}
	}
	return nil
}

// removedOne compares one item of a batch.
func (m *Model) removedOne(ctx context.Context, b *modelBucket, it core.DeleteItem, res core.DeleteResult, last bool) error {
	if len(it.Conditions.IfMatch) > 0 {
		if want := b.live(it.Key) != nil; want != (core.CodeOf(res.Err) == core.PreconditionFailed && res.Err != nil) {
			return m.differ("%q: %v, want PreconditionFailed %t", it.Key, res.Err, want)
		}
		return nil
	}
	if res.Err != nil {
		return m.differ("%q: %v", it.Key, res.Err)
	}
	if b.versioning == core.VersioningOff || last {
		return m.removed(ctx, b, it.Key, res)
	}
	return m.markedTwice(b, it.Key, res)
}

// markedTwice models a marker that another one of the same batch covers: its row is found by its id only.
func (m *Model) markedTwice(b *modelBucket, key string, res core.DeleteResult) error {
	e := core.Entry{Version: core.Version{Null: res.VersionID == "null"}}
	if !e.Version.Null {
		if _, err := fmt.Sscan(res.VersionID, &e.Version.ID); err != nil {
			return m.differ("version id %q", res.VersionID)
		}
	}
	var before *modelObject
	if before = b.objects[key]; before == nil {
		before = &modelObject{id: -1}
	}
	e.ObjectID, e.CreateTime = before.id, before.createTime
	b.install(key, &modelVersion{marker: true}, &e)
	if b.objects[key].id < 0 {
		o, err := m.hidden(context.Background(), b, key)
		if err != nil {
			return err
		}
		b.objects[key].id, b.objects[key].createTime = o.ObjectID, o.CreateTime
	}
	return nil
}

func (m *Model) copy(ctx context.Context) error {
	from, to := m.bucket(), m.bucket()
	src, dst := m.existing(from), m.key()
	opts := core.CopyOptions{}
	v, want, fails := m.source(from, src, &opts)
	meta := ""
	if m.rnd.IntN(3) == 0 {
		opts.Replace = true
		opts.Put, meta = m.options()
	}
	cond, code, bad := m.conditions(to.live(dst))
	opts.Put.Conditions = cond
	if !fails && bad {
		want, fails = code, true
	}
	m.begin("copy %s %q version %q to %s %q, %+v", from.name, src, opts.SourceVersionID, to.name, dst, cond)
	res, err := m.env.Admin.CopyObject(ctx, core.Path{Bucket: from.name, Key: src}, core.Path{Bucket: to.name, Key: dst}, opts)
	if done, err := m.outcome(err, want, fails); done {
		return err
	}
	made := &modelVersion{content: v.content, etag: v.etag, meta: v.meta, parts: v.parts}
	if opts.Replace {
		made.meta = meta
	}
	if err := m.entry(to, dst, &res.Entry, made); err != nil {
		return err
	}
	to.install(dst, made, &res.Entry)
	return nil
}

// source picks the version to copy and tells what asking for it should give.
func (m *Model) source(b *modelBucket, key string, opts *core.CopyOptions) (*modelVersion, core.Code, bool) {
	v := b.live(key)
	if v == nil {
		v = &modelVersion{}
	}
	o := b.objects[key]
	if m.rnd.IntN(3) > 0 {
		return v, core.NoSuchKey, b.live(key) == nil
	}
	opts.SourceVersionID = m.versionID(o)
	v = o.version(opts.SourceVersionID)
	switch {
	case v == nil:
		return &modelVersion{}, core.NoSuchVersion, true
	case v.marker:
		return v, core.IsDeleteMarker, true
	}
	return v, 0, false
}

func (m *Model) move(ctx context.Context) error {
	from, to := m.bucket(), m.bucket()
	src, dst := m.existing(from), m.key()
	opts := core.MoveOptions{Overwrite: m.rnd.IntN(2) == 0}
	m.begin("move %s %q to %s %q, overwrite %t", from.name, src, to.name, dst, opts.Overwrite)
	want, fails := core.Internal, true
	switch {
	case from == to && src == dst:
		want = core.Conflict
	case from.live(src) == nil:
		want = core.NoSuchKey
	case to.live(dst) != nil && !opts.Overwrite:
		want = core.Exists
	default:
		fails = false
	}
	e, err := m.env.Admin.MoveObject(ctx, core.Path{Bucket: from.name, Key: src}, core.Path{Bucket: to.name, Key: dst}, opts)
	if done, err := m.outcome(err, want, fails); done {
		return err
	}
	o, target := from.objects[src], to.objects[dst]
	if e.ObjectID != o.id || e.CreateTime != o.createTime || e.Version.UpdateTime != o.versions[0].time {
		return m.differ("moved entry is %+v", e)
	}
	delete(from.objects, src)
	to.objects[dst] = o
	if target != nil && to.versioning != core.VersioningOff {
		o.join(target)
	}
	if to.versioning == core.VersioningOff && !o.versions[0].null {
		o.dropNull()
		o.versions[0].null, o.versions[0].id = true, "null"
	}
	return nil
}

// join makes the versions of target the oldest of o, without the null one unless it is the live current. A number
// that o has already is replaced: two objects may have got one at the same time.
func (o *modelObject) join(target *modelObject) {
	o.last = max(o.last, target.last)
	for i, v := range target.versions {
		if v.null && (i > 0 || v.marker) {
			continue
		}
		if v.null {
			v.null, v.id = false, fmt.Sprint(v.number)
		}
		if slices.ContainsFunc(o.versions, func(w *modelVersion) bool { return w.number == v.number }) {
			o.last++
			v.number, v.id = o.last, fmt.Sprint(o.last)
		}
		o.versions = append(o.versions, v)
	}
}

func (m *Model) setAttrs(ctx context.Context) error {
	b := m.bucket()
	key := m.existing(b)
	source := core.CopyOptions{}
	v, want, fails := m.source(b, key, &source)
	_, meta := m.options()
	m.begin("set attributes %s %q version %q", b.name, key, source.SourceVersionID)
	_, err := m.env.Admin.SetAttrs(ctx, core.Path{Bucket: b.name, Key: key}, core.AttrsOptions{
		VersionID: source.SourceVersionID,
		Change: func(v *core.Version) error {
			v.Attrs.Metadata = map[string]string{"m": meta}
			return nil
		},
	})
	if done, err := m.outcome(err, want, fails); done {
		return err
	}
	v.meta = meta
	return nil
}

func (m *Model) setVersioning(ctx context.Context) error {
	b := m.buckets[1+m.rnd.IntN(2)]
	v := core.VersioningEnabled + core.VersioningSuspended - b.versioning
	m.begin("set versioning %s %d", b.name, v)
	err := m.env.Admin.SetVersioning(ctx, b.name, v)
	if done, err := m.outcome(err, 0, false); done {
		return err
	}
	b.versioning = v
	return nil
}

func (m *Model) createUpload(ctx context.Context) error {
	b, key := m.bucket(), m.key()
	if len(b.uploads) > 5 {
		return nil
	}
	opts, meta := m.options()
	m.begin("create upload %s %q", b.name, key)
	u, err := m.env.Admin.CreateUpload(ctx, core.Path{Bucket: b.name, Key: key}, opts, core.Checksum{Algorithm: "CRC32C"})
	if done, err := m.outcome(err, 0, false); done {
		return err
	}
	b.uploads[u.ID] = &modelUpload{id: u.ID, key: key, meta: meta, parts: make(map[int]modelPart)}
	return nil
}

// upload picks an upload of b, or nil.
func (m *Model) upload(b *modelBucket) *modelUpload {
	if len(b.uploads) == 0 {
		return nil
	}
	ids := slices.Sorted(maps.Keys(b.uploads))
	return b.uploads[ids[m.rnd.IntN(len(ids))]]
}

func (m *Model) putPart(ctx context.Context) error {
	b := m.bucket()
	u := m.upload(b)
	if u == nil {
		return nil
	}
	content, n := m.content(), 1+m.rnd.IntN(6)
	data := content.Bytes()
	m.begin("put part %d of %s %q, %d bytes", n, b.name, u.key, len(data))
	part, _, err := m.env.Admin.PutPart(ctx, core.Path{Bucket: b.name, Key: u.key}, u.id, core.PartRequest{
		Number: n, Body: bytes.NewReader(data), Size: int64(len(data)),
	})
	if done, err := m.outcome(err, 0, false); done {
		return err
	}
	if part.ETag != md5Hex(data) || part.Size != int64(len(data)) {
		return m.differ("part is %+v", part)
	}
	u.parts[n] = modelPart{content: content, etag: part.ETag}
	return nil
}

// copyPart makes a part of the whole of a version, or of a range of it: of a large one always, or copies of copies
// would grow.
func (m *Model) copyPart(ctx context.Context) error {
	from, b := m.bucket(), m.bucket()
	u := m.upload(b)
	if u == nil {
		return nil
	}
	src, opts := m.existing(from), core.CopyOptions{}
	v, want, fails := m.source(from, src, &opts)
	req := core.PartCopy{
		Number: 1 + m.rnd.IntN(6), Source: core.Path{Bucket: from.name, Key: src}, SourceVersionID: opts.SourceVersionID,
	}
	content := v.content
	if size := int(content.Size()); size > m.opts.MaxSize || size > 0 && m.rnd.IntN(2) == 0 {
		first := m.rnd.IntN(size)
		length := 1 + m.rnd.IntN(min(size-first, m.opts.MaxSize))
		req.Range = &core.Range{First: int64(first), Last: int64(first + length - 1)}
		content = content.Cut(int64(first), int64(length))
	}
	m.begin("copy part %d of %s %q from %s %q version %q, %+v", req.Number, b.name, u.key, from.name, src, req.SourceVersionID, req.Range)
	part, err := m.env.Admin.CopyPart(ctx, core.Path{Bucket: b.name, Key: u.key}, u.id, req)
	if done, err := m.outcome(err, want, fails); done {
		return err
	}
	if part.Size != content.Size() || part.Algorithm != "CRC32C" || part.ETag != md5Hex(content.Bytes()) {
		return m.differ("part is %+v, want %d bytes", part, content.Size())
	}
	u.parts[req.Number] = modelPart{content: content, etag: part.ETag}
	return nil
}

func (m *Model) complete(ctx context.Context) error {
	b := m.bucket()
	u := m.upload(b)
	if u == nil {
		return nil
	}
	var named []core.CompletePart
	v := &modelVersion{meta: u.meta}
	var sums []byte
	for _, n := range slices.Sorted(maps.Keys(u.parts)) {
		if m.rnd.IntN(4) == 0 {
			continue // given up
		}
		p := u.parts[n]
		named = append(named, core.CompletePart{Number: n, ETag: p.etag})
		v.content = append(v.content, p.content...)
		v.parts = append(v.parts, p.content.Size())
		sums = append(sums, md5Raw(p.etag)...)
	}
	v.etag = fmt.Sprintf("%s-%d", md5Hex(sums), len(named))
	want, fails := core.BadArgument, len(named) == 0
	if !fails && m.rnd.IntN(8) == 0 {
		named[0].Number = 7
		want, fails = core.InvalidPart, true
		if len(named) > 1 {
			want = core.InvalidPartOrder
		}
	}
	m.begin("complete %s %q with %d parts", b.name, u.key, len(named))
	res, err := m.env.Admin.CompleteUpload(ctx, core.Path{Bucket: b.name, Key: u.key}, u.id, named, core.CompleteOptions{Size: -1})
	if done, err := m.outcome(err, want, fails); done {
		return err
	}
	if err := m.entry(b, u.key, &res.Entry, v); err != nil {
		return err
	}
	b.install(u.key, v, &res.Entry)
	delete(b.uploads, u.id)
	return nil
}

// md5Raw reads an ETag's bytes.
func md5Raw(etag string) []byte {
	raw := make([]byte, 16)
	_, _ = fmt.Sscanf(etag, "%x", &raw)
	return raw
}

func (m *Model) abort(ctx context.Context) error {
	b := m.bucket()
	u := m.upload(b)
	if u == nil {
		return nil
	}
	m.begin("abort %s %q", b.name, u.key)
	err := m.env.Admin.AbortUpload(ctx, core.Path{Bucket: b.name, Key: u.key}, u.id)
	if done, err := m.outcome(err, 0, false); done {
		return err
	}
	delete(b.uploads, u.id)
	return nil
}
