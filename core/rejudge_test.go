package core_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trivium/core"
	"trivium/core/coretest"
	"trivium/core/meta/metatest"
)

// judged is a bucket with an object for every method that writes, and a user who owns it by a grant.
type judged struct {
	env    *meanwhile
	se     *core.Session // of the user, by an access key
	user   core.User
	key    string // the id of the access key
	bucket core.Bucket
	pkg    int64 // of "p"
	file   core.Entry
	upload core.Upload // at p/u, with part 1
	native int64       // at p/n, with part 1
	lock   core.Lock   // on p/l
}

// at is a path in the bucket.
func (j *judged) at(key string) core.Path { return core.Path{Bucket: j.bucket.Name, Key: key} }

// to is a path in another bucket of the user.
func (j *judged) to(key string) core.Path { return core.Path{Bucket: "to-" + j.bucket.Name, Key: key} }

// text is a body with its size.
func text(s string) (*strings.Reader, int64) { return strings.NewReader(s), int64(len(s)) }

// newJudged makes one of that number.
func newJudged(t *testing.T, env *meanwhile, n int) *judged {
	t.Helper()
	ctx := t.Context()
	j := &judged{env: env}
	name := fmt.Sprintf("judged%d", n)
	u, err := env.Admin.CreateUser(ctx, name, "", false)
	ok(t, "create user", err)
	k, _, err := env.Admin.CreateKey(ctx, u.ID, "", "")
	ok(t, "create key", err)
	j.user, j.key = u, k.ID
	j.se = env.Service.Session(core.Principal{UserID: u.ID, Name: u.Name, KeyID: k.ID})
	for _, bucket := range []string{"to-" + name, name} {
		j.bucket, err = env.Admin.CreateBucket(ctx, bucket, core.CreateBucketOptions{})
		ok(t, "create bucket", err)
		ok(t, "grant", env.Admin.SetGrants(ctx, bucket, []core.Grant{{UserID: u.ID, Access: core.AccessOwner}}))
		ok(t, "make folder", j.se.MakeFolder(ctx, core.Path{Bucket: bucket, Key: "p"}))
	}
	p, err := j.se.PackageNamed(ctx, name, "p")
	ok(t, "package", err)
	j.pkg = p.ID
	for _, key := range []string{"p/f", "p/d/x"} {
		body, size := text(key)
		res, err := j.se.PutObject(ctx, name, key, body, size, core.PutOptions{})
		ok(t, "put", err)
		if key == "p/f" {
			j.file = res.Entry
		}
	}
	j.upload, err = j.se.CreateUpload(ctx, j.at("p/u"), core.PutOptions{}, core.Checksum{})
	ok(t, "create upload", err)
	body, size := text("part")
	_, _, err = j.se.PutPart(ctx, j.at("p/u"), j.upload.ID, core.PartRequest{Number: 1, Body: body, Size: size})
	ok(t, "put part", err)
	m, err := j.se.CreateNativeUpload(ctx, j.pkg, "n", core.PutOptions{})
	ok(t, "create native upload", err)
	j.native = m.Entry.ObjectID
	body, size = text("part")
	_, err = j.se.PutNativePart(ctx, j.native, core.PartRequest{Number: 1, Body: body, Size: size})
	ok(t, "put native part", err)
	j.lock, _, err = j.se.Guarded(core.Guard{}).LockPath(ctx, j.at("p/l"), core.LockRequest{Time: time.Hour})
	ok(t, "lock", err)
	return j
}

