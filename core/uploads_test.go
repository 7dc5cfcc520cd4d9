package core_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"testing"

	"trivium/core"
	"trivium/core/content"
	"trivium/core/coretest"
)

// begin begins an upload.
func begin(t *testing.T, env *coretest.Env, p core.Path, c core.Checksum) string {
	t.Helper()
	u, err := env.Admin.CreateUpload(t.Context(), p, core.PutOptions{Attrs: core.Attrs{ContentType: "a/b"}}, c)
	if err != nil {
		t.Fatal(err)
	}
	return u.ID
}

// part stores a part and returns its name for the completion.
//
//nolint:revive // six arguments: a helper of tests
func part(t *testing.T, env *coretest.Env, p core.Path, id string, n int, data []byte) core.CompletePart {
	t.Helper()
	up, _, err := env.Admin.PutPart(t.Context(), p, id, core.PartRequest{Number: n, Body: bytes.NewReader(data), Size: int64(len(data))})
	if err != nil {
		t.Fatalf("PutPart(%d): %v", n, err)
	}
	return core.CompletePart{Number: n, ETag: up.ETag, Checksum: up.Checksum}
}

// upload makes an object of parts.
func upload(t *testing.T, env *coretest.Env, p core.Path, parts [][]byte) core.Entry {
	t.Helper()
	id := begin(t, env, p, core.Checksum{})
	var named []core.CompletePart
	for i, data := range parts {
		named = append(named, part(t, env, p, id, i+1, data))
	}
	res, err := env.Admin.CompleteUpload(t.Context(), p, id, named, core.CompleteOptions{Size: -1})
	if err != nil {
		t.Fatal(err)
	}
	return res.Entry
}

// TestCompletedChecksums compares combined checksums with those of the same content put in one piece, and
// composite ones with the algorithm over the parts' values.
func TestCompletedChecksums(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	p := core.Path{Bucket: "off", Key: "k"}
	parts := [][]byte{coretest.Bytes(1, 70_000), nil, coretest.Bytes(2, 5), coretest.Bytes(3, 30_000)}
	whole := bytes.Join(parts, nil)
	for _, c := range []core.Checksum{
		{Algorithm: "CRC32"},
		{Algorithm: "CRC32C"},
		{Algorithm: "CRC64NVME"},
		{Algorithm: "SHA256", Composite: true},
		{Algorithm: "CRC32", Composite: true},
	} {
		id := begin(t, env, p, c)
		var named []core.CompletePart
		var raw []byte
		for i, data := range parts {
			n := part(t, env, p, id, i+1, data)
			value, err := base64.StdEncoding.DecodeString(n.Checksum)
			if err != nil || len(value) == 0 {
				t.Fatalf("part checksum %q", n.Checksum)
			}
			raw = append(raw, value...)
			named = append(named, n)
		}
		res, err := env.Admin.CompleteUpload(t.Context(), p, id, named, core.CompleteOptions{Size: int64(len(whole))})
		if err != nil {
			t.Fatal(err)
		}
		source := whole
		if c.Composite {
			source = raw
		}
		c.Value = write(t, env, "off", "plain", source, core.PutOptions{Checksum: c.Algorithm}).Version.Attrs.Checksum.Value
		if c.Composite {
			c.Value += "-4"
		}
		if got := res.Entry.Version.Attrs.Checksum; got != c {
			t.Errorf("checksum = %+v, want %+v", got, c)
		}
		get(t, env, "off", "k", whole)
	}
	for _, c := range []core.Checksum{{Algorithm: "SHA256"}, {Algorithm: "CRC64NVME", Composite: true}, {Algorithm: "MD6"}} {
		_, err := env.Admin.CreateUpload(t.Context(), p, core.PutOptions{}, c)
		wantCode(t, fmt.Sprintf("CreateUpload(%+v)", c), err, core.BadArgument)
	}
}

