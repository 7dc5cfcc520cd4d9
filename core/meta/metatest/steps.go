package metatest

import (
	"context"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"trivium/core"
	"trivium/core/content"
)

// step is one transaction and what it makes of the state.
type step struct {
	name  string
	do    func(ctx context.Context, tx core.MetaTx) error
	model func(d *State)
}

// runSteps runs steps one after the other on a store that begins with a bucket 1, and compares the whole state
// after each, and after each was rolled back.
func runSteps(t *testing.T, open Open, steps []step) {
	t.Helper()
	s := fresh(t, open)
	update(t, s, func(ctx context.Context, tx core.MetaTx) error { return tx.PutBucket(ctx, theBucket()) })
	want := dump(t, s)
	for _, st := range steps {
		errStop := errors.New("stop")
		err := s.Update(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
			if err := st.do(ctx, tx); err != nil {
				return err
			}
			return errStop
		})
		if !errors.Is(err, errStop) {
			t.Fatalf("%s: Update() = %v, want %v", st.name, err, errStop)
		}
		same(t, st.name+", rolled back", want, dump(t, s))
		update(t, s, st.do)
		st.model(&want)
		same(t, st.name, want, dump(t, s))
	}
}

// theBucket is the bucket that steps work in.
func theBucket() core.Bucket { return core.Bucket{ID: 1, Name: "bucket", Owner: 1, CreateTime: 5} }

// dump reads the state and ends the test if that fails.
func dump(t testing.TB, s core.MetaStore) State {
	t.Helper()
	d, err := Dump(t.Context(), s)
	if err != nil {
		t.Fatalf("Dump() = %v", err)
	}
	return d
}

// same reports in what two states differ.
func same(t testing.TB, what string, want, got State) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s: the state is not as wanted (-want +got):\n%s", what, diff)
	}
}

// equal compares an answer.
func equal(t testing.TB, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s: -want +got:\n%s", what, diff)
	}
}

// inline is a reference to an inline row.
func inline(id int64) core.ContentRef { return core.ContentRef{Kind: core.ContentInline, ID: id} }

// listed is a reference to a list.
func listed(id int64) core.ContentRef { return core.ContentRef{Kind: core.ContentList, ID: id} }

// entry is a live entry of bucket 1 with little in it.
func entry(key string, objectID int64) core.Entry {
	return core.Entry{
		BucketID: 1, Key: key, ObjectID: objectID, CreateTime: 7, LastVersion: 9,
		Version: core.Version{Seq: 1, ID: 9, UpdateTime: 7, MTime: core.NoTime},
	}
}

// marker is an entry whose current version is a delete marker.
func marker(key string, objectID int64) core.Entry {
	e := entry(key, objectID)
	e.Version.Marker = true
	return e
}

// fullVersion has something in every field; its attributes are about size bytes.
func fullVersion(seq int64, size int) core.Version {
	sum := sha256.Sum256([]byte{byte(seq)})
	big := make([]byte, size)
	for i := range big {
		big[i] = byte('a' + i%26)
	}
	return core.Version{
		Seq: seq, ID: 1000 + seq, Size: 1 << 40, ETag: "d41d8cd98f00b204e9800998ecf8427e-3", SHA256: sum[:],
		UpdateTime: 1, MTime: -5, Expiry: 99, KeepFor: true, Revision: 4, Content: listed(77), Class: "GLACIER",
		CreatedBy: 12, PartCount: 3,
		Attrs: core.Attrs{
			ContentType: "text/plain; charset=\"x\"", CacheControl: "no-cache", ContentDisposition: "inline",
			ContentEncoding: "gzip", ContentLanguage: "de", Expires: "Thu, 01 Dec 1994 16:00:00 GMT",
			WebsiteRedirect: "/elsewhere",
			Metadata:        map[string]string{"a": "ä<&>\u2028", "big": string(big)}, Tags: map[string]string{"": "x"},
			Checksum:    core.Checksum{Algorithm: "SHA1", Composite: true, Value: "AAAA-2"},
			RetainUntil: 1, RetainMode: "GOVERNANCE",
			LegalHold: true, CreateReason: "copy", ClientCreated: -1, PartsSHA256: sum[:],
		},
	}
}

// blobID is a blob's ID whose order is that of (incarnation, counter), both unsigned.
func blobID(incarnation, counter uint64) content.BlobID {
	return content.BlobID{Incarnation: incarnation, Counter: counter}
}

// layout is a valid layout of a blob of so many bytes.
func layout(size int64) content.Layout {
	return content.Layout{
		Redundancy: content.Copies, K: 1, N: 2, ChunkSize: 64 << 10, BlockSize: 64 << 10, Size: size,
		Runs: []content.Run{{Count: 1, Size: size}}, Base: []content.SpaceID{1, 2},
	}
}