// judgedMethods are those of Session that write in a bucket.
func judgedMethods() map[string]func(ctx context.Context, j *judged) error {
	put := func(ctx context.Context, j *judged, key string, opts core.PutOptions) error {
		body, size := text("new")
		_, err := j.se.PutObject(ctx, j.bucket.Name, key, body, size, opts)
		return err
	}
	part := func(n int) core.PartRequest {
		body, size := text("second")
		return core.PartRequest{Number: n, Body: body, Size: size}
	}
	methods := map[string]func(ctx context.Context, j *judged) error{
		"PutObject":      func(ctx context.Context, j *judged) error { return put(ctx, j, "p/f", core.PutOptions{}) },
		"PutObject tree": func(ctx context.Context, j *judged) error { return put(ctx, j, "p/f", core.PutOptions{Tree: true}) },
		"PutObject package": func(ctx context.Context, j *judged) error {
			return put(ctx, j, "p/f", core.PutOptions{Package: j.pkg})
		},
		"Batch": func(ctx context.Context, j *judged) error {
			b, err := j.se.NewBatch(ctx, j.pkg)
			if err != nil {
				return err
			}
			defer b.Close()
			body, size := text("new")
			if err := b.Add(ctx, "f", body, size, core.PutOptions{}); err != nil {
				return err
			}
			_, err = b.Commit(ctx)
			return err
		},
		"CopyObject": func(ctx context.Context, j *judged) error {
			_, err := j.se.CopyObject(ctx, j.at("p/d/x"), j.at("p/f"), core.CopyOptions{})
			return err
		},
		"CopyObject from": func(ctx context.Context, j *judged) error {
			_, err := j.se.CopyObject(ctx, j.at("p/f"), j.to("p/f"), core.CopyOptions{})
			return err
		},
		"SetAttrs": func(ctx context.Context, j *judged) error {
			_, err := j.se.SetAttrs(ctx, j.at("p/f"), core.AttrsOptions{Change: func(v *core.Version) error {
				v.Attrs.ContentType = "a/b"
				return nil
			}})
			return err
		},
		"DeleteObject": func(ctx context.Context, j *judged) error {
			_, err := j.se.DeleteObject(ctx, j.bucket.Name, "p/f", core.DeleteOptions{})
			return err
		},
		"DeleteObjects": func(ctx context.Context, j *judged) error {
			_, err := j.se.DeleteObjects(ctx, j.bucket.Name, []core.DeleteItem{{Key: "p/f"}, {Key: "p/d/x"}})
			return err
		},
		"MoveObject": func(ctx context.Context, j *judged) error {
			_, err := j.se.MoveObject(ctx, j.at("p/f"), j.at("p/m"), core.MoveOptions{})
			return err
		},
		"MoveObject from": func(ctx context.Context, j *judged) error {
			_, err := j.se.MoveObject(ctx, j.at("p/f"), j.to("p/m"), core.MoveOptions{})
			return err
		},
		"CreateUpload": func(ctx context.Context, j *judged) error {
			_, err := j.se.CreateUpload(ctx, j.at("p/f"), core.PutOptions{}, core.Checksum{})
			return err
		},
		"PutPart": func(ctx context.Context, j *judged) error {
			_, _, err := j.se.PutPart(ctx, j.at("p/u"), j.upload.ID, part(2))
			return err
		},
		"CopyPart": func(ctx context.Context, j *judged) error {
			_, err := j.se.CopyPart(ctx, j.at("p/u"), j.upload.ID, core.PartCopy{Number: 2, Source: j.at("p/f")})
			return err
		},
		"CompleteUpload": func(ctx context.Context, j *judged) error {
			_, err := j.se.CompleteUpload(ctx, j.at("p/u"), j.upload.ID, []core.CompletePart{{Number: 1}},
				core.CompleteOptions{AnyOrder: true, Size: -1})
			return err
		},
		"AbortUpload": func(ctx context.Context, j *judged) error { return j.se.AbortUpload(ctx, j.at("p/u"), j.upload.ID) },
		"CreatePackage": func(ctx context.Context, j *judged) error {
			_, err := j.se.CreatePackage(ctx, j.bucket.ID, "q")
			return err
		},
		"DeletePackage": func(ctx context.Context, j *judged) error { return j.se.DeletePackage(ctx, j.pkg) },
		"CreateNativeUpload": func(ctx context.Context, j *judged) error {
			_, err := j.se.CreateNativeUpload(ctx, j.pkg, "f", core.PutOptions{})
			return err
		},
		"PutNativePart": func(ctx context.Context, j *judged) error {
			_, err := j.se.PutNativePart(ctx, j.native, part(2))
			return err
		},
		"CompleteNative": func(ctx context.Context, j *judged) error {
			_, err := j.se.CompleteNative(ctx, j.native, []int{1})
			return err
		},
		"AbortNative": func(ctx context.Context, j *judged) error { return j.se.AbortNative(ctx, j.native) },
		"MoveMember":  func(ctx context.Context, j *judged) error { return j.se.MoveMember(ctx, j.file.ObjectID, j.pkg, "m") },
		"CloneMember": func(ctx context.Context, j *judged) error {
			_, err := j.se.CloneMember(ctx, j.file.ObjectID, j.pkg, "c")
			return err
		},
		"RestoreVersion": func(ctx context.Context, j *judged) error {
			_, err := j.se.RestoreVersion(ctx, j.file.ObjectID, "null")
			return err
		},
		"DeleteMembers": func(ctx context.Context, j *judged) error {
			return j.se.DeleteMembers(ctx, []int64{j.file.ObjectID, j.native})
		},
	}
	maps.Copy(methods, judgedTreeMethods())
	maps.Copy(methods, judgedOwnerMethods())
	return methods
}