func TestCompleteRefusals(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	p := core.Path{Bucket: "off", Key: "k"}
	old := write(t, env, "off", "k", []byte("old"), core.PutOptions{})
	id := begin(t, env, p, core.Checksum{Algorithm: "CRC32C"})
	one, two := part(t, env, p, id, 1, []byte("one")), part(t, env, p, id, 2, []byte("two"))
	none := core.CompleteOptions{Size: -1}
	wrong, other := one, one
	wrong.ETag, other.Checksum = "0123", "AAAA"
	cases := map[string]struct {
		parts []core.CompletePart
		opts  core.CompleteOptions
		want  core.Code
	}{
		"no parts":   {nil, none, core.BadArgument},
		"missing":    {[]core.CompletePart{one, {Number: 3}}, none, core.InvalidPart},
		"ETag":       {[]core.CompletePart{wrong, two}, none, core.InvalidPart},
		"checksum":   {[]core.CompletePart{other, two}, none, core.InvalidPart},
		"order":      {[]core.CompletePart{two, one}, none, core.InvalidPartOrder},
		"repeated":   {[]core.CompletePart{one, one}, none, core.InvalidPartOrder},
		"too small":  {[]core.CompletePart{one, two}, core.CompleteOptions{Size: -1, MinPart: 4}, core.TooSmall},
		"size":       {[]core.CompletePart{one, two}, core.CompleteOptions{Size: 7}, core.BadArgument},
		"whole":      {[]core.CompletePart{one, two}, core.CompleteOptions{Size: -1, Checksum: "AAAA"}, core.BadDigest},
		"condition":  {[]core.CompletePart{one, two}, core.CompleteOptions{Size: -1, Conditions: core.Conditions{IfNoneMatch: []string{"*"}}}, core.PreconditionFailed},
		"wrong size": {[]core.CompletePart{one, two}, core.CompleteOptions{}, core.BadArgument},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := env.Admin.CompleteUpload(t.Context(), p, id, c.parts, c.opts)
			wantCode(t, "CompleteUpload", err, c.want)
		})
	}
	if o := get(t, env, "off", "k", []byte("old")); o.Entry.Version.ID != old.Version.ID {
		t.Error("a refused completion changed the object")
	}
	_, err := env.Admin.CompleteUpload(t.Context(), core.Path{Bucket: "off", Key: "l"}, id, []core.CompletePart{one}, none)
	wantCode(t, "CompleteUpload at another key", err, core.NoSuchUpload)
	// The last part may be shorter than the minimum.
	if _, err := env.Admin.CompleteUpload(t.Context(), p, id, []core.CompletePart{two}, core.CompleteOptions{Size: 3, MinPart: 4}); err != nil {
		t.Fatal(err)
	}
	o := get(t, env, "off", "k", []byte("two"))
	sum := sha256.Sum256([]byte("two"))
	if o.Entry.Version.PartCount != 1 || o.Entry.Version.Attrs.ContentType != "a/b" || !bytes.Equal(o.Entry.Version.SHA256, sum[:]) {
		t.Errorf("completed object is %+v", o)
	}
	_, err = env.Admin.CompleteUpload(t.Context(), p, id, []core.CompletePart{two}, none)
	wantCode(t, "CompleteUpload again", err, core.NoSuchUpload)
	_, _, err = env.Admin.PutPart(t.Context(), p, id, core.PartRequest{Number: 1, Body: bytes.NewReader(nil)})
	wantCode(t, "PutPart after completion", err, core.NoSuchUpload)
}

