package coretest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"trivium/core"
)

// ModelOptions say how long and on what a Model runs.
type ModelOptions struct {
	Seed uint64
	Ops  int
	// CheckEvery compares the whole state after so many operations; 0: 250. It is compared at the end as well.
	CheckEvery int
	// RestartEvery restarts the Service after so many operations; 0: never.
	RestartEvery int
	// AbandonEvery starts another Service beside the running one after so many operations and goes on with that
	// one; 0: never. The old one must not be able to write any more.
	AbandonEvery int
	// Tolerate says which errors of a write or read are no difference, since faults were injected: the
	// operation then must have changed nothing. nil: none.
	Tolerate func(error) bool
	// Check, when not nil, is called with each comparison of the whole state: recounts of references.
	Check func(context.Context, *Env) error
	// Redundancy of the buckets; the zero value keeps short content inline.
	Policy core.BucketPolicy
	// MaxSize is the longest content in bytes; 0: 40 KiB.
	MaxSize int
}

// Model runs random operations against a Service and against plain maps, and compares every answer. A history
// follows from its seed.
type Model struct {
	env     *Env
	opts    ModelOptions
	rnd     *rand.Rand
	buckets []*modelBucket
	op      string   // the running operation, for errors
	recent  []string // the last operations
}

// modelBucket is what a bucket should hold.
type modelBucket struct {
	name       string
	id         int64
	versioning core.Versioning
	objects    map[string]*modelObject
	uploads    map[string]*modelUpload
}

// modelObject is an entry: its versions, newest first. It is never without one.
type modelObject struct {
	id         int64
	createTime int64
	last       int64 // greatest number ever given
	versions   []*modelVersion
}

// modelVersion is a version or a delete marker.
type modelVersion struct {
	id      string
	number  int64
	null    bool
	marker  bool
	content Content
	etag    string
	meta    string
	parts   []int64
	time    int64
}

// modelUpload is an unfinished upload.
type modelUpload struct {
	id    string
	key   string
	meta  string
	parts map[int]modelPart
}

type modelPart struct {
	content Content
	etag    string
}

// errStop ends a run at the first difference.
var errStop = errors.New("difference")

// RunModel runs a history in buckets of its own and returns the first difference, with the seed.
func RunModel(ctx context.Context, env *Env, opts ModelOptions) error {
	opts.CheckEvery = cmp.Or(opts.CheckEvery, 250)
	opts.MaxSize = cmp.Or(opts.MaxSize, 40<<10)
	m := &Model{env: env, opts: opts, rnd: rand.New(rand.NewPCG(opts.Seed, 1))}
	if err := m.init(ctx); err != nil {
		return fmt.Errorf("seed %d: %w", opts.Seed, err)
	}
	for i := range opts.Ops {
		if err := m.step(ctx, i); err != nil {
			return fmt.Errorf("seed %d, operation %d: %w\nlast operations:\n%s",
				opts.Seed, i, err, strings.Join(m.recent, "\n"))
		}
	}
	if err := m.check(ctx); err != nil {
		return fmt.Errorf("seed %d, at the end: %w\nlast operations:\n%s", opts.Seed, err, strings.Join(m.recent, "\n"))
	}
	return nil
}

// init makes the buckets: never versioned, versioned, suspended.
func (m *Model) init(ctx context.Context) error {
	for i, v := range []core.Versioning{core.VersioningOff, core.VersioningEnabled, core.VersioningSuspended} {
		name := fmt.Sprintf("model-%d-%d", m.opts.Seed, i)
		b, err := m.env.Bucket(ctx, name, v, m.opts.Policy)
		if err != nil {
			return err
		}
		m.buckets = append(m.buckets, &modelBucket{
			name: name, id: b.ID, versioning: v,
			objects: make(map[string]*modelObject), uploads: make(map[string]*modelUpload),
		})
	}
	return nil
}