// judgedTreeMethods are those of doors that show trees.
func judgedTreeMethods() map[string]func(ctx context.Context, j *judged) error {
	return map[string]func(ctx context.Context, j *judged) error{
		"MakeFolder": func(ctx context.Context, j *judged) error { return j.se.MakeFolder(ctx, j.at("p/d/n")) },
		"RemovePath file": func(ctx context.Context, j *judged) error {
			return j.se.RemovePath(ctx, j.at("p/f"), core.TreeOptions{})
		},
		"RemovePath folder": func(ctx context.Context, j *judged) error {
			return j.se.RemovePath(ctx, j.at("p/d"), core.TreeOptions{})
		},
		"CopyPath file": func(ctx context.Context, j *judged) error {
			_, err := j.se.CopyPath(ctx, j.at("p/d/x"), j.at("p/f"), overwriting())
			return err
		},
		"CopyPath folder": func(ctx context.Context, j *judged) error {
			_, err := j.se.CopyPath(ctx, j.at("p/d"), j.at("p/f"), overwriting())
			return err
		},
		"CopyPath from": func(ctx context.Context, j *judged) error {
			_, err := j.se.CopyPath(ctx, j.at("p/d"), j.to("p/d"), overwriting())
			return err
		},
		"MovePath file": func(ctx context.Context, j *judged) error {
			_, err := j.se.MovePath(ctx, j.at("p/d/x"), j.at("p/f"), overwriting())
			return err
		},
		"MovePath folder": func(ctx context.Context, j *judged) error {
			_, err := j.se.MovePath(ctx, j.at("p/d"), j.at("p/f"), overwriting())
			return err
		},
		"MovePath from": func(ctx context.Context, j *judged) error {
			_, err := j.se.MovePath(ctx, j.at("p/d"), j.to("p/d"), overwriting())
			return err
		},
		"PatchProperties": func(ctx context.Context, j *judged) error {
			return j.se.PatchProperties(ctx, j.at("p/f"), core.PropertyPatch{Changes: []core.PropertyChange{{Property: prop("a")}}})
		},
		"LockPath": func(ctx context.Context, j *judged) error {
			_, _, err := j.se.LockPath(ctx, j.at("p/new"), core.LockRequest{Time: time.Hour})
			return err
		},
		"RefreshLock": func(ctx context.Context, j *judged) error {
			_, err := guarded(j.se, j.at("p/l"), j.lock.Token).RefreshLock(ctx, j.at("p/l"), 2*time.Hour)
			return err
		},
		"Unlock": func(ctx context.Context, j *judged) error { return j.se.Unlock(ctx, j.at("p/l"), j.lock.Token) },
	}
}

// judgedOwnerMethods are those that take the owner's right. Their names begin with a "!": those that name the bucket
// refuse when its name is not that any more.
func judgedOwnerMethods() map[string]func(ctx context.Context, j *judged) error {
	public := true
	return map[string]func(ctx context.Context, j *judged) error{
		"!DeleteBucket":     func(ctx context.Context, j *judged) error { return j.se.DeleteBucket(ctx, j.bucket.Name, true) },
		"!DeleteBucketByID": func(ctx context.Context, j *judged) error { return j.se.DeleteBucketByID(ctx, j.bucket.ID) },
		"!RemovePath": func(ctx context.Context, j *judged) error {
			return j.se.RemovePath(ctx, j.at(""), core.TreeOptions{})
		},
		"!MovePath": func(ctx context.Context, j *judged) error {
			_, err := j.se.MovePath(ctx, j.at(""), core.Path{Bucket: "moved-" + j.bucket.Name}, core.TreeOptions{})
			return err
		},
		"!SetPolicy": func(ctx context.Context, j *judged) error {
			return j.se.SetPolicy(ctx, j.bucket.Name, core.BucketPolicy{PublicRead: true})
		},
		"!SetRulesByID": func(ctx context.Context, j *judged) error {
			return j.se.SetRulesByID(ctx, j.bucket.ID, core.BucketRules{PublicRead: &public})
		},
		"!SetGrants": func(ctx context.Context, j *judged) error {
			return j.se.SetGrants(ctx, j.bucket.Name, []core.Grant{{UserID: j.user.ID, Access: core.AccessRead}})
		},
		"!SetVersioning": func(ctx context.Context, j *judged) error {
			return j.se.SetVersioning(ctx, j.bucket.Name, core.VersioningSuspended)
		},
		"!SetDoc": func(ctx context.Context, j *judged) error { return j.se.SetDoc(ctx, j.bucket.Name, "doc", []byte("x")) },
	}
}