// TestCompleteAnyOrder joins parts in the order named, one of them twice and one kept in two places.
func TestCompleteAnyOrder(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	p := core.Path{Bucket: "off", Key: "k"}
	a, b := coretest.Bytes(1, 20_000), coretest.Bytes(2, 10)
	id := begin(t, env, p, core.Checksum{})
	part(t, env, p, id, 0, coretest.Bytes(9, 30_000))
	part(t, env, p, id, 0, a) // replaces
	part(t, env, p, id, 5, b)
	part(t, env, p, id, 7, a)
	part(t, env, p, id, 8, coretest.Bytes(3, 100)) // given up
	named := []core.CompletePart{{Number: 5}, {Number: 0}, {Number: 5}, {Number: 7}}
	if _, err := env.Admin.CompleteUpload(t.Context(), p, id, named, core.CompleteOptions{Size: -1, AnyOrder: true}); err != nil {
		t.Fatal(err)
	}
	get(t, env, "off", "k", bytes.Join([][]byte{b, a, b, a}, nil))
	rows(t, env, func(ctx context.Context, tx core.MetaTx) error {
		blobs, err := tx.Unreferenced(ctx, 10)
		if len(blobs) != 2 {
			t.Errorf("%d blobs without references, want the replaced part's and the one given up", len(blobs))
		}
		lists, lerr := tx.Lists(ctx, 0, 10)
		if len(lists) != 1 || len(lists[0].Extents) != 4 || lerr != nil {
			t.Errorf("lists = %+v, %v", lists, lerr)
		}
		return err
	})
	r, err := env.Admin.StatObject(t.Context(), "off", "k", core.GetOptions{PartNumber: 3})
	if err != nil || r.Offset != 20_010 || r.Length != 10 || r.Entry.Version.PartCount != 4 || r.Part.Size != 10 {
		t.Errorf("part 3 = %+v, %v", r, err)
	}
	_, err = env.Admin.StatObject(t.Context(), "off", "k", core.GetOptions{PartNumber: 5})
	wantCode(t, "StatObject of part 5", err, core.InvalidRange)
	r, err = env.Admin.StatObject(t.Context(), "off", "k", core.GetOptions{Parts: true})
	if sizes := []core.Part{{Size: 10}, {Size: 20_000}, {Size: 10}, {Size: 20_000}}; err != nil || !slices.Equal(r.Parts, sizes) || r.Length != 40_020 {
		t.Errorf("all parts = %+v, %v", r, err)
	}
	e := upload(t, env, core.Path{Bucket: "off", Key: "none"}, [][]byte{nil})
	r, err = env.Admin.StatObject(t.Context(), "off", "none", core.GetOptions{Parts: true, VersionID: e.Version.VersionID()})
	if err != nil || !slices.Equal(r.Parts, []core.Part{{}}) {
		t.Errorf("the only part, empty = %+v, %v", r.Parts, err)
	}
	put(t, env.Admin, "off", "plain")
	if r, err = env.Admin.StatObject(t.Context(), "off", "plain", core.GetOptions{Parts: true}); err != nil || len(r.Parts) != 0 {
		t.Errorf("parts of an object without = %+v, %v", r.Parts, err)
	}
}

func TestPartsAndAbort(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	p := core.Path{Bucket: "off", Key: "k"}
	id := begin(t, env, p, core.Checksum{})
	for n := range 5 {
		part(t, env, p, id, n+1, coretest.Bytes(uint64(n), 100+n))
	}
	parts, more, err := env.Admin.Parts(t.Context(), p, id, 2, 2)
	if err != nil || !more || len(parts) != 2 || parts[0].Number != 3 || parts[1].Size != 103 {
		t.Errorf("Parts after 2 = %+v, %t, %v", parts, more, err)
	}
	if parts, more, err = env.Admin.Parts(t.Context(), p, id, 3, 2); err != nil || more || len(parts) != 2 {
		t.Errorf("Parts after 3 = %+v, %t, %v", parts, more, err)
	}
	for _, n := range []int{-1, 10_001} {
		_, _, err := env.Admin.PutPart(t.Context(), p, id, core.PartRequest{Number: n, Body: bytes.NewReader(nil)})
		wantCode(t, fmt.Sprintf("PutPart(%d)", n), err, core.BadArgument)
	}
	_, _, err = env.Admin.PutPart(t.Context(), p, id, core.PartRequest{Number: 1, Body: bytes.NewReader(nil), Size: core.MaxPart + 1})
	wantCode(t, "PutPart of more than 5 GiB", err, core.TooLarge)
	if err := env.Admin.AbortUpload(t.Context(), p, id); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "AbortUpload again", env.Admin.AbortUpload(t.Context(), p, id), core.NoSuchUpload)
	rows(t, env, func(ctx context.Context, tx core.MetaTx) error {
		blobs, err := tx.Blobs(ctx, content.BlobID{}, 10)
		for _, b := range blobs {
			if b.Refs != 0 {
				t.Errorf("blob %s has %d references", b.ID, b.Refs)
			}
		}
		return err
	})
}

