package core_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"testing"

	"github.com/minio/crc64nvme"

	"trivium/core"
	"trivium/core/coretest"
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

// TestCopyUploadWithAnotherChecksum: the copy of a completed upload is one piece when its checksum is another one, since
// the checksums of its parts are not.
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
