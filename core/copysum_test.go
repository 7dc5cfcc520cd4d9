package core_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/minio/crc64nvme"

	"trivium/core"
	"trivium/core/coretest"
	"trivium/drivers"
)

// sumOf is a checksum as S3 writes it, by another way than the one under test.
func sumOf(algorithm string, data []byte) string {
	var sum []byte
	switch algorithm {
	case "CRC32":
		sum = binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(data))
	case "CRC32C":
		sum = binary.BigEndian.AppendUint32(nil, crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)))
	case "CRC64NVME":
		sum = binary.BigEndian.AppendUint64(nil, crc64nvme.Checksum(data))
	case "SHA1":
		s := sha1.Sum(data)
		sum = s[:]
	case "SHA256":
		s := sha256.Sum256(data)
		sum = s[:]
	}
	return base64.StdEncoding.EncodeToString(sum)
}

// TestCopyWithAnotherChecksum copies content of every sort from each algorithm to each.
func TestCopyWithAnotherChecksum(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	algorithms := []string{"CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"}
	src, dst := core.Path{Bucket: "off", Key: "k"}, core.Path{Bucket: "ver", Key: "copy"}
	for _, data := range [][]byte{nil, []byte("inline"), coretest.Bytes(1, 50_000)} {
		for _, from := range append([]string{""}, algorithms...) {
			was := write(t, env, src.Bucket, src.Key, data, core.PutOptions{Checksum: from})
			for _, to := range algorithms {
				res, err := env.Admin.CopyObject(t.Context(), src, dst, core.CopyOptions{Checksum: to})
				if err != nil {
					t.Fatal(err)
				}
				v := &res.Entry.Version
				if want := (core.Checksum{Algorithm: to, Value: sumOf(to, data)}); v.Attrs.Checksum != want || v.ETag != was.Version.ETag {
					t.Errorf("%d bytes with %q copied with %q: %+v, ETag %s, want %+v, %s",
						len(data), from, to, v.Attrs.Checksum, v.ETag, want, was.Version.ETag)
				}
				get(t, env, dst.Bucket, dst.Key, data)
			}
		}
	}
}

// TestCopyUploadWithAnotherChecksum: the copy of a completed upload is one piece when its checksum is another one,
// since the checksums of its parts are not.
func TestCopyUploadWithAnotherChecksum(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	p := core.Path{Bucket: "off", Key: "parts"}
	parts := [][]byte{coretest.Bytes(2, 5<<20), coretest.Bytes(3, 1000)}
	id := begin(t, env, p, core.Checksum{Algorithm: "SHA256", Composite: true})
	var named []core.CompletePart
	for i, data := range parts {
		named = append(named, part(t, env, p, id, i+1, data))
	}
	if _, err := env.Admin.CompleteUpload(t.Context(), p, id, named, core.CompleteOptions{Size: -1}); err != nil {
		t.Fatal(err)
	}
	all := bytes.Join(parts, nil)
	to := core.Path{Bucket: "off", Key: "copy"}
	res, err := env.Admin.CopyObject(t.Context(), p, to, core.CopyOptions{Checksum: "SHA256"})
	if err != nil {
		t.Fatal(err)
	}
	sum := md5.Sum(all)
	v := &res.Entry.Version
	want := core.Checksum{Algorithm: "SHA256", Value: sumOf("SHA256", all)}
	if v.Attrs.Checksum != want || v.ETag != hex.EncodeToString(sum[:]) || v.PartCount != 0 {
		t.Errorf("the copy has %+v, ETag %s, %d parts, want %+v, %x, none", v.Attrs.Checksum, v.ETag, v.PartCount, want, sum)
	}
	get(t, env, to.Bucket, to.Key, all)
	for _, opts := range []core.GetOptions{{Parts: true}, {PartNumber: 1}} {
		o, err := env.Admin.StatObject(t.Context(), to.Bucket, to.Key, opts)
		if err != nil || len(o.Parts) != 0 || o.Length != int64(len(all)) {
			t.Errorf("StatObject(%+v) = %d parts, %d bytes, %v, want none and all", opts, len(o.Parts), o.Length, err)
		}
	}
	// Without an algorithm all stays, and the source has its parts still.
	res, err = env.Admin.CopyObject(t.Context(), p, to, core.CopyOptions{})
	if err != nil || res.Entry.Version.PartCount != 2 || !res.Entry.Version.Attrs.Checksum.Composite {
		t.Errorf("a copy as it is = %+v, %v", res.Entry.Version, err)
	}
	if err := recount(t.Context(), env); err != nil {
		t.Error(err)
	}
}

func TestCopyWithAnotherChecksumRefusals(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	ctx := t.Context()
	write(t, env, "off", "k", coretest.Bytes(1, 50_000), core.PutOptions{})
	src, dst := core.Path{Bucket: "off", Key: "k"}, core.Path{Bucket: "off", Key: "copy"}
	_, err := env.Admin.CopyObject(ctx, src, dst, core.CopyOptions{Checksum: "MD4"})
	wantCode(t, "unknown algorithm", err, core.BadArgument)
	_, err = env.Admin.CopyObject(ctx, src, dst, core.CopyOptions{Checksum: "SHA1", SourceConditions: core.Conditions{IfMatch: []string{"x"}}})
	wantCode(t, "condition on the source", err, core.PreconditionFailed)
	_, err = env.Admin.CopyObject(ctx, core.Path{Bucket: "off", Key: "none"}, dst, core.CopyOptions{Checksum: "SHA1"})
	wantCode(t, "no source", err, core.NoSuchKey)
	_, alice := user(t, env, "alice")
	_, err = alice.CopyObject(ctx, src, dst, core.CopyOptions{Checksum: "SHA1"})
	wantCode(t, "somebody else", err, core.Forbidden)
}