// step runs one operation.
func (m *Model) step(ctx context.Context, i int) error {
	weights := []struct {
		weight int
		run    func(context.Context) error
	}{
		{24, m.put},
		{16, m.get},
		{8, m.remove},
		{6, m.removeVersion},
		{3, m.removeMany},
		{8, m.copy},
		{8, m.move},
		{4, m.createUpload},
		{8, m.putPart},
		{4, m.copyPart},
		{4, m.complete},
		{1, m.abort},
		{3, m.setAttrs},
		{4, m.list},
		{3, m.listVersions},
		{1, m.listUploads},
		{1, m.setVersioning},
	}
	total := 0
	for _, w := range weights {
		total += w.weight
	}
	n := m.rnd.IntN(total)
	for _, w := range weights {
		if n -= w.weight; n < 0 {
			err := w.run(ctx)
			m.remember()
			if err != nil {
				return err
			}
			break
		}
	}
	if e := m.opts.RestartEvery; e > 0 && (i+1)%e == 0 {
		if err := m.env.Restart(ctx); err != nil {
			return fmt.Errorf("restart: %w", err)
		}
	}
	if e := m.opts.AbandonEvery; e > 0 && (i+1)%e == 0 {
		if err := m.abandon(ctx); err != nil {
			return err
		}
	}
	if (i+1)%m.opts.CheckEvery == 0 {
		return m.check(ctx)
	}
	return nil
}

// abandon goes on with another Service, and sees that the old one is fenced out (S16).
func (m *Model) abandon(ctx context.Context) error {
	m.begin("abandon")
	admin := m.env.Admin
	if _, err := m.env.Abandon(ctx); err != nil {
		return fmt.Errorf("abandon: %w", err)
	}
	_, err := admin.PutObject(ctx, m.buckets[0].name, "late", strings.NewReader("late"), 4, core.PutOptions{})
	if err == nil || core.CodeOf(err) != core.ReadOnly && (m.opts.Tolerate == nil || !m.opts.Tolerate(err)) {
		return m.differ("the old service's write: %v, want code %d", err, core.ReadOnly)
	}
	return nil
}

// remember keeps the last operations for the report.
func (m *Model) remember() {
	m.recent = append(m.recent, m.op)
	if len(m.recent) > 20 {
		m.recent = m.recent[1:]
	}
}

// begin names the running operation.
func (m *Model) begin(format string, args ...any) { m.op = fmt.Sprintf(format, args...) }

// differ is a difference between Service and model.
func (m *Model) differ(format string, args ...any) error {
	return fmt.Errorf("%s: %s: %w", m.op, fmt.Sprintf(format, args...), errStop)
}

// outcome compares an error with the code the model expects ("ok" false: success). done tells that the operation
// ended here: with the expected error, or with an injected fault.
func (m *Model) outcome(err error, want core.Code, wantErr bool) (done bool, _ error) {
	m.op += fmt.Sprintf(" -> %v", err)
	switch {
	case err == nil && !wantErr:
		return false, nil
	case err == nil:
		return true, m.differ("succeeded, want code %d", want)
	case wantErr && core.CodeOf(err) == want:
		return true, nil
	case m.opts.Tolerate != nil && m.opts.Tolerate(err):
		return true, nil
	}
	return true, m.differ("%v (code %d), want code %d, error %t", err, core.CodeOf(err), want, wantErr)
}

// bucket picks a bucket.
func (m *Model) bucket() *modelBucket { return m.buckets[m.rnd.IntN(len(m.buckets))] }

// key picks a key: few, so that they meet, with all that makes packages and prefixes special.
func (m *Model) key() string {
	keys := []string{
		"a", "b", "a/", "a/b", "a/c", "a/b/c", "a/b/d", "a//b", "/", "/x", "/x/y", "p/q", "p/q/r", "../x", "ü/ä",
		"zz", "dir/1", "dir/2", "dir/3", "dir2/1", "dir.x", "dir0",
	}
	return keys[m.rnd.IntN(len(keys))]
}

