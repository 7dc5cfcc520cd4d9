package coretest

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"trivium/core"
)

func (m *Model) get(ctx context.Context) error {
	b := m.bucket()
	key := m.existing(b)
	opts := core.GetOptions{}
	v := b.live(key)
	want, fails := core.NoSuchKey, v == nil
	if o := b.objects[key]; m.rnd.IntN(3) == 0 {
		opts.VersionID = m.versionID(o)
		v = o.version(opts.VersionID)
		want, fails = core.NoSuchVersion, v == nil
		if v != nil && v.marker {
			want, fails = core.IsDeleteMarker, true
		}
	}
	offset, length := int64(0), int64(0)
	if !fails {
		length = v.content.Size()
		want, fails = m.condition(&opts, v)
	}
	if !fails {
		offset, length, fails = m.span(&opts, v)
		want = core.InvalidRange
	}
	m.begin("get %s %q version %q range %+v part %d", b.name, key, opts.VersionID, opts.Range, opts.PartNumber)
	if m.rnd.IntN(4) == 0 {
		o, err := m.env.Admin.StatObject(ctx, b.name, key, opts)
		if done, err := m.outcome(err, want, fails); done {
			return err
		}
		return m.object(&o, v, offset, length)
	}
	r, err := m.env.Admin.OpenObject(ctx, b.name, key, opts)
	if done, err := m.outcome(err, want, fails); done {
		return err
	}
	defer r.Body.Close()
	if err := m.object(&r.Object, v, offset, length); err != nil {
		return err
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		if m.opts.Tolerate != nil && m.opts.Tolerate(err) {
			return nil
		}
		return m.differ("read: %v", err)
	}
	if int64(len(data)) != length || !v.content.equal(data, offset, length) {
		return m.differ("%d bytes that are not bytes %d+%d of the content", len(data), offset, length)
	}
	return nil
}

// condition sometimes puts a condition on a read of v.
func (m *Model) condition(opts *core.GetOptions, v *modelVersion) (core.Code, bool) {
	switch m.rnd.IntN(12) {
	case 0:
		opts.Conditions.IfMatch = []string{"0123"}
		return core.PreconditionFailed, true
	case 1:
		opts.Conditions.IfNoneMatch = []string{v.etag}
		return core.NotModified, true
	case 2:
		opts.Conditions.IfMatch = []string{v.etag}
		opts.Conditions.IfUnmodifiedSince = 1
	}
	return 0, false
}

// span sometimes asks for a range or a part, and tells which bytes these are; none tells that there are none.
func (m *Model) span(opts *core.GetOptions, v *modelVersion) (offset, length int64, none bool) {
	size := v.content.Size()
	switch m.rnd.IntN(6) {
	case 0: // a suffix
		n := 1 + m.rnd.Int64N(size+10)
		opts.Range = &core.Range{First: -n}
		offset, length = max(0, size-n), min(n, size)
	case 1: // open
		offset = m.rnd.Int64N(size + 2)
		opts.Range = &core.Range{First: offset, Last: -1}
		length = size - offset
	case 2:
		offset = m.rnd.Int64N(size + 2)
		last := offset + m.rnd.Int64N(size+2)
		opts.Range = &core.Range{First: offset, Last: last}
		length = min(last+1, size) - offset
	case 3:
		opts.PartNumber = 1 + m.rnd.IntN(max(1, len(v.parts)))
		if len(v.parts) == 0 {
			return 0, size, false
		}
		for _, p := range v.parts[:opts.PartNumber-1] {
			offset += p
		}
		return offset, v.parts[opts.PartNumber-1], false
	default:
		return 0, size, false
	}
	return offset, length, length <= 0
}

// object compares a described object with v.
func (m *Model) object(o *core.Object, v *modelVersion, offset, length int64) error {
	w := &o.Entry.Version
	if o.Offset != offset || o.Length != length {
		return m.differ("bytes %d+%d, want %d+%d", o.Offset, o.Length, offset, length)
	}
	return m.version(w, v)
}

// version compares a version with v.
func (m *Model) version(w *core.Version, v *modelVersion) error {
	switch {
	case w.VersionID() != v.id || w.Marker != v.marker || w.UpdateTime != v.time:
		return m.differ("version %s (marker %t) of %d, want %s (%t) of %d",
			w.VersionID(), w.Marker, w.UpdateTime, v.id, v.marker, v.time)
	case w.Size != v.content.Size() || w.ETag != v.etag:
		return m.differ("version %s has %d bytes, ETag %s, want %d, %s", v.id, w.Size, w.ETag, v.content.Size(), v.etag)
	case !v.marker && w.Attrs.Metadata["m"] != v.meta:
		return m.differ("metadata %.20q, want %.20q", w.Attrs.Metadata["m"], v.meta)
	case w.PartCount != len(v.parts):
		return m.differ("%d parts, want %d", w.PartCount, len(v.parts))
	}
	return nil
}

// query picks a prefix and a delimiter.
func (m *Model) query() (prefix, delimiter string) {
	prefixes := []string{"", "", "", "a", "a/", "a/b", "dir", "dir/", "/", "none"}
	delimiters := []string{"", "/", "/", "b"}
	return prefixes[m.rnd.IntN(len(prefixes))], delimiters[m.rnd.IntN(len(delimiters))]
}

