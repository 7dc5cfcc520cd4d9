package core_test

import (
	"bytes"
	"context"
	"sync/atomic"
	"testing"

	"trivium/core"
	"trivium/core/content"
	"trivium/core/coretest"
)

// blobs counts the rows of blobs.
func blobs(t *testing.T, env *coretest.Env) (n int) {
	t.Helper()
	rows(t, env, func(ctx context.Context, tx core.MetaTx) error {
		all, err := tx.Blobs(ctx, content.BlobID{}, 10_000)
		n = len(all)
		return err
	})
	return n
}

// target is an upload with its algorithm.
type target struct {
	core.Path
	id, sum string
}

// copied copies a range of a source that holds data, in so many new blobs. The part must be what PutPart makes of the
// same bytes. It completes the upload with both and reads the object.
func copied(t *testing.T, env *coretest.Env, u target, req core.PartCopy, data []byte) (fresh int) {
	t.Helper()
	if x := req.Range; x != nil {
		data = data[x.First : x.Last+1]
	}
	before := blobs(t, env)
	req.Number = 1
	got, err := env.Admin.CopyPart(t.Context(), u.Path, u.id, req)
	ok(t, "copy part", err)
	fresh = blobs(t, env) - before
	want, _, err := env.Admin.PutPart(t.Context(), u.Path, u.id, core.PartRequest{Number: 2, Body: bytes.NewReader(data), Size: int64(len(data))})
	ok(t, "put part", err)
	if got.Size != want.Size || got.ETag != want.ETag || got.Checksum != want.Checksum || got.Algorithm != u.sum ||
		!bytes.Equal(got.SHA256, want.SHA256) || got.CRC64 != want.CRC64 || got.Number != 1 || got.UpdateTime == 0 {
		t.Errorf("CopyPart(%+v) = %+v, PutPart of these bytes %+v", req, got, want)
	}
	_, err = env.Admin.CompleteUpload(t.Context(), u.Path, u.id, []core.CompletePart{
		{Number: 1, ETag: got.ETag, Checksum: got.Checksum}, {Number: 2},
	}, core.CompleteOptions{Size: -1})
	ok(t, "complete", err)
	get(t, env, u.Bucket, u.Key, bytes.Join([][]byte{data, data}, nil))
	return fresh
}

// TestCopyPart copies whole contents and ranges of every kind of content under every checksum.
func TestCopyPart(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	parts := [][]byte{coretest.Bytes(2, 70_000), coretest.Bytes(3, 50_000), coretest.Bytes(4, 20_000)}
	sources := map[string][]byte{
		"empty": nil, "inline": coretest.Bytes(5, 100), "big": coretest.Bytes(1, 300_000), "joined": bytes.Join(parts, nil),
	}
	for key, data := range sources {
		write(t, env, "off", key, data, core.PutOptions{Checksum: "CRC32C"})
	}
	upload(t, env, core.Path{Bucket: "off", Key: "joined"}, parts)
	p := core.Path{Bucket: "ver", Key: "copy"}
	for _, sum := range []core.Checksum{
		{},
		{Algorithm: "CRC64NVME"},
		{Algorithm: "CRC32C"},
		{Algorithm: "CRC32"},
		{Algorithm: "SHA256", Composite: true},
		{Algorithm: "SHA1", Composite: true},
	} {
		for key, data := range sources {
			for _, x := range []*core.Range{nil, {First: 0, Last: int64(len(data)) - 1}, {First: 10, Last: 99}, {First: 60_000, Last: 130_000}} {
				if x != nil && (x.Last >= int64(len(data)) || x.Last < x.First) {
					continue
				}
				u := target{p, begin(t, env, p, sum), sum.Algorithm}
				n := copied(t, env, u, core.PartCopy{Source: core.Path{Bucket: "off", Key: key}, Range: x}, data)
				if key != "inline" && n != 0 {
					t.Errorf("copying %+v of %s made %d blobs", x, key, n)
				}
			}
		}
	}
	// A copy does not need its source, nor the other way round.
	for key := range sources {
		remove(t, env, "off", key, core.DeleteOptions{})
	}
	page, err := env.Admin.ListVersions(t.Context(), "ver", core.VersionListOptions{Limit: 1000})
	ok(t, "list versions", err)
	for _, it := range page.Items {
		r, err := env.Admin.OpenObject(t.Context(), "ver", it.Key, core.GetOptions{VersionID: it.Version.VersionID()})
		ok(t, "open", err)
		var b bytes.Buffer
		_, err = b.ReadFrom(r.Body)
		if err != nil || int64(b.Len()) != it.Version.Size {
			t.Errorf("version %s = %d bytes, %v, want %d", it.Version.VersionID(), b.Len(), err, it.Version.Size)
		}
		ok(t, "close", r.Body.Close())
	}
}