// existing picks a key that the bucket has an entry for, or any.
func (m *Model) existing(b *modelBucket) string {
	if len(b.objects) == 0 || m.rnd.IntN(5) == 0 {
		return m.key()
	}
	keys := slices.Sorted(maps.Keys(b.objects))
	return keys[m.rnd.IntN(len(keys))]
}

// content makes new content; seeds repeat, so that blobs are shared.
func (m *Model) content() Content {
	var size int
	switch m.rnd.IntN(6) {
	case 0:
		return nil
	case 1, 2:
		size = 1 + m.rnd.IntN(100)
	case 3:
		size = 16<<10 - 1 + m.rnd.IntN(3)
	default:
		size = 1 + m.rnd.IntN(m.opts.MaxSize)
	}
	seed := m.rnd.Uint64N(20)
	if seed < 10 {
		size = min(20_000+int(seed)*100, m.opts.MaxSize)
	} else {
		seed = m.rnd.Uint64()
	}
	return Content{{Seed: seed, Size: size}}
}

// live returns the current version unless it is a delete marker.
func (b *modelBucket) live(key string) *modelVersion {
	if o := b.objects[key]; o != nil && !o.versions[0].marker {
		return o.versions[0]
	}
	return nil
}

// version finds a version by its id.
func (o *modelObject) version(id string) *modelVersion {
	if o == nil {
		return nil
	}
	for _, v := range o.versions {
		if v.id == id {
			return v
		}
	}
	return nil
}

// install makes v current by the bucket's versioning.
func (b *modelBucket) install(key string, v *modelVersion, e *core.Entry) {
	o := b.objects[key]
	if o == nil {
		o = &modelObject{id: e.ObjectID, createTime: e.CreateTime}
		b.objects[key] = o
	}
	v.id, v.number, v.time = e.Version.VersionID(), e.Version.ID, e.Version.UpdateTime
	v.null = b.versioning != core.VersioningEnabled
	o.last = v.number
	switch {
	case b.versioning == core.VersioningOff:
		if len(o.versions) > 0 {
			o.versions = o.versions[1:]
		}
	case v.null:
		o.dropNull()
	}
	o.versions = slices.Insert(o.versions, 0, v)
}

// dropNull removes the null version.
func (o *modelObject) dropNull() {
	o.versions = slices.DeleteFunc(o.versions, func(v *modelVersion) bool { return v.null })
}

// drop removes one version; the object ends with its last one.
func (b *modelBucket) drop(key string, v *modelVersion) {
	o := b.objects[key]
	o.versions = slices.DeleteFunc(o.versions, func(w *modelVersion) bool { return w == v })
	if len(o.versions) == 0 {
		delete(b.objects, key)
	}
}

// entry compares what a write answered with what it should have made.
func (m *Model) entry(b *modelBucket, key string, e *core.Entry, v *modelVersion) error {
	o := b.objects[key]
	now := time.Now().UnixNano()
	switch {
	case e.Key != key || e.BucketID != b.id:
		return m.differ("entry is of %d %q", e.BucketID, e.Key)
	case o != nil && (e.ObjectID != o.id || e.CreateTime != o.createTime):
		return m.differ("identity is %d of %d, want %d of %d", e.ObjectID, e.CreateTime, o.id, o.createTime)
	case o != nil && (e.Version.ID <= o.last || e.LastVersion != e.Version.ID):
		return m.differ("version %d is not greater than %d", e.Version.ID, o.last)
	case e.Version.Size != v.content.Size() || e.Version.ETag != v.etag:
		return m.differ("size %d, ETag %s, want %d, %s", e.Version.Size, e.Version.ETag, v.content.Size(), v.etag)
	case e.Version.Null != (b.versioning != core.VersioningEnabled):
		return m.differ("null is %t", e.Version.Null)
	case m.env.opts.Now == nil && (e.Version.UpdateTime > now || now-e.Version.UpdateTime > int64(time.Minute)):
		return m.differ("update time is %d, now is %d", e.Version.UpdateTime, now)
	}
	return nil
}
