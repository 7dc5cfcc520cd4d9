package metatest

import (
	"context"
	"testing"

	"trivium/core"
	"trivium/core/content"
)

// testRows writes, replaces and deletes rows of every noun that is not a version or an upload.
func testRows(t *testing.T, open Open) {
	runSteps(t, open, append(accountSteps(), bucketSteps()...))
	runSteps(t, open, contentSteps())
}

func accountSteps() []step {
	user := core.User{ID: 3, Name: "Ann", Password: "$argon2id$", Admin: true, CreateTime: 4}
	renamed := core.User{ID: 3, Name: "ann\xff", Disabled: true}
	key := core.AccessKey{ID: "AK", UserID: 3, Secret: []byte{0, 1, 255}, CreateTime: -1}
	disabled := core.AccessKey{ID: "AK", UserID: 4, Secret: []byte{2}, Disabled: true}
	space := core.Space{
		ID: 2, Name: "s", Owner: 3, Kind: "s3", Config: map[string]string{"endpoint": "https://x"}, Secrets: []byte{9},
		WorkingDir: "w", Domain: "d", Weight: 0.25, State: "active", Sealed: true, MaxSize: 1 << 50, Revision: 8,
		NoShards: true, Fresh: true, Features: []core.SpaceFeature{{Type: "MultipartUpload", MinPartSize: 5, MaxPartSize: 6}},
	}
	lease := core.Lease{Incarnation: 1<<64 - 2, Holder: "h 1", StartTime: 1, RenewTime: 2}
	dead := core.Lease{Incarnation: 1<<64 - 2, Holder: "h 1", StartTime: 1, RenewTime: 2, Dead: true}
	return []step{
		{"put user", put(core.MetaTx.PutUser, user), func(d *State) { d.Users = []core.User{user} }},
		{"replace user", put(core.MetaTx.PutUser, renamed), func(d *State) { d.Users = []core.User{renamed} }},
		{"put key", put(core.MetaTx.PutKey, key), func(d *State) { d.Keys = []core.AccessKey{key} }},
		{"replace key", put(core.MetaTx.PutKey, disabled), func(d *State) { d.Keys = []core.AccessKey{disabled} }},
		{"delete key", put(core.MetaTx.DeleteKey, "AK"), func(d *State) { d.Keys = nil }},
		{"delete no key", put(core.MetaTx.DeleteKey, "AK"), func(*State) {}},
		{"delete no user", put(core.MetaTx.DeleteUser, int64(4)), func(*State) {}},
		{"delete user", put(core.MetaTx.DeleteUser, int64(3)), func(d *State) { d.Users = nil }},
		{"put space", put(core.MetaTx.PutSpace, space), func(d *State) { d.Spaces = []core.Space{space} }},
		{"replace space", put(core.MetaTx.PutSpace, core.Space{ID: 2, Kind: "local"}), func(d *State) {
			d.Spaces = []core.Space{{ID: 2, Kind: "local"}}
		}},
		{"delete space", put(core.MetaTx.DeleteSpace, content.SpaceID(2)), func(d *State) { d.Spaces = nil }},
		{"put lease", put(core.MetaTx.PutLease, lease), func(d *State) { d.Leases = []core.Lease{lease} }},
		{"put older lease", put(core.MetaTx.PutLease, core.Lease{Incarnation: 1}), func(d *State) {
			d.Leases = []core.Lease{{Incarnation: 1}, lease}
		}},
		{"replace lease", put(core.MetaTx.PutLease, dead), func(d *State) { d.Leases[1] = dead }},
		{"delete lease", put(core.MetaTx.DeleteLease, uint64(1)), func(d *State) { d.Leases = d.Leases[1:] }},
		{"bump config", func(ctx context.Context, tx core.MetaTx) error { return tx.BumpConfig(ctx) }, func(d *State) { d.Stamp.ConfigEpoch++ }},
	}
}

// put is a step that calls one method.
func put[T any](method func(core.MetaTx, context.Context, T) error, v T) func(context.Context, core.MetaTx) error {
	return func(ctx context.Context, tx core.MetaTx) error { return method(tx, ctx, v) }
}