// TestCopyPartAnew: what belongs to another class, or would make lists grow with each copy, is written anew.
func TestCopyPartAnew(t *testing.T) {
	env := newEnv(t, coretest.Options{Spaces: 2})
	two := core.BucketPolicy{Redundancy: content.Policy{Redundancy: content.Copies, N: 2}}
	_, err := env.Bucket(t.Context(), "rep", core.VersioningOff, two)
	ok(t, "make bucket", err)
	big := coretest.Bytes(1, 300_000)
	write(t, env, "off", "big", big, core.PutOptions{})
	p := core.Path{Bucket: "rep", Key: "k"}
	source := core.PartCopy{Source: core.Path{Bucket: "off", Key: "big"}}
	if n := copied(t, env, target{p, begin(t, env, p, core.Checksum{}), ""}, source, big); n != 1 {
		t.Errorf("a copy into another class made %d blobs, want 1", n)
	}
	var many [][]byte
	for i := range core.ShortList + 1 {
		many = append(many, coretest.Bytes(uint64(i), 20_000+i))
	}
	upload(t, env, core.Path{Bucket: "off", Key: "many"}, many)
	p, source.Source.Key = core.Path{Bucket: "off", Key: "k"}, "many"
	whole := bytes.Join(many, nil)
	if n := copied(t, env, target{p, begin(t, env, p, core.Checksum{}), ""}, source, whole); n != 1 {
		t.Errorf("a copy of %d pieces made %d blobs, want 1", len(many), n)
	}
	source.Range = &core.Range{First: 20_000, Last: int64(len(whole)) - 1}
	if n := copied(t, env, target{p, begin(t, env, p, core.Checksum{}), ""}, source, whole); n != 0 {
		t.Errorf("a copy of %d pieces made %d blobs, want none", len(many)-1, n)
	}
}

// TestCopyPartMoved overwrites the source between reading and sharing it.
func TestCopyPartMoved(t *testing.T) {
	var overwrite atomic.Value // func()
	env := newEnv(t, coretest.Options{Hook: func(point string) {
		if do, armed := overwrite.Load().(func()); armed && point == "part.commit.before" {
			do()
		}
	}})
	p, source := core.Path{Bucket: "off", Key: "k"}, core.PartCopy{Source: core.Path{Bucket: "off", Key: "src"}}
	before, after := coretest.Bytes(1, 50_000), coretest.Bytes(2, 60_000)
	write(t, env, "off", "src", before, core.PutOptions{})
	tries := 0
	overwrite.Store(func() {
		if tries++; tries == 1 {
			write(t, env, "off", "src", after, core.PutOptions{})
		}
	})
	part, err := env.Admin.CopyPart(t.Context(), p, begin(t, env, p, core.Checksum{}), source)
	if err != nil || part.Size != int64(len(after)) || tries != 2 {
		t.Errorf("CopyPart = %+v, %v after %d tries, want the new content after 2", part, err, tries)
	}
	overwrite.Store(func() {
		tries++
		write(t, env, "off", "src", coretest.Bytes(uint64(tries), 50_000), core.PutOptions{})
	})
	_, err = env.Admin.CopyPart(t.Context(), p, begin(t, env, p, core.Checksum{}), source)
	wantCode(t, "CopyPart of what never stands still", err, core.Conflict)
	overwrite.Store(func() {})
}

func TestCopyPartRefusals(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	write(t, env, "off", "k", []byte("content"), core.PutOptions{})
	write(t, env, "ver", "hidden", []byte("x"), core.PutOptions{})
	marker := remove(t, env, "ver", "hidden", core.DeleteOptions{})
	p, k, hidden := core.Path{Bucket: "off", Key: "u"}, core.Path{Bucket: "off", Key: "k"}, core.Path{Bucket: "ver", Key: "hidden"}
	id := begin(t, env, p, core.Checksum{})
	for name, c := range map[string]struct {
		req  core.PartCopy
		want core.Code
	}{
		"missing":       {core.PartCopy{Source: core.Path{Bucket: "off", Key: "none"}}, core.NoSuchKey},
		"no bucket":     {core.PartCopy{Source: core.Path{Bucket: "none", Key: "k"}}, core.NoSuchBucket},
		"hidden":        {core.PartCopy{Source: hidden}, core.NoSuchKey},
		"marker":        {core.PartCopy{Source: hidden, SourceVersionID: marker.VersionID}, core.IsDeleteMarker},
		"version":       {core.PartCopy{Source: k, SourceVersionID: "1"}, core.NoSuchVersion},
		"if match":      {core.PartCopy{Source: k, SourceConditions: core.Conditions{IfMatch: []string{"0"}}}, core.PreconditionFailed},
		"if none match": {core.PartCopy{Source: k, SourceConditions: core.Conditions{IfNoneMatch: []string{"*"}}}, core.PreconditionFailed},
		"behind":        {core.PartCopy{Source: k, Range: &core.Range{First: 0, Last: 7}}, core.InvalidRange},
		"suffix":        {core.PartCopy{Source: k, Range: &core.Range{First: -3, Last: -1}}, core.InvalidRange},
		"open":          {core.PartCopy{Source: k, Range: &core.Range{First: 3, Last: -1}}, core.InvalidRange},
		"number":        {core.PartCopy{Source: k, Number: core.MaxPartNumber + 1}, core.BadArgument},
	} {
		_, err := env.Admin.CopyPart(t.Context(), p, id, c.req)
		wantCode(t, name, err, c.want)
	}
	_, err := env.Admin.CopyPart(t.Context(), k, id, core.PartCopy{Source: k})
	wantCode(t, "at another key", err, core.NoSuchUpload)
	bob, err := env.Admin.CreateUser(t.Context(), "bob", "", false)
	ok(t, "make user", err)
	other := env.Service.Session(core.Principal{UserID: bob.ID, Name: "bob"})
	mine := core.Path{Bucket: "bobs", Key: "k"}
	_, err = other.CreateBucket(t.Context(), mine.Bucket, core.CreateBucketOptions{})
	ok(t, "make bucket", err)
	u, err := other.CreateUpload(t.Context(), mine, core.PutOptions{}, core.Checksum{})
	ok(t, "begin", err)
	_, err = other.CopyPart(t.Context(), mine, u.ID, core.PartCopy{Source: k})
	wantCode(t, "of what one may not read", err, core.Forbidden)
	parts, _, err := env.Admin.Parts(t.Context(), p, id, -1, 10)
	if err != nil || len(parts) != 0 {
		t.Errorf("the refused left parts %+v, %v", parts, err)
	}
}
