package core_test

import (
	"io"
	"testing"

	"trivium/core"
	"trivium/core/coretest"
)

// TestChoose: a door judges the version that was found, and takes the bytes that it names, whichever version it is.
func TestChoose(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	ctx := t.Context()
	for _, size := range []int{10, 100_000} { // inline, and in a space
		data := coretest.Bytes(1, size)
		e := write(t, env, "ver", "p/a", data, core.PutOptions{})
		n := int64(size)
		for _, version := range []string{"", e.Version.VersionID()} {
			choose := func(s core.Slice, refuse error) (string, *core.Reader, error) {
				rd, err := env.Admin.OpenMember(ctx, e.ObjectID, core.GetOptions{VersionID: version, Choose: func(v *core.Version) (core.Slice, error) {
					if v.Size != n {
						t.Errorf("Choose is asked about %d bytes, want %d", v.Size, n)
					}
					return s, refuse
				}})
				if err != nil {
					return "", rd, err
				}
				defer rd.Body.Close()
				got, err := io.ReadAll(rd.Body)
				return string(got), rd, err
			}
			for _, s := range []core.Slice{{Length: n}, {Offset: 3, Length: 5}, {Offset: n - 1, Length: 1}, {Offset: 4}, {Offset: n}} {
				got, rd, err := choose(s, nil)
				if want := string(data[s.Offset : s.Offset+s.Length]); err != nil || got != want || rd.Length != s.Length || rd.Ranged {
					t.Errorf("%+v of %d bytes = %d bytes, %v, want %d", s, size, len(got), err, len(want))
				}
			}
			for _, s := range []core.Slice{{Length: n + 1}, {Offset: n + 1}, {Offset: -1, Length: 1}, {Offset: 1, Length: -1}} {
				_, _, err := choose(s, nil)
				wantCode(t, "bytes that there are not", err, core.InvalidRange)
			}
			_, rd, err := choose(core.Slice{}, &core.Error{Code: core.NotModified})
			wantCode(t, "a refusal", err, core.NotModified)
			if rd == nil || rd.Entry.ObjectID != e.ObjectID {
				t.Errorf("a refusal tells of %+v, want the object", rd)
			}
		}
	}
}

// TestMemberOfChangedBucket: an object is found by its id whatever became of its bucket's name and rights.
func TestMemberOfChangedBucket(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	ctx := t.Context()
	e := write(t, env, "off", "p/a", []byte("a"), core.PutOptions{})
	u, reader := user(t, env, "reader")
	stat := func(se *core.Session) (string, error) {
		o, err := se.StatMember(ctx, e.ObjectID, core.GetOptions{})
		return o.Bucket.Name, err
	}
	_, err := stat(reader)
	wantCode(t, "without a right", err, core.NoSuchKey)
	grants := []core.Grant{{UserID: u.ID, Access: core.AccessRead}}
	ok(t, "grant", env.Admin.SetRules(ctx, "off", core.BucketRules{Grants: &grants}))
	if name, err := stat(reader); err != nil || name != "off" {
		t.Errorf("with a right: %q, %v", name, err)
	}
	mv := core.Path{Bucket: "renamed"}
	ok(t, "rename", env.Admin.MoveFolder(ctx, core.Path{Bucket: "off"}, mv, core.FolderOptions{}))
	_, err = env.Admin.CreateBucket(ctx, "off", core.CreateBucketOptions{}) // another one of the old name
	ok(t, "create", err)
	if name, err := stat(reader); err != nil || name != "renamed" {
		t.Errorf("after the rename: %q, %v", name, err)
	}
	if b, err := env.Admin.BucketByID(ctx, e.BucketID, core.AccessOwner); err != nil || b.Name != "renamed" {
		t.Errorf("BucketByID() = %q, %v", b.Name, err)
	}
	none := []core.Grant{}
	ok(t, "revoke", env.Admin.SetRules(ctx, "renamed", core.BucketRules{Grants: &none}))
	_, err = stat(reader)
	wantCode(t, "after the right was taken", err, core.NoSuchKey)
	ok(t, "delete", env.Admin.DeleteBucket(ctx, "renamed", true))
	_, err = stat(env.Admin)
	wantCode(t, "of a bucket that is gone", err, core.NoSuchKey)
	_, err = env.Admin.BucketByID(ctx, e.BucketID, core.AccessOwner)
	wantCode(t, "a bucket that is gone", err, core.NoSuchBucket)
}