// judgedRows are what a method may change.
func judgedRows(t *testing.T, env *coretest.Env) metatest.State {
	t.Helper()
	d, err := metatest.Dump(t.Context(), env.Meta)
	ok(t, "dump", err)
	return metatest.State{
		Users: d.Users, Keys: d.Keys, Buckets: d.Buckets, Grants: d.Grants, Packages: d.Packages, Entries: d.Entries,
		Versions: d.Versions, Uploads: d.Uploads, Parts: d.Parts, Locks: d.Locks, Props: d.Props,
	}
}

// TestRejudged lets something happen between the look at a bucket and the transaction, with each method that writes: what
// the caller may not do any more is refused, and nothing is changed; what holds otherwise by then is followed.
func TestRejudged(t *testing.T) {
	admin := func(fn func(ctx context.Context, j *judged) error) func(t *testing.T, j *judged) {
		return func(t *testing.T, j *judged) {
			t.Helper()
			ok(t, "change", fn(t.Context(), j))
		}
	}
	for name, tc := range map[string]struct {
		change  func(t *testing.T, j *judged)
		refused func(method string, code core.Code) bool // nil: nothing is refused
		check   func(t *testing.T, j *judged, method string)
	}{
		"the user is disabled": {
			admin(func(ctx context.Context, j *judged) error { return j.env.Admin.SetUserDisabled(ctx, j.user.ID, true) }),
			refusedAs(core.Forbidden), nil,
		},
		"the key is gone": {
			admin(func(ctx context.Context, j *judged) error { return j.env.Admin.DeleteKey(ctx, j.key) }),
			refusedAs(core.Forbidden), nil,
		},
		"the grant is taken": {
			admin(func(ctx context.Context, j *judged) error { return j.env.Admin.SetGrants(ctx, j.bucket.Name, nil) }),
			refusedAs(core.Forbidden, core.NotFound, core.NoSuchBucket, core.NoSuchKey), nil,
		},
		"the bucket is deleted": {
			admin(func(ctx context.Context, j *judged) error { return j.env.Admin.DeleteBucket(ctx, j.bucket.Name, true) }),
			refusedAs(core.NotFound, core.NoSuchBucket, core.NoSuchKey, core.Conflict), nil,
		},
		"the bucket is renamed": {
			func(t *testing.T, j *judged) { t.Helper(); renameTwo(t, j) },
			func(method string, code core.Code) bool {
				if method == "RefreshLock" { // what it expects, it expects of the name
					return code == core.PreconditionFailed
				}
				return strings.HasPrefix(method, "!") && !strings.HasSuffix(method, "ByID") && code == core.NoSuchBucket
			},
			wantInnocent,
		},
		"versioning is enabled": {
			admin(func(ctx context.Context, j *judged) error {
				return j.env.Admin.SetVersioning(ctx, j.bucket.Name, core.VersioningEnabled)
			}),
			func(method string, code core.Code) bool {
				return method == "!RemovePath" && code == core.BucketNotEmpty
			},
			wantHistory,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := watched(t)
			n := 0
			for method, run := range judgedMethods() {
				n++
				j := newJudged(t, env, n)
				var before metatest.State
				env.let(func() { tc.change(t, j); before = judgedRows(t, env.Env) })
				err := run(t.Context(), j)
				if env.event.Load() != nil {
					t.Errorf("%s made no transaction: %v", method, err)
					env.event.Store(nil)
					continue
				}
				refused := tc.refused != nil && tc.refused(method, core.CodeOf(err))
				passedOver := method == "DeleteMembers" && strings.Contains(name, "deleted") // ids without an object
				if refused != (err != nil) || tc.check == nil && !refused && !passedOver {
					t.Errorf("%s = %v", method, err)
				}
				if err != nil {
					if diff := cmp.Diff(before, judgedRows(t, env.Env)); diff != "" {
						t.Errorf("%s was refused and changed (-before +after):\n%s", method, diff)
					}
				} else if tc.check != nil {
					tc.check(t, j, method)
				}
			}
		})
	}
}

// refusedAs are the codes of refusals.
func refusedAs(codes ...core.Code) func(string, core.Code) bool {
	return func(_ string, code core.Code) bool { return slices.Contains(codes, code) }
}