// folded returns what a listing of keys shows: keys and common prefixes, in order and each once.
func folded(keys []string, prefix, delimiter string) []string {
	var names []string
	for _, k := range keys {
		if !strings.HasPrefix(k, prefix) {
			continue
		}
		if i := strings.Index(k[len(prefix):], delimiter); delimiter != "" && i >= 0 {
			k = k[:len(prefix)+i+len(delimiter)] + " (prefix)"
		}
		if len(names) == 0 || names[len(names)-1] != k {
			names = append(names, k)
		}
	}
	return names
}

// summaries sees that both listings tell the same. Where faults are, one of them may fail.
func (m *Model) summaries(ctx context.Context, bucket string, opts core.ListOptions, page core.ListPage) error {
	short, err := m.env.Admin.ListSummaries(ctx, bucket, opts)
	if done, err := m.outcome(err, 0, false); done {
		return err
	}
	same := len(short.Items) == len(page.Items) && short.Truncated == page.Truncated && short.Next == page.Next &&
		short.NextPrefix == page.NextPrefix
	for i := 0; same && i < len(page.Items); i++ {
		e, s := &page.Items[i].Entry, &short.Items[i]
		same = s.CommonPrefix == page.Items[i].CommonPrefix && s.Key == e.Key && s.Size == e.Version.Size &&
			s.ETag == e.Version.ETag && s.Class == e.Version.Class && s.UpdateTime == e.Version.UpdateTime &&
			s.ChecksumAlgorithm == e.Version.Attrs.Checksum.Algorithm && s.ChecksumComposite == e.Version.Attrs.Checksum.Composite
	}
	if !same {
		return m.differ("listed summaries are %+v, the entries %+v", short, page)
	}
	return nil
}