// TestManyParts reads ranges and parts of an object whose list is long, as the current version and as an older
// one, and of a copy.
func TestManyParts(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	const count, size = 150, 90
	var parts [][]byte
	for i := range count {
		parts = append(parts, coretest.Bytes(uint64(i), size+i%3))
	}
	whole := bytes.Join(parts, nil)
	p := core.Path{Bucket: "ver", Key: "k"}
	e := upload(t, env, p, parts)
	if _, err := env.Admin.PutObject(t.Context(), "ver", "k", bytes.NewReader(nil), 0, core.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	replaced := core.CopyOptions{SourceVersionID: e.Version.VersionID(), Replace: true}
	if _, err := env.Admin.CopyObject(t.Context(), p, core.Path{Bucket: "off", Key: "copy"}, replaced); err != nil {
		t.Fatal(err)
	}
	read := func(p core.Path, opts core.GetOptions, want []byte) {
		t.Helper()
		r, err := env.Admin.OpenObject(t.Context(), p.Bucket, p.Key, opts)
		if err != nil {
			t.Fatalf("OpenObject(%s, %+v) = %v", p, opts, err)
		}
		defer r.Body.Close()
		got, err := io.ReadAll(r.Body)
		if err != nil || !bytes.Equal(got, want) || r.Entry.Version.PartCount != count {
			t.Errorf("%s, %+v: %d bytes of %d parts, %v, want %d of %d", p, opts, len(got), r.Entry.Version.PartCount, err, len(want), count)
		}
	}
	for _, c := range []struct {
		path    core.Path
		version string
	}{{p, e.Version.VersionID()}, {core.Path{Bucket: "off", Key: "copy"}, ""}} {
		read(c.path, core.GetOptions{VersionID: c.version}, whole)
		for _, at := range []int64{0, 1, size, 128 * size, int64(len(whole)) - 1} {
			last := min(at+200, int64(len(whole))-1)
			read(c.path, core.GetOptions{VersionID: c.version, Range: &core.Range{First: at, Last: last}}, whole[at:last+1])
		}
		for _, n := range []int{1, 2, 129, count} {
			read(c.path, core.GetOptions{VersionID: c.version, PartNumber: n}, parts[n-1])
		}
		_, err := env.Admin.StatObject(t.Context(), c.path.Bucket, c.path.Key, core.GetOptions{VersionID: c.version, PartNumber: count + 1})
		wantCode(t, "StatObject of a part too many", err, core.InvalidRange)
	}
}

// TestEmptyParts completes uploads of nothing: they have no extent, but parts.
func TestEmptyParts(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	p := core.Path{Bucket: "off", Key: "k"}
	for _, count := range []int{1, 3} {
		upload(t, env, p, make([][]byte, count))
		get(t, env, "off", "k", nil)
		o, err := env.Admin.StatObject(t.Context(), "off", "k", core.GetOptions{PartNumber: count})
		if err != nil || o.Entry.Version.PartCount != count || o.Length != 0 {
			t.Errorf("part %d = %+v, %v", count, o, err)
		}
		_, err = env.Admin.StatObject(t.Context(), "off", "k", core.GetOptions{PartNumber: count + 1})
		wantCode(t, "StatObject of a part too many", err, core.InvalidRange)
	}
	if _, err := env.Admin.CopyObject(t.Context(), p, core.Path{Bucket: "off", Key: "l"}, core.CopyOptions{}); err != nil {
		t.Fatal(err)
	}
	get(t, env, "off", "l", nil)
}