// TestCopyWithAChecksumOfAMovingSource overwrites the source between the look at its checksum and the commit: the copy
// has the algorithm that was asked for, of the content that it has, or says that the source does not hold still.
func TestCopyWithAChecksumOfAMovingSource(t *testing.T) {
	const settles = 2 // overwrites after which the source stays
	for _, tt := range []struct {
		name             string
		before, after    string // algorithms of the source
		overwrites, want int    // want: which content is copied; -1: Conflict
	}{
		{"computed", "", "", settles, settles},
		{"the source has it, then another", "SHA1", "CRC32", settles, settles},
		{"the source has it, then none", "SHA1", "", settles, settles},
		{"the source has it, then it again", "SHA1", "SHA1", settles, 1},
		{"computed, then the source has it", "", "SHA1", settles, 1},
		{"over and over", "", "", 1000, -1},
		{"over and over, with it", "SHA1", "SHA1", 1000, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var overwrite func()
			env := newEnv(t, coretest.Options{Hook: func(point string) {
				if point == "put.commit.before" && overwrite != nil {
					overwrite()
				}
			}})
			content := func(i int) []byte { return coretest.Bytes(uint64(i), 5000) }
			src, dst := core.Path{Bucket: "off", Key: "k"}, core.Path{Bucket: "off", Key: "copy"}
			write(t, env, src.Bucket, src.Key, content(0), core.PutOptions{Checksum: tt.before})
			n, inside := 0, false
			overwrite = func() {
				if inside || n == tt.overwrites { // the hook of the overwriting itself
					return
				}
				inside, n = true, n+1
				write(t, env, src.Bucket, src.Key, content(n), core.PutOptions{Checksum: tt.after})
				inside = false
			}
			res, err := env.Admin.CopyObject(t.Context(), src, dst, core.CopyOptions{Checksum: "SHA1"})
			if tt.want < 0 {
				wantCode(t, "a source that is overwritten over and over", err, core.Conflict)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			data := content(tt.want)
			if got, want := res.Entry.Version.Attrs.Checksum, (core.Checksum{Algorithm: "SHA1", Value: sumOf("SHA1", data)}); got != want {
				t.Errorf("the copy has %+v, want %+v", got, want)
			}
			get(t, env, dst.Bucket, dst.Key, data)
		})
	}
}

// TestCopyWithItsOwnChecksum: the copy of a completed upload that has the checksum keeps its parts.
func TestCopyWithItsOwnChecksum(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	p := core.Path{Bucket: "off", Key: "parts"}
	id := begin(t, env, p, core.Checksum{Algorithm: "CRC32"})
	named := []core.CompletePart{part(t, env, p, id, 1, coretest.Bytes(2, 5<<20)), part(t, env, p, id, 2, coretest.Bytes(3, 1000))}
	was, err := env.Admin.CompleteUpload(t.Context(), p, id, named, core.CompleteOptions{Size: -1})
	if err != nil {
		t.Fatal(err)
	}
	res, err := env.Admin.CopyObject(t.Context(), p, core.Path{Bucket: "off", Key: "copy"}, core.CopyOptions{Checksum: "CRC32"})
	if err != nil {
		t.Fatal(err)
	}
	got, want := &res.Entry.Version, &was.Entry.Version
	if got.PartCount != 2 || got.ETag != want.ETag || got.Attrs.Checksum != want.Attrs.Checksum {
		t.Errorf("the copy has %d parts, ETag %s, %+v, want 2, %s, %+v", got.PartCount, got.ETag, got.Attrs.Checksum, want.ETag, want.Attrs.Checksum)
	}
}

// TestCopyWithAChecksumReadsNothingInVain: a condition on the destination that is false is noticed before the source is
// read.
func TestCopyWithAChecksumReadsNothingInVain(t *testing.T) {
	var reads atomic.Int64
	env := newEnv(t, coretest.Options{Wrap: func(_ string, d drivers.Driver) drivers.Driver { return &countedReads{d, &reads} }})
	write(t, env, "off", "k", coretest.Bytes(1, 50_000), core.PutOptions{})
	write(t, env, "off", "there", []byte("x"), core.PutOptions{})
	src, dst := core.Path{Bucket: "off", Key: "k"}, core.Path{Bucket: "off", Key: "there"}
	for name, cond := range map[string]core.Conditions{
		"If-None-Match": {IfNoneMatch: []string{"*"}}, "If-Match": {IfMatch: []string{"another"}},
	} {
		_, err := env.Admin.CopyObject(t.Context(), src, dst, core.CopyOptions{Checksum: "SHA1", Put: core.PutOptions{Conditions: cond}})
		wantCode(t, name, err, core.PreconditionFailed)
	}
	if n := reads.Load(); n > 0 {
		t.Errorf("the source was read %d times, want never", n)
	}
	if _, err := env.Admin.CopyObject(t.Context(), src, dst, core.CopyOptions{Checksum: "SHA1"}); err != nil || reads.Load() == 0 {
		t.Errorf("CopyObject = %v with %d reads", err, reads.Load())
	}
}

// countedReads counts the openings of shards.
type countedReads struct {
	drivers.Driver
	n *atomic.Int64
}

// Open implements drivers.Driver.
func (d *countedReads) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	if strings.Count(name, "/") > 1 { // the space's own files lie above
		d.n.Add(1)
	}
	return d.Driver.Open(ctx, name, offset, length)
}