func (m *Model) list(ctx context.Context) error {
	b := m.bucket()
	prefix, delimiter := m.query()
	opts := core.ListOptions{Prefix: prefix, Delimiter: delimiter, Limit: 1 + m.rnd.IntN(6)}
	m.begin("list %s prefix %q delimiter %q limit %d", b.name, prefix, delimiter, opts.Limit)
	var keys, got []string
	for key := range b.objects {
		if b.live(key) != nil {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for more := true; more; {
		page, err := m.env.Admin.ListObjects(ctx, b.name, opts)
		if done, err := m.outcome(err, 0, false); done {
			return err
		}
		for _, it := range page.Items {
			if it.CommonPrefix != "" {
				got = append(got, it.CommonPrefix+" (prefix)")
				continue
			}
			got = append(got, it.Entry.Key)
			if v := b.live(it.Entry.Key); v == nil || it.Entry.Version.VersionID() != v.id || it.Entry.Version.ETag != v.etag {
				return m.differ("listed entry is %+v", it.Entry)
			}
		}
		if len(page.Items) > opts.Limit || page.Truncated && len(page.Items) != opts.Limit {
			return m.differ("a page of %d items", len(page.Items))
		}
		if err := m.summaries(ctx, b.name, opts, page); err != nil {
			return err
		}
		more, opts.After, opts.AfterPrefix = page.Truncated, page.Next, page.NextPrefix
	}
	if want := folded(keys, prefix, delimiter); !slices.Equal(got, want) {
		return m.differ("listed %q, want %q", got, want)
	}
	return nil
}

func (m *Model) listVersions(ctx context.Context) error {
	b := m.bucket()
	prefix, delimiter := m.query()
	opts := core.VersionListOptions{Prefix: prefix, Delimiter: delimiter, Limit: 1 + m.rnd.IntN(6)}
	m.begin("list versions %s prefix %q delimiter %q limit %d", b.name, prefix, delimiter, opts.Limit)
	var got []string
	for more := true; more; {
		page, err := m.env.Admin.ListVersions(ctx, b.name, opts)
		if done, err := m.outcome(err, 0, false); done {
			return err
		}
		for _, it := range page.Items {
			if it.CommonPrefix != "" {
				got = append(got, it.CommonPrefix+" (prefix)")
				continue
			}
			got = append(got, versionName(it.Key, it.Version.VersionID(), it.Version.Marker, it.Latest))
		}
		if len(page.Items) > opts.Limit || page.Truncated && len(page.Items) != opts.Limit {
			return m.differ("a page of %d items", len(page.Items))
		}
		more, opts.AfterKey, opts.AfterVersionID, opts.AfterPrefix =
			page.Truncated, page.NextKey, page.NextVersionID, page.NextPrefix
	}
	var want []string
	for _, name := range folded(slices.Sorted(maps.Keys(b.objects)), prefix, delimiter) {
		o := b.objects[name]
		if o == nil {
			want = append(want, name)
			continue
		}
		for i, v := range o.versions {
			want = append(want, versionName(name, v.id, v.marker, i == 0))
		}
	}
	if !slices.Equal(got, want) {
		return m.differ("listed\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	return nil
}

// versionName shows a version in a report.
func versionName(key, id string, marker, latest bool) string {
	return fmt.Sprintf("%s version %s marker %t latest %t", key, id, marker, latest)
}

func (m *Model) listUploads(ctx context.Context) error {
	b := m.bucket()
	prefix, delimiter := m.query()
	opts := core.UploadListOptions{Prefix: prefix, Delimiter: delimiter, Limit: 1 + m.rnd.IntN(3)}
	m.begin("list uploads %s prefix %q delimiter %q limit %d", b.name, prefix, delimiter, opts.Limit)
	var keys, got []string
	for _, u := range b.uploads {
		keys = append(keys, u.key)
	}
	slices.Sort(keys)
	for more := true; more; {
		page, err := m.env.Admin.Uploads(ctx, b.name, opts)
		if done, err := m.outcome(err, 0, false); done {
			return err
		}
		for _, cp := range page.CommonPrefixes {
			got = append(got, cp+" (prefix)")
		}
		for _, u := range page.Uploads {
			if b.uploads[u.ID] == nil {
				return m.differ("unknown upload %s", u.ID)
			}
			got = append(got, u.Key)
		}
		more, opts.AfterKey, opts.AfterID = page.Truncated, page.NextKey, page.NextID
	}
	var want []string
	for _, k := range keys {
		want = append(want, folded([]string{k}, prefix, delimiter)...)
	}
	slices.Sort(got)
	want = slices.CompactFunc(want, func(a, b string) bool { return a == b && strings.HasSuffix(a, " (prefix)") })
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return m.differ("listed %q, want %q", got, want)
	}
	return nil
}

// check compares the whole state: every version with its bytes, uploads with their parts, usage, packages.
func (m *Model) check(ctx context.Context) error {
	for _, b := range m.buckets {
		m.begin("check %s", b.name)
		for key, o := range b.objects {
			if err := m.checkObject(ctx, b, key, o); err != nil {
				return err
			}
		}
		if err := m.checkRows(ctx, b); err != nil {
			return err
		}
	}
	if m.opts.Check == nil {
		return nil
	}
	return m.opts.Check(ctx, m.env)
}

// checkObject reads every version of an object.
func (m *Model) checkObject(ctx context.Context, b *modelBucket, key string, o *modelObject) error {
	for _, v := range o.versions {
		m.begin("check %s %q version %s", b.name, key, v.id)
		if v.marker {
			_, err := m.env.Admin.StatObject(ctx, b.name, key, core.GetOptions{VersionID: v.id})
			if core.CodeOf(err) != core.IsDeleteMarker {
				return m.differ("%v, want a delete marker", err)
			}
			continue
		}
		r, err := m.env.Admin.OpenObject(ctx, b.name, key, core.GetOptions{VersionID: v.id})
		if done, err := m.outcome(err, 0, false); done {
			return err
		}
		data, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil && m.opts.Tolerate != nil && m.opts.Tolerate(err) {
			continue
		}
		if err != nil || !v.content.equal(data, 0, v.content.Size()) {
			return m.differ("%d bytes, %v, which are not the content", len(data), err)
		}
		if err := m.object(&r.Object, v, 0, v.content.Size()); err != nil {
			return err
		}
	}
	return nil
}

// checkRows compares usage, packages and uploads.
func (m *Model) checkRows(ctx context.Context, b *modelBucket) error {
	var want core.Usage
	packages := make(map[string]bool)
	for key, o := range b.objects {
		if b.live(key) != nil {
			want.Objects++
			pkg, _ := core.SplitKey(key)
			packages[pkg] = true
		}
		for _, v := range o.versions {
			want.Bytes += v.content.Size()
		}
	}
	for _, u := range b.uploads {
		for _, p := range u.parts {
			want.Bytes += p.content.Size()
		}
	}
	return m.env.Meta.View(ctx, func(ctx context.Context, tx core.MetaTx) error {
		got, err := tx.Usage(ctx, b.id)
		if err != nil {
			return err
		}
		if got != want {
			return m.differ("usage is %+v, want %+v", got, want)
		}
		rows, err := tx.Packages(ctx, b.id, 0, 1000)
		if err != nil {
			return err
		}
		for _, p := range rows {
			if !packages[p.Name] {
				return m.differ("package %q has no member", p.Name)
			}
		}
		if len(rows) != len(packages) {
			return m.differ("%d packages, want %d", len(rows), len(packages))
		}
		return m.checkKeys(ctx, tx, b)
	})
}

// checkKeys compares which keys have an entry, live or hidden, and with which objectID.
func (m *Model) checkKeys(ctx context.Context, tx core.MetaTx, b *modelBucket) error {
	items, err := tx.List(ctx, core.ListQuery{BucketID: b.id, Which: core.LiveAndHidden, Limit: 1000, Brief: true})
	if err != nil {
		return err
	}
	for i := range items {
		e := &items[i].Entry
		o := b.objects[e.Key]
		if o == nil || o.id != e.ObjectID || e.Older != (len(o.versions) > 1) {
			return m.differ("entry %+v, want %+v", e, o)
		}
	}
	if len(items) != len(b.objects) {
		return m.differ("%d entries, want %d", len(items), len(b.objects))
	}
	return nil
}