// renameTwo gives the bucket another name and its own to one that has an object.
func renameTwo(t *testing.T, j *judged) {
	t.Helper()
	ctx := t.Context()
	innocent := "innocent-" + j.bucket.Name
	_, err := j.env.Admin.CreateBucket(ctx, innocent, core.CreateBucketOptions{})
	ok(t, "create", err)
	ok(t, "grant", j.env.Admin.SetGrants(ctx, innocent, []core.Grant{{UserID: j.user.ID, Access: core.AccessOwner}}))
	put(t, j.env.Admin, innocent, "p/f")
	for _, names := range [][2]string{{j.bucket.Name, "old-" + j.bucket.Name}, {innocent, j.bucket.Name}} {
		_, err := j.env.Admin.MovePath(ctx, core.Path{Bucket: names[0]}, core.Path{Bucket: names[1]}, core.TreeOptions{})
		ok(t, "rename", err)
	}
}

// wantInnocent: the bucket that got the name meanwhile is as it was.
func wantInnocent(t *testing.T, j *judged, method string) {
	t.Helper()
	if got := keys(t, j.env.Env, j.bucket.Name); !slices.Equal(got, []string{"p/f"}) {
		t.Errorf("%s changed the bucket that got the name: %q", method, got)
	}
	b, err := j.env.Admin.Bucket(t.Context(), j.bucket.Name)
	if err != nil || b.Policy.PublicRead || b.Versioning != core.VersioningOff {
		t.Errorf("%s changed the rules of the bucket that got the name: %+v, %v", method, b, err)
	}
}

// wantHistory: what a bucket had when it began to keep versions is there yet.
func wantHistory(t *testing.T, j *judged, method string) {
	t.Helper()
	if strings.HasPrefix(method, "!Delete") {
		return // with all it holds
	}
	if method == "!MovePath" {
		j.bucket.Name = "moved-" + j.bucket.Name
	}
	page, err := j.env.Admin.ListVersions(t.Context(), j.bucket.Name, core.VersionListOptions{Limit: 1000})
	if strings.HasSuffix(method, " from") { // it moved away with its history
		var moved core.VersionPage
		moved, err = j.env.Admin.ListVersions(t.Context(), j.to("").Bucket, core.VersionListOptions{Limit: 1000})
		page.Items = append(page.Items, moved.Items...)
	}
	if err != nil || !slices.ContainsFunc(page.Items, func(it core.VersionItem) bool { return it.Version.ETag == j.file.Version.ETag }) {
		t.Errorf("%s lost the version that was there: %v", method, err)
	}
}

// TestAccountsRejudged: an administrator who is disabled after he was let in changes no account and makes no bucket.
func TestAccountsRejudged(t *testing.T) {
	env := watched(t)
	ctx := t.Context()
	u, err := env.Admin.CreateUser(ctx, "ann", "", false)
	ok(t, "create user", err)
	k, _, err := env.Admin.CreateKey(ctx, u.ID, "", "")
	ok(t, "create key", err)
	root, err := env.Admin.CreateUser(ctx, "root", "", true)
	ok(t, "create user", err)
	se := env.Service.Session(core.Principal{UserID: root.ID, Name: root.Name, Admin: true})
	for name, run := range map[string]func() error{
		"CreateBucket":    func() error { _, err := se.CreateBucket(ctx, "made", core.CreateBucketOptions{}); return err },
		"CreateUser":      func() error { _, err := se.CreateUser(ctx, "bob", "", true); return err },
		"SetPassword":     func() error { return se.SetPassword(ctx, u.ID, "correct horse") },
		"SetUserDisabled": func() error { return se.SetUserDisabled(ctx, u.ID, true) },
		"DeleteUser":      func() error { return se.DeleteUser(ctx, u.ID) },
		"CreateKey":       func() error { _, _, err := se.CreateKey(ctx, u.ID, "", ""); return err },
		"DeleteKey":       func() error { return se.DeleteKey(ctx, k.ID) },
		"SetKeyDisabled":  func() error { return se.SetKeyDisabled(ctx, k.ID, true) },
	} {
		ok(t, "enable", env.Admin.SetUserDisabled(ctx, root.ID, false))
		var before metatest.State
		env.let(func() {
			ok(t, "disable", env.Admin.SetUserDisabled(ctx, root.ID, true))
			before = judgedRows(t, env.Env)
		})
		wantCode(t, name, run(), core.Forbidden)
		if diff := cmp.Diff(before, judgedRows(t, env.Env)); diff != "" {
			t.Errorf("%s was refused and changed (-before +after):\n%s", name, diff)
		}
	}
}