func bucketSteps() []step {
	other := core.Bucket{
		ID: 9, Name: "another", Owner: 2, CreateTime: 3, Versioning: core.VersioningSuspended, EverVersioned: true,
		Policy: core.BucketPolicy{
			Redundancy: content.Policy{Redundancy: content.ErasureCoded, K: 4, N: 6},
			Spaces:     []content.SpaceID{2, 1}, NoMD5: true, PublicRead: true,
		},
	}
	gone := other
	gone.Deleting = true
	again := core.Bucket{ID: 10, Name: "another"}
	pkg := core.Package{ID: 5, BucketID: 1, Name: "p", Explicit: true, CreateTime: 2, Ending: 1 << 60}
	root := core.Package{ID: 4, BucketID: 1}
	grants := []core.Grant{{BucketID: 9, UserID: 3, Access: core.AccessWrite}, {BucketID: 9, UserID: 7, Access: core.AccessOwner}}
	return []step{
		{"put bucket", put(core.MetaTx.PutBucket, other), func(d *State) {
			d.Buckets = []core.Bucket{other, theBucket()}
			d.Usage[9] = core.Usage{}
		}},
		{"grants", func(ctx context.Context, tx core.MetaTx) error {
			return tx.SetGrants(ctx, 9, []core.Grant{grants[1], grants[0]})
		}, func(d *State) { d.Grants = grants }},
		{"other grants", func(ctx context.Context, tx core.MetaTx) error {
			return tx.SetGrants(ctx, 9, grants[:1])
		}, func(d *State) { d.Grants = grants[:1] }},
		{"delete", put(core.MetaTx.PutBucket, gone), func(d *State) { d.Buckets = []core.Bucket{theBucket(), gone} }},
		{"the name is free", put(core.MetaTx.PutBucket, again), func(d *State) {
			d.Buckets = []core.Bucket{again, theBucket(), gone}
			d.Usage[10] = core.Usage{}
		}},
		{"delete again", put(core.MetaTx.DeleteBucket, int64(9)), func(d *State) {
			d.Buckets, d.Grants = d.Buckets[:2], nil
			delete(d.Usage, 9)
		}},
		{"put package", put(core.MetaTx.PutPackage, pkg), func(d *State) { d.Packages = []core.Package{pkg} }},
		{"put root", put(core.MetaTx.PutPackage, root), func(d *State) { d.Packages = []core.Package{root, pkg} }},
		{"delete package", put(core.MetaTx.DeletePackage, int64(5)), func(d *State) { d.Packages = []core.Package{root} }},
	}
}

func contentSteps() []step {
	a, b := blobID(1, 2), blobID(1<<63, 1)
	list := core.List{ID: 8, Refs: 2, Extents: []core.Extent{{Blob: a, Length: 10}, {Blob: b, Offset: 5, Length: 1 << 40}}}
	blob := core.Blob{Blob: content.Blob{ID: a, Size: 10, HasSHA256: true, CRC64: 1<<64 - 1, Layout: layout(10)}, Class: 1, Refs: 1}
	packed := core.Blob{
		Blob: content.Blob{ID: b, Size: 3}, Class: 1, State: core.BlobPacked, Pack: a, PackOffset: 4, PackLive: 5, Buffer: 6,
	}
	setRefs := func(id int64, delta, want int64) func(context.Context, core.MetaTx) error {
		return func(ctx context.Context, tx core.MetaTx) error {
			if got, _, err := tx.AddListRefs(ctx, id, delta); err != nil || got != want {
				return core.Errorf(core.Internal, "", "AddListRefs(%d, %d) = %d, %v, want %d", id, delta, got, err, want)
			}
			return nil
		}
	}
	return []step{
		{"put inline", func(ctx context.Context, tx core.MetaTx) error {
			return tx.PutInline(ctx, 4, 1<<64-1, []byte("data\x00"))
		}, func(d *State) { d.Inline[4] = InlineRow{1<<64 - 1, "data\x00"} }},
		{"replace inline", func(ctx context.Context, tx core.MetaTx) error {
			return tx.PutInline(ctx, 4, 0, nil)
		}, func(d *State) { d.Inline[4] = InlineRow{} }},
		{"delete inline", put(core.MetaTx.DeleteInline, int64(4)), func(d *State) { delete(d.Inline, 4) }},
		{"put list", put(core.MetaTx.PutList, list), func(d *State) { d.Lists = []core.List{list} }},
		{"add refs", setRefs(8, 3, 5), func(d *State) { d.Lists = []core.List{{ID: 8, Refs: 5, Extents: list.Extents}} }},
		{"drop refs", setRefs(8, -5, 0), func(d *State) { d.Lists[0].Refs = 0 }},
		{"delete list", put(core.MetaTx.DeleteList, int64(8)), func(d *State) { d.Lists = nil }},
		{"put blobs", func(ctx context.Context, tx core.MetaTx) error {
			if err := tx.PutBlob(ctx, packed); err != nil {
				return err
			}
			return tx.PutBlob(ctx, blob)
		}, func(d *State) { d.Blobs = []core.Blob{blob, packed} }},
		{"blob refs", func(ctx context.Context, tx core.MetaTx) error {
			_, err := tx.AddBlobRefs(ctx, a, 41)
			return err
		}, func(d *State) { d.Blobs[0].Refs = 42 }},
		{"delete blob", put(core.MetaTx.DeleteBlob, a), func(d *State) { d.Blobs = []core.Blob{packed} }},
	}
}
